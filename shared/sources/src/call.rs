//! One generic port for the services whose documents are kept as the services write them.
//!
//! What a call takes and gives is the service's own JSON, so that no setting is lost for being younger than a library. An
//! operation is a type: a handler that names `Call<ListQueues>` in its bounds may list queues, and nothing else.

use std::future::Future;

use holdfast_catalog::Region;
use holdfast_vault::PortError;
use serde_json::Value;

/// A service of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Amazon SQS.
    Sqs,
    /// Amazon SNS.
    Sns,
    /// Amazon Kinesis Data Streams.
    Kinesis,
    /// Amazon EventBridge: buses, rules, archives, connections.
    Events,
    /// Amazon EventBridge Scheduler.
    Scheduler,
    /// AWS Lambda.
    Lambda,
    /// AWS Step Functions.
    StepFunctions,
    /// AWS IAM.
    Iam,
    /// Amazon S3. What it calls by element names in XML has those names here; what may come more than once is a list.
    S3,
    /// The Resource Groups Tagging API.
    Tagging,
    /// AWS CloudFormation.
    CloudFormation,
    /// AWS Backup.
    Backup,
    /// Amazon RDS.
    Rds,
}

/// What an operation does to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// It makes something: when the service says that there is one already, or that something is in its way, the call ends
    /// with `AlreadyExists`.
    Creates,
    /// It changes something that is there.
    Changes,
}

/// One operation of one service, as a type without values.
pub trait Operation: Send + Sync + 'static {
    /// Whose it is.
    const SERVICE: Service;
    /// Its name, as the service spells it.
    const NAME: &'static str;
    /// What it does.
    const EFFECT: Effect;
    /// The IAM actions that it needs.
    const ACTIONS: &'static [&'static str];
    /// For services with REST addresses, method and address: members of the input in braces. In the query, a member that the
    /// input does not have is left out; what the address does not name is the body (in S3, the one member that is its root).
    /// Empty for all others.
    const ADDRESS: &'static str;
}

/// Making one operation's calls.
pub trait Call<O: Operation>: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = O::ACTIONS;

    /// Makes the call in a region. Input and answer have the members that the service's own documentation names; a call that
    /// answers nothing gives an empty object.
    ///
    /// # Errors
    /// Those of the service.
    fn call(&self, region: &Region, input: Value) -> impl Future<Output = Result<Value, PortError>> + Send;
}

/// Whose account it is: the account's number is part of names that no service tells.
pub trait InAccount: Send + Sync {
    /// The IAM actions behind this trait: none.
    const ACTIONS: &'static [&'static str] = &[];

    /// The account's 12 digits.
    fn account(&self) -> &str;
}

/// Declares operations: what they do, the IAM actions they need and, for REST, their address.
macro_rules! operations {
    ($(#[$doc:meta])* $module:ident: $service:ident; $($name:ident $effect:ident [$($action:literal),*] $($address:literal)?;)+) => {
        $(#[$doc])*
        pub mod $module {
            use crate::call::{Effect, Operation, Service};
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                #[derive(Debug, Clone, Copy)]
                pub struct $name;

                impl Operation for $name {
                    const SERVICE: Service = Service::$service;
                    const NAME: &'static str = stringify!($name);
                    const EFFECT: Effect = Effect::$effect;
                    const ACTIONS: &'static [&'static str] = &[$($action),*];
                    const ADDRESS: &'static str = concat!($($address)?);
                }
            )+
        }
    };
}

mod managed;

pub use managed::{backup, rds};

operations! {
    /// Amazon SQS.
    sqs: Sqs;
    ListQueues Reads ["sqs:ListQueues"];
    GetQueueUrl Reads ["sqs:GetQueueUrl"];
    GetQueueAttributes Reads ["sqs:GetQueueAttributes"];
    ListQueueTags Reads ["sqs:ListQueueTags"];
    CreateQueue Creates ["sqs:CreateQueue", "sqs:TagQueue"];
    SetQueueAttributes Changes ["sqs:SetQueueAttributes"];
    TagQueue Changes ["sqs:TagQueue"];
}

