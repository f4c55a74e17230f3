//! What is not of a function itself: configurations beside it, layers before it, and who runs it at the edge.

use std::collections::BTreeMap;

use holdfast_catalog::BlobRole;
use holdfast_sources::application::diff;
use holdfast_sources::lambda::{Beside, EdgeAssociation, FunctionConfig};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_vault::{PortError, get_blob};
use serde_json::json;

use crate::made::{alias, furnished, layer, plain, set_beside, wired};
use crate::world::{World, told};

fn needs_person(outcomes: &[SettingOutcome]) -> Vec<&str> {
    let needs = outcomes
        .iter()
        .filter(|outcome| outcome.status == SettingStatus::NeedsPerson);
    needs.map(|outcome| outcome.setting.as_str()).collect()
}

#[tokio::test]
async fn everything_beside_a_function_is_stored_with_it_and_put_back() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.not_protected, [""; 0]);
    assert_eq!(taken.config.beside, furnished().beside);
    assert_eq!(taken.config.observed.urls["live"], world.lambda.url("bill", "live"));
    let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    assert_eq!(needs_person(&restored.outcomes), [""; 0]);
    let again = world.read("again").await;
    let new = |number: u64| restored.versions[&number].to_string();
    assert_eq!(
        again.beside[&Beside::RuntimeManagement][&new(3)]["UpdateRuntimeOn"],
        "Manual"
    );
    assert_eq!(
        again.beside[&Beside::ProvisionedConcurrency].keys().collect::<Vec<_>>(),
        [&new(7), "live"]
    );
    assert_eq!(again.beside[&Beside::Url], taken.config.beside[&Beside::Url]);
    assert_eq!(restored.urls["next"], world.lambda.url("again", "next"));
}

#[tokio::test]
async fn each_detail_that_may_not_be_read_is_told() {
    for (call, setting) in [
        ("GetFunctionCodeSigningConfig", "FunctionCodeSigningConfig"),
        ("GetRuntimeManagementConfig", "RuntimeManagementConfig"),
        ("GetFunctionRecursionConfig", "FunctionRecursionConfig"),
        ("ListProvisionedConcurrencyConfigs", "ProvisionedConcurrencyConfig"),
        ("ListFunctionEventInvokeConfigs", "FunctionEventInvokeConfig"),
        ("ListFunctionUrlConfigs", "FunctionUrlConfig"),
    ] {
        let world = World::with("bill", &furnished());
        world
            .script
            .fail_named(call, PortError::Denied(format!("{call}: not authorized")));
        let taken = world.snapshot("bill").await.unwrap();
        assert_eq!(taken.config.unreadable, [setting]);
        assert!(taken.not_protected[0].contains(call), "{:?}", taken.not_protected);
        world.script.heal();
        let plan = world.plan(&taken, "again").unwrap();
        assert!(told(&plan.needs_person, setting).contains("could not be read"));
    }
}

#[tokio::test]
async fn what_cannot_be_set_is_told_with_its_command_and_set_by_the_next_run() {
    for (call, setting, verb) in [
        (
            "PutFunctionCodeSigningConfig",
            "FunctionCodeSigningConfig",
            "put-function-code-signing-config",
        ),
        (
            "PutRuntimeManagementConfig",
            "RuntimeManagementConfig for 3",
            "put-runtime-management-config",
        ),
        (
            "PutFunctionRecursionConfig",
            "FunctionRecursionConfig",
            "put-function-recursion-config",
        ),
        (
            "PutProvisionedConcurrencyConfig",
            "ProvisionedConcurrencyConfig for live",
            "put-provisioned-concurrency-config",
        ),
        (
            "PutFunctionEventInvokeConfig",
            "FunctionEventInvokeConfig for live",
            "put-function-event-invoke-config",
        ),
        (
            "CreateFunctionUrlConfig",
            "FunctionUrlConfig for live",
            "create-function-url-config",
        ),
    ] {
        let world = World::with("bill", &furnished());
        let taken = world.snapshot("bill").await.unwrap();
        let plan = world.plan(&taken, "again").unwrap();
        world
            .script
            .fail_named(call, PortError::Denied("not authorized".to_owned()));
        let restored = world.execute(&plan).await.unwrap();
        let message = told(&restored.outcomes, setting);
        let command = format!("aws lambda {verb} --region eu-west-1 --cli-input-json '{{");
        assert!(
            message.contains(&command) && message.contains("\"FunctionName\":\"again\""),
            "{message}"
        );
        world.script.heal();
        let restored = world.execute(&plan).await.unwrap();
        assert_eq!(needs_person(&restored.outcomes), [""; 0], "{call}");
        assert_eq!(world.read("again").await.beside.len(), furnished().beside.len());
    }
}

