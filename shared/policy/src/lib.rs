//! What to protect, when, for how long and where to: plans and the decisions that follow from them.
//!
//! Everything here is a pure function of its arguments. There is no clock: whoever decides passes `now`. There is no
//! I/O either: the document comes as text, the inventory and the recovery points as values.
//!
//! - [`parse`] reads a policy document and reports all of its faults at once; `POLICY.md` is its prose.
//! - [`Document::plan_for`] says which plan protects a resource, [`Document::explain`] why.
//! - [`due`] says which recovery points to make now.
//! - [`retain`] says which recovery points to keep and which to remove, each with its reasons; `RETENTION.md` is its
//!   prose.
//! - [`rpo`] says whether a resource meets its recovery point objective.

mod blackout;
mod bucket;
mod cron;
mod days;
mod document;
mod due;
mod duration;
mod fault;
mod gaps;
mod glob;
mod local;
mod objective;
mod plan;
mod point;
mod read;
mod reason;
mod retention;
mod rhythm;
mod schedule;
mod selection;
mod turn;
mod window;

pub use blackout::{Blackout, Dates};
pub use bucket::{Bucket, Period};
pub use cron::Cron;
pub use document::{Document, Explanation, Selected, Standing};
pub use due::{DueRun, due};
pub use duration::{in_words, parse_duration};
pub use fault::{Fault, Faults, Problem};
pub use gaps::Gap;
pub use glob::Glob;
pub use objective::{Objectives, RpoStatus, Verification, rpo};
pub use plan::{CopyTarget, Plan};
pub use point::{PointState, PointStatus, newest_good};
pub use read::{BUILTIN, MAX_BYTES, MAX_PLANS, builtin, parse};
pub use reason::{KeepReason, RemoveReason};
pub use retention::{DEFAULT_MINIMUM_GOOD, Keep, Retained, Retention, Rules, Verdict, retain};
pub use rhythm::Cadence;
pub use schedule::{Halt, Schedule, Start, time_zone};
pub use selection::{Criteria, Matched, Mismatch, Resource, Selection, TagCriterion};
pub use turn::{Turn, turns};
pub use window::{ClockTime, Occurrence, Weekdays, Window};
