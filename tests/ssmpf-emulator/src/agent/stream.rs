//! One stream of the mux and its connection to the destination.
//!
//! When either direction ends, both do: smux version 1 knows no half-close, and the real agent's
//! copy loops close whatever is left on the other side.

use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::mux::Budget;
use crate::smux::{self, HEADER, MAX_FRAME, command};

/// Pieces that are written to a destination at once.
const GATHER: usize = 64;

/// A stream that the client opened.
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) received: mpsc::UnboundedReceiver<Bytes>,
    pub(super) budget: Arc<Budget>,
    pub(super) closed: mpsc::UnboundedSender<u32>,
}

impl Stream {
    /// Tells both sides that the stream is closed.
    pub(super) async fn close(self, output: &mpsc::Sender<Bytes>) {
        let _ = self.closed.send(self.id);
        let _ = output.send(smux::empty_frame(command::FIN, self.id)).await;
    }

    fn discard(&mut self) {
        self.received.close();
        while let Ok(bytes) = self.received.try_recv() {
            self.budget.give(bytes.len());
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Copies both ways until one ends.
pub(super) async fn run(mut stream: Stream, mut socket: TcpStream, output: mpsc::Sender<Bytes>) {
    let id = stream.id;
    let (reader, writer) = socket.split();
    tokio::select! {
        _ = download(reader, id, &output) => {}
        _ = upload(&mut stream, writer) => {}
    }
    drop(socket);
    stream.close(&output).await;
}

/// Reads the destination and makes frames, leaving room for the header before the bytes.
async fn download(
    mut reader: ReadHalf<'_>,
    id: u32,
    output: &mpsc::Sender<Bytes>,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(HEADER + MAX_FRAME);
        buffer.put_bytes(0, HEADER);
        let n = reader.read_buf(&mut (&mut buffer).limit(MAX_FRAME)).await?;
        if n == 0 {
            return Ok(());
        }
        buffer[..HEADER].copy_from_slice(&smux::header(command::PSH, n, id));
        if output.send(buffer.split().freeze()).await.is_err() {
            return Ok(());
        }
    }
}

/// Writes what the client sent, many pieces at once.
async fn upload(stream: &mut Stream, mut writer: WriteHalf<'_>) -> io::Result<()> {
    let mut received = Vec::with_capacity(GATHER);
    let mut pieces = VecDeque::with_capacity(GATHER);
    loop {
        if stream.received.recv_many(&mut received, GATHER).await == 0 {
            return Ok(());
        }
        for bytes in received.drain(..) {
            stream.budget.give(bytes.len());
            pieces.push_back(bytes);
        }
        write_all(&mut writer, &mut pieces).await?;
    }
}

async fn write_all(writer: &mut WriteHalf<'_>, pieces: &mut VecDeque<Bytes>) -> io::Result<()> {
    while !pieces.is_empty() {
        let mut slices = [IoSlice::new(&[]); GATHER];
        for (slice, piece) in slices.iter_mut().zip(pieces.iter()) {
            *slice = IoSlice::new(piece);
        }
        let many = pieces.len().min(GATHER);
        let mut written = writer.write_vectored(&slices[..many]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(piece) = pieces.front_mut() {
            if written < piece.len() {
                bytes::Buf::advance(piece, written);
                break;
            }
            written -= piece.len();
            pieces.pop_front();
        }
    }
    Ok(())
}
