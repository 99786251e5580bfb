//! `ssmpf show`: one connection, in our words or in those of other programs.

use ssmpf_schema::{ConnectionRecord, RenderingDocument, SCHEMA};
use ssmpf_store::show::{As, render};

use super::context::Context;
use super::{CommandError, record};

/// Returns the connection called `name`.
pub fn run(name: &str, context: &mut Context) -> Result<ConnectionRecord, CommandError> {
    let (name, connection) = context.find(name)?;
    Ok(record::of(&name, &connection))
}

/// Returns the connection called `name` in another program's words.
pub fn rendering(
    name: &str,
    form: As,
    context: &mut Context,
) -> Result<RenderingDocument, CommandError> {
    let (name, connection) = context.find(name)?;
    Ok(RenderingDocument {
        schema: SCHEMA.to_owned(),
        name: name.to_string(),
        format: form.to_string(),
        text: render(&name, &connection, form)?,
    })
}
