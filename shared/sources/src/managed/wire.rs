//! AWS Backup's own JSON and our shapes, both ways. Calls are made elsewhere; here is what goes in and what comes out.

use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::port::{
    AccountCopies, BackupJob, BackupRequest, BackupVault, CopyJob, CopyRequest, JobStarted, LockBounds, RegionSettings,
    RestoreJob, RestoreRequest, Validation,
};
use super::{Lifecycle, PointStatus, RecoveryPoint};

/// `StartBackupJob`'s input.
pub fn start_backup_job(request: &BackupRequest) -> Value {
    let mut input = json!({
        "BackupVaultName": request.backup_vault,
        "ResourceArn": request.resource_arn,
        "IamRoleArn": request.role_arn,
        "IdempotencyToken": request.token,
        "StartWindowMinutes": request.start_window_minutes,
        "CompleteWindowMinutes": request.complete_window_minutes,
        "RecoveryPointTags": request.tags,
    });
    // What is left out is never, where a point is made anew.
    if request.lifecycle != Lifecycle::FOR_EVER {
        input["Lifecycle"] = days(request.lifecycle);
    }
    if !request.options.is_empty() {
        input["BackupOptions"] = json!(request.options);
    }
    input
}

/// `StartCopyJob`'s input.
pub fn start_copy_job(request: &CopyRequest) -> Value {
    json!({
        "RecoveryPointArn": request.recovery_point_arn,
        "SourceBackupVaultName": request.source_backup_vault,
        "DestinationBackupVaultArn": request.destination_vault_arn,
        "IamRoleArn": request.role_arn,
        "IdempotencyToken": request.token,
        "Lifecycle": explicit_days(request.lifecycle),
    })
}

/// `UpdateRecoveryPointLifecycle`'s input.
pub fn update_lifecycle(backup_vault: &str, recovery_point: &Arn, lifecycle: Lifecycle) -> Value {
    json!({
        "BackupVaultName": backup_vault,
        "RecoveryPointArn": recovery_point,
        "Lifecycle": explicit_days(lifecycle),
    })
}

/// `StartRestoreJob`'s input.
pub fn start_restore_job(request: &RestoreRequest) -> Value {
    json!({
        "RecoveryPointArn": request.recovery_point_arn,
        "Metadata": request.metadata,
        "IamRoleArn": request.role_arn,
        "IdempotencyToken": request.token,
        "ResourceType": request.resource_type,
    })
}

/// `PutRestoreValidationResult`'s input.
pub fn put_validation(job_id: &str, validation: Validation, message: &str) -> Value {
    let status = match validation {
        Validation::Successful => "SUCCESSFUL",
        Validation::Failed => "FAILED",
    };
    json!({ "RestoreJobId": job_id, "ValidationStatus": status, "ValidationStatusMessage": message })
}

/// `CreateBackupVault`'s input.
pub fn create_backup_vault(name: &str, key: Option<&Arn>) -> Value {
    let mut input = json!({ "BackupVaultName": name });
    if let Some(key) = key {
        input["EncryptionKeyArn"] = json!(key);
    }
    input
}

/// `PutBackupVaultLockConfiguration`'s input.
pub fn lock_backup_vault(name: &str, bounds: LockBounds, changeable_for_days: Option<u32>) -> Value {
    let mut input = json!({ "BackupVaultName": name });
    for (member, days) in [
        ("MinRetentionDays", bounds.min_days),
        ("MaxRetentionDays", bounds.max_days),
        ("ChangeableForDays", changeable_for_days),
    ] {
        if let Some(days) = days {
            input[member] = json!(days);
        }
    }
    input
}

fn days(lifecycle: Lifecycle) -> Value {
    let mut days = Map::new();
    for (member, value) in [
        ("MoveToColdStorageAfterDays", lifecycle.cold_after_days),
        ("DeleteAfterDays", lifecycle.delete_after_days),
    ] {
        if let Some(value) = value {
            days.insert(member.to_owned(), json!(value));
        }
    }
    Value::Object(days)
}

/// Where a lifecycle is there already, what is left out may mean that one: never is -1 (`Lifecycle` of the API).
fn explicit_days(lifecycle: Lifecycle) -> Value {
    let or_never = |days: Option<u32>| days.map_or(-1, i64::from);
    json!({
        "MoveToColdStorageAfterDays": or_never(lifecycle.cold_after_days),
        "DeleteAfterDays": or_never(lifecycle.delete_after_days),
    })
}

