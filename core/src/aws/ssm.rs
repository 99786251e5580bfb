//! The calls to Systems Manager that sessions need.

use aws_sdk_ssm::Client;
use ssmpf_schema::ErrorKind;

use super::answer;
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::document::SessionDocument;
use super::error::{AwsFailure, Operation, Verdict};
use crate::model::Redacted;
use crate::model::Target;

/// What a session is started with.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The node.
    pub target: Target,
    /// The document and its parameters.
    pub document: SessionDocument,
    /// For the session history and CloudTrail.
    pub reason: Option<String>,
}

/// A session that is waiting for our websocket: its agent gives up after 15 seconds.
#[derive(Clone, Debug)]
pub struct StartedSession {
    /// Names the session in later calls.
    pub session_id: String,
    /// Where to connect; it replaces any earlier one of the same session.
    pub stream_url: Redacted<String>,
    /// Good for connecting once, now.
    pub token: Redacted<String>,
}

/// A client of Systems Manager. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ssm {
    client: Client,
    context: AwsContext,
}

impl Ssm {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(context.sdk())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Waits until a session may be started: for credentials, so that missing ones are told from a
    /// failing call, and for the slot that was agreed on. Nothing is lost when this is cut short.
    pub async fn wait_for_turn(&self) -> Result<(), AwsFailure> {
        self.context.credentials().await?;
        self.context.wait_for_slot().await;
        Ok(())
    }

    /// Starts a session. Its turn must have come: [`Ssm::wait_for_turn`].
    pub async fn start_session(
        &self,
        request: &StartRequest,
    ) -> Result<StartedSession, AwsFailure> {
        let target = request.target.to_string();
        let document = &request.document;
        let parameters = document.parameters().clone().into_iter().collect();
        let answer = self
            .client
            .start_session()
            .target(&target)
            .document_name(document.name())
            .set_parameters(Some(parameters))
            .set_reason(request.reason.clone())
            .send()
            .await;
        let operation = Operation::StartSession { target: &target, document: document.name() };
        let answer = self.explained(answer, operation).await?;
        let parts = (answer.session_id, answer.stream_url, answer.token_value);
        if let Some((watch, id)) = self.context.watch().zip(parts.0.as_deref()) {
            watch.started(id);
        }
        complete(parts).ok_or_else(|| {
            AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::TryAgain,
                format!("AWS started a session to {target} but did not say how to reach it"),
                "try again; if it repeats, check the endpoint settings",
            )
        })
    }

    /// Asks for a new stream URL and token of a session whose connection was lost.
    pub async fn resume_session(&self, session_id: &str) -> Result<StartedSession, AwsFailure> {
        self.context.credentials().await?;
        let answer = self.client.resume_session().session_id(session_id).send().await;
        let operation = Operation::ResumeSession(session_id);
        let answer = self.explained(answer, operation).await?;
        let id = answer.session_id.or_else(|| Some(session_id.to_owned()));
        complete((id, answer.stream_url, answer.token_value)).ok_or_else(|| {
            // This is how the service says that a session timed out.
            AwsFailure::new(
                ErrorKind::SessionFailed,
                Verdict::SessionOver,
                format!("session {session_id} has ended and cannot be resumed"),
                "start it again",
            )
        })
    }

    /// Ends a session; one that ended already counts as success.
    pub async fn terminate_session(&self, session_id: &str) -> Result<(), AwsFailure> {
        let answer = self.client.terminate_session().session_id(session_id).send().await;
        let operation = Operation::TerminateSession(session_id);
        match self.explained(answer, operation).await {
            Err(failure) if failure.verdict != Verdict::SessionOver => Err(failure),
            _ => {
                self.note_ended(session_id);
                Ok(())
            }
        }
    }

    /// Notes that a session is over without a call: the agent or the service has said so.
    pub fn note_ended(&self, session_id: &str) {
        if let Some(watch) = self.context.watch() {
            watch.ended(session_id);
        }
    }

    async fn explained<T, E>(
        &self,
        answer: Result<T, aws_sdk_ssm::error::SdkError<E>>,
        operation: Operation<'_>,
    ) -> Result<T, AwsFailure>
    where
        E: aws_sdk_ssm::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        answer::explained(&self.context, answer, operation).await
    }
}

/// Joins the three parts of an answer; each may be missing or empty.
fn complete(parts: (Option<String>, Option<String>, Option<String>)) -> Option<StartedSession> {
    let given = |part: Option<String>| part.filter(|text| !text.is_empty());
    let (session_id, stream_url, token) = parts;
    Some(StartedSession {
        session_id: given(session_id)?,
        stream_url: Redacted::new(given(stream_url)?),
        token: Redacted::new(given(token)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_only_with_all_three_parts() {
        let text = |text: &str| Some(text.to_owned());
        let all = complete((text("id"), text("wss://x"), text("token"))).expect("complete");
        assert_eq!(all.token.expose(), "token");
        assert!(complete((text("id"), text("wss://x"), text(""))).is_none());
        assert!(complete((text("id"), text("wss://x"), None)).is_none());
        assert!(complete((None, text("wss://x"), text("token"))).is_none());
    }

    #[test]
    fn a_started_session_shows_no_secret() {
        let text = |text: &str| Some(text.to_owned());
        let session =
            complete((text("id"), text("wss://hidden"), text("hidden"))).expect("complete");
        assert!(!format!("{session:?}").contains("hidden"));
    }
}
