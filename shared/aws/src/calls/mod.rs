//! The generic port over the SDK's own runtime: its signatures, retries with backoff and jitter, time-outs, credentials and
//! endpoints, without a crate for each service.

mod answer;
#[cfg(test)]
mod bucket_tests;
#[cfg(test)]
mod records_tests;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_config::Region as SdkRegion;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation as SdkOperation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::retry::RetryConfig;
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SdkConfig, SigningName};
use holdfast_catalog::{Arn, Region};
use holdfast_sources::call::{Call, Effect, InAccount, Operation, Service, sns};
use holdfast_vault::PortError;
use holdfast_vault::signal::TellPeople;
use serde_json::{Value, json};

use crate::Aws;
use crate::error::{port_error, port_error_of_create};
use answer::Refusal;
use request::Request;

/// How requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AWS JSON: everything in the body, the operation in a header.
    Json {
        content_type: &'static str,
        target: &'static str,
    },
    /// AWS Query: a form in, XML out.
    Query {
        version: &'static str,
        entries: request::Entries,
    },
    /// REST with JSON bodies.
    Rest,
    /// REST with XML bodies, as S3 and CloudFront have it.
    RestXml,
}

/// What is known of a service.
#[derive(Debug, Clone, Copy)]
struct Wire {
    protocol: Protocol,
    /// The first word of its host names.
    host: &'static str,
    /// The name that requests are signed for.
    signing: &'static str,
    /// The name under which endpoints of one's own are configured: `AWS_ENDPOINT_URL_<ID>`.
    id: &'static str,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

/// From the services' published models.
fn wire(service: Service) -> Wire {
    let json = |content_type, target| Protocol::Json { content_type, target };
    let query = |version, entries| Protocol::Query { version, entries };
    let (protocol, host, id) = match service {
        Service::DynamoDb => (json(JSON_1_0, "DynamoDB_20120810"), "dynamodb", "DynamoDB"),
        Service::Sqs => (json(JSON_1_0, "AmazonSQS"), "sqs", "SQS"),
        Service::Sns => (query("2010-03-31", &[]), "sns", "SNS"),
        Service::Kinesis => (json(JSON_1_1, "Kinesis_20131202"), "kinesis", "Kinesis"),
        Service::Events => (json(JSON_1_1, "AWSEvents"), "events", "EventBridge"),
        Service::Scheduler => (Protocol::Rest, "scheduler", "Scheduler"),
        Service::Lambda => (Protocol::Rest, "lambda", "Lambda"),
        Service::StepFunctions => (json(JSON_1_0, "AWSStepFunctions"), "states", "SFN"),
        Service::Iam => (query("2010-05-08", &[]), "iam", "IAM"),
        Service::ApiGateway => (Protocol::Rest, "apigateway", "API Gateway"),
        Service::ApiGatewayV2 => (Protocol::Rest, "apigateway", "ApiGatewayV2"),
        Service::S3 => (Protocol::RestXml, "s3", "S3"),
        Service::Tagging => (
            json(JSON_1_1, "ResourceGroupsTaggingAPI_20170126"),
            "tagging",
            "Resource Groups Tagging API",
        ),
        Service::CloudFormation => (query("2010-05-15", &[]), "cloudformation", "CloudFormation"),
        Service::CloudFront => (Protocol::RestXml, "cloudfront", "CloudFront"),
        Service::Backup => (Protocol::Rest, "backup", "Backup"),
        Service::Efs => (Protocol::Rest, "elasticfilesystem", "EFS"),
        Service::Rds => (query("2014-10-31", request::RDS_ENTRIES), "rds", "RDS"),
    };
    Wire {
        protocol,
        host,
        signing: host,
        id,
    }
}

/// Any operation of any of the services, in any region of an account.
#[derive(Debug, Clone)]
pub struct AwsCalls {
    config: SdkConfig,
    account: String,
}

impl AwsCalls {
    /// In this account.
    pub fn new(aws: &Aws, account: &str) -> Self {
        AwsCalls {
            config: aws.config().clone(),
            account: account.to_owned(),
        }
    }

    /// Makes a call of an operation that is named by type.
    pub(crate) async fn call_of<O: Operation>(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        let protocol = wire(O::SERVICE).protocol;
        let read = move |body: &[u8]| answer::parse(protocol, body).map_err(PortError::Unavailable);
        let answer = self.read_of::<O, Value>(region, input, read).await?;
        Ok(match request::answered(O::ADDRESS) {
            Some(member) => json!({ member: answer }),
            None => answer,
        })
    }

    /// The same where the answer is worth a reader of its own.
    pub(crate) async fn read_of<O: Operation, T: fmt::Debug + Send + Sync + 'static>(
        &self,
        region: &Region,
        input: Value,
        read: impl Fn(&[u8]) -> Result<T, PortError> + Send + Sync + 'static,
    ) -> Result<T, PortError> {
        let request = Request::new(wire(O::SERVICE).protocol, O::NAME, O::ADDRESS, input);
        self.send::<O, T>(region, request, read).await
    }

