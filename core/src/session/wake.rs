//! Whether this machine slept, or this process was stopped.
//!
//! Nobody tells a program that it was asleep, but its clocks do: while a laptop sleeps only the wall
//! clock goes on, and a process that was stopped finds both far ahead of where they should be.

use std::time::{Duration, Instant, SystemTime};

/// Time between two looks at the clocks: a wake-up is noticed within this.
pub const LOOK: Duration = Duration::from_secs(2);
/// A jump that is no mere delay. Connections outlive shorter absences.
const SLEPT: Duration = Duration::from_secs(5);

/// The clocks as they were at the last look.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    monotonic: Instant,
    wall: SystemTime,
}

impl Clocks {
    /// The clocks now.
    pub fn now() -> Self {
        Self::at(Instant::now(), SystemTime::now())
    }

    /// The clocks at a given time.
    pub fn at(monotonic: Instant, wall: SystemTime) -> Self {
        Self { monotonic, wall }
    }

    /// When the next look is due.
    pub fn next_look(&self) -> Instant {
        self.monotonic + LOOK
    }

    /// Looks again; returns for how long nobody looked, if that is longer than any delay.
    pub fn look(&mut self, now: Self) -> Option<Duration> {
        let monotonic = now.monotonic.saturating_duration_since(self.monotonic);
        // A wall clock that was set back says nothing.
        let wall = now.wall.duration_since(self.wall).unwrap_or_default();
        *self = now;
        let away = monotonic.max(wall);
        (away > LOOK + SLEPT).then_some(away)
    }
}

/// Sleeps for `delay`, or until this machine wakes up; returns whether it did.
pub async fn sleep_unless_woken(delay: Duration) -> bool {
    let until = Instant::now() + delay;
    let mut clocks = Clocks::now();
    loop {
        let next = until.min(clocks.next_look());
        tokio::time::sleep_until(next.into()).await;
        if clocks.look(Clocks::now()).is_some() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_jump_of_either_clock_is_an_absence() {
        let (start, wall) = (Instant::now(), SystemTime::now());
        let mut clocks = Clocks::at(start, wall);
        let at = |monotonic, wall_ahead| Clocks::at(start + monotonic, wall + wall_ahead);
        assert_eq!(clocks.look(at(2 * SECOND, 2 * SECOND)), None);
        assert_eq!(clocks.look(at(5 * SECOND, 5 * SECOND)), None, "a busy machine");
        let slept = at(7 * SECOND, 3607 * SECOND);
        assert_eq!(clocks.look(slept), Some(3602 * SECOND), "asleep: only the wall clock went on");
        let stopped = at(107 * SECOND, 3707 * SECOND);
        assert_eq!(clocks.look(stopped), Some(100 * SECOND), "stopped: both went on");
        let set_back = at(109 * SECOND, SECOND);
        assert_eq!(clocks.look(set_back), None);
        assert_eq!(clocks.look(at(111 * SECOND, 3 * SECOND)), None);
    }
}
