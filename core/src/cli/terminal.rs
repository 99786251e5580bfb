//! Questions on the terminal: plain lines, and passphrases that are not shown.
//!
//! Questions go to stderr and answers come from stdin, so that stdout stays the product.

use std::io::{self, BufRead, IsTerminal, Write};

use ssmpf_store::{Ask, Passphrase, Prompt};

use crate::commands::context::Person;
use crate::output::printable::printable;

/// The person at the terminal of this process.
pub(super) struct Terminal;

impl Terminal {
    /// Returns the terminal if both sides of a conversation are there.
    pub(super) fn of_process(no_input: bool) -> Option<Self> {
        (!no_input && io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self)
    }
}

impl Person for Terminal {
    fn ask(&mut self, question: &str, default: Option<&str>) -> io::Result<Option<String>> {
        let mut stderr = io::stderr().lock();
        match default {
            Some(default) => write!(stderr, "{question} [{default}]: ")?,
            None => write!(stderr, "{question}: ")?,
        }
        stderr.flush()?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            writeln!(stderr)?;
            return Ok(None);
        }
        Ok(Some(line.trim().to_owned()))
    }

    fn ask_secret(&mut self, question: &str) -> io::Result<Option<Passphrase>> {
        let ask = || {
            let mut stderr = io::stderr().lock();
            write!(stderr, "{question}: ")?;
            stderr.flush()
        };
        let typed = hidden::read_line(ask);
        writeln!(io::stderr())?;
        typed
    }

    fn tell(&mut self, sentence: &str) {
        // A terminal that is gone ends the next question.
        let _ = writeln!(io::stderr(), "{}", printable(sentence));
    }
}

impl Prompt for Terminal {
    fn ask(&mut self, ask: Ask) -> io::Result<Option<Passphrase>> {
        self.ask_secret(&match ask {
            Ask::Current { attempt: 1, .. } => "Passphrase of the store".to_owned(),
            Ask::Current { attempt, of } => format!("Passphrase of the store ({attempt} of {of})"),
            Ask::New => "New passphrase for the store".to_owned(),
            Ask::Recovery => {
                "The key is in your keyring. A passphrase would bring it back if that is lost.\n\
                 Recovery passphrase (empty: none)"
                    .to_owned()
            }
            Ask::Again => "The same again".to_owned(),
            Ask::SshKey => "Passphrase of the SSH key".to_owned(),
        })
    }

    fn tell(&mut self, sentence: &str) {
        Person::tell(self, sentence);
    }
}

/// Returns the width of the terminal on stdout, in columns.
pub(super) fn width() -> Option<usize> {
    width_of(&io::stdout())
}

/// Returns the width of the terminal on stderr, in columns.
pub(super) fn width_of_stderr() -> Option<usize> {
    width_of(&io::stderr())
}

#[cfg(unix)]
fn width_of(stream: &(impl IsTerminal + rustix::fd::AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(not(unix))]
fn width_of(stream: &impl IsTerminal) -> Option<usize> {
    stream.is_terminal().then_some(80)
}

/// Gives the terminal its settings back if a question was cut short by the end of the program.
pub(super) fn restore() {
    #[cfg(unix)]
    hidden::restore();
}

#[cfg(unix)]
mod hidden {
    use std::io::{self, Read};
    use std::sync::Mutex;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
    use ssmpf_store::Passphrase;

    /// Longest passphrase that is read, in bytes.
    const MAX: usize = 4096;

    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const BACKSPACE: u8 = 8;
    const CTRL_U: u8 = 21;
    const DELETE: u8 = 127;

    /// What the terminal was like before it was made silent, for as long as it is.
    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Makes the terminal silent until it is dropped.
    struct Silence;

    impl Silence {
        fn begin() -> io::Result<Self> {
            let before = tcgetattr(io::stdin())?;
            let mut silent = before.clone();
            silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
            *BEFORE.lock().unwrap_or_else(|broken| broken.into_inner()) = Some(before);
            let silence = Self;
            tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
            Ok(silence)
        }
    }

    impl Drop for Silence {
        fn drop(&mut self) {
            restore();
        }
    }

    /// Gives the terminal its settings back if it is silent.
    pub(super) fn restore() {
        let before = BEFORE.lock().unwrap_or_else(|broken| broken.into_inner()).take();
        if let Some(before) = before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
        }
    }

    /// Reads a line that is not shown. Ctrl-C and Ctrl-D mean that there is none.
    ///
    /// Ctrl-C is read here rather than left to the terminal, which would end the process and leave
    /// the terminal without its echo.
    ///
    /// `ask` is called once nothing is shown any more, so that whoever types at once is understood.
    pub(super) fn read_line(
        ask: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Option<Passphrase>> {
        let _silence = Silence::begin()?;
        ask()?;
        // The full capacity at once: growing would leave copies behind.
        let mut line = Passphrase::new(String::with_capacity(MAX));
        let mut pending = Vec::with_capacity(4);
        for byte in io::stdin().lock().bytes() {
            match byte? {
                b'\n' | b'\r' => return Ok(Some(line)),
                CTRL_C | CTRL_D => return Ok(None),
                CTRL_U => line.expose_mut().clear(),
                BACKSPACE | DELETE => {
                    line.expose_mut().pop();
                }
                byte if line.expose().len() < MAX - 4 => {
                    pending.push(byte);
                    // A letter beyond ASCII comes in several bytes.
                    if let Ok(letter) = std::str::from_utf8(&pending) {
                        line.expose_mut().push_str(letter);
                        pending.clear();
                    } else if pending.len() >= 4 {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(not(unix))]
mod hidden {
    use std::io;

    use ssmpf_store::Passphrase;

    /// The console is not asked yet; the variables are.
    pub(super) fn read_line(
        _ask: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Option<Passphrase>> {
        let why = "passphrases cannot be typed on this system yet; set SSMPF_PASSPHRASE_COMMAND";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }
}
