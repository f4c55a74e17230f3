use std::collections::BTreeMap;
use std::num::NonZeroU32;

use holdfast_catalog::{PlanName, PointId, ResourceId, Slot};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::bucket::{Bucket, Period};
use crate::compliance::Compliance;
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
    /// A point that is more than so much older than the newest good one goes, even if a rule keeps it.
    pub delete_after: Option<SignedDuration>,
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
    /// The newest point of each hour, among the points that are at most so much older than the newest good one.
    pub keep_within_hourly: Option<SignedDuration>,
    /// The same for days.
    pub keep_within_daily: Option<SignedDuration>,
    /// The same for ISO weeks.
    pub keep_within_weekly: Option<SignedDuration>,
    /// The same for months.
    pub keep_within_monthly: Option<SignedDuration>,
    /// The same for quarters.
    pub keep_within_quarterly: Option<SignedDuration>,
    /// The same for years.
    pub keep_within_yearly: Option<SignedDuration>,
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

    /// How much older than the newest good point one may be that is kept as the newest of its period.
    pub fn within(&self, period: Period) -> Option<SignedDuration> {
        match period {
            Period::Hourly => self.keep_within_hourly,
            Period::Daily => self.keep_within_daily,
            Period::Weekly => self.keep_within_weekly,
            Period::Monthly => self.keep_within_monthly,
            Period::Quarterly => self.keep_within_quarterly,
            Period::Yearly => self.keep_within_yearly,
        }
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        *self == Rules::default()
    }
}

/// What decides which points of a plan stay, here or in a copy.
#[derive(Debug, Clone, Copy)]
pub struct Keeping<'a> {
    /// The rules: the plan's, or those of its copies in one region.
    pub retention: &'a Retention,
    /// How long points stay at least and at most.
    pub compliance: &'a Compliance,
    /// The zone of the plan's schedule, by whose clocks periods are told apart.
    pub zone: &'a TimeZone,
}

/// What a vault holds of a resource and plan, or of several.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// All points, those with tombstones included.
    pub points: &'a [PointState],
    /// Runs that ended without a point, or that nobody works on any more. Not such as are under way.
    pub failed_attempts: &'a [PointId],
}

