//! Messages that still await acknowledgement, and the way to the gateway.
//!
//! Every message of session data is numbered and stored before it is sent. An acknowledgement
//! releases one number. Only the oldest message is ever repeated, at most once per tick.

use bytes::{Buf, BufMut, Bytes};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

use crate::lock;
use crate::message::{Encoder, FLAGS_SYN, Kind, payload_type};

/// Most bytes of session data in one message.
pub(crate) const PAYLOAD: usize = 1024;

/// Most messages that are stored; newer ones are sent once and never again.
const CAPACITY: usize = 100_000;

const INITIAL_RTO: Duration = Duration::from_millis(200);
const INITIAL_RTT: f64 = 0.1;
const GRANULARITY: f64 = 0.01;
const MAX_RTO: f64 = 1.0;

/// The estimate of the round trip and of when to send again.
#[derive(Debug)]
struct Rtt {
    rtt: f64,
    variation: f64,
    rto: Duration,
}

impl Rtt {
    fn new() -> Self {
        Self { rtt: INITIAL_RTT, variation: 0.0, rto: INITIAL_RTO }
    }

    fn sample(&mut self, took: Duration) {
        let sample = took.as_secs_f64();
        self.variation = 0.75 * self.variation + 0.25 * (self.rtt - sample).abs();
        self.rtt = 0.875 * self.rtt + 0.125 * sample;
        let rto = self.rtt + GRANULARITY.max(4.0 * self.variation);
        self.rto = Duration::from_secs_f64(rto.min(MAX_RTO));
    }
}

#[derive(Debug)]
struct Stored {
    message: Bytes,
    sent: Instant,
}

#[derive(Debug)]
struct Unacknowledged {
    /// Number of the next message.
    next: i64,
    /// Number of the first slot.
    first: i64,
    slots: VecDeque<Option<Stored>>,
    stored: usize,
    rtt: Rtt,
    encoder: Encoder,
}

/// The sending half of an agent's data channel.
#[derive(Debug)]
pub(crate) struct Outgoing {
    unacknowledged: Mutex<Unacknowledged>,
    paused: AtomicBool,
    connected: AtomicBool,
    unpaused: Notify,
    resent: AtomicU64,
}

impl Outgoing {
    /// Returns a channel on which nothing was sent.
    pub(crate) fn new() -> Self {
        Self {
            unacknowledged: Mutex::new(Unacknowledged {
                next: 0,
                first: 0,
                slots: VecDeque::new(),
                stored: 0,
                rtt: Rtt::new(),
                encoder: Encoder::new(),
            }),
            paused: AtomicBool::new(false),
            connected: AtomicBool::new(true),
            unpaused: Notify::new(),
            resent: AtomicU64::new(0),
        }
    }

    /// Returns whether every message is acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.unacknowledged).slots.is_empty()
    }

    /// Returns how many messages were sent again.
    pub(crate) fn resent(&self) -> u64 {
        self.resent.load(Ordering::Relaxed)
    }

    /// Returns whether the agent's socket is up.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Cuts the agent's socket.
    pub(crate) fn disconnect(&self) {
        self.connected.store(false, Ordering::SeqCst);
    }

    /// Brings the agent's socket back, which also ends a pause.
    pub(crate) fn reconnect(&self) {
        self.connected.store(true, Ordering::SeqCst);
        self.unpause();
    }

    /// Stops publication: new messages are numbered and stored only.
    pub(crate) fn pause(&self) {
        self.paused.store(true, Ordering::SeqCst);
    }

    /// Goes on with publication.
    pub(crate) fn unpause(&self) {
        if self.paused.load(Ordering::Relaxed) && self.paused.swap(false, Ordering::SeqCst) {
            self.unpaused.notify_waiters();
        }
    }

    /// Returns once publication is not paused.
    pub(crate) async fn wait_unpaused(&self) {
        while self.paused.load(Ordering::Relaxed) {
            let unpaused = self.unpaused.notified();
            if self.paused.load(Ordering::SeqCst) {
                unpaused.await;
            }
        }
    }

    /// Releases the message with this number.
    pub(crate) fn acknowledged(&self, sequence: i64) {
        let mut unacknowledged = lock(&self.unacknowledged);
        let Some(offset) = sequence.checked_sub(unacknowledged.first) else {
            return;
        };
        let slot = usize::try_from(offset).ok();
        let slot = slot.and_then(|offset| unacknowledged.slots.get_mut(offset));
        if let Some(stored) = slot.and_then(Option::take) {
            unacknowledged.stored -= 1;
            unacknowledged.rtt.sample(stored.sent.elapsed());
            while let Some(None) = unacknowledged.slots.front() {
                unacknowledged.slots.pop_front();
                unacknowledged.first += 1;
            }
        }
    }

    /// Numbers and stores one message.
    fn number(&self, payload_type: u32, payload: &[u8]) -> Bytes {
        let mut unacknowledged = lock(&self.unacknowledged);
        let length = payload.len();
        unacknowledged.add(payload_type, length, Instant::now(), |buffer| buffer.put_slice(payload))
    }

    /// Numbers and stores session bytes, cut into messages.
    fn number_output(&self, pieces: &mut Pieces, most: usize, messages: &mut Vec<Bytes>) {
        let mut unacknowledged = lock(&self.unacknowledged);
        let now = Instant::now();
        for _ in 0..most {
            let length = pieces.length.min(PAYLOAD);
            if length == 0 {
                return;
            }
            let message = unacknowledged.add(payload_type::OUTPUT, length, now, |buffer| {
                pieces.take(length, |piece| buffer.put_slice(piece));
            });
            messages.push(message);
        }
    }

    /// Returns the oldest message if it is time to send it again.
    fn due_again(&self) -> Option<Bytes> {
        if self.paused.load(Ordering::Relaxed) {
            return None;
        }
        let mut unacknowledged = lock(&self.unacknowledged);
        let rto = unacknowledged.rtt.rto;
        let stored = unacknowledged.slots.front_mut()?.as_mut()?;
        if stored.sent.elapsed() <= rto {
            return None;
        }
        stored.sent = Instant::now();
        self.resent.fetch_add(1, Ordering::Relaxed);
        Some(stored.message.clone())
    }
}

