//! What the service's events say: a nudge to look, never more. They are best effort and late, so every tick looks too.

use holdfast_catalog::{ManagedJob, PointId, layout, unseal};
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

/// The backup job that the detail of a `Backup Job State Change` tells of; none for other events. What state it tells is left
/// aside: some events call it `state` and others `status`, and by the time that it is read the job is further.
pub fn backup_job_of_event(detail: &Value) -> Option<JobNews> {
    let id = detail.get("backupJobId")?;
    let resource = detail["resourceArn"].as_str().unwrap_or_default();
    Some(JobNews {
        // What is no text names no job: whoever looks finds none.
        job_id: id.as_str().unwrap_or_default().to_owned(),
        name: resource.rsplit(['/', ':']).next().unwrap_or_default().to_owned(),
    })
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
        let is_of_another = !news.name.is_empty() && point.resource.name != news.name;
        if is_of_another || !info.key.starts_with(&layout::managed_jobs_of(&point)) {
            continue;
        }
        let body = store.get(&info.key).await?;
        // A record that is damaged names no job; the tick that needs it says so.
        if unseal::<ManagedJob>(&body, "job").is_ok_and(|job| job.job_id == news.job_id) {
            return Ok(Some(point));
        }
    }
    Ok(None)
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
}
