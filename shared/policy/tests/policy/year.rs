//! A year of points, and what is left of it. The tables in `golden/` are what people would see.

use std::fmt::Write as _;

use holdfast_policy::{PointState, Retained, Retention, Rules, Schedule};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::support::{Deciding, HOUR, at, good, retain, rules, zone};

/// A good point for each slot after one instant and up to another.
fn points(schedule: &Schedule, after: &str, to: &str) -> Vec<PointState> {
    let to = at(to);
    let mut points = Vec::new();
    let mut last = at(after);
    while let Some(slot) = schedule.next_after(last).filter(|slot| slot.instant() <= to) {
        last = slot.instant();
        points.push(good(last));
    }
    points
}

fn every(interval: SignedDuration) -> Schedule {
    Schedule::every(interval, TimeZone::UTC).unwrap()
}

/// What is kept, one a line in local time with its reasons, and how many are removed.
fn table(deciding: &Deciding, points: &[PointState], now: Timestamp) -> String {
    let decisions = deciding.retain(points, &[], now);
    let mut text = String::new();
    for decision in decisions.iter().filter(|decision| decision.is_kept()) {
        let local = decision.point.slot.instant().to_zoned(deciding.zone.clone());
        writeln!(
            text,
            "{}  {}",
            local.strftime("%a %F %R %:z"),
            decision.reasons().join(", ")
        )
        .unwrap();
    }
    let removed = decisions.iter().filter(|decision| !decision.is_kept()).count();
    writeln!(text, "{removed} removed").unwrap();
    text
}

/// The table of a retention alone.
fn table_of(retention: &Retention, zone: &TimeZone, points: &[PointState]) -> String {
    table(&Deciding::by(retention.clone(), zone), points, Timestamp::MAX)
}

fn standard() -> Retention {
    let given = Rules {
        keep_last: 3,
        hourly: 24,
        daily: 7,
        weekly: 4,
        monthly: 12,
        ..Rules::default()
    };
    rules(given, 3)
}

#[test]
fn a_year_of_hourly_points_in_berlin_leaves_this_table() {
    let points = points(&every(HOUR), "2025-11-21T12:00:00Z", "2026-11-21T12:00:00Z");
    assert_eq!(points.len(), 365 * 24);
    let expected = include_str!("golden/hourly-berlin.txt");
    assert_eq!(table_of(&standard(), &zone("Europe/Berlin"), &points), expected);
}

#[test]
fn a_year_of_hourly_points_in_sydney_leaves_this_table() {
    let points = points(&every(HOUR), "2025-04-05T14:00:00Z", "2026-04-05T03:00:00Z");
    let given = Rules {
        hourly: 16,
        daily: 4,
        weekly: 2,
        quarterly: 5,
        yearly: 2,
        ..Rules::default()
    };
    let expected = include_str!("golden/hourly-sydney.txt");
    assert_eq!(table_of(&rules(given, 1), &zone("Australia/Sydney"), &points), expected);
}

#[test]
fn nightly_points_over_six_new_years_leave_this_table() {
    let nightly = Schedule::cron("0 2 * * *", zone("America/New_York")).unwrap();
    let points = points(&nightly, "2020-12-01T00:00:00Z", "2027-01-05T00:00:00Z");
    let given = Rules {
        daily: 3,
        weekly: 56,
        yearly: 7,
        ..Rules::default()
    };
    let expected = include_str!("golden/nightly-new-york.txt");
    assert_eq!(table_of(&rules(given, 2), &zone("America/New_York"), &points), expected);
}

#[test]
fn a_year_of_hourly_points_in_berlin_thinned_out_by_distance_leaves_this_table() {
    let points = points(&every(HOUR), "2025-11-21T12:00:00Z", "2026-11-21T12:00:00Z");
    let days = |days: i32| Some(HOUR * (24 * days));
    let given = Rules {
        keep_within: Some(HOUR * 3),
        keep_within_hourly: Some(HOUR * 6),
        keep_within_daily: days(10),
        keep_within_weekly: days(60),
        keep_within_monthly: days(400),
        keep_within_quarterly: days(400),
        keep_within_yearly: days(365),
        ..Rules::default()
    };
    let retention = Retention {
        delete_after: days(300),
        ..rules(given, 2)
    };
    let expected = include_str!("golden/distance-berlin.txt");
    assert_eq!(table_of(&retention, &zone("Europe/Berlin"), &points), expected);
}

