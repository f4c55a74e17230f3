use std::collections::BTreeSet;
use std::fmt;

use holdfast_catalog::{PointId, Slot};
use jiff::{SignedDuration, Timestamp};

use crate::bucket::{Bucket, Period};
use crate::point::{PointState, PointStatus};
use crate::retention::{Keep, Keeping, Rules, Series, is_failing, retain};
use crate::schedule::Schedule;
use crate::turn::Turn;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How many slots or periods ahead an end is looked for. A hundred thousand hours are eleven years.
const MAX_STEPS: usize = 100_000;

/// Until when a recovery point stays. `Display` says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Until there is a good point for this slot.
    Slot(Slot),
    /// Until this instant.
    Instant(Timestamp),
    /// Until the hold on it is lifted.
    Lifted,
    /// No end is in sight: everything is kept, or the point is doubtful and stays until a person gives it up, or the end is
    /// more than 100,000 slots away.
    Never,
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::Slot(slot) => write!(f, "until the point of {slot}"),
            Until::Instant(instant) => write!(f, "until {instant}"),
            Until::Lifted => f.write_str("until the hold is lifted"),
            Until::Never => f.write_str("without an end in sight"),
        }
    }
}

/// Until when a point stays that is kept now, if every coming slot brings a good point. Nothing for a point that goes.
///
/// It is worked out and not tried out: periods are stepped over as a whole. Copies under way are taken for complete, points
/// that are dated after `now` are left aside, and coming points are locked as the compliance says.
pub fn forecast(
    keeping: &Keeping<'_>,
    schedule: &Schedule,
    series: &Series<'_>,
    point: &PointId,
    now: Timestamp,
) -> Option<Until> {
    let decided = retain(keeping, series, now);
    decided
        .iter()
        .find(|decided| decided.point == *point && decided.is_kept())?;
    let standing = standing(keeping, series, point, now);
    let Some(own) = standing.iter().find(|standing| standing.id == *point) else {
        // Dated after now.
        return Some(Until::Never);
    };
    if own.held {
        return Some(Until::Lifted);
    }
    if own.status != PointStatus::Good {
        return Some(Until::Never);
    }
    let counts = |other: &&PointState| other.status == PointStatus::Good && !other.held;
    let newer = standing.iter().filter(|other| other.id.slot > own.id.slot);
    let mut newer: Vec<Arrival> = newer
        .filter(counts)
        .map(|other| Arrival {
            end: other.locked_until.map_or(End::Past, |until| End::after(until, now)),
            slot: other.id.slot,
        })
        .collect();
    newer.sort_by_key(|arrival| arrival.end);
    let mut starts = schedule.starts_after(now, Turn::FIRST).map(|start| start.slot);
    let outlook = Outlook {
        keeping,
        schedule,
        own,
        newer,
        first: starts.find(|slot| slot.instant() > now),
        now,
    };
    Some(outlook.until(is_failing(&standing, series.failed_attempts, now)))
}

/// The points of one series as the next decision finds them, each one once, if nothing happens before: without such as go
/// now, and without copies under way.
fn standing(keeping: &Keeping<'_>, series: &Series<'_>, point: &PointId, now: Timestamp) -> Vec<PointState> {
    let mut points: Vec<PointState> = Vec::new();
    for other in series.points {
        if (&other.id.resource, &other.id.plan) != (&point.resource, &point.plan) || other.id.slot.instant() > now {
            continue;
        }
        let copied = PointState {
            in_copy: false,
            ..other.clone()
        };
        match points.iter_mut().find(|known| known.id == other.id) {
            Some(known) => *known = known.joined(&copied),
            None => points.push(copied),
        }
    }
    let series = Series {
        points: &points,
        failed_attempts: series.failed_attempts,
    };
    let decided = retain(keeping, &series, now);
    let goes = decided.into_iter().filter(|decided| !decided.is_kept());
    let mut goes: BTreeSet<PointId> = goes.map(|decided| decided.point).collect();
    // A point that is kept for no more than a copy that is under way.
    goes.remove(point);
    points.retain(|point| !goes.contains(&point.id));
    points
}

/// A newer point, and from when on it is counted.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    end: End,
    slot: Slot,
}

/// When something ends that keeps a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Past,
    At(Timestamp, Kind),
    Never,
}

/// Whether a new point brings the end, or time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Instant,
    Slot,
}

impl End {
    /// An end that time alone brings.
    fn after(instant: Timestamp, now: Timestamp) -> Self {
        if instant > now {
            End::At(instant, Kind::Instant)
        } else {
            End::Past
        }
    }
}

/// What comes, seen from one good point.
struct Outlook<'a> {
    keeping: &'a Keeping<'a>,
    schedule: &'a Schedule,
    own: &'a PointState,
    /// The newer points that there are, in the order in which they count.
    newer: Vec<Arrival>,
    /// The first slot that comes.
    first: Option<Slot>,
    now: Timestamp,
}

