use holdfast_catalog::{PlanName, PointId, ResourceId, Shard};
use holdfast_lambda::{Failure, parse_manual};
use holdfast_sources::managed::{JobNews, backup_job_of_event};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"resource": "dynamodb-table/eu-central-1/orders"}"#;

/// What a person, the work queue or AWS Backup asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A recovery point of one resource, now, whatever the schedule says.
    Resource(ResourceRequest),
    /// One shard of a run in flight.
    Task(Task),
    /// A look at the run of a job of AWS Backup that has news.
    News(JobNews),
}

/// A recovery point that a person wants now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceRequest {
    /// The resource: `kind/region/name`, or its ARN.
    pub resource: String,
    /// The plan whose retention it shall have; the plan that selects the resource, if none is named.
    pub plan: Option<PlanName>,
}

/// A shard of a run in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The run.
    pub point: PointId,
    /// The shard to read.
    pub shard: Shard,
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        if let Some(news) = backup_job_of_event(&event) {
            return Ok(Request::News(news));
        }
        // An untagged enum's own message would name neither variant's fault.
        if event.get("shard").is_some() {
            return parse_manual(event, EXAMPLE).map(Request::Task);
        }
        parse_manual(event, EXAMPLE).map(Request::Resource)
    }
}

impl ResourceRequest {
    /// The resource that is meant.
    ///
    /// # Errors
    /// `InvalidRequest` when it is neither an id nor an ARN of a kind that Holdfast protects.
    pub fn resource(&self) -> Result<ResourceId, Failure> {
        let parsed = match self.resource.parse() {
            Ok(arn) => ResourceId::from_arn(&arn),
            Err(_) => self.resource.parse(),
        };
        parsed.map_err(|error| Failure::InvalidRequest(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_named_by_id_or_arn() {
        for name in [
            "dynamodb-table/eu-west-1/orders",
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders",
        ] {
            let Request::Resource(request) = Request::parse(json!({ "resource": name })).unwrap() else {
                panic!()
            };
            assert_eq!(
                request.resource().unwrap().to_string(),
                "dynamodb-table/eu-west-1/orders"
            );
        }
    }

    #[test]
    fn a_wrong_event_is_refused_with_one_that_works() {
        for event in [
            json!({}),
            json!({"resource": "x", "plam": "y"}),
            json!(null),
            json!({"shard": 1}),
        ] {
            let error = Request::parse(event.clone()).unwrap_err().to_string();
            assert!(error.contains(EXAMPLE), "{event}: {error}");
        }
    }

    #[test]
    fn a_task_survives_the_queue() {
        let point = "dynamodb-table/eu-west-1/orders/20261121T030000Z-standard"
            .parse()
            .unwrap();
        let task = Task {
            point,
            shard: Shard { index: 1, of: 4 },
        };
        assert_eq!(
            Request::parse(serde_json::to_value(&task).unwrap()).unwrap(),
            Request::Task(task)
        );
    }
}
