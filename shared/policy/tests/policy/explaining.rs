//! Resources and points in plain words.

use holdfast_catalog::{PlanName, Tombstone};
use holdfast_policy::{
    Document, Observation, Observations, PointState, Rules, Schedule, Series, explain_point, explain_resource,
};
use jiff::Timestamp;

use crate::support::{Deciding, HOUR, at, document, good, resource, rules, zone};

fn now() -> Timestamp {
    at("2026-11-21T12:20:00Z")
}

fn explained(document: &Document, points: Vec<PointState>, tables: usize) -> String {
    let name = |index: usize| {
        if index == 0 {
            "orders".to_owned()
        } else {
            format!("table-{index}")
        }
    };
    let inventory: Vec<_> = (0..tables)
        .map(|index| resource(&name(index), &[("backup", "standard")]))
        .collect();
    let plan: PlanName = "standard".parse().unwrap();
    let observation = Observation {
        points,
        ..Observation::default()
    };
    let observations = Observations::from([((&inventory[0].id, &plan), observation)]);
    explain_resource(document, &inventory, &inventory[0], &observations, now()).to_string()
}

#[test]
fn a_resource_is_told_its_plan_its_rpo_and_its_next_slots() {
    let document = document(
        "version: 1
plans:
  - {name: standard, schedule: {every: 1h}, retention: {daily: 7}, objectives: {rpo: 2h}}
",
    );
    let expected = "\
dynamodb-table/eu-central-1/orders is protected by plan standard
- plan standard protects it, because its tag backup is standard
plan standard: RPO met at an age of 20m; next slots 20261121T130000Z, 20261121T140000Z, 20261121T150000Z";
    assert_eq!(explained(&document, vec![good(now() - HOUR / 3)], 1), expected);
}

#[test]
fn the_turn_of_a_resource_in_the_jitter_is_told() {
    let document = document(
        "version: 1
plans:
  - {name: standard, schedule: {every: 1h, jitter: 20m}, retention: {daily: 7}}
",
    );
    let told = explained(&document, vec![], 4);
    let expected = "plan standard: never protected; next slots 20261121T130000Z at 2026-11-21T13:10:00Z, 20261121T140000Z \
                    at 2026-11-21T14:10:00Z, 20261121T150000Z at 2026-11-21T15:10:00Z";
    assert_eq!(told.lines().last().unwrap(), expected);
}

#[test]
fn a_pause_is_told_with_what_comes_after_it() {
    let document = document(
        "version: 1
plans:
  - {name: standard, schedule: {every: 1d, pause_until: \"2026-12-01T06:00:00Z\"}, retention: {daily: 7}}
",
    );
    let told = explained(&document, vec![good(at("2026-11-01T00:00:00Z"))], 1);
    let expected = "plan standard: newest good point 20d12h20m old, no RPO; paused until 2026-12-01T06:00:00Z; next slots \
                    20261201T000000Z at 2026-12-01T06:00:00Z, 20261202T000000Z, 20261203T000000Z";
    assert_eq!(told.lines().last().unwrap(), expected);
}

#[test]
fn a_resource_without_a_plan_has_no_slots() {
    let document = document(
        "version: 1
plans:
  - {name: gold, schedule: {every: 1h}, retention: {daily: 7}}
",
    );
    let expected = "\
dynamodb-table/eu-central-1/orders is not protected by any plan
- plan gold does not select it: its tag backup is standard, not gold";
    assert_eq!(explained(&document, vec![], 1), expected);
}

/// A point of the last five hours, explained by `keep_last: 2`.
fn point_explained(index: usize, tombstone: Option<&Tombstone>, change: impl Fn(&mut PointState)) -> Option<String> {
    let given = Rules {
        keep_last: 2,
        ..Rules::default()
    };
    let deciding = Deciding::by(rules(given, 1), &zone("UTC"));
    let schedule = Schedule::every(HOUR, zone("UTC")).unwrap();
    let mut points: Vec<_> = (0..5)
        .map(|hours| good(at("2026-11-21T12:00:00Z") - HOUR * hours))
        .collect();
    change(&mut points[index]);
    let id = points[index].id.clone();
    let (keeping, series) = (deciding.keeping(), Series::of(&points));
    let explained = explain_point(&keeping, &schedule, &series, &id, tombstone, HOUR * 168, now());
    explained.map(|explained| explained.to_string().replace("dynamodb-table/eu-central-1/orders/", ""))
}

#[test]
fn a_point_that_stays_is_told_until_when_and_why() {
    assert_eq!(
        point_explained(1, None, |_| ()).unwrap(),
        "20261121T110000Z-standard is kept until the point of 20261121T130000Z: last 2 of 2"
    );
    assert_eq!(
        point_explained(4, None, |point| point.held = true).unwrap(),
        "20261121T080000Z-standard is kept until the hold is lifted: held"
    );
}

#[test]
fn a_point_that_goes_is_told_why() {
    assert_eq!(
        point_explained(4, None, |_| ()).unwrap(),
        "20261121T080000Z-standard goes with the next prune: not among the last 2"
    );
}

#[test]
fn a_point_that_was_given_up_is_told_when_and_why_and_when_its_data_goes() {
    let tombstone = |point: &PointState| Tombstone {
        point: point.id.clone(),
        pruned_at: at("2026-11-21T10:05:00Z"),
        reasons: vec!["not among the last 2".to_owned()],
    };
    let tombstone = tombstone(&good(at("2026-11-21T08:00:00Z")));
    assert_eq!(
        point_explained(4, Some(&tombstone), |point| point.tombstoned = true).unwrap(),
        "20261121T080000Z-standard was given up at 2026-11-21T10:05:00Z: not among the last 2; its data goes after \
         2026-11-28T10:05:00Z"
    );
    let called_back = point_explained(4, Some(&tombstone), |point| {
        point.tombstoned = true;
        point.held = true;
    });
    assert_eq!(
        called_back.unwrap(),
        "20261121T080000Z-standard is called back and kept until the hold is lifted: held"
    );
}

#[test]
fn a_point_that_is_not_there_has_no_explanation() {
    let deciding = Deciding::by(rules(Rules::default(), 1), &zone("UTC"));
    let schedule = Schedule::every(HOUR, zone("UTC")).unwrap();
    let id = good(now()).id;
    let explained = explain_point(&deciding.keeping(), &schedule, &Series::of(&[]), &id, None, HOUR, now());
    assert_eq!(explained, None);
}
