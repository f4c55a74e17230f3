//! Schedules and what clocks do to them.

use holdfast_policy::Schedule;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{HOUR, ZONES, at, between, zone, zones};

fn cron(expression: &str, name: &str) -> Schedule {
    Schedule::cron(expression, zone(name)).unwrap()
}

/// The slots of a few days in UTC, in words.
fn slots(expression: &str, name: &str, from: &str, to: &str) -> Vec<String> {
    let schedule = cron(expression, name);
    let found = between(
        &schedule,
        at(&format!("{from}T00:00:00Z")),
        at(&format!("{to}T00:00:00Z")),
    );
    found
        .into_iter()
        .map(|slot| slot.strftime("%d %H:%M").to_string())
        .collect()
}

#[test]
fn in_berlin_a_time_that_clocks_skip_runs_once_when_they_have_moved_on() {
    let found = slots("30 2 * * *", "Europe/Berlin", "2026-03-28", "2026-03-31");
    assert_eq!(found, ["28 01:30", "29 01:00", "30 00:30"]);
}

#[test]
fn in_berlin_a_time_that_comes_twice_runs_the_first_time() {
    let found = slots("30 2 * * *", "Europe/Berlin", "2026-10-24", "2026-10-27");
    assert_eq!(found, ["24 00:30", "25 00:30", "26 01:30"]);
}

#[test]
fn in_new_york_a_time_that_clocks_skip_runs_once_when_they_have_moved_on() {
    let found = slots("15 2 * * *", "America/New_York", "2026-03-07", "2026-03-10");
    assert_eq!(found, ["07 07:15", "08 07:00", "09 06:15"]);
}

#[test]
fn in_new_york_a_time_that_comes_twice_runs_the_first_time() {
    let found = slots("30 1 * * *", "America/New_York", "2026-10-31", "2026-11-03");
    assert_eq!(found, ["31 05:30", "01 05:30", "02 06:30"]);
}

#[test]
fn in_sydney_clocks_go_forward_in_october() {
    let found = slots("30 2 * * *", "Australia/Sydney", "2026-10-02", "2026-10-05");
    assert_eq!(found, ["02 16:30", "03 16:00", "04 15:30"]);
}

#[test]
fn in_sydney_clocks_go_back_in_april() {
    let found = slots("30 2 * * *", "Australia/Sydney", "2026-04-03", "2026-04-06");
    assert_eq!(found, ["03 15:30", "04 15:30", "05 16:30"]);
}

#[test]
fn in_kolkata_nothing_ever_happens_and_half_hours_count() {
    let found = slots("0 2 * * *", "Asia/Kolkata", "2026-03-28", "2026-03-31");
    assert_eq!(found, ["28 20:30", "29 20:30", "30 20:30"]);
}

#[test]
fn several_times_that_clocks_skip_run_as_one() {
    let found = slots("*/30 2 * * *", "Europe/Berlin", "2026-03-28", "2026-03-30");
    assert_eq!(found, ["28 01:00", "28 01:30", "29 01:00", "30 00:00"]);
}

#[test]
fn two_hours_a_day_run_twice_a_day_when_clocks_go_back() {
    let found = slots("30 2,14 * * *", "Europe/Berlin", "2026-10-25", "2026-10-26");
    assert_eq!(found, ["25 00:30", "25 13:30"]);
}

#[test]
fn two_hours_a_day_run_twice_a_day_when_clocks_go_forward() {
    let found = slots("30 2,14 * * *", "Europe/Berlin", "2026-03-29", "2026-03-30");
    assert_eq!(found, ["29 01:00", "29 12:30"]);
}

#[test]
fn every_hour_is_every_hour_when_clocks_go_back() {
    assert_eq!(
        slots("0 * * * *", "Europe/Berlin", "2026-10-24", "2026-10-26").len(),
        48
    );
}

#[test]
fn every_hour_is_every_hour_when_clocks_go_forward() {
    assert_eq!(
        slots("0 * * * *", "Europe/Berlin", "2026-03-28", "2026-03-30").len(),
        48
    );
}

#[test]
fn every_quarter_of_an_hour_goes_on_evenly_through_both_changes() {
    for (from, to) in [("2026-03-28", "2026-03-31"), ("2026-10-24", "2026-10-27")] {
        assert_eq!(
            slots("*/15 * * * *", "Europe/Berlin", from, to).len(),
            3 * 24 * 4,
            "{from}"
        );
    }
}

