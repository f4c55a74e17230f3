//! The laws of retention, a property each.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use holdfast_policy::{
    Bucket, Keep, KeepReason, Period, PointState, PointStatus, Retained, Retention, Rules, Verdict, retain,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::support::{
    any_points, any_rules, at, decide, good, id_of, is_good_and_free, is_plain, rules, slots, zone, zones,
};

fn any_retention() -> impl Strategy<Value = Retention> {
    (any_rules(), 1_u32..6).prop_map(|(given, minimum)| rules(given, minimum))
}

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
    if let Some(count) = counts.into_iter().nth(which) {
        *count += by;
    } else {
        let longer = rules.keep_within.unwrap_or_default() + SignedDuration::from_hours(by.into());
        rules.keep_within = Some(longer);
    }
    rules
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn law_1_the_newest_good_point_is_kept_whatever_else_the_input_holds(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
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
        let kept = decide(&retention, &zone, &input, now);
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
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        let kept = decide(&retention, &zone, &points, now);
        let floor = retention.minimum_good.get() as usize;
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
    fn law_2_every_point_is_either_kept_or_removed(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        let decisions = retain(&retention, &zone, &points, now);
        let mut decided: Vec<_> = decisions.iter().map(|decision| decision.point.clone()).collect();
        let mut given: Vec<_> = points.iter().map(|point| point.id.clone()).collect();
        decided.sort();
        given.sort();
        prop_assert_eq!(decided, given);
    }

    #[test]
    fn law_2b_every_decision_has_a_reason(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        for decision in retain(&retention, &zone, &points, now) {
            prop_assert!(!decision.reasons().is_empty(), "{}", decision.point);
        }
    }

    #[test]
    fn law_3_deciding_again_on_what_was_kept_removes_nothing(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        let kept = decide(&retention, &zone, &points, now);
        let rest: Vec<_> = points.into_iter().filter(|point| kept[&point.id]).collect();
        prop_assert_eq!(removed(&retain(&retention, &zone, &rest, now)), BTreeSet::new());
    }

    #[test]
    fn law_4_and_5_raising_a_count_or_adding_a_rule_never_removes_more(
        (points, now) in any_points(), given in any_rules(), minimum in 1_u32..6, zone in zones(),
        which in 0_usize..9, by in 1_u32..5,
    ) {
        let before = removed(&retain(&rules(given.clone(), minimum), &zone, &points, now));
        let after = match which {
            8 => rules(given, minimum + by),
            _ => rules(raised(&given, which, by), minimum),
        };
        let after = removed(&retain(&after, &zone, &points, now));
        prop_assert!(after.is_subset(&before), "{after:?} {before:?}");
    }

    #[test]
    fn law_6_moving_now_without_crossing_a_boundary_changes_nothing(
        (points, now) in any_points(), retention in any_retention(), zone in zones(), share in 0.0..1.0_f64,
    ) {
        // What now is compared with: slots that come and locks that end.
        let boundaries = points.iter().flat_map(|point| [Some(point.id.slot.instant()), point.locked_until]).flatten();
        let next = boundaries.filter(|boundary| *boundary > now).min();
        let room = next.map_or(SignedDuration::from_hours(1_000_000), |next| next.duration_since(now));
        let later = now + SignedDuration::from_secs_f64(room.as_secs_f64() * share * 0.999);
        prop_assert_eq!(retain(&retention, &zone, &points, now), retain(&retention, &zone, &points, later));
    }

    #[test]
    fn law_7_the_order_of_the_input_is_irrelevant(
        (points, now) in any_points(), retention in any_retention(), zone in zones(), seed in any::<u64>(),
    ) {
        let mut shuffled = points.clone();
        shuffled.sort_by_key(|point| holdfast_catalog::Sha256::of(format!("{seed} {}", point.id).as_bytes()));
        prop_assert_eq!(retain(&retention, &zone, &points, now), retain(&retention, &zone, &shuffled, now));
    }

    #[test]
    fn law_8_protected_points_are_never_removed(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        let kept = decide(&retention, &zone, &points, now);
        for point in points.iter().filter(|point| !point.tombstoned && !is_plain(point, now)) {
            prop_assert!(kept[&point.id], "{point:?}");
        }
    }

    #[test]
    fn a_tombstone_is_lifted_by_a_hold_a_lock_or_a_date_in_the_future(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        let kept = decide(&retention, &zone, &points, now);
        let is_locked = |point: &PointState| point.locked_until.is_some_and(|until| until > now);
        for point in points.iter().filter(|point| point.tombstoned) {
            if point.held || is_locked(point) || point.id.slot.instant() > now {
                prop_assert!(kept[&point.id], "{point:?}");
            } else if point.status != PointStatus::Good {
                prop_assert!(!kept[&point.id], "{point:?}");
            }
        }
    }

    #[test]
    fn law_8b_protected_points_and_tombstones_take_nobodys_place(
        (points, now) in any_points(), retention in any_retention(), zone in zones(),
    ) {
        let decisions = retain(&retention, &zone, &points, now);
        let plain: Vec<_> = points.iter().filter(|point| is_plain(point, now)).cloned().collect();
        let alone = retain(&retention, &zone, &plain, now);
        let plain: BTreeSet<_> = plain.iter().map(|point| &point.id).collect();
        let among: Vec<_> = decisions.into_iter().filter(|decision| plain.contains(&decision.point)).collect();
        prop_assert_eq!(among, alone);
    }

    #[test]
    fn law_9_a_rule_keeps_at_most_one_point_a_bucket_and_no_more_buckets_than_it_counts(
        (points, now) in any_points(), given in any_rules(), zone in zones(),
    ) {
        let mut kept: BTreeMap<Bucket, u32> = BTreeMap::new();
        for decision in retain(&rules(given.clone(), 1), &zone, &points, now) {
            let Verdict::Keep { reasons } = decision.verdict else { continue };
            for reason in reasons {
                if let KeepReason::Newest { bucket, .. } = reason {
                    *kept.entry(bucket).or_default() += 1;
                }
            }
        }
        prop_assert!(kept.values().all(|points| *points == 1), "{kept:?}");
        for period in Period::ALL {
            let buckets = kept.keys().filter(|bucket| bucket.period() == period).count();
            prop_assert!(buckets <= given.count(period) as usize, "{period}: {buckets}");
        }
    }

    #[test]
    fn pruning_at_every_point_ends_where_pruning_once_ends(
        (_, mut slots) in slots(), retention in any_retention(), zone in zones(),
    ) {
        slots.sort();
        let all: Vec<_> = slots.iter().copied().map(good).collect();
        let mut vault: Vec<PointState> = Vec::new();
        for point in &all {
            vault.push(point.clone());
            let kept = decide(&retention, &zone, &vault, point.id.slot.instant());
            vault.retain(|point| kept[&point.id]);
        }
        let once = decide(&retention, &zone, &all, *slots.last().unwrap());
        let left: BTreeSet<_> = vault.into_iter().map(|point| point.id).collect();
        prop_assert_eq!(left, once.into_iter().filter(|(_, kept)| *kept).map(|(id, _)| id).collect());
    }

    #[test]
    fn keep_all_removes_nothing_that_has_no_tombstone((points, now) in any_points(), zone in zones()) {
        let retention = Retention { keep: Keep::All, minimum_good: NonZeroU32::MIN };
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
