//! Each call of each step denied, throttled, lost, or the last one that the invocation makes: the next ones end where undisturbed
//! ones end, and no second job is started.

use std::fmt::Debug;

use holdfast_catalog::{Arn, Manifest};
use holdfast_sources::SettingStatus;
use holdfast_sources::managed::port::ReadBackupVaults as _;
use holdfast_sources::managed::{
    Copied, CopyOrder, Removed, Restored, Settled, Surroundings, Tested, VaultSpec, Verdict, WantedLock, Worked,
    copies_of, ensure_vault, restore_database, restore_table, scratch_target, settle, sibling, test_table,
};
use holdfast_testkit::Moment;
use holdfast_vault::port::Clock as _;
use holdfast_vault::{PointEntry, PortError, read_manifest};

use crate::databases;
use crate::world::{TICK, VAULT, World, home, managed, order, point, role, run, target};

/// More ticks than any flow needs.
const TICKS: usize = 40;

#[derive(Debug, Clone)]
enum Fault {
    Kill(Moment),
    Error(Moment, PortError),
}

fn faults() -> Vec<Fault> {
    let text = || "planted by a test".to_owned();
    vec![
        Fault::Kill(Moment::Before),
        Fault::Kill(Moment::After),
        Fault::Error(Moment::Before, PortError::Denied(text())),
        Fault::Error(Moment::Before, PortError::Throttled(text())),
        Fault::Error(Moment::After, PortError::Unavailable(text())),
    ]
}

/// Does every fault to every call of a flow, which `tick` says to be at its end, and compares where it ends.
async fn disturb<S: PartialEq + Debug>(
    begin: impl AsyncFn() -> (World, Option<Manifest>),
    tick: impl AsyncFn(&World, Option<&Manifest>) -> Result<bool, PortError>,
    state: impl AsyncFn(&World) -> S,
) {
    let (clean, manifest) = begin().await;
    clean.script.restart();
    to_the_end(&clean, manifest.as_ref(), &tick, "undisturbed").await;
    let (calls, expected) = (clean.script.calls(), state(&clean).await);
    assert!(calls.len() > 5, "only {} calls", calls.len());
    for call in &calls {
        for fault in faults() {
            let (world, manifest) = begin().await;
            world.script.restart();
            match &fault {
                Fault::Kill(moment) => world.script.kill_at(call.number, *moment),
                Fault::Error(moment, error) => world.script.fail(call.number, *moment, error.clone()),
            }
            let when = format!("{fault:?} at call {} ({} {})", call.number, call.name, call.subject);
            to_the_end(&world, manifest.as_ref(), &tick, &when).await;
            assert_eq!(state(&world).await, expected, "{when}");
        }
    }
}

async fn to_the_end(
    world: &World,
    manifest: Option<&Manifest>,
    tick: &impl AsyncFn(&World, Option<&Manifest>) -> Result<bool, PortError>,
    when: &str,
) {
    for _ in 0..TICKS {
        match tick(world, manifest).await {
            Ok(true) => return,
            Ok(false) => {}
            // The invocation is over; the next one meets no fault.
            Err(_) => world.script.heal(),
        }
        world.later(TICK);
    }
    panic!("{when}: it does not come to its end");
}

async fn with_point() -> (World, Option<Manifest>) {
    let world = World::new();
    let manifest = world.made().await;
    (world, Some(manifest))
}

#[test]
fn a_backup_resumes_and_starts_no_second_job() {
    run(disturb(
        async || (World::new(), None),
        async |world, _| Ok(matches!(world.tick().await?, Worked::Committed(_) | Worked::Existed)),
        async |world| {
            world.script.heal();
            let manifest = read_manifest(&world.store, &point()).await.unwrap();
            let points = world.cloud().points(VAULT).len();
            let arn = managed(&manifest).recovery_point_arn.clone();
            (
                world.cloud().jobs_started(),
                points,
                arn,
                manifest.blobs,
                manifest.not_protected,
            )
        },
    ));
}

#[test]
fn a_copy_resumes_and_starts_no_second_job() {
    run(disturb(
        with_point,
        async |world, manifest| {
            let (role_arn, destination) = (role(), world.destination());
            let order = CopyOrder {
                manifest: manifest.unwrap(),
                destination: &destination,
                role_arn: &role_arn,
            };
            let copied = crate::copies::copied(world, &order).await?;
            Ok(matches!(copied, Copied::Done(_)))
        },
        async |world| {
            world.script.heal();
            let copies = copies_of(&world.store, &point()).await.unwrap();
            let noted = copies
                .last()
                .and_then(|copy| copy.managed.clone())
                .map(|copy| copy.recovery_point_arn);
            (
                world.cloud().jobs_started(),
                world.there.inner().points(VAULT).len(),
                noted,
            )
        },
    ));
}

