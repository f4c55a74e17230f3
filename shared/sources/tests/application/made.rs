//! Applications for tests.

use holdfast_catalog::{Kind, Region, ResourceId};
use holdfast_sources::application::{ArnMap, Member, Target};
use serde_json::{Value, json};

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
        Kind::BucketNotifications | Kind::S3Bucket => format!("arn:aws:s3:::{name}"),
        Kind::RestApi => format!("arn:aws:apigateway:{region}::/restapis/{name}"),
        Kind::HttpApi => format!("arn:aws:apigateway:{region}::/apis/{name}"),
        Kind::IamRole => format!("arn:aws:iam::{ACCOUNT}:role/app/{name}"),
        Kind::RdsInstance => regional("rds", format!("db:{name}")),
        Kind::RdsCluster => regional("rds", format!("cluster:{name}")),
        Kind::EfsFileSystem => regional("elasticfilesystem", format!("file-system/{name}")),
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

/// An application with something of each kind, each member naming what such a resource names.
pub fn shop() -> Vec<Member> {
    let arn = |kind, name| member(kind, name, json!({})).arn.to_string();
    let (queue, dead) = (arn(Kind::SqsQueue, "jobs"), arn(Kind::SqsQueue, "jobs-dead"));
    let (bill, ship) = (arn(Kind::LambdaFunction, "bill"), arn(Kind::StateMachine, "ship"));
    let (role, topic) = (arn(Kind::IamRole, "app"), arn(Kind::SnsTopic, "news"));
    let stream = format!("{}/stream/2026-01-01T00:00:00.000", arn(Kind::DynamodbTable, "orders"));
    let queue_policy =
        json!({"Statement": [{"Sid": "a", "Resource": queue, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]});
    let from_api = format!("arn:aws:execute-api:eu-central-1:{ACCOUNT}:a1b2c3/*/POST/orders");
    let uri = format!("arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{bill}/invocations");
    vec![
        member(
            Kind::IamRole,
            "app",
            json!({"config": {"Policies": {"data": {"Statement": [{"Resource": [queue, stream]}]}}}}),
        ),
        member(
            Kind::DynamodbTable,
            "orders",
            json!({"stream": {"view_type": "KEYS_ONLY"}}),
        ),
        member(
            Kind::LambdaFunction,
            "bill",
            json!({
                "latest": {"settings": {
                    "role": role,
                    "dead_letter_target": dead,
                    "environment": {"TABLE": "orders", "QUEUE": format!("https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/jobs")},
                }},
                "policy": [{"sid": "api", "body": {"Condition": {"ArnLike": {"AWS:SourceArn": from_api}}}}],
                "event_sources": [{"source_arn": stream, "enabled": true}],
            }),
        ),
        member(
            Kind::LambdaFunction,
            "mail",
            json!({"latest": {"settings": {"role": role}}, "event_sources": []}),
        ),
        member(
            Kind::SqsQueue,
            "jobs",
            json!({"config": {"Attributes": {"Policy": queue_policy, "RedrivePolicy": {"deadLetterTargetArn": dead}}}}),
        ),
        member(Kind::SqsQueue, "jobs-dead", json!({"config": {"Attributes": {}}})),
        member(
            Kind::SnsTopic,
            "news",
            json!({"config": {"Subscriptions": [
                {"Protocol": "sqs", "Endpoint": queue},
                {"Protocol": "lambda", "Endpoint": arn(Kind::LambdaFunction, "mail")},
            ]}}),
        ),
        member(Kind::EventBus, "shop", json!({"config": {}})),
        member(
            Kind::EventRule,
            "shop/paid",
            json!({"config": {"State": "ENABLED", "Targets": [{"Id": "1", "Arn": ship, "RoleArn": role}, {"Id": "2", "Arn": queue}]}}),
        ),
        member(
            Kind::EventRule,
            "default/off",
            json!({"config": {"State": "DISABLED", "Targets": []}}),
        ),
        member(
            Kind::EventArchive,
            "all",
            json!({"config": {"EventSourceArn": arn(Kind::EventBus, "shop")}}),
        ),
        member(
            Kind::EventConnection,
            "bank",
            json!({"config": {"AuthorizationType": "API_KEY"}}),
        ),
        member(
            Kind::ApiDestination,
            "bank",
            json!({"config": {"ConnectionArn": arn(Kind::EventConnection, "bank")}}),
        ),
        member(Kind::ScheduleGroup, "nightly", json!({"config": {}})),
        member(
            Kind::Schedule,
            "nightly/clean",
            json!({"config": {"State": "ENABLED", "Target": {"Arn": bill, "RoleArn": role}}}),
        ),
        member(
            Kind::EventSourceMapping,
            "0a1b",
            json!({"config": {"Enabled": true, "EventSourceArn": stream, "FunctionArn": bill}}),
        ),
        member(
            Kind::EventSourceMapping,
            "2c3d",
            json!({"config": {"Enabled": true, "EventSourceArn": queue, "FunctionArn": arn(Kind::LambdaFunction, "mail")}}),
        ),
        member(
            Kind::BucketNotifications,
            "photos",
            json!({"config": {"LambdaFunctionConfigurations": [{"Id": "n", "LambdaFunctionArn": bill}]}}),
        ),
        member(
            Kind::StateMachine,
            "ship",
            json!({"config": {"roleArn": role, "definition": json!({"States": {"A": {"Resource": bill}}}).to_string()}}),
        ),
        member(
            Kind::RestApi,
            "a1b2c3",
            json!({"config": {"body": {"paths": {"/orders": {"post": {"uri": uri}}}}}}),
        ),
        member(Kind::KinesisStream, "clicks", json!({"config": {"Mode": "ON_DEMAND"}})),
    ]
}
