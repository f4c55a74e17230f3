//! What Holdfast asks of AWS Backup, in one region. Values are shaped as the service shapes them; what they mean is decided in
//! this module's pure parts.

use std::collections::BTreeMap;
use std::future::Future;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use jiff::Timestamp;

use super::{Lifecycle, RecoveryPoint};

/// Starting backup jobs.
pub trait StartBackups: Send + Sync {
    /// The IAM actions behind this trait. `iam:PassRole` is for the role that AWS Backup works with.
    const ACTIONS: &'static [&'static str] = &["backup:StartBackupJob", "iam:PassRole"];

    /// Asks for a job. The same token and request give the job that they gave before, and nothing new is started.
    ///
    /// # Errors
    /// `Invalid` when the service refuses the request, or the token was used for another one; `Throttled` when a limit is
    /// reached. On `Unavailable` a job may have been started: ask again with the same token.
    fn start_backup_job(&self, request: &BackupRequest) -> impl Future<Output = Result<JobStarted, PortError>> + Send;
}

/// A backup job that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRequest {
    /// The vault that the recovery point goes to.
    pub backup_vault: String,
    /// What is to be backed up.
    pub resource_arn: Arn,
    /// The role that AWS Backup works with.
    pub role_arn: Arn,
    /// Makes the request the same however often it is sent.
    pub token: String,
    /// Minutes within which the job has to begin; at least 60.
    pub start_window_minutes: u32,
    /// Minutes within which it has to end, counted from now as well.
    pub complete_window_minutes: u32,
    /// How long the recovery point lives.
    pub lifecycle: Lifecycle,
    /// The recovery point's tags.
    pub tags: BTreeMap<String, String>,
    /// `BackupACLs`, `BackupObjectTags` and the like, as the service names them.
    pub options: BTreeMap<String, String>,
}

/// A job that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStarted {
    /// Its id.
    pub job_id: String,
    /// When the service took it on.
    pub created_at: Timestamp,
}

/// Looking at backup jobs.
pub trait ReadBackups: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DescribeBackupJob", "backup:ListBackupJobs"];

    /// A job as it stands.
    ///
    /// # Errors
    /// `NotFound` when there is none, also when it ended more than 30 days ago.
    fn backup_job(&self, job_id: &str) -> impl Future<Output = Result<BackupJob, PortError>> + Send;

    /// All jobs that have not ended, whoever started them.
    ///
    /// # Errors
    /// Those of the service: a listing that broke off is never returned.
    fn backup_jobs_in_flight(&self) -> impl Future<Output = Result<Vec<BackupJob>, PortError>> + Send;
}

/// A backup job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupJob {
    /// Its id.
    pub job_id: String,
    /// `State`, as the service writes it.
    pub state: String,
    /// `StatusMessage`.
    pub message: Option<String>,
    /// `MessageCategory`.
    pub category: Option<String>,
    /// The vault that it writes to.
    pub backup_vault: String,
    /// What it backs up.
    pub resource_arn: Arn,
    /// What it has made, as soon as that has a name.
    pub recovery_point_arn: Option<Arn>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Looking at recovery points.
pub trait ReadRecoveryPoints: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "backup:DescribeRecoveryPoint",
        "backup:ListRecoveryPointsByBackupVault",
        "backup:ListRecoveryPointsByResource",
        "backup:ListTags",
    ];

    /// A recovery point as it stands.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn recovery_point(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
    ) -> impl Future<Output = Result<RecoveryPoint, PortError>> + Send;

    /// All recovery points of a resource, in every vault of the account and region.
    ///
    /// # Errors
    /// Those of the service: a listing that broke off is never returned.
    fn recovery_points_of(&self, resource: &Arn) -> impl Future<Output = Result<Vec<RecoveryPoint>, PortError>> + Send;

    /// A recovery point of a vault that AWS Backup keeps for ever, whoever made it; nothing if each has its end.
    ///
    /// # Errors
    /// Those of the service: a listing that broke off says nothing.
    fn endless_point(&self, backup_vault: &str) -> impl Future<Output = Result<Option<Arn>, PortError>> + Send;

    /// A recovery point's tags.
    ///
    /// # Errors
    /// `Invalid` where the service keeps no tags: a snapshot of a kind that it does not manage fully.
    fn recovery_point_tags(
        &self,
        recovery_point: &Arn,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, PortError>> + Send;
}

