//! Applications for tests.

use holdfast_catalog::{Kind, Region, ResourceId};
use holdfast_sources::application::{ArnMap, Member, Target};
use serde_json::Value;

/// The account of all tests.
pub const ACCOUNT: &str = "111122223333";

/// A resource in eu-central-1 (a role where roles are).
pub fn id(kind: Kind, name: &str) -> ResourceId {
    let region = if kind == Kind::IamRole {
        "us-east-1"
    } else {
        "eu-central-1"
    };
    ResourceId::new(kind, region.parse().unwrap(), name).unwrap()
}

/// A member whose ARN is the one that its kind gives it.
pub fn member(kind: Kind, name: &str, document: Value) -> Member {
    let id = id(kind, name);
    let region = &id.region;
    let regional = |service: &str, resource: String| format!("arn:aws:{service}:{region}:{ACCOUNT}:{resource}");
    let arn = match kind {
        Kind::DynamodbTable => regional("dynamodb", format!("table/{name}")),
        Kind::LambdaFunction => regional("lambda", format!("function:{name}")),
        Kind::SqsQueue => regional("sqs", name.to_owned()),
        Kind::SnsTopic => regional("sns", name.to_owned()),
        Kind::KinesisStream => regional("kinesis", format!("stream/{name}")),
        Kind::EventBus => regional("events", format!("event-bus/{name}")),
        Kind::EventRule => regional(
            "events",
            format!("rule/{}", name.strip_prefix("default/").unwrap_or(name)),
        ),
        Kind::EventArchive => regional("events", format!("archive/{name}")),
        Kind::EventConnection => regional("events", format!("connection/{name}/0a1b-2c")),
        Kind::ApiDestination => regional("events", format!("api-destination/{name}/0a1b-2c")),
        Kind::ScheduleGroup => regional("scheduler", format!("schedule-group/{name}")),
        Kind::Schedule => regional("scheduler", format!("schedule/{name}")),
        Kind::EventSourceMapping => regional("lambda", format!("event-source-mapping:{name}")),
        Kind::StateMachine => regional("states", format!("stateMachine:{name}")),
        Kind::BucketNotifications => format!("arn:aws:s3:::{name}"),
        Kind::RestApi => format!("arn:aws:apigateway:{region}::/restapis/{name}"),
        Kind::HttpApi => format!("arn:aws:apigateway:{region}::/apis/{name}"),
        Kind::IamRole => format!("arn:aws:iam::{ACCOUNT}:role/app/{name}"),
    };
    let arn = arn.parse().unwrap();
    Member { id, arn, document }
}

/// Everything under new names.
pub fn prefixed(prefix: &str) -> Target {
    Target {
        prefix: prefix.to_owned(),
        ..Target::default()
    }
}

/// Everything in another region.
pub fn moved(region: &str) -> Target {
    let region: Region = region.parse().unwrap();
    Target {
        region: Some(region),
        ..Target::default()
    }
}

/// The map for these members.
pub fn map(members: &[Member], target: &Target) -> ArnMap {
    ArnMap::new(members, target, ACCOUNT).unwrap()
}