impl Outlook<'_> {
    fn until(&self, is_failing: bool) -> Until {
        let (retention, compliance) = (self.keeping.retention, self.keeping.compliance);
        let by_rule = match &retention.keep {
            Keep::Rules(rules) if !rules.is_empty() => self.end_of_rules(rules),
            Keep::All | Keep::Rules(_) => End::Never,
        };
        let from = self.own.age_counts_from();
        let after = |instant: Timestamp| End::after(instant, self.now);
        let deleted = retention
            .delete_after
            .map_or(End::Never, |after| self.end_of_distance(after));
        let maximum = compliance.maximum_until(from).map_or(End::Never, after);
        let minimum = compliance.minimum_until(from).map_or(End::Past, after);
        let lock = self.own.locked_until.map_or(End::Past, after);
        let success = match (is_failing, self.first) {
            (true, first) => first.map_or(End::Never, |first| End::At(first.instant(), Kind::Slot)),
            (false, _) => End::Past,
        };
        let floor = self.end_of_count(retention.minimum_good.get());
        let end = by_rule.min(deleted).min(maximum);
        match end.max(floor).max(minimum).max(lock).max(success) {
            End::At(instant, Kind::Slot) => Until::Slot(Slot::at(instant)),
            End::At(instant, Kind::Instant) => Until::Instant(instant),
            End::Past => self.first.map_or(Until::Never, Until::Slot),
            End::Never => Until::Never,
        }
    }

    fn end_of_rules(&self, rules: &Rules) -> End {
        let mut end = self.end_of_count(rules.keep_last);
        end = end.max(
            rules
                .keep_within
                .map_or(End::Past, |within| self.end_of_distance(within)),
        );
        for period in Period::ALL {
            end = end.max(self.end_of_period(period, rules.count(period)));
            let within = rules.within(period);
            end = end.max(within.map_or(End::Past, |within| self.end_of_period_within(period, within)));
        }
        end
    }

    /// When there are so many newer points.
    fn end_of_count(&self, of: u32) -> End {
        let mut newer = 0;
        match of {
            0 => End::Past,
            _ => self.first_end(Slot::instant, |_| {
                newer += 1;
                newer >= of
            }),
        }
    }

    /// When there is a point that is so much newer.
    fn end_of_distance(&self, within: SignedDuration) -> End {
        self.first_end(|_| self.edge(within), |slot| self.is_beyond(slot, within))
    }

    /// When there is a newer point in the same bucket, or in so many others.
    fn end_of_period(&self, period: Period, of: u32) -> End {
        if of == 0 {
            return End::Past;
        }
        let own = self.bucket(period, self.own.id.slot);
        let mut newer = BTreeSet::new();
        let of = usize::try_from(of).unwrap_or(usize::MAX);
        self.first_end(
            |slot| {
                let end = self.bucket(period, slot).end(self.keeping.zone);
                let last = end.and_then(|end| end.checked_sub(SECOND).ok());
                self.before_a_change(slot, last.unwrap_or(Timestamp::MAX))
            },
            |slot| {
                let bucket = self.bucket(period, slot);
                newer.insert(bucket);
                bucket == own || newer.len() >= of
            },
        )
    }

    /// When there is a newer point in the same bucket, or one that is so much newer.
    fn end_of_period_within(&self, period: Period, within: SignedDuration) -> End {
        let own = self.bucket(period, self.own.id.slot);
        self.first_end(
            |slot| self.before_a_change(slot, self.edge(within)),
            |slot| self.bucket(period, slot) == own || self.is_beyond(slot, within),
        )
    }

    /// When the first newer point counts that makes an end. `leap` leads from a coming slot that makes none to an instant up
    /// to which no other does.
    fn first_end(&self, leap: impl Fn(Slot) -> Timestamp, mut ends: impl FnMut(Slot) -> bool) -> End {
        let mut newer = self.newer.iter().copied().peekable();
        let mut coming = self.first;
        for _ in 0..MAX_STEPS {
            let next = coming.map(|slot| self.arrival(slot));
            let standing = newer.next_if(|standing| next.is_none_or(|next| standing.end <= next.end));
            let Some(arrival) = standing.or(next) else {
                return End::Never;
            };
            if ends(arrival.slot) {
                return arrival.end;
            }
            if standing.is_none() {
                let from = leap(arrival.slot).max(arrival.slot.instant());
                coming = self.schedule.next_after(from);
            }
        }
        End::Never
    }

    /// When the point of a coming slot counts: at once, or when its lock is over.
    fn arrival(&self, slot: Slot) -> Arrival {
        let end = match self.keeping.compliance.lock_until(slot.instant()) {
            Some((_, until)) => End::At(until, Kind::Instant),
            None => End::At(slot.instant(), Kind::Slot),
        };
        Arrival { end, slot }
    }

    fn bucket(&self, period: Period, slot: Slot) -> Bucket {
        period.bucket(slot.instant(), self.keeping.zone)
    }

    fn is_beyond(&self, slot: Slot, within: SignedDuration) -> bool {
        slot.instant() > self.edge(within)
    }

    /// The last instant that is no more than so much newer.
    fn edge(&self, within: SignedDuration) -> Timestamp {
        let own = self.own.id.slot.instant();
        own.checked_add(within).unwrap_or(Timestamp::MAX)
    }

    /// An instant, or the last before the clocks change: when they go back, a day or an hour may come back.
    fn before_a_change(&self, slot: Slot, instant: Timestamp) -> Timestamp {
        let change = self.keeping.zone.following(slot.instant()).next();
        let before = change.and_then(|change| change.timestamp().checked_sub(SECOND).ok());
        before.map_or(instant, |before| before.min(instant))
    }
}
