//! What a client and its destination do with one connection, and the bytes they send.

use bytes::{Bytes, BytesMut};

use super::Time;

/// The course of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The server sends back what it gets; the client closes once it has it all.
    Echo {
        /// Bytes each way.
        bytes: u64,
    },
    /// The client sends and closes.
    Upload {
        /// Bytes to the server.
        bytes: u64,
    },
    /// The client asks; the server sends and closes.
    Download {
        /// Bytes to the server before it answers; at least 1 without the mux.
        request: u64,
        /// Bytes to the client.
        bytes: u64,
    },
    /// The client sends and half-closes; the server, having read all, answers and closes.
    HalfClose {
        /// Bytes to the server.
        upload: u64,
        /// Bytes to the client.
        download: u64,
    },
    /// Nothing listens at the destination.
    Refused {
        /// Bytes the client sends in vain.
        bytes: u64,
    },
    /// The server closes without having sent anything.
    Silent {
        /// Bytes to the server, which it reads before it closes.
        bytes: u64,
    },
    /// The server sends, the client never takes anything.
    SlowClient {
        /// Bytes to the client.
        bytes: u64,
    },
    /// The server reads nothing until a moment, then all; then it says one byte and closes.
    StuckServer {
        /// Bytes to the server.
        bytes: u64,
        /// When it begins to read.
        until: Time,
    },
    /// The client is gone once it has taken a part of what the server sends.
    Vanish {
        /// Bytes the server would send.
        bytes: u64,
        /// Bytes the client takes.
        taken: u64,
    },
}

impl Plan {
    /// Bytes the client sends.
    pub fn upload(&self) -> u64 {
        match *self {
            Self::Echo { bytes }
            | Self::Upload { bytes }
            | Self::Refused { bytes }
            | Self::Silent { bytes }
            | Self::StuckServer { bytes, .. } => bytes,
            Self::Download { request, .. } => request,
            Self::HalfClose { upload, .. } => upload,
            Self::SlowClient { .. } | Self::Vanish { .. } => 1,
        }
    }

    /// Bytes the server sends, if it can.
    pub fn download(&self) -> u64 {
        match *self {
            Self::Echo { bytes } => bytes,
            Self::Download { bytes, .. }
            | Self::SlowClient { bytes }
            | Self::Vanish { bytes, .. } => bytes,
            Self::HalfClose { download, .. } => download,
            Self::StuckServer { .. } => 1,
            Self::Upload { .. } | Self::Refused { .. } | Self::Silent { .. } => 0,
        }
    }
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Client to server.
    Up,
    /// Server to client.
    Down,
}

fn byte_at(connection: usize, way: Way, offset: u64) -> u8 {
    let mixed = offset.wrapping_mul(0x9E37_79B9) >> 11;
    mixed as u8 ^ (connection as u8).wrapping_mul(29) ^ if way == Way::Up { 0 } else { 0x80 }
}

/// Makes the bytes of a connection from an offset on.
pub fn pattern(connection: usize, way: Way, from: u64, length: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(length);
    out.extend((from..from + length as u64).map(|offset| byte_at(connection, way, offset)));
    out.freeze()
}

/// Finds the first byte that is not what belongs at its place.
pub fn first_wrong(connection: usize, way: Way, from: u64, bytes: &[u8]) -> Option<u64> {
    (from..).zip(bytes).find(|(at, byte)| byte_at(connection, way, *at) != **byte).map(|(at, _)| at)
}
