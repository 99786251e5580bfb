//! What a person has to do before credentials are there again.

use std::path::PathBuf;

use super::caches::Caches;
use super::sso::SsoSession;

/// What only a person can do. Two that are equal are mended by the same sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInNeed {
    /// Sign in to IAM Identity Center.
    Sso(SsoSession),
    /// Give the code of a device.
    Mfa {
        /// The device.
        serial: String,
        /// Where the credentials are kept for which the code is good.
        file: PathBuf,
    },
    /// Sign in with `aws login`.
    Console {
        /// The principal.
        arn: String,
        /// Where the sign-in is kept.
        file: PathBuf,
    },
}

impl SignInNeed {
    /// Returns the command that does it.
    pub fn command(&self, profile: Option<&str>) -> String {
        match (self, profile) {
            (_, Some(profile)) => format!("ssmpf login --profile {}", quoted(profile)),
            (SignInNeed::Sso(SsoSession { name: Some(name), .. }), None) => {
                format!("ssmpf login --sso-session {}", quoted(name))
            }
            (_, None) => "ssmpf login".to_owned(),
        }
    }

    /// The file in which the sign-in is kept.
    pub(super) fn file(&self) -> Option<PathBuf> {
        Some(match self {
            SignInNeed::Sso(session) => Caches::of_process()?.sso_token(session.key()),
            SignInNeed::Mfa { file, .. } | SignInNeed::Console { file, .. } => file.clone(),
        })
    }
}

/// Writes a word for a shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_pasted() {
        let session = SsoSession {
            name: Some("my corp".to_owned()),
            start_url: "https://x".to_owned(),
            region: "eu-west-1".to_owned(),
            scopes: None,
        };
        let need = SignInNeed::Sso(session);
        assert_eq!(need.command(Some("prod")), "ssmpf login --profile prod");
        assert_eq!(need.command(None), "ssmpf login --sso-session 'my corp'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
