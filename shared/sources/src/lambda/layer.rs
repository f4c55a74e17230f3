//! Layers: a function names a layer's version by its ARN, and its content is stored with the function.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use holdfast_catalog::{Kind, Region, ResourceId, Sha256};
use holdfast_vault::{PortError, ports};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{FunctionConfig, sha256_of_base64};
use crate::call::Call;
use crate::call::functions::{GetLayerVersionByArn, ListLayerVersions, PublishLayerVersion};
use crate::wiring::at::At;

ports! {
    /// Reading a layer's version.
    pub trait ReadLayers: Call<GetLayerVersionByArn>
}

ports! {
    /// Publishing a layer's content again.
    pub trait MakeLayers: Call<GetLayerVersionByArn>, Call<ListLayerVersions>, Call<PublishLayerVersion>
}

/// A layer's version: its content is a blob.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// SHA-256 of its archive.
    pub sha256: Sha256,
    /// The archive's length.
    pub bytes: u64,
    /// Description, licence, compatible runtimes and architectures, under the names of PublishLayerVersion.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Value>,
}

/// What a layer's version is told with and can be published with.
const SETTINGS: [&str; 4] = [
    "CompatibleArchitectures",
    "CompatibleRuntimes",
    "Description",
    "LicenseInfo",
];

/// How many versions of a layer are compared with a content before it is published anew: the newest page, which holds what an
/// earlier try has published.
const VERSIONS_LOOKED_AT: u32 = 50;

/// Whose call it is, for messages.
fn place(region: &Region, name: &str) -> ResourceId {
    ResourceId {
        kind: Kind::LambdaFunction,
        region: region.clone(),
        name: name.to_owned(),
    }
}

/// Reads a layer's version.
///
/// # Errors
/// `NotFound` when it was deleted, also while functions go on using it; `Denied` when its owner does not let it be read.
pub(super) async fn read_layer<P: Call<GetLayerVersionByArn>>(
    port: &P,
    region: &Region,
    function: &str,
    arn: &str,
) -> Result<Layer, PortError> {
    let id = place(region, function);
    let at = At { port, id: &id };
    let answer = at.ask::<GetLayerVersionByArn>(json!({ "Arn": arn })).await?;
    let content = answer.get("Content").cloned().unwrap_or_default();
    let sha256 = content
        .get("CodeSha256")
        .and_then(Value::as_str)
        .and_then(sha256_of_base64);
    let sha256 = sha256.ok_or_else(|| PortError::Unavailable(format!("layer {arn}: the answer has no hash")))?;
    let is_said = |value: &&Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    let setting = |name: &str| Some((name.to_owned(), answer.get(name).filter(is_said)?.clone()));
    Ok(Layer {
        sha256,
        bytes: content.get("CodeSize").and_then(Value::as_u64).unwrap_or_default(),
        settings: SETTINGS.iter().filter_map(|name| setting(name)).collect(),
    })
}

/// Reads all layers that a function uses into its configuration; gives those that cannot be read, with the reason.
///
/// # Errors
/// Those that trying again may mend.
pub(super) async fn read_layers<P: ReadLayers>(
    port: &P,
    region: &Region,
    name: &str,
    config: &mut FunctionConfig,
) -> Result<BTreeMap<String, String>, PortError> {
    let used = config
        .releases()
        .flat_map(|release| release.settings.layers.iter().cloned());
    let used: BTreeSet<String> = used.collect();
    let mut unread = BTreeMap::new();
    for arn in used {
        match read_layer(port, region, name, &arn).await {
            Ok(layer) => _ = config.layers.insert(arn, layer),
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => _ = unread.insert(arn, error.to_string()),
        }
    }
    Ok(unread)
}

/// Where a layer's archive is taken from when it is published.
pub(super) enum Content {
    S3 { bucket: String, key: String },
    Archive(Bytes),
}

/// The version of a layer of this name that has this content and these settings, if one of the newest has.
pub(super) async fn find_layer<P: MakeLayers>(
    port: &P,
    region: &Region,
    name: &str,
    layer: &Layer,
) -> Result<Option<String>, PortError> {
    let id = place(region, name);
    let at = At { port, id: &id };
    let input = json!({ "LayerName": name, "MaxItems": VERSIONS_LOOKED_AT });
    let versions = match at.ask::<ListLayerVersions>(input).await {
        Ok(answer) => answer.get("LayerVersions").and_then(Value::as_array).cloned(),
        Err(PortError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    for version in versions.unwrap_or_default() {
        let Some(arn) = version.get("LayerVersionArn").and_then(Value::as_str) else {
            continue;
        };
        if read_layer(port, region, name, arn).await? == *layer {
            return Ok(Some(arn.to_owned()));
        }
    }
    Ok(None)
}

/// Publishes a layer's version and gives its ARN.
pub(super) async fn publish_layer<P: MakeLayers>(
    port: &P,
    region: &Region,
    name: &str,
    layer: &Layer,
    content: Content,
) -> Result<String, PortError> {
    let id = place(region, name);
    let at = At { port, id: &id };
    let mut input: Map<String, Value> = layer.settings.clone().into_iter().collect();
    input.insert("LayerName".to_owned(), json!(name));
    let content = match content {
        Content::S3 { bucket, key } => json!({ "S3Bucket": bucket, "S3Key": key }),
        Content::Archive(bytes) => json!({ "ZipFile": BASE64.encode(bytes) }),
    };
    input.insert("Content".to_owned(), content);
    let answer = at.ask::<PublishLayerVersion>(Value::Object(input)).await?;
    let arn = answer.get("LayerVersionArn").and_then(Value::as_str);
    arn.map(str::to_owned)
        .ok_or_else(|| PortError::Unavailable(format!("layer {name}: the answer has no ARN")))
}

/// A layer's name in its version's ARN: `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:7`.
pub(crate) fn layer_name(arn: &str) -> Option<&str> {
    let mut segments = arn.split(':').skip(5);
    (segments.next()? == "layer")
        .then(|| segments.next())
        .flatten()
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layers_name_is_in_its_arn() {
        assert_eq!(
            layer_name("arn:aws:lambda:eu-west-1:111122223333:layer:base:4"),
            Some("base")
        );
        assert_eq!(layer_name("arn:aws:lambda:eu-west-1:111122223333:function:bill"), None);
        assert_eq!(layer_name("base"), None);
    }
}
