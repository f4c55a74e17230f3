//! What to protect, when, for how long and where to: plans and the decisions that follow from them.
//!
//! Everything here is a pure function of its arguments. There is no clock: whoever decides passes `now`. There is no
//! I/O either: the document comes as text, the inventory and the recovery points as values.
//!
//! - [`parse`] reads a policy document and reports all of its faults at once; `POLICY.md` is its prose,
//!   `policy.schema.json` its form for editors.
//! - [`Document::plans_for`] says which plans protect a resource, [`Document::explain`] why.
//! - [`Document::residency_of`] says where bytes of a resource may be written.
//! - [`audience`] says who hears of an event.
//! - [`Document::vault_locking`] says how AWS Backup's vaults are locked.
//! - [`due`] says which recovery points to make now.
//! - [`retain`] says which recovery points to keep and which to remove, each with its reasons, and [`forecast`] until when
//!   one stays; `RETENTION.md` is their prose.
//! - [`rpo`] says whether a resource meets its recovery point objective, and [`comply`] which of all the promises of a policy
//!   are kept.
//! - [`explain_resource`] and [`explain_point`] say in plain words what becomes of a resource and of a point.

mod account;
mod amount;
mod blackout;
mod bucket;
mod compliance;
mod comply;
mod copies;
mod cron;
mod days;
mod document;
mod due;
mod duration;
mod engine;
mod explain;
mod fault;
mod forecast;
mod gaps;
mod glob;
mod limits;
mod local;
mod matched;
mod notification;
mod objective;
mod plan;
mod point;
mod read;
mod reason;
mod residency;
mod retention;
mod rhythm;
mod schedule;
mod selection;
mod turn;
mod vault_lock;
mod window;
mod zone;

pub use account::{Account, AccountId};
pub use amount::{Share, Size};
pub use blackout::{Blackout, Dates};
pub use bucket::{Bucket, Period};
pub use compliance::{Compliance, Locking, Preset};
pub use comply::{CopyState, Finding, Observation, Observations, RestoreTest, Review, ReviewCounts, Reviewed, comply};
pub use copies::{Copies, CopyRule, Destination};
pub use cron::Cron;
pub use document::{Document, Explanation, Selected, Standing};
pub use due::{DueRun, due};
pub use duration::{in_words, parse_duration};
pub use engine::{Engine, Managed};
pub use explain::{PlanExplained, PointExplained, ResourceExplained, explain_point, explain_resource};
pub use fault::{Fault, Faults, Problem};
pub use forecast::{Until, forecast};
pub use gaps::Gap;
pub use glob::Glob;
pub use limits::Limits;
pub use matched::{Matched, Mismatch, Specificity};
pub use notification::{Notice, Notification, TopicArn, audience};
pub use objective::{Objectives, RpoStatus, Verification, rpo};
pub use plan::Plan;
pub use point::{PointState, PointStatus, newest_good};
pub use read::{BUILTIN, FIELDS, MAX_BYTES, MAX_PLANS, builtin, parse};
pub use reason::{KeepReason, RemoveReason};
pub use residency::{Breach, Refusal, Residencies, Residency, ResidencyRule};
pub use retention::{DEFAULT_MINIMUM_GOOD, Keep, Keeping, Retained, Retention, Rules, Series, Verdict, retain};
pub use rhythm::Cadence;
pub use schedule::{Halt, Schedule, Start, time_zone};
pub use selection::{Clause, Criteria, Resource, Selection, Unselected};
pub use turn::{Turn, turns};
pub use vault_lock::VaultLocking;
pub use window::{ClockTime, Occurrence, Weekdays, Window};
pub use zone::Zone;
