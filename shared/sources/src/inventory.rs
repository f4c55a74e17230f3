//! What exists in the account, kind by kind.

use std::collections::BTreeMap;
use std::future::Future;

use holdfast_catalog::{Arn, Kind, ResourceId};
use holdfast_vault::PortError;

/// A resource that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which resource it is. What has a name that no key can hold (a partner's event bus) is not found at all.
    pub id: ResourceId,
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Listing what the region has, kind by kind, with its tags.
pub trait ListResources: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "dynamodb:ListTables",
        "events:ListApiDestinations",
        "events:ListArchives",
        "events:ListConnections",
        "events:ListEventBuses",
        "events:ListRules",
        "kinesis:ListStreams",
        "lambda:ListEventSourceMappings",
        "lambda:ListFunctions",
        "s3:ListAllMyBuckets",
        "scheduler:ListScheduleGroups",
        "scheduler:ListSchedules",
        "sns:ListTopics",
        "sqs:ListQueues",
        "states:ListStateMachines",
        "tag:GetResources",
    ];

    /// All resources of a kind in this region. Complete or an error: a listing that broke off is never returned.
    ///
    /// # Errors
    /// Those of the services.
    fn list(&self, kind: Kind) -> impl Future<Output = Result<Vec<Found>, PortError>> + Send;
}
