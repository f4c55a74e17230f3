//! The laws of retention, a property each.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use holdfast_catalog::{PointId, Slot};
use holdfast_policy::{Bucket, Keep, KeepReason, Period, PointState, PointStatus, Retained, Retention, Rules, Verdict};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{
    any_deciding, any_points, any_series, at, born, decide, good, id, id_of, is_good_and_free, is_plain, is_young,
    retain, rules, slots, zone, zones,
};

fn removed(decisions: &[Retained]) -> BTreeSet<String> {
    let removed = decisions.iter().filter(|decision| !decision.is_kept());
    removed.map(|decision| decision.point.to_string()).collect()
}

/// The same rules with one of them raised or added.
fn raised(rules: &Rules, which: usize, by: u32) -> Rules {
    let mut rules = rules.clone();
    let counts = [
        &mut rules.keep_last,
        &mut rules.hourly,
        &mut rules.daily,
        &mut rules.weekly,
        &mut rules.monthly,
        &mut rules.quarterly,
        &mut rules.yearly,
    ];
    if which < counts.len() {
        *counts.into_iter().nth(which).unwrap() += by;
        return rules;
    }
    let within = [
        &mut rules.keep_within,
        &mut rules.keep_within_hourly,
        &mut rules.keep_within_daily,
        &mut rules.keep_within_weekly,
        &mut rules.keep_within_monthly,
        &mut rules.keep_within_quarterly,
        &mut rules.keep_within_yearly,
    ];
    if let Some(within) = within.into_iter().nth(which - 7) {
        *within = Some(within.unwrap_or_default() + SignedDuration::from_hours(by.into()));
    }
    rules
}

