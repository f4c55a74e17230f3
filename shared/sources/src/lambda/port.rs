//! What Holdfast asks of Lambda.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use bytes::Bytes;
use holdfast_catalog::{Arn, Sha256};
use holdfast_vault::PortError;

use super::{Alias, EventSource, Permission, Release, Settings};

/// Reading a function's configuration.
pub trait ReadFunction: Send + Sync {
    /// The IAM actions behind this trait. `kms:Decrypt` is for environments under a customer's key.
    const ACTIONS: &'static [&'static str] = &[
        "lambda:GetFunction",
        "lambda:ListTags",
        "lambda:ListAliases",
        "lambda:GetPolicy",
        "lambda:ListEventSourceMappings",
        "kms:Decrypt",
    ];

    /// `$LATEST`, or the version or alias that `qualifier` names.
    ///
    /// # Errors
    /// `NotFound` when there is none. A refused detail (environment, tags) is not an error: it is in `unreadable`.
    fn read_release(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> impl Future<Output = Result<ReleaseReading, PortError>> + Send;

    /// All aliases by name.
    ///
    /// # Errors
    /// `NotFound` when there is no such function.
    fn aliases(&self, function: &str) -> impl Future<Output = Result<BTreeMap<String, Alias>, PortError>> + Send;

    /// The resource policy of the function or of one alias or version, as JSON text; `None` when it has none.
    ///
    /// # Errors
    /// Those of the service.
    fn policy(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> impl Future<Output = Result<Option<String>, PortError>> + Send;

    /// All event source mappings of the function, of its aliases and of its versions, but those that are being removed.
    ///
    /// # Errors
    /// Those of the service.
    fn event_sources(&self, function: &str) -> impl Future<Output = Result<Vec<EventSourceReading>, PortError>> + Send;
}

/// `$LATEST` or a published version as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseReading {
    /// The function's ARN, without a qualifier.
    pub arn: Arn,
    /// Code and settings.
    pub release: Release,
    /// All tags of the function.
    pub tags: BTreeMap<String, String>,
    /// Reserved concurrency, where set.
    pub reserved_concurrency: Option<i32>,
    /// Whether it can be used and changed.
    pub state: FunctionState,
    /// The revision, for a change that must not overtake somebody else's.
    pub revision: Option<String>,
    /// Settings that could not be read.
    pub unreadable: Vec<Unreadable>,
}

/// A setting that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The setting, as AWS names it.
    pub setting: String,
    /// Why.
    pub why: String,
}

/// Whether a function or version can be used and changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FunctionState {
    /// It can (also when it is idle and would need a moment).
    Ready,
    /// It is being made or changed: wait.
    Busy,
    /// Making or changing it failed, for this reason.
    Failed(String),
}

/// An event source mapping as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSourceReading {
    /// The mapping's UUID.
    pub id: String,
    /// The mapping.
    pub source: EventSource,
    /// What could not be read of it.
    pub unreadable: Vec<Unreadable>,
}

/// Downloading a function's code.
pub trait FetchCode: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["lambda:GetFunction"];

    /// The archive of `$LATEST` or of a published version. The service's link lives for ten minutes, so it is asked for and
    /// used in one go.
    ///
    /// # Errors
    /// `Invalid` when the archive is longer than `max_bytes`; `NotFound` when there is no such function or version.
    fn fetch_code(
        &self,
        function: &str,
        qualifier: Option<&str>,
        max_bytes: u64,
    ) -> impl Future<Output = Result<Bytes, PortError>> + Send;
}

/// Downloading a layer's content.
pub trait FetchLayer: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["lambda:GetLayerVersion"];

    /// The archive of a layer's version. The service's link lives for ten minutes, so it is asked for and used in one go.
    ///
    /// # Errors
    /// `Invalid` when the archive is longer than `max_bytes`; `NotFound` when there is no such version any more; `Denied` when
    /// its owner does not let it be read.
    fn fetch_layer(&self, arn: &str, max_bytes: u64) -> impl Future<Output = Result<Bytes, PortError>> + Send;
}

