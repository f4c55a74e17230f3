//! Two at once, in many orders: one result, nothing lost, nothing doubled. Two snapshots at once are in `main_job.rs`.

use holdfast_catalog::{LockMode, Outcome, OutcomeStatus, PointId, Report};
use holdfast_lambda::Failure;
use holdfast_sources::dynamodb::compare;
use holdfast_sources::lambda::read_function;
use holdfast_testkit::Moment;
use holdfast_tests::checks::{every_locked_point_is_locked, every_point_is_whole, lines, shape, tells_of_trouble};
use holdfast_tests::locks::lock_for_days;
use holdfast_tests::{World, order, order_in, sample, table_config};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use serde_json::json;

/// Orders of calls that each race is run in; each is a seed, and the seed stands in every message.
const ORDERS: u64 = 40;

fn small() -> World {
    let world = World::with_orders(20);
    world.tables.page_items(10);
    world
}

async fn two_points() -> World {
    let world = small();
    world.add_function("bill");
    world.tick().await;
    world.tables.put("orders", order_in(3, "shipped"));
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    world
}

/// Begins some turns later, as the seed says: about as many as a whole run takes, at most.
async fn late<T>(seed: u64, work: impl Future<Output = T>) -> T {
    for _ in 0..seed * 37 % 250 {
        tokio::task::yield_now().await;
    }
    work.await
}

async fn whole(world: &World, when: &str) {
    every_point_is_whole(&world.home, when).await;
    every_point_is_whole(&world.replica, when).await;
}

#[tokio::test]
async fn two_replications_at_once_copy_each_point_once() {
    let alone = two_points().await;
    alone.replicate().run_all(&alone.clock).await.unwrap();
    for seed in 0..ORDERS {
        let world = two_points().await;
        world.script.shuffle(seed);
        let (one, other) = (world.replicate(), world.replicate());
        let (a, b) = futures::join!(one.run_all(&world.clock), late(seed, other.run_all(&world.clock)));
        assert!(
            !tells_of_trouble(&a) && !tells_of_trouble(&b),
            "seed {seed}: {a:#?} {b:#?}"
        );
        whole(&world, &format!("seed {seed}")).await;
        assert_eq!(shape(&world.replica).await, shape(&alone.replica).await, "seed {seed}");
        assert_eq!(shape(&world.home).await, shape(&alone.home).await, "seed {seed}");
    }
}

/// Four points, all replicated, two of them tombstoned and past their grace; the next point is due.
async fn removable() -> World {
    let world = small();
    for hour in 0..4 {
        world.tables.put("orders", order_in(19, &format!("changed at {hour}")));
        world.tick().await;
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(1));
    }
    prune(&world).await.unwrap();
    world.later(SignedDuration::from_hours(25));
    world
}

async fn prune(world: &World) -> Result<Report, Failure> {
    world.prune().run(prune::Mode::Execute, &world.clock).await
}

#[tokio::test]
async fn a_snapshot_beside_a_sweep_makes_a_whole_point_and_the_sweep_takes_nothing_that_is_needed() {
    for seed in 0..ORDERS {
        let world = removable().await;
        world.tables.put("orders", order(77));
        world.script.shuffle(seed);
        let snapshot = world.snapshot();
        let (pruned, made) = futures::join!(
            late(seed / 2, prune(&world)),
            late(seed / 3, snapshot.run_due(&world.clock))
        );
        assert!(
            !tells_of_trouble(&pruned) && !tells_of_trouble(&made),
            "seed {seed}: {pruned:#?} {made:#?}"
        );
        assert_eq!(made.unwrap().count(OutcomeStatus::Done), 1, "seed {seed}");
        whole(&world, &format!("seed {seed}")).await;
        prune(&world).await.unwrap();
        whole(&world, &format!("seed {seed}, pruned again")).await;
    }
}

/// A pack that no recipe refers to, older than the grace, whose lines the table still has.
async fn orphaned() -> World {
    let world = small();
    let part = "parts/dynamodb-table/eu-central-1/orders/20261121T030000Z-standard/00000-of-00001.json.zst";
    let denied = PortError::Denied("no part".to_owned());
    world.script.fail_about("create", part, denied);
    world.snapshot().run_due(&world.clock).await.unwrap();
    world.script.heal();
    assert_eq!(world.home.keys("parts/").len() + world.home.keys("points/").len(), 0);
    assert_eq!(world.home.keys("packs/").len(), 2);
    world.later(SignedDuration::from_hours(49));
    world
}

