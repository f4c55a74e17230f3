//! What is special about APIs: AWS names them itself, they name themselves, and people are led to them by domains and keys.

use holdfast_catalog::{Kind, ResourceId};
use holdfast_sources::application::diff;
use holdfast_sources::call::apigateway;
use holdfast_sources::lambda::RESTORE_MARK;
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::complete::{Switched, switch_on};
use holdfast_sources::wiring::restore::Restored;
use holdfast_sources::wiring::{Document, list, read};
use holdfast_vault::PortError;
use serde_json::json;

use crate::documents::apis::{rest_api, undeployed};
use crate::world::{World, home, id, needs, plan_for};

fn shop() -> ResourceId {
    id(Kind::RestApi, "shop")
}

fn again() -> ResourceId {
    id(Kind::RestApi, "shop-2")
}

async fn made(world: &World, from: &ResourceId, document: &Document, to: &ResourceId) -> Vec<String> {
    match world.execute(&plan_for(from, document, to, Triggers::AsBefore)).await {
        Ok(Restored::Made(outcomes)) => needs(&outcomes).into_iter().map(str::to_owned).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_api_that_was_never_deployed_comes_back_from_its_resources() {
    let world = World::new();
    let first = world.make(&shop(), &undeployed()).await.document;
    let lost = undeployed().differences(&first);
    assert!(lost.is_empty(), "{lost:?}");
    assert_eq!(made(&world, &shop(), &first, &again()).await, [""; 0]);
    let second = world.read(&again()).await.document;
    assert_eq!(second.config["body"], first.config["body"]);
}

#[tokio::test]
async fn an_api_that_names_itself_names_the_new_one() {
    let world = World::new();
    let first = world.make(&shop(), &rest_api()).await.document;
    made(&world, &shop(), &first, &again()).await;
    let new = world.read(&again()).await;
    let id = new.document.observed["id"].as_str().unwrap();
    let raw = world
        .account
        .ask::<apigateway::GetRestApi>(&home(), json!({ "restApiId": id }))
        .unwrap();
    let own = format!("arn:aws:execute-api:eu-central-1:111122223333:{id}/live/*");
    assert!(raw["policy"].as_str().unwrap().contains(&own), "{raw}");
    assert_eq!(
        raw["tags"][RESTORE_MARK],
        plan_for(&shop(), &first, &again(), Triggers::Quiet).point.to_string()
    );
    let stages = world
        .account
        .ask::<apigateway::GetStages>(&home(), json!({ "restApiId": id }))
        .unwrap();
    let address = format!("https://{id}.execute-api.eu-central-1.amazonaws.com/live/orders");
    assert!(stages.to_string().contains(&address), "{stages}");
    assert_eq!(new.document.tags, first.tags, "the mark is no tag of a person's");
}

#[tokio::test]
async fn each_restore_makes_one_api_and_finds_its_own_among_others_of_that_name() {
    let world = World::new();
    let first = world.make(&shop(), &rest_api()).await.document;
    made(&world, &shop(), &first, &again()).await;
    made(&world, &shop(), &first, &id(Kind::RestApi, "shop-3")).await;
    assert_eq!(list(&world.account, Kind::RestApi, &home()).await.unwrap().len(), 3);
    // A person's API of the same name does not make it anybody else's.
    let by_hand = json!({ "name": "shop-2" });
    world
        .account
        .ask::<apigateway::CreateRestApi>(&home(), by_hand)
        .unwrap();
    let plan = plan_for(&shop(), &first, &again(), Triggers::AsBefore);
    assert_eq!(world.execute(&plan).await.unwrap(), Restored::Finished);
    assert_eq!(list(&world.account, Kind::RestApi, &home()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn an_api_that_a_person_makes_while_a_restore_lies_dead_is_not_taken_for_ours() {
    let world = World::new();
    let plan = plan_for(&shop(), &rest_api(), &again(), Triggers::AsBefore);
    world
        .script
        .fail_named("CreateRestApi", PortError::Unavailable("no answer".to_owned()));
    assert!(world.execute(&plan).await.is_err());
    world.script.heal();
    let by_hand = json!({ "name": "shop-2" });
    world
        .account
        .ask::<apigateway::CreateRestApi>(&home(), by_hand)
        .unwrap();
    world.script.restart();
    let restored = world.execute(&plan).await.unwrap();
    assert!(matches!(restored, Restored::Refused(_)), "{restored:?}");
    assert_eq!(world.script.changes(), []);
}

/// A world with the shop behind a domain, and the shop's document.
async fn behind_a_domain() -> (World, Document) {
    let world = World::new();
    world.account.add_domain(&home(), "api.example.org");
    let mut document = rest_api();
    document.config.insert(
        "basePathMappings".to_owned(),
        json!([{"domainName": "api.example.org", "basePath": "v1", "stage": "live"}]),
    );
    let document = world.make(&shop(), &document).await.document;
    assert_eq!(document.config["basePathMappings"][0]["basePath"], "v1");
    (world, document)
}

#[tokio::test]
async fn a_domain_leads_to_an_api_when_it_is_switched_on() {
    let (there, document) = behind_a_domain().await;
    drop(there);
    let world = World::new();
    world.account.add_domain(&home(), "api.example.org");
    let plan = plan_for(&shop(), &document, &shop(), Triggers::Quiet);
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), ["basePathMappings"]);
    assert!(
        outcomes
            .iter()
            .any(|one| one.message.contains("create-base-path-mapping"))
    );
    assert_eq!(world.read(&shop()).await.document.config["basePathMappings"], json!([]));
    for expected in [false, true] {
        let switched = switch_on(&world.account, &world.clock, &shop(), &plan.loud)
            .await
            .unwrap();
        assert_eq!(switched == Switched::WasOn, expected);
        let now = world.read(&shop()).await.document;
        assert_eq!(now.config["basePathMappings"], document.config["basePathMappings"]);
    }
}

#[tokio::test]
async fn a_domain_that_leads_elsewhere_is_not_led_here() {
    let (world, document) = behind_a_domain().await;
    assert_eq!(made(&world, &shop(), &document, &again()).await, ["basePathMappings"]);
    let now = world.read(&shop()).await.document;
    assert_eq!(now.config["basePathMappings"], document.config["basePathMappings"]);
}

#[tokio::test]
async fn a_key_that_is_there_goes_into_the_new_plan_as_it_is() {
    let world = World::new();
    let first = world.make(&shop(), &rest_api()).await.document;
    made(&world, &shop(), &first, &again()).await;
    let keys = world
        .account
        .ask::<apigateway::GetApiKeys>(&home(), json!({ "includeValues": true }))
        .unwrap();
    assert_eq!(keys["item"].as_array().unwrap().len(), 2);
    let second = world.read(&again()).await.document;
    assert_eq!(second.config["usagePlans"], first.config["usagePlans"]);
}

#[tokio::test]
async fn no_keys_value_is_shown() {
    let world = World::new();
    let first = world.make(&shop(), &rest_api()).await.document;
    assert!(String::from_utf8(first.to_bytes()).unwrap().contains("secret-of-acme"));
    let mut other = first.clone();
    other.config["usagePlans"][0]["apiKeys"][0]["value"] = json!("secret-that-is-new-0001");
    other.config["stages"][2]["variables"]["level"] = json!("secret-that-is-new-0002");
    let mut gone = first.clone();
    gone.config.remove("usagePlans");
    for now in [&other, &gone] {
        let said: Vec<String> = first.differences(now).iter().map(ToString::to_string).collect();
        let changes = diff(&json!(first), &json!(now));
        let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert!(!said.is_empty() && !told.is_empty());
        assert!(!format!("{said:?}{told:?}").contains("secret-"), "{said:?} {told:?}");
    }
}

/// A world with the shop, of which a stage tries something out, and the shop's recovery point: what is not protected, the document.
async fn with_a_canary(of: Option<&str>) -> (World, Vec<String>, Document) {
    let world = World::new();
    let made = world.make(&shop(), &rest_api()).await.document;
    let name = made.observed["id"].as_str().unwrap().to_owned();
    world.account.release_canary(&home(), &name, "live", of);
    let reading = read(&world.account, &ResourceId { name, ..shop() }).await.unwrap();
    (world, reading.not_protected, reading.document)
}

#[tokio::test]
async fn a_canary_that_tries_out_what_a_stage_has_comes_back() {
    let (world, not_protected, document) = with_a_canary(Some("beta")).await;
    assert_eq!(not_protected, [""; 0]);
    assert_eq!(made(&world, &shop(), &document, &again()).await, [""; 0]);
    let now = world.read(&again()).await.document;
    assert_eq!(now.config["stages"], document.config["stages"]);
    assert!(document.config["stages"].to_string().contains("orders-next"));
}

#[tokio::test]
async fn of_a_canary_that_cannot_be_exported_the_settings_stay_and_a_person_is_told() {
    let (world, not_protected, document) = with_a_canary(None).await;
    assert!(
        not_protected.len() == 1 && not_protected[0].contains("canary"),
        "{not_protected:?}"
    );
    let plan = plan_for(&shop(), &document, &again(), Triggers::AsBefore);
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), ["canarySettings"]);
    let told = outcomes.iter().find(|one| one.setting == "canarySettings").unwrap();
    assert!(
        told.message.contains("create-deployment") && told.message.contains("10.5"),
        "{told:?}"
    );
}

#[tokio::test]
async fn stages_that_cannot_be_deployed_are_told_and_made_later() {
    let world = World::new();
    let plan = plan_for(&shop(), &rest_api(), &again(), Triggers::AsBefore);
    world
        .script
        .fail_named("PutRestApi", PortError::Invalid("a bad document".to_owned()));
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    let needs = needs(&outcomes);
    assert!(needs.contains(&"deployments") && needs.contains(&"stages"), "{needs:?}");
    world.script.heal();
    assert!(matches!(world.execute(&plan).await.unwrap(), Restored::Made(_)));
    assert_eq!(plan.wanted.differences(&world.read(&again()).await.document), []);
}
