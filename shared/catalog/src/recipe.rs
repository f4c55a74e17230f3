use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CatalogError, FORMAT_VERSION, ItemsDigest, Sha256, StreamPart};

/// One of `of` equal slices of a table's key space: a segment of a parallel scan. Or one of a stream's `of` shards.
///
/// A table's `of` is a power of two, so that when it doubles each old shard is the parent of two new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// Which slice, from 0.
    pub index: u32,
    /// How many slices there are.
    pub of: u32,
}

impl Shard {
    /// The shard of a coarser division that covers this one; itself when the division is not coarser.
    pub fn parent_in(self, parent_of: u32) -> Shard {
        if parent_of == 0 || parent_of >= self.of {
            return Shard {
                index: self.index.min(parent_of.saturating_sub(1)),
                of: parent_of.max(1),
            };
        }
        Shard {
            index: self.index / (self.of / parent_of),
            of: parent_of,
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}-of-{:05}", self.index, self.of)
    }
}

/// A pack that a recipe takes lines from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackUse {
    /// The pack's name: the SHA-256 of its uncompressed bytes.
    pub sha256: Sha256,
    /// How many lines the pack has in all, used or not.
    pub lines: u32,
    /// How long the pack is uncompressed.
    pub bytes: u64,
}

/// `lines` consecutive lines of a pack, from line `from` (counted from 0).
///
/// Written as `[pack, from, lines]`: a recipe of a much-changed table has a run for nearly every item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u32, u32)", into = "(u32, u32, u32)")]
pub struct Run {
    /// Index into [`Recipe::packs`].
    pub pack: u32,
    /// First line.
    pub from: u32,
    /// How many.
    pub lines: u32,
}

impl From<(u32, u32, u32)> for Run {
    fn from((pack, from, lines): (u32, u32, u32)) -> Self {
        Run { pack, from, lines }
    }
}

impl From<Run> for (u32, u32, u32) {
    fn from(run: Run) -> Self {
        (run.pack, run.from, run.lines)
    }
}

/// A shard's part of a recovery point: which lines of which packs, in scan order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Format version.
    pub format: u32,
    /// The slice of the table.
    pub shard: Shard,
    /// The packs, in order of first use.
    pub packs: Vec<PackUse>,
    /// The runs, in scan order.
    pub runs: Vec<Run>,
    /// How many items the runs hold together.
    pub items: u64,
    /// How many bytes their lines have, without line ends.
    pub bytes: u64,
    /// The order-free digest of the items.
    pub digest: ItemsDigest,
    /// Items that this point stored anew, because they were new or changed, or their pack was mostly dead.
    pub new_items: u64,
    /// Compressed bytes that this point added to the vault in packs.
    pub stored_bytes: u64,
    /// What is known of a stream's shard, where the items are its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamPart>,
}

impl Recipe {
    /// An empty recipe of a shard.
    pub fn empty(shard: Shard) -> Self {
        Recipe {
            format: FORMAT_VERSION,
            shard,
            packs: Vec::new(),
            runs: Vec::new(),
            items: 0,
            bytes: 0,
            digest: ItemsDigest::default(),
            new_items: 0,
            stored_bytes: 0,
            stream: None,
        }
    }

    /// Checks what a recipe promises about itself: known format, runs inside their packs, counts that add up.
    ///
    /// # Errors
    /// Names the first thing that does not fit.
    pub fn check(&self) -> Result<(), CatalogError> {
        if self.format > FORMAT_VERSION {
            return Err(CatalogError::NewerFormat {
                found: self.format,
                newest: FORMAT_VERSION,
            });
        }
        let damaged = |why: String| Err(CatalogError::Damaged { what: "recipe", why });
        let mut items = 0_u64;
        for (at, run) in self.runs.iter().enumerate() {
            let Some(pack) = usize::try_from(run.pack).ok().and_then(|index| self.packs.get(index)) else {
                return damaged(format!("run {at} names pack {} of {}", run.pack, self.packs.len()));
            };
            if run.lines == 0 || run.from.checked_add(run.lines).is_none_or(|end| end > pack.lines) {
                return damaged(format!("run {at} leaves pack {}", pack.sha256));
            }
            items += u64::from(run.lines);
        }
        if items != self.items {
            return damaged(format!("its runs hold {items} items, it says {}", self.items));
        }
        match &self.stream {
            Some(stream) => stream.check(&self.packs, &self.runs),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_the_shards_gives_each_old_one_two_children() {
        let parents: Vec<u32> = (0..8).map(|index| Shard { index, of: 8 }.parent_in(4).index).collect();
        assert_eq!(parents, [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(Shard { index: 3, of: 4 }.parent_in(4), Shard { index: 3, of: 4 });
    }

    #[test]
    fn a_run_outside_its_pack_is_damage() {
        let mut recipe = Recipe::empty(Shard { index: 0, of: 1 });
        recipe.packs.push(PackUse {
            sha256: Sha256::of(b""),
            lines: 3,
            bytes: 9,
        });
        recipe.runs.push(Run {
            pack: 0,
            from: 1,
            lines: 2,
        });
        recipe.items = 2;
        recipe.check().unwrap();
        recipe.runs[0].lines = 3;
        assert!(recipe.check().is_err());
        recipe.runs[0] = Run {
            pack: 0,
            from: u32::MAX,
            lines: 2,
        };
        assert!(recipe.check().is_err());
        recipe.runs[0] = Run {
            pack: 1,
            from: 0,
            lines: 1,
        };
        assert!(recipe.check().is_err());
    }
}
