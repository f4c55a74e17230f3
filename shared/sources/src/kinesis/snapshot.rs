//! Reading a stream's records into a recovery point: everything that it still keeps, shard by shard.

use std::num::NonZeroU64;

use holdfast_catalog::{
    DataSummary, Gap, Manifest, PackUse, PartStream, Recipe, RecordPack, ResourceId, RunRecord, Shard, StreamPart,
    StreamRun, StreamShard,
};
use holdfast_vault::port::{Clock, ListObjects, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{
    Pack, PortError, RecordsWriter, lasting_packs, read_checkpoint, read_committed_part, read_pack, vouches,
    write_checkpoint, write_part,
};
use jiff::{SignedDuration, Timestamp};

use super::shards::{self, Page, ShardReader};
use super::{ReadRecords, Record};
use crate::dynamodb::Pacer;
use crate::dynamodb::backoff::Backoff;
use crate::dynamodb::snapshot::ShardEnd;
use crate::wiring::at::At;

/// Records a call asks for. With [`PAUSE`], two and a half times as many as may be written to a shard in that time; and a page
/// of them is some megabytes at most where records are of the usual size.
pub(super) const PAGE_RECORDS: u32 = 1000;

/// The least time between two calls: a shard takes five a second, and its other readers have theirs of them.
const PAUSE: SignedDuration = SignedDuration::from_millis(400);

/// Bytes of lines read a second: a shard gives two megabytes, and its other readers want to come along. One is written at most.
const BYTES_PER_SECOND: NonZeroU64 = NonZeroU64::new(3 << 19).unwrap();

/// Reading stops this long before the invocation ends: time for the last page and a checkpoint.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(45);

/// What a stream is and which shards it has: settled once, when a run begins.
///
/// # Errors
/// `NotFound` when there is no such stream; those of the service.
pub async fn begin<P: ReadRecords>(port: &P, id: &ResourceId) -> Result<StreamRun, PortError> {
    shards::describe(port, id).await
}

/// What a point lacks of the records that a stream had since the parent point, in words for a person.
pub fn missing(data: &DataSummary) -> Option<String> {
    let gaps = || data.parts.iter().filter_map(|part| part.stream.as_ref()?.gap);
    let gap = gaps().reduce(Gap::and)?;
    Some(format!(
        "records of {} shards that arrived between {} and {}: the stream let go of them before they were read; make points more \
         often, or let the stream keep records for longer",
        gaps().count(),
        gap.after,
        gap.until
    ))
}

/// What the parent point has of a shard.
#[derive(Default)]
struct Before {
    /// Until when everything was read.
    covered_until: Option<Timestamp>,
    part: Option<Recipe>,
    /// Whether its packs are locked for as long as this point needs them.
    is_locked: bool,
}

/// Reads a shard from where the parent point or the last checkpoint left it, up to what arrived before the run began, and
/// writes its part, or a checkpoint when time runs out. `store` is to lock as the run says ([`RunRecord::lock`]).
///
/// # Errors
/// Those of the stream and of the store. Nothing is lost: the next try goes on from the last checkpoint.
pub async fn read_shard<P: ReadRecords, S: ReadObjects + ListObjects + WriteObjects + LockObjects, C: Clock>(
    port: &P,
    store: &S,
    clock: &C,
    run: &RunRecord,
    parent: Option<&Manifest>,
    shard: Shard,
) -> Result<ShardEnd, PortError> {
    let unknown = || PortError::Corrupt(format!("the run of {} knows no shard {shard}", run.point));
    let stream = run.stream.as_ref().ok_or_else(unknown)?;
    let at = usize::try_from(shard.index).unwrap_or(usize::MAX);
    let reading = Reading {
        port,
        store,
        clock,
        run,
        stream,
        shard,
        of: stream.shards.get(at).ok_or_else(unknown)?,
    };
    let before = reading.before(parent).await?;
    let anew = Before {
        covered_until: before.covered_until,
        ..Before::default()
    };
    match reading.read(before).await {
        // What cannot be built on is read anew, as far as the stream still has it.
        Err(PortError::Corrupt(_)) => reading.read(anew).await,
        end => end,
    }
}

/// A shard that is being read.
struct Reading<'a, P, S, C> {
    port: &'a P,
    store: &'a S,
    clock: &'a C,
    run: &'a RunRecord,
    stream: &'a StreamRun,
    shard: Shard,
    of: &'a StreamShard,
}

