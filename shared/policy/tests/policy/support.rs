use std::collections::BTreeMap;
use std::num::NonZeroU32;

use holdfast_catalog::{PointId, ResourceId, Slot};
use holdfast_policy::{
    Compliance, Document, Keep, Keeping, PointState, PointStatus, Resource, Retained, Retention, Rules, Schedule,
    Series, parse,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Zones of both hemispheres, with half hours and quarters, without summer time, and one that once skipped a day.
pub const ZONES: [&str; 10] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Sydney",
    "Asia/Kolkata",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Havana",
];

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn zone(name: &str) -> TimeZone {
    holdfast_policy::time_zone(name).unwrap()
}

/// The slots after one instant and up to another, going forwards.
pub fn between(schedule: &Schedule, after: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut slots = Vec::new();
    let mut last = after;
    while let Some(slot) = schedule.next_after(last) {
        last = slot.instant();
        if last > to {
            break;
        }
        slots.push(last);
    }
    slots
}

pub fn resource(name: &str, tags: &[(&str, &str)]) -> Resource {
    let (kind, name) = name.split_once('/').unwrap_or(("table", name));
    let arn = match kind {
        "function" => format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}"),
        _ => format!("arn:aws:dynamodb:eu-central-1:111122223333:table/{name}"),
    };
    let arn = arn.parse().unwrap();
    Resource {
        id: ResourceId::from_arn(&arn).unwrap(),
        arn,
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    }
}

pub fn id(instant: Timestamp) -> PointId {
    id_of("orders", "standard", instant)
}

pub fn id_of(name: &str, plan: &str, instant: Timestamp) -> PointId {
    PointId {
        resource: resource(name, &[]).id,
        slot: Slot::at(instant),
        plan: plan.parse().unwrap(),
    }
}

pub fn good(instant: Timestamp) -> PointState {
    PointState::new(id(instant), PointStatus::Good)
}

pub fn rules(rules: Rules, minimum_good: u32) -> Retention {
    Retention {
        keep: Keep::Rules(rules),
        minimum_good: NonZeroU32::new(minimum_good).unwrap(),
        delete_after: None,
    }
}

/// Everything that decides which points stay.
#[derive(Debug, Clone)]
pub struct Deciding {
    pub retention: Retention,
    pub compliance: Compliance,
    pub zone: TimeZone,
}

impl Deciding {
    /// By a retention alone.
    pub fn by(retention: Retention, zone: &TimeZone) -> Self {
        Deciding {
            retention,
            compliance: Compliance::default(),
            zone: zone.clone(),
        }
    }

    pub fn keeping(&self) -> Keeping<'_> {
        Keeping {
            retention: &self.retention,
            compliance: &self.compliance,
            zone: &self.zone,
        }
    }

    pub fn retain(&self, points: &[PointState], failed_attempts: &[PointId], now: Timestamp) -> Vec<Retained> {
        let series = Series {
            points,
            failed_attempts,
        };
        holdfast_policy::retain(&self.keeping(), &series, now)
    }

    /// What is kept, by point.
    pub fn kept(&self, points: &[PointState], failed: &[PointId], now: Timestamp) -> BTreeMap<PointId, bool> {
        let decisions = self.retain(points, failed, now).into_iter();
        decisions
            .map(|decision| (decision.point.clone(), decision.is_kept()))
            .collect()
    }
}

/// What is decided by a retention alone, where no attempt has failed.
pub fn retain(retention: &Retention, zone: &TimeZone, points: &[PointState], now: Timestamp) -> Vec<Retained> {
    Deciding::by(retention.clone(), zone).retain(points, &[], now)
}

/// What is kept by a retention alone, by point.
pub fn decide(
    retention: &Retention,
    zone: &TimeZone,
    points: &[PointState],
    now: Timestamp,
) -> BTreeMap<PointId, bool> {
    Deciding::by(retention.clone(), zone).kept(points, &[], now)
}

/// A document that is read without a fault, and that editors take for one.
pub fn document(text: &str) -> Document {
    let invalid = crate::validator::invalid(&crate::schema::SCHEMA, text);
    assert!(invalid.is_empty(), "{invalid:#?}\n{text}");
    parse(text, "backup").unwrap_or_else(|faults| panic!("{faults}"))
}

/// A document with one plan, given the plan's lines after its name.
pub fn plan_text(lines: &str) -> String {
    let lines: Vec<String> = lines.trim().lines().map(|line| format!("    {line}\n")).collect();
    format!("version: 1\nplans:\n  - name: standard\n{}", lines.concat())
}

pub fn zones() -> impl Strategy<Value = TimeZone> {
    proptest::sample::select(ZONES.to_vec()).prop_map(zone)
}

/// Midnights around those days on which calendars go wrong: new years, clock changes and leap days of the years 2000 to
/// 2100, and one in summer.
pub fn anchors() -> impl Strategy<Value = Timestamp> {
    let days = proptest::sample::select(vec![
        (1, 1),
        (12, 31),
        (2, 29),
        (3, 10),
        (3, 29),
        (4, 5),
        (10, 4),
        (10, 25),
        (11, 1),
        (7, 15),
    ]);
    (2000_i16..=2100, days, -3_i64..=3).prop_map(|(year, (month, day), away)| {
        let first = jiff::civil::date(year, month, 1);
        let date = first.with().day(day.min(first.days_in_month())).build().unwrap();
        let midnight = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap();
        midnight + SignedDuration::from_hours(24 * away)
    })
}

