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
    /// Amazon DynamoDB.
    DynamoDb,
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
    /// Amazon API Gateway's REST APIs.
    ApiGateway,
    /// Amazon API Gateway's HTTP APIs.
    ApiGatewayV2,
    /// Amazon S3. What it calls by element names in XML has those names here; what may come more than once is a list.
    S3,
    /// The Resource Groups Tagging API.
    Tagging,
    /// AWS CloudFormation.
    CloudFormation,
    /// Amazon CloudFront, which has one endpoint for all regions. Its XML is told as S3's is.
    CloudFront,
    /// AWS Backup.
    Backup,
    /// Amazon RDS.
    Rds,
    /// Amazon EFS.
    Efs,
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
    /// It adds to something that is there, and adds it again when it is made again: a call whose answer was lost is the
    /// caller's to judge.
    Adds,
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
    /// `<- {member}` after it says that this member is the whole body, `-> {member}` that the whole answer is this member.
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

mod buckets;
mod files;
mod managed;

pub use buckets::bucket;
pub use files::efs;
pub use managed::{backup, rds};

operations! {
    /// Amazon DynamoDB.
    dynamodb: DynamoDb;
    Scan Reads ["dynamodb:Scan"];
    BatchWriteItem Changes ["dynamodb:BatchWriteItem"];
}

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
    ListShards Reads ["kinesis:ListShards"];
    GetShardIterator Reads ["kinesis:GetShardIterator"];
    GetRecords Reads ["kinesis:GetRecords", "kms:Decrypt"];
    PutRecords Adds ["kinesis:PutRecords", "kms:GenerateDataKey"];
}

operations! {
    /// AWS IAM.
    iam: Iam;
    ListRoles Reads ["iam:ListRoles"];
    ListRoleTags Reads ["iam:ListRoleTags"];
    GetRole Reads ["iam:GetRole"];
    ListRolePolicies Reads ["iam:ListRolePolicies"];
    GetRolePolicy Reads ["iam:GetRolePolicy"];
    ListAttachedRolePolicies Reads ["iam:ListAttachedRolePolicies"];
    GetPolicy Reads ["iam:GetPolicy"];
    GetPolicyVersion Reads ["iam:GetPolicyVersion"];
    CreateRole Creates ["iam:CreateRole", "iam:TagRole"];
    PutRolePolicy Changes ["iam:PutRolePolicy"];
    CreatePolicy Creates ["iam:CreatePolicy"];
    AttachRolePolicy Changes ["iam:AttachRolePolicy"];
    SimulatePrincipalPolicy Reads ["iam:SimulatePrincipalPolicy"];
    UpdateAssumeRolePolicy Changes ["iam:UpdateAssumeRolePolicy"];
}

operations! {
    /// Amazon API Gateway's REST APIs. Its IAM actions are the methods of HTTP, and its resources the paths.
    apigateway: ApiGateway;
    GetRestApis Reads ["apigateway:GET"] "GET /restapis?position={position}&limit={limit}";
    GetRestApi Reads ["apigateway:GET"] "GET /restapis/{restApiId}";
    GetStages Reads ["apigateway:GET"] "GET /restapis/{restApiId}/stages";
    GetExport Reads ["apigateway:GET"] "GET /restapis/{restApiId}/stages/{stageName}/exports/{exportType}?extensions={extensions} -> {body}";
    GetResources Reads ["apigateway:GET"] "GET /restapis/{restApiId}/resources?embed={embed}&position={position}&limit={limit}";
    GetAuthorizers Reads ["apigateway:GET"] "GET /restapis/{restApiId}/authorizers?position={position}&limit={limit}";
    GetModels Reads ["apigateway:GET"] "GET /restapis/{restApiId}/models?position={position}&limit={limit}";
    GetRequestValidators Reads ["apigateway:GET"] "GET /restapis/{restApiId}/requestvalidators?position={position}&limit={limit}";
    GetGatewayResponses Reads ["apigateway:GET"] "GET /restapis/{restApiId}/gatewayresponses?position={position}&limit={limit}";
    GetDeployments Reads ["apigateway:GET"] "GET /restapis/{restApiId}/deployments?position={position}&limit={limit}";
    GetUsagePlans Reads ["apigateway:GET"] "GET /usageplans?position={position}&limit={limit}";
    GetUsagePlanKeys Reads ["apigateway:GET"] "GET /usageplans/{usagePlanId}/keys?position={position}&limit={limit}";
    GetApiKeys Reads ["apigateway:GET"] "GET /apikeys?includeValues={includeValues}&position={position}&limit={limit}";
    GetDomainNames Reads ["apigateway:GET"] "GET /domainnames?position={position}&limit={limit}";
    GetBasePathMappings Reads ["apigateway:GET"] "GET /domainnames/{domainName}/basepathmappings?position={position}&limit={limit}";
    CreateRestApi Creates ["apigateway:POST", "apigateway:PUT"] "POST /restapis";
    PutRestApi Changes ["apigateway:PUT", "iam:PassRole"] "PUT /restapis/{restApiId}?mode={mode}&failonwarnings={failOnWarnings} <- {body}";
    UpdateRestApi Changes ["apigateway:PATCH", "apigateway:UpdateRestApiPolicy"] "PATCH /restapis/{restApiId}";
    CreateDeployment Changes ["apigateway:POST"] "POST /restapis/{restApiId}/deployments";
    CreateStage Creates ["apigateway:POST", "apigateway:PUT"] "POST /restapis/{restApiId}/stages";
    UpdateStage Changes ["apigateway:PATCH"] "PATCH /restapis/{restApiId}/stages/{stageName}";
    CreateUsagePlan Creates ["apigateway:POST", "apigateway:PUT"] "POST /usageplans";
    CreateUsagePlanKey Creates ["apigateway:POST"] "POST /usageplans/{usagePlanId}/keys";
    CreateApiKey Creates ["apigateway:POST", "apigateway:PUT"] "POST /apikeys";
    CreateBasePathMapping Creates ["apigateway:POST"] "POST /domainnames/{domainName}/basepathmappings";
    TagResource Changes ["apigateway:PUT"] "PUT /tags/{resourceArn}";
}

