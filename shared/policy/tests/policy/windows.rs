//! Windows, blackouts and pauses: which slots there are, and when runs may start.

use holdfast_policy::{Blackout, ClockTime, Halt, Schedule, Turn, Weekdays, Window, parse_duration};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{HOUR, ZONES, at, between, document, plan_text, zone, zones};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn clock(text: &str) -> ClockTime {
    text.parse().unwrap()
}

fn window(from: &str, to: &str, days: &str) -> Window {
    Window::new(clock(from), clock(to), days.parse().unwrap()).unwrap()
}

fn cron(expression: &str, name: &str) -> Schedule {
    Schedule::cron(expression, zone(name)).unwrap()
}

fn blackout(entries: &[&str]) -> Blackout {
    Blackout::new(entries.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
}

/// The slots of some days, in local time.
fn slots(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
    let found = between(
        schedule,
        at(&format!("{from}T00:00:00Z")),
        at(&format!("{to}T00:00:00Z")),
    );
    let local = |slot: Timestamp| schedule.zone().to_datetime(slot).strftime("%a %d %H:%M").to_string();
    found.into_iter().map(local).collect()
}

#[test]
fn only_what_lies_in_the_window_is_a_slot() {
    let schedule = cron("0 */3 * * *", "Europe/Berlin");
    let schedule = schedule.within(window("22:00", "06:00", "*")).unwrap();
    let found = slots(&schedule, "2026-11-18", "2026-11-20");
    assert_eq!(found, ["Wed 18 03:00", "Thu 19 00:00", "Thu 19 03:00", "Fri 20 00:00"]);
}

#[test]
fn a_window_that_runs_past_midnight_belongs_to_the_day_on_which_it_begins() {
    let schedule = cron("0 */3 * * *", "Europe/Berlin");
    let schedule = schedule.within(window("21:00", "06:00", "FRI")).unwrap();
    let found = slots(&schedule, "2026-11-18", "2026-11-23");
    assert_eq!(found, ["Fri 20 21:00", "Sat 21 00:00", "Sat 21 03:00"]);
}

#[test]
fn a_whole_day_is_from_its_first_minute_to_its_end() {
    let schedule = cron("0 */12 * * *", "UTC");
    let schedule = schedule.within(window("00:00", "24:00", "SAT,SUN")).unwrap();
    let found = slots(&schedule, "2026-11-18", "2026-11-25");
    assert_eq!(found, ["Sat 21 00:00", "Sat 21 12:00", "Sun 22 00:00", "Sun 22 12:00"]);
}

#[test]
fn an_interval_keeps_its_even_slots_inside_the_window() {
    let schedule = Schedule::every(HOUR * 2, zone("Asia/Kolkata")).unwrap();
    let schedule = schedule.within(window("22:00", "02:00", "*")).unwrap();
    let found = slots(&schedule, "2026-11-18", "2026-11-19");
    assert_eq!(found, ["Wed 18 23:30", "Thu 19 01:30"]);
}

#[test]
fn weekdays_are_read_as_cron_writes_them_and_shown_from_monday_on() {
    for (text, shown) in [
        ("MON-FRI", "MON-FRI"),
        ("mon-fri", "MON-FRI"),
        ("1-5", "MON-FRI"),
        ("SAT,SUN", "SAT-SUN"),
        ("0", "SUN"),
        ("7", "SUN"),
        ("FRI-MON", "MON,FRI-SUN"),
        ("*", "MON-SUN"),
        ("SUN,WED", "WED,SUN"),
    ] {
        assert_eq!(text.parse::<Weekdays>().unwrap().to_string(), shown, "{text}");
    }
}

/// The occurrences of a window around an instant, found by watching the clocks minute by minute.
fn watched(clocks: &[(Timestamp, DateTime)], from: i64, to: i64, days: Weekdays) -> Vec<(Timestamp, Timestamp)> {
    let first = clocks[0].1.date();
    let mut occurrences = Vec::new();
    for day in 0..7 {
        let date = first.checked_add(jiff::Span::new().days(day)).unwrap();
        let midnight = date.at(0, 0, 0, 0);
        let end = midnight + MINUTE * i32::try_from(if to <= from { to + 1440 } else { to }).unwrap();
        let begin = midnight + MINUTE * i32::try_from(from).unwrap();
        // A day on which the clocks were not watched from the beginning, or not to the end.
        if !days.has(date.weekday()) || begin <= clocks[0].1 {
            continue;
        }
        let opens = clocks.iter().find(|(_, local)| *local >= begin);
        let closes = clocks.windows(2).find(|pair| pair[1].1 >= end);
        let (Some((opens, _)), Some([(_, before), (closes, _)])) = (opens, closes) else {
            continue;
        };
        // If the clocks jumped over the end, what they jumped over of the window comes after the jump.
        occurrences.push((*opens, *closes + end.duration_since(*before + MINUTE)));
    }
    occurrences
}

#[test]
fn windows_agree_with_watching_the_clocks_around_each_of_their_changes() {
    const WINDOWS: [(i64, i64, &str); 8] = [
        (22 * 60, 6 * 60, "*"),
        (22 * 60, 6 * 60, "SAT"),
        (60, 3 * 60, "*"),
        (135, 165, "*"),
        (0, 1440, "SUN"),
        (150, 100, "*"),
        (23 * 60, 30, "*"),
        (150, 240, "*"),
    ];
    const EXPRESSIONS: [&str; 4] = ["*/15 * * * *", "30 2 * * *", "0,45 0,1,2,3,23 * * *", "*/15 1-3 * * *"];
    let mut compared_slots = 0;
    for name in ZONES {
        let zone = zone(name);
        let changes = zone.following(at("2026-01-01T00:00:00Z")).take(2);
        let watches: Vec<_> = changes
            .map(|change| {
                let minutes = (-3600..3600).map(|minute| change.timestamp() + MINUTE * minute);
                let clocks: Vec<_> = minutes.map(|minute| (minute, zone.to_datetime(minute))).collect();
                (change.timestamp(), clocks)
            })
            .collect();
        for (from, to, days) in WINDOWS {
            let time = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
            let window = window(&time(from), &time(to), days);
            for all in EXPRESSIONS.map(|expression| cron(expression, name)) {
                let Ok(schedule) = all.clone().within(window) else {
                    continue;
                };
                for (change, clocks) in &watches {
                    let open = watched(clocks, from, to, days.parse().unwrap());
                    // What begins and ends within a day of these is watched as a whole.
                    let (after, until) = (*change - HOUR * 30, *change + HOUR * 30);
                    let mut expected = between(&all, after, until);
                    expected.retain(|slot| open.iter().any(|(from, to)| (*from..*to).contains(slot)));
                    compared_slots += expected.len();
                    assert_eq!(between(&schedule, after, until), expected, "{schedule} {change}");
                }
            }
        }
    }
    assert!(compared_slots > 5_000, "{compared_slots}");
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    const EXPRESSIONS: [&str; 6] = [
        "30 2 * * *",
        "*/15 * * * *",
        "0 2,14 * * *",
        "0 * * * *",
        "59 23 * * *",
        "0 0,2,4 * * SUN,WED",
    ];
    const WINDOWS: [(&str, &str, &str); 5] = [
        ("22:00", "06:00", "*"),
        ("22:00", "06:00", "SUN-WED"),
        ("00:00", "24:00", "MON-FRI"),
        ("02:15", "02:45", "*"),
        ("12:00", "11:00", "SAT,TUE"),
    ];
    const BLACKOUTS: [&[&str]; 4] = [
        &[],
        &["2026-03-29"],
        &["2026-10-24..2026-10-26", "2026-10-28"],
        &["2026-03-08", "2026-04-05", "2026-11-01..2026-11-02"],
    ];
    let intervals = proptest::sample::select(vec!["5m", "1h", "12h", "1d"]);
    let every = (intervals, zones())
        .prop_map(|(interval, zone)| Schedule::every(parse_duration(interval).unwrap(), zone).unwrap());
    let cron = (proptest::sample::select(EXPRESSIONS.to_vec()), zones())
        .prop_map(|(expression, zone)| Schedule::cron(expression, zone).unwrap());
    let windows = proptest::option::of(proptest::sample::select(WINDOWS.to_vec()));
    let exceptions = proptest::sample::select(BLACKOUTS.to_vec());
    (prop_oneof![every, cron], windows, exceptions).prop_filter_map(
        "a slot in the window",
        |(schedule, hours, days)| {
            let schedule = match hours {
                Some((from, to, days)) => schedule.within(window(from, to, days)).ok()?,
                None => schedule,
            };
            Some(schedule.without(blackout(days)))
        },
    )
}

/// Instants near the changes of the clocks of 2026, to the nanosecond.
fn near_changes() -> impl Strategy<Value = Timestamp> {
    let name = proptest::sample::select(ZONES.to_vec());
    (name, 0_usize..2, -400_000_i64..400_000, -1_i64..2).prop_map(|(name, index, seconds, nanos)| {
        let start = at("2026-01-01T00:00:00Z");
        let zone = zone(name);
        let change = zone.following(start).nth(index);
        let near = change.map_or(start, |change| change.timestamp());
        near + SignedDuration::from_secs(seconds) + SignedDuration::from_nanos(nanos)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn with_a_window_too_going_back_finds_the_same_slots_as_going_forward(
        schedule in any_schedule(), now in near_changes(),
    ) {
        let next = schedule.next_after(now).unwrap();
        prop_assert!(next.instant() > now);
        prop_assert_eq!(schedule.latest_at_or_before(next.instant()), Some(next));
        let latest = schedule.latest_at_or_before(now).unwrap();
        prop_assert!(latest.instant() <= now);
        prop_assert_eq!(schedule.next_after(latest.instant()), Some(next));
        let just_before = next.instant() - SignedDuration::from_nanos(1);
        prop_assert_eq!(schedule.latest_at_or_before(just_before), Some(latest));
    }

    #[test]
    fn a_slot_lies_in_the_window_and_on_no_day_of_the_blackout(schedule in any_schedule(), now in near_changes()) {
        let slot = schedule.next_after(now).unwrap().instant();
        let open = schedule.window().map(|window| window.at(slot, schedule.zone()));
        prop_assert!(open.is_none_or(|open| open.is_some()), "{}", slot);
        prop_assert_eq!(schedule.halt(slot), None);
    }

    #[test]
    fn every_slot_leaves_its_runs_time_to_start(schedule in any_schedule(), now in near_changes()) {
        let slot = schedule.next_after(now).unwrap();
        let start = schedule.start(slot, Turn::FIRST);
        prop_assert_eq!(start.at, slot.instant());
        prop_assert!(start.until > start.at && schedule.may_begin(&start, start.at), "{:?}", start);
        prop_assert!(!schedule.may_begin(&start, start.until));
    }
}

#[test]
fn with_a_window_runs_start_until_it_is_over_and_without_one_until_the_next_slot() {
    let free = cron("0 22 * * *", "Europe/Berlin");
    let slot = free.next_after(at("2026-11-20T00:00:00Z")).unwrap();
    assert_eq!(free.start(slot, Turn::FIRST).until, at("2026-11-21T21:00:00Z"));
    let bound = free.within(window("22:00", "06:00", "*")).unwrap();
    assert_eq!(bound.start(slot, Turn::FIRST).until, at("2026-11-21T05:00:00Z"));
}

#[test]
fn a_time_that_clocks_skip_runs_in_the_window_that_they_skip_too() {
    let schedule = cron("30 2 * * *", "Europe/Berlin");
    for (from, to, ends) in [
        ("02:15", "02:45", "01:45"),
        ("22:00", "03:00", "02:00"),
        ("22:00", "04:00", "02:00"),
    ] {
        let schedule = schedule.clone().within(window(from, to, "*")).unwrap();
        let slot = schedule.next_after(at("2026-03-29T00:00:00Z")).unwrap();
        let start = schedule.start(slot, Turn::FIRST);
        let expected = (at("2026-03-29T01:00:00Z"), at(&format!("2026-03-29T{ends}:00Z")));
        assert_eq!((slot.instant(), start.until), expected, "{schedule}");
    }
}

#[test]
fn a_day_of_the_blackout_has_no_slots() {
    let schedule = cron("0 2,14 * * *", "Asia/Kolkata").without(blackout(&["2026-11-19", "2026-11-21..2026-11-22"]));
    let found = slots(&schedule, "2026-11-18", "2026-11-23");
    let expected = ["Wed 18 14:00", "Fri 20 02:00", "Fri 20 14:00", "Mon 23 02:00"];
    assert_eq!(found, expected);
}

#[test]
fn nothing_starts_on_a_day_of_the_blackout_and_what_is_left_starts_after_it() {
    let schedule = cron("0 22 * * *", "UTC").without(blackout(&["2026-11-21"]));
    let slot = schedule.next_after(at("2026-11-20T12:00:00Z")).unwrap();
    let start = schedule.start(slot, Turn::FIRST);
    let may_begin = |instant: &str| schedule.may_begin(&start, at(instant));
    assert!(may_begin("2026-11-20T23:59:59Z"));
    assert!(!may_begin("2026-11-21T00:00:00Z"));
    let until = at("2026-11-22T00:00:00Z");
    assert_eq!(
        schedule.halt(at("2026-11-21T12:00:00Z")),
        Some(Halt::Blackout { until })
    );
    assert!(may_begin("2026-11-22T00:00:00Z"));
    assert!(!may_begin("2026-11-22T22:00:00Z"));
}

#[test]
fn nothing_starts_before_a_pause_is_over_and_then_the_newest_slot_does() {
    let until = at("2026-11-21T09:30:00Z");
    let schedule = cron("0 * * * *", "UTC").paused_until(until);
    assert_eq!(schedule.halt(until - HOUR), Some(Halt::Pause { until }));
    assert_eq!(schedule.halt(until), None);
    let starts: Vec<_> = schedule
        .starts_after(at("2026-11-20T00:00:00Z"), Turn::FIRST)
        .take(3)
        .collect();
    let times: Vec<_> = starts
        .iter()
        .map(|start| (start.slot.to_string(), start.at.to_string()))
        .collect();
    let expected = [
        ("20261121T090000Z", "2026-11-21T09:30:00Z"),
        ("20261121T100000Z", "2026-11-21T10:00:00Z"),
        ("20261121T110000Z", "2026-11-21T11:00:00Z"),
    ];
    assert_eq!(times, expected.map(|(slot, at)| (slot.to_owned(), at.to_owned())));
}

#[test]
fn a_pause_that_ends_in_a_blackout_ends_with_it() {
    let schedule = cron("0 * * * *", "UTC").without(blackout(&["2026-11-21"]));
    let schedule = schedule.paused_until(at("2026-11-21T09:30:00Z"));
    let first = schedule
        .starts_after(at("2026-11-20T00:00:00Z"), Turn::FIRST)
        .next()
        .unwrap();
    assert_eq!(first.at, at("2026-11-22T00:00:00Z"));
}

#[test]
fn a_slot_whose_window_is_over_when_the_pause_ends_does_not_start() {
    let schedule = cron("0 22 * * *", "UTC").within(window("22:00", "06:00", "*")).unwrap();
    let schedule = schedule.paused_until(at("2026-11-21T07:00:00Z"));
    let first = schedule
        .starts_after(at("2026-11-20T00:00:00Z"), Turn::FIRST)
        .next()
        .unwrap();
    assert_eq!(first.at, at("2026-11-21T22:00:00Z"));
}

#[test]
fn the_next_starts_include_that_of_a_slot_which_has_come_and_waits_for_its_jitter() {
    let schedule = Schedule::every(HOUR, TimeZone::UTC).unwrap();
    let schedule = schedule.paused_until(at("2026-11-21T09:10:00Z"));
    let mut starts = schedule.starts_after(at("2026-11-21T09:05:00Z"), Turn::FIRST);
    assert_eq!(starts.next().unwrap().slot.to_string(), "20261121T090000Z");
}

/// Minute by minute these would take hours.
#[test]
fn long_ways_are_jumped_over() {
    let minutes = cron("* * * * *", "Europe/Berlin");
    let weekly = minutes.within(window("22:00", "22:01", "MON")).unwrap();
    let closed = weekly.without(blackout(&["1970-01-01..2999-12-31"]));
    let next = closed.next_after(at("1980-01-01T00:00:00Z")).unwrap();
    assert_eq!(next.to_string(), "30000106T210000Z");
    let latest = closed.latest_at_or_before(at("2990-01-01T00:00:00Z")).unwrap();
    assert_eq!(latest.to_string(), "19691229T210000Z");
    let paused = cron("* * * * *", "UTC").paused_until(at("2999-01-01T00:00:30Z"));
    let first = paused
        .starts_after(at("1980-01-01T00:00:00Z"), Turn::FIRST)
        .next()
        .unwrap();
    assert_eq!(first.slot.to_string(), "29990101T000000Z");
}

#[test]
fn a_blackout_without_end_leaves_no_slot() {
    let schedule = cron("* * * * *", "UTC").without(blackout(&["2026-01-01..9999-12-31"]));
    assert_eq!(schedule.next_after(at("2026-06-01T00:00:00Z")), None);
    assert_eq!(
        schedule.starts_after(at("2026-06-01T00:00:00Z"), Turn::FIRST).next(),
        None
    );
}

#[test]
fn days_that_touch_or_overlap_are_one_stretch_of_the_blackout() {
    let joined = blackout(&[
        "2026-12-24..2026-12-26",
        "2026-12-28",
        "2026-12-30",
        "2026-12-25..2026-12-27",
    ]);
    let dates: Vec<_> = joined.dates().iter().map(ToString::to_string).collect();
    assert_eq!(dates, ["2026-12-24..2026-12-28", "2026-12-30"]);
}

/// All gaps from 2026 to 2053, one by one.
#[test]
fn the_longest_gap_is_that_which_a_walk_over_28_years_finds() {
    let nightly = |name: &str| cron("30 2 * * *", name);
    let schedules = [
        // Between two days, inside one day, and both against each other.
        cron("0 0,20 */2 * *", "UTC"),
        cron("0 12,23 * * *", "UTC"),
        cron("0 1,22 * * *", "UTC"),
        cron("0 0,13,14 * * *", "UTC"),
        cron("0 3,12,14 * * *", "UTC"),
        cron("0 2,20 * * *", "UTC")
            .within(window("01:00", "05:00", "*"))
            .unwrap(),
        nightly("Europe/Berlin")
            .within(window("22:00", "06:00", "SUN-THU"))
            .unwrap(),
        nightly("America/New_York")
            .within(window("02:15", "02:45", "*"))
            .unwrap(),
        cron("0 */6 * * *", "Australia/Sydney")
            .within(window("01:00", "20:00", "MON,THU"))
            .unwrap(),
        cron("15 23 1,15 * *", "Europe/Berlin")
            .within(window("22:00", "02:00", "MON-FRI"))
            .unwrap(),
        Schedule::every(HOUR * 12, zone("Europe/Berlin"))
            .unwrap()
            .within(window("01:30", "02:30", "*"))
            .unwrap(),
        Schedule::every(HOUR * 6, zone("Asia/Kolkata"))
            .unwrap()
            .within(window("17:00", "06:00", "TUE"))
            .unwrap(),
    ];
    for schedule in schedules {
        let all = between(&schedule, at("2025-12-20T00:00:00Z"), at("2054-02-01T00:00:00Z"));
        let longest = all
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]))
            .max()
            .unwrap();
        assert_eq!(schedule.longest_gap().unwrap().length(), longest, "{schedule}");
    }
}

