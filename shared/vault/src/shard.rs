use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Checkpoint, PackUse, Recipe, Run, Sha256, Shard, layout};

use crate::index::{self, truncated};
use crate::pack::{PackBuilder, TARGET_BYTES};
use crate::port::{Clock, LockObjects, ReadObjects, WriteObjects};
use crate::reuse::reusable_packs;
use crate::{Line, PortError, put_content};

/// The lines that the vault has already and that a shard may refer to instead of storing them again.
#[derive(Debug, Default)]
pub struct Known {
    packs: Vec<PackUse>,
    lines: Vec<KnownLine>,
    extends_locks: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct KnownLine {
    key: u64,
    line: u128,
    pack: u32,
    number: u32,
}

impl Known {
    /// Reads the indexes of the packs that a parent's recipe is worth building on. A pack or an index that is missing or
    /// damaged is left out, so that its items are stored again: the next point heals what the last one lost.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn load<S: ReadObjects>(store: &S, parent: &Recipe) -> Result<Self, PortError> {
        let mut known = Known::default();
        for pack in reusable_packs(parent) {
            match entries_of(store, &pack).await {
                Ok(entries) => known.add(pack, &entries),
                Err(PortError::NotFound(_) | PortError::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        known.lines.sort_unstable();
        Ok(known)
    }

    /// The same for a parent that does not vouch for its packs' locks (see [`crate::vouches`]): each pack's is extended before
    /// the shard refers to it.
    #[must_use]
    pub fn extending_locks(self) -> Self {
        Known {
            extends_locks: true,
            ..self
        }
    }

    fn add(&mut self, pack: PackUse, entries: &[index::IndexEntry]) {
        let Ok(at) = u32::try_from(self.packs.len()) else {
            return;
        };
        self.packs.push(pack);
        self.lines.reserve(entries.len());
        for (number, entry) in (0_u32..).zip(entries) {
            self.lines.push(KnownLine {
                key: entry.key,
                line: entry.line,
                pack: at,
                number,
            });
        }
    }

    fn find(&self, line: &Line) -> Option<(&PackUse, u32)> {
        let (key, hash) = (line.key(), truncated(line.hash()));
        let at = self
            .lines
            .partition_point(|known| (known.key, known.line) < (key, hash));
        let found = self
            .lines
            .get(at)
            .filter(|known| (known.key, known.line) == (key, hash))?;
        let pack = self.packs.get(usize::try_from(found.pack).ok()?)?;
        Some((pack, found.number))
    }
}

/// Locks a pack and its index as the store locks what it writes; false when they cannot be, or are not there.
pub(crate) async fn extend_locks<S: LockObjects>(store: &S, name: &Sha256) -> Result<bool, PortError> {
    for key in [layout::pack_index(name), layout::pack(name)] {
        match store.extend_lock(&key).await {
            Ok(_) => {}
            Err(PortError::NotFound(_) | PortError::Locked(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

async fn entries_of<S: ReadObjects>(store: &S, pack: &PackUse) -> Result<Vec<index::IndexEntry>, PortError> {
    // The index alone does not prove that the pack is still there.
    store.head(&layout::pack(&pack.sha256)).await?;
    let entries = index::decode(&store.get(&layout::pack_index(&pack.sha256)).await?)?;
    if entries.len() == usize::try_from(pack.lines).unwrap_or(usize::MAX) {
        Ok(entries)
    } else {
        Err(PortError::Corrupt(format!(
            "index of pack {} has {} lines",
            pack.sha256,
            entries.len()
        )))
    }
}

/// Writes a shard of a recovery point: lines that the vault knows become runs, the others go into new packs. Whatever the
/// recipe refers to, at every checkpoint and in the end, is locked as the store locks what it writes.
pub struct ShardWriter<'a, S, C> {
    store: &'a S,
    clock: &'a C,
    known: Known,
    recipe: Recipe,
    /// Where a pack stands in the recipe.
    places: BTreeMap<Sha256, u32>,
    /// Packs that the vault has and that cannot be locked as this point asks: what they hold is stored again.
    unlockable: BTreeSet<Sha256>,
    open: Option<Open>,
}

/// The pack being filled and its place in the recipe, where it has no name yet.
struct Open {
    builder: PackBuilder,
    place: u32,
}

impl<'a, S: ReadObjects + WriteObjects + LockObjects, C: Clock> ShardWriter<'a, S, C> {
    /// A shard from its beginning.
    pub fn new(store: &'a S, clock: &'a C, shard: Shard, known: Known) -> Self {
        Self::resume(store, clock, Recipe::empty(shard), known)
    }

    /// A shard from where a checkpoint left it.
    pub fn resume(store: &'a S, clock: &'a C, recipe: Recipe, known: Known) -> Self {
        let places = (0..)
            .zip(&recipe.packs)
            .map(|(place, pack)| (pack.sha256, place))
            .collect();
        ShardWriter {
            store,
            clock,
            known,
            recipe,
            places,
            unlockable: BTreeSet::new(),
            open: None,
        }
    }

    /// Adds the next line of the scan.
    ///
    /// # Errors
    /// A full pack could not be stored, or a lock not extended. The shard is then to be begun again from its last checkpoint.
    pub async fn push(&mut self, line: &Line) -> Result<(), PortError> {
        let (place, number) = match self.known_line(line).await? {
            Some(found) => found,
            None => self.store_line(line)?,
        };
        self.add_run(place, number);
        self.recipe.items += 1;
        self.recipe.bytes += line.text().len() as u64;
        self.recipe.digest.add(line.hash());
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.builder.bytes() >= TARGET_BYTES)
        {
            self.flush().await?;
        }
        Ok(())
    }

    /// Stores the open pack and says what there is so far.
    ///
    /// # Errors
    /// The pack could not be stored.
    pub async fn checkpoint(&mut self, cursor: String) -> Result<Checkpoint, PortError> {
        self.flush().await?;
        Ok(Checkpoint {
            recipe: self.recipe.clone(),
            cursor,
        })
    }

    /// Stores the open pack and gives the recipe.
    ///
    /// # Errors
    /// The pack could not be stored.
    pub async fn finish(mut self) -> Result<Recipe, PortError> {
        self.flush().await?;
        Ok(self.recipe)
    }

    /// Items so far.
    pub fn items(&self) -> u64 {
        self.recipe.items
    }

    /// Where the vault has a line, in a pack that this point may refer to.
    async fn known_line(&mut self, line: &Line) -> Result<Option<(u32, u32)>, PortError> {
        let Some((pack, number)) = self.known.find(line).map(|(pack, number)| (pack.clone(), number)) else {
            return Ok(None);
        };
        let name = pack.sha256;
        if let Some(place) = self.places.get(&name) {
            return Ok(Some((*place, number)));
        }
        if self.known.extends_locks && !self.extend_locks(&name).await? {
            return Ok(None);
        }
        let place = self.new_place(pack)?;
        self.places.insert(name, place);
        Ok(Some((place, number)))
    }

    /// Locks a pack for as long as this point's contents are; false when it cannot be.
    async fn extend_locks(&mut self, name: &Sha256) -> Result<bool, PortError> {
        if self.unlockable.contains(name) {
            return Ok(false);
        }
        let is_locked = extend_locks(self.store, name).await?;
        if !is_locked {
            self.unlockable.insert(*name);
        }
        Ok(is_locked)
    }

    fn new_place(&mut self, pack: PackUse) -> Result<u32, PortError> {
        let place = u32::try_from(self.recipe.packs.len()).map_err(|_| PortError::Invalid("2^32 packs".into()))?;
        self.recipe.packs.push(pack);
        Ok(place)
    }

    fn store_line(&mut self, line: &Line) -> Result<(u32, u32), PortError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                let unnamed = PackUse {
                    sha256: Sha256::from_bytes([0; 32]),
                    lines: 0,
                    bytes: 0,
                };
                Open {
                    builder: PackBuilder::new()?,
                    place: self.new_place(unnamed)?,
                }
            }
        };
        let number = open.builder.push(line)?;
        let place = open.place;
        self.open = Some(open);
        self.recipe.new_items += 1;
        Ok((place, number))
    }

    fn add_run(&mut self, place: u32, number: u32) {
        if let Some(last) = self.recipe.runs.last_mut()
            && last.pack == place
            && last.from + last.lines == number
        {
            last.lines += 1;
            return;
        }
        self.recipe.runs.push(Run {
            pack: place,
            from: number,
            lines: 1,
        });
    }

    async fn flush(&mut self) -> Result<(), PortError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let built = open.builder.finish()?;
        let name = built.used.sha256;
        self.recipe.stored_bytes += (built.body.len() + built.index.len()) as u64;
        // The pack before its index: whoever finds an index may rely on the pack.
        put_content(self.store, self.clock.now(), &layout::pack(&name), built.body).await?;
        put_content(self.store, self.clock.now(), &layout::pack_index(&name), built.index).await?;
        if let Some(slot) = usize::try_from(open.place)
            .ok()
            .and_then(|place| self.recipe.packs.get_mut(place))
        {
            *slot = built.used;
        }
        self.places.entry(name).or_insert(open.place);
        Ok(())
    }
}