/// Starting copy jobs.
pub trait StartCopies: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:CopyFromBackupVault", "backup:StartCopyJob", "iam:PassRole"];

    /// Asks for a job, in the source's region. The same token and request give the job that they gave before.
    ///
    /// # Errors
    /// As [`StartBackups::start_backup_job`].
    fn start_copy_job(&self, request: &CopyRequest) -> impl Future<Output = Result<JobStarted, PortError>> + Send;
}

/// A copy job that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRequest {
    /// What is to be copied.
    pub recovery_point_arn: Arn,
    /// The vault that it lies in.
    pub source_backup_vault: String,
    /// The vault that the copy goes to.
    pub destination_vault_arn: Arn,
    /// The role that AWS Backup works with.
    pub role_arn: Arn,
    /// Makes the request the same however often it is sent.
    pub token: String,
    /// How long the copy lives, counted from the creation of the *source*.
    pub lifecycle: Lifecycle,
}

/// Looking at copy jobs.
pub trait ReadCopies: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DescribeCopyJob", "backup:ListCopyJobs"];

    /// A job as it stands.
    ///
    /// # Errors
    /// `NotFound` when there is none, also when it ended more than 30 days ago.
    fn copy_job(&self, job_id: &str) -> impl Future<Output = Result<CopyJob, PortError>> + Send;

    /// All jobs that have not ended, whoever started them.
    ///
    /// # Errors
    /// Those of the service: a listing that broke off is never returned.
    fn copy_jobs_in_flight(&self) -> impl Future<Output = Result<Vec<CopyJob>, PortError>> + Send;
}

/// A copy job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyJob {
    /// Its id.
    pub job_id: String,
    /// `State`, as the service writes it.
    pub state: String,
    /// `StatusMessage`.
    pub message: Option<String>,
    /// `MessageCategory`.
    pub category: Option<String>,
    /// What it copies a recovery point of.
    pub resource_arn: Arn,
    /// What it copies.
    pub source_recovery_point_arn: Arn,
    /// The vault that the copy goes to.
    pub destination_vault_arn: Arn,
    /// The copy, as soon as it has a name.
    pub destination_recovery_point_arn: Option<Arn>,
    /// How long it lives, counted from the creation of its source, where the service says so.
    pub destination_lifecycle: Option<Lifecycle>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Changing how long a recovery point lives.
pub trait ChangeLifecycles: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:UpdateRecoveryPointLifecycle"];

    /// Sets both days: one that is left out is set to never. Days count from the point's creation.
    ///
    /// # Errors
    /// `Locked` while the vault's lock forbids it; `Invalid` for a continuous point.
    fn update_lifecycle(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
        lifecycle: Lifecycle,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Removing recovery points. Only `prune` may name this trait.
pub trait DeleteRecoveryPoints: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DeleteRecoveryPoint", "backup:DisassociateRecoveryPoint"];

    /// Asks for a point's removal. Success says little: describe it again. Deleting a continuous point also ends the continuous
    /// backup of its resource.
    ///
    /// # Errors
    /// `NotFound` when it is gone; `Conflict` while a job uses it; `Locked` while a lock or a legal hold is on it.
    fn delete_recovery_point(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Gives a continuous point back to the kind's own service, which goes on with it.
    ///
    /// # Errors
    /// `Invalid` when it is no continuous point of a service that takes it back.
    fn disassociate_recovery_point(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Looking at legal holds.
pub trait ReadLegalHolds: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:ListLegalHolds", "backup:ListRecoveryPointsByLegalHold"];

    /// All recovery points on which an active legal hold lies, each with the titles of its holds.
    ///
    /// # Errors
    /// Those of the service: a listing that broke off is never returned.
    fn held_points(&self) -> impl Future<Output = Result<BTreeMap<Arn, Vec<String>>, PortError>> + Send;
}

/// Starting restore jobs.
pub trait StartRestores: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "backup:GetRecoveryPointRestoreMetadata",
        "backup:StartRestoreJob",
        "iam:PassRole",
    ];

    /// What a restore of the point as it was would be asked with.
    ///
    /// # Errors
    /// `NotFound` when there is no such point.
    fn restore_metadata(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, PortError>> + Send;

    /// Asks for a job and gives its id. The same token and request give the job that they gave before.
    ///
    /// # Errors
    /// As [`StartBackups::start_backup_job`].
    fn start_restore_job(&self, request: &RestoreRequest) -> impl Future<Output = Result<String, PortError>> + Send;
}

/// A restore job that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRequest {
    /// What is to be restored.
    pub recovery_point_arn: Arn,
    /// The kind as AWS Backup names it.
    pub resource_type: String,
    /// What to make of it.
    pub metadata: BTreeMap<String, String>,
    /// The role that AWS Backup works with.
    pub role_arn: Arn,
    /// Makes the request the same however often it is sent.
    pub token: String,
}

