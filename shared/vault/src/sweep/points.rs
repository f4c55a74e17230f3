use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{PointId, Tombstone, layout};
use jiff::Timestamp;

use super::margins::called_back;
use super::remove::{remove_all, remove_versions};
use super::walk::all_versions;
use super::{Margins, Swept};
use crate::PortError;
use crate::holds::Holds;
use crate::points::{PointEntry, read_tombstone};
use crate::port::{DeleteObjects, ListObjects, ReadObjects};

/// The points that a sweep may remove, and what it must know of the others.
#[derive(Debug, Clone, Copy)]
pub struct Expired<'a> {
    /// Tombstones whose grace is over and whose points are not wanted back.
    pub tombstones: &'a [Tombstone],
    /// Every point that is committed.
    pub committed: &'a BTreeSet<PointId>,
    /// When both were found out.
    pub now: Timestamp,
}

/// What became of a point that was to go.
enum PointEnd {
    Gone,
    Stays(String),
}

/// Takes a tombstone back: the point stays.
///
/// # Errors
/// Those of the store; `Locked` when it cannot be removed.
pub async fn lift_tombstone<S: ReadObjects + DeleteObjects>(store: &S, point: &PointId) -> Result<(), PortError> {
    let mut swept = Swept::default();
    if remove_all(store, &layout::tombstone(point), &mut swept).await? {
        return Ok(());
    }
    Err(PortError::Locked(format!(
        "{} is still there: {}{}",
        layout::tombstone(point),
        swept.locked.in_words(),
        swept.still_there.in_words()
    )))
}

/// Removes what expired points have but packs and blobs, and what is left of runs that are committed or never will be. Stops
/// between two points when time is over, but not before the first; says whether all is done.
///
/// # Errors
/// Those of the store; doing it again goes on where it stopped.
pub(super) async fn remove_expired<S: ReadObjects + ListObjects + DeleteObjects>(
    store: &S,
    expired: &Expired<'_>,
    margins: &Margins,
    is_late: impl Fn() -> bool,
    swept: &mut Swept,
) -> Result<bool, PortError> {
    if !expired.tombstones.is_empty() {
        // Once more: a hold may have been laid since the decision.
        let holds = Holds::read(store).await?;
        for (done, tombstone) in expired.tombstones.iter().enumerate() {
            if done > 0 && is_late() {
                return Ok(false);
            }
            let point = &tombstone.point;
            let end = match holds.on(point) {
                Some(hold) => PointEnd::Stays(hold),
                None => remove_point(store, tombstone, margins, expired.now, swept).await?,
            };
            match end {
                PointEnd::Gone => swept.removed_points.push(point.clone()),
                PointEnd::Stays(why) => swept.kept.add(format!("{point}: {why}")),
            }
        }
    }
    clear_runs(store, expired, margins, swept).await?;
    Ok(true)
}

/// Removes everything of a tombstoned point but the packs and blobs: manifest first, so that from the first call on no
/// reader sees the point; tombstone last, so that a run cut short is taken up again. One whose manifest is locked stays,
/// with everything that it needs.
async fn remove_point<S: ReadObjects + ListObjects + DeleteObjects>(
    store: &S,
    tombstone: &Tombstone,
    margins: &Margins,
    now: Timestamp,
    swept: &mut Swept,
) -> Result<PointEnd, PortError> {
    let point = &tombstone.point;
    if let Some(why) = reason_to_stay(store, tombstone, margins, now).await? {
        return Ok(PointEnd::Stays(why));
    }
    if !remove_all(store, &layout::manifest(point), swept).await? {
        // What cannot stop being a point keeps everything that a point needs.
        return Ok(PointEnd::Stays("its manifest cannot be removed yet".to_owned()));
    }
    for prefix in [
        layout::parts_of(point),
        layout::run_of(point),
        layout::facts_of(point),
        layout::tombstone(point),
    ] {
        remove_all(store, &prefix, swept).await?;
    }
    Ok(PointEnd::Gone)
}

/// Looks once more at what may have changed since the decision: the tombstone itself, and whether the point was called back.
///
/// # Errors
/// Those of the store: the point stays.
pub async fn reason_to_stay<S: ReadObjects + ListObjects>(
    store: &S,
    tombstone: &Tombstone,
    margins: &Margins,
    now: Timestamp,
) -> Result<Option<String>, PortError> {
    let point = &tombstone.point;
    match read_tombstone(store, point).await {
        Ok(found) if found == *tombstone => {}
        Ok(_) | Err(PortError::NotFound(_)) => return Ok(Some("its tombstone has changed".to_owned())),
        Err(error) => return Err(error),
    }
    if !margins.is_over(tombstone.pruned_at, now) {
        return Ok(Some("it is in its grace period".to_owned()));
    }
    let undeleted = match PointEntry::read(store, point).await {
        Ok(entry) => entry.last("undeleted"),
        // A removal that was cut short has nothing left to call back.
        Err(PortError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    Ok(called_back(tombstone.pruned_at, undeleted).map(|_| "it was called back".to_owned()))
}

/// What is left of runs: of those that are committed, and of those too old to be.
async fn clear_runs<S: ReadObjects + ListObjects + DeleteObjects>(
    store: &S,
    expired: &Expired<'_>,
    margins: &Margins,
    swept: &mut Swept,
) -> Result<(), PortError> {
    for prefix in [layout::RESTORES, layout::TESTS, layout::COPIES, layout::NOTICES] {
        let mut stale = all_versions(store, prefix).await?;
        stale.retain(|version| margins.is_over(version.info.modified_at, expired.now));
        remove_versions(store, stale, swept).await?;
    }
    let point_of_run = |key: &str| layout::point_of_run(key).ok();
    for (point, newest) in newest_of_points(store, layout::RUNS, point_of_run).await? {
        if expired.committed.contains(&point) || margins.is_over(newest, expired.now) {
            remove_all(store, &layout::run_of(&point), swept).await?;
        }
    }
    let point_of_part = |key: &str| layout::point_of_part(key).ok();
    for (point, newest) in newest_of_points(store, layout::PARTS, point_of_part).await? {
        if !expired.committed.contains(&point) && margins.is_over(newest, expired.now) {
            remove_all(store, &layout::parts_of(&point), swept).await?;
        }
    }
    Ok(())
}

/// The points that have something below a prefix, and when each last got something there.
async fn newest_of_points<S: ListObjects>(
    store: &S,
    prefix: &str,
    point_of: impl Fn(&str) -> Option<PointId>,
) -> Result<BTreeMap<PointId, Timestamp>, PortError> {
    let mut points = BTreeMap::new();
    let mut last: Option<String> = None;
    loop {
        let page = store.list(prefix, last.as_deref()).await?;
        let Some(end) = page.last() else { return Ok(points) };
        last = Some(end.key.clone());
        for info in &page {
            if let Some(point) = point_of(&info.key) {
                let newest = points.entry(point).or_insert(info.modified_at);
                *newest = (*newest).max(info.modified_at);
            }
        }
    }
}
