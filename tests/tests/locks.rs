//! What a point's manifest says to be locked is locked, whatever it shares with others and whatever happens on the way; and it
//! costs few requests.

use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_catalog::{BlobRole, Lock, LockMode, OutcomeStatus, PointId, Report, ReportStatus, layout, seal};
use holdfast_lambda::Failure;
use holdfast_sources::lambda;
use holdfast_testkit::{Faults, MemoryStore, Moment};
use holdfast_tests::checks::{every_locked_point_is_locked, every_point_is_whole, keys_of, tells_of_trouble};
use holdfast_tests::locks::lock_for_days;
use holdfast_tests::{World, order, order_in};
use holdfast_vault::port::{Clock as _, DeleteObjects as _, LockObjects as _, WriteObjects as _};
use holdfast_vault::{PortError, put_blob, read_manifest, read_run};
use jiff::{SignedDuration, Timestamp};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn governance(from: Timestamp, days: i64) -> Lock {
    lock_for_days(from, days, LockMode::Governance)
}

/// What a point shares with another: packs, indexes and blobs.
async fn shared(store: &MemoryStore, one: &PointId, other: &PointId) -> u64 {
    let mut keys = BTreeSet::new();
    for point in [one, other] {
        let manifest = read_manifest(store, point).await.unwrap();
        let of_point = keys_of(store, &manifest).await;
        keys = match keys.is_empty() {
            true => of_point,
            false => keys.intersection(&of_point).cloned().collect(),
        };
    }
    keys.len() as u64
}

async fn versions(store: &MemoryStore, prefix: &str) -> usize {
    store.list_versions(prefix, None).await.unwrap().len()
}

#[tokio::test]
async fn a_month_of_daily_points_extends_the_lock_of_each_shared_object_once_a_week_in_either_vault() {
    let world = World::with_locks(200);
    let mut last: Option<(PointId, Timestamp)> = None;
    let (mut steps, mut most_shared) = (0, 0);
    for day in 0..31 {
        world.tables.put("orders", order_in(day, "shipped"));
        let lock = governance(world.clock.now(), 35);
        let before = (world.home.extended_locks(), world.replica.extended_locks());
        let point = world.make_locked(lock).await;
        world.replicate().run_all(&world.clock).await.unwrap();

        let mut expected = 0;
        if let Some((parent, until)) = &last
            && *until != lock.contents_until
        {
            steps += 1;
            expected = shared(&world.home, parent, &point).await;
            most_shared = expected.max(most_shared);
        }
        let extended = (
            world.home.extended_locks() - before.0,
            world.replica.extended_locks() - before.1,
        );
        assert_eq!(extended, (expected, expected), "day {day}");
        for store in [&world.home, &world.replica] {
            assert_eq!(
                every_locked_point_is_locked(store, &format!("day {day}")).await,
                day as usize + 1
            );
        }
        last = Some((point, lock.contents_until));
        world.later(DAY);
    }
    assert!(
        steps >= 4 && most_shared > 5,
        "{steps} steps, at most {most_shared} shared"
    );
}

#[tokio::test]
async fn within_a_week_no_shared_pack_is_even_looked_at_for_its_lock() {
    let world = World::with_locks(50);
    let lock = governance(world.clock.now(), 30);
    world.make_locked(lock).await;
    world.later(SignedDuration::from_hours(1));
    world.script.restart();
    world.make_locked(lock).await;
    let looked_at: Vec<String> = world
        .script
        .calls()
        .into_iter()
        .filter(|call| call.name == "extend_lock")
        .map(|call| call.subject)
        .collect();
    assert!(
        looked_at.iter().all(|key| key.starts_with(layout::BLOBS)),
        "{looked_at:#?}"
    );
    assert_eq!(looked_at.len(), 1, "the configuration: {looked_at:#?}");
}

#[tokio::test]
async fn facts_tombstones_and_work_in_flight_are_never_locked() {
    let world = World::with_locks(20);
    world.make_locked(governance(world.clock.now(), 30)).await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world.verify().run_all(&world.clock).await.unwrap();
    for store in [&world.home, &world.replica] {
        let locked: BTreeSet<String> = store
            .keys("")
            .into_iter()
            .filter(|key| store.lock_on(key).is_some())
            .collect();
        let folders: BTreeSet<&str> = locked.iter().filter_map(|key| key.split('/').next()).collect();
        assert_eq!(folders, BTreeSet::from(["blobs", "packs", "parts", "points"]));
    }
    assert!(!world.home.keys(layout::FACTS).is_empty() && !world.home.keys(layout::RUNS).is_empty());
}

