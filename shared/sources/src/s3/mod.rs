//! S3 buckets: their settings, and what AWS Backup asks of them. Their objects are in recovery points of AWS Backup; their
//! notifications are a kind of their own.

mod count;
mod listing;
pub mod port;
mod restore;
mod settings;
mod snapshot;

pub use count::count;
pub use listing::list;
pub use restore::{exists, for_target, put_back};
pub use settings::{BucketReading, NOT_PROTECTED, ReadBucket, read, read_without_versioning, without_versioning};
pub use snapshot::{BucketBegun, begin, read_config};