#[test]
fn a_restore_resumes_and_starts_no_second_job() {
    run(disturb(
        with_point,
        async |world, manifest| {
            let manifest = manifest.unwrap();
            let (target, role) = (target(manifest, "orders-2"), role());
            let order = order(manifest, &target, &role, "runs/restore/0123456789abcdef/");
            match restore_table(&world.backups, &world.tables, &world.store, &world.clock, &order).await? {
                Restored::Before => Ok(true),
                Restored::Done { settings, .. } => {
                    let is_settled = settings.iter().all(|setting| setting.status == SettingStatus::Restored);
                    // What was refused once is tried again when a person has set that right.
                    world.script.heal();
                    Ok(is_settled)
                }
                Restored::Continuing { .. } => Ok(false),
                other => panic!("{other:?}"),
            }
        },
        async |world| {
            let tables = world.tables.inner();
            (
                world.cloud().jobs_started(),
                tables.config("orders-2"),
                tables.items("orders-2"),
            )
        },
    ));
}

#[test]
fn a_restore_of_a_database_resumes_and_starts_no_second_job() {
    for config in [databases::instance(), databases::cluster()] {
        let kind = config.kind();
        run(disturb(
            async || {
                let world = World::new();
                let manifest = databases::made(&world, &config).await;
                (world, Some(manifest))
            },
            async |world, manifest| {
                let manifest = manifest.unwrap();
                let (target, role) = (sibling(&manifest.arn, &home(), "shop-2").unwrap(), role());
                let order = order(manifest, &target, &role, "runs/restore/0123456789abcdef/");
                let step = restore_database(
                    &world.backups,
                    &world.databases,
                    &world.store,
                    &world.clock,
                    &order,
                    kind,
                );
                match step.await? {
                    Restored::Before => Ok(true),
                    Restored::Done { settings, .. } => {
                        let is_settled = settings.iter().all(|setting| setting.status == SettingStatus::Restored);
                        // What was refused once is tried again when a person has set that right.
                        world.script.heal();
                        Ok(is_settled)
                    }
                    Restored::Continuing { .. } => Ok(false),
                    other => panic!("{other:?}"),
                }
            },
            async |world| {
                (
                    world.cloud().jobs_started(),
                    world.databases.inner().config(kind, "shop-2"),
                )
            },
        ));
    }
}

#[test]
fn a_restore_test_resumes_starts_no_second_job_and_leaves_nothing_behind() {
    run(disturb(
        with_point,
        async |world, manifest| {
            let manifest = manifest.unwrap();
            let scratch = scratch_target(&point());
            let is_tested = PointEntry::read(world.store.inner(), &point())
                .await?
                .last("restore-tested")
                .is_some();
            if is_tested && !world.tables.inner().names().contains(&scratch) {
                return Ok(true);
            }
            let (target, role) = (target(manifest, &scratch), role());
            let work = holdfast_catalog::layout::test_work(&point());
            let order = order(manifest, &target, &role, &work);
            match test_table(&world.backups, &world.tables, &world.store, &world.clock, &order).await? {
                Tested::Done { fact, .. } => Ok(fact.matches),
                Tested::Continuing { .. } => Ok(false),
                Tested::Failed { why } => panic!("{why}"),
            }
        },
        async |world| {
            let told: Vec<_> = world.cloud().validations().into_values().collect();
            (world.cloud().jobs_started(), world.tables.inner().names(), told)
        },
    ));
}

#[test]
fn a_removal_resumes_and_ends_with_the_point_gone() {
    run(disturb(
        async || {
            let (world, manifest) = with_point().await;
            // More calls than one: a first try in which nothing is deleted.
            world.cloud().deletes_do_nothing(true);
            (world, manifest)
        },
        async |world, manifest| {
            let vaults = [VAULT.to_owned()].into();
            let surroundings = Surroundings::observe(&world.backups, &vaults).await?;
            let point = managed(manifest.unwrap());
            let settled = settle(&world.backups, point, Verdict::Remove, &surroundings, world.clock.now()).await?;
            world.cloud().deletes_do_nothing(false);
            Ok(settled == Settled::Removed(Removed::Deleted))
        },
        async |world| (world.cloud().jobs_started(), world.cloud().points(VAULT)),
    ));
}

#[test]
fn making_a_vault_resumes_and_ends_with_it_made_and_locked() {
    let key: Arn = "arn:aws:kms:eu-west-1:111122223333:key/1".parse().unwrap();
    let spec = VaultSpec {
        name: "copies".to_owned(),
        key_arn: key.clone(),
        lock: Some(WantedLock {
            min_days: Some(7),
            max_days: None,
            changeable_for_days: Some(3),
        }),
    };
    run(disturb(
        async || (World::new(), None),
        async |world, _| {
            ensure_vault(&world.there, &spec).await?;
            // Twice, so that a vault that is ready is seen too.
            ensure_vault(&world.there, &spec).await?;
            ensure_vault(&world.there, &spec).await.map(|_| true)
        },
        async |world| {
            let vault = world.there.inner().backup_vault("copies").await.unwrap();
            let lock = vault
                .lock
                .map(|lock| (lock.min_days, lock.max_days, lock.immutable_from.is_some()));
            (vault.key_arn, lock)
        },
    ));
    run(async {
        let world = World::new();
        world.there.inner().add_vault("copies", None);
        let refused = ensure_vault(&world.there, &spec).await.unwrap_err();
        assert!(
            matches!(&refused, PortError::Invalid(why) if why.contains("choose another name")),
            "{refused}"
        );
    });
}