#[test]
fn the_day_that_samoa_skipped_runs_as_the_next_day_begins() {
    let found = slots("0 2 * * *", "Pacific/Apia", "2011-12-28", "2012-01-01");
    // Local midnight of 31 December is 30 December, 10:00 UTC.
    assert_eq!(found, ["28 12:00", "29 12:00", "30 10:00", "30 12:00", "31 12:00"]);
}

#[test]
fn the_last_day_of_a_month_and_the_leap_day_are_found() {
    let schedule = cron("0 0 L 2 *", "UTC");
    let days = |from: &str| schedule.next_after(at(from)).unwrap().instant().to_string();
    assert_eq!(days("2027-01-01T00:00:00Z"), "2027-02-28T00:00:00Z");
    assert_eq!(days("2028-01-01T00:00:00Z"), "2028-02-29T00:00:00Z");
    assert_eq!(days("2100-01-01T00:00:00Z"), "2100-02-28T00:00:00Z");
}

#[test]
fn a_leap_day_on_a_weekday_is_found_across_the_year_2100() {
    let schedule = cron("0 0 29 2 +SUN", "UTC");
    let next = schedule.next_after(at("2088-03-01T00:00:00Z")).unwrap();
    let latest = schedule.latest_at_or_before(at("2128-02-28T00:00:00Z")).unwrap();
    assert_eq!(
        (next.to_string(), latest.to_string()),
        ("21280229T000000Z".into(), "20880229T000000Z".into())
    );
}

#[test]
fn days_of_week_have_names_and_sunday_two_numbers() {
    let days = |expression: &str| slots(expression, "UTC", "2026-11-15", "2026-11-29");
    assert_eq!(days("0 2 * * SUN"), ["15 02:00", "22 02:00"]);
    assert_eq!(days("0 2 * * 0"), days("0 2 * * 7"));
    assert_eq!(days("0 2 * * sat-sun"), days("0 2 * * 6,7"));
    assert_eq!(days("0 2 17 * MON"), ["16 02:00", "17 02:00", "23 02:00"]);
    assert_eq!(days("@weekly"), days("0 0 * * SUN"));
}

#[test]
fn an_interval_is_aligned_to_the_epoch_whatever_the_zone() {
    let schedule = Schedule::every(HOUR * 24, zone("Asia/Kolkata")).unwrap();
    let now = at("2026-11-21T13:45:01.5Z");
    assert_eq!(
        schedule.latest_at_or_before(now).unwrap().to_string(),
        "20261121T000000Z"
    );
    assert_eq!(schedule.next_after(now).unwrap().to_string(), "20261122T000000Z");
}

#[test]
fn an_interval_before_1970_is_aligned_too() {
    let schedule = Schedule::every(SignedDuration::from_mins(15), TimeZone::UTC).unwrap();
    let now = at("1969-12-31T23:59:59.5Z");
    assert_eq!(
        schedule.latest_at_or_before(now).unwrap().to_string(),
        "19691231T234500Z"
    );
    assert_eq!(schedule.next_after(now).unwrap().to_string(), "19700101T000000Z");
}

#[test]
fn an_interval_has_at_least_a_minute_and_no_parts_of_a_second() {
    for interval in [
        SignedDuration::from_secs(59),
        -HOUR,
        HOUR + SignedDuration::from_nanos(1),
    ] {
        assert!(Schedule::every(interval, TimeZone::UTC).is_err(), "{interval}");
    }
    assert!(Schedule::every(SignedDuration::from_secs(60), TimeZone::UTC).is_ok());
}

#[test]
fn a_slot_is_due_at_its_very_instant_and_not_just_before() {
    for schedule in [
        cron("0 2 * * *", "UTC"),
        Schedule::every(HOUR * 2, TimeZone::UTC).unwrap(),
    ] {
        let slot = at("2026-11-21T02:00:00Z");
        let just_before = slot - SignedDuration::from_nanos(1);
        assert_eq!(schedule.latest_at_or_before(slot).unwrap().instant(), slot);
        assert!(schedule.latest_at_or_before(just_before).unwrap().instant() < slot);
        assert_eq!(schedule.next_after(just_before).unwrap().instant(), slot);
        assert!(schedule.next_after(slot).unwrap().instant() > slot);
    }
}

#[test]
fn at_the_end_of_time_there_is_no_next_slot() {
    assert_eq!(cron("0 2 * * *", "Europe/Berlin").next_after(Timestamp::MAX), None);
    assert_eq!(
        Schedule::every(HOUR * 24, TimeZone::UTC)
            .unwrap()
            .next_after(Timestamp::MAX),
        None
    );
}