#[test]
fn a_jitter_is_held_against_what_the_window_leaves_of_its_slots_alone() {
    // Those at five, when it is over, and at eight in the evening lie in no window.
    let schedule = || {
        cron("0 2,5,20 * * *", "UTC")
            .within(window("01:00", "05:00", "*"))
            .unwrap()
    };
    assert!(schedule().with_jitter(HOUR * 3 - SignedDuration::from_secs(1)).is_ok());
    let refused = schedule().with_jitter(HOUR * 3).unwrap_err().to_string();
    assert!(
        refused.contains("the slot at 02:00 has 3h before the window ends at 05:00"),
        "{refused}"
    );
}

#[test]
fn an_rpo_knows_the_window_its_days_and_the_jitter_but_no_blackout() {
    let text = |rpo: &str| {
        plan_text(&format!(
            "schedule: {{cron: \"0 22 * * *\", timezone: Europe/Berlin, window: {{from: \"22:00\", to: \"06:00\", \
             days: MON-FRI}}, jitter: 30m, blackout: [2026-12-01..2026-12-31], pause_until: 2030-01-01}}
retention: {{daily: 7}}
objectives: {{rpo: {rpo}}}"
        ))
    };
    // From Friday 22:00 to Monday 22:00 on the weekend on which clocks go back: 73 hours.
    assert!(holdfast_policy::parse(&text("73h30m1s"), "backup").is_ok());
    let faults = holdfast_policy::parse(&text("73h30m"), "backup")
        .unwrap_err()
        .to_string();
    let arithmetic = "from 22:00 to 06:00 on MON-FRI in Europe/Berlin leaves up to 3d1h between two slots (from \
                      2053-10-24 22:00 to 2053-10-27 22:00), its jitter adds 30m, and the newest point grows older than \
                      3d1h30m before the next one is complete; write more than 3d1h30m";
    assert!(faults.contains(arithmetic), "{faults}");
}

