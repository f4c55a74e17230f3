//! Protected regions that are not the stack's: replicate makes AWS Backup's vaults there, and snapshot waits for them.

use holdfast_catalog::{Arn, ManagedVault, Outcome, OutcomeStatus, Region, Report};
use holdfast_lambda::Failure;
use holdfast_sources::managed::port::{LockBounds, ReadBackupVaults as _};
use holdfast_testkit::{MemoryBackups, Moment};
use holdfast_tests::managed::POLICY;
use holdfast_tests::{BACKUP_VAULT, KEY, MemoryRegions, Port, World, managed_vault, order, table_config};
use holdfast_vault::PortError;
use replicate::Everywhere;

/// A region with a table, and one with nothing.
const ZONES: &str = "zones: [{regions: [us-east-1, us-west-2]}]\n";

fn far() -> Region {
    "us-east-1".parse().unwrap()
}

fn empty() -> Region {
    "us-west-2".parse().unwrap()
}

fn in_far(world: &World) -> MemoryBackups {
    world.backups.in_region(&far())
}

/// A table in another region than the stack's, which AWS Backup is to protect.
fn with_far_table() -> World {
    let world = World::default();
    world.set_policy(&format!("{POLICY}{ZONES}"));
    world.tables.add("orders", &table_config(), (0..3).map(order));
    let arn: Arn = "arn:aws:dynamodb:us-east-1:111122223333:table/orders".parse().unwrap();
    world.resources.add(&arn, &[("backup", "standard")]);
    in_far(&world).attach_tables(&world.tables);
    world
}

/// Replicate in a stack without a replica.
async fn try_to_replicate(world: &World) -> Result<Report, Failure> {
    let everywhere = Everywhere::<_, Port<holdfast_testkit::MemoryStore>, _, MemoryRegions> {
        destinations: Vec::new(),
        vaults: Some(world.backup_vaults()),
    };
    everywhere.run_all(&world.clock).await
}

async fn replicate(world: &World) -> Report {
    try_to_replicate(world).await.unwrap()
}

fn only(report: &Report) -> &Outcome {
    assert_eq!(report.outcomes.len(), 1, "{report:#?}");
    &report.outcomes[0]
}

fn told<'a>(report: &'a Report, region: &str) -> &'a Outcome {
    let mut outcomes = report.outcomes.iter();
    let found = outcomes.find(|outcome| outcome.subject.contains(region));
    found.unwrap_or_else(|| panic!("nothing of {region}: {report:#?}"))
}

fn key_in(region: &str) -> Arn {
    KEY.replace("eu-central-1", region).parse().unwrap()
}

#[tokio::test]
async fn a_plan_over_a_resource_in_another_region_works_without_a_person() {
    let world = with_far_table();
    let report = world.tick().await;
    assert_eq!(only(&report).status, OutcomeStatus::Continuing, "{report:#?}");
    assert!(only(&report).message.contains("replicate makes it"), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), 0);

    let report = replicate(&world).await;
    assert_eq!(report.count(OutcomeStatus::Done), 2, "{report:#?}");
    let vault = in_far(&world).backup_vault(BACKUP_VAULT).await.unwrap();
    assert_eq!(vault.key_arn, Some(key_in("us-east-1")));
    assert_eq!(replicate(&world).await.outcomes, [], "what is there is left alone");

    let report = world.ticks().await;
    assert_eq!(only(&report).status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(in_far(&world).points(BACKUP_VAULT).len(), 1);
}

#[tokio::test]
async fn no_vault_is_made_where_no_plan_needs_one() {
    let world = with_far_table();
    world.set_policy(&format!("{}{ZONES}", holdfast_tests::POLICY));
    assert_eq!(replicate(&world).await.outcomes, []);
    let looked = in_far(&world).backup_vault(BACKUP_VAULT).await;
    assert!(matches!(looked, Err(PortError::NotFound(_))), "{looked:?}");
}

#[tokio::test]
async fn a_vault_that_somebody_made_keeps_its_key_and_is_locked_as_the_one_at_home() {
    let world = with_far_table();
    let key: Arn = "arn:aws:kms:us-east-1:111122223333:key/other".parse().unwrap();
    in_far(&world).add_vault(BACKUP_VAULT, Some(&key));
    let bounds = LockBounds {
        min_days: Some(7),
        max_days: None,
        immutable_from: None,
    };
    world.backups.set_lock(BACKUP_VAULT, bounds);
    let report = replicate(&world).await;
    assert!(
        told(&report, "us-east-1")
            .message
            .starts_with("locked in governance mode")
    );
    assert!(
        told(&report, "us-west-2")
            .message
            .starts_with("made; locked in governance mode")
    );
    let vault = in_far(&world).backup_vault(BACKUP_VAULT).await.unwrap();
    assert_eq!((vault.key_arn, vault.lock), (Some(key), Some(bounds)));
}

#[tokio::test]
async fn trouble_in_one_region_stops_no_other_and_is_told() {
    let world = with_far_table();
    let error = PortError::Denied("planted by a test".to_owned());
    world.script.fail_nth("create_backup_vault", 1, Moment::Before, error);
    let report = replicate(&world).await;
    assert_eq!(
        (report.count(OutcomeStatus::Failed), report.count(OutcomeStatus::Done)),
        (1, 1),
        "{report:#?}"
    );
    let failed = report
        .outcomes
        .iter()
        .find(|outcome| outcome.status == OutcomeStatus::Failed);
    assert!(failed.unwrap().message.contains("us-east-1"), "{report:#?}");
}

#[tokio::test]
async fn the_stacks_own_vault_is_the_stacks_to_make() {
    let world = holdfast_tests::managed::with_orders(1);
    let mut snapshot = world.snapshot();
    snapshot.managed = Some(ManagedVault {
        backup_vault: "gone".to_owned(),
        ..managed_vault()
    });
    let report = snapshot.run_due(&world.clock).await.unwrap();
    assert_eq!(only(&report).status, OutcomeStatus::Failed);
    assert!(only(&report).message.contains("AwsBackup=enabled"), "{report:#?}");
}

#[tokio::test]
async fn failed_at_any_call_the_next_tick_makes_what_is_missing() {
    let uncut = with_far_table();
    uncut.script.restart();
    replicate(&uncut).await;
    for number in 1..=uncut.script.total() {
        for moment in [Moment::Before, Moment::After] {
            let world = with_far_table();
            world.script.restart();
            let error = PortError::Unavailable("planted by a test".to_owned());
            world.script.fail(number, moment, error);
            for _ in 0..2 {
                let _ = try_to_replicate(&world).await;
                world.script.heal();
            }
            for region in [far(), empty()] {
                let vault = world.backups.in_region(&region).backup_vault(BACKUP_VAULT).await;
                assert!(vault.is_ok(), "call {number}, {moment:?}: {region}");
            }
        }
    }
}
