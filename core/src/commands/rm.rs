//! `ssmpf rm`: connections that are no longer wanted.

use ssmpf_schema::{RemovedDocument, SCHEMA};

use super::CommandError;
use super::context::{Context, declined};
use crate::model::InvalidInput;

/// Which connections.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names and `@tags`.
    pub names: Vec<String>,
    /// Nobody needs to be asked.
    pub yes: bool,
}

/// Removes connections after asking. One name that leads nowhere, and none is removed.
pub fn run(request: &Request, context: &mut Context) -> Result<RemovedDocument, CommandError> {
    let contents = context.store.read()?;
    let chosen = contents.select(&request.names)?;
    let names: Vec<String> = chosen.iter().map(|(name, _)| name.to_string()).collect();
    if !request.yes {
        let what = match &names[..] {
            [one] => format!("`{one}`"),
            several => format!("{} connections ({})", several.len(), several.join(", ")),
        };
        match context.confirm(&format!("Remove {what}?"))? {
            Some(true) => {}
            Some(false) => return Err(declined()),
            None => {
                return Err(InvalidInput::new(
                    format!("there is nobody to ask whether to remove {what}"),
                    "add `-y` to remove without asking",
                )
                .into());
            }
        }
    }
    context.store.update(|contents| {
        for name in &names {
            contents.remove(name)?;
        }
        Ok::<_, CommandError>(())
    })?;
    Ok(RemovedDocument { schema: SCHEMA.to_owned(), removed: names })
}
