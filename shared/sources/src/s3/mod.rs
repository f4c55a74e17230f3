//! S3 buckets: their settings, and what AWS Backup asks of them. Their objects are in recovery points of AWS Backup; their
//! notifications are a kind of their own.

mod settings;

pub use settings::{BucketReading, NOT_PROTECTED, ReadBucket, read, without_versioning};
