//! Profiles of the AWS configuration files: which one is used, and what it says.

use aws_config::profile::{Profile, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::error::AwsFailure;
use crate::near;

/// The profile that is used when none is chosen.
pub(super) const DEFAULT_PROFILE: &str = "default";

/// How many names a message lists at most.
const NAMES_SHOWN: usize = 8;

/// The parsed configuration files and the profile in use.
#[derive(Debug)]
pub(super) struct Profiles {
    set: ProfileSet,
    selected: String,
}

impl Profiles {
    /// Reads `files` and selects the profile named `chosen`, which then must exist.
    pub(super) async fn load(
        files: &EnvConfigFiles,
        chosen: Option<&str>,
    ) -> Result<Self, AwsFailure> {
        let selected = chosen.unwrap_or(DEFAULT_PROFILE).to_owned();
        let name = Some(selected.clone().into());
        let set = aws_config::profile::load(&Fs::real(), &Env::real(), files, name).await.map_err(
            |error| {
                AwsFailure::usage(
                    "the AWS configuration files cannot be read",
                    "correct the file that is named, or point AWS_CONFIG_FILE and \
                     AWS_SHARED_CREDENTIALS_FILE to others",
                )
                .caused_by(&error)
            },
        )?;
        if chosen.is_some() && set.get_profile(&selected).is_none() {
            return Err(unknown_profile(&selected, set.profiles()));
        }
        Ok(Self { set, selected })
    }

    /// Returns what the selected profile says under `key`, unless it is empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let profile = self.set.get_profile(&self.selected)?;
        profile.get(key).filter(|value| !value.is_empty())
    }

    /// Returns how to sign in to the selected profile again.
    pub(super) fn sign_in_hint(&self, chosen: bool) -> String {
        let flag = if chosen { format!(" --profile {}", self.selected) } else { String::new() };
        if self.any_in_chain(&["sso_session", "sso_start_url"]) {
            format!("sign in with `aws sso login{flag}`")
        } else if self.any_in_chain(&["login_session"]) {
            format!("sign in with `aws login{flag}`")
        } else if chosen {
            format!("renew the credentials of profile `{}`", self.selected)
        } else {
            "choose a profile with `--profile` or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
                .to_owned()
        }
    }

    /// Returns configuration text that gives a stable session name to every role without one.
    ///
    /// The SDK would make up a new name at each renewal of the credentials. The name is part of
    /// `aws:userid`, so a policy that lets users resume their own sessions only would refuse us an
    /// hour later.
    pub(super) fn stable_session_names(&self) -> String {
        let name = session_name();
        let nameless = |profile: &&Profile| {
            profile.get("role_arn").is_some() && profile.get("role_session_name").is_none()
        };
        let profiles = self.set.profiles();
        let profiles = profiles.filter_map(|name| self.set.get_profile(name));
        profiles
            .filter(nameless)
            .map(|profile| format!("[profile {}]\nrole_session_name = {name}\n", profile.name()))
            .collect()
    }

    /// Whether the selected profile, or one it takes its first credentials from, has one of `keys`.
    fn any_in_chain(&self, keys: &[&str]) -> bool {
        let mut name = self.selected.as_str();
        // A chain that is longer than the number of profiles goes round in circles.
        for _ in self.set.profiles() {
            let Some(profile) = self.set.get_profile(name) else {
                return false;
            };
            if keys.iter().any(|key| profile.get(key).is_some()) {
                return true;
            }
            match profile.get("source_profile") {
                Some(source) => name = source,
                None => return false,
            }
        }
        false
    }
}

/// Returns the names of all profiles in alphabetical order; none if the files cannot be read.
pub async fn profile_names(files: Option<EnvConfigFiles>) -> Vec<String> {
    let files = files.unwrap_or_default();
    let set = aws_config::profile::load(&Fs::real(), &Env::real(), &files, None).await;
    let mut names: Vec<String> =
        set.map(|set| set.profiles().map(str::to_owned).collect()).unwrap_or_default();
    names.sort();
    names
}

