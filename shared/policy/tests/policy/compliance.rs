//! What the law asks of a plan: what is read, what contradicts itself, and how long locks last.

use holdfast_catalog::LockMode;
use holdfast_policy::{Compliance, Locking, Preset, parse};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{HOUR, at, document, plan_text};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn text(compliance: &str, retention: &str) -> String {
    plan_text(&format!(
        "schedule: {{every: 1h}}\nretention: {{daily: 7{retention}}}\ncompliance: {compliance}"
    ))
}

fn read(compliance: &str) -> Compliance {
    document(&text(compliance, "")).plans[0].compliance.clone()
}

/// The faults, after `plans[0].`.
fn faults(compliance: &str, retention: &str) -> Vec<String> {
    let faults = parse(&text(compliance, retention), "backup").unwrap_err();
    let faults = faults.iter().map(ToString::to_string);
    faults.map(|fault| fault.replacen("plans[0].", "", 1)).collect()
}

#[test]
fn without_compliance_nothing_is_asked() {
    let plan = &document(&plan_text("schedule: {every: 1h}\nretention: {daily: 7}")).plans[0];
    assert_eq!(plan.compliance, Compliance::default());
    assert_eq!(plan.compliance.lock_until(at("2026-11-21T00:00:00Z")), None);
    assert_eq!(plan.compliance.contents_lock_until(at("2026-11-21T00:00:00Z")), None);
}

#[test]
fn everything_that_is_asked_is_read() {
    let read = read("{preset: [pci-dss, gdpr], minimum: 400d, maximum: 500d, lock: governance, lock_for: 30d}");
    let expected = Compliance {
        presets: vec![Preset::PciDss, Preset::Gdpr],
        minimum: Some(DAY * 400),
        maximum: Some(DAY * 500),
        lock: Some(Locking {
            mode: LockMode::Governance,
            period: DAY * 30,
        }),
    };
    assert_eq!(read, expected);
}

#[test]
fn of_several_presets_the_longest_minimum_holds() {
    assert_eq!(read("{preset: hipaa}").minimum, Some(DAY * 2192));
    assert_eq!(read("{preset: [pci-dss, sox, hipaa]}").minimum, Some(DAY * 2557));
    assert_eq!(read("{preset: pci-dss}").minimum, Some(DAY * 366));
}

#[test]
fn a_minimum_of_six_or_seven_years_is_never_too_short() {
    for (preset, years) in [(Preset::PciDss, 1), (Preset::Hipaa, 6), (Preset::Sox, 7)] {
        let minimum = preset.minimum().unwrap();
        let first = jiff::civil::date(2026, 1, 1);
        for day in 0..1461 {
            let from = first.checked_add(jiff::Span::new().days(day)).unwrap();
            let to = from.checked_add(jiff::Span::new().years(years)).unwrap();
            assert!(to.duration_since(from) <= minimum, "{preset} from {from}");
        }
    }
}

#[test]
fn every_preset_names_its_source() {
    let prose = include_str!("../../POLICY.md");
    for preset in Preset::ALL {
        assert!(prose.contains(preset.source()), "{preset}");
        assert_eq!(preset.as_str().parse(), Ok(preset));
    }
}

#[test]
fn a_lock_lasts_as_long_as_the_minimum_if_it_does_not_say() {
    let compliance = read("{minimum: 30d, lock: compliance}");
    let start = at("2026-11-21T10:00:00Z");
    assert_eq!(
        compliance.lock_until(start),
        Some((LockMode::Compliance, at("2026-12-21T10:00:00Z")))
    );
    let longer = read("{minimum: 30d, lock: compliance, lock_for: 40d}");
    assert_eq!(
        longer.lock_until(start),
        Some((LockMode::Compliance, at("2026-12-31T10:00:00Z")))
    );
}

#[test]
fn no_lock_is_none() {
    assert_eq!(read("{minimum: 30d, lock: none}").lock, None);
}

