use std::collections::BTreeMap;
use std::num::NonZeroU64;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Arn, BlobRef, Lock, ManagedRun, PointId, Recipe, Sha256, StreamRun};

/// What a run has settled before its first task: written once, create-if-absent, so that everybody who works on the
/// run works on the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Format version.
    pub format: u32,
    /// The point that the run makes.
    pub point: PointId,
    /// The resource's ARN.
    pub arn: Arn,
    /// When the run began.
    pub started_at: Timestamp,
    /// SHA-256 of the policy document in force.
    pub policy_sha256: Sha256,
    /// The resource's tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The point to build on.
    pub parent: Option<PointId>,
    /// Settings, code and policy, already stored.
    pub blobs: Vec<BlobRef>,
    /// How many shards the items are read in; 0 where the kind has no items.
    pub shards: u32,
    /// How fast the items may be read; without it, as fast as the table gives. A run with a pace is read by one invocation at a
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<NonZeroU64>,
    /// The primary key's attribute names.
    pub key: Vec<String>,
    /// The stream, where its records are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamRun>,
    /// What AWS Backup was asked for, where it makes the point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedRun>,
    /// What could not be read.
    pub not_protected: Vec<String>,
    /// How the point is locked, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// What the lock falls short of what the plan asks for, and what to change; `None` when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_shortfall: Option<String>,
}

/// A shard task stopped at a page boundary: what it has so far and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The recipe so far.
    pub recipe: Recipe,
    /// Where the next page begins, as the source wrote it.
    pub cursor: String,
}