#[tokio::test]
async fn what_names_another_region_is_told_with_a_command_to_complete() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    let far = world.elsewhere("us-west-2");
    let restored = far.execute(&far.plan(&taken, "bill").unwrap()).await.unwrap();
    for setting in [
        "FunctionCodeSigningConfig",
        "RuntimeManagementConfig for 3",
        "FunctionEventInvokeConfig for live",
    ] {
        let message = told(&restored.outcomes, setting);
        assert!(
            message.contains("--region us-west-2") && message.contains("eu-west-1"),
            "{message}"
        );
    }
    let dead = (
        "arn:aws:sqs:eu-west-1:111122223333:dead",
        "arn:aws:sqs:us-west-2:111122223333:dead",
    );
    let replaced = BTreeMap::from([(dead.0.to_owned(), dead.1.to_owned())]);
    let plan = far
        .plan_with(&taken, "other", |request| request.replacements = replaced)
        .unwrap();
    far.execute(&plan).await.unwrap();
    let invoke = &far.read("other").await.beside[&Beside::EventInvoke]["$LATEST"];
    assert_eq!(invoke["DestinationConfig"]["OnFailure"]["Destination"], dead.1);
}

#[tokio::test]
async fn a_configuration_of_a_version_that_is_not_restored_is_told() {
    let world = World::with("bill", &furnished());
    let mut taken = world.snapshot("bill").await.unwrap();
    let gone = match &taken.config.versions[&3].package {
        holdfast_sources::lambda::Package::Zip { sha256, .. } => *sha256,
        holdfast_sources::lambda::Package::Image { .. } => panic!("it is an archive"),
    };
    taken.blobs.retain(|blob| blob.sha256 != gone);
    let plan = world.plan(&taken, "again").unwrap();
    assert!(told(&plan.needs_person, "RuntimeManagementConfig for 3").contains("not restored"));
}

#[tokio::test]
async fn the_content_of_each_layer_is_stored_once_and_its_address_is_not() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.config.layers, BTreeMap::from([layer(1), layer(2)]));
    // Both layers hold what a version's code holds, so that nothing was left to download.
    let code = taken.blobs.iter().filter(|blob| blob.role == BlobRole::Code).count();
    assert_eq!((code, world.script.count("fetch_layer")), (3, 0));
    let document = get_blob(&world.store, &taken.blobs[0]).await.unwrap();
    assert_eq!(FunctionConfig::read(&document).unwrap(), taken.config);
    let shown = format!("{}{taken:?}", String::from_utf8(document.to_vec()).unwrap());
    assert!(!shown.contains("X-Amz-Signature"));
    let mut config = plain();
    let (arn, content) = layer(2);
    config.latest.settings.layers = vec![arn.clone()];
    config.layers = BTreeMap::from([(arn, content)]);
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!((taken.blobs.len(), world.script.count("fetch_layer")), (3, 1));
    world.script.restart();
    assert_eq!(world.snapshot("bill").await.unwrap(), taken);
    assert_eq!(world.script.count("fetch_layer"), 0);
}