/// Slots before and after an anchor, without repetition: some close together, some far apart.
pub fn slots() -> impl Strategy<Value = (Timestamp, Vec<Timestamp>)> {
    let steps = prop_oneof![
        4 => 1_i64..48,
        2 => (1_i64..40).prop_map(|days| 24 * days),
        1 => (1_i64..30).prop_map(|months| 730 * months),
    ];
    let offsets = proptest::collection::vec((steps, any::<bool>()), 1..60);
    (anchors(), 0_i64..3600, offsets).prop_map(|(anchor, second, steps)| {
        let start = anchor + SignedDuration::from_secs(second);
        let mut slots = vec![start];
        let (mut before, mut after) = (start, start);
        for (hours, forwards) in steps {
            let step = SignedDuration::from_hours(hours);
            if forwards {
                after += step;
                slots.push(after);
            } else {
                before -= step;
                slots.push(before);
            }
        }
        (start, slots)
    })
}

/// Rules with at least one of them.
pub fn any_rules() -> impl Strategy<Value = Rules> {
    let count = || prop_oneof![3 => Just(0_u32), 2 => 1_u32..8];
    let counts = (count(), count(), count(), count(), count(), count(), count());
    let within = || hours(0.2, 1..2000);
    let withins = (within(), within(), within(), within(), within(), within(), within());
    (counts, withins)
        .prop_map(|(counts, withins)| Rules {
            keep_last: counts.0,
            hourly: counts.1,
            daily: counts.2,
            weekly: counts.3,
            monthly: counts.4,
            quarterly: counts.5,
            yearly: counts.6,
            keep_within: withins.0,
            keep_within_hourly: withins.1,
            keep_within_daily: withins.2,
            keep_within_weekly: withins.3,
            keep_within_monthly: withins.4,
            keep_within_quarterly: withins.5,
            keep_within_yearly: withins.6,
        })
        .prop_filter("at least one rule", |rules| !rules.is_empty())
}

/// So many hours, or nothing.
fn hours(share: f64, range: std::ops::Range<i64>) -> impl Strategy<Value = Option<SignedDuration>> {
    proptest::option::weighted(share, range.prop_map(SignedDuration::from_hours))
}

/// Rules, floor, minimum and maximum in any combination that a document may have.
pub fn any_deciding() -> impl Strategy<Value = Deciding> {
    let ages = (hours(0.3, 1..3000), hours(0.3, 1..1500), hours(0.3, 0..3000));
    (any_rules(), 1_u32..6, ages, zones()).prop_map(|(given, floor, (delete_after, minimum, more), zone)| Deciding {
        retention: Retention {
            delete_after,
            ..rules(given, floor)
        },
        compliance: Compliance {
            minimum,
            maximum: more.map(|more| minimum.unwrap_or(HOUR) + more),
            ..Compliance::default()
        },
        zone,
    })
}

/// A point at a slot in any state.
pub fn any_state(slot: Timestamp, now: Timestamp) -> impl Strategy<Value = PointState> {
    let status = prop_oneof![
        6 => Just(PointStatus::Good),
        1 => Just(PointStatus::Incomplete),
        1 => Just(PointStatus::Damaged),
        1 => Just(PointStatus::Unknown),
    ];
    let rarely = || proptest::bool::weighted(0.1);
    let lock = proptest::option::weighted(0.15, -50_i64..50);
    // A run begins after its slot, some at once and some late; where it began before, a clock was wrong.
    let late = hours(0.5, -3..30);
    (status, rarely(), rarely(), rarely(), lock, late).prop_map(
        move |(status, in_copy, held, tombstoned, lock, late)| PointState {
            started_at: late.map(|late| slot + late),
            in_copy,
            held,
            tombstoned,
            locked_until: lock.map(|hours| now + SignedDuration::from_hours(hours)),
            ..PointState::new(id(slot), status)
        },
    )
}

/// A vault's points of one resource and plan in any states, and a present somewhere among them.
pub fn any_points() -> impl Strategy<Value = (Vec<PointState>, Timestamp)> {
    slots().prop_flat_map(|(now, slots)| {
        let points: Vec<_> = slots.into_iter().map(|slot| any_state(slot, now)).collect();
        (points, Just(now))
    })
}

/// The same with attempts that have failed; mostly none.
pub fn any_series() -> impl Strategy<Value = (Vec<PointState>, Vec<PointId>, Timestamp)> {
    let failed = proptest::option::weighted(0.3, proptest::collection::vec(-200_i64..50, 1..4));
    (any_points(), failed).prop_map(|((points, now), failed)| {
        let hours = failed.unwrap_or_default().into_iter().map(SignedDuration::from_hours);
        (points, hours.map(|hours| id(now + hours)).collect(), now)
    })
}

/// Whether a point is younger than the minimum, as far as there is one.
pub fn is_young(deciding: &Deciding, point: &PointState, now: Timestamp) -> bool {
    deciding
        .compliance
        .minimum
        .is_some_and(|minimum| now < born(point) + minimum)
}

/// From when on a point's age counts.
pub fn born(point: &PointState) -> Timestamp {
    let slot = point.id.slot.instant();
    point.started_at.unwrap_or(slot).max(slot)
}

/// Whether a rule may judge a point.
pub fn is_plain(point: &PointState, now: Timestamp) -> bool {
    is_good_and_free(point, now) && !point.tombstoned && !point.in_copy
}

/// Whether a point is good, and neither a hold nor a lock nor its date protects it; it may have a tombstone.
pub fn is_good_and_free(point: &PointState, now: Timestamp) -> bool {
    point.status == PointStatus::Good
        && !point.held
        && point.locked_until.is_none_or(|until| until <= now)
        && point.id.slot.instant() <= now
}
