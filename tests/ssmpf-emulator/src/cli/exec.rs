//! `exec`: runs a command against a fleet and exits with its code.

use std::process::ExitCode;

use super::args::Exec;
use super::{Outcome, client_command, up};

/// Runs the command.
pub(super) fn run(exec: &Exec) -> Outcome {
    let emulator = up::start(&exec.fleet)?;
    let (program, arguments) = exec.command.split_first().ok_or("no command was given")?;
    // Ctrl-C reaches the command too; it decides, and we wait for it.
    let signals =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    signals.spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let status = client_command(program, &emulator)
        .args(arguments)
        .status()
        .map_err(|error| format!("cannot run `{}`: {error}", program.to_string_lossy()))?;
    signals.shutdown_background();
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Ok(ExitCode::from(128u8.wrapping_add(signal as u8)));
    }
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}