#[test]
fn at_the_beginning_of_time_nothing_panics() {
    let cron = cron("0 2 * * *", "Europe/Berlin").latest_at_or_before(Timestamp::MIN);
    let every = Schedule::every(HOUR * 7, TimeZone::UTC)
        .unwrap()
        .latest_at_or_before(Timestamp::MIN);
    for slot in [cron, every].into_iter().flatten() {
        assert!(slot.instant() <= Timestamp::MIN, "{slot}");
    }
}

const EXPRESSIONS: [&str; 12] = [
    "30 2 * * *",
    "0 0 * * *",
    "*/15 * * * *",
    "*/20 2 * * *",
    "0 2,14 * * *",
    "0 */2 * * *",
    "0 * * * *",
    "45 1-3 * * *",
    "59 23 * * *",
    "0 2 * * SUN",
    "15 0,1,2,3 * * *",
    "30 * * * SAT,SUN",
];

/// Every minute of a few days, one by one, by the promise as it stands in `POLICY.md`.
fn reference(expression: &str, zone: &TimeZone, after: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    const MINUTE: SignedDuration = SignedDuration::from_secs(60);
    let pattern: croner::Cron = expression.parse().unwrap();
    let every_hour = expression.split_whitespace().nth(1) == Some("*");
    let matches = |local: jiff::civil::DateTime| pattern.is_time_matching(&local).unwrap();
    let mut slots = Vec::new();
    let mut minute = after;
    while minute < to {
        minute += MINUTE;
        let local = zone.to_datetime(minute);
        let is_second_time = match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { after, .. } => zone.to_offset(minute) == after,
            _ => false,
        };
        let mut runs = matches(local) && (every_hour || !is_second_time);
        let mut skipped = zone.to_datetime(minute - MINUTE) + MINUTE;
        while skipped < local {
            runs |= matches(skipped);
            skipped += MINUTE;
        }
        if runs {
            slots.push(minute);
        }
    }
    slots
}

#[test]
fn schedules_agree_with_a_minute_by_minute_reference_around_clock_changes() {
    for name in ZONES {
        let zone = zone(name);
        let changes = zone
            .following(at("2026-01-01T00:00:00Z"))
            .map(|change| change.timestamp());
        for change in changes.take(2) {
            let (after, to) = (change - HOUR * 30, change + HOUR * 30);
            for expression in EXPRESSIONS {
                let found = between(&cron(expression, name), after, to);
                assert_eq!(
                    found,
                    reference(expression, &zone, after, to),
                    "{expression} {name} {change}"
                );
            }
        }
    }
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let cron = (proptest::sample::select(EXPRESSIONS.to_vec()), zones())
        .prop_map(|(expression, zone)| Schedule::cron(expression, zone).unwrap());
    let every = (60_i64..1_000_000, zones())
        .prop_map(|(seconds, zone)| Schedule::every(SignedDuration::from_secs(seconds), zone).unwrap());
    prop_oneof![4 => cron, 1 => every]
}

/// Instants near the changes of the clocks, to the nanosecond.
fn near_changes() -> impl Strategy<Value = Timestamp> {
    let name = proptest::sample::select(ZONES.to_vec());
    (name, 0_usize..50, -200_000_i64..200_000, -1_i64..2).prop_map(|(name, index, seconds, nanos)| {
        let start = at("2005-01-01T00:00:00Z");
        let change = zone(name)
            .following(start)
            .nth(index)
            .map_or(start, |change| change.timestamp());
        change + SignedDuration::from_secs(seconds) + SignedDuration::from_nanos(nanos)
    })
}

proptest! {
    #[test]
    fn the_next_slot_is_later_and_the_latest_is_not(schedule in any_schedule(), now in near_changes()) {
        prop_assert!(schedule.next_after(now).unwrap().instant() > now);
        prop_assert!(schedule.latest_at_or_before(now).unwrap().instant() <= now);
    }

    #[test]
    fn going_back_finds_the_same_slots_as_going_forward(schedule in any_schedule(), now in near_changes()) {
        let next = schedule.next_after(now).unwrap();
        prop_assert_eq!(schedule.latest_at_or_before(next.instant()), Some(next));
        let latest = schedule.latest_at_or_before(now).unwrap();
        prop_assert_eq!(schedule.next_after(latest.instant()), Some(next));
        let just_before = next.instant() - SignedDuration::from_nanos(1);
        prop_assert_eq!(schedule.latest_at_or_before(just_before), Some(latest));
    }
}
