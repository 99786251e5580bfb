//! Lines for stdout or stderr, written by a thread of their own.
//!
//! A terminal stopped with Ctrl-S, or a pipe whose reader sleeps, blocks whoever writes to it. A tunnel
//! must not stand still for that, so lines are queued, and dropped when the queue is full.

use std::io::{self, Write};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::background::log_file::LogFile;

/// Lines that may wait for a slow reader; the next ones are lost. About a megabyte at most.
const QUEUE: usize = 4096;

/// Longest wait at the end for a reader that has not taken everything yet.
const FINISH: Duration = Duration::from_millis(500);

enum Work {
    Line(Vec<u8>),
    /// Answer when everything before this is written.
    Mark(SyncSender<()>),
}

/// A queue of lines. Cheap to clone; writing never waits and never fails.
#[derive(Clone)]
pub struct Lines {
    queue: SyncSender<Work>,
}

impl Lines {
    /// Lines for stdout. `on_closed` is called once, from another thread, when its reader is gone.
    pub fn stdout(on_closed: impl FnOnce() + Send + 'static) -> Self {
        Self::to(io::stdout, on_closed)
    }

    /// Lines for stderr. If it is closed or full, they are lost.
    pub fn stderr() -> Self {
        Self::to(io::stderr, || {})
    }

    /// Lines for a log. If the disk is full, they are lost.
    pub fn file(file: LogFile) -> Self {
        Self::to(move || file, || {})
    }

    /// Queues a line, which has its line feed at the end already.
    pub fn write(&self, line: Vec<u8>) {
        match self.queue.try_send(Work::Line(line)) {
            // The thread ends only after the reader is gone.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }

    /// Waits a moment until what is queued is written.
    pub fn finish(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.queue.try_send(Work::Mark(done)).is_ok() {
            let _ = wait.recv_timeout(FINISH);
        }
    }

    fn to<W: Write>(
        open: impl FnOnce() -> W + Send + 'static,
        on_closed: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (queue, work) = mpsc::sync_channel(QUEUE);
        let write = move || {
            let mut out = open();
            let mut on_closed = Some(on_closed);
            while let Ok(work) = work.recv() {
                match work {
                    Work::Line(line) => {
                        let written = out.write_all(&line).and_then(|()| out.flush());
                        // Other failures, such as a full disk, may pass; a closed pipe does not.
                        if written.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
                            && let Some(on_closed) = on_closed.take()
                        {
                            on_closed();
                        }
                    }
                    Work::Mark(done) => {
                        let _ = done.send(());
                    }
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("output".to_owned()).spawn(write) {
            tracing::debug!(%error, "no thread for output");
        }
        Self { queue }
    }
}

/// So that logs keep their place among the other lines on stderr.
impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Lines::write(self, bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

/// Runs `take` with a place where what `Lines` writes can be read again.
#[cfg(test)]
pub(crate) fn captured(take: impl FnOnce(&Lines)) -> String {
    #[derive(Clone, Default)]
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let shared = Shared::default();
    let lines = Lines::to(
        {
            let shared = shared.clone();
            move || shared
        },
        || {},
    );
    take(&lines);
    lines.finish();
    let bytes = shared.0.lock().expect("not poisoned").clone();
    String::from_utf8(bytes).expect("text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_order() {
        let text = captured(|lines| {
            for number in 0..100 {
                lines.write(format!("{number}\n").into_bytes());
            }
        });
        let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_stopped_reader_never_stops_the_writer() {
        struct Stopped;
        impl Write for Stopped {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                loop {
                    thread::park();
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines::to(|| Stopped, || {});
        for _ in 0..2 * QUEUE {
            lines.write(b"x\n".to_vec());
        }
        lines.finish();
    }

    #[test]
    fn a_closed_pipe_is_reported_once() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (report, reports) = mpsc::channel();
        let lines = Lines::to(|| Closed, move || report.send(()).expect("the test waits"));
        lines.write(b"x\n".to_vec());
        lines.write(b"x\n".to_vec());
        lines.finish();
        // The sender went with the one call, so the channel is closed after it.
        assert_eq!(reports.iter().count(), 1);
    }
}
