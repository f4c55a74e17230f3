//! Copying one point: contents first, recipes next, manifest last.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_catalog::{Lock, Manifest, PartRef, PointId, ReplicatedFact, layout};
use holdfast_vault::port::Clock;
use holdfast_vault::replica::VaultLock;
use holdfast_vault::{
    PointEntry, PortError, commit, outlives_run, read_committed_part, read_manifest, read_tombstone, vouches,
};
use jiff::Timestamp;

use crate::{HomePorts, ReplicaPorts, Replicate};

/// Server-side copies under way at the same time: S3 takes far more, but the pace of a small function is this.
const PARALLEL_COPIES: usize = 16;

/// What a copy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Copied {
    objects: u64,
    copied_objects: u64,
    copied_bytes: u64,
}

/// How a copy ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CopyEnd {
    /// The point is whole in the replica.
    Complete {
        /// What was done for it.
        copied: Copied,
        /// Why the copy is not locked as the point is, and what to change; `None` when it is.
        lock_shortfall: Option<String>,
    },
    /// Prune has removed the point from the replica; it is not brought back.
    PrunedThere,
    /// Time ran out; what was copied stays and is not copied again.
    OutOfTime,
}

impl Copied {
    /// One object that was there.
    fn present() -> Self {
        Copied {
            objects: 1,
            ..Copied::default()
        }
    }

    fn add(&mut self, more: Copied) {
        self.objects += more.objects;
        self.copied_objects += more.copied_objects;
        self.copied_bytes += more.copied_bytes;
    }

    pub(crate) fn fact(self, region: &holdfast_catalog::Region, bucket: &str) -> ReplicatedFact {
        ReplicatedFact {
            region: region.clone(),
            bucket: bucket.to_owned(),
            objects: self.objects,
            copied_objects: self.copied_objects,
            copied_bytes: self.copied_bytes,
            managed: None,
        }
    }
}

impl<H: HomePorts, R: ReplicaPorts, M: Send + Sync, B: Send + Sync> Replicate<H, R, M, B> {
    /// Whether prune gave the copy up.
    pub(crate) async fn is_pruned_there(&self, point: &PointId) -> Result<bool, PortError> {
        exists(read_tombstone(&self.replica, point).await)
    }

    /// Copies what a manifest names, and then the manifest.
    pub(crate) async fn copy_manifest<C: Clock>(&self, manifest: &Manifest, clock: &C) -> Result<CopyEnd, PortError> {
        if self.is_pruned_there(&manifest.point).await? {
            return Ok(CopyEnd::PrunedThere);
        }
        let (lock, lock_shortfall) = self.lock_there(manifest, clock.now()).await?;
        let mut copying = Copying {
            home: &self.home,
            home_bucket: &self.home_bucket,
            replica: self.replica.locking(lock),
            clock,
            copied: Copied::default(),
        };
        if !copying.point(manifest).await? {
            return Ok(CopyEnd::OutOfTime);
        }
        Ok(CopyEnd::Complete {
            copied: copying.copied,
            lock_shortfall,
        })
    }

    /// How the copy is locked: as the point is at home, unless that lock is over, or the replica's bucket cannot lock. Then it
    /// is copied without: a copy that can be removed is better than none.
    async fn lock_there(
        &self,
        manifest: &Manifest,
        now: Timestamp,
    ) -> Result<(Option<Lock>, Option<String>), PortError> {
        let Some(lock) = manifest.lock.filter(|lock| lock.points_until > now) else {
            return Ok((None, None));
        };
        match self.replica.vault_lock().await? {
            VaultLock::Enabled => Ok((Some(lock), None)),
            VaultLock::Off => {
                let shortfall = format!(
                    "copied, but not locked as the point is: enable S3 Object Lock on bucket {}, which VaultLockMode does \
                     for a bucket that replicate makes",
                    self.spec.bucket
                );
                Ok((None, Some(shortfall)))
            }
        }
    }
}

/// A point on its way.
struct Copying<'a, H, R, C> {
    home: &'a H,
    home_bucket: &'a str,
    /// Locks what it writes as the point is to be locked.
    replica: R,
    clock: &'a C,
    copied: Copied,
}