/// What `StartBackupJob` and `StartCopyJob` answer; `id` is the member that holds the job's id.
///
/// # Errors
/// `Unavailable` when the answer is not what the service documents: a job may have been started.
pub fn job_started(answer: &Value, id: &str) -> Result<JobStarted, PortError> {
    Ok(JobStarted {
        job_id: text(answer, id)?,
        created_at: time(answer, "CreationDate")?,
    })
}

/// A job as `DescribeBackupJob` or a listing gives it.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn backup_job(job: &Value) -> Result<BackupJob, PortError> {
    Ok(BackupJob {
        job_id: text(job, "BackupJobId")?,
        state: text(job, "State")?,
        message: maybe(job, "StatusMessage"),
        category: maybe(job, "MessageCategory"),
        backup_vault: text(job, "BackupVaultName")?,
        resource_arn: arn(job, "ResourceArn")?,
        recovery_point_arn: maybe_arn(job, "RecoveryPointArn")?,
        created_at: time(job, "CreationDate")?,
    })
}

/// A job as `DescribeCopyJob` (its `CopyJob`) or a listing gives it.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn copy_job(job: &Value) -> Result<CopyJob, PortError> {
    Ok(CopyJob {
        job_id: text(job, "CopyJobId")?,
        state: text(job, "State")?,
        message: maybe(job, "StatusMessage"),
        category: maybe(job, "MessageCategory"),
        resource_arn: arn(job, "ResourceArn")?,
        source_recovery_point_arn: arn(job, "SourceRecoveryPointArn")?,
        destination_vault_arn: arn(job, "DestinationBackupVaultArn")?,
        destination_recovery_point_arn: maybe_arn(job, "DestinationRecoveryPointArn")?,
        destination_lifecycle: job
            .get("DestinationRecoveryPointLifecycle")
            .filter(|days| days.is_object())
            .map(lifecycle),
        created_at: time(job, "CreationDate")?,
    })
}

/// A job as `DescribeRestoreJob` gives it.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn restore_job(job: &Value) -> Result<RestoreJob, PortError> {
    Ok(RestoreJob {
        job_id: text(job, "RestoreJobId")?,
        state: text(job, "Status")?,
        message: maybe(job, "StatusMessage"),
        created_at: time(job, "CreationDate")?,
        completed_at: maybe_time(job, "CompletionDate")?,
        created_resource_arn: maybe_arn(job, "CreatedResourceArn")?,
    })
}

/// A point as `DescribeRecoveryPoint` gives it. The listing by resource leaves most of it out: describe what it names.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn recovery_point(point: &Value) -> Result<RecoveryPoint, PortError> {
    let dates = &point["CalculatedLifecycle"];
    let plan = &point["CreatedBy"];
    Ok(RecoveryPoint {
        arn: arn(point, "RecoveryPointArn")?,
        backup_vault: text(point, "BackupVaultName")?,
        resource_arn: arn(point, "ResourceArn")?,
        resource_type: text(point, "ResourceType")?,
        status: PointStatus::of(&text(point, "Status")?),
        message: maybe(point, "StatusMessage"),
        created_at: time(point, "CreationDate")?,
        bytes: point["BackupSizeInBytes"].as_u64().unwrap_or_default(),
        lifecycle: lifecycle(&point["Lifecycle"]),
        expires_at: maybe_time(dates, "DeleteAt")?,
        cold_at: maybe_time(dates, "MoveToColdStorageAt")?,
        is_cold: point["StorageClass"] == "COLD",
        key_arn: maybe_arn(point, "EncryptionKeyArn")?,
        plan: maybe(plan, "BackupPlanName").or_else(|| maybe(plan, "BackupPlanId")),
    })
}

/// The first entry of a listing of points that AWS Backup keeps for ever.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn endless_point(points: &[Value]) -> Result<Option<Arn>, PortError> {
    let endless = points
        .iter()
        .find(|point| lifecycle(&point["Lifecycle"]).delete_after_days.is_none());
    endless.map(|point| arn(point, "RecoveryPointArn")).transpose()
}

fn lifecycle(lifecycle: &Value) -> Lifecycle {
    let days = |member: &str| lifecycle[member].as_u64().and_then(|days| u32::try_from(days).ok());
    Lifecycle {
        cold_after_days: days("MoveToColdStorageAfterDays"),
        delete_after_days: days("DeleteAfterDays"),
    }
}

