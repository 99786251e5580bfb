//! What `targets`, `endpoints` and `sessions` have in common: they look at many places and put
//! together what comes.

use std::ops::ControlFlow;

use ssmpf_schema::{ErrorBody, PlaceFailure, PlaceRecord};

use super::CommandError;
use crate::discovery::Finding;
use crate::discovery::sweep::{Arrival, Look, Plan, sweep};

/// What came, and how far it is.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a, T> {
    /// These were found.
    Records(&'a [T]),
    /// This could not be read.
    Failure(&'a PlaceFailure),
    /// So far.
    Progress(Progress),
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Places that were looked at.
    pub done: usize,
    /// Places that are known; more may come.
    pub places: usize,
    /// What was found.
    pub found: usize,
}

/// All that came.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    /// In the order of [`Finding::order`].
    pub records: Vec<T>,
    /// Where it was looked.
    pub places: Vec<PlaceRecord>,
    /// What could not be read.
    pub failures: Vec<PlaceFailure>,
}

/// Looks everywhere, telling each step, and returns all of it.
///
/// # Errors
///
/// Only when nothing could be read anywhere: then the failure of the first place.
pub async fn gather<T: Finding>(
    plan: Plan,
    look: Look<T>,
    mut tell: impl FnMut(Step<'_, T>) -> ControlFlow<()>,
) -> Result<Outcome<T>, CommandError> {
    let mut outcome = Outcome { records: Vec::new(), places: Vec::new(), failures: Vec::new() };
    let mut progress = Progress::default();
    sweep(plan, look, |arrival| {
        match arrival {
            Arrival::Places(count) => progress.places += count,
            Arrival::Found(place, records) => {
                progress.done += 1;
                progress.found += records.len();
                tell(Step::Records(&records))?;
                outcome.places.push(place);
                outcome.records.extend(records);
            }
            Arrival::Failed(failure) => {
                tell(Step::Failure(&failure))?;
                outcome.failures.push(failure);
            }
            Arrival::Dark => progress.done += 1,
        }
        tell(Step::Progress(progress))
    })
    .await;
    outcome.records.sort_by(|a, b| a.order().cmp(&b.order()));
    outcome.places.sort_by(|a, b| (&a.profile, &a.region).cmp(&(&b.profile, &b.region)));
    outcome.failures.sort_by(|a, b| (&a.profile, &a.region).cmp(&(&b.profile, &b.region)));
    match outcome.failures.first() {
        Some(first) if outcome.places.is_empty() => Err(unanswered(first, progress.done)),
        _ => Ok(outcome),
    }
}

fn unanswered(first: &PlaceFailure, places: usize) -> CommandError {
    if places <= 1 {
        return CommandError::Unanswered(first.error.clone());
    }
    let message =
        format!("none of {places} places could be read; {}: {}", place(first), first.error.message);
    CommandError::Unanswered(ErrorBody { message, ..first.error.clone() })
}

/// Names the place of a failure for people.
pub fn place(failure: &PlaceFailure) -> String {
    match (&failure.profile, &failure.region) {
        (Some(profile), Some(region)) => format!("{profile}/{region}"),
        (Some(word), None) | (None, Some(word)) => word.clone(),
        (None, None) => "here".to_owned(),
    }
}