#[tokio::test]
async fn an_orphaned_pack_that_is_written_again_while_the_sweep_removes_it_stays() {
    let (mut swept, mut written) = (0, 0);
    for seed in 0..2 * ORDERS {
        let world = orphaned().await;
        world.script.shuffle(seed);
        let snapshot = world.snapshot();
        let (pruned, made) = futures::join!(
            late(seed / 2, prune(&world)),
            late(seed / 3, snapshot.run_due(&world.clock))
        );
        assert!(
            !tells_of_trouble(&pruned) && !tells_of_trouble(&made),
            "seed {seed}: {pruned:#?} {made:#?}"
        );
        assert_eq!(
            every_point_is_whole(&world.home, &format!("seed {seed}")).await,
            1,
            "seed {seed}"
        );
        swept += world.script.count("delete_version");
        written += world.script.count("overwrite");
        world.later(SignedDuration::from_hours(25));
        prune(&world).await.unwrap();
        assert_eq!(
            every_point_is_whole(&world.home, &format!("seed {seed}, a day on")).await,
            1
        );
    }
    assert!(
        swept > 0 && written > 0,
        "the race never happened: {swept} removed, {written} written again"
    );
}

#[tokio::test]
async fn an_orphaned_pack_that_is_locked_while_the_sweep_removes_it_is_there_in_the_end() {
    let (mut refused, mut removed) = (0, 0);
    for seed in 0..2 * ORDERS {
        let world = orphaned().await;
        world.home.enable_locks();
        world.script.shuffle(seed);
        let lock = lock_for_days(Clock::now(&world.clock), 30, LockMode::Governance);
        let (pruned, point) = futures::join!(
            late(seed / 2, prune(&world)),
            late(seed / 3, async {
                let point = world.begin_locked(lock).await.unwrap();
                world.work_on(&point).await.unwrap();
                point
            })
        );
        let pruned = pruned.unwrap();
        assert_eq!(pruned.count(OutcomeStatus::Failed), 0, "seed {seed}: {pruned:#?}");
        let locked = |outcome: &Outcome| outcome.details.get("locked_versions").and_then(|count| count.as_u64());
        refused += pruned.outcomes.iter().filter_map(locked).sum::<u64>();
        removed += world.script.count("overwrite");
        let when = format!("seed {seed}");
        assert!(world.points_of("orders").await.contains(&point), "{when}");
        every_point_is_whole(&world.home, &when).await;
        every_locked_point_is_locked(&world.home, &when).await;
        world.later(SignedDuration::from_hours(25));
        prune(&world).await.unwrap();
        every_point_is_whole(&world.home, &format!("seed {seed}, a day on")).await;
    }
    assert!(
        refused > 0 && removed > 0,
        "the race never happened: {refused} refused, {removed} removed"
    );
}

#[tokio::test]
async fn a_slow_run_whose_parent_is_pruned_meanwhile_ends_whole_or_not_at_all() {
    for hours in [1, 11, 13, 25, 49] {
        let world = small();
        world.tick().await;
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(1));
        // A run begins on the first point and stands still.
        let slow = PortError::Throttled("stands still".to_owned());
        world
            .script
            .fail_nth("scan", world.script.count("scan") + 1, Moment::Before, slow);
        world.snapshot().run_due(&world.clock).await.unwrap();
        world.script.heal();
        let run: PointId = "dynamodb-table/eu-central-1/orders/20261121T040000Z-standard"
            .parse()
            .unwrap();
        for hour in 0..hours {
            world.tables.put("orders", order_in(hour, "changed"));
            world.later(SignedDuration::from_hours(1));
            by_hand(&world).await;
            world.replicate().run_all(&world.clock).await.unwrap();
            prune(&world).await.unwrap();
        }
        let snapshot = world.snapshot();
        let task = json!({"point": run, "shard": {"index": 0, "of": 1}});
        let task = snapshot::Request::parse(task).unwrap();
        let (pruned, ended) = futures::join!(prune(&world), snapshot.run_request(task, &world.clock));
        assert!(!tells_of_trouble(&pruned), "after {hours} hours: {pruned:#?}");
        let is_there = world.catalogue().await.get(&run).is_some();
        assert_eq!(is_there, hours < 12, "after {hours} hours: {ended:#?}");
        whole(&world, &format!("after {hours} hours")).await;
        world.later(SignedDuration::from_hours(25));
        prune(&world).await.unwrap();
        whole(&world, &format!("a day after {hours} hours")).await;
    }
}

async fn by_hand(world: &World) {
    let request = json!({"resource": "dynamodb-table/eu-central-1/orders"});
    let request = snapshot::Request::parse(request).unwrap();
    let report = world.snapshot().run_request(request, &world.clock).await;
    assert!(!tells_of_trouble(&report), "{report:#?}");
}

#[tokio::test]
async fn two_prunings_at_once_remove_what_one_removes() {
    let alone = removable().await;
    prune(&alone).await.unwrap();
    for seed in 0..ORDERS {
        let world = removable().await;
        world.script.shuffle(seed);
        let (a, b) = futures::join!(prune(&world), late(seed, prune(&world)));
        let (a, b) = (a.unwrap(), b.unwrap());
        whole(&world, &format!("seed {seed}")).await;
        // One may find gone what it was about to read: it stops, and says so.
        if tells_of_trouble(&Ok(a.clone())) || tells_of_trouble(&Ok(b.clone())) {
            prune(&world).await.unwrap();
        }
        assert_eq!(world.home.keys(""), alone.home.keys(""), "seed {seed}: {a:#?} {b:#?}");
        assert_eq!(world.replica.keys(""), alone.replica.keys(""), "seed {seed}");
    }
}

