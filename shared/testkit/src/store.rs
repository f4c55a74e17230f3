use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use holdfast_catalog::{Extension, Lock, ObjectLock};
use holdfast_vault::PortError;
use holdfast_vault::port::{
    Clock, CopyObjects, Created, DeleteObjects, ListObjects, LockObjects, ObjectInfo, ObjectVersion, ReadObjects,
    WriteObjects,
};
use holdfast_vault::replica::VaultLock;
use jiff::{SignedDuration, Timestamp};

use crate::{ManualClock, lock};

/// S3's page.
const PAGE: usize = 1000;

/// A versioned bucket in memory. Clones are the same bucket; buckets made with [`MemoryStore::sibling`] see each other's
/// objects when they copy.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    cloud: Arc<Mutex<Cloud>>,
    bucket: String,
    page: usize,
    clock: ManualClock,
    /// How what is written through this handle is locked.
    lock: Option<Lock>,
}

#[derive(Debug, Default)]
struct Cloud {
    buckets: BTreeMap<String, Bucket>,
    versions_made: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Versions of each key, oldest first; never an empty list.
    objects: BTreeMap<String, Vec<Version>>,
    can_lock: bool,
    extended_locks: u64,
    retention: Option<SignedDuration>,
    held: BTreeSet<String>,
    deaf: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Version {
    id: String,
    /// `None` is a delete marker.
    body: Option<Bytes>,
    modified_at: Timestamp,
    lock: Option<ObjectLock>,
}

impl MemoryStore {
    /// An empty bucket in a cloud of its own. Its objects are written at the clock's time.
    pub fn new(bucket: &str, clock: &ManualClock) -> Self {
        let store = MemoryStore {
            cloud: Arc::default(),
            bucket: bucket.to_owned(),
            page: PAGE,
            clock: clock.clone(),
            lock: None,
        };
        store.with_bucket(|_| ());
        store
    }

    /// Another bucket of the same cloud: empty, or the one of that name.
    #[must_use]
    pub fn sibling(&self, bucket: &str) -> Self {
        let store = MemoryStore {
            bucket: bucket.to_owned(),
            ..self.clone()
        };
        store.with_bucket(|_| ());
        store
    }

    /// The same bucket, listed in pages of at most `page` entries.
    #[must_use]
    pub fn paged(&self, page: usize) -> Self {
        MemoryStore {
            page: page.max(1),
            ..self.clone()
        }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Whether the cloud has a bucket of that name.
    pub fn has_bucket(&self, bucket: &str) -> bool {
        lock(&self.cloud).buckets.contains_key(bucket)
    }

    /// Every object that a plain read finds.
    pub fn contents(&self) -> BTreeMap<String, Bytes> {
        self.with_bucket(|bucket| {
            let live = bucket.objects.iter().filter_map(|(key, versions)| {
                let body = versions.last().and_then(|version| version.body.clone())?;
                Some((key.clone(), body))
            });
            live.collect()
        })
    }

    /// The keys of [`MemoryStore::contents`] that begin with `prefix`.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let keys = self.contents().into_keys();
        keys.filter(|key| key.starts_with(prefix)).collect()
    }

    /// How many bytes all versions of all objects hold.
    pub fn stored_bytes(&self) -> u64 {
        self.with_bucket(|bucket| {
            let versions = bucket.objects.values().flatten();
            versions.filter_map(|v| v.body.as_ref()).map(|b| b.len() as u64).sum()
        })
    }

    /// Changes an object's bytes behind everybody's back: no new version, no new time.
    pub fn damage(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.with_bucket(|bucket| {
            let latest = bucket.objects.get_mut(key).and_then(|versions| versions.last_mut());
            let body = latest.and_then(|version| version.body.as_mut());
            let body = body.unwrap_or_else(|| panic!("nothing to damage at {key}"));
            let mut bytes = body.to_vec();
            change(&mut bytes);
            *body = bytes.into();
        });
    }

    /// Loses all versions of an object.
    pub fn lose(&self, key: &str) {
        self.with_bucket(|bucket| bucket.objects.remove(key));
    }

    /// Loses the bucket with all it holds.
    pub fn lose_everything(&self) {
        self.with_bucket(|bucket| *bucket = Bucket::default());
    }

    /// Puts a delete marker on an object, as a plain delete of a versioned bucket does.
    pub fn mark_deleted(&self, key: &str) {
        self.put_in(&mut lock(&self.cloud), key, None, None);
    }

    /// Lets the bucket lock objects, for good.
    pub fn enable_locks(&self) {
        self.with_bucket(|bucket| bucket.can_lock = true);
    }

    /// The lock on the version that a plain read of the key finds.
    pub fn lock_on(&self, key: &str) -> Option<ObjectLock> {
        self.with_bucket(|bucket| bucket.live(key)?.lock)
    }

    /// How often the lock of an object that was there was extended: each time is a request that changes something.
    pub fn extended_locks(&self) -> u64 {
        self.with_bucket(|bucket| bucket.extended_locks)
    }

