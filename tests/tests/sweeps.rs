//! What a sweep removes, what it says of it, and where it goes on after it stopped.

use std::sync::atomic::{AtomicU32, Ordering};

use holdfast_catalog::layout;
use holdfast_catalog::{Outcome, OutcomeStatus};
use holdfast_testkit::ManualClock;
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::pruning::*;
use holdfast_tests::{World, order_in};
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, WriteObjects as _};
use holdfast_vault::sweep::{Act, Expired, MARKS_BYTES, Margins, SweepEnd, Sweeper, Swept, Watch};
use jiff::{SignedDuration, Timestamp};
use prune::Mode;
use serde_json::Value;

#[tokio::test]
async fn the_report_says_how_much_was_asked_to_go_how_much_went_and_what_that_frees() {
    let world = expired().await;
    let before = world.home.stored_bytes();
    let dry = world.prune().run(Mode::DryRun, &world.clock).await.unwrap();
    let promised = outcome(&dry, "sweep").details["removable_bytes"].as_u64().unwrap();
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert!(
        sweep.message.contains("2 points and") && sweep.message.contains("a month"),
        "{sweep:#?}"
    );
    let removed = sweep.details["removed_bytes"].as_u64().unwrap();
    assert_eq!(before - world.home.stored_bytes(), removed);
    assert_eq!(sweep.details["asked_versions"], sweep.details["removed_versions"]);
    assert!(
        promised > 0 && promised < removed,
        "{promised} of contents, {removed} in all"
    );
    let freed = removed
        + outcome(&report, in_replica("sweep")).details["removed_bytes"]
            .as_u64()
            .unwrap();
    assert_eq!(report.metrics["SweptBytes"] as u64, freed);
    assert_eq!(report.metrics["RemovedPoints"], 4.0);
}

