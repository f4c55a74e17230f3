//! Golden vaults: what a released format version wrote is readable for ever. `examples/write_fixture.rs` wrote them, once.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use holdfast_catalog::{ReportStatus, Sha256, layout};
use holdfast_sources::dynamodb::{compare, line};
use holdfast_tests::{World, order, order_in, table_config};
use holdfast_vault::port::WriteObjects as _;
use holdfast_vault::{read_manifest, scrub_point};
use serde_json::{Value, json};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

fn fixture(version: &str) -> Vec<(String, Bytes)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(version);
    files(&folder)
        .into_iter()
        .map(|path| {
            let key = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            (key, Bytes::from(std::fs::read(&path).unwrap()))
        })
        .collect()
}

/// A world whose home vault is the golden one, and whose table and function are gone.
async fn world_of(version: &str) -> World {
    let world = World::default();
    for (key, body) in fixture(version) {
        world.home.overwrite(&key, body).await.unwrap();
    }
    world
}

#[tokio::test]
async fn every_point_of_version_1_is_whole() {
    let world = world_of("v1").await;
    let catalogue = world.catalogue().await;
    assert_eq!((catalogue.points.len(), catalogue.strange_keys.len()), (4, 0));
    for entry in &catalogue.points {
        let manifest = read_manifest(&world.home, &entry.id).await.unwrap();
        let scrub = scrub_point(&world.home, &manifest).await.unwrap();
        assert!(scrub.is_whole(), "{}: {scrub:?}", entry.id);
    }
}

#[tokio::test]
async fn the_points_of_version_1_restore_to_the_items_and_settings_that_they_were_made_of() {
    let world = world_of("v1").await;
    let points = world.points_of("orders").await;
    let second = (0..40)
        .map(|n| if n == 7 { order_in(7, "shipped") } else { order(n) })
        .collect::<Vec<_>>();
    let first = (0..40).map(order).collect::<Vec<_>>();
    let key = table_config().key_names();
    for (point, name, items) in [(&points[0], "first", first), (&points[1], "second", second)] {
        let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "point": point, "target": {"name": name}});
        let report = world
            .restore()
            .run(restore::Request::parse(event).unwrap(), &world.clock)
            .await
            .unwrap();
        assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
        let lines = |items: Vec<holdfast_sources::dynamodb::Item>| {
            let mut lines: Vec<Vec<u8>> = items
                .iter()
                .map(|item| line(item, &key).unwrap().text().to_vec())
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(world.tables.items(name)), lines(items));
        assert_eq!(compare::differences(&table_config(), &world.tables.config(name)), []);
    }
}

#[test]
fn names_and_contents_of_version_1_agree_without_any_of_our_code_but_a_hash() {
    for (key, body) in fixture("v1") {
        if let Some(name) = key
            .strip_prefix(layout::PACKS)
            .and_then(|rest| rest.strip_suffix(".jsonl.zst"))
        {
            let lines = zstd::stream::decode_all(body.as_ref()).unwrap();
            assert!(name.ends_with(&Sha256::of(&lines).to_string()), "{key}");
            for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                assert!(
                    serde_json::from_slice::<Value>(line).unwrap()["Item"].is_object(),
                    "{key}"
                );
            }
        } else if let Some(name) = key.strip_prefix(layout::BLOBS) {
            assert!(name.ends_with(&Sha256::of(&body).to_string()), "{key}");
        }
    }
}
