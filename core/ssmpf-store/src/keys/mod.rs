//! Where the key to the store comes from.
//!
//! The first that has it: `SSMPF_IDENTITY_FILE` → the OS keyring → the session's cache, which
//! `unlock` fills → the identity on disk, opened by a passphrase from `SSMPF_PASSPHRASE`,
//! `SSMPF_PASSPHRASE_FILE` or `SSMPF_PASSPHRASE_COMMAND`, or by one that a person types.
//!
//! What is named on purpose (a variable) and does not serve is an error. What is merely there and
//! does not serve (a keyring without a daemon, a cached key of another store) is passed over.

mod first_use;
mod identity;
mod os_keyring;
mod passphrase;
mod place;
mod protected;
mod session_cache;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use ssmpf_model::Redacted;
use ssmpf_schema::ErrorKind;

pub use identity::{Identity, IdentityError};
pub use os_keyring::OsKeyring;
pub use passphrase::{ATTEMPTS, Ask, Found, Passphrase, PassphraseSources, Prompt, SourceError};
pub use place::{KeyPlace, MemoryPlace, NoPlace, PlaceError};
pub use protected::{ProtectedError, WorkFactor, is_protected, protect, unprotect};
pub use session_cache::session_cache;

use crate::file::{FileError, SafeFile};
use crate::seal::Damage;

/// What the user's settings say about keys.
#[derive(Clone, Debug, Default)]
pub struct KeySettings {
    /// `SSMPF_IDENTITY_FILE`.
    pub identity_file: Option<PathBuf>,
    /// Where passphrases come from.
    pub passphrases: PassphraseSources,
    /// `SSMPF_KEYRING=off`: leave the OS keyring alone.
    pub without_keyring: bool,
    /// Never ask, and never let anything else ask: for TAB, widgets and plugins.
    pub quiet: bool,
    /// How hard a passphrase is to try. Lower than the default only in tests.
    pub work: WorkFactor,
}

impl KeySettings {
    /// Reads the variables. An empty variable counts as unset, but for `SSMPF_PASSPHRASE`, whose
    /// emptiness is more likely a mistake than a wish.
    pub fn from_env(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, KeyError> {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &'static str, value: OsString| {
            value.into_string().map_err(|_| {
                KeyError::Source(SourceError { from: name, why: "it is not UTF-8 text".to_owned() })
            })
        };
        let value = variable("SSMPF_PASSPHRASE");
        let command = filled("SSMPF_PASSPHRASE_COMMAND");
        Ok(Self {
            identity_file: filled("SSMPF_IDENTITY_FILE").map(PathBuf::from),
            passphrases: PassphraseSources {
                value: value
                    .map(|value| text("SSMPF_PASSPHRASE", value).map(Redacted::new))
                    .transpose()?,
                file: filled("SSMPF_PASSPHRASE_FILE").map(PathBuf::from),
                command: command
                    .map(|value| text("SSMPF_PASSPHRASE_COMMAND", value))
                    .transpose()?,
            },
            without_keyring: filled("SSMPF_KEYRING").is_some_and(|value| value == "off"),
            quiet: false,
            work: WorkFactor::default(),
        })
    }
}

/// Which source the key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The file that `SSMPF_IDENTITY_FILE` names.
    IdentityFile,
    /// The OS keyring.
    Keyring,
    /// The session's cache.
    Cache,
    /// A passphrase, from the variable named here.
    Passphrase(&'static str),
    /// A passphrase that a person typed.
    Prompt,
}

