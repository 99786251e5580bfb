//! The store: contents, seal, file and keys together.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ssmpf_model::{InvalidInput, Redacted};

use crate::contents::Contents;
use crate::error::StoreError;
use crate::file::{SafeFile, Warning};
use crate::keys::{Identity, KeySource, Keys, Passphrase, UnlockError};
use crate::opened::Opened;
use crate::seal::{self, Damage, Form, Payload, Recipient};

/// The name of the store inside the data folder.
pub const STORE_FILE: &str = "store.age";
/// The name of the identity inside the data folder.
pub const IDENTITY_FILE: &str = "identity.age";

/// Where store and identity lie.
#[derive(Clone, Debug)]
pub struct Places {
    /// The store.
    pub store: SafeFile,
    /// The identity under its passphrase. One for all stores of a user.
    pub identity: SafeFile,
}

impl Places {
    /// Both in the data folder of the user, or the store in a file of its own (`--store`).
    pub fn new(data_folder: &Path, store: Option<PathBuf>) -> Self {
        Self {
            store: match store {
                Some(path) => SafeFile::anywhere(path),
                None => SafeFile::in_own_folder(data_folder.join(STORE_FILE)),
            },
            identity: SafeFile::in_own_folder(data_folder.join(IDENTITY_FILE)),
        }
    }
}

/// The encrypted store of connections.
///
/// Whatever is read or written, the key is looked for once and then kept until this value is dropped.
pub struct Store {
    file: SafeFile,
    keys: Keys,
    key: Option<(Identity, KeySource)>,
    warnings: Vec<Warning>,
}

impl Store {
    /// A store at `file`, opened with `keys` when it is first needed.
    pub fn new(file: SafeFile, keys: Keys) -> Self {
        Self { file, keys, key: None, warnings: Vec::new() }
    }

    /// Returns where the store lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Returns whether there is a store yet.
    pub fn exists(&self) -> bool {
        self.file.path().exists()
    }

    /// Returns which source the key came from, once it was needed.
    pub fn key_source(&self) -> Option<KeySource> {
        self.key.as_ref().map(|(_, source)| *source)
    }

