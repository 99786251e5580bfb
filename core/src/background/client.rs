//! Asks running forwards over their control sockets.

use std::io;
use std::time::Duration;

use ssmpf_schema::ForwardState;
use ssmpf_schema::ForwardStatus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::control::{self, Reply, Request};
use super::registry::Record;
use super::runtime_dir::RuntimeDir;
use super::socket::{self, Connection};
use crate::model::ConnectionName;

/// Longest wait for an answer. A forward answers in well under a millisecond; a machine that swaps
/// needs longer.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("nobody listens: {0}")]
    Absent(io::Error),
    /// It did not answer in time, or not in words that are understood.
    #[error("{0}")]
    Silent(String),
}

/// A conversation with one forward.
#[derive(Debug)]
pub struct Conversation {
    connection: Connection,
    buffer: Vec<u8>,
}

impl Conversation {
    /// Connects to the forward of a name.
    pub async fn open(folder: &RuntimeDir, name: &ConnectionName) -> Result<Self, AskError> {
        let path = folder.file(name, "sock");
        match timeout(PATIENCE, socket::connect(&path)).await {
            Ok(Ok(connection)) => Ok(Self { connection, buffer: Vec::new() }),
            // It listens, and has not taken the connections of many who asked before.
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(AskError::Silent("it takes no connection".to_owned()))
            }
            Ok(Err(error)) => Err(AskError::Absent(error)),
            Err(_) => Err(AskError::Silent("it takes no connection".to_owned())),
        }
    }

    /// Asks and returns the answer.
    pub async fn ask(&mut self, request: &str) -> Result<Reply, AskError> {
        let request = Request { request: request.to_owned() };
        // One text always serializes.
        let mut line = serde_json::to_vec(&request).unwrap_or_default();
        line.push(b'\n');
        let answer = async {
            self.connection.write_all(&line).await.ok()?;
            control::read_line(&mut self.connection, &mut self.buffer).await
        };
        let answer = timeout(PATIENCE, answer).await;
        let answer = answer.map_err(|_| AskError::Silent("it does not answer".to_owned()))?;
        let answer = answer.ok_or_else(|| AskError::Silent("it broke off".to_owned()))?;
        serde_json::from_slice(&answer)
            .map_err(|error| AskError::Silent(format!("its answer is not understood: {error}")))
    }

    /// Returns the process of the forward, as the system knows it.
    pub fn process(&self) -> Option<u32> {
        socket::peer_process(&self.connection)
    }

    /// Waits until the forward hangs up, as it does when it ends.
    pub async fn hung_up(&mut self) {
        let mut rest = [0; 1024];
        while matches!(self.connection.read(&mut rest).await, Ok(1..)) {}
    }
}

/// Returns the state of one forward.
pub async fn status(folder: &RuntimeDir, name: &ConnectionName) -> Result<ForwardStatus, AskError> {
    let reply = Conversation::open(folder, name).await?.ask("status").await?;
    let error = reply.error.map(|error| error.message);
    reply.forward.ok_or_else(|| AskError::Silent(error.unwrap_or_default()))
}

/// Returns the states of forwards whose processes live, asked all at once, in the order of names.
pub async fn statuses(folder: &RuntimeDir, records: Vec<Record>) -> Vec<ForwardStatus> {
    let mut asking = JoinSet::new();
    for record in records {
        let folder = folder.clone();
        asking.spawn(async move {
            let Ok(name) = record.name.parse::<ConnectionName>() else { return None };
            match status(&folder, &name).await {
                // Whatever it calls itself, this is where it was found.
                Ok(status) => Some(ForwardStatus { name: record.name, ..status }),
                // It has the lock and no socket: not there yet, or on its way out.
                Err(AskError::Absent(_)) => Some(record.status(ForwardState::Starting)),
                Err(AskError::Silent(why)) => {
                    tracing::debug!(%name, why, "no answer");
                    Some(record.status(ForwardState::Unresponsive))
                }
            }
        });
    }
    let mut all: Vec<_> = asking.join_all().await.into_iter().flatten().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
