use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use super::Swept;
use super::walk::{all_versions, next_keys};
use crate::PortError;
use crate::port::{DeleteObjects, ObjectVersion, ReadObjects};

/// Keys worked on at the same time: enough to hide the store's latency, far from the 3,500 writes a second that it takes.
const KEYS: usize = 16;

/// A key of which versions are to go.
pub(super) struct Doomed {
    /// The version that a plain read finds, as it was listed.
    pub(super) newest: ObjectVersion,
    /// What is to go, newest first.
    pub(super) versions: Vec<ObjectVersion>,
}

/// Whether a key is looked at once more before versions of it are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// It is: others may write or lock it at any time. What is locked beyond this instant, that of the sweep's beginning, stays.
    Again(Timestamp),
    /// Nobody writes it any more.
    Once,
}

/// What another look shows.
enum Seen {
    AsListed,
    Renewed,
    LockedUntil(Timestamp),
}

/// A version that the store refuses to remove.
struct Locked {
    key: String,
    why: String,
    until: Option<Timestamp>,
}

/// What became of a key.
#[derive(Default)]
struct KeyEnd {
    gone: Vec<ObjectVersion>,
    locked: Vec<Locked>,
    is_renewed: bool,
    error: Option<PortError>,
}

/// Removes what a page's verdicts say, looking at each key once more right before, and lists the page again afterwards. Only
/// versions that the listing showed are removed, each by its id: what is written again meanwhile is a new version and stays.
///
/// # Errors
/// The first of the store's. What was removed until then is in `swept`.
pub(super) async fn remove_contents<S: ReadObjects + DeleteObjects>(
    store: &S,
    prefix: &str,
    at: &str,
    doomed: Vec<Doomed>,
    began_at: Timestamp,
    swept: &mut Swept,
) -> Result<(), PortError> {
    let Some(last) = doomed.last().map(|key| key.newest.info.key.clone()) else {
        return Ok(());
    };
    let gone = remove_keys(store, doomed, Look::Again(began_at), swept).await?;
    let mut left = Vec::new();
    let mut from = Some(at.to_owned());
    while let Some(at) = from.filter(|at| at.as_str() < last.as_str()) {
        let page = next_keys(store, prefix, &at, None).await?;
        left.extend(page.keys.into_iter().flatten());
        from = page.next;
    }
    tally(gone, &left, swept);
    Ok(())
}

/// Removes every version of the keys that begin with `prefix`, or of that key alone where it is a whole one, and lists again
/// afterwards. Says whether nothing of it is left.
///
/// # Errors
/// The first of the store's. What was removed until then is in `swept`.
pub(super) async fn remove_all<S: ReadObjects + DeleteObjects>(
    store: &S,
    prefix: &str,
    swept: &mut Swept,
) -> Result<bool, PortError> {
    let ours = |version: &ObjectVersion| prefix.ends_with('/') || version.info.key == prefix;
    let listed: Vec<ObjectVersion> = all_versions(store, prefix).await?.into_iter().filter(ours).collect();
    if listed.is_empty() {
        return Ok(true);
    }
    let keys = listed.chunk_by(|a, b| a.info.key == b.info.key);
    let doomed = keys.filter_map(|versions| {
        let newest = versions.first()?.clone();
        let versions = versions.to_vec();
        Some(Doomed { newest, versions })
    });
    let gone = remove_keys(store, doomed.collect(), Look::Once, swept).await?;
    let left: Vec<ObjectVersion> = all_versions(store, prefix).await?.into_iter().filter(ours).collect();
    tally(gone, &left, swept);
    Ok(left.is_empty())
}

/// Removes single versions of what nobody needs any more.
///
/// # Errors
/// The first of the store's. What was removed until then is in `swept`.
pub(super) async fn remove_versions<S: ReadObjects + DeleteObjects>(
    store: &S,
    versions: Vec<ObjectVersion>,
    swept: &mut Swept,
) -> Result<(), PortError> {
    let doomed = versions.into_iter().map(|version| Doomed {
        newest: version.clone(),
        versions: vec![version],
    });
    let gone = remove_keys(store, doomed.collect(), Look::Once, swept).await?;
    tally(gone, &[], swept);
    Ok(())
}

