//! Where the events of a running command go.
//!
//! What runs says what happened; whoever started it decides how that looks. So the code below `cli`
//! holds an [`EventSink`] and never prints.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use ssmpf_schema::{Detail, ErrorKind, Event};

/// Takes the events of one forward. Cheap to clone; handing over an event never waits.
#[derive(Clone)]
pub struct EventSink {
    connection: Option<Arc<str>>,
    take: Arc<dyn Fn(Event) + Send + Sync>,
}

impl EventSink {
    /// Makes a sink that hands every event to `take`, which must not block.
    pub fn new(take: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { connection: None, take: Arc::new(take) }
    }

    /// Makes a sink that forgets everything.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// The same sink, for the events of the connection of this name.
    pub fn for_connection(&self, name: &str) -> Self {
        Self { connection: Some(name.into()), take: Arc::clone(&self.take) }
    }

    /// A sink for the same connection that hands every event to `take`, which may hand it on here.
    pub fn with_take(&self, take: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self { connection: self.connection.clone(), take: Arc::new(take) }
    }

    /// Says that `detail` happened, now.
    pub fn emit(&self, detail: Detail) {
        let connection = self.connection.as_deref().map(str::to_owned);
        self.pass(Event::new(rfc3339(Timestamp::now()), connection, detail));
    }

    /// Hands on an event that already has its time and connection.
    pub fn pass(&self, event: Event) {
        (self.take)(event);
    }

    /// Says something a person should know while the command goes on.
    pub fn warn(&self, kind: ErrorKind, message: impl Into<String>, hint: Option<String>) {
        self.emit(Detail::Warning { kind, message: message.into(), hint });
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSink").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Times in documents. A listing writes tens of thousands of them.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Writes a time the way documents have it: UTC, to the millisecond.
pub fn rfc3339(time: Timestamp) -> String {
    // Room for what the printer reserves, which is more than it writes: growing a text takes a lock
    // that all threads share.
    let mut text = String::with_capacity(64);
    // Writing to text cannot fail.
    let _ = PRINTER.print_timestamp(&time, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn events_carry_the_connection_they_belong_to() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let seen = Arc::clone(&seen);
            EventSink::new(move |event| seen.lock().expect("not poisoned").push(event))
        };
        sink.warn(ErrorKind::Failure, "careful", None);
        sink.for_connection("db").warn(ErrorKind::Failure, "careful", None);
        let seen = seen.lock().expect("not poisoned");
        assert_eq!(seen[0].connection, None);
        assert_eq!(seen[1].connection.as_deref(), Some("db"));
    }

    #[test]
    fn times_are_utc_to_the_millisecond() {
        let time = Timestamp::from_millisecond(1_704_164_645_007).expect("in range");
        assert_eq!(rfc3339(time), "2024-01-02T03:04:05.007Z");
    }
}
