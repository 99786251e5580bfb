//! The session's cache: the kernel's memory, emptied by `lock`, by the clock, and by a restart.
//!
//! On Linux this is the user's kernel keyring, which is never swapped out and which only this user's
//! processes can read. Other systems have nothing like it; there the OS keyring serves.

use std::path::Path;

use super::KeyPlace;

/// Returns the cache for the identity that is kept at `identity`.
pub fn session_cache(identity: &Path) -> Box<dyn KeyPlace> {
    #[cfg(target_os = "linux")]
    return Box::new(linux::KernelKeyring::new(identity));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = identity;
        Box::new(super::NoPlace(NAME))
    }
}

/// What to call it in a sentence.
const NAME: &str = "the session's cache";

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::Duration;

    use linux_keyutils::{Key, KeyError, KeyRing, KeyRingIdentifier};
    use sha2::{Digest, Sha256};
    use ssmpf_model::Redacted;

    use crate::keys::{KeyPlace, PlaceError};

    /// Room for the longest secret: an identity file with a handful of keys.
    const MAX_SECRET: usize = 4096;

    /// A key in the user's kernel keyring.
    pub struct KernelKeyring {
        description: String,
    }

    impl KernelKeyring {
        /// One key for each place where an identity lies, so that two homes do not share one.
        pub fn new(identity: &Path) -> Self {
            let digest = Sha256::digest(identity.as_os_str().as_bytes());
            let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Self { description: format!("ssmpf:identity:{short}") }
        }

        fn find(&self) -> Result<Option<Key>, PlaceError> {
            match user_keyring()?.search(&self.description) {
                Ok(key) => Ok(Some(key)),
                Err(error) if is_absent(error) => Ok(None),
                Err(error) => Err(unavailable(error)),
            }
        }
    }

    impl KeyPlace for KernelKeyring {
        fn name(&self) -> &'static str {
            super::NAME
        }

        fn get(&self, _quiet: bool) -> Result<Option<Redacted<String>>, PlaceError> {
            let Some(key) = self.find()? else { return Ok(None) };
            let mut buffer = Redacted::new(vec![0; MAX_SECRET]);
            let length = match key.read(buffer.expose_mut()) {
                Ok(length) => length,
                Err(error) if is_absent(error) => return Ok(None),
                Err(error) => return Err(unavailable(error)),
            };
            let bytes = buffer.expose().get(..length).unwrap_or_default();
            Ok(std::str::from_utf8(bytes).ok().map(|text| Redacted::new(text.to_owned())))
        }

        fn put(
            &self,
            secret: &Redacted<String>,
            limit: Option<Duration>,
        ) -> Result<(), PlaceError> {
            let keyring = user_keyring()?;
            let key = keyring
                .add_key(&self.description, secret.expose().as_bytes())
                .map_err(unavailable)?;
            let seconds = limit.map_or(0, |limit| limit.as_secs().max(1));
            let limited = key.set_timeout(usize::try_from(seconds).unwrap_or(usize::MAX));
            // Without its limit the key would outlive what was promised.
            if let Err(error) = limited {
                let _ = key.invalidate();
                return Err(unavailable(error));
            }
            match self.get(true)? {
                Some(_) => Ok(()),
                None => Err(PlaceError::Unavailable("it kept nothing".to_owned())),
            }
        }

        fn remove(&self) -> Result<bool, PlaceError> {
            let Some(key) = self.find()? else { return Ok(false) };
            key.invalidate().or_else(|_| key.revoke()).map_err(unavailable)?;
            Ok(true)
        }
    }

    /// Returns the user's keyring, linked into this process.
    ///
    /// A key can only be read by whoever "possesses" it, through a keyring of the process. Sessions
    /// that were not set up by PAM (services, containers) do not link to the user's keyring, so we do.
    fn user_keyring() -> Result<KeyRing, PlaceError> {
        let user = KeyRing::from_special_id(KeyRingIdentifier::User, true).map_err(unavailable)?;
        let process =
            KeyRing::from_special_id(KeyRingIdentifier::Process, true).map_err(unavailable)?;
        process.link_keyring(user).map_err(unavailable)?;
        Ok(user)
    }

    fn is_absent(error: KeyError) -> bool {
        matches!(error, KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked)
    }

    fn unavailable(error: KeyError) -> PlaceError {
        PlaceError::Unavailable(format!("the kernel's keyring does not serve ({error})"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// A place that serves. None where the kernel's keyring is closed and whoever runs the tests
        /// knows it: some containers forbid its system calls.
        fn place() -> Option<KernelKeyring> {
            let folder = tempfile::tempdir().expect("a folder");
            let place = KernelKeyring::new(&folder.path().join("identity.age"));
            match place.put(&Redacted::new("probe".to_owned()), None) {
                Ok(()) => Some(place),
                Err(_) if std::env::var_os("SSMPF_TESTS_WITHOUT_KERNEL_KEYRING").is_some() => None,
                Err(error) => panic!(
                    "{error}; where that cannot be helped, set SSMPF_TESTS_WITHOUT_KERNEL_KEYRING=1"
                ),
            }
        }

        #[test]
        fn what_is_put_can_be_had_until_it_is_removed() {
            let Some(place) = place() else { return };
            assert_eq!(place.get(true).expect("open").expect("there").expose(), "probe");
            assert_eq!(place.remove(), Ok(true));
            assert!(place.get(true).expect("open").is_none());
            assert_eq!(place.remove(), Ok(false));
        }

        #[test]
        fn the_limit_is_kept() {
            let Some(place) = place() else { return };
            let secret = Redacted::new("short".to_owned());
            place.put(&secret, Some(Duration::from_secs(1))).expect("kept");
            let deadline = std::time::Instant::now() + Duration::from_secs(10);
            while place.get(true).expect("open").is_some() {
                assert!(std::time::Instant::now() < deadline, "it is still there");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }
}
