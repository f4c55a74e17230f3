//! How the starts of a slot are spread, and what that and windows, blackouts and pauses mean for what is due.

use std::collections::BTreeMap;

use holdfast_catalog::{PointId, ResourceId};
use holdfast_policy::{Document, Resource, due, turns};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{HOUR, at, document, id_of, plan_text, resource};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn with_schedule(schedule: &str) -> Document {
    document(&plan_text(&format!("schedule: {schedule}\nretention: {{daily: 7}}")))
}

fn tables(count: usize) -> Vec<Resource> {
    let name = |index| format!("table-{index}");
    (0..count)
        .map(|index| resource(&name(index), &[("backup", "standard")]))
        .collect()
}

/// When each resource first becomes due, looked at minute by minute.
fn first_due(
    document: &Document,
    inventory: &[Resource],
    from: Timestamp,
    minutes: i32,
) -> BTreeMap<ResourceId, Timestamp> {
    let mut first = BTreeMap::new();
    for minute in 0..minutes {
        let now = from + MINUTE * minute;
        for run in due(document, inventory, &[], now) {
            first.entry(run.resource).or_insert(now);
        }
    }
    first
}

/// Whether the only resource is due, at each of some instants.
fn is_due(document: &Document, points: &[PointId], instants: &[&str]) -> Vec<bool> {
    let inventory = [resource("orders", &[("backup", "standard")])];
    let is_due = |instant: &&str| !due(document, &inventory, points, at(instant)).is_empty();
    instants.iter().map(is_due).collect()
}

