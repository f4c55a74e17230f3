use std::collections::BTreeMap;
use std::num::NonZeroU32;

use holdfast_catalog::{PlanName, PointId, ResourceId, Slot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::bucket::{Bucket, Period};
use crate::point::{PointState, PointStatus};
use crate::reason::{KeepReason, RemoveReason};

/// How many good points stay where a plan does not say: one, and one more in case the newest turns out to be damaged.
pub const DEFAULT_MINIMUM_GOOD: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Which recovery points stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// What is kept.
    pub keep: Keep,
    /// The floor: so many of the newest good points stay whatever the rules say. Its type has no zero, so the newest
    /// good point cannot be given up.
    pub minimum_good: NonZeroU32,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Everything.
    All,
    /// What at least one rule keeps.
    Rules(Rules),
}

/// Rules about which points are kept. A point stays if any of them keeps it; zero or nothing is no rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// The last so many points.
    pub keep_last: u32,
    /// The newest point of each of the last so many hours that have one.
    pub hourly: u32,
    /// The same for days.
    pub daily: u32,
    /// The same for ISO weeks.
    pub weekly: u32,
    /// The same for months.
    pub monthly: u32,
    /// The same for quarters.
    pub quarterly: u32,
    /// The same for years.
    pub yearly: u32,
    /// Every point that is at most so much older than the newest good one. Not older than the present: when no new
    /// points are made, no old ones go.
    pub keep_within: Option<SignedDuration>,
}