impl<'a, P: ReadRecords, S: ReadObjects + ListObjects + WriteObjects + LockObjects, C: Clock> Reading<'a, P, S, C> {
    /// What the parent has of this shard, if it is a point of the same stream and not of an older one of its name.
    async fn before(&self, parent: Option<&Manifest>) -> Result<Before, PortError> {
        let Some((parent, data)) = parent.and_then(|parent| Some((parent, parent.data.as_ref()?))) else {
            return Ok(Before::default());
        };
        let is_same = |told: &PartStream| told.made_at == self.stream.made_at;
        if !data.parts.iter().any(|part| part.stream.as_ref().is_some_and(is_same)) {
            return Ok(Before::default());
        }
        let is_of = |told: &PartStream| told.shard == self.of.id;
        let part = data.parts.iter().find(|part| part.stream.as_ref().is_some_and(is_of));
        let part = match part {
            None => None,
            Some(part) => match read_committed_part(self.store, &parent.point, part).await {
                Ok(recipe) => Some(recipe),
                Err(PortError::Corrupt(_)) => None,
                Err(error) => return Err(error),
            },
        };
        Ok(Before {
            // Up to then everything that arrived is in it, or said to be missing.
            covered_until: Some(parent.started_at),
            is_locked: part.is_some() && vouches(self.store, parent).await?,
            part,
        })
    }

    async fn read(&self, before: Before) -> Result<ShardEnd, PortError> {
        let mut covered_until = before.covered_until;
        let mut tail = Vec::new();
        let (number, mut writer) = match read_checkpoint(self.store, &self.run.point, self.shard).await? {
            Some((number, checkpoint)) => {
                let writer = RecordsWriter::resume(self.store, self.clock, checkpoint.recipe)?;
                if writer.new_items() > 0 {
                    covered_until = writer.stream().packs.last().map(|pack| pack.last_arrived_at);
                }
                (number + 1, writer)
            }
            None => {
                let part = StreamPart::new(self.of.clone(), self.stream.made_at);
                let mut writer = RecordsWriter::new(self.store, self.clock, self.shard, part);
                tail = self.take_over(&mut writer, &before).await?;
                (0, writer)
            }
        };
        let end = self.follow(&mut writer, &mut tail, covered_until).await?;
        // Nothing new came behind these: they stay as they are.
        let last = writer.stream().last.clone();
        for (pack, about) in tail {
            self.keep(&mut writer, &pack, &about, before.is_locked).await?;
        }
        writer.read_before(last);
        match end {
            ShardEnd::Finished => {
                write_part(self.store, &self.run.point, &writer.finish().await?).await?;
            }
            ShardEnd::Stopped { .. } => {
                let checkpoint = writer.checkpoint().await?;
                write_checkpoint(self.store, &self.run.point, number, &checkpoint).await?;
            }
        }
        Ok(end)
    }

    /// Takes over what the parent has and the stream still keeps. Gives the small packs at the end, which are stored again
    /// together with what comes behind them.
    async fn take_over(
        &self,
        writer: &mut RecordsWriter<'a, S, C>,
        before: &Before,
    ) -> Result<Vec<(PackUse, RecordPack)>, PortError> {
        let Some(recipe) = &before.part else {
            return Ok(Vec::new());
        };
        let Some(stream) = &recipe.stream else {
            return Ok(Vec::new());
        };
        let horizon = self.horizon(self.run.started_at);
        let packs = recipe.packs.iter().cloned().zip(stream.packs.iter().cloned());
        let mut packs: Vec<(PackUse, RecordPack)> =
            packs.filter(|(_, about)| about.last_arrived_at >= horizon).collect();
        let bytes: Vec<u64> = packs.iter().map(|(pack, _)| pack.bytes).collect();
        let tail = packs.split_off(lasting_packs(&bytes));
        for (pack, about) in &packs {
            self.keep(writer, pack, about, before.is_locked).await?;
        }
        writer.read_before(stream.last.clone());
        Ok(tail)
    }

    /// Takes a pack over as it is; one that cannot be locked as this point asks is stored again.
    async fn keep(
        &self,
        writer: &mut RecordsWriter<'a, S, C>,
        pack: &PackUse,
        about: &RecordPack,
        is_locked: bool,
    ) -> Result<(), PortError> {
        if writer.adopt(pack, about, is_locked).await? {
            return Ok(());
        }
        store_again(writer, &read_pack(self.store, pack).await?).await
    }

