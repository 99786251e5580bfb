//! All subcommands and flags: clap types and nothing else.
//!
//! Those of the catalogue are in `args_catalogue`. Values are taken as text. What they mean, and what to say when they make no sense, is decided in
//! `settings`, so that every error has the same shape.

use std::path::PathBuf;

use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::ArgValueCompleter;

use super::args_background::{
    DownArgs, LogsArgs, RestartArgs, ServiceArgs, StatusArgs, UpArgs, WaitArgs,
};
use super::args_catalogue::{
    AddArgs, ConnectArgs, EditArgs, ExportArgs, ImportArgs, LsArgs, PasswdArgs, RenameArgs, RmArgs,
    ShowArgs, StoreArgs, UnlockArgs,
};
use super::args_finding::{EndpointsArgs, SessionsArgs, TargetsArgs};
use super::args_route::RouteArgs;
use super::args_shell::{CompletionsArgs, InitArgs, PickArgs};
use super::args_sign_in::{LoginArgs, LogoutArgs};
use super::args_upkeep::UpkeepArgs;
use super::complete::sources;
use crate::commands::forward::Engine;
use crate::output::style::ColorChoice;

/// Port forwarding through AWS Systems Manager, without the AWS CLI or its plugin
#[derive(Debug, Parser)]
#[command(name = "ssmpf", version, disable_help_subcommand = true, max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// AWS profile; it wins over credentials in the environment. Lists take several
    #[arg(long, global = true, value_name = "NAME", action = ArgAction::Append, add = ArgValueCompleter::new(sources::profiles))]
    pub(super) profile: Vec<String>,
    /// AWS region. Lists take several
    #[arg(long, global = true, value_name = "REGION", action = ArgAction::Append, add = ArgValueCompleter::new(sources::regions))]
    pub(super) region: Vec<String>,
    /// How results are written
    #[arg(long, global = true, value_enum)]
    pub(super) format: Option<FormatArg>,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    pub(super) json: bool,
    /// Never ask anything
    #[arg(long, global = true)]
    pub(super) no_input: bool,
    /// Colours
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub(super) color: Option<ColorArg>,
    /// Say only what went wrong
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Log to stderr; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Configuration file instead of the user's own
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Store of connections
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
    /// End as by Ctrl-C when stdin does: for programs that run this one
    #[arg(long, global = true, hide = true)]
    pub(super) end_with_stdin: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatArg {
    /// For people
    Table,
    /// One JSON document; long-running commands write one object per line
    Json,
    /// One JSON object per line
    Jsonl,
    /// One item per line, without decoration
    Plain,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ColorArg {
    Auto,
    Always,
    Never,
}

impl From<ColorArg> for ColorChoice {
    fn from(arg: ColorArg) -> Self {
        match arg {
            ColorArg::Auto => ColorChoice::Auto,
            ColorArg::Always => ColorChoice::Always,
            ColorArg::Never => ColorChoice::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    #[command(visible_alias = "new")]
    Add(Box<AddArgs>),
    #[command(visible_alias = "list")]
    Ls(LsArgs),
    Show(ShowArgs),
    Edit(Box<EditArgs>),
    /// Give a connection another name
    Mv(RenameArgs),
    /// Copy a connection; the copy has a local port of its own
    Cp(RenameArgs),
    #[command(visible_alias = "delete")]
    Rm(RmArgs),
    Connect(ConnectArgs),
    Up(UpArgs),
    Down(DownArgs),
    Restart(RestartArgs),
    #[command(visible_alias = "ps")]
    Status(StatusArgs),
    Logs(LogsArgs),
    Wait(WaitArgs),
    Service(ServiceArgs),
    Forward(Box<ForwardArgs>),
    Targets(TargetsArgs),
    Endpoints(EndpointsArgs),
    Sessions(SessionsArgs),
    Import(ImportArgs),
    Export(ExportArgs),
    #[command(visible_alias = "change-password")]
    Passwd(PasswdArgs),
    Unlock(UnlockArgs),
    /// Forget the key that `unlock` kept
    Lock,
    Store(StoreArgs),
    Pick(PickArgs),
    /// Print a word about the forwards that are up, for the prompt; nothing if none is
    Prompt,
    Completions(CompletionsArgs),
    Init(InitArgs),
    /// List AWS profiles: what they are, and whether somebody is signed in
    Profiles,
    Login(LoginArgs),
    Logout(LogoutArgs),
    Help(HelpArgs),
}

/// Forward a local port through a node, until Ctrl-C; nothing is saved
///
/// The local port is bound before AWS is called. One line says when it is ready; with `--format jsonl`
/// every event is written to stdout.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("node").arg("target").required(true))]
#[command(group = ArgGroup::new("dialled").args(["port", "local_forward"]).required(true))]
#[command(after_help = "Examples:\n  \
    ssmpf forward --target i-0123456789abcdef0 --host db.internal --port 5432 --local-port 15432\n  \
    ssmpf forward --target bastion --port 8080\n  \
    ssmpf forward --target i-0123456789abcdef0 -L 15432:db.internal:5432")]
pub(super) struct ForwardArgs {
    #[command(flatten)]
    pub(super) route: RouteArgs,
    /// Local port, or `auto` for any free one [default: auto]
    #[arg(
        long,
        value_name = "N|auto",
        conflicts_with = "local_forward",
        allow_negative_numbers = true,
        add = ArgValueCompleter::new(sources::auto)
    )]
    pub(super) local_port: Option<String>,
    /// Local address to listen on [default: localhost, IPv4 and IPv6]; may be repeated
    #[arg(long, value_name = "ADDRESS", conflicts_with = "local_forward")]
    pub(super) bind: Vec<String>,
    #[command(flatten)]
    pub(super) upkeep: UpkeepArgs,
    /// What carries the session
    #[arg(long, value_enum, default_value = "native")]
    pub(super) engine: EngineArg,
    /// Print the local address on stdout once it is ready
    #[arg(long)]
    pub(super) print_address: bool,
    /// Connect stdin and stdout instead of listening
    #[arg(long, hide = true, conflicts_with_all = ["local_forward", "local_port", "bind", "print_address"])]
    pub(super) stdio: bool,
    /// Largest payload of one message
    #[arg(long, hide = true, value_name = "BYTES")]
    pub(super) max_payload: Option<usize>,
    /// Seconds between pings to the gateway
    #[arg(long, hide = true, value_name = "SECONDS")]
    pub(super) ping_interval: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum EngineArg {
    /// This program
    Native,
    /// Amazon's session-manager-plugin
    Plugin,
}

impl From<EngineArg> for Engine {
    fn from(arg: EngineArg) -> Self {
        match arg {
            EngineArg::Native => Engine::Native,
            EngineArg::Plugin => Engine::Plugin,
        }
    }
}

/// Explain a command or a topic: exit-codes, environment
#[derive(Debug, Args)]
pub(super) struct HelpArgs {
    /// Command or topic
    #[arg(value_name = "TOPIC", add = ArgValueCompleter::new(sources::help_topics))]
    pub(super) topic: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        for line in ["ssmpf --json help exit-codes", "ssmpf help exit-codes --json"] {
            let cli = Cli::try_parse_from(line.split(' ')).expect(line);
            assert!(cli.global.json, "{line}");
        }
    }

    #[test]
    fn the_spelling_of_ssh_stands_alone() {
        let with = |rest: &str| {
            let line = format!("ssmpf forward --target x -L 1:db.internal:2{rest}");
            Cli::try_parse_from(line.split(' ')).is_ok()
        };
        assert!(with(""));
        assert!(with(" --reason because"));
        for rest in [" --port 1", " --host db.internal", " --local-port 1", " --bind *"] {
            assert!(!with(rest), "{rest}");
        }
    }
}
