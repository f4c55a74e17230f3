use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_catalog::{DamagedFact, ItemsDigest, Manifest, PackUse, PartRef, PointId, ScrubbedFact, Sha256, layout};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::blob::check_blob;
use crate::index::{self, IndexEntry};
use crate::items::{by_pack, lines_of, read_pack};
use crate::pack::Pack;
use crate::port::ReadObjects;
use crate::recipe_io::read_committed_part;
use crate::{Line, PortError};

/// What a scrub of a point found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrub {
    /// What was read.
    pub read: ScrubbedFact,
    /// Everything that is missing or wrong; empty when the point is whole.
    pub damages: Vec<DamagedFact>,
}

/// Reads everything that a point needs and proves it: names against bytes, recipes against the manifest, indexes against
/// lines, and the digest of the items against the manifest's. All damages are collected, not only the first.
///
/// # Errors
/// What keeps the scrub from concluding: the store cannot be read. «Could not verify» is never «whole».
pub async fn scrub_point<S: ReadObjects>(store: &S, manifest: &Manifest) -> Result<Scrub, PortError> {
    let mut scrub = Scrub {
        read: ScrubbedFact { objects: 1, bytes: 0 },
        damages: Vec::new(),
    };
    for blob in &manifest.blobs {
        let result = check_blob(store, blob).await;
        scrub.note(&layout::blob(&blob.sha256), result)?;
    }
    if let Some(data) = &manifest.data {
        for part in &data.parts {
            scrub_part(store, &manifest.point, part, &data.key, &mut scrub).await?;
        }
    }
    Ok(scrub)
}

async fn scrub_part<S: ReadObjects>(
    store: &S,
    point: &PointId,
    part: &PartRef,
    key: &[String],
    scrub: &mut Scrub,
) -> Result<(), PortError> {
    let part_key = layout::part(point, part.shard);
    let recipe = match read_committed_part(store, point, part).await {
        Ok(recipe) => recipe,
        Err(error) => return scrub.note(&part_key, Err(error)),
    };
    scrub.note(&part_key, Ok(0))?;
    let mut digest = ItemsDigest::default();
    let damages_before = scrub.damages.len();
    for lines in by_pack(&recipe) {
        let pack_key = layout::pack(&lines.pack.sha256);
        match read_pack(store, &lines.pack).await {
            Ok(pack) => {
                crate::items::add_to_digest(&mut digest, lines_of(&pack, &lines)?);
                scrub.note(&pack_key, Ok(lines.pack.bytes))?;
                let checked = check_index(store, &lines.pack, &pack, key).await;
                scrub.note(&layout::pack_index(&lines.pack.sha256), checked)?;
            }
            Err(error) => scrub.note(&pack_key, Err(error))?,
        }
    }
    if scrub.damages.len() == damages_before && digest != part.digest {
        let why = "its items do not add up to the manifest's digest".to_owned();
        scrub.damages.push(DamagedFact { key: part_key, why });
    }
    Ok(())
}

async fn check_index<S: ReadObjects>(store: &S, used: &PackUse, pack: &Pack, key: &[String]) -> Result<u64, PortError> {
    let index_key = layout::pack_index(&used.sha256);
    let body = match store.get(&index_key).await {
        Err(PortError::NotFound(_)) => return Err(PortError::Corrupt(format!("{index_key} is missing"))),
        other => other?,
    };
    let entries = index::decode(&body)?;
    let expected: Vec<IndexEntry> = pack.lines().map(|line| entry_of(line, key)).collect::<Result<_, _>>()?;
    if entries == expected {
        Ok(body.len() as u64)
    } else {
        Err(PortError::Corrupt(format!("{index_key} does not index its pack")))
    }
}

/// The index entry of a stored line. Because lines are canonical, the key's hash is that of the key values' own text.
fn entry_of(line: &[u8], key: &[String]) -> Result<IndexEntry, PortError> {
    #[derive(Deserialize)]
    struct Stored<'a> {
        // Whose members the manifest's key names, whatever the line is of.
        #[serde(borrow, rename = "Item", alias = "Record")]
        item: BTreeMap<Cow<'a, str>, &'a RawValue>,
    }
    let corrupt = |why: String| PortError::Corrupt(format!("a line is neither item nor record: {why}"));
    let stored: Stored<'_> = serde_json::from_slice(line).map_err(|e| corrupt(e.to_string()))?;
    let mut text = Vec::new();
    for name in key {
        let value = stored
            .item
            .get(name.as_str())
            .ok_or_else(|| corrupt(format!("no key attribute {name}")))?;
        text.extend_from_slice(value.get().as_bytes());
    }
    Ok(IndexEntry::of(&Line::new(line.to_vec(), Sha256::of(&text))))
}

impl Scrub {
    /// Whether the point is whole.
    pub fn is_whole(&self) -> bool {
        self.damages.is_empty()
    }

    fn note(&mut self, key: &str, result: Result<u64, PortError>) -> Result<(), PortError> {
        match result {
            Ok(bytes) => {
                self.read.objects += 1;
                self.read.bytes += bytes;
                Ok(())
            }
            Err(PortError::Corrupt(why)) => {
                self.damages.push(DamagedFact {
                    key: key.to_owned(),
                    why,
                });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
