//! The first use: a key is made, and kept where it can be found again.

use super::{
    ATTEMPTS, Ask, Identity, KeyError, KeyPlace, KeySource, Keys, Passphrase, PlaceError, protect,
};
use crate::file::WriteLock;

impl Keys {
    /// Returns the key to seal a new store with: one that is there already, or a new one.
    ///
    /// A new one goes into the OS keyring, and a recovery passphrase is offered; without a keyring it
    /// is protected by a passphrase that is asked for twice. It is never kept as it is.
    pub fn unlock_or_create(&mut self) -> Result<(Identity, KeySource), KeyError> {
        self.tried.clear();
        if let Some(identity) = self.named_identity()? {
            return Ok((identity, KeySource::IdentityFile));
        }
        // Two first uses at once must agree on one key.
        let lock = self.protected.lock()?;
        if let Some((source, identity)) = self.kept_identities().into_iter().next() {
            return Ok((identity, source));
        }
        if self.protected.path().exists() {
            return self.by_passphrase();
        }
        let identity = Identity::generate();
        if let Some(found) = self.settings.passphrases.find(self.settings.quiet)? {
            // Whoever names a passphrase wants it to be the key, on this machine and the next.
            self.write_protected(&identity, &found.passphrase, &lock)?;
            return Ok((identity, KeySource::Passphrase(found.from)));
        }
        if self.settings.quiet {
            let tried = std::mem::take(&mut self.tried);
            return Err(KeyError::NothingToProtectWith { tried });
        }
        match keep(self.keyring.as_ref(), &identity) {
            Ok(()) => {
                if let Some(recovery) = self.ask_recovery()? {
                    self.write_protected(&identity, &recovery, &lock)?;
                }
                Ok((identity, KeySource::Keyring))
            }
            Err(error) => {
                if self.prompt.is_none() {
                    let name = self.keyring.name();
                    self.tried.retain(|tried| !tried.starts_with(name));
                    self.tried.push(format!("{name}: {error}"));
                    let tried = std::mem::take(&mut self.tried);
                    return Err(KeyError::NothingToProtectWith { tried });
                }
                let passphrase = self.ask_new()?;
                self.write_protected(&identity, &passphrase, &lock)?;
                Ok((identity, KeySource::Prompt))
            }
        }
    }

    /// Asks for a new passphrase, twice the same and not empty.
    pub(super) fn ask_new(&mut self) -> Result<Passphrase, KeyError> {
        for _ in 0..ATTEMPTS {
            let first = self.ask(Ask::New)?.ok_or(KeyError::Declined)?;
            if first.expose().is_empty() {
                self.tell("A passphrase cannot be empty.");
                continue;
            }
            let again = self.ask(Ask::Again)?.ok_or(KeyError::Declined)?;
            if first == again {
                return Ok(first);
            }
            self.tell("The two are not the same.");
        }
        Err(KeyError::NotRepeated)
    }

    /// Offers a recovery passphrase. Nobody there, or nothing typed, means none.
    fn ask_recovery(&mut self) -> Result<Option<Passphrase>, KeyError> {
        if self.prompt.is_none() {
            return Ok(None);
        }
        for _ in 0..ATTEMPTS {
            let first = self.ask(Ask::Recovery)?;
            let Some(first) = first.filter(|first| !first.expose().is_empty()) else {
                return Ok(None);
            };
            let again = self.ask(Ask::Again)?;
            if again.is_some_and(|again| again == first) {
                return Ok(Some(first));
            }
            self.tell("The two are not the same.");
        }
        Ok(None)
    }

    /// Writes the identity to disk under a passphrase.
    pub(super) fn write_protected(
        &self,
        identity: &Identity,
        passphrase: &Passphrase,
        lock: &WriteLock,
    ) -> Result<(), KeyError> {
        let locked =
            protect(identity, passphrase, self.settings.work).map_err(KeyError::NoPassphrase)?;
        Ok(self.protected.replace(lock, &locked)?)
    }

    fn ask(&mut self, ask: Ask) -> Result<Option<Passphrase>, KeyError> {
        match &mut self.prompt {
            Some(prompt) => prompt.ask(ask).map_err(KeyError::Terminal),
            None => Err(KeyError::NothingToProtectWith { tried: std::mem::take(&mut self.tried) }),
        }
    }

    fn tell(&mut self, sentence: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.tell(sentence);
        }
    }
}

/// Puts the key into a place and makes sure that it comes out again.
fn keep(place: &dyn KeyPlace, identity: &Identity) -> Result<(), PlaceError> {
    let secret = identity
        .to_file()
        .ok_or_else(|| PlaceError::Unavailable("an SSH key is not copied".to_owned()))?;
    place.put(&secret, None)?;
    match place.get(false)? {
        Some(kept) if kept == secret => Ok(()),
        _ => Err(PlaceError::Unavailable("it does not give back what it was given".to_owned())),
    }
}