#[test]
fn a_maximum_below_the_minimum_is_refused_with_the_arithmetic() {
    assert_eq!(
        faults("{minimum: 30d, maximum: 29d}", ""),
        [
            "compliance.maximum (line 6) is \"29d\": less than the minimum, which is 30d; write 30d or more, or ask for a \
          shorter minimum"
        ]
    );
    assert_eq!(
        faults("{preset: [gdpr, hipaa], maximum: 400d}", ""),
        [
            "compliance.maximum (line 6) is \"400d\": less than the minimum, which is 2192d by preset hipaa (45 CFR \
          164.316(b)(2)(i)); write 2192d or more, or ask for a shorter minimum"
        ]
    );
    assert!(parse(&text("{minimum: 30d, maximum: 30d}", ""), "backup").is_ok());
}

#[test]
fn a_minimum_below_that_of_a_preset_is_refused() {
    assert_eq!(
        faults("{preset: sox, minimum: 1d}", ""),
        [
            "compliance.minimum (line 6) is \"1d\": less than 2557d, the minimum by preset sox (17 CFR 210.2-06); write \
          2557d or more, or leave the line out"
        ]
    );
}

#[test]
fn a_minimum_of_just_so_much_as_a_preset_asks_is_taken() {
    let equal = read("{preset: sox, minimum: 2557d}");
    assert_eq!(equal.minimum, Some(HOUR * (24 * 2557)));
}

#[test]
fn a_preset_that_obliges_to_a_maximum_is_refused_without_one() {
    assert_eq!(
        faults("{preset: gdpr}", ""),
        [
            "compliance.preset (line 6): gdpr without a maximum: Regulation (EU) 2016/679, Article 5(1)(e) names no number; \
          add maximum: with the longest time that the data may be kept"
        ]
    );
}

#[test]
fn an_unknown_preset_is_refused_with_a_suggestion() {
    assert_eq!(
        faults("{preset: [hippa, iso]}", ""),
        [
            "compliance.preset[0] (line 6) is \"hippa\": unknown preset; did you mean hipaa?",
            "compliance.preset[1] (line 6) is \"iso\": unknown preset; write hipaa, sox, pci-dss or gdpr",
        ]
    );
}

#[test]
fn a_lock_longer_than_the_maximum_is_refused() {
    assert_eq!(
        faults("{maximum: 30d, lock: governance, lock_for: 31d}", ""),
        [
            "compliance.lock_for (line 6) is \"31d\": longer than the maximum, which is 30d: what is locked cannot go; write \
          30d or less"
        ]
    );
    assert!(parse(&text("{maximum: 30d, lock: governance, lock_for: 30d}", ""), "backup").is_ok());
}

#[test]
fn a_lock_without_a_time_and_a_time_without_a_lock_are_refused() {
    assert_eq!(
        faults("{maximum: 30d, lock: governance}", ""),
        [
            "compliance.lock (line 6) is \"governance\": a lock without a time; add lock_for: or minimum:, for example \
          lock_for: 30d"
        ]
    );
    let expected = "compliance.lock_for (line 6) is \"7d\": a time without a lock; write lock: governance or lock: \
                    compliance beside it";
    assert_eq!(faults("{minimum: 30d, lock_for: 7d}", ""), [expected]);
    assert_eq!(faults("{lock: none, lock_for: 7d}", ""), [expected]);
    assert_eq!(
        faults("{lock: strong, minimum: 30d}", ""),
        ["compliance.lock (line 6) is \"strong\": not a lock; write none, governance or compliance"]
    );
}

#[test]
fn a_deletion_before_the_minimum_is_refused_and_one_after_the_maximum_too() {
    assert_eq!(
        faults("{preset: pci-dss}", ", delete_after: 365d"),
        [
            "retention.delete_after (line 5) is \"365d\": sooner than the minimum allows, which is 366d by preset pci-dss \
          (PCI DSS v4.0, requirement 10.5.1); write 366d or more, or leave the line out"
        ]
    );
    assert_eq!(
        faults("{maximum: 30d}", ", delete_after: 31d"),
        [
            "retention.delete_after (line 5) is \"31d\": later than the maximum, which is 30d and wins: no point gets that \
          old; write 30d or less, or leave the line out"
        ]
    );
    let fits = text("{minimum: 30d, maximum: 30d}", ", delete_after: 30d");
    assert!(parse(&fits, "backup").is_ok());
}

