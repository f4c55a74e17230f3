use std::fmt;

use holdfast_catalog::Kind;
use jiff::SignedDuration;

/// Who makes a plan's recovery points, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// We ourselves, into our vault.
    #[default]
    Vault,
    /// The managed service, into its own.
    AwsBackup(Managed),
}

impl Engine {
    /// Whether it makes points of a kind.
    pub fn makes(&self, kind: Kind) -> bool {
        let has_data_of_aws = matches!(
            kind,
            Kind::RdsInstance | Kind::RdsCluster | Kind::S3Bucket | Kind::EfsFileSystem
        );
        match self {
            Engine::Vault => !has_data_of_aws,
            Engine::AwsBackup(_) => has_data_of_aws || kind == Kind::DynamodbTable,
        }
    }

    /// Whether AWS Backup makes continuous points of a kind. DynamoDB has a recovery window of its own.
    pub fn is_continuous(kind: Kind) -> bool {
        matches!(kind, Kind::RdsInstance | Kind::RdsCluster | Kind::S3Bucket)
    }

    /// The engine that makes points of a kind where this one does not.
    pub(crate) fn instead(self) -> Engine {
        match self {
            Engine::Vault => Engine::AwsBackup(Managed::default()),
            Engine::AwsBackup(_) => Engine::Vault,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Vault => "vault",
            Engine::AwsBackup(_) => "aws-backup",
        })
    }
}

/// How AWS Backup is asked for points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Managed {
    /// Days after which a point moves to cold storage, where its kind can.
    pub cold_after_days: Option<u32>,
    /// Days after which AWS Backup removes a point by itself, whatever retention says; never, without it.
    pub delete_after_days: Option<u32>,
    /// How many days back any moment can be brought back from a continuous point, where the plan asks for such and the kind has them
    /// ([`Engine::is_continuous`]).
    pub continuous_days: Option<u32>,
    /// Within which time a job has to begin.
    pub start_window: SignedDuration,
    /// Within which time it has to end, counted from the same moment.
    pub complete_window: SignedDuration,
    /// Whether a bucket's access control lists are in its points.
    pub acls: bool,
    /// Whether the tags of its objects are.
    pub object_tags: bool,
}

impl Default for Managed {
    /// What AWS Backup does by itself (its `StartBackupJob`): windows of 8 hours and 7 days, all of a bucket.
    fn default() -> Self {
        Managed {
            cold_after_days: None,
            delete_after_days: None,
            continuous_days: None,
            start_window: SignedDuration::from_hours(8),
            complete_window: SignedDuration::from_hours(7 * 24),
            acls: true,
            object_tags: true,
        }
    }
}
