//! The agent's end of the mux: accepts streams, dials one at a time, copies both ways.
//!
//! Written from the description of the mux library, with its own frame reader.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::Time;
use super::destination::Destination;
use super::plan::Plan;

/// Bytes the library buffers over all streams before its reader stops.
const TOKENS: usize = 4 * 1024 * 1024;
/// Bytes the local pipe behind the mux holds before writers wait.
const PIPE: usize = 64 * 1024;
/// Largest frame the library writes.
const FRAME: usize = 32 * 1024;
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(30);

const SYN: u8 = 0;
const FIN: u8 = 1;
const PSH: u8 = 2;
const NOP: u8 = 3;

#[derive(Debug)]
struct Stream {
    /// Bytes from the client while the destination is not dialled.
    early: VecDeque<Bytes>,
    destination: Option<Destination>,
    client_closed: bool,
}

/// A mux session at the agent.
#[derive(Debug)]
pub struct MuxServer {
    plans: Vec<Plan>,
    input: BytesMut,
    streams: BTreeMap<u32, Stream>,
    accepted: VecDeque<u32>,
    dialling: Option<(u32, Time)>,
    dial_time: Duration,
    pipe: VecDeque<u8>,
    turn: u32,
    keepalive: Option<(Time, Time, bool)>,
    /// Dial failures that the agent has not announced yet.
    pub failures: usize,
    /// Bytes that each connection's destination has read.
    pub read: Vec<u64>,
    /// Stream ids in the order of their opening.
    pub opened: usize,
}

impl MuxServer {
    /// Starts without streams; the nth stream follows the nth plan.
    pub fn new(plans: Vec<Plan>, dial_time: Duration, keepalive: bool, now: Time) -> Self {
        Self {
            read: vec![0; plans.len()],
            plans,
            input: BytesMut::new(),
            streams: BTreeMap::new(),
            accepted: VecDeque::new(),
            dialling: None,
            dial_time,
            pipe: VecDeque::new(),
            turn: 0,
            keepalive: keepalive.then_some((now + KEEPALIVE, now + KEEPALIVE_TIMEOUT, true)),
            failures: 0,
            opened: 0,
        }
    }

    /// Whether the library has stopped reading because destinations do not.
    pub fn is_blocked(&self) -> bool {
        let unread: usize = self
            .streams
            .values()
            .map(|stream| {
                let early: usize = stream.early.iter().map(Bytes::len).sum();
                early + stream.destination.as_ref().map_or(0, Destination::unread_bytes)
            })
            .sum();
        unread > TOKENS
    }

