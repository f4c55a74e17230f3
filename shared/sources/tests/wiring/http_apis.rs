//! What is special about HTTP APIs.

use holdfast_catalog::{Kind, ResourceId};
use holdfast_sources::call::apigatewayv2;
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::complete::{Switched, switch_on};
use holdfast_sources::wiring::restore::Restored;
use holdfast_sources::wiring::{list, read};
use holdfast_vault::PortError;
use serde_json::json;

use crate::documents::apis::http_api;
use crate::world::{World, home, id, needs, plan_for};

fn shop() -> ResourceId {
    id(Kind::HttpApi, "shop")
}

fn again() -> ResourceId {
    id(Kind::HttpApi, "shop-2")
}

#[tokio::test]
async fn an_http_api_that_names_itself_names_the_new_one() {
    let world = World::new();
    let first = world.make(&shop(), &http_api()).await.document;
    let plan = plan_for(&shop(), &first, &again(), Triggers::AsBefore);
    assert!(matches!(world.execute(&plan).await.unwrap(), Restored::Made(_)));
    let new = world.read(&again()).await.document;
    let own = new.observed["id"].as_str().unwrap();
    let stages = world
        .account
        .ask::<apigatewayv2::GetStages>(&home(), json!({ "apiId": own }))
        .unwrap();
    let address = format!("https://{own}.execute-api.eu-central-1.amazonaws.com/orders");
    assert!(stages.to_string().contains(&address), "{stages}");
}

#[tokio::test]
async fn websocket_apis_are_neither_listed_nor_read() {
    let world = World::new();
    let made = world
        .account
        .ask::<apigatewayv2::CreateApi>(&home(), json!({ "name": "chat", "protocolType": "WEBSOCKET" }))
        .unwrap();
    assert_eq!(list(&world.account, Kind::HttpApi, &home()).await.unwrap(), []);
    let chat = id(Kind::HttpApi, made["apiId"].as_str().unwrap());
    let error = read(&world.account, &chat).await.unwrap_err();
    assert!(error.to_string().contains("WebSocket"), "{error}");
}

#[tokio::test]
async fn a_route_is_never_made_without_who_guards_it() {
    let world = World::new();
    let plan = plan_for(&shop(), &http_api(), &again(), Triggers::AsBefore);
    world
        .script
        .fail_named("CreateAuthorizer", PortError::Invalid("no".to_owned()));
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert!(needs(&outcomes).contains(&"routes"), "{outcomes:?}");
    let now = world.read(&again()).await.document.config;
    let keys: Vec<&str> = now["routes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|route| route["routeKey"].as_str())
        .collect();
    assert_eq!(keys, ["$default"], "only what nobody guarded");
    world.script.heal();
    assert!(matches!(world.execute(&plan).await.unwrap(), Restored::Made(_)));
    assert_eq!(plan.wanted.differences(&world.read(&again()).await.document), []);
}

#[tokio::test]
async fn a_domain_leads_to_an_http_api_when_it_is_switched_on_and_leads_nowhere_else() {
    let world = World::new();
    world.account.add_domain(&home(), "api.example.org");
    let mut document = http_api();
    document.config.insert(
        "apiMappings".to_owned(),
        json!([{"domainName": "api.example.org", "apiMappingKey": "v1", "stage": "beta"}]),
    );
    let plan = plan_for(&shop(), &document, &shop(), Triggers::Quiet);
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), ["apiMappings"]);
    for expected in [false, true] {
        let switched = switch_on(&world.account, &world.clock, &shop(), &plan.loud)
            .await
            .unwrap();
        assert_eq!(switched == Switched::WasOn, expected);
    }
    let now = world.read(&shop()).await.document;
    assert_eq!(now.config["apiMappings"], document.config["apiMappings"]);
    let other = plan_for(&shop(), &document, &again(), Triggers::AsBefore);
    let Restored::Made(outcomes) = world.execute(&other).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), ["apiMappings"]);
    assert!(
        outcomes
            .iter()
            .any(|one| one.message.contains("aws apigatewayv2 update-api-mapping"))
    );
}
