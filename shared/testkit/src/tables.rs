use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use holdfast_catalog::{Region, Sha256, Shard};
use holdfast_sources::dynamodb::port::{
    ApplyTableSettings, CreateTable, DropScratchTable, MAX_BATCH_ITEMS, ReadTable, SCRATCH_PREFIX, ScanPage, ScanTable,
    TableReading, TableSetting, TableStatus, WriteItems,
};
use holdfast_sources::dynamodb::{Item, StreamConfig, TableConfig, line, parse};
use holdfast_vault::PortError;
use jiff::SignedDuration;

use crate::{ManualClock, lock};

/// The DynamoDB of one region, in memory. Clones are the same.
///
/// As in DynamoDB, a segment's items come in the order of a hash of the partition key, the segments of a scan are equal slices
/// of the hashes, and a table that was just made or changed is busy for a while.
#[derive(Debug, Clone)]
pub struct MemoryTables {
    region: Region,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    tables: BTreeMap<String, Table>,
    page_items: usize,
    busy_polls: u32,
    unprocessed_every: u64,
    items_written: u64,
    /// How many change streams there have been: each has an ARN of its own.
    streams: u64,
    /// What passes while a page is read, and on which clock.
    page_time: Option<(ManualClock, SignedDuration)>,
}

#[derive(Debug)]
struct Table {
    config: TableConfig,
    /// Which of all streams is its own, if it has one.
    stream: u64,
    items: BTreeMap<Position, Item>,
    /// How many more looks find it busy.
    busy_polls: u32,
    /// Whether it is busy because it is new: nothing can be done with it yet.
    is_creating: bool,
    unreadable: Vec<String>,
    /// What a look says about items and bytes, where that is not the truth.
    approximate: Option<(u64, u64)>,
}

/// Where an item lies: hash of its partition key, then its whole key.
type Position = (u64, Vec<u8>);

/// The account of all resources in memory.
const ACCOUNT: &str = "111122223333";

