//! A program on a terminal: keys go in, and the test looks at the screen, as a person does.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::PATIENCE;

/// Keys that have no letter.
pub mod keys {
    /// Ends a line.
    pub const ENTER: &str = "\r";
    /// Completes a word.
    pub const TAB: &str = "\t";
    /// Leaves whatever is open.
    pub const ESCAPE: &str = "\x1b";
    /// Takes the last letter back.
    pub const BACKSPACE: &str = "\x7f";
    /// Interrupts.
    pub const CTRL_C: &str = "\x03";
    /// Ends the input.
    pub const CTRL_D: &str = "\x04";
    /// Takes the line back.
    pub const CTRL_U: &str = "\x15";
}

/// A program with a terminal of its own; killed when dropped.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Keyboard,
    seen: Arc<Seen>,
    // Closing it hangs up on the program.
    master: Box<dyn MasterPty + Send>,
}

/// What goes into the terminal: keys, and the terminal's own answers.
type Keyboard = Arc<Mutex<Box<dyn Write + Send>>>;

/// How a program asks where the cursor is. Line editors wait for the answer.
const WHERE_IS_THE_CURSOR: &str = "\x1b[6n";

struct Seen {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    screen: vt100::Parser,
    transcript: String,
    closed: bool,
}

impl Terminal {
    /// Starts a program on a screen of 120 columns and 40 rows.
    pub fn start(command: &Command) -> Self {
        Self::with_size(command, 120, 40)
    }

