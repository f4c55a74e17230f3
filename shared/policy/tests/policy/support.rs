use std::collections::BTreeMap;
use std::num::NonZeroU32;

use holdfast_catalog::{PointId, ResourceId, Slot};
use holdfast_policy::{Document, Keep, PointState, PointStatus, Resource, Retention, Rules, Schedule, parse};
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
    }
}

/// What is kept, by point.
pub fn decide(
    retention: &Retention,
    zone: &TimeZone,
    points: &[PointState],
    now: Timestamp,
) -> BTreeMap<PointId, bool> {
    let decisions = holdfast_policy::retain(retention, zone, points, now);
    decisions
        .into_iter()
        .map(|decision| (decision.point.clone(), decision.is_kept()))
        .collect()
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
    let count = || prop_oneof![2 => Just(0_u32), 3 => 1_u32..8];
    let within = proptest::option::of((1_i64..2000).prop_map(SignedDuration::from_hours));
    let counts = (count(), count(), count(), count(), count(), count(), count());
    (counts, within)
        .prop_map(
            |((keep_last, hourly, daily, weekly, monthly, quarterly, yearly), keep_within)| Rules {
                keep_last,
                hourly,
                daily,
                weekly,
                monthly,
                quarterly,
                yearly,
                keep_within,
            },
        )
        .prop_filter("at least one rule", |rules| !rules.is_empty())
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
    (status, rarely(), rarely(), rarely(), lock).prop_map(move |(status, in_copy, held, tombstoned, lock)| PointState {
        in_copy,
        held,
        tombstoned,
        locked_until: lock.map(|hours| now + SignedDuration::from_hours(hours)),
        ..PointState::new(id(slot), status)
    })
}

/// A vault's points of one resource and plan in any states, and a present somewhere among them.
pub fn any_points() -> impl Strategy<Value = (Vec<PointState>, Timestamp)> {
    slots().prop_flat_map(|(now, slots)| {
        let points: Vec<_> = slots.into_iter().map(|slot| any_state(slot, now)).collect();
        (points, Just(now))
    })
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
