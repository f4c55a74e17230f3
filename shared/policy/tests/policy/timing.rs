//! What is due.

use std::sync::LazyLock;

use holdfast_catalog::PointId;
use holdfast_policy::{Document, DueRun, Resource, due};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{HOUR, at, document, id_of, resource};

fn now() -> Timestamp {
    at("2026-11-21T12:20:00Z")
}

fn hourly() -> &'static Document {
    static HOURLY: LazyLock<Document> = LazyLock::new(|| {
        document(
            "version: 1
plans:
  - {name: standard, schedule: {every: 1h}, retention: {daily: 7}, objectives: {rpo: 2h}}
  - {name: archive, schedule: {every: 1d}, retention: {daily: 7}, objectives: {rpo: 2d}}
  - {name: loose, schedule: {every: 1h}, retention: {daily: 7}}
",
        )
    });
    &HOURLY
}

fn orders() -> Resource {
    resource("orders", &[("backup", "standard")])
}

/// A point so many hours before noon.
fn ago(name: &str, plan: &str, hours: i32) -> PointId {
    id_of(name, plan, at("2026-11-21T12:00:00Z") - HOUR * hours)
}

fn runs(points: &[PointId]) -> Vec<DueRun> {
    due(hourly(), &[orders()], points, now())
}

#[test]
fn a_resource_without_a_point_is_due_for_the_newest_slot() {
    let runs = runs(&[]);
    assert_eq!(runs.len(), 1);
    assert_eq!(
        runs[0].point().to_string(),
        "dynamodb-table/eu-central-1/orders/20261121T120000Z-standard"
    );
    assert_eq!(runs[0].overdue, SignedDuration::from_mins(20));
    assert_eq!(runs[0].newest, None);
}

#[test]
fn a_slot_that_has_a_point_is_not_due_again() {
    assert_eq!(runs(&[ago("orders", "standard", 0)]), []);
}

#[test]
fn after_an_outage_one_run_makes_up_for_all_slots() {
    let newest = ago("orders", "standard", 30);
    let runs = runs(&[ago("orders", "standard", 31), newest.clone()]);
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].slot.to_string(), "20261121T120000Z");
    // The first slot that was missed came 29 hours before the newest one.
    assert_eq!(runs[0].overdue, HOUR * 29 + SignedDuration::from_mins(20));
    assert_eq!(runs[0].newest, Some(newest.slot));
}

#[test]
fn a_point_dated_after_now_does_not_count_and_does_not_block() {
    let future = [ago("orders", "standard", -1), ago("orders", "standard", -1000)];
    assert_eq!(runs(&future).len(), 1);
    assert_eq!(runs(&[future[0].clone(), ago("orders", "standard", 0)]), []);
}

#[test]
fn a_point_of_another_plan_or_resource_does_not_count() {
    assert_eq!(
        runs(&[ago("orders", "archive", 0), ago("parts", "standard", 0)]).len(),
        1
    );
}

#[test]
fn a_point_off_the_schedule_counts_for_the_slots_before_it() {
    assert_eq!(runs(&[id_of("orders", "standard", at("2026-11-21T12:10:00Z"))]), []);
}

