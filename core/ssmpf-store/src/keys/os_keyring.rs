//! The keyring of the operating system: Secret Service, macOS Keychain, Windows Credential Manager.

use std::time::Duration;

use keyring::{Entry, Error};
use ssmpf_model::Redacted;

use super::{KeyPlace, PlaceError};

/// What the entry is filed under, as `secret-tool search service ssmpf` finds it.
const SERVICE: &str = "ssmpf";
const ACCOUNT: &str = "identity";

/// The keyring that the system gives its users.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsKeyring;

impl KeyPlace for OsKeyring {
    fn name(&self) -> &'static str {
        "the OS keyring"
    }

    fn get(&self, quiet: bool) -> Result<Option<Redacted<String>>, PlaceError> {
        if quiet && would_ask() {
            return Err(PlaceError::Locked("it is locked".to_owned()));
        }
        match entry()?.get_password() {
            Ok(secret) => Ok(Some(Redacted::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(refused(error)),
        }
    }

    fn put(&self, secret: &Redacted<String>, _: Option<Duration>) -> Result<(), PlaceError> {
        entry()?.set_password(secret.expose()).map_err(refused)
    }

    fn remove(&self) -> Result<bool, PlaceError> {
        match entry()?.delete_credential() {
            Ok(()) => Ok(true),
            Err(Error::NoEntry) => Ok(false),
            Err(error) => Err(refused(error)),
        }
    }
}

fn entry() -> Result<Entry, PlaceError> {
    if let Err(error) = Entry::store_status() {
        return Err(PlaceError::Unavailable(error.to_string()));
    }
    Entry::new(SERVICE, ACCOUNT).map_err(refused)
}

fn refused(error: Error) -> PlaceError {
    match error {
        Error::NoStorageAccess(_) => PlaceError::Locked(error.to_string()),
        _ => PlaceError::Unavailable(error.to_string()),
    }
}

/// Returns whether reading might open a window that asks for the keyring's password.
///
/// Reading from a locked collection does; whether it is locked can be asked first.
#[cfg(target_os = "linux")]
fn would_ask() -> bool {
    let locked = || -> zbus::Result<bool> {
        let bus = zbus::blocking::Connection::session()?;
        let collection = zbus::blocking::Proxy::new(
            &bus,
            "org.freedesktop.secrets",
            "/org/freedesktop/secrets/aliases/default",
            "org.freedesktop.Secret.Collection",
        )?;
        collection.get_property("Locked")
    };
    locked().unwrap_or(true)
}

/// macOS asks when a program is new to it, which cannot be known beforehand.
#[cfg(target_os = "macos")]
fn would_ask() -> bool {
    false
}

/// Windows never asks.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn would_ask() -> bool {
    false
}
