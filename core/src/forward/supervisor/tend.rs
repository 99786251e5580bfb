//! What is due by the clock: rotation, refusals, silence, idleness, too much or too little traffic.

use std::time::Instant;

use super::super::upkeep;
use super::{Kept, Supervisor};
use crate::model::Sessions;

impl Supervisor<'_> {
    /// Does what is due at `now`.
    pub(super) fn tend(&mut self, now: Instant) {
        self.end_what_has_no_clients();
        self.rotate(now);
        self.refresh(now);
        self.give_up_long_silent(now);
        self.rest(now);
        self.follow_traffic(now);
    }

    /// When something may be due by the clock.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let serving = self.serving().map(|kept| kept.rotate_at);
        let silent = self.kept.values().filter(|kept| !kept.told_to_end);
        let silent =
            silent.filter_map(|kept| Some(kept.silent_since? + self.upkeep.gives_up_after()));
        let starting = self.not_before.filter(|_| self.start.is_none() && self.missing() > 0);
        let rest = self.rests_at().filter(|_| !self.kept.is_empty());
        let traffic = self.watches_traffic().then(|| now + upkeep::AUTO_LOOK);
        let times = [starting, rest, traffic];
        times.into_iter().flatten().chain(serving).chain(silent).min()
    }

    fn end_what_has_no_clients(&mut self) {
        let leaving = self.kept.values_mut().filter(|kept| kept.leaving.is_some());
        leaving.filter(|kept| kept.member.streams() == 0).for_each(Kept::end);
    }

    fn rotate(&mut self, now: Instant) {
        let due: Vec<u64> = self
            .serving()
            .filter(|kept| kept.rotate_at <= now)
            .map(|kept| kept.member.number)
            .collect();
        for number in due {
            let Some(kept) = self.kept.get_mut(&number) else { continue };
            if kept.member.was_used(upkeep::ROTATE_IF_USED_WITHIN, now) {
                let minutes = kept.since.elapsed().as_secs() / 60;
                self.retire(number, format!("it is {minutes} minutes old"), false);
            } else {
                kept.rotate_at = now + upkeep::AUTO_IDLE;
            }
        }
    }

    /// Replaces a session whose agent may know an old address of the destination.
    fn refresh(&mut self, now: Instant) {
        let refused = self.serving().map(|kept| &kept.member);
        let refused = refused.filter(|member| member.refusals() >= upkeep::REFUSALS);
        let refused = refused.map(|member| (member.number, member.refusals())).next();
        let Some((number, refusals)) = refused else {
            if self.serving().any(|kept| kept.member.has_connected()) {
                self.refresh.1 = upkeep::REFRESH_FIRST;
            }
            return;
        };
        let (not_before, delay) = self.refresh;
        if not_before.is_none_or(|at| at <= now) {
            let reason = format!(
                "the destination refused {refusals} connections in a row; its address is looked \
                 up again"
            );
            self.retire(number, reason, false);
            self.refresh = (Some(now + delay), (delay * 2).min(upkeep::REFRESH_MOST));
        }
    }

    fn give_up_long_silent(&mut self, now: Instant) {
        let limit = self.upkeep.gives_up_after();
        let silent = |kept: &Kept| kept.silent_since.is_some_and(|since| since + limit <= now);
        self.end_silent("the agent did not answer any more", silent);
    }

    /// Ends sessions whose agents are silent: there is proof now that they are gone.
    pub(super) fn give_up_silent(&mut self, reason: &str) {
        self.end_silent(reason, |kept| kept.silent_since.is_some());
    }

    fn end_silent(&mut self, reason: &str, silent: impl Fn(&Kept) -> bool) {
        for kept in self.kept.values_mut().filter(|kept| !kept.told_to_end && silent(kept)) {
            kept.member.close();
            tracing::info!(session = kept.member.session_id, reason, "its clients are reset");
            kept.end();
        }
    }

    fn rests_at(&self) -> Option<Instant> {
        Some(self.hub.idle_since()? + self.upkeep.idle_timeout?)
    }

    /// Ends all sessions when nobody has used them for as long as was wanted.
    fn rest(&mut self, now: Instant) {
        let awake = self.kept.values().any(|kept| kept.leaving.is_none());
        // One that is being started is ended when it is there.
        if self.dormant
            || !awake
            || self.start.is_some()
            || self.rests_at().is_none_or(|at| at > now)
        {
            return;
        }
        self.dormant = true;
        self.extra = 0;
        self.forgive();
        self.owed.clear();
        let numbers: Vec<u64> = self.kept.keys().copied().collect();
        for number in numbers {
            self.release(number, "nobody uses it", true);
        }
    }

    fn watches_traffic(&self) -> bool {
        self.upkeep.sessions == Sessions::Auto
            && !self.dormant
            && (self.hub.clients() > 0 || self.kept.len() > 1)
    }

    /// Wants a further session when a download takes all of each; ends those that nobody needs.
    fn follow_traffic(&mut self, now: Instant) {
        if !self.watches_traffic() {
            return;
        }
        let serving: Vec<_> = self.serving().collect();
        let count = serving.len();
        let saturated = count > 0
            && serving.iter().all(|kept| kept.member.is_open() && kept.member.is_saturated(now));
        let unused = serving.iter().rev().find(|kept| {
            now.saturating_duration_since(kept.since) > upkeep::AUTO_IDLE
                && !kept.member.was_used(upkeep::AUTO_IDLE, now)
        });
        let unused = unused.map(|kept| kept.member.number);
        if saturated && self.missing() == 0 && count < upkeep::AUTO_MAX {
            self.extra = count;
        } else if count > 1
            && let Some(number) = unused
        {
            self.extra = count - 2;
            self.release(number, "the traffic needs it no more", true);
        }
    }
}