#[tokio::test]
async fn what_the_store_says_it_removed_and_still_lists_is_named_and_not_counted() {
    let world = expired().await;
    let gone = tombstoned(&world).await.remove(1);
    let manifest = holdfast_vault::read_manifest(&world.home, &gone).await.unwrap();
    let part = &manifest.data.unwrap().parts[0];
    let recipe = holdfast_vault::read_committed_part(&world.home, &gone, part)
        .await
        .unwrap();
    let pack = layout::pack(&recipe.packs.last().unwrap().sha256);
    world.home.ignore_removals_of(&pack);
    let before = world.home.stored_bytes();
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert_eq!(sweep.status, OutcomeStatus::Partial, "{sweep:#?}");
    assert!(
        sweep.message.contains("still listed") && sweep.message.contains(&pack),
        "{sweep:#?}"
    );
    assert_eq!(
        before - world.home.stored_bytes(),
        sweep.details["removed_bytes"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn a_version_that_is_only_replaced_goes_and_counts() {
    let world = hourly(1).await;
    prune(&world).await;
    let pack = world.home.keys("packs/").remove(0);
    let body = world.home.contents()[&pack].clone();
    world.later(SignedDuration::from_hours(1));
    world.home.overwrite(&pack, body.clone()).await.unwrap();
    world.later(SignedDuration::from_hours(25));
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert_eq!(sweep.details["superseded_versions"], 1, "{sweep:#?}");
    assert_eq!(sweep.details["removed_bytes"], body.len());
    every_point_is_whole(&world.home, "without the old version").await;
}

#[tokio::test]
async fn a_key_that_is_written_again_since_the_listing_is_left_alone_this_time() {
    let world = expired().await;
    let packs = world.home.keys("packs/");
    world.script.restart();
    prune(&world.apart()).await;
    let gone: Vec<String> = packs
        .into_iter()
        .filter(|key| !world.home.keys("packs/").contains(key))
        .collect();

    let world = expired().await;
    let body = world.home.contents()[&gone[0]].clone();
    let other = world.apart();
    let write = async || other.home.overwrite(&gone[0], body.clone()).await.unwrap();
    // The first look at a content to be removed follows right after the listing of contents.
    let uncut = expired().await;
    uncut.script.restart();
    prune(&uncut).await;
    let calls = uncut.script.calls();
    let first_look = calls
        .iter()
        .find(|call| call.name == "head" && call.subject.starts_with("packs/"))
        .unwrap();
    let sweep = world.prune();
    let run = sweep.run(Mode::Execute, &world.clock);
    let report = world
        .interrupted(first_look.number - 1, run, async { write().await })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(outcome(&report, "sweep").details["renewed_keys"], 1, "{report:#?}");
    assert!(world.home.keys("packs/").contains(&gone[0]));
    let stored = world.home.stored_bytes();
    prune(&world).await;
    assert_eq!(
        stored - world.home.stored_bytes(),
        body.len() as u64,
        "the old version goes the next time"
    );
}

#[tokio::test]
async fn an_error_amid_the_removals_keeps_what_was_done_in_the_report() {
    let world = expired().await;
    let throttled = PortError::Throttled("planted by a test".to_owned());
    world.script.restart();
    world
        .script
        .fail_nth("delete_version", 6, holdfast_testkit::Moment::Before, throttled);
    let before = world.home.stored_bytes();
    let report = prune(&world).await;
    let sweep = outcome(&report, "sweep");
    assert_eq!(sweep.status, OutcomeStatus::Failed);
    assert!(sweep.message.contains("planted by a test"), "{sweep:#?}");
    assert_eq!(
        before - world.home.stored_bytes(),
        sweep.details["removed_bytes"].as_u64().unwrap(),
        "{sweep:#?}"
    );
    assert!(sweep.details["removed_versions"].as_u64().unwrap() > 0);
}

// Events

#[tokio::test]
async fn the_bus_hears_of_every_tombstone_every_removal_and_every_sweep() {
    let world = hourly(4).await;
    prune(&world).await;
    let told = events(&world);
    let count = |told: &[(String, Value)], what: &str| told.iter().filter(|(told, _)| told == what).count();
    assert_eq!((count(&told, prune::TOMBSTONED), count(&told, prune::SWEPT)), (4, 2));
    assert!(
        told.iter()
            .any(|(_, detail)| detail["why"] == "not among the last 2" && detail["bucket"] == "home")
    );
    world.later(SignedDuration::from_hours(25));
    prune(&world).await;
    let told = events(&world);
    assert_eq!((count(&told, prune::REMOVED), count(&told, prune::SWEPT)), (4, 2));
}

#[tokio::test]
async fn a_bus_that_does_not_answer_stops_nothing_and_the_report_says_what_was_not_told() {
    let world = expired().await;
    world
        .script
        .fail_named("publish", PortError::Denied("no bus".to_owned()));
    let report = prune(&world).await;
    assert_eq!(
        (
            report.count(OutcomeStatus::Failed),
            world.points_of("orders").await.len()
        ),
        (0, 2)
    );
    let gaps = report.outcomes.iter().filter(|outcome| outcome.subject == "events");
    let gaps: Vec<&Outcome> = gaps.collect();
    assert_eq!(gaps.len(), 4, "{report:#?}");
    assert!(
        gaps.iter()
            .all(|gap| gap.status == OutcomeStatus::Partial && gap.message.contains("no bus"))
    );
}

// Dry runs

/// A clock by which an invocation is over every so many steps.
struct Impatient<'a> {
    clock: &'a ManualClock,
    every: u32,
    asked: AtomicU32,
}

impl Clock for Impatient<'_> {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn remaining(&self) -> SignedDuration {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        if asked.is_multiple_of(self.every) {
            SignedDuration::ZERO
        } else {
            SignedDuration::MAX
        }
    }

    async fn sleep(&self, time: SignedDuration) {
        self.clock.sleep(time).await;
    }
}

