use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Arn, CatalogError};

/// A kind of resource that Holdfast protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A DynamoDB table with its items and settings.
    DynamodbTable,
    /// A Lambda function with its code, versions, aliases and triggers.
    LambdaFunction,
    /// An SQS queue: attributes, policies, redrive, tags.
    SqsQueue,
    /// An SNS topic with its subscriptions.
    SnsTopic,
    /// A Kinesis data stream: mode, shards, retention, consumers.
    KinesisStream,
    /// An EventBridge bus with its policy.
    EventBus,
    /// An EventBridge rule with its targets; its name is `<bus>/<rule>`.
    EventRule,
    /// An EventBridge archive.
    EventArchive,
    /// An EventBridge connection, without its secrets.
    EventConnection,
    /// An EventBridge API destination.
    ApiDestination,
    /// A group of EventBridge Scheduler.
    ScheduleGroup,
    /// A schedule of EventBridge Scheduler; its name is `<group>/<schedule>`.
    Schedule,
    /// What polls a source for a Lambda function; its name is the mapping's UUID.
    EventSourceMapping,
    /// The notifications of an S3 bucket; its name is the bucket's.
    BucketNotifications,
    /// A Step Functions state machine with the versions that its aliases use.
    StateMachine,
    /// An API Gateway REST API; its name is the API's id.
    RestApi,
    /// An API Gateway HTTP API; its name is the API's id.
    HttpApi,
    /// An IAM role with its policies; the region is the one where the partition keeps IAM.
    IamRole,
    /// An RDS database instance that is in no cluster: its settings and groups. Its data is in AWS Backup's points.
    RdsInstance,
    /// An Aurora or Multi-AZ database cluster with its instances: their settings and groups, likewise.
    RdsCluster,
    /// An S3 bucket that has versions: its settings, likewise. Its ARN stands for its notifications, which are a kind of their own.
    S3Bucket,
    /// An EFS file system with its access points and mount targets: its settings, likewise; its name is the file system's id.
    EfsFileSystem,
}

impl Kind {
    /// Every kind that can be read and restored, in the order in which reports list them.
    pub const ALL: [Kind; 22] = [
        Kind::DynamodbTable,
        Kind::LambdaFunction,
        Kind::SqsQueue,
        Kind::SnsTopic,
        Kind::EventBus,
        Kind::EventRule,
        Kind::ScheduleGroup,
        Kind::Schedule,
        Kind::EventSourceMapping,
        Kind::StateMachine,
        Kind::KinesisStream,
        Kind::EventArchive,
        Kind::BucketNotifications,
        Kind::EventConnection,
        Kind::ApiDestination,
        Kind::RestApi,
        Kind::HttpApi,
        Kind::IamRole,
        Kind::RdsInstance,
        Kind::RdsCluster,
        Kind::S3Bucket,
        Kind::EfsFileSystem,
    ];

    /// The name used in keys, policies and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::DynamodbTable => "dynamodb-table",
            Kind::LambdaFunction => "lambda-function",
            Kind::SqsQueue => "sqs-queue",
            Kind::SnsTopic => "sns-topic",
            Kind::KinesisStream => "kinesis-stream",
            Kind::EventBus => "event-bus",
            Kind::EventRule => "event-rule",
            Kind::EventArchive => "event-archive",
            Kind::EventConnection => "event-connection",
            Kind::ApiDestination => "api-destination",
            Kind::ScheduleGroup => "schedule-group",
            Kind::Schedule => "schedule",
            Kind::EventSourceMapping => "event-source-mapping",
            Kind::BucketNotifications => "bucket-notifications",
            Kind::StateMachine => "state-machine",
            Kind::RestApi => "rest-api",
            Kind::HttpApi => "http-api",
            Kind::IamRole => "iam-role",
            Kind::RdsInstance => "rds-instance",
            Kind::RdsCluster => "rds-cluster",
            Kind::S3Bucket => "s3-bucket",
            Kind::EfsFileSystem => "efs-file-system",
        }
    }

    /// Whether resources of the kind are in every region at once, so that one listing finds them all.
    pub fn is_global(self) -> bool {
        self == Kind::IamRole
    }

    /// The kind that an ARN names, if it is one of ours: a bucket's names [`Kind::BucketNotifications`].
    pub fn of_arn(arn: &Arn) -> Option<Kind> {
        name_in(arn).map(|(kind, _)| kind)
    }

    /// How many segments, with `/` between them, the kind's names have: fixed, so that no key can be read in two ways.
    pub fn segments(self) -> usize {
        match self {
            Kind::EventRule | Kind::Schedule => 2,
            _ => 1,
        }
    }

    /// Whether a name's segment may hold a byte. Letters, digits, `_`, `.` and `-` for all; what else a service allows is
    /// fit for a key too.
    pub(crate) fn allows(self, byte: u8) -> bool {
        let extra: &[u8] = match self {
            Kind::IamRole => b"+=,@",
            Kind::StateMachine => b"+=@!'()",
            _ => b"",
        };
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || extra.contains(&byte)
    }
}

