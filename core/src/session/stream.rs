//! A running session as its clients see it: streams to open, bytes to send and to take.

use std::sync::Arc;

use bytes::Bytes;
use ssmpf_proto::{OpenError, StreamId, config};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// What clients ask of the session's driver.
#[derive(Debug)]
pub(super) enum Command {
    Open(oneshot::Sender<Result<Stream, OpenError>>),
    Write(StreamId, Bytes),
    Finish(StreamId),
    Consumed { stream: StreamId, bytes: usize, pieces: usize },
    Close(StreamId),
    Terminate,
}

/// What the session has for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// Bytes from the server. Say [`StreamSender::consumed`] once the client has taken them.
    Data(Bytes),
    /// The server has closed; nothing follows.
    Finished,
    /// The agent could not connect to the destination.
    Refused,
    /// The client had half-closed, and the server was silent for too long.
    Abandoned,
    /// The client took its bytes too slowly and was given up to spare the others.
    Overflowed,
}

/// A running session. Cheap to clone; the session ends when told so, not when this is dropped.
#[derive(Debug, Clone)]
pub struct SessionHandle {
    pub(super) commands: mpsc::UnboundedSender<Command>,
}

impl SessionHandle {
    /// Opens a stream to the destination.
    ///
    /// # Errors
    ///
    /// An [`OpenError`]; [`OpenError::Closed`] also when the session is gone.
    pub async fn open(&self) -> Result<Stream, OpenError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Open(reply)).map_err(|_| OpenError::Closed)?;
        answer.await.unwrap_or(Err(OpenError::Closed))
    }

    /// A handle of no session, for tests.
    #[cfg(test)]
    pub fn detached() -> Self {
        Self { commands: mpsc::unbounded_channel().0 }
    }

    /// A handle for tests, and what is asked through it; nobody answers.
    #[cfg(test)]
    pub fn to_be_asked() -> (Self, mpsc::UnboundedReceiver<impl std::fmt::Debug>) {
        let (commands, asked) = mpsc::unbounded_channel::<Command>();
        (Self { commands }, asked)
    }

    /// Asks the session to end, telling the agent.
    pub fn terminate(&self) {
        // A session that is gone has ended.
        let _ = self.commands.send(Command::Terminate);
    }

    /// Completes when the session is over.
    pub async fn closed(&self) {
        self.commands.closed().await;
    }
}

/// One client's stream. Dropping it closes the stream.
#[derive(Debug)]
pub struct Stream {
    /// Sends this client's bytes.
    pub sender: StreamSender,
    /// Brings what the server sends; ends without [`Inbound::Finished`] if the session is lost.
    pub inbox: mpsc::UnboundedReceiver<Inbound>,
}

/// The sending half of a [`Stream`].
#[derive(Debug)]
pub struct StreamSender {
    id: StreamId,
    commands: mpsc::UnboundedSender<Command>,
    /// Bytes that may be queued in the session; given back as they leave.
    credit: Arc<Semaphore>,
}

/// The session took no more bytes of this stream, because it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEnded;

/// Most bytes that [`StreamSender::send`] takes at once.
pub const MAX_CHUNK: usize = config::STREAM_SEND_BUFFER / 2;

impl StreamSender {
    /// Queues at most [`MAX_CHUNK`] bytes, waiting for room.
    ///
    /// # Errors
    ///
    /// [`StreamEnded`] when the stream or its session has.
    pub async fn send(&self, bytes: Bytes) -> Result<(), StreamEnded> {
        let count = u32::try_from(bytes.len()).map_err(|_| StreamEnded)?;
        let permit = self.credit.acquire_many(count).await.map_err(|_| StreamEnded)?;
        permit.forget();
        self.commands.send(Command::Write(self.id, bytes)).map_err(|_| StreamEnded)
    }

    /// The client sends no more, but may still receive.
    pub fn finish(&self) {
        let _ = self.commands.send(Command::Finish(self.id));
    }

    /// The client has taken this many bytes, which came in so many pieces.
    pub fn consumed(&self, bytes: usize, pieces: usize) {
        let _ = self.commands.send(Command::Consumed { stream: self.id, bytes, pieces });
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Close(self.id));
    }
}

/// The session's end of a stream.
#[derive(Debug)]
pub(super) struct Client {
    inbox: mpsc::UnboundedSender<Inbound>,
    credit: Arc<Semaphore>,
}

impl Client {
    /// Makes both ends of a stream.
    pub fn new(id: StreamId, commands: mpsc::UnboundedSender<Command>) -> (Self, Stream) {
        let (inbox, receiver) = mpsc::unbounded_channel();
        let credit = Arc::new(Semaphore::new(config::STREAM_SEND_BUFFER));
        let sender = StreamSender { id, commands, credit: Arc::clone(&credit) };
        (Self { inbox, credit }, Stream { sender, inbox: receiver })
    }

    /// Hands something to the client. What a client that has left would get is dropped; the
    /// session hears of its leaving by a command.
    pub fn deliver(&self, inbound: Inbound) {
        let _ = self.inbox.send(inbound);
    }

    /// Bytes of the client have left the session's queue.
    pub fn sent(&self, bytes: usize) {
        self.credit.add_permits(bytes);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Wakes a client that waits for room that will not come.
        self.credit.close();
    }
}
