use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Arn, CatalogError, ItemsDigest, Lock, ManagedPoint, PartStream, PointId, Sha256, Shard, seal, unseal};

/// The newest format version that this release writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// How a recovery point was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// By Holdfast, into its own vault.
    Vault,
    /// By AWS Backup, into one of its vaults. The vault of Holdfast has the settings and the commit record.
    AwsBackup,
}

/// What a blob is to its recovery point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobRole {
    /// The resource's settings, as canonical JSON.
    Config,
    /// An archive of code, or of a layer.
    Code,
    /// The policy document that was in force.
    Policy,
}

/// A file that is stored by content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlobRef {
    /// What it is.
    pub role: BlobRole,
    /// Its name: the SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Its length.
    pub bytes: u64,
}

/// A shard's recipe as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRef {
    /// Which shard.
    pub shard: Shard,
    /// SHA-256 of the part object as it is stored (compressed).
    pub sha256: Sha256,
    /// Items in the shard.
    pub items: u64,
    /// Bytes of their lines.
    pub bytes: u64,
    /// Digest of its items.
    pub digest: ItemsDigest,
    /// Which shard of a stream it is, where the items are records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<PartStream>,
}

/// The items of a recovery point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSummary {
    /// The primary key's attribute names: partition key, then sort key if there is one.
    pub key: Vec<String>,
    /// A part for each shard, in order of the shards.
    pub parts: Vec<PartRef>,
    /// Items in all.
    pub items: u64,
    /// Bytes of their canonical lines in all.
    pub bytes: u64,
    /// Order-free digest of all items.
    pub digest: ItemsDigest,
    /// Items that this point stored anew, because they were new or changed, or their pack was mostly dead.
    pub new_items: u64,
    /// Compressed bytes that this point added to the vault in packs.
    pub stored_bytes: u64,
}

/// The commit record of a recovery point. A point exists when its manifest does; nothing changes it afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version.
    pub format: u32,
    /// Which point this is.
    pub point: PointId,
    /// The resource's ARN when the point was made.
    pub arn: Arn,
    /// How the point was made.
    pub engine: Engine,
    /// When reading began. The point is as old as this, not as its last byte.
    pub started_at: Timestamp,
    /// When everything was stored.
    pub completed_at: Timestamp,
    /// SHA-256 of the policy document that was in force.
    pub policy_sha256: Sha256,
    /// The resource's tags when the point was made. Residency may depend on them for as long as the point lives.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The point whose packs this one built on, if any. For information: a point stands alone.
    pub parent: Option<PointId>,
    /// Settings, code and the policy that was in force.
    pub blobs: Vec<BlobRef>,
    /// Items, where the kind has them.
    pub data: Option<DataSummary>,
    /// Where AWS Backup keeps the data, where it made the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedPoint>,
    /// What could not be read or stored, in words for a person; empty when the point is complete.
    pub not_protected: Vec<String>,
    /// How the point is locked, if it is: everything that it refers to was locked so before this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
}

impl Manifest {
    /// Reads a manifest and checks that it says what its key says.
    ///
    /// # Errors
    /// A newer format, bytes that do not parse, another point's manifest, or sums that do not add up.
    pub fn read(bytes: &[u8], expected: &PointId) -> Result<Self, CatalogError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let damaged = |why: String| CatalogError::Damaged { what: "manifest", why };
        let version: Version = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        if version.format > FORMAT_VERSION {
            return Err(CatalogError::NewerFormat {
                found: version.format,
                newest: FORMAT_VERSION,
            });
        }
        let manifest: Manifest = unseal(bytes, "manifest")?;
        if manifest.point != *expected {
            return Err(damaged(format!(
                "it is the manifest of {}, not of {expected}",
                manifest.point
            )));
        }
        manifest.check_sums().map_err(damaged)?;
        manifest.check_engine().map_err(damaged)?;
        Ok(manifest)
    }

    /// The manifest as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        // A manifest holds only strings, integers and vectors of them: none of the errors can happen.
        seal(self).unwrap_or_default()
    }

    /// The configuration document's blob, if the point has one.
    pub fn config(&self) -> Option<&BlobRef> {
        self.blobs.iter().find(|blob| blob.role == BlobRole::Config)
    }

    /// A point of AWS Backup says where its data is, and no other point does.
    fn check_engine(&self) -> Result<(), String> {
        match (self.engine, &self.managed) {
            (Engine::AwsBackup, Some(_)) | (Engine::Vault, None) => Ok(()),
            (Engine::AwsBackup, None) => Err("it does not say where AWS Backup keeps its data".to_owned()),
            (Engine::Vault, Some(_)) => Err("its data is said to be in this vault and in AWS Backup".to_owned()),
        }
    }

    fn check_sums(&self) -> Result<(), String> {
        let Some(data) = &self.data else { return Ok(()) };
        let mut digest = ItemsDigest::default();
        let (mut items, mut bytes) = (0_u64, 0_u64);
        for (at, part) in data.parts.iter().enumerate() {
            if usize::try_from(part.shard.index) != Ok(at) || usize::try_from(part.shard.of) != Ok(data.parts.len()) {
                return Err(format!("part {at} of {} is shard {}", data.parts.len(), part.shard));
            }
            digest.merge(&part.digest);
            items = items.saturating_add(part.items);
            bytes = bytes.saturating_add(part.bytes);
        }
        if (items, bytes, digest) != (data.items, data.bytes, data.digest) {
            return Err("its parts do not add up to its totals".to_owned());
        }
        Ok(())
    }
}
