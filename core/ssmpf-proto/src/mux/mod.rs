//! Many streams over the one ordered byte pipe of a session: smux version 1, the client's side.
//!
//! Frames have no window in this version, and FIN means "closed", not "no more to send": a
//! client's half-close is therefore held back until the other side has finished, and what clients
//! do not take is bounded by [`crate::budget`], not by the peer.

mod decoder;
mod frame;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use crate::config;
use crate::error::OpenError;
use crate::event::{Event, StreamId};
use crate::stream::Stream;
pub use decoder::{Decoder, Piece};
pub use frame::{Command, FrameError, FrameHeader, HEADER_LENGTH};

/// First stream id a client uses; the next ones follow at a distance of 2.
const FIRST_ID: u32 = 3;
/// A PSH frame is not begun for fewer bytes than this while more are queued.
const LEAST_PIECE: usize = 256;
/// Bound of the streams remembered only until their FIN comes.
const MAX_UNHEARD: usize = 4 * config::MAX_STREAMS;

/// How a stream that has received nothing stands in the row of dials, least suspect first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Suspicion {
    /// A later one was dialled already.
    Passed,
    /// Perhaps not dialled yet; its client has gone.
    Next,
    /// Perhaps not dialled yet, and its client waits.
    NextToAnswer,
}

/// The streams of one session and the frames waiting to leave.
#[derive(Debug)]
pub struct Mux {
    streams: HashMap<u32, Stream>,
    next_id: u32,
    decoder: Decoder,
    /// SYN, FIN and NOP frames; they go before data, as in the mux library.
    control: VecDeque<FrameHeader>,
    /// Streams with data to send, each once, in the order of their turns.
    ready: VecDeque<u32>,
    queued: usize,
    /// Dial failures announced whose stream is not known yet.
    refusals: usize,
    /// Highest stream that the agent is known to have finished dialling.
    dialled: u32,
    /// Streams that we closed before hearing anything of them; their FIN is still to come.
    unheard: HashSet<u32>,
    keepalive_at: Option<Instant>,
    /// When to look for half-closes that nobody answered; no stream is due before.
    half_close_at: Option<Instant>,
}

impl Mux {
    /// Starts with no stream; `keepalive` says whether the agent expects NOP frames.
    pub fn new(keepalive: bool, now: Instant) -> Self {
        Self {
            streams: HashMap::new(),
            next_id: FIRST_ID,
            decoder: Decoder::default(),
            control: VecDeque::new(),
            ready: VecDeque::new(),
            queued: 0,
            refusals: 0,
            dialled: 0,
            unheard: HashSet::new(),
            keepalive_at: keepalive.then(|| now + config::KEEPALIVE),
            half_close_at: None,
        }
    }

    /// Opens a stream; the agent dials when the frame arrives.
    ///
    /// # Errors
    ///
    /// [`OpenError::TooManyStreams`] or [`OpenError::IdsUsedUp`].
    pub fn open(
        &mut self,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<StreamId, OpenError> {
        if self.streams.len() >= config::MAX_STREAMS {
            self.close_longest_half_closed(now, events)?;
        }
        if self.control.len() >= 4 * config::MAX_STREAMS {
            return Err(OpenError::TooManyStreams);
        }
        let id = self.next_id;
        self.next_id = id.checked_add(2).ok_or(OpenError::IdsUsedUp)?;
        self.streams.insert(id, Stream::default());
        self.control.push_back(FrameHeader::control(Command::Syn, id));
        Ok(StreamId(id))
    }

    /// Makes room by closing the stream whose client has been finished for the longest time.
    fn close_longest_half_closed(
        &mut self,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<(), OpenError> {
        let longest = self
            .streams
            .iter()
            .filter_map(|(id, stream)| Some((stream.idle_since_finish(now)?, *id)))
            .max();
        let (_, id) = longest.ok_or(OpenError::TooManyStreams)?;
        if self.streams.get(&id).is_some_and(|stream| !stream.closing) {
            events.push_back(Event::Abandoned { stream: StreamId(id) });
        }
        self.close(StreamId(id));
        Ok(())
    }

    /// Whether this stream is open.
    pub fn knows(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id.0)
    }

    /// Bytes [`Mux::write`] would take for this stream now.
    pub fn room(&self, id: StreamId) -> usize {
        self.streams.get(&id.0).map_or(0, |stream| stream.room())
    }

    /// Queues bytes for a stream. Bytes for a closed stream are dropped: nobody would read them.
    pub fn write(&mut self, id: StreamId, bytes: Bytes) {
        let Some(stream) = self.streams.get_mut(&id.0) else { return };
        if bytes.is_empty() || stream.closing {
            return;
        }
        self.queued += bytes.len();
        stream.push(bytes);
        if !stream.waiting {
            stream.waiting = true;
            self.ready.push_back(id.0);
        }
    }

    /// The client will send no more. The stream stays open for what the server still sends.
    pub fn finish(&mut self, id: StreamId, now: Instant) {
        if let Some(stream) = self.streams.get_mut(&id.0) {
            stream.finished_at.get_or_insert(now);
            stream.last_received.get_or_insert(now);
            self.half_close_at.get_or_insert(now + config::HALF_CLOSE_IDLE);
        }
    }

    /// The client is gone: what it sent still leaves, then the stream is closed.
    pub fn close(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id.0) else { return };
        stream.closing = true;
        if stream.is_empty() {
            self.remove_first(id.0);
        }
    }