impl Rules {
    /// How many of a period's buckets are kept.
    pub fn count(&self, period: Period) -> u32 {
        match period {
            Period::Hourly => self.hourly,
            Period::Daily => self.daily,
            Period::Weekly => self.weekly,
            Period::Monthly => self.monthly,
            Period::Quarterly => self.quarterly,
            Period::Yearly => self.yearly,
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
        /// Why each of the rules lets it go; at least one reason.
        why: Vec<RemoveReason>,
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
            Verdict::Remove { why } => why.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Decides for each recovery point whether it stays, newest first.
///
/// `points` are all points of one resource and plan, those with tombstones included; `zone` is that of the plan's
/// schedule. Points of several resources or plans are decided series by series, as if asked for one at a time. A point
/// that is listed twice is decided once, on the worst that is said of it.
///
/// - The rules judge good points only, and only such are counted. A point that is incomplete, damaged, of unknown
///   state, held, locked, being copied or dated after `now` stays and takes no other point's place.
/// - The newest [`Retention::minimum_good`] good points stay whatever the rules say. One of them that has a tombstone
///   is called back: newer points may have been found damaged since.
/// - So is a point on which a hold or a lock was laid since. Any other point that has a tombstone stays removed, whatever
///   was learnt of its contents. A tombstone never takes another point's place.
/// - Without any rule everything stays.
pub fn retain(retention: &Retention, zone: &TimeZone, points: &[PointState], now: Timestamp) -> Vec<Retained> {
    let mut known: BTreeMap<&PointId, PointState> = BTreeMap::new();
    for point in points {
        let joined = known
            .get(&point.id)
            .map_or_else(|| point.clone(), |other| other.joined(point));
        known.insert(&point.id, joined);
    }
    let mut series: BTreeMap<(&ResourceId, &PlanName), Vec<&PointState>> = BTreeMap::new();
    // In reverse: the newest slot of a resource comes first.
    for (id, point) in known.iter().rev() {
        series.entry((&id.resource, &id.plan)).or_default().push(point);
    }
    series
        .values()
        .flat_map(|points| retain_series(retention, zone, points, now))
        .collect()
}

/// Decides for the points of one resource and plan, which come newest first.
fn retain_series(retention: &Retention, zone: &TimeZone, points: &[&PointState], now: Timestamp) -> Vec<Retained> {
    let unprotected = points.iter().filter(|point| protection(point, now).is_empty());
    let judged: Vec<Slot> = unprotected
        .filter(|point| !point.tombstoned)
        .map(|point| point.id.slot)
        .collect();
    let mut judgements = judge(retention, zone, &judged).into_iter();
    let of = retention.minimum_good.get();
    let mut good = 0_u32;
    let mut verdicts = Vec::with_capacity(points.len());
    for point in points {
        let reasons = protection(point, now);
        good = good.saturating_add(u32::from(reasons.is_empty() && point.status == PointStatus::Good));
        let verdict = if !reasons.is_empty() {
            Verdict::Keep { reasons }
        } else if point.tombstoned {
            with_tombstone(point.status, good, of)
        } else {
            let unjudged = Verdict::Keep {
                reasons: vec![KeepReason::Unknown],
            };
            // There is a judgement for each: the same test picked them, in the same order.
            judgements.next().map_or(unjudged, Verdict::from)
        };
        verdicts.push(Retained {
            point: point.id.clone(),
            verdict,
        });
    }
    verdicts
}

/// What is to become of a point that has a tombstone, by its place among the good ones.
fn with_tombstone(status: PointStatus, place: u32, of: u32) -> Verdict {
    if status == PointStatus::Good && place <= of {
        let reasons = vec![KeepReason::MinimumGood { place, of }];
        return Verdict::Keep { reasons };
    }
    let why = vec![RemoveReason::Tombstoned];
    Verdict::Remove { why }
}

/// What keeps a point from being judged by the rules. One that has a tombstone was judged before: what was learnt of its
/// contents since, or a copy of it, is no reason to call it back.
fn protection(point: &PointState, now: Timestamp) -> Vec<KeepReason> {
    let status = match point.status {
        PointStatus::Good => None,
        PointStatus::Incomplete => Some(KeepReason::Incomplete),
        PointStatus::Damaged => Some(KeepReason::Damaged),
        PointStatus::Unknown => Some(KeepReason::Unknown),
    };
    let locked = point.locked_until.filter(|until| *until > now);
    [
        point.held.then_some(KeepReason::Held),
        locked.map(|until| KeepReason::Locked { until }),
        (point.in_copy && !point.tombstoned).then_some(KeepReason::InCopy),
        (point.id.slot.instant() > now).then_some(KeepReason::FutureDated),
        status.filter(|_| !point.tombstoned),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What the rules and the floor say of one good point.
#[derive(Debug, Default)]
struct Judgement {
    keep: Vec<KeepReason>,
    remove: Vec<RemoveReason>,
}

impl From<Judgement> for Verdict {
    fn from(judgement: Judgement) -> Self {
        if judgement.keep.is_empty() {
            Verdict::Remove { why: judgement.remove }
        } else {
            Verdict::Keep {
                reasons: judgement.keep,
            }
        }
    }
}

/// Judges good points, newest first.
fn judge(retention: &Retention, zone: &TimeZone, slots: &[Slot]) -> Vec<Judgement> {
    let mut judgements: Vec<Judgement> = slots.iter().map(|_| Judgement::default()).collect();
    match &retention.keep {
        Keep::Rules(rules) if !rules.is_empty() => {
            judge_last(rules.keep_last, &mut judgements);
            for period in Period::ALL {
                judge_period(period, rules.count(period), zone, slots, &mut judgements);
            }
            if let (Some(duration), Some(newest)) = (rules.keep_within, slots.first()) {
                judge_within(duration, *newest, slots, &mut judgements);
            }
        }
        Keep::All | Keep::Rules(_) => judgements
            .iter_mut()
            .for_each(|judgement| judgement.keep.push(KeepReason::All)),
    }
    let of = retention.minimum_good.get();
    for (place, judgement) in (1..=of).zip(&mut judgements) {
        judgement.keep.push(KeepReason::MinimumGood { place, of });
    }
    judgements
}

fn judge_last(of: u32, judgements: &mut [Judgement]) {
    if of == 0 {
        return;
    }
    for (index, judgement) in judgements.iter_mut().enumerate() {
        if index < to_usize(of) {
            let place = to_u32(index + 1);
            judgement.keep.push(KeepReason::Last { place, of });
        } else {
            judgement.remove.push(RemoveReason::NotLast { of });
        }
    }
}

fn judge_period(period: Period, of: u32, zone: &TimeZone, slots: &[Slot], judgements: &mut [Judgement]) {
    if of == 0 {
        return;
    }
    // All buckets that were met, not just the last: a clock that goes back at midnight brings a day back.
    let mut newest_in: BTreeMap<Bucket, Slot> = BTreeMap::new();
    for (slot, judgement) in slots.iter().zip(judgements) {
        let bucket = period.bucket(slot.instant(), zone);
        if let Some(by) = newest_in.get(&bucket) {
            judgement.remove.push(RemoveReason::Superseded { bucket, by: *by });
        } else if newest_in.len() < to_usize(of) {
            newest_in.insert(bucket, *slot);
            let place = to_u32(newest_in.len());
            judgement.keep.push(KeepReason::Newest { bucket, place, of });
        } else {
            judgement.remove.push(RemoveReason::BeyondPeriods { period, of });
        }
    }
}

fn judge_within(duration: SignedDuration, newest: Slot, slots: &[Slot], judgements: &mut [Judgement]) {
    for (slot, judgement) in slots.iter().zip(judgements) {
        if newest.instant().duration_since(slot.instant()) <= duration {
            judgement.keep.push(KeepReason::Within { duration });
        } else {
            judgement.remove.push(RemoveReason::NotWithin { duration });
        }
    }
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn to_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
