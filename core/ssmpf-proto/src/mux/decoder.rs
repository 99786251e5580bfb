//! Frames out of session bytes that are cut anywhere.
//!
//! Data is handed on as it comes, without waiting for the end of its frame, so nothing but an
//! unfinished header is ever kept.

use bytes::Bytes;

use super::frame::{Command, FrameError, FrameHeader, HEADER_LENGTH};

/// Bytes that follow an UPD frame, whatever its length field says (the mux library's behaviour).
const UPD_LENGTH: usize = 8;

/// What the next bytes mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of a stream; a frame may come in several pieces.
    Data(u32, Bytes),
    /// The peer opened a stream.
    Syn(u32),
    /// The peer closed a stream.
    Fin(u32),
    /// The peer lives.
    Nop,
}

/// Where in a frame the bytes have got to.
#[derive(Debug, Default)]
pub struct Decoder {
    header: [u8; HEADER_LENGTH],
    have: usize,
    /// Bytes left of the current frame and the stream they are for; `None` means ignored.
    body: Option<(Option<u32>, usize)>,
}

impl Decoder {
    /// Takes the next piece off the front of `input`; `None` when it is used up.
    ///
    /// # Errors
    ///
    /// A [`FrameError`]; the decoder must not be used after it.
    pub fn next(&mut self, input: &mut Bytes) -> Result<Option<Piece>, FrameError> {
        while !input.is_empty() {
            if let Some((stream, left)) = &mut self.body {
                let data = input.split_to((*left).min(input.len()));
                *left -= data.len();
                let stream = *stream;
                if *left == 0 {
                    self.body = None;
                }
                if let Some(id) = stream {
                    return Ok(Some(Piece::Data(id, data)));
                }
                continue;
            }
            let part = input.split_to((HEADER_LENGTH - self.have).min(input.len()));
            self.header[self.have..self.have + part.len()].copy_from_slice(&part);
            self.have += part.len();
            if self.have < HEADER_LENGTH {
                break;
            }
            self.have = 0;
            let header = FrameHeader::read(&self.header)?;
            match header.command {
                Command::Syn => return Ok(Some(Piece::Syn(header.stream))),
                Command::Fin => return Ok(Some(Piece::Fin(header.stream))),
                Command::Nop => return Ok(Some(Piece::Nop)),
                Command::Psh if header.length > 0 => {
                    self.body = Some((Some(header.stream), usize::from(header.length)));
                }
                Command::Psh => {}
                Command::Upd => self.body = Some((None, UPD_LENGTH)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn pieces(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Piece>, FrameError> {
        let mut input = Bytes::copy_from_slice(bytes);
        let mut pieces = Vec::new();
        while let Some(piece) = decoder.next(&mut input)? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// Joins what one frame brought in several pieces.
    fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
        let mut out: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (out.last_mut(), piece) {
                (Some(Piece::Data(id, have)), Piece::Data(next, more)) if *id == next => {
                    *have = [&have[..], &more[..]].concat().into();
                }
                (_, piece) => out.push(piece),
            }
        }
        out
    }

    #[test]
    fn the_frames_of_the_description_are_read() {
        let bytes = [
            1, 0, 0, 0, 3, 0, 0, 0, // SYN
            1, 2, 3, 0, 3, 0, 0, 0, b'G', b'E', b'T', // PSH
            1, 1, 0, 0, 3, 0, 0, 0, // FIN
        ];
        assert_eq!(
            pieces(&mut Decoder::default(), &bytes).unwrap(),
            [Piece::Syn(3), Piece::Data(3, "GET".into()), Piece::Fin(3)]
        );
    }

    #[test]
    fn a_window_update_is_skipped_and_an_empty_data_frame_ignored() {
        let mut bytes = vec![1, 4, 8, 0, 3, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9];
        bytes.extend([1, 2, 0, 0, 3, 0, 0, 0]);
        bytes.extend([1, 3, 0, 0, 0, 0, 0, 0]);
        assert_eq!(pieces(&mut Decoder::default(), &bytes).unwrap(), [Piece::Nop]);
    }

    #[test]
    fn what_the_mux_library_stops_at_is_an_error() {
        let error = |bytes: &[u8]| pieces(&mut Decoder::default(), bytes).unwrap_err();
        assert_eq!(error(&[2, 0, 0, 0, 3, 0, 0, 0]), FrameError::Version(2));
        assert_eq!(error(&[1, 5, 0, 0, 3, 0, 0, 0]), FrameError::Command(5));
        assert_eq!(error(&[1, 1, 4, 0, 3, 0, 0, 0]), FrameError::Length(4));
    }

    proptest! {
        #[test]
        fn cutting_the_bytes_anywhere_changes_nothing(
            frames in prop::collection::vec(
                (0_u8..4, 3_u32..20, prop::collection::vec(any::<u8>(), 1..200)), 1..20),
            cuts in prop::collection::vec(1_usize..300, 1..40),
        ) {
            let mut bytes = BytesMut::new();
            for (command, stream, data) in &frames {
                match command {
                    0 => FrameHeader::control(Command::Syn, *stream).write(&mut bytes),
                    1 => FrameHeader::control(Command::Fin, *stream).write(&mut bytes),
                    2 => {
                        FrameHeader::data(data.len(), *stream).write(&mut bytes);
                        bytes.extend_from_slice(data);
                    }
                    _ => FrameHeader::control(Command::Nop, 0).write(&mut bytes),
                }
            }
            let whole = joined(pieces(&mut Decoder::default(), &bytes).unwrap());

            let mut decoder = Decoder::default();
            let mut in_parts = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let (part, more) = rest.split_at((*cut).min(rest.len()));
                in_parts.extend(pieces(&mut decoder, part).unwrap());
                rest = more;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(joined(in_parts), whole);
        }

        #[test]
        fn any_bytes_are_pieces_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = pieces(&mut Decoder::default(), &bytes);
        }
    }
}
