//! From the target as the user meant it to the nodes it may be.
//!
//! Called each time a session is started, and its answer is never kept: instances and tasks are
//! replaced. Nothing here reads the cache that TAB and lists use.
//!
//! What names one node (a Name, an address, a DNS name) must lead to one; two that are up are the
//! user's to choose between. What names a group (tags, an Auto Scaling group, an ECS service) gives
//! all its members, Online ones first, then the newest first.

mod containers;
mod machines;

use ssmpf_schema::ErrorKind;

use super::{AwsContext, AwsFailure, Verdict};
use crate::model::{Target, TargetMeaning, TargetSpec};

/// How many nodes a message lists at most.
const SHOWN: usize = 6;

/// The nodes that `spec` may mean, the most promising first. Never empty.
///
/// # Errors
///
/// An [`AwsFailure`] when nothing fits, when what fits is ambiguous, or when AWS could not be asked.
pub async fn candidates(
    context: &AwsContext,
    spec: &TargetSpec,
) -> Result<Vec<Target>, AwsFailure> {
    match spec.meaning() {
        TargetMeaning::Exact(target) => Ok(vec![target.clone()]),
        TargetMeaning::EcsService { cluster, service, container } => {
            containers::candidates(context, spec, cluster, service, container.as_deref()).await
        }
        _ => machines::candidates(context, spec).await,
    }
}

/// Nothing answers to the target, or too much does.
///
/// A forward that runs asks again: while an instance is being replaced there is none for a while.
fn not_found(sentence: impl Into<String>, hint: impl Into<String>) -> AwsFailure {
    AwsFailure::new(ErrorKind::NotFound, Verdict::TrySlower, sentence, hint)
}

/// There is such a target, but no session can go there now.
fn not_connected(sentence: impl Into<String>, hint: impl Into<String>) -> AwsFailure {
    AwsFailure::new(ErrorKind::TargetNotConnected, Verdict::TrySlower, sentence, hint)
}

/// Joins the first few of a list for a sentence.
fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let shown: Vec<&str> = words.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match words.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_with_a_count() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["a"; SHOWN + 2]), "a, a, a, a, a, a and 2 more");
    }
}