impl<H: HomePorts, R: ReplicaPorts, C: Clock> Copying<'_, H, R, C> {
    /// Copies a point; false when time ran out.
    async fn point(&mut self, manifest: &Manifest) -> Result<bool, PortError> {
        let parent = self.parent_there(manifest).await?;
        let blobs: Vec<String> = manifest.blobs.iter().map(|blob| layout::blob(&blob.sha256)).collect();
        self.copy_contents(blobs).await?;
        for part in manifest.data.iter().flat_map(|data| &data.parts) {
            if self.clock.remaining() < crate::STOP_BEFORE_END {
                return Ok(false);
            }
            self.copy_part(manifest, part, parent.as_ref()).await?;
        }
        // Everything that the manifest names is there, checked and locked: now the copy may be seen.
        commit(&self.replica, manifest).await?;
        self.copied.objects += 1;
        Ok(true)
    }

    /// The point that this one built on, if it is in the replica to stay, not known to be damaged there, and locked there for
    /// as long as this one's contents have to be. What it refers to there needs no look: a tombstone that came now would keep
    /// its data for longer than this run can take.
    async fn parent_there(&self, manifest: &Manifest) -> Result<Option<Manifest>, PortError> {
        let Some(parent) = &manifest.parent else {
            return Ok(None);
        };
        match PointEntry::read(&self.replica, parent).await {
            Ok(entry) if !entry.is_tombstoned && !entry.is_damaged() => {}
            Ok(_) | Err(PortError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
        match read_manifest(&self.replica, parent).await {
            Ok(parent) => Ok(vouches(&self.replica, &parent).await?.then_some(parent)),
            Err(PortError::NotFound(_) | PortError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn copy_part(
        &mut self,
        manifest: &Manifest,
        part: &PartRef,
        parent: Option<&Manifest>,
    ) -> Result<(), PortError> {
        let recipe = read_committed_part(self.home, &manifest.point, part).await?;
        let there = match parent {
            Some(parent) => self.contents_there(parent, part).await?,
            None => BTreeSet::new(),
        };
        let contents: Vec<String> = recipe
            .packs
            .iter()
            .flat_map(|pack| [layout::pack(&pack.sha256), layout::pack_index(&pack.sha256)])
            .collect();
        self.copied.objects += contents.iter().filter(|key| there.contains(*key)).count() as u64;
        let missing = contents.into_iter().filter(|key| !there.contains(key)).collect();
        self.copy_contents(missing).await?;
        let copied = self.copy_object(&layout::part(&manifest.point, part.shard)).await?;
        self.copied.add(copied);
        Ok(())
    }

    /// What the parent's shard refers to in the replica.
    async fn contents_there(&self, parent: &Manifest, part: &PartRef) -> Result<BTreeSet<String>, PortError> {
        let Some(data) = &parent.data else {
            return Ok(BTreeSet::new());
        };
        let parts = u32::try_from(data.parts.len()).unwrap_or(u32::MAX);
        let index = usize::try_from(part.shard.parent_in(parts).index).unwrap_or(usize::MAX);
        let Some(parents_part) = data.parts.get(index) else {
            return Ok(BTreeSet::new());
        };
        match read_committed_part(&self.replica, &parent.point, parents_part).await {
            Ok(recipe) => Ok(recipe
                .packs
                .iter()
                .flat_map(|pack| [layout::pack(&pack.sha256), layout::pack_index(&pack.sha256)])
                .collect()),
            Err(PortError::Corrupt(_)) => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    async fn copy_contents(&mut self, keys: Vec<String>) -> Result<(), PortError> {
        let copying = &*self;
        let results: Vec<Copied> = stream::iter(keys)
            .map(|key| async move {
                if copying.is_there(&key).await? {
                    Ok::<_, PortError>(Copied::present())
                } else {
                    copying.copy_object(&key).await
                }
            })
            .buffer_unordered(PARALLEL_COPIES)
            .try_collect()
            .await?;
        for one in results {
            self.copied.add(one);
        }
        Ok(())
    }

    /// Whether an object is in the replica and may be relied on; see [`outlives_run`].
    async fn is_there(&self, key: &str) -> Result<bool, PortError> {
        match self.replica.head(key).await {
            Ok(info) => outlives_run(&self.replica, &info, self.clock.now()).await,
            Err(PortError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn copy_object(&self, key: &str) -> Result<Copied, PortError> {
        let info = self.replica.copy_from(self.home_bucket, key).await?;
        Ok(Copied {
            objects: 1,
            copied_objects: 1,
            copied_bytes: info.bytes,
        })
    }
}

fn exists<T>(result: Result<T, PortError>) -> Result<bool, PortError> {
    match result {
        Ok(_) | Err(PortError::Corrupt(_)) => Ok(true),
        Err(PortError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
