//! Usage plans and their keys. A plan belongs to no API; of one that several use, each API keeps its own part.

use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Map, Value, json};

use super::{Makes, Reads, all, text};
use crate::call::apigateway::{
    CreateApiKey, CreateUsagePlan, CreateUsagePlanKey, GetApiKeys, GetUsagePlanKeys, GetUsagePlans,
};
use crate::wiring::at::{At, Making};
use crate::wiring::document::{own_tags, sorted};
use crate::wiring::{is_nothing, without};

const OBSERVED: [&str; 3] = ["apiStages", "id", "tags"];
const OBSERVED_OF_KEY: [&str; 5] = ["createdDate", "id", "lastUpdatedDate", "stageKeys", "tags"];

/// The plans that an API's stages are in, with the keys' values: they are secrets.
pub(super) async fn of_api<P: Reads>(at: &At<'_, P>, id: &str) -> Result<Vec<Value>, PortError> {
    let mut plans = Vec::new();
    let found = all::<GetUsagePlans, P>(at, json!({})).await?;
    let found: Vec<&Value> = found.iter().filter(|plan| !stages(plan, id).is_empty()).collect();
    if found.is_empty() {
        return Ok(plans);
    }
    let known = keys(at).await?;
    for plan in found {
        let mut kept = without(plan, &OBSERVED);
        kept.insert("stages".to_owned(), Value::from(stages(plan, id)));
        let ids = key_ids(at, &text(plan, "id")).await?;
        let keys = known.iter().filter(|key| ids.contains(&text(key, "id")));
        let mut keys: Vec<Value> = keys.map(|key| tagged(without(key, &OBSERVED_OF_KEY), key)).collect();
        keys.sort_by_cached_key(|key| (text(key, "name"), text(key, "value")));
        if !keys.is_empty() {
            kept.insert("apiKeys".to_owned(), Value::from(keys));
        }
        plans.push(tagged(kept, plan));
    }
    plans.sort_by_cached_key(|plan| (text(plan, "name"), plan.to_string()));
    Ok(plans)
}

fn tagged(mut kept: Map<String, Value>, found: &Value) -> Value {
    let tags = own_tags(found.get("tags"));
    if !tags.is_empty() {
        kept.insert("tags".to_owned(), json!(tags));
    }
    sorted(Value::Object(kept))
}

/// A plan's stages of one API, in order of their names.
fn stages(plan: &Value, id: &str) -> Vec<Value> {
    let stages = plan.get("apiStages").and_then(Value::as_array).into_iter().flatten();
    let own = stages.filter(|stage| text(stage, "apiId") == id);
    let mut own: Vec<Value> = own.map(|stage| Value::Object(without(stage, &["apiId"]))).collect();
    own.sort_by_cached_key(|stage| text(stage, "stage"));
    own
}

async fn keys<P: Reads>(at: &At<'_, P>) -> Result<Vec<Value>, PortError> {
    all::<GetApiKeys, P>(at, json!({ "includeValues": true })).await
}

async fn key_ids<P: Reads>(at: &At<'_, P>, plan: &str) -> Result<Vec<String>, PortError> {
    let keys = all::<GetUsagePlanKeys, P>(at, json!({ "usagePlanId": plan })).await?;
    Ok(keys.iter().map(|key| text(key, "id")).collect())
}

/// Makes the plans of an API that the restore has made. Whoever has a stage of it already is a plan of ours.
pub(super) async fn make<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    id: &str,
    plans: &[Value],
) -> Result<(), PortError> {
    if plans.is_empty() {
        return Ok(());
    }
    let mut there = all::<GetUsagePlans, P>(&making.at, json!({})).await?;
    there.retain(|plan| !stages(plan, id).is_empty());
    for plan in plans {
        let name = text(plan, "name");
        let same = there.iter().position(|other| text(other, "name") == name);
        let plan_id = match same.map(|at| there.swap_remove(at)) {
            Some(found) => text(&found, "id"),
            None => {
                let result = making.ask::<CreateUsagePlan>(input(plan, id)).await;
                match making.told("usagePlans", result)? {
                    Some(made) => text(&made, "id"),
                    None => continue,
                }
            }
        };
        make_keys(making, &plan_id, plan).await?;
    }
    Ok(())
}

fn input(plan: &Value, id: &str) -> Value {
    let mut input = without(plan, &["apiKeys", "stages"]);
    let stages = plan.get("stages").and_then(Value::as_array).into_iter().flatten();
    let stages = stages.map(|stage| {
        let mut stage = stage.clone();
        stage["apiId"] = Value::from(id);
        stage
    });
    input.insert("apiStages".to_owned(), stages.collect());
    Value::Object(input)
}

/// A key is known by its value. One that is there is put into the plan as it is.
async fn make_keys<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    plan_id: &str,
    plan: &Value,
) -> Result<(), PortError> {
    let wanted = plan
        .get("apiKeys")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if wanted.is_empty() {
        return Ok(());
    }
    let known = keys(&making.at).await?;
    let in_plan = key_ids(&making.at, plan_id).await?;
    for key in wanted {
        let value = key.get("value").filter(|value| !is_nothing(value));
        let found = known
            .iter()
            .find(|other| value.is_some() && other.get("value") == value);
        let key_id = match found {
            Some(found) => text(found, "id"),
            None => match making.set::<CreateApiKey>("usagePlans", key.clone()).await? {
                Some(made) => text(&made, "id"),
                None => continue,
            },
        };
        if in_plan.contains(&key_id) {
            continue;
        }
        let input = json!({ "usagePlanId": plan_id, "keyId": key_id, "keyType": "API_KEY" });
        match making.ask::<CreateUsagePlanKey>(input).await {
            // By a call whose answer was lost.
            Err(PortError::AlreadyExists(_)) => {}
            result => _ = making.told("usagePlans", result)?,
        }
    }
    Ok(())
}
