//! The multiplexed port session: a smux server whose streams are connections to the destination.
//!
//! Received bytes that no destination has taken yet are counted in one budget for all streams; when
//! it is exhausted the reader of the whole session waits.

use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::stream::{self, Stream};
use super::{Handled, PortSetting, pump};
use crate::message::{flag, flag_value, payload_type};
use crate::session::{Ending, Session, count};
use crate::smux::{self, Decoder, Event, command};
use crate::version;

/// Received bytes that the session may hold.
const BUDGET: i64 = 4 * 1024 * 1024;

/// Streams that may wait for their dial; then the reader waits too.
const BACKLOG: usize = 1024;

/// Frames between the streams and the pump: about what a socket pair holds.
const OUTPUT: usize = 8;

/// Returns whether this pair of versions sends NOP frames.
pub(super) fn keepalive_is_on(agent: &str, client: &str) -> bool {
    if agent == "3.1.1446.0" {
        return false;
    }
    !version::above(agent, "3.1.1511.0") || !version::above(client, "1.2.331.0")
}

/// Bytes that the mux may still hold.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicI64,
    returned: Notify,
}

impl Budget {
    fn new() -> Self {
        Self { left: AtomicI64::new(BUDGET), returned: Notify::new() }
    }

    fn take(&self, bytes: usize) {
        self.left.fetch_sub(bytes as i64, Ordering::SeqCst);
    }

    /// Returns bytes that a stream has taken or lost.
    pub(super) fn give(&self, bytes: usize) {
        let before = self.left.fetch_add(bytes as i64, Ordering::SeqCst);
        if before <= 0 && before + bytes as i64 > 0 {
            self.returned.notify_one();
        }
    }

    fn is_exhausted(&self) -> bool {
        self.left.load(Ordering::SeqCst) <= 0
    }

    async fn wait(&self) {
        while self.is_exhausted() {
            self.returned.notified().await;
        }
    }
}

/// The receiving half of the mux.
pub(super) struct Mux {
    session: Arc<Session>,
    decoder: Decoder,
    streams: HashMap<u32, mpsc::UnboundedSender<Bytes>>,
    budget: Arc<Budget>,
    accept: mpsc::Sender<Stream>,
    closed: mpsc::UnboundedReceiver<u32>,
    closed_sender: mpsc::UnboundedSender<u32>,
    headers: Arc<AtomicU64>,
    obeys_terminate: bool,
    /// The smux session met an error: it takes bytes and does nothing.
    broken: bool,
}

impl Mux {
    /// Starts pump, acceptor and keepalive as tasks.
    pub(super) fn start(
        setting: PortSetting,
        keepalive: Option<(Duration, Duration)>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (output, frames) = mpsc::channel(OUTPUT);
        let (accept, accepted) = mpsc::channel(BACKLOG);
        let (closed_sender, closed) = mpsc::unbounded_channel();
        let budget = Arc::new(Budget::new());
        let headers = Arc::new(AtomicU64::new(0));
        let session = setting.session.clone();
        let obeys_terminate = setting.obeys_terminate;
        tasks.spawn(pump::pump(setting.sender.clone(), frames, setting.pace));
        if let Some((interval, silence)) = keepalive {
            tasks.spawn(send_nops(output.clone(), interval));
            let watch = watch_liveness(session.clone(), headers.clone(), budget.clone(), silence);
            tasks.spawn(watch);
        }
        tasks.spawn(accept_streams(setting, accepted, output));
        Self {
            session,
            decoder: Decoder::default(),
            streams: HashMap::new(),
            budget,
            accept,
            closed,
            closed_sender,
            headers,
            obeys_terminate,
            broken: false,
        }
    }

    /// Returns whether handling bytes may wait for a destination.
    pub(super) fn may_wait(&self) -> bool {
        self.budget.is_exhausted() || self.accept.capacity() == 0
    }

