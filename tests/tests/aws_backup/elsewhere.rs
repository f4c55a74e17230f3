//! Copies of points of AWS Backup in another account, which shows nothing of them: the job's answer is all that is known.

use holdfast_catalog::{ManagedPoint, Outcome, OutcomeStatus, PointId, Region, Report};
use holdfast_testkit::{Faults, MemoryBackups, MemoryStore};
use holdfast_tests::managed::{POLICY, TICK, with_orders};
use holdfast_tests::{BACKUP_VAULT, World, replica_region};
use holdfast_vault::{Catalogue, PortError, read_manifest};
use jiff::SignedDuration;
use replicate::{Everywhere, Replicate};
use serde_json::json;

const OTHER_ACCOUNT: &str = "444455556666";

fn there() -> Region {
    "eu-north-1".parse().unwrap()
}

/// The other account's AWS Backup, whose vault lets this account in.
fn other(world: &World) -> MemoryBackups {
    let backups = world.backups.at(&there(), OTHER_ACCOUNT);
    backups.add_vault(BACKUP_VAULT, None);
    backups.let_in(BACKUP_VAULT, "111122223333");
    backups
}

fn far(world: &World) -> MemoryStore {
    world.home.sibling("far")
}

fn policy(aws_backup: &str) -> String {
    format!("{POLICY}    copies: [{{region: eu-north-1}}]\n{aws_backup}")
}

const ENDS: &str = "    aws_backup: {delete_after: 30d}\n";

/// A world with a point that is to go to the other account.
async fn with_point(policy: &str) -> World {
    let world = with_orders(3);
    world.set_policy(policy);
    world.ticks().await;
    world
}

/// What the replication to the other account says; a replica region of this account is there too, and gets nothing.
async fn replicate(world: &World) -> Report {
    let regions = vec![replica_region(), there()];
    let own = Replicate {
        replica_regions: regions.clone(),
        ..world.replicate()
    };
    let mut other_account = Replicate {
        replica: Faults::new(far(world), &world.script),
        replica_regions: regions,
        other_backup_vault: Some(other(world).vault_arn(BACKUP_VAULT)),
        ..world.replicate()
    };
    other_account.spec.bucket = "far".to_owned();
    other_account.spec.region = there();
    // Another account's replica has a key that we do not know.
    other_account.spec.home_key_arn = String::new();
    let both = Everywhere {
        destinations: vec![own, other_account],
        vaults: None,
    };
    both.run_all(&world.clock).await.unwrap()
}

async fn to_the_end(world: &World) -> Report {
    for _ in 0..20 {
        let report = replicate(world).await;
        world.later(TICK);
        if report.count(OutcomeStatus::Continuing) == 0 {
            return report;
        }
    }
    panic!("the copy never ends");
}

fn only(report: &Report) -> &Outcome {
    assert_eq!(report.outcomes.len(), 1, "{report:#?}");
    &report.outcomes[0]
}

async fn point(world: &World) -> PointId {
    world.catalogue().await.points[0].id.clone()
}

async fn copy_of(world: &World, point: &PointId) -> ManagedPoint {
    read_manifest(&far(world), point).await.unwrap().managed.unwrap()
}

fn with_far(world: &World) -> prune::Vault<Faults<MemoryStore>> {
    prune::Vault {
        store: Faults::new(far(world), &world.script),
        bucket: "far".to_owned(),
        region: there(),
    }
}

#[tokio::test]
async fn a_copy_whose_job_says_so_is_whole_and_named_by_a_manifest_there() {
    let world = with_point(&policy(ENDS)).await;
    let report = to_the_end(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Done, "{report:#?}");
    let copy = copy_of(&world, &point(&world).await).await;
    let kept = &other(&world).points(BACKUP_VAULT)[0];
    assert_eq!(
        (&copy.recovery_point_arn, copy.expires_at),
        (&kept.arn, kept.expires_at)
    );
    assert!(copy.expires_at.is_some());
    let again = replicate(&world).await;
    assert!(again.outcomes.is_empty(), "{again:#?}");
    assert!(again.metrics["CopyLagSeconds-eu-north-1"] > 0.0, "{again:#?}");
    assert_eq!(world.backups.jobs_started(), 2);
}

#[tokio::test]
async fn a_plan_whose_points_never_end_is_refused_before_any_job() {
    let world = with_point(&policy("")).await;
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("delete_after"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1, "the backup's alone");
}