operations! {
    /// Amazon SNS.
    sns: Sns;
    ListTopics Reads ["sns:ListTopics"];
    GetTopicAttributes Reads ["sns:GetTopicAttributes"];
    ListSubscriptionsByTopic Reads ["sns:ListSubscriptionsByTopic"];
    GetSubscriptionAttributes Reads ["sns:GetSubscriptionAttributes"];
    GetDataProtectionPolicy Reads ["sns:GetDataProtectionPolicy"];
    ListTagsForResource Reads ["sns:ListTagsForResource"];
    CreateTopic Creates ["sns:CreateTopic", "sns:TagResource"];
    SetTopicAttributes Changes ["sns:SetTopicAttributes"];
    PutDataProtectionPolicy Changes ["sns:PutDataProtectionPolicy"];
    Subscribe Creates ["sns:Subscribe", "iam:PassRole"];
    TagResource Changes ["sns:TagResource"];
    Publish Changes ["sns:Publish"];
}

operations! {
    /// Amazon EventBridge.
    events: Events;
    ListEventBuses Reads ["events:ListEventBuses"];
    DescribeEventBus Reads ["events:DescribeEventBus"];
    ListRules Reads ["events:ListRules"];
    DescribeRule Reads ["events:DescribeRule"];
    ListTargetsByRule Reads ["events:ListTargetsByRule"];
    ListTagsForResource Reads ["events:ListTagsForResource"];
    CreateEventBus Creates ["events:CreateEventBus", "events:TagResource"];
    PutPermission Changes ["events:PutPermission"];
    PutRule Changes ["events:PutRule", "events:TagResource", "iam:PassRole"];
    PutTargets Changes ["events:PutTargets", "iam:PassRole"];
    TagResource Changes ["events:TagResource"];
    ListArchives Reads ["events:ListArchives"];
    DescribeArchive Reads ["events:DescribeArchive"];
    CreateArchive Creates ["events:CreateArchive", "events:PutRule", "events:PutTargets"];
    UpdateArchive Changes ["events:UpdateArchive"];
    ListConnections Reads ["events:ListConnections"];
    DescribeConnection Reads ["events:DescribeConnection"];
    CreateConnection Creates ["events:CreateConnection", "secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "iam:CreateServiceLinkedRole"];
    ListApiDestinations Reads ["events:ListApiDestinations"];
    DescribeApiDestination Reads ["events:DescribeApiDestination"];
    CreateApiDestination Creates ["events:CreateApiDestination", "iam:CreateServiceLinkedRole"];
}

operations! {
    /// Amazon EventBridge Scheduler.
    scheduler: Scheduler;
    ListScheduleGroups Reads ["scheduler:ListScheduleGroups"] "GET /schedule-groups?MaxResults={MaxResults}&NextToken={NextToken}";
    GetScheduleGroup Reads ["scheduler:GetScheduleGroup"] "GET /schedule-groups/{Name}";
    CreateScheduleGroup Creates ["scheduler:CreateScheduleGroup", "scheduler:TagResource"] "POST /schedule-groups/{Name}";
    ListSchedules Reads ["scheduler:ListSchedules"] "GET /schedules?ScheduleGroup={GroupName}&MaxResults={MaxResults}&NextToken={NextToken}";
    GetSchedule Reads ["scheduler:GetSchedule"] "GET /schedules/{Name}?groupName={GroupName}";
    CreateSchedule Creates ["scheduler:CreateSchedule", "iam:PassRole"] "POST /schedules/{Name}";
    UpdateSchedule Changes ["scheduler:UpdateSchedule", "iam:PassRole"] "PUT /schedules/{Name}";
    ListTagsForResource Reads ["scheduler:ListTagsForResource"] "GET /tags/{ResourceArn}";
    TagResource Changes ["scheduler:TagResource"] "POST /tags/{ResourceArn}";
}

operations! {
    /// AWS Lambda's event source mappings.
    lambda: Lambda;
    ListEventSourceMappings Reads ["lambda:ListEventSourceMappings"] "GET /2015-03-31/event-source-mappings?EventSourceArn={EventSourceArn}&FunctionName={FunctionName}&Marker={Marker}&MaxItems={MaxItems}";
    GetEventSourceMapping Reads ["lambda:GetEventSourceMapping", "kms:Decrypt"] "GET /2015-03-31/event-source-mappings/{UUID}";
    CreateEventSourceMapping Creates ["lambda:CreateEventSourceMapping", "lambda:TagResource"] "POST /2015-03-31/event-source-mappings";
    UpdateEventSourceMapping Changes ["lambda:UpdateEventSourceMapping"] "PUT /2015-03-31/event-source-mappings/{UUID}";
    ListTags Reads ["lambda:ListTags"] "GET /2017-03-31/tags/{Resource}";
    TagResource Changes ["lambda:TagResource"] "POST /2017-03-31/tags/{Resource}";
}

operations! {
    /// AWS Step Functions.
    states: StepFunctions;
    ListStateMachines Reads ["states:ListStateMachines"];
    DescribeStateMachine Reads ["states:DescribeStateMachine", "kms:Decrypt"];
    ListTagsForResource Reads ["states:ListTagsForResource"];
    ListStateMachineVersions Reads ["states:ListStateMachineVersions"];
    ListStateMachineAliases Reads ["states:ListStateMachineAliases"];
    DescribeStateMachineAlias Reads ["states:DescribeStateMachineAlias"];
    CreateStateMachine Creates ["states:CreateStateMachine", "states:TagResource", "iam:PassRole"];
    UpdateStateMachine Changes ["states:UpdateStateMachine", "iam:PassRole"];
    PublishStateMachineVersion Changes ["states:PublishStateMachineVersion"];
    CreateStateMachineAlias Creates ["states:CreateStateMachineAlias"];
    TagResource Changes ["states:TagResource"];
}

operations! {
    /// Amazon Kinesis Data Streams.
    kinesis: Kinesis;
    ListStreams Reads ["kinesis:ListStreams"];
    DescribeStreamSummary Reads ["kinesis:DescribeStreamSummary"];
    ListStreamConsumers Reads ["kinesis:ListStreamConsumers"];
    ListTagsForStream Reads ["kinesis:ListTagsForStream"];
    GetResourcePolicy Reads ["kinesis:GetResourcePolicy"];
    CreateStream Creates ["kinesis:CreateStream"];
    IncreaseStreamRetentionPeriod Changes ["kinesis:IncreaseStreamRetentionPeriod"];
    StartStreamEncryption Changes ["kinesis:StartStreamEncryption", "kms:DescribeKey", "kms:GenerateDataKey"];
    EnableEnhancedMonitoring Changes ["kinesis:EnableEnhancedMonitoring"];
    RegisterStreamConsumer Creates ["kinesis:RegisterStreamConsumer"];
    PutResourcePolicy Changes ["kinesis:PutResourcePolicy"];
    AddTagsToStream Changes ["kinesis:AddTagsToStream"];
}

operations! {
    /// AWS IAM.
    iam: Iam;
    GetRole Reads ["iam:GetRole"];
}

operations! {
    /// Amazon S3's buckets.
    s3: S3;
    ListBuckets Reads ["s3:ListAllMyBuckets"] "GET /?max-buckets={MaxBuckets}&bucket-region={BucketRegion}&continuation-token={ContinuationToken}";
    GetBucketNotificationConfiguration Reads ["s3:GetBucketNotification"] "GET /{Bucket}?notification";
    PutBucketNotificationConfiguration Changes ["s3:PutBucketNotification"] "PUT /{Bucket}?notification";
}

operations! {
    /// The Resource Groups Tagging API.
    tagging: Tagging;
    GetResources Reads ["tag:GetResources"];
}

operations! {
    /// AWS CloudFormation.
    cloudformation: CloudFormation;
    ListStackResources Reads ["cloudformation:ListStackResources"];
}
