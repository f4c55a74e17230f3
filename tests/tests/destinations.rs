//! Several replica regions: each has the copies that plans want there, for as long as they want them.

use holdfast_catalog::{OutcomeStatus, PointId, Region, Report, layout};
use holdfast_sources::lambda::restore::{VaultLocation, VaultPlace};
use holdfast_testkit::{Faults, MemoryReplicas, MemoryStore, Script};
use holdfast_tests::checks::{every_point_is_whole, lines};
use holdfast_tests::{MemoryRegions, Port, World, replica_region};
use holdfast_vault::Catalogue;
use jiff::SignedDuration;
use replicate::{Everywhere, Replicate};
use serde_json::json;

type Ports = Everywhere<Port<MemoryStore>, Port<MemoryStore>, Port<MemoryReplicas>, MemoryRegions>;

/// Both regions, the second with less of it.
const BOTH: &str = "
version: 1
plans:
  - name: standard
    schedule: {every: 1h}
    retention: {keep_last: 3, minimum_good: 1}
    objectives: {rpo: 2h}
    copies:
      - {retention: {keep_last: 2, minimum_good: 1}}
      - {region: us-east-1, retention: {keep_last: 1, minimum_good: 1}}
";

fn far_region() -> Region {
    "us-east-1".parse().unwrap()
}

fn far(world: &World) -> MemoryStore {
    world.home.sibling("far")
}

/// A world whose stack has two replicas.
async fn world(policy: &str) -> World {
    let world = World::with_orders(30);
    world.set_policy(policy);
    world.tick().await;
    world
}

/// Replication to both, with a script of its own before the second.
fn everywhere(world: &World, script: &Script) -> Ports {
    let regions = vec![replica_region(), far_region()];
    let own = Replicate {
        replica_regions: regions.clone(),
        ..world.replicate()
    };
    let mut other = Replicate {
        replica: Faults::new(far(world), script),
        replica_regions: regions,
        ..world.replicate()
    };
    other.spec.bucket = "far".to_owned();
    other.spec.region = far_region();
    Everywhere {
        destinations: vec![own, other],
        vaults: None,
    }
}

async fn replicate(world: &World) -> Report {
    everywhere(world, &Script::new()).run_all(&world.clock).await.unwrap()
}

async fn points(store: &MemoryStore) -> Vec<PointId> {
    let catalogue = Catalogue::read(store).await.unwrap();
    let left = catalogue.points.into_iter().filter(|entry| !entry.is_tombstoned);
    left.map(|entry| entry.id).collect()
}

async fn missing_copies(world: &World) -> f64 {
    let mut verify = world.verify();
    verify
        .replicas
        .push((Faults::new(far(world), &Script::new()), far_region()));
    let report = verify.run_request(verify::Request::Comply, &world.clock).await.unwrap();
    report.metrics["MissingCopies"]
}

#[tokio::test]
async fn a_point_goes_to_every_region_that_its_plan_names_once() {
    let world = world(BOTH).await;
    let report = replicate(&world).await;
    assert_eq!(report.count(OutcomeStatus::Done), 2, "{report:#?}");
    assert!(
        report.outcomes[1].subject.starts_with("us-east-1: dynamodb-table/"),
        "{report:#?}"
    );
    assert_eq!(
        (report.metrics["UnreplicatedPoints"], report.metrics["CopyWaitSeconds"]),
        (0.0, 0.0)
    );
    for store in [&world.replica, &far(&world)] {
        assert_eq!(every_point_is_whole(store, "copied").await, 1);
        assert!(store.keys(layout::POLICY).len() == 1, "each is enough to go on from");
    }
    assert_eq!(replicate(&world).await.outcomes, []);
}

#[tokio::test]
async fn a_plan_that_names_no_region_is_copied_to_the_stacks_own_replica_alone() {
    let world = world(holdfast_tests::POLICY).await;
    let report = replicate(&world).await;
    assert_eq!(report.outcomes.len(), 1, "{report:#?}");
    assert_eq!(
        (points(&world.replica).await.len(), points(&far(&world)).await.len()),
        (1, 0)
    );
}

#[tokio::test]
async fn a_region_without_a_replica_is_said_once() {
    let world = world(&BOTH.replace("us-east-1", "ap-south-1")).await;
    let report = replicate(&world).await;
    let failed: Vec<&str> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.status == OutcomeStatus::Failed)
        .map(|outcome| outcome.message.as_str())
        .collect();
    assert!(
        matches!(failed.as_slice(), [why] if why.contains("MoreReplicaRegions")),
        "{report:#?}"
    );
}

#[tokio::test]
async fn trouble_with_one_destination_keeps_no_copy_from_the_other_and_is_measured() {
    let world = world(BOTH).await;
    world.later(SignedDuration::from_mins(30));
    for fail_at in [1, 5, 9] {
        let script = Script::new();
        script.kill_at(fail_at, holdfast_testkit::Moment::Before);
        let report = everywhere(&world, &script).run_all(&world.clock).await.unwrap();
        assert!(report.count(OutcomeStatus::Failed) > 0, "{fail_at}: {report:#?}");
        assert_eq!(points(&world.replica).await.len(), 1, "{fail_at}");
        assert_eq!(report.metrics["CopyWaitSeconds-eu-west-1"], 0.0);
        // A destination that cannot even be begun with says so itself.
        if let Some(lag) = report.metrics.get("CopyWaitSeconds-us-east-1") {
            assert!((1800.0..1900.0).contains(lag), "{fail_at}: {lag}");
            assert_eq!(report.metrics["CopyWaitSeconds"], *lag);
        }
    }
    assert_eq!(missing_copies(&world).await, 0.0, "they may still come");
    let report = replicate(&world).await;
    assert_eq!(report.count(OutcomeStatus::Done), 1, "{report:#?}");
    assert_eq!(every_point_is_whole(&far(&world), "at last").await, 1);
}

