//! `ssmpf mv` and `ssmpf cp`: another name for a connection, or a second one like it.

use ssmpf_schema::ConnectionRecord;

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
    context.store.update(|contents| {
        contents.rename(from, to.clone(), now)?;
        let (name, connection) = contents.get(to.as_str())?;
        Ok(record::of(name, connection))
    })
}

/// Copies a connection, with a local port of its own.
pub fn copy(
    from: &str,
    to: ConnectionName,
    context: &mut Context,
) -> Result<ConnectionRecord, CommandError> {
    let now = context.now;
    context.store.update(|contents| {
        contents.copy(from, to.clone(), now)?;
        let (name, connection) = contents.get(to.as_str())?;
        Ok(record::of(name, connection))
    })
}
