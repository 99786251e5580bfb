//! The subcommands about AWS profiles and signing in.

use clap::Args;

/// Sign in to AWS: IAM Identity Center, a code of a device, or `aws login`
///
/// What a profile wants follows from its configuration. The sign-in is kept where the AWS CLI keeps its
/// own, so each can use the other's, and one serves all profiles that share it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf login --profile prod\n  \
    ssmpf login --sso-session corp --device-code")]
pub(super) struct LoginArgs {
    /// Sign in to this sso-session of the configuration
    #[arg(long, value_name = "NAME")]
    pub(super) sso_session: Option<String>,
    /// With a code, in a browser on any machine
    #[arg(long, alias = "use-device-code")]
    pub(super) device_code: bool,
    /// Print the address instead of opening a browser
    #[arg(long)]
    pub(super) no_browser: bool,
}

/// End sign-ins to IAM Identity Center; with --profile or --sso-session, only that one
#[derive(Debug, Args)]
pub(super) struct LogoutArgs {
    /// Sign out of this sso-session only
    #[arg(long, value_name = "NAME")]
    pub(super) sso_session: Option<String>,
}