#[tokio::test]
async fn a_layer_that_may_not_be_read_is_told_and_goes_on_being_used() {
    let (arn, _) = layer(1);
    for call in ["GetLayerVersionByArn", "fetch_layer"] {
        let mut config = plain();
        config.latest.settings.layers = vec![layer(2).0, arn.clone()];
        config.layers = BTreeMap::from([layer(1), layer(2)]);
        let world = World::with("bill", &config);
        world
            .script
            .fail_named(call, PortError::Denied("another account's".to_owned()));
        let taken = world.snapshot("bill").await.unwrap();
        let of_first: Vec<_> = taken.not_protected.iter().filter(|note| note.contains(&arn)).collect();
        assert!(
            of_first.len() == 1 && of_first[0].contains("is not stored"),
            "{:?}",
            taken.not_protected
        );
        world.script.heal();
        let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
        assert_eq!(needs_person(&restored.outcomes), [""; 0]);
        assert_eq!(
            world.read("again").await.latest.settings.layers,
            config.latest.settings.layers
        );
        // Elsewhere it cannot be used.
        let far = world.elsewhere("us-west-2");
        let restored = far.execute(&far.plan(&taken, "bill").unwrap()).await.unwrap();
        assert!(told(&restored.outcomes, "Layers").contains(&arn));
    }
}

#[tokio::test]
async fn a_layer_that_is_gone_or_elsewhere_is_published_again_once() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    let far = world.elsewhere("us-west-2");
    world.lambda.lose_layers();
    for (world, region) in [(&world, "eu-west-1"), (&far, "us-west-2")] {
        let plan = world.plan(&taken, "again").unwrap();
        let restored = world.execute(&plan).await.unwrap();
        assert_eq!((restored.layers.len(), world.lambda.layers()), (2, 2), "{region}");
        let again = world.read("again").await;
        let expected: Vec<String> = furnished()
            .latest
            .settings
            .layers
            .iter()
            .map(|was| restored.layers[was].clone())
            .collect();
        assert_eq!(again.latest.settings.layers, expected);
        assert!(expected.iter().all(|arn| arn.contains(region)), "{expected:?}");
        let contents = |config: &FunctionConfig| config.layers.values().cloned().collect::<Vec<_>>();
        assert_eq!(contents(&again), contents(&taken.config));
        world.execute(&world.plan(&taken, "other").unwrap()).await.unwrap();
        assert_eq!(world.lambda.layers(), 2, "{region}");
    }
}

#[tokio::test]
async fn a_layer_that_cannot_be_published_ends_the_restore_before_anything_is_made() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    world.lambda.lose_layers();
    let plan = world.plan(&taken, "again").unwrap();
    world
        .script
        .fail_named("PublishLayerVersion", PortError::Denied("not authorized".to_owned()));
    let error = world.execute(&plan).await.unwrap_err();
    assert!(
        matches!(&error, PortError::Denied(why) if why.contains("layer:base:1") && why.contains("replacement")),
        "{error}"
    );
    assert_eq!(world.lambda.names(), ["bill"]);
    world.script.heal();
    assert_eq!(needs_person(&world.execute(&plan).await.unwrap().outcomes), [""; 0]);
}

#[tokio::test]
async fn a_layers_replacement_is_used_as_it_is() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    world.lambda.lose_layers();
    let mine = "arn:aws:lambda:eu-west-1:111122223333:layer:mine:1".to_owned();
    let replaced = BTreeMap::from([(layer(1).0, mine.clone()), (layer(2).0, mine.clone())]);
    let plan = world
        .plan_with(&taken, "again", |request| request.replacements = replaced)
        .unwrap();
    world.execute(&plan).await.unwrap();
    assert_eq!(world.read("again").await.latest.settings.layers, [mine.clone(), mine]);
    assert_eq!(world.lambda.layers(), 0);
}

/// A function that two distributions run, in two versions.
fn at_the_edge() -> FunctionConfig {
    let mut config = wired();
    config.event_sources.clear();
    config.policy.clear();
    config.aliases = BTreeMap::from([("live".to_owned(), alias("7", &[]))]);
    let association = |distribution: &str, path: Option<&str>, event_type: &str, version| EdgeAssociation {
        distribution: distribution.to_owned(),
        path_pattern: path.map(str::to_owned),
        event_type: event_type.to_owned(),
        version,
        include_body: path.is_some(),
    };
    config.edge = vec![
        association("E1", None, "viewer-request", 3),
        association("E1", Some("images/*"), "origin-request", 7),
        association("E2", None, "origin-response", 7),
    ];
    config
}

