//! `ssmpf edit`: changes to a connection, by the flags of `add`.

use ssmpf_schema::ConnectionRecord;

use super::add::warn_of_shared_port;
use super::context::Context;
use super::fields::Fields;
use super::{CommandError, record};
use crate::model::InvalidInput;

/// What to change.
#[derive(Clone, Debug)]
pub struct Request {
    /// The connection.
    pub name: String,
    /// Its new values.
    pub fields: Fields,
}

/// Changes a connection and returns it as it is now.
pub fn run(request: &Request, context: &mut Context) -> Result<ConnectionRecord, CommandError> {
    if request.fields.is_empty() {
        return Err(InvalidInput::new(
            format!("nothing was said about what to change in `{}`", request.name),
            "give the flags of `ssmpf add`, such as `--port 5433`; an empty value takes one away",
        )
        .into());
    }
    let now = context.now;
    let (name, connection, holder) = context.store.update(|contents| {
        let (name, before) = contents.get(&request.name)?;
        let (name, mut connection) = (name.clone(), before.clone());
        request.fields.apply(&name, &mut connection, contents)?;
        if connection != *before {
            connection.updated = now;
            *contents.get_mut(name.as_str())? = connection.clone();
        }
        let holder = contents.holder_of(connection.local_port, &name).cloned();
        Ok::<_, CommandError>((name, connection, holder))
    })?;
    if request.fields.local_port.is_some() {
        warn_of_shared_port(&connection, holder, context);
    }
    Ok(record::of(&name, &connection))
}
