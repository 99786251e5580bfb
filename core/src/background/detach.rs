//! Starts the process of a forward, and hears from it until it is ready.
//!
//! It is this same program again, in a session of its own, so that neither the terminal's end nor its
//! Ctrl-C reaches it. It inherits the environment, for AWS's variables, but for what opens the store.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use ssmpf_schema::ErrorKind;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::BackgroundError;
use super::control::read_line;
use super::job::{Job, Report};

/// The hidden command that a forward's process runs.
pub const COMMAND: &str = "__keep";

/// Variables that open the store, which a forward has no use for.
const SECRETS: [&str; 6] = [
    "SSMPF_PASSPHRASE",
    "SSMPF_PASSPHRASE_FILE",
    "SSMPF_PASSPHRASE_COMMAND",
    "SSMPF_NEW_PASSPHRASE",
    "SSMPF_IMPORT_PASSPHRASE",
    "SSMPF_IDENTITY_FILE",
];

/// Longest wait for the orderly end of a process that is not wanted any more.
const STOP: Duration = Duration::from_secs(10);

/// The process of a forward that is not ready yet. Dropping this does not end it.
#[derive(Debug)]
pub struct Starting {
    process: Child,
    stdout: ChildStdout,
    buffer: Vec<u8>,
}

/// Starts a process for `job`.
pub async fn start(job: &Job) -> Result<Starting, BackgroundError> {
    let failed = |error: io::Error| {
        let what = format!("the process of `{}` could not be started", job.name);
        BackgroundError::failure(what, "the machine may be out of memory or processes")
            .caused_by(&error)
    };
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    for secret in SECRETS {
        command.env_remove(secret);
    }
    #[cfg(windows)]
    {
        // Without a console, and out of reach of this one's Ctrl-C.
        const DETACHED_PROCESS: u32 = 0x8;
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP);
    }
    let mut child = command.spawn().map_err(failed)?;
    // Text, numbers and the connection always serialize.
    let text = serde_json::to_vec(job).unwrap_or_default();
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).await.map_err(failed)?;
    }
    let gone = || failed(io::ErrorKind::BrokenPipe.into());
    let stdout = child.stdout.take().ok_or_else(gone)?;
    Ok(Starting { process: child, stdout, buffer: Vec::new() })
}

impl Starting {
    /// Returns the next thing it says.
    ///
    /// # Errors
    ///
    /// When its process ends without a word, as when somebody kills it.
    pub async fn next(&mut self) -> Result<Report, BackgroundError> {
        let line = read_line(&mut self.stdout, &mut self.buffer).await;
        let report = line.and_then(|line| serde_json::from_slice(&line).ok());
        report.ok_or_else(|| {
            BackgroundError::new(
                ErrorKind::Failure,
                "the process of the forward ended without a word",
                "`ssmpf logs NAME` may have more; try again",
            )
        })
    }

    /// Ends the process, in an orderly way if it can, whatever it is waiting for.
    pub async fn stop(mut self) {
        // Its id is its own until it has been waited for.
        #[cfg(unix)]
        if let Some(pid) = self.process.id().and_then(|id| i32::try_from(id).ok())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            if timeout(STOP, self.process.wait()).await.is_ok() {
                return;
            }
        }
        let _ = self.process.kill().await;
    }
}

/// Leaves the session of the terminal. Called by the new process, first thing.
pub fn leave_terminal() {
    #[cfg(unix)]
    if let Err(error) = rustix::process::setsid() {
        // It leads a group, so it was started by hand and stays where it is.
        tracing::debug!(%error, "no session of its own");
    }
}

/// Closes what was open in the program that started this one: a lock or a pipe of a script would be
/// held for as long as the forward lives. Called by the new process before it opens anything.
pub fn close_inherited() {
    #[cfg(unix)]
    {
        const FOLDERS: [&str; 2] = ["/proc/self/fd", "/dev/fd"];
        let entries = FOLDERS.into_iter().find_map(|folder| std::fs::read_dir(folder).ok());
        let numbers = entries.into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // The folder itself is among them, and closed already.
        for descriptor in numbers.filter(|number| *number > 2).collect::<Vec<_>>() {
            let _ = nix::unistd::close(descriptor);
        }
    }
}

/// Closes stdin and stdout once nobody listens there any more.
pub fn leave_parent() {
    #[cfg(unix)]
    if let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        // If that is impossible they stay open, and nobody reads or writes them.
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
