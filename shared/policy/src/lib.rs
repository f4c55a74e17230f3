//! Plans: what to protect, when, for how long and where to; and the decisions that follow from them.
//!
//! Everything is a pure function of values: no clock, no I/O, no environment, no logging. `POLICY.md` explains the language,
//! `RETENTION.md` the guarantees.

mod bucket;
mod document;
mod due;
mod duration;
mod fault;
mod glob;
mod objective;
mod plan;
mod point;
mod read;
mod reason;
mod retention;
mod schedule;
mod selection;

pub use bucket::{Bucket, Period};
pub use document::{Document, Selected};
pub use due::{DueRun, due};
pub use duration::{in_words, parse_duration};
pub use fault::{Fault, Faults};
pub use glob::Glob;
pub use objective::{Objectives, RpoStatus, Verification, rpo};
pub use plan::{CopyTarget, Plan};
pub use point::{PointState, PointStatus, newest_good};
pub use read::{BUILTIN, MAX_BYTES, MAX_PLANS, builtin, parse};
pub use reason::{KeepReason, RemoveReason};
pub use retention::{DEFAULT_MINIMUM_GOOD, Keep, Retained, Retention, Rules, Verdict, retain};
pub use schedule::{Cadence, Schedule, time_zone};
pub use selection::{Criteria, Resource, Selection};