#[test]
fn the_deletion_of_copies_is_held_against_it_as_well() {
    let lines = "schedule: {every: 1h}
retention: {daily: 7}
copies: [{region: eu-west-1}, {region: eu-west-2, retention: {keep: all, delete_after: 7d}}]
compliance: {minimum: 8d}";
    let faults = parse(&plan_text(lines), "backup").unwrap_err().to_string();
    let expected =
        "plans[0].copies[1].retention.delete_after (line 6) is \"7d\": sooner than the minimum allows, which is 8d";
    assert!(faults.contains(expected), "{faults}");
}

/// The maximum caps them: that is what it is for.
#[test]
fn rules_that_reach_beyond_the_maximum_are_no_contradiction() {
    let beyond = text(
        "{maximum: 30d}",
        ", yearly: 7, keep_within: 400d, keep_within_daily: 90d",
    );
    assert!(parse(&beyond, "backup").is_ok());
}

#[test]
fn several_contradictions_are_told_at_once() {
    let found = faults(
        "{preset: gdpr, minimum: 9y, lock: x, lock_for: 1d}",
        ", delete_after: 0d",
    );
    assert_eq!(found.len(), 4, "{found:?}");
}

/// A point a day: what it shares with those before it is locked anew once a step.
#[test]
fn shared_contents_are_locked_anew_once_a_step() {
    for (period, step) in [(7, 1), (32, 4), (80, 10), (400, 30)] {
        let compliance = read(&format!("{{lock: governance, lock_for: {period}d}}"));
        let days = 240 * i32::try_from(step).unwrap();
        let first = at("2026-01-01T02:00:00Z");
        let mut ends: Vec<Timestamp> = (0..days)
            .map(|day| compliance.contents_lock_until(first + DAY * day).unwrap().1)
            .collect();
        ends.dedup();
        let steps = usize::try_from(days).unwrap() / step;
        assert!(
            (steps..=steps + 1).contains(&ends.len()),
            "{period}: {} ends",
            ends.len()
        );
    }
}

#[test]
fn a_step_is_an_eighth_of_the_lock_and_begins_with_the_epoch() {
    let compliance = read("{lock: governance, lock_for: 80d}");
    // 2026-11-21 and 80 days is day 20,858 since the epoch; the next multiple of 10 is day 20,860.
    let until = compliance.contents_lock_until(at("2026-11-21T10:00:00Z"));
    assert_eq!(until, Some((LockMode::Governance, at("2027-02-11T00:00:00Z"))));
}

#[test]
fn a_lock_that_ends_at_a_step_is_not_rounded_and_one_a_moment_later_is() {
    let compliance = read("{lock: governance, lock_for: 80d}");
    let contents = |start: &str| compliance.contents_lock_until(at(start)).unwrap().1;
    assert_eq!(contents("2026-11-23T00:00:00Z"), at("2027-02-11T00:00:00Z"));
    assert_eq!(contents("2026-11-23T00:00:00.000000001Z"), at("2027-02-21T00:00:00Z"));
}

#[test]
fn where_the_maximum_leaves_no_room_nothing_is_rounded() {
    let compliance = read("{maximum: 30d, lock: governance, lock_for: 30d}");
    let start = at("2026-11-21T10:00:00Z");
    assert_eq!(compliance.contents_lock_until(start), compliance.lock_until(start));
}

proptest! {
    #[test]
    fn contents_are_locked_as_long_as_their_point_a_step_longer_at_most_and_never_past_the_maximum(
        start in 0_i64..4_000_000_000, nanos in 0_i32..2, lock_hours in 1_i32..20_000,
        more in proptest::option::of(0_i32..2000),
    ) {
        let period = HOUR * lock_hours;
        let compliance = Compliance {
            maximum: more.map(|more| period + HOUR * more),
            lock: Some(Locking { mode: LockMode::Governance, period }),
            ..Compliance::default()
        };
        let start = Timestamp::new(start, nanos).unwrap();
        let (_, point) = compliance.lock_until(start).unwrap();
        let (_, contents) = compliance.contents_lock_until(start).unwrap();
        prop_assert_eq!(point, start + period);
        prop_assert!(point <= contents && contents < point + DAY * 30 + HOUR);
        prop_assert!(compliance.maximum_until(start).is_none_or(|maximum| contents <= maximum));
    }
}
