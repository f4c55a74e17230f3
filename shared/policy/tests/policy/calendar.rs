//! Law 10: each period agrees with a naive reference that groups by dates of its own reckoning.

use std::collections::BTreeMap;

use holdfast_policy::{Bucket, Period, Rules};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{ZONES, at, decide, good, rules, slots, zone, zones};

/// The days since 1970-01-01 as year, month and day, counted out year by year and month by month.
fn date_of(days: i64) -> (i64, i64, i64) {
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    // 400 years have 146,097 days.
    let (mut year, mut days) = (1970 + 400 * days.div_euclid(146_097), days.rem_euclid(146_097));
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// The ISO week: it belongs to the year of its Thursday, and is that year's n-th Thursday.
fn week_of(days: i64) -> (i64, i64) {
    // 1970-01-01 was a Thursday: 3 days after Monday.
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, ..) = date_of(thursday);
    let thursdays = (0..54)
        .take_while(|weeks| date_of(thursday - 7 * weeks).0 == year)
        .count();
    (year, i64::try_from(thursdays).unwrap())
}

/// The key by which the reference groups. An hour is an hour of real time that begins when the clocks say so, so the
/// offset is part of it.
pub fn key(period: Period, instant: Timestamp, zone: &TimeZone) -> Vec<i64> {
    let offset = i64::from(zone.to_offset(instant).seconds());
    let local = instant.as_second() + offset;
    let days = local.div_euclid(86_400);
    let (year, month, day) = date_of(days);
    match period {
        Period::Hourly => vec![local.div_euclid(3600), offset],
        Period::Daily => vec![year, month, day],
        Period::Weekly => vec![week_of(days).0, week_of(days).1],
        Period::Monthly => vec![year, month],
        Period::Quarterly => vec![year, (month - 1) / 3],
        Period::Yearly => vec![year],
    }
}

fn kept_by_reference(period: Period, of: u32, slots: &[Timestamp], zone: &TimeZone) -> Vec<Timestamp> {
    let mut groups: BTreeMap<Vec<i64>, Vec<Timestamp>> = BTreeMap::new();
    for slot in slots {
        groups.entry(key(period, *slot, zone)).or_default().push(*slot);
    }
    let mut newest: Vec<Timestamp> = groups
        .values()
        .filter_map(|group| group.iter().max().copied())
        .collect();
    newest.sort();
    newest.split_off(newest.len().saturating_sub(of as usize))
}

fn kept(period: Period, of: u32, slots: &[Timestamp], zone: &TimeZone) -> Vec<Timestamp> {
    let mut only = Rules::default();
    match period {
        Period::Hourly => only.hourly = of,
        Period::Daily => only.daily = of,
        Period::Weekly => only.weekly = of,
        Period::Monthly => only.monthly = of,
        Period::Quarterly => only.quarterly = of,
        Period::Yearly => only.yearly = of,
    }
    let points: Vec<_> = slots.iter().copied().map(good).collect();
    let kept = decide(&rules(only, 1), zone, &points, Timestamp::MAX);
    kept.into_iter()
        .filter(|(_, kept)| *kept)
        .map(|(id, _)| id.slot.instant())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn law_10_each_period_agrees_with_the_reference(
        (_, slots) in slots(), period in proptest::sample::select(Period::ALL.to_vec()), of in 1_u32..12,
        zone in zones(),
    ) {
        prop_assert_eq!(kept(period, of, &slots, &zone), kept_by_reference(period, of, &slots, &zone));
    }
}

/// Every fourth hour from the first to the last day, in UTC.
fn every_fourth_hour(from: &str, to: &str) -> Vec<Timestamp> {
    let (mut instant, to) = (at(&format!("{from}T00:00:00Z")), at(&format!("{to}T00:00:00Z")));
    let mut slots = Vec::new();
    while instant < to {
        slots.push(instant);
        instant += SignedDuration::from_hours(4);
    }
    slots
}

#[test]
fn law_10_weeks_agree_with_the_reference_over_every_new_year_from_2000_to_2100() {
    for year in 2000..=2100 {
        let slots = every_fourth_hour(&format!("{:04}-12-26", year - 1), &format!("{year:04}-01-12"));
        for name in ["UTC", "America/New_York", "Australia/Sydney"] {
            let zone = zone(name);
            let expected = kept_by_reference(Period::Weekly, 2, &slots, &zone);
            assert_eq!(kept(Period::Weekly, 2, &slots, &zone), expected, "{year} {name}");
        }
    }
}

