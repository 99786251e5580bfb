//! What the service answers instead of a token.

use ssmpf_schema::ErrorKind;

use crate::aws::error::{AwsFailure, Verdict};

/// Why there is no token, or not yet.
#[derive(Debug)]
pub enum SignInError {
    /// The person has not finished.
    Pending,
    /// The person has not finished, and we ask too often.
    SlowDown,
    /// The service does not know the client; registering again may help.
    UnknownClient(AwsFailure),
    /// Anything else.
    Failed(AwsFailure),
}

impl SignInError {
    /// Returns what to say about it.
    pub fn into_failure(self) -> AwsFailure {
        match self {
            SignInError::UnknownClient(failure) | SignInError::Failed(failure) => failure,
            SignInError::Pending | SignInError::SlowDown => AwsFailure::new(
                ErrorKind::SignInRequired,
                Verdict::SignIn,
                "the sign-in is not finished",
                "finish it in the browser",
            ),
        }
    }
}

impl From<AwsFailure> for SignInError {
    fn from(failure: AwsFailure) -> Self {
        SignInError::Failed(failure)
    }
}
