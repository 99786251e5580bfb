//! The line at the bottom of the terminal that says how far a search is.
//!
//! It is overwritten in place, so whoever writes anything else to stderr meanwhile takes it away
//! first. A question to a person may take minutes, during which the search goes on: what it has to
//! say then is shown when the question is answered.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::terminal;

/// There is one terminal, so there is one line.
static LINE: Mutex<Line> = Mutex::new(Line { text: None, shown: false, pauses: 0 });

#[derive(Debug)]
struct Line {
    /// What it says, shown or not.
    text: Option<String>,
    shown: bool,
    /// How many write something else at the moment.
    pauses: usize,
}

impl Line {
    fn draw(&mut self, out: &mut impl Write, width: Option<usize>) {
        if self.pauses == 0
            && let Some(text) = &self.text
        {
            // What runs over into a second line could not be overwritten.
            let text = shortened(text, width.unwrap_or(usize::MAX).saturating_sub(1));
            // If that is impossible, there is nobody to wait.
            let _ = write!(out, "\r\x1b[K{text}").and_then(|()| out.flush());
            self.shown = true;
        }
    }

    fn take_away(&mut self, out: &mut impl Write) {
        if std::mem::take(&mut self.shown) {
            let _ = out.write_all(b"\r\x1b[K").and_then(|()| out.flush());
        }
    }
}

/// Shows a text in place of the one before.
pub(super) fn show(text: String) {
    let mut line = line();
    line.text = Some(text);
    line.draw(&mut io::stderr(), terminal::width_of_stderr());
}

/// Takes the line away for good.
pub(super) fn end() {
    let mut line = line();
    line.text = None;
    line.take_away(&mut io::stderr());
}

/// Takes the line away until the guard is dropped.
pub(super) fn pause() -> Pause {
    let mut line = line();
    line.pauses += 1;
    line.take_away(&mut io::stderr());
    Pause(())
}

/// Somebody writes something else to the terminal.
#[must_use]
pub(super) struct Pause(());

impl Drop for Pause {
    fn drop(&mut self) {
        let mut line = line();
        line.pauses = line.pauses.saturating_sub(1);
        line.draw(&mut io::stderr(), terminal::width_of_stderr());
    }
}

/// Cuts a text to so many columns; its letters are one wide each.
fn shortened(text: &str, columns: usize) -> &str {
    text.char_indices().nth(columns).map_or(text, |(end, _)| &text[..end])
}

fn line() -> MutexGuard<'static, Line> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_during_a_pause_is_shown_after_it() {
        let mut out = Vec::new();
        let mut line = Line { text: Some("1 of 2".to_owned()), shown: false, pauses: 0 };
        line.draw(&mut out, None);
        line.pauses += 1;
        line.take_away(&mut out);
        line.text = Some("2 of 2".to_owned());
        line.draw(&mut out, None);
        assert_eq!(String::from_utf8_lossy(&out), "\r\x1b[K1 of 2\r\x1b[K");
        line.pauses -= 1;
        line.draw(&mut out, None);
        assert!(out.ends_with(b"\r\x1b[K2 of 2"));
    }

    #[test]
    fn it_never_fills_the_last_column() {
        let shown = |width| {
            let mut out = Vec::new();
            let text = Some("looking … 1 of 2".to_owned());
            Line { text, shown: false, pauses: 0 }.draw(&mut out, width);
            String::from_utf8(out).expect("whole letters")
        };
        assert_eq!(shown(Some(10)), "\r\x1b[Klooking …");
        assert_eq!(shown(Some(17)), "\r\x1b[Klooking … 1 of 2");
        assert_eq!(shown(Some(1)), "\r\x1b[K");
    }
}
