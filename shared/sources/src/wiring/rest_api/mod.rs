//! API Gateway's REST APIs: settings, what each stage was deployed with, stages, usage plans with their keys, and where custom
//! domains lead to them.
//!
//! AWS names APIs itself, and two may have one name. A restore makes a new one with a new id and address, and knows its own again
//! by a tag. Where an API names itself (its policy, its address in a variable) the document says so without the id: an API that
//! comes back is equal to the one that was.

mod body;
mod canary;
mod make;
mod usage_plans;

use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::apis::{Sort, none_called_so, text};
use super::at::{At, Notes};
use super::document::{own_tags, parsed, sorted};
use super::{Document, Reading};
use crate::call::apigateway::{
    CreateApiKey, CreateBasePathMapping, CreateDeployment, CreateRestApi, CreateStage, CreateUsagePlan,
    CreateUsagePlanKey, GetApiKeys, GetAuthorizers, GetBasePathMappings, GetDeployments, GetDomainNames, GetExport,
    GetGatewayResponses, GetModels, GetRequestValidators, GetResources, GetRestApi, GetRestApis, GetStages,
    GetUsagePlanKeys, GetUsagePlans, PutRestApi, TagResource, UpdateRestApi, UpdateStage,
};
use crate::call::{Call, InAccount, Operation};
use body::{NO_VERSION, Parts};
pub(super) use make::make;

/// What belongs to an API and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "changes that were made after the last deployment and not deployed",
    "deployments that no stage uses, what only a canary release tries out, documentation versions, generated SDKs, logs and cached answers",
    "how much of a quota was used",
    "custom domain names, VPC links, client certificates and web ACLs, which it only names",
];

/// Members of an answer that are no settings of the API.
const OBSERVED: [&str; 8] = [
    "apiStatus",
    "apiStatusMessage",
    "createdDate",
    "id",
    "rootResourceId",
    "tags",
    "version",
    "warnings",
];

/// The same of a stage.
const OBSERVED_OF_STAGE: [&str; 7] = [
    "cacheClusterStatus",
    canary::SETTING,
    "createdDate",
    "deploymentId",
    "documentationVersion",
    "lastUpdatedDate",
    "tags",
];

/// Entries a page; the service's maximum.
const PAGE: u32 = 500;

/// How they are told.
const SORT: Sort = Sort {
    id: "id",
    path: "restapis",
};

/// Everything that an export can say.
const EXTENSIONS: &str = "integrations,authorizers,apigateway";

ports! {
    /// What listing APIs asks for.
    pub trait Lists: Call<GetRestApis>
}

ports! {
    /// What reading an API asks for.
    pub trait Reads: Call<GetRestApi>, Call<GetRestApis>, Call<GetStages>, Call<GetExport>, Call<GetResources>, Call<GetAuthorizers>, Call<GetModels>, Call<GetRequestValidators>, Call<GetGatewayResponses>, Call<GetUsagePlans>, Call<GetUsagePlanKeys>, Call<GetApiKeys>, Call<GetDomainNames>, Call<GetBasePathMappings>, InAccount
}

ports! {
    /// What making an API asks for.
    pub trait Makes: Call<CreateRestApi>, Call<PutRestApi>, Call<UpdateRestApi>, Call<GetDeployments>, Call<CreateDeployment>, Call<CreateStage>, Call<UpdateStage>, Call<CreateUsagePlan>, Call<CreateUsagePlanKey>, Call<CreateApiKey>, Call<CreateBasePathMapping>, Call<TagResource>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    SORT.arns(at, &apis(at).await?)
}

async fn apis<P: Call<GetRestApis>>(at: &At<'_, P>) -> Result<Vec<Value>, PortError> {
    all::<GetRestApis, P>(at, json!({})).await
}

/// The tags of all APIs by their ARNs.
pub(super) async fn tags<P: Lists>(at: &At<'_, P>) -> Result<BTreeMap<String, BTreeMap<String, String>>, PortError> {
    SORT.tags(at, &apis(at).await?)
}

/// All entries of one of the service's listings.
async fn all<O: Operation, P: Call<O>>(at: &At<'_, P>, mut input: Value) -> Result<Vec<Value>, PortError> {
    input["limit"] = Value::from(PAGE);
    at.pages::<O>(input, "item", "position", "position").await
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    read_api(at, &at.id.name).await
}

/// The API that a restore has made, or else the one that is called as it shall be.
pub(super) async fn find<P: Reads>(at: &At<'_, P>, wanted: &Document) -> Result<Reading, PortError> {
    let id = locate(at, wanted).await?.ok_or_else(|| none_called_so(at.id))?;
    read_api(at, &id).await
}

async fn locate<P: Call<GetRestApis>>(at: &At<'_, P>, wanted: &Document) -> Result<Option<String>, PortError> {
    Ok(SORT.meant(at, &apis(at).await?, wanted))
}

async fn read_api<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Reading, PortError> {
    let answer = at.ask::<GetRestApi>(json!({ "restApiId": id })).await?;
    let mut notes = Notes::default();
    let mut config = settings(&answer);
    let parts = parts(at, id).await?;
    let stages = at.ask::<GetStages>(json!({ "restApiId": id })).await?;
    let stages = stages
        .get("item")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let deployed = stages_and_bodies(at, id, stages, &parts, &mut notes).await;
    if let Some((stages, bodies)) = notes.detail("deployments", deployed)? {
        if stages.is_empty() {
            let input = json!({ "restApiId": id, "embed": "methods" });
            let resources = all::<GetResources, P>(at, input).await;
            if let Some(resources) = notes.detail("body", resources)? {
                config.insert("body".to_owned(), body::drawn(&resources, &parts));
            }
        } else {
            config.insert("deployments".to_owned(), Value::from(bodies));
            config.insert("stages".to_owned(), Value::from(stages));
        }
    }
    let plans = usage_plans::of_api(at, id).await;
    if let Some(plans) = notes.detail("usagePlans", plans)?.filter(|plans| !plans.is_empty()) {
        config.insert("usagePlans".to_owned(), Value::from(plans));
    }
    let mappings = mappings(at, id).await;
    if let Some(mappings) = notes.detail("basePathMappings", mappings)? {
        config.insert("basePathMappings".to_owned(), Value::from(mappings));
    }
    SORT.reading(at, id, answer.get("tags"), notes, config)
}

