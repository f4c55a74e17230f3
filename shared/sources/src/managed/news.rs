//! What the service's events say: a nudge to look, never more. They are best effort and late, so every tick looks too.

use holdfast_catalog::{Arn, ManagedJob, PointId, layout, unseal};
use holdfast_vault::port::{ListObjects, ReadObjects};
use holdfast_vault::{PortError, keys};
use serde_json::Value;

/// A job that has news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNews {
    /// The job.
    pub job_id: String,
    /// What it works on, by the last part of its ARN; empty where the event does not say.
    pub name: String,
}

/// A copy job that has news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyNews {
    /// The job, and what it copies a point of.
    pub job: JobNews,
    /// The vault that it copies to; none where the event does not say.
    pub vault_arn: Option<Arn>,
}

/// The backup job that the detail of a `Backup Job State Change` tells of; none for other events. What state it tells is left
/// aside: some events call it `state` and others `status`, and by the time that it is read the job is further.
pub fn backup_job_of_event(detail: &Value) -> Option<JobNews> {
    job_of_event(detail, "backupJobId")
}

/// The copy job that the detail of a `Copy Job State Change` tells of; none for other events.
pub fn copy_job_of_event(detail: &Value) -> Option<CopyNews> {
    let vault = detail.get("destinationBackupVaultArn").and_then(Value::as_str);
    Some(CopyNews {
        job: job_of_event(detail, "copyJobId")?,
        vault_arn: vault.and_then(|arn| arn.parse().ok()),
    })
}

fn job_of_event(detail: &Value, id_member: &str) -> Option<JobNews> {
    let id = detail.get(id_member)?;
    let resource = detail["resourceArn"].as_str().unwrap_or_default();
    Some(JobNews {
        // What is no text names no job: whoever looks finds none.
        job_id: id.as_str().unwrap_or_default().to_owned(),
        name: resource.rsplit(['/', ':']).next().unwrap_or_default().to_owned(),
    })
}

impl JobNews {
    /// Whether the job may be of a resource of that name.
    pub fn is_about(&self, name: &str) -> bool {
        self.name.is_empty() || self.name == name
    }
}

/// The run that started a backup job, if it is one of ours: its record names the job. A run whose job is not written down yet is
/// not found; the next tick looks after it.
///
/// # Errors
/// Those of the store.
pub async fn run_of_job<S: ReadObjects + ListObjects>(store: &S, news: &JobNews) -> Result<Option<PointId>, PortError> {
    for info in keys(store, layout::RUNS).await? {
        let Ok(point) = layout::point_of_run(&info.key) else {
            continue;
        };
        let may_be_it = news.is_about(&point.resource.name) && info.key.starts_with(&layout::managed_jobs_of(&point));
        if may_be_it && names(store, &info.key, &news.job_id).await? {
            return Ok(Some(point));
        }
    }
    Ok(None)
}

/// Whether a job copies this point to this vault and was started by us: the copy's marks name it.
///
/// # Errors
/// Those of the store.
pub async fn is_copy_job<S: ReadObjects + ListObjects>(
    store: &S,
    point: &PointId,
    vault_arn: &Arn,
    job_id: &str,
) -> Result<bool, PortError> {
    for info in keys(store, &layout::copy_work(point, vault_arn)).await? {
        if names(store, &info.key, job_id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A record that is damaged, or gone since it was listed, names no job; the tick that needs it says so.
async fn names<S: ReadObjects>(store: &S, key: &str, job_id: &str) -> Result<bool, PortError> {
    match store.get(key).await {
        Ok(body) => Ok(unseal::<ManagedJob>(&body, "job").is_ok_and(|job| job.job_id == job_id)),
        Err(PortError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_known_by_its_event_whatever_the_state_is_called() {
        let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
        for state in ["state", "status", "none"] {
            let detail = json!({"backupJobId": "1", "resourceArn": table, state: "COMPLETED"});
            let news = backup_job_of_event(&detail).unwrap();
            assert_eq!((news.job_id.as_str(), news.name.as_str()), ("1", "orders"), "{state}");
        }
    }

    #[test]
    fn other_events_are_no_news_and_what_is_missing_is_left_out() {
        assert_eq!(backup_job_of_event(&json!({"copyJobId": "1"})), None);
        assert_eq!(backup_job_of_event(&json!("text")), None);
        let bare = |id: Value| backup_job_of_event(&json!({ "backupJobId": id })).unwrap();
        assert_eq!(
            (bare(json!("1")).job_id.as_str(), bare(json!("1")).name.as_str()),
            ("1", "")
        );
        assert_eq!(bare(json!(7)).job_id, "");
    }

    #[test]
    fn a_copy_job_is_known_by_its_event_and_its_vault_if_that_is_one() {
        let vault = "arn:aws:backup:eu-west-1:111122223333:backup-vault:holdfast";
        let told = |vault: Value| {
            copy_job_of_event(&json!({
                "copyJobId": "1",
                "resourceArn": "arn:aws:rds:eu-central-1:111122223333:db:orders",
                "destinationBackupVaultArn": vault,
            }))
            .unwrap()
        };
        let news = told(json!(vault));
        assert_eq!((news.job.job_id.as_str(), news.job.name.as_str()), ("1", "orders"));
        assert_eq!(news.vault_arn, Some(vault.parse().unwrap()));
        for no_vault in [json!("holdfast"), json!(7), json!(null)] {
            assert_eq!(told(no_vault).vault_arn, None);
        }
        assert_eq!(copy_job_of_event(&json!({"backupJobId": "1"})), None);
    }
}
