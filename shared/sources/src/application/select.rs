//! Which resources make an application.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, PlanName, Region, ResourceId};
use serde_json::Value;

/// Which resources are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Everything that a plan has points of.
    Plan(PlanName),
    /// Everything whose point has all of these tags.
    Tags(BTreeMap<String, String>),
    /// These.
    Resources(Vec<ResourceId>),
    /// Everything that a CloudFormation stack has, by its name or ARN.
    Stack(String),
}

/// A resource as CloudFormation lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// For example `AWS::SQS::Queue`.
    pub resource_type: String,
    /// What the service calls it: a name, an ARN or an address.
    pub physical_id: String,
}

/// What of a stack can be restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Resources that Holdfast knows.
    pub resources: BTreeSet<ResourceId>,
    /// Stacks within the stack, whose resources are to be listed too.
    pub nested: Vec<String>,
    /// What Holdfast does not protect, in words; what comes back as part of another resource is not among them.
    pub not_protected: Vec<String>,
}

/// What the resources of a stack are to Holdfast. `known` is what the vault has points of: by it a schedule, which
/// CloudFormation tells without its group, finds its own.
pub fn of_stack(list: &[StackResource], region: &Region, known: &BTreeSet<ResourceId>) -> Selected {
    let mut selected = Selected::default();
    for one in list {
        let kind = match what(&one.resource_type) {
            What::Kind(kind) => kind,
            What::PartOfAnother => continue,
            What::Stack => {
                selected.nested.push(one.physical_id.clone());
                continue;
            }
            What::NotOurs => {
                let words = format!("{} {} ({})", one.resource_type, one.physical_id, one.logical_id);
                selected.not_protected.push(words);
                continue;
            }
        };
        match resource_of(kind, &one.physical_id, region, known) {
            Ok(id) => {
                selected.resources.insert(id);
            }
            Err(why) => {
                let words = format!("{} {} ({}): {why}", one.resource_type, one.physical_id, one.logical_id);
                selected.not_protected.push(words);
            }
        }
    }
    selected
}

enum What {
    Kind(Kind),
    PartOfAnother,
    Stack,
    NotOurs,
}

fn what(resource_type: &str) -> What {
    What::Kind(match resource_type {
        "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => Kind::DynamodbTable,
        "AWS::Lambda::Function" => Kind::LambdaFunction,
        "AWS::Lambda::EventSourceMapping" => Kind::EventSourceMapping,
        "AWS::SQS::Queue" => Kind::SqsQueue,
        "AWS::SNS::Topic" => Kind::SnsTopic,
        "AWS::Kinesis::Stream" => Kind::KinesisStream,
        "AWS::Events::EventBus" => Kind::EventBus,
        "AWS::Events::Rule" => Kind::EventRule,
        "AWS::Events::Archive" => Kind::EventArchive,
        "AWS::Events::Connection" => Kind::EventConnection,
        "AWS::Events::ApiDestination" => Kind::ApiDestination,
        "AWS::Scheduler::ScheduleGroup" => Kind::ScheduleGroup,
        "AWS::Scheduler::Schedule" => Kind::Schedule,
        "AWS::StepFunctions::StateMachine" => Kind::StateMachine,
        "AWS::S3::Bucket" => Kind::BucketNotifications,
        "AWS::ApiGateway::RestApi" => Kind::RestApi,
        "AWS::ApiGatewayV2::Api" => Kind::HttpApi,
        "AWS::IAM::Role" => Kind::IamRole,
        "AWS::EFS::FileSystem" => Kind::EfsFileSystem,
        "AWS::CloudFormation::Stack" => return What::Stack,
        "AWS::Lambda::Version"
        | "AWS::Lambda::Alias"
        | "AWS::Lambda::Permission"
        | "AWS::Lambda::Url"
        | "AWS::Lambda::EventInvokeConfig"
        | "AWS::SQS::QueuePolicy"
        | "AWS::SQS::QueueInlinePolicy"
        | "AWS::SNS::Subscription"
        | "AWS::SNS::TopicPolicy"
        | "AWS::SNS::TopicInlinePolicy"
        | "AWS::Events::EventBusPolicy"
        | "AWS::Kinesis::StreamConsumer"
        | "AWS::Kinesis::ResourcePolicy"
        | "AWS::StepFunctions::StateMachineVersion"
        | "AWS::StepFunctions::StateMachineAlias"
        | "AWS::IAM::Policy"
        | "AWS::IAM::RolePolicy"
        | "AWS::EFS::AccessPoint"
        | "AWS::EFS::MountTarget" => return What::PartOfAnother,
        // What belongs to an API comes back with it; what stands beside it does not.
        "AWS::ApiGateway::Account"
        | "AWS::ApiGateway::DomainName"
        | "AWS::ApiGateway::VpcLink"
        | "AWS::ApiGatewayV2::DomainName"
        | "AWS::ApiGatewayV2::VpcLink" => return What::NotOurs,
        other if other.starts_with("AWS::ApiGateway::") || other.starts_with("AWS::ApiGatewayV2::") => {
            return What::PartOfAnother;
        }
        _ => return What::NotOurs,
    })
}

