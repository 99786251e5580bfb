//! The wish to end: Ctrl-C, SIGTERM, SIGHUP, or a reader that is gone.
//!
//! The first asks for an orderly end: stop accepting, end the remote session, within two seconds. A
//! second Ctrl-C or SIGTERM ends the process at once. A second SIGHUP does not, because a closing
//! terminal usually sends two.

use std::fmt;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

/// Signals closer together than this are one.
///
/// `timeout` and other wrappers signal both their child and its process group; no finger is that fast.
const ONE_PRESS: Duration = Duration::from_millis(100);

/// Time between two looks at the clocks by what is limited to an age: timers stand still while the
/// machine sleeps.
const LOOK: Duration = Duration::from_secs(10);

/// What asked for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, or a console that is being closed.
    Terminate,
    /// The terminal is gone.
    Hangup,
    /// Whoever read our output is gone.
    OutputClosed,
    /// It was not meant to run for longer.
    MaxAge,
    /// Somebody asked over the control socket.
    Asked,
    /// Nobody could find it any more to ask.
    Unfindable,
    /// Whoever started it has closed its stdin, or is gone.
    InputClosed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Interrupt => "Ctrl-C",
            Cause::Terminate => "SIGTERM",
            Cause::Hangup => "SIGHUP",
            Cause::OutputClosed => "output closed",
            Cause::MaxAge => "maximum age reached",
            Cause::Asked => "ssmpf down",
            Cause::Unfindable => "its runtime folder is gone",
            Cause::InputClosed => "input closed",
        })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    requested: Option<(Cause, Instant)>,
    forced: bool,
}

/// Asks for the end.
#[derive(Clone, Debug)]
pub struct Trigger(watch::Sender<State>);

impl Trigger {
    /// Asks for an orderly end, or for an immediate one if that was asked for already.
    pub fn request(&self, cause: Cause) {
        self.0.send_modify(|state| match state.requested {
            None => state.requested = Some((cause, Instant::now())),
            Some((_, since)) => {
                let hurried = matches!(cause, Cause::Interrupt | Cause::Terminate);
                state.forced |= hurried && since.elapsed() > ONE_PRESS;
            }
        });
    }
}

/// Tells when to end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown {
    state: watch::Receiver<State>,
    // Keeps the channel open, so that a wait is never ended by a trigger that went away.
    trigger: Trigger,
}

impl Shutdown {
    /// Makes a pair without signals, for tests and for parts of a larger whole.
    pub fn manual() -> (Trigger, Self) {
        let (sender, state) = watch::channel(State::default());
        let trigger = Trigger(sender);
        (trigger.clone(), Self { state, trigger })
    }

    /// Begins to listen for the signals of this process. Needs a Tokio runtime.
    pub fn on_signals() -> io::Result<Self> {
        let (trigger, shutdown) = Self::manual();
        platform::listen(trigger)?;
        Ok(shutdown)
    }

