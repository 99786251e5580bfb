//! What the commands of the catalogue are given: the store, a person to ask, and the time.
//!
//! Nothing is opened before a command needs it: `ssmpf ls` without a store asks for no key, and none
//! of these commands starts the asynchronous runtime or the AWS SDK.

use std::io;
use std::path::PathBuf;

use ssmpf_schema::{EndpointRecord, TargetRecord};
use ssmpf_store::{CatalogueError, KeySettings, Keys, Passphrase, Places, Prompt, Store, Warning};

use super::{CommandError, Refusal};
use crate::model::{Connection, ConnectionName, Timestamp};

/// A person at a terminal.
pub trait Person {
    /// Asks for a line. An empty answer stands for the default, if there is one.
    ///
    /// `None` means that the person does not want to go on.
    fn ask(&mut self, question: &str, default: Option<&str>) -> io::Result<Option<String>>;

    /// Asks for a secret, which is not shown while it is typed.
    fn ask_secret(&mut self, question: &str) -> io::Result<Option<Passphrase>>;

    /// Tells one sentence, such as what was wrong with the answer.
    fn tell(&mut self, sentence: &str);
}

/// Somebody who knows what can be connected to. Asking takes a while; the implementor says so.
///
/// A failure is a sentence for the person, who then types what could not be listed.
pub trait Finder {
    /// The AWS profiles, by name.
    fn profiles(&mut self) -> Vec<String>;

    /// The targets of a profile and a region; none stands for what is in force.
    fn targets(
        &mut self,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Vec<TargetRecord>, String>;

    /// The endpoints of a profile and a region; none stands for what is in force.
    fn endpoints(
        &mut self,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Vec<EndpointRecord>, String>;
}

/// How a [`Context`] is made.
pub struct ContextSettings {
    /// The user's data folder, where store and identity lie.
    pub data_folder: PathBuf,
    /// Another store (`--store`).
    pub store: Option<PathBuf>,
    /// Where the key comes from.
    pub keys: KeySettings,
    /// Who types passphrases, if there is anybody.
    pub prompt: Option<Box<dyn Prompt>>,
    /// Who answers questions, if there is anybody.
    pub person: Option<Box<dyn Person>>,
    /// Who lists what can be chosen, if anybody is to be asked.
    pub finder: Option<Box<dyn Finder>>,
}

/// What the commands of the catalogue are given.
pub struct Context {
    /// The store, not opened yet.
    pub store: Store,
    /// Where store and identity lie.
    pub places: Places,
    /// Somebody to ask; nobody in scripts.
    pub person: Option<Box<dyn Person>>,
    /// Lists what can be chosen; nobody in scripts.
    pub finder: Option<Box<dyn Finder>>,
    /// What a person should know although the command succeeded.
    pub warnings: Vec<Warning>,
    /// The time of this command.
    pub now: Timestamp,
}

impl Context {
    /// Puts the parts together. Reads no file and asks nobody.
    pub fn new(settings: ContextSettings) -> Self {
        let places = Places::new(&settings.data_folder, settings.store);
        let mut keys = Keys::new(settings.keys, places.identity.clone());
        if let Some(prompt) = settings.prompt {
            keys = keys.with_prompt(prompt);
        }
        Self {
            store: Store::new(places.store.clone(), keys),
            places,
            person: settings.person,
            finder: settings.finder,
            warnings: Vec::new(),
            now: Timestamp::now(),
        }
    }

    /// Returns what a person should know, each once.
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        let mut warnings = self.store.take_warnings();
        warnings.append(&mut self.warnings);
        warnings
    }

    /// Returns the connection called `name`, without looking into the others.
    pub fn find(&mut self, name: &str) -> Result<(ConnectionName, Connection), CommandError> {
        match self.store.open()? {
            Some(mut opened) => Ok(opened.find(name)?),
            None => Err(CatalogueError::no_connection(name, None).into()),
        }
    }

    /// Asks a person a yes-or-no question; `None` when there is nobody.
    pub fn confirm(&mut self, question: &str) -> Result<Option<bool>, CommandError> {
        let Some(person) = &mut self.person else { return Ok(None) };
        let question = format!("{question} [y/N]");
        let answer = person.ask(&question, None).map_err(terminal)?.unwrap_or_default();
        Ok(Some(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")))
    }

    /// Warns about something that does not stop the command.
    pub fn warn(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(Warning { message: message.into(), hint: Some(hint.into()) });
    }
}

/// The failure of the terminal that a question was asked on.
pub fn terminal(error: io::Error) -> CommandError {
    Refusal::failure(format!("the terminal failed: {error}")).into()
}

/// What is said to a person who ends the questions.
pub fn declined() -> CommandError {
    Refusal::failure("nothing was changed, as you wish").into()
}
