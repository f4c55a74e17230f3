//! The words of the house: resources, recovery points, manifests, recipes, facts and reports.
//!
//! Everything here is a value. No clock, no I/O, no environment, no logging. `FORMAT.md` is this crate's prose.

mod digest;
mod error;
mod fact;
mod hold;
mod kind;
pub mod layout;
mod lock;
mod managed;
mod manifest;
mod point;
pub mod price;
mod recipe;
mod report;
mod resource;
mod run;
mod seal;
mod stream;

pub use digest::{ItemsDigest, Sha256};
pub use error::CatalogError;
pub use fact::{
    DamagedFact, Fact, PartialFact, ReplicatedFact, RestoreTestedFact, ScrubbedFact, Tombstone, UndeletedFact,
};
pub use hold::{Hold, HoldName, HoldScope, LiftedHold};
pub use kind::Kind;
pub use lock::{Extension, Lock, LockMode, ObjectLock};
pub use managed::{MadeBy, ManagedJob, ManagedPoint, ManagedRun, ManagedVault};
pub use manifest::{BlobRef, BlobRole, DataSummary, Engine, FORMAT_VERSION, Manifest, PartRef};
pub use point::{PlanName, PointId, Slot};
pub use recipe::{PackUse, Recipe, Run, Shard};
pub use report::{Outcome, OutcomeStatus, Report, ReportStatus};
pub use resource::{Arn, Region, ResourceId};
pub use run::{Checkpoint, RunRecord};
pub use seal::{seal, unseal};
pub use stream::{Gap, PartStream, RecordPack, StreamPart, StreamRun, StreamShard};
