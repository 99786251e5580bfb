//! stdin and stdout as the one client of a session: for ssh's ProxyCommand.

use std::time::Duration;

use ssmpf_proto::CloseReason;
use ssmpf_schema::ErrorKind;
use tokio::time::timeout;

use super::ForwardPlan;
use super::failure::ForwardError;
use super::hub::Hub;
use super::pump::{self, Ending};
use super::traffic::Meter;
use crate::session::SessionEnd;

/// Longest wait for bytes that are on their way to stdout when the session has ended.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// Serves stdin and stdout until the connection or the session ends; `end` completes with the
/// session.
///
/// # Errors
///
/// A [`ForwardError`] unless the server or the local side ended the connection.
pub async fn serve(
    hub: &Hub,
    plan: &ForwardPlan,
    end: impl Future<Output = SessionEnd>,
) -> Result<String, ForwardError> {
    let (_, _guard) = hub.enter();
    let connection = connect(hub);
    tokio::pin!(connection, end);
    let (ending, end) = tokio::select! {
        ending = &mut connection => {
            // What ended the connection may have ended the session as well.
            let end = match ending {
                Ending::SessionLost => timeout(LAST_BYTES, end).await.ok(),
                _ => None,
            };
            (ending, end)
        }
        end = &mut end => {
            let ending = timeout(LAST_BYTES, connection).await;
            (ending.unwrap_or(Ending::SessionLost), Some(end))
        }
    };
    match end {
        Some(SessionEnd::Lost(failure)) => Err(ForwardError::from(failure).given_up()),
        Some(SessionEnd::Closed(CloseReason::ByService { output })) if output.is_empty() => {
            explain(ending, plan)
        }
        Some(SessionEnd::Closed(CloseReason::Terminated { .. })) | None => explain(ending, plan),
        Some(SessionEnd::Closed(reason)) => Err(ForwardError::from_close(&reason)),
    }
}

async fn connect(hub: &Hub) -> Ending {
    let Ok((stream, lease)) = hub.open_stream().await else { return Ending::SessionLost };
    let (mut stdin, mut stdout) = (tokio::io::stdin(), tokio::io::stdout());
    // Whoever reads our stdout may be waiting for its end: there is nothing to linger for.
    let never = std::future::pending();
    let meter = Meter::new(&lease.traffic, hub.traffic());
    pump::run(&mut stdin, &mut stdout, stream, &meter, || {}, never).await
}

fn explain(ending: Ending, plan: &ForwardPlan) -> Result<String, ForwardError> {
    match ending {
        Ending::Complete | Ending::ClientLeft => Ok("the connection ended".to_owned()),
        Ending::Refused => Err(ForwardError::new(
            ErrorKind::DestinationUnreachable,
            format!("the agent could not connect to {}", plan.destination),
            "check that something listens there and that the node may reach it",
        )),
        Ending::Abandoned | Ending::TooSlow | Ending::SessionLost => Err(ForwardError::new(
            ErrorKind::TunnelLost,
            "the session was lost, and the connection with it",
            "connect again",
        )),
    }
}
