//! Kinesis data streams: what is stored of their records. Their settings are wiring: [`crate::wiring::kinesis_stream`].

mod record;

pub use record::{KEY, Record};
