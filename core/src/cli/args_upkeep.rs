//! How the sessions behind a forward are looked after: flags of every command that opens one or keeps
//! how to.

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::complete::sources;
use crate::forward::UpkeepChoice;
use crate::model::{InvalidInput, Seconds};

/// What a connection keeps, and what is chosen for one time instead.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SessionArgs {
    /// How many sessions carry the traffic; one carries about 0.8 MB/s down [default: auto]
    #[arg(long, value_name = "N|auto", add = ArgValueCompleter::new(sources::auto))]
    pub(super) sessions: Option<String>,
    /// Start a session only when a client comes
    #[arg(long, overrides_with = "no_lazy")]
    pub(super) lazy: bool,
    /// Start a session at once
    #[arg(long)]
    pub(super) no_lazy: bool,
    /// End the sessions after so long without a client, such as 15m, until the next comes
    #[arg(long, value_name = "TIME")]
    pub(super) idle_timeout: Option<String>,
    /// Keep idle sessions open, whatever idle limit the administrator has set
    #[arg(long, overrides_with = "no_keep_alive")]
    pub(super) keep_alive: bool,
    /// Let idle sessions end as the administrator has set
    #[arg(long)]
    pub(super) no_keep_alive: bool,
}

impl SessionArgs {
    /// Returns whether `--lazy` or `--no-lazy` stands last, if one does.
    pub(super) fn lazy(&self) -> Option<bool> {
        switch(self.lazy, self.no_lazy)
    }

    /// The same for `--keep-alive`.
    pub(super) fn keep_alive(&self) -> Option<bool> {
        switch(self.keep_alive, self.no_keep_alive)
    }
}

#[derive(Clone, Debug, Default, Args)]
pub(super) struct UpkeepArgs {
    #[command(flatten)]
    session: SessionArgs,
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
            sessions: self.session.sessions.as_deref().map(str::parse).transpose()?,
            lazy: self.session.lazy(),
            idle_timeout: time(&self.session.idle_timeout)?,
            keep_alive: self.session.keep_alive(),
            rotate_after: time(&self.rotate_after)?,
            silent_after: time(&self.silent_after)?,
        })
    }
}

/// Reads a switch and its opposite, of which clap leaves the last.
pub(super) fn switch(on: bool, off: bool) -> Option<bool> {
    (on || off).then_some(on)
}
