//! The texts by which documents name a resource.

use holdfast_catalog::{Arn, Kind, Region, ResourceId};

use super::naming::{DEFAULT, is_assigned};

/// What may follow a form, so that no half of a longer name is taken for the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// The name ends here: no byte that names are made of, and no wildcard. A part of the resource may follow.
    Name,
    /// The same where names have parts themselves: `rule/shop` is not the bus of `rule/shop/paid`.
    Whole,
    /// The same for an address, where `?` begins a query.
    Url,
    /// A lower-case letter: the service in an integration's ARN.
    Service,
}

/// A text that stands for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub text: String,
    pub follow: Follow,
}

/// Where resources are: what their ARNs say besides the name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub region: &'a Region,
    pub account: &'a str,
}

/// The ARN that a resource has under another name in another place. Where the service adds an id of its own, the old one
/// stands there.
pub(crate) fn arn_of(id: &ResourceId, old: &Arn, account: &str) -> String {
    let (name, region) = (&id.name, &id.region);
    let partition = region.partition();
    let global = |service: &str, resource: String| format!("arn:{partition}:{service}::{resource}");
    let regional = |service: &str, resource: String| format!("arn:{partition}:{service}:{region}:{account}:{resource}");
    let own_id = || old.resource().rsplit('/').next().unwrap_or_default();
    match id.kind {
        Kind::DynamodbTable => regional("dynamodb", format!("table/{name}")),
        Kind::LambdaFunction => regional("lambda", format!("function:{name}")),
        Kind::EventSourceMapping => regional("lambda", format!("event-source-mapping:{name}")),
        Kind::SqsQueue => regional("sqs", name.clone()),
        Kind::SnsTopic => regional("sns", name.clone()),
        Kind::KinesisStream => regional("kinesis", format!("stream/{name}")),
        Kind::EventBus => regional("events", format!("event-bus/{name}")),
        Kind::EventRule if id.parent() == Some(DEFAULT) => regional("events", format!("rule/{}", id.leaf())),
        Kind::EventRule => regional("events", format!("rule/{name}")),
        Kind::EventArchive => regional("events", format!("archive/{name}")),
        Kind::EventConnection => regional("events", format!("connection/{name}/{}", own_id())),
        Kind::ApiDestination => regional("events", format!("api-destination/{name}/{}", own_id())),
        Kind::ScheduleGroup => regional("scheduler", format!("schedule-group/{name}")),
        Kind::Schedule => regional("scheduler", format!("schedule/{name}")),
        Kind::StateMachine => regional("states", format!("stateMachine:{name}")),
        Kind::BucketNotifications | Kind::S3Bucket => global("s3", format!(":{name}")),
        Kind::RestApi => format!("arn:{partition}:apigateway:{region}::/restapis/{name}"),
        Kind::HttpApi => format!("arn:{partition}:apigateway:{region}::/apis/{name}"),
        Kind::RdsInstance => regional("rds", format!("db:{name}")),
        Kind::RdsCluster => regional("rds", format!("cluster:{name}")),
        Kind::EfsFileSystem => regional("elasticfilesystem", format!("file-system/{name}")),
        Kind::IamRole => {
            // A role's path is no part of its name, and stays.
            let path = old
                .resource()
                .strip_prefix("role/")
                .and_then(|rest| rest.rsplit_once('/'));
            let path = path.map(|(path, _)| format!("{path}/")).unwrap_or_default();
            global("iam", format!("{account}:role/{path}{name}"))
        }
    }
}

/// Whether the service puts an id of its own into the ARN, so that the new one is known when the resource is made.
pub(super) fn has_own_id(kind: Kind) -> bool {
    is_assigned(kind) || matches!(kind, Kind::EventConnection | Kind::ApiDestination)
}

