//! The policy crate from the outside.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod calendar;
mod clocks;
mod compliance;
mod complying;
mod copying;
mod dialect;
mod documents;
mod edges;
mod engines;
mod explaining;
mod forecasting;
mod hostile;
mod hours;
mod laws;
mod naive;
mod objectives;
mod reading;
mod refusing;
mod regions;
mod schema;
mod selecting;
mod spread;
mod support;
mod telling;
mod tiers;
mod timing;
mod validator;
mod windows;
mod year;
