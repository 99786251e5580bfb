//! Every way the store can fail, each with a kind, a sentence, a hint and its causes.

use std::path::PathBuf;

use ssmpf_model::InvalidInput;
use ssmpf_schema::{ErrorBody, ErrorKind};

use crate::contents::CatalogueError;
use crate::file::{FileError, SafeFile};
use crate::keys::KeyError;
use crate::seal::Damage;

/// Why something with the store did not work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is there, but cannot be used. It was not touched.
    #[error("{} cannot be opened: {damage}", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
        /// Where a version before it lies, if there is one.
        previous: Option<PathBuf>,
    },
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file system failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name or tag leads nowhere, or is taken.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A text is not what it should be.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// What would be written could not be read again. Nothing was written.
    #[error("the store was not written: {0}")]
    NotSealed(String),
}

impl StoreError {
    /// Says what is wrong with the store in `file`, and where a version before it lies.
    pub(crate) fn damaged(file: &SafeFile, damage: Damage) -> Self {
        let previous = file.previous();
        let previous = previous.exists().then_some(previous);
        StoreError::Damaged { path: file.path().to_owned(), damage, previous }
    }

    /// Returns the stable word for it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            StoreError::Damaged { damage: Damage::NotForIdentity(_), .. } => ErrorKind::StoreLocked,
            StoreError::Damaged { .. } => ErrorKind::StoreDamaged,
            StoreError::Key(error) => error.kind(),
            StoreError::Catalogue(error) => error.kind(),
            StoreError::Input(_) => ErrorKind::Usage,
            StoreError::File(_) | StoreError::NotSealed(_) => ErrorKind::Failure,
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Damaged { damage, previous, .. } => Some(match (damage, previous) {
                (Damage::NotForIdentity(_), _) => {
                    "set SSMPF_IDENTITY_FILE to the key it was sealed to, or ask somebody who can \
                     open it for `ssmpf store recipients add`"
                        .to_owned()
                }
                (Damage::Newer(_), _) => {
                    "update ssmpf; this version leaves the file as it is".to_owned()
                }
                (_, Some(previous)) => format!(
                    "it was left as it is; the version before it is in {}",
                    previous.display()
                ),
                (_, None) => "it was left as it is; restore it from a backup, or move it away to \
                              begin anew"
                    .to_owned(),
            }),
            StoreError::Key(error) => error.hint(),
            StoreError::Catalogue(error) => Some(error.hint()),
            StoreError::Input(error) => Some(error.hint.clone()),
            StoreError::File(error) => match error.source.kind() {
                std::io::ErrorKind::TimedOut => {
                    Some("another ssmpf is writing; end it, or try again".to_owned())
                }
                _ => None,
            },
            StoreError::NotSealed(_) => None,
        }
    }

    /// Returns what lies beneath, from the outside in.
    pub fn causes(&self) -> Vec<String> {
        match self {
            StoreError::Key(error) => error.causes(),
            StoreError::File(error) => vec![error.source.to_string()],
            _ => Vec::new(),
        }
    }

    /// Returns all of it as the part of an error document.
    pub fn body(&self) -> ErrorBody {
        ErrorBody {
            kind: self.kind(),
            message: self.to_string(),
            hint: self.hint(),
            causes: self.causes(),
        }
    }
}
