//! Profiles of the AWS configuration files: which one is used, and what it says.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use super::chain::{self, Base};
use super::error::AwsFailure;
use super::profile_files::ProfileFiles;
use super::sso::SsoSession;
use crate::near;

/// The profile that is used when none is chosen.
pub(super) const DEFAULT_PROFILE: &str = "default";

/// How many names a message lists at most.
const NAMES_SHOWN: usize = 8;

/// What is said where there is nothing to choose from.
const NO_PROFILES: &str = "the AWS configuration files define no profile; `aws configure sso` or \
                           `aws configure` makes one";

/// What a person signs in to for a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WayIn {
    /// IAM Identity Center.
    Sso(SsoSession),
    /// `aws login`.
    Console { arn: String },
    /// A code for a role.
    Mfa { serial: String },
}

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
        let set = aws_config::profile::load(&Fs::real(), &Env::real(), files, name).await;
        let set = set.map_err(|error| {
            let hint = match marked_file() {
                Some(file) => format!(
                    "{} begins with a byte order mark, which no tool of AWS takes: save it as UTF-8 \
                     without one",
                    file.display()
                ),
                None => "correct the file that is named, or point AWS_CONFIG_FILE and \
                         AWS_SHARED_CREDENTIALS_FILE to others"
                    .to_owned(),
            };
            AwsFailure::usage("the AWS configuration files cannot be read", hint).caused_by(&error)
        })?;
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
        if self.any_in_chain(&["sso_session", "sso_start_url", "login_session", "mfa_serial"]) {
            format!("sign in with `ssmpf login{flag}`")
        } else if chosen {
            format!("renew the credentials of profile `{}`", self.selected)
        } else {
            "choose a profile with `--profile` or AWS_PROFILE, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY"
                .to_owned()
        }
    }

    /// Returns the name of the selected profile.
    pub(super) fn selected(&self) -> &str {
        &self.selected
    }

    /// Returns the `sso-session` of this name.
    pub(super) fn session(&self, name: &str) -> Result<SsoSession, AwsFailure> {
        SsoSession::named(&self.set, name).map_err(|why| {
            let hint = match near::closest(name, self.set.sso_sessions()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => match listed(self.set.sso_sessions()) {
                    Some(names) => format!("there are: {names}"),
                    None => "`aws configure sso-session` makes one".to_owned(),
                },
            };
            AwsFailure::usage(why, hint)
        })
    }

    /// Returns what there is to sign in to when nobody chose a profile.
    pub(super) fn sign_in_of_default(&self) -> Result<WayIn, AwsFailure> {
        if self.set.get_profile(DEFAULT_PROFILE).is_some() {
            return self.sign_in_of(DEFAULT_PROFILE);
        }
        Err(match listed(self.set.profiles()) {
            None => AwsFailure::usage("there is no AWS profile to sign in to", NO_PROFILES),
            Some(names) => AwsFailure::usage(
                "no AWS profile is chosen, and there is none named `default`",
                format!("choose one with `--profile`; there are: {names}"),
            ),
        })
    }

    /// Returns what there is to sign in to for a profile.
    ///
    /// # Errors
    ///
    /// When it is of a kind that one does not sign in to.
    pub(super) fn sign_in_of(&self, name: &str) -> Result<WayIn, AwsFailure> {
        if self.set.get_profile(name).is_none() {
            return Err(unknown_profile(name, self.set.profiles()));
        }
        let wrong =
            |why: String| AwsFailure::usage(why, "correct it in the AWS configuration files");
        let chain = chain::resolve(&self.set, name).map_err(wrong)?;
        let (base, roles) = match chain {
            Some(chain) => (Some(chain.base), chain.roles),
            None => (None, Vec::new()),
        };
        match base {
            Some(Base::Sso(access)) => return Ok(WayIn::Sso(access.session)),
            Some(Base::Console { arn }) => return Ok(WayIn::Console { arn }),
            // A profile may name a session without a role, for tools that need only the token.
            None => {
                let profile = self.set.get_profile(name);
                let session = profile.map(|it| SsoSession::of_profile(&self.set, it));
                if let Some(session) = session.transpose().map_err(wrong)?.flatten() {
                    return Ok(WayIn::Sso(session));
                }
            }
            Some(_) => {}
        }
        match roles.into_iter().find_map(|role| role.mfa_serial) {
            Some(serial) => Ok(WayIn::Mfa { serial }),
            None => {
                let mut sessions: Vec<&str> = self.set.sso_sessions().collect();
                sessions.sort_unstable();
                let hint = match sessions.first() {
                    // Nobody chose that profile, so another way in may be what is meant.
                    Some(session) if name == DEFAULT_PROFILE => format!(
                        "choose another with `--profile`, or sign in to all profiles of a session: \
                         `ssmpf login --sso-session {session}`"
                    ),
                    _ => "`ssmpf profiles` shows the kinds; `aws configure sso` makes one to sign \
                          in to"
                        .to_owned(),
                };
                let what = format!("profile `{name}` is of a kind that one does not sign in to");
                Err(AwsFailure::usage(what, hint))
            }
        }
    }

    /// Returns all that the files say.
    pub(super) fn set(&self) -> &ProfileSet {
        &self.set
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

/// Returns the configuration file that an editor has put a byte order mark into, if there is one.
fn marked_file() -> Option<PathBuf> {
    let is_marked = |path: &PathBuf| {
        let mut first = [0; 3];
        let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
        read.is_ok() && first == *"\u{feff}".as_bytes()
    };
    ProfileFiles::of_process().both().into_iter().find(is_marked)
}

fn unknown_profile<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> AwsFailure {
    let known: Vec<&str> = known.collect();
    let hint = match (near::closest(name, known.iter().copied()), listed(known.into_iter())) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(names)) => format!("there are: {names}"),
        (None, None) => NO_PROFILES.to_owned(),
    };
    AwsFailure::usage(format!("no AWS profile named `{name}`"), hint)
}

