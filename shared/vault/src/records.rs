use holdfast_catalog::{Checkpoint, Gap, ItemsDigest, PackUse, Recipe, RecordPack, Run, Shard, StreamPart, layout};
use jiff::Timestamp;

use crate::pack::{PackBuilder, TARGET_BYTES};
use crate::port::{Clock, LockObjects, ReadObjects, WriteObjects};
use crate::shard::extend_locks;
use crate::{Line, PortError, put_content};

/// Writes a stream's shard of a recovery point: packs that the parent point has stay as they are, new records go into new
/// packs behind them. Whatever the recipe refers to is locked as the store locks what it writes.
pub struct RecordsWriter<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    recipe: Recipe,
    stream: StreamPart,
    open: Option<Open>,
}

/// The pack being filled.
struct Open {
    builder: PackBuilder,
    about: RecordPack,
}

impl<'a, S: ReadObjects + WriteObjects + LockObjects, C: Clock> RecordsWriter<'a, S, C> {
    /// A shard from its beginning.
    pub fn new(store: &'a S, clock: &'a C, shard: Shard, stream: StreamPart) -> Self {
        RecordsWriter {
            store,
            clock,
            recipe: Recipe::empty(shard),
            stream,
            open: None,
        }
    }

    /// A shard from where a checkpoint left it.
    ///
    /// # Errors
    /// `Corrupt` when the recipe is of no stream.
    pub fn resume(store: &'a S, clock: &'a C, recipe: Recipe) -> Result<Self, PortError> {
        let mut recipe = recipe;
        let stream = recipe.stream.take();
        let stream = stream.ok_or_else(|| PortError::Corrupt(format!("shard {} is of no stream", recipe.shard)))?;
        Ok(RecordsWriter {
            store,
            clock,
            recipe,
            stream,
            open: None,
        })
    }

    /// What the recipe will say of the stream's shard.
    pub fn stream(&self) -> &StreamPart {
        &self.stream
    }

    /// Records that this point has stored so far.
    pub fn new_items(&self) -> u64 {
        self.recipe.new_items
    }

    /// Everything up to this sequence number was read before.
    pub fn read_before(&mut self, last: Option<String>) {
        self.stream.last = last;
    }

    /// Records are missing here.
    pub fn missed(&mut self, gap: Gap) {
        self.stream.gap = Some(self.stream.gap.map_or(gap, |found| found.and(gap)));
    }

    /// Takes a pack of the parent point over as a whole, whose locks do or do not last as long as this point's. `false` when it
    /// cannot be locked: then its lines are to be added anew.
    ///
    /// # Errors
    /// `Corrupt` when the pack is gone; those of the store.
    pub async fn adopt(&mut self, pack: &PackUse, about: &RecordPack, is_locked: bool) -> Result<bool, PortError> {
        self.flush().await?;
        for key in [layout::pack(&pack.sha256), layout::pack_index(&pack.sha256)] {
            match self.store.head(&key).await {
                Ok(_) => {}
                Err(PortError::NotFound(_)) => return Err(PortError::Corrupt(format!("{key} is missing"))),
                Err(error) => return Err(error),
            }
        }
        if !is_locked && !extend_locks(self.store, &pack.sha256).await? {
            return Ok(false);
        }
        self.recipe.bytes += pack.bytes.saturating_sub(u64::from(pack.lines));
        self.add(pack.clone(), about.clone())?;
        Ok(true)
    }

    /// Adds the next record, which arrived then and has this sequence number.
    ///
    /// # Errors
    /// A full pack could not be stored. The shard is then to be begun again from its last checkpoint.
    pub async fn push(&mut self, line: &Line, arrived_at: Timestamp, number: &str) -> Result<(), PortError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open {
                builder: PackBuilder::new()?,
                about: RecordPack {
                    last_arrived_at: arrived_at,
                    digest: ItemsDigest::default(),
                },
            },
        };
        open.builder.push(line)?;
        open.about.digest.add(line.hash());
        open.about.last_arrived_at = open.about.last_arrived_at.max(arrived_at);
        let is_full = open.builder.bytes() >= TARGET_BYTES;
        self.open = Some(open);
        self.recipe.new_items += 1;
        self.recipe.bytes += line.text().len() as u64;
        self.stream.last = Some(number.to_owned());
        if is_full { self.flush().await } else { Ok(()) }
    }

    /// Stores the open pack and says what there is so far.
    ///
    /// # Errors
    /// The pack could not be stored.
    pub async fn checkpoint(&mut self) -> Result<Checkpoint, PortError> {
        self.flush().await?;
        Ok(Checkpoint {
            recipe: self.told(),
            cursor: self.stream.last.clone().unwrap_or_default(),
        })
    }

    /// Stores the open pack and gives the recipe.
    ///
    /// # Errors
    /// The pack could not be stored.
    pub async fn finish(mut self) -> Result<Recipe, PortError> {
        self.flush().await?;
        Ok(self.told())
    }

    fn told(&self) -> Recipe {
        Recipe {
            stream: Some(self.stream.clone()),
            ..self.recipe.clone()
        }
    }

    fn add(&mut self, pack: PackUse, about: RecordPack) -> Result<(), PortError> {
        let place = u32::try_from(self.recipe.packs.len()).map_err(|_| PortError::Invalid("2^32 packs".into()))?;
        self.recipe.runs.push(Run {
            pack: place,
            from: 0,
            lines: pack.lines,
        });
        self.recipe.items += u64::from(pack.lines);
        self.recipe.digest.merge(&about.digest);
        self.recipe.packs.push(pack);
        self.stream.packs.push(about);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), PortError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let built = open.builder.finish()?;
        let name = built.used.sha256;
        self.recipe.stored_bytes += (built.body.len() + built.index.len()) as u64;
        // The pack before its index: whoever finds an index may rely on the pack.
        put_content(self.store, self.clock.now(), &layout::pack(&name), built.body).await?;
        put_content(self.store, self.clock.now(), &layout::pack_index(&name), built.index).await?;
        self.add(built.used, open.about)
    }
}

/// How many of the parent's packs, given by their bytes from the first, stay as they are. What the others hold is stored again
/// together with what is new, so that a stream that gets a little every hour does not end in thousands of packs.
///
/// A small pack goes with those behind it when they hold as much as it does. So packs grow like the digits of a counter: a
/// record is stored anew once for each doubling, and of the packs that are small there are no more than doublings.
pub fn lasting_packs(bytes: &[u64]) -> usize {
    let mut lasting = bytes.len();
    let mut behind = 0_u64;
    for (at, bytes) in bytes.iter().enumerate().rev() {
        if *bytes >= TARGET_BYTES / 2 {
            break;
        }
        if *bytes <= behind {
            lasting = at;
        }
        behind += bytes;
    }
    lasting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_gets_a_little_a_thousand_times_has_few_packs_and_few_rewrites() {
        let (mut packs, mut rewritten) = (Vec::<u64>::new(), 0);
        for _ in 0..1000 {
            let again: u64 = packs.drain(lasting_packs(&packs)..).sum();
            rewritten += again;
            packs.push(again + 1);
        }
        assert_eq!(packs.iter().sum::<u64>(), 1000);
        assert!(packs.len() <= 12, "{packs:?}");
        assert!(rewritten <= 12 * 1000, "{rewritten}");
    }

    #[test]
    fn large_packs_last_whatever_lies_behind_them() {
        let large = TARGET_BYTES / 2;
        assert_eq!(lasting_packs(&[large, large]), 2);
        assert_eq!(lasting_packs(&[1, large, 1, 1]), 2);
        assert_eq!(lasting_packs(&[]), 0);
    }
}
