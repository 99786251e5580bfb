//! `ssmpf export` and `ssmpf import`: connections out of this store and into it.

use ssmpf_schema::{ErrorKind, ImportSummary, Imported, LeftOut, SCHEMA};
use ssmpf_store::import::{self, Conflict, Reading, Summary};
use ssmpf_store::{Contents, Passphrase};

use super::context::Context;
use super::{CommandError, Refusal};
use crate::model::{InvalidInput, TargetSpec, Timestamp};

/// What is imported.
#[derive(Debug)]
pub enum Source {
    /// What `export` writes.
    Json(Vec<u8>),
    /// The store of the Python port-forwarding manager.
    Fernet {
        /// Its file.
        token: Vec<u8>,
        /// The file of the salt beside it.
        salt: Vec<u8>,
        /// Its password.
        password: Passphrase,
    },
    /// OpenSSH's configuration.
    SshConfig(String),
    /// basti's configuration.
    Basti {
        /// Its file.
        text: String,
        /// The node to go through, which the file does not have.
        bastion: Option<TargetSpec>,
    },
}

/// What to import, and how.
#[derive(Debug)]
pub struct Request {
    /// What is imported.
    pub source: Source,
    /// What to do with names that are taken.
    pub conflict: Conflict,
    /// Only say what would be taken.
    pub dry_run: bool,
}

/// Returns the chosen connections, or all, as JSON that `import json` reads. Not encrypted.
pub fn export(names: &[String], context: &mut Context) -> Result<String, CommandError> {
    let mut contents = context.store.read()?;
    if !names.is_empty() {
        let chosen = contents.select(names)?;
        let connections = chosen.into_iter().map(|(name, it)| (name.clone(), it.clone())).collect();
        contents = Contents { connections, ..Contents::default() };
    }
    Ok(import::json::write(&contents))
}

/// Takes connections into the store, or only says what would be taken.
pub fn import(request: Request, context: &mut Context) -> Result<ImportSummary, CommandError> {
    let Request { source, conflict, dry_run } = request;
    let now = context.now;
    let (name, reading) = read(source, now)?;
    let summary = if dry_run {
        import::merge(reading, &mut context.store.read()?, conflict, now)
    } else {
        context.store.update(|contents| {
            Ok::<_, CommandError>(import::merge(reading, contents, conflict, now))
        })?
    };
    Ok(document(name, dry_run, summary))
}

fn read(source: Source, now: Timestamp) -> Result<(&'static str, Reading), CommandError> {
    Ok(match source {
        Source::Json(text) => {
            let reading = import::json::read(&text).map_err(|error| {
                InvalidInput::new(
                    format!("this is not an export of connections: {error}"),
                    "`ssmpf export` shows what is read",
                )
            })?;
            ("json", reading)
        }
        Source::Fernet { token, salt, password } => {
            let reading = import::fernet::read(&token, &salt, &password, now).map_err(|error| {
                Refusal::new(
                    ErrorKind::StoreLocked,
                    format!("the Python manager's store cannot be read: {error}"),
                    "nothing was changed",
                )
            })?;
            ("fernet", reading)
        }
        Source::SshConfig(text) => ("ssh-config", import::ssh_config::read(&text, now)),
        Source::Basti { text, bastion } => {
            ("basti", import::basti::read(&text, bastion.as_ref(), now)?)
        }
    })
}

fn document(source: &str, dry_run: bool, summary: Summary) -> ImportSummary {
    let taken = summary.taken.iter().map(|name| {
        let renamed = summary.renamed.iter().find(|(_, here)| here == name);
        let moved = summary.moved.iter().filter(|(moved, ..)| moved == name);
        Imported {
            name: name.to_string(),
            renamed_from: renamed.map(|(there, _)| there.clone()),
            notes: moved
                .map(|(_, there, here)| {
                    format!("local port {there} belongs to another connection, so it got {here}")
                })
                .collect(),
        }
    });
    ImportSummary {
        schema: SCHEMA.to_owned(),
        source: source.to_owned(),
        dry_run,
        taken: taken.collect(),
        left: summary
            .left
            .into_iter()
            .map(|left| LeftOut { name: left.name, reason: left.why })
            .collect(),
    }
}
