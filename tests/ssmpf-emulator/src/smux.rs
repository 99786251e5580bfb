//! smux version 1: many streams over one ordered byte pipe.
//!
//! A frame is eight bytes (version, command, length and stream id, the last two little-endian) and
//! a payload that only PSH has. Frames straddle messages, and several may share one.

use bytes::{Buf, Bytes, BytesMut};

/// Length of a frame header.
pub(crate) const HEADER: usize = 8;

/// Largest payload of a frame we write.
pub(crate) const MAX_FRAME: usize = 32768;

/// The commands of a frame.
pub(crate) mod command {
    /// Opens a stream.
    pub(crate) const SYN: u8 = 0;
    /// The sender closed the stream entirely.
    pub(crate) const FIN: u8 = 1;
    /// Carries bytes.
    pub(crate) const PSH: u8 = 2;
    /// Shows that the sender lives.
    pub(crate) const NOP: u8 = 3;
    /// Window update of version 2: consumed and ignored.
    pub(crate) const UPD: u8 = 4;
}

/// Payload bytes that an UPD frame has although its length says otherwise.
const UPD_PAYLOAD: usize = 8;

/// Returns a frame header.
pub(crate) fn header(command: u8, length: usize, stream: u32) -> [u8; HEADER] {
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    let id = stream.to_le_bytes();
    [1, command, length[0], length[1], id[0], id[1], id[2], id[3]]
}

/// Returns a frame without payload.
pub(crate) fn empty_frame(command: u8, stream: u32) -> Bytes {
    Bytes::copy_from_slice(&header(command, 0, stream))
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The other side opened a stream.
    Syn(u32),
    /// The other side closed a stream.
    Fin(u32),
    /// Bytes of a stream; a frame may come in several pieces.
    Data(u32, Bytes),
    /// A frame that only shows liveness.
    Nop,
}

/// The byte pipe is broken for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("smux protocol error: version {version}, command {command}")]
pub(crate) struct ProtocolError {
    version: u8,
    command: u8,
}

/// Cuts the byte pipe into events.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    input: Bytes,
    head: BytesMut,
    stream: u32,
    left: usize,
    skip: usize,
    headers: u64,
}

impl Decoder {
    /// Gives the decoder the next bytes; the earlier ones must have been read to their end.
    pub(crate) fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.input.is_empty());
        self.input = bytes;
    }

    /// Drops input that is no mux at all.
    #[cfg(test)]
    pub(crate) fn forget_broken_input(&mut self) {
        self.input.clear();
    }

    /// Returns how many frame headers have been read.
    pub(crate) fn headers(&self) -> u64 {
        self.headers
    }

    /// Returns the next event, or `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, ProtocolError> {
        loop {
            if self.skip > 0 {
                let n = self.skip.min(self.input.len());
                self.input.advance(n);
                self.skip -= n;
            }
            if self.left > 0 {
                if self.input.is_empty() {
                    return Ok(None);
                }
                let piece = self.input.split_to(self.left.min(self.input.len()));
                self.left -= piece.len();
                return Ok(Some(Event::Data(self.stream, piece)));
            }
            let Some(header) = self.take_header() else {
                return Ok(None);
            };
            let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
            let stream = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
            if header[0] != 1 || header[1] > command::UPD {
                return Err(ProtocolError { version: header[0], command: header[1] });
            }
            self.headers += 1;
            match header[1] {
                command::SYN => return Ok(Some(Event::Syn(stream))),
                command::FIN => return Ok(Some(Event::Fin(stream))),
                command::NOP => return Ok(Some(Event::Nop)),
                command::PSH => (self.stream, self.left) = (stream, length),
                _ => self.skip = UPD_PAYLOAD,
            }
        }
    }

    fn take_header(&mut self) -> Option<[u8; HEADER]> {
        if self.head.is_empty() && self.input.len() >= HEADER {
            let header = self.input[..HEADER].try_into().expect("8 bytes");
            self.input.advance(HEADER);
            return Some(header);
        }
        let n = (HEADER - self.head.len()).min(self.input.len());
        self.head.extend_from_slice(&self.input.split_to(n));
        if self.head.len() < HEADER {
            return None;
        }
        let header = self.head[..].try_into().expect("8 bytes");
        self.head.clear();
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};

    fn decode_all(decoder: &mut Decoder, bytes: &[u8], step: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for piece in bytes.chunks(step) {
            decoder.feed(Bytes::copy_from_slice(piece));
            while let Some(event) = decoder.next().unwrap() {
                match (events.last_mut(), event) {
                    (Some(Event::Data(id, before)), Event::Data(same, more)) if *id == same => {
                        *before = [&before[..], &more[..]].concat().into();
                    }
                    (_, event) => events.push(event),
                }
            }
        }
        events
    }

    #[test]
    fn the_worked_frames_decode_at_every_cut() {
        let mut bytes = header(command::SYN, 0, 3).to_vec();
        bytes.extend(header(command::PSH, 3, 3));
        bytes.extend(b"GET");
        bytes.extend(header(command::FIN, 0, 3));
        assert_eq!(bytes[8..16], [1, 2, 3, 0, 3, 0, 0, 0]);
        for step in 1..=bytes.len() {
            let events = decode_all(&mut Decoder::default(), &bytes, step);
            let data = Event::Data(3, Bytes::from_static(b"GET"));
            assert_eq!(events, [Event::Syn(3), data, Event::Fin(3)]);
        }
    }

    #[test]
    fn captured_frames_are_the_frames_we_write() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/smux_v1.json");
        let text = std::fs::read_to_string(path).unwrap();
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut seen = 0;
        for frame in vectors["frames"].as_array().unwrap() {
            let stream = frame["stream_id"].as_u64().unwrap() as u32;
            let length = frame["length"].as_u64().unwrap() as usize;
            let command = match frame["cmd"].as_str().unwrap() {
                "SYN" => command::SYN,
                "FIN" => command::FIN,
                "PSH" => command::PSH,
                _ => command::NOP,
            };
            let raw = frame["header_base64"].as_str().or(frame["frame_base64"].as_str());
            let raw = STANDARD.decode(raw.unwrap()).unwrap();
            assert_eq!(raw[..HEADER], header(command, length, stream));
            seen += 1;
        }
        assert_eq!(seen, 8);
    }

    #[test]
    fn a_window_update_is_consumed_and_ignored() {
        let mut bytes = header(command::UPD, 8, 3).to_vec();
        bytes.extend([0xff; 8]);
        bytes.extend(header(command::NOP, 0, 0));
        assert_eq!(decode_all(&mut Decoder::default(), &bytes, 5), [Event::Nop]);
    }

    #[test]
    fn an_unknown_version_or_command_is_an_error() {
        for bad in [[2, 0, 0, 0, 3, 0, 0, 0], [1, 5, 0, 0, 3, 0, 0, 0]] {
            let mut decoder = Decoder::default();
            decoder.feed(Bytes::copy_from_slice(&bad));
            assert!(decoder.next().is_err());
        }
    }
}
