//! What Holdfast protects: a folder for each kind says what it is, how to read it and how to bring it back.
//!
//! Sources talk to the world through ports only; `shared/aws` implements them.

pub mod application;
pub mod attempt;
pub mod call;
pub mod copies;
pub mod dynamodb;
pub mod efs;
pub mod inventory;
pub mod key;
pub mod kinesis;
pub mod lambda;
pub mod managed;
pub mod preflight;
pub mod rds;
pub mod s3;
mod settings_report;
pub mod wiring;

pub use settings_report::{SettingOutcome, SettingStatus};