    /// The same, and the end of stdin is a wish too. What is written there is not looked at.
    ///
    /// Programs end this one so: it works on every system, and also when they die.
    pub fn on_signals_and_input() -> io::Result<Self> {
        let shutdown = Self::on_signals()?;
        let trigger = shutdown.trigger().clone();
        // A thread of its own, which the end of the process does not wait for.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            // A stdin that cannot be read says no more than one that is closed.
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            trigger.request(Cause::InputClosed);
        })?;
        Ok(shutdown)
    }

    /// Returns what else may ask for the end.
    pub fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    /// Returns what asked for the end, if anything has.
    pub fn cause(&self) -> Option<Cause> {
        self.state.borrow().requested.map(|(cause, _)| cause)
    }

    /// Waits until an orderly end is asked for, and returns by what.
    pub async fn requested(&self) -> Cause {
        let mut state = self.state.clone();
        let found = state.wait_for(|state| state.requested.is_some()).await;
        match found.map(|state| state.requested) {
            Ok(Some((cause, _))) => cause,
            // Unreachable while `self` holds a sender; waiting is right for "never asked".
            _ => std::future::pending().await,
        }
    }

    /// The same wish, which also comes by itself after `age`, be it that the machine slept
    /// meanwhile. Needs a Tokio runtime.
    pub fn limited_to(&self, age: Duration) -> Self {
        let (trigger, limited) = Self::manual();
        let outer = self.clone();
        let began = Clocks::now();
        tokio::spawn(async move {
            loop {
                let left = age.saturating_sub(began.until(Clocks::now()));
                if left.is_zero() {
                    return trigger.request(Cause::MaxAge);
                }
                tokio::select! {
                    cause = outer.requested() => return trigger.request(cause),
                    () = tokio::time::sleep(left.min(LOOK)) => {}
                }
            }
        });
        limited
    }

    /// Waits until an immediate end is asked for.
    pub async fn forced(&self) {
        let mut state = self.state.clone();
        if state.wait_for(|state| state.forced).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Both clocks at one moment: one stands still while the machine sleeps, the other may be set.
#[derive(Clone, Copy, Debug)]
struct Clocks(Instant, SystemTime);

impl Clocks {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// The time until `later`, by the clock that shows more of it.
    fn until(self, later: Self) -> Duration {
        let by_wall = later.1.duration_since(self.1).unwrap_or_default();
        later.0.saturating_duration_since(self.0).max(by_wall)
    }
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::signal::unix::{SignalKind, signal};

    use super::{Cause, Trigger};

    pub(super) fn listen(trigger: Trigger) -> io::Result<()> {
        for (kind, cause) in [
            (SignalKind::interrupt(), Cause::Interrupt),
            (SignalKind::terminate(), Cause::Terminate),
            (SignalKind::hangup(), Cause::Hangup),
        ] {
            // `nohup` made this process ignore the signal; listening would undo that.
            if cause == Cause::Hangup && is_ignored(kind) {
                continue;
            }
            let mut signals = signal(kind)?;
            let trigger = trigger.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    trigger.request(cause);
                }
            });
        }
        Ok(())
    }

    /// Returns whether this process was started to ignore the signal, where that can be known.
    fn is_ignored(kind: SignalKind) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask & (1 << (kind.as_raw_value() - 1)) != 0
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use tokio::signal::windows;

    use super::{Cause, Trigger};

    pub(super) fn listen(trigger: Trigger) -> io::Result<()> {
        let (mut ctrl_c, mut ctrl_break) = (windows::ctrl_c()?, windows::ctrl_break()?);
        let mut close = windows::ctrl_close()?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = ctrl_c.recv() => trigger.request(Cause::Interrupt),
                    Some(()) = ctrl_break.recv() => trigger.request(Cause::Terminate),
                    Some(()) = close.recv() => trigger.request(Cause::Hangup),
                    else => return,
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_request_is_orderly_and_the_second_is_not() {
        let (trigger, shutdown) = Shutdown::manual();
        assert_eq!(shutdown.cause(), None);
        trigger.request(Cause::Terminate);
        assert_eq!(shutdown.requested().await, Cause::Terminate);
        tokio::time::sleep(ONE_PRESS + Duration::from_millis(20)).await;
        trigger.request(Cause::Interrupt);
        shutdown.forced().await;
        assert_eq!(shutdown.cause(), Some(Cause::Terminate));
    }

    #[tokio::test]
    async fn a_limited_wish_comes_by_itself_or_from_outside() {
        let (trigger, shutdown) = Shutdown::manual();
        let short = shutdown.limited_to(Duration::from_millis(1));
        assert_eq!(short.requested().await, Cause::MaxAge);
        let long = shutdown.limited_to(Duration::from_secs(3600));
        trigger.request(Cause::Interrupt);
        assert_eq!(long.requested().await, Cause::Interrupt);
    }

    #[test]
    fn time_passes_while_the_machine_sleeps_and_does_not_go_back() {
        let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(86_400));
        let Clocks(now, wall) = Clocks::now();
        let began = Clocks(now, wall + day);
        let slept = Clocks(now + hour, wall + 2 * day);
        assert_eq!(began.until(slept), day);
        let set_back = Clocks(now + hour, wall);
        assert_eq!(began.until(set_back), hour);
    }

    #[tokio::test]
    async fn a_signal_that_arrives_twice_at_once_counts_once() {
        let (trigger, shutdown) = Shutdown::manual();
        trigger.request(Cause::Interrupt);
        trigger.request(Cause::Interrupt);
        assert!(!shutdown.state.borrow().forced);
    }

    #[tokio::test]
    async fn a_terminal_that_hangs_up_twice_does_not_force_the_end() {
        let (trigger, shutdown) = Shutdown::manual();
        trigger.request(Cause::Hangup);
        tokio::time::sleep(ONE_PRESS + Duration::from_millis(20)).await;
        trigger.request(Cause::Hangup);
        assert!(!shutdown.state.borrow().forced);
    }
}
