//! Which promises are kept, and what is said of those that are not.

use holdfast_catalog::{PlanName, Region};
use holdfast_policy::{
    CopyState, Document, Observation, Observations, PointState, PointStatus, Resource, RestoreTest, ReviewCounts,
    Reviewed, comply,
};
use jiff::{SignedDuration, Timestamp};

use crate::support::{HOUR, at, document, good, plan_text, resource};

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn standard(lines: &str) -> Document {
    document(&plan_text(&format!(
        "schedule: {{every: 1h}}\nretention: {{keep: all}}\n{lines}"
    )))
}

fn orders() -> Resource {
    resource("orders", &[("backup", "standard")])
}

fn ago(hours: i32) -> PointState {
    good(now() - HOUR * hours)
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn copy(point: &PointState, name: &str) -> CopyState {
    CopyState {
        point: point.id.clone(),
        region: region(name),
        is_complete: true,
    }
}

fn observed(points: Vec<PointState>) -> Observation {
    Observation {
        points,
        ..Observation::default()
    }
}

fn reviewed(document: &Document, observation: Observation) -> Reviewed {
    let (orders, plan): (_, PlanName) = (orders(), "standard".parse().unwrap());
    let observations = Observations::from([((&orders.id, &plan), observation)]);
    comply(document, std::slice::from_ref(&orders), &observations, None, now())
}

/// What is found of the one resource, in words.
fn findings(document: &Document, observation: Observation) -> Vec<String> {
    let reviewed = reviewed(document, observation);
    let findings = reviewed.reviews.iter().flat_map(|review| &review.findings);
    findings.map(ToString::to_string).collect()
}

#[test]
fn a_promise_that_is_kept_is_no_finding() {
    let reviewed = reviewed(&standard("objectives: {rpo: 2h}"), observed(vec![ago(1)]));
    assert_eq!(reviewed.reviews[0].findings, []);
    assert_eq!(reviewed.to_string(), "1 of 1 reviews find every promise kept");
    assert_eq!(
        reviewed.reviews[0].to_string(),
        "dynamodb-table/eu-central-1/orders under plan standard: RPO met at an age of 1h"
    );
}

#[test]
fn an_old_point_breaches_the_rpo_by_what_it_is_too_old() {
    let found = findings(&standard("objectives: {rpo: 2h}"), observed(vec![ago(5), ago(9)]));
    assert_eq!(found, ["RPO breached: the newest good point is 5h old, 3h too old"]);
}

#[test]
fn a_point_is_as_old_as_its_start() {
    let point = PointState {
        started_at: Some(now() - HOUR),
        ..ago(5)
    };
    assert_eq!(
        findings(&standard("objectives: {rpo: 2h}"), observed(vec![point])),
        [""; 0]
    );
}

#[test]
fn without_a_good_point_a_resource_was_never_protected() {
    let damaged = PointState {
        status: PointStatus::Damaged,
        ..ago(1)
    };
    let found = findings(&standard("objectives: {rpo: 2h}"), observed(vec![damaged]));
    assert_eq!(found, ["never protected: there is no good point"]);
    let new = Observation {
        protected_since: Some(now() - HOUR),
        ..Observation::default()
    };
    assert_eq!(findings(&standard("objectives: {rpo: 2h}"), new), [""; 0]);
}

#[test]
fn a_breach_in_a_blackout_or_a_pause_says_so_and_is_counted_apart() {
    let plan = |exception: &str| {
        let lines = format!("schedule: {{every: 1h, {exception}}}\nretention: {{daily: 7}}\nobjectives: {{rpo: 2h}}");
        document(&plan_text(&lines))
    };
    let old = || observed(vec![ago(30)]);
    let dark = plan("blackout: 2026-11-21");
    assert_eq!(
        findings(&dark, old()),
        ["RPO breached: the newest good point is 1d6h old, 1d4h too old (in a blackout until 2026-11-22T00:00:00Z)"]
    );
    let paused = plan("pause_until: 2026-12-01");
    assert_eq!(
        findings(&paused, Observation::default()),
        ["never protected: there is no good point (paused until 2026-12-01T00:00:00Z)"]
    );
    let counts = reviewed(&dark, old()).counts();
    assert_eq!((counts.rpo_breached_resources, counts.rpo_suspended_resources), (0, 1));
    let counts = reviewed(&plan("jitter: 1m"), old()).counts();
    assert_eq!((counts.rpo_breached_resources, counts.rpo_suspended_resources), (1, 0));
}

#[test]
fn what_no_plan_protects_is_named() {
    let inventory = [orders(), resource("scratch", &[])];
    let reviewed = comply(&standard(""), &inventory, &Observations::new(), None, now());
    assert_eq!(reviewed.unprotected, [inventory[1].id.clone()]);
    assert_eq!(reviewed.counts().unprotected_resources, 1);
    let expected = "0 of 1 reviews find every promise kept
dynamodb-table/eu-central-1/orders under plan standard: never protected: there is no good point
dynamodb-table/eu-central-1/scratch is not protected by any plan";
    assert_eq!(reviewed.to_string(), expected);
}

#[test]
fn each_plan_of_a_resource_is_reviewed() {
    let document = document(
        "version: 1
plans:
  - {name: standard, schedule: {every: 1h}, retention: {daily: 7}, objectives: {rpo: 2h}}
  - {name: nightly, also: true, select: {names: orders}, schedule: {every: 1d}, retention: {daily: 7}}
",
    );
    let reviewed = reviewed(&document, observed(vec![ago(1)]));
    let plans: Vec<_> = reviewed
        .reviews
        .iter()
        .map(|review| (review.plan.as_str(), review.findings.len()))
        .collect();
    assert_eq!(plans, [("nightly", 1), ("standard", 0)]);
    assert_eq!(reviewed.counts().protected_resources, 1);
}

#[test]
fn a_point_past_its_maximum_says_why_it_stays() {
    let document = standard("compliance: {maximum: 3h}");
    let held = PointState { held: true, ..ago(10) };
    let tombstoned = PointState {
        tombstoned: true,
        ..ago(9)
    };
    let damaged = PointState {
        status: PointStatus::Damaged,
        ..ago(8)
    };
    // The last but one is on the floor, the one before goes with the next prune.
    let found = findings(
        &document,
        observed(vec![held, tombstoned, damaged, ago(7), ago(4), ago(1)]),
    );
    assert_eq!(
        found,
        [
            "point 20261121T080000Z is 1h past its maximum and stays: minimum good 2 of 2",
            "point 20261121T040000Z is 5h past its maximum and stays: damaged",
            "point 20261121T020000Z is 7h past its maximum and stays: held",
        ]
    );
}

#[test]
fn a_point_that_is_called_back_past_its_maximum_stays_too() {
    let document = standard("compliance: {maximum: 3h}");
    let tombstoned = PointState {
        tombstoned: true,
        ..ago(5)
    };
    let damaged = PointState {
        status: PointStatus::Damaged,
        ..ago(1)
    };
    assert_eq!(
        findings(&document, observed(vec![damaged, tombstoned]))[1..],
        ["point 20261121T070000Z is 2h past its maximum and stays: minimum good 1 of 2"]
    );
}

#[test]
fn a_good_point_is_copied_within_the_rpo_or_a_day() {
    for (objective, limit) in [("objectives: {rpo: 3h}", 3), ("", 24)] {
        let document = standard(&format!("copies: [{{region: eu-west-1}}]\n{objective}"));
        let points = vec![ago(0), ago(limit), ago(limit + 1), ago(limit + 2)];
        let mut observation = observed(points.clone());
        let found = findings(&document, observation.clone());
        let slot = points[3].id.slot;
        let age = holdfast_policy::in_words(HOUR * (limit + 2));
        assert_eq!(
            found,
            [format!(
                "not in eu-west-1: 2 good points, the oldest {slot}, which is {age} old"
            )]
        );
        observation.copies = vec![copy(&points[2], "eu-west-1"), copy(&points[3], "eu-west-2")];
        assert_eq!(reviewed(&document, observation.clone()).counts().missing_copies, 1);
        observation.copies = vec![copy(&points[2], "eu-west-1"), copy(&points[3], "eu-west-1")];
        assert_eq!(findings(&document, observation), [""; 0]);
    }
}

#[test]
fn half_a_copy_is_none() {
    let document = standard("copies: [{region: eu-west-1}]");
    let points = vec![ago(0), ago(30)];
    let half = CopyState {
        is_complete: false,
        ..copy(&points[1], "eu-west-1")
    };
    let observation = Observation {
        copies: vec![half],
        ..observed(points)
    };
    assert_eq!(reviewed(&document, observation).counts().missing_copies, 1);
}

#[test]
fn a_copy_that_the_retention_of_its_region_would_not_keep_is_not_missed() {
    let document = standard("copies: [{region: eu-west-1, retention: {keep_last: 1, minimum_good: 1}}]");
    let points = vec![ago(30), ago(40), ago(50)];
    let observation = Observation {
        copies: vec![copy(&points[0], "eu-west-1")],
        ..observed(points)
    };
    assert_eq!(findings(&document, observation), [""; 0]);
}

#[test]
fn a_damaged_point_and_one_that_is_given_up_need_no_copy() {
    let document = standard("copies: [{region: eu-west-1}]");
    let damaged = PointState {
        status: PointStatus::Damaged,
        ..ago(40)
    };
    let given_up = PointState {
        tombstoned: true,
        ..ago(50)
    };
    assert_eq!(findings(&document, observed(vec![ago(0), damaged, given_up])), [""; 0]);
}

#[test]
fn copies_go_to_the_replica_of_the_stack_where_the_plan_names_no_region() {
    let (orders, plan): (_, PlanName) = (orders(), "standard".parse().unwrap());
    let observations = Observations::from([((&orders.id, &plan), observed(vec![ago(0), ago(30)]))]);
    let replica = region("eu-west-3");
    let reviewed = comply(
        &standard(""),
        std::slice::from_ref(&orders),
        &observations,
        Some(&replica),
        now(),
    );
    assert!(
        reviewed.to_string().contains("not in eu-west-3: 1 good points"),
        "{reviewed}"
    );
}

#[test]
fn copies_in_a_region_that_is_not_allowed_are_a_breach() {
    let document = standard("copies: none\nresidency: {allow: [\"eu-*\"]}");
    let points = vec![ago(0), ago(1)];
    let observation = Observation {
        copies: vec![
            copy(&points[0], "us-east-1"),
            copy(&points[1], "us-east-1"),
            copy(&points[1], "eu-west-1"),
        ],
        ..observed(points)
    };
    assert_eq!(
        findings(&document, observation),
        [
            "2 copies lie where they may not: nothing may be written in us-east-1: the residency of plan standard allows only \
          eu-*"
        ]
    );
}

fn tested(days: i32, matches: bool, took: SignedDuration) -> Observation {
    Observation {
        is_restore_tested: true,
        last_restore_test: Some(RestoreTest {
            at: now() - HOUR * (24 * days),
            matches,
            took,
        }),
        ..observed(vec![ago(0), ago(24 * 30)])
    }
}

#[test]
fn a_restore_test_is_overdue_a_day_after_its_time() {
    let document = standard("copies: none\nverification: {restore_test_every: 7d}");
    assert_eq!(findings(&document, tested(8, true, HOUR)), [""; 0]);
    assert_eq!(
        findings(&document, tested(9, true, HOUR)),
        ["restore test overdue by 2d: the last was at 2026-11-12T12:00:00Z"]
    );
    let never = Observation {
        last_restore_test: None,
        ..tested(0, true, HOUR)
    };
    assert_eq!(
        findings(&document, never.clone()),
        ["restore test overdue by 23d: there was none"]
    );
    let of_another_kind = Observation {
        is_restore_tested: false,
        ..never.clone()
    };
    assert_eq!(findings(&document, of_another_kind), [""; 0]);
    let new = Observation {
        points: vec![ago(0)],
        ..never
    };
    assert_eq!(findings(&document, new), [""; 0]);
}

#[test]
fn a_restore_that_failed_or_took_too_long_is_found() {
    let document = standard("copies: none\nobjectives: {rto: 1h}");
    assert_eq!(
        findings(&document, tested(1, false, HOUR * 3)),
        [
            "restore test failed at 2026-11-20T12:00:00Z: what was restored does not equal the point",
            "RTO exceeded: the last restore took 3h, 2h too long",
        ]
    );
    assert_eq!(findings(&document, tested(1, true, HOUR)), [""; 0]);
}

#[test]
fn a_test_that_is_dated_after_now_does_not_count() {
    let document = standard("copies: none\nobjectives: {rto: 1h}\nverification: {restore_test_every: 7d}");
    let found = findings(&document, tested(-1, false, HOUR * 3));
    assert_eq!(found, ["restore test overdue by 23d: there was none"]);
}

#[test]
fn a_copy_that_nobody_named_is_not_missed_where_it_may_not_be() {
    let default = standard("residency: {forbid: [eu-west-1]}");
    let observation = || observed(vec![ago(30)]);
    let missed = |document: &Document| {
        let orders = resource("orders", &[("backup", "standard"), ("data", "eu")]);
        let plan: PlanName = "standard".parse().unwrap();
        let observations = Observations::from([((&orders.id, &plan), observation())]);
        let replica = Some(region("eu-west-1"));
        let reviewed = comply(
            document,
            std::slice::from_ref(&orders),
            &observations,
            replica.as_ref(),
            now(),
        );
        reviewed.counts().missing_copies
    };
    assert_eq!(missed(&default), 0);
    assert_eq!(missed(&standard("")), 1);
    // By a tag, the refusal is not known before the resource is.
    let rule = "residency: [{select: {tags: {data: eu}}, forbid: eu-west-1}]\n";
    let named = plan_text("schedule: {every: 1h}\nretention: {keep: all}\ncopies: [{region: eu-west-1}]");
    assert_eq!(missed(&document(&format!("{named}{rule}"))), 1);
}

#[test]
fn everything_is_counted() {
    let document = standard(
        "objectives: {rpo: 2h, rto: 1h}
verification: {restore_test_every: 7d}
compliance: {maximum: 10h}
copies: [{region: eu-west-1}]
residency: {forbid: [us-east-1]}",
    );
    let points = vec![ago(5), ago(11)];
    let observation = Observation {
        copies: vec![copy(&points[0], "us-east-1")],
        points,
        ..tested(20, false, HOUR * 2)
    };
    let counts = ReviewCounts {
        protected_resources: 1,
        unprotected_resources: 0,
        rpo_breached_resources: 1,
        rpo_suspended_resources: 0,
        overdue_points: 1,
        missing_copies: 2,
        misplaced_copies: 1,
        overdue_restore_tests: 1,
        failed_restore_tests: 1,
        slow_restores: 1,
    };
    assert_eq!(reviewed(&document, observation).counts(), counts);
}