impl MemoryTables {
    /// A region without tables, which pages scans by 100 items and whose tables are ready at once.
    pub fn new(region: &Region) -> Self {
        let state = State {
            tables: BTreeMap::new(),
            page_items: 100,
            busy_polls: 0,
            unprocessed_every: 0,
            items_written: 0,
            streams: 0,
            page_time: None,
        };
        MemoryTables {
            region: region.clone(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A scan page holds at most this many items.
    pub fn page_items(&self, items: usize) {
        self.lock().page_items = items.max(1);
    }

    /// While a page of a scan is read, so much time passes.
    pub fn page_time(&self, clock: &ManualClock, time: SignedDuration) {
        self.lock().page_time = Some((clock.clone(), time));
    }

    /// A table that is made or changed from now on is busy for this many looks.
    pub fn busy_polls(&self, polls: u32) {
        self.lock().busy_polls = polls;
    }

    /// Every `n`th item of all that are written is left unprocessed; 0 leaves none.
    pub fn leave_unprocessed_every(&self, n: u64) {
        self.lock().unprocessed_every = n;
    }

    /// Makes a table as somebody in the account would, ready and with these items.
    ///
    /// # Panics
    /// An item lacks a key attribute.
    pub fn add(&self, name: &str, config: &TableConfig, items: impl IntoIterator<Item = Item>) {
        let mut state = self.lock();
        state.streams += 1;
        let table = Table {
            config: config.clone(),
            stream: state.streams,
            items: BTreeMap::new(),
            busy_polls: 0,
            is_creating: false,
            unreadable: Vec::new(),
            approximate: None,
        };
        state.tables.insert(name.to_owned(), table);
        drop(state);
        for item in items {
            self.put(name, item);
        }
    }

    /// Puts an item.
    ///
    /// # Panics
    /// There is no such table, or the item lacks a key attribute.
    pub fn put(&self, table: &str, item: Item) {
        let mut state = self.lock();
        let table = state.expect(table);
        let position = table.position(&item).unwrap_or_else(|error| panic!("{error}"));
        table.items.insert(position, item);
    }

    /// Deletes the item that has the same key as `key`.
    ///
    /// # Panics
    /// There is no such table, or the key lacks an attribute.
    pub fn delete(&self, table: &str, key: &Item) {
        let mut state = self.lock();
        let table = state.expect(table);
        let position = table.position(key).unwrap_or_else(|error| panic!("{error}"));
        table.items.remove(&position);
    }

    /// All items, in scan order.
    ///
    /// # Panics
    /// There is no such table.
    pub fn items(&self, table: &str) -> Vec<Item> {
        self.lock().expect(table).items.values().cloned().collect()
    }

    /// A table's settings as they are now.
    ///
    /// # Panics
    /// There is no such table.
    pub fn config(&self, table: &str) -> TableConfig {
        self.lock().expect(table).config.clone()
    }

    /// Makes some settings unreadable, with these reasons.
    ///
    /// # Panics
    /// There is no such table.
    pub fn set_unreadable(&self, table: &str, reasons: &[&str]) {
        self.lock().expect(table).unreadable = reasons.iter().map(|&reason| reason.to_owned()).collect();
    }

    /// A look at the table says that it has about so many items and bytes: DynamoDB's own figures are hours old.
    ///
    /// # Panics
    /// There is no such table.
    pub fn set_approximate(&self, table: &str, items: u64, bytes: u64) {
        self.lock().expect(table).approximate = Some((items, bytes));
    }

    /// The names of all tables.
    pub fn names(&self) -> Vec<String> {
        self.lock().tables.keys().cloned().collect()
    }

    /// Loses a table, as a disaster would.
    pub fn lose(&self, table: &str) {
        self.lock().tables.remove(table);
    }

    /// A table's ARN.
    pub fn arn(&self, table: &str) -> String {
        format!("arn:aws:dynamodb:{}:{ACCOUNT}:table/{table}", self.region)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn table(&mut self, name: &str) -> Result<&mut Table, PortError> {
        let missing = || PortError::NotFound(format!("table {name}"));
        self.tables.get_mut(name).ok_or_else(missing)
    }

    fn usable(&mut self, name: &str) -> Result<&mut Table, PortError> {
        match self.table(name)? {
            // As in DynamoDB, a table that is being made is not there yet.
            table if table.is_creating => Err(PortError::NotFound(format!("table {name} is being made"))),
            table => Ok(table),
        }
    }

    fn expect(&mut self, name: &str) -> &mut Table {
        self.table(name).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Table {
    fn key(&self, item: &Item) -> Result<Item, PortError> {
        let attribute = |name: String| match item.get(&name) {
            Some(value) => Ok((name, value.clone())),
            None => Err(PortError::Invalid(format!("item has no key attribute {name}"))),
        };
        self.config.key_names().into_iter().map(attribute).collect()
    }

    fn position(&self, item: &Item) -> Result<Position, PortError> {
        let key = self.key(item)?;
        let names = self.config.key_names();
        let text = |names: &[String]| -> Result<Vec<u8>, PortError> {
            let only = names
                .iter()
                .filter_map(|name| Some((name.clone(), key.get(name)?.clone())));
            let line = line(&only.collect(), &[]).map_err(|e| PortError::Invalid(e.to_string()))?;
            Ok(line.text().to_vec())
        };
        let [a, b, c, d, e, f, g, h, ..] = *Sha256::of(&text(&names[..1])?).as_bytes();
        Ok((u64::from_be_bytes([a, b, c, d, e, f, g, h]), text(&names)?))
    }
}

/// The segment of a hash: the slices are equal and in order, so that a finer division splits each of them.
fn shard_of(hash: u64, of: u32) -> u32 {
    let index = (u128::from(hash) * u128::from(of)) >> 64;
    u32::try_from(index).unwrap_or(u32::MAX)
}

impl ReadTable for MemoryTables {
    async fn read_table(&self, name: &str) -> Result<TableReading, PortError> {
        let arn = self.arn(name);
        let mut state = self.lock();
        let table = state.table(name)?;
        let bytes = table.items.values().filter_map(|item| line(item, &[]).ok());
        let counted = || {
            let bytes = bytes.map(|line| line.text().len() as u64).sum();
            (table.items.len() as u64, bytes)
        };
        let (approximate_items, approximate_bytes) = table.approximate.unwrap_or_else(counted);
        let stream = table.config.stream.as_ref();
        Ok(TableReading {
            config: table.config.clone(),
            stream_arn: stream.map(|_| format!("{arn}/stream/2026-11-21T00:00:00.{:03}", table.stream)),
            arn,
            approximate_items,
            approximate_bytes,
            unreadable: table.unreadable.clone(),
        })
    }
}

impl ScanTable for MemoryTables {
    async fn scan(
        &self,
        table: &str,
        key: &[String],
        shard: Shard,
        cursor: Option<&Item>,
    ) -> Result<ScanPage, PortError> {
        let mut state = self.lock();
        let page_items = state.page_items;
        if let Some((clock, time)) = &state.page_time {
            clock.advance(*time);
        }
        let table = state.usable(table)?;
        let from = match cursor {
            None => Bound::Unbounded,
            Some(cursor) => {
                let position = table.position(cursor)?;
                if shard_of(position.0, shard.of) != shard.index {
                    return Err(PortError::Invalid("cursor is outside of the segment".to_owned()));
                }
                Bound::Excluded(position)
            }
        };
        let rest = table.items.range((from, Bound::Unbounded));
        let mut ours = rest.filter(|((hash, _), _)| shard_of(*hash, shard.of) == shard.index);
        let items: Vec<&Item> = ours.by_ref().take(page_items).map(|(_, item)| item).collect();
        // As in DynamoDB, a full page has a cursor even when nothing comes after it.
        let next = match items.last() {
            Some(last) if items.len() == page_items => Some(table.key(last)?),
            _ => None,
        };
        let lines = items.into_iter().map(|item| line(item, key)).collect::<Result<_, _>>();
        Ok(ScanPage {
            lines: lines.map_err(|error| PortError::Invalid(error.to_string()))?,
            charged_bytes: None,
            next,
        })
    }
}

impl CreateTable for MemoryTables {
    async fn create_table(&self, name: &str, config: &TableConfig) -> Result<(), PortError> {
        // DynamoDB's own limits on a name.
        if !(3..=255).contains(&name.len()) {
            return Err(PortError::Invalid(format!("table name {name:?}")));
        }
        let mut state = self.lock();
        if state.tables.contains_key(name) {
            return Err(PortError::AlreadyExists(format!("table {name}")));
        }
        let config = TableConfig {
            deletion_protection: false,
            ttl_attribute: None,
            stream: None,
            point_in_time_recovery_days: None,
            tags: BTreeMap::new(),
            resource_policy: None,
            ..config.clone()
        };
        let table = Table {
            config,
            stream: 0,
            items: BTreeMap::new(),
            busy_polls: state.busy_polls,
            is_creating: state.busy_polls > 0,
            unreadable: Vec::new(),
            approximate: None,
        };
        state.tables.insert(name.to_owned(), table);
        Ok(())
    }

    async fn table_status(&self, name: &str) -> Result<TableStatus, PortError> {
        let mut state = self.lock();
        let table = state.table(name)?;
        if table.busy_polls > 0 {
            table.busy_polls -= 1;
            return Ok(TableStatus::Busy);
        }
        table.is_creating = false;
        Ok(TableStatus::Active)
    }
}

impl WriteItems for MemoryTables {
    async fn write_items(&self, table: &str, lines: Vec<Bytes>) -> Result<Vec<Bytes>, PortError> {
        if lines.is_empty() || lines.len() > MAX_BATCH_ITEMS {
            return Err(PortError::Invalid(format!("a batch of {} items", lines.len())));
        }
        let mut state = self.lock();
        let every = state.unprocessed_every;
        let mut written = state.items_written;
        let table = state.usable(table)?;
        let mut batch = BTreeMap::new();
        for line in lines {
            let item = parse(&line).map_err(|error| PortError::Invalid(error.to_string()))?;
            if batch.insert(table.position(&item)?, (item, line)).is_some() {
                return Err(PortError::Invalid("a batch with the same key twice".to_owned()));
            }
        }
        let mut unprocessed = Vec::new();
        for (position, (item, line)) in batch {
            written += 1;
            if every > 0 && written.is_multiple_of(every) {
                unprocessed.push(line);
            } else {
                table.items.insert(position, item);
            }
        }
        state.items_written = written;
        Ok(unprocessed)
    }
}

impl ApplyTableSettings for MemoryTables {
    async fn apply(&self, table: &str, setting: &TableSetting) -> Result<(), PortError> {
        let mut state = self.lock();
        let busy_polls = state.busy_polls;
        let next_stream = state.streams + 1;
        let name = table;
        let table = state.usable(table)?;
        if table.busy_polls > 0 {
            return Err(PortError::Conflict(format!("table {name} is being changed")));
        }
        let config = &mut table.config;
        match setting {
            TableSetting::TimeToLive(attribute) => config.ttl_attribute = Some(attribute.clone()),
            TableSetting::Stream(view_type) => {
                let view_type = view_type.clone();
                if config.stream.replace(StreamConfig { view_type }).is_none() {
                    table.stream = next_stream;
                }
                table.busy_polls = busy_polls;
            }
            TableSetting::PointInTimeRecovery(days) => {
                config.point_in_time_recovery_days = Some(days.unwrap_or_default());
            }
            TableSetting::Capacity(capacity) => {
                *config = config.clone().with_capacity(capacity);
                table.busy_polls = busy_polls;
            }
            TableSetting::Tags(tags) => config.tags.extend(tags.iter().cloned()),
            TableSetting::ResourcePolicy(policy) => config.resource_policy = Some(policy.clone()),
            TableSetting::DeletionProtection => {
                config.deletion_protection = true;
                table.busy_polls = busy_polls;
            }
        }
        let stream = table.stream;
        state.streams = state.streams.max(stream);
        Ok(())
    }
}

impl DropScratchTable for MemoryTables {
    async fn drop_scratch_table(&self, name: &str) -> Result<(), PortError> {
        if !name.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!("{name} is no scratch table")));
        }
        let mut state = self.lock();
        if state
            .tables
            .get(name)
            .is_some_and(|table| table.config.deletion_protection)
        {
            return Err(PortError::Locked(format!("table {name} has deletion protection")));
        }
        state.tables.remove(name);
        Ok(())
    }
}