/// A vault as `DescribeBackupVault` gives it.
///
/// # Errors
/// `Unavailable` when it is not what the service documents.
pub fn backup_vault(vault: &Value) -> Result<BackupVault, PortError> {
    let days = |member: &str| vault[member].as_u64().and_then(|days| u32::try_from(days).ok());
    let bounds = LockBounds {
        min_days: days("MinRetentionDays"),
        max_days: days("MaxRetentionDays"),
        immutable_from: maybe_time(vault, "LockDate")?,
    };
    Ok(BackupVault {
        arn: arn(vault, "BackupVaultArn")?,
        key_arn: maybe_arn(vault, "EncryptionKeyArn")?,
        recovery_points: vault["NumberOfRecoveryPoints"].as_u64().unwrap_or_default(),
        // Bounds alone lock too: what is not said to be open is taken for locked.
        lock: (vault["Locked"] == true || bounds != LockBounds::default()).then_some(bounds),
    })
}

/// What `DescribeRegionSettings` answers.
pub fn region_settings(answer: &Value) -> RegionSettings {
    let switches = |member: &str| {
        let switches = answer[member].as_object().into_iter().flatten();
        let known = switches.filter_map(|(kind, is_on)| Some((kind.clone(), is_on.as_bool()?)));
        known.collect::<BTreeMap<String, bool>>()
    };
    RegionSettings {
        opted_in: switches("ResourceTypeOptInPreference"),
        fully_managed: switches("ResourceTypeManagementPreference"),
    }
}

/// What `DescribeGlobalSettings` answers.
pub fn account_copies(answer: &Value) -> AccountCopies {
    match answer["GlobalSettings"]["isCrossAccountBackupEnabled"].as_str() {
        Some("true") => AccountCopies::Allowed,
        _ => AccountCopies::NotAllowed,
    }
}

/// What `GetRecoveryPointRestoreMetadata` answers.
pub fn restore_metadata(answer: &Value) -> BTreeMap<String, String> {
    let pairs = answer["RestoreMetadata"].as_object().into_iter().flatten();
    let texts = pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    texts.collect()
}

/// What refuses a removal or a new lifecycle, said as what the caller should do: the service calls a lock and a hold wrong input.
#[must_use]
pub fn refusal(error: PortError) -> PortError {
    match error {
        PortError::Invalid(why) if is_about_a_lock(&why) => PortError::Locked(why),
        other => other,
    }
}

/// What looking at a vault was refused with, said as what it means: of a vault that is not there the service says that the caller's
/// privileges are insufficient, where IAM names the action that is not allowed.
#[must_use]
pub fn missing_vault(error: PortError) -> PortError {
    match error {
        PortError::Denied(why) if has_no_such_vault(&why) => PortError::NotFound(why),
        other => other,
    }
}

fn has_no_such_vault(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    why.contains("insufficient privileges") && !why.contains("not authorized")
}

fn is_about_a_lock(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    [
        "vault lock",
        "backup vault is locked",
        "locked",
        "legal hold",
        "manual deletion is disabled",
    ]
    .iter()
    .any(|word| why.contains(word))
}

/// The outcome of the call is not known where its answer cannot be read.
pub(super) fn strange(member: &str) -> PortError {
    PortError::Unavailable(format!("AWS Backup's answer has no {member} that can be read"))
}

pub(super) fn text(value: &Value, member: &str) -> Result<String, PortError> {
    maybe(value, member).ok_or_else(|| strange(member))
}

pub(super) fn maybe(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(str::to_owned)
}

pub(super) fn arn(value: &Value, member: &str) -> Result<Arn, PortError> {
    text(value, member)?.parse().map_err(|_| strange(member))
}

fn maybe_arn(value: &Value, member: &str) -> Result<Option<Arn>, PortError> {
    let text = maybe(value, member);
    text.map(|text| text.parse().map_err(|_| strange(member))).transpose()
}

fn time(value: &Value, member: &str) -> Result<Timestamp, PortError> {
    maybe_time(value, member)?.ok_or_else(|| strange(member))
}

/// REST with JSON bodies writes times as seconds since 1970, with a fraction.
fn maybe_time(value: &Value, member: &str) -> Result<Option<Timestamp>, PortError> {
    let parsed = match &value[member] {
        Value::Null => return Ok(None),
        Value::Number(seconds) => seconds.as_f64().and_then(from_seconds),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    parsed.map(Some).ok_or_else(|| strange(member))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of any date fit; a cast saturates what does not"
)]
fn from_seconds(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}