#[tokio::test]
async fn a_replication_beside_a_pruning_ends_with_whole_points_and_every_kept_one_copied() {
    for seed in 0..ORDERS {
        let world = removable().await;
        world.tables.put("orders", order(78));
        world.tick().await;
        world.script.shuffle(seed);
        let replicate = world.replicate();
        let (pruned, copied) = futures::join!(
            late(seed / 2, prune(&world)),
            late(seed / 3, replicate.run_all(&world.clock))
        );
        assert!(
            !tells_of_trouble(&pruned) && !tells_of_trouble(&copied),
            "seed {seed}: {pruned:#?} {copied:#?}"
        );
        whole(&world, &format!("seed {seed}")).await;
        let home = world.catalogue().await;
        let there = holdfast_vault::Catalogue::read(&world.replica).await.unwrap();
        for entry in home.points.iter().filter(|entry| !entry.is_tombstoned) {
            assert!(
                there.get(&entry.id).is_some(),
                "seed {seed}: {} is not copied",
                entry.id
            );
        }
    }
}

#[tokio::test]
async fn two_restores_of_one_table_at_once_make_one_table_with_every_item_once() {
    let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders"}});
    for seed in 0..ORDERS {
        let world = two_points().await;
        let right = lines(&world, "orders");
        world.tables.lose("orders");
        world.script.shuffle(seed);
        let request = restore::Request::parse(event.clone()).unwrap();
        let (one, other) = (world.restore(), world.restore());
        let (a, b) = futures::join!(
            one.run(request.clone(), &world.clock),
            late(seed, other.run(request.clone(), &world.clock))
        );
        if tells_of_trouble(&a) || tells_of_trouble(&b) {
            let again = world.restore().run(request, &world.clock).await;
            assert!(!tells_of_trouble(&again), "seed {seed}: {again:#?} after {a:#?} {b:#?}");
        }
        assert_eq!(lines(&world, "orders"), right, "seed {seed}");
        let differences = compare::differences(&table_config(), &world.tables.config("orders"));
        assert_eq!(differences, [], "seed {seed}: {a:#?} {b:#?}");
    }
}

#[tokio::test]
async fn two_restores_of_one_function_at_once_make_one_function_with_each_version_once() {
    let event = json!({
        "resource": "lambda-function/eu-central-1/bill",
        "target": {"name": "bill"},
        "triggers": "as-before",
    });
    for seed in 0..ORDERS {
        let world = two_points().await;
        world.functions.lose("bill");
        world.functions.lose_mappings("bill");
        world.script.shuffle(seed);
        let request = restore::Request::parse(event.clone()).unwrap();
        let (one, other) = (world.restore(), world.restore());
        let (a, b) = futures::join!(
            one.run(request.clone(), &world.clock),
            late(seed, other.run(request.clone(), &world.clock))
        );
        if tells_of_trouble(&a) || tells_of_trouble(&b) {
            let again = world.restore().run(request, &world.clock).await;
            assert!(!tells_of_trouble(&again), "seed {seed}: {again:#?} after {a:#?} {b:#?}");
        }
        let config = read_function(&world.functions, "bill").await.unwrap().config;
        assert_eq!(config.latest, sample::function().latest, "seed {seed}");
        assert_eq!(
            (config.versions.len(), config.aliases.len()),
            (1, 1),
            "seed {seed}: {config:#?}"
        );
        assert_eq!(
            (config.policy.len(), config.event_sources.len()),
            (1, 1),
            "seed {seed}: {config:#?}"
        );
    }
}

#[tokio::test]
async fn two_verifications_at_once_call_no_point_damaged_and_leave_no_scratch_table() {
    for seed in 0..ORDERS {
        let world = World::with_orders(30);
        world.tables.page_items(3);
        world.tables.set_approximate("orders", 1_000_000, 0);
        world.tick().await;
        world.script.shuffle(seed);
        let (one, other) = (world.verify(), world.verify());
        let (a, b) = futures::join!(one.run_all(&world.clock), late(seed, other.run_all(&world.clock)));
        let (a, b) = (a.unwrap(), b.unwrap());
        assert!(
            !world.catalogue().await.points.iter().any(|entry| entry.is_damaged()),
            "seed {seed}: {a:#?} {b:#?}"
        );
        world.later(SignedDuration::from_mins(21));
        for _ in 0..2 {
            world.verify().run_all(&world.clock).await.unwrap();
        }
        assert_eq!(world.tables.names(), ["orders"], "seed {seed}: {a:#?} {b:#?}");
    }
}
