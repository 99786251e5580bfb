//! The pump from the mux to messages, and its pace.

use bytes::Bytes;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::outgoing::{PAYLOAD, Pieces, Sender};

/// Messages that are numbered at once when there is no pace.
const BURST: usize = 64;

/// How far the pace may fall behind before what was missed is given up.
const SLACK: Duration = Duration::from_millis(5);

/// Spaces messages out.
///
/// Moments are absolute, since the timer's grain of a millisecond would otherwise add up.
#[derive(Debug)]
pub(super) struct Pace {
    period: Option<Duration>,
    next: Instant,
}

impl Pace {
    pub(super) fn new(period: Option<Duration>) -> Self {
        Self { period: period.filter(|period| !period.is_zero()), next: Instant::now() }
    }

    /// Returns how many messages may be sent before the next pause.
    pub(super) fn burst(&self) -> usize {
        if self.period.is_some() { 1 } else { BURST }
    }

    /// Waits as long as one message is to take.
    pub(super) async fn pause(&mut self) {
        if let Some(period) = self.period {
            let now = Instant::now();
            let floor = now.checked_sub(SLACK).unwrap_or(now);
            self.next = self.next.max(floor) + period;
            if self.next > now {
                sleep_until(self.next).await;
            }
        }
    }
}

/// Cuts what `source` gives into messages until it ends.
pub(super) async fn pump(
    sender: Sender,
    mut source: mpsc::Receiver<Bytes>,
    pace: Option<Duration>,
) {
    let mut pace = Pace::new(pace);
    let mut pieces = Pieces::default();
    let mut scratch = Vec::with_capacity(BURST);
    let most = pace.burst();
    loop {
        sender.outgoing().wait_unpaused().await;
        if pieces.is_empty() {
            match source.recv().await {
                Some(piece) => pieces.push(piece),
                None => return,
            }
        }
        while pieces.len() < most * PAYLOAD {
            let Ok(piece) = source.try_recv() else {
                break;
            };
            pieces.push(piece);
        }
        sender.send_output(&mut pieces, most, &mut scratch).await;
        pace.pause().await;
    }
}
