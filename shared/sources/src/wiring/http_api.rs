//! API Gateway's HTTP APIs: settings with CORS, authorizers, integrations, routes, stages, and where custom domains lead to them.
//!
//! As REST APIs they are named by AWS and known again by a tag. Integrations have no names: a route says the place of its own in
//! the list, in which two that are alike are one.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Sha256};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::apis::{Sort, none_called_so, text};
use super::at::{At, Making, Notes};
use super::document::{own_tags, sorted};
use super::marked::{self, Itself};
use super::{Document, Reading, without};
use crate::call::apigatewayv2::{
    CreateApi, CreateApiMapping, CreateAuthorizer, CreateDeployment, CreateIntegration, CreateRoute, CreateStage,
    GetApi, GetApiMappings, GetApis, GetAuthorizers, GetDeployments, GetDomainNames, GetIntegrations, GetRoutes,
    GetStages, TagResource, UpdateRoute, UpdateStage,
};
use crate::call::{Call, InAccount, Operation};

/// What belongs to an API and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "WebSocket APIs",
    "what a stage without automatic deployment was deployed with, where the routes were changed since",
    "custom domain names, VPC links and logs, which it only names",
];

/// Members of an answer that are no settings of an HTTP API. The selection expressions are always the same for these.
const OBSERVED: [&str; 10] = [
    "apiEndpoint",
    "apiGatewayManaged",
    "apiId",
    "apiKeySelectionExpression",
    "createdDate",
    "disableSchemaValidation",
    "importInfo",
    "routeSelectionExpression",
    "tags",
    "warnings",
];
const OBSERVED_OF_INTEGRATION: [&str; 3] = [
    "apiGatewayManaged",
    "integrationId",
    "integrationResponseSelectionExpression",
];
const OBSERVED_OF_ROUTE: [&str; 4] = ["apiGatewayManaged", "authorizerId", "routeId", "target"];
const OBSERVED_OF_STAGE: [&str; 6] = [
    "apiGatewayManaged",
    "createdDate",
    "deploymentId",
    "lastDeploymentStatusMessage",
    "lastUpdatedDate",
    "tags",
];

/// Members of a document that later calls put on.
const LATER: [&str; 5] = ["apiMappings", "authorizers", "integrations", "routes", "stages"];

/// Entries a page; few enough for every listing of the service.
const PAGE: u32 = 100;

/// How they are told.
const SORT: Sort = Sort {
    id: "apiId",
    path: "apis",
};

/// How a deployment of ours is known again.
const OURS: &str = "holdfast ";

ports! {
    /// What listing APIs asks for.
    pub trait Lists: Call<GetApis>
}

ports! {
    /// What reading an API asks for.
    pub trait Reads: Call<GetApi>, Call<GetApis>, Call<GetAuthorizers>, Call<GetIntegrations>, Call<GetRoutes>, Call<GetStages>, Call<GetDomainNames>, Call<GetApiMappings>, InAccount
}

ports! {
    /// What making an API asks for.
    pub trait Makes: Call<CreateApi>, Call<CreateAuthorizer>, Call<CreateIntegration>, Call<CreateRoute>, Call<UpdateRoute>, Call<GetDeployments>, Call<CreateDeployment>, Call<CreateStage>, Call<UpdateStage>, Call<CreateApiMapping>, Call<TagResource>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    SORT.arns(at, &apis(at).await?)
}

async fn apis<P: Call<GetApis>>(at: &At<'_, P>) -> Result<Vec<Value>, PortError> {
    let all = all::<GetApis, P>(at, json!({})).await?;
    Ok(all.into_iter().filter(is_http).collect())
}

fn is_http(api: &Value) -> bool {
    text(api, "protocolType") == "HTTP"
}

/// The tags of all APIs by their ARNs.
pub(super) async fn tags<P: Lists>(at: &At<'_, P>) -> Result<BTreeMap<String, BTreeMap<String, String>>, PortError> {
    SORT.tags(at, &apis(at).await?)
}

/// All entries of one of the service's listings.
async fn all<O: Operation, P: Call<O>>(at: &At<'_, P>, mut input: Value) -> Result<Vec<Value>, PortError> {
    input["maxResults"] = Value::from(PAGE.to_string());
    at.pages::<O>(input, "items", "nextToken", "nextToken").await
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    read_api(at, &at.id.name).await
}

