//! Several series, records that contradict each other, and a slot at the very present.

use holdfast_catalog::PointId;
use holdfast_policy::{PointState, PointStatus, Retained, Rules, due};

use crate::support::{Deciding, HOUR, at, decide, document, good, id_of, resource, retain, rules, zone};

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

/// What is decided, by `keep_last: 1`, of points that are some hours old.
fn judged_by(change: impl FnOnce(&mut Deciding), points: &[PointState], failed: &[PointId]) -> Vec<String> {
    let mut deciding = Deciding::by(rules(last(1), 1), &zone("UTC"));
    change(&mut deciding);
    let decisions = deciding.retain(points, failed, at("2026-11-21T12:00:00Z"));
    decisions.iter().map(|decision| decision.reasons().join(", ")).collect()
}

fn ago(hours: i32) -> PointState {
    good(at("2026-11-21T12:00:00Z") - HOUR * hours)
}

#[test]
fn a_minimum_is_over_at_its_very_end_and_a_maximum_begins_there() {
    let points = [ago(0), ago(4), ago(5), ago(6)];
    let minimum = |deciding: &mut Deciding| deciding.compliance.minimum = Some(HOUR * 5);
    assert_eq!(
        judged_by(minimum, &points, &[])[1..],
        [
            "in its minimum until 2026-11-21T13:00:00Z",
            "not among the last 1",
            "not among the last 1"
        ]
    );
    let maximum = |deciding: &mut Deciding| {
        deciding.retention = rules(last(9), 1);
        deciding.compliance.maximum = Some(HOUR * 5);
    };
    let reached = "has reached its maximum of 5h";
    assert_eq!(judged_by(maximum, &points, &[])[1..], ["last 2 of 9", reached, reached]);
}

#[test]
fn a_point_is_deleted_after_more_than_so_long() {
    let points = [ago(1), ago(6), ago(7)];
    let delete_after = |deciding: &mut Deciding| {
        deciding.retention = rules(last(9), 1);
        deciding.retention.delete_after = Some(HOUR * 5);
    };
    let deleted = "past delete_after: more than 5h older than the newest";
    assert_eq!(judged_by(delete_after, &points, &[])[1..], ["last 2 of 9", deleted]);
}

#[test]
fn a_point_that_began_before_its_slot_is_no_older_than_its_slot() {
    let point = PointState {
        started_at: Some(at("1970-01-01T00:00:00Z")),
        ..ago(4)
    };
    let ages = |deciding: &mut Deciding| {
        deciding.compliance.minimum = Some(HOUR * 5);
        deciding.compliance.maximum = Some(HOUR * 6);
    };
    let found = judged_by(ages, &[ago(0), point], &[]);
    assert_eq!(found[1], "in its minimum until 2026-11-21T13:00:00Z");
}

#[test]
fn an_attempt_of_another_plan_or_resource_that_failed_keeps_nothing() {
    let points = [ago(1), ago(2)];
    let newest = at("2026-11-21T11:30:00Z");
    let judged = |failed: &[PointId]| judged_by(|_| (), &points, failed).remove(1);
    assert_eq!(judged(&[id_of("orders", "other", newest)]), "not among the last 1");
    assert_eq!(judged(&[id_of("parts", "standard", newest)]), "not among the last 1");
    assert_eq!(
        judged(&[id_of("orders", "standard", newest)]),
        "nothing newer has succeeded since 20261121T113000Z failed"
    );
}