#[tokio::test]
async fn the_first_locked_point_of_a_vault_without_locks_locks_what_it_shares() {
    let world = World::with_locks(20);
    world.tick().await;
    world.later(DAY);
    let before = versions(&world.home, layout::PACKS).await;
    world.make_locked(governance(world.clock.now(), 30)).await;
    assert_eq!(every_locked_point_is_locked(&world.home, "the first").await, 1);
    assert_eq!(
        versions(&world.home, layout::PACKS).await,
        before,
        "nothing is stored again"
    );
}

#[tokio::test]
async fn a_vault_that_was_copied_without_its_locks_gets_them_with_its_next_point() {
    let original = World::with_locks(20);
    let lock = governance(original.clock.now(), 30);
    original.make_locked(lock).await;
    let world = World::with_locks(20);
    for (key, body) in original.home.contents() {
        world.home.overwrite(&key, body).await.unwrap();
    }
    world.later(SignedDuration::from_hours(1));
    let point = world.make_locked(lock).await;
    let manifest = read_manifest(&world.home, &point).await.unwrap();
    assert!(manifest.parent.is_some());
    for key in keys_of(&world.home, &manifest).await {
        assert_eq!(world.home.lock_on(&key), lock.on(&key), "{key}");
    }
}

#[tokio::test]
async fn a_point_in_another_lock_mode_stores_anew_what_it_may_not_lock() {
    let world = World::with_locks(20);
    let now = world.clock.now();
    let first = world.make_locked(governance(now, 30)).await;
    world.later(DAY);
    let second = world.make_locked(lock_for_days(now, 30, LockMode::Compliance)).await;
    assert_eq!(every_locked_point_is_locked(&world.home, "in compliance mode").await, 2);
    let items = async |point| {
        let data = read_manifest(&world.home, point).await.unwrap().data.unwrap();
        (data.items, data.new_items)
    };
    assert_eq!((items(&first).await, items(&second).await), ((20, 20), (20, 20)));
    world.later(DAY);
    let third = world.make_locked(lock_for_days(now, 30, LockMode::Compliance)).await;
    assert_eq!(items(&third).await, (20, 0));
}

#[tokio::test]
async fn a_run_that_is_cut_at_its_pages_locks_what_each_of_its_invocations_refers_to() {
    let world = World::with_locks(60);
    let first = governance(world.clock.now(), 30);
    world.make_locked(first).await;
    for n in [5, 25, 45] {
        world.tables.put("orders", order_in(n, "shipped"));
    }
    world.later(DAY * 10);
    let lock = governance(world.clock.now(), 30);
    assert!(lock.contents_until > first.contents_until);
    world.tables.page_items(7);
    world.tables.page_time(&world.clock, SignedDuration::from_secs(20));
    let point = world.begin_locked(lock).await.unwrap();
    let mut invocations = 0;
    while read_manifest(&world.home, &point).await.is_err() {
        world.clock.set_remaining(SignedDuration::from_secs(60));
        world.work_on(&point).await.unwrap();
        invocations += 1;
        assert!(invocations < 20, "no end");
    }
    assert!(invocations > 5, "only {invocations} invocations");
    assert_eq!(every_locked_point_is_locked(&world.home, "cut").await, 2);
    every_point_is_whole(&world.home, "cut").await;
}

#[tokio::test]
async fn an_old_object_is_relied_on_where_it_is_locked_for_long_enough_and_written_again_where_not() {
    let world = World::with_locks(0);
    let body = || Bytes::from_static(b"content");
    let now = || world.clock.now();
    let put = async |hours: Option<i64>| {
        let lock = hours.map(|hours| {
            let until = now() + SignedDuration::from_hours(hours);
            Lock {
                mode: LockMode::Governance,
                points_until: until,
                contents_until: until,
            }
        });
        let vault = world.home.locking(lock);
        put_blob(&vault, now(), BlobRole::Code, body()).await.unwrap();
        world.later(DAY);
        versions(&world.home, layout::BLOBS).await
    };
    assert_eq!(put(None).await, 1);
    assert_eq!(put(None).await, 2, "not locked, and old");
    assert_eq!(put(Some(72)).await, 2, "locked from now on");
    assert_eq!(put(Some(24)).await, 2, "locked for longer than is asked");
    assert_eq!(put(Some(23)).await, 2, "still locked for a day");
    assert_eq!(put(Some(24)).await, 2, "locked again");
    assert_eq!(put(Some(23)).await, 3, "locked for less than the grace");
}

