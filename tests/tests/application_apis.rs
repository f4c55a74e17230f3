//! APIs as part of an application: what calls them and what they call, under new names and new ids.

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, Report};
use holdfast_sources::call::{apigateway, apigatewayv2};
use holdfast_sources::lambda::{Environment, Statement, read_function};
use holdfast_sources::wiring::{self, Document};
use holdfast_testkit::MemoryWiring;
use holdfast_tests::{World, home_region, sample};
use restore::application::Request;
use serde_json::{Map, Value, json};

const INTEGRATION: &str = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:bill/invocations";

/// A function behind a REST API and an HTTP API, each of which may call it, and which knows both addresses.
async fn shop() -> World {
    let world = World::default();
    let account = world.resources.wiring();
    account.add_domain(&home_region(), "api.example.org");
    let (rest, http) = (rest_api(account), http_api(account));
    let mut function = sample::function();
    function.policy = [("rest", &rest), ("http", &http)]
        .map(|(sid, id)| Statement {
            qualifier: None,
            sid: sid.to_owned(),
            body: Map::from_iter([
                ("Action".to_owned(), json!("lambda:InvokeFunction")),
                ("Effect".to_owned(), json!("Allow")),
                ("Principal".to_owned(), json!({ "Service": "apigateway.amazonaws.com" })),
                (
                    "Condition".to_owned(),
                    json!({ "ArnLike": { "AWS:SourceArn": format!("arn:aws:execute-api:eu-central-1:111122223333:{id}/*") } }),
                ),
            ]),
        })
        .to_vec();
    let address = |id: &str| format!("https://{id}.execute-api.eu-central-1.amazonaws.com/live");
    function.latest.settings.environment = Some(Environment::new(BTreeMap::from([
        ("REST".to_owned(), address(&rest)),
        ("HTTP".to_owned(), address(&http)),
    ])));
    world.functions.add("bill", &function, &sample::archives());
    world
        .resources
        .add(&world.functions.arn("bill"), &[("backup", "standard")]);
    world.tick().await;
    world
}

fn rest_api(account: &MemoryWiring) -> String {
    let home = home_region();
    let input = json!({ "name": "shop", "tags": { "backup": "standard" } });
    let made = account.ask::<apigateway::CreateRestApi>(&home, input).unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    let body = json!({
        "openapi": "3.0.1", "info": { "title": "shop", "version": "1" },
        "paths": { "/orders": { "post": { "responses": {}, "x-amazon-apigateway-integration": { "type": "aws_proxy", "uri": INTEGRATION } } } },
    });
    let input = json!({ "restApiId": id, "mode": "overwrite", "body": body });
    account.ask::<apigateway::PutRestApi>(&home, input).unwrap();
    let deployment = account
        .ask::<apigateway::CreateDeployment>(&home, json!({ "restApiId": id }))
        .unwrap();
    let stage = json!({ "restApiId": id, "stageName": "live", "deploymentId": deployment["id"], "variables": { "who": "bill" } });
    account.ask::<apigateway::CreateStage>(&home, stage).unwrap();
    let mapping = json!({ "domainName": "api.example.org", "basePath": "v1", "restApiId": id, "stage": "live" });
    account
        .ask::<apigateway::CreateBasePathMapping>(&home, mapping)
        .unwrap();
    id
}

fn http_api(account: &MemoryWiring) -> String {
    let home = home_region();
    let input = json!({ "name": "people", "protocolType": "HTTP", "tags": { "backup": "standard" } });
    let made = account.ask::<apigatewayv2::CreateApi>(&home, input).unwrap();
    let id = made["apiId"].as_str().unwrap().to_owned();
    let arn = "arn:aws:lambda:eu-central-1:111122223333:function:bill";
    let input = json!({ "apiId": id, "integrationType": "AWS_PROXY", "integrationUri": arn });
    let integration = account.ask::<apigatewayv2::CreateIntegration>(&home, input).unwrap();
    let target = format!("integrations/{}", integration["integrationId"].as_str().unwrap());
    let route = json!({ "apiId": id, "routeKey": "$default", "target": target });
    account.ask::<apigatewayv2::CreateRoute>(&home, route).unwrap();
    let stage = json!({ "apiId": id, "stageName": "$default", "autoDeploy": true });
    account.ask::<apigatewayv2::CreateStage>(&home, stage).unwrap();
    id
}

async fn restore(world: &World, event: Value) -> Report {
    let request = Request::parse(event).unwrap();
    world.restore().run_application(request, &world.clock).await.unwrap()
}

/// The API that people call so.
async fn called(world: &World, kind: Kind, name: &str) -> Document {
    let account = world.resources.wiring();
    for found in wiring::list(account, kind, &home_region()).await.unwrap() {
        let document = wiring::read(account, &found.id).await.unwrap().document;
        if document.text("name") == Some(name) {
            return document;
        }
    }
    panic!("no {kind} {name}")
}

#[tokio::test]
async fn under_new_names_apis_call_the_new_function_and_only_they_may() {
    let world = shop().await;
    let event = json!({ "application": { "plan": "standard" }, "target": { "prefix": "new-" } });
    let report = restore(&world, event).await;
    let rest = called(&world, Kind::RestApi, "new-shop").await;
    let http = called(&world, Kind::HttpApi, "new-people").await;
    for document in [&rest, &http] {
        let text = String::from_utf8(document.to_bytes()).unwrap();
        assert!(
            text.contains("function:new-bill") && !text.contains("function:bill"),
            "{text}"
        );
    }
    assert_eq!(rest.config["stages"][0]["variables"]["who"], "new-bill");
    let function = read_function(&world.functions, "new-bill").await.unwrap().config;
    let said = format!(
        "{:?} {:?}",
        function.policy,
        function.latest.settings.environment.unwrap_or_default().reveal()
    );
    for document in [&rest, &http] {
        let id = document.observed["id"].as_str().unwrap();
        let own = [
            format!("execute-api:eu-central-1:111122223333:{id}/*"),
            format!("https://{id}.execute-api."),
        ];
        for form in own {
            assert!(said.contains(&form), "{form}: {said} {report:#?}");
        }
    }
    // The domain leads to the old one still.
    assert_eq!(rest.config["basePathMappings"], json!([]));
}

#[tokio::test]
async fn a_lost_api_is_led_to_by_its_domain_when_events_may_flow() {
    let world = shop().await;
    world.resources.wiring().destroy(&home_region());
    world.resources.wiring().add_domain(&home_region(), "api.example.org");
    let mut event = json!({ "application": { "plan": "standard" } });
    restore(&world, event.clone()).await;
    let quiet = called(&world, Kind::RestApi, "shop").await;
    assert_eq!(quiet.config["basePathMappings"], json!([]));
    event["switch_on"] = json!(true);
    let report = restore(&world, event).await;
    let loud = called(&world, Kind::RestApi, "shop").await;
    assert_eq!(loud.config["basePathMappings"][0]["basePath"], "v1", "{report:#?}");
    assert_eq!(loud.observed["id"], quiet.observed["id"], "one API and no second");
}

#[tokio::test]
async fn a_dry_run_says_what_people_will_call_an_api() {
    let world = shop().await;
    let event = json!({ "application": { "plan": "standard" }, "target": { "suffix": "-2" }, "dry_run": true });
    let shown = restore(&world, event).await.notes.join("\n");
    assert!(shown.contains("config.name: shop → shop-2"), "{shown}");
}
