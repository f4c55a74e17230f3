//! The policy crate from the outside.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod calendar;
mod clocks;
mod documents;
mod edges;
mod hostile;
mod laws;
mod objectives;
mod reading;
mod refusing;
mod selecting;
mod spread;
mod support;
mod timing;
mod windows;
mod year;