#[tokio::test]
async fn the_code_of_a_function_is_fetched_and_stored_once_while_it_stays_locked() {
    let world = World::with_locks(0);
    world.add_function("bill");
    let lock = governance(world.clock.now(), 60);
    let functions = Faults::new(world.functions.clone(), &world.script);
    let vault = world.home.locking(Some(lock));
    for _ in 0..30 {
        lambda::snapshot(&functions, &vault, world.clock.now(), "bill")
            .await
            .unwrap();
        world.later(DAY);
    }
    assert_eq!(world.script.count("fetch_code"), 2, "an archive of each release");
    assert_eq!(
        versions(&world.home, layout::BLOBS).await,
        3,
        "two archives and the configuration"
    );
    assert_eq!(world.home.extended_locks(), 0);
}

#[tokio::test]
async fn a_point_that_is_not_locked_as_its_plan_asks_is_good_and_its_outcome_says_what_to_change() {
    let world = World::with_locks(20);
    let point = world.begin_locked(governance(world.clock.now(), 30)).await.unwrap();
    let mut record = read_run(&world.home, &point).await.unwrap();
    record.lock = None;
    record.lock_shortfall = Some("not locked: change this".to_owned());
    world.write(&layout::run_record(&point), &seal(&record).unwrap());
    let report = world.work_on(&point).await.unwrap();
    assert_eq!(report.status, ReportStatus::Partial);
    assert_eq!(report.outcomes[0].message, "not locked: change this");
    assert!(world.catalogue().await.get(&point).unwrap().is_good());
    assert_eq!(read_manifest(&world.home, &point).await.unwrap().lock, None);
}

#[tokio::test]
async fn a_replica_that_cannot_lock_gets_the_copy_all_the_same_and_it_is_said() {
    let world = World::with_orders(20);
    world.home.enable_locks();
    let point = world.make_locked(governance(world.clock.now(), 30)).await;
    let report = world.replicate().run_all(&world.clock).await.unwrap();
    assert_eq!(report.status, ReportStatus::Partial, "{report:#?}");
    let message = &report.outcomes[0].message;
    assert!(
        message.contains("not locked") && message.contains("VaultLockMode"),
        "{message}"
    );
    assert_eq!(report.metrics["UnreplicatedPoints"], 0.0);
    assert!(read_manifest(&world.replica, &point).await.is_ok());
    every_point_is_whole(&world.replica, "without locks").await;
    let again = world.replicate().run_all(&world.clock).await.unwrap();
    assert!(again.outcomes.is_empty(), "{again:#?}");

    // From when on it can, new copies are locked, with all that they share with those that are not.
    world.replica.enable_locks();
    world.later(DAY);
    let point = world.make_locked(governance(world.clock.now(), 30)).await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let manifest = read_manifest(&world.replica, &point).await.unwrap();
    for key in keys_of(&world.replica, &manifest).await {
        assert!(world.replica.lock_on(&key).is_some(), "{key}");
    }
}

#[tokio::test]
async fn a_copy_of_a_point_whose_lock_is_over_is_not_locked() {
    let world = World::with_locks(20);
    world.make_locked(governance(world.clock.now(), 30)).await;
    world.later(DAY * 30);
    let report = world.replicate().run_all(&world.clock).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    assert_eq!(every_point_is_whole(&world.replica, "late").await, 1);
    assert!(
        world
            .replica
            .keys("")
            .iter()
            .all(|key| world.replica.lock_on(key).is_none())
    );
}

