//! Until when points stay: what is worked out is what happens.

use std::collections::BTreeMap;

use holdfast_catalog::{LockMode, PointId};
use holdfast_policy::{
    Locking, PointState, PointStatus, Rules, Schedule, Series, Until, Window, forecast, parse_duration,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{Deciding, HOUR, any_deciding, at, between, good, id, id_of, rules, zone};

/// The first coming slots, each with its point, and what is removed as each of them comes: pruned again and again.
fn simulated(
    deciding: &Deciding,
    coming: &[Timestamp],
    points: &[PointState],
    failed: &[PointId],
    now: Timestamp,
) -> BTreeMap<PointId, Timestamp> {
    let mut vault = points.to_vec();
    let mut removed = BTreeMap::new();
    let mut prune = |vault: &mut Vec<PointState>, now: Timestamp| {
        let kept = deciding.kept(vault, failed, now);
        for point in vault.iter_mut() {
            // What is kept has its tombstone lifted.
            point.tombstoned = false;
            if !kept[&point.id] {
                removed.insert(point.id.clone(), now);
            }
        }
        vault.retain(|point| kept[&point.id]);
    };
    prune(&mut vault, now);
    for slot in coming {
        vault.push(PointState {
            started_at: Some(*slot),
            locked_until: deciding.compliance.lock_until(*slot).map(|(_, until)| until),
            ..good(*slot)
        });
        prune(&mut vault, *slot);
    }
    removed
}

/// Holds the forecast of every point against the simulation.
fn assert_foretold(
    deciding: &Deciding,
    schedule: &Schedule,
    coming: &[Timestamp],
    points: &[PointState],
    failed: &[PointId],
    now: Timestamp,
) -> Result<(), TestCaseError> {
    let removed = simulated(deciding, coming, points, failed, now);
    let kept = deciding.kept(points, failed, now);
    let series = Series {
        points,
        failed_attempts: failed,
    };
    for point in points {
        let until = forecast(&deciding.keeping(), schedule, &series, &point.id, now);
        prop_assert_eq!(until.is_some(), kept[&point.id], "{}", point.id);
        let expected = match until {
            None => Some(now),
            Some(Until::Slot(slot)) => coming.iter().copied().find(|coming| *coming >= slot.instant()),
            Some(Until::Instant(instant)) => coming.iter().copied().find(|coming| *coming >= instant),
            Some(Until::Lifted | Until::Never) => None,
        };
        prop_assert_eq!(removed.get(&point.id).copied(), expected, "{} {:?}", point.id, until);
    }
    Ok(())
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let every = |interval: &str, name: &str| Schedule::every(parse_duration(interval).unwrap(), zone(name)).unwrap();
    let cron = |expression: &str, name: &str| Schedule::cron(expression, zone(name)).unwrap();
    let nights = Window::new(
        "22:00".parse().unwrap(),
        "06:00".parse().unwrap(),
        "MON-FRI".parse().unwrap(),
    )
    .unwrap();
    proptest::sample::select(vec![
        every("1h", "UTC"),
        every("6h", "Asia/Kolkata"),
        every("1d", "America/New_York"),
        cron("0 2 * * *", "Europe/Berlin"),
        cron("0 */4 * * *", "Australia/Sydney").within(nights).unwrap(),
        cron("30 1 * * MON,THU", "Australia/Lord_Howe"),
        // In autumn a day of Havana comes back for an hour.
        cron("0 23,0 * * *", "America/Havana"),
    ])
}

/// A point in a state that it may have when a forecast is made.
fn any_state(slot: Timestamp, now: Timestamp) -> impl Strategy<Value = PointState> {
    let status = prop_oneof![
        12 => Just(PointStatus::Good),
        1 => Just(PointStatus::Incomplete),
        1 => Just(PointStatus::Damaged),
    ];
    let lock = proptest::option::weighted(0.2, -50_i64..300);
    (
        status,
        proptest::bool::weighted(0.05),
        proptest::bool::weighted(0.05),
        lock,
        any::<bool>(),
    )
        .prop_map(move |(status, held, tombstoned, lock, is_late)| PointState {
            started_at: is_late.then(|| slot + SignedDuration::from_secs(77)),
            held,
            tombstoned,
            locked_until: lock.map(|hours| now + SignedDuration::from_hours(hours)),
            ..PointState::new(id(slot), status)
        })
}

/// A schedule, what it has left behind and a present, mostly near a change of the clocks.
fn any_past() -> impl Strategy<Value = (Schedule, Vec<PointState>, Vec<PointId>, Timestamp)> {
    let days = proptest::sample::select(vec![
        "2026-03-29",
        "2026-11-01",
        "2026-04-05",
        "2026-12-31",
        "2026-07-15",
    ]);
    (
        any_schedule(),
        days,
        -200_i64..200,
        1_usize..25,
        proptest::bool::weighted(0.15),
    )
        .prop_flat_map(|(schedule, day, hours, count, has_failed)| {
            let now = at(&format!("{day}T00:20:00Z")) + SignedDuration::from_hours(hours);
            let latest = schedule.latest_at_or_before(now);
            let before = |slot: &holdfast_catalog::Slot| {
                schedule.latest_at_or_before(slot.instant() - SignedDuration::from_secs(1))
            };
            let slots: Vec<_> = std::iter::successors(latest, before).take(count).collect();
            let states: Vec<_> = slots.into_iter().map(|slot| any_state(slot.instant(), now)).collect();
            let failed = if has_failed {
                vec![id(now - SignedDuration::from_secs(60))]
            } else {
                vec![]
            };
            (Just(schedule), states, Just(failed), Just(now))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn a_forecast_is_what_happens_if_every_coming_slot_brings_a_good_point(
        (schedule, points, failed, now) in any_past(), deciding in any_deciding(),
        lock in proptest::option::weighted(0.3, 1_i32..200),
    ) {
        let mut deciding = deciding;
        deciding.zone = schedule.zone().clone();
        let period = lock.map(|hours| HOUR * hours);
        let period = period.filter(|period| deciding.compliance.maximum.is_none_or(|maximum| *period <= maximum));
        deciding.compliance.lock = period.map(|period| Locking { mode: LockMode::Governance, period });
        let slots = std::iter::successors(schedule.next_after(now), |slot| schedule.next_after(slot.instant()));
        let coming: Vec<_> = slots.take(40).map(holdfast_catalog::Slot::instant).collect();
        assert_foretold(&deciding, &schedule, &coming, &points, &failed, now)?;
    }
}

/// Nights over the end of a year, in which every period of the calendar ends at least once.
#[test]
fn a_forecast_holds_over_the_end_of_a_year_too() {
    let schedule = Schedule::cron("30 2 * * *", zone("Europe/Berlin")).unwrap();
    let given = Rules {
        keep_last: 2,
        daily: 5,
        weekly: 6,
        monthly: 7,
        quarterly: 3,
        yearly: 2,
        keep_within_weekly: Some(HOUR * (24 * 90)),
        ..Rules::default()
    };
    let deciding = Deciding::by(rules(given, 2), &zone("Europe/Berlin"));
    let (first, now) = (at("2025-11-21T00:00:00Z"), at("2026-11-21T12:00:00Z"));
    let points: Vec<_> = between(&schedule, first, now).into_iter().map(good).collect();
    let coming = between(&schedule, now, at("2027-03-01T00:00:00Z"));
    assert_foretold(&deciding, &schedule, &coming, &points, &[], now).unwrap();
}

fn hourly() -> Schedule {
    Schedule::every(HOUR, zone("UTC")).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-21T12:20:00Z")
}

/// Points at full hours, newest first.
fn points(count: i32) -> Vec<PointState> {
    (0..count)
        .map(|hours| good(at("2026-11-21T12:00:00Z") - HOUR * hours))
        .collect()
}

fn until(deciding: &Deciding, points: &[PointState], index: usize) -> Option<String> {
    let until = forecast(
        &deciding.keeping(),
        &hourly(),
        &Series::of(points),
        &points[index].id,
        now(),
    );
    until.map(|until| until.to_string())
}

fn by(given: Rules) -> Deciding {
    Deciding::by(rules(given, 1), &zone("UTC"))
}

#[test]
fn a_point_among_the_last_ones_goes_when_so_many_are_newer() {
    let deciding = by(Rules {
        keep_last: 5,
        ..Rules::default()
    });
    let points = points(6);
    assert_eq!(
        until(&deciding, &points, 0).unwrap(),
        "until the point of 20261121T170000Z"
    );
    assert_eq!(
        until(&deciding, &points, 4).unwrap(),
        "until the point of 20261121T130000Z"
    );
    assert_eq!(until(&deciding, &points, 5), None);
}

#[test]
fn a_point_of_today_is_superseded_by_the_next_and_one_of_yesterday_stays_its_days() {
    let deciding = by(Rules {
        daily: 3,
        ..Rules::default()
    });
    let points = points(14);
    assert_eq!(
        until(&deciding, &points, 0).unwrap(),
        "until the point of 20261121T130000Z"
    );
    assert_eq!(points[13].id.slot.to_string(), "20261120T230000Z");
    assert_eq!(
        until(&deciding, &points, 13).unwrap(),
        "until the point of 20261123T000000Z"
    );
}

#[test]
fn a_minimum_and_a_maximum_end_at_an_instant() {
    let mut deciding = by(Rules {
        keep_last: 1000,
        ..Rules::default()
    });
    deciding.compliance.maximum = Some(HOUR * 30);
    let points = points(3);
    assert_eq!(until(&deciding, &points, 1).unwrap(), "until 2026-11-22T17:00:00Z");
    deciding.retention = rules(
        Rules {
            keep_last: 1,
            ..Rules::default()
        },
        1,
    );
    deciding.compliance.minimum = Some(HOUR * 5);
    assert_eq!(until(&deciding, &points, 2).unwrap(), "until 2026-11-21T15:00:00Z");
}

#[test]
fn a_distance_is_passed_by_the_first_point_beyond_it() {
    for (hours, goes) in [(1, "20261121T140000Z"), (2, "20261121T150000Z")] {
        let deciding = by(Rules {
            keep_within: Some(HOUR * hours),
            ..Rules::default()
        });
        assert_eq!(
            until(&deciding, &points(1), 0).unwrap(),
            format!("until the point of {goes}")
        );
    }
}

#[test]
fn while_attempts_fail_a_point_stays_until_one_succeeds() {
    let mut deciding = by(Rules {
        keep_last: 1,
        ..Rules::default()
    });
    deciding.compliance.minimum = Some(SignedDuration::from_mins(150));
    let mut points = points(3);
    points[0].status = PointStatus::Damaged;
    // Its minimum ends at 12:30, ten minutes from now.
    assert_eq!(
        until(&deciding, &points, 2).unwrap(),
        "until the point of 20261121T130000Z"
    );
}

#[test]
fn while_attempts_fail_not_even_a_maximum_ends_a_point() {
    let mut deciding = by(Rules {
        keep_last: 9,
        ..Rules::default()
    });
    // Ten minutes from now.
    deciding.compliance.maximum = Some(SignedDuration::from_mins(150));
    let points = points(3);
    let until = |failed: &PointId| {
        let series = Series {
            points: &points,
            failed_attempts: std::slice::from_ref(failed),
        };
        let until = forecast(&deciding.keeping(), &hourly(), &series, &points[2].id, now()).unwrap();
        until.to_string()
    };
    let newer = at("2026-11-21T12:10:00Z");
    assert_eq!(until(&id(newer)), "until the point of 20261121T130000Z");
    assert_eq!(until(&id_of("carts", "standard", newer)), "until 2026-11-21T12:30:00Z");
    // An attempt whose slot has a good point has come right in the end.
    assert_eq!(until(&points[0].id), "until 2026-11-21T12:30:00Z");
}

#[test]
fn points_of_other_series_and_of_the_future_push_nothing_out() {
    let deciding = by(Rules {
        keep_last: 2,
        ..Rules::default()
    });
    let mut points = points(1);
    points.push(good(now() + HOUR * 100));
    points.push(PointState::new(id_of("carts", "standard", now()), PointStatus::Good));
    points.push(PointState::new(id_of("orders", "hourly", now()), PointStatus::Good));
    let expected = "until the point of 20261121T140000Z";
    assert_eq!(until(&deciding, &points, 0).unwrap(), expected);
    // One of this very moment does.
    points.push(good(now()));
    assert_eq!(
        until(&deciding, &points, 0).unwrap(),
        "until the point of 20261121T130000Z"
    );
}

#[test]
fn what_ends_at_this_very_moment_has_ended() {
    let deciding = by(Rules {
        keep_last: 2,
        ..Rules::default()
    });
    let mut points = points(2);
    points[1].locked_until = Some(now());
    assert_eq!(
        until(&deciding, &points, 1).unwrap(),
        "until the point of 20261121T130000Z"
    );
}

/// In St. John's clocks went back at one minute past midnight: after the first slot of the new day the old one came back.
#[test]
fn a_day_that_comes_back_takes_the_place_of_its_last_point() {
    let zone = zone("America/St_Johns");
    let schedule = Schedule::cron("0,30 * * * *", zone.clone()).unwrap();
    let days = Rules {
        daily: 5,
        ..Rules::default()
    };
    let deciding = Deciding::by(rules(days, 1), &zone);
    let now = at("2010-11-07T02:10:00Z");
    let points = [good(at("2010-11-07T02:00:00Z"))];
    let coming = between(&schedule, now, now + HOUR * 60);
    let first = |slot: Timestamp| zone.to_datetime(slot).to_string();
    assert_eq!(
        [first(coming[0]), first(coming[1])],
        ["2010-11-07T00:00:00", "2010-11-06T23:30:00"]
    );
    assert_foretold(&deciding, &schedule, &coming, &points, &[], now).unwrap();
}

#[test]
fn a_held_point_stays_until_the_hold_is_lifted_and_a_damaged_one_without_an_end() {
    let deciding = by(Rules {
        keep_last: 1,
        ..Rules::default()
    });
    let mut points = points(3);
    points[1].held = true;
    points[2].status = PointStatus::Damaged;
    assert_eq!(until(&deciding, &points, 1).unwrap(), "until the hold is lifted");
    assert_eq!(until(&deciding, &points, 2).unwrap(), "without an end in sight");
}

#[test]
fn what_only_a_copy_keeps_goes_with_the_next_point() {
    let deciding = by(Rules {
        keep_last: 1,
        ..Rules::default()
    });
    let mut points = points(3);
    points[2].in_copy = true;
    assert_eq!(
        until(&deciding, &points, 2).unwrap(),
        "until the point of 20261121T130000Z"
    );
}

#[test]
fn without_a_rule_everything_stays() {
    let deciding = by(Rules::default());
    assert_eq!(until(&deciding, &points(3), 2).unwrap(), "without an end in sight");
}

#[test]
fn months_and_quarters_are_leapt_over_one_by_one() {
    let (slot, now) = (at("2026-12-31T23:00:00Z"), at("2026-12-31T23:20:00Z"));
    let goes = |given: Rules| {
        let points = [good(slot)];
        forecast(
            &by(given).keeping(),
            &hourly(),
            &Series::of(&points),
            &points[0].id,
            now,
        )
        .map(|until| until.to_string())
    };
    let months = Rules {
        monthly: 100,
        ..Rules::default()
    };
    assert_eq!(goes(months).unwrap(), "until the point of 20350401T000000Z");
    for (quarterly, end) in [(2, "20270401"), (40, "20361001")] {
        let quarters = Rules {
            quarterly,
            ..Rules::default()
        };
        assert_eq!(goes(quarters).unwrap(), format!("until the point of {end}T000000Z"));
    }
}

#[test]
fn a_yearly_rule_and_a_large_count_are_looked_up_in_no_time() {
    let deciding = by(Rules {
        yearly: 50,
        ..Rules::default()
    });
    let points = points(2);
    assert_eq!(
        until(&deciding, &points, 0).unwrap(),
        "until the point of 20261121T130000Z"
    );
    let old = vec![good(at("2025-12-31T23:00:00Z"))];
    assert_eq!(
        until(&deciding, &old, 0).unwrap(),
        "until the point of 20750101T000000Z"
    );
    let endless = by(Rules {
        keep_last: u32::MAX,
        keep_within_hourly: Some(HOUR * (36_500 * 24)),
        ..Rules::default()
    });
    assert_eq!(until(&endless, &points, 0).unwrap(), "without an end in sight");
}
