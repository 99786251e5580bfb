//! Flags of the commands that show what can be reached.

use clap::{Args, Subcommand};

/// List what sessions can go to: nodes, machines outside of EC2, ECS containers
///
/// `--profile` and `--region` may be repeated: every profile is asked in every region. Without
/// `--region` each profile is asked in its own. Answers are kept for five minutes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf targets\n  \
    ssmpf targets --profile prod --profile staging --region eu-west-1 --region us-east-1\n  \
    ssmpf targets --all-regions --format jsonl\n  \
    ssmpf targets bastion --json")]
pub(super) struct TargetsArgs {
    /// Only those with this text somewhere in them; several: all of them
    #[arg(value_name = "TEXT")]
    pub(super) filters: Vec<String>,
    #[command(flatten)]
    pub(super) places: PlaceArgs,
    /// Also instances that Systems Manager does not know
    #[arg(long)]
    pub(super) all: bool,
}

/// List databases and caches that can be destinations
///
/// RDS, Aurora, DocumentDB, Neptune, RDS Proxy and ElastiCache. `--profile` and `--region` may be
/// repeated. Answers are kept for five minutes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf endpoints\n  \
    ssmpf endpoints orders --profile prod --json")]
pub(super) struct EndpointsArgs {
    /// Only those with this text somewhere in them; several: all of them
    #[arg(value_name = "TEXT")]
    pub(super) filters: Vec<String>,
    #[command(flatten)]
    pub(super) places: PlaceArgs,
}

/// List your live sessions, whichever program started them; or end some
///
/// `--profile` and `--region` may be repeated.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    ssmpf sessions\n  \
    ssmpf sessions --all --region eu-west-1\n  \
    ssmpf sessions end alice-0123456789abcdef0")]
pub(super) struct SessionsArgs {
    #[command(subcommand)]
    pub(super) command: Option<SessionsCommand>,
    /// Everybody's sessions
    #[arg(long)]
    pub(super) all: bool,
    /// In every region that is enabled for the account
    #[arg(long)]
    pub(super) all_regions: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum SessionsCommand {
    /// End sessions
    End {
        /// Ids of sessions
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

/// Where to look, and how.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// In every region that is enabled for the account
    #[arg(long)]
    pub(super) all_regions: bool,
    /// Ask AWS even if there is a recent answer
    #[arg(long)]
    pub(super) refresh: bool,
}
