//! From the target as the user meant it to the nodes it may be.
//!
//! Called each time a session is started, and its answer is never kept: instances and tasks are
//! replaced.

use ssmpf_schema::ErrorKind;

use super::{AwsContext, AwsFailure, Verdict};
use crate::model::{Target, TargetSpec};

/// The nodes that `spec` may mean, the most promising first. Never empty.
///
/// # Errors
///
/// An [`AwsFailure`] when nothing fits, or AWS could not be asked.
pub async fn candidates(
    _context: &AwsContext,
    spec: &TargetSpec,
) -> Result<Vec<Target>, AwsFailure> {
    spec.exact().map(|target| vec![target.clone()]).ok_or_else(|| {
        AwsFailure::new(
            ErrorKind::NotFound,
            Verdict::GiveUp,
            format!("the target `{spec}` is resolved from the next release on"),
            "give the node itself: `--target i-…`",
        )
    })
}
