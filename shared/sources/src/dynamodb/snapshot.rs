//! Reading a table into a recovery point: settings once, items shard by shard.

use std::task::Poll;

use bytes::Bytes;
use futures::future;
use holdfast_catalog::{BlobRef, BlobRole, DataSummary, Manifest, Recipe, RunRecord, Shard};
use holdfast_vault::port::{Clock, ListObjects, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{
    Known, PortError, ShardWriter, put_blob, read_checkpoint, read_committed_part, vouches, write_checkpoint,
    write_part,
};
use jiff::SignedDuration;

use super::port::{ReadTable, ScanPage, ScanTable, TableReading};
use super::{Item, Pacer, item};

/// A shard holds about this many items at most: their index entries then fit in 10 MB of memory.
const SHARD_ITEMS: u64 = 250_000;

/// A shard holds about this many bytes at most: two minutes of Scan at the pace of one consumer, far from the 15 that an
/// invocation has.
const SHARD_BYTES: u64 = 512 << 20;

/// DynamoDB takes up to a million segments; 16,384 shards are 8 TB.
const MAX_SHARDS: u32 = 16_384;

/// Reading stops this long before the invocation ends: time for the last page and a checkpoint.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(45);

/// A table's settings, stored.
#[derive(Debug, Clone, PartialEq)]
pub struct TableBegun {
    /// The table as it was read.
    pub reading: TableReading,
    /// Its configuration document.
    pub blob: BlobRef,
}

/// Reads a table's settings and stores them.
///
/// # Errors
/// `NotFound` when there is no such table; those of the store.
pub async fn begin<P: ReadTable, S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    name: &str,
) -> Result<TableBegun, PortError> {
    let reading = ports.read_table(name).await?;
    let document = serde_json::to_vec_pretty(&reading.config).map_err(|e| PortError::Invalid(e.to_string()))?;
    let blob = put_blob(store, clock.now(), BlobRole::Config, Bytes::from(document)).await?;
    Ok(TableBegun { reading, blob })
}

/// How many shards a table is read in: a power of two, large enough for both the service's estimate and what the parent
/// point really held, and never fewer than the parent's, so that shards line up.
pub fn shards(reading: &TableReading, parent: Option<&DataSummary>) -> u32 {
    let items = parent.map_or(0, |data| data.items).max(reading.approximate_items);
    let bytes = parent.map_or(0, |data| data.bytes).max(reading.approximate_bytes);
    let wanted = items.div_ceil(SHARD_ITEMS).max(bytes.div_ceil(SHARD_BYTES)).max(1);
    let wanted = u32::try_from(wanted)
        .unwrap_or(MAX_SHARDS)
        .min(MAX_SHARDS)
        .next_power_of_two();
    let parents = parent
        .and_then(|data| u32::try_from(data.parts.len()).ok())
        .unwrap_or(1);
    wanted.max(parents)
}

/// How a shard task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardEnd {
    /// Its part is there.
    Finished,
    /// The invocation's time was nearly over; a checkpoint says where to go on.
    Stopped {
        /// How long the pace wants to be waited for before that.
        wait: SignedDuration,
    },
}

/// Reads a shard from where its last checkpoint left it, at the pacer's pace, and writes its part, or a checkpoint when time
/// runs out. `store` is to lock as the run says ([`RunRecord::lock`]).
///
/// # Errors
/// Those of the table and of the store. Nothing is lost: the next try goes on from the last checkpoint.
pub async fn read_shard<P: ScanTable, S: ReadObjects + ListObjects + WriteObjects + LockObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    run: &RunRecord,
    parent: Option<&Manifest>,
    shard: Shard,
    pacer: &Pacer,
) -> Result<ShardEnd, PortError> {
    let known = match parent {
        Some(parent) => known_lines(store, parent, shard).await?,
        None => Known::default(),
    };
    let (number, recipe, cursor) = match read_checkpoint(store, &run.point, shard).await? {
        Some((number, checkpoint)) => (number + 1, checkpoint.recipe, Some(parse_cursor(&checkpoint.cursor)?)),
        None => (0, Recipe::empty(shard), None),
    };
    let mut writer = ShardWriter::resume(store, clock, recipe, known);
    let (table, key) = (run.point.resource.name.as_str(), run.key.as_slice());
    let mut page = ports.scan(table, key, shard, cursor.as_ref()).await?;
    let mut wait = SignedDuration::ZERO;
    loop {
        let next = page.next.take();
        let is_late = clock.remaining() - wait < STOP_BEFORE_END;
        if !is_late && wait.is_positive() {
            clock.sleep(wait).await;
        }
        match next {
            None => {
                push(&mut writer, page).await?;
                write_part(store, &run.point, &writer.finish().await?).await?;
                return Ok(ShardEnd::Finished);
            }
            Some(next) if is_late => {
                push(&mut writer, page).await?;
                let checkpoint = writer.checkpoint(write_cursor(&next)?).await?;
                write_checkpoint(store, &run.point, number, &checkpoint).await?;
                return Ok(ShardEnd::Stopped { wait });
            }
            Some(next) => {
                // The next page travels while this one is packed: it has to be asked for first, and packing gives nobody a turn.
                let charged_bytes = page.charged_bytes;
                let fetching = ports.scan(table, key, shard, Some(&next));
                let pushing = async {
                    give_way().await;
                    push(&mut writer, page).await
                };
                let (fetched, pushed) = future::join(fetching, pushing).await;
                let bytes = charged_bytes.unwrap_or(pushed?);
                page = fetched?;
                wait = pacer.wait_after(bytes, clock.now());
            }
        }
    }
}

/// Adds a page's items and says how many bytes their lines have.
/// Lets whatever else is under way go on first.
async fn give_way() {
    let mut has_given = false;
    future::poll_fn(|context| {
        if std::mem::replace(&mut has_given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn push<S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    writer: &mut ShardWriter<'_, S, C>,
    page: ScanPage,
) -> Result<u64, PortError> {
    let mut bytes = 0;
    for line in page.lines {
        bytes += line.text().len() as u64;
        writer.push(&line).await?;
    }
    Ok(bytes)
}

/// What the parent's shard has stored. A parent that cannot be read is no parent: everything is stored anew.
async fn known_lines<S: ReadObjects + LockObjects>(
    store: &S,
    parent: &Manifest,
    shard: Shard,
) -> Result<Known, PortError> {
    let Some(data) = &parent.data else {
        return Ok(Known::default());
    };
    let parts = u32::try_from(data.parts.len()).unwrap_or(u32::MAX);
    let index = usize::try_from(shard.parent_in(parts).index).unwrap_or(usize::MAX);
    let Some(part) = data.parts.get(index) else {
        return Ok(Known::default());
    };
    match read_committed_part(store, &parent.point, part).await {
        Ok(recipe) => {
            let known = Known::load(store, &recipe).await?;
            let vouches = vouches(store, parent).await?;
            Ok(if vouches { known } else { known.extending_locks() })
        }
        Err(PortError::Corrupt(_)) => Ok(Known::default()),
        Err(error) => Err(error),
    }
}

fn write_cursor(key: &Item) -> Result<String, PortError> {
    let line = item::line(key, &[]).map_err(|error| PortError::Invalid(error.to_string()))?;
    String::from_utf8(line.text().to_vec()).map_err(|error| PortError::Invalid(error.to_string()))
}

fn parse_cursor(text: &str) -> Result<Item, PortError> {
    item::parse(text.as_bytes()).map_err(|error| PortError::Corrupt(format!("a checkpoint's cursor: {error}")))
}
