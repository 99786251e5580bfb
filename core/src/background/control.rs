//! What is said over the control socket of a forward: one JSON object per line.
//!
//! Forwards outlive upgrades, so both sides may be of any version. Requests that are not known are
//! answered with an error, fields that are not known are ignored, and those that are missing have a
//! default. Whoever connects is greeted by nobody: the first line is a request.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssmpf_schema::{ErrorKind, ForwardStatus};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::recorder::Recorder;
use super::runtime_dir::RuntimeDir;
use super::socket::Connection;
pub use super::socket::Listener;
use crate::model::ConnectionName;
use crate::shutdown::{Cause, Trigger};

/// The version of the conversation. It grows only when an old word changes its meaning.
pub const PROTOCOL: u32 = 1;
/// Longest line, in bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// How many may be in conversation at the same time; the one that came first has to go for another.
const MAX_CLIENTS: usize = 16;
/// Longest wait for a request, and for its answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a failed accept, which is usually a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What is asked. The word is text, so that unknown ones can be answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    /// `hello`, `status` or `stop`.
    pub request: String,
}

/// What is answered. Which fields are there depends on the request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reply {
    /// [`PROTOCOL`] of the forward.
    pub protocol: u32,
    /// Version of its program.
    pub version: String,
    /// The forward at this moment: `status` and `stop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<ForwardStatus>,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Refused>,
}

/// Why a request was refused.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// An [`ErrorKind`], as text: a newer forward may have one that is not known here.
    pub kind: String,
    /// One sentence.
    pub message: String,
}

/// Begins to listen for the forward of a name, which must have been claimed.
pub fn listen(folder: &RuntimeDir, name: &ConnectionName) -> io::Result<Listener> {
    Listener::bind(&folder.file(name, "sock"))
}

/// Answers whoever asks, for as long as the forward lives.
pub async fn serve(mut listener: Listener, recorder: Recorder, stop: Trigger) {
    let mut conversations: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let connection = match listener.accept().await {
            Ok(connection) => connection,
            Err(error) => {
                tracing::debug!(%error, "the control socket");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        conversations.retain(|conversation| !conversation.is_finished());
        if conversations.len() >= MAX_CLIENTS
            && let Some(first) = conversations.pop_front()
        {
            first.abort();
        }
        let (recorder, stop) = (recorder.clone(), stop.clone());
        let conversation =
            tokio::spawn(async move { converse(connection, &recorder, &stop).await });
        conversations.push_back(conversation.abort_handle());
    }
}

/// Answers one client until it leaves or says nothing for too long.
async fn converse(mut connection: Connection, recorder: &Recorder, stop: &Trigger) {
    let mut buffer = Vec::new();
    while let Ok(Some(line)) = timeout(PATIENCE, read_line(&mut connection, &mut buffer)).await {
        let reply = answer(&line, recorder, stop);
        // Numbers, text and lists always serialize.
        let mut bytes = serde_json::to_vec(&reply).unwrap_or_default();
        bytes.push(b'\n');
        if !matches!(timeout(PATIENCE, connection.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn answer(line: &[u8], recorder: &Recorder, stop: &Trigger) -> Reply {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let reply = Reply { protocol: PROTOCOL, version, ..Reply::default() };
    let refused = |message: String| {
        let kind = ErrorKind::Usage.as_str().to_owned();
        Reply { error: Some(Refused { kind, message }), ..reply.clone() }
    };
    let Ok(Request { request }) = serde_json::from_slice(line) else {
        return refused("this is not a request".to_owned());
    };
    match request.as_str() {
        "hello" => reply,
        "status" => Reply { forward: Some(recorder.status()), ..reply },
        "stop" => {
            recorder.note_stopping();
            stop.request(Cause::Asked);
            Reply { forward: Some(recorder.status()), ..reply }
        }
        unknown => {
            let unknown: String = unknown.chars().take(40).collect();
            refused(format!("a forward of version {} does not know `{unknown}`", reply.version))
        }
    }
}

/// Reads a line without its end; `None` when there is none, or one that is too long.
///
/// `buffer` keeps what came after it.
pub async fn read_line<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut Vec<u8>,
) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let rest = buffer.split_off(end + 1);
            let mut line = std::mem::replace(buffer, rest);
            line.pop();
            return Some(line);
        }
        if buffer.len() >= MAX_LINE {
            return None;
        }
        let mut chunk = [0; 4096];
        match reader.read(&mut chunk).await {
            Ok(count @ 1..) => buffer.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::ForwardState;

    use super::*;
    use crate::shutdown::Shutdown;

    fn asked(line: &str) -> (Reply, Option<Cause>) {
        let (trigger, shutdown) = Shutdown::manual();
        let reply = answer(line.as_bytes(), &Recorder::default(), &trigger);
        (reply, shutdown.cause())
    }

    #[test]
    fn an_unknown_request_is_answered_politely() {
        let (reply, cause) = asked(r#"{"request":"dance","tempo":3}"#);
        assert!(reply.error.expect("refused").message.contains("`dance`"));
        assert_eq!((reply.protocol, cause), (PROTOCOL, None));
        assert!(asked("\u{0}garbage").0.error.is_some());
    }

    #[test]
    fn unknown_fields_of_a_newer_program_are_ignored() {
        let (reply, _) = asked(r#"{"request":"status","colour":"red"}"#);
        assert!(reply.forward.is_some() && reply.error.is_none());
    }

    #[test]
    fn stop_asks_for_an_orderly_end() {
        let (reply, cause) = asked(r#"{"request":"stop"}"#);
        assert_eq!(reply.forward.expect("status").state, ForwardState::Stopping);
        assert_eq!(cause, Some(Cause::Asked));
    }

    #[tokio::test]
    async fn a_line_that_does_not_end_is_given_up() {
        let endless = vec![b'x'; 2 * MAX_LINE];
        assert_eq!(read_line(&mut &endless[..], &mut Vec::new()).await, None);
        let mut buffer = Vec::new();
        let mut two = &b"one\ntwo\n"[..];
        assert_eq!(read_line(&mut two, &mut buffer).await.as_deref(), Some(&b"one"[..]));
        assert_eq!(read_line(&mut two, &mut buffer).await.as_deref(), Some(&b"two"[..]));
    }
}
