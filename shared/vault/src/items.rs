use std::collections::BTreeMap;

use holdfast_catalog::{ItemsDigest, PackUse, Recipe, Sha256, layout};

use crate::PortError;
use crate::pack::Pack;
use crate::port::ReadObjects;

/// Which lines of one pack a recipe uses, in order of line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackLines {
    /// The pack.
    pub pack: PackUse,
    /// First line and how many, sorted.
    pub spans: Vec<(u32, u32)>,
}

/// A recipe by packs, so that each pack is read once. The order of items is lost; nothing depends on it.
pub fn by_pack(recipe: &Recipe) -> Vec<PackLines> {
    let mut spans: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    for run in &recipe.runs {
        spans.entry(run.pack).or_default().push((run.from, run.lines));
    }
    spans
        .into_iter()
        .filter_map(|(place, mut spans)| {
            spans.sort_unstable();
            let pack = recipe.packs.get(usize::try_from(place).ok()?)?.clone();
            Some(PackLines { pack, spans })
        })
        .collect()
}

/// Reads a pack and proves it.
///
/// # Errors
/// `Corrupt` when it is missing or not what its name promises.
pub async fn read_pack<S: ReadObjects>(store: &S, pack: &PackUse) -> Result<Pack, PortError> {
    let key = layout::pack(&pack.sha256);
    match store.get(&key).await {
        Ok(body) => Pack::open(&body, pack),
        Err(PortError::NotFound(_)) => Err(PortError::Corrupt(format!("{key} is missing"))),
        Err(error) => Err(error),
    }
}

/// The lines of a pack that a recipe uses.
///
/// # Errors
/// `Corrupt` when the recipe names lines that the pack does not have.
pub fn lines_of<'p>(pack: &'p Pack, lines: &PackLines) -> Result<Vec<&'p [u8]>, PortError> {
    let mut found = Vec::new();
    for (from, count) in &lines.spans {
        for number in *from..from.saturating_add(*count) {
            let line = pack
                .line(number)
                .ok_or_else(|| PortError::Corrupt(format!("pack {} has no line {number}", lines.pack.sha256)))?;
            found.push(line);
        }
    }
    Ok(found)
}

/// Adds lines to a digest.
pub fn add_to_digest<'l>(digest: &mut ItemsDigest, lines: impl IntoIterator<Item = &'l [u8]>) {
    for line in lines {
        digest.add(&Sha256::of(line));
    }
}
