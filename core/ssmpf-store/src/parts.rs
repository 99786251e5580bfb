//! A sealed text read in parts of whole lines: while one thread opens a part, others work on theirs.
//!
//! ```text
//! sealed bytes ─► Feed (one at a time: opens the next chunks) ─► part 0 ─► work ─► result 0
//!                                                              ─► part 1 ─► work ─► result 1 …
//! ```
//!
//! Every thread has one buffer, which it fills over and over: a large text is never in memory as a
//! whole, and little of it is written to memory that was not touched before, which costs as much as
//! opening it. Nothing leaves this module before the seal was checked to the very end.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::thread;

use ssmpf_model::Redacted;

/// Bytes of text in one part, as far as lines allow. Two chunks of age, and little enough for the
/// cache of a core.
pub(crate) const PART: usize = 128 * 1024;

/// Reads `text` in parts, has `work` make something of each, and returns what it made, in order.
///
/// `work` gets the number of the part, from 0, and its whole lines, each with its line feed; only the
/// end of the text may be without one. `Ok(None)` if it gave none for a part.
///
/// # Errors
///
/// What reading says, also when it is said at the very end. Text that is not UTF-8 is as if `work` had
/// given none.
pub(crate) fn each<T: Send>(
    text: impl Read + Send,
    threads: usize,
    work: impl Fn(usize, &str) -> Option<T> + Sync,
) -> io::Result<Option<Vec<T>>> {
    let feed = Mutex::new(Feed { text, over: Redacted::new(Vec::new()), next: 0, ended: false });
    let run = || run(&feed, &work);
    let results = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        let others = others.into_iter().map(|other| match other.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(own).chain(others).collect::<io::Result<Option<Vec<_>>>>()
    })?;
    let Some(results) = results else { return Ok(None) };
    let mut parts: Vec<(usize, T)> = results.into_iter().flatten().collect();
    parts.sort_unstable_by_key(|(number, _)| *number);
    Ok(Some(parts.into_iter().map(|(_, result)| result).collect()))
}

/// Takes one part after another until there is none; what one thread made, with the parts' numbers.
fn run<R: Read, T>(
    feed: &Mutex<Feed<R>>,
    work: &impl Fn(usize, &str) -> Option<T>,
) -> io::Result<Option<Vec<(usize, T)>>> {
    let mut results = Vec::new();
    let mut buffer = Redacted::new(vec![0; PART]);
    loop {
        // A thread that panicked has its panic passed on by `each`.
        let next = feed.lock().unwrap_or_else(PoisonError::into_inner).next(&mut buffer);
        let Some((number, length)) = next? else { return Ok(Some(results)) };
        let part = std::str::from_utf8(&buffer.expose()[..length]).ok();
        match part.and_then(|part| work(number, part)) {
            Some(result) => results.push((number, result)),
            None => {
                feed.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
                return Ok(None);
            }
        }
    }
}

/// Hands out the parts.
struct Feed<R> {
    text: R,
    /// The beginning of a line whose end has not been read.
    over: Redacted<Vec<u8>>,
    /// The number of the next part.
    next: usize,
    ended: bool,
}

impl<R: Read> Feed<R> {
    /// Fills `buffer` with the next part and returns its number and length.
    fn next(&mut self, buffer: &mut Redacted<Vec<u8>>) -> io::Result<Option<(usize, usize)>> {
        if self.ended {
            return Ok(None);
        }
        let over = self.over.expose();
        while buffer.expose().len() < over.len() + PART / 2 {
            grow(buffer, 0);
        }
        let mut filled = over.len();
        buffer.expose_mut()[..filled].copy_from_slice(over);
        let lines = loop {
            let start = filled;
            while filled < buffer.expose().len() {
                match self.text.read(&mut buffer.expose_mut()[filled..]) {
                    Ok(0) => {
                        self.ended = true;
                        break;
                    }
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.ended = true;
                        return Err(error);
                    }
                }
            }
            if self.ended {
                break filled;
            }
            let line_end = buffer.expose()[start..filled].iter().rposition(|&byte| byte == b'\n');
            match line_end {
                Some(at) => break start + at + 1,
                // One line longer than the buffer.
                None => grow(buffer, filled),
            }
        };
        // Longer than `over` was, it may need another place: the old one is wiped with its value.
        self.over = Redacted::new(buffer.expose()[lines..filled].to_vec());
        if lines == 0 {
            return Ok(None);
        }
        self.next += 1;
        Ok(Some((self.next - 1, lines)))
    }
}

/// Doubles a buffer, of which the first `filled` bytes matter. The smaller one is wiped.
fn grow(buffer: &mut Redacted<Vec<u8>>, filled: usize) {
    let mut larger = Redacted::new(vec![0; buffer.expose().len() * 2]);
    larger.expose_mut()[..filled].copy_from_slice(&buffer.expose()[..filled]);
    *buffer = larger;
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
