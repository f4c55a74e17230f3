//! A vault in a directory: read, proved and restored from like one in a bucket.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use holdfast_catalog::{OutcomeStatus, Report, ReportStatus};
use holdfast_lambda::HandQueue;
use holdfast_sources::lambda::restore::{VaultLocation, VaultPlace};
use holdfast_testkit::{MemoryResources, MemorySurroundings, MemoryTables};
use holdfast_tests::checks::lines;
use holdfast_tests::{MemoryRegions, World, home_region, replica_region};
use holdfast_vault::port::Clock as _;
use holdfast_vault::{Catalogue, Directory};
use jiff::SignedDuration;
use restore::{Restore, Vault};
use serde_json::{Value, json};
use verify::{Preflight, Verify};

type Files = BTreeMap<String, Bytes>;

/// An empty folder for a test.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("directory-{test}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Every file below a folder by its key.
fn files(root: &Path) -> Files {
    let (mut open, mut found) = (vec![root.to_owned()], Files::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(key, fs::read(&path).unwrap().into());
        }
    }
    found
}

/// Writes objects as files, as `aws s3 sync` and `rclone copy` do: with the times of the objects.
fn mirror(objects: &Files, to: &Path, world: &World) {
    let modified = std::time::SystemTime::from(world.clock.now());
    for (key, body) in objects {
        let path = to.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, body).unwrap();
        fs::File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
    }
}

async fn restored(world: &World, vault: &Path, queue: &HandQueue, event: Value) -> Report {
    let restore = Restore {
        home: Vault {
            store: Directory::open(vault).unwrap(),
            location: VaultLocation {
                place: VaultPlace::Directory(vault.display().to_string()),
                region: home_region(),
            },
        },
        replicas: Vec::new(),
        work: queue,
        regions: world.regions(),
        managed: None,
        policy_key: "config/policy.yaml".to_owned(),
        tag_key: "backup".to_owned(),
    };
    let request = restore::Request::parse(event).unwrap();
    restore.run(request, &world.clock).await.unwrap()
}

fn verify(
    world: &World,
    vault: &Path,
) -> Verify<Directory, MemoryResources, MemoryTables, MemoryRegions, MemorySurroundings> {
    let over = world.verify();
    Verify {
        home: Directory::open(vault).unwrap(),
        replicas: Vec::new(),
        inventory: world.resources.clone(),
        tables: world.tables.clone(),
        regions: over.regions,
        managed: None,
        preflight: Preflight {
            ports: world.surroundings.clone(),
            key: None,
            stack: String::new(),
            bucket: String::new(),
            roles: Vec::new(),
            replicas: Vec::new(),
            deployment: String::new(),
        },
        region: over.region,
        margins: over.margins,
        policy_key: over.policy_key,
        tag_key: over.tag_key,
    }
}

async fn scrubbed(world: &World, vault: &Path) -> Report {
    let request = verify::Request::parse(json!({"scrub": "all"})).unwrap();
    verify(world, vault).run_request(request, &world.clock).await.unwrap()
}

/// A new account, in which nothing is left but the clock's time.
fn elsewhere(world: &World) -> World {
    let other = World::default();
    other.clock.set_now(world.clock.now());
    other
}

#[tokio::test]
async fn the_golden_vaults_are_read_and_restored_from_a_directory() {
    for (fixture, points) in [("v1", 4), ("v1-odd", 5)] {
        let world = World::default();
        world.clock.set_now("2027-03-01T00:00:00Z".parse().unwrap());
        let vault = folder(fixture);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        mirror(&files(&golden), &vault, &world);
        let report = scrubbed(&world, &vault).await;
        assert_eq!(report.count(OutcomeStatus::Done), points, "{report:#?}");

        let queue = HandQueue::default();
        for (resource, name) in [("dynamodb-table", "orders"), ("lambda-function", "bill")] {
            let resource = format!("{resource}/eu-central-1/{name}");
            let event = json!({"resource": resource, "target": {"name": format!("{name}-again")}});
            let report = restored(&world, &vault, &queue, event).await;
            assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
            assert!(
                report.notes.iter().any(|note| note.contains("directory-v1")),
                "{report:#?}"
            );
        }
        assert!(!lines(&world, "orders-again").is_empty());
        assert_eq!(world.functions.code("bill-again"), "the latest archive");
    }
}

#[tokio::test]
async fn a_mirrored_vault_is_proved_and_restored_from_without_a_bucket() {
    let world = World::with_orders(300);
    world.add_function("bill");
    world.tick().await;
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    let expected = lines(&world, "orders");
    let vault = folder("mirrored");
    mirror(&world.home.contents(), &vault, &world);

    let other = elsewhere(&world);
    let report = scrubbed(&other, &vault).await;
    assert_eq!(
        (report.status, report.outcomes.len()),
        (ReportStatus::Completed, 4),
        "{report:#?}"
    );
    let queue = HandQueue::default();
    for (resource, name) in [
        ("dynamodb-table/eu-central-1/orders", "orders"),
        ("lambda-function/eu-central-1/bill", "bill"),
    ] {
        let event = json!({"resource": resource, "target": {"name": name, "region": replica_region()}});
        let report = restored(&other, &vault, &queue, event).await;
        assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    }
    assert_eq!(lines(&other, "orders"), expected);
    // It writes what it would write into a bucket, and takes nothing away.
    let (before, after) = (world.home.contents(), files(&vault));
    assert!(before.iter().all(|(key, body)| after.get(key) == Some(body)));
    let added = after.keys().filter(|key| !before.contains_key(*key));
    let strange: Vec<&String> = added
        .filter(|key| !key.starts_with("facts/") && !key.starts_with("runs/"))
        .collect();
    assert_eq!(strange, Vec::<&String>::new());
}

#[tokio::test]
async fn a_mirror_that_was_cut_short_or_spoilt_is_found_out() {
    let world = World::with_orders(50);
    world.tick().await;
    let objects = world.home.contents();
    let pack = objects.keys().find(|key| key.ends_with(".jsonl.zst")).unwrap();
    for (test, spoil) in [("cut", None), ("spoilt", Some(Bytes::from_static(b"other bytes")))] {
        let mut broken = objects.clone();
        match spoil {
            None => broken.remove(pack),
            Some(body) => broken.insert(pack.clone(), body),
        };
        let vault = folder(test);
        mirror(&broken, &vault, &world);
        let other = elsewhere(&world);
        let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "again"}});
        let report = restored(&other, &vault, &HandQueue::default(), event).await;
        assert_eq!(report.status, ReportStatus::Failed, "{test}: {report:#?}");
        let report = scrubbed(&other, &vault).await;
        assert_eq!(report.status, ReportStatus::Failed, "{test}: {report:#?}");
        // The scrub has noted the damage in the mirror: from then on the point counts as none.
        let catalogue = Catalogue::read(&Directory::open(&vault).unwrap()).await.unwrap();
        assert!(catalogue.points.iter().all(|entry| entry.is_damaged()), "{test}");
    }
}
