//! Waiting for a moment more precisely than the runtime's timer, whose grain is a millisecond.
//!
//! A line with a delay of one millisecond would otherwise have one of two.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Grain of the runtime's timer, which rounds up.
const GRAIN: Duration = Duration::from_millis(1);
/// Less than this is not worth a thread's sleep.
const FINE: Duration = Duration::from_micros(40);

/// One moment to wait for; it may change.
#[derive(Default)]
pub(super) struct Alarm {
    due: Option<Instant>,
    sleep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Alarm {
    /// Waits for this moment from now on. The same moment again changes nothing.
    pub(super) fn set(&mut self, due: Option<Instant>) {
        if due != self.due || self.sleep.is_none() {
            self.due = due;
            self.sleep = due.map(|due| Box::pin(until(due)) as _);
        }
    }

    /// Completes at the moment; never, if there is none.
    pub(super) async fn wait(&mut self) {
        match &mut self.sleep {
            Some(sleep) => {
                sleep.await;
                self.sleep = None;
            }
            None => std::future::pending().await,
        }
    }
}

async fn until(due: Instant) {
    if let Some(coarse) = due.checked_sub(GRAIN)
        && coarse > Instant::now()
    {
        sleep_until(coarse).await;
    }
    let left = due.saturating_duration_since(Instant::now());
    if left > FINE {
        // The kernel's own timers have a grain of microseconds.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(left)).await;
    }
}
