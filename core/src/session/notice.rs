//! What a session has to say while it runs.

use std::time::Duration;

use crate::aws::AwsFailure;

/// Times that a repair needs at which it is worth a word, and another one.
pub const GAP_STEPS: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];

/// What happens to a session while it runs.
#[derive(Debug)]
pub enum Notice {
    /// The connection was lost; an attempt to resume follows.
    Reconnecting {
        /// What was noticed.
        reason: String,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Time until then.
        retry_in: Duration,
    },
    /// The session goes on.
    Resumed {
        /// Time since the connection was lost.
        took: Duration,
        /// Messages known to be missing at this moment.
        missing: usize,
    },
    /// The agent has to repeat what got lost on its way to us; said at each of [`GAP_STEPS`].
    Gap {
        /// Messages missing before what has arrived.
        missing: usize,
        /// How long the agent needs for them.
        heals_in: Duration,
    },
    /// The agent owes an answer and has said nothing for this long.
    Silent(Duration),
    /// It answers again.
    Heard,
    /// Resuming fails for a reason that a person should know.
    Trouble(AwsFailure),
}