/// The bus and the schedule group that are meant when none is named.
const DEFAULT: &str = "default";

/// The kind and the name that an ARN stands for. The name is not checked: a part of a resource (a version, a subscription)
/// gives a name that no resource has.
pub(crate) fn name_in(arn: &Arn) -> Option<(Kind, String)> {
    let resource = arn.resource();
    let named = |kind: Kind| Some((kind, arn.resource_name().to_owned()));
    let whole = |kind: Kind| Some((kind, resource.to_owned()));
    // AWS ends these ARNs with an id of its own choosing after the name; a stand-in may not.
    let before_id = |kind: Kind| {
        let (name, id) = arn.resource_name().split_once('/').unwrap_or((arn.resource_name(), ""));
        (!id.contains('/')).then(|| (kind, name.to_owned()))
    };
    match (arn.service(), arn.resource_type()) {
        ("dynamodb", Some("table")) => named(Kind::DynamodbTable),
        ("lambda", Some("function")) => named(Kind::LambdaFunction),
        ("lambda", Some("event-source-mapping")) => named(Kind::EventSourceMapping),
        ("sqs", None) => whole(Kind::SqsQueue),
        ("sns", None) => whole(Kind::SnsTopic),
        ("s3", None) => whole(Kind::BucketNotifications),
        ("kinesis", Some("stream")) => named(Kind::KinesisStream),
        ("events", Some("event-bus")) => named(Kind::EventBus),
        ("events", Some("rule")) => Some((
            Kind::EventRule,
            match arn.resource_name() {
                name if name.contains('/') => name.to_owned(),
                name => format!("{DEFAULT}/{name}"),
            },
        )),
        ("events", Some("archive")) => named(Kind::EventArchive),
        ("events", Some("connection")) => before_id(Kind::EventConnection),
        ("events", Some("api-destination")) => before_id(Kind::ApiDestination),
        ("scheduler", Some("schedule-group")) => named(Kind::ScheduleGroup),
        ("scheduler", Some("schedule")) => named(Kind::Schedule),
        ("states", Some("stateMachine")) => named(Kind::StateMachine),
        ("apigateway", _) => {
            let mut path = resource.strip_prefix('/')?.splitn(2, '/');
            let kind = match path.next()? {
                "restapis" => Kind::RestApi,
                "apis" => Kind::HttpApi,
                _ => return None,
            };
            Some((kind, path.next()?.to_owned()))
        }
        ("rds", Some("db")) => named(Kind::RdsInstance),
        ("rds", Some("cluster")) => named(Kind::RdsCluster),
        ("elasticfilesystem", Some("file-system")) => named(Kind::EfsFileSystem),
        // A role's path is not part of what makes its name unique.
        ("iam", Some("role")) => Some((Kind::IamRole, resource.rsplit('/').next()?.to_owned())),
        _ => None,
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| CatalogError::InvalidName {
                what: "kind",
                value: text.to_owned(),
                rule: "use a kind that the README lists, for example dynamodb-table or sqs-queue",
            })
    }
}
