use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use holdfast_catalog::PointId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::bucket::Period;
use crate::point::{PointState, PointStatus};
use crate::reason::{KeepReason, RemoveReason};

/// How many good points stay when the policy does not say.
pub const DEFAULT_MINIMUM_GOOD: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Which recovery points stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// What the plan asks for.
    pub keep: Keep,
    /// How many good points stay whatever the rules say; at least one.
    pub minimum_good: NonZeroU32,
}

/// What the plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// All points.
    All,
    /// Those that a rule keeps.
    Rules(Rules),
}

/// Rules, each of which keeps points; a point stays if any rule keeps it. 0 is no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The newest.
    pub keep_last: u32,
    /// The newest of each of the last hours that have a point, and so on.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// ISO weeks.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
    /// Quarters.
    pub quarterly: u32,
    /// Years.
    pub yearly: u32,
    /// All that are at most so much older than the newest good point.
    pub keep_within: Option<SignedDuration>,
}

impl Rules {
    /// How many periods of a kind are kept.
    pub fn count(&self, period: Period) -> u32 {
        match period {
            Period::Hour => self.hourly,
            Period::Day => self.daily,
            Period::Week => self.weekly,
            Period::Month => self.monthly,
            Period::Quarter => self.quarterly,
            Period::Year => self.yearly,
        }
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        *self == Rules::default()
    }
}

/// What is to become of a recovery point, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Which point.
    pub point: PointId,
    /// What is to become of it.
    pub verdict: Verdict,
}

/// What is to become of a recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays; if it has a tombstone, that is to be lifted.
    Keep {
        /// Everything that keeps it; at least one reason.
        reasons: Vec<KeepReason>,
    },
    /// It goes.
    Remove {
        /// Why.
        why: RemoveReason,
    },
}

impl Retained {
    /// Whether the point stays.
    pub fn is_kept(&self) -> bool {
        matches!(self.verdict, Verdict::Keep { .. })
    }

    /// The reasons in words.
    pub fn reasons(&self) -> Vec<String> {
        match &self.verdict {
            Verdict::Keep { reasons } => reasons.iter().map(ToString::to_string).collect(),
            Verdict::Remove { why } => vec![why.to_string()],
        }
    }
}

/// Decides for each recovery point whether it stays, newest first.
///
/// `points` are all points of one resource and plan, those with tombstones included, in any order; `zone` is that of the
/// plan's schedule.
///
/// - The rules judge good points only, and only such are counted. A point that is incomplete, damaged, of unknown state,
///   held, locked, being copied or dated after `now` stays and takes no other point's place.
/// - The newest [`Retention::minimum_good`] good points stay whatever the rules say. If too few of them have no tombstone,
///   tombstones are lifted, the newest first.
/// - Any other point that has a tombstone keeps it and takes no other point's place.
/// - Without any rule everything stays.
pub fn retain(retention: &Retention, zone: &TimeZone, points: &[PointState], now: Timestamp) -> Vec<Retained> {
    let mut ordered: Vec<&PointState> = points.iter().collect();
    ordered.sort_by(|a, b| (b.id.slot, &b.id).cmp(&(a.id.slot, &a.id)));
    let mut reasons: BTreeMap<&PointId, Vec<KeepReason>> = BTreeMap::new();
    let standing: Vec<&PointState> = ordered
        .iter()
        .copied()
        .filter(|point| !point.tombstoned && protections(point, now).is_empty())
        .collect();
    match &retention.keep {
        Keep::All => keep_all(&ordered, &mut reasons),
        Keep::Rules(rules) if rules.is_empty() => keep_all(&ordered, &mut reasons),
        Keep::Rules(rules) => apply_rules(rules, zone, &standing, &mut reasons),
    }
    keep_minimum(retention.minimum_good.get(), &ordered, &standing, now, &mut reasons);
    for point in &ordered {
        let protections = protections(point, now);
        if !protections.is_empty() {
            reasons.entry(&point.id).or_default().extend(protections);
        }
    }
    ordered
        .into_iter()
        .map(|point| Retained {
            point: point.id.clone(),
            verdict: match reasons.remove(&point.id) {
                Some(reasons) => Verdict::Keep { reasons },
                None if point.tombstoned => Verdict::Remove {
                    why: RemoveReason::Tombstoned,
                },
                None => Verdict::Remove {
                    why: RemoveReason::NoRule,
                },
            },
        })
        .collect()
}

fn keep_all<'a>(ordered: &[&'a PointState], reasons: &mut BTreeMap<&'a PointId, Vec<KeepReason>>) {
    for point in ordered.iter().filter(|point| !point.tombstoned) {
        reasons.entry(&point.id).or_default().push(KeepReason::All);
    }
}

fn apply_rules<'a>(
    rules: &Rules,
    zone: &TimeZone,
    standing: &[&'a PointState],
    reasons: &mut BTreeMap<&'a PointId, Vec<KeepReason>>,
) {
    for (place, point) in (1..=rules.keep_last).zip(standing) {
        reasons.entry(&point.id).or_default().push(KeepReason::Last {
            place,
            of: rules.keep_last,
        });
    }
    for period in Period::ALL {
        let of = rules.count(period);
        let mut seen = BTreeSet::new();
        let newest_of_each = standing.iter().filter_map(|point| {
            let bucket = period.bucket(point.id.slot.instant(), zone);
            seen.insert(bucket).then_some((bucket, point))
        });
        for (place, (bucket, point)) in (1..=of).zip(newest_of_each) {
            reasons.entry(&point.id).or_default().push(KeepReason::Period {
                period,
                bucket,
                place,
                of,
            });
        }
    }
    // Relative to the newest good point, not to now: when backups stop, the last ones do not age away.
    if let (Some(within), Some(newest)) = (rules.keep_within, standing.first()) {
        let newest = newest.id.slot.instant();
        for point in standing
            .iter()
            .filter(|point| newest.duration_since(point.id.slot.instant()) <= within)
        {
            reasons.entry(&point.id).or_default().push(KeepReason::Within(within));
        }
    }
}

/// The floor: the newest good ones stay, and when tombstones have taken too many, the newest of those are called back.
fn keep_minimum<'a>(
    minimum: u32,
    ordered: &[&'a PointState],
    standing: &[&'a PointState],
    now: Timestamp,
    reasons: &mut BTreeMap<&'a PointId, Vec<KeepReason>>,
) {
    let wanted = usize::try_from(minimum).unwrap_or(usize::MAX);
    let called_back = ordered
        .iter()
        .copied()
        .filter(|point| point.counts(now) && point.tombstoned);
    let missing = wanted.saturating_sub(standing.len());
    for point in standing.iter().copied().take(wanted).chain(called_back.take(missing)) {
        reasons
            .entry(&point.id)
            .or_default()
            .push(KeepReason::MinimumGood(minimum));
    }
}

/// What keeps a point whatever the rules say. A tombstoned point that is merely not good stays tombstoned.
fn protections(point: &PointState, now: Timestamp) -> Vec<KeepReason> {
    let mut reasons = Vec::new();
    if point.id.slot.instant() > now {
        reasons.push(KeepReason::FutureDated);
    }
    if point.held {
        reasons.push(KeepReason::Held);
    }
    if let Some(until) = point.locked_until.filter(|until| *until > now) {
        reasons.push(KeepReason::Locked(until));
    }
    if point.in_copy && !point.tombstoned {
        reasons.push(KeepReason::InCopy);
    }
    if point.status != PointStatus::Good && !point.tombstoned {
        reasons.push(KeepReason::NotGood(point.status));
    }
    reasons
}
