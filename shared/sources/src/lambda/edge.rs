//! Lambda@Edge: which CloudFront distributions run a version of a function, and where.

use std::collections::BTreeSet;

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use holdfast_vault::{PortError, ports};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::call::cloudfront::ListDistributions;
use crate::call::functions::ListVersionsByFunction;
use crate::wiring::at::At;

ports! {
    /// Reading which distributions run a function.
    pub trait ReadEdge: Call<ListDistributions>, Call<ListVersionsByFunction>
}

/// The region of every function that runs at the edge; what is found elsewhere are its replicas.
pub const EDGE_REGION: &str = "us-east-1";

/// Where a distribution runs a version of a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeAssociation {
    /// The distribution's id.
    pub distribution: String,
    /// The path pattern of the cache behaviour; none for the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_pattern: Option<String>,
    /// `viewer-request`, `origin-request`, `origin-response` or `viewer-response`.
    pub event_type: String,
    /// The version's number.
    pub version: u64,
    /// Whether it is given the request's body.
    #[serde(default)]
    pub include_body: bool,
}

impl EdgeAssociation {
    /// A name for reports.
    pub(super) fn label(&self) -> String {
        let path = self.path_pattern.as_deref().unwrap_or("the default behaviour");
        format!(
            "LambdaFunctionAssociation {} of {path} in {}",
            self.event_type, self.distribution
        )
    }

    /// How a person gives a distribution another version. CloudFront takes a configuration only as a whole.
    pub(super) fn command(&self, arn: &Arn, version: u64) -> String {
        let EdgeAssociation {
            distribution: id,
            event_type,
            ..
        } = self;
        let behaviour = match &self.path_pattern {
            None => ".DefaultCacheBehavior".to_owned(),
            Some(path) => format!(".CacheBehaviors.Items[] | select(.PathPattern == {})", json!(path)),
        };
        let set = format!(
            "({behaviour} | .LambdaFunctionAssociations) |= (.Items |= [(. // [])[] | select(.EventType != \"{event_type}\")] + \
             [{{\"LambdaFunctionARN\": \"{arn}:{version}\", \"EventType\": \"{event_type}\", \"IncludeBody\": {}}}] | \
             .Quantity = (.Items | length))",
            self.include_body
        );
        format!(
            "aws cloudfront get-distribution-config --id {id} > {id}.json; jq '.DistributionConfig | {set}' {id}.json > \
             {id}-new.json; aws cloudfront update-distribution --id {id} --if-match \"$(jq -r .ETag {id}.json)\" \
             --distribution-config file://{id}-new.json"
        )
    }
}

/// Distributions a page; the service's maximum.
const PAGE: &str = "100";

/// All places at which distributions run a function, in order. Only a function in [`EDGE_REGION`] with a published version can
/// have any: for others no distribution is listed.
///
/// # Errors
/// Those of the services.
pub(super) async fn associations<P: ReadEdge>(
    port: &P,
    function: &Arn,
    name: &str,
) -> Result<Vec<EdgeAssociation>, PortError> {
    if function.region() != EDGE_REGION || function.partition() != "aws" {
        return Ok(Vec::new());
    }
    let region: Region = function
        .region()
        .parse()
        .map_err(|error| PortError::Invalid(format!("{function}: {error}")))?;
    let (kind, name) = (Kind::LambdaFunction, name.to_owned());
    let id = ResourceId { kind, region, name };
    let at = At { port, id: &id };
    // The first of all versions is $LATEST, so that a second one tells.
    let input = json!({ "FunctionName": id.name, "MaxItems": 2 });
    let versions = at.ask::<ListVersionsByFunction>(input).await?;
    if versions
        .get("Versions")
        .and_then(Value::as_array)
        .is_none_or(|versions| versions.len() < 2)
    {
        return Ok(Vec::new());
    }
    let listing = json!({ "MaxItems": PAGE });
    let mut found = BTreeSet::new();
    let mut marker = Value::Null;
    loop {
        let mut input = listing.clone();
        input["Marker"] = marker;
        let page = at.ask::<ListDistributions>(input).await?;
        for distribution in items(&page, "DistributionSummary") {
            found.extend(of_distribution(distribution, function));
        }
        marker = page.get("NextMarker").cloned().unwrap_or_default();
        if marker.as_str().is_none_or(str::is_empty) {
            return Ok(found.into_iter().collect());
        }
    }
}

fn of_distribution(distribution: &Value, function: &Arn) -> Vec<EdgeAssociation> {
    let id = distribution.get("Id").and_then(Value::as_str).unwrap_or_default();
    let behaviours = distribution.get("CacheBehaviors").into_iter();
    let behaviours = behaviours.flat_map(|behaviours| items(behaviours, "CacheBehavior"));
    let mut found = Vec::new();
    for behaviour in distribution.get("DefaultCacheBehavior").into_iter().chain(behaviours) {
        let associations = behaviour.get("LambdaFunctionAssociations").into_iter();
        for association in associations.flat_map(|list| items(list, "LambdaFunctionAssociation")) {
            let text = |name: &str| association.get(name).and_then(Value::as_str);
            let version = text("LambdaFunctionARN").and_then(|arn| arn.strip_prefix(function.as_str()));
            let version = version.and_then(|rest| rest.strip_prefix(':')?.parse().ok());
            if let (Some(version), Some(event_type)) = (version, text("EventType")) {
                found.push(EdgeAssociation {
                    distribution: id.to_owned(),
                    path_pattern: behaviour.get("PathPattern").and_then(Value::as_str).map(str::to_owned),
                    event_type: event_type.to_owned(),
                    version,
                    include_body: text("IncludeBody") == Some("true"),
                });
            }
        }
    }
    found
}

/// The elements of one of CloudFront's lists.
fn items<'a>(list: &'a Value, of: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let items = list
        .get("Items")
        .and_then(|items| items.get(of))
        .and_then(Value::as_array);
    items.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_tells_where_it_runs_which_version() {
        let arn = |name: &str| format!("arn:aws:lambda:us-east-1:111122223333:function:{name}");
        let association = |name: &str, event: &str| {
            json!({"Quantity": "1", "Items": {"LambdaFunctionAssociation": [
                {"LambdaFunctionARN": arn(name), "EventType": event, "IncludeBody": "true"}
            ]}})
        };
        let distribution = json!({
            "Id": "E1",
            "DefaultCacheBehavior": {"LambdaFunctionAssociations": association("edge:3", "origin-request")},
            "CacheBehaviors": {"Items": {"CacheBehavior": [
                {"PathPattern": "images/*", "LambdaFunctionAssociations": association("edge:2", "viewer-response")},
                {"PathPattern": "other/*", "LambdaFunctionAssociations": association("edge-too:1", "viewer-request")},
                {"PathPattern": "none/*", "LambdaFunctionAssociations": {"Quantity": "0"}},
            ]}},
        });
        let found = of_distribution(&distribution, &arn("edge").parse().unwrap());
        let shown: Vec<_> = found
            .iter()
            .map(|one| (one.path_pattern.as_deref(), one.event_type.as_str(), one.version))
            .collect();
        assert_eq!(
            shown,
            [(None, "origin-request", 3), (Some("images/*"), "viewer-response", 2)]
        );
        assert!(found.iter().all(|one| one.include_body && one.distribution == "E1"));
    }
}
