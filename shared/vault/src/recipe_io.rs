use std::io::{Read as _, Write as _};

use bytes::Bytes;
use holdfast_catalog::{
    Checkpoint, DataSummary, ItemsDigest, PartRef, PointId, Recipe, Sha256, Shard, StreamPart, layout,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::port::{Created, ListObjects, ReadObjects, WriteObjects};
use crate::{PortError, keys};

/// No recipe or checkpoint unpacks to more than this: a shard has a bounded number of items, a run takes at most 30 bytes.
const MAX_RECIPE_BYTES: u64 = 256 << 20;

/// Stores a finished shard. When somebody else has finished it first, theirs counts.
///
/// # Errors
/// Those of the store.
pub async fn write_part<S: WriteObjects>(store: &S, point: &PointId, recipe: &Recipe) -> Result<Created, PortError> {
    store
        .create(&layout::part(point, recipe.shard), pack_json(recipe)?)
        .await
}

/// Reads a shard's recipe and proves it: known format, its own shard, runs and counts that fit.
///
/// # Errors
/// `NotFound` when the shard is not finished, `Corrupt` when the part is damaged.
pub async fn read_part<S: ReadObjects>(
    store: &S,
    point: &PointId,
    shard: Shard,
) -> Result<(PartRef, Recipe), PortError> {
    let key = layout::part(point, shard);
    let body = store.get(&key).await?;
    let recipe: Recipe = unpack_json(&body, &key)?;
    recipe
        .check()
        .map_err(|error| PortError::Corrupt(format!("{key}: {error}")))?;
    if recipe.shard != shard {
        return Err(PortError::Corrupt(format!(
            "{key} is the recipe of shard {}",
            recipe.shard
        )));
    }
    let part = PartRef {
        shard,
        sha256: Sha256::of(&body),
        items: recipe.items,
        bytes: recipe.bytes,
        digest: recipe.digest,
        stream: recipe.stream.as_ref().map(StreamPart::told),
    };
    Ok((part, recipe))
}

/// Reads a recipe that a manifest names, and proves that it is the one.
///
/// # Errors
/// `Corrupt` when it is missing or anything else.
pub async fn read_committed_part<S: ReadObjects>(
    store: &S,
    point: &PointId,
    part: &PartRef,
) -> Result<Recipe, PortError> {
    let key = layout::part(point, part.shard);
    match read_part(store, point, part.shard).await {
        Ok((found, recipe)) if found == *part => Ok(recipe),
        Ok(_) => Err(PortError::Corrupt(format!(
            "{key} is not the part that the manifest names"
        ))),
        Err(PortError::NotFound(_)) => Err(PortError::Corrupt(format!("{key} is missing"))),
        Err(error) => Err(error),
    }
}

/// The shards that are finished.
///
/// # Errors
/// Those of the store.
pub async fn finished_shards<S: ListObjects>(store: &S, point: &PointId, shards: u32) -> Result<Vec<Shard>, PortError> {
    let present: std::collections::BTreeSet<String> = keys(store, &layout::parts_of(point))
        .await?
        .into_iter()
        .map(|info| info.key)
        .collect();
    Ok((0..shards)
        .map(|index| Shard { index, of: shards })
        .filter(|shard| present.contains(&layout::part(point, *shard)))
        .collect())
}

/// Adds the finished shards up, or says nothing when some are missing.
///
/// # Errors
/// Those of the store; `Corrupt` when a part is damaged.
pub async fn summarise<S: ReadObjects + ListObjects>(
    store: &S,
    point: &PointId,
    shards: u32,
    key: Vec<String>,
) -> Result<Option<DataSummary>, PortError> {
    let finished = finished_shards(store, point, shards).await?;
    if finished.len() != usize::try_from(shards).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let mut data = DataSummary {
        key,
        parts: Vec::with_capacity(finished.len()),
        items: 0,
        bytes: 0,
        digest: ItemsDigest::default(),
        new_items: 0,
        stored_bytes: 0,
    };
    for shard in finished {
        let (part, recipe) = read_part(store, point, shard).await?;
        data.items += part.items;
        data.bytes += part.bytes;
        data.digest.merge(&part.digest);
        data.new_items += recipe.new_items;
        data.stored_bytes += recipe.stored_bytes;
        data.parts.push(part);
    }
    Ok(Some(data))
}

/// Stores where a shard task stopped.
///
/// # Errors
/// Those of the store; `Conflict` when another task of the same shard has written that checkpoint.
pub async fn write_checkpoint<S: WriteObjects>(
    store: &S,
    point: &PointId,
    number: u32,
    checkpoint: &Checkpoint,
) -> Result<(), PortError> {
    let key = layout::checkpoint(point, checkpoint.recipe.shard, number);
    match store.create(&key, pack_json(checkpoint)?).await? {
        Created::New => Ok(()),
        Created::Existed => Err(PortError::Conflict(format!(
            "{key} was written by another task of the same shard"
        ))),
    }
}

/// The newest checkpoint of a shard task, with its number. A damaged one is passed over for the one before it.
///
/// # Errors
/// Those of the store.
pub async fn read_checkpoint<S: ReadObjects + ListObjects>(
    store: &S,
    point: &PointId,
    shard: Shard,
) -> Result<Option<(u32, Checkpoint)>, PortError> {
    let prefix = layout::checkpoints_of(point, shard);
    for info in keys(store, &prefix).await?.iter().rev() {
        let number = info
            .key
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix(".json.zst"));
        let Some(number) = number.and_then(|digits| digits.parse().ok()) else {
            continue;
        };
        let checkpoint = unpack_json::<Checkpoint>(&store.get(&info.key).await?, &info.key);
        if let Ok(checkpoint) = checkpoint
            && checkpoint.recipe.check().is_ok()
            && checkpoint.recipe.shard == shard
        {
            return Ok(Some((number, checkpoint)));
        }
    }
    Ok(None)
}