/// Looking at restore jobs.
pub trait ReadRestores: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DescribeRestoreJob"];

    /// A job as it stands.
    ///
    /// # Errors
    /// `NotFound` when there is none, also when it ended more than 30 days ago.
    fn restore_job(&self, job_id: &str) -> impl Future<Output = Result<RestoreJob, PortError>> + Send;
}

/// A restore job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreJob {
    /// Its id.
    pub job_id: String,
    /// `Status`, as the service writes it.
    pub state: String,
    /// `StatusMessage`.
    pub message: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What it has made, as soon as that has a name.
    pub created_resource_arn: Option<Arn>,
}

/// Telling AWS Backup what came of a restore test.
pub trait PutValidations: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:PutRestoreValidationResult"];

    /// Notes whether what a restore job made is what it should be. Doing it again is harmless.
    ///
    /// # Errors
    /// `Invalid` when the job has not ended, or takes no validation.
    fn put_validation(
        &self,
        job_id: &str,
        validation: Validation,
        message: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What came of a restore test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validation {
    /// What was restored is what it should be.
    Successful,
    /// It is not.
    Failed,
}

/// Looking at vaults.
pub trait ReadBackupVaults: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DescribeBackupVault"];

    /// A vault as it stands.
    ///
    /// # Errors
    /// `NotFound` when there is none; also `Denied`, which is what the service may say then.
    fn backup_vault(&self, name: &str) -> impl Future<Output = Result<BackupVault, PortError>> + Send;
}

/// A vault of AWS Backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupVault {
    /// Its ARN.
    pub arn: Arn,
    /// The key that encrypts what it holds.
    pub key_arn: Option<Arn>,
    /// How many recovery points it holds.
    pub recovery_points: u64,
    /// Its lock, where it has one.
    pub lock: Option<LockBounds>,
}

/// A Vault Lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LockBounds {
    /// Jobs that ask for less fail.
    pub min_days: Option<u32>,
    /// Jobs that ask for more, or for ever, fail.
    pub max_days: Option<u32>,
    /// From then on nobody can take the lock off (compliance mode); never, in governance mode.
    pub immutable_from: Option<Timestamp>,
}

/// Making vaults.
pub trait CreateBackupVaults: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "backup-storage:MountCapsule",
        "backup:CreateBackupVault",
        "backup:PutBackupVaultLockConfiguration",
        "backup:TagResource",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKey",
        "kms:RetireGrant",
    ];

    /// Makes a vault.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that name, whatever its key: nothing was changed.
    fn create_backup_vault(&self, name: &str, key: Option<&Arn>) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Locks a vault, or changes the bounds of a lock that can still be changed. `changeable_for_days` makes it immutable after
    /// so many days (at least three); without it the lock is in governance mode and can be taken off.
    ///
    /// # Errors
    /// `Invalid` when the bounds are, `Locked` when the lock is immutable.
    fn lock_backup_vault(
        &self,
        name: &str,
        bounds: LockBounds,
        changeable_for_days: Option<u32>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Looking at what an account, or its organisation, has set once for AWS Backup.
pub trait ReadBackupSettings: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["backup:DescribeGlobalSettings", "backup:DescribeRegionSettings"];

    /// Which kinds AWS Backup protects, and which it manages fully.
    ///
    /// # Errors
    /// Those of the service.
    fn region_settings(&self) -> impl Future<Output = Result<RegionSettings, PortError>> + Send;

    /// Whether points may be copied into other accounts.
    ///
    /// # Errors
    /// Those of the service.
    fn account_copies(&self) -> impl Future<Output = Result<AccountCopies, PortError>> + Send;
}

/// Whether points may be copied into other accounts: what an organisation's management account has said, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountCopies {
    /// They may.
    Allowed,
    /// The organisation has not allowed it.
    NotAllowed,
    /// The account is in no organisation.
    NoOrganization,
}

/// A region's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegionSettings {
    /// By resource type: whether AWS Backup may protect it.
    pub opted_in: BTreeMap<String, bool>,
    /// By resource type: whether AWS Backup manages its points fully. For DynamoDB that is the "advanced" switch.
    pub fully_managed: BTreeMap<String, bool>,
}
