//! The 8-byte frame header. Its integers are **little**-endian, unlike the message header's.

use bytes::{BufMut, BytesMut};

/// Length of a frame header, in bytes.
pub const HEADER_LENGTH: usize = 8;
/// The only version port sessions use.
const VERSION: u8 = 1;

/// What a frame does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Opens a stream.
    Syn,
    /// Closes a stream entirely.
    Fin,
    /// Carries bytes.
    Psh,
    /// Shows that the sender lives.
    Nop,
    /// Window update of version 2: read and ignored in version 1.
    Upd,
}

/// Why the bytes of a session are not frames. The pipe is out of step for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Another protocol version, or not a frame at all.
    #[error("mux frame has version {0} instead of 1")]
    Version(u8),
    /// A command that does not exist.
    #[error("mux frame has unknown command {0}")]
    Command(u8),
    /// Only data frames may carry bytes.
    #[error("mux control frame announces {0} bytes")]
    Length(u16),
}

/// A frame without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// What it does.
    pub command: Command,
    /// Bytes that follow.
    pub length: u16,
    /// The stream it is for; 0 for NOP.
    pub stream: u32,
}

impl FrameHeader {
    /// A frame without bytes.
    pub fn control(command: Command, stream: u32) -> Self {
        Self { command, length: 0, stream }
    }

    /// The header of a data frame of at most [`crate::config::MAX_FRAME`] bytes.
    pub fn data(length: usize, stream: u32) -> Self {
        let length = u16::try_from(length).expect("frames are cut at MAX_FRAME");
        Self { command: Command::Psh, length, stream }
    }

    /// Reads a header.
    ///
    /// # Errors
    ///
    /// A [`FrameError`] for anything the mux library itself would stop at.
    pub fn read(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, FrameError> {
        let [version, command, l0, l1, s0, s1, s2, s3] = *bytes;
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let command = match command {
            0 => Command::Syn,
            1 => Command::Fin,
            2 => Command::Psh,
            3 => Command::Nop,
            4 => Command::Upd,
            other => return Err(FrameError::Command(other)),
        };
        let length = u16::from_le_bytes([l0, l1]);
        let carries_bytes = matches!(command, Command::Psh | Command::Upd);
        if length != 0 && !carries_bytes {
            return Err(FrameError::Length(length));
        }
        Ok(Self { command, length, stream: u32::from_le_bytes([s0, s1, s2, s3]) })
    }

    /// Appends the header to `out`.
    pub fn write(&self, out: &mut BytesMut) {
        let command = match self.command {
            Command::Syn => 0,
            Command::Fin => 1,
            Command::Psh => 2,
            Command::Nop => 3,
            Command::Upd => 4,
        };
        out.put_slice(&[VERSION, command]);
        out.put_u16_le(self.length);
        out.put_u32_le(self.stream);
    }
}