/// The API that a restore has made, or else the one that is called as it shall be.
pub(super) async fn find<P: Reads>(at: &At<'_, P>, wanted: &Document) -> Result<Reading, PortError> {
    let id = locate(at, wanted).await?.ok_or_else(|| none_called_so(at.id))?;
    read_api(at, &id).await
}

async fn locate<P: Call<GetApis>>(at: &At<'_, P>, wanted: &Document) -> Result<Option<String>, PortError> {
    Ok(SORT.meant(at, &apis(at).await?, wanted))
}

/// What an API consists of, as the service tells it.
struct Parts {
    authorizers: Vec<Value>,
    integrations: Vec<Value>,
    routes: Vec<Value>,
    stages: Vec<Value>,
}

async fn parts<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Parts, PortError> {
    let input = || json!({ "apiId": id });
    Ok(Parts {
        authorizers: all::<GetAuthorizers, P>(at, input()).await?,
        integrations: all::<GetIntegrations, P>(at, input()).await?,
        routes: all::<GetRoutes, P>(at, input()).await?,
        stages: all::<GetStages, P>(at, input()).await?,
    })
}

async fn read_api<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Reading, PortError> {
    let answer = at.ask::<GetApi>(json!({ "apiId": id })).await?;
    if !is_http(&answer) {
        return Err(PortError::Invalid(format!(
            "{}: WebSocket APIs are not protected",
            at.id
        )));
    }
    let mut notes = Notes::default();
    let mut config = without(&answer, &OBSERVED);
    let parts = parts(at, id).await?;
    config.extend(parts.canonical());
    let mappings = mappings(at, id).await;
    if let Some(mappings) = notes.detail("apiMappings", mappings)? {
        config.insert("apiMappings".to_owned(), Value::from(mappings));
    }
    SORT.reading(at, id, answer.get("tags"), notes, config)
}

impl Parts {
    /// The parts in an order of their own and without ids.
    fn canonical(&self) -> Map<String, Value> {
        let mut authorizers: Vec<Value> = self.authorizers.iter().map(authorizer).collect();
        authorizers.sort_by_cached_key(|one| text(one, "name"));
        let mut integrations: Vec<Value> = self.integrations.iter().map(integration).collect();
        integrations.sort_by_cached_key(ToString::to_string);
        integrations.dedup();
        let mut routes: Vec<Value> = self
            .routes
            .iter()
            .map(|route| self.route(route, &integrations))
            .collect();
        routes.sort_by_cached_key(|one| text(one, "routeKey"));
        let mut stages: Vec<Value> = self.stages.iter().map(stage).collect();
        stages.sort_by_cached_key(|one| text(one, "stageName"));
        let named = [
            ("authorizers", authorizers),
            ("integrations", integrations),
            ("routes", routes),
            ("stages", stages),
        ];
        let some = named.into_iter().filter(|(_, list)| !list.is_empty());
        some.map(|(name, list)| (name.to_owned(), Value::from(list))).collect()
    }

    /// A route with the place of its integration and the name of its authorizer.
    fn route(&self, found: &Value, integrations: &[Value]) -> Value {
        let mut route = without(found, &OBSERVED_OF_ROUTE);
        let target = text(found, "target");
        let id = target.strip_prefix("integrations/").unwrap_or_default();
        let of_route = self.integrations.iter().find(|one| text(one, "integrationId") == id);
        let place = of_route.and_then(|one| integrations.iter().position(|known| *known == integration(one)));
        if let Some(place) = place {
            route.insert("integration".to_owned(), Value::from(place));
        }
        let id = found.get("authorizerId");
        let of_route = self.authorizers.iter().find(|one| one.get("authorizerId") == id);
        if let Some(authorizer) = of_route.filter(|_| id.is_some()) {
            route.insert("authorizer".to_owned(), Value::from(text(authorizer, "name")));
        }
        sorted(Value::Object(route))
    }
}

fn authorizer(found: &Value) -> Value {
    sorted(Value::Object(without(found, &["authorizerId"])))
}

fn integration(found: &Value) -> Value {
    sorted(Value::Object(without(found, &OBSERVED_OF_INTEGRATION)))
}

fn stage(found: &Value) -> Value {
    let mut stage = without(found, &OBSERVED_OF_STAGE);
    let is_deployed = found.get("deploymentId").is_some_and(|id| !super::is_nothing(id));
    if found.get("autoDeploy") != Some(&Value::Bool(true)) && is_deployed {
        stage.insert("isDeployed".to_owned(), Value::Bool(true));
    }
    let tags = own_tags(found.get("tags"));
    if !tags.is_empty() {
        stage.insert("tags".to_owned(), json!(tags));
    }
    sorted(Value::Object(stage))
}