    /// Ends a stream before the agent has.
    fn remove_first(&mut self, id: u32) {
        let heard = self.streams.get(&id).is_none_or(|stream| stream.received);
        if !heard && self.unheard.len() < MAX_UNHEARD {
            self.unheard.insert(id);
        }
        self.remove(id);
    }

    /// Answers or announces the end of a stream and forgets it.
    fn remove(&mut self, id: u32) {
        if let Some(stream) = self.streams.remove(&id) {
            self.queued -= stream.queued();
            if stream.waiting {
                self.ready.retain(|other| *other != id);
            }
            self.control.push_back(FrameHeader::control(Command::Fin, id));
        }
    }

    /// Takes session bytes in order and turns them into events.
    ///
    /// # Errors
    ///
    /// A [`FrameError`]: the byte pipe is out of step and the session cannot go on.
    pub fn handle_bytes(
        &mut self,
        mut bytes: Bytes,
        now: Instant,
        events: &mut VecDeque<Event>,
    ) -> Result<(), FrameError> {
        while let Some(piece) = self.decoder.next(&mut bytes)? {
            match piece {
                Piece::Data(id, data) => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.received = true;
                        stream.unanswered = false;
                        self.dialled = self.dialled.max(id);
                        stream.last_received = Some(now);
                        if !stream.closing {
                            events.push_back(Event::Data { stream: StreamId(id), bytes: data });
                        }
                    }
                }
                Piece::Fin(id) => self.handle_fin(id, events),
                // Agents never open streams, and NOP only shows that they live.
                Piece::Syn(_) | Piece::Nop => {}
            }
        }
        Ok(())
    }

    fn handle_fin(&mut self, id: u32, events: &mut VecDeque<Event>) {
        let refused = self.take_refusal(id);
        self.dialled = self.dialled.max(id);
        self.unheard.remove(&id);
        let closing = self.streams.get(&id).is_none_or(|stream| stream.closing);
        self.remove(id);
        if self.refusals > 0 {
            // Without a suspect left, the announcement was taken for another's.
            self.refusals = self.refusals.min(self.suspicions().count());
        }
        if !closing {
            let stream = StreamId(id);
            events.push_back(if refused {
                Event::Refused { stream }
            } else {
                Event::Finished { stream }
            });
        }
    }

    /// Whether a stream that the agent has just closed is one whose dial failed.
    ///
    /// The announcement names no stream, but the agent dials one at a time, in the order of the
    /// ids, and closes the failed one before it dials the next. So it is none that has received
    /// data, and none before one that is known to have been dialled. Of those left, one whose
    /// client waits for an answer is taken before one whose client has gone, which may be an
    /// upload that went well.
    fn take_refusal(&mut self, id: u32) -> bool {
        let Some(rank) = self.suspicion(id).filter(|_| self.refusals > 0) else { return false };
        let refused = self.suspicions().all(|other| other <= rank);
        self.refusals -= usize::from(refused);
        refused
    }

    fn suspicions(&self) -> impl Iterator<Item = Suspicion> {
        self.streams.keys().chain(&self.unheard).filter_map(|id| self.suspicion(*id))
    }

    /// How likely it is that the dial of this stream failed; `None` if it did not.
    fn suspicion(&self, id: u32) -> Option<Suspicion> {
        let waits = match self.streams.get(&id) {
            Some(stream) if stream.received => return None,
            Some(stream) => !stream.closing,
            None if self.unheard.contains(&id) => false,
            None => return None,
        };
        Some(match (id > self.dialled, waits) {
            (true, true) => Suspicion::NextToAnswer,
            (true, false) => Suspicion::Next,
            (false, _) => Suspicion::Passed,
        })
    }

    /// The agent could not connect to the destination for one of the streams.
    pub fn handle_refusal(&mut self) {
        // More announcements than open streams would be a lie; do not let them pile up.
        self.refusals = (self.refusals + 1).min(self.streams.len() + self.unheard.len());
    }

    /// Payload bytes waiting to be framed.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Whether there is any frame to send.
    pub fn has_frames(&self) -> bool {
        !self.control.is_empty() || !self.ready.is_empty()
    }

    /// Appends whole frames to `out`, at most `room` bytes of them.
    pub fn fill(&mut self, mut room: usize, out: &mut BytesMut, events: &mut VecDeque<Event>) {
        while room >= HEADER_LENGTH
            && let Some(header) = self.control.pop_front()
        {
            header.write(out);
            room -= HEADER_LENGTH;
        }
        while let Some(id) = self.ready.front().copied() {
            let Some(stream) = self.streams.get_mut(&id) else {
                self.ready.pop_front();
                continue;
            };
            let turn = if self.ready.len() > 1 { config::QUANTUM } else { config::MAX_FRAME };
            let length = stream.queued().min(turn).min(room.saturating_sub(HEADER_LENGTH));
            if length < stream.queued().min(LEAST_PIECE) {
                break;
            }
            FrameHeader::data(length, id).write(out);
            stream.take(length, out);
            room -= HEADER_LENGTH + length;
            self.queued -= length;
            events.push_back(Event::Sent { stream: StreamId(id), bytes: length });

            self.ready.pop_front();
            if !stream.is_empty() {
                self.ready.push_back(id);
                continue;
            }
            stream.waiting = false;
            if stream.closing {
                self.remove_first(id);
            }
        }
    }

    /// When [`Mux::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.keepalive_at.into_iter().chain(self.half_close_at).min()
    }

    /// Sends the keepalive that is due and closes streams whose half-close nobody answered.
    ///
    /// `audible` says whether servers could be heard if they spoke: silence of the network is not
    /// theirs, and neither is this machine's sleep.
    pub fn handle_timeout(&mut self, now: Instant, audible: bool, events: &mut VecDeque<Event>) {
        if let Some(due) = self.keepalive_at.as_mut()
            && *due <= now
        {
            *due = now + config::KEEPALIVE;
            if !self.control.iter().any(|frame| frame.command == Command::Nop) {
                self.control.push_back(FrameHeader::control(Command::Nop, 0));
            }
        }
        let Some(late) = self.half_close_at.and_then(|at| now.checked_duration_since(at)) else {
            return;
        };
        // Whoever was absent has not listened either.
        if !audible || late >= config::ABSENCE {
            self.streams.values_mut().for_each(|stream| stream.excuse(now));
            self.half_close_at = Some(now + config::HALF_CLOSE_IDLE);
            return;
        }
        let mut silent: Vec<u32> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.half_close_deadline(now).is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        silent.sort_unstable();
        for id in silent {
            let closing = self.streams.get(&id).is_some_and(|stream| stream.closing);
            if !closing {
                events.push_back(Event::Abandoned { stream: StreamId(id) });
            }
            self.close(StreamId(id));
        }
        let deadlines = self.streams.values().filter_map(|stream| stream.half_close_deadline(now));
        self.half_close_at = deadlines.min();
    }

    /// Streams open now.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether no stream is open.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

#[cfg(test)]
mod tests;
