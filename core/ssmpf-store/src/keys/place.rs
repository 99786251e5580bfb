//! A place outside our files that keeps the identity: the OS keyring, or the session's cache.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ssmpf_model::Redacted;

/// A place that keeps one secret text.
pub trait KeyPlace: Send {
    /// Returns what to call it in a sentence, such as "the OS keyring".
    fn name(&self) -> &'static str;

    /// Returns the secret, if it is there. Quietly, nothing may appear on the screen.
    fn get(&self, quiet: bool) -> Result<Option<Redacted<String>>, PlaceError>;

    /// Keeps the secret, for at most `limit` where the place knows limits.
    fn put(&self, secret: &Redacted<String>, limit: Option<Duration>) -> Result<(), PlaceError>;

    /// Forgets the secret. Returns whether there was one.
    fn remove(&self) -> Result<bool, PlaceError>;
}

/// Why a place does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// There is no such place here.
    #[error("{0}")]
    Unavailable(String),
    /// It is there, but locked, and was not unlocked.
    #[error("{0}")]
    Locked(String),
}

/// A place that does not exist: for systems without one, and where one is not wanted.
#[derive(Clone, Copy, Debug)]
pub struct NoPlace(pub &'static str);

impl KeyPlace for NoPlace {
    fn name(&self) -> &'static str {
        self.0
    }

    fn get(&self, _: bool) -> Result<Option<Redacted<String>>, PlaceError> {
        Err(PlaceError::Unavailable("there is none here".to_owned()))
    }

    fn put(&self, _: &Redacted<String>, _: Option<Duration>) -> Result<(), PlaceError> {
        Err(PlaceError::Unavailable("there is none here".to_owned()))
    }

    fn remove(&self) -> Result<bool, PlaceError> {
        Ok(false)
    }
}

/// A place in the memory of this process, for tests. Clones share what they keep.
#[derive(Clone, Debug, Default)]
pub struct MemoryPlace(Arc<Mutex<Option<Redacted<String>>>>);

impl MemoryPlace {
    fn secret(&self) -> MutexGuard<'_, Option<Redacted<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyPlace for MemoryPlace {
    fn name(&self) -> &'static str {
        "the memory of this process"
    }

    fn get(&self, _: bool) -> Result<Option<Redacted<String>>, PlaceError> {
        Ok(self.secret().clone())
    }

    fn put(&self, secret: &Redacted<String>, _: Option<Duration>) -> Result<(), PlaceError> {
        *self.secret() = Some(secret.clone());
        Ok(())
    }

    fn remove(&self) -> Result<bool, PlaceError> {
        Ok(self.secret().take().is_some())
    }
}
