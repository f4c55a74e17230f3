//! Windows, jitters, blackouts and pauses: how they are refused.

use holdfast_policy::parse;

use crate::support::plan_text;

/// The faults that a schedule adds to a plan.
fn faults_of_schedule(schedule: &str) -> Vec<String> {
    let text = plan_text(&format!("retention: {{daily: 7}}\nschedule: {schedule}"));
    let faults = parse(&text, "backup").unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

/// What a schedule's fault says after its place.
fn fault_of_schedule(schedule: &str) -> String {
    let found = faults_of_schedule(schedule);
    assert_eq!(found.len(), 1, "{schedule}: {found:?}");
    found[0]
        .strip_prefix("plans[0].schedule")
        .unwrap_or(&found[0])
        .to_owned()
}

#[test]
fn a_window_without_a_slot_is_refused() {
    for (schedule, shown) in [
        (
            "{cron: \"0 12 * * *\", timezone: Europe/Berlin, window: {from: \"22:00\", to: \"06:00\"}}",
            "cron 0 12 * * * from 22:00 to 06:00 in Europe/Berlin",
        ),
        (
            "{cron: \"0 2 * * SUN\", window: {from: \"01:00\", to: \"03:00\", days: MON-SAT}}",
            "cron 0 2 * * SUN from 01:00 to 03:00 on MON-SAT in UTC",
        ),
        (
            "{cron: \"0 6 * * *\", window: {from: \"22:00\", to: \"06:00\"}}",
            "cron 0 6 * * * from 22:00 to 06:00 in UTC",
        ),
        (
            "{every: 1d, timezone: Asia/Kolkata, window: {from: \"00:00\", to: \"05:00\"}}",
            "every 1d from 00:00 to 05:00 in Asia/Kolkata",
        ),
    ] {
        let expected = format!(
            ".window (line 5): a window in which no slot ever falls: there is none of {shown}; write a window that holds \
             a slot, or another schedule"
        );
        assert_eq!(fault_of_schedule(schedule), expected);
    }
}

#[test]
fn an_interval_that_does_not_divide_a_day_is_refused_with_a_window() {
    for interval in ["7h", "2d", "7d", "50m"] {
        let found = fault_of_schedule(&format!(
            "{{every: {interval}, window: {{from: \"22:00\", to: \"06:00\"}}}}"
        ));
        assert!(
            found.contains("which does not divide a day: its slots would wander through the window"),
            "{found}"
        );
    }
}

#[test]
fn a_window_of_zero_length_and_one_that_begins_at_the_end_are_refused() {
    let zero = fault_of_schedule("{every: 1h, window: {from: \"00:00\", to: \"00:00\"}}");
    let expected = ".window (line 5): a window of zero length, from 00:00 to 00:00; write a later end; a whole day is \
                    from \"00:00\" to \"24:00\"";
    assert_eq!(zero, expected);
    let late = fault_of_schedule("{every: 1h, window: {from: \"24:00\", to: \"06:00\"}}");
    assert_eq!(
        late,
        ".window (line 5): a window that begins as a day ends; write from: \"00:00\""
    );
}

#[test]
fn a_window_needs_two_times_of_day_and_known_days() {
    for (window, fault) in [
        ("{from: \"22:00\"}", ".window (line 5): a window without to:"),
        ("{to: \"22:00\"}", ".window (line 5): a window without from:"),
        (
            "{from: \"22\", to: \"06:00\"}",
            ".window.from (line 5) is \"22\": not a time of day",
        ),
        (
            "{from: \"22:60\", to: \"06:00\"}",
            ".window.from (line 5) is \"22:60\": not a time of day",
        ),
        (
            "{from: \"24:01\", to: \"06:00\"}",
            ".window.from (line 5) is \"24:01\": not a time of day",
        ),
        (
            "{from: \"6:00\", to: \"07:00\"}",
            ".window.from (line 5) is \"6:00\": not a time of day",
        ),
        (
            "{from: \"+1:00\", to: \"07:00\"}",
            ".window.from (line 5) is \"+1:00\": not a time of day",
        ),
        (
            "{from: \"22:00\", to: \"06:00\", days: MONDAY}",
            ".window.days (line 5) is \"MONDAY\": not days of the week",
        ),
        (
            "{from: \"22:00\", to: \"06:00\", days: 8}",
            ".window.days (line 5) is \"8\": not days of the week",
        ),
        (
            "{from: \"22:00\", to: \"06:00\", days: MON#1}",
            ".window.days (line 5) is \"MON#1\": not days of the week",
        ),
        (
            "{from: \"22:00\", to: \"06:00\", day: MON}",
            ".window.day (line 5): unknown field; did you mean days?",
        ),
        ("nightly", ".window (line 5) is \"nightly\": not a mapping"),
    ] {
        let found = fault_of_schedule(&format!("{{every: 1h, window: {window}}}"));
        assert!(found.starts_with(fault), "{found}");
    }
}

#[test]
fn a_jitter_of_half_the_shortest_gap_is_refused_with_the_arithmetic() {
    let plain = ".jitter (line 5) is \"30m\": half of the shortest time between two slots or more: every 1h has slots 1h \
                 apart; write less than 30m";
    assert_eq!(fault_of_schedule("{every: 1h, jitter: 30m}"), plain);
    // What the clocks skip runs half an hour before the next slot.
    let skipped = ".jitter (line 5) is \"20m\": half of the shortest time between two slots or more: cron 30 2,3 * * * in \
                   Europe/Berlin has slots 30m apart (from 2026-03-29 03:00 to 2026-03-29 03:30); write less than 15m";
    let found = fault_of_schedule("{cron: \"30 2,3 * * *\", timezone: Europe/Berlin, jitter: 20m}");
    assert_eq!(found, skipped);
    for (schedule, refused, taken) in [
        ("cron: \"0 2 * * *\", timezone: Europe/Berlin", "11h30m", "11h29m59s"),
        ("cron: \"0 2 * * *\"", "12h", "11h59m59s"),
        ("cron: \"0 0 1 * *\"", "14d", "13d"),
        ("cron: \"0 9,12 * * MON\"", "90m", "89m"),
    ] {
        let found = fault_of_schedule(&format!("{{{schedule}, jitter: {refused}}}"));
        assert!(
            found.contains("half of the shortest time between two slots or more"),
            "{found}"
        );
        let lines = format!("retention: {{daily: 7}}\nschedule: {{{schedule}, jitter: {taken}}}");
        assert!(parse(&plan_text(&lines), "backup").is_ok(), "{schedule} {taken}");
    }
}

#[test]
fn a_jitter_that_the_window_has_no_time_for_is_refused_with_the_arithmetic() {
    let window = "window: {from: \"22:00\", to: \"06:00\"}";
    for (schedule, slot, left) in [
        ("cron: \"30 5 * * *\"", "05:30", "30m"),
        ("cron: \"30 23 * * *\"", "23:30", "6h30m"),
        ("every: 8h", "00:00", "6h"),
        ("cron: \"45 2,5 * * *\", timezone: Australia/Lord_Howe", "05:45", "15m"),
        ("every: 12h, timezone: Asia/Kolkata", "05:30", "30m"),
    ] {
        let expected = format!(
            ".jitter (line 5) is \"{left}\": more than the window leaves: the slot at {slot} has {left} before the window \
             ends at 06:00; write less than {left}, or end the window later"
        );
        let found = faults_of_schedule(&format!("{{{schedule}, {window}, jitter: {left}}}"));
        assert_eq!(found, [format!("plans[0].schedule{expected}")], "{schedule}");
    }
}

/// In summer the slot at midnight UTC is half an hour before the end of the window, in winter an hour and a half.
#[test]
fn the_window_of_an_interval_is_looked_at_in_summer_and_in_winter() {
    let schedule = "every: 12h, timezone: Europe/Berlin, window: {from: \"22:00\", to: \"02:30\"}";
    let found = fault_of_schedule(&format!("{{{schedule}, jitter: 30m}}"));
    assert!(
        found.contains("the slot at 02:00 has 30m before the window ends at 02:30"),
        "{found}"
    );
    let hourly = "every: 1h, window: {from: \"22:00\", to: \"02:00\"}";
    let found = fault_of_schedule(&format!("{{{hourly}, jitter: 30m}}"));
    assert!(found.contains("has slots 1h apart"), "{found}");
}

#[test]
fn blackouts_that_are_no_dates_run_backwards_or_are_too_many_are_refused() {
    let backwards = ".blackout[1] (line 5) is \"2027-01-02..2026-12-31\": backwards: 2026-12-31 is before 2027-01-02; write \
                     2026-12-31..2027-01-02";
    let found = fault_of_schedule("{every: 1h, blackout: [2026-12-24, 2027-01-02..2026-12-31]}");
    assert_eq!(found, backwards);
    for date in [
        "2026-02-30",
        "24.12.2026",
        "2026-12",
        "20261224",
        "2026-12-24T00:00",
        "..",
        "2026-12-24..",
    ] {
        let found = fault_of_schedule(&format!("{{every: 1h, blackout: \"{date}\"}}"));
        assert!(
            found.starts_with(&format!(".blackout (line 5) is {date:?}: not a date; ")),
            "{found}"
        );
    }
    let many = vec!["2026-12-24"; 401].join(", ");
    let found = fault_of_schedule(&format!("{{every: 1h, blackout: [{many}]}}"));
    assert!(
        found.starts_with(".blackout (line 5): a list of 401 entries; write at most 400"),
        "{found}"
    );
}

#[test]
fn a_pause_ends_on_a_date_or_at_an_instant() {
    for text in ["tomorrow", "2026-12-32", "2026-12-01T06:00:00", "06:00"] {
        let found = fault_of_schedule(&format!("{{every: 1h, pause_until: \"{text}\"}}"));
        let expected = format!(".pause_until (line 5) is {text:?}: neither a date nor an instant; ");
        assert!(found.starts_with(&expected), "{found}");
    }
}

#[test]
fn every_part_of_a_schedule_is_read_whatever_is_wrong_with_the_others() {
    let found = faults_of_schedule(
        "{every: 1s, timezone: Mars, window: {from: \"25:00\", to: \"06:00\"}, jitter: 1y, blackout: [x], pause_until: x}",
    );
    assert_eq!(found.len(), 6, "{found:?}");
}
