//! RDS instances and Aurora or Multi-AZ clusters: their settings. Their data is in recovery points of AWS Backup.

pub mod compare;
mod config;
pub mod port;
pub mod settings;
mod snapshot;
pub mod wire;

pub use config::{
    BackupRules, ClusterConfig, DatabaseConfig, DatabaseKind, Insights, InstanceConfig, Member, Monitoring, Network,
    OptionGroup, ParameterGroup, Scaling, SharedConfig, Storage, SubnetGroup,
};
pub use snapshot::{DatabaseBegun, begin, read_config};
