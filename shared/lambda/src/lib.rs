//! The glue between the Lambda runtime and the functions: settings, the clock, events, telemetry, and how a run ends.
//!
//! This is the only place that reads the clock and the environment.

mod by_hand;
mod clock;
mod events;
mod failure;
mod notices;
mod policy;
mod runtime;
mod settings;
mod telemetry;

pub use by_hand::{HandQueue, by_hand, open_directory};
pub use clock::InvocationClock;
pub use events::{Message, Woken, answer_batch, parse_manual};
pub use failure::Failure;
pub use notices::{NOTICE, Notifier};
pub use policy::{PolicyInForce, PolicySource, point_state, policy_in_force, remember_good_policy, residency_breach};
pub use runtime::{Handler, serve};
pub use settings::{Replica, Settings};
pub use telemetry::metrics_line;
