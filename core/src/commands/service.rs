//! `ssmpf service`: connections with the tag `@autostart` come up at login.

use std::fs;
use std::io;
use std::path::PathBuf;

use ssmpf_schema::{DoneDocument, ErrorKind};

use super::keys::done;
use super::{CommandError, Refusal};
use crate::background::service::{Manager, TAG};

/// Where things lie for the service.
#[derive(Clone, Debug)]
pub struct Places {
    /// The user's home.
    pub home: PathBuf,
    /// The user's folder for configuration.
    pub config: PathBuf,
    /// The folder of logs.
    pub logs: PathBuf,
    /// This program.
    pub program: PathBuf,
}

/// Writes the definition.
pub fn install(places: &Places) -> Result<DoneDocument, CommandError> {
    let (manager, path) = manager(places)?;
    let failed = |error: io::Error| {
        Refusal::failure(format!("{} cannot be written: {error}", path.display()))
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(&places.logs).map_err(failed)?;
    fs::write(&path, definition(manager, places)).map_err(failed)?;
    Ok(done(
        format!(
            "wrote {}; tag connections with `ssmpf edit NAME --tag {TAG}`, and have it started \
             with: {}",
            path.display(),
            manager.enable(&path)
        ),
        true,
    ))
}

/// Removes the definition.
pub fn uninstall(places: &Places) -> Result<DoneDocument, CommandError> {
    let (manager, path) = manager(places)?;
    match fs::remove_file(&path) {
        Ok(()) => Ok(done(
            format!("removed {}; if it is in use: {}", path.display(), manager.disable(&path)),
            true,
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(done(format!("{} is not there", path.display()), false))
        }
        Err(error) => {
            Err(Refusal::failure(format!("{} cannot be removed: {error}", path.display())).into())
        }
    }
}

/// Returns the definition.
pub fn show(places: &Places) -> Result<String, CommandError> {
    let (manager, _) = manager(places)?;
    Ok(definition(manager, places))
}

fn definition(manager: Manager, places: &Places) -> String {
    manager.definition(&places.program, &places.logs.join("autostart.log"))
}

fn manager(places: &Places) -> Result<(Manager, PathBuf), CommandError> {
    let manager = Manager::of_this_system().ok_or_else(|| {
        Refusal::new(
            ErrorKind::Usage,
            "there is no service for this system",
            format!("have the Task Scheduler run `ssmpf up @{TAG}` at log on"),
        )
    })?;
    Ok((manager, manager.path(&places.home, &places.config)))
}
