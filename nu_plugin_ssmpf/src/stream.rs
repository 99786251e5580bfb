//! Commands that go on: each line of the core becomes rows as it is written.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use nu_plugin::EngineInterface;
use nu_protocol::{
    HandlerGuard, IntoInterruptiblePipelineData, LabeledError, PipelineData, Record, ShellError,
    Span, Value,
};
use serde_json::{Map, Value as Json};

use crate::call::{self, Call, Request, Surroundings};
use crate::columns::{EVENT, FORWARD};
use crate::core_process::{Answer, CoreProcess, Stopper};
use crate::error::{self, Line};
use crate::spec::Output;
use crate::value;

/// How many lines may wait for Nushell. When it does not keep up, the core waits.
const WAITING: usize = 64;
/// How often it is checked that Nushell is still there while the core has nothing to say.
const PULSE: Duration = Duration::from_secs(1);

/// Starts the core and returns what it says as a stream.
pub fn start(
    call: &Call<'_>,
    request: &Request,
    surroundings: &Surroundings,
    output: Output,
) -> Result<PipelineData, LabeledError> {
    let process = surroundings.invocation(request, "jsonl").start(true);
    let process =
        process.map_err(|it| error::program_failed(&surroundings.program, &it, call.head()))?;
    let stopper = process.stopper();
    let guard = call::stop_on_interrupt(call.engine, stopper.clone())?;
    let (sender, receiver) = sync_channel(WAITING);
    thread::spawn(move || read(process, &sender));
    let rows = Rows {
        ready: VecDeque::new(),
        receiver,
        stopper,
        engine: call.engine.clone(),
        output,
        program: surroundings.program.clone(),
        line: request.line(call.head()),
        is_over: false,
        _guard: guard,
    };
    Ok(rows.into_pipeline_data(call.head(), call.engine.signals().clone()))
}

/// What comes from the core.
enum Said {
    Line(Vec<u8>),
    End(Answer),
}

/// Passes on what the core says. When nobody listens any more, it is still read until it ends, so
/// that it is not held up while ending.
fn read(mut process: CoreProcess, to: &SyncSender<Said>) {
    while let Some(line) = process.line() {
        // The end of the reader has told the core to end.
        let _ = to.send(Said::Line(line));
    }
    let _ = to.send(Said::End(process.answer()));
}

/// The rows, as they come.
struct Rows {
    ready: VecDeque<Value>,
    receiver: Receiver<Said>,
    stopper: Stopper,
    engine: EngineInterface,
    output: Output,
    program: PathBuf,
    line: Line,
    is_over: bool,
    _guard: HandlerGuard,
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}

impl Iterator for Rows {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(row);
            }
            if self.is_over {
                return None;
            }
            match self.receiver.recv_timeout(PULSE) {
                Ok(Said::Line(line)) => match self.rows(&line) {
                    Ok(rows) => self.ready.extend(rows),
                    Err(error) => return Some(self.fail(error)),
                },
                Ok(Said::End(answer)) => {
                    self.is_over = true;
                    let checked = call::check(&answer, &self.program, &self.line);
                    if let Err(error) = checked.or_else(|error| self.unless_asked(error)) {
                        return Some(self.fail(error));
                    }
                }
                // A message that changes nothing, and fails when Nushell is gone without a word.
                Err(RecvTimeoutError::Timeout) => {
                    self.is_over = self.engine.set_gc_disabled(false).is_err();
                }
                Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            }
        }
    }
}

impl Rows {
    fn head(&self) -> Span {
        self.line.head
    }

    /// However the core ends when it was told to, that is no failure.
    fn unless_asked(&self, error: LabeledError) -> Result<(), LabeledError> {
        if self.stopper.was_asked() { Ok(()) } else { Err(error) }
    }

    fn fail(&mut self, error: LabeledError) -> Value {
        self.is_over = true;
        Value::error(ShellError::from(error), self.head())
    }

    fn rows(&self, line: &[u8]) -> Result<Vec<Value>, LabeledError> {
        let document = serde_json::from_slice::<Map<String, Json>>(line);
        match (self.output, document) {
            (Output::Forwards, Ok(mut document)) => {
                call::check_schema(&document, &self.program, self.head())?;
                let forwards = document.remove("forwards");
                let rows = forwards.as_ref().and_then(Json::as_array).into_iter().flatten();
                let now = chrono::Local::now().fixed_offset();
                let rows = rows.filter_map(Json::as_object).map(|it| self.timed(now, it));
                Ok(rows.collect())
            }
            (Output::Forwards, Err(_)) => {
                Err(error::core_too_old(&self.program, "it writes no JSON", self.head()))
            }
            (_, Ok(document)) if document.contains_key("event") => {
                call::check_schema(&document, &self.program, self.head())?;
                Ok(vec![value::record(&document, EVENT, false, self.head())])
            }
            (_, Ok(document)) => Ok(vec![log(document, self.head())]),
            (_, Err(_)) => {
                let text = String::from_utf8_lossy(line).into_owned();
                let message = Map::from_iter([("message".to_owned(), Json::String(text))]);
                Ok(vec![log(message, self.head())])
            }
        }
    }

    /// A forward, and when it was like this.
    fn timed(
        &self,
        now: chrono::DateTime<chrono::FixedOffset>,
        forward: &Map<String, Json>,
    ) -> Value {
        let mut row = Record::new();
        row.push("time", Value::date(now, self.head()));
        if let Value::Record { val, .. } = value::record(forward, FORWARD, true, self.head()) {
            row.extend(val.into_owned());
        }
        Value::record(row, self.head())
    }
}

/// A line of a log that is no event: the event `log`.
fn log(mut line: Map<String, Json>, span: Span) -> Value {
    let time = line.remove("timestamp").or_else(|| line.remove("time")).unwrap_or(Json::Null);
    let head =
        [("time", time), ("connection", Json::Null), ("event", Json::String("log".to_owned()))];
    for (field, value) in head {
        line.insert(field.to_owned(), value);
    }
    value::record(&line, EVENT, false, span)
}
