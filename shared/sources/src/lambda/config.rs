use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use holdfast_catalog::{CatalogError, Sha256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Beside, ByQualifier, EdgeAssociation, Environment, Layer, Settings};

/// The name of the unpublished version.
pub(super) const LATEST: &str = "$LATEST";

/// Everything that a function is besides the bytes of its code: the configuration document of a recovery point.
///
/// Serialised with sorted keys and lists, so that an unchanged function has an unchanged document. It holds environment
/// variables in clear: store it encrypted, and show only [`FunctionConfig::redacted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionConfig {
    /// `$LATEST`.
    pub latest: Release,
    /// The published versions that something uses: an alias, an event source mapping, a distribution, or a configuration of
    /// their own; by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<u64, Release>,
    /// Aliases by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Alias>,
    /// Reserved concurrency, where set; 0 means that the function is switched off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_concurrency: Option<i32>,
    /// Who may invoke it, statement by statement, in order of qualifier and statement id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<Statement>,
    /// What polls on its behalf, in order of source and qualifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_sources: Vec<EventSource>,
    /// What the service keeps beside it: function URLs, asynchronous invocation, provisioned concurrency and the like.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beside: BTreeMap<Beside, ByQualifier>,
    /// The layers that it uses, by the ARN of their version, as far as they could be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub layers: BTreeMap<String, Layer>,
    /// Where CloudFront runs it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edge: Vec<EdgeAssociation>,
    /// Tags, without those that AWS reserves (`aws:`) and without the mark of a restore.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Settings that could not be read and so are missing here, as AWS names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// What AWS chose and a restore cannot choose again.
    #[serde(default, skip_serializing_if = "Observed::is_empty")]
    pub observed: Observed,
}

/// What AWS chose about a function and a restore cannot choose again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The addresses of function URLs, by alias; `$LATEST` for the function's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub urls: BTreeMap<String, String>,
}

impl Observed {
    fn is_empty(&self) -> bool {
        self.urls.is_empty()
    }
}

/// `$LATEST` or a published version: code with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// What is run.
    pub package: Package,
    /// How it is run.
    pub settings: Settings,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Package {
    /// A zip archive, stored as a blob.
    Zip {
        /// SHA-256 of the archive.
        sha256: Sha256,
        /// Its length.
        bytes: u64,
    },
    /// A container image: only named here, not stored.
    Image {
        /// The URI that the function was given.
        uri: String,
        /// The same with the digest that it stood for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resolved_uri: Option<String>,
    },
}

/// A name for a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// The version's number, or `$LATEST`.
    pub version: String,
    /// What a person wrote about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Which share of invocations goes to another version instead, from 0 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<u64, f64>,
}

/// A statement of the resource policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The alias or version that it is about; none when it is about the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// The statement's id.
    pub sid: String,
    /// The rest as the service gave it, keys sorted; without `Resource` where that is the function itself.
    pub body: Map<String, Value>,
}

/// A mapping that polls a source and invokes the function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventSource {
    /// The queue, stream or cluster; none where it is not an AWS resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_arn: Option<String>,
    /// The alias or version that is invoked; none for the function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qualifier: Option<String>,
    /// Whether it polls.
    pub enabled: bool,
    /// Batch size, window, filters, starting position and the like, under the names of CreateEventSourceMapping.
    pub settings: BTreeMap<String, Value>,
    /// The mapping's own tags, without those that AWS reserves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl FunctionConfig {
    /// The document as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and maps with string or integer keys: none of serde_json's errors can happen.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a stored document.
    ///
    /// # Errors
    /// The bytes are no such document. The message says where, never what stands there: it may be a secret.
    pub fn read(bytes: &[u8]) -> Result<Self, CatalogError> {
        serde_json::from_slice(bytes).map_err(|e| CatalogError::Damaged {
            what: "function configuration",
            why: format!("{:?} error at line {} column {}", e.classify(), e.line(), e.column()),
        })
    }

    /// The same for people to read: names of environment variables without their values.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut shown = self.clone();
        for release in std::iter::once(&mut shown.latest).chain(shown.versions.values_mut()) {
            release.settings.environment = release.settings.environment.as_ref().map(Environment::redacted);
        }
        shown
    }

    /// `$LATEST` and the published versions.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        std::iter::once(&self.latest).chain(self.versions.values())
    }

    /// The numbers of the versions that something uses.
    pub fn used_versions(&self) -> BTreeSet<u64> {
        let aliases = self.aliases.values();
        let weighted = aliases.clone().flat_map(|alias| alias.weights.keys().copied());
        let named = aliases.filter_map(|alias| alias.version.parse().ok());
        let polled = self
            .event_sources
            .iter()
            .filter_map(|source| source.qualifier.as_deref()?.parse().ok());
        let beside = self.beside.values().flat_map(BTreeMap::keys);
        let beside = beside.filter_map(|qualifier| qualifier.parse().ok());
        let edge = self.edge.iter().map(|association| association.version);
        weighted.chain(named).chain(polled).chain(beside).chain(edge).collect()
    }
}

