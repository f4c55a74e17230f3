//! What Holdfast asks of RDS.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;

use super::{BackupRules, DatabaseConfig, DatabaseKind, Insights, Member, Monitoring};

/// Reading a database's settings.
pub trait ReadDatabases: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "rds:DescribeDBClusterParameterGroups",
        "rds:DescribeDBClusterParameters",
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
        "rds:DescribeDBParameterGroups",
        "rds:DescribeDBParameters",
        "rds:DescribeDBSubnetGroups",
        "rds:DescribeOptionGroups",
        "rds:ListTagsForResource",
    ];

    /// All settings of a database, and what could not be read.
    ///
    /// # Errors
    /// `NotFound` when there is no such database; `Denied` when even describing it is refused. A refused detail is not an error:
    /// it is in `unreadable`, in words for a person.
    fn read_database(
        &self,
        kind: DatabaseKind,
        name: &str,
    ) -> impl Future<Output = Result<DatabaseReading, PortError>> + Send;
}

/// A database as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseReading {
    /// Its ARN.
    pub arn: Arn,
    /// How it stands, as RDS calls it; `available` when it can be used.
    pub status: String,
    /// Its settings.
    pub config: DatabaseConfig,
    /// Settings that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

impl DatabaseReading {
    /// Whether it can be used. Of a cluster without instances RDS says so too.
    pub fn is_available(&self) -> bool {
        self.status == "available"
    }
}

/// Putting back what a restore by AWS Backup leaves out.
pub trait ChangeDatabases: Send + Sync {
    /// The IAM actions behind this trait. `iam:PassRole` is for the role of enhanced monitoring.
    const ACTIONS: &'static [&'static str] = &[
        "iam:PassRole",
        "rds:AddTagsToResource",
        "rds:CreateDBInstance",
        "rds:ModifyDBCluster",
        "rds:ModifyDBInstance",
    ];

    /// Puts one setting back. Doing it again is harmless.
    ///
    /// # Errors
    /// `Conflict` while the database is being changed: wait until it is available and try again. `NotFound` when what the setting
    /// names is not there.
    fn apply(
        &self,
        kind: DatabaseKind,
        name: &str,
        setting: &DatabaseSetting,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A setting that is put back after the data.
#[derive(Debug, Clone, PartialEq)]
pub enum DatabaseSetting {
    /// The parameter group, by name.
    ParameterGroup(String),
    /// The security groups.
    SecurityGroups(BTreeSet<String>),
    /// Automated backups.
    Backups(BackupRules),
    /// The maintenance window.
    MaintenanceWindow(String),
    /// Whether IAM can open connections.
    IamAuthentication(bool),
    /// Enhanced monitoring.
    Monitoring(Monitoring),
    /// Performance Insights.
    Insights(Insights),
    /// Logs that go to CloudWatch.
    LogExports(BTreeSet<String>),
    /// Tags.
    Tags(BTreeMap<String, String>),
    /// An instance of a cluster, under its name in the new cluster.
    Member(Member),
    /// Deletion protection: on.
    DeletionProtection,
}

/// Removing a scratch database. The adapter refuses any name that does not begin with
/// [`SCRATCH_PREFIX`](crate::dynamodb::port::SCRATCH_PREFIX).
pub trait DropScratchDatabases: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["rds:DeleteDBCluster", "rds:DeleteDBInstance"];

    /// Removes a scratch database, without a last snapshot and with its automated backups. Succeeds when it is gone already.
    ///
    /// # Errors
    /// `Invalid` when the name is no scratch name; `Conflict` while it is being made.
    fn drop_scratch_database(
        &self,
        kind: DatabaseKind,
        name: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}
