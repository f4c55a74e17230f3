//! An application: names, order, differences.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

mod files;
mod made;
mod map;
mod plan;
mod template;
