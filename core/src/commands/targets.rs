//! `ssmpf targets`: what sessions can go to.

use std::ops::ControlFlow;
use std::sync::Arc;

use ssmpf_schema::{SCHEMA, TargetRecord, TargetsDocument};

use super::CommandError;
use super::find::{Outcome, Step, gather};
use crate::discovery::sweep::{Look, Plan};
use crate::discovery::targets;

/// Where to look, and for what.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where.
    pub plan: Plan,
    /// Also instances that Systems Manager does not know.
    pub unmanaged: bool,
}

/// Returns what was found everywhere, telling each step.
pub async fn run(
    mut request: Request,
    tell: impl FnMut(Step<'_, TargetRecord>) -> ControlFlow<()>,
) -> Result<TargetsDocument, CommandError> {
    let unmanaged = request.unmanaged;
    if unmanaged {
        // What is kept is what can be chosen.
        request.plan.cache = None;
    }
    let look: Look<TargetRecord> = Arc::new(move |context| {
        Box::pin(async move { targets::in_place(&context, unmanaged).await })
    });
    let Outcome { records, places, failures } = gather(request.plan, look, tell).await?;
    Ok(TargetsDocument { schema: SCHEMA.to_owned(), targets: records, places, failures })
}
