//! AWS Backup in one region, over the generic calls.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_catalog::{Arn, Region};
use holdfast_sources::call::{Operation, backup};
use holdfast_sources::managed::port::{
    AccountCopies, BackupJob, BackupRequest, BackupVault, ChangeLifecycles, CopyJob, CopyRequest, CreateBackupVaults,
    DeleteRecoveryPoints, JobStarted, LockBounds, PutValidations, ReadBackupSettings, ReadBackupVaults, ReadBackups,
    ReadCopies, ReadLegalHolds, ReadRecoveryPoints, ReadRestores, RegionSettings, RestoreJob, RestoreRequest,
    StartBackups, StartCopies, StartRestores, Validation,
};
use holdfast_sources::managed::{Lifecycle, RecoveryPoint, wire};
use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use crate::{Aws, AwsCalls};

/// What a page of a listing may hold at most (`MaxResults` of the API).
const PAGE: u32 = 1000;

/// Points that are described at the same time: the service allows some ten calls a second.
const PARALLEL_LOOKS: usize = 4;

/// The states of a backup job that has not ended.
const BACKING_UP: [&str; 4] = ["CREATED", "PENDING", "RUNNING", "ABORTING"];

/// The states of a copy job that has not ended.
const COPYING: [&str; 2] = ["CREATED", "RUNNING"];

/// AWS Backup in one region of an account.
#[derive(Debug, Clone)]
pub struct AwsBackups {
    calls: AwsCalls,
    region: Region,
}

impl AwsBackups {
    /// In this region.
    pub fn new(aws: &Aws, account: &str, region: &Region) -> Self {
        AwsBackups {
            calls: AwsCalls::new(aws, account),
            region: region.clone(),
        }
    }

    pub(crate) async fn call<O: Operation>(&self, input: Value) -> Result<Value, PortError> {
        self.calls.call_of::<O>(&self.region, input).await
    }

    /// All pages of a listing, or an error.
    pub(crate) async fn list<O: Operation>(&self, input: Value, member: &str) -> Result<Vec<Value>, PortError> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self.page::<O>(&input, member, token).await?;
            found.extend(page.entries);
            if page.next.is_none() {
                return Ok(found);
            }
            token = page.next;
        }
    }

    async fn page<O: Operation>(&self, input: &Value, member: &str, token: Option<String>) -> Result<Page, PortError> {
        let mut input = input.clone();
        input["MaxResults"] = json!(PAGE);
        if let Some(token) = token {
            input["NextToken"] = Value::String(token);
        }
        let mut answer = self.call::<O>(input).await?;
        Ok(Page {
            entries: match answer[member].take() {
                Value::Array(entries) => entries,
                _ => Vec::new(),
            },
            next: match answer["NextToken"].take() {
                Value::String(token) if !token.is_empty() => Some(token),
                _ => None,
            },
        })
    }

    /// The tags of what an ARN names.
    pub(crate) async fn tags(&self, arn: &Value) -> Result<BTreeMap<String, String>, PortError> {
        let mut answer = self.call::<backup::ListTags>(json!({ "ResourceArn": arn })).await?;
        let tags = match answer["Tags"].take() {
            Value::Object(tags) => tags,
            _ => Map::new(),
        };
        let texts = tags
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
        Ok(texts.collect())
    }
}

/// A page of a listing.
struct Page {
    entries: Vec<Value>,
    /// Where the next one begins.
    next: Option<String>,
}

fn at(backup_vault: &str, recovery_point: &Arn) -> Value {
    json!({ "BackupVaultName": backup_vault, "RecoveryPointArn": recovery_point })
}

/// A job may move on between two listings and be in both.
fn each_once<T>(jobs: Vec<T>, id: impl Fn(&T) -> &str) -> Vec<T> {
    let mut seen = BTreeSet::new();
    let mut once = jobs;
    once.retain(|job| seen.insert(id(job).to_owned()));
    once
}

impl StartBackups for AwsBackups {
    async fn start_backup_job(&self, request: &BackupRequest) -> Result<JobStarted, PortError> {
        let input = wire::start_backup_job(request);
        wire::job_started(&self.call::<backup::StartBackupJob>(input).await?, "BackupJobId")
    }
}

impl ReadBackups for AwsBackups {
    async fn backup_job(&self, job_id: &str) -> Result<BackupJob, PortError> {
        let input = json!({ "BackupJobId": job_id });
        wire::backup_job(&self.call::<backup::DescribeBackupJob>(input).await?)
    }