#[test]
fn each_plan_that_protects_a_resource_has_a_run_of_its_own() {
    let document = document(
        "version: 1
plans:
  - {name: nightly, also: true, select: {kinds: dynamodb-table}, schedule: {every: 1d}, retention: {daily: 7}}
  - {name: standard, schedule: {every: 1h}, retention: {daily: 7}}
  - {name: loser, select: {kinds: dynamodb-table}, schedule: {every: 1h}, retention: {daily: 7}}
",
    );
    let runs = |points: &[PointId]| {
        let runs = due(&document, &[orders()], points, now());
        runs.into_iter().map(|run| run.plan.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(runs(&[]), ["standard", "nightly"]);
    assert_eq!(runs(&[ago("orders", "standard", 0)]), ["nightly"]);
    assert_eq!(runs(&[ago("orders", "nightly", 0)]), ["standard"]);
}

#[test]
fn what_no_plan_protects_is_not_due() {
    assert_eq!(due(hourly(), &[resource("orders", &[])], &[], now()), []);
}

#[test]
fn a_resource_that_is_listed_twice_is_due_once() {
    assert_eq!(due(hourly(), &[orders(), orders()], &[], now()).len(), 1);
}

#[test]
fn the_most_urgent_run_comes_first() {
    let plans = [
        ("a", "standard"),
        ("b", "standard"),
        ("c", "archive"),
        ("d", "loose"),
        ("e", "archive"),
        ("f", "standard"),
    ];
    let inventory = plans.map(|(name, plan)| resource(name, &[("backup", plan)]));
    let points = [
        // 3.3 of 2 hours, 13.3 of 2 hours, 108.3 of 48 hours, 5.3 of the 1 hour between two slots.
        ago("a", "standard", 3),
        ago("b", "standard", 13),
        ago("c", "archive", 108),
        ago("d", "loose", 5),
    ];
    let runs = due(hourly(), &inventory, &points, now());
    let order: Vec<_> = runs.iter().map(|run| run.resource.name.as_str()).collect();
    // Those without any point come first, the one with the tighter objective before the other.
    assert_eq!(order, ["f", "e", "b", "d", "c", "a"]);
}

fn any_points() -> impl Strategy<Value = Vec<PointId>> {
    let name = proptest::sample::select(vec!["a", "b", "c"]);
    let plan = proptest::sample::select(vec!["standard", "archive", "loose"]);
    let point = (name, plan, -200_i64..20_000)
        .prop_map(|(name, plan, minutes)| id_of(name, plan, now() - SignedDuration::from_mins(minutes)));
    proptest::collection::vec(point, 0..12)
}

fn inventory() -> Vec<Resource> {
    vec![
        resource("a", &[("backup", "standard")]),
        resource("b", &[("backup", "archive")]),
        resource("c", &[("backup", "loose")]),
    ]
}

proptest! {
    #[test]
    fn nothing_is_due_once_what_was_due_is_made(mut points in any_points()) {
        let runs = due(hourly(), &inventory(), &points, now());
        points.extend(runs.iter().map(DueRun::point));
        prop_assert_eq!(due(hourly(), &inventory(), &points, now()), vec![]);
    }

    #[test]
    fn making_one_run_changes_nothing_about_the_others(mut points in any_points()) {
        let runs = due(hourly(), &inventory(), &points, now());
        points.extend(runs.first().map(DueRun::point));
        let rest = runs.into_iter().skip(1).collect::<Vec<_>>();
        prop_assert_eq!(due(hourly(), &inventory(), &points, now()), rest);
    }

    #[test]
    fn the_order_of_inventory_and_points_is_irrelevant(points in any_points()) {
        let mut reversed = points.clone();
        reversed.reverse();
        let mut backwards = inventory();
        backwards.reverse();
        let runs = due(hourly(), &inventory(), &points, now());
        prop_assert_eq!(runs, due(hourly(), &backwards, &reversed, now()));
    }

    #[test]
    fn a_run_is_for_a_slot_of_its_schedule_that_has_come(points in any_points()) {
        let document = hourly();
        for run in due(document, &inventory(), &points, now()) {
            let schedule = &document.plan(&run.plan).unwrap().schedule;
            prop_assert_eq!(schedule.latest_at_or_before(now()), Some(run.slot));
            prop_assert!(run.overdue >= now().duration_since(run.slot.instant()));
        }
    }
}

/// Ticks every seven minutes, some of them lost, over the days on which the clocks of Berlin change.
#[test]
fn lost_ticks_are_made_good_by_the_next_one_even_when_clocks_change() {
    let document = document(
        "version: 1
plans:
  - {name: standard, schedule: {cron: '30 */2 * * *', timezone: Europe/Berlin}, retention: {daily: 7}}
",
    );
    let schedule = &document.plans[0].schedule;
    for start in ["2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z"] {
        let (mut points, mut tick): (Vec<PointId>, _) = (Vec::new(), at(start));
        for step in 0..600_u32 {
            tick += SignedDuration::from_mins(7);
            if step % 97 > 60 {
                continue;
            }
            for run in due(&document, &[orders()], &points, tick) {
                assert!(!points.contains(&run.point()), "{run:?}");
                points.push(run.point());
            }
            // After each tick that was not lost, the newest slot has its point.
            assert_eq!(
                points.last().map(|point| point.slot),
                schedule.latest_at_or_before(tick),
                "{tick}"
            );
        }
    }
}
