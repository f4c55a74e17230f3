//! What is known of a stream's records besides their lines.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CatalogError, ItemsDigest, PackUse, Run};

/// A shard of a Kinesis stream, as the service names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamShard {
    /// Its id.
    pub id: String,
    /// The shards that it was split or merged from: their records come before its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
}

/// A stream as a run has found it, settled once: the shards of the run are these, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRun {
    /// When the stream was made, which tells it from an older one of its name.
    pub made_at: Option<Timestamp>,
    /// How long the stream keeps a record, in hours.
    pub retention_hours: u32,
    /// Every shard that has or may get records, closed ones too, in order of their ids.
    pub shards: Vec<StreamShard>,
}

/// A time whose records are missing: the stream let go of them before they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Everything up to here was read.
    pub after: Timestamp,
    /// The stream had records from here on.
    pub until: Timestamp,
}

impl Gap {
    /// The shortest time that holds both.
    #[must_use]
    pub fn and(self, other: Gap) -> Gap {
        Gap {
            after: self.after.min(other.after),
            until: self.until.max(other.until),
        }
    }
}

/// What a recipe knows of each of its packs, where they hold records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordPack {
    /// When the last of its records arrived: once the stream keeps none that is so old, the next point leaves the pack.
    pub last_arrived_at: Timestamp,
    /// The order-free digest of its records.
    pub digest: ItemsDigest,
}

/// What a recipe of a stream's shard holds besides lines. Each of its runs is a whole pack, in order of sequence number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPart {
    /// The shard.
    pub shard: StreamShard,
    /// When its stream was made.
    pub made_at: Option<Timestamp>,
    /// The last sequence number that was ever read of the shard, also where its record is no longer stored.
    pub last: Option<String>,
    /// What is missing between the parent point and this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// One for each pack of the recipe.
    pub packs: Vec<RecordPack>,
}

impl StreamPart {
    /// A part of which nothing was read yet.
    pub fn new(shard: StreamShard, made_at: Option<Timestamp>) -> Self {
        StreamPart {
            shard,
            made_at,
            last: None,
            gap: None,
            packs: Vec::new(),
        }
    }

    /// How a manifest tells it.
    pub fn told(&self) -> PartStream {
        PartStream {
            shard: self.shard.id.clone(),
            made_at: self.made_at,
            gap: self.gap,
        }
    }

    /// Checks that each run is the next pack as a whole, and that each pack is told of.
    pub(crate) fn check(&self, packs: &[PackUse], runs: &[Run]) -> Result<(), CatalogError> {
        let whole = |(at, (run, pack)): (usize, (&Run, &PackUse))| {
            usize::try_from(run.pack) == Ok(at) && run.from == 0 && run.lines == pack.lines
        };
        let is_whole = runs.len() == packs.len() && runs.iter().zip(packs).enumerate().all(whole);
        if is_whole && self.packs.len() == packs.len() {
            return Ok(());
        }
        let why = "its runs are not whole packs of records, one after the other".to_owned();
        Err(CatalogError::Damaged { what: "recipe", why })
    }
}

/// Which shard of a stream a part of a manifest is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStream {
    /// The shard's id.
    pub shard: String,
    /// When the stream was made.
    pub made_at: Option<Timestamp>,
    /// What is missing between the parent point and this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Recipe, Sha256, Shard};

    fn recipe() -> Recipe {
        let mut recipe = Recipe::empty(Shard { index: 0, of: 3 });
        let shard = StreamShard {
            id: "shardId-000000000000".to_owned(),
            parents: Vec::new(),
        };
        let mut stream = StreamPart::new(shard, None);
        for pack in 0..2 {
            recipe.packs.push(PackUse {
                sha256: Sha256::of(b"a"),
                lines: 2,
                bytes: 8,
            });
            let (from, lines) = (0, 2);
            recipe.runs.push(Run { pack, from, lines });
            stream.packs.push(RecordPack {
                last_arrived_at: Timestamp::UNIX_EPOCH,
                digest: ItemsDigest::default(),
            });
        }
        recipe.items = 4;
        recipe.stream = Some(stream);
        recipe
    }

    #[test]
    fn a_recipe_of_records_is_whole_packs_in_their_order() {
        recipe().check().unwrap();
        let mut half = recipe();
        half.runs[1].lines = 1;
        half.items = 3;
        assert!(half.check().is_err());
        let mut swapped = recipe();
        swapped.runs.swap(0, 1);
        assert!(swapped.check().is_err());
    }

    #[test]
    fn a_pack_of_records_that_nothing_is_told_of_is_damage() {
        let mut recipe = recipe();
        recipe.stream.as_mut().unwrap().packs.pop();
        assert!(recipe.check().is_err());
    }
}
