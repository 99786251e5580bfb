//! The identity: the private key that opens the store.

use std::fmt;

use age::secrecy::{ExposeSecret, SecretString};
use ssmpf_model::Redacted;

use super::Passphrase;
use crate::seal::Recipient;

/// How the text of an age identity begins.
const AGE_PREFIX: &str = "AGE-SECRET-KEY-1";

/// One or several private keys: an age identity of our own, or what an identity file holds.
pub struct Identity {
    keys: Vec<Key>,
}

enum Key {
    X25519(age::x25519::Identity),
    Ssh(age::ssh::Identity),
}

/// Why a text is not an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It holds no key that can be used.
    #[error("{0}")]
    Invalid(String),
    /// It is an SSH key that wants its own passphrase.
    #[error("the SSH key is locked with a passphrase")]
    NeedsPassphrase,
    /// It is an SSH key, and that was not its passphrase.
    #[error("that is not the passphrase of the SSH key")]
    WrongPassphrase,
}

impl Identity {
    /// Makes a new age identity.
    pub fn generate() -> Self {
        Self { keys: vec![Key::X25519(age::x25519::Identity::generate())] }
    }

    /// Reads an identity file: lines with age identities and comments, or an SSH private key.
    ///
    /// An SSH key that is locked needs its `passphrase`.
    pub fn parse(text: &[u8], passphrase: Option<&Passphrase>) -> Result<Self, IdentityError> {
        if text.starts_with(b"-----BEGIN ") {
            return ssh(text, passphrase);
        }
        let invalid = |why: &str| Err(IdentityError::Invalid(why.to_owned()));
        let Ok(text) = std::str::from_utf8(text) else {
            return invalid("it is not text");
        };
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if !line.starts_with(AGE_PREFIX) {
                // The line itself may be a secret and is not repeated.
                return invalid("it holds something else than age identities");
            }
            match line.parse() {
                Ok(key) => keys.push(Key::X25519(key)),
                Err(_) => return invalid("its age identity is mistyped or cut short"),
            }
        }
        match keys.is_empty() {
            true => invalid("there is no key in it"),
            false => Ok(Self { keys }),
        }
    }

    /// Returns the text of an age identity file, as the program `age` takes it.
    ///
    /// `None` for SSH keys, which are files of their own already.
    pub fn to_file(&self) -> Option<Redacted<String>> {
        let mut text = Redacted::new(String::new());
        for key in &self.keys {
            let Key::X25519(key) = key else { return None };
            let secret = key.to_string();
            // In one allocation each, so that no copy is left behind by a growing string.
            let lines = Redacted::new(format!(
                "{}# public key: {}\n{}\n",
                text.expose(),
                key.to_public(),
                secret.expose_secret()
            ));
            text = lines;
        }
        Some(text)
    }

    /// Returns the public keys to seal to, so that this identity can open it again.
    pub fn recipients(&self) -> Vec<Recipient> {
        let public = |key: &Key| match key {
            Key::X25519(key) => Some(Recipient::from_x25519(key.to_public())),
            Key::Ssh(key) => {
                age::ssh::Recipient::try_from(key.clone()).ok().map(Recipient::from_ssh)
            }
        };
        self.keys.iter().filter_map(public).collect()
    }

    /// Returns the keys for the `age` library.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(|key| -> &dyn age::Identity {
            match key {
                Key::X25519(key) => key,
                Key::Ssh(key) => key,
            }
        })
    }
}

fn ssh(text: &[u8], passphrase: Option<&Passphrase>) -> Result<Identity, IdentityError> {
    use age::ssh::Identity as Ssh;
    let key = Ssh::from_buffer(text, None)
        .map_err(|error| IdentityError::Invalid(format!("its SSH key cannot be read: {error}")))?;
    let key = match key {
        Ssh::Unencrypted(_) => key,
        Ssh::Encrypted(locked) => {
            let passphrase = passphrase.ok_or(IdentityError::NeedsPassphrase)?;
            let secret = SecretString::from(passphrase.expose().as_str());
            let key = locked.decrypt(secret).map_err(|_| IdentityError::WrongPassphrase)?;
            Ssh::Unencrypted(key)
        }
        Ssh::Unsupported(_) => {
            return Err(IdentityError::Invalid(
                "SSH keys can be of type ed25519 or rsa, and this one is not".to_owned(),
            ));
        }
    };
    Ok(Identity { keys: vec![Key::Ssh(key)] })
}

/// The public side only.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let public: Vec<String> = self.recipients().iter().map(ToString::to_string).collect();
        f.write_str(&public.join(", "))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_way_to_its_file_and_back() {
        let identity = Identity::generate();
        let file = identity.to_file().expect("an age identity");
        let back = Identity::parse(file.expose().as_bytes(), None).expect("it parses");
        assert_eq!(back.to_string(), identity.to_string());
        assert!(identity.to_string().starts_with("age1"));
    }

    #[test]
    fn debug_and_display_show_the_public_side_only() {
        let identity = Identity::generate();
        let shown = format!("{identity} {identity:?}");
        assert!(!shown.contains("SECRET"), "{shown}");
    }

    #[test]
    fn what_is_no_identity_is_named_without_repeating_it() {
        for text in ["", "# only a comment\n", "hunter2\n", "AGE-SECRET-KEY-1QQQ\n", "\u{0}"] {
            let error = Identity::parse(text.as_bytes(), None).expect_err(text);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(Identity::parse(&[0xff, 0xfe], None).is_err());
    }

    #[test]
    fn identity_files_may_hold_several_keys_and_comments() {
        let (a, b) = (Identity::generate(), Identity::generate());
        let (a, b) = (a.to_file().expect("age"), b.to_file().expect("age"));
        let text = format!("# two of them\n\n{}\r\n{}", a.expose(), b.expose());
        let both = Identity::parse(text.as_bytes(), None).expect("it parses");
        assert_eq!(both.recipients().len(), 2);
    }
}
