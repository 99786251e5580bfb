//! One file per verb. A command takes a plain request and returns a result; it never prints.

pub mod add;
mod add_lists;
pub mod choose;
pub mod connect;
pub mod context;
pub mod down;
pub mod edit;
pub mod edit_text;
pub mod endpoints;
pub mod fields;
pub mod find;
pub mod forward;
pub mod keep;
pub mod keys;
pub mod login;
pub mod logout;
pub mod logs;
pub mod ls;
pub mod mv;
pub mod profiles;
mod questions;
pub mod record;
pub mod rm;
pub mod service;
pub mod sessions;
pub mod show;
pub mod status;
pub mod store;
pub mod targets;
pub mod transfer;
pub mod up;
pub mod wait;

use ssmpf_schema::{ErrorBody, ErrorKind};
use ssmpf_store::{CatalogueError, StoreError};

use crate::aws::AwsFailure;
use crate::background::BackgroundError;
use crate::forward::ForwardError;
use crate::model::InvalidInput;

/// Why a command failed. `cli::error` gives each its words and its exit code.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A flag, a value or a setting is wrong.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// AWS, the credentials for it, or the network on the way there.
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    /// The forward.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The store, its key, or what was looked for in it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A forward in the background, or what its process handed over.
    #[error(transparent)]
    Background(#[from] BackgroundError),
    /// AWS could be asked nowhere; these are the words of the first place.
    #[error("{}", .0.message)]
    Unanswered(ErrorBody),
    /// Several connections; the causes say for each what became of it.
    #[error("{}", .0.message)]
    Several(ErrorBody),
    /// The command itself says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<CatalogueError> for CommandError {
    fn from(error: CatalogueError) -> Self {
        CommandError::Store(error.into())
    }
}

impl CommandError {
    /// Returns kind, sentence, hint and causes.
    pub fn body(&self) -> ErrorBody {
        match self {
            CommandError::Input(error) => ErrorBody {
                kind: ErrorKind::Usage,
                message: error.message.clone(),
                hint: Some(error.hint.clone()),
                causes: Vec::new(),
            },
            CommandError::Aws(error) => ErrorBody {
                kind: error.kind,
                message: error.message.clone(),
                hint: error.hint.clone(),
                causes: error.causes.clone(),
            },
            CommandError::Forward(error) => ErrorBody {
                kind: error.kind,
                message: error.message.clone(),
                hint: error.hint.clone(),
                causes: error.causes.clone(),
            },
            CommandError::Store(error) => error.body(),
            CommandError::Background(error) => error.0.clone(),
            CommandError::Unanswered(body) | CommandError::Several(body) => body.clone(),
            CommandError::Refused(error) => ErrorBody {
                kind: error.kind,
                message: error.message.clone(),
                hint: error.hint.clone(),
                causes: Vec::new(),
            },
        }
    }
}

/// A command's own reason to fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable word for it.
    pub kind: ErrorKind,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// A reason with a hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: Some(hint.into()) }
    }

    /// A failure about which there is nothing to be done here.
    pub fn failure(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failure, message: message.into(), hint: None }
    }
}