    /// Takes the payload of one message.
    pub(super) async fn handle(&mut self, kind: u32, payload: &Bytes) -> Handled {
        match kind {
            payload_type::OUTPUT => self.take(payload.clone()).await,
            payload_type::FLAG => {
                let value = flag_value(payload);
                if value == Some(flag::TERMINATE_SESSION) && self.obeys_terminate {
                    return Handled::Terminate;
                }
            }
            _ => {}
        }
        Handled::Done
    }

    async fn take(&mut self, bytes: Bytes) {
        if self.broken {
            return;
        }
        self.decoder.feed(bytes);
        loop {
            self.budget.wait().await;
            match self.decoder.next() {
                Ok(Some(event)) => self.on_event(event).await,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(session = %self.session.id, %error, "the client's mux is broken");
                    self.broken = true;
                    return;
                }
            }
        }
        self.headers.store(self.decoder.headers(), Ordering::Relaxed);
    }

    async fn on_event(&mut self, event: Event) {
        while let Ok(id) = self.closed.try_recv() {
            self.streams.remove(&id);
        }
        match event {
            Event::Syn(id) if !self.streams.contains_key(&id) => {
                let (input, received) = mpsc::unbounded_channel();
                self.streams.insert(id, input);
                let stream = Stream {
                    id,
                    received,
                    budget: self.budget.clone(),
                    closed: self.closed_sender.clone(),
                };
                let _ = self.accept.send(stream).await;
            }
            Event::Data(id, bytes) => {
                let length = bytes.len();
                if let Some(stream) = self.streams.get(&id) {
                    self.budget.take(length);
                    if stream.send(bytes).is_err() {
                        self.budget.give(length);
                    }
                }
            }
            Event::Fin(id) => {
                self.streams.remove(&id);
            }
            Event::Syn(_) | Event::Nop => {}
        }
    }
}

/// Dials for one stream after another; a slow dial delays all that follow.
async fn accept_streams(
    setting: PortSetting,
    mut accepted: mpsc::Receiver<Stream>,
    output: mpsc::Sender<Bytes>,
) {
    let mut running = JoinSet::new();
    while let Some(stream) = accepted.recv().await {
        while running.try_join_next().is_some() {}
        let session = &setting.session;
        match setting.destination.dial().await {
            Ok(socket) => {
                count(&session.counters.dials, 1);
                running.spawn(stream::run(stream, socket, output.clone()));
            }
            Err(error) => {
                tracing::info!(session = %session.id, stream = stream.id, %error, "dial failed");
                let text = flag::CONNECT_TO_PORT_ERROR.to_be_bytes();
                setting.sender.send(payload_type::FLAG, &text).await;
                stream.close(&output).await;
            }
        }
    }
}

async fn send_nops(output: mpsc::Sender<Bytes>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        if output.send(smux::empty_frame(command::NOP, 0)).await.is_err() {
            return;
        }
    }
}

/// Ends the session after a whole period without a frame.
async fn watch_liveness(
    session: Arc<Session>,
    headers: Arc<AtomicU64>,
    budget: Arc<Budget>,
    silence: Duration,
) {
    let mut before = headers.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(silence).await;
        let now = headers.load(Ordering::Relaxed);
        if now == before && !budget.is_exhausted() {
            tracing::info!(session = %session.id, "no frame within the keepalive timeout");
            session.end(Ending::Failed(String::new()));
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_decide_about_keepalive() {
        let modern = "1.2.764.0";
        for (agent, client, on) in [
            ("3.0.222.0", modern, true),
            ("3.1.1446.0", modern, false),
            ("3.1.1511.0", modern, true),
            ("3.1.1575.0", modern, false),
            ("3.3.987.0", modern, false),
            ("3.3.987.0", "1.2.331.0", true),
            ("3.3.987.0", "1.2.0.0", true),
        ] {
            assert_eq!(keepalive_is_on(agent, client), on, "{agent} {client}");
        }
    }

    #[tokio::test]
    async fn an_exhausted_budget_waits_until_bytes_come_back() {
        let budget = Arc::new(Budget::new());
        budget.take(BUDGET as usize + 1);
        assert!(budget.is_exhausted());
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.wait().await }
        });
        budget.give(2);
        waiting.await.unwrap();
    }
}
