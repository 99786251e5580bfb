//! How the sessions behind a forward are looked after: flags of every command that opens one.

use std::time::Duration;

use clap::Args;

use crate::commands::forward::UpkeepChoice;
use crate::model::{InvalidInput, Seconds};

/// Time between signs of life with `--keep-alive`: well below the shortest idle limit, a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(45);

#[derive(Clone, Debug, Default, Args)]
pub(super) struct UpkeepArgs {
    /// How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    #[arg(long, value_name = "N|auto")]
    sessions: Option<String>,
    /// Start a session only when a client comes
    #[arg(long)]
    lazy: bool,
    /// End the sessions after so long without a client, such as 15m, until the next comes
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<String>,
    /// Keep idle sessions open, whatever idle limit the administrator has set
    #[arg(long)]
    keep_alive: bool,
    /// Age at which a session in use is replaced
    #[arg(long, hide = true, value_name = "TIME", env = "SSMPF_ROTATE_AFTER")]
    rotate_after: Option<String>,
    /// Silence of the agent after which it may be gone
    #[arg(long, hide = true, value_name = "TIME", env = "SSMPF_SILENT_AFTER")]
    silent_after: Option<String>,
}

impl UpkeepArgs {
    /// Returns what was chosen.
    pub(super) fn choice(&self) -> Result<UpkeepChoice, InvalidInput> {
        let time = |text: &Option<String>| {
            text.as_deref().map(|text| Ok(text.parse::<Seconds>()?.duration())).transpose()
        };
        Ok(UpkeepChoice {
            sessions: self.sessions.as_deref().map(str::parse).transpose()?,
            lazy: self.lazy,
            idle_timeout: time(&self.idle_timeout)?,
            keep_alive: self.keep_alive.then_some(KEEP_ALIVE),
            rotate_after: time(&self.rotate_after)?,
            silent_after: time(&self.silent_after)?,
        })
    }
}
