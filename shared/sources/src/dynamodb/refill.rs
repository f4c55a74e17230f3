//! Filling a table from a recovery point, and proving that it holds the point: shard by shard, resumable.
//!
//! What is done is marked in the vault, under a prefix that belongs to one restore. A shard that was cut short is loaded
//! again from its beginning: putting the same items twice changes nothing.

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use holdfast_catalog::{ItemsDigest, Manifest, Recipe, Shard};
use holdfast_vault::port::{Clock, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, by_pack, lines_of, read_committed_part, read_pack};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::item;
use super::load::{Stop, load_items};
use super::port::{ScanTable, WriteItems};

/// Nothing new is begun this long before the invocation ends.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(30);

/// How far a resumable step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<T> {
    /// To its end.
    Complete(T),
    /// The invocation's time is nearly over; asked again, it goes on.
    OutOfTime,
}

/// Items and their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counted {
    /// How many.
    pub items: u64,
    /// Their order-free digest.
    pub digest: ItemsDigest,
}

impl Counted {
    fn add(&mut self, other: &Counted) {
        self.items += other.items;
        self.digest.merge(&other.digest);
    }

    fn add_line(&mut self, line: &holdfast_vault::Line) {
        self.items += 1;
        self.digest.add(line.hash());
    }
}

/// The lines of a recipe, pack by pack, each proven before they are given out.
fn lines_of_recipe<'a, S: ReadObjects>(
    store: &'a S,
    recipe: &Recipe,
) -> impl Stream<Item = Result<Bytes, PortError>> + 'a {
    stream::iter(by_pack(recipe))
        .then(move |lines| async move {
            let pack = read_pack(store, &lines.pack).await?;
            let lines: Result<Vec<Bytes>, PortError> = lines_of(&pack, &lines)?
                .into_iter()
                .map(|line| match item::check(line) {
                    Ok(()) => Ok(pack.share(line)),
                    Err(error) => Err(PortError::Corrupt(error.to_string())),
                })
                .collect();
            Ok::<_, PortError>(stream::iter(lines?.into_iter().map(Ok)))
        })
        .try_flatten()
}

/// Writes all items of a point into a table. They come from `source`, and `store` holds the marks: so a damaged copy can be left
/// for another one in the middle.
///
/// # Errors
/// `Corrupt` when the point is damaged; those of the table and of the store. Asked again, it goes on with the first shard
/// that is not marked as loaded.
pub async fn load_point<P: WriteItems, S: ReadObjects, W: ReadObjects + WriteObjects, C: Clock>(
    ports: &P,
    source: &S,
    store: &W,
    clock: &C,
    manifest: &Manifest,
    table: &str,
    marks: &str,
) -> Result<Progress<u64>, PortError> {
    let Some(data) = &manifest.data else {
        return Ok(Progress::Complete(0));
    };
    let mut loaded = 0;
    for part in &data.parts {
        let mark = format!("{marks}loaded-{}.json", part.shard);
        if let Some(counted) = read_mark(store, &mark).await? {
            loaded += counted.items;
            continue;
        }
        if clock.remaining() < STOP_BEFORE_END {
            return Ok(Progress::OutOfTime);
        }
        let recipe = read_committed_part(source, &manifest.point, part).await?;
        let items = Box::pin(lines_of_recipe(source, &recipe));
        match load_items(ports, clock, table, items).await {
            Ok(items) if items == part.items => {
                loaded += items;
                write_mark(
                    store,
                    &mark,
                    &Counted {
                        items,
                        digest: part.digest,
                    },
                )
                .await?;
            }
            Ok(items) => {
                let why = format!(
                    "shard {} gave {items} items, the manifest says {}",
                    part.shard, part.items
                );
                return Err(PortError::Corrupt(why));
            }
            Err(unwritten) => match unwritten.stop {
                Stop::Deadline => return Ok(Progress::OutOfTime),
                Stop::Failed(error) => return Err(error),
            },
        }
    }
    Ok(Progress::Complete(loaded))
}

/// Reads a whole table and adds its items up, in as many segments as the point has shards.
///
/// # Errors
/// Those of the table and of the store. Asked again, it goes on with the first segment that is not marked as counted.
pub async fn count_table<P: ScanTable, S: ReadObjects + WriteObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    manifest: &Manifest,
    table: &str,
    marks: &str,
) -> Result<Progress<Counted>, PortError> {
    let Some(data) = &manifest.data else {
        return Ok(Progress::Complete(Counted::default()));
    };
    let shards: Vec<Shard> = data.parts.iter().map(|part| part.shard).collect();
    count_shards(ports, store, clock, &shards, &data.key, table, marks).await
}

/// Reads a whole table in these segments and adds its items up.
///
/// # Errors
/// Those of the table and of the store. Asked again, it goes on with the first segment that is not marked as counted.
pub async fn count_shards<P: ScanTable, S: ReadObjects + WriteObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    shards: &[Shard],
    key: &[String],
    table: &str,
    marks: &str,
) -> Result<Progress<Counted>, PortError> {
    let mut total = Counted::default();
    for shard in shards {
        let mark = format!("{marks}counted-{shard}.json");
        let counted = match read_mark(store, &mark).await? {
            Some(counted) => counted,
            None => {
                let Progress::Complete(counted) = count_segment(ports, clock, table, *shard, key).await? else {
                    return Ok(Progress::OutOfTime);
                };
                write_mark(store, &mark, &counted).await?;
                counted
            }
        };
        total.add(&counted);
    }
    Ok(Progress::Complete(total))
}

async fn count_segment<P: ScanTable, C: Clock>(
    ports: &P,
    clock: &C,
    table: &str,
    shard: Shard,
    key: &[String],
) -> Result<Progress<Counted>, PortError> {
    let mut counted = Counted::default();
    let mut page = ports.scan(table, key, shard, None).await?;
    loop {
        page.lines.iter().for_each(|line| counted.add_line(line));
        let Some(next) = page.next else {
            return Ok(Progress::Complete(counted));
        };
        if clock.remaining() < STOP_BEFORE_END {
            return Ok(Progress::OutOfTime);
        }
        page = ports.scan(table, key, shard, Some(&next)).await?;
    }
}

async fn read_mark<S: ReadObjects>(store: &S, key: &str) -> Result<Option<Counted>, PortError> {
    match store.get(key).await {
        // A mark that does not parse is no mark: the shard is done again.
        Ok(body) => Ok(serde_json::from_slice(&body).ok()),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn write_mark<S: WriteObjects>(store: &S, key: &str, counted: &Counted) -> Result<(), PortError> {
    let body = serde_json::to_vec(counted).map_err(|error| PortError::Invalid(error.to_string()))?;
    store.overwrite(key, Bytes::from(body)).await
}
