//! Continuous points: AWS Backup makes them by a backup plan's rule only, so one such plan is kept for each plan of the policy
//! that asks for them, in each region, with exactly the resources that it covers.
//!
//! `snapshot` knows what is wanted: it makes plans and selections, and when all of a region stands, writes on each plan which
//! policy and which selections that was ([`WANTED_TAG`]). `prune` removes what that mark leaves out, and nothing where the mark
//! is missing, of another policy, or of selections that are not all there.

mod decide;
mod end;
mod keep;
pub mod port;
mod window;
pub mod wire;

pub use decide::{Keeping, MAX_SELECTED, PlanChange, Step, Wanted, decide, name_prefix, plan_name};
pub use end::{Ended, Surplus, end_surplus, surplus};
pub use keep::{Kept, keep};
pub use window::covering;

/// The tag of a backup plan that tells whose it is: the name of the stack's vault.
pub const STACK_TAG: &str = "holdfast:stack";

/// The tag that tells which plan of the policy a backup plan or a recovery point is of.
pub const PLAN_TAG: &str = "holdfast:plan";

/// The tag of a backup plan that tells what was wanted of it when all of that stood: the policy and the selections.
pub const WANTED_TAG: &str = "holdfast:wanted";
