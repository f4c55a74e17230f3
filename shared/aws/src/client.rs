//! The clients: one configuration, made once in init; a client a service and region, made when first needed.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region as SdkRegion, SdkConfig};
use aws_sdk_s3::config::SharedAsyncSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use holdfast_catalog::Region;

/// Ring and not aws-lc, which gathers CPU-jitter entropy at its first handshake: over 30 ms of every cold start. Ring does not, is
/// smaller, and builds for another target with no more than a C compiler.
const TLS: Provider = Provider::Rustls(CryptoMode::Ring);

/// Tries a call gets in all, the first one included. The SDK backs off with jitter between them and stops early when its retry
/// budget (shared by a client's calls) is used up. This is the only retry layer under the ports; what still fails after it is
/// worth telling.
const MAX_ATTEMPTS: u32 = 5;

/// How long the TCP and TLS handshakes may take: a region on the other side of the world needs under a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long a try may take from its first byte out to the answer's first byte in. The slowest of our calls are a server-side
/// copy and the upload of the largest code archive (250 MB, four seconds at a function's 600 Mbit/s).
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a whole try may take, connecting and reading included, so that a try that hangs costs a small part of the 900 s that
/// a function may run.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(75);

/// The way to AWS: made once in init and cheap to clone; clients of one `Aws` share connections and credentials.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
}

impl Aws {
    /// With region, credentials and endpoint (`AWS_ENDPOINT_URL`, and those of single services) from the environment, as the
    /// SDK reads them. Makes no call in a Lambda function.
    pub async fn from_env() -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https())
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .timeout_config(timeouts())
            .load()
            .await;
        Aws { config }
    }

    /// With a configuration made elsewhere.
    pub fn with_config(config: SdkConfig) -> Self {
        Aws { config }
    }

    /// The region that the environment names; `None` outside of Lambda when nothing names one.
    pub fn region(&self) -> Option<Region> {
        self.config.region().and_then(|region| region.as_ref().parse().ok())
    }

    /// A client of S3 in a region.
    pub fn s3(&self, region: &Region) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .region(sdk(region))
            // An endpoint of one's own has no DNS name a bucket. (The SDK sees to addresses itself; this is for host names.)
            .force_path_style(self.config.endpoint_url().is_some());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// A client of DynamoDB in a region.
    pub fn dynamodb(&self, region: &Region) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config).region(sdk(region));
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of Lambda in a region.
    pub fn lambda(&self, region: &Region) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(&self.config).region(sdk(region));
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// A client of KMS in a region.
    pub fn kms(&self, region: &Region) -> aws_sdk_kms::Client {
        let config = aws_sdk_kms::config::Builder::from(&self.config).region(sdk(region));
        aws_sdk_kms::Client::from_conf(config.build())
    }

    /// A client of SQS in a region.
    pub fn sqs(&self, region: &Region) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config).region(sdk(region));
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    /// A client of EventBridge in a region.
    pub fn eventbridge(&self, region: &Region) -> aws_sdk_eventbridge::Client {
        let config = aws_sdk_eventbridge::config::Builder::from(&self.config).region(sdk(region));
        aws_sdk_eventbridge::Client::from_conf(config.build())
    }

    /// A client of the Resource Groups Tagging API in a region.
    pub fn tagging(&self, region: &Region) -> aws_sdk_resourcegroupstagging::Client {
        let config = aws_sdk_resourcegroupstagging::config::Builder::from(&self.config).region(sdk(region));
        aws_sdk_resourcegroupstagging::Client::from_conf(config.build())
    }

    /// What all clients are made from.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// A connection to anywhere, for requests that the SDK does not make.
    pub(crate) fn connector(&self) -> SharedHttpConnector {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .tls_provider(TLS)
            .build();
        SharedHttpConnector::new(connector)
    }

    /// The SDK's timer.
    pub(crate) fn timer(&self) -> Option<SharedAsyncSleep> {
        self.config.sleep_impl()
    }
}

fn sdk(region: &Region) -> SdkRegion {
    SdkRegion::new(region.as_str().to_owned())
}

pub(crate) fn https() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(TLS).build_https()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build()
}
