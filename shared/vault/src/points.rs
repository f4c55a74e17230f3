use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_catalog::{Fact, Manifest, PointId, Region, ResourceId, RunRecord, Slot, Tombstone, layout, seal, unseal};
use jiff::Timestamp;

use crate::PortError;
use crate::port::{Created, ListObjects, LockObjects, ObjectInfo, ReadObjects, WriteObjects};

/// All objects under a prefix, in order of key.
///
/// # Errors
/// Those of the store: a listing that broke off is never returned.
pub async fn keys<S: ListObjects>(store: &S, prefix: &str) -> Result<Vec<ObjectInfo>, PortError> {
    let mut found: Vec<ObjectInfo> = Vec::new();
    loop {
        let page = store.list(prefix, found.last().map(|info| info.key.as_str())).await?;
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}

/// What keys alone say about a recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointEntry {
    /// Which point.
    pub id: PointId,
    /// When its manifest was written.
    pub committed_at: Timestamp,
    /// Whether prune has decided to remove it.
    pub is_tombstoned: bool,
    /// When each kind of fact was last learnt.
    pub facts: BTreeMap<String, Slot>,
}

impl PointEntry {
    /// What keys say about one point, without listing the others.
    ///
    /// # Errors
    /// `NotFound` when there is no such point; those of the store.
    pub async fn read<S: ReadObjects + ListObjects>(store: &S, id: &PointId) -> Result<Self, PortError> {
        let committed_at = store.head(&layout::manifest(id)).await?.modified_at;
        let is_tombstoned = match store.head(&layout::tombstone(id)).await {
            Ok(_) => true,
            Err(PortError::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        let mut entry = PointEntry {
            id: id.clone(),
            committed_at,
            is_tombstoned,
            facts: BTreeMap::new(),
        };
        for info in keys(store, &layout::facts_of(id)).await? {
            if let Ok((_, what, at)) = layout::parse_fact(&info.key) {
                entry.learn(what, at);
            }
        }
        Ok(entry)
    }

    fn learn(&mut self, what: String, at: Slot) {
        let newest = self.facts.entry(what).or_insert(at);
        *newest = (*newest).max(at);
    }

    /// Whether it is complete and, as far as anybody knows, undamaged. A scrub that finds nothing wrong clears an older
    /// damage (the object was put back).
    pub fn is_good(&self) -> bool {
        !self.is_tombstoned && !self.is_partial() && !self.is_damaged()
    }

    /// Whether something could not be read when it was made.
    pub fn is_partial(&self) -> bool {
        self.facts.contains_key("partial")
    }

    /// Whether something that it needs is known to be missing or wrong.
    pub fn is_damaged(&self) -> bool {
        match (self.facts.get("damaged"), self.facts.get("scrubbed")) {
            (Some(damaged), Some(scrubbed)) => damaged >= scrubbed,
            (damaged, None) => damaged.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// When a copy was last known to be complete in a replica region, given the stack's own one.
    pub fn copied_to(&self, region: &Region, own: Option<&Region>) -> Option<Timestamp> {
        if own == Some(region) {
            self.last("replicated")
        } else {
            self.last(&layout::replicated_to(region))
        }
    }

    /// When a fact of that word was last learnt.
    pub fn last(&self, what: &str) -> Option<Timestamp> {
        self.facts.get(what).map(|slot| slot.instant())
    }
}

/// All committed points, from three listings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// The points, in order of id: by resource, then by slot.
    pub points: Vec<PointEntry>,
    /// Keys under `points/` that name no point. They are kept, and reported.
    pub strange_keys: Vec<String>,
    /// Points that facts tell of, that nobody decided to remove, and that had no manifest when it was looked for. One that came
    /// or went between the listings is among them: ask [`is_lost`].
    pub lost: BTreeSet<PointId>,
}

impl Catalogue {
    /// Reads the catalogue of the whole vault.
    ///
    /// # Errors
    /// Those of the store: an incomplete catalogue is never returned.
    pub async fn read<S: ListObjects>(store: &S) -> Result<Self, PortError> {
        Self::below(store, "").await
    }

    /// Reads what a vault has of one resource.
    ///
    /// # Errors
    /// Those of the store: an incomplete catalogue is never returned.
    pub async fn of_resource<S: ListObjects>(store: &S, resource: &ResourceId) -> Result<Self, PortError> {
        Self::below(store, &format!("{resource}/")).await
    }

    async fn below<S: ListObjects>(store: &S, prefix: &str) -> Result<Self, PortError> {
        let mut catalogue = Catalogue::default();
        let mut entries = BTreeMap::new();
        for info in keys(store, &format!("{}{prefix}", layout::POINTS)).await? {
            match layout::point_of_manifest(&info.key) {
                Ok(id) => {
                    let (committed_at, facts) = (info.modified_at, BTreeMap::new());
                    entries.insert(
                        id.clone(),
                        PointEntry {
                            id,
                            committed_at,
                            is_tombstoned: false,
                            facts,
                        },
                    );
                }
                Err(_) => catalogue.strange_keys.push(info.key),
            }
        }
        for info in keys(store, &format!("{}{prefix}", layout::FACTS)).await? {
            let Ok((id, what, at)) = layout::parse_fact(&info.key) else {
                continue;
            };
            match entries.get_mut(&id) {
                Some(entry) => entry.learn(what, at),
                // That a point is partial is written before its manifest; all others are learnt of a committed point.
                None if what == "partial" => {}
                None => _ = catalogue.lost.insert(id),
            }
        }
        for info in keys(store, &format!("{}{prefix}", layout::TOMBSTONES)).await? {
            if let Ok(id) = layout::point_of_tombstone(&info.key) {
                catalogue.lost.remove(&id);
                if let Some(entry) = entries.get_mut(&id) {
                    entry.is_tombstoned = true;
                }
            }
        }
        catalogue.points = entries.into_values().collect();
        Ok(catalogue)
    }

    /// A point, if it is committed.
    pub fn get(&self, id: &PointId) -> Option<&PointEntry> {
        self.points.iter().find(|entry| entry.id == *id)
    }
}

/// Whether a committed point has lost its manifest, and with it everything: it has facts, and neither manifest nor tombstone.
///
/// # Errors
/// Those of the store.
pub async fn is_lost<S: ReadObjects + ListObjects>(store: &S, point: &PointId) -> Result<bool, PortError> {
    for key in [layout::manifest(point), layout::tombstone(point)] {
        match store.head(&key).await {
            Ok(_) => return Ok(false),
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(!keys(store, &layout::facts_of(point)).await?.is_empty())
}

/// Reads a point's manifest and proves it.
///
/// # Errors
/// `NotFound` when there is no such point, `Corrupt` when its manifest is damaged.
pub async fn read_manifest<S: ReadObjects>(store: &S, point: &PointId) -> Result<Manifest, PortError> {
    let key = layout::manifest(point);
    let body = store.get(&key).await?;
    Manifest::read(&body, point).map_err(|error| PortError::Corrupt(format!("{key}: {error}")))
}

/// Whether all that a point refers to is locked at least as the store locks what it writes, so that nobody has to look at it
/// piece by piece. The manifest says how the point was locked. It is written, and locked, after everything else: that its own
/// lock is there shows that the others were put in this vault, and that it does not only tell of another's.
///
/// # Errors
/// Those of the store.
pub async fn vouches<S: ReadObjects + LockObjects>(store: &S, point: &Manifest) -> Result<bool, PortError> {
    let Some(wanted) = store.lock() else { return Ok(true) };
    let Some(lock) = point.lock.filter(|lock| lock.covers_contents_of(&wanted)) else {
        return Ok(false);
    };
    match store.head(&layout::manifest(&point.point)).await {
        Ok(manifest) => Ok(manifest.locked_until.is_some_and(|until| until >= lock.points_until)),
        Err(PortError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Commits a point: from here on readers see it. What is partial is said before it is seen.
///
/// # Errors
/// Those of the store.
pub async fn commit<S: WriteObjects>(store: &S, manifest: &Manifest) -> Result<Created, PortError> {
    if !manifest.not_protected.is_empty() {
        let fact = Fact::Partial(holdfast_catalog::PartialFact {
            not_protected: manifest.not_protected.clone(),
        });
        write_fact(store, &manifest.point, &fact, manifest.completed_at).await?;
    }
    store
        .create(&layout::manifest(&manifest.point), manifest.to_bytes().into())
        .await
}

/// Adds a fact. The same fact in the same second is the same fact.
///
/// # Errors
/// Those of the store.
pub async fn write_fact<S: WriteObjects>(
    store: &S,
    point: &PointId,
    fact: &Fact,
    at: Timestamp,
) -> Result<Created, PortError> {
    write_fact_as(store, point, fact.what(), fact, at).await
}

/// Adds a fact under another word than its own.
///
/// # Errors
/// Those of the store.
pub async fn write_fact_as<S: WriteObjects>(
    store: &S,
    point: &PointId,
    what: &str,
    fact: &Fact,
    at: Timestamp,
) -> Result<Created, PortError> {
    let key = layout::fact_of(point, what, Slot::at(at));
    store.create(&key, to_json(fact)?).await
}

/// Reads the newest fact of a word that an entry tells of.
///
/// # Errors
/// `NotFound` when it tells of none, `Corrupt` when the fact is damaged.
pub async fn read_fact<S: ReadObjects>(store: &S, entry: &PointEntry, what: &str) -> Result<Fact, PortError> {
    let at = entry.facts.get(what);
    let at = at.ok_or_else(|| PortError::NotFound(format!("{} has no fact {what}", entry.id)))?;
    read_json(store, &layout::fact_of(&entry.id, what, *at)).await
}

/// Marks a point for removal. Its data stays until the grace period is over.
///
/// # Errors
/// Those of the store.
pub async fn write_tombstone<S: WriteObjects>(store: &S, tombstone: &Tombstone) -> Result<Created, PortError> {
    store
        .create(&layout::tombstone(&tombstone.point), to_json(tombstone)?)
        .await
}

/// Reads a tombstone.
///
/// # Errors
/// `NotFound` when there is none, `Corrupt` when it is damaged.
pub async fn read_tombstone<S: ReadObjects>(store: &S, point: &PointId) -> Result<Tombstone, PortError> {
    read_json(store, &layout::tombstone(point)).await
}

/// Begins a run, or joins the one that somebody else has begun: what is returned is what everybody works on.
///
/// # Errors
/// Those of the store.
pub async fn begin_run<S: ReadObjects + WriteObjects>(store: &S, record: RunRecord) -> Result<RunRecord, PortError> {
    let key = layout::run_record(&record.point);
    match store.create(&key, to_json(&record)?).await? {
        Created::New => Ok(record),
        Created::Existed => read_json(store, &key).await,
    }
}

/// The record of a run in flight.
///
/// # Errors
/// `NotFound` when there is none, `Corrupt` when it is damaged.
pub async fn read_run<S: ReadObjects>(store: &S, point: &PointId) -> Result<RunRecord, PortError> {
    read_json(store, &layout::run_record(point)).await
}

pub(crate) async fn read_json<S: ReadObjects, T: serde::de::DeserializeOwned>(
    store: &S,
    key: &str,
) -> Result<T, PortError> {
    let body = store.get(key).await?;
    unseal(&body, "record").map_err(|error| PortError::Corrupt(format!("{key}: {error}")))
}

pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<Bytes, PortError> {
    let body = seal(value).map_err(|error| PortError::Invalid(error.to_string()))?;
    Ok(body.into())
}