    /// Takes bytes of the client's mux.
    ///
    /// # Errors
    ///
    /// A sentence about bytes that no client may send.
    pub fn receive(&mut self, bytes: &[u8], now: Time) -> Result<(), String> {
        self.input.extend_from_slice(bytes);
        while self.input.len() >= 8 {
            let (version, command) = (self.input[0], self.input[1]);
            let length = usize::from(u16::from_le_bytes([self.input[2], self.input[3]]));
            let id = u32::from_le_bytes(self.input[4..8].try_into().expect("four bytes"));
            if version != 1 || command > NOP || (command != PSH && length > 0) || length > FRAME {
                return Err(format!("mux frame {version} {command} {length} {id}"));
            }
            if self.input.len() < 8 + length {
                break;
            }
            self.input.advance(8);
            let data = self.input.split_to(length).freeze();
            if let Some((_, _, heard)) = &mut self.keepalive {
                *heard = true;
            }
            match command {
                SYN => self.handle_syn(id)?,
                FIN => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.client_closed = true;
                    }
                }
                PSH => match self.streams.get_mut(&id) {
                    Some(Stream { destination: Some(destination), .. }) => destination.push(data),
                    Some(stream) => stream.early.push_back(data),
                    None => {}
                },
                _ => {}
            }
        }
        self.advance(now)
    }

    fn handle_syn(&mut self, id: u32) -> Result<(), String> {
        if id as usize != 3 + 2 * self.opened {
            return Err(format!("stream {id} is not the next one"));
        }
        self.opened += 1;
        let stream = Stream { early: VecDeque::new(), destination: None, client_closed: false };
        self.streams.insert(id, stream);
        self.accepted.push_back(id);
        Ok(())
    }

    /// Lets destinations read, dials, closes what is finished.
    ///
    /// # Errors
    ///
    /// A sentence about what the client did wrong.
    pub fn advance(&mut self, now: Time) -> Result<(), String> {
        loop {
            if let Some((id, done_at)) = self.dialling {
                if now < done_at {
                    break;
                }
                self.dialling = None;
                self.handle_dialled(id);
            }
            let Some(id) = self.accepted.pop_front() else { break };
            self.dialling = Some((id, now + self.dial_time));
        }
        let mut ended = Vec::new();
        for (id, stream) in &mut self.streams {
            let Some(destination) = &mut stream.destination else { continue };
            destination.read(now)?;
            self.read[connection(*id)] = destination.bytes_read();
            let drained = stream.client_closed && destination.unread_bytes() == 0;
            if drained || destination.closes() {
                ended.push(*id);
            }
        }
        for id in ended {
            self.streams.remove(&id);
            self.put_frame(FIN, id, b"");
        }
        if let Some((send_at, check_at, heard)) = &mut self.keepalive {
            if *check_at <= now {
                if !*heard {
                    return Err("no mux frame within 30 s".to_owned());
                }
                (*check_at, *heard) = (now + KEEPALIVE_TIMEOUT, false);
            }
            if *send_at <= now {
                *send_at = now + KEEPALIVE;
                self.put_frame(NOP, 0, b"");
            }
        }
        self.fill_pipe();
        Ok(())
    }

    fn handle_dialled(&mut self, id: u32) {
        let plan = self.plans[connection(id)];
        if matches!(plan, Plan::Refused { .. }) {
            self.failures += 1;
            self.streams.remove(&id);
            self.put_frame(FIN, id, b"");
            return;
        }
        if let Some(stream) = self.streams.get_mut(&id) {
            let mut destination = Destination::new(connection(id), plan);
            stream.early.drain(..).for_each(|bytes| destination.push(bytes));
            stream.destination = Some(destination);
        }
    }

    /// Streams with bytes for the client write one frame each in turn while the pipe has room.
    fn fill_pipe(&mut self) {
        while self.pipe.len() < PIPE {
            let ready = |(_, stream): &(&u32, &Stream)| {
                stream.destination.as_ref().is_some_and(|d| d.sendable() > 0)
            };
            let after = self.streams.range(self.turn + 1..).find(ready);
            let Some((&id, _)) = after.or_else(|| self.streams.iter().find(ready)) else { return };
            self.turn = id;
            let stream = self.streams.get_mut(&id).expect("found just now");
            let destination = stream.destination.as_mut().expect("found just now");
            let bytes = destination.send(FRAME);
            let closes = destination.closes();
            self.put_frame(PSH, id, &bytes);
            if closes {
                self.streams.remove(&id);
                self.put_frame(FIN, id, b"");
            }
        }
    }

    fn put_frame(&mut self, command: u8, id: u32, data: &[u8]) {
        let length = u16::try_from(data.len()).expect("frames are cut at 32 KiB");
        self.pipe.extend([1, command]);
        self.pipe.extend(length.to_le_bytes());
        self.pipe.extend(id.to_le_bytes());
        self.pipe.extend(data);
    }

    /// Takes the next bytes for the client out of the pipe.
    pub fn take(&mut self, most: usize) -> Option<Bytes> {
        if self.pipe.is_empty() {
            return None;
        }
        let length = self.pipe.len().min(most);
        let bytes = self.pipe.drain(..length).collect();
        self.fill_pipe();
        Some(bytes)
    }

    /// Whether there are bytes for the client.
    pub fn has_output(&self) -> bool {
        !self.pipe.is_empty()
    }

    /// When [`MuxServer::advance`] has something to do.
    pub fn wakes_at(&self) -> Option<Time> {
        let dialled = self.dialling.map(|(_, at)| at);
        let keepalive = self.keepalive.map(|(send_at, check_at, _)| send_at.min(check_at));
        let reading = self.streams.values().filter_map(|s| s.destination.as_ref()?.reads_at());
        reading.chain(dialled).chain(keepalive).min()
    }
}

/// Place of a stream in the row of plans.
fn connection(id: u32) -> usize {
    (id as usize - 3) / 2
}
