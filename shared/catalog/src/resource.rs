use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CatalogError, Kind, kind};

/// An AWS region, for example `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition that the region belongs to: the second word of its ARNs.
    pub fn partition(&self) -> &'static str {
        const BY_PREFIX: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        let found = BY_PREFIX.iter().find(|(prefix, _)| self.0.starts_with(prefix));
        found.map_or("aws", |(_, partition)| partition)
    }

    /// The region in which a partition keeps what is global in it, such as IAM.
    pub fn global(partition: &str) -> Self {
        let name = match partition {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            "aws-iso" => "us-iso-east-1",
            "aws-iso-b" => "us-isob-east-1",
            "aws-iso-e" => "eu-isoe-west-1",
            "aws-iso-f" => "us-isof-south-1",
            "aws-eusc" => "eusc-de-east-1",
            _ => "us-east-1",
        };
        Region(name.to_owned())
    }
}

impl FromStr for Region {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let words = parts.len() >= 3
            && parts[..parts.len() - 1]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
        let number = parts
            .last()
            .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
        if words && number && text.len() <= 32 {
            Ok(Region(text.to_owned()))
        } else {
            Err(CatalogError::InvalidName {
                what: "region",
                value: text.to_owned(),
                rule: "write a region as AWS does, for example eu-central-1",
            })
        }
    }
}

