//! Configuration kinds from snapshot to restore, against an account in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

mod arns;
mod at_once;
mod documents;
mod every_kind;
mod http_apis;
mod interrupted;
mod rest_apis;
mod restored;
mod roles;
mod round_trip;
mod world;