    /// Starts a program on a screen of this size.
    ///
    /// It sees the environment that was set on `command` and nothing else.
    pub fn with_size(command: &Command, columns: u16, rows: u16) -> Self {
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("the system has terminals");
        let child = pair.slave.spawn_command(on_terminal(command)).expect("the program starts");
        // Only the program holds it from here on: its end closes the terminal.
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("the terminal can be read");
        let keyboard = pair.master.take_writer().expect("the terminal can be written to");
        let keyboard: Keyboard = Arc::new(Mutex::new(keyboard));
        let screen = vt100::Parser::new(rows, columns, 0);
        let state = State { screen, transcript: String::new(), closed: false };
        let seen = Arc::new(Seen { state: Mutex::new(state), changed: Condvar::new() });
        let (watcher, answers) = (Arc::clone(&seen), Arc::clone(&keyboard));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let mut cursors = Vec::new();
                watcher.change(|state| {
                    state.screen.process(&buffer[..count]);
                    // A question may come in two pieces.
                    let known =
                        state.transcript.len().saturating_sub(WHERE_IS_THE_CURSOR.len() - 1);
                    let known = state.transcript.floor_char_boundary(known);
                    state.transcript.push_str(&String::from_utf8_lossy(&buffer[..count]));
                    let questions = state.transcript[known..].matches(WHERE_IS_THE_CURSOR).count();
                    cursors = vec![state.screen.screen().cursor_position(); questions];
                });
                for (row, column) in cursors {
                    // A program that is gone does not want to know any more.
                    let answer = format!("\x1b[{};{}R", row + 1, column + 1);
                    let _ = write(&answers, &answer);
                }
            }
            watcher.change(|state| state.closed = true);
        });
        Self { child, keyboard, seen, master: pair.master }
    }

    /// Presses keys.
    pub fn send(&mut self, keys: &str) -> &mut Self {
        let sent = write(&self.keyboard, keys);
        sent.unwrap_or_else(|error| panic!("{error}; the screen:\n{}", self.screen()));
        self
    }

    /// Types a line.
    pub fn type_line(&mut self, text: &str) -> &mut Self {
        self.send(text).send(keys::ENTER)
    }

    /// Waits for a text on the screen.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> &mut Self {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits for a screen that fits, `what` in words.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.seen.lock();
        loop {
            let screen = state.screen.screen().contents();
            if fits(&screen) {
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}; the screen:\n{screen}");
            assert!(!state.closed, "it ended before {what}; the screen:\n{screen}");
            state = self.seen.changed.wait_timeout(state, left).expect("no panic in there").0;
        }
        drop(state);
        self
    }

    /// Waits until a text was written so many times, and returns all that was written.
    #[track_caller]
    pub fn wait_for_times(&self, text: &str, times: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.seen.lock();
        while state.transcript.matches(text).count() < times {
            let left = deadline.saturating_duration_since(Instant::now());
            let transcript = &state.transcript;
            assert!(!left.is_zero(), "{text:?} was not written {times} times: {transcript}");
            assert!(!state.closed, "it ended before {text:?} came {times} times: {transcript}");
            state = self.seen.changed.wait_timeout(state, left).expect("no panic in there").0;
        }
        state.transcript.clone()
    }

    /// Waits for the question, types the answer.
    #[track_caller]
    pub fn answer(&mut self, question: &str, answer: &str) -> &mut Self {
        self.wait_for(question).type_line(answer)
    }

    /// What is on the screen now, rows without the blanks behind them.
    pub fn screen(&self) -> String {
        self.seen.lock().screen.screen().contents()
    }

    /// The screen as a picture, in SVG.
    pub fn picture(&self) -> String {
        crate::screenshot::svg(self.seen.lock().screen.screen())
    }

    /// Everything that was ever written to the terminal, with its control sequences.
    pub fn transcript(&self) -> String {
        self.seen.lock().transcript.clone()
    }

    /// Gives the screen another size, which the program is told.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = PtySize { cols: columns, rows, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("the terminal is there");
        self.seen.lock().screen.screen_mut().set_size(rows, columns);
    }

    /// The process that was started.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("it was started")
    }

    /// Whether what is typed is shown.
    #[cfg(unix)]
    pub fn echoes(&self) -> bool {
        use rustix::fd::BorrowedFd;
        use rustix::termios::{LocalModes, tcgetattr};
        let descriptor = self.master.as_raw_fd().expect("a terminal of this system");
        // SAFETY: the descriptor is that of `self.master`, which outlives this borrow.
        #[allow(unsafe_code)]
        let terminal = unsafe { BorrowedFd::borrow_raw(descriptor) };
        tcgetattr(terminal).expect("it is a terminal").local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end, and returns the exit code and all that was written.
    #[track_caller]
    pub fn finish(mut self) -> (Option<i32>, String) {
        let code = self.wait_for_end();
        (i32::try_from(code).ok(), self.transcript())
    }

    /// Waits until nobody writes to the terminal any more.
    #[track_caller]
    pub fn wait_until_closed(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.seen.lock();
        while !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            let screen = state.screen.screen().contents();
            assert!(!left.is_zero(), "it does not end; the screen:\n{screen}");
            state = self.seen.changed.wait_timeout(state, left).expect("no panic in there").0;
        }
    }

    /// Waits for the end of the program and of all it wrote, and returns its exit code.
    ///
    /// One that a signal ended has no code; 128 and the number stand for it, as in a shell.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> u32 {
        self.wait_until_closed();
        let status = self.child.wait().expect("the program was started");
        match status.signal() {
            // The crate gives a name in words; the tests meet this one.
            Some("Interrupt") => 130,
            Some(signal) => panic!("{signal} ended it; the screen:\n{}", self.screen()),
            None => status.exit_code(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Seen {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A test that failed while it looked is told about by its own message.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

fn write(keyboard: &Keyboard, keys: &str) -> std::io::Result<()> {
    let mut keyboard = keyboard.lock().unwrap_or_else(PoisonError::into_inner);
    keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush())
}

/// The same command in the words of the terminal's crate.
fn on_terminal(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            builder.env(name, value);
        }
    }
    builder.env("TERM", "xterm-256color");
    let folder = command.get_current_dir().map_or_else(std::env::current_dir, |it| Ok(it.into()));
    builder.cwd(folder.expect("the tests run somewhere"));
    builder
}