#[test]
fn a_year_of_nightly_points_in_sydney_with_a_minimum_and_a_maximum_leaves_this_table() {
    let nightly = Schedule::cron("0 2 * * *", zone("Australia/Sydney")).unwrap();
    let points = points(&nightly, "2025-11-21T12:00:00Z", "2026-11-21T12:00:00Z");
    let given = Rules {
        daily: 3,
        weekly: 6,
        monthly: 12,
        ..Rules::default()
    };
    let mut deciding = Deciding::by(rules(given, 2), &zone("Australia/Sydney"));
    deciding.compliance.minimum = Some(HOUR * (24 * 8));
    deciding.compliance.maximum = Some(HOUR * (24 * 100));
    let expected = include_str!("golden/compliance-sydney.txt");
    assert_eq!(table(&deciding, &points, at("2026-11-22T00:00:00Z")), expected);
}

#[test]
fn points_within_a_duration_of_the_newest_stay_however_late_it_is() {
    let points = points(&every(HOUR), "2026-11-01T00:00:00Z", "2026-11-21T12:00:00Z");
    let given = Rules {
        keep_within: Some(HOUR * 5),
        ..Rules::default()
    };
    let expected = "\
Sat 2026-11-21 12:00 +00:00  within 5h of the newest, minimum good 1 of 2
Sat 2026-11-21 11:00 +00:00  within 5h of the newest, minimum good 2 of 2
Sat 2026-11-21 10:00 +00:00  within 5h of the newest
Sat 2026-11-21 09:00 +00:00  within 5h of the newest
Sat 2026-11-21 08:00 +00:00  within 5h of the newest
Sat 2026-11-21 07:00 +00:00  within 5h of the newest
486 removed
";
    assert_eq!(table_of(&rules(given, 2), &zone("UTC"), &points), expected);
}

#[test]
fn each_kept_and_each_removed_point_says_why() {
    let slots = [
        "2026-11-21T12:00:00Z",
        "2026-11-21T06:00:00Z",
        "2026-11-20T12:00:00Z",
        "2026-11-19T12:00:00Z",
        "2026-10-31T12:00:00Z",
    ];
    let given = Rules {
        keep_last: 1,
        daily: 2,
        weekly: 2,
        keep_within: Some(HOUR),
        ..Rules::default()
    };
    let decisions = retain(
        &rules(given, 1),
        &zone("UTC"),
        &slots.map(|slot| good(at(slot))),
        at(slots[0]),
    );
    let reasons: Vec<String> = decisions.iter().map(|decision| decision.reasons().join(", ")).collect();
    assert_eq!(
        reasons,
        [
            "last 1 of 1, daily 1 of 2 (2026-11-21), weekly 1 of 2 (2026-W47), within 1h of the newest, minimum good 1 of 1",
            "not among the last 1, daily: 20261121T120000Z is kept for 2026-11-21, weekly: 20261121T120000Z is kept for 2026-W47, not within 1h of the newest",
            "daily 2 of 2 (2026-11-20)",
            "not among the last 1, daily: 2 newer are kept, weekly: 20261121T120000Z is kept for 2026-W47, not within 1h of the newest",
            "weekly 2 of 2 (2026-W44)",
        ]
    );
}

#[test]
fn what_protects_a_point_is_said_in_words() {
    let now = at("2026-11-21T12:00:00Z");
    let points = [
        PointState {
            held: true,
            in_copy: true,
            ..good(now)
        },
        good(now + HOUR),
        PointState {
            locked_until: Some(now + HOUR * 3),
            ..good(now - HOUR)
        },
    ];
    let decisions = retain(&standard(), &zone("UTC"), &points, now);
    let reasons: Vec<String> = decisions
        .iter()
        .map(|decision: &Retained| decision.reasons().join(", "))
        .collect();
    assert_eq!(
        reasons,
        [
            "future-dated",
            "held, being copied",
            "locked until 2026-11-21T15:00:00Z"
        ]
    );
}

#[test]
fn a_hundred_thousand_points_leave_no_more_than_the_rules_count() {
    let points = points(
        &every(SignedDuration::from_mins(5)),
        "2026-01-01T00:00:00Z",
        "2026-12-14T05:20:00Z",
    );
    assert_eq!(points.len(), 100_000);
    let decisions = retain(&standard(), &zone("Europe/Berlin"), &points, Timestamp::MAX);
    assert_eq!(decisions.iter().filter(|decision| decision.is_kept()).count(), 44);
}
