//! Canary releases of stages: how much of the traffic tries out which deployment, with which variables.
//!
//! An export says what a stage was deployed with and nothing of its canary. So a canary comes back whole where it tries out what
//! some stage has too; of any other its settings are kept, and a person gets the command that begins it again.

use std::collections::BTreeMap;

use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Value, json};

use super::{Makes, text};
use crate::call::apigateway::UpdateStage;
use crate::wiring::at::Making;
use crate::wiring::document::{as_text, sorted};
use crate::wiring::{is_nothing, without};

/// The member of a stage that says it.
pub(super) const SETTING: &str = "canarySettings";

/// Its member for variables that differ while it is tried out; their values may be secrets.
const OVERRIDES: &str = "stageVariableOverrides";

/// How a stage's canary is kept, if it has one: with the place of its deployment, where a stage has that too.
pub(super) fn kept(stage: &Value, places: &BTreeMap<String, usize>) -> Option<Value> {
    let canary = stage.get(SETTING).filter(|canary| !is_nothing(canary))?;
    let mut kept = without(canary, &["deploymentId"]);
    if let Some(place) = places.get(&text(canary, "deploymentId")) {
        kept.insert("deployment".to_owned(), Value::from(*place));
    }
    Some(sorted(Value::Object(kept)))
}

/// Whether what it tries out is nowhere in the document.
pub(super) fn is_untold(canary: &Value) -> bool {
    canary.get("deployment").is_none()
}

/// Lets a stage try out what it did, on one of the deployments that were made.
pub(super) async fn make<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    (id, stage): (&str, &str),
    canary: &Value,
    deployment: Option<&str>,
) -> Result<(), PortError> {
    let Some(deployment) = deployment else {
        making.needs_person(SETTING, by_hand(canary, &making.at.id.region.to_string(), id, stage));
        return Ok(());
    };
    let input = json!({ "restApiId": id, "stageName": stage, "patchOperations": patches(canary, deployment) });
    making.set::<UpdateStage>(SETTING, input).await.map(drop)
}

fn patches(canary: &Value, deployment: &str) -> Vec<Value> {
    let replace = |path: &str, value: &Value| json!({ "op": "replace", "path": format!("/{SETTING}/{path}"), "value": as_text(value) });
    let mut patches = vec![replace("deploymentId", &Value::from(deployment))];
    for name in ["percentTraffic", "useStageCache"] {
        patches.extend(canary.get(name).map(|value| replace(name, value)));
    }
    for (name, value) in canary.get(OVERRIDES).and_then(Value::as_object).into_iter().flatten() {
        patches.push(replace(&format!("{OVERRIDES}/{name}"), value));
    }
    patches
}

/// What a person is told whose canary could not be exported: without the values of its variables.
fn by_hand(canary: &Value, region: &str, id: &str, stage: &str) -> String {
    let settings = Value::Object(without(canary, &[OVERRIDES]));
    let overrides = canary.get(OVERRIDES).and_then(Value::as_object);
    let names: Vec<&str> = overrides.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let overrides = match names.as_slice() {
        [] => String::new(),
        names => format!(
            ", with {OVERRIDES} for {} as in the recovery point's document",
            names.join(", ")
        ),
    };
    format!(
        "stage {stage} answers every request itself, because what its canary release tried out could not be exported; put \
         that into the API, and begin it again{overrides}: aws apigateway create-deployment --region {region} \
         --rest-api-id {id} --stage-name {stage} --canary-settings '{settings}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Value {
        json!({"stageName": "live", "canarySettings": {
            "deploymentId": "d2", "percentTraffic": 12.5, "useStageCache": false,
            "stageVariableOverrides": {"table": "orders-next", "token": "secret-1"}}})
    }

    #[test]
    fn a_canary_of_what_a_stage_has_too_is_kept_whole() {
        let places = BTreeMap::from([("d1".to_owned(), 0), ("d2".to_owned(), 1)]);
        let kept = kept(&stage(), &places).unwrap();
        assert!(!is_untold(&kept));
        let patches = patches(&kept, "e7");
        let said: Vec<(String, String)> = patches
            .iter()
            .map(|one| (text(one, "path"), text(one, "value")))
            .collect();
        let expected = [
            ("/canarySettings/deploymentId", "e7"),
            ("/canarySettings/percentTraffic", "12.5"),
            ("/canarySettings/useStageCache", "false"),
            ("/canarySettings/stageVariableOverrides/table", "orders-next"),
            ("/canarySettings/stageVariableOverrides/token", "secret-1"),
        ];
        assert_eq!(said, expected.map(|(path, value)| (path.to_owned(), value.to_owned())));
    }

    #[test]
    fn of_another_one_a_person_gets_the_command_and_no_secret() {
        let kept = kept(&stage(), &BTreeMap::new()).unwrap();
        assert!(is_untold(&kept) && kept["stageVariableOverrides"]["token"] == "secret-1");
        let told = by_hand(&kept, "eu-central-1", "a1b2", "live");
        assert!(
            told.contains(r#"--canary-settings '{"percentTraffic":12.5,"useStageCache":false}'"#),
            "{told}"
        );
        assert!(
            told.contains("for table, token") && !told.contains("secret-1"),
            "{told}"
        );
    }

    #[test]
    fn a_stage_without_one_keeps_none() {
        let stages = [
            json!({}),
            json!({ "canarySettings": {} }),
            json!({ "canarySettings": null }),
        ];
        assert!(stages.iter().all(|stage| kept(stage, &BTreeMap::new()).is_none()));
    }
}