/// Puts statements, mappings and associations in their order.
pub(super) fn in_order(config: &mut FunctionConfig) {
    config.policy.sort_by_cached_key(|statement| {
        let body = serde_json::to_string(&statement.body).unwrap_or_default();
        (statement.qualifier.clone(), statement.sid.clone(), body)
    });
    config.event_sources.sort_by_cached_key(|source| {
        let settings = serde_json::to_string(&source.settings).unwrap_or_default();
        (source.source_arn.clone(), source.qualifier.clone(), settings)
    });
    config.edge.sort();
}

impl Package {
    /// Whether both run the same code. Images are compared by digest where both have one.
    pub fn same_code(&self, other: &Package) -> bool {
        match (self, other) {
            (Package::Zip { sha256: left, .. }, Package::Zip { sha256: right, .. }) => left == right,
            (Package::Image { .. }, Package::Image { .. }) => self.image() == other.image(),
            _ => false,
        }
    }

    /// The image to run, pinned to its digest where that is known.
    pub fn image(&self) -> Option<&str> {
        match self {
            Package::Zip { .. } => None,
            Package::Image { uri, resolved_uri } => Some(resolved_uri.as_deref().unwrap_or(uri)),
        }
    }
}

impl EventSource {
    /// Whether two mappings connect the same source with the same target. The service allows one of each.
    pub fn same_connection(&self, other: &EventSource) -> bool {
        const IDENTIFYING: [&str; 4] = [
            "DocumentDBEventSourceConfig",
            "Queues",
            "SelfManagedEventSource",
            "Topics",
        ];
        self.source_arn == other.source_arn
            && self.qualifier == other.qualifier
            && IDENTIFYING
                .iter()
                .all(|name| self.settings.get(*name) == other.settings.get(*name))
    }

    /// A name for reports: the source's ARN, or what there is instead.
    pub fn label(&self) -> &str {
        self.source_arn.as_deref().unwrap_or("self-managed source")
    }
}

/// The hash in Lambda's `CodeSha256`: base64 of the 32 bytes. `None` when it is something else, such as an image's digest.
pub fn sha256_of_base64(text: &str) -> Option<Sha256> {
    let bytes = BASE64.decode(text).ok()?;
    Some(Sha256::from_bytes(bytes.try_into().ok()?))
}

/// A JSON value with the keys of its objects sorted at every depth, whatever map serde_json was built with.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(sorted_map(map)),
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        plain => plain,
    }
}

pub(super) fn sorted_map(map: Map<String, Value>) -> Map<String, Value> {
    let ordered: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
    ordered.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_hash_is_read_from_base64() {
        let text = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
        assert_eq!(sha256_of_base64(text), Some(Sha256::of(b"abc")));
        assert_eq!(sha256_of_base64("sha256:abc"), None);
        assert_eq!(sha256_of_base64("YWJj"), None);
    }

    #[test]
    fn a_damaged_document_is_reported_without_its_contents() {
        let error = FunctionConfig::read(br#"{"latest":"s3cr3t"}"#).unwrap_err().to_string();
        assert!(error.contains("damaged") && !error.contains("s3cr3t"), "{error}");
    }
}
