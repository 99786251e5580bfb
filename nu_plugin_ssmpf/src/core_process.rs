//! Runs the program: what it is given, what it answers, how it is ended.
//!
//! The program is told to end when its stdin does. So it ends in good order, with its remote sessions,
//! when Ctrl-C is pressed, when nobody reads a stream any more, and when the plugin itself dies, and no
//! signal has to be sent, which Windows does not have.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::error::CoreFailure;

/// Longest wait for the program to end after it was told to. It ends its sessions within two seconds.
const GRACE: Duration = Duration::from_secs(4);
/// How often a program that should be ending is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Largest document, in bytes. A hundred thousand connections have a tenth of it.
const MAX_DOCUMENT: u64 = 512 << 20;
/// Longest line of a stream, in bytes. What comes after it is dropped with it.
const MAX_LINE: u64 = 16 << 20;
/// Most text of stderr that is kept for an error, in bytes.
const MAX_COMPLAINT: usize = 4096;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The program.
    pub program: PathBuf,
    /// What it is given.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, OsString)>,
    /// Where it runs.
    pub folder: PathBuf,
    /// What it reads; none: its stdin stays open as long as it shall run.
    pub input: Option<Vec<u8>>,
}

/// What the program left behind.
#[derive(Debug)]
pub struct Answer {
    /// Its exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// What it said about its failure.
    pub failure: Option<CoreFailure>,
    /// What else it wrote to stderr, the beginning of it.
    pub complaint: String,
}

/// A program that runs.
pub struct CoreProcess {
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<(Option<CoreFailure>, String)>>,
    stopper: Stopper,
}

/// Ends a program from wherever that is decided.
#[derive(Clone)]
pub struct Stopper(Arc<Mutex<Ends>>);

struct Ends {
    stdin: Option<ChildStdin>,
    child: Child,
    was_asked: bool,
}

impl Invocation {
    /// Starts the program. With `speaks`, what it says on stderr is shown to the user meanwhile.
    pub fn start(self, speaks: bool) -> io::Result<CoreProcess> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(self.environment).current_dir(&self.folder);
        // Of the plugin's own, stdin and stdout belong to Nushell.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        let stderr = child.stderr.take();
        if let Some(input) = self.input
            && let Some(mut stdin) = stdin.take()
        {
            // Beside the reading, so that neither waits for the other. A program that does not want
            // all of it says why on stderr.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let stderr = stderr.map(|it| thread::spawn(move || listen(it, speaks)));
        let ends = Ends { stdin, child, was_asked: false };
        Ok(CoreProcess { stdout, stderr, stopper: Stopper(Arc::new(Mutex::new(ends))) })
    }
}

impl CoreProcess {
    /// Returns what can end it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Reads all that it writes, and waits for its end.
    pub fn document(mut self) -> io::Result<(Vec<u8>, Answer)> {
        let mut text = Vec::new();
        if let Some(stdout) = self.stdout.take() {
            stdout.take(MAX_DOCUMENT).read_to_end(&mut text)?;
        }
        Ok((text, self.answer()))
    }

    /// Reads the next line; none at the end.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        bounded_line(self.stdout.as_mut()?, MAX_LINE)
    }

    /// Waits for its end after its last line.
    pub fn answer(mut self) -> Answer {
        self.stdout = None;
        let code = self.stopper.wait();
        let heard = self.stderr.take().and_then(|it| it.join().ok());
        let (failure, complaint) = heard.unwrap_or_default();
        Answer { code, failure, complaint }
    }
}

impl Stopper {
    /// Tells the program to end, and sees to it that it does.
    pub fn stop(&self) {
        let mut ends = self.ends();
        if std::mem::replace(&mut ends.was_asked, true) {
            return;
        }
        ends.stdin = None;
        drop(ends);
        let stopper = self.clone();
        thread::spawn(move || {
            let deadline = Instant::now() + GRACE;
            while stopper.exit_code().is_none() {
                if Instant::now() > deadline {
                    stopper.kill();
                    break;
                }
                thread::sleep(LOOK);
            }
        });
    }

    /// Ends the program at once.
    pub fn kill(&self) {
        // It can only be gone already.
        let _ = self.ends().child.kill();
    }

    /// Returns whether it was told to end.
    pub fn was_asked(&self) -> bool {
        self.ends().was_asked
    }

    /// Waits until it is gone. Its exit code is none if it was killed.
    fn wait(&self) -> Option<i32> {
        // It has closed its stdout, so it is about to be gone; or it goes on without.
        let mut pause = Duration::from_micros(50);
        loop {
            if let Some(code) = self.exit_code() {
                return code;
            }
            thread::sleep(pause);
            pause = LOOK.min(pause * 2);
        }
    }

    fn exit_code(&self) -> Option<Option<i32>> {
        match self.ends().child.try_wait() {
            Ok(status) => status.map(|it| it.code()),
            Err(_) => Some(None),
        }
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        // Nothing is left half done under this lock.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Reads stderr to its end: the failure is kept, the conversation passed on or kept.
fn listen(stderr: ChildStderr, speaks: bool) -> (Option<CoreFailure>, String) {
    let (mut failure, mut complaint) = (None, String::new());
    let mut stderr = BufReader::new(stderr);
    while let Some(line) = bounded_line(&mut stderr, MAX_LINE) {
        if let Some(found) = failure_in(&line) {
            failure = Some(found);
            continue;
        }
        let line = String::from_utf8_lossy(&line);
        if speaks {
            // If that is impossible, there is nobody to hear it.
            let _ = writeln!(io::stderr(), "{line}");
        }
        if complaint.len() < MAX_COMPLAINT {
            complaint.push_str(&line);
            complaint.push('\n');
        }
    }
    (failure, complaint)
}

fn failure_in(line: &[u8]) -> Option<CoreFailure> {
    if !line.starts_with(b"{") {
        return None;
    }
    let mut document: Json = serde_json::from_slice(line).ok()?;
    serde_json::from_value(document.get_mut("error")?.take()).ok()
}

/// Reads a line without its end. Of one that is too long only the beginning is kept.
fn bounded_line(from: &mut impl BufRead, limit: u64) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = from.by_ref().take(limit).read_until(b'\n', &mut line).ok()?;
    if read == 0 {
        return None;
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    } else if read as u64 == limit {
        from.skip_until(b'\n').ok()?;
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_the_next_one_begins_where_it_should() {
        let mut text = &b"short\r\n0123456789abc\nlast"[..];
        let mut line = || bounded_line(&mut text, 10);
        assert_eq!(line().as_deref(), Some(&b"short"[..]));
        assert_eq!(line().as_deref(), Some(&b"0123456789"[..]));
        assert_eq!(line().as_deref(), Some(&b"last"[..]));
        assert_eq!(line(), None);
    }

    #[test]
    fn a_failure_of_a_kind_that_is_new_is_still_one() {
        let line = br#"{"schema":"ssmpf/1","error":{"kind":"too-hot","message":"it burns","hint":null,"causes":[]}}"#;
        let failure = failure_in(line).expect("a failure");
        assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("too-hot", "it burns"));
        assert!(failure_in(b"warning: {\"error\":1}").is_none());
        assert!(failure_in(b"{\"error\":1}").is_none());
        assert!(failure_in(b"{\"error\"").is_none());
    }
}
