//! What the service's events say: a nudge to look, never more. They are best effort and late, so every tick looks too.

use holdfast_catalog::Arn;
use serde_json::Value;

/// A job that has news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNews {
    /// The job.
    pub job_id: String,
    /// Which sort of job.
    pub sort: JobSort,
    /// What it works on, where the event says so.
    pub resource_arn: Option<Arn>,
}

/// Which sort of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSort {
    /// A backup job.
    Backup,
    /// A copy job.
    Copy,
    /// A restore job.
    Restore,
}

/// The job that an event of `aws.backup` tells of; none for other events. What state it tells is left aside: some events call it
/// `state` and others `status`, and by the time that it is read the job is further.
pub fn job_of_event(event: &Value) -> Option<JobNews> {
    if event["source"] != "aws.backup" {
        return None;
    }
    let (sort, id) = match event["detail-type"].as_str()? {
        "Backup Job State Change" => (JobSort::Backup, "backupJobId"),
        "Copy Job State Change" => (JobSort::Copy, "copyJobId"),
        "Restore Job State Change" => (JobSort::Restore, "restoreJobId"),
        _ => return None,
    };
    let detail = &event["detail"];
    let resource = detail["resourceArn"]
        .as_str()
        .or_else(|| event["resources"][0].as_str());
    Some(JobNews {
        job_id: detail[id].as_str()?.to_owned(),
        sort,
        // Of some kinds the event names the recovery point here; who looks finds no run of it.
        resource_arn: resource.and_then(|arn| arn.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_known_by_its_event_whatever_the_state_is_called() {
        let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
        for (detail_type, detail, sort) in [
            (
                "Backup Job State Change",
                json!({"backupJobId": "1", "state": "COMPLETED", "resourceArn": table}),
                JobSort::Backup,
            ),
            (
                "Copy Job State Change",
                json!({"copyJobId": "1", "state": "RUNNING", "resourceArn": table}),
                JobSort::Copy,
            ),
            (
                "Restore Job State Change",
                json!({"restoreJobId": "1", "status": "COMPLETED", "resourceArn": table}),
                JobSort::Restore,
            ),
        ] {
            let event = json!({"source": "aws.backup", "detail-type": detail_type, "detail": detail});
            let news = job_of_event(&event).unwrap();
            assert_eq!((news.sort, news.job_id.as_str()), (sort, "1"), "{detail_type}");
            assert_eq!(news.resource_arn.unwrap().as_str(), table);
        }
    }

    #[test]
    fn other_events_are_no_news_and_what_is_missing_is_left_out() {
        let event = |source: &str, detail_type: &str, detail: Value| {
            job_of_event(&json!({"source": source, "detail-type": detail_type, "detail": detail}))
        };
        assert_eq!(
            event("aws.s3", "Backup Job State Change", json!({"backupJobId": "1"})),
            None
        );
        assert_eq!(event("aws.backup", "Backup Vault State Change", json!({})), None);
        assert_eq!(event("aws.backup", "Backup Job State Change", json!({})), None);
        assert_eq!(job_of_event(&json!("text")), None);
        let bare = event("aws.backup", "Backup Job State Change", json!({"backupJobId": "1"})).unwrap();
        assert_eq!(bare.resource_arn, None);
    }
}
