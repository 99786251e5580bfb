//! `ssmpf logs`: what happened to a forward in the background, also after it has ended.

use std::io;
use std::path::Path;

use ssmpf_schema::ErrorKind;

use super::{CommandError, Refusal};
use crate::background::log_file::{self, Reader};
use crate::model::ConnectionName;

/// Returns the last `count` lines of a connection's log, and a reader of those that follow.
pub fn run(name: &str, count: usize, logs: &Path) -> Result<(Vec<String>, Reader), CommandError> {
    let name: ConnectionName = name.parse()?;
    let path = log_file::path(logs, &name);
    if !path.exists() {
        return Err(Refusal::new(
            ErrorKind::NotFound,
            format!("there is no log of `{name}`"),
            format!("`ssmpf up {name}` begins one"),
        )
        .into());
    }
    Reader::last(&path, count).map_err(|error| failed(&path, &error))
}

/// Returns the lines that were added since.
pub fn added(reader: &mut Reader, logs: &Path) -> Result<Vec<String>, CommandError> {
    reader.added().map_err(|error| failed(logs, &error))
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    Refusal::failure(format!("{} cannot be read: {error}", path.display())).into()
}
