//! What has to hold of a vault whatever happened to it, and what two vaults are compared by.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Extension, Manifest, OutcomeStatus, Report, layout};
use holdfast_lambda::Failure;
use holdfast_sources::dynamodb::line;
use holdfast_testkit::MemoryStore;
use holdfast_vault::{Catalogue, read_committed_part, read_manifest, scrub_point};

use crate::{World, table_config};

/// Every manifest that a reader finds stands for a whole point; how many there are.
pub async fn every_point_is_whole(store: &MemoryStore, when: &str) -> usize {
    let catalogue = Catalogue::read(store).await.unwrap();
    for entry in &catalogue.points {
        let manifest = read_manifest(store, &entry.id).await;
        let manifest = manifest.unwrap_or_else(|error| panic!("{when}: {}: {error}", entry.id));
        let scrub = scrub_point(store, &manifest).await.unwrap();
        assert!(scrub.is_whole(), "{when}: {}: {:#?}", entry.id, scrub.damages);
    }
    catalogue.points.len()
}

/// What a vault holds for its points: keys of everything, and of each point what is the same whenever it was made.
pub async fn shape(store: &MemoryStore) -> BTreeMap<String, String> {
    let mut shape = BTreeMap::new();
    for prefix in [layout::PACKS, layout::BLOBS, layout::PARTS, layout::TOMBSTONES] {
        shape.extend(store.keys(prefix).into_iter().map(|key| (key, String::new())));
    }
    for entry in Catalogue::read(store).await.unwrap().points {
        let manifest = read_manifest(store, &entry.id).await.unwrap();
        let facts = ["replicated", "scrubbed", "restore-tested", "partial", "damaged"];
        let facts: Vec<&str> = facts.into_iter().filter(|what| entry.last(what).is_some()).collect();
        let what = format!("{:?} {:?} {facts:?}", manifest.blobs, manifest.data);
        shape.insert(layout::manifest(&entry.id), what);
    }
    shape
}

/// A table's items as canonical lines, sorted.
pub fn lines(world: &World, table: &str) -> Vec<String> {
    let key = table_config().key_names();
    let text = |item| String::from_utf8(line(item, &key).unwrap().text().to_vec()).unwrap();
    let mut lines: Vec<String> = world.tables.items(table).iter().map(text).collect();
    lines.sort();
    lines
}

/// Whether a run says that something is not as it should be.
pub fn tells_of_trouble(result: &Result<Report, Failure>) -> bool {
    match result {
        Err(_) => true,
        Ok(report) => report.count(OutcomeStatus::Failed) + report.count(OutcomeStatus::Partial) > 0,
    }
}

/// Everything that a point needs which is said to be locked is locked, as firmly and as long as its manifest says; how many
/// such points there are.
pub async fn every_locked_point_is_locked(store: &MemoryStore, when: &str) -> usize {
    let mut locked = 0;
    for entry in Catalogue::read(store).await.unwrap().points {
        let manifest = read_manifest(store, &entry.id).await.unwrap();
        let Some(lock) = manifest.lock else { continue };
        locked += 1;
        for key in keys_of(store, &manifest).await {
            let wanted = lock.on(&key).unwrap();
            let found = store.lock_on(&key);
            assert_eq!(
                wanted.over(found),
                Extension::Unneeded,
                "{when}: {}: {key}: {found:?}",
                entry.id
            );
        }
    }
    locked
}

/// The keys of everything that a point is made of.
pub async fn keys_of(store: &MemoryStore, manifest: &Manifest) -> BTreeSet<String> {
    let mut keys = BTreeSet::from([layout::manifest(&manifest.point)]);
    keys.extend(manifest.blobs.iter().map(|blob| layout::blob(&blob.sha256)));
    for part in manifest.data.iter().flat_map(|data| &data.parts) {
        keys.insert(layout::part(&manifest.point, part.shard));
        let recipe = read_committed_part(store, &manifest.point, part).await.unwrap();
        let packs = recipe.packs.iter();
        keys.extend(packs.flat_map(|pack| [layout::pack(&pack.sha256), layout::pack_index(&pack.sha256)]));
    }
    keys
}
