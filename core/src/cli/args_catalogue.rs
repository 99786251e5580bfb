//! Flags of the commands about saved connections.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::ArgValueCompleter;

use ssmpf_store::import::Conflict;

use super::args::EngineArg;
use super::args_route::{ReasonArg, RouteArgs};
use super::args_upkeep::{SessionArgs, UpkeepArgs};
use super::complete::sources;

/// Save a connection
///
/// Name, target and port are needed. On a terminal what is missing is asked for; elsewhere it is an
/// error. Without `--local-port` the connection gets one that follows from its name and never changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf add prod-db --target i-0123456789abcdef0 --host db.internal --port 5432 --tag prod\n  \
    ssmpf add web --target i-0123456789abcdef0 --port 8080 --region eu-west-1\n  \
    ssmpf add db --from 'aws ssm start-session --target i-0123456789abcdef0 --document-name …'")]
pub(super) struct AddArgs {
    /// Name: 1 to 64 letters, digits and `. _ -`
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// Take what the flags do not say from a pasted `aws ssm start-session …` line
    #[arg(long, value_name = "COMMAND")]
    pub(super) from: Option<String>,
}

/// Change a connection
///
/// Takes the flags of `add`; without any, opens the connection as text in VISUAL or EDITOR. An empty
/// value takes a field away: `--host ''`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf edit prod-db --port 5433 --tag reporting\n  \
    ssmpf edit prod-db --untag reporting --description ''")]
pub(super) struct EditArgs {
    /// Connection
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(sources::connections))]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) fields: FieldArgs,
    /// Take a tag away; may be repeated
    #[arg(long, value_name = "TAG", add = ArgValueCompleter::new(sources::tags))]
    pub(super) untag: Vec<String>,
}

/// The fields of a connection. `--profile` and `--region` are global flags.
#[derive(Debug, Default, Args)]
pub(super) struct FieldArgs {
    #[command(flatten)]
    pub(super) route: RouteArgs,
    /// Local port; `auto` chooses one that stays
    #[arg(
        long,
        value_name = "N|auto",
        conflicts_with = "local_forward",
        allow_negative_numbers = true,
        add = ArgValueCompleter::new(sources::auto)
    )]
    pub(super) local_port: Option<String>,
    /// Local address to listen on [default: localhost, IPv4 and IPv6]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "local_forward")]
    pub(super) bind: Option<String>,
    /// What listens there: postgres, mysql, redis, https, ssh, tcp, …; brings the usual port
    #[arg(long, value_name = "KIND", add = ArgValueCompleter::new(sources::kinds))]
    pub(super) kind: Option<String>,
    /// Tag; may be repeated
    #[arg(long = "tag", value_name = "TAG", add = ArgValueCompleter::new(sources::tags))]
    pub(super) tags: Vec<String>,
    /// A line about it
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Close the forward after so long, such as 8h
    #[arg(long, value_name = "TIME")]
    pub(super) max_age: Option<String>,
    /// Ask before opening it, and want a reason
    #[arg(long, overrides_with = "no_guard")]
    pub(super) guard: bool,
    /// Open it without asking
    #[arg(long)]
    pub(super) no_guard: bool,
    /// Database user
    #[arg(long, value_name = "USER")]
    pub(super) db_user: Option<String>,
    /// Database
    #[arg(long, value_name = "NAME")]
    pub(super) db_name: Option<String>,
    /// How the database user signs in: password or iam
    #[arg(long, value_name = "HOW", add = ArgValueCompleter::new(sources::sign_ins))]
    pub(super) auth: Option<String>,
}

/// List the connections
///
/// `--profile` and `--region` choose those that have them. An empty list is a success.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ssmpf ls @prod\n  ssmpf ls orders --kind postgres --json")]
pub(super) struct LsArgs {
    /// @tag, or text that is in the name, description, target, destination or a tag
    #[arg(value_name = "FILTER", add = ArgValueCompleter::new(sources::connections_or_tags))]
    pub(super) filters: Vec<String>,
    /// Only connections of this kind
    #[arg(long, value_name = "KIND", add = ArgValueCompleter::new(sources::kinds))]
    pub(super) kind: Option<String>,
}

/// Show a connection
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Connection
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(sources::connections))]
    pub(super) name: String,
    /// In other words: aws-cli, ssh-config, env, uri, jdbc or kubeconfig
    #[arg(long = "as", value_name = "FORMAT", add = ArgValueCompleter::new(sources::forms))]
    pub(super) form: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct RenameArgs {
    /// Connection
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(sources::connections))]
    pub(super) from: String,
    /// New name
    #[arg(value_name = "NEW")]
    pub(super) to: String,
}

