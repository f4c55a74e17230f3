//! Removing what prune has decided to remove, and what nothing refers to any more.
//!
//! Everything here errs on the side of keeping: a listing that breaks off, a manifest or a recipe that cannot be read, or a
//! key that is not understood stops the sweep or leaves the object where it is.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use holdfast_catalog::layout::{self, Content};
use holdfast_catalog::{Manifest, PointId, Sha256, Tombstone};
use jiff::{SignedDuration, Timestamp};

use crate::points::{keys, read_manifest, read_run};
use crate::port::{DeleteObjects, ListObjects, ObjectVersion, ReadObjects};
use crate::recipe_io::{read_checkpoint_at, read_part_at};
use crate::{Catalogue, PortError, TRUST_EXISTING_FOR};

/// The margins that make removal safe beside running snapshots, without locks. RETENTION.md argues why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// How long a tombstoned point's data, and data that nothing refers to, stays.
    pub grace: SignedDuration,
}

/// No run may commit when it began longer ago than this. Together with [`TRUST_EXISTING_FOR`] it is at most the shortest
/// grace period, so that whatever a run relied on when it began is still there when it commits.
pub const MAX_RUN: SignedDuration = SignedDuration::from_hours(12);

/// The shortest grace: what a run may rely on, how long it may last, and an hour for invocations that overlap and for clocks
/// that differ.
pub const SHORTEST_GRACE: SignedDuration = SignedDuration::from_hours(24);

const _: () = assert!(
    MAX_RUN.as_secs() + TRUST_EXISTING_FOR.as_secs() < SHORTEST_GRACE.as_secs(),
    "what a run relied on when it began must be there when it commits"
);

impl Margins {
    /// Margins with a grace period; a shorter one than is safe is lengthened to 24 hours.
    pub fn with_grace(grace: SignedDuration) -> Self {
        Margins {
            grace: grace.max(SHORTEST_GRACE),
        }
    }

    /// Whether something that was written or decided at an instant is past its grace. What lies in the future is not.
    pub fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        now.duration_since(since) > self.grace
    }
}

/// Everything that some point or run still needs.
#[derive(Debug, Default)]
pub struct Marks {
    contents: HashSet<(bool, Sha256)>,
}

impl Marks {
    fn add_pack(&mut self, name: Sha256) {
        self.contents.insert((true, name));
    }

    fn add_blob(&mut self, name: Sha256) {
        self.contents.insert((false, name));
    }

    fn has(&self, content: &Content) -> bool {
        match content {
            Content::Pack(name) | Content::PackIndex(name) => self.contents.contains(&(true, *name)),
            Content::Blob(name) => self.contents.contains(&(false, *name)),
        }
    }

    /// How many packs and blobs are needed.
    pub fn len(&self) -> usize {
        self.contents.len()
    }

    /// Whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }
}

/// Marks what every manifest, every recipe (committed or not), every checkpoint and every run in flight refers to, except
/// those of the points in `expired`, whose data is to go.
///
/// # Errors
/// Anything that cannot be listed, read or understood: then nothing may be swept.
pub async fn mark<S: ReadObjects + ListObjects>(
    store: &S,
    catalogue: &Catalogue,
    expired: &BTreeSet<PointId>,
) -> Result<Marks, PortError> {
    if let Some(key) = catalogue.strange_keys.first() {
        return Err(PortError::Corrupt(format!(
            "{key} is no manifest: move it out of points/ to let the sweep go on"
        )));
    }
    let mut marks = Marks::default();
    for entry in catalogue.points.iter().filter(|entry| !expired.contains(&entry.id)) {
        let manifest: Manifest = read_manifest(store, &entry.id).await?;
        manifest.blobs.iter().for_each(|blob| marks.add_blob(blob.sha256));
    }
    for info in keys(store, layout::PARTS).await? {
        if layout::point_of_part(&info.key).is_ok_and(|point| expired.contains(&point)) {
            continue;
        }
        let recipe = read_part_at(store, &info.key).await?;
        recipe.packs.iter().for_each(|pack| marks.add_pack(pack.sha256));
    }
    for info in keys(store, layout::RUNS).await? {
        mark_run(store, &info.key, &mut marks).await?;
    }
    Ok(marks)
}

async fn mark_run<S: ReadObjects>(store: &S, key: &str, marks: &mut Marks) -> Result<(), PortError> {
    let Ok(point) = layout::point_of_run(key) else {
        return Ok(());
    };
    if key == layout::run_record(&point) {
        read_run(store, &point)
            .await?
            .blobs
            .iter()
            .for_each(|blob| marks.add_blob(blob.sha256));
    } else {
        let checkpoint = read_checkpoint_at(store, key).await?;
        checkpoint
            .recipe
            .packs
            .iter()
            .for_each(|pack| marks.add_pack(pack.sha256));
    }
    Ok(())
}