#[test]
fn a_whole_schedule_is_read() {
    let text = plan_text(
        "schedule:
  cron: \"*/20 * * * *\"
  timezone: Europe/Berlin
  window: {from: \"22:00\", to: \"06:00\", days: MON-FRI}
  jitter: 5m
  blackout: [2026-12-24, 2026-12-31..2027-01-02]
  pause_until: 2026-12-01
retention: {daily: 7}",
    );
    let schedule = &document(&text).plans[0].schedule;
    let until = at("2026-11-30T23:00:00Z");
    assert_eq!(schedule.window(), Some(&window("22:00", "06:00", "MON-FRI")));
    assert_eq!(schedule.jitter(), SignedDuration::from_mins(5));
    assert_eq!(schedule.halt(until - HOUR), Some(Halt::Pause { until }));
    let until = at("2027-01-02T23:00:00Z");
    assert_eq!(schedule.halt(until - HOUR), Some(Halt::Blackout { until }));
}

#[test]
fn a_pause_may_end_at_an_instant_and_a_blackout_be_one_day() {
    let text = plan_text(
        "schedule: {every: 1h, pause_until: \"2026-12-01T06:00:00+01:00\", blackout: 2026-12-24}
retention: {daily: 7}",
    );
    let schedule = &document(&text).plans[0].schedule;
    let until = at("2026-12-01T05:00:00Z");
    assert_eq!(schedule.halt(at("2026-11-01T00:00:00Z")), Some(Halt::Pause { until }));
    assert!(schedule.halt(at("2026-12-24T12:00:00Z")).is_some());
}