/// Where custom domains lead to the API.
async fn mappings<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Vec<Value>, PortError> {
    let mut mappings = Vec::new();
    for domain in all::<GetDomainNames, P>(at, json!({})).await? {
        let name = text(&domain, "domainName");
        let found = match all::<GetApiMappings, P>(at, json!({ "domainName": name })).await {
            // It was removed meanwhile.
            Err(PortError::NotFound(_)) => continue,
            found => found?,
        };
        for mapping in found.iter().filter(|mapping| text(mapping, "apiId") == id) {
            let mut kept = without(mapping, &["apiId", "apiMappingId"]);
            kept.insert("domainName".to_owned(), Value::from(name.as_str()));
            mappings.push(sorted(Value::Object(kept)));
        }
    }
    mappings.sort_by_cached_key(ToString::to_string);
    Ok(mappings)
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let found = if making.exists {
        locate(&making.at, wanted).await?
    } else {
        None
    };
    let id = match found {
        Some(id) => {
            if !wanted.tags.is_empty() {
                let input = json!({ "resourceArn": SORT.arn(&making.at, &id)?, "tags": wanted.tags });
                making.set::<TagResource>("Tags", input).await?;
            }
            id
        }
        None => create(making).await?,
    };
    let config = Itself::new(&making.at, &id).shown(wanted.config.clone());
    let list = |name: &str| config.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let there = parts(&making.at, &id).await?;
    let authorizers = make_authorizers(making, &id, &list("authorizers"), &there).await?;
    let integrations = make_integrations(making, &id, &list("integrations"), &there).await?;
    for route in &list("routes") {
        let place = route.get("integration").and_then(Value::as_u64);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let integration = place
            .and_then(|place| integrations.get(place))
            .and_then(Option::as_deref);
        let name = route.get("authorizer").and_then(Value::as_str);
        let authorizer = name.and_then(|name| authorizers.get(name)).and_then(Value::as_str);
        let needed = [(place.is_some(), integration), (name.is_some(), authorizer)];
        if needed.iter().any(|(is_wanted, found)| *is_wanted && found.is_none()) {
            // Open to everybody, or leading nowhere, it would be another route.
            let why = format!("{}: not made without what it names: see there", text(route, "routeKey"));
            making.needs_person("routes", why);
            continue;
        }
        make_route(making, &id, input_of(route, integration, authorizer), &there).await?;
    }
    make_stages(making, &id, &config, &there).await?;
    for mapping in &list("apiMappings") {
        map_domain(making, &id, mapping).await?;
    }
    Ok(())
}

async fn create<P: Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<String, PortError> {
    let mut input = making.wanted.config.clone();
    LATER.iter().for_each(|name| drop(input.remove(*name)));
    let tags = marked::tags_of(making.wanted);
    if !tags.is_empty() {
        input.insert("tags".to_owned(), json!(tags));
    }
    let made = making.create::<CreateApi>(Value::Object(input)).await?;
    super::text_in(&made, "apiId", making.at.id)
}

/// Authorizers by name, with their ids.
async fn make_authorizers<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    wanted: &[Value],
    there: &Parts,
) -> Result<Map<String, Value>, PortError> {
    let known = there.authorizers.iter();
    let mut ids: Map<String, Value> = known
        .map(|one| (text(one, "name"), Value::from(text(one, "authorizerId"))))
        .collect();
    for authorizer in wanted {
        let name = text(authorizer, "name");
        if ids.contains_key(&name) {
            continue;
        }
        if let Some(made) = making
            .set::<CreateAuthorizer>("authorizers", of_api(authorizer, id))
            .await?
        {
            ids.insert(name, Value::from(text(&made, "authorizerId")));
        }
    }
    Ok(ids)
}

/// The ids of integrations by place, none where one was refused. One that is there and alike is used.
async fn make_integrations<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    wanted: &[Value],
    there: &Parts,
) -> Result<Vec<Option<String>>, PortError> {
    let mut ids = Vec::with_capacity(wanted.len());
    for one in wanted {
        let same = there.integrations.iter().find(|other| integration(other) == *one);
        let integration_id = match same {
            Some(found) => Some(text(found, "integrationId")),
            None => {
                let made = making.set::<CreateIntegration>("integrations", of_api(one, id)).await?;
                made.map(|made| text(&made, "integrationId"))
            }
        };
        ids.push(integration_id);
    }
    Ok(ids)
}

