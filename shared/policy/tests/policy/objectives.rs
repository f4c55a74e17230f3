//! Recovery point objectives, restore tests and the newest good point.

use holdfast_policy::{Plan, PointState, PointStatus, RpoStatus, Verification, newest_good, rpo};
use jiff::{SignedDuration, Timestamp};

use crate::support::{HOUR, at, document, good, plan_text};

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn plan(objectives: &str) -> Plan {
    let text = plan_text(&format!(
        "schedule: {{every: 1h}}\nretention: {{daily: 7}}\n{objectives}"
    ));
    document(&text).plans.remove(0)
}

fn two_hours() -> Plan {
    plan("objectives: {rpo: 2h}")
}

#[test]
fn an_objective_is_met_up_to_its_very_age() {
    let met = RpoStatus::Met { age: HOUR * 2 };
    assert_eq!(rpo(&two_hours(), Some(now() - HOUR * 2), None, now()), met);
}

#[test]
fn an_objective_is_breached_by_what_exceeds_it() {
    let breached = RpoStatus::Breached {
        age: HOUR * 5,
        by: HOUR * 3,
    };
    assert_eq!(
        rpo(&two_hours(), Some(now() - HOUR * 5), Some(now() - HOUR), now()),
        breached
    );
}

#[test]
fn a_new_resource_has_the_time_of_its_objective() {
    assert_eq!(
        rpo(&two_hours(), None, Some(now() - HOUR), now()),
        RpoStatus::Met { age: HOUR }
    );
    assert_eq!(
        rpo(&two_hours(), None, Some(now() - HOUR * 3), now()),
        RpoStatus::NeverProtected
    );
}

#[test]
fn a_resource_of_unknown_age_without_a_point_was_never_protected() {
    assert_eq!(rpo(&two_hours(), None, None, now()), RpoStatus::NeverProtected);
    assert_eq!(rpo(&plan(""), None, Some(now()), now()), RpoStatus::NeverProtected);
}

#[test]
fn a_point_dated_after_now_protects_nothing() {
    assert_eq!(
        rpo(&two_hours(), Some(now() + HOUR), None, now()),
        RpoStatus::NeverProtected
    );
}

#[test]
fn without_an_objective_only_the_age_is_told() {
    assert_eq!(
        rpo(&plan(""), Some(now() - HOUR), None, now()),
        RpoStatus::NoObjective { age: HOUR }
    );
}

#[test]
fn a_restore_test_is_due_when_its_interval_has_passed() {
    let weekly = Verification {
        restore_test_every: Some(HOUR * 168),
    };
    assert!(weekly.restore_test_is_due(None, now()));
    assert!(weekly.restore_test_is_due(Some(now() - HOUR * 168), now()));
    assert!(!weekly.restore_test_is_due(Some(now() - HOUR * 167), now()));
    assert!(weekly.restore_test_is_due(Some(now() + HOUR), now()));
    assert!(!Verification::default().restore_test_is_due(None, now()));
}

#[test]
fn the_newest_good_point_is_good_not_removed_and_not_of_the_future() {
    let ago = |hours: i32| good(now() - HOUR * hours);
    let points = [
        ago(-1),
        PointState {
            started_at: Some(now() + SignedDuration::from_secs(1)),
            ..ago(0)
        },
        PointState {
            status: PointStatus::Damaged,
            ..ago(1)
        },
        PointState {
            status: PointStatus::Incomplete,
            ..ago(2)
        },
        PointState {
            status: PointStatus::Unknown,
            ..ago(3)
        },
        PointState {
            tombstoned: true,
            ..ago(4)
        },
        ago(6),
        ago(5),
    ];
    assert_eq!(newest_good(&points, now()).unwrap().id, ago(5).id);
    assert_eq!(newest_good(&points[..6], now()), None);
}
