//! Lambda functions: code, configuration, versions, aliases and triggers.

mod beside;
mod config;
mod edge;
mod environment;
mod layer;
mod numbers;
mod permission;
pub mod port;
mod read;
pub mod restore;
mod settings;
mod snapshot;

pub use beside::{Beside, ByQualifier, MakeBeside, ReadBeside};
use config::LATEST;
pub use config::{Alias, EventSource, FunctionConfig, Observed, Package, Release, Statement, sha256_of_base64};
pub use edge::{EDGE_REGION, EdgeAssociation, ReadEdge};
pub use environment::Environment;
pub(crate) use layer::layer_name;
pub use layer::{Layer, MakeLayers, ReadLayers};
pub use permission::{Permission, statements};
pub use read::{FunctionReading, RESTORE_MARK, ReadWhole, read_function};
pub use settings::{CapacityProvider, DurableSettings, FileSystem, ImageOverrides, Logging, Settings, SnapStart, Vpc};
pub use snapshot::{FunctionSnapshot, snapshot};