/// The newest attempt that has failed, if no good point is newer.
fn failing(points: &[PointState], failed: &[PointId], now: Timestamp) -> Option<Slot> {
    let standing = points.iter().filter(|point| !point.tombstoned);
    let newest = |is_good: bool| {
        let points = standing
            .clone()
            .filter(move |point| (point.status == PointStatus::Good) == is_good);
        let slots = points.map(|point| point.id.slot).filter(|slot| slot.instant() <= now);
        slots.max()
    };
    let failed = failed
        .iter()
        .map(|attempt| attempt.slot)
        .filter(|slot| slot.instant() <= now);
    newest(false)
        .max(failed.max())
        .filter(|attempt| Some(*attempt) > newest(true))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn law_1_the_newest_good_point_is_kept_whatever_else_the_input_holds(
        (points, failed, now) in any_series(), deciding in any_deciding(),
        twice in any::<bool>(), later in 0_i64..200_000,
    ) {
        // Repetitions and a second series must not matter, nor that it has a tombstone or a date in the future.
        let mut input = points.clone();
        if twice {
            input.extend(points.clone());
        }
        input.extend(points.iter().map(|point| PointState {
            id: id_of("other", "standard", point.id.slot.instant()),
            status: PointStatus::Good,
            ..point.clone()
        }));
        let now = now + SignedDuration::from_hours(later);
        let kept = deciding.kept(&input, &failed, now);
        for name in ["orders", "other"] {
            let good = input.iter().filter(|point| point.status == PointStatus::Good && point.id.resource.name == name);
            if let Some(newest) = good.clone().max_by_key(|point| point.id.slot) {
                prop_assert!(kept[&newest.id], "{}", newest.id);
            }
            let live = good.filter(|point| is_plain(point, now));
            if let Some(newest) = live.max_by_key(|point| point.id.slot) {
                prop_assert!(kept[&newest.id], "{}", newest.id);
            }
        }
    }

    #[test]
    fn law_1b_the_newest_good_points_are_kept_up_to_the_floor_with_a_tombstone_or_without(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let kept = deciding.kept(&points, &failed, now);
        let floor = deciding.retention.minimum_good.get() as usize;
        // A point that is being copied stays anyway and takes no place; with a tombstone, being copied means nothing.
        let with_tombstones = |point: &PointState, now| is_good_and_free(point, now) && (point.tombstoned || !point.in_copy);
        type Counts<'a> = &'a dyn Fn(&PointState, Timestamp) -> bool;
        let counts: [Counts<'_>; 2] = [&is_plain, &with_tombstones];
        for counts in counts {
            let mut good: Vec<_> = points.iter().filter(|point| counts(point, now)).collect();
            good.sort_by_key(|point| std::cmp::Reverse(point.id.slot));
            for point in good.into_iter().take(floor) {
                prop_assert!(kept[&point.id], "{}", point.id);
            }
        }
    }

    #[test]
    fn law_2_every_point_is_either_kept_or_removed((points, failed, now) in any_series(), deciding in any_deciding()) {
        let decisions = deciding.retain(&points, &failed, now);
        let mut decided: Vec<_> = decisions.iter().map(|decision| decision.point.clone()).collect();
        let mut given: Vec<_> = points.iter().map(|point| point.id.clone()).collect();
        decided.sort();
        given.sort();
        prop_assert_eq!(decided, given);
    }

    #[test]
    fn law_2b_every_decision_has_a_reason((points, failed, now) in any_series(), deciding in any_deciding()) {
        for decision in deciding.retain(&points, &failed, now) {
            prop_assert!(!decision.reasons().is_empty(), "{}", decision.point);
        }
    }

    #[test]
    fn law_3_deciding_again_on_what_was_kept_removes_nothing(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let kept = deciding.kept(&points, &failed, now);
        let rest: Vec<_> = points.into_iter().filter(|point| kept[&point.id]).collect();
        prop_assert_eq!(removed(&deciding.retain(&rest, &failed, now)), BTreeSet::new());
    }

    #[test]
    fn law_4_and_5_raising_a_count_or_adding_a_rule_never_removes_more(
        (points, failed, now) in any_series(), deciding in any_deciding(), which in 0_usize..15, by in 1_u32..5,
    ) {
        let before = removed(&deciding.retain(&points, &failed, now));
        let mut after = deciding;
        let floor = &mut after.retention.minimum_good;
        match (which, &mut after.retention.keep) {
            (14, _) => *floor = floor.saturating_add(by),
            (_, Keep::Rules(rules)) => *rules = raised(rules, which, by),
            (_, Keep::All) => {}
        }
        let after = removed(&after.retain(&points, &failed, now));
        prop_assert!(after.is_subset(&before), "{after:?} {before:?}");
    }

    /// The boundaries are those of before and two more: the ends of the minimum and the maximum of each point.
    #[test]
    fn law_6_moving_now_without_crossing_a_boundary_changes_nothing(
        (points, failed, now) in any_series(), deciding in any_deciding(), share in 0.0..1.0_f64,
    ) {
        // What now is compared with: slots that come, locks that end and ages that are reached.
        let of_point = |point: &PointState| [
            Some(point.id.slot.instant()),
            point.locked_until,
            deciding.compliance.minimum_until(born(point)),
            deciding.compliance.maximum_until(born(point)),
        ];
        let boundaries = points.iter().flat_map(of_point).flatten();
        let boundaries = boundaries.chain(failed.iter().map(|attempt| attempt.slot.instant()));
        let next = boundaries.filter(|boundary| *boundary > now).min();
        let room = next.map_or(SignedDuration::from_hours(1_000_000), |next| next.duration_since(now));
        let later = now + SignedDuration::from_secs_f64(room.as_secs_f64() * share * 0.999);
        prop_assert_eq!(deciding.retain(&points, &failed, now), deciding.retain(&points, &failed, later));
    }

    #[test]
    fn law_7_the_order_of_the_input_is_irrelevant(
        (points, mut failed, now) in any_series(), deciding in any_deciding(), seed in any::<u64>(),
    ) {
        let mut shuffled = points.clone();
        shuffled.sort_by_key(|point| holdfast_catalog::Sha256::of(format!("{seed} {}", point.id).as_bytes()));
        let before = deciding.retain(&points, &failed, now);
        failed.reverse();
        prop_assert_eq!(before, deciding.retain(&shuffled, &failed, now));
    }

    #[test]
    fn law_8_protected_points_are_never_removed((points, failed, now) in any_series(), deciding in any_deciding()) {
        let kept = deciding.kept(&points, &failed, now);
        for point in points.iter().filter(|point| !point.tombstoned && !is_plain(point, now)) {
            prop_assert!(kept[&point.id], "{point:?}");
        }
    }

    #[test]
    fn a_tombstone_is_lifted_by_a_hold_a_lock_a_minimum_or_a_date_in_the_future(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let kept = deciding.kept(&points, &failed, now);
        let is_locked = |point: &PointState| point.locked_until.is_some_and(|until| until > now);
        for point in points.iter().filter(|point| point.tombstoned) {
            if point.held || is_locked(point) || point.id.slot.instant() > now || is_young(&deciding, point, now) {
                prop_assert!(kept[&point.id], "{point:?}");
            } else if point.status != PointStatus::Good {
                prop_assert!(!kept[&point.id], "{point:?}");
            }
        }
    }

    /// Bent by attempts that fail, and by them alone: a doubtful point that is newer than every good one keeps others, but
    /// takes nobody's place.
    #[test]
    fn law_8b_protected_points_and_tombstones_take_nobodys_place(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let decisions = deciding.retain(&points, &failed, now);
        let plain: Vec<_> = points.iter().filter(|point| is_plain(point, now)).cloned().collect();
        let alone = deciding.retain(&plain, &[], now);
        let plain: BTreeSet<_> = plain.iter().map(|point| &point.id).collect();
        let among = decisions.into_iter().filter(|decision| plain.contains(&decision.point));
        let failing = failing(&points, &failed, now);
        for (alone, among) in alone.into_iter().zip(among) {
            match failing {
                Some(attempt) if !alone.is_kept() => {
                    let reasons = vec![KeepReason::AttemptsFail { attempt }];
                    prop_assert_eq!(among.verdict, Verdict::Keep { reasons });
                }
                _ => prop_assert_eq!(among, alone),
            }
        }
    }

    #[test]
    fn law_9_a_rule_keeps_at_most_one_point_a_bucket_and_no_more_buckets_than_it_counts(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let (mut counted, mut within) = (BTreeMap::<Bucket, u32>::new(), BTreeMap::<Bucket, u32>::new());
        for decision in deciding.retain(&points, &failed, now) {
            let Verdict::Keep { reasons } = decision.verdict else { continue };
            for reason in reasons {
                match reason {
                    KeepReason::Newest { bucket, .. } => *counted.entry(bucket).or_default() += 1,
                    KeepReason::NewestWithin { bucket, .. } => *within.entry(bucket).or_default() += 1,
                    _ => {}
                }
            }
        }
        prop_assert!(counted.values().chain(within.values()).all(|points| *points == 1), "{counted:?} {within:?}");
        let Keep::Rules(rules) = &deciding.retention.keep else { unreachable!() };
        for period in Period::ALL {
            let buckets = counted.keys().filter(|bucket| bucket.period() == period).count();
            prop_assert!(buckets <= rules.count(period) as usize, "{period}: {buckets}");
        }
    }

    #[test]
    fn law_11_a_minimum_beats_all_that_removes_and_removes_nothing_itself(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let with = removed(&deciding.retain(&points, &failed, now));
        let mut free = deciding.clone();
        free.compliance.minimum = None;
        let mut without = removed(&free.retain(&points, &failed, now));
        for point in points.iter().filter(|point| is_young(&deciding, point, now)) {
            without.remove(&point.id.to_string());
        }
        prop_assert_eq!(with, without);
    }

    #[test]
    fn law_12_past_the_maximum_nothing_stays_but_what_wins_over_it(
        (points, failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let is_past = |point: &PointState| {
            let until = deciding.compliance.maximum_until(born(point));
            until.is_some_and(|until| until <= now)
        };
        let past: BTreeSet<_> = points.iter().filter(|point| is_past(point)).map(|point| point.id.clone()).collect();
        for decision in deciding.retain(&points, &failed, now) {
            let Verdict::Keep { reasons } = decision.verdict else { continue };
            let is_by_rule = |reason: &KeepReason| matches!(
                reason,
                KeepReason::All | KeepReason::Last { .. } | KeepReason::Newest { .. } | KeepReason::Within { .. }
                    | KeepReason::NewestWithin { .. } | KeepReason::Minimum { .. }
            );
            prop_assert!(!past.contains(&decision.point) || !reasons.iter().any(is_by_rule), "{reasons:?}");
        }
    }

    #[test]
    fn law_13_a_later_end_or_none_never_removes_more(
        (points, failed, now) in any_series(), deciding in any_deciding(),
        by in proptest::option::of(1_i64..3000), which in any::<bool>(),
    ) {
        let before = removed(&deciding.retain(&points, &failed, now));
        let mut after = deciding;
        let end = if which { &mut after.compliance.maximum } else { &mut after.retention.delete_after };
        *end = end.zip(by).map(|(end, by)| end + SignedDuration::from_hours(by));
        let after = removed(&after.retain(&points, &failed, now));
        prop_assert!(after.is_subset(&before), "{after:?} {before:?}");
    }

    #[test]
    fn law_14_while_the_newest_attempt_has_failed_nothing_gets_a_tombstone(
        (points, mut failed, now) in any_series(), deciding in any_deciding(),
    ) {
        let newest = points.iter().map(|point| point.id.slot.instant()).filter(|slot| *slot <= now).max();
        failed.extend(newest.map(|newest| id(newest + SignedDuration::from_secs(1))).filter(|_| newest < Some(now)));
        let kept = deciding.kept(&points, &failed, now);
        if failing(&points, &failed, now).is_some() {
            prop_assert!(points.iter().filter(|point| !point.tombstoned).all(|point| kept[&point.id]));
        }
    }

    #[test]
    fn pruning_at_every_point_ends_where_pruning_once_ends((_, mut slots) in slots(), deciding in any_deciding()) {
        slots.sort();
        let all: Vec<_> = slots.iter().copied().map(good).collect();
        let mut vault: Vec<PointState> = Vec::new();
        for point in &all {
            vault.push(point.clone());
            let kept = deciding.kept(&vault, &[], point.id.slot.instant());
            vault.retain(|point| kept[&point.id]);
        }
        let once = deciding.kept(&all, &[], *slots.last().unwrap());
        let left: BTreeSet<_> = vault.into_iter().map(|point| point.id).collect();
        prop_assert_eq!(left, once.into_iter().filter(|(_, kept)| *kept).map(|(id, _)| id).collect());
    }

    #[test]
    fn keep_all_removes_nothing_that_has_no_tombstone((points, now) in any_points(), zone in zones()) {
        let retention = Retention { keep: Keep::All, minimum_good: NonZeroU32::MIN, delete_after: None };
        let kept = decide(&retention, &zone, &points, now);
        prop_assert!(points.iter().filter(|point| !point.tombstoned).all(|point| kept[&point.id]));
    }

    #[test]
    fn a_retention_without_any_rule_removes_nothing((_, slots) in slots(), zone in zones()) {
        let points: Vec<_> = slots.iter().copied().map(good).collect();
        let kept = decide(&rules(Rules::default(), 1), &zone, &points, Timestamp::MAX);
        prop_assert!(kept.values().all(|kept| *kept));
    }
}

#[test]
fn a_tombstone_is_called_back_when_the_newer_points_turn_out_damaged() {
    let now = at("2026-11-21T12:00:00Z");
    let day = |days: i64| good(now - SignedDuration::from_hours(24 * days));
    let damaged = |point: PointState| PointState {
        status: PointStatus::Damaged,
        ..point
    };
    let buried = |point: PointState| PointState {
        tombstoned: true,
        ..point
    };
    let points = [damaged(day(1)), damaged(day(2)), day(3), buried(day(4)), buried(day(5))];
    let kept = decide(
        &rules(
            Rules {
                keep_last: 1,
                ..Rules::default()
            },
            2,
        ),
        &zone("UTC"),
        &points,
        now,
    );
    let kept: Vec<bool> = points.iter().map(|point| kept[&point.id]).collect();
    assert_eq!(kept, [true, true, true, true, false]);
}

#[test]
fn a_point_that_is_listed_twice_is_judged_on_the_worst_that_is_said_of_it() {
    let now = at("2026-11-21T12:00:00Z");
    let newer = good(now - SignedDuration::from_hours(1));
    let older = good(now - SignedDuration::from_hours(2));
    let held = PointState {
        held: true,
        ..older.clone()
    };
    let damaged = PointState {
        status: PointStatus::Damaged,
        ..newer.clone()
    };
    let points = [newer, damaged, older, held];
    let retention = rules(
        Rules {
            keep_last: 1,
            ..Rules::default()
        },
        1,
    );
    let decisions = retain(&retention, &zone("UTC"), &points, now);
    let reasons: Vec<_> = decisions.iter().map(Retained::reasons).collect();
    assert_eq!(reasons, [vec!["damaged"], vec!["held"]]);
}
