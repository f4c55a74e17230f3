//! Kinesis data streams: what is stored of their records. Their settings are wiring: [`crate::wiring::kinesis_stream`].

mod port;
mod record;
mod shards;
pub mod snapshot;

pub use port::ReadRecords;
pub use record::{KEY, Record};
