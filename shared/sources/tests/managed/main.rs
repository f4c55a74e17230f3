//! The engine `aws-backup`, against an AWS Backup in memory that is slow, refuses, forgets and dies.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

mod backups;
mod continuous;
mod copies;
mod customers;
mod databases;
mod decisions;
mod faults;
mod removals;
mod restores;
mod tests;
mod wire;
mod world;
