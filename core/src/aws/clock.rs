//! How far the clock of this machine is from AWS's.
//!
//! Signatures carry a time and are refused when it is more than five minutes off. The SDK corrects
//! itself from the `Date` header of an answer, but only for its own calls: the websocket is signed by
//! us, so we measure the same thing and apply it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

/// Differences up to this are left alone: `Date` counts whole seconds and the answer took a while.
const NOISE: Duration = Duration::from_secs(30);

/// From this on the user is told. AWS refuses at five minutes; the SDK begins to correct at four.
const WORTH_SAYING: Duration = Duration::from_secs(4 * 60);

/// The clock of this machine, corrected by what AWS's answers say.
#[derive(Debug, Default)]
pub struct Clock {
    /// AWS's time minus ours, in milliseconds.
    offset: AtomicI64,
}

impl Clock {
    /// Returns the time to sign with.
    pub fn now(&self) -> SystemTime {
        let now = SystemTime::now();
        let offset = self.offset.load(Ordering::Relaxed);
        let distance = Duration::from_millis(offset.unsigned_abs());
        if distance <= NOISE {
            return now;
        }
        let corrected =
            if offset > 0 { now.checked_add(distance) } else { now.checked_sub(distance) };
        corrected.unwrap_or(now)
    }

    /// Takes note that AWS's clock showed `theirs` when ours showed `ours`.
    pub fn observe(&self, theirs: SystemTime, ours: SystemTime) {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let offset = match theirs.duration_since(ours) {
            Ok(ahead) => millis(ahead),
            Err(behind) => -millis(behind.duration()),
        };
        self.offset.store(offset, Ordering::Relaxed);
    }

    /// Returns how wrong the clock of this machine is, in words, if it is worth saying.
    ///
    /// The words complete "the clock of this machine is …": "61 minutes behind".
    pub fn complaint(&self) -> Option<String> {
        let offset = self.offset.load(Ordering::Relaxed);
        let distance = Duration::from_millis(offset.unsigned_abs());
        if distance < WORTH_SAYING {
            return None;
        }
        // Our clock is behind when theirs is ahead.
        let direction = if offset > 0 { "behind" } else { "ahead" };
        Some(format!("{} minutes {direction}", distance.as_secs() / 60))
    }
}

/// Reads the `Date` header of every answer into a [`Clock`].
#[derive(Debug)]
pub(super) struct DateWatcher(pub(super) std::sync::Arc<Clock>);

#[dyn_dispatch_hint]
impl Intercept for DateWatcher {
    fn name(&self) -> &'static str {
        "DateWatcher"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _runtime_components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        if let Some(theirs) = date.and_then(|date| SystemTime::try_from(date).ok()) {
            self.0.observe(theirs, SystemTime::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock_that_is_off_by(minutes: i64) -> Clock {
        let clock = Clock::default();
        let ours = SystemTime::now();
        let distance = Duration::from_secs(minutes.unsigned_abs() * 60);
        // A clock that is behind sees AWS in its future.
        clock.observe(if minutes < 0 { ours + distance } else { ours - distance }, ours);
        clock
    }

    #[test]
    fn a_clock_an_hour_behind_is_named_and_corrected() {
        let clock = clock_that_is_off_by(-61);
        assert_eq!(clock.complaint().as_deref(), Some("61 minutes behind"));
        let ahead = clock.now().duration_since(SystemTime::now()).expect("corrected forwards");
        assert!(ahead > Duration::from_secs(60 * 60), "{ahead:?}");
    }

    #[test]
    fn a_clock_an_hour_ahead_is_named_and_corrected() {
        let clock = clock_that_is_off_by(60);
        assert_eq!(clock.complaint().as_deref(), Some("60 minutes ahead"));
        assert!(clock.now() < SystemTime::now() - Duration::from_secs(59 * 60));
    }

    #[test]
    fn small_differences_are_left_alone() {
        let clock = Clock::default();
        let ours = SystemTime::now();
        clock.observe(ours + Duration::from_secs(20), ours);
        assert_eq!(clock.complaint(), None);
        assert!(clock.now() <= SystemTime::now());
    }
}