/// All texts that stand for a resource, in an order and number that follow from its kind alone.
pub(super) fn forms(id: &ResourceId, arn: &str, account: &str) -> Vec<Form> {
    let mut forms = vec![form(arn.to_owned(), follow_of(Some(id.kind)))];
    let place = Place {
        region: &id.region,
        account,
    };
    match id.kind {
        Kind::SqsQueue => queue(&mut forms, &id.name, place),
        Kind::LambdaFunction => {
            let group = format!("log-group:/aws/lambda/{}", id.name);
            forms.push(form(regional("logs", &group, place), Follow::Name));
        }
        Kind::IamRole => {
            let partition = id.region.partition();
            let session = format!("arn:{partition}:sts::{account}:assumed-role/{}", id.name);
            forms.push(form(session, Follow::Name));
        }
        Kind::StateMachine => {
            for what in ["execution", "express", "mapRun"] {
                forms.push(form(
                    regional("states", &format!("{what}:{}", id.name), place),
                    Follow::Name,
                ));
            }
        }
        Kind::RestApi | Kind::HttpApi => {
            forms.push(form(regional("execute-api", &id.name, place), Follow::Name));
            let host = format!("{}.execute-api.{}.{}", id.name, id.region, domain(&id.region));
            forms.push(form(format!("https://{host}"), Follow::Url));
        }
        Kind::BucketNotifications | Kind::S3Bucket => bucket(&mut forms, id),
        Kind::EfsFileSystem => {
            let host = format!("{}.efs.{}.{}", id.name, id.region, domain(&id.region));
            forms.push(form(host, Follow::Url));
        }
        _ => {}
    }
    forms
}

/// What may follow an ARN of a kind.
pub(super) fn follow_of(kind: Option<Kind>) -> Follow {
    match kind {
        Some(Kind::EventRule | Kind::IamRole) => Follow::Whole,
        _ => Follow::Name,
    }
}

fn queue(forms: &mut Vec<Form>, name: &str, place: Place<'_>) {
    let Place { region, account } = place;
    let (partition, domain) = (region.partition(), domain(region));
    let integration = format!("arn:{partition}:apigateway:{region}:sqs:path/{account}/{name}");
    forms.push(form(integration, Follow::Name));
    for host in [format!("sqs.{region}.{domain}"), format!("{region}.queue.{domain}")] {
        forms.push(form(format!("https://{host}/{account}/{name}"), Follow::Url));
    }
    // At an endpoint of one's own the host says nothing about the region.
    forms.push(form(format!("/{account}/{name}"), Follow::Url));
}

fn bucket(forms: &mut Vec<Form>, id: &ResourceId) {
    let (name, region, domain) = (&id.name, &id.region, domain(&id.region));
    forms.push(form(format!("s3://{name}"), Follow::Name));
    for host in [format!("{name}.s3.{region}.{domain}"), format!("{name}.s3.{domain}")] {
        forms.push(form(format!("https://{host}"), Follow::Url));
    }
}

/// How an API's integration begins: it names its own region before the service that it calls.
pub(super) fn integration(region: &Region) -> Form {
    let partition = region.partition();
    form(format!("arn:{partition}:apigateway:{region}:"), Follow::Service)
}

/// The domain of a region's service endpoints.
pub(crate) fn domain(region: &Region) -> &'static str {
    match region.partition() {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

fn regional(service: &str, resource: &str, place: Place<'_>) -> String {
    let Place { region, account } = place;
    format!("arn:{}:{service}:{region}:{account}:{resource}", region.partition())
}

fn form(text: String, follow: Follow) -> Form {
    Form { text, follow }
}

impl Follow {
    /// Whether a form may end before this text.
    pub(super) fn allows(self, rest: &str, kind: Option<Kind>) -> bool {
        let mut bytes = rest.bytes();
        let Some(next) = bytes.next() else {
            return self != Follow::Service;
        };
        let after = bytes.next();
        match (self, next) {
            (Follow::Service, byte) => byte.is_ascii_lowercase(),
            (Follow::Url, b'?') => true,
            (Follow::Whole, b'/') => false,
            (_, b'_' | b'-' | b'*' | b'?' | b'$') => false,
            // A full stop ends a sentence, or is part of a name.
            (_, b'.') => !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')),
            (Follow::Name | Follow::Whole, b'+' | b'=' | b'@') => {
                !matches!(kind, Some(Kind::IamRole | Kind::StateMachine))
            }
            // A role's name may hold a comma; a list of ARNs does too.
            (Follow::Name | Follow::Whole, b',') if kind == Some(Kind::IamRole) => {
                let rest = rest.get(1..).unwrap_or_default();
                rest.is_empty() || rest.starts_with("arn:") || rest.starts_with(|c: char| !c.is_ascii_alphanumeric())
            }
            (_, byte) => !byte.is_ascii_alphanumeric(),
        }
    }
}
