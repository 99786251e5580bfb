//! Which sign-in a profile uses.

use aws_config::profile::{Profile, ProfileSet};

/// A sign-in to IAM Identity Center, which any number of profiles share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsoSession {
    /// Name of the `sso-session` section; profiles of the older kind have none.
    pub name: Option<String>,
    /// Start URL as configured: the name of the cache file may follow from it.
    pub start_url: String,
    /// The region of IAM Identity Center, not that of the resources.
    pub region: String,
    /// `sso_registration_scopes`, if there are any.
    pub scopes: Option<Vec<String>>,
}

impl SsoSession {
    /// Returns what the cache file of the token is named after.
    pub fn key(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.start_url)
    }

    /// Returns how to refer to it: the name, or the start URL.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("sso-session `{name}`"),
            None => self.start_url.clone(),
        }
    }

    /// Returns the session of this name.
    ///
    /// # Errors
    ///
    /// One sentence about what is missing.
    pub fn named(set: &ProfileSet, name: &str) -> Result<Self, String> {
        let section = set
            .sso_session(name)
            .ok_or_else(|| format!("there is no section `[sso-session {name}]`"))?;
        let value = |key: &str| {
            let value = section.get(key).filter(|value| !value.is_empty());
            value.ok_or_else(|| format!("`[sso-session {name}]` has no `{key}`"))
        };
        let scopes = section.get("sso_registration_scopes").map(parse_scopes);
        Self {
            name: Some(name.to_owned()),
            start_url: value("sso_start_url")?.to_owned(),
            region: value("sso_region")?.to_owned(),
            scopes: scopes.filter(|scopes| !scopes.is_empty()),
        }
        .checked()
    }

    /// Returns the session that `profile` itself names; `None` if it has nothing to do with one.
    ///
    /// # Errors
    ///
    /// One sentence about what is missing or contradicts itself.
    pub fn of_profile(set: &ProfileSet, profile: &Profile) -> Result<Option<Self>, String> {
        let value = |key: &str| profile.get(key).filter(|value| !value.is_empty());
        let (start_url, region) = (value("sso_start_url"), value("sso_region"));
        if let Some(name) = value("sso_session") {
            let session = Self::named(set, name)?;
            // Values of older times may stay beside the session as long as they agree.
            for (key, own, of_session) in [
                ("sso_start_url", start_url, &session.start_url),
                ("sso_region", region, &session.region),
            ] {
                if own.is_some_and(|own| own != of_session) {
                    return Err(format!(
                        "`{key}` of profile `{}` differs from that of `[sso-session {name}]`",
                        profile.name()
                    ));
                }
            }
            return Ok(Some(session));
        }
        match (start_url, region) {
            (None, None) => Ok(None),
            (Some(start_url), Some(region)) => Self {
                name: None,
                start_url: start_url.to_owned(),
                region: region.to_owned(),
                scopes: None,
            }
            .checked()
            .map(Some),
            (None, Some(_)) => Err(format!("profile `{}` has no `sso_start_url`", profile.name())),
            (Some(_), None) => Err(format!("profile `{}` has no `sso_region`", profile.name())),
        }
    }

    /// The region becomes part of a host name.
    fn checked(self) -> Result<Self, String> {
        if crate::aws::endpoint::is_region(&self.region) {
            Ok(self)
        } else {
            Err(format!("`sso_region` is `{}`, which is not an AWS region", self.region))
        }
    }
}

fn parse_scopes(text: &str) -> Vec<String> {
    let scopes = text.split(',').map(str::trim).filter(|scope| !scope.is_empty());
    scopes.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::profiles::tests::profile_set;

    async fn session(config: &str) -> Result<Option<SsoSession>, String> {
        let set = profile_set(config).await;
        SsoSession::of_profile(&set, set.get_profile("a").expect("profile a"))
    }

    const SECTION: &str = "[sso-session corp]\nsso_region = eu-west-1\n\
        sso_start_url = https://corp.awsapps.com/start\n\
        sso_registration_scopes = sso:account:access, other\n";

    #[tokio::test]
    async fn a_profile_names_its_session() {
        let config = format!("[profile a]\nsso_session = corp\n{SECTION}");
        let session = session(&config).await.expect("complete").expect("one");
        assert_eq!(session.key(), "corp");
        assert_eq!(session.scopes.expect("two"), ["sso:account:access", "other"]);
    }

    #[tokio::test]
    async fn the_older_kind_is_named_after_its_start_url() {
        let config = "[profile a]\nsso_start_url = https://x/start\nsso_region = us-east-1\n";
        let session = session(config).await.expect("complete").expect("one");
        assert_eq!(session.key(), "https://x/start");
        assert_eq!(session.name, None);
    }

    #[tokio::test]
    async fn values_beside_a_session_must_agree_with_it() {
        let same = format!("[profile a]\nsso_session = corp\nsso_region = eu-west-1\n{SECTION}");
        assert!(session(&same).await.is_ok());
        let other = format!("[profile a]\nsso_session = corp\nsso_region = us-east-1\n{SECTION}");
        assert!(session(&other).await.expect_err("differs").contains("`sso_region`"));
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let error = session("[profile a]\nsso_session = none\n").await.expect_err("no section");
        assert_eq!(error, "there is no section `[sso-session none]`");
        let error = session("[profile a]\nsso_start_url = https://x\n").await.expect_err("half");
        assert_eq!(error, "profile `a` has no `sso_region`");
        let error = session("[profile a]\nsso_start_url = https://x\nsso_region = evil.example/\n")
            .await
            .expect_err("a host name");
        assert!(error.contains("not an AWS region"), "{error}");
        assert_eq!(session("[profile a]\nregion = eu-west-1\n").await, Ok(None));
    }
}
