//! A program on a terminal of its own, with somebody who reads and types.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::PATIENCE;

/// A running program and what its terminal shows.
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
}

#[derive(Default)]
struct Screen {
    text: Mutex<String>,
    changed: Condvar,
}

impl Terminal {
    /// Starts a program on a new terminal.
    ///
    /// # Panics
    ///
    /// When there is no terminal to be had, or no `setsid` to give it to the program.
    pub fn start(command: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let slave = File::options().read(true).write(true).open(name.to_str().expect("a path"));
        let slave = slave.expect("the other side opens");
        let side = || Stdio::from(slave.try_clone().expect("a copy"));
        // Makes it the terminal that the program is controlled by.
        let mut inside = Command::new("setsid");
        inside.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        inside.env_clear();
        for (variable, value) in command.get_envs() {
            if let Some(value) = value {
                inside.env(variable, value);
            }
        }
        inside.env("TERM", "xterm").stdin(side()).stdout(side()).stderr(side());
        let child = inside.spawn().expect("setsid starts");
        drop(inside);
        drop(slave);
        let master = File::from(master);
        let screen = Arc::new(Screen::default());
        let (mut reader, shown) = (master.try_clone().expect("a copy"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux answers with an error once nobody holds the other side.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                shown.text.lock().expect("no panic while held").push_str(&text);
                shown.changed.notify_all();
            }
        });
        Self { child, keyboard: master, screen }
    }

    /// Waits until the terminal shows `text` at least `times`, and returns all that it shows.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    #[track_caller]
    pub fn wait_for(&self, text: &str, times: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut shown = self.screen.text.lock().expect("no panic while held");
        while shown.matches(text).count() < times {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} is not shown {times} times: {shown}");
            shown = self.screen.changed.wait_timeout(shown, left).expect("no panic while held").0;
        }
        shown.clone()
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").expect("the terminal is open");
    }

    /// Returns the process that was started.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&mut self) {
        self.keyboard.write_all(&[3]).expect("the terminal is open");
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        let settings = rustix::termios::tcgetattr(&self.keyboard).expect("it is a terminal");
        settings.local_modes.contains(rustix::termios::LocalModes::ECHO)
    }

    /// Waits for the end, and returns the exit code.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    #[track_caller]
    pub fn wait(&mut self) -> Option<i32> {
        crate::process::wait(&mut self.child, PATIENCE).expect("it ends").code()
    }

    /// Waits for the end and returns the exit code and what the terminal showed.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    #[track_caller]
    pub fn finish(mut self) -> (Option<i32>, String) {
        let status = crate::process::wait(&mut self.child, PATIENCE);
        let shown = || self.screen.text.lock().expect("no panic while held").clone();
        let status = status.unwrap_or_else(|| panic!("it does not end: {}", shown()));
        (status.code(), shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Closing the keyboard hangs up on the program; this is for one that does not mind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