#[tokio::test]
async fn what_an_aws_managed_key_encrypts_is_refused_before_any_job() {
    let world = with_point(&policy(ENDS)).await;
    world.surroundings.give_key_to_aws(&holdfast_tests::key());
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("AWS-managed key"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1, "the backup's alone");
}

#[tokio::test]
async fn residency_comes_before_all_else() {
    let world = with_point(&policy("")).await;
    let residency = "residency:\n  - {select: {kinds: [dynamodb-table]}, allow: [eu-central-1]}\n";
    world.set_policy(&policy(residency));
    let report = replicate(&world).await;
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("residency"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 1, "the backup's alone");
}

#[tokio::test]
async fn an_access_policy_that_lets_nobody_in_is_told_in_the_services_words() {
    let world = with_orders(3);
    world.set_policy(&policy(ENDS));
    world.ticks().await;
    let closed = world.backups.at(&"eu-south-1".parse().unwrap(), OTHER_ACCOUNT);
    let mut elsewhere = world.replicate();
    elsewhere.replica_regions = vec![replica_region(), there()];
    elsewhere.spec.region = there();
    elsewhere.spec.home_key_arn = String::new();
    elsewhere.other_backup_vault = Some(closed.vault_arn("Default"));
    for _ in 0..4 {
        elsewhere.run_all(&world.clock).await.unwrap();
    }
    let report = elsewhere.run_all(&world.clock).await.unwrap();
    assert_eq!(only(&report).status, OutcomeStatus::Failed, "{report:#?}");
    assert!(only(&report).message.contains("access policy"), "{report:#?}");
    assert_eq!(
        world.backups.jobs_started(),
        2,
        "one copy job: a person has to change something"
    );
}

#[tokio::test]
async fn prune_keeps_the_manifest_of_a_copy_until_the_copy_ends_by_itself() {
    let world = with_orders(3);
    world.set_policy(&policy(ENDS));
    for _ in 0..4 {
        world.ticks().await;
        to_the_end(&world).await;
        world.later(SignedDuration::from_hours(1));
    }
    let oldest = point(&world).await;
    let ends = copy_of(&world, &oldest).await.expires_at.unwrap();
    let mut prune = world.prune();
    prune.replicas.push(with_far(&world));
    let mut told = String::new();
    for _ in 0..3 {
        let report = prune.run(prune::Mode::Execute, &world.clock).await.unwrap();
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
        let there = report.outcomes.iter().filter(|one| one.message.contains(OTHER_ACCOUNT));
        told.extend(there.map(|one| one.message.clone()));
        world.later(SignedDuration::from_hours(25));
    }
    assert!(told.contains(&ends.to_string()), "{told}");
    assert!(read_manifest(&far(&world), &oldest).await.is_ok());

    world.later(SignedDuration::from_hours(30 * 24));
    told.clear();
    for _ in 0..2 {
        let report = prune.run(prune::Mode::Execute, &world.clock).await.unwrap();
        told.extend(report.outcomes.iter().map(|one| one.message.clone()));
        world.later(SignedDuration::from_hours(25));
    }
    assert!(told.contains("has ended it there though retention keeps it"), "{told}");
    let gone = read_manifest(&far(&world), &oldest).await;
    assert!(matches!(gone, Err(PortError::NotFound(_))), "{gone:?}");
    assert!(!Catalogue::read(&far(&world)).await.unwrap().points.is_empty());
}

#[tokio::test]
async fn a_restore_from_another_account_says_how_the_copy_comes_back() {
    let world = with_point(&policy(ENDS)).await;
    to_the_end(&world).await;
    let mut restore = world.restore();
    restore.replicas.push(restore::Vault {
        store: Faults::new(far(&world), &world.script),
        location: holdfast_sources::lambda::restore::VaultLocation {
            place: holdfast_sources::lambda::restore::VaultPlace::Bucket("far".to_owned()),
            region: there(),
        },
    });
    let event = json!({
        "resource": "dynamodb-table/eu-central-1/orders",
        "from": "far",
        "target": {"name": "orders-back", "region": "eu-north-1"},
    });
    let ask = async || {
        let request = restore::Request::parse(event.clone()).unwrap();
        match restore.run(request, &world.clock).await {
            Ok(report) => format!("{report:?}"),
            Err(error) => error.to_string(),
        }
    };
    let said = ask().await;
    for words in ["start-copy-job", OTHER_ACCOUNT, "eu-north-1"] {
        assert!(said.contains(words), "{said}");
    }
    world.later(SignedDuration::from_hours(31 * 24));
    let said = ask().await;
    assert!(
        said.contains("has ended it there") && !said.contains("start-copy-job"),
        "{said}"
    );
}
