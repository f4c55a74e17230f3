//! Lambda functions from snapshot to restore, against a Lambda in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

mod beside;
mod changed;
mod interrupted;
mod made;
mod planned;
mod restored;
mod stored;
mod world;