#[tokio::test]
async fn where_the_edge_runs_a_function_is_stored_and_told_with_the_new_versions() {
    let world = World::new().elsewhere("us-east-1");
    world.lambda.add("bill", &at_the_edge(), &crate::made::archives());
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.config, at_the_edge());
    assert_eq!(taken.not_protected, [""; 0]);
    let plan = world.plan(&taken, "again").unwrap();
    for was_done in [false, true] {
        let restored = world.execute(&plan).await.unwrap();
        assert_eq!(restored.was_done, was_done);
        assert_eq!(needs_person(&restored.outcomes).len(), 3);
        let message = told(
            &restored.outcomes,
            "LambdaFunctionAssociation origin-request of images/* in E1",
        );
        let arn = format!("function:again:{}", restored.versions[&7]);
        for part in [
            &arn,
            "get-distribution-config --id E1",
            "update-distribution --id E1 --if-match",
            "select(.PathPattern == \"images/*\")",
            "\"IncludeBody\": true",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
    let far = world.elsewhere("eu-west-1");
    let plan = far.plan(&taken, "bill").unwrap();
    let message = told(
        &plan.needs_person,
        "LambdaFunctionAssociation viewer-request of the default behaviour in E1",
    );
    assert!(message.contains("us-east-1 alone"), "{message}");
}

#[tokio::test]
async fn distributions_are_listed_only_for_functions_that_one_can_run() {
    let here = World::with("bill", &wired());
    let east = World::new().elsewhere("us-east-1");
    east.lambda.add("bill", &plain(), &crate::made::archives());
    for world in [&here, &east] {
        world.snapshot("bill").await.unwrap();
        assert_eq!(world.script.count("ListDistributions"), 0);
    }
    east.lambda.add("edge", &at_the_edge(), &crate::made::archives());
    east.script
        .fail_named("ListDistributions", PortError::Denied("not authorized".to_owned()));
    let taken = east.snapshot("edge").await.unwrap();
    assert_eq!(taken.config.unreadable, ["LambdaFunctionAssociations"]);
}

#[tokio::test]
async fn managed_instances_keep_how_many_environments_they_have() {
    let mut config = wired();
    let provider = holdfast_sources::lambda::CapacityProvider {
        arn: "arn:aws:lambda:eu-west-1:111122223333:capacity-provider:big".to_owned(),
        concurrency_per_environment: None,
        memory_gib_per_vcpu: None,
    };
    for release in std::iter::once(&mut config.latest).chain(config.versions.values_mut()) {
        release.settings.capacity_provider = Some(provider.clone());
    }
    let scaling = json!({ "FunctionScalingConfig": {"MinExecutionEnvironments": 2, "MaxExecutionEnvironments": 9} });
    set_beside(&mut config, Beside::Scaling, "7", &scaling);
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(taken.config.beside, config.beside);
    let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    let again = world.read("again").await;
    assert_eq!(
        again.beside[&Beside::Scaling][&restored.versions[&7].to_string()],
        config.beside[&Beside::Scaling]["7"]
    );
}

#[tokio::test]
async fn what_changed_beside_a_function_is_a_line_each() {
    let world = World::with("bill", &furnished());
    let old = world.snapshot("bill").await.unwrap().config;
    let mut changed = furnished();
    set_beside(
        &mut changed,
        Beside::ProvisionedConcurrency,
        "live",
        &json!({ "ProvisionedConcurrentExecutions": 9 }),
    );
    changed.beside.remove(&Beside::Recursion);
    let world = World::with("bill", &changed);
    let new = world.snapshot("bill").await.unwrap().config;
    let lines = diff(&json!(old), &json!(new));
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            r#"- beside.FunctionRecursionConfig: {"$LATEST":{"RecursiveLoop":"Allow"}}"#,
            "~ beside.ProvisionedConcurrencyConfig.live.ProvisionedConcurrentExecutions: 2 → 9",
        ]
    );
}
