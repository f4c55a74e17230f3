//! How far a restore of records has come.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_vault::port::{Created, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, keys};
use serde::{Deserialize, Serialize};

/// What the marks' names begin with; a number follows.
const NAME: &str = "records-";

/// How far one shard of a point has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// So many packs from the first are in the stream as a whole,
    pub(super) packs: usize,
    /// and of the next one so many lines from the first,
    pub(super) lines: u32,
    /// and these behind them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    beyond: BTreeSet<u32>,
}

impl Place {
    /// Whether a line of the pack at hand is in the stream.
    pub(super) fn is_put(&self, line: u32) -> bool {
        line < self.lines || self.beyond.contains(&line)
    }

    /// A line of the pack at hand is in the stream.
    pub(super) fn put(&mut self, line: u32) {
        self.beyond.insert(line);
        while self.beyond.remove(&self.lines) {
            self.lines += 1;
        }
    }

    /// The pack at hand is in the stream as a whole.
    pub(super) fn next_pack(&mut self) {
        *self = Place {
            packs: self.packs + 1,
            ..Place::default()
        };
    }
}

/// What an invocation notes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// How far each shard of the point has come, by its id.
    places: BTreeMap<String, Place>,
    /// Records that may be in the stream twice, at most.
    doubled_items: u64,
    /// Whether a call may have been carried out that is not noted here.
    is_doubtful: bool,
    /// Whether every record is in the stream.
    is_finished: bool,
}

/// A restore's marks in the vault: one for each invocation that works at it, which begins with what the one before has noted.
///
/// A record that is put twice is in the stream twice, so two must not work at once. The newest goes on, and the one before it
/// finds that out before its next call: what both put is one call's records.
pub(super) struct SoFar<'a, W> {
    store: &'a W,
    prefix: String,
    number: u32,
    mark: Mark,
    /// Records of calls that may have been carried out although nobody knows.
    doubtful_items: Doubt,
}

/// How many records of the next calls may have been put before.
#[derive(Debug, Clone, Copy)]
enum Doubt {
    Records(u64),
    /// As many as the next call has: it is the one that the invocation before was at.
    OneCall,
}

impl<'a, W: ReadObjects + ListObjects + WriteObjects> SoFar<'a, W> {
    /// Takes the restore over from whoever worked at it before.
    ///
    /// # Errors
    /// `Conflict` when somebody else takes it over right now; those of the store. Nothing may be put then.
    pub(super) async fn take(store: &'a W, marks: &str) -> Result<Self, PortError> {
        let prefix = format!("{marks}{NAME}");
        let found = keys(store, &prefix).await?;
        let number_of = |key: &str| key.strip_prefix(&prefix)?.strip_suffix(".json")?.parse::<u32>().ok();
        let last = found.iter().filter_map(|info| number_of(&info.key)).max();
        let mut so_far = SoFar {
            store,
            number: last.unwrap_or(0),
            mark: Mark::default(),
            doubtful_items: Doubt::Records(0),
            prefix,
        };
        if let Some(last) = last {
            let key = so_far.key(last);
            so_far.mark = serde_json::from_slice(&store.get(&key).await?).map_err(|error| {
                let why = format!("{key}: {error}; to begin anew, restore under another name");
                PortError::Invalid(why)
            })?;
        }
        if so_far.mark.is_finished {
            return Ok(so_far);
        }
        if so_far.mark.is_doubtful {
            so_far.doubtful_items = Doubt::OneCall;
        }
        // Until it says otherwise: it may end at any time.
        so_far.mark.is_doubtful = true;
        so_far.number += 1;
        match store.create(&so_far.key(so_far.number), so_far.body()?).await? {
            Created::New => Ok(so_far),
            Created::Existed => Err(taken_over()),
        }
    }

    /// Whether every record is in the stream.
    pub(super) fn is_finished(&self) -> bool {
        self.mark.is_finished
    }

    /// Records that may be in the stream twice, at most.
    pub(super) fn doubled_items(&self) -> u64 {
        self.mark.doubled_items
    }

    /// How far a shard has come.
    pub(super) fn place(&self, shard: &str) -> Place {
        self.mark.places.get(shard).cloned().unwrap_or_default()
    }

    /// To be asked before each call.
    ///
    /// # Errors
    /// `Conflict` when another invocation has taken the restore over: this one has to stop.
    pub(super) async fn check(&self) -> Result<(), PortError> {
        match self.store.head(&self.key(self.number + 1)).await {
            Err(PortError::NotFound(_)) => Ok(()),
            Ok(_) => Err(taken_over()),
            Err(error) => Err(error),
        }
    }

    /// A call with so many records is going to be made.
    pub(super) fn begin_call(&mut self, records: u64) {
        if let Doubt::OneCall = self.doubtful_items {
            self.doubtful_items = Doubt::Records(records);
        }
    }

    /// Of so many records nobody knows whether they are in the stream.
    pub(super) fn doubt(&mut self, records: u64) {
        if let Doubt::Records(doubtful) = &mut self.doubtful_items {
            *doubtful = records.max(*doubtful);
        }
    }

    /// So many more records are in the stream, and the shards have come so far.
    ///
    /// # Errors
    /// Those of the store: the next invocation puts the same records again.
    pub(super) async fn note<'p>(
        &mut self,
        records: u64,
        places: impl Iterator<Item = (&'p str, &'p Place)>,
    ) -> Result<(), PortError> {
        if let Doubt::Records(doubtful) = &mut self.doubtful_items {
            let doubled = records.min(*doubtful);
            *doubtful -= doubled;
            self.mark.doubled_items += doubled;
        }
        self.mark.places = places.map(|(shard, place)| (shard.to_owned(), place.clone())).collect();
        self.write().await
    }

    /// Leaves the rest to the next invocation.
    ///
    /// # Errors
    /// Those of the store: the next invocation takes more for doubled than there is.
    pub(super) async fn rest(&mut self) -> Result<(), PortError> {
        self.mark.is_doubtful = !matches!(self.doubtful_items, Doubt::Records(0));
        self.write().await
    }

    /// Every record is in the stream.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn finish(&mut self) -> Result<(), PortError> {
        self.mark.is_doubtful = false;
        self.mark.is_finished = true;
        self.write().await
    }

    async fn write(&self) -> Result<(), PortError> {
        self.store.overwrite(&self.key(self.number), self.body()?).await
    }

    fn body(&self) -> Result<Bytes, PortError> {
        let body = serde_json::to_vec(&self.mark).map_err(|error| PortError::Invalid(error.to_string()))?;
        Ok(Bytes::from(body))
    }

    fn key(&self, number: u32) -> String {
        format!("{}{number:05}.json", self.prefix)
    }
}

fn taken_over() -> PortError {
    PortError::Conflict("another invocation puts the records of this restore".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_put_before_their_neighbours_close_up_with_them() {
        let mut place = Place::default();
        for line in [0, 2, 3, 5] {
            place.put(line);
        }
        assert_eq!((place.lines, place.beyond.len()), (1, 3));
        assert!(place.is_put(2) && !place.is_put(1) && !place.is_put(4));
        place.put(1);
        assert_eq!((place.lines, place.beyond.len()), (4, 1));
        place.next_pack();
        assert_eq!((place.packs, place.is_put(0)), (1, false));
    }
}