#[test]
fn law_10_days_months_and_years_agree_with_the_reference_over_every_end_of_february() {
    for year in 2000..=2100 {
        let slots = every_fourth_hour(&format!("{year:04}-02-26"), &format!("{year:04}-03-04"));
        let zone = zone("Asia/Kolkata");
        for (period, of) in [(Period::Daily, 5), (Period::Monthly, 2), (Period::Yearly, 1)] {
            let expected = kept_by_reference(period, of, &slots, &zone);
            assert_eq!(kept(period, of, &slots, &zone), expected, "{year} {period}");
        }
    }
}

#[test]
fn law_10_hours_and_days_agree_with_the_reference_on_every_clock_change_of_a_century() {
    for name in ZONES {
        let zone = zone(name);
        let changes = zone
            .following(at("2000-01-01T00:00:00Z"))
            .map(|change| change.timestamp());
        for change in changes.take_while(|change| *change < at("2101-01-01T00:00:00Z")) {
            let slots: Vec<_> = (-30..30)
                .map(|step| change + SignedDuration::from_mins(20 * step))
                .collect();
            for (period, of) in [(Period::Hourly, 11), (Period::Daily, 1)] {
                let expected = kept_by_reference(period, of, &slots, &zone);
                assert_eq!(
                    kept(period, of, &slots, &zone),
                    expected,
                    "{name} {change} {period} {of}"
                );
            }
        }
    }
}

#[test]
fn a_bucket_reads_as_people_write_its_period() {
    let zone = zone("Europe/Berlin");
    let words = |instant: &str| Period::ALL.map(|period| period.bucket(at(instant), &zone).to_string());
    assert_eq!(
        words("2027-01-03T23:30:00Z"),
        [
            "2027-01-04T00:00+01:00",
            "2027-01-04",
            "2027-W01",
            "2027-01",
            "2027-Q1",
            "2027"
        ]
    );
    assert_eq!(
        words("2027-01-03T22:30:00Z"),
        [
            "2027-01-03T23:00+01:00",
            "2027-01-03",
            "2026-W53",
            "2027-01",
            "2027-Q1",
            "2027"
        ]
    );
}

#[test]
fn the_hour_that_comes_twice_is_two_hours() {
    let zone = zone("Europe/Berlin");
    let bucket = |instant: &str| Period::Hourly.bucket(at(instant), &zone);
    assert_eq!(bucket("2026-10-25T00:30:00Z").to_string(), "2026-10-25T02:00+02:00");
    assert_eq!(bucket("2026-10-25T01:30:00Z").to_string(), "2026-10-25T02:00+01:00");
    assert_ne!(bucket("2026-10-25T00:30:00Z"), bucket("2026-10-25T01:30:00Z"));
}

#[test]
fn a_week_and_a_month_of_the_same_number_are_different_buckets() {
    assert_ne!(
        Bucket::Week { year: 2026, week: 11 },
        Bucket::Month { year: 2026, month: 11 }
    );
}

#[test]
fn west_of_greenwich_a_bucket_shows_a_negative_offset() {
    let bucket = Period::Hourly.bucket(at("2026-01-01T12:00:00Z"), &zone("America/St_Johns"));
    assert_eq!(bucket.to_string(), "2026-01-01T08:00-03:30");
}

#[test]
fn an_hour_is_shown_with_the_offset_of_its_clocks() {
    for (offset, shown) in [
        (jiff::tz::Offset::UTC, "2026-11-21T05:00+00:00"),
        (
            jiff::tz::Offset::from_seconds(-12_600).unwrap(),
            "2026-11-21T05:00-03:30",
        ),
        (
            jiff::tz::Offset::from_seconds(20_700).unwrap(),
            "2026-11-21T05:00+05:45",
        ),
    ] {
        let date = jiff::civil::date(2026, 11, 21);
        assert_eq!(Bucket::Hour { date, hour: 5, offset }.to_string(), shown);
    }
}
