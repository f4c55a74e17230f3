//! DynamoDB tables: every item and every setting.

pub(crate) mod backoff;
mod batch;
pub mod change;
pub mod compare;
mod config;
mod item;
mod load;
mod pace;
mod page;
pub mod port;
pub mod refill;
pub mod restore;
pub mod settings;
pub mod snapshot;

pub use batch::{read_unprocessed, write_batch};
pub use config::{
    BillingMode, Capacity, IndexCapacity, IndexConfig, KeyAttribute, Projection, ScalarType, StreamConfig, TableConfig,
    Throughput, Warm,
};
pub use item::{Item, ItemError, Value, line, parse};
pub use pace::{BYTES_PER_READ_UNIT, Pacer};
pub use page::read_page;