/// Why a version may be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbage {
    /// No point, recipe or run refers to its content, and it is past its grace.
    Unreferenced,
    /// A newer version of the same content replaces it, and it is past its grace.
    Superseded,
}

/// Judges all versions of one key under `packs/` or `blobs/`, newest first. Keeps every version of a key that is needed but
/// whose newest version is a delete marker: somebody removed it by hand, and an older version may have to bring it back.
pub fn judge_content(
    versions: &[ObjectVersion],
    marks: &Marks,
    margins: &Margins,
    now: Timestamp,
) -> Vec<(ObjectVersion, Garbage)> {
    let Some(first) = versions.first() else {
        return Vec::new();
    };
    let Ok(content) = layout::content(&first.info.key) else {
        return Vec::new();
    };
    let is_needed = marks.has(&content);
    let newest_is_data = versions
        .iter()
        .any(|version| version.is_latest && !version.is_delete_marker);
    versions
        .iter()
        .filter(|version| margins.is_over(version.info.modified_at, now))
        .filter_map(|version| match (is_needed, newest_is_data, version.is_latest) {
            (false, _, _) => Some((version.clone(), Garbage::Unreferenced)),
            (true, true, false) => Some((version.clone(), Garbage::Superseded)),
            (true, _, _) => None,
        })
        .collect()
}

/// What a sweep removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Versions removed.
    pub removed_versions: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Versions that may not be removed yet, with the store's reason.
    pub locked: Vec<(String, String)>,
}

