use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Arn;

/// Who made a recovery point of AWS Backup. Only what Holdfast made may Holdfast remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MadeBy {
    /// A job that Holdfast started.
    Holdfast,
    /// Anybody else: the customer's own backup plans, or a person.
    Customer,
}

/// Where AWS Backup keeps a recovery point's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPoint {
    /// The recovery point. For kinds that AWS Backup does not manage fully it is a snapshot of the kind's own service.
    pub recovery_point_arn: Arn,
    /// The AWS Backup vault that it lies in.
    pub backup_vault: String,
    /// The kind as AWS Backup names it: `DynamoDB`, `RDS`, `Aurora`, `S3` …
    pub resource_type: String,
    /// Its size as AWS Backup gives it.
    pub bytes: u64,
    /// When AWS Backup made it. Its lifecycle counts from then, and so does that of its copies.
    pub created_at: Timestamp,
    /// When AWS Backup removes it by itself; never, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When AWS Backup moves it to cold storage, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_at: Option<Timestamp>,
    /// The backup job that made it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Who made it.
    pub made_by: MadeBy,
}

/// What a run asks AWS Backup for: settled before its first job, because a job is the same job only if it is asked for in the same
/// words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedRun {
    /// The AWS Backup vault that the point goes to.
    pub backup_vault: String,
    /// The role that AWS Backup works with.
    pub role_arn: Arn,
    /// Minutes within which a job has to begin.
    pub start_window_minutes: u32,
    /// Minutes within which it has to end, counted from the same moment.
    pub complete_window_minutes: u32,
    /// Days until the point moves to cold storage, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_after_days: Option<u32>,
    /// Days until AWS Backup removes the point by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_days: Option<u32>,
    /// The recovery point's tags.
    pub tags: BTreeMap<String, String>,
    /// The service's own options, for example `BackupACLs`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// Where a stack has AWS Backup keep points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedVault {
    /// The AWS Backup vault, of this name in every region.
    pub backup_vault: String,
    /// The role that AWS Backup works with.
    pub role_arn: Arn,
}

/// A job of AWS Backup that was started for a run: written when the service has answered, create-if-absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedJob {
    /// Which attempt of the run, from 1.
    pub attempt: u32,
    /// The job.
    pub job_id: String,
    /// The AWS Backup vault that it writes to.
    pub backup_vault: String,
    /// When it was asked for.
    pub started_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, FORMAT_VERSION, Manifest, PointId, Sha256};

    fn manifest(engine: Engine, managed: Option<ManagedPoint>) -> Manifest {
        let at: Timestamp = "2026-11-21T02:45:00Z".parse().unwrap();
        Manifest {
            format: FORMAT_VERSION,
            point: point(),
            arn: "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"
                .parse()
                .unwrap(),
            engine,
            started_at: at,
            completed_at: at,
            policy_sha256: Sha256::of(b"policy"),
            tags: std::collections::BTreeMap::new(),
            parent: None,
            blobs: Vec::new(),
            data: None,
            lock: None,
            managed,
            not_protected: Vec::new(),
        }
    }

    fn point() -> PointId {
        "dynamodb-table/eu-central-1/orders/20261121T024500Z-standard"
            .parse()
            .unwrap()
    }

    fn managed() -> ManagedPoint {
        ManagedPoint {
            recovery_point_arn: "arn:aws:backup:eu-central-1:111122223333:recovery-point:1EB3B5E7"
                .parse()
                .unwrap(),
            backup_vault: "holdfast".to_owned(),
            resource_type: "DynamoDB".to_owned(),
            bytes: 1_000,
            created_at: "2026-11-21T02:46:00Z".parse().unwrap(),
            expires_at: None,
            cold_at: None,
            job_id: Some("job".to_owned()),
            made_by: MadeBy::Holdfast,
        }
    }

    #[test]
    fn a_manifest_of_either_engine_reads_back() {
        let written = [
            manifest(Engine::Vault, None),
            manifest(Engine::AwsBackup, Some(managed())),
        ];
        for manifest in written {
            assert_eq!(Manifest::read(&manifest.to_bytes(), &point()), Ok(manifest));
        }
    }

    #[test]
    fn a_manifest_that_leaves_open_where_its_data_is_is_damaged() {
        let ambiguous = [
            manifest(Engine::AwsBackup, None),
            manifest(Engine::Vault, Some(managed())),
        ];
        for manifest in ambiguous {
            assert!(Manifest::read(&manifest.to_bytes(), &point()).is_err(), "{manifest:?}");
        }
    }

    #[test]
    fn a_manifest_of_our_own_engine_says_nothing_of_aws_backup() {
        let text = String::from_utf8(manifest(Engine::Vault, None).to_bytes()).unwrap();
        assert!(
            text.contains("\"engine\": \"vault\"") && !text.contains("managed"),
            "{text}"
        );
    }
}
