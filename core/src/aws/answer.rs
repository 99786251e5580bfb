//! What every call has in common: its failure is explained, and credentials that were refused are
//! forgotten.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use super::config::AwsContext;
use super::error::{AwsFailure, Operation, Verdict};

/// Attempts of a call that only reads: listing many places at once is what AWS throttles first.
const READ_ATTEMPTS: u32 = 5;

/// Returns how often calls that only read are tried.
pub(super) fn patient() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(READ_ATTEMPTS)
}

/// Returns the answer of a call, or explains why there is none.
pub(super) async fn explained<T, E>(
    context: &AwsContext,
    answer: Result<T, SdkError<E, Response>>,
    operation: Operation<'_>,
) -> Result<T, AwsFailure>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(answer),
        Err(error) => {
            let failure = AwsFailure::from_sdk(error, operation, &context.surroundings());
            if failure.verdict == Verdict::SignIn {
                context.forget_credentials(failure.kind).await;
            }
            tracing::debug!(
                code = failure.code,
                request_id = failure.request_id,
                causes = ?failure.causes,
                "{failure}"
            );
            Err(failure)
        }
    }
}

/// Pages that are read of one list at most: 200,000 nodes. Beyond that somebody else is answering.
const MAX_PAGES: usize = 4000;

/// Follows the token of a page to the next one, and notices a service that goes round in circles.
#[derive(Debug, Default)]
pub(super) struct Pages {
    token: Option<String>,
    asked: usize,
}

impl Pages {
    /// Returns the token to ask for the next page with, or `None` after the last one.
    pub(super) fn next(&mut self) -> Option<Option<String>> {
        if self.asked > 0 && self.token.is_none() {
            return None;
        }
        if self.asked == MAX_PAGES {
            tracing::warn!("the list has no end; the rest of it was not read");
            return None;
        }
        self.asked += 1;
        Some(self.token.clone())
    }

    /// Takes note of what a page said about the next one. An empty token means that there is none.
    pub(super) fn follow(&mut self, token: Option<String>) {
        let token = token.filter(|token| !token.is_empty());
        // The same token twice would be asked for ever.
        self.token = token.filter(|token| self.token.as_ref() != Some(token));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_with_an_empty_token_or_one_that_repeats() {
        let mut pages = Pages::default();
        assert_eq!(pages.next(), Some(None));
        pages.follow(Some("a".to_owned()));
        assert_eq!(pages.next(), Some(Some("a".to_owned())));
        pages.follow(Some(String::new()));
        assert_eq!(pages.next(), None);

        let mut pages = Pages::default();
        pages.next();
        pages.follow(Some("a".to_owned()));
        pages.next();
        pages.follow(Some("a".to_owned()));
        assert_eq!(pages.next(), None);
    }

    #[test]
    fn a_list_without_an_end_is_given_up() {
        let mut pages = Pages::default();
        let mut asked = 0;
        while pages.next().is_some() {
            asked += 1;
            pages.follow(Some(asked.to_string()));
        }
        assert_eq!(asked, MAX_PAGES);
    }
}