impl Swept {
    async fn remove<S: DeleteObjects>(&mut self, store: &S, version: &ObjectVersion) -> Result<(), PortError> {
        match store.delete_version(&version.info.key, &version.version).await {
            Ok(()) => {
                self.removed_versions += 1;
                self.removed_bytes += version.info.bytes;
                Ok(())
            }
            Err(PortError::Locked(why)) => {
                self.locked.push((version.info.key.clone(), why));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Removes everything of a tombstoned point but the packs and blobs: manifest first, so that from the first call on no
/// reader sees the point; tombstone last, so that a run cut short is taken up again. Says whether the point is gone: one whose
/// manifest is locked stays, with everything that it needs.
///
/// # Errors
/// Those of the store; doing it again goes on where it stopped. `Conflict` when the tombstone is still in its grace.
pub async fn remove_point<S: DeleteObjects>(
    store: &S,
    tombstone: &Tombstone,
    margins: &Margins,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<bool, PortError> {
    let point = &tombstone.point;
    if !margins.is_over(tombstone.pruned_at, now) {
        return Err(PortError::Conflict(format!("{point} is in its grace period")));
    }
    let prefixes = [
        layout::manifest(point),
        layout::parts_of(point),
        layout::run_of(point),
        layout::facts_of(point),
        layout::tombstone(point),
    ];
    let locked_before = swept.locked.len();
    for prefix in prefixes {
        remove_all(store, &prefix, swept).await?;
        if swept.locked.len() > locked_before && prefix == layout::manifest(point) {
            // What cannot stop being a point keeps everything that a point needs.
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes a tombstone back: the point stays.
///
/// # Errors
/// Those of the store.
pub async fn lift_tombstone<S: DeleteObjects>(store: &S, point: &PointId) -> Result<(), PortError> {
    remove_all(store, &layout::tombstone(point), &mut Swept::default()).await
}

/// Removes what is left in `runs/` of a point that is committed, or of a run that never will be.
///
/// # Errors
/// Those of the store.
pub async fn remove_run<S: DeleteObjects>(store: &S, point: &PointId, swept: &mut Swept) -> Result<(), PortError> {
    remove_all(store, &layout::run_of(point), swept).await
}

/// Removes the recipes of a run that never committed.
///
/// # Errors
/// Those of the store.
pub async fn remove_parts<S: DeleteObjects>(store: &S, point: &PointId, swept: &mut Swept) -> Result<(), PortError> {
    remove_all(store, &layout::parts_of(point), swept).await
}

/// Removes marks of restores and restore tests that are past their grace.
///
/// # Errors
/// Those of the store.
pub async fn remove_stale<S: DeleteObjects>(
    store: &S,
    prefix: &str,
    margins: &Margins,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    for version in all_versions(store, prefix).await? {
        if margins.is_over(version.info.modified_at, now) {
            swept.remove(store, &version).await?;
        }
    }
    Ok(())
}

async fn remove_all<S: DeleteObjects>(store: &S, prefix: &str, swept: &mut Swept) -> Result<(), PortError> {
    for version in all_versions(store, prefix).await? {
        swept.remove(store, &version).await?;
    }
    Ok(())
}

/// Removes packs and blobs that nothing refers to. Only versions that this listing shows are removed, each by its id: what is
/// written again meanwhile is a new version and stays.
///
/// # Errors
/// Those of the store. What was removed until then is in `swept`.
pub async fn sweep_contents<S: DeleteObjects>(
    store: &S,
    marks: &Marks,
    margins: &Margins,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    for prefix in [layout::PACKS, layout::BLOBS] {
        let mut by_key: BTreeMap<String, Vec<ObjectVersion>> = BTreeMap::new();
        for version in all_versions(store, prefix).await? {
            by_key.entry(version.info.key.clone()).or_default().push(version);
        }
        for versions in by_key.values() {
            for (version, _) in judge_content(versions, marks, margins, now) {
                swept.remove(store, &version).await?;
            }
        }
    }
    Ok(())
}

/// What a sweep would remove, without removing it.
///
/// # Errors
/// Those of the store.
pub async fn preview_contents<S: DeleteObjects>(
    store: &S,
    marks: &Marks,
    margins: &Margins,
    now: Timestamp,
) -> Result<(u64, u64), PortError> {
    let (mut versions_seen, mut bytes) = (0, 0);
    for prefix in [layout::PACKS, layout::BLOBS] {
        let mut by_key: BTreeMap<String, Vec<ObjectVersion>> = BTreeMap::new();
        for version in all_versions(store, prefix).await? {
            by_key.entry(version.info.key.clone()).or_default().push(version);
        }
        for (version, _) in by_key
            .values()
            .flat_map(|versions| judge_content(versions, marks, margins, now))
        {
            versions_seen += 1;
            bytes += version.info.bytes;
        }
    }
    Ok((versions_seen, bytes))
}

async fn all_versions<S: DeleteObjects>(store: &S, prefix: &str) -> Result<Vec<ObjectVersion>, PortError> {
    let mut found: Vec<ObjectVersion> = Vec::new();
    loop {
        let after = found.last().map(|last| (last.info.key.as_str(), last.version.as_str()));
        let page = store.list_versions(prefix, after).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::ObjectInfo;

    const NOW: &str = "2026-11-21T00:00:00Z";

    fn version(key: &str, hours_old: i64, is_latest: bool, is_delete_marker: bool) -> ObjectVersion {
        let modified_at = NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(hours_old);
        let info = ObjectInfo {
            key: key.to_owned(),
            bytes: 1,
            modified_at,
            locked_until: None,
        };
        ObjectVersion {
            info,
            version: hours_old.to_string(),
            is_latest,
            is_delete_marker,
        }
    }

    fn judged(versions: &[ObjectVersion], needed: bool) -> Vec<(String, Garbage)> {
        let mut marks = Marks::default();
        if needed {
            marks.add_blob(Sha256::of(b"x"));
        }
        let margins = Margins::with_grace(SignedDuration::from_hours(1));
        judge_content(versions, &marks, &margins, NOW.parse().unwrap())
            .into_iter()
            .map(|(version, garbage)| (version.version, garbage))
            .collect()
    }

    #[test]
    fn a_grace_shorter_than_a_day_is_lengthened_to_a_day() {
        assert_eq!(
            Margins::with_grace(SignedDuration::ZERO).grace,
            SignedDuration::from_hours(24)
        );
        assert_eq!(
            Margins::with_grace(SignedDuration::from_hours(168)).grace,
            SignedDuration::from_hours(168)
        );
    }

    #[test]
    fn only_unreferenced_content_past_its_grace_is_garbage() {
        let key = layout::blob(&Sha256::of(b"x"));
        let old = [version(&key, 25, true, false)];
        assert_eq!(judged(&old, false), [("25".to_owned(), Garbage::Unreferenced)]);
        assert!(judged(&old, true).is_empty());
        assert!(judged(&[version(&key, 24, true, false)], false).is_empty());
        assert!(
            judged(&[version(&key, -5, true, false)], false).is_empty(),
            "future-dated"
        );
    }

    #[test]
    fn a_needed_keys_older_versions_go_only_while_the_newest_is_data() {
        let key = layout::blob(&Sha256::of(b"x"));
        let refreshed = [version(&key, 30, true, false), version(&key, 60, false, false)];
        assert_eq!(judged(&refreshed, true), [("60".to_owned(), Garbage::Superseded)]);
        let hidden = [version(&key, 30, true, true), version(&key, 60, false, false)];
        assert!(judged(&hidden, true).is_empty());
    }

    #[test]
    fn a_key_that_is_not_understood_stays() {
        assert!(judged(&[version("packs/readme.txt", 9999, true, false)], false).is_empty());
    }
}