fn of_api(part: &Value, id: &str) -> Value {
    let mut input = part.clone();
    input["apiId"] = Value::from(id);
    input
}

fn input_of(route: &Value, integration: Option<&str>, authorizer: Option<&str>) -> Map<String, Value> {
    let mut input = without(route, &["authorizer", "integration"]);
    if let Some(id) = integration {
        input.insert("target".to_owned(), Value::from(format!("integrations/{id}")));
    }
    if let Some(id) = authorizer {
        input.insert("authorizerId".to_owned(), Value::from(id));
    }
    input
}

async fn make_route<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    wanted: Map<String, Value>,
    there: &Parts,
) -> Result<(), PortError> {
    let input = of_api(&Value::Object(wanted.clone()), id);
    let key = wanted.get("routeKey");
    let Some(found) = there.routes.iter().find(|route| route.get("routeKey") == key) else {
        return making.set::<CreateRoute>("routes", input).await.map(drop);
    };
    if wanted.iter().all(|(name, value)| found.get(name) == Some(value)) {
        return Ok(());
    }
    let mut input = input;
    input["routeId"] = Value::from(text(found, "routeId"));
    making.set::<UpdateRoute>("routes", input).await.map(drop)
}

/// Stages last: what deploys by itself then deploys everything at once.
async fn make_stages<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    config: &Map<String, Value>,
    there: &Parts,
) -> Result<(), PortError> {
    let stages = config
        .get("stages")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let is_deployed = |stage: &Value| stage.get("isDeployed") == Some(&Value::Bool(true));
    let mut deployment = None;
    if stages.iter().any(is_deployed) {
        deployment = deploy(making, id, config).await?;
        if deployment.is_none() {
            return Ok(());
        }
    }
    for stage in &stages {
        let mut input = without(stage, &["isDeployed"]);
        if let Some(deployment) = deployment.as_ref().filter(|_| is_deployed(stage)) {
            input.insert("deploymentId".to_owned(), Value::from(deployment.as_str()));
        }
        let is_there = there
            .stages
            .iter()
            .any(|other| text(other, "stageName") == text(stage, "stageName"));
        if is_there {
            input.remove("tags");
            making
                .set::<UpdateStage>("stages", of_api(&Value::Object(input), id))
                .await?;
        } else {
            making
                .set::<CreateStage>("stages", of_api(&Value::Object(input), id))
                .await?;
        }
    }
    Ok(())
}

/// The deployment of what the API is now, made once.
async fn deploy<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    config: &Map<String, Value>,
) -> Result<Option<String>, PortError> {
    let deployed = json!([
        config.get("authorizers"),
        config.get("integrations"),
        config.get("routes")
    ]);
    let digest = Sha256::of(sorted(deployed).to_string().as_bytes()).to_string();
    let mark = format!("{OURS}{}", digest.get(..16).unwrap_or_default());
    let there = all::<GetDeployments, P>(&making.at, json!({ "apiId": id })).await?;
    if let Some(found) = there.iter().find(|one| text(one, "description") == mark) {
        return Ok(Some(text(found, "deploymentId")));
    }
    let input = json!({ "apiId": id, "description": mark });
    let made = making.set::<CreateDeployment>("stages", input).await?;
    Ok(made.map(|made| text(&made, "deploymentId")))
}

/// Leads a domain's path here, if it leads nowhere yet.
async fn map_domain<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    mapping: &Value,
) -> Result<(), PortError> {
    let (domain, key) = (text(mapping, "domainName"), text(mapping, "apiMappingKey"));
    let there = all::<GetApiMappings, P>(&making.at, json!({ "domainName": domain })).await;
    let there = match there {
        Err(PortError::NotFound(_)) => Vec::new(),
        there => there?,
    };
    match there.iter().find(|other| text(other, "apiMappingKey") == key) {
        Some(other) if text(other, "apiId") == id => {}
        Some(other) => {
            let command = format!(
                "aws apigatewayv2 update-api-mapping --region {} --domain-name {domain} --api-mapping-id {} --api-id {id}",
                making.at.id.region,
                text(other, "apiMappingId")
            );
            let why = format!("{domain} leads '{key}' to another API, and still does; to lead it here: {command}");
            making.needs_person("apiMappings", why);
        }
        None => {
            making
                .set::<CreateApiMapping>("apiMappings", of_api(mapping, id))
                .await?;
        }
    }
    Ok(())
}