/// Sweeps the home vault with so much memory for marks and so many steps to an invocation.
async fn swept_with(world: &World, marks_bytes: u64, steps: u32) -> (Swept, u32) {
    let mut swept = Swept::default();
    let clock = Impatient {
        clock: &world.clock,
        every: steps,
        asked: AtomicU32::new(0),
    };
    let watch = Watch {
        clock: &clock,
        stop_at: SignedDuration::ZERO,
    };
    let committed = world
        .catalogue()
        .await
        .points
        .into_iter()
        .map(|entry| entry.id)
        .collect();
    let expired = Expired {
        tombstones: &[],
        committed: &committed,
        now: world.clock.now(),
    };
    let sweeper = Sweeper::new(&world.home, Margins::with_grace(SignedDuration::ZERO)).with_marks_of(marks_bytes);
    let mut invocations = 1;
    while sweeper.run(Act::Remove(expired), &watch, &mut swept).await.unwrap() == SweepEnd::OutOfTime {
        invocations += 1;
    }
    (swept, invocations)
}

/// A vault with some thirty contents that are needed and as many that nothing needs.
async fn crowded() -> World {
    let mut world = World::with_orders(60);
    world.home = world.home.paged(8);
    for hour in 0..60 {
        world.tables.put("orders", order_in(hour, "changed"));
        world.tick().await;
        world.later(SignedDuration::from_hours(1));
    }
    for point in world.points_of("orders").await.iter().take(30) {
        world.home.lose(&layout::manifest(point));
        for part in world.home.keys(&layout::parts_of(point)) {
            world.home.lose(&part);
        }
    }
    world.later(SignedDuration::from_hours(25));
    world
}

#[tokio::test]
async fn marks_that_do_not_fit_are_made_range_by_range_and_the_same_goes_however_often_it_stops() {
    const ALL_STEPS: u32 = u32::MAX;
    let roomy = crowded().await;
    let (all, _) = swept_with(&roomy, MARKS_BYTES, ALL_STEPS).await;
    assert!(all.removed_versions > 40, "{all:#?}");
    for steps in [ALL_STEPS, 1, 2, 3, 5, 7, 11] {
        let tight = crowded().await;
        // 256 bits are for 16 contents.
        let (some, invocations) = swept_with(&tight, 32, steps).await;
        assert!(invocations > 60 / steps, "{invocations} invocations of {steps} steps");
        every_point_is_whole(&tight.home, &format!("{steps} steps to an invocation")).await;
        let kept = all.removed_versions - some.removed_versions;
        assert!(kept * 10 < all.removed_versions, "{kept} kept by mistake: {some:#?}");
        let (rest, _) = swept_with(&tight, MARKS_BYTES, ALL_STEPS).await;
        assert_eq!(rest.removed_versions, kept, "{steps} steps to an invocation");
        assert_eq!(tight.home.keys(""), roomy.home.keys(""));
    }
}

/// A sweep of two points that is stopped after so many steps, each of a page of eight.
async fn stopped_after(steps: usize) -> World {
    let mut world = expired().await;
    world.home = world.home.paged(8);
    for _ in 0..steps {
        world.clock.set_remaining(SignedDuration::from_secs(60));
        prune(&world).await;
    }
    world.clock.set_remaining(SignedDuration::from_mins(15));
    world
}

#[tokio::test]
async fn a_state_that_is_damaged_is_dropped_and_a_new_sweep_ends_as_it_should() {
    type Harm = fn(&mut Vec<u8>);
    const HARMS: [Harm; 3] = [
        Vec::clear,
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.reverse(),
    ];
    let finished = expired().await;
    prune(&finished).await;
    let mut harmed = 0;
    for steps in 1.. {
        let states = stopped_after(steps).await.home.keys("sweeps/");
        if states.is_empty() {
            assert!(steps > 8 && harmed > 40, "{steps} steps, {harmed} harmed");
            return;
        }
        for key in states {
            for (n, harm) in HARMS.into_iter().enumerate() {
                let when = format!("{key} after {steps} steps, harm {n}");
                let world = stopped_after(steps).await;
                world.home.damage(&key, harm);
                let report = prune(&world).await;
                assert_eq!(report.count(OutcomeStatus::Failed), 0, "{when}: {report:#?}");
                every_point_is_whole(&world.home, &when).await;
                // What the dropped sweep had removed from the listing is the next one's to look for.
                prune(&world).await;
                assert_eq!(world.home.keys(""), finished.home.keys(""), "{when}");
                harmed += 1;
            }
        }
    }
}