impl<'a> Series<'a> {
    /// Points of which no attempt is known to have failed.
    pub fn of(points: &'a [PointState]) -> Self {
        Series {
            points,
            failed_attempts: &[],
        }
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
/// Points of several resources or plans are decided series by series, as if asked for one at a time. A point that is
/// listed twice is decided once, on the worst that is said of it. What comes first in this list wins over what follows:
///
/// - A point that is held or locked stays. So does one that is incomplete, damaged, of unknown state, being copied or
///   dated after `now`. None of them is judged by the rules, and none takes another point's place.
/// - The newest [`Retention::minimum_good`] good points stay. One of them that has a tombstone is called back: newer
///   points may have been found damaged since.
/// - A point younger than [`Compliance::minimum`] stays, whatever its state.
/// - While the newest attempt has failed, every point stays: one that is incomplete, damaged or of unknown state, or one
///   that never became a point, counts as failed until there is a newer good point.
/// - A point as old as [`Compliance::maximum`], or more than [`Retention::delete_after`] older than the newest good one,
///   goes.
/// - Any other good point stays if a rule keeps it, and without any rule everything stays.
///
/// A point that has a tombstone is called back by a hold, a lock, the floor or the minimum. Any other stays removed,
/// whatever was learnt of its contents, and also while attempts fail: when it got its tombstone, none did. A tombstone
/// never takes another point's place.
pub fn retain(keeping: &Keeping<'_>, series: &Series<'_>, now: Timestamp) -> Vec<Retained> {
    let mut known: BTreeMap<&PointId, PointState> = BTreeMap::new();
    for point in series.points {
        let joined = known
            .get(&point.id)
            .map_or_else(|| point.clone(), |other| other.joined(point));
        known.insert(&point.id, joined);
    }
    let mut all: BTreeMap<(&ResourceId, &PlanName), Vec<&PointState>> = BTreeMap::new();
    // In reverse: the newest slot of a resource comes first.
    for (id, point) in known.iter().rev() {
        all.entry((&id.resource, &id.plan)).or_default().push(point);
    }
    let decided = all.into_iter().map(|((resource, plan), points)| {
        let failed = series.failed_attempts.iter();
        let failed = failed.filter(|attempt| attempt.resource == *resource && attempt.plan == *plan);
        let failing = failing_attempt(&points, failed.map(|attempt| attempt.slot), now);
        retain_series(keeping, &points, failing, now)
    });
    decided.flatten().collect()
}

/// Whether the newest attempt of one series has failed.
pub(crate) fn is_failing(points: &[PointState], failed_attempts: &[PointId], now: Timestamp) -> bool {
    let points: Vec<&PointState> = points.iter().collect();
    let of_series = |attempt: &&PointId| {
        let first = points.first().map(|point| (&point.id.resource, &point.id.plan));
        first == Some((&attempt.resource, &attempt.plan))
    };
    let failed = failed_attempts.iter().filter(of_series).map(|attempt| attempt.slot);
    failing_attempt(&points, failed, now).is_some()
}

/// The newest attempt of a series, if it has failed: if no good point is newer.
fn failing_attempt(points: &[&PointState], failed: impl Iterator<Item = Slot>, now: Timestamp) -> Option<Slot> {
    // A tombstone on a doubtful point says that a person has given it up.
    let standing = points.iter().filter(|point| !point.tombstoned);
    let (good, doubtful): (Vec<&PointState>, Vec<&PointState>) =
        standing.partition(|point| point.status == PointStatus::Good);
    let attempts = doubtful.iter().map(|point| point.id.slot).chain(failed);
    let newest = attempts.filter(|slot| slot.instant() <= now).max();
    let success = good.iter().map(|point| point.id.slot);
    let success = success.filter(|slot| slot.instant() <= now).max();
    newest.filter(|newest| Some(*newest) > success)
}

/// Decides for the points of one resource and plan, which come newest first.
fn retain_series(
    keeping: &Keeping<'_>,
    points: &[&PointState],
    failing: Option<Slot>,
    now: Timestamp,
) -> Vec<Retained> {
    let is_judged = |point: &PointState| !point.tombstoned && protection(point, now).is_empty();
    let judged: Vec<&PointState> = points.iter().copied().filter(|point| is_judged(point)).collect();
    let mut judgements = judge(keeping, &judged, now).into_iter();
    let of = keeping.retention.minimum_good.get();
    let mut place = 0_u32;
    let decide = |point: &&PointState| {
        let mut judgement = Judgement {
            keep: protection(point, now),
            remove: Vec::new(),
        };
        let is_free = judgement.keep.is_empty();
        place = place.saturating_add(u32::from(is_free && point.status == PointStatus::Good));
        if is_judged(point) {
            // There is a judgement for each: the same test picked them, in the same order.
            judgement = judgements.next().unwrap_or_else(Judgement::unknown);
        } else if is_free {
            judgement.remove.push(RemoveReason::Tombstoned);
            if point.status == PointStatus::Good && place <= of {
                judgement.keep.push(KeepReason::MinimumGood { place, of });
            }
        }
        let minimum = keeping.compliance.minimum_until(point.age_counts_from());
        let minimum = minimum.filter(|until| *until > now);
        judgement
            .keep
            .extend(minimum.map(|until| KeepReason::Minimum { until }));
        if judgement.keep.is_empty() && !point.tombstoned {
            let failing = failing.map(|attempt| KeepReason::AttemptsFail { attempt });
            judgement.keep.extend(failing);
        }
        Retained {
            point: point.id.clone(),
            verdict: judgement.into(),
        }
    };
    points.iter().map(decide).collect()
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

/// What keeps a point and what lets it go.
#[derive(Debug, Default)]
struct Judgement {
    keep: Vec<KeepReason>,
    remove: Vec<RemoveReason>,
}

impl Judgement {
    /// Two rules may say the same, and once is enough.
    fn let_go(&mut self, reason: RemoveReason) {
        if !self.remove.contains(&reason) {
            self.remove.push(reason);
        }
    }

    fn unknown() -> Self {
        Judgement {
            keep: vec![KeepReason::Unknown],
            remove: Vec::new(),
        }
    }
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

/// Judges good points by the rules, the maximum and the floor, newest first.
fn judge(keeping: &Keeping<'_>, points: &[&PointState], now: Timestamp) -> Vec<Judgement> {
    let slots: Vec<Slot> = points.iter().map(|point| point.id.slot).collect();
    let retention = keeping.retention;
    let mut judgements: Vec<Judgement> = slots.iter().map(|_| Judgement::default()).collect();
    match &retention.keep {
        Keep::Rules(rules) if !rules.is_empty() => judge_rules(rules, keeping.zone, &slots, &mut judgements),
        Keep::All | Keep::Rules(_) => judgements
            .iter_mut()
            .for_each(|judgement| judgement.keep.push(KeepReason::All)),
    }
    for (point, judgement) in points.iter().zip(&mut judgements) {
        let too_old = too_old(keeping, point, slots[0], now);
        if !too_old.is_empty() {
            judgement.keep.clear();
            judgement.remove.splice(0..0, too_old);
        }
    }
    let of = retention.minimum_good.get();
    for (place, judgement) in (1..=of).zip(&mut judgements) {
        judgement.keep.push(KeepReason::MinimumGood { place, of });
    }
    judgements
}

/// What lets a point go even if a rule keeps it.
fn too_old(keeping: &Keeping<'_>, point: &PointState, newest: Slot, now: Timestamp) -> Vec<RemoveReason> {
    let maximum = keeping.compliance.maximum_until(point.age_counts_from());
    let maximum = maximum.filter(|until| *until <= now).and(keeping.compliance.maximum);
    let age = newest.instant().duration_since(point.id.slot.instant());
    let deleted = keeping.retention.delete_after.filter(|duration| age > *duration);
    let maximum = maximum.map(|maximum| RemoveReason::BeyondMaximum { maximum });
    let deleted = deleted.map(|duration| RemoveReason::DeletedAfter { duration });
    [maximum, deleted].into_iter().flatten().collect()
}

fn judge_rules(rules: &Rules, zone: &TimeZone, slots: &[Slot], judgements: &mut [Judgement]) {
    judge_last(rules.keep_last, judgements);
    for period in Period::ALL {
        judge_period(period, rules.count(period), zone, slots, judgements);
    }
    if let Some(duration) = rules.keep_within {
        judge_within(duration, slots, judgements);
    }
    for period in Period::ALL {
        if let Some(duration) = rules.within(period) {
            judge_period_within(period, duration, zone, slots, judgements);
        }
    }
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

fn judge_within(duration: SignedDuration, slots: &[Slot], judgements: &mut [Judgement]) {
    for (slot, judgement) in slots.iter().zip(judgements) {
        if is_within(duration, *slot, slots) {
            judgement.keep.push(KeepReason::Within { duration });
        } else {
            judgement.let_go(RemoveReason::NotWithin { duration });
        }
    }
}

fn judge_period_within(
    period: Period,
    duration: SignedDuration,
    zone: &TimeZone,
    slots: &[Slot],
    judgements: &mut [Judgement],
) {
    let mut newest_in: BTreeMap<Bucket, Slot> = BTreeMap::new();
    for (slot, judgement) in slots.iter().zip(judgements) {
        let bucket = period.bucket(slot.instant(), zone);
        if !is_within(duration, *slot, slots) {
            judgement.let_go(RemoveReason::NotWithin { duration });
        } else if let Some(by) = newest_in.get(&bucket) {
            judgement.let_go(RemoveReason::Superseded { bucket, by: *by });
        } else {
            newest_in.insert(bucket, *slot);
            judgement.keep.push(KeepReason::NewestWithin { bucket, duration });
        }
    }
}

/// Whether a slot is at most so much older than the newest, which comes first.
fn is_within(duration: SignedDuration, slot: Slot, slots: &[Slot]) -> bool {
    slots
        .first()
        .is_none_or(|newest| newest.instant().duration_since(slot.instant()) <= duration)
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn to_u32(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