impl Unacknowledged {
    fn add(
        &mut self,
        payload_type: u32,
        length: usize,
        now: Instant,
        fill: impl FnOnce(&mut bytes::BytesMut),
    ) -> Bytes {
        let flags = if self.next == 0 { FLAGS_SYN } else { 0 };
        let mut fields = self.encoder.fields(Kind::OutputStreamData, flags);
        fields.sequence = self.next;
        fields.payload_type = payload_type;
        let message = self.encoder.encode_with(&fields, length, fill);
        self.next += 1;
        if self.stored < CAPACITY {
            self.stored += 1;
            self.slots.push_back(Some(Stored { message: message.clone(), sent: now }));
        } else {
            self.slots.push_back(None);
        }
        message
    }
}

/// Session bytes in the pieces in which they came.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    queue: VecDeque<Bytes>,
    length: usize,
}

impl Pieces {
    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        self.queue.push_back(piece);
    }

    /// Returns whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns how many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    fn take(&mut self, mut length: usize, mut each: impl FnMut(&[u8])) {
        self.length -= length;
        while length > 0 {
            let Some(piece) = self.queue.front_mut() else {
                return;
            };
            let n = length.min(piece.len());
            each(&piece[..n]);
            piece.advance(n);
            if piece.is_empty() {
                self.queue.pop_front();
            }
            length -= n;
        }
    }
}

/// Sends on an agent's data channel; the channel ends when all senders are gone.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    outgoing: Arc<Outgoing>,
    to_gateway: mpsc::Sender<Bytes>,
    /// Held while numbering and sending, so that numbers leave in order.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Sender {
    /// Returns the first sender of a channel.
    pub(crate) fn new(outgoing: Arc<Outgoing>, to_gateway: mpsc::Sender<Bytes>) -> Self {
        Self { outgoing, to_gateway, turn: Arc::default() }
    }

    /// Returns the state of the channel.
    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// Numbers and sends one message.
    pub(crate) async fn send(&self, payload_type: u32, payload: &[u8]) {
        let _turn = self.turn.lock().await;
        let message = self.outgoing.number(payload_type, payload);
        self.publish(message).await;
    }

    /// Numbers and sends up to `most` messages of session bytes.
    ///
    /// The real agent numbers one at a time, so a pause catches it with one stored message at most.
    /// A burst therefore waits in the middle where the real agent would not have read on.
    pub(crate) async fn send_output(
        &self,
        pieces: &mut Pieces,
        most: usize,
        scratch: &mut Vec<Bytes>,
    ) {
        let _turn = self.turn.lock().await;
        self.outgoing.number_output(pieces, most, scratch);
        for message in scratch.drain(..) {
            if most > 1 {
                self.outgoing.wait_unpaused().await;
            }
            self.publish(message).await;
        }
    }

    /// Sends a message outside the number space.
    pub(crate) async fn control(&self, message: Bytes) {
        if !self.outgoing.is_connected() {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(message)) = self.to_gateway.try_send(message) {
            let _ = self.to_gateway.send(message).await;
        }
    }

    async fn publish(&self, message: Bytes) {
        if !self.outgoing.paused.load(Ordering::Relaxed) {
            self.control(message).await;
        }
    }

    /// Sends the oldest message again whenever its time has come.
    pub(crate) async fn resend(self, tick: Duration) {
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Some(message) = self.outgoing.due_again() {
                self.control(message).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_gives_the_worked_timeout() {
        let mut rtt = Rtt::new();
        rtt.sample(Duration::from_millis(40));
        assert!((rtt.variation - 0.015).abs() < 1e-9);
        assert!((rtt.rtt - 0.0925).abs() < 1e-9);
        assert!((rtt.rto.as_secs_f64() - 0.1525).abs() < 1e-6);
    }

    #[test]
    fn an_acknowledgement_releases_only_its_number() {
        let outgoing = Outgoing::new();
        for _ in 0..3 {
            outgoing.number(payload_type::OUTPUT, b"x");
        }
        outgoing.acknowledged(1);
        outgoing.acknowledged(1);
        outgoing.acknowledged(7);
        outgoing.acknowledged(-1);
        assert_eq!(lock(&outgoing.unacknowledged).slots.len(), 3);
        outgoing.acknowledged(0);
        assert_eq!(lock(&outgoing.unacknowledged).first, 2);
        outgoing.acknowledged(2);
        assert!(outgoing.is_empty());
    }

    #[test]
    fn session_bytes_are_cut_at_1024() {
        let outgoing = Outgoing::new();
        let mut pieces = Pieces::default();
        pieces.push(Bytes::from(vec![1; 1000]));
        pieces.push(Bytes::from(vec![2; 1100]));
        let mut messages = Vec::new();
        outgoing.number_output(&mut pieces, 10, &mut messages);
        let lengths: Vec<usize> = messages.iter().map(|message| message.len() - 120).collect();
        assert_eq!(lengths, [1024, 1024, 52]);
        assert!(pieces.is_empty());
    }
}
