//! `ssmpf endpoints`: databases and caches that can be destinations.

use std::ops::ControlFlow;
use std::sync::Arc;

use ssmpf_schema::{EndpointRecord, EndpointsDocument, SCHEMA};

use super::CommandError;
use super::find::{Outcome, Step, gather};
use crate::discovery::endpoints;
use crate::discovery::sweep::{Look, Plan};

/// Returns what was found everywhere, telling each step.
pub async fn run(
    plan: Plan,
    tell: impl FnMut(Step<'_, EndpointRecord>) -> ControlFlow<()>,
) -> Result<EndpointsDocument, CommandError> {
    let look: Look<EndpointRecord> =
        Arc::new(|context| Box::pin(async move { endpoints::in_place(&context).await }));
    let Outcome { records, places, failures } = gather(plan, look, tell).await?;
    Ok(EndpointsDocument { schema: SCHEMA.to_owned(), endpoints: records, places, failures })
}
