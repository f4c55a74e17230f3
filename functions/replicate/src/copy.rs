//! Copying one point: contents first, recipes next, manifest last.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_catalog::{Manifest, PartRef, PointId, ReplicatedFact, layout};
use holdfast_vault::port::Clock;
use holdfast_vault::{
    PointEntry, PortError, TRUST_EXISTING_FOR, commit, read_committed_part, read_manifest, read_tombstone,
};

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
    Complete(Copied),
    /// Prune has removed the point from the replica; it is not brought back.
    PrunedThere,
    /// Time ran out; what was copied stays and is not copied again.
    OutOfTime,
}

impl Copied {
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

impl<H: HomePorts, R: ReplicaPorts, M: Send + Sync> Replicate<H, R, M> {
    pub(crate) async fn copy_point<C: Clock>(&self, point: &PointId, clock: &C) -> Result<CopyEnd, PortError> {
        if exists(read_tombstone(&self.replica, point).await)? {
            return Ok(CopyEnd::PrunedThere);
        }
        let manifest = read_manifest(&self.home, point).await?;
        let parent = self.parent_there(&manifest).await?;
        let mut copied = Copied::default();
        let blobs: Vec<String> = manifest.blobs.iter().map(|blob| layout::blob(&blob.sha256)).collect();
        self.copy_contents(blobs, clock, &mut copied).await?;
        for part in manifest.data.iter().flat_map(|data| &data.parts) {
            if clock.remaining() < crate::STOP_BEFORE_END {
                return Ok(CopyEnd::OutOfTime);
            }
            self.copy_part(&manifest, part, parent.as_ref(), clock, &mut copied)
                .await?;
        }
        // Everything that the manifest names is there and checked: now the copy may be seen.
        commit(&self.replica, &manifest).await?;
        copied.objects += 1;
        Ok(CopyEnd::Complete(copied))
    }

    /// The point that this one built on, if it is in the replica to stay and not known to be damaged there. What it refers to
    /// there needs no look: a tombstone that came now would keep its data for longer than this run can take.
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
            Ok(manifest) => Ok(Some(manifest)),
            Err(PortError::NotFound(_) | PortError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn copy_part<C: Clock>(
        &self,
        manifest: &Manifest,
        part: &PartRef,
        parent: Option<&Manifest>,
        clock: &C,
        copied: &mut Copied,
    ) -> Result<(), PortError> {
        let recipe = read_committed_part(&self.home, &manifest.point, part).await?;
        let there = match parent {
            Some(parent) => self.contents_there(parent, part).await?,
            None => BTreeSet::new(),
        };
        let contents: Vec<String> = recipe
            .packs
            .iter()
            .flat_map(|pack| [layout::pack(&pack.sha256), layout::pack_index(&pack.sha256)])
            .collect();
        copied.objects += contents.iter().filter(|key| there.contains(*key)).count() as u64;
        let missing = contents.into_iter().filter(|key| !there.contains(key)).collect();
        self.copy_contents(missing, clock, copied).await?;
        let key = layout::part(&manifest.point, part.shard);
        self.copy_object(&key, copied).await
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

    async fn copy_contents<C: Clock>(
        &self,
        keys: Vec<String>,
        clock: &C,
        copied: &mut Copied,
    ) -> Result<(), PortError> {
        let results: Vec<Copied> = stream::iter(keys)
            .map(|key| async move {
                let mut one = Copied::default();
                if self.is_fresh_there(&key, clock).await? {
                    one.objects = 1;
                } else {
                    self.copy_object(&key, &mut one).await?;
                }
                Ok::<_, PortError>(one)
            })
            .buffer_unordered(PARALLEL_COPIES)
            .try_collect()
            .await?;
        for one in results {
            copied.objects += one.objects;
            copied.copied_objects += one.copied_objects;
            copied.copied_bytes += one.copied_bytes;
        }
        Ok(())
    }

    /// Whether an object is in the replica and young enough to rely on; see [`TRUST_EXISTING_FOR`].
    async fn is_fresh_there<C: Clock>(&self, key: &str, clock: &C) -> Result<bool, PortError> {
        match self.replica.head(key).await {
            Ok(info) => Ok(clock.now().duration_since(info.modified_at) < TRUST_EXISTING_FOR),
            Err(PortError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn copy_object(&self, key: &str, copied: &mut Copied) -> Result<(), PortError> {
        let info = self.replica.copy_from(&self.home_bucket, key).await?;
        copied.objects += 1;
        copied.copied_objects += 1;
        copied.copied_bytes += info.bytes;
        Ok(())
    }
}

fn exists<T>(result: Result<T, PortError>) -> Result<bool, PortError> {
    match result {
        Ok(_) | Err(PortError::Corrupt(_)) => Ok(true),
        Err(PortError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