    /// Locks every version, those there already included, for this long after it was written.
    pub fn retain_for(&self, retention: SignedDuration) {
        self.with_bucket(|bucket| bucket.retention = Some(retention));
    }

    /// Puts a legal hold on all versions of an object, present and future.
    pub fn hold(&self, key: &str) {
        self.with_bucket(|bucket| bucket.held.insert(key.to_owned()));
    }

    /// Ends a legal hold.
    pub fn release(&self, key: &str) {
        self.with_bucket(|bucket| bucket.held.remove(key));
    }

    /// From now on removing a version of this object is answered with success, and nothing is removed.
    pub fn ignore_removals_of(&self, key: &str) {
        self.with_bucket(|bucket| bucket.deaf.insert(key.to_owned()));
    }

    fn with_bucket<T>(&self, work: impl FnOnce(&mut Bucket) -> T) -> T {
        work(bucket_of(&mut lock(&self.cloud), &self.bucket))
    }

    fn put_in(
        &self,
        cloud: &mut MutexGuard<'_, Cloud>,
        key: &str,
        body: Option<Bytes>,
        lock: Option<ObjectLock>,
    ) -> ObjectInfo {
        cloud.versions_made += 1;
        let version = Version {
            id: format!("version-{:08}", cloud.versions_made),
            body,
            modified_at: self.clock.now(),
            lock,
        };
        let info = version.info(key);
        let bucket = bucket_of(cloud, &self.bucket);
        bucket.objects.entry(key.to_owned()).or_default().push(version);
        info
    }

    /// The lock that a write puts on a key, if the bucket takes it.
    fn new_lock(&self, bucket: &Bucket, key: &str) -> Result<Option<ObjectLock>, PortError> {
        let wanted = self.lock.and_then(|lock| lock.on(key));
        let invalid = |why: &str| Err(PortError::Invalid(format!("s3://{}/{key}: {why}", self.bucket)));
        match wanted {
            Some(_) if !bucket.can_lock => invalid("Bucket is missing ObjectLockConfiguration"),
            Some(lock) if lock.until <= self.clock.now() => invalid("The retain until date must be in the future"),
            wanted => Ok(wanted),
        }
    }

    fn latest(&self, key: &str) -> Result<Version, PortError> {
        self.with_bucket(|bucket| bucket.live(key).cloned())
            .ok_or_else(|| PortError::NotFound(format!("s3://{}/{key}", self.bucket)))
    }
}

fn bucket_of<'a>(cloud: &'a mut MutexGuard<'_, Cloud>, bucket: &str) -> &'a mut Bucket {
    cloud.buckets.entry(bucket.to_owned()).or_default()
}

impl Bucket {
    fn live(&self, key: &str) -> Option<&Version> {
        let latest = self.objects.get(key)?.last()?;
        latest.body.is_some().then_some(latest)
    }

    fn is_locked(&self, key: &str, version: &Version, now: Timestamp) -> bool {
        // As in S3, a delete marker is never locked.
        version.body.is_some()
            && (self.held.contains(key)
                || version.lock.is_some_and(|lock| now < lock.until)
                || self
                    .retention
                    .is_some_and(|time| now.duration_since(version.modified_at) < time))
    }
}

impl Version {
    fn info(&self, key: &str) -> ObjectInfo {
        ObjectInfo {
            key: key.to_owned(),
            bytes: self.body.as_ref().map_or(0, |body| body.len() as u64),
            modified_at: self.modified_at,
            locked_until: None,
        }
    }
}

impl ReadObjects for MemoryStore {
    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        Ok(self.latest(key)?.body.unwrap_or_default())
    }

    async fn get_range(&self, key: &str, from: u64, bytes: u64) -> Result<Bytes, PortError> {
        let body = self.latest(key)?.body.unwrap_or_default();
        let end = body.len() as u64;
        let from = from.min(end);
        let to = from.saturating_add(bytes).min(end);
        let at = |offset: u64| usize::try_from(offset).unwrap_or(body.len());
        Ok(body.slice(at(from)..at(to)))
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo, PortError> {
        let latest = self.latest(key)?;
        Ok(ObjectInfo {
            locked_until: latest.lock.map(|lock| lock.until),
            ..latest.info(key)
        })
    }
}

impl ListObjects for MemoryStore {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<ObjectInfo>, PortError> {
        let page = self.with_bucket(|bucket| {
            let from = match after {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            let keys = bucket.objects.range::<str, _>((from, Bound::Unbounded));
            let ours = keys.take_while(|(key, _)| key.starts_with(prefix));
            let live = ours.filter_map(|(key, _)| bucket.live(key).map(|version| version.info(key)));
            live.take(self.page).collect()
        });
        Ok(page)
    }
}

impl WriteObjects for MemoryStore {
    async fn create(&self, key: &str, body: Bytes) -> Result<Created, PortError> {
        let mut cloud = lock(&self.cloud);
        let bucket = bucket_of(&mut cloud, &self.bucket);
        let lock = self.new_lock(bucket, key)?;
        if bucket.live(key).is_some() {
            return Ok(Created::Existed);
        }
        self.put_in(&mut cloud, key, Some(body), lock);
        Ok(Created::New)
    }

