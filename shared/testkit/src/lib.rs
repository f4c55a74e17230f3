//! For tests only: the outside world in memory, and ways to make it fail.
//!
//! [`MemoryStore`], [`MemoryTables`], [`MemoryFunctions`], [`MemoryDatabases`] and [`MemoryBackups`] stand in for S3, DynamoDB,
//! Lambda, RDS and AWS Backup, [`MemoryWiring`] for the services around functions; [`Faults`] goes round any
//! of them and fails the calls that a [`Script`] names; [`ManualClock`] stands still until it is moved. [`contract`] is what
//! every object store must pass.
#![allow(
    clippy::panic,
    reason = "a stand-in that is used wrongly should fail the test at once"
)]

mod backup_faults;
mod backups;
mod clock;
pub mod contract;
mod databases;
mod faults;
mod function_faults;
mod functions;
mod outbox;
mod replica;
mod resources;
mod script;
mod store;
mod surroundings;
mod tables;
mod wiring;

pub use backups::{JobEnd, MemoryBackups};
pub use clock::ManualClock;
pub use databases::MemoryDatabases;
pub use faults::Faults;
pub use functions::MemoryFunctions;
pub use outbox::{Event, Outbox, Task, Told};
pub use replica::MemoryReplicas;
pub use resources::MemoryResources;
pub use script::{Call, Effect, Ending, Moment, Script};
pub use store::MemoryStore;
pub use surroundings::MemorySurroundings;
pub use tables::MemoryTables;
pub use wiring::MemoryWiring;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that goes on after a test's panic: what it guards is only looked at to explain the failure.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
