//! Which way a forward goes: flags of the commands that open one or keep how to.
//!
//! `--local-port` and `--bind` are not here: what `auto` means, and how many addresses make sense,
//! depends on the command.

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::complete::sources;

#[derive(Clone, Debug, Default, Args)]
pub(super) struct RouteArgs {
    /// Node: i-…, a Name, tag:KEY=VALUE, an address, asg:GROUP, ecs:CLUSTER/SERVICE[/CONTAINER]
    #[arg(long, value_name = "TARGET", add = ArgValueCompleter::new(sources::targets))]
    pub(super) target: Vec<String>,
    /// Host that the node connects to; without it, the node itself
    #[arg(long, value_name = "HOST", conflicts_with = "local_forward")]
    #[arg(add = ArgValueCompleter::new(sources::hosts))]
    pub(super) host: Option<String>,
    /// Port that the node connects to
    #[arg(
        long,
        value_name = "PORT",
        conflicts_with = "local_forward",
        allow_negative_numbers = true
    )]
    pub(super) port: Option<String>,
    /// Host and ports in the spelling of ssh: [bind:]local:host:port
    #[arg(short = 'L', value_name = "[BIND:]LOCAL:HOST:PORT")]
    pub(super) local_forward: Option<String>,
    #[command(flatten)]
    pub(super) reason: ReasonArg,
    /// SSM document instead of Amazon's own
    #[arg(long, value_name = "NAME")]
    pub(super) document: Option<String>,
}

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ReasonArg {
    /// Reason, for the session history and CloudTrail
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
}
