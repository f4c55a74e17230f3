use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Environment;

/// The settings that each published version keeps for itself: everything but code, tags and triggers.
///
/// What the service fills in when nobody asked (no tracing, the default log group) is left out or spelt in one way, so that
/// equal functions have equal settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What a person wrote about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The runtime, for example `provided.al2023`; none for a container image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The entry point; none for a container image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// The ARN of the execution role.
    pub role: String,
    /// How long an invocation may take.
    pub timeout_seconds: i32,
    /// Memory, which also sets the share of CPU.
    pub memory_mb: i32,
    /// `x86_64` or `arm64`.
    pub architectures: Vec<String>,
    /// The size of `/tmp`.
    pub ephemeral_storage_mb: i32,
    /// Environment variables; `None` when they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// ARNs of layer versions, in the order in which they are laid over each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// The network that it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<Vpc>,
    /// Where events go that an asynchronous invocation could not process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_target: Option<String>,
    /// X-Ray tracing: `Active` or `PassThrough`.
    pub tracing: String,
    /// Where and how it logs.
    #[serde(default)]
    pub logging: Logging,
    /// Snapshots of initialised environments.
    #[serde(default)]
    pub snap_start: SnapStart,
    /// File systems, in order of path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub file_systems: Vec<FileSystem>,
    /// The customer's KMS key for environment and snapshots, where one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// What is run in a container image instead of what it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_overrides: Option<ImageOverrides>,
    /// Durable execution, where enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durable: Option<DurableSettings>,
    /// How tenants are kept apart (`PER_TENANT`), where they are. Only settable at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_isolation: Option<String>,
    /// The capacity provider, where it runs on managed instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_provider: Option<CapacityProvider>,
}

/// A network attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Subnets, sorted.
    pub subnets: Vec<String>,
    /// Security groups, sorted.
    pub security_groups: Vec<String>,
    /// Whether it may use IPv6 in dual-stack subnets.
    #[serde(default)]
    pub ipv6: bool,
}

/// Where and how a function logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// `Text` or `JSON`.
    pub format: String,
    /// The least level of the application's own lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_level: Option<String>,
    /// The least level of the service's lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_level: Option<String>,
    /// The log group, where it is not the function's own `/aws/lambda/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Default for Logging {
    fn default() -> Self {
        Logging {
            format: "Text".to_owned(),
            application_level: None,
            system_level: None,
            group: None,
        }
    }
}

/// Snapshots of initialised environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapStart {
    /// None.
    #[default]
    Off,
    /// One for each published version.
    PublishedVersions,
}

/// A file system that a function mounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileSystem {
    /// The path in the function.
    pub path: String,
    /// The access point's or bucket's ARN.
    pub arn: String,
}

/// What is run in a container image instead of what it names itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImageOverrides {
    /// The entry point.
    pub entry_point: Vec<String>,
    /// Its arguments.
    pub command: Vec<String>,
    /// The working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

/// Durable execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurableSettings {
    /// How long histories are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i32>,
    /// How long an execution may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_timeout_seconds: Option<i32>,
    /// The customer's KMS key for its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// The managed instances that a function runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityProvider {
    /// The capacity provider's ARN.
    pub arn: String,
    /// Invocations at once in one environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_per_environment: Option<i32>,
    /// GiB of memory for each vCPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_gib_per_vcpu: Option<f64>,
}

impl Settings {
    /// The names of the settings in which two differ; never their values.
    pub fn differences(&self, other: &Settings) -> Vec<String> {
        let (Ok(Value::Object(left)), Ok(Value::Object(right))) =
            (serde_json::to_value(self), serde_json::to_value(other))
        else {
            // Settings serialise to an object, so this is not reached; to say "all" is the safe answer.
            return vec!["settings".to_owned()];
        };
        let names: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
        names
            .into_iter()
            .filter(|name| left.get(*name) != right.get(*name))
            .cloned()
            .collect()
    }
}
