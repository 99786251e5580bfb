//! Counts the bytes of a forward's clients while they pass, without a timer of its own.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::pump::Moved;

/// Shortest time over which a rate says something.
const WINDOW: Duration = Duration::from_secs(1);

/// Bytes so far and per second. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    received: AtomicU64,
    window: Mutex<Option<Window>>,
}

/// What the counters were at some time, and the rate before that.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    moved: Moved,
    rate: Rate,
}

/// Bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// From clients to the destination.
    pub sent: f64,
    /// From the destination to clients.
    pub received: f64,
}

impl Meter {
    /// Returns what has passed so far.
    pub fn moved(&self) -> Moved {
        Moved {
            sent: self.0.sent.load(Ordering::Relaxed),
            received: self.0.received.load(Ordering::Relaxed),
        }
    }

    /// Returns the rate since it was last asked for, or the one before if that is a moment ago.
    ///
    /// The first answer has nothing to compare with, and is zero.
    pub fn rate(&self) -> Rate {
        self.rate_at(Instant::now())
    }

    fn rate_at(&self, now: Instant) -> Rate {
        let moved = self.moved();
        let mut window = self.0.window.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let rate = match *window {
            Some(last) if now.saturating_duration_since(last.since) < WINDOW => return last.rate,
            Some(last) => {
                let seconds = now.saturating_duration_since(last.since).as_secs_f64();
                let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
                Rate {
                    sent: per_second(moved.sent, last.moved.sent),
                    received: per_second(moved.received, last.moved.received),
                }
            }
            None => Rate::default(),
        };
        *window = Some(Window { since: now, moved, rate });
        rate
    }

    /// Counts what is read from a client.
    pub fn reader<R>(&self, inner: R) -> Metered<R> {
        Metered { inner, meter: self.clone() }
    }

    /// Counts what is written to a client.
    pub fn writer<W>(&self, inner: W) -> Metered<W> {
        Metered { inner, meter: self.clone() }
    }
}

/// One direction of a client, counted.
#[derive(Debug)]
pub struct Metered<T> {
    inner: T,
    meter: Meter,
}

impl<R: AsyncRead + Unpin> AsyncRead for Metered<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        self.meter.0.sent.fetch_add(read as u64, Ordering::Relaxed);
        result
    }
}

impl<W> Metered<W> {
    fn count(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(written)) = result {
            self.meter.0.received.fetch_add(*written as u64, Ordering::Relaxed);
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Metered<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.count(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.count(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn both_directions_are_counted_while_they_pass() {
        let meter = Meter::default();
        let mut reader = meter.reader(&b"hello"[..]);
        reader.read_exact(&mut [0; 5]).await.expect("it is there");
        let mut writer = meter.writer(Vec::new());
        writer.write_all(b"hi").await.expect("there is room");
        assert_eq!(meter.moved(), Moved { sent: 5, received: 2 });
    }

    #[test]
    fn a_rate_is_what_passed_since_the_last_look() {
        let meter = Meter::default();
        let start = Instant::now();
        assert_eq!(meter.rate_at(start), Rate::default());
        meter.0.sent.store(1000, Ordering::Relaxed);
        let later = start + Duration::from_secs(2);
        assert_eq!(meter.rate_at(later), Rate { sent: 500.0, received: 0.0 });
        let at_once = later + Duration::from_millis(10);
        assert_eq!(meter.rate_at(at_once).sent, 500.0, "too soon to say anything new");
        assert_eq!(meter.rate_at(later + WINDOW), Rate::default());
    }
}