operations! {
    /// Amazon API Gateway's HTTP APIs, with the same actions.
    apigatewayv2: ApiGatewayV2;
    GetApis Reads ["apigateway:GET"] "GET /v2/apis?maxResults={maxResults}&nextToken={nextToken}";
    GetApi Reads ["apigateway:GET"] "GET /v2/apis/{apiId}";
    GetAuthorizers Reads ["apigateway:GET"] "GET /v2/apis/{apiId}/authorizers?maxResults={maxResults}&nextToken={nextToken}";
    GetIntegrations Reads ["apigateway:GET"] "GET /v2/apis/{apiId}/integrations?maxResults={maxResults}&nextToken={nextToken}";
    GetRoutes Reads ["apigateway:GET"] "GET /v2/apis/{apiId}/routes?maxResults={maxResults}&nextToken={nextToken}";
    GetStages Reads ["apigateway:GET"] "GET /v2/apis/{apiId}/stages?maxResults={maxResults}&nextToken={nextToken}";
    GetDeployments Reads ["apigateway:GET"] "GET /v2/apis/{apiId}/deployments?maxResults={maxResults}&nextToken={nextToken}";
    GetDomainNames Reads ["apigateway:GET"] "GET /v2/domainnames?maxResults={maxResults}&nextToken={nextToken}";
    GetApiMappings Reads ["apigateway:GET"] "GET /v2/domainnames/{domainName}/apimappings?maxResults={maxResults}&nextToken={nextToken}";
    CreateApi Creates ["apigateway:POST"] "POST /v2/apis";
    CreateAuthorizer Creates ["apigateway:POST", "iam:PassRole"] "POST /v2/apis/{apiId}/authorizers";
    CreateIntegration Creates ["apigateway:POST", "iam:PassRole"] "POST /v2/apis/{apiId}/integrations";
    CreateRoute Creates ["apigateway:POST"] "POST /v2/apis/{apiId}/routes";
    UpdateRoute Changes ["apigateway:PATCH"] "PATCH /v2/apis/{apiId}/routes/{routeId}";
    CreateDeployment Changes ["apigateway:POST"] "POST /v2/apis/{apiId}/deployments";
    CreateStage Creates ["apigateway:POST"] "POST /v2/apis/{apiId}/stages";
    UpdateStage Changes ["apigateway:PATCH"] "PATCH /v2/apis/{apiId}/stages/{stageName}";
    CreateApiMapping Creates ["apigateway:POST"] "POST /v2/domainnames/{domainName}/apimappings";
    TagResource Changes ["apigateway:POST"] "POST /v2/tags/{resourceArn}";
}