    /// Returns what was put right meanwhile, for the conversation on stderr.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
    }

    /// Reads the store. One that does not exist yet is empty, and needs no key.
    pub fn read(&mut self) -> Result<Contents, StoreError> {
        Ok(self.read_with_form()?.map(|(contents, _)| contents).unwrap_or_default())
    }

    /// Opens the store without reading all of it. `None` if there is no store yet.
    pub fn open(&mut self) -> Result<Option<Opened>, StoreError> {
        let Some((payload, _)) = self.open_payload()? else { return Ok(None) };
        Ok(Some(Opened::new(payload, self.file.clone())))
    }

    /// Changes the store in one step: reads it under the lock, has `change` change the contents, and
    /// writes them. If `change` fails or changes nothing, nothing is written.
    pub fn update<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(&mut Contents) -> Result<T, E>,
    ) -> Result<T, E> {
        // The key first: asking for a passphrase must not hold up others.
        self.unlock_key()?;
        let lock = self.file.lock().map_err(StoreError::from)?;
        let found = self.read_with_form()?;
        let existed = found.is_some();
        let (before, form) = found.unwrap_or_default();
        let mut contents = before.clone();
        let result = change(&mut contents)?;
        if contents != before || !existed {
            let sealed = self.seal(&contents, form)?;
            self.file.replace(&lock, &sealed).map_err(StoreError::from)?;
            self.check_permissions();
        }
        Ok(result)
    }

    /// Checks that the store opens and says what it holds. Fails as [`Store::read`] does.
    pub fn verify(&mut self) -> Result<Verified, StoreError> {
        let bytes = self.file.read()?;
        let size = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let contents = self.read()?;
        Ok(Verified {
            exists: bytes.is_some(),
            size,
            connections: contents.connections.len(),
            recipients: contents.recipients.len(),
            key_source: self.key_source(),
        })
    }

    /// Copies the store as it lies, sealed, to another file, which must not exist yet.
    pub fn backup(&mut self, to: &Path) -> Result<(), StoreError> {
        // One that does not open would be no backup.
        let contents = self.read()?;
        let copy = SafeFile::anywhere(to.to_owned());
        if copy.path().exists() {
            return Err(InvalidInput::new(
                format!("{} is there already", to.display()),
                "a backup is a new file: give a name that is not taken",
            )
            .into());
        }
        let bytes = match self.file.read()? {
            Some(bytes) => bytes,
            None => {
                self.unlock_key()?;
                self.seal(&contents, Form::Binary)?
            }
        };
        Ok(copy.write_once(&bytes)?)
    }

    /// Returns the private key as the text of an age identity file, for `age -d -i`.
    pub fn export_identity(&mut self) -> Result<Redacted<String>, StoreError> {
        self.unlock_key()?;
        let text = self.key.as_ref().and_then(|(identity, _)| identity.to_file());
        text.ok_or_else(|| {
            crate::keys::KeyError::NoPassphrase(
                "the store is opened with an SSH key, which is a file already".to_owned(),
            )
            .into()
        })
    }

    /// Returns the public keys of whoever opens this store here.
    pub fn own_recipients(&mut self) -> Result<Vec<Recipient>, StoreError> {
        self.unlock_key()?;
        Ok(self.key.as_ref().map(|(identity, _)| identity.recipients()).unwrap_or_default())
    }

    /// Changes the passphrase that protects the identity: to the one given, or to one that a person
    /// types twice. The connections are not rewritten.
    pub fn change_passphrase(&mut self, new: Option<Passphrase>) -> Result<(), StoreError> {
        self.unlock_key()?;
        match &self.key {
            Some((identity, _)) => Ok(self.keys.change_passphrase(identity, new)?),
            None => Ok(()),
        }
    }

    /// Keeps the key for this session, for at most `limit`.
    pub fn unlock(&mut self, limit: Duration) -> Result<(), StoreError> {
        self.unlock_key()?;
        match &self.key {
            Some((identity, _)) => Ok(self.keys.remember(identity, limit)?),
            None => Ok(()),
        }
    }

    /// Forgets the key that is kept for this session. Returns whether there was one.
    pub fn lock(&mut self) -> bool {
        self.key = None;
        self.keys.forget()
    }

    /// Finds the key, or makes one if there is neither a key nor a store.
    fn unlock_key(&mut self) -> Result<(), StoreError> {
        if self.key.is_some() {
            return Ok(());
        }
        if self.exists() {
            self.read_with_form()?;
        } else {
            self.key = Some(self.keys.unlock_or_create()?);
        }
        Ok(())
    }

    fn read_with_form(&mut self) -> Result<Option<(Contents, Form)>, StoreError> {
        let Some((mut payload, form)) = self.open_payload()? else { return Ok(None) };
        let plain = payload.all().map_err(|damage| self.damaged(damage))?;
        let contents = Contents::from_json(plain.expose());
        Ok(Some((contents.map_err(|error| self.damaged(error.into()))?, form)))
    }

    /// Finds the key of the file and leaves what is inside unread, with the form that the file has.
    fn open_payload(&mut self) -> Result<Option<(Payload<'static>, Form)>, StoreError> {
        let Some(sealed) = self.file.read_with(seal::read)? else { return Ok(None) };
        self.check_permissions();
        // What is wrong with the file whatever the key is said before anybody is asked for one.
        let sealed = sealed.map_err(|damage| self.damaged(damage))?;
        let form = seal::form_of(sealed.beginning());
        let open = |identity: &Identity| Payload::begin(&sealed, identity);
        let payload = match &self.key {
            Some((identity, _)) => open(identity).map_err(|damage| self.damaged(damage))?,
            None => match self.keys.unlock(open) {
                Ok((payload, identity, source)) => {
                    self.key = Some((identity, source));
                    payload
                }
                Err(UnlockError::Key(error)) => return Err(error.into()),
                Err(UnlockError::Damage(damage)) => return Err(self.damaged(damage)),
            },
        };
        Ok(Some((payload, form)))
    }

    /// Seals contents to everybody, and makes sure that we are among them.
    fn seal(&self, contents: &Contents, form: Form) -> Result<Vec<u8>, StoreError> {
        let Some((identity, _)) = &self.key else {
            return Err(StoreError::NotSealed("there is no key".to_owned()));
        };
        let mut recipients = identity.recipients();
        for recipient in &contents.recipients {
            if !recipients.contains(recipient) {
                recipients.push(recipient.clone());
            }
        }
        let plain = contents.to_json();
        let sealed =
            seal::seal(plain.expose(), &recipients, form).map_err(StoreError::NotSealed)?;
        // Nothing takes the place of a readable store that could not be read itself.
        match seal::open(&sealed, identity) {
            Ok(opened) if opened == plain => Ok(sealed),
            Ok(_) => Err(StoreError::NotSealed("it would not open to what was sealed".to_owned())),
            Err(damage) => Err(StoreError::NotSealed(format!("{damage}"))),
        }
    }

    fn damaged(&self, damage: Damage) -> StoreError {
        StoreError::damaged(&self.file, damage)
    }

    fn check_permissions(&mut self) {
        for warning in self.file.repair_permissions() {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

/// What [`Store::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether there is a store yet.
    pub exists: bool,
    /// Bytes on disk.
    pub size: u64,
    /// How many connections are in it.
    pub connections: usize,
    /// How many others it is sealed to.
    pub recipients: usize,
    /// Where the key came from; none if there is no store.
    pub key_source: Option<KeySource>,
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
