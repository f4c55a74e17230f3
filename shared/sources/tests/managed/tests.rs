use holdfast_catalog::{Manifest, layout};
use holdfast_sources::managed::port::Validation;
use holdfast_sources::managed::{Tested, scratch_target, test_table};
use holdfast_testkit::{JobEnd, MemoryTables};
use holdfast_vault::{PointEntry, PortError};
use jiff::SignedDuration;

use crate::world::{TICK, World, config, item, order, point, role, run, target};

async fn step(world: &World, manifest: &Manifest) -> Result<Tested, PortError> {
    let (target, role) = (target(manifest, &scratch_target(&point())), role());
    let work = layout::test_work(&point());
    let order = order(manifest, &target, &role, &work);
    test_table(&world.backups, &world.tables, &world.store, &world.clock, &order).await
}

pub async fn to_the_end(world: &World, manifest: &Manifest) -> Tested {
    for _ in 0..30 {
        match step(world, manifest).await.unwrap() {
            Tested::Continuing { .. } => world.later(TICK),
            ended => return ended,
        }
    }
    panic!("the test does not end");
}

fn scratch_stands(world: &World) -> bool {
    world.tables.inner().names().contains(&scratch_target(&point()))
}

#[test]
fn a_good_point_is_restored_compared_told_and_its_scratch_table_removed() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let Tested::Done {
            fact,
            differences,
            untold,
        } = to_the_end(&world, &manifest).await
        else {
            panic!("not tested");
        };
        assert!(
            fact.matches && differences.is_empty() && untold.is_empty(),
            "{differences:?} {untold}"
        );
        assert_eq!(fact.items, 20);
        assert!(
            fact.restore_ms >= u64::try_from(TICK.as_millis()).unwrap(),
            "{} ms",
            fact.restore_ms
        );
        assert!(!scratch_stands(&world));
        let told: Vec<Validation> = world.cloud().validations().values().map(|(told, _)| *told).collect();
        assert_eq!(told, [Validation::Successful]);
        assert!(
            PointEntry::read(&world.store, &point())
                .await
                .unwrap()
                .last("restore-tested")
                .is_some()
        );
        assert_eq!(world.cloud().jobs_started(), 2);
    });
}

#[test]
fn a_later_test_has_to_find_the_items_that_the_first_one_found() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        to_the_end(&world, &manifest).await;
        world.later(SignedDuration::from_hours(24 * 7));
        assert!(matches!(to_the_end(&world, &manifest).await, Tested::Done { fact, .. } if fact.matches));
        world.later(SignedDuration::from_hours(24 * 7));
        let tampered = interfered(&world, &manifest, |tables, scratch| tables.put(scratch, item(99))).await;
        let Tested::Done { fact, differences, .. } = tampered else {
            panic!("not tested");
        };
        assert!(
            !fact.matches && differences[0].contains("expected 20 items"),
            "{differences:?}"
        );
        let told = world.cloud().validations();
        assert!(
            told.values()
                .any(|(told, message)| *told == Validation::Failed && message.contains("20 items"))
        );
    });
}

/// The end of a test with whose scratch table something is done before it is read.
async fn interfered(world: &World, manifest: &Manifest, change: impl Fn(&MemoryTables, &str)) -> Tested {
    world.script.fail_named("scan", PortError::Throttled("slow".to_owned()));
    while !scratch_stands(world) {
        _ = step(world, manifest).await;
        world.later(TICK);
    }
    change(world.tables.inner(), &scratch_target(&point()));
    world.script.heal();
    to_the_end(world, manifest).await
}

#[test]
fn settings_that_do_not_come_back_make_the_test_fail() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let mut other = config().at_creation();
        "STANDARD_INFREQUENT_ACCESS".clone_into(&mut other.table_class);
        let reclassed = |tables: &MemoryTables, scratch: &str| tables.add(scratch, &other, tables.items(scratch));
        let Tested::Done { fact, differences, .. } = interfered(&world, &manifest, reclassed).await else {
            panic!("not tested");
        };
        assert!(
            !fact.matches && differences[0].contains("TableClass"),
            "{differences:?}"
        );
    });
}

#[test]
fn a_restore_that_fails_says_so_and_leaves_nothing_behind() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.cloud().next_job_ends(JobEnd::Failed("access denied".to_owned()));
        let ended = to_the_end(&world, &manifest).await;
        assert!(
            matches!(&ended, Tested::Failed { why } if why.contains("access denied")),
            "{ended:?}"
        );
        assert!(!scratch_stands(&world));
        assert!(
            PointEntry::read(&world.store, &point())
                .await
                .unwrap()
                .last("restore-tested")
                .is_none()
        );
    });
}

#[test]
fn a_scratch_table_that_nobody_announced_is_removed_first() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world
            .tables
            .inner()
            .add(&scratch_target(&point()), &config().at_creation(), []);
        assert!(matches!(
            step(&world, &manifest).await.unwrap(),
            Tested::Continuing { .. }
        ));
        assert!(!scratch_stands(&world));
        assert!(matches!(to_the_end(&world, &manifest).await, Tested::Done { fact, .. } if fact.matches));
    });
}

#[test]
fn while_the_scratch_table_is_on_its_way_out_nothing_is_told_twice() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        let slow = PortError::Conflict("it is being deleted".to_owned());
        world.script.fail_named("drop_scratch_table", slow);
        while step(&world, &manifest).await.is_ok() {
            world.later(TICK);
        }
        for _ in 0..3 {
            assert!(step(&world, &manifest).await.is_err());
            world.later(TICK);
        }
        world.script.heal();
        assert!(matches!(
            step(&world, &manifest).await.unwrap(),
            Tested::Continuing { .. }
        ));
        assert!(!scratch_stands(&world));
        assert_eq!(
            (world.script.count("put_validation"), world.cloud().jobs_started()),
            (1, 2)
        );
    });
}

#[test]
fn a_validation_that_the_service_does_not_take_is_told_and_changes_nothing() {
    run(async {
        let world = World::new();
        let manifest = world.made().await;
        world.script.fail_named(
            "put_validation",
            PortError::Invalid("no restore testing plan".to_owned()),
        );
        let Tested::Done { fact, untold, .. } = to_the_end(&world, &manifest).await else {
            panic!("not tested");
        };
        assert!(fact.matches && untold.contains("no restore testing plan"));
        assert!(!scratch_stands(&world));
    });
}

#[test]
fn scratch_names_are_fit_for_databases_too() {
    let name = scratch_target(&point());
    assert!(name.len() <= 63 && !name.contains("--"), "{name}");
    assert!(
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
        "{name}"
    );
}