/// Code to give to a function.
#[derive(Clone, PartialEq, Eq)]
pub enum Code {
    /// A zip archive sent along; the service takes at most [`MAX_DIRECT_UPLOAD_BYTES`].
    Bytes(Bytes),
    /// A zip archive in a bucket of the function's region.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
    /// A container image in a registry of the function's region.
    Image(String),
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Code::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Code::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Code::Image(uri) => write!(f, "image {uri}"),
        }
    }
}

/// How large an archive may be that is sent along with a call: Lambda's quota for direct uploads, 50 MB.
pub const MAX_DIRECT_UPLOAD_BYTES: u64 = 50 << 20;

/// Making a function.
pub trait CreateFunction: Send + Sync {
    /// The IAM actions behind this trait. The service uses the caller's rights to read code from the bucket, to look up
    /// layers and networks, and to hand the function its role and key.
    const ACTIONS: &'static [&'static str] = &[
        "lambda:CreateFunction",
        "lambda:TagResource",
        "lambda:GetLayerVersion",
        "iam:PassRole",
        "s3:GetObject",
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:CreateGrant",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ];

    /// Asks for a new function. Does not wait until it is ready.
    ///
    /// # Errors
    /// `AlreadyExists` when there is a function of that name: nothing was changed.
    fn create_function(&self, new: NewFunction<'_>) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Sets one tag.
    ///
    /// # Errors
    /// `NotFound` when there is no such function.
    fn tag_function(
        &self,
        function: &Arn,
        key: &str,
        value: &str,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A function to make.
#[derive(Debug, Clone)]
pub struct NewFunction<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its code.
    pub code: Code,
    /// How it is run.
    pub settings: &'a Settings,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
}

/// Changing `$LATEST` and publishing it as a version. Every change is refused with `Conflict` while another is under way, and
/// when the function is no longer at the revision that the caller read.
pub trait PublishVersions: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateFunctionCode",
        "lambda:PublishVersion",
        "lambda:ListVersionsByFunction",
    ];

    /// Gives `$LATEST` the settings `to` where they differ from `from`, which are those that it has. Does not wait.
    ///
    /// # Errors
    /// `Conflict`: read the function again, then retry.
    fn update_settings(
        &self,
        function: &str,
        revision: Option<&str>,
        from: &Settings,
        to: &Settings,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Gives `$LATEST` other code. Does not wait.
    ///
    /// # Errors
    /// `Conflict`: read the function again, then retry.
    fn update_code(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Code,
        architectures: &[String],
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Publishes `$LATEST` as it was read, provided that its code has the given hash, and gives the version's number: that of
    /// the version before if nothing was changed since.
    ///
    /// # Errors
    /// `Conflict`: read the function again, then retry; `Invalid` when its code is another.
    fn publish_version(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Option<&Sha256>,
    ) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// The numbers of all published versions, ascending.
    ///
    /// # Errors
    /// `NotFound` when there is no such function.
    fn published_versions(&self, function: &str) -> impl Future<Output = Result<Vec<u64>, PortError>> + Send;
}

/// Putting back what stands around a function. Nothing here replaces what is there.
pub trait WireFunction: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "lambda:CreateAlias",
        "lambda:AddPermission",
        "lambda:PutFunctionConcurrency",
        "lambda:CreateEventSourceMapping",
        "lambda:TagResource",
    ];

    /// Makes an alias.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that name.
    fn create_alias(
        &self,
        function: &str,
        name: &str,
        alias: &Alias,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Adds a statement to the resource policy.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of that id.
    fn add_permission(
        &self,
        function: &str,
        permission: &Permission,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Sets reserved concurrency.
    ///
    /// # Errors
    /// `Invalid` when the account has not that much left.
    fn put_concurrency(&self, function: &str, reserved: i32) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Makes an event source mapping and gives its UUID.
    ///
    /// # Errors
    /// `AlreadyExists` when the source and the function are connected already.
    fn create_event_source(
        &self,
        function: &str,
        source: &EventSource,
    ) -> impl Future<Output = Result<String, PortError>> + Send;
}
