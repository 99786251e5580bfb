//! `ssmpf store`: the file itself, whom it is sealed to, and its key.

use std::path::Path;

use ssmpf_schema::{DoneDocument, RecipientsDocument, SCHEMA, StoreContents, StoreDocument};
use ssmpf_store::Recipient;
use ssmpf_store::keys::KeySource;

use super::context::Context;
use super::keys::{done, need_store};
use super::{CommandError, Refusal};
use crate::model::Redacted;

/// Returns where the store lies. Opens nothing.
pub fn path(context: &Context) -> StoreDocument {
    StoreDocument {
        schema: SCHEMA.to_owned(),
        path: context.places.store.path().display().to_string(),
        identity_path: context.places.identity.path().display().to_string(),
        exists: context.store.exists(),
        contents: None,
    }
}

/// Opens the store and returns what is in it.
pub fn verify(context: &mut Context) -> Result<StoreDocument, CommandError> {
    let found = context.store.verify()?;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(StoreDocument {
        exists: found.exists,
        contents: Some(StoreContents {
            size: found.size,
            connections: count(found.connections),
            recipients: count(found.recipients),
            key_source: found.key_source.map(|source| source_name(source).to_owned()),
        }),
        ..path(context)
    })
}

/// Copies the store, sealed as it is, to a new file.
pub fn backup(to: &Path, context: &mut Context) -> Result<DoneDocument, CommandError> {
    need_store(context)?;
    context.store.backup(to)?;
    Ok(done(format!("the store was copied to {}", to.display()), true))
}

/// Returns the private key, as `age -d -i` takes it.
pub fn export_identity(context: &mut Context) -> Result<Redacted<String>, CommandError> {
    need_store(context)?;
    Ok(context.store.export_identity()?)
}

/// Returns whom the store is sealed to.
pub fn recipients(context: &mut Context) -> Result<RecipientsDocument, CommandError> {
    need_store(context)?;
    let others = context.store.read()?.recipients;
    let own = context.store.own_recipients()?;
    let text = |all: &[Recipient]| all.iter().map(Recipient::to_string).collect();
    Ok(RecipientsDocument { schema: SCHEMA.to_owned(), own: text(&own), others: text(&others) })
}

/// Seals the store to others too, from now on.
pub fn add_recipients(
    new: &[Recipient],
    context: &mut Context,
) -> Result<RecipientsDocument, CommandError> {
    context.store.update(|contents| {
        for recipient in new {
            if !contents.recipients.contains(recipient) {
                contents.recipients.push(recipient.clone());
            }
        }
        Ok::<_, CommandError>(())
    })?;
    recipients(context)
}

/// Seals the store to others no longer. What they have copied before they can still read.
pub fn remove_recipients(
    gone: &[Recipient],
    context: &mut Context,
) -> Result<RecipientsDocument, CommandError> {
    need_store(context)?;
    context.store.update(|contents| {
        for recipient in gone {
            if !contents.recipients.contains(recipient) {
                return Err(CommandError::Refused(Refusal::new(
                    ssmpf_schema::ErrorKind::NotFound,
                    format!("the store is not sealed to `{recipient}`"),
                    "`ssmpf store recipients` shows whom it is sealed to",
                )));
            }
            contents.recipients.retain(|known| known != recipient);
        }
        Ok(())
    })?;
    recipients(context)
}

fn source_name(source: KeySource) -> &'static str {
    match source {
        KeySource::IdentityFile => "identity-file",
        KeySource::Keyring => "keyring",
        KeySource::Cache => "session-cache",
        KeySource::Passphrase(_) => "passphrase",
        KeySource::Prompt => "prompt",
    }
}