#[tokio::test]
async fn a_point_that_was_pruned_there_before_its_copy_was_noted_does_not_wait_for_ever() {
    let world = world(BOTH).await;
    replicate(&world).await;
    let point = points(&world.home).await.remove(0);
    for store in [&world.home, &far(&world)] {
        // As if the run had been killed between the copy and its fact.
        for fact in store.keys(&layout::facts_of(&point)) {
            store.lose(&fact);
        }
    }
    let pruned = holdfast_catalog::Tombstone {
        point: point.clone(),
        pruned_at: holdfast_vault::port::Clock::now(&world.clock),
        reasons: Vec::new(),
    };
    for store in [&world.replica, &far(&world)] {
        holdfast_vault::write_tombstone(store, &pruned).await.unwrap();
    }
    world.later(SignedDuration::from_hours(5));
    let report = replicate(&world).await;
    assert_eq!(report.count(OutcomeStatus::Unchanged), 2, "{report:#?}");
    for metric in ["UnreplicatedPoints", "CopyWaitSeconds"] {
        assert_eq!(report.metrics[metric], 0.0, "{metric}");
    }
}

#[tokio::test]
async fn the_lag_is_the_age_of_the_newest_copy_and_grows_where_nothing_waits() {
    let world = world(BOTH).await;
    replicate(&world).await;
    world.later(SignedDuration::from_hours(5));
    let metrics = replicate(&world).await.metrics;
    for region in ["", "-eu-west-1", "-us-east-1"] {
        let lag = metrics[&format!("CopyLagSeconds{region}")];
        assert!((18_000.0..21_600.0).contains(&lag), "{region}: {lag}");
        assert_eq!(metrics[&format!("CopyWaitSeconds{region}")], 0.0);
    }
}

#[tokio::test]
async fn each_region_keeps_its_own_retention_and_a_copy_under_way_keeps_its_source() {
    let world = world(BOTH).await;
    for _ in 0..5 {
        replicate(&world).await;
        world.later(SignedDuration::from_hours(1));
        world.tick().await;
    }
    let mut prune = world.prune();
    prune.replicas.push(prune::Vault {
        store: Faults::new(far(&world), &Script::new()),
        bucket: "far".to_owned(),
        region: far_region(),
    });
    // The newest is not copied yet: it stays, beside the three.
    let report = prune.run(prune::Mode::Execute, &world.clock).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    let (home, own, far) = (
        points(&world.home).await,
        points(&world.replica).await,
        points(&far(&world)).await,
    );
    assert_eq!((home.len(), own.len(), far.len()), (4, 2, 1), "{report:#?}");
    assert_eq!(own[1], far[0]);
}

#[tokio::test]
async fn what_is_copied_to_one_region_only_is_missing_in_the_other() {
    let world = world(BOTH).await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world.later(SignedDuration::from_hours(3));
    assert!(missing_copies(&world).await > 0.0);
    replicate(&world).await;
    assert_eq!(missing_copies(&world).await, 0.0);
}

#[tokio::test]
async fn of_three_copies_a_restore_takes_the_nearest_then_home_then_the_plans_order() {
    for (damaged, target, expected) in [
        (vec![], "us-east-1", "far"),
        (vec!["far"], "us-east-1", "home"),
        (vec!["far", "home"], "us-east-1", "replica"),
        (vec!["home"], "ap-south-1", "replica"),
        (vec!["home", "replica"], "ap-south-1", "far"),
    ] {
        let world = world(BOTH).await;
        replicate(&world).await;
        for store in [&world.home, &world.replica, &far(&world)] {
            if damaged.contains(&store.bucket()) {
                let packs = store.keys(layout::PACKS);
                packs.iter().for_each(|pack| store.damage(pack, |bytes| bytes.clear()));
            }
        }
        let mut restore = world.restore();
        restore.replicas.push(restore::Vault {
            store: Faults::new(far(&world), &Script::new()),
            location: VaultLocation {
                place: VaultPlace::Bucket("far".to_owned()),
                region: far_region(),
            },
        });
        let event =
            json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "again", "region": target}});
        let request = restore::Request::parse(event).unwrap();
        let report = restore.run(request, &world.clock).await.unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{damaged:?}: {report:#?}");
        assert_eq!(lines(&world, "again"), lines(&world, "orders"), "{damaged:?}");
        let notes = report.notes.join("\n");
        let last = notes.rsplit("vault ").next().unwrap_or_default();
        let read = if damaged.is_empty() || !notes.contains("given up") {
            last
        } else {
            notes.rsplit("the one in ").next().unwrap()
        };
        assert!(read.starts_with(expected), "{damaged:?} {target}: {notes}");
    }
}