#[test]
fn starts_lie_evenly_over_the_jitter() {
    let document = with_schedule("{every: 1h, jitter: 20m}");
    let noon = at("2026-11-21T12:00:00Z");
    let first = first_due(&document, &tables(10), noon, 60);
    let mut minutes: Vec<i64> = first
        .values()
        .map(|start| start.duration_since(noon).as_mins())
        .collect();
    minutes.sort_unstable();
    assert_eq!(minutes, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
}

/// Were this order to change, every resource would start at another time after an upgrade.
#[test]
fn the_order_of_the_starts_is_the_same_in_every_release() {
    let inventory = tables(5);
    let order = |plan: &str| {
        let turns = turns(&plan.parse().unwrap(), inventory.iter().map(|resource| &resource.id));
        let mut order: Vec<_> = turns.into_iter().collect();
        order.sort_by_key(|(_, turn)| turn.of(HOUR));
        let names = order.into_iter().map(|(resource, _)| resource.name.clone());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order("standard"), "table-2 table-3 table-1 table-0 table-4");
    assert_eq!(order("hourly"), "table-3 table-1 table-2 table-0 table-4");
}

#[test]
fn a_resource_that_waits_for_its_share_is_not_due_yet_and_its_last_slot_is_over() {
    let document = with_schedule("{every: 1h, jitter: 20m}");
    let inventory = tables(2);
    let names = |now: &str| -> Vec<String> {
        let runs = due(&document, &inventory, &[], at(now));
        runs.iter().map(|run| run.point().to_string()).collect()
    };
    let first = names("2026-11-21T12:09:59Z");
    assert_eq!(first.len(), 1);
    let both = names("2026-11-21T12:10:00Z");
    assert_eq!(both.len(), 2);
    assert!(both.iter().all(|point| point.contains("20261121T120000Z")), "{both:?}");
}

#[test]
fn a_window_bounds_the_starts_and_a_run_that_failed_is_due_until_it_is_over() {
    let document =
        with_schedule("{cron: \"0 22 * * *\", timezone: Europe/Berlin, window: {from: \"22:00\", to: \"06:00\"}}");
    let instants = [
        "2026-11-20T20:59:59Z",
        "2026-11-20T21:00:00Z",
        "2026-11-21T04:59:59Z",
        "2026-11-21T05:00:00Z",
        "2026-11-21T20:59:59Z",
        "2026-11-21T21:00:00Z",
    ];
    assert_eq!(
        is_due(&document, &[], &instants),
        [false, true, true, false, false, true]
    );
    let made = [id_of("orders", "standard", at("2026-11-20T21:00:00Z"))];
    assert_eq!(
        is_due(&document, &made, &instants),
        [false, false, false, false, false, true]
    );
}

#[test]
fn a_run_says_until_when_it_may_begin() {
    let inventory = tables(1);
    let until = |schedule: &str| {
        let runs = due(&with_schedule(schedule), &inventory, &[], at("2026-11-21T23:30:00Z"));
        runs[0].until.to_string()
    };
    assert_eq!(until("{every: 1h}"), "2026-11-22T00:00:00Z");
    assert_eq!(
        until("{every: 1h, window: {from: \"22:00\", to: \"06:00\"}}"),
        "2026-11-22T06:00:00Z"
    );
}

#[test]
fn nothing_is_due_in_a_blackout_or_a_pause_and_afterwards_one_run_makes_up_for_all() {
    let document = with_schedule("{every: 1h, blackout: 2026-11-20, pause_until: \"2026-11-22T00:30:00Z\"}");
    let instants = [
        "2026-11-20T12:10:00Z",
        "2026-11-21T12:10:00Z",
        "2026-11-22T00:29:59Z",
        "2026-11-22T00:30:00Z",
    ];
    assert_eq!(is_due(&document, &[], &instants), [false, false, false, true]);
    let inventory = [resource("orders", &[("backup", "standard")])];
    let newest = id_of("orders", "standard", at("2026-11-19T23:00:00Z"));
    let runs = due(&document, &inventory, [&newest], at(instants[3]));
    assert_eq!(runs[0].slot.to_string(), "20261122T000000Z");
    // The first slot that was missed is the first after the blackout.
    assert_eq!(runs[0].overdue, HOUR * 24 + MINUTE * 30);
}

#[test]
fn after_a_pause_the_starts_are_spread_from_its_end_on() {
    let document = with_schedule("{every: 1h, jitter: 20m, pause_until: \"2026-11-21T12:30:00Z\"}");
    let first = first_due(&document, &tables(4), at("2026-11-21T12:00:00Z"), 60);
    let mut times: Vec<_> = first.values().map(ToString::to_string).collect();
    times.sort();
    let expected = ["12:30", "12:35", "12:40", "12:45"].map(|time| format!("2026-11-21T{time}:00Z"));
    assert_eq!(times, expected);
}

#[test]
fn if_less_time_is_left_than_the_jitter_the_starts_are_spread_over_what_is_left() {
    // The next day is one of the blackout: of the two hours of jitter, one is left.
    let document = with_schedule("{cron: \"0 23 * * *\", jitter: 2h, blackout: 2026-11-22}");
    let first = first_due(&document, &tables(4), at("2026-11-21T23:00:00Z"), 180);
    let mut times: Vec<_> = first.values().map(ToString::to_string).collect();
    times.sort();
    let expected = ["23:00", "23:15", "23:30", "23:45"].map(|time| format!("2026-11-21T{time}:00Z"));
    assert_eq!(times, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_starts_of_any_number_of_resources_lie_evenly(count in 1_usize..200, jitter in 1_i64..100_000) {
        let inventory = tables(count);
        let jitter = SignedDuration::from_secs(jitter);
        let turns = turns(&"standard".parse().unwrap(), inventory.iter().map(|resource| &resource.id));
        let mut starts: Vec<_> = turns.values().map(|turn| turn.of(jitter).as_secs()).collect();
        starts.sort_unstable();
        prop_assert_eq!(starts.len(), count);
        prop_assert!(starts[0] == 0 && starts[count - 1] < jitter.as_secs());
        let even = jitter.as_secs() / i64::try_from(count).unwrap();
        for pair in starts.windows(2) {
            prop_assert!((even..=even + 1).contains(&(pair[1] - pair[0])), "{:?}", starts);
        }
    }

    #[test]
    fn a_resource_that_comes_moves_no_other_by_more_than_a_place(count in 1_usize..60, at in any::<prop::sample::Index>()) {
        let mut inventory = tables(count + 1);
        let order = |inventory: &[Resource]| -> Vec<ResourceId> {
            let turns = turns(&"standard".parse().unwrap(), inventory.iter().map(|resource| &resource.id));
            let mut order: Vec<_> = turns.into_iter().collect();
            order.sort_by_key(|(_, turn)| turn.of(HOUR * 1000));
            order.into_iter().map(|(resource, _)| resource.clone()).collect()
        };
        let mut with = order(&inventory);
        let gone = inventory.remove(at.index(count + 1));
        with.retain(|resource| *resource != gone.id);
        prop_assert_eq!(with, order(&inventory));
    }
}
