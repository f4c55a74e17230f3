//! EFS file systems: their settings, access points and mount targets. Their files are in recovery points of AWS Backup.

mod listing;
pub mod port;
mod restore;
mod settings;
mod snapshot;

pub use listing::{Scratch, find, list, of_tokens, scratch};
pub use restore::{PutBack, counterparts, for_target, put_back, renamed};
pub use settings::{FileSystemReading, NOT_PROTECTED, ReadFileSystem, read};
pub use snapshot::{FileSystemBegun, begin, read_config};
