//! Kinesis data streams: what is stored of their records. Their settings are wiring: [`crate::wiring::kinesis_stream`].

mod port;
mod record;
pub mod refill;
mod shards;
pub mod snapshot;
mod so_far;

pub use port::{ReadRecords, WriteRecords};
pub use record::{KEY, Record};