    /// The same where the input is written already, of a service that takes it as JSON.
    pub(crate) async fn send_of<O: Operation, T: fmt::Debug + Send + Sync + 'static>(
        &self,
        region: &Region,
        body: String,
        read: impl Fn(&[u8]) -> Result<T, PortError> + Send + Sync + 'static,
    ) -> Result<T, PortError> {
        let request = Request::written(wire(O::SERVICE).protocol, O::NAME, body);
        self.send::<O, T>(region, request, read).await
    }

    async fn send<O: Operation, T: fmt::Debug + Send + Sync + 'static>(
        &self,
        region: &Region,
        request: Result<Request, String>,
        read: impl Fn(&[u8]) -> Result<T, PortError> + Send + Sync + 'static,
    ) -> Result<T, PortError> {
        let wire = wire(O::SERVICE);
        let doing = format!("{} {} in {region}", wire.host, O::NAME);
        let request = request.map_err(|why| PortError::Invalid(format!("{doing}: {why}")))?;
        let operation = self.operation::<O, _>(wire, region, read);
        let answer = operation.invoke(request).await.map_err(|error| match O::EFFECT {
            Effect::Creates => port_error_of_create(&error, &doing),
            Effect::Reads | Effect::Changes | Effect::Adds => port_error(&error, &doing),
        })?;
        answer.map_err(|error| error.doing(&doing))
    }

    fn operation<O: Operation, T: fmt::Debug + Send + Sync + 'static>(
        &self,
        wire: Wire,
        region: &Region,
        read: impl Fn(&[u8]) -> T + Send + Sync + 'static,
    ) -> SdkOperation<Request, T, Refusal> {
        let config = &self.config;
        let mut builder = SdkOperation::builder()
            .service_name(wire.id)
            .operation_name(O::NAME)
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint(wire, region))
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .with_connection_poisoning()
            .runtime_plugin(self.signing(wire, region));
        if let Some(client) = config.http_client() {
            builder = builder.http_client(client);
        }
        let once = RetryConfig::disabled();
        let retry = match O::EFFECT {
            Effect::Adds => Some(&once),
            Effect::Reads | Effect::Creates | Effect::Changes => config.retry_config(),
        };
        if let Some(retry) = retry {
            builder = builder.standard_retry(retry);
        }
        if let Some(timeouts) = config.timeout_config() {
            builder = builder.timeout_config(timeouts.clone());
        }
        if let Some(sleep) = config.sleep_impl() {
            builder = builder.sleep_impl(sleep);
        }
        if let Some(time) = config.time_source() {
            builder = builder.time_source(time);
        }
        builder
            .serializer(|request: Request| http_request(&request))
            .deserializer(move |response| answer::body(wire.protocol, response).map(&read))
            .build()
    }

    fn signing(&self, wire: Wire, region: &Region) -> StaticRuntimePlugin {
        let region = match wire.host {
            // These have one endpoint for a whole partition.
            "cloudfront" | "iam" => Region::global(region.partition()),
            _ => region.clone(),
        };
        let mut options = SigningOptions::default();
        // S3 signs paths as they are, and the hash of the body in a header.
        let is_s3 = wire.host == "s3";
        options.double_uri_encode = !is_s3;
        options.normalize_uri_path = !is_s3;
        options.content_sha256_header = is_s3;
        let mut layer = Layer::new("signing");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SdkRegion::new(region.as_str().to_owned()).into()),
            name: Some(SigningName::from(wire.signing)),
            signing_options: options,
            ..SigV4OperationSigningConfig::default()
        });
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signing")
            .with_auth_scheme(SigV4AuthScheme::new())
            .with_auth_scheme_option_resolver(Some(schemes));
        if let Some(cache) = self.config.identity_cache() {
            components = components.with_identity_cache(Some(cache));
        }
        if let Some(credentials) = self.config.credentials_provider() {
            components = components.with_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
        }
        StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components)
    }

    /// The service's own endpoint where one is configured, then the common one, then AWS's.
    fn endpoint(&self, wire: Wire, region: &Region) -> String {
        let own = ServiceConfigKey::builder()
            .service_id(wire.id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let configured = self.config.service_config().zip(own.ok());
        if let Some(url) = configured.and_then(|(config, key)| config.load_config(key)) {
            return url;
        }
        match self.config.endpoint_url() {
            Some(url) => url.to_owned(),
            None => aws_endpoint(wire.host, region),
        }
    }
}

fn aws_endpoint(host: &str, region: &Region) -> String {
    let suffix = match region.partition() {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    match (host, region.partition()) {
        ("cloudfront" | "iam", "aws") => format!("https://{host}.{suffix}"),
        ("iam", "aws-us-gov") => format!("https://iam.us-gov.{suffix}"),
        ("iam", partition) => format!("https://iam.{}.{suffix}", Region::global(partition)),
        _ => format!("https://{host}.{region}.{suffix}"),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn http_request(request: &Request) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request.body.clone()));
    http.set_method(request.method)?;
    http.set_uri(request.target.as_str())?;
    let headers = http.headers_mut();
    for (name, value) in &request.headers {
        headers.try_insert(*name, value.clone())?;
    }
    headers.try_insert("user-agent", concat!("holdfast/", env!("CARGO_PKG_VERSION")))?;
    headers.try_insert("content-length", request.body.len().to_string())?;
    Ok(http)
}

impl<O: Operation> Call<O> for AwsCalls {
    async fn call(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        self.call_of::<O>(region, input).await
    }
}

/// The longest subject that an e-mail of SNS may have.
const SUBJECT_CHARS: usize = 100;

impl TellPeople for AwsCalls {
    async fn tell(&self, topic: &Arn, subject: &str, message: &str) -> Result<(), PortError> {
        let region = topic.region().parse::<Region>();
        let region = region.map_err(|error| PortError::Invalid(format!("{topic}: {error}")))?;
        let is_printable = |c: &char| c.is_ascii_graphic() || *c == ' ';
        let subject: String = subject.chars().filter(is_printable).take(SUBJECT_CHARS).collect();
        let input = json!({ "TopicArn": topic, "Subject": subject, "Message": message });
        self.call_of::<sns::Publish>(&region, input).await.map(|_| ())
    }
}

impl InAccount for AwsCalls {
    fn account(&self) -> &str {
        &self.account
    }
}