/// Remove connections
#[derive(Debug, Args)]
pub(super) struct RmArgs {
    /// Connections, or @tag
    #[arg(value_name = "NAME", required = true)]
    #[arg(add = ArgValueCompleter::new(sources::connections_or_tags))]
    pub(super) names: Vec<String>,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(super) yes: bool,
}

/// Open saved connections, until Ctrl-C
///
/// One that fails does not end the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ssmpf connect prod-db\n  ssmpf connect @prod --format jsonl")]
pub(super) struct ConnectArgs {
    /// Connections, or @tag
    #[arg(value_name = "NAME", required = true)]
    #[arg(add = ArgValueCompleter::new(sources::connections_or_tags))]
    pub(super) names: Vec<String>,
    /// Another local port this time; `auto` for any free one
    #[arg(long, value_name = "N|auto", allow_negative_numbers = true)]
    #[arg(add = ArgValueCompleter::new(sources::auto))]
    pub(super) local_port: Option<String>,
    #[command(flatten)]
    pub(super) reason: ReasonArg,
    /// Do not ask before opening a guarded connection
    #[arg(short = 'y', long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) upkeep: UpkeepArgs,
    /// What carries the sessions
    #[arg(long, value_enum, default_value = "native")]
    pub(super) engine: EngineArg,
    /// Print each local address on stdout once it is ready
    #[arg(long)]
    pub(super) print_address: bool,
    /// Seconds between pings to the gateway
    #[arg(long, hide = true, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) ping_interval: Option<u64>,
}

/// Take over connections from elsewhere
///
/// Names that are not possible here are changed, local ports that are taken too, and the summary
/// says so.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ssmpf import json connections.json --dry-run\n  \
    ssmpf import ssh-config\n  \
    ssmpf export | ssmpf --store other.age import json")]
pub(super) struct ImportArgs {
    /// What is read
    #[arg(value_enum, value_name = "FROM")]
    pub(super) from: ImportSource,
    /// File, or `-` for stdin [default: where FROM keeps it; stdin for json]
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Only say what would be taken
    #[arg(long)]
    pub(super) dry_run: bool,
    /// What to do with a name that is taken
    #[arg(long, value_enum, value_name = "WHAT", default_value = "rename")]
    pub(super) on_conflict: ConflictArg,
    /// Node to go through, for basti, whose file does not name it
    #[arg(long, value_name = "TARGET", add = ArgValueCompleter::new(sources::targets))]
    pub(super) target: Vec<String>,
    /// The password of the Python manager is the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ImportSource {
    /// What `ssmpf export` writes
    Json,
    /// The Python port-forwarding manager: ~/.ssm-port-forwarder
    Fernet,
    /// Entries of ~/.ssh/config that use `aws ssm start-session`
    SshConfig,
    /// basti: .basti.yaml
    Basti,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ConflictArg {
    /// Put a number behind it
    Rename,
    /// Leave it
    Skip,
    /// Replace what is here
    Replace,
}

impl From<ConflictArg> for Conflict {
    fn from(arg: ConflictArg) -> Self {
        match arg {
            ConflictArg::Rename => Conflict::Rename,
            ConflictArg::Skip => Conflict::Skip,
            ConflictArg::Replace => Conflict::Replace,
        }
    }
}

/// Write connections as JSON that `import json` reads
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// Connections, or @tag [default: all]
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(sources::connections_or_tags))]
    pub(super) names: Vec<String>,
}

/// Change the passphrase of the store's key
///
/// The connections are not touched. Without a terminal the new passphrase comes from
/// SSMPF_NEW_PASSPHRASE or a file.
#[derive(Debug, Args)]
pub(super) struct PasswdArgs {
    /// The new passphrase is the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(super) new_from: Option<PathBuf>,
}

/// Keep the store's key for this session, so that nobody is asked again
#[derive(Debug, Args)]
pub(super) struct UnlockArgs {
    /// For at most so long
    #[arg(long = "for", value_name = "TIME", default_value = "8h")]
    pub(super) limit: String,
}

/// The store itself: where it lies, whom it is sealed to, its key
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    pub(super) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Print where the store lies
    Path,
    /// Open the store and say what is in it
    Verify,
    /// Copy the store, sealed as it is, to a new file
    Backup {
        /// File that does not exist yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show or change whom the store is sealed to besides yourself
    Recipients(RecipientsArgs),
    /// Print the private key, for `age -d -i`; whoever has it can open the store
    ExportIdentity,
}

#[derive(Debug, Args)]
pub(super) struct RecipientsArgs {
    #[command(subcommand)]
    pub(super) command: Option<RecipientsCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum RecipientsCommand {
    /// Seal the store to these too
    Add {
        /// age public key (age1…) or SSH public key (ssh-ed25519 …)
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
    },
    /// Seal the store to these no longer
    Remove {
        /// As `store recipients` shows it
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
    },
}
