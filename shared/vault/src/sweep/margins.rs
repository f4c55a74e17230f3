use holdfast_catalog::Slot;
use jiff::{SignedDuration, Timestamp};

use crate::TRUST_EXISTING_FOR;

/// The margins that make removal safe beside running snapshots, without locks. RETENTION.md argues why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// How long a tombstoned point's data, and data that nothing refers to, stays.
    pub grace: SignedDuration,
}

/// No run may commit when it began longer ago than this. Together with [`TRUST_EXISTING_FOR`] it is at most the shortest
/// grace period, so that whatever a run relied on when it began is still there when it commits.
pub const MAX_RUN: SignedDuration = SignedDuration::from_hours(12);

/// The shortest grace: what a run may rely on, how long it may last, and an hour for invocations that overlap and for clocks
/// that differ.
pub const SHORTEST_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// How long it takes until every prune that did not know of a point's being called back has ended: the 15 minutes of an
/// invocation, and the rest of an hour for clocks that differ.
pub const CALL_BACK_AFTER: SignedDuration = SignedDuration::from_hours(1);

const _: () = assert!(
    MAX_RUN.as_secs() + TRUST_EXISTING_FOR.as_secs() < SHORTEST_GRACE.as_secs(),
    "what a run relied on when it began must be there when it commits"
);

impl Margins {
    /// Margins with a grace period; a shorter one than is safe is lengthened to 24 hours.
    pub fn with_grace(grace: SignedDuration) -> Self {
        Margins {
            grace: grace.max(SHORTEST_GRACE),
        }
    }

    /// Whether something that was written or decided at an instant is past its grace. What lies in the future is not.
    pub fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        now.duration_since(since) > self.grace
    }

    /// When the grace of what was written or decided at an instant is over.
    pub fn end_of(&self, since: Timestamp) -> Timestamp {
        since.saturating_add(self.grace).unwrap_or(Timestamp::MAX)
    }

    /// Whether a tombstone can be lifted now, so that no prune that is under way still removes its point: its grace lasts
    /// for a while yet, or it was called back a while ago.
    pub fn may_be_lifted(&self, tombstoned_at: Timestamp, called_back_at: Option<Timestamp>, now: Timestamp) -> bool {
        let is_young = !self.is_over(tombstoned_at, now.saturating_add(CALL_BACK_AFTER).unwrap_or(now));
        is_young || called_back_at.is_some_and(|at| now.duration_since(at) > CALL_BACK_AFTER)
    }
}

/// When a point was called back from its tombstone, if it was: what was called back before the tombstone was written does
/// not count. The time of a fact has whole seconds.
pub fn called_back(tombstoned_at: Timestamp, undeleted_at: Option<Timestamp>) -> Option<Timestamp> {
    undeleted_at.filter(|at| *at >= Slot::at(tombstoned_at).instant())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: i64) -> Timestamp {
        let begin: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        begin + SignedDuration::from_hours(hours)
    }

    #[test]
    fn a_grace_shorter_than_a_day_is_lengthened_to_a_day() {
        assert_eq!(
            Margins::with_grace(SignedDuration::ZERO).grace,
            SignedDuration::from_hours(24)
        );
        assert_eq!(
            Margins::with_grace(SignedDuration::from_hours(168)).grace,
            SignedDuration::from_hours(168)
        );
    }

    #[test]
    fn a_tombstone_is_lifted_well_before_its_grace_is_over_or_an_hour_after_it_was_called_back() {
        let margins = Margins::with_grace(SignedDuration::ZERO);
        assert!(margins.may_be_lifted(hours(0), None, hours(23)));
        assert!(!margins.may_be_lifted(hours(0), None, hours(24)));
        assert!(!margins.may_be_lifted(hours(0), Some(hours(30)), hours(31)));
        assert!(margins.may_be_lifted(hours(0), Some(hours(30)), hours(32)));
    }

    #[test]
    fn only_what_was_called_back_after_the_tombstone_counts() {
        let written: Timestamp = "2026-11-21T00:00:00.7Z".parse().unwrap();
        assert_eq!(called_back(written, Some(hours(0))), Some(hours(0)), "the same second");
        assert_eq!(called_back(written, Some(hours(-1))), None);
        assert_eq!(called_back(written, None), None);
    }
}