    async fn overwrite(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        let mut cloud = lock(&self.cloud);
        let lock = self.new_lock(bucket_of(&mut cloud, &self.bucket), key)?;
        self.put_in(&mut cloud, key, Some(body), lock);
        Ok(())
    }
}

impl CopyObjects for MemoryStore {
    async fn copy_from(&self, source_bucket: &str, key: &str) -> Result<ObjectInfo, PortError> {
        let mut cloud = lock(&self.cloud);
        let source = cloud.buckets.get(source_bucket).and_then(|bucket| bucket.live(key));
        let Some(body) = source.map(|version| version.body.clone()) else {
            return Err(PortError::NotFound(format!("s3://{source_bucket}/{key}")));
        };
        let lock = self.new_lock(bucket_of(&mut cloud, &self.bucket), key)?;
        let info = self.put_in(&mut cloud, key, body, lock);
        Ok(ObjectInfo {
            locked_until: lock.map(|lock| lock.until),
            ..info
        })
    }
}

impl LockObjects for MemoryStore {
    fn locking(&self, lock: Option<Lock>) -> Self {
        MemoryStore { lock, ..self.clone() }
    }

    fn lock(&self) -> Option<Lock> {
        self.lock
    }

    async fn extend_lock(&self, key: &str) -> Result<Option<ObjectLock>, PortError> {
        self.with_bucket(|bucket| {
            let Some(wanted) = self.lock.and_then(|lock| lock.on(key)) else {
                return Ok(None);
            };
            let name = format!("s3://{}/{key}", self.bucket);
            let Some(found) = bucket.live(key).map(|version| version.lock) else {
                return Err(PortError::NotFound(name));
            };
            match wanted.over(found) {
                Extension::Unneeded => return Ok(found),
                Extension::Impossible => return Err(PortError::Locked(name)),
                Extension::Needed => _ = self.new_lock(bucket, key)?,
            }
            if let Some(latest) = bucket.objects.get_mut(key).and_then(|versions| versions.last_mut()) {
                latest.lock = Some(wanted);
            }
            bucket.extended_locks += 1;
            Ok(Some(wanted))
        })
    }

    async fn vault_lock(&self) -> Result<VaultLock, PortError> {
        Ok(match self.with_bucket(|bucket| bucket.can_lock) {
            true => VaultLock::Enabled,
            false => VaultLock::Off,
        })
    }
}

impl DeleteObjects for MemoryStore {
    async fn list_versions(&self, prefix: &str, after: Option<(&str, &str)>) -> Result<Vec<ObjectVersion>, PortError> {
        let page = self.with_bucket(|bucket| {
            let keys = bucket
                .objects
                .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
            let ours = keys.take_while(|(key, _)| key.starts_with(prefix));
            let all = ours.flat_map(|(key, versions)| newest_first(key, versions));
            let unseen = all.skip_while(|v| after.is_some_and(|after| !comes_after(v, after)));
            unseen.take(self.page).collect()
        });
        Ok(page)
    }

    async fn delete_version(&self, key: &str, version: &str) -> Result<(), PortError> {
        let now = self.clock.now();
        self.with_bucket(|bucket| {
            let versions = bucket.objects.get(key).map(Vec::as_slice).unwrap_or_default();
            let Some(found) = versions.iter().find(|v| v.id == version) else {
                return Ok(());
            };
            if bucket.is_locked(key, found, now) {
                let until = found.lock.map(|lock| format!("{lock}: ")).unwrap_or_default();
                return Err(PortError::Locked(format!(
                    "{until}s3://{}/{key} version {version}",
                    self.bucket
                )));
            }
            if bucket.deaf.contains(key) {
                return Ok(());
            }
            if let Some(versions) = bucket.objects.get_mut(key) {
                versions.retain(|v| v.id != version);
                if versions.is_empty() {
                    bucket.objects.remove(key);
                }
            }
            Ok(())
        })
    }
}

fn newest_first(key: &str, versions: &[Version]) -> Vec<ObjectVersion> {
    let describe = |(age, version): (usize, &Version)| ObjectVersion {
        info: version.info(key),
        version: version.id.clone(),
        is_latest: age == 0,
        is_delete_marker: version.body.is_none(),
    };
    versions.iter().rev().enumerate().map(describe).collect()
}

/// Whether a version stands behind a marker; version ids grow, and a key's newest comes first.
fn comes_after(version: &ObjectVersion, (key, id): (&str, &str)) -> bool {
    match version.info.key.as_str().cmp(key) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => version.version.as_str() < id,
        std::cmp::Ordering::Greater => true,
    }
}
