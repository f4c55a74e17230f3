use std::collections::BTreeMap;

use holdfast_catalog::{PackUse, Recipe};

use crate::pack::TARGET_BYTES;

/// A size class of small packs is merged into one pack when it has this many members: restores and the next snapshot then
/// open at most this many packs of each class, and an item is rewritten at most once a class.
const MERGE_SMALL_PACKS: usize = 8;

/// The packs of a shard's parent that are worth building on. What the others hold is stored again, at no extra read:
/// packs that are less than half live (so that vaults stay dense and restores read at most twice what they need) and
/// whole classes of small packs (so that a table that grows a little every hour does not end in thousands of packs).
pub fn reusable_packs(parent: &Recipe) -> Vec<PackUse> {
    let mut live = vec![0_u64; parent.packs.len()];
    for run in &parent.runs {
        if let Some(lines) = usize::try_from(run.pack).ok().and_then(|pack| live.get_mut(pack)) {
            *lines += u64::from(run.lines);
        }
    }
    let dense: Vec<&PackUse> = parent
        .packs
        .iter()
        .zip(&live)
        .filter(|(pack, live)| **live * 2 >= u64::from(pack.lines) && pack.lines > 0)
        .map(|(pack, _)| pack)
        .collect();
    let mut classes: BTreeMap<u32, usize> = BTreeMap::new();
    for pack in &dense {
        *classes.entry(size_class(pack)).or_default() += 1;
    }
    dense
        .into_iter()
        .filter(|pack| {
            is_large(pack)
                || classes
                    .get(&size_class(pack))
                    .is_none_or(|count| *count < MERGE_SMALL_PACKS)
        })
        .cloned()
        .collect()
}

fn is_large(pack: &PackUse) -> bool {
    pack.bytes >= TARGET_BYTES / 2
}

/// Packs of one class are within a factor of four of each other.
fn size_class(pack: &PackUse) -> u32 {
    pack.bytes.max(1).ilog2() / 2
}

#[cfg(test)]
mod tests {
    use holdfast_catalog::{Run, Sha256, Shard};

    use super::*;

    /// A recipe over packs given as (all lines, live lines, bytes).
    fn recipe(packs: &[(u32, u32, u64)]) -> Recipe {
        let mut recipe = Recipe::empty(Shard { index: 0, of: 1 });
        for (at, (lines, live, bytes)) in packs.iter().enumerate() {
            recipe.packs.push(PackUse {
                sha256: Sha256::of(&at.to_be_bytes()),
                lines: *lines,
                bytes: *bytes,
            });
            recipe.runs.push(Run {
                pack: u32::try_from(at).unwrap(),
                from: 0,
                lines: *live,
            });
        }
        recipe
    }

    fn kept(packs: &[(u32, u32, u64)]) -> Vec<u32> {
        reusable_packs(&recipe(packs)).iter().map(|pack| pack.lines).collect()
    }

    #[test]
    fn a_pack_is_left_when_less_than_half_of_it_is_live() {
        assert_eq!(
            kept(&[(10, 10, 8 << 20), (20, 10, 8 << 20), (30, 14, 8 << 20)]),
            [10, 20]
        );
    }

    #[test]
    fn eight_small_packs_of_a_class_are_merged_and_seven_are_not() {
        assert_eq!(kept(&[(1, 1, 1000); 7]).len(), 7);
        assert_eq!(kept(&[(1, 1, 1000); 8]).len(), 0);
        assert_eq!(kept(&[(1, 1, 8 << 20); 50]).len(), 50);
    }
}
