//! How the sessions of a forward are looked after: what may be chosen, and the times and numbers
//! behind it.

use std::time::Duration;

use rand::RngExt;
use serde::{Deserialize, Serialize};
use ssmpf_proto::config;

use crate::model::Sessions;
use crate::session::GAP_STEPS;

/// Age at which a session is replaced, before jitter. The service closes every websocket after an
/// hour; that is only a resume, but one that some policies deny.
pub const ROTATE_AFTER: Duration = Duration::from_secs(55 * 60);
/// Share of that age by which sessions are replaced earlier, so that many do not come at once.
const ROTATE_JITTER: f64 = 0.1;
/// A session without clients for so long is not replaced: that would only keep the administrator's
/// idle limit (20 minutes by default) from ending it.
pub const ROTATE_IF_USED_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Refused connections in a row after which the destination's name should be looked up again: the
/// agent looks it up once in a session, and a failover moves it.
pub const REFUSALS: u32 = 3;
/// Time until a session is replaced again for that reason; doubled each time up to
/// [`REFRESH_MOST`], since the destination may simply be down.
pub const REFRESH_FIRST: Duration = Duration::from_secs(15);
/// Longest such time.
pub const REFRESH_MOST: Duration = Duration::from_secs(600);

/// A repair by the agent that takes so long, a minute, is not waited for. Programs give up by
/// themselves at about this point.
pub const HOPELESS: Duration = GAP_STEPS[GAP_STEPS.len() - 1];
/// Silence of the agent after which its clients are reset, in units of the silence after which it
/// may be gone: one minute. Until then it may only be waiting for a destination that does not read.
const SILENT_GIVE_UP: u32 = 3;

/// Most sessions opened because of traffic. AWS starts three a second for a whole account.
pub const AUTO_MAX: usize = 4;
/// Time between two looks at the traffic.
pub const AUTO_LOOK: Duration = Duration::from_secs(1);
/// A further session that nobody has used for so long is ended.
pub const AUTO_IDLE: Duration = Duration::from_secs(60);

/// Time until a further session is asked for again that was refused for good.
pub const REFUSED_RETRY: Duration = Duration::from_secs(300);

/// Time between signs of life that keep an idle session open: well below the shortest idle limit, a
/// minute.
const KEEP_ALIVE: Duration = Duration::from_secs(45);

/// How the sessions of a forward are looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// How many sessions carry the clients.
    pub sessions: Sessions,
    /// The first session is started for the first client.
    pub lazy: bool,
    /// Time without clients after which the sessions are ended until the next client comes.
    pub idle_timeout: Option<Duration>,
    /// Time between signs of life that keep an idle session open whatever the administrator's
    /// limit.
    pub keep_alive: Option<Duration>,
    /// Age at which a session in use is replaced.
    pub rotate_after: Duration,
    /// Silence of the agent, while it owes an answer, after which it may be gone.
    pub silent_after: Duration,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            sessions: Sessions::default(),
            lazy: false,
            idle_timeout: None,
            keep_alive: None,
            rotate_after: ROTATE_AFTER,
            silent_after: config::SILENT_AGENT,
        }
    }
}

impl Upkeep {
    /// Silence of the agent after which its clients are reset.
    pub fn gives_up_after(&self) -> Duration {
        self.silent_after * SILENT_GIVE_UP
    }

    /// Draws the age at which one session is replaced.
    pub fn draw_rotation(&self) -> Duration {
        let share = rand::rng().random_range(1.0 - ROTATE_JITTER..=1.0);
        self.rotate_after.mul_f64(share)
    }
}

/// What was chosen about the sessions; the rest follows from the connection or the defaults.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct UpkeepChoice {
    /// How many sessions carry the clients.
    pub sessions: Option<Sessions>,
    /// Whether the first session is started for the first client.
    pub lazy: Option<bool>,
    /// Time without clients after which the sessions are ended.
    pub idle_timeout: Option<Duration>,
    /// Whether idle sessions are kept open.
    pub keep_alive: Option<bool>,
    /// Age at which a session in use is replaced.
    pub rotate_after: Option<Duration>,
    /// Silence of the agent after which it may be gone.
    pub silent_after: Option<Duration>,
}

impl UpkeepChoice {
    /// Decides everything: what was chosen here, else in `fallback`, else the default.
    pub fn with(self, fallback: Self) -> Upkeep {
        let default = Upkeep::default();
        Upkeep {
            sessions: self.sessions.or(fallback.sessions).unwrap_or(default.sessions),
            lazy: self.lazy.or(fallback.lazy).unwrap_or(default.lazy),
            idle_timeout: self.idle_timeout.or(fallback.idle_timeout),
            keep_alive: self
                .keep_alive
                .or(fallback.keep_alive)
                .and_then(|wanted| wanted.then_some(KEEP_ALIVE)),
            rotate_after: self
                .rotate_after
                .or(fallback.rotate_after)
                .unwrap_or(default.rotate_after),
            silent_after: self
                .silent_after
                .or(fallback.silent_after)
                .unwrap_or(default.silent_after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_now_wins_over_what_the_connection_keeps() {
        let kept = UpkeepChoice {
            lazy: Some(true),
            keep_alive: Some(true),
            idle_timeout: Some(Duration::from_secs(60)),
            ..UpkeepChoice::default()
        };
        let as_kept = UpkeepChoice::default().with(kept);
        assert!(as_kept.lazy);
        assert_eq!(as_kept.keep_alive, Some(KEEP_ALIVE));
        assert_eq!(as_kept.idle_timeout, kept.idle_timeout);
        let now =
            UpkeepChoice { lazy: Some(false), keep_alive: Some(false), ..UpkeepChoice::default() };
        let this_time = now.with(kept);
        assert!(!this_time.lazy);
        assert_eq!(this_time.keep_alive, None);
    }
}