    /// Reads on behind the last record until the time at which the run began.
    async fn follow(
        &self,
        writer: &mut RecordsWriter<'a, S, C>,
        tail: &mut Vec<(PackUse, RecordPack)>,
        covered_until: Option<Timestamp>,
    ) -> Result<ShardEnd, PortError> {
        let reader = ShardReader {
            at: At {
                port: self.port,
                id: &self.run.point.resource,
            },
            shard: &self.of.id,
        };
        let pacer = Pacer::new(Some(BYTES_PER_SECOND));
        let mut backoff = Backoff::new(u64::from(self.shard.index));
        let mut covered_until = covered_until;
        let mut iterator: Option<String> = None;
        loop {
            if iterator.is_none() {
                let horizon = self.horizon(self.clock.now());
                if let Some(after) = covered_until.filter(|covered| *covered < horizon) {
                    writer.missed(Gap { after, until: horizon });
                }
            }
            let page = match next_page(&reader, iterator.take(), writer.stream().last.as_deref()).await {
                Ok(page) => page,
                // One that has expired leads nowhere; a new one is asked for at the next try.
                Err(error) if error.is_retryable() => {
                    if self.clock.remaining() < STOP_BEFORE_END || !backoff.pause(self.clock).await {
                        return Ok(ShardEnd::Stopped { wait: PAUSE });
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            backoff.progress();
            let is_newest = page.is_newest;
            iterator = page.next.clone();
            let (bytes, is_past) = self.push(writer, tail, page, &mut covered_until).await?;
            if is_past || is_newest || iterator.is_none() {
                return Ok(ShardEnd::Finished);
            }
            let wait = pacer.wait_after(bytes, self.clock.now()).max(PAUSE);
            if self.clock.remaining() - wait < STOP_BEFORE_END {
                return Ok(ShardEnd::Stopped { wait });
            }
            self.clock.sleep(wait).await;
        }
    }

    /// Adds a page's records. Says how many bytes their lines have, and whether one of them arrived after the run began.
    async fn push(
        &self,
        writer: &mut RecordsWriter<'a, S, C>,
        tail: &mut Vec<(PackUse, RecordPack)>,
        page: Page,
        covered_until: &mut Option<Timestamp>,
    ) -> Result<(u64, bool), PortError> {
        let mut bytes = 0;
        for record in page.records {
            // It belongs to the next point: or a busy stream would never be read to its end.
            if record.arrived_at > self.run.started_at {
                return Ok((bytes, true));
            }
            // An iterator from the oldest record on comes past what is stored.
            if writer
                .stream()
                .last
                .as_deref()
                .is_some_and(|last| !is_after(&record.sequence_number, last))
            {
                continue;
            }
            self.store_tail(writer, tail).await?;
            let line = record.line()?;
            bytes += line.text().len() as u64;
            writer.push(&line, record.arrived_at, &record.sequence_number).await?;
            *covered_until = Some(record.arrived_at);
        }
        Ok((bytes, false))
    }

    /// Stores the parent's small packs again, now that something comes behind them.
    async fn store_tail(
        &self,
        writer: &mut RecordsWriter<'a, S, C>,
        tail: &mut Vec<(PackUse, RecordPack)>,
    ) -> Result<(), PortError> {
        for (pack, _) in tail.drain(..) {
            store_again(writer, &read_pack(self.store, &pack).await?).await?;
        }
        Ok(())
    }

    /// What arrived before then the stream has let go of.
    fn horizon(&self, now: Timestamp) -> Timestamp {
        let retention = SignedDuration::from_hours(i64::from(self.stream.retention_hours));
        now.saturating_sub(retention).unwrap_or(Timestamp::MIN)
    }
}

async fn next_page<P: ReadRecords>(
    reader: &ShardReader<'_, P>,
    iterator: Option<String>,
    last: Option<&str>,
) -> Result<Page, PortError> {
    let iterator = match iterator {
        Some(iterator) => iterator,
        None => reader.iterator(last).await?,
    };
    reader.page(&iterator).await
}

/// Adds a stored pack's records as if they were read now.
async fn store_again<S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    writer: &mut RecordsWriter<'_, S, C>,
    pack: &Pack,
) -> Result<(), PortError> {
    for line in pack.lines() {
        let record = Record::parse(line)?;
        writer
            .push(&record.line()?, record.arrived_at, &record.sequence_number)
            .await?;
    }
    Ok(())
}

/// Whether a sequence number comes behind another: both are decimal, without zeros in front, and longer than any integer.
fn is_after(number: &str, last: &str) -> bool {
    (number.len(), number) > (last.len(), last)
}
