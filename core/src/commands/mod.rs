//! One file per verb. A command takes a plain request and returns a result; it never prints.

pub mod forward;

use crate::aws::AwsFailure;
use crate::forward::ForwardError;
use crate::model::InvalidInput;

/// Why a command failed. `cli::error` gives each its words and its exit code.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A flag, a value or a setting is wrong.
    #[error(transparent)]
    Input(#[from] InvalidInput),
    /// AWS, the credentials for it, or the network on the way there.
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    /// The forward.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}
