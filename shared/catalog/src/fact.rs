use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ItemsDigest, ManagedPoint, PointId, Region};

/// Something learnt about a recovery point after it was committed. Facts are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum Fact {
    /// It is whole in another region's vault.
    Replicated(ReplicatedFact),
    /// Something could not be read when it was made: it is kept, but it does not count as good.
    Partial(PartialFact),
    /// Every object that it needs was read and proved.
    Scrubbed(ScrubbedFact),
    /// Something that it needs is missing or wrong.
    Damaged(DamagedFact),
    /// It was restored into a scratch resource and compared.
    RestoreTested(RestoreTestedFact),
    /// It was called back after prune had decided to remove it: it is kept for one more grace period.
    Undeleted(UndeletedFact),
}

impl Fact {
    /// The word that stands in the fact's key.
    pub fn what(&self) -> &'static str {
        match self {
            Fact::Replicated(_) => "replicated",
            Fact::Partial(_) => "partial",
            Fact::Scrubbed(_) => "scrubbed",
            Fact::Damaged(_) => "damaged",
            Fact::RestoreTested(_) => "restore-tested",
            Fact::Undeleted(_) => "undeleted",
        }
    }
}

/// A copy was completed and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicatedFact {
    /// The region of the copy.
    pub region: Region,
    /// The bucket of the copy.
    pub bucket: String,
    /// Objects of the point that are in the copy, the manifest included.
    pub objects: u64,
    /// Objects that had to be copied for it.
    pub copied_objects: u64,
    /// Bytes that had to be copied for it.
    pub copied_bytes: u64,
    /// The copy of its data that AWS Backup made, where AWS Backup keeps the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedPoint>,
}

/// A point was committed without everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialFact {
    /// What is missing and why.
    pub not_protected: Vec<String>,
}

/// A scrub found nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubbedFact {
    /// Objects read and proved.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// A scrub, a restore or a restore test found damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedFact {
    /// The vault key of the damaged or missing object.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

/// A restore test's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTestedFact {
    /// Whether the restored resource equals the point.
    pub matches: bool,
    /// Items restored.
    pub items: u64,
    /// The digest of the scratch table's items.
    pub digest: ItemsDigest,
    /// Milliseconds from the request to the last item written.
    pub restore_ms: u64,
}

/// A point was called back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeletedFact {
    /// Why: a person asked for it, a hold covers it, it is among the last good ones.
    pub why: String,
}

/// A recovery point that prune has decided to remove. Its data goes after the grace period; until then it can be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Which point.
    pub point: PointId,
    /// When it was decided.
    pub pruned_at: Timestamp,
    /// Why.
    pub reasons: Vec<String>,
}
