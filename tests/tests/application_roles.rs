//! Roles as part of an application: left as they are unless somebody asks.

use holdfast_catalog::{Kind, OutcomeStatus, Report};
use holdfast_sources::call::iam;
use holdfast_sources::lambda::read_function;
use holdfast_sources::wiring;
use holdfast_tests::{World, home_region, sample};
use restore::application::Request;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/bill";

/// A function, and the role that it runs as and that may read its table.
async fn shop() -> World {
    let world = World::with_orders(3);
    let trust = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let tags = json!([{"Key": "backup", "Value": "standard"}]);
    let role = json!({ "RoleName": "bill", "AssumeRolePolicyDocument": trust.to_string(), "Tags": tags });
    let account = world.resources.wiring();
    account.ask::<iam::CreateRole>(&home_region(), role).unwrap();
    let policy = json!({"Statement": [{"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": world.tables.arn("orders")}]});
    let input = json!({ "RoleName": "bill", "PolicyName": "data", "PolicyDocument": policy.to_string() });
    account.ask::<iam::PutRolePolicy>(&home_region(), input).unwrap();
    world.functions.add("bill", &sample::function(), &sample::archives());
    world
        .resources
        .add(&world.functions.arn("bill"), &[("backup", "standard")]);
    world.tick().await;
    world
}

async fn restore(world: &World, event: Value) -> Report {
    let request = Request::parse(event).unwrap();
    world.restore().run_application(request, &world.clock).await.unwrap()
}

async fn runs_as(world: &World, function: &str) -> String {
    let found = read_function(&world.functions, function).await.unwrap().config;
    found.latest.settings.role
}

#[tokio::test]
async fn a_role_is_taken_once_though_several_regions_are_protected() {
    let world = shop().await;
    world.set_policy(
        "version: 1\nzones: [{regions: [eu-west-1, us-east-1]}]\nplans: [{name: standard, schedule: {every: 1h}, retention: {daily: 7}}]",
    );
    world.later(jiff::SignedDuration::from_hours(2));
    let report = world.tick().await;
    let roles: Vec<&str> = report
        .outcomes
        .iter()
        .map(|outcome| outcome.subject.as_str())
        .filter(|subject| subject.starts_with("iam-role/"))
        .collect();
    assert_eq!(roles.len(), 1, "{report:#?}");
    assert!(roles[0].starts_with("iam-role/us-east-1/bill"), "{roles:?}");
}

#[tokio::test]
async fn unasked_roles_stay_as_they_are_and_functions_keep_theirs() {
    let world = shop().await;
    world.script.restart();
    let event = json!({ "application": { "plan": "standard" }, "target": { "prefix": "new-" } });
    let report = restore(&world, event).await;
    assert_eq!(runs_as(&world, "new-bill").await, ROLE);
    assert!(
        report.notes.iter().any(|note| note.contains("\"roles\": true")),
        "{:?}",
        report.notes
    );
    let made = world.script.changes().into_iter().any(|call| call.name == "CreateRole");
    assert!(!made, "{report:#?}");
}

#[tokio::test]
async fn when_asked_a_role_comes_under_its_new_name_and_may_what_the_new_application_needs() {
    let world = shop().await;
    let event = json!({ "application": { "plan": "standard" }, "target": { "prefix": "new-" }, "roles": true });
    let report = restore(&world, event.clone()).await;
    assert_eq!(
        runs_as(&world, "new-bill").await,
        "arn:aws:iam::111122223333:role/new-bill",
        "{report:#?}"
    );
    let id = holdfast_catalog::ResourceId::new(Kind::IamRole, "us-east-1".parse().unwrap(), "new-bill").unwrap();
    let role = wiring::read(world.resources.wiring(), &id).await.unwrap().document;
    let allowed = &role.config["Policies"]["data"]["Statement"][0]["Resource"];
    assert_eq!(*allowed, json!(world.tables.arn("new-orders")));
    let again = restore(&world, event).await;
    assert!(
        again
            .outcomes
            .iter()
            .all(|outcome| outcome.status != OutcomeStatus::Failed),
        "{again:#?}"
    );
}

#[tokio::test]
async fn a_role_that_is_there_and_another_is_not_changed_and_nothing_runs_as_it() {
    let world = shop().await;
    let trust = json!({"Statement": []}).to_string();
    let role = json!({ "RoleName": "new-bill", "AssumeRolePolicyDocument": trust });
    world
        .resources
        .wiring()
        .ask::<iam::CreateRole>(&home_region(), role)
        .unwrap();
    let event = json!({ "application": { "plan": "standard" }, "target": { "prefix": "new-" }, "roles": true });
    let report = restore(&world, event).await;
    let failed: Vec<&str> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.status == OutcomeStatus::Failed)
        .map(|outcome| outcome.subject.as_str())
        .collect();
    assert_eq!(
        failed,
        ["iam-role/us-east-1/new-bill", "lambda-function/eu-central-1/new-bill"],
        "{report:#?}"
    );
}