operations! {
    /// Amazon S3's buckets.
    s3: S3;
    ListBuckets Reads ["s3:ListAllMyBuckets"] "GET /?max-buckets={MaxBuckets}&bucket-region={BucketRegion}&prefix={Prefix}&continuation-token={ContinuationToken}";
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

operations! {
    /// What AWS Lambda keeps beside a function: each with calls of its own.
    functions: Lambda;
    ListVersionsByFunction Reads ["lambda:ListVersionsByFunction"] "GET /2015-03-31/functions/{FunctionName}/versions?Marker={Marker}&MaxItems={MaxItems}";
    ListFunctionUrlConfigs Reads ["lambda:ListFunctionUrlConfigs"] "GET /2021-10-31/functions/{FunctionName}/urls?Marker={Marker}&MaxItems={MaxItems}";
    UpdateFunctionUrlConfig Changes ["lambda:UpdateFunctionUrlConfig"] "PUT /2021-10-31/functions/{FunctionName}/url?Qualifier={Qualifier}";
    GetAccountSettings Reads ["lambda:GetAccountSettings"] "GET /2016-08-19/account-settings";
    UpdateAlias Changes ["lambda:UpdateAlias"] "PUT /2015-03-31/functions/{FunctionName}/aliases/{Name}";
    GetResourcePolicy Reads ["lambda:GetResourcePolicy"] "GET /2026-07-09/resource-policy/{ResourceArn}";
    PutResourcePolicy Changes ["lambda:PutResourcePolicy"] "PUT /2026-07-09/resource-policy/{ResourceArn}";
    CreateFunctionUrlConfig Creates ["lambda:CreateFunctionUrlConfig"] "POST /2021-10-31/functions/{FunctionName}/url?Qualifier={Qualifier}";
    ListFunctionEventInvokeConfigs Reads ["lambda:ListFunctionEventInvokeConfigs"] "GET /2019-09-25/functions/{FunctionName}/event-invoke-config/list?Marker={Marker}&MaxItems={MaxItems}";
    PutFunctionEventInvokeConfig Changes ["lambda:PutFunctionEventInvokeConfig"] "PUT /2019-09-25/functions/{FunctionName}/event-invoke-config?Qualifier={Qualifier}";
    ListProvisionedConcurrencyConfigs Reads ["lambda:ListProvisionedConcurrencyConfigs"] "GET /2019-09-30/functions/{FunctionName}/provisioned-concurrency?List=ALL&Marker={Marker}&MaxItems={MaxItems}";
    PutProvisionedConcurrencyConfig Changes ["lambda:PutProvisionedConcurrencyConfig"] "PUT /2019-09-30/functions/{FunctionName}/provisioned-concurrency?Qualifier={Qualifier}";
    GetFunctionCodeSigningConfig Reads ["lambda:GetFunctionCodeSigningConfig"] "GET /2020-06-30/functions/{FunctionName}/code-signing-config";
    PutFunctionCodeSigningConfig Changes ["lambda:PutFunctionCodeSigningConfig"] "PUT /2020-06-30/functions/{FunctionName}/code-signing-config";
    GetRuntimeManagementConfig Reads ["lambda:GetRuntimeManagementConfig"] "GET /2021-07-20/functions/{FunctionName}/runtime-management-config?Qualifier={Qualifier}";
    PutRuntimeManagementConfig Changes ["lambda:PutRuntimeManagementConfig"] "PUT /2021-07-20/functions/{FunctionName}/runtime-management-config?Qualifier={Qualifier}";
    GetFunctionRecursionConfig Reads ["lambda:GetFunctionRecursionConfig"] "GET /2024-08-31/functions/{FunctionName}/recursion-config";
    PutFunctionRecursionConfig Changes ["lambda:PutFunctionRecursionConfig"] "PUT /2024-08-31/functions/{FunctionName}/recursion-config";
    GetFunctionScalingConfig Reads ["lambda:GetFunctionScalingConfig"] "GET /2025-11-30/functions/{FunctionName}/function-scaling-config?Qualifier={Qualifier}";
    GetLayerVersionByArn Reads ["lambda:GetLayerVersion"] "GET /2018-10-31/layers?find=LayerVersion&Arn={Arn}";
    ListLayerVersions Reads ["lambda:ListLayerVersions"] "GET /2018-10-31/layers/{LayerName}/versions?Marker={Marker}&MaxItems={MaxItems}";
    PublishLayerVersion Changes ["lambda:PublishLayerVersion", "s3:GetObject", "kms:Decrypt"] "POST /2018-10-31/layers/{LayerName}/versions";
    PutFunctionScalingConfig Changes ["lambda:PutFunctionScalingConfig"] "PUT /2025-11-30/functions/{FunctionName}/function-scaling-config?Qualifier={Qualifier}";
}

operations! {
    /// Amazon CloudFront.
    cloudfront: CloudFront;
    ListDistributions Reads ["cloudfront:ListDistributions"] "GET /2020-05-31/distribution?Marker={Marker}&MaxItems={MaxItems}";
}
