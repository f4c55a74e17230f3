//! One function stopped after each of its calls, another run whole meanwhile, and the first going on. Whatever meets whatever at
//! whatever step, every manifest stands for a whole point, and the newest point restores exactly.

use holdfast_catalog::{Lock, LockMode, OutcomeStatus, PointId};
use holdfast_tests::checks::{every_point_is_whole, lines, tells_of_trouble};
use holdfast_tests::{World, order, order_in};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use serde_json::json;

/// As long as a run can be away and still commit, but for a quarter of an hour.
const NEARLY_A_RUN: SignedDuration = SignedDuration::from_mins(12 * 60 - 15);

fn small() -> World {
    let world = World::with_orders(20);
    world.tables.page_items(10);
    world
}

/// Four points, two of them tombstoned and past their grace; the next one is due, and builds on the newest.
async fn removable() -> World {
    let world = small();
    for hour in 0..4 {
        world.tables.put("orders", order_in(19, &format!("changed at {hour}")));
        world.tick().await;
        world.later(SignedDuration::from_hours(1));
    }
    world.later(SignedDuration::from_hours(25));
    prune(&world).await;
    world.later(SignedDuration::from_hours(25));
    world.tables.put("orders", order(77));
    world
}

/// A pack that no recipe refers to, older than the grace, whose lines the table still has.
async fn orphaned() -> World {
    let world = small();
    let part = "parts/dynamodb-table/eu-central-1/orders/20261121T030000Z-standard/00000-of-00001.json.zst";
    let denied = PortError::Denied("no part".to_owned());
    world.script.fail_about("create", part, denied);
    world.snapshot().run_due(&world.clock).await.unwrap();
    world.script.heal();
    world.later(SignedDuration::from_hours(49));
    world
}

/// Two points; the next one is due.
async fn two_points() -> World {
    let world = small();
    for hour in 0..2 {
        world.tables.put("orders", order_in(3, &format!("changed at {hour}")));
        world.tick().await;
        world.later(SignedDuration::from_hours(1));
    }
    world.tables.put("orders", order(77));
    world
}

async fn prune(world: &World) {
    let report = world.prune().run(prune::Mode::Execute, &world.clock).await;
    assert!(!tells_of_trouble(&report), "{report:#?}");
}

async fn by_hand(world: &World) {
    let request = json!({"resource": "dynamodb-table/eu-central-1/orders"});
    let request = snapshot::Request::parse(request).unwrap();
    let report = world.snapshot().run_request(request, &world.clock).await;
    assert!(!tells_of_trouble(&report), "{report:#?}");
}

