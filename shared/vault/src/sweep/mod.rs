//! Removing what prune has decided to remove, and what nothing refers to any more.
//!
//! A sweep looks at everything that refers to contents, removes the points whose grace is over, marks what the rest needs,
//! and removes contents without a mark. It works in bounded memory, stops at any page and goes on in another invocation.
//! Everything is judged as of the instant at which the sweep began, so that marks do not age; RETENTION.md has the argument.
//!
//! All of it errs on the side of keeping: a listing that breaks off, a manifest or a recipe that cannot be read, or a key that
//! is not understood stops the sweep or leaves the object where it is.

mod filter;
mod judge;
mod margins;
mod marks;
mod points;
mod references;
mod remove;
mod sketch;
mod state;
mod sweeper;
mod swept;
mod walk;

pub use judge::{Garbage, judge_content};
pub use margins::{CALL_BACK_AFTER, MAX_RUN, Margins, SHORTEST_GRACE, called_back};
pub use marks::{MARKS_BYTES, Marks, Range};
pub use points::{Expired, lift_tombstone, reason_to_stay};
pub use sweeper::{Act, SweepEnd, Sweeper, Watch};
pub use swept::{Named, Swept};