#[tokio::test]
async fn prune_leaves_what_is_locked_says_until_when_and_removes_it_when_the_lock_is_over() {
    let world = World::with_locks(20);
    let mut points = Vec::new();
    for hour in 0..4 {
        world.tables.put("orders", order_in(1, &format!("changed at {hour}")));
        points.push(world.make_locked(governance(world.clock.now(), 30)).await);
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(1));
    }
    let prune = async || world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    let report = prune().await;
    assert!(
        format!("{report:?}")
            .contains("2 points that no rule keeps stay: they are locked, the last of them until 2026-12-21T04:00:30Z"),
        "{report:#?}"
    );
    assert!(world.home.keys(layout::TOMBSTONES).is_empty());
    world.later(DAY * 38);
    prune().await;
    world.later(DAY * 2);
    let report = prune().await;
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(world.points_of("orders").await, points[2..]);
    every_point_is_whole(&world.home, "after the locks").await;
}

/// What is done to one call, and may the run after it be undisturbed.
fn faults() -> Vec<(Moment, PortError)> {
    let text = || "planted by a test".to_owned();
    vec![
        (Moment::Before, PortError::Throttled(text())),
        (Moment::Before, PortError::Denied(text())),
        (Moment::After, PortError::Unavailable(text())),
    ]
}

/// A point that shares most with another, whose locks are too short for it.
async fn step() -> (World, Lock) {
    let world = World::with_locks(30);
    world.tables.page_items(10);
    world.make_locked(governance(world.clock.now(), 30)).await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world.tables.put("orders", order(31));
    world.later(DAY * 10);
    let lock = governance(world.clock.now(), 30);
    (world, lock)
}

async fn snapshot(world: &World, lock: Lock) -> Result<Report, Failure> {
    let point = world.begin_locked(lock).await?;
    world.work_on(&point).await
}

async fn locked_or_not_there(world: &World, when: &str) -> (usize, usize) {
    every_point_is_whole(&world.home, when).await;
    every_point_is_whole(&world.replica, when).await;
    (
        every_locked_point_is_locked(&world.home, when).await,
        every_locked_point_is_locked(&world.replica, when).await,
    )
}

#[tokio::test]
async fn a_run_disturbed_at_any_call_commits_its_point_locked_as_promised_or_not_at_all() {
    let (uncut, lock) = step().await;
    uncut.script.restart();
    snapshot(&uncut, lock).await.unwrap();
    let calls = uncut.script.calls();
    assert!(
        calls.iter().filter(|call| call.name == "extend_lock").count() > 2,
        "{calls:#?}"
    );
    for call in &calls {
        for fault in faults().into_iter().map(Some).chain([None]) {
            let when = format!("{fault:?} at call {} ({} {})", call.number, call.name, call.subject);
            let (world, lock) = step().await;
            world.script.restart();
            match &fault {
                Some((moment, error)) => world.script.fail(call.number, *moment, error.clone()),
                None => world.script.kill_at(call.number, Moment::After),
            }
            let ran = snapshot(&world, lock).await;
            assert!(locked_or_not_there(&world, &when).await.0 <= 2, "{when}");
            world.script.heal();
            if call.name == "extend_lock" {
                assert!(tells_of_trouble(&ran), "{when}: {ran:#?}");
            }
            snapshot(&world, lock).await.unwrap();
            assert_eq!(locked_or_not_there(&world, &when).await.0, 2, "{when}");
        }
    }
}

#[tokio::test]
async fn a_copy_disturbed_at_any_call_is_locked_as_promised_or_not_there() {
    let begin = async || {
        let (world, lock) = step().await;
        snapshot(&world, lock).await.unwrap();
        world
    };
    let uncut = begin().await;
    uncut.script.restart();
    uncut.replicate().run_all(&uncut.clock).await.unwrap();
    let calls = uncut.script.calls();
    assert!(
        calls.iter().filter(|call| call.name == "extend_lock").count() > 2,
        "{calls:#?}"
    );
    for call in &calls {
        for fault in faults().into_iter().map(Some).chain([None]) {
            let when = format!("{fault:?} at call {} ({} {})", call.number, call.name, call.subject);
            let world = begin().await;
            world.script.restart();
            match &fault {
                Some((moment, error)) => world.script.fail(call.number, *moment, error.clone()),
                None => world.script.kill_at(call.number, Moment::After),
            }
            _ = world.replicate().run_all(&world.clock).await;
            locked_or_not_there(&world, &when).await;
            world.script.heal();
            world.replicate().run_all(&world.clock).await.unwrap();
            assert_eq!(locked_or_not_there(&world, &when).await, (2, 2), "{when}");
        }
    }
}
