//! Retention, once more: by the sentences of `RETENTION.md`, point by point, with calendars of its own.

use std::collections::BTreeSet;

use holdfast_catalog::PointId;
use holdfast_policy::{Keep, Period, PointState, PointStatus, Rules};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::calendar::key;
use crate::support::{Deciding, any_deciding, any_series, is_young};

/// One point among all of its series.
struct Naive<'a> {
    deciding: &'a Deciding,
    points: &'a [PointState],
    failed: &'a [PointId],
    now: Timestamp,
}

impl Naive<'_> {
    fn is_protected(&self, point: &PointState) -> bool {
        let locked = point.locked_until.is_some_and(|until| until > self.now);
        let doubtful = point.status != PointStatus::Good;
        let of_the_future = point.id.slot.instant() > self.now;
        point.held || locked || of_the_future || (!point.tombstoned && (point.in_copy || doubtful))
    }

    fn is_judged(&self, point: &PointState) -> bool {
        !point.tombstoned && !self.is_protected(point)
    }

    /// The points that a rule may judge and that are newer than another.
    fn newer(&self, than: &PointState) -> Vec<&PointState> {
        let judged = self.points.iter().filter(|point| self.is_judged(point));
        judged.filter(|point| point.id.slot > than.id.slot).collect()
    }

    /// How much older a point is than the newest that is judged.
    fn distance(&self, point: &PointState) -> SignedDuration {
        let slots = self.newer(point).into_iter().map(|newer| newer.id.slot.instant());
        let own = point.id.slot.instant();
        slots.max().unwrap_or(own).duration_since(own)
    }

    fn is_kept_by_rule(&self, rules: &Rules, point: &PointState) -> bool {
        let newer = self.newer(point);
        let mut kept = newer.len() < rules.keep_last as usize;
        kept |= rules.keep_within.is_some_and(|within| self.distance(point) <= within);
        for period in Period::ALL {
            let key = |point: &PointState| key(period, point.id.slot.instant(), &self.deciding.zone);
            let newer: BTreeSet<Vec<i64>> = newer.iter().map(|newer| key(newer)).collect();
            let is_newest = !newer.contains(&key(point));
            let within = rules.within(period);
            kept |= is_newest && newer.len() < rules.count(period) as usize;
            kept |= is_newest && within.is_some_and(|within| self.distance(point) <= within);
        }
        kept
    }

    fn is_too_old(&self, point: &PointState) -> bool {
        let slot = point.id.slot.instant();
        let age = self
            .now
            .duration_since(point.started_at.map_or(slot, |started| started.max(slot)));
        let delete_after = self.deciding.retention.delete_after;
        let maximum = self.deciding.compliance.maximum;
        maximum.is_some_and(|maximum| age >= maximum) || delete_after.is_some_and(|after| self.distance(point) > after)
    }

    fn is_on_the_floor(&self, point: &PointState) -> bool {
        let floor = self.deciding.retention.minimum_good.get() as usize;
        let newer = self.points.iter().filter(|other| other.id.slot > point.id.slot);
        let good = newer.filter(|other| other.status == PointStatus::Good && !self.is_protected(other));
        if point.tombstoned {
            return point.status == PointStatus::Good && good.count() < floor;
        }
        self.is_judged(point) && good.filter(|other| !other.tombstoned).count() < floor
    }

    /// Whether the newest attempt, of those that have come, is none that succeeded.
    fn is_failing(&self) -> bool {
        let standing = self.points.iter().filter(|point| !point.tombstoned);
        let attempts = standing.map(|point| (point.id.slot, point.status == PointStatus::Good));
        let attempts = attempts.chain(self.failed.iter().map(|attempt| (attempt.slot, false)));
        let newest = attempts.filter(|(slot, _)| slot.instant() <= self.now).max();
        newest.is_some_and(|(_, is_good)| !is_good)
    }

    fn is_kept(&self, point: &PointState) -> bool {
        let by_rule = match &self.deciding.retention.keep {
            Keep::All => true,
            Keep::Rules(rules) => self.is_kept_by_rule(rules, point),
        };
        self.is_protected(point)
            || self.is_on_the_floor(point)
            || is_young(self.deciding, point, self.now)
            || (!point.tombstoned && (self.is_failing() || (by_rule && !self.is_too_old(point))))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_decision_agrees_with_the_sentences_of_the_prose(
        (points, failed, now) in any_series(), deciding in any_deciding(), keep_all in proptest::bool::weighted(0.1),
    ) {
        let mut deciding = deciding;
        if keep_all {
            deciding.retention.keep = Keep::All;
        }
        // An attempt whose slot has a point is that point.
        let is_taken = |attempt: &PointId| points.iter().any(|point| point.id == *attempt);
        let failed: Vec<_> = failed.into_iter().filter(|attempt| !is_taken(attempt)).collect();
        let naive = Naive { deciding: &deciding, points: &points, failed: &failed, now };
        let expected = points.iter().map(|point| (point.id.clone(), naive.is_kept(point))).collect();
        prop_assert_eq!(deciding.kept(&points, &failed, now), expected);
    }
}
