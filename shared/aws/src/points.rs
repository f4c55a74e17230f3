//! Having a recovery point taken: the snapshot function is invoked and answers with its report.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Config;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use holdfast_catalog::{PlanName, Region, Report, ResourceId};
use holdfast_vault::PortError;
use holdfast_vault::signal::TakePoints;
use serde_json::{Value, json};

use crate::Aws;
use crate::error::port_error;

/// How long an answer is waited for: a configuration takes seconds, a table of some gigabytes minutes. What takes longer goes on
/// without the caller.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(4);

/// The stack's snapshot function.
#[derive(Debug, Clone)]
pub struct SnapshotFunction {
    client: Client,
    name: String,
}

impl SnapshotFunction {
    /// The function of that name, in the stack's region.
    pub fn new(aws: &Aws, region: &Region, name: &str) -> Self {
        SnapshotFunction {
            client: aws.lambda(region),
            name: name.to_owned(),
        }
    }
}

impl TakePoints for SnapshotFunction {
    async fn take_point(&self, resource: &ResourceId, plan: &PlanName) -> Result<Report, PortError> {
        let doing = format!("having a point of {resource} taken by {}", self.name);
        let timeouts = TimeoutConfig::builder()
            .read_timeout(ANSWER_TIMEOUT)
            .operation_attempt_timeout(ANSWER_TIMEOUT);
        // Asked once: a second call would take a second point, while the first one may well be on its way.
        let patient = Config::builder()
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::disabled());
        let event = json!({ "resource": resource.to_string(), "plan": plan }).to_string();
        let invoke = self.client.invoke().function_name(&self.name).payload(Blob::new(event));
        let answer = invoke.customize().config_override(patient).send().await;
        let answer = answer.map_err(|error| port_error(&error, &doing))?;
        let body = answer.payload().map(AsRef::as_ref).unwrap_or_default();
        if answer.function_error().is_some() {
            let told: Value = serde_json::from_slice(body).unwrap_or_default();
            let why = told.get("errorMessage").and_then(Value::as_str);
            return Err(PortError::Invalid(format!("{doing}: {}", why.unwrap_or("it failed"))));
        }
        serde_json::from_slice(body)
            .map_err(|error| PortError::Unavailable(format!("{doing}: the answer is no report: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use holdfast_catalog::ReportStatus;

    use super::*;
    use crate::wire::{Reply, Server};

    async fn take(reply: Reply) -> (Result<Report, PortError>, Server) {
        let server = Server::replying([reply]);
        let function = SnapshotFunction::new(&server.aws(), &"eu-central-1".parse().unwrap(), "stack-Snapshot");
        let resource = "sqs-queue/eu-central-1/jobs".parse().unwrap();
        let result = function.take_point(&resource, &"standard".parse().unwrap()).await;
        (result, server)
    }

    #[tokio::test]
    async fn the_event_names_resource_and_plan_and_the_answer_is_the_report() {
        let report = json!({"function": "snapshot", "status": "Completed", "outcomes": []}).to_string();
        let (result, server) = take(Reply::new(200, &report)).await;
        assert_eq!(result.unwrap().status, ReportStatus::Completed);
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        let event: Value = serde_json::from_slice(&requests[0].body).unwrap();
        assert_eq!(
            event,
            json!({"resource": "sqs-queue/eu-central-1/jobs", "plan": "standard"})
        );
    }

    #[tokio::test]
    async fn a_function_that_refuses_says_why_and_is_not_asked_again() {
        let body = json!({"errorType": "InvalidRequest", "errorMessage": "no such plan"}).to_string();
        let (result, server) = take(Reply::new(200, &body).with("x-amz-function-error", "Unhandled")).await;
        let error = result.unwrap_err();
        assert!(
            matches!(&error, PortError::Invalid(why) if why.contains("no such plan")),
            "{error}"
        );
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_throttled_call_is_told_and_not_made_again() {
        let body = r#"{"__type": "TooManyRequestsException", "message": "slow down"}"#;
        let (result, server) = take(Reply::new(429, body)).await;
        assert!(result.unwrap_err().is_retryable());
        assert_eq!(server.requests().len(), 1);
    }
}