/// Reads a recipe object whatever its shard, for marking what it refers to.
///
/// # Errors
/// `Corrupt` when it is damaged.
pub async fn read_part_at<S: ReadObjects>(store: &S, key: &str) -> Result<Recipe, PortError> {
    let recipe: Recipe = unpack_json(&store.get(key).await?, key)?;
    recipe
        .check()
        .map_err(|error| PortError::Corrupt(format!("{key}: {error}")))?;
    Ok(recipe)
}

/// Reads a checkpoint object whatever its shard, for marking what it refers to.
///
/// # Errors
/// `Corrupt` when it is damaged.
pub async fn read_checkpoint_at<S: ReadObjects>(store: &S, key: &str) -> Result<Checkpoint, PortError> {
    unpack_json(&store.get(key).await?, key)
}

fn pack_json<T: Serialize>(value: &T) -> Result<Bytes, PortError> {
    let invalid = |error: &dyn std::fmt::Display| PortError::Invalid(format!("writing a recipe: {error}"));
    let json = serde_json::to_vec(value).map_err(|e| invalid(&e))?;
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).map_err(|e| invalid(&e))?;
    // What no name or manifest proves yet has to prove itself.
    encoder.include_checksum(true).map_err(|e| invalid(&e))?;
    encoder.write_all(&json).map_err(|e| invalid(&e))?;
    Ok(encoder.finish().map_err(|e| invalid(&e))?.into())
}

fn unpack_json<T: DeserializeOwned>(body: &[u8], key: &str) -> Result<T, PortError> {
    let corrupt = |why: String| PortError::Corrupt(format!("{key}: {why}"));
    let mut json = Vec::new();
    zstd::stream::read::Decoder::new(body)
        .and_then(|decoder| decoder.take(MAX_RECIPE_BYTES).read_to_end(&mut json))
        .map_err(|error| corrupt(error.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| corrupt(error.to_string()))
}
