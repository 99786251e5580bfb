//! One client's bytes, both ways: a local socket on one side, a stream of the session on the other.
//!
//! The two directions end independently. A client that has sent everything still receives the
//! answer; a server that has closed still has its last bytes delivered.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use ssmpf_proto::config::MIN_PAYLOAD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::traffic::Meter;
use crate::session::{Inbound, MAX_CHUNK, Stream, StreamSender};

/// Size of the first read of a client, in bytes; it grows with what the client sends.
const FIRST_READ: usize = 4 * MIN_PAYLOAD;
/// Chunks from the session written in one go.
const WRITE_BATCH: usize = 64;
/// Silence after a client's first bytes that is worth a warning. Nothing distinguishes a filtered
/// destination from a slow one, but servers answer sooner than this.
pub const SILENCE: Duration = Duration::from_secs(15);
/// How long what a client still sends is taken off it after the server has closed.
const LINGER: Duration = Duration::from_secs(2);

/// How a client's connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Server and client both did what they wanted.
    Complete,
    /// The client left before the server had finished.
    ClientLeft,
    /// The agent could not connect to the destination.
    Refused,
    /// The client had half-closed, and the server was silent for too long.
    Abandoned,
    /// The client did not read, and others needed the memory.
    TooSlow,
    /// The session was lost, and the server's side with it.
    SessionLost,
}

impl Ending {
    /// Whether the local socket must be reset, so that the client does not take this for the
    /// server's orderly end.
    pub fn is_abrupt(self) -> bool {
        matches!(self, Self::Refused | Self::Abandoned | Self::TooSlow | Self::SessionLost)
    }
}

/// Moves bytes until both directions have ended.
///
/// `on_silence` is called once if the server says nothing to what the client has sent.
/// `client_left` completes when a client that has half-closed turns out to be gone entirely; it is
/// asked only after the half-close.
pub async fn run<R, W>(
    reader: &mut R,
    writer: &mut W,
    stream: Stream,
    meter: &Meter<'_>,
    on_silence: impl FnOnce(),
    client_left: impl Future<Output = ()>,
) -> Ending
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Stream { sender, inbox } = stream;
    let upload = upload(reader, &sender, meter);
    let on_silence = || {
        // A client that has said nothing either is only idle.
        if meter.moved().sent > 0 {
            on_silence();
        }
    };
    let download = download(writer, &sender, inbox, meter, on_silence);
    tokio::pin!(upload, download);
    tokio::select! {
        // The server's side decides when the connection is over.
        ending = &mut download => ending,
        end = &mut upload => match end {
            UploadEnd::Finished => {
                sender.finish();
                tokio::select! {
                    ending = &mut download => ending,
                    () = client_left => Ending::ClientLeft,
                }
            }
            UploadEnd::ClientLeft => Ending::ClientLeft,
            UploadEnd::StreamEnded => download.await,
        },
    }
}

enum UploadEnd {
    Finished,
    ClientLeft,
    StreamEnded,
}

async fn upload<R>(reader: &mut R, sender: &StreamSender, meter: &Meter<'_>) -> UploadEnd
where
    R: AsyncRead + Unpin,
{
    let mut size = FIRST_READ;
    loop {
        let mut buffer = BytesMut::with_capacity(size);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return UploadEnd::Finished,
            Ok(count) => {
                // Bulk gets large reads, an idle client holds little memory.
                size = if count == size { (size * 2).min(MAX_CHUNK) } else { size };
                size = if count < size / 4 { (size / 2).max(FIRST_READ) } else { size };
                meter.sent(count as u64);
            }
            Err(error) => {
                tracing::debug!(%error, "client's socket");
                return UploadEnd::ClientLeft;
            }
        }
        // The capacity may have been rounded up beyond what the session takes at once, and a few
        // bytes must not keep a large buffer while they wait.
        while !buffer.is_empty() {
            let chunk = buffer.split_to(buffer.len().min(MAX_CHUNK));
            let mostly_empty = chunk.len() < size / 2;
            let chunk = if mostly_empty { Bytes::copy_from_slice(&chunk) } else { chunk.freeze() };
            if sender.send(chunk).await.is_err() {
                return UploadEnd::StreamEnded;
            }
        }
    }
}

async fn download<W>(
    writer: &mut W,
    sender: &StreamSender,
    mut inbox: mpsc::UnboundedReceiver<Inbound>,
    meter: &Meter<'_>,
    on_silence: impl FnOnce(),
) -> Ending
where
    W: AsyncWrite + Unpin,
{
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    let first = timeout(SILENCE, inbox.recv_many(&mut batch, WRITE_BATCH)).await;
    if first.is_err() {
        on_silence();
        inbox.recv_many(&mut batch, WRITE_BATCH).await;
    }
    loop {
        let mut last = None;
        let (mut taken, mut pieces) = (0, 0);
        let mut chunks = VecDeque::with_capacity(batch.len());
        if batch.is_empty() {
            return Ending::SessionLost;
        }
        for inbound in batch.drain(..) {
            match inbound {
                Inbound::Data(bytes) => {
                    taken += bytes.len();
                    pieces += 1;
                    chunks.push_back(bytes);
                }
                Inbound::Finished => last = Some(Ending::Complete),
                Inbound::Refused => last = Some(Ending::Refused),
                Inbound::Abandoned => last = Some(Ending::Abandoned),
                Inbound::Overflowed => last = Some(Ending::TooSlow),
            }
        }
        if let Err(error) = write_all(writer, &mut chunks).await {
            tracing::debug!(%error, "client's socket");
            return Ending::ClientLeft;
        }
        meter.received(taken as u64);
        sender.consumed(taken, pieces);
        if let Some(ending) = last {
            return ending;
        }
        inbox.recv_many(&mut batch, WRITE_BATCH).await;
    }
}

/// Writes many small chunks with few system calls.
async fn write_all<W>(writer: &mut W, chunks: &mut VecDeque<Bytes>) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    while !chunks.is_empty() {
        let slices: Vec<_> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
        let mut written = writer.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while written > 0
            && let Some(front) = chunks.front_mut()
        {
            if written < front.len() {
                front.advance(written);
                written = 0;
            } else {
                written -= front.len();
                chunks.pop_front();
            }
        }
    }
    writer.flush().await
}

/// Closes towards a client whose server has finished, and takes what it still sends for a while.
///
/// Closing at once would reset the connection, and the client would lose answers it has not read.
pub async fn linger<R, W>(reader: &mut R, writer: &mut W)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let discard = async {
        let mut buffer = [0; 1024];
        let started = Instant::now();
        while started.elapsed() < LINGER && matches!(reader.read(&mut buffer).await, Ok(1..)) {}
    };
    let _ = writer.shutdown().await;
    let _ = timeout(LINGER, discard).await;
}