async fn remove_keys<S: ReadObjects + DeleteObjects>(
    store: &S,
    doomed: Vec<Doomed>,
    look: Look,
    swept: &mut Swept,
) -> Result<Vec<ObjectVersion>, PortError> {
    let mut gone = Vec::new();
    let mut ends = stream::iter(doomed)
        .map(|key| async move { remove_key(store, key, look).await })
        .buffer_unordered(KEYS);
    while let Some(end) = ends.next().await {
        swept.renewed_keys += u64::from(end.is_renewed);
        swept.asked_versions += (end.gone.len() + end.locked.len()) as u64;
        for Locked { key, why, until } in end.locked {
            swept.locked_until = swept.locked_until.max(until);
            swept.locked.add(match until {
                Some(until) => format!("{key} is locked until {until}"),
                None => format!("{key} is locked: {why}"),
            });
        }
        gone.extend(end.gone);
        if let Some(error) = end.error {
            // What others are doing at this moment ends or not; the next sweep sees.
            drop(ends);
            tally(gone, &[], swept);
            return Err(error);
        }
    }
    Ok(gone)
}

async fn remove_key<S: ReadObjects + DeleteObjects>(store: &S, key: Doomed, look: Look) -> KeyEnd {
    let mut end = KeyEnd::default();
    if let Look::Again(began_at) = look {
        match look_again(store, &key.newest, began_at).await {
            Ok(Seen::AsListed) => {}
            Ok(Seen::Renewed) => {
                end.is_renewed = true;
                return end;
            }
            // The newest version's lock says nothing of older ones.
            Ok(Seen::LockedUntil(_)) if key.versions.iter().all(|version| !version.is_latest) => {}
            Ok(Seen::LockedUntil(until)) => {
                let (key, why) = (key.newest.info.key, String::new());
                let until = Some(until);
                end.locked.push(Locked { key, why, until });
                return end;
            }
            Err(error) => {
                end.error = Some(error);
                return end;
            }
        }
    }
    // The oldest first: at no moment does an old version come to light.
    for version in key.versions.into_iter().rev() {
        match store.delete_version(&version.info.key, &version.version).await {
            Ok(()) => end.gone.push(version),
            Err(PortError::Locked(why)) => {
                let until = lock_of(store, &version).await;
                let key = version.info.key;
                end.locked.push(Locked { key, why, until });
            }
            Err(error) => {
                end.error = Some(error);
                return end;
            }
        }
    }
    end
}

/// Until when a version is locked, if the store tells: it does of the version that a plain read finds.
async fn lock_of<S: ReadObjects>(store: &S, version: &ObjectVersion) -> Option<Timestamp> {
    let found = store.head(&version.info.key).await.ok()?;
    found.locked_until.filter(|_| version.is_latest)
}

/// Whether a plain read of a key still finds the version that was judged, and whether it is locked. A head tells the time in
/// whole seconds; what was judged is a day old at least.
///
/// A run may have come to rely on an old version by locking it, after the sweep had marked. Such a lock ends after the sweep
/// began, even where it is over by now.
async fn look_again<S: ReadObjects>(store: &S, newest: &ObjectVersion, began_at: Timestamp) -> Result<Seen, PortError> {
    let is_gone = newest.is_delete_marker;
    match store.head(&newest.info.key).await {
        Ok(found)
            if is_gone
                || found.modified_at.as_second() != newest.info.modified_at.as_second()
                || found.bytes != newest.info.bytes =>
        {
            Ok(Seen::Renewed)
        }
        Ok(found) => Ok(found
            .locked_until
            .filter(|until| *until > began_at)
            .map_or(Seen::AsListed, Seen::LockedUntil)),
        Err(PortError::NotFound(_)) if is_gone => Ok(Seen::AsListed),
        Err(PortError::NotFound(_)) => Ok(Seen::Renewed),
        Err(error) => Err(error),
    }
}

/// Counts as removed what is not listed any more, and names the rest.
fn tally(gone: Vec<ObjectVersion>, left: &[ObjectVersion], swept: &mut Swept) {
    let left: BTreeSet<(&str, &str)> = left
        .iter()
        .map(|version| (version.info.key.as_str(), version.version.as_str()))
        .collect();
    for version in gone {
        if left.contains(&(version.info.key.as_str(), version.version.as_str())) {
            let what = format!("version {} of {}", version.version, version.info.key);
            swept.still_there.add(what);
        } else {
            swept.removed_versions += 1;
            swept.removed_bytes += version.info.bytes;
        }
    }
}