/// Why there is no key. [`KeyError::kind`] and [`KeyError::hint`] go with the sentence.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file that `SSMPF_IDENTITY_FILE` names does not serve.
    #[error("SSMPF_IDENTITY_FILE names {}, but {why}", path.display())]
    IdentityFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A source of passphrases was named and gives none.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The passphrase is wrong.
    #[error("the passphrase {} is wrong", if *.from == "typed" { "typed".to_owned() } else { format!("from {from}") })]
    WrongPassphrase {
        /// The variable it came from, or "typed".
        from: &'static str,
    },
    /// The identity on disk cannot be used.
    #[error("the identity in {} is damaged: {why}", path.display())]
    DamagedIdentity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No source has the key.
    #[error("the store is locked: {}", if *.protected { "its passphrase is needed, and there is nobody to ask" } else { "its key is not here" })]
    Locked {
        /// Whether there is an identity on disk that a passphrase would open.
        protected: bool,
        /// What was tried, and why it did not serve.
        tried: Vec<String>,
    },
    /// There is no store yet, and nothing to protect its key with.
    #[error(
        "there is no keyring to keep the key of a new store, and nobody to ask for a passphrase"
    )]
    NothingToProtectWith {
        /// What was tried, and why it did not serve.
        tried: Vec<String>,
    },
    /// The person did not want to go on.
    #[error("no passphrase was given")]
    Declined,
    /// The identity is not kept under a passphrase of ours.
    #[error("there is no passphrase to change: {0}")]
    NoPassphrase(String),
    /// The session's cache does not serve.
    #[error("the key cannot be kept for this session: {0}")]
    NoCache(String),
    /// A new passphrase was not given properly, three times.
    #[error("no new passphrase was set")]
    NotRepeated,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Terminal(#[source] io::Error),
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl KeyError {
    /// Returns the stable word for it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            KeyError::Source(_) | KeyError::IdentityFile { .. } | KeyError::NoPassphrase(_) => {
                ErrorKind::StoreLocked
            }
            KeyError::WrongPassphrase { .. }
            | KeyError::Locked { .. }
            | KeyError::NothingToProtectWith { .. }
            | KeyError::Declined
            | KeyError::NotRepeated => ErrorKind::StoreLocked,
            KeyError::DamagedIdentity { .. } => ErrorKind::StoreDamaged,
            KeyError::NoCache(_) | KeyError::Terminal(_) | KeyError::File(_) => ErrorKind::Failure,
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            KeyError::IdentityFile { .. } => {
                "give a file with an age identity (AGE-SECRET-KEY-1…) or an SSH private key, or \
                 unset the variable"
            }
            KeyError::Source(_) => "correct the variable, or unset it to be asked",
            KeyError::WrongPassphrase { .. } => {
                "nothing was changed; try again, or restore the key with SSMPF_IDENTITY_FILE"
            }
            KeyError::DamagedIdentity { path, .. } => {
                let exported = "an exported identity serves through SSMPF_IDENTITY_FILE";
                let previous = SafeFile::anywhere(path.clone()).previous();
                return Some(match previous.exists() {
                    true => format!(
                        "the version before it is in {}; {exported} too",
                        previous.display()
                    ),
                    false => exported.to_owned(),
                });
            }
            KeyError::Locked { protected: true, .. } => {
                "run `ssmpf unlock` in a terminal, or set SSMPF_PASSPHRASE, SSMPF_PASSPHRASE_FILE \
                 or SSMPF_PASSPHRASE_COMMAND"
            }
            KeyError::Locked { protected: false, .. } => {
                "its key is in the keyring of the desktop session that made it, or in an exported \
                 identity: set SSMPF_IDENTITY_FILE to that"
            }
            KeyError::NothingToProtectWith { .. } => {
                "set SSMPF_PASSPHRASE, SSMPF_PASSPHRASE_FILE or SSMPF_PASSPHRASE_COMMAND, or \
                 SSMPF_IDENTITY_FILE to a key of your own"
            }
            KeyError::NoPassphrase(_) => "an SSH key is changed with `ssh-keygen -p`",
            KeyError::NoCache(_) => "set SSMPF_PASSPHRASE_FILE or SSMPF_IDENTITY_FILE instead",
            KeyError::NotRepeated => "it must not be empty, and be typed twice the same",
            KeyError::Declined | KeyError::Terminal(_) | KeyError::File(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns what lies beneath, from the outside in.
    pub fn causes(&self) -> Vec<String> {
        match self {
            KeyError::Locked { tried, .. } | KeyError::NothingToProtectWith { tried } => {
                tried.clone()
            }
            KeyError::File(error) => vec![error.source.to_string()],
            _ => Vec::new(),
        }
    }
}

/// Why the store did not open: no key, or a key and something wrong with the store.
#[derive(Debug)]
pub enum UnlockError {
    /// No key.
    Key(KeyError),
    /// The store itself.
    Damage(Damage),
}

impl From<KeyError> for UnlockError {
    fn from(error: KeyError) -> Self {
        UnlockError::Key(error)
    }
}

/// All the places where a key may be, in their order.
pub struct Keys {
    settings: KeySettings,
    protected: SafeFile,
    keyring: Box<dyn KeyPlace>,
    cache: Box<dyn KeyPlace>,
    prompt: Option<Box<dyn Prompt>>,
    tried: Vec<String>,
}

impl Keys {
    /// The places of this system, with the identity on disk in `protected`, and nobody to ask.
    pub fn new(settings: KeySettings, protected: SafeFile) -> Self {
        let keyring: Box<dyn KeyPlace> = match settings.without_keyring {
            true => Box::new(NoPlace("the OS keyring")),
            false => Box::new(OsKeyring),
        };
        let cache = session_cache(protected.path());
        Self { settings, protected, keyring, cache, prompt: None, tried: Vec::new() }
    }

    /// The same with other places.
    pub fn with_places(mut self, keyring: Box<dyn KeyPlace>, cache: Box<dyn KeyPlace>) -> Self {
        (self.keyring, self.cache) = (keyring, cache);
        self
    }

    /// The same with a person to ask. Quietly, nobody is asked all the same.
    pub fn with_prompt(mut self, prompt: Box<dyn Prompt>) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Finds the key with which `open` succeeds.
    ///
    /// A key for which `open` says [`Damage::NotForIdentity`] is passed over, unless it was named on
    /// purpose. Any other damage ends the search: no key would mend it.
    pub fn unlock<T>(
        &mut self,
        mut open: impl FnMut(&Identity) -> Result<T, Damage>,
    ) -> Result<(T, Identity, KeySource), UnlockError> {
        self.tried.clear();
        if let Some(identity) = self.named_identity()? {
            let opened = open(&identity).map_err(UnlockError::Damage)?;
            return Ok((opened, identity, KeySource::IdentityFile));
        }
        for (source, found) in self.kept_identities() {
            match open(&found) {
                Ok(opened) => return Ok((opened, found, source)),
                Err(Damage::NotForIdentity(_)) => {
                    self.tried.push(format!("{} has the key of another store", self.name(source)));
                }
                Err(damage) => return Err(UnlockError::Damage(damage)),
            }
        }
        let (identity, source) = self.by_passphrase()?;
        let opened = open(&identity).map_err(UnlockError::Damage)?;
        Ok((opened, identity, source))
    }

    /// Keeps the key for this session, so that nobody is asked again until `limit` is over.
    pub fn remember(&self, identity: &Identity, limit: Duration) -> Result<(), KeyError> {
        let secret = identity.to_file().ok_or_else(|| {
            KeyError::NoCache("it is an SSH key, which ssmpf does not copy".to_owned())
        })?;
        self.cache.put(&secret, Some(limit)).map_err(|error| KeyError::NoCache(error.to_string()))
    }

    /// Forgets the key kept for this session. Returns whether there was one.
    pub fn forget(&self) -> bool {
        // A place that does not serve holds nothing either.
        self.cache.remove().unwrap_or(false)
    }

    /// Returns whether the key is kept for this session.
    pub fn is_remembered(&self) -> bool {
        matches!(self.cache.get(true), Ok(Some(_)))
    }

    /// Returns whether there is an identity on disk, locked with a passphrase.
    pub fn has_passphrase(&self) -> bool {
        self.protected.path().exists()
    }

    /// Protects the identity on disk with a new passphrase: the one given, or one that a person types
    /// twice. The store itself is not touched.
    pub fn change_passphrase(
        &mut self,
        identity: &Identity,
        new: Option<Passphrase>,
    ) -> Result<(), KeyError> {
        if identity.to_file().is_none() || self.settings.identity_file.is_some() {
            return Err(KeyError::NoPassphrase(
                "the store is opened with a key file of your own".to_owned(),
            ));
        }
        let new = match new {
            Some(new) if new.expose().is_empty() => return Err(KeyError::NotRepeated),
            Some(new) => new,
            None => self.ask_new()?,
        };
        let lock = self.protected.lock()?;
        self.write_protected(identity, &new, &lock)?;
        // The version before opens with the old passphrase, which may be known to others by now.
        Ok(self.protected.remove_previous(&lock)?)
    }

    /// Reads the file that `SSMPF_IDENTITY_FILE` names.
    fn named_identity(&mut self) -> Result<Option<Identity>, KeyError> {
        let Some(path) = self.settings.identity_file.clone() else { return Ok(None) };
        let failed = |why: String| KeyError::IdentityFile { path: path.clone(), why };
        let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let bytes = Redacted::new(bytes);
        if is_protected(bytes.expose()) {
            let (identity, _) = self.try_passphrases(
                &path,
                bytes.expose(),
                Ask::Current { attempt: 1, of: ATTEMPTS },
            )?;
            return Ok(Some(identity));
        }
        match Identity::parse(bytes.expose(), None) {
            Ok(identity) => Ok(Some(identity)),
            Err(IdentityError::NeedsPassphrase) => {
                let (identity, _) = self.try_passphrases(&path, bytes.expose(), Ask::SshKey)?;
                Ok(Some(identity))
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Returns the keys that lie ready. Quietly, the cache comes first: it answers at once, and they
    /// hold the same key.
    fn kept_identities(&mut self) -> Vec<(KeySource, Identity)> {
        let mut order = [KeySource::Keyring, KeySource::Cache];
        if self.settings.quiet {
            order.reverse();
        }
        let mut found = Vec::new();
        for source in order {
            let place = match source {
                KeySource::Cache => &self.cache,
                _ => &self.keyring,
            };
            match place.get(self.settings.quiet) {
                Ok(Some(secret)) => match Identity::parse(secret.expose().as_bytes(), None) {
                    Ok(identity) => {
                        found.push((source, identity));
                        // One is enough unless it turns out to be for another store; asking the next
                        // place is only slow for the keyring.
                        if self.settings.quiet {
                            break;
                        }
                    }
                    Err(error) => {
                        self.tried.push(format!("{}: {error}", place.name()));
                    }
                },
                Ok(None) => self.tried.push(format!("{} does not have it", place.name())),
                Err(error) => self.tried.push(format!("{}: {error}", place.name())),
            }
        }
        found
    }

    /// Opens the identity on disk.
    fn by_passphrase(&mut self) -> Result<(Identity, KeySource), KeyError> {
        let Some(locked) = self.protected.read()? else {
            return Err(KeyError::Locked {
                protected: false,
                tried: std::mem::take(&mut self.tried),
            });
        };
        let path = self.protected.path().to_owned();
        self.try_passphrases(&path, &locked, Ask::Current { attempt: 1, of: ATTEMPTS })
    }

    /// Tries the passphrase that is named, or asks a person up to three times.
    fn try_passphrases(
        &mut self,
        path: &std::path::Path,
        file: &[u8],
        ask: Ask,
    ) -> Result<(Identity, KeySource), KeyError> {
        let damaged = |why: String| KeyError::DamagedIdentity { path: path.to_owned(), why };
        let open = |passphrase: &Passphrase| match ask {
            Ask::SshKey => match Identity::parse(file, Some(passphrase)) {
                Ok(identity) => Ok(Some(identity)),
                Err(IdentityError::WrongPassphrase) => Ok(None),
                Err(error) => Err(damaged(error.to_string())),
            },
            _ => match unprotect(file, passphrase) {
                Ok(identity) => Ok(Some(identity)),
                Err(ProtectedError::WrongPassphrase) => Ok(None),
                Err(ProtectedError::Damaged(why)) => Err(damaged(why)),
            },
        };
        if let Some(found) = self.settings.passphrases.find(self.settings.quiet)? {
            return match open(&found.passphrase)? {
                Some(identity) => Ok((identity, KeySource::Passphrase(found.from))),
                None => Err(KeyError::WrongPassphrase { from: found.from }),
            };
        }
        let Some(prompt) = self.prompt.as_mut().filter(|_| !self.settings.quiet) else {
            let tried = std::mem::take(&mut self.tried);
            return Err(KeyError::Locked { protected: true, tried });
        };
        for attempt in 1..=ATTEMPTS {
            let ask = match ask {
                Ask::SshKey => Ask::SshKey,
                _ => Ask::Current { attempt, of: ATTEMPTS },
            };
            let typed = prompt.ask(ask).map_err(KeyError::Terminal)?;
            let typed = typed.ok_or(KeyError::Declined)?;
            if let Some(identity) = open(&typed)? {
                return Ok((identity, KeySource::Prompt));
            }
            if attempt < ATTEMPTS {
                prompt.tell("That is not the passphrase.");
            }
        }
        Err(KeyError::WrongPassphrase { from: "typed" })
    }

    fn name(&self, source: KeySource) -> &'static str {
        match source {
            KeySource::Cache => self.cache.name(),
            KeySource::Keyring => self.keyring.name(),
            KeySource::IdentityFile => "the identity file",
            KeySource::Passphrase(_) | KeySource::Prompt => "the identity on disk",
        }
    }
}

#[cfg(test)]
#[path = "../keys_tests.rs"]
pub(crate) mod tests;