fn resource_of(
    kind: Kind,
    physical: &str,
    region: &Region,
    known: &BTreeSet<ResourceId>,
) -> Result<ResourceId, String> {
    let region = match kind {
        Kind::IamRole => Region::global(region.partition()),
        _ => region.clone(),
    };
    let last = |separator: &[char]| physical.rsplit(separator).next().unwrap_or_default().to_owned();
    let name = match kind {
        // An address, https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
        Kind::SqsQueue => last(&['/']),
        Kind::SnsTopic | Kind::StateMachine => last(&[':']),
        // A bus of one's own stands before the rule.
        Kind::EventRule => match physical.parse::<Arn>() {
            Ok(arn) if arn.resource_name().contains('/') => arn.resource_name().to_owned(),
            Ok(arn) => format!("default/{}", arn.resource_name()),
            Err(_) => match physical.split_once('|') {
                Some((bus, rule)) => format!("{}/{rule}", bus.rsplit('/').next().unwrap_or_default()),
                None => format!("default/{physical}"),
            },
        },
        Kind::Schedule => {
            let mut named = known
                .iter()
                .filter(|id| id.kind == kind && id.region == region && id.leaf() == physical);
            match (named.next(), named.next()) {
                (Some(id), None) => id.name.clone(),
                (None, _) => format!("default/{physical}"),
                (Some(_), Some(_)) => {
                    return Err(
                        "more than one schedule group has a schedule of that name: name it in \"resources\"".to_owned(),
                    );
                }
            }
        }
        _ => physical.to_owned(),
    };
    ResourceId::new(kind, region, &name).map_err(|error| error.to_string())
}

/// The tags that a configuration document holds.
pub fn tags_of(document: &Value) -> BTreeMap<String, String> {
    // A database's stand among what instances and clusters have alike.
    let tags = document.get("tags").or_else(|| document.pointer("/shared/tags"));
    let tags = tags.and_then(Value::as_object).into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(list: &[(&str, &str)], known: &[&str]) -> Selected {
        let resource = |(resource_type, physical_id): &(&str, &str)| StackResource {
            logical_id: "X".to_owned(),
            resource_type: (*resource_type).to_owned(),
            physical_id: (*physical_id).to_owned(),
        };
        let list: Vec<StackResource> = list.iter().map(resource).collect();
        let known = known
            .iter()
            .map(|name| ResourceId::new(Kind::Schedule, "eu-west-1".parse().unwrap(), name).unwrap());
        of_stack(&list, &"eu-west-1".parse().unwrap(), &known.collect())
    }

    #[test]
    fn a_stacks_resources_are_found_by_their_physical_ids() {
        for (resource_type, physical, expected) in [
            (
                "AWS::DynamoDB::Table",
                "app-Orders-1X",
                "dynamodb-table/eu-west-1/app-Orders-1X",
            ),
            (
                "AWS::SQS::Queue",
                "https://sqs.eu-west-1.amazonaws.com/111122223333/jobs",
                "sqs-queue/eu-west-1/jobs",
            ),
            (
                "AWS::SNS::Topic",
                "arn:aws:sns:eu-west-1:111122223333:news",
                "sns-topic/eu-west-1/news",
            ),
            (
                "AWS::Events::Rule",
                "app-Nightly-1X",
                "event-rule/eu-west-1/default/app-Nightly-1X",
            ),
            ("AWS::Events::Rule", "shop|paid", "event-rule/eu-west-1/shop/paid"),
            (
                "AWS::StepFunctions::StateMachine",
                "arn:aws:states:eu-west-1:111122223333:stateMachine:ship",
                "state-machine/eu-west-1/ship",
            ),
            ("AWS::IAM::Role", "app-Role-1X", "iam-role/us-east-1/app-Role-1X"),
            ("AWS::ApiGateway::RestApi", "a1b2c3", "rest-api/eu-west-1/a1b2c3"),
            ("AWS::EFS::FileSystem", "fs-0a1b", "efs-file-system/eu-west-1/fs-0a1b"),
            ("AWS::Scheduler::Schedule", "nightly", "schedule/eu-west-1/jobs/nightly"),
            ("AWS::Scheduler::Schedule", "daily", "schedule/eu-west-1/default/daily"),
        ] {
            let found = selected(&[(resource_type, physical)], &["jobs/nightly"]);
            let found: Vec<String> = found.resources.iter().map(ToString::to_string).collect();
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn what_is_not_protected_is_said_and_what_is_part_of_another_is_not() {
        let found = selected(
            &[
                ("AWS::Logs::LogGroup", "/aws/lambda/f"),
                ("AWS::Lambda::Permission", "x"),
                ("AWS::ApiGateway::Method", "y"),
                ("AWS::ApiGateway::UsagePlan", "z"),
                ("AWS::EFS::AccessPoint", "fsap-1"),
                ("AWS::ApiGateway::VpcLink", "l"),
                (
                    "AWS::CloudFormation::Stack",
                    "arn:aws:cloudformation:eu-west-1:1:stack/inner/1",
                ),
                ("AWS::Scheduler::Schedule", "same"),
            ],
            &["a/same", "b/same"],
        );
        assert!(found.resources.is_empty());
        assert_eq!(found.nested.len(), 1);
        assert_eq!(found.not_protected.len(), 3, "{:?}", found.not_protected);
    }
}