/// Names what there is to choose from, as far as a line has room; nothing if there is nothing.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.len() {
        0 => None,
        n if n <= NAMES_SHOWN => Some(names.join(", ")),
        n => Some(format!(
            "{} and {} more; `ssmpf profiles` shows all of them",
            names[..NAMES_SHOWN].join(", "),
            n - NAMES_SHOWN
        )),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_runtime::env_config::file::EnvConfigFileKind;

    use super::*;

    /// What the SDK makes of a configuration file.
    pub(in crate::aws) async fn profile_set(config: &str) -> ProfileSet {
        load(config, None).await.expect("readable").set
    }

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
    async fn who_chose_no_profile_is_not_told_of_a_name_that_nobody_said() {
        let said = async |config: &str| {
            let profiles = load(config, None).await.expect("readable");
            let failure = profiles.sign_in_of_default().expect_err("no default");
            (failure.message, failure.hint.expect("what to do"))
        };
        let (message, hint) = said("").await;
        assert_eq!(message, "there is no AWS profile to sign in to");
        assert!(hint.contains("`aws configure sso`"), "{hint}");
        let (message, hint) = said("[profile b]\nregion = x\n[profile a]\nregion = x\n").await;
        assert_eq!(message, "no AWS profile is chosen, and there is none named `default`");
        assert_eq!(hint, "choose one with `--profile`; there are: a, b");
    }

    #[tokio::test]
    async fn a_mistyped_session_brings_the_names_of_those_there_are() {
        let session = "sso_region = eu-west-1\nsso_start_url = https://x\n";
        let config = format!("[sso-session corp]\n{session}[sso-session lab]\n{session}");
        let profiles = load(&config, None).await.expect("readable");
        let hint = |name: &str| profiles.session(name).expect_err("unknown").hint;
        assert_eq!(hint("crop").as_deref(), Some("did you mean `corp`?"));
        assert_eq!(hint("zzzzzz").as_deref(), Some("there are: corp, lab"));
    }

    #[tokio::test]
    async fn the_default_profile_may_be_missing_unless_it_was_chosen() {
        assert!(load("", None).await.is_ok());
        assert!(load("", Some("default")).await.is_err());
    }

    #[tokio::test]
    async fn who_signs_in_without_a_profile_hears_of_the_session_there_is() {
        let config = "[default]\nregion = x\n[sso-session corp]\nsso_region = x\n\
                      [profile keys]\naws_access_key_id = a\naws_secret_access_key = b\n";
        let profiles = load(config, None).await.expect("readable");
        let hint = |name: &str| profiles.sign_in_of(name).expect_err("no way in").hint.unwrap();
        assert!(hint("default").contains("ssmpf login --sso-session corp"));
        assert!(!hint("keys").contains("corp"), "somebody chose it");
    }

    #[tokio::test]
    async fn the_sign_in_hint_follows_the_chain_of_profiles() {
        let config = "[profile a]\nsso_session = corp\n[profile b]\nrole_arn = r\n\
                      source_profile = a\n[profile c]\nsource_profile = c\nrole_arn = r\n";
        let hint = |profiles: Profiles| profiles.sign_in_hint(true);
        let b = load(config, Some("b")).await.expect("known");
        assert_eq!(hint(b), "sign in with `ssmpf login --profile b`");
        let c = load(config, Some("c")).await.expect("known");
        assert_eq!(hint(c), "renew the credentials of profile `c`");
    }
}
