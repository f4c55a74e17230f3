use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_catalog::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which sort of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DatabaseKind {
    /// An instance that is in no cluster.
    Instance,
    /// A cluster with its instances.
    Cluster,
}

impl DatabaseKind {
    /// The database that a kind of the catalogue is; none for other kinds.
    pub fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::RdsInstance => Some(DatabaseKind::Instance),
            Kind::RdsCluster => Some(DatabaseKind::Cluster),
            _ => None,
        }
    }
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DatabaseKind::Instance => "instance",
            DatabaseKind::Cluster => "cluster",
        })
    }
}

/// Everything that a database is besides its data: the configuration document of a recovery point. It holds no password; RDS
/// gives none out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "database", rename_all = "kebab-case")]
pub enum DatabaseConfig {
    /// Of an instance.
    Instance(InstanceConfig),
    /// Of a cluster.
    Cluster(ClusterConfig),
}

impl DatabaseConfig {
    /// Which sort of database it is.
    pub fn kind(&self) -> DatabaseKind {
        match self {
            DatabaseConfig::Instance(_) => DatabaseKind::Instance,
            DatabaseConfig::Cluster(_) => DatabaseKind::Cluster,
        }
    }

    /// What both sorts have.
    pub fn shared(&self) -> &SharedConfig {
        match self {
            DatabaseConfig::Instance(instance) => &instance.shared,
            DatabaseConfig::Cluster(cluster) => &cluster.shared,
        }
    }

    /// The same, to be changed.
    pub fn shared_mut(&mut self) -> &mut SharedConfig {
        match self {
            DatabaseConfig::Instance(instance) => &mut instance.shared,
            DatabaseConfig::Cluster(cluster) => &mut cluster.shared,
        }
    }
}

/// What instances and clusters have alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedConfig {
    /// `postgres`, `mysql`, `aurora-postgresql` …
    pub engine: String,
    /// Its version.
    pub engine_version: String,
    /// Where it listens.
    pub port: u16,
    /// How it is reached.
    pub network: Network,
    /// Its parameter groups, with the parameters that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameter_groups: Vec<ParameterGroup>,
    /// Its option groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub option_groups: Vec<OptionGroup>,
    /// The key that encrypts its storage, where it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// Its own automated backups.
    pub backups: BackupRules,
    /// When AWS may change it.
    pub maintenance_window: String,
    /// Whether it refuses to be deleted.
    pub deletion_protection: bool,
    /// Whether IAM can open connections.
    pub iam_authentication: bool,
    /// Enhanced monitoring, where on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// Performance Insights, where on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insights: Option<Insights>,
    /// Logs that go to CloudWatch.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub log_exports: BTreeSet<String>,
    /// Tags, without those that AWS reserves (`aws:`).
    pub tags: BTreeMap<String, String>,
}

/// How a database is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The subnets that it may be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<SubnetGroup>,
    /// Its security groups.
    pub security_groups: BTreeSet<String>,
    /// Whether it has a public address.
    pub publicly_accessible: bool,
}

/// A subnet group: kept whole, because it is lost with the region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetGroup {
    /// Its name.
    pub name: String,
    /// Its subnets.
    pub subnets: BTreeSet<String>,
}

/// A parameter group: kept whole, because a restored database names it only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterGroup {
    /// Its name.
    pub name: String,
    /// What it is for, for example `postgres16`.
    pub family: String,
    /// The parameters that somebody changed (`Source=user`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// An option group, likewise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionGroup {
    /// Its name.
    pub name: String,
    /// Its options as RDS describes them, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, Value>,
}

/// A database's own automated backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRules {
    /// Days that they are kept; 0 is off.
    pub retention_days: u32,
    /// When they are made.
    pub window: String,
    /// Whether snapshots get the database's tags.
    pub copy_tags: bool,
}

/// Enhanced monitoring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitoring {
    /// Seconds between two looks.
    pub interval_seconds: u32,
    /// The role that writes them down.
    pub role_arn: String,
}

/// Performance Insights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insights {
    /// Days that they are kept.
    pub retention_days: u32,
    /// The key that encrypts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// What only an instance has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceConfig {
    /// What clusters have too.
    pub shared: SharedConfig,
    /// How big the machine is, for example `db.m7g.large`.
    pub class: String,
    /// Its disks.
    pub storage: Storage,
    /// Whether a second one stands by.
    pub multi_az: bool,
    /// Whose licence it uses.
    pub license_model: String,
    /// Whether AWS may put in minor versions.
    pub auto_minor_upgrade: bool,
}

/// An instance's disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// `gp3`, `io2` …
    pub storage_type: String,
    /// How large.
    pub gib: u32,
    /// How large they may grow by themselves, if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_gib: Option<u32>,
    /// Operations a second that are paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<u32>,
    /// MiB a second that are paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<u32>,
}

/// What only a cluster has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// What instances have too.
    pub shared: SharedConfig,
    /// Its instances, in order of name. AWS Backup brings none of them back.
    pub members: Vec<Member>,
    /// How far Serverless v2 instances scale, where it has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serverless: Option<Scaling>,
    /// `aurora`, `aurora-iopt1`, `io1` …
    pub storage_type: String,
    /// How far back Aurora MySQL can be turned, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrack_seconds: Option<u64>,
}

/// An instance of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// How big the machine is; `db.serverless` for Serverless v2.
    pub class: String,
    /// Who takes over first, from 0.
    pub promotion_tier: u32,
    /// Its own parameter group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<String>,
}

/// How far Serverless v2 scales, in Aurora capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// At least.
    pub min_acu: f64,
    /// At most.
    pub max_acu: f64,
}
