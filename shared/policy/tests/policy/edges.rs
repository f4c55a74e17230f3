//! Several series, records that contradict each other, and a slot at the very present.

use holdfast_policy::{PointState, PointStatus, Retained, Rules, due};

use crate::support::{HOUR, at, decide, document, good, id_of, resource, retain, rules, zone};

fn last(count: u32) -> Rules {
    Rules {
        keep_last: count,
        ..Rules::default()
    }
}

/// What is decided, by keep_last 1, of an older point that is listed twice beside a newer one.
fn judged_with(one: impl Fn(PointState) -> PointState, other: impl Fn(PointState) -> PointState) -> Vec<String> {
    let now = at("2026-11-21T12:00:00Z");
    let older = good(now - HOUR);
    let points = [good(now), one(older.clone()), other(older)];
    let decisions = retain(&rules(last(1), 1), &zone("UTC"), &points, now);
    decisions.get(1).map(Retained::reasons).unwrap()
}

#[test]
fn two_plans_of_one_resource_take_nothing_from_each_other() {
    let now = at("2026-11-21T12:00:00Z");
    let of_plan =
        |plan: &str, hours: i32| PointState::new(id_of("orders", plan, now - HOUR * hours), PointStatus::Good);
    let points = [
        of_plan("hot", 0),
        of_plan("hot", 1),
        of_plan("cold", 2),
        of_plan("cold", 3),
    ];
    let kept = decide(&rules(last(1), 1), &zone("UTC"), &points, now);
    let kept: Vec<bool> = points.iter().map(|point| kept[&point.id]).collect();
    assert_eq!(kept, [true, false, true, false]);
}

#[test]
fn a_copy_that_one_record_of_a_point_tells_of_keeps_it() {
    let in_copy = |point| PointState { in_copy: true, ..point };
    assert_eq!(judged_with(in_copy, |point| point), ["being copied"]);
}

#[test]
fn the_longer_of_two_locks_counts() {
    let now = at("2026-11-21T12:00:00Z");
    let locked = |hours: i32| {
        move |point| PointState {
            locked_until: Some(now + HOUR * hours),
            ..point
        }
    };
    assert_eq!(
        judged_with(locked(2), locked(-1)),
        ["locked until 2026-11-21T14:00:00Z"]
    );
}

#[test]
fn a_tombstone_that_only_one_record_of_a_point_tells_of_is_none() {
    let damaged_and_buried = |point| PointState {
        status: PointStatus::Damaged,
        tombstoned: true,
        ..point
    };
    assert_eq!(judged_with(damaged_and_buried, |point| point), ["damaged"]);
}

#[test]
fn a_point_of_this_very_second_is_not_due_again() {
    let policy = document("version: 1\nplans:\n  - {name: standard, schedule: {every: 1h}, retention: {daily: 7}}\n");
    let noon = at("2026-11-21T12:00:00Z");
    let orders = resource("orders", &[("backup", "standard")]);
    assert_eq!(due(&policy, &[orders], &[id_of("orders", "standard", noon)], noon), []);
}
