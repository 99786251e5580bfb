//! `ssmpf passwd`, `unlock` and `lock`: the key of the store.

use std::time::Duration;

use ssmpf_schema::{DoneDocument, SCHEMA};
use ssmpf_store::Passphrase;

use super::context::Context;
use super::{CommandError, Refusal};

/// Changes the passphrase: to the one given, or to one that a person types twice.
pub fn passwd(
    new: Option<Passphrase>,
    context: &mut Context,
) -> Result<DoneDocument, CommandError> {
    need_store(context)?;
    context.store.change_passphrase(new)?;
    Ok(done("the passphrase was changed; the connections were not touched", true))
}

/// Keeps the key for this session, for at most `limit`.
pub fn unlock(limit: Duration, context: &mut Context) -> Result<DoneDocument, CommandError> {
    need_store(context)?;
    context.store.unlock(limit)?;
    Ok(done("the store is unlocked for this session", true))
}

/// Forgets the key that is kept for this session.
pub fn lock(context: &mut Context) -> DoneDocument {
    match context.store.lock() {
        true => done("the key that was kept for this session is forgotten", true),
        false => done("no key was kept for this session", false),
    }
}

/// Refuses what makes no sense before there is a store.
pub(super) fn need_store(context: &Context) -> Result<(), CommandError> {
    if context.store.exists() {
        return Ok(());
    }
    let mut refusal =
        Refusal::failure(format!("there is no store at {} yet", context.store.path().display()));
    refusal.hint = Some("the first `ssmpf add` or `ssmpf import` makes one".to_owned());
    Err(refusal.into())
}

/// What a command says that has nothing to show.
pub(super) fn done(message: impl Into<String>, changed: bool) -> DoneDocument {
    DoneDocument { schema: SCHEMA.to_owned(), message: message.into(), changed }
}
