//! The identity on disk, locked with a passphrase.
//!
//! An ordinary age file: `age -d -i identity.age store.age` asks for the passphrase and opens the
//! store without this program.

use std::io::{Read, Write};

use age::secrecy::SecretString;
use ssmpf_model::Redacted;

use super::{Identity, Passphrase};

/// How hard scrypt works for a passphrase: 2 to this power rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// For tests only: a passphrase that anybody could try by the million.
    pub const WEAK_FOR_TESTS: WorkFactor = WorkFactor(6);

    /// Largest factor accepted when reading, which takes seconds. More would let a forged file stop
    /// the machine.
    const MAX_READ: u8 = 20;
}

/// 17 takes about half a second and 128 MB. `age` left to itself measures the machine, so that a file
/// written on a fast one would be slow for ever.
impl Default for WorkFactor {
    fn default() -> Self {
        Self(17)
    }
}

/// Why the file gives no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectedError {
    /// The passphrase is not the right one.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The file is not what was written.
    #[error("{0}")]
    Damaged(String),
}

/// Locks an identity.
pub fn protect(
    identity: &Identity,
    passphrase: &Passphrase,
    work: WorkFactor,
) -> Result<Vec<u8>, String> {
    let text = identity.to_file().ok_or("an SSH key is locked with `ssh-keygen -p`")?;
    let mut recipient = age::scrypt::Recipient::new(secret(passphrase));
    recipient.set_work_factor(work.0);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _))
        .map_err(|error| error.to_string())?;
    let mut locked = Vec::new();
    let write = || -> std::io::Result<()> {
        let mut writer = encryptor.wrap_output(&mut locked)?;
        writer.write_all(text.expose().as_bytes())?;
        writer.finish()?;
        Ok(())
    };
    write().map_err(|error| error.to_string())?;
    Ok(locked)
}

/// Opens what [`protect`] made, or any identity file that `age -p` locked.
pub fn unprotect(locked: &[u8], passphrase: &Passphrase) -> Result<Identity, ProtectedError> {
    let damaged = |why: &str| ProtectedError::Damaged(why.to_owned());
    if locked.is_empty() {
        return Err(damaged("it is empty"));
    }
    let decryptor = age::Decryptor::new_buffered(age::armor::ArmoredReader::new(locked))
        .map_err(|_| damaged("it is truncated, altered, or no age file"))?;
    if !decryptor.is_scrypt() {
        return Err(damaged("it is an age file, but not locked with a passphrase"));
    }
    let mut key = age::scrypt::Identity::new(secret(passphrase));
    key.set_max_work_factor(WorkFactor::MAX_READ);
    let reader = decryptor.decrypt(std::iter::once(&key as _));
    let mut reader = reader.map_err(|error| match error {
        // A wrong key shows as a file key that does not unwrap.
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            ProtectedError::WrongPassphrase
        }
        age::DecryptError::ExcessiveWork { required, .. } => ProtectedError::Damaged(format!(
            "it asks for more work than any passphrase is worth (2^{required})"
        )),
        _ => damaged("it is truncated or was altered"),
    })?;
    let mut text = Redacted::new(Vec::with_capacity(locked.len()));
    reader.read_to_end(text.expose_mut()).map_err(|_| damaged("it is truncated or was altered"))?;
    Identity::parse(text.expose(), None).map_err(|error| ProtectedError::Damaged(error.to_string()))
}

/// Returns whether a file is locked with a passphrase, rather than holding keys as they are.
pub fn is_protected(file: &[u8]) -> bool {
    file.starts_with(b"age-encryption.org/") || file.starts_with(b"-----BEGIN AGE")
}

fn secret(passphrase: &Passphrase) -> SecretString {
    SecretString::from(passphrase.expose().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Redacted::new(text.to_owned())
    }

    #[test]
    fn only_the_right_passphrase_opens_it() {
        let identity = Identity::generate();
        let right = passphrase("correct horse");
        let locked = protect(&identity, &right, WorkFactor::WEAK_FOR_TESTS).expect("locked");
        let back = unprotect(&locked, &right).expect("the right passphrase");
        assert_eq!(back.to_string(), identity.to_string());
        assert_eq!(
            unprotect(&locked, &passphrase("battery")).expect_err("wrong"),
            ProtectedError::WrongPassphrase
        );
    }

    #[test]
    fn damage_is_never_taken_for_an_identity() {
        let identity = Identity::generate();
        let right = passphrase("correct horse");
        let locked = protect(&identity, &right, WorkFactor::WEAK_FOR_TESTS).expect("locked");
        for cut in [0, 1, 30, locked.len() / 2, locked.len() - 1] {
            assert!(unprotect(&locked[..cut], &right).is_err(), "{cut}");
        }
        for at in 0..locked.len() {
            let mut altered = locked.clone();
            altered[at] ^= 1;
            assert!(unprotect(&altered, &right).is_err(), "{at}");
        }
    }
}