impl TryFrom<String> for Region {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Amazon resource name, kept as written: `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(String);

impl Arn {
    fn field(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.field(1)
    }

    /// The service, for example `dynamodb`.
    pub fn service(&self) -> &str {
        self.field(2)
    }

    /// The region; empty for global resources.
    pub fn region(&self) -> &str {
        self.field(3)
    }

    /// The account's 12 digits; empty where the service leaves them out.
    pub fn account(&self) -> &str {
        self.field(4)
    }

    /// Everything after the account.
    pub fn resource(&self) -> &str {
        self.field(5)
    }

    /// The first word of the resource part where there is one: `table` in `table/orders`.
    pub fn resource_type(&self) -> Option<&str> {
        self.resource().split_once([':', '/']).map(|(kind, _)| kind)
    }

    /// The resource part after its type: `orders` in `table/orders`.
    pub fn resource_name(&self) -> &str {
        self.resource()
            .split_once([':', '/'])
            .map_or(self.resource(), |(_, name)| name)
    }
}

impl FromStr for Arn {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        if fields.len() == 6
            && fields[0] == "arn"
            && !fields[1].is_empty()
            && !fields[2].is_empty()
            && !fields[5].is_empty()
        {
            Ok(Arn(text.to_owned()))
        } else {
            Err(CatalogError::InvalidName {
                what: "arn",
                value: text.to_owned(),
                rule: "write it whole, for example arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
            })
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One resource of the account, in the form that vault keys are made of: kind, region, name.
///
/// As text: `dynamodb-table/eu-central-1/orders`, `event-rule/eu-central-1/default/orders-created`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceId {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub region: Region,
    /// Its name, without the ARN around it: as many segments as the kind's names have.
    pub name: String,
}

impl ResourceId {
    /// A resource id from its parts.
    ///
    /// # Errors
    /// The name has not as many segments as the kind's names, is longer than 255 bytes, or has a segment that is empty or
    /// holds a byte that the kind does not allow.
    pub fn new(kind: Kind, region: Region, name: &str) -> Result<Self, CatalogError> {
        let is_plain =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(|byte| kind.allows(byte));
        if name.len() > 255 || name.split('/').count() != kind.segments() || !name.split('/').all(is_plain) {
            return Err(CatalogError::InvalidName {
                what: "resource name",
                value: name.to_owned(),
                rule: match kind {
                    Kind::EventRule => "write bus/rule, each of letters, digits, '_', '.' or '-'",
                    Kind::Schedule => "write group/schedule, each of letters, digits, '_', '.' or '-'",
                    Kind::IamRole => "1 to 64 letters, digits or any of _.-+=,@",
                    Kind::StateMachine => "1 to 80 letters, digits or any of _.-+=@!'()",
                    _ => "1 to 255 letters, digits, '_', '.' or '-'",
                },
            });
        }
        Ok(ResourceId {
            kind,
            region,
            name: name.to_owned(),
        })
    }

    /// The resource that an ARN names.
    ///
    /// # Errors
    /// The ARN names no kind that Holdfast protects, or a part of a resource (a version, an index, a subscription), or, like
    /// those of buckets, no region: see [`ResourceId::from_arn_in`].
    pub fn from_arn(arn: &Arn) -> Result<Self, CatalogError> {
        ResourceId::of(arn, None)
    }

    /// The resource that an ARN names, in a region that is known otherwise where the ARN names none.
    ///
    /// # Errors
    /// Those of [`ResourceId::from_arn`], but that a region is missing.
    pub fn from_arn_in(arn: &Arn, region: &Region) -> Result<Self, CatalogError> {
        ResourceId::of(arn, Some(region))
    }

    fn of(arn: &Arn, home: Option<&Region>) -> Result<Self, CatalogError> {
        let invalid = |rule: &'static str| CatalogError::InvalidName {
            what: "resource",
            value: arn.to_string(),
            rule,
        };
        let (kind, name) = kind::name_in(arn)
            .filter(|(kind, _)| Kind::ALL.contains(kind))
            .ok_or_else(|| invalid("name a resource of a kind that Holdfast protects"))?;
        let region = match (arn.region(), home) {
            ("", _) if kind == Kind::IamRole => Region::global(arn.partition()),
            ("", Some(home)) => home.clone(),
            ("", None) => return Err(invalid("this ARN names no region: write kind/region/name instead")),
            (region, _) => region.parse()?,
        };
        ResourceId::new(kind, region, &name)
    }

    /// The resource's ARN in an account; `None` where it holds more than the name (an id, a path) that AWS chose or a person
    /// gave.
    pub fn arn(&self, account: &str) -> Option<Arn> {
        let (service, prefix) = match self.kind {
            Kind::DynamodbTable => ("dynamodb", "table/"),
            Kind::LambdaFunction => ("lambda", "function:"),
            Kind::SqsQueue => ("sqs", ""),
            Kind::SnsTopic => ("sns", ""),
            Kind::KinesisStream => ("kinesis", "stream/"),
            Kind::EventBus => ("events", "event-bus/"),
            Kind::EventRule => ("events", "rule/"),
            Kind::EventArchive => ("events", "archive/"),
            Kind::ScheduleGroup => ("scheduler", "schedule-group/"),
            Kind::Schedule => ("scheduler", "schedule/"),
            Kind::EventSourceMapping => ("lambda", "event-source-mapping:"),
            Kind::BucketNotifications | Kind::S3Bucket => ("s3", ""),
            Kind::StateMachine => ("states", "stateMachine:"),
            Kind::RestApi => ("apigateway", "/restapis/"),
            Kind::HttpApi => ("apigateway", "/apis/"),
            Kind::RdsInstance => ("rds", "db:"),
            Kind::RdsCluster => ("rds", "cluster:"),
            Kind::EfsFileSystem => ("elasticfilesystem", "file-system/"),
            Kind::EventConnection | Kind::ApiDestination | Kind::IamRole => return None,
        };
        let name = match self.kind {
            // A rule's ARN does not name the default bus.
            Kind::EventRule => self.name.strip_prefix("default/").unwrap_or(&self.name),
            _ => &self.name,
        };
        let (region, account) = match self.kind {
            Kind::BucketNotifications | Kind::S3Bucket => ("", ""),
            Kind::RestApi | Kind::HttpApi => (self.region.as_str(), ""),
            _ => (self.region.as_str(), account),
        };
        let partition = self.region.partition();
        format!("arn:{partition}:{service}:{region}:{account}:{prefix}{name}")
            .parse()
            .ok()
    }

    /// The last segment of the name: what the service calls the resource.
    pub fn leaf(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The segment before the last: a rule's bus, a schedule's group.
    pub fn parent(&self) -> Option<&str> {
        self.name.split_once('/').map(|(parent, _)| parent)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.region, self.name)
    }
}

impl FromStr for ResourceId {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(region), Some(name)) => ResourceId::new(kind.parse()?, region.parse()?, name),
            _ => Err(CatalogError::InvalidName {
                what: "resource",
                value: text.to_owned(),
                rule: "write kind/region/name, for example dynamodb-table/eu-central-1/orders",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_gives_its_parts() {
        let arn: Arn = "arn:aws:lambda:eu-west-1:111122223333:function:bill".parse().unwrap();
        assert_eq!(
            (arn.service(), arn.region(), arn.account()),
            ("lambda", "eu-west-1", "111122223333")
        );
        assert_eq!((arn.resource_type(), arn.resource_name()), (Some("function"), "bill"));
        assert_eq!(
            ResourceId::from_arn(&arn).unwrap().to_string(),
            "lambda-function/eu-west-1/bill"
        );
    }

    #[test]
    fn a_version_of_a_function_is_not_a_resource() {
        let arn: Arn = "arn:aws:lambda:eu-west-1:111122223333:function:bill:7".parse().unwrap();
        assert!(ResourceId::from_arn(&arn).is_err());
    }

    #[test]
    fn a_name_that_would_change_a_key_is_refused() {
        for name in ["", "a/b", "..", ".", "a b", "ü"] {
            assert!(
                ResourceId::new(Kind::DynamodbTable, "eu-west-1".parse().unwrap(), name).is_err(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn every_kind_of_arn_gives_a_name_that_reads_back() {
        use Kind::*;
        let home: Region = "eu-west-1".parse().unwrap();
        for (arn, kind, name) in [
            ("dynamodb:eu-west-1:111122223333:table/orders", DynamodbTable, "orders"),
            ("lambda:eu-west-1:111122223333:function:bill", LambdaFunction, "bill"),
            ("sqs:eu-west-1:111122223333:orders.fifo", SqsQueue, "orders.fifo"),
            ("sns:eu-west-1:111122223333:news", SnsTopic, "news"),
            ("kinesis:eu-west-1:111122223333:stream/clicks", KinesisStream, "clicks"),
            ("events:eu-west-1:111122223333:event-bus/shop", EventBus, "shop"),
            ("events:eu-west-1:111122223333:rule/paid", EventRule, "default/paid"),
            ("events:eu-west-1:111122223333:rule/shop/paid", EventRule, "shop/paid"),
            ("events:eu-west-1:111122223333:archive/all", EventArchive, "all"),
            (
                "events:eu-west-1:111122223333:connection/crm/1-2",
                EventConnection,
                "crm",
            ),
            (
                "events:eu-west-1:111122223333:api-destination/crm/1-2",
                ApiDestination,
                "crm",
            ),
            (
                "scheduler:eu-west-1:111122223333:schedule-group/nightly",
                ScheduleGroup,
                "nightly",
            ),
            (
                "scheduler:eu-west-1:111122223333:schedule/nightly/sum",
                Schedule,
                "nightly/sum",
            ),
            (
                "lambda:eu-west-1:111122223333:event-source-mapping:1-2",
                EventSourceMapping,
                "1-2",
            ),
            ("s3:::photos", BucketNotifications, "photos"),
            (
                "states:eu-west-1:111122223333:stateMachine:pay+refund",
                StateMachine,
                "pay+refund",
            ),
            ("apigateway:eu-west-1::/restapis/a1b2", RestApi, "a1b2"),
            ("apigateway:eu-west-1::/apis/a1b2", HttpApi, "a1b2"),
            ("iam::111122223333:role/app/bill@work", IamRole, "bill@work"),
        ] {
            let arn: Arn = format!("arn:aws:{arn}").parse().unwrap();
            assert_eq!(kind::name_in(&arn), Some((kind, name.to_owned())), "{arn}");
            let id = ResourceId::new(kind, home.clone(), name).unwrap();
            assert!(id.arn("111122223333").is_none_or(|made| made == arn), "{arn}");
            if Kind::ALL.contains(&kind) {
                assert_eq!(id.to_string().parse(), Ok(id.clone()), "{arn}");
                let from_arn = ResourceId::from_arn_in(&arn, &home).unwrap();
                assert_eq!((from_arn.kind, from_arn.name), (kind, id.name), "{arn}");
            } else {
                assert!(ResourceId::from_arn_in(&arn, &home).is_err(), "{arn} is not built");
            }
        }
    }

    #[test]
    fn a_bucket_is_known_by_its_id_and_has_the_arn_that_its_notifications_have() {
        let bucket: ResourceId = "s3-bucket/eu-west-1/photos".parse().unwrap();
        let arn = bucket.arn("111122223333").unwrap();
        assert_eq!(arn.as_str(), "arn:aws:s3:::photos");
        let named = ResourceId::from_arn_in(&arn, &bucket.region).unwrap();
        assert_eq!(named.kind, Kind::BucketNotifications);
    }

    #[test]
    fn a_part_of_a_resource_is_not_a_resource() {
        for arn in [
            "sns:eu-west-1:111122223333:news:1-2",
            "states:eu-west-1:111122223333:stateMachine:pay:1",
            "events:eu-west-1:111122223333:rule/aws.partner/shop/x/paid",
            "events:eu-west-1:111122223333:event-bus/aws.partner/shop/x",
            "scheduler:eu-west-1:111122223333:schedule/sum",
            "apigateway:eu-west-1::/restapis/a1b2/stages/prod",
            "apigateway:eu-west-1::/domainnames/a.b",
            "s3:::photos/key",
            "kinesis:eu-west-1:111122223333:stream/clicks/consumer/c:1",
        ] {
            let arn: Arn = format!("arn:aws:{arn}").parse().unwrap();
            let home = "eu-west-1".parse().unwrap();
            let valid = kind::name_in(&arn).is_some_and(|(kind, name)| ResourceId::new(kind, home, &name).is_ok());
            assert!(!valid, "{arn}");
        }
    }

    #[test]
    fn names_have_as_many_segments_as_their_kind() {
        let id = |kind, name: &str| ResourceId::new(kind, "eu-west-1".parse().unwrap(), name);
        for (kind, name) in [
            (Kind::EventRule, "paid"),
            (Kind::EventRule, "a/b/c"),
            (Kind::EventRule, "a/"),
            (Kind::EventRule, "a/.."),
            (Kind::Schedule, "/a"),
            (Kind::SqsQueue, "a/b"),
            (Kind::SqsQueue, "a+b"),
        ] {
            assert!(id(kind, name).is_err(), "{kind} {name}");
        }
        let rule = id(Kind::EventRule, "shop/paid").unwrap();
        assert_eq!((rule.parent(), rule.leaf()), (Some("shop"), "paid"));
        assert_eq!(id(Kind::SqsQueue, "a").unwrap().parent(), None);
    }

    #[test]
    fn a_regions_arns_are_in_its_partition() {
        for (region, expected) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            let region: Region = region.parse().unwrap();
            assert_eq!(region.partition(), expected, "{region}");
            assert_eq!(Region::global(expected).partition(), expected, "{expected}");
        }
    }

    #[test]
    fn a_region_has_the_form_of_a_region() {
        assert!("us-gov-west-1".parse::<Region>().is_ok());
        for text in [
            "",
            "eu",
            "eu-central",
            "eu-central-",
            "EU-central-1",
            "eu/central/1",
            "-a-1",
        ] {
            assert!(text.parse::<Region>().is_err(), "{text:?}");
        }
    }
}
