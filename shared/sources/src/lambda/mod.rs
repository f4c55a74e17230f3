//! Lambda functions: code, configuration, versions, aliases and triggers.

mod config;
mod environment;
mod permission;
pub mod port;
mod read;
pub mod restore;
mod settings;
mod snapshot;

pub use config::{Alias, EventSource, FunctionConfig, Package, Release, Statement, sha256_of_base64};
pub use environment::Environment;
pub use permission::{Permission, statements};
pub use read::{FunctionReading, RESTORE_MARK, read_function};
pub use settings::{CapacityProvider, DurableSettings, FileSystem, ImageOverrides, Logging, Settings, SnapStart, Vpc};
pub use snapshot::{FunctionSnapshot, snapshot};