    async fn backup_jobs_in_flight(&self) -> Result<Vec<BackupJob>, PortError> {
        let mut jobs = Vec::new();
        for state in BACKING_UP {
            let input = json!({ "ByState": state });
            let listed = self.list::<backup::ListBackupJobs>(input, "BackupJobs").await?;
            for job in &listed {
                jobs.push(wire::backup_job(job)?);
            }
        }
        Ok(each_once(jobs, |job| &job.job_id))
    }
}

impl ReadRecoveryPoints for AwsBackups {
    async fn recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<RecoveryPoint, PortError> {
        let input = at(backup_vault, recovery_point);
        wire::recovery_point(&self.call::<backup::DescribeRecoveryPoint>(input).await?)
    }

    async fn recovery_points_of(&self, resource: &Arn) -> Result<Vec<RecoveryPoint>, PortError> {
        let input = json!({ "ResourceArn": resource });
        let listed = match self
            .list::<backup::ListRecoveryPointsByResource>(input, "RecoveryPoints")
            .await
        {
            Ok(listed) => listed,
            // What was never backed up is not known to the service.
            Err(PortError::NotFound(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let points: Vec<Option<RecoveryPoint>> = stream::iter(listed)
            .map(|listed| async move {
                let input = json!({
                    "BackupVaultName": listed["BackupVaultName"],
                    "RecoveryPointArn": listed["RecoveryPointArn"],
                });
                match self.call::<backup::DescribeRecoveryPoint>(input).await {
                    Ok(described) => wire::recovery_point(&described).map(Some),
                    // It went between the two calls.
                    Err(PortError::NotFound(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .buffered(PARALLEL_LOOKS)
            .try_collect()
            .await?;
        Ok(points.into_iter().flatten().collect())
    }

    async fn endless_point(&self, backup_vault: &str) -> Result<Option<Arn>, PortError> {
        let input = json!({ "BackupVaultName": backup_vault });
        let mut token = None;
        loop {
            // A vault may hold a million points: one page at a time.
            let page = self
                .page::<backup::ListRecoveryPointsByBackupVault>(&input, "RecoveryPoints", token)
                .await?;
            if let Some(endless) = wire::endless_point(&page.entries)? {
                return Ok(Some(endless));
            }
            if page.next.is_none() {
                return Ok(None);
            }
            token = page.next;
        }
    }

    async fn recovery_point_tags(&self, recovery_point: &Arn) -> Result<BTreeMap<String, String>, PortError> {
        self.tags(&json!(recovery_point)).await
    }
}

impl StartCopies for AwsBackups {
    async fn start_copy_job(&self, request: &CopyRequest) -> Result<JobStarted, PortError> {
        let input = wire::start_copy_job(request);
        wire::job_started(&self.call::<backup::StartCopyJob>(input).await?, "CopyJobId")
    }
}

impl ReadCopies for AwsBackups {
    async fn copy_job(&self, job_id: &str) -> Result<CopyJob, PortError> {
        let input = json!({ "CopyJobId": job_id });
        wire::copy_job(&self.call::<backup::DescribeCopyJob>(input).await?["CopyJob"])
    }

    async fn copy_jobs_in_flight(&self) -> Result<Vec<CopyJob>, PortError> {
        let mut jobs = Vec::new();
        for state in COPYING {
            let input = json!({ "ByState": state });
            let listed = self.list::<backup::ListCopyJobs>(input, "CopyJobs").await?;
            for job in &listed {
                jobs.push(wire::copy_job(job)?);
            }
        }
        Ok(each_once(jobs, |job| &job.job_id))
    }
}

impl ChangeLifecycles for AwsBackups {
    async fn update_lifecycle(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
        lifecycle: Lifecycle,
    ) -> Result<(), PortError> {
        let input = wire::update_lifecycle(backup_vault, recovery_point, lifecycle);
        let answer = self.call::<backup::UpdateRecoveryPointLifecycle>(input).await;
        answer.map(|_| ()).map_err(wire::refusal)
    }
}

impl DeleteRecoveryPoints for AwsBackups {
    async fn delete_recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<(), PortError> {
        let input = at(backup_vault, recovery_point);
        let answer = self.call::<backup::DeleteRecoveryPoint>(input).await;
        answer.map(|_| ()).map_err(wire::refusal)
    }

    async fn disassociate_recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<(), PortError> {
        let input = at(backup_vault, recovery_point);
        let answer = self.call::<backup::DisassociateRecoveryPoint>(input).await;
        answer.map(|_| ()).map_err(wire::refusal)
    }
}

impl ReadLegalHolds for AwsBackups {
    async fn held_points(&self) -> Result<BTreeMap<Arn, Vec<String>>, PortError> {
        let mut held: BTreeMap<Arn, Vec<String>> = BTreeMap::new();
        for hold in self.list::<backup::ListLegalHolds>(json!({}), "LegalHolds").await? {
            // One that is being lifted holds until it is lifted.
            if hold["Status"] == "CANCELED" {
                continue;
            }
            let title = hold["Title"].as_str().unwrap_or("a legal hold without a title");
            let input = json!({ "LegalHoldId": hold["LegalHoldId"] });
            let points = self
                .list::<backup::ListRecoveryPointsByLegalHold>(input, "RecoveryPoints")
                .await?;
            for point in points {
                let arn = point["RecoveryPointArn"].as_str().and_then(|arn| arn.parse().ok());
                let arn = arn.ok_or_else(|| {
                    PortError::Unavailable(format!("legal hold {title} names a point that cannot be read"))
                })?;
                held.entry(arn).or_default().push(title.to_owned());
            }
        }
        Ok(held)
    }
}

impl StartRestores for AwsBackups {
    async fn restore_metadata(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
    ) -> Result<BTreeMap<String, String>, PortError> {
        let input = at(backup_vault, recovery_point);
        let answer = self.call::<backup::GetRecoveryPointRestoreMetadata>(input).await?;
        Ok(wire::restore_metadata(&answer))
    }

    async fn start_restore_job(&self, request: &RestoreRequest) -> Result<String, PortError> {
        let input = wire::start_restore_job(request);
        let answer = self.call::<backup::StartRestoreJob>(input).await?;
        let id = answer["RestoreJobId"].as_str().map(str::to_owned);
        // The same token finds the job that may have been started.
        id.ok_or_else(|| PortError::Unavailable("AWS Backup's answer has no RestoreJobId".to_owned()))
    }
}

impl ReadRestores for AwsBackups {
    async fn restore_job(&self, job_id: &str) -> Result<RestoreJob, PortError> {
        let input = json!({ "RestoreJobId": job_id });
        wire::restore_job(&self.call::<backup::DescribeRestoreJob>(input).await?)
    }
}

impl PutValidations for AwsBackups {
    async fn put_validation(&self, job_id: &str, validation: Validation, message: &str) -> Result<(), PortError> {
        let input = wire::put_validation(job_id, validation, message);
        self.call::<backup::PutRestoreValidationResult>(input).await.map(|_| ())
    }
}

impl ReadBackupVaults for AwsBackups {
    async fn backup_vault(&self, name: &str) -> Result<BackupVault, PortError> {
        let input = json!({ "BackupVaultName": name });
        let answer = self.call::<backup::DescribeBackupVault>(input).await;
        wire::backup_vault(&answer.map_err(wire::missing_vault)?)
    }
}

impl CreateBackupVaults for AwsBackups {
    async fn create_backup_vault(&self, name: &str, key: Option<&Arn>) -> Result<(), PortError> {
        let input = wire::create_backup_vault(name, key);
        self.call::<backup::CreateBackupVault>(input).await.map(|_| ())
    }

    async fn lock_backup_vault(
        &self,
        name: &str,
        bounds: LockBounds,
        changeable_for_days: Option<u32>,
    ) -> Result<(), PortError> {
        let input = wire::lock_backup_vault(name, bounds, changeable_for_days);
        let answer = self.call::<backup::PutBackupVaultLockConfiguration>(input).await;
        answer.map(|_| ()).map_err(wire::refusal)
    }
}

impl ReadBackupSettings for AwsBackups {
    async fn region_settings(&self) -> Result<RegionSettings, PortError> {
        let answer = self.call::<backup::DescribeRegionSettings>(json!({})).await?;
        Ok(wire::region_settings(&answer))
    }

    async fn account_copies(&self) -> Result<AccountCopies, PortError> {
        match self.call::<backup::DescribeGlobalSettings>(json!({})).await {
            Ok(answer) => Ok(wire::account_copies(&answer)),
            // The request says nothing that could be wrong but who asks.
            Err(PortError::Invalid(_)) => Ok(AccountCopies::NoOrganization),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
