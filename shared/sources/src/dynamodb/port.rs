//! What Holdfast asks of DynamoDB.

use std::future::Future;

use bytes::Bytes;
use holdfast_catalog::Shard;
use holdfast_vault::{Line, PortError};

use super::{Capacity, Item, TableConfig};

/// Reading a table's settings.
pub trait ReadTable: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:ListTagsOfResource",
        "dynamodb:GetResourcePolicy",
    ];

    /// All settings of a table, and what could not be read.
    ///
    /// # Errors
    /// `NotFound` when there is no such table; `Denied` when even DescribeTable is refused. A refused detail (TTL, PITR,
    /// tags, policy) is not an error: it is in `unreadable`, in words for a person.
    fn read_table(&self, name: &str) -> impl Future<Output = Result<TableReading, PortError>> + Send;
}

/// A table as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct TableReading {
    /// Its settings.
    pub config: TableConfig,
    /// Its ARN.
    pub arn: String,
    /// The ARN of its change stream, where it has one: a new one each time that a stream is enabled.
    pub stream_arn: Option<String>,
    /// DescribeTable's `ItemCount`, up to six hours old.
    pub approximate_items: u64,
    /// DescribeTable's `TableSizeBytes`, up to six hours old.
    pub approximate_bytes: u64,
    /// Settings that could not be read, and indexes of a sort that this release does not know, with the reason.
    pub unreadable: Vec<String>,
}

/// Reading a table's items.
pub trait ScanTable: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["dynamodb:Scan"];

    /// One page of a segment. `key` names the table's primary key's attributes; `cursor` is what the page before gave as
    /// `next`, `None` for the first.
    ///
    /// # Errors
    /// `NotFound` when the table is gone; `Invalid` when an item has none of such a key, or is of a kind that is not known.
    fn scan(
        &self,
        table: &str,
        key: &[String],
        shard: Shard,
        cursor: Option<&Item>,
    ) -> impl Future<Output = Result<ScanPage, PortError>> + Send;
}

/// One page of a Scan.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScanPage {
    /// The items' canonical lines, in scan order.
    pub lines: Vec<Line>,
    /// Bytes that the service read and charged for, where it says so; never fewer than the items have.
    pub charged_bytes: Option<u64>,
    /// The key to go on from; `None` on the last page. A page may be empty and not be the last.
    pub next: Option<Item>,
}

/// Making a table.
pub trait CreateTable: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["dynamodb:CreateTable", "dynamodb:DescribeTable"];

    /// Asks for a new table with the settings that have to be there from the start: keys, indexes, capacity, class,
    /// encryption. Does not wait.
    ///
    /// # Errors
    /// `AlreadyExists` when there is a table of that name: nothing was changed.
    fn create_table(&self, name: &str, config: &TableConfig) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Whether the table and all its indexes are there and ready.
    ///
    /// # Errors
    /// `NotFound` when there is no such table; for some seconds after [`create_table`](Self::create_table) that means
    /// nothing. `Denied` when the table's KMS key cannot be used, or the table is archived for that reason.
    fn table_status(&self, name: &str) -> impl Future<Output = Result<TableStatus, PortError>> + Send;
}

/// Whether a table can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableStatus {
    /// Table and indexes are ACTIVE.
    Active,
    /// Being made, changed or removed.
    Busy,
}

/// Writing items.
pub trait WriteItems: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["dynamodb:BatchWriteItem"];

    /// Puts the items of at most [`MAX_BATCH_ITEMS`] lines, as [`super::line`] writes them, and gives back those that were not written; the
    /// caller retries them.
    ///
    /// # Errors
    /// `Invalid` when the service refuses an item or two items have one key: none was written. Otherwise those of the
    /// service; some of the items may have been written (writing again is harmless).
    fn write_items(&self, table: &str, lines: Vec<Bytes>)
    -> impl Future<Output = Result<Vec<Bytes>, PortError>> + Send;
}

/// BatchWriteItem's limit.
pub const MAX_BATCH_ITEMS: usize = 25;

/// Putting back what CreateTable cannot set.
pub trait ApplyTableSettings: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:TagResource",
        "dynamodb:PutResourcePolicy",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
    ];

    /// Puts one setting back. Doing it again is harmless. DynamoDB refuses to enable a stream or a time to live twice, so
    /// implementations look before they ask.
    ///
    /// # Errors
    /// `Conflict` while the table is being changed: wait until it is active and try again. `Invalid` when the table has
    /// another stream or another time-to-live attribute already: nothing was changed.
    fn apply(&self, table: &str, setting: &TableSetting) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A setting that is put back after the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableSetting {
    /// The attribute that holds an item's time to live.
    TimeToLive(String),
    /// The change stream, with its view type.
    Stream(String),
    /// Point-in-time recovery, with its window in days where it is known.
    PointInTimeRecovery(Option<u32>),
    /// Billing mode, provisioned capacity and ceilings, where the table was made with others to be loaded faster.
    Capacity(Capacity),
    /// Tags.
    Tags(Vec<(String, String)>),
    /// The table's resource policy, its ARNs already rewritten to the new table.
    ResourcePolicy(String),
    /// Deletion protection: on.
    DeletionProtection,
}

/// Removing a scratch table. The adapter refuses any name that does not begin with [`SCRATCH_PREFIX`].
pub trait DropScratchTable: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["dynamodb:DeleteTable"];

    /// Removes a scratch table. Succeeds when it is gone already.
    ///
    /// # Errors
    /// `Invalid` when the name is no scratch name.
    fn drop_scratch_table(&self, name: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// How the names of scratch resources begin. The roles may remove nothing else.
pub const SCRATCH_PREFIX: &str = "holdfast-scratch-";