/// Returns the standard configuration files with `overlay` on top.
pub(super) fn standard_files_with(overlay: &str) -> EnvConfigFiles {
    EnvConfigFiles::builder()
        .include_default_config_file(true)
        .include_default_credentials_file(true)
        .with_contents(EnvConfigFileKind::Config, overlay)
        .build()
}

/// Returns the session name for assumed roles: the user's name, in the characters STS takes.
fn session_name() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_default();
    clean_session_name(&user)
}

/// Keeps `[A-Za-z0-9+=,.@_-]` and 2 to 64 characters [STS AssumeRole: RoleSessionName].
fn clean_session_name(user: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(*c);
    let name: String = user.chars().filter(allowed).take(64).collect();
    if name.len() < 2 { "ssmpf".to_owned() } else { name }
}

fn unknown_profile<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> AwsFailure {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    let near = near::closest(name, known.iter().copied());
    let hint = match (near, known.len()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, 0) => "the AWS configuration files define no profile; `aws configure sso` or \
                      `aws configure` makes one"
            .to_owned(),
        (None, n) if n <= NAMES_SHOWN => format!("there are: {}", known.join(", ")),
        (None, n) => format!(
            "there are {n}: {}, …; `aws configure list-profiles` shows all of them",
            known[..NAMES_SHOWN].join(", ")
        ),
    };
    AwsFailure::usage(format!("no AWS profile named `{name}`"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn load(config: &str, chosen: Option<&str>) -> Result<Profiles, AwsFailure> {
        let files =
            EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
        Profiles::load(&files, chosen).await
    }

    #[tokio::test]
    async fn a_mistyped_profile_brings_the_near_name() {
        let config = "[profile prod]\nregion = eu-west-1\n[profile staging]\nregion = x\n";
        let error = load(config, Some("prdo")).await.expect_err("no such profile");
        assert_eq!(error.message, "no AWS profile named `prdo`");
        assert_eq!(error.hint.as_deref(), Some("did you mean `prod`?"));
        let error = load(config, Some("zzzzzz")).await.expect_err("no such profile");
        assert_eq!(error.hint.as_deref(), Some("there are: prod, staging"));
    }

    #[tokio::test]
    async fn the_default_profile_may_be_missing_unless_it_was_chosen() {
        assert!(load("", None).await.is_ok());
        assert!(load("", Some("default")).await.is_err());
    }

    #[tokio::test]
    async fn the_sign_in_hint_follows_the_chain_of_profiles() {
        let config = "[profile a]\nsso_session = corp\n[profile b]\nrole_arn = r\n\
                      source_profile = a\n[profile c]\nsource_profile = c\nrole_arn = r\n";
        let hint = |profiles: Profiles| profiles.sign_in_hint(true);
        let b = load(config, Some("b")).await.expect("known");
        assert_eq!(hint(b), "sign in with `aws sso login --profile b`");
        let c = load(config, Some("c")).await.expect("known");
        assert_eq!(hint(c), "renew the credentials of profile `c`");
    }

    #[tokio::test]
    async fn roles_without_a_session_name_get_a_stable_one() {
        let config =
            "[profile a]\nrole_arn = r\nrole_session_name = mine\n[profile b]\nrole_arn = r\n";
        let overlay = load(config, None).await.expect("readable").stable_session_names();
        assert!(overlay.starts_with("[profile b]\nrole_session_name = "), "{overlay}");
        assert!(!overlay.contains("[profile a]"), "{overlay}");
    }

    #[test]
    fn session_names_have_only_the_characters_sts_takes() {
        assert_eq!(clean_session_name("alice.b@example"), "alice.b@example");
        assert_eq!(clean_session_name("CORP\\jürgen x"), "CORPjrgenx");
        assert_eq!(clean_session_name("ü"), "ssmpf");
        assert_eq!(clean_session_name(&"a".repeat(100)).len(), 64);
    }
}