/// The API's own settings.
fn settings(answer: &Value) -> Map<String, Value> {
    let mut settings = super::without(answer, &OBSERVED);
    if let Some(version) = answer.get("version").and_then(Value::as_str)
        && !matches!(version, "" | NO_VERSION)
    {
        settings.insert("version".to_owned(), Value::from(version));
    }
    if let Some(Value::String(policy)) = settings.remove("policy") {
        settings.insert("policy".to_owned(), parsed(Value::from(unescaped(policy))));
    }
    if let Some(Value::Array(types)) = settings.get_mut("binaryMediaTypes") {
        types.sort_by_key(ToString::to_string);
    }
    settings
}

/// AWS writes an API's policy as JSON within JSON, without the quotes around it.
fn unescaped(policy: String) -> String {
    match serde_json::from_str::<String>(&format!("\"{policy}\"")) {
        Ok(inner) => inner,
        Err(_) => policy,
    }
}

async fn parts<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Parts, PortError> {
    let input = || json!({ "restApiId": id });
    Ok(Parts {
        authorizers: all::<GetAuthorizers, P>(at, input()).await?,
        models: all::<GetModels, P>(at, input()).await?,
        validators: all::<GetRequestValidators, P>(at, input()).await?,
        gateway_responses: all::<GetGatewayResponses, P>(at, input()).await?,
    })
}

/// Stages in order of their names, and what they were deployed with: two that are alike are one. Deployments have no numbers, so
/// a stage says the place of its own.
async fn stages_and_bodies<P: Reads>(
    at: &At<'_, P>,
    id: &str,
    mut found: Vec<Value>,
    parts: &Parts,
    notes: &mut Notes,
) -> Result<(Vec<Value>, Vec<Value>), PortError> {
    found.sort_by_key(|stage| text(stage, "stageName"));
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let (mut stages, mut bodies): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for stage in &found {
        let (name, deployment) = (text(stage, "stageName"), text(stage, "deploymentId"));
        let place = match places.get(&deployment) {
            Some(place) => *place,
            None => {
                let input = json!({
                    "restApiId": id, "stageName": name, "exportType": "oas30", "extensions": EXTENSIONS,
                });
                let mut answer = at.ask::<GetExport>(input).await?;
                let body = body::canonical(answer["body"].take(), parts);
                let place = bodies.iter().position(|known| *known == body).unwrap_or(bodies.len());
                if place == bodies.len() {
                    bodies.push(body);
                }
                places.insert(deployment, place);
                place
            }
        };
        let mut kept = super::without(stage, &OBSERVED_OF_STAGE);
        kept.insert("deployment".to_owned(), Value::from(place));
        let tags = own_tags(stage.get("tags"));
        if !tags.is_empty() {
            kept.insert("tags".to_owned(), json!(tags));
        }
        stages.push(sorted(Value::Object(kept)));
    }
    for (kept, stage) in stages.iter_mut().zip(&found) {
        let Some(canary) = canary::kept(stage, &places) else {
            continue;
        };
        if canary::is_untold(&canary) {
            let name = text(stage, "stageName");
            let words =
                format!("what the canary release of stage {name} tries out is not protected: it cannot be exported");
            notes.words.push(words);
        }
        kept[canary::SETTING] = canary;
    }
    Ok((stages, bodies))
}

/// Where custom domains lead to the API.
async fn mappings<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Vec<Value>, PortError> {
    let mut mappings = Vec::new();
    for domain in all::<GetDomainNames, P>(at, json!({})).await? {
        let name = text(&domain, "domainName");
        let found = all::<GetBasePathMappings, P>(at, json!({ "domainName": name })).await;
        let found = match found {
            // It was removed meanwhile.
            Err(PortError::NotFound(_)) => continue,
            found => found?,
        };
        for mapping in found.iter().filter(|mapping| text(mapping, "restApiId") == id) {
            let mut kept = super::without(mapping, &["restApiId"]);
            kept.insert("domainName".to_owned(), Value::from(name.as_str()));
            mappings.push(sorted(Value::Object(kept)));
        }
    }
    mappings.sort_by_cached_key(ToString::to_string);
    Ok(mappings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_as_aws_escapes_it_and_as_it_is() {
        let policy = json!({"Statement": [{"Sid": "a \"b\"\\c", "Resource": "x"}]});
        let plain = policy.to_string();
        let quoted = Value::from(plain.as_str()).to_string();
        let escaped = quoted.trim_start_matches('"').strip_suffix('"').unwrap().to_owned();
        for written in [plain, escaped] {
            assert_eq!(settings(&json!({ "policy": written }))["policy"], policy);
        }
    }

    #[test]
    fn the_version_that_an_import_had_to_say_is_none() {
        assert_eq!(settings(&json!({ "version": NO_VERSION })), Map::new());
        assert_eq!(settings(&json!({ "version": "2.1" }))["version"], "2.1");
    }
}
