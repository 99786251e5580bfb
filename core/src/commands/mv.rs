//! `ssmpf mv` and `ssmpf cp`: another name for a connection, or a second one like it.

use ssmpf_schema::ConnectionRecord;
use ssmpf_store::{CatalogueError, Contents};

use super::context::Context;
use super::{CommandError, record};
use crate::model::ConnectionName;

/// Gives a connection another name.
pub fn rename(
    from: &str,
    to: ConnectionName,
    context: &mut Context,
) -> Result<ConnectionRecord, CommandError> {
    let now = context.now;
    changed(&to, context, |contents| contents.rename(from, to.clone(), now))
}

/// Copies a connection, with a local port of its own.
pub fn copy(
    from: &str,
    to: ConnectionName,
    context: &mut Context,
) -> Result<ConnectionRecord, CommandError> {
    let now = context.now;
    changed(&to, context, |contents| contents.copy(from, to.clone(), now))
}

/// Changes the store and returns the connection that is called `name` then.
fn changed(
    name: &ConnectionName,
    context: &mut Context,
    change: impl FnOnce(&mut Contents) -> Result<(), CatalogueError>,
) -> Result<ConnectionRecord, CommandError> {
    context.store.update(|contents| {
        change(contents)?;
        let (name, connection) = contents.get(name.as_str())?;
        Ok(record::of(name, connection))
    })
}
