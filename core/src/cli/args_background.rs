//! Flags of the commands about forwards in the background.

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;

use super::args_upkeep::UpkeepArgs;
use super::complete::sources;

/// Open saved connections in the background
///
/// Returns when they are ready. Each is a process of its own, which survives the terminal. One that is
/// up already is a success; one that fails does not keep the others from it.
#[derive(Debug, Args)]
#[command(override_usage = "ssmpf up [OPTIONS] <NAME|@TAG>...\n       ssmpf up [OPTIONS] --all")]
#[command(after_help = "Examples:\n  ssmpf up prod-db\n  ssmpf up @prod --timeout 2m\n  \
    ssmpf up --all --no-wait")]
pub(super) struct UpArgs {
    /// Connections, or @tag
    #[arg(value_name = "NAME", required_unless_present = "all")]
    #[arg(add = ArgValueCompleter::new(sources::connections_or_tags))]
    pub(super) names: Vec<String>,
    /// All connections
    #[arg(long, conflicts_with = "names")]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

/// End and open again forwards in the background; the ports stay the same
#[derive(Debug, Args)]
#[command(
    override_usage = "ssmpf restart [OPTIONS] <NAME|@TAG>...\n       ssmpf restart [OPTIONS] --all"
)]
pub(super) struct RestartArgs {
    /// Connections, or @tag
    #[arg(value_name = "NAME", required_unless_present = "all")]
    #[arg(add = ArgValueCompleter::new(sources::forwards_or_tags))]
    pub(super) names: Vec<String>,
    /// All forwards that are up
    #[arg(long, conflicts_with = "names")]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) how: HowArgs,
}

#[derive(Debug, Args)]
pub(super) struct HowArgs {
    /// Return as soon as the local ports are bound
    #[arg(long)]
    pub(super) no_wait: bool,
    /// Longest wait until they are ready, such as 30s [default: 60s, and half a second for each]
    #[arg(long, value_name = "TIME", conflicts_with = "no_wait")]
    pub(super) timeout: Option<String>,
    /// Reason, for the session history and CloudTrail
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Do not ask before opening a guarded connection
    #[arg(short = 'y', long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) upkeep: UpkeepArgs,
    /// Seconds between pings to the gateway
    #[arg(long, hide = true, value_name = "SECONDS", env = "SSMPF_PING_INTERVAL")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) ping_interval: Option<u64>,
}

/// End forwards in the background
///
/// Returns when their processes and remote sessions are gone. One that is not up is a success.
#[derive(Debug, Args)]
#[command(override_usage = "ssmpf down <NAME|@TAG>...\n       ssmpf down --all")]
pub(super) struct DownArgs {
    /// Connections, or @tag
    #[arg(value_name = "NAME", required_unless_present = "all")]
    #[arg(add = ArgValueCompleter::new(sources::forwards_or_tags))]
    pub(super) names: Vec<String>,
    /// All forwards that are up
    #[arg(long, conflicts_with = "names")]
    pub(super) all: bool,
}

/// Show the forwards in the background
///
/// One whose process died is shown once, as dead, and its remote session is ended.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ssmpf status\n  ssmpf status prod-db --json\n  \
    ssmpf status --watch --format jsonl")]
pub(super) struct StatusArgs {
    /// Connections, or @tag [default: all that are up]
    #[arg(value_name = "NAME")]
    #[arg(add = ArgValueCompleter::new(sources::forwards_or_tags))]
    pub(super) names: Vec<String>,
    /// Show it again whenever it changes, until Ctrl-C
    #[arg(short, long)]
    pub(super) watch: bool,
}

/// Show what happened to a forward in the background
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// Connection
    #[arg(value_name = "NAME")]
    #[arg(add = ArgValueCompleter::new(sources::forwards))]
    pub(super) name: String,
    /// Go on with what happens, until Ctrl-C
    #[arg(short, long)]
    pub(super) follow: bool,
    /// How many lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(super) lines: usize,
}

/// Wait until forwards in the background are ready
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// Connections, or @tag
    #[arg(value_name = "NAME", required = true)]
    #[arg(add = ArgValueCompleter::new(sources::forwards_or_tags))]
    pub(super) names: Vec<String>,
    /// Longest wait, such as 30s
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub(super) timeout: String,
}

/// Have connections tagged @autostart come up at login (systemd or launchd)
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    #[command(subcommand)]
    pub(super) command: ServiceCommand,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum ServiceCommand {
    /// Write the definition for this user
    Install,
    /// Remove it
    Uninstall,
    /// Print it
    Show,
}
