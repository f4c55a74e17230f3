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
        let mut input = input;
        input["MaxResults"] = json!(PAGE);
        loop {
            let mut page = self.call::<O>(input.clone()).await?;
            if let Value::Array(entries) = page[member].take() {
                found.extend(entries);
            }
            match page["NextToken"].take() {
                Value::String(token) if !token.is_empty() => input["NextToken"] = Value::String(token),
                _ => return Ok(found),
            }
        }
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
mod tests {
    use super::*;
    use crate::wire::{Reply, Request, Server};

    fn backups(server: &Server) -> AwsBackups {
        AwsBackups::new(&server.aws(), "111122223333", &"eu-central-1".parse().unwrap())
    }

    fn arn(text: &str) -> Arn {
        text.parse().unwrap()
    }

    const POINT: &str = "arn:aws:backup:eu-central-1:111122223333:recovery-point:1EB3";
    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";

    fn described() -> String {
        format!(
            r#"{{"RecoveryPointArn": "{POINT}", "BackupVaultName": "holdfast", "ResourceArn": "{TABLE}", "ResourceType": "DynamoDB",
            "Status": "COMPLETED", "CreationDate": 1795228200.123, "BackupSizeInBytes": 4096}}"#
        )
    }

    fn refused(status: u16, code: &str, message: &str) -> Reply {
        let body = format!(r#"{{"Code": "{code}", "Message": "{message}", "Type": "User"}}"#);
        Reply::new(status, &body).with("x-amzn-errortype", &format!("{code}:http://internal.amazon.com/"))
    }

    fn lines(server: &Server) -> Vec<String> {
        server.requests().iter().map(|request| request.line.clone()).collect()
    }

    fn body(request: &Request) -> Value {
        serde_json::from_slice(&request.body).unwrap()
    }

    #[tokio::test]
    async fn a_job_is_started_with_its_token_in_the_body() {
        let server = Server::replying([Reply::new(200, r#"{"BackupJobId": "j", "CreationDate": 1795228200.0}"#)]);
        let request = BackupRequest {
            backup_vault: "holdfast".to_owned(),
            resource_arn: arn(TABLE),
            role_arn: arn("arn:aws:iam::111122223333:role/backup"),
            token: "t".to_owned(),
            start_window_minutes: 60,
            complete_window_minutes: 600,
            lifecycle: Lifecycle::FOR_EVER,
            tags: BTreeMap::new(),
            options: BTreeMap::new(),
        };
        let started = backups(&server).start_backup_job(&request).await.unwrap();
        assert_eq!(
            (started.job_id.as_str(), started.created_at.as_second()),
            ("j", 1_795_228_200)
        );
        let asked = &server.requests()[0];
        assert_eq!(asked.line, "PUT /backup-jobs");
        assert_eq!(body(asked)["IdempotencyToken"], "t");
        let authorization = asked.header("authorization").unwrap();
        assert!(
            authorization.contains("/eu-central-1/backup/aws4_request"),
            "{authorization}"
        );
    }

    #[tokio::test]
    async fn a_point_is_addressed_by_vault_and_arn() {
        let gone = refused(400, "ResourceNotFoundException", "Recovery point does not exist.");
        let server = Server::replying([Reply::new(200, &described()), Reply::new(200, ""), gone]);
        let backups = backups(&server);
        let point = backups.recovery_point("holdfast", &arn(POINT)).await.unwrap();
        assert_eq!((point.bytes, point.resource_arn), (4096, arn(TABLE)));
        backups.delete_recovery_point("holdfast", &arn(POINT)).await.unwrap();
        let error = backups.recovery_point("holdfast", &arn(POINT)).await.unwrap_err();
        assert!(matches!(error, PortError::NotFound(_)), "{error}");
        let path = "/backup-vaults/holdfast/recovery-points/\
                    arn%3Aaws%3Abackup%3Aeu-central-1%3A111122223333%3Arecovery-point%3A1EB3";
        assert_eq!(
            lines(&server),
            [format!("GET {path}"), format!("DELETE {path}"), format!("GET {path}")]
        );
        assert!(
            server.requests()[1].body.is_empty(),
            "what is deleted is named by its address"
        );
    }

    #[tokio::test]
    async fn the_points_of_a_resource_are_listed_page_by_page_and_described() {
        let listed = format!(
            r#"{{"RecoveryPoints": [{{"RecoveryPointArn": "{POINT}", "BackupVaultName": "holdfast"}}], "NextToken": "more"}}"#
        );
        let gone = refused(400, "ResourceNotFoundException", "Recovery point does not exist.");
        let server = Server::replying([
            Reply::new(200, &listed),
            Reply::new(200, &listed.replace("more", "").replace("1EB3", "2EB3")),
            Reply::new(200, &described()),
            gone,
        ]);
        let points = backups(&server).recovery_points_of(&arn(TABLE)).await.unwrap();
        assert_eq!(
            points.iter().map(|point| point.arn.as_str()).collect::<Vec<_>>(),
            [POINT]
        );
        let lines = lines(&server);
        assert!(
            lines[0].starts_with("GET /resources/arn%3Aaws%3Adynamodb") && lines[0].contains("/recovery-points/?"),
            "{lines:?}"
        );
        assert!(lines[1].ends_with("nextToken=more"), "{lines:?}");
    }

    #[tokio::test]
    async fn a_listing_that_breaks_off_is_never_returned() {
        let server = Server::replying([
            Reply::new(200, r#"{"CopyJobs": [], "NextToken": "more"}"#),
            refused(
                400,
                "AccessDeniedException",
                "User: x is not authorized to perform: backup:ListCopyJobs",
            ),
        ]);
        let error = backups(&server).copy_jobs_in_flight().await.unwrap_err();
        assert!(matches!(error, PortError::Denied(_)), "{error}");
    }

    #[tokio::test]
    async fn a_job_that_moves_on_between_two_listings_counts_once() {
        let job = format!(
            r#"{{"BackupJobs": [{{"BackupJobId": "j", "State": "CREATED", "BackupVaultName": "v", "ResourceArn": "{TABLE}", "CreationDate": 1.0}}]}}"#
        );
        let none = || Reply::new(200, r#"{"BackupJobs": []}"#);
        let server = Server::replying([Reply::new(200, &job), none(), Reply::new(200, &job), none()]);
        let jobs = backups(&server).backup_jobs_in_flight().await.unwrap();
        assert_eq!(jobs.len(), 1);
        assert!(
            lines(&server)[0].starts_with("GET /backup-jobs/?state=CREATED&maxResults=1000"),
            "{:?}",
            lines(&server)
        );
    }

    #[tokio::test]
    async fn a_vault_that_is_not_there_is_told_from_one_that_may_not_be_seen() {
        for (message, expected) in [
            ("Insufficient privileges to perform this action.", "not found"),
            (
                "User: x is not authorized to perform: backup:DescribeBackupVault on resource: y",
                "denied",
            ),
        ] {
            let server = Server::replying([refused(403, "AccessDeniedException", message)]);
            let error = backups(&server).backup_vault("copies").await.unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn what_a_lock_and_a_job_refuse_is_said_as_such() {
        for (code, message, expected) in [
            (
                "InvalidRequestException",
                "Vault lock configuration: manual deletion is disabled",
                "locked",
            ),
            (
                "InvalidResourceStateException",
                "The recovery point is being copied",
                "conflict",
            ),
        ] {
            let server = Server::replying([refused(400, code, message)]);
            let error = backups(&server).delete_recovery_point("holdfast", &arn(POINT)).await;
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn held_points_are_those_of_holds_that_are_not_lifted() {
        let holds = r#"{"LegalHolds": [{"LegalHoldId": "a", "Title": "case 7", "Status": "ACTIVE"},
            {"LegalHoldId": "b", "Title": "old", "Status": "CANCELED"}]}"#;
        let points = format!(r#"{{"RecoveryPoints": [{{"RecoveryPointArn": "{POINT}"}}]}}"#);
        let server = Server::replying([Reply::new(200, holds), Reply::new(200, &points)]);
        let held = backups(&server).held_points().await.unwrap();
        assert_eq!(held, BTreeMap::from([(arn(POINT), vec!["case 7".to_owned()])]));
        assert_eq!(lines(&server)[1], "GET /legal-holds/a/recovery-points?maxResults=1000");
    }

    #[tokio::test]
    async fn settings_are_those_of_the_region_and_a_switch_that_is_not_told_is_not_known() {
        let answer = r#"{"ResourceTypeOptInPreference": {"DynamoDB": true, "RDS": false},
            "ResourceTypeManagementPreference": {"DynamoDB": false}}"#;
        let server = Server::replying([Reply::new(200, answer)]);
        let settings = backups(&server).region_settings().await.unwrap();
        let expected = RegionSettings {
            opted_in: BTreeMap::from([("DynamoDB".to_owned(), true), ("RDS".to_owned(), false)]),
            fully_managed: BTreeMap::from([("DynamoDB".to_owned(), false)]),
        };
        assert_eq!(settings, expected);
        assert_eq!(lines(&server), ["GET /account-settings"]);
    }

    #[tokio::test]
    async fn whether_an_account_may_copy_to_others_is_its_organisations_to_say() {
        let setting = |word: &str| format!(r#"{{"GlobalSettings": {{"isCrossAccountBackupEnabled": "{word}"}}}}"#);
        let refusal = r#"{"__type": "InvalidRequestException", "Message": "not a member"}"#;
        let server = Server::replying([
            Reply::new(200, &setting("true")),
            Reply::new(200, &setting("false")),
            Reply::new(400, refusal),
        ]);
        let backups = backups(&server);
        for expected in [
            AccountCopies::Allowed,
            AccountCopies::NotAllowed,
            AccountCopies::NoOrganization,
        ] {
            assert_eq!(backups.account_copies().await.unwrap(), expected);
        }
        assert_eq!(lines(&server)[0], "GET /global-settings");
    }
}
