//! What `targets`, `endpoints` and `sessions` have in common: they look at many places and put
//! together what comes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use ssmpf_schema::{PlaceFailure, PlaceRecord};

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
/// Only when nothing could be read anywhere: then the failure of the first place, with what else there
/// was as causes.
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
    match outcome.failures.split_first() {
        Some((first, others)) if outcome.places.is_empty() => {
            Err(unanswered(first, others, progress.done))
        }
        _ => Ok(outcome),
    }
}

/// Other failures that an error names at most.
const OTHERS: usize = 20;

fn unanswered(first: &PlaceFailure, others: &[PlaceFailure], places: usize) -> CommandError {
    let mut body = first.error.clone();
    let in_words = |failure: &PlaceFailure| match places {
        0 | 1 => failure.error.message.clone(),
        _ => format!("{}: {}", place(failure), failure.error.message),
    };
    if places > 1 {
        body.message = format!("none of {places} places could be read; {}", in_words(first));
    }
    // What forty profiles fail with together is read once.
    let mut said = BTreeSet::from([first.error.message.as_str()]);
    let others: Vec<_> = others.iter().filter(|it| said.insert(&it.error.message)).collect();
    let with_hint = |it: &&PlaceFailure| match &it.error.hint {
        Some(hint) if it.error.hint != first.error.hint => format!("{}; {hint}", in_words(it)),
        _ => in_words(it),
    };
    body.causes.extend(others.iter().take(OTHERS).map(with_hint));
    if let Some(more) = others.len().checked_sub(OTHERS).filter(|more| *more > 0) {
        body.causes.push(format!("and {more} more"));
    }
    CommandError::Unanswered(body)
}

/// Names the place of a failure for people.
pub fn place(failure: &PlaceFailure) -> String {
    match (&failure.profile, &failure.region) {
        (Some(profile), Some(region)) => format!("{profile}/{region}"),
        (Some(word), None) | (None, Some(word)) => word.clone(),
        (None, None) => "here".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::{ErrorBody, ErrorKind};

    use super::*;

    fn failure(region: &str, message: &str) -> PlaceFailure {
        PlaceFailure {
            profile: None,
            region: Some(region.to_owned()),
            error: ErrorBody {
                kind: ErrorKind::Denied,
                message: message.to_owned(),
                hint: Some("ask".to_owned()),
                causes: vec!["AccessDenied".to_owned()],
            },
        }
    }

    #[test]
    fn when_nothing_is_read_the_first_failure_is_the_error_and_other_ones_its_causes() {
        let others = [failure("b", "no"), failure("b", "never"), failure("c", "never")];
        let body = unanswered(&failure("a", "no"), &others, 2).body();
        assert_eq!(body.kind, ErrorKind::Denied);
        assert_eq!(body.message, "none of 2 places could be read; a: no");
        assert_eq!(body.causes, ["AccessDenied", "b: never"]);
    }

    #[test]
    fn two_failures_of_one_place_need_not_name_it() {
        let body = unanswered(&failure("a", "no"), &[failure("a", "never")], 1).body();
        assert_eq!((body.message.as_str(), body.causes.len()), ("no", 2));
        assert_eq!(body.causes[1], "never");
    }

    #[test]
    fn a_thousand_failures_are_not_all_named() {
        let others: Vec<_> = (0..1000).map(|n| failure("b", &format!("no {n}"))).collect();
        let body = unanswered(&failure("a", "no"), &others, 1001).body();
        assert_eq!(body.causes.len(), 1 + OTHERS + 1);
        assert_eq!(body.causes.last().unwrap(), "and 980 more");
    }
}
