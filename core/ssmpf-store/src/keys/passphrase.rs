//! Where a passphrase comes from: a variable, a file, a command, or a person.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ssmpf_model::Redacted;
use zeroize::Zeroize;

/// A passphrase. Prints as `***` and is wiped when dropped.
pub type Passphrase = Redacted<String>;

/// How often a person is asked before we give up.
pub const ATTEMPTS: u32 = 3;

/// What a person is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The passphrase that is in force.
    Current {
        /// The number of this attempt, from 1.
        attempt: u32,
        /// How many there are.
        of: u32,
    },
    /// A passphrase from now on. Never empty.
    New,
    /// A passphrase for the day the keyring is lost. Nothing means none.
    Recovery,
    /// The one just given, once more.
    Again,
    /// The passphrase of the SSH key that is the identity file.
    SshKey,
}

/// A person who can be asked, and told. Whoever has a terminal implements it.
pub trait Prompt: Send {
    /// Asks without showing what is typed. `None` means that the person does not want to go on.
    fn ask(&mut self, ask: Ask) -> io::Result<Option<Passphrase>>;

    /// Tells one sentence, such as that the passphrase was wrong.
    fn tell(&mut self, sentence: &str);
}

/// Where to look for a passphrase before a person is asked.
#[derive(Clone, Debug, Default)]
pub struct PassphraseSources {
    /// `SSMPF_PASSPHRASE`.
    pub value: Option<Passphrase>,
    /// `SSMPF_PASSPHRASE_FILE`: its first line.
    pub file: Option<PathBuf>,
    /// `SSMPF_PASSPHRASE_COMMAND`: the first line it prints.
    pub command: Option<String>,
}

/// A passphrase that was found, and where.
#[derive(Debug)]
pub struct Found {
    /// The passphrase.
    pub passphrase: Passphrase,
    /// The variable that led to it.
    pub from: &'static str,
}

/// Why a source gave no passphrase although it was named.
#[derive(Debug, thiserror::Error)]
#[error("{from} gives no passphrase: {why}")]
pub struct SourceError {
    /// The variable.
    pub from: &'static str,
    /// What happened.
    pub why: String,
}

impl PassphraseSources {
    /// Returns the passphrase of the first source that is named.
    ///
    /// Quietly, no command is run: what it does is not known, and it may open a window.
    pub fn find(&self, quiet: bool) -> Result<Option<Found>, SourceError> {
        let checked = |from: &'static str, passphrase: Passphrase| {
            if passphrase.expose().is_empty() {
                return Err(SourceError { from, why: "it is empty".to_owned() });
            }
            Ok(Some(Found { passphrase, from }))
        };
        if let Some(value) = &self.value {
            return checked("SSMPF_PASSPHRASE", value.clone());
        }
        if let Some(path) = &self.file {
            let from = "SSMPF_PASSPHRASE_FILE";
            let bytes = std::fs::read(path).map_err(|error| SourceError {
                from,
                why: format!("{} cannot be read: {error}", path.display()),
            })?;
            return checked(from, first_line(bytes, from)?);
        }
        if let Some(command) = self.command.as_ref().filter(|_| !quiet) {
            let from = "SSMPF_PASSPHRASE_COMMAND";
            return checked(from, first_line(output_of(command, from)?, from)?);
        }
        Ok(None)
    }

    /// Returns whether any source is named.
    pub fn is_named(&self) -> bool {
        self.value.is_some() || self.file.is_some() || self.command.is_some()
    }
}

fn output_of(command: &str, from: &'static str) -> Result<Vec<u8>, SourceError> {
    let failed = |why: String| SourceError { from, why };
    let mut shell = if cfg!(windows) {
        let mut shell = Command::new("cmd");
        shell.arg("/C");
        shell
    } else {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c");
        shell
    };
    // stdin and stderr stay those of the terminal: the command may talk to a person itself.
    let output = shell.arg(command).stderr(Stdio::inherit()).stdin(Stdio::inherit()).output();
    let mut output = output.map_err(|error| failed(format!("it cannot be run: {error}")))?;
    if !output.status.success() {
        output.stdout.zeroize();
        return Err(failed(format!("the command failed ({})", output.status)));
    }
    Ok(output.stdout)
}

/// Takes the first line without its end, and wipes the rest.
fn first_line(bytes: Vec<u8>, from: &'static str) -> Result<Passphrase, SourceError> {
    let bytes = Redacted::new(bytes);
    let line = bytes.expose().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Redacted::new(text.to_owned())),
        Err(_) => Err(SourceError { from, why: "it is not UTF-8 text".to_owned() }),
    }
}

impl fmt::Display for Ask {
    /// The question, for a prompt that has no words of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ask::Current { .. } => "Passphrase of the store",
            Ask::New => "New passphrase for the store",
            Ask::Recovery => "Recovery passphrase (Enter for none)",
            Ask::Again => "The same once more",
            Ask::SshKey => "Passphrase of the SSH key",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sources: &PassphraseSources) -> Option<(String, &'static str)> {
        let found = sources.find(false).expect("no failure");
        found.map(|found| (found.passphrase.expose().clone(), found.from))
    }

    #[test]
    fn the_variable_comes_before_the_file_and_the_file_before_the_command() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pass");
        std::fs::write(&file, "from file\r\nsecond line\n").expect("written");
        let mut sources = PassphraseSources {
            value: Some(Redacted::new("from variable".to_owned())),
            file: Some(file),
            command: Some("echo from command; echo more".to_owned()),
        };
        assert_eq!(found(&sources), Some(("from variable".to_owned(), "SSMPF_PASSPHRASE")));
        sources.value = None;
        assert_eq!(found(&sources), Some(("from file".to_owned(), "SSMPF_PASSPHRASE_FILE")));
        sources.file = None;
        assert_eq!(found(&sources), Some(("from command".to_owned(), "SSMPF_PASSPHRASE_COMMAND")));
        assert!(sources.find(true).expect("no failure").is_none(), "quietly nothing is run");
        sources.command = None;
        assert_eq!(found(&sources), None);
    }

    #[test]
    fn a_source_that_gives_nothing_is_an_error_and_never_falls_through() {
        for sources in [
            PassphraseSources { value: Some(Redacted::new(String::new())), ..Default::default() },
            PassphraseSources { file: Some("/nonexistent/pass".into()), ..Default::default() },
            PassphraseSources { command: Some("exit 3".to_owned()), ..Default::default() },
            PassphraseSources { command: Some("true".to_owned()), ..Default::default() },
        ] {
            let error = sources.find(false).expect_err("no passphrase");
            assert!(error.to_string().starts_with("SSMPF_PASSPHRASE"), "{error}");
        }
    }
}
