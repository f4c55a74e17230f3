//! The adapters: everything that Holdfast asks of AWS, behind the ports of `vault` and `sources`.
//!
//! This is the only crate that names `aws-sdk-*`. Each adapter makes the calls that its port's `ACTIONS` list and no other,
//! and hands every failure to one place that says what the caller should do next.

mod backup_plans;
mod backups;
mod batch;
mod buckets;
mod bus;
mod calls;
mod client;
mod code;
mod databases;
pub mod dynamodb;
mod error;
mod files;
mod inventory;
pub mod lambda;
mod pause;
mod points;
mod queue;
mod replica;
mod roles;
mod s3;
mod signals;
mod vaults;
#[cfg(test)]
mod wire;

pub use backups::AwsBackups;
pub use bus::{EVENT_SOURCE, EventBus};
pub use calls::AwsCalls;
pub use client::Aws;
pub use code::HttpGet;
pub use databases::Databases;
pub use inventory::AwsInventory;
pub use points::SnapshotFunction;
pub use queue::SqsQueue;
pub use replica::AwsReplicas;
pub use s3::S3Vault;
pub use signals::Signals;