/// Every point is whole, and the newest one restores to what the table holds; now, and after another pruning a day later.
async fn all_is_well(world: &World, when: &str) {
    for round in ["", ", a day later"] {
        let when = format!("{when}{round}");
        every_point_is_whole(&world.home, &when).await;
        let name = format!("restored{}", round.len());
        let event = json!({
            "resource": "dynamodb-table/eu-central-1/orders", "point": "latest", "target": {"name": name},
        });
        let request = restore::Request::parse(event).unwrap();
        let report = world.restore().run(request, &world.clock).await.unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{when}: {report:#?}");
        assert_eq!(lines(world, &name), lines(world, "orders"), "{when}: {report:#?}");
        world.tables.lose(&name);
        world.outbox.take_tasks();
        world.later(SignedDuration::from_hours(25));
        prune(world).await;
    }
}

/// Stops a snapshot after each of its calls.
async fn interrupt_snapshot(begin: impl AsyncFn() -> World, meanwhile: impl AsyncFn(&World)) {
    for number in 1.. {
        let world = begin().await;
        let other = world.apart();
        let snapshot = world.snapshot();
        let made = world
            .interrupted(number, snapshot.run_due(&world.clock), meanwhile(&other))
            .await;
        let when = format!("after call {number}");
        let Some(made) = made else {
            assert!(number > 15, "only {number} calls");
            println!("stopped after each of {} calls", number - 1);
            return;
        };
        assert_eq!(
            made.as_ref().unwrap().count(OutcomeStatus::Done),
            1,
            "{when}: {made:#?}"
        );
        all_is_well(&world, &when).await;
    }
}

#[tokio::test]
async fn a_snapshot_during_which_expired_points_are_removed_makes_a_whole_point() {
    interrupt_snapshot(removable, prune).await;
}

#[tokio::test]
async fn a_snapshot_that_is_away_for_hours_while_expired_points_are_removed_makes_a_whole_point() {
    interrupt_snapshot(removable, async |world| {
        world.later(NEARLY_A_RUN);
        prune(world).await;
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_that_finds_a_pack_which_is_swept_meanwhile_makes_a_whole_point() {
    interrupt_snapshot(orphaned, prune).await;
}

#[tokio::test]
async fn a_snapshot_that_finds_a_pack_which_is_swept_hours_later_makes_a_whole_point() {
    interrupt_snapshot(orphaned, async |world| {
        world.later(NEARLY_A_RUN);
        prune(world).await;
    })
    .await;
}

/// The parent is overtaken by newer points and tombstoned as soon as the run has begun, and pruned again when the run is nearly
/// too old.
#[tokio::test]
async fn a_snapshot_whose_parent_is_tombstoned_meanwhile_makes_a_whole_point() {
    interrupt_snapshot(two_points, async |world| {
        for _ in 0..2 {
            world.later(SignedDuration::from_secs(1));
            by_hand(world).await;
        }
        world.replicate().run_all(&world.clock).await.unwrap();
        prune(world).await;
        world.later(NEARLY_A_RUN);
        prune(world).await;
    })
    .await;
}

/// Stops a pruning after each of its calls.
async fn interrupt_prune(begin: impl AsyncFn() -> World, meanwhile: impl AsyncFn(&World)) {
    for number in 1.. {
        let world = begin().await;
        let other = world.apart();
        let prune = world.prune();
        let pruned = prune.run(prune::Mode::Execute, &world.clock);
        let pruned = world.interrupted(number, pruned, meanwhile(&other)).await;
        let when = format!("after call {number}");
        let Some(pruned) = pruned else {
            assert!(number > 15, "only {number} calls");
            println!("stopped after each of {} calls", number - 1);
            return;
        };
        assert!(!tells_of_trouble(&pruned), "{when}: {pruned:#?}");
        all_is_well(&world, &when).await;
    }
}

async fn tick(world: &World) {
    world.later(SignedDuration::from_mins(10));
    assert_eq!(world.tick().await.count(OutcomeStatus::Done), 1);
}

#[tokio::test]
async fn a_snapshot_amid_the_removal_of_expired_points_makes_a_whole_point() {
    interrupt_prune(removable, tick).await;
}

#[tokio::test]
async fn a_snapshot_amid_the_sweep_of_what_it_finds_makes_a_whole_point() {
    interrupt_prune(orphaned, tick).await;
}

/// Tombstones that may go at any moment; the second of them is called back while a pruning is under way, and a snapshot builds
/// on what is there as soon as it may.
#[tokio::test]
async fn a_point_called_back_amid_its_removal_is_gone_or_stays_whole() {
    let (mut gone, mut stayed) = (0, 0);
    for number in 1.. {
        let world = removable().await;
        let other = world.apart();
        let point = expired(&world).await.remove(1);
        let prune_now = world.prune();
        let pruned = prune_now.run(prune::Mode::Execute, &world.clock);
        let undelete = async {
            other.later(SignedDuration::from_mins(10));
            other.ask_prune(json!({"undelete": point.to_string()})).await;
        };
        let Some(pruned) = world.interrupted(number, pruned, undelete).await else {
            break;
        };
        let when = format!("after call {number}");
        assert!(!tells_of_trouble(&pruned), "{when}: {pruned:#?}");
        let is_there = world.catalogue().await.get(&point).is_some();
        world.later(SignedDuration::from_mins(61));
        prune(&world).await;
        world.tick().await;
        let back = world.catalogue().await.get(&point).cloned();
        assert_eq!(back.is_some_and(|entry| !entry.is_tombstoned), is_there, "{when}");
        *(if is_there { &mut stayed } else { &mut gone }) += 1;
        every_point_is_whole(&world.home, &when).await;
        world.later(SignedDuration::from_hours(13));
        prune(&world).await;
        every_point_is_whole(&world.home, &format!("{when}, hours later")).await;
    }
    assert!(gone > 10 && stayed > 10, "{gone} gone, {stayed} stayed");
}

/// A run may come to rely on an old content that nothing has referred to by locking it. A sweep that had marked before, and goes
/// on when the lock is over, leaves it all the same.
#[tokio::test]
async fn a_content_that_a_point_came_to_rely_on_by_locking_it_amid_a_sweep_outlives_its_lock() {
    let mut world = orphaned().await;
    world.home.enable_locks();
    world.home = world.home.paged(2);
    let is_sweeping = |world: &World| {
        let states = world.home.contents().into_iter();
        let mut states = states.filter(|(key, _)| key.ends_with("/state.json"));
        states.any(|(_, state)| String::from_utf8_lossy(&state).contains("\"phase\": \"sweep\""))
    };
    while !is_sweeping(&world) {
        world.clock.set_remaining(SignedDuration::from_secs(60));
        prune(&world).await;
    }
    let until = world.clock.now() + SignedDuration::from_hours(25);
    let lock = Lock {
        mode: LockMode::Governance,
        points_until: until,
        contents_until: until,
    };
    let packs = world.home.keys("packs/");
    world.script.restart();
    world.make_locked(lock).await;
    assert_eq!(
        (world.script.count("overwrite"), world.home.keys("packs/")),
        (0, packs),
        "the old pack is relied on"
    );
    world.later(SignedDuration::from_hours(24 * 5));
    prune(&world).await;
    assert!(!is_sweeping(&world), "the sweep has gone on");
    all_is_well(&world, "after the lock").await;
}

async fn expired(world: &World) -> Vec<PointId> {
    let points = world.catalogue().await.points.into_iter();
    points
        .filter(|entry| entry.is_tombstoned)
        .map(|entry| entry.id)
        .collect()
}

/// Everything takes one step at a time, with a snapshot and a day between two steps: the sweep that is over in the end removes
/// nothing that came to be needed meanwhile.
#[tokio::test]
async fn a_sweep_that_takes_days_and_many_invocations_removes_what_it_should_and_nothing_else() {
    let mut world = removable().await;
    world.home = world.home.paged(4);
    let gone = expired(&world).await;
    let packs = world.home.keys("packs/").len();
    let mut invocations = 0;
    loop {
        world.clock.set_remaining(SignedDuration::from_secs(60));
        let report = world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
        invocations += 1;
        let when = format!("after {invocations} invocations");
        every_point_is_whole(&world.home, &when).await;
        let sweep = report
            .outcomes
            .iter()
            .find(|outcome| outcome.subject == "sweep")
            .unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{when}: {report:#?}");
        if sweep.status != OutcomeStatus::Continuing {
            break;
        }
        assert!(invocations < 200, "the sweep never ends: {report:#?}");
        world.later(SignedDuration::from_hours(25));
        // Not each time: a sweep has to be quicker than what is added.
        if invocations % 4 == 0 {
            let state = format!("changed at {invocations}");
            world.tables.put("orders", order_in(invocations % 20, &state));
            world.tick().await;
            every_point_is_whole(&world.home, &when).await;
        }
    }
    assert!(invocations > 10, "{invocations}");
    assert!(
        gone.iter()
            .all(|point| !world.home.keys("points/").contains(&format!("points/{point}.json")))
    );
    assert_eq!(world.home.keys("sweeps/"), [""; 0]);
    println!(
        "{invocations} invocations, {packs} packs at first, {} now",
        world.home.keys("packs/").len()
    );
}
