//! The program: starts a fleet and stays, runs a command against it, or shows what it is for.

use clap::Parser;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::process::{Command as Process, ExitCode};
use tracing_subscriber::EnvFilter;

mod args;
mod demo;
mod exec;
mod servers;
mod up;

use crate::emulator::Emulator;
use args::{Args, Command};

/// Runs the program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    // The demonstration tells its own story.
    let quiet = args.quiet || matches!(args.command, Command::Demo(_));
    let default = if quiet { "warn" } else { "info" };
    let filter =
        EnvFilter::try_from_env("EMULATOR_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false)
        .try_init();
    let result = match args.command {
        Command::Up(up) => up::run(&up),
        Command::Exec(exec) => exec::run(&exec),
        Command::Demo(demo) => demo::run(&demo),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// Returns a command that reaches the emulator, whatever this shell's own AWS settings are.
fn client_command(program: &OsStr, emulator: &Emulator) -> Process {
    let mut command = Process::new(program);
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_SSM",
        "AWS_ENDPOINT_URL_STS",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    ] {
        command.env_remove(name);
    }
    // A proxy could not reach this machine's loopback address.
    for name in ["NO_PROXY", "no_proxy"] {
        let before = std::env::var(name).map(|hosts| hosts + ",").unwrap_or_default();
        command.env(name, before + "127.0.0.1,localhost");
    }
    command.envs(emulator.environment());
    command
}

/// What a command returns.
type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

/// Blocks until Ctrl-C or, on Unix, SIGTERM.
fn wait_for_stop() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                stopped = tokio::signal::ctrl_c() => stopped,
                _ = terminate.recv() => Ok(()),
            }
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    })
}
