//! Resources that need each other: each is made, and what had to wait is put on.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Kind, Report, ReportStatus, ResourceId};
use holdfast_sources::call::iam;
use holdfast_sources::lambda::{Beside, FunctionConfig, read_function};
use holdfast_sources::wiring;
use holdfast_testkit::Moment;
use holdfast_tests::shop::{add_bill, event, restore, words};
use holdfast_tests::{World, home_region, sample};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A function that sends what it could not process to another one.
fn sends_to(world: &World, other: &str) -> FunctionConfig {
    let mut function = sample::function();
    let failure = json!({"DestinationConfig": {"OnFailure": {"Destination": world.functions.arn(other)}}});
    let configs = BTreeMap::from([("live".to_owned(), failure.as_object().unwrap().clone())]);
    function.beside.insert(Beside::EventInvoke, configs);
    function
}

/// Two functions that are each other's destination, backed up.
async fn ring() -> World {
    let world = World::default();
    for (name, other) in [("ask", "tell"), ("tell", "ask")] {
        world.functions.add(name, &sends_to(&world, other), &sample::archives());
        world
            .resources
            .add(&world.functions.arn(name), &[("backup", "standard")]);
    }
    world.tick().await;
    world
}

fn lose(world: &World) {
    for name in ["ask", "tell"] {
        world.functions.lose(name);
        world.functions.lose_mappings(name);
    }
}

/// Where a function sends what it could not process.
async fn destination(world: &World, function: &str) -> Value {
    let config = read_function(&world.functions, function).await.unwrap().config;
    config.beside[&Beside::EventInvoke]["live"]["DestinationConfig"]["OnFailure"]["Destination"].clone()
}

fn assert_nothing_is_left(report: &Report) {
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    let left = words(report)
        .into_iter()
        .find(|(_, word)| word == "needs a person" || word == "failed");
    assert_eq!(left, None, "{report:#?}");
}

#[tokio::test]
async fn two_functions_that_are_each_others_destination_come_back_and_nothing_is_left_to_a_person() {
    let world = ring().await;
    lose(&world);
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_nothing_is_left(&report);
    for (name, other) in [("new-ask", "new-tell"), ("new-tell", "new-ask")] {
        assert_eq!(destination(&world, name).await, json!(world.functions.arn(other)));
    }
}

#[tokio::test]
async fn a_ring_that_was_closed_once_is_left_as_its_users_have_it() {
    let world = ring().await;
    lose(&world);
    let again = event(json!({"prefix": "new-"}));
    restore(&world, again.clone()).await.unwrap();
    let mut changed = read_function(&world.functions, "new-ask").await.unwrap().config;
    changed.latest.settings.memory_mb = 1024;
    let tags = world.functions.tags("new-ask");
    changed.tags = tags;
    world.functions.lose_mappings("new-ask");
    world.functions.add("new-ask", &changed, &sample::archives());
    world.later(SignedDuration::from_mins(5));
    assert_nothing_is_left(&restore(&world, again).await.unwrap());
    let now = read_function(&world.functions, "new-ask").await.unwrap().config;
    assert_eq!(now.latest.settings.memory_mb, 1024);
}

#[tokio::test]
async fn a_restore_of_a_ring_that_dies_at_any_call_ends_the_same() {
    let calm = ring().await;
    lose(&calm);
    calm.script.restart();
    let wanted = event(json!({"prefix": "new-"}));
    assert_nothing_is_left(&restore(&calm, wanted.clone()).await.unwrap());
    for number in 1..=calm.script.total() {
        let world = ring().await;
        lose(&world);
        world.script.restart();
        world.script.kill_at(number, Moment::After);
        let _ = restore(&world, wanted.clone()).await;
        world.script.heal();
        assert_nothing_is_left(&restore(&world, wanted.clone()).await.unwrap());
        for (name, other) in [("new-ask", "new-tell"), ("new-tell", "new-ask")] {
            let to = destination(&world, name).await;
            assert_eq!(to, json!(world.functions.arn(other)), "call {number}");
        }
    }
}

/// A role that lets Lambda in and, when it is there, another role.
fn trusts(other: Option<&str>) -> String {
    let mut principal = json!({"Service": "lambda.amazonaws.com"});
    if let Some(other) = other {
        principal["AWS"] = Value::from(format!("arn:aws:iam::111122223333:role/{other}"));
    }
    json!({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}).to_string()
}

/// Two roles that trust each other and a function that runs as one of them, backed up and lost.
async fn trusting() -> World {
    let world = World::default();
    let account = world.resources.wiring();
    let tags = json!([{"Key": "backup", "Value": "standard"}]);
    for name in ["bill", "tell"] {
        let role = json!({"RoleName": name, "AssumeRolePolicyDocument": trusts(None), "Tags": tags});
        account.ask::<iam::CreateRole>(&home_region(), role).unwrap();
    }
    for (name, other) in [("bill", "tell"), ("tell", "bill")] {
        let input = json!({"RoleName": name, "PolicyDocument": trusts(Some(other))});
        account
            .ask::<iam::UpdateAssumeRolePolicy>(&home_region(), input)
            .unwrap();
    }
    add_bill(&world, &sample::function());
    world.tick().await;
    world
}

/// Whom a role trusts; none where it is not there.
async fn trust(world: &World, role: &str) -> Option<Value> {
    let id = ResourceId::new(Kind::IamRole, "us-east-1".parse().unwrap(), role).unwrap();
    let found = wiring::read(world.resources.wiring(), &id).await.ok()?;
    Some(found.document.config["AssumeRolePolicyDocument"].clone())
}

/// Whom a trust lets in.
fn let_in(trust: &Value) -> BTreeSet<String> {
    let statements = trust["Statement"].as_array().unwrap().iter();
    let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
    allowing
        .flat_map(|statement| statement["Principal"].as_object().unwrap().values())
        .map(ToString::to_string)
        .collect()
}

fn asked_with_roles() -> Value {
    let mut event = event(json!({"prefix": "new-"}));
    event["roles"] = Value::from(true);
    event
}

const TRUSTING: [(&str, &str); 2] = [("new-bill", "new-tell"), ("new-tell", "new-bill")];

fn whole_trust(other: &str) -> Value {
    serde_json::from_str(&trusts(Some(other))).unwrap()
}

#[tokio::test]
async fn two_roles_that_trust_each_other_come_back_and_nothing_is_left_to_a_person() {
    let world = trusting().await;
    let report = restore(&world, asked_with_roles()).await.unwrap();
    assert_nothing_is_left(&report);
    for (name, other) in TRUSTING {
        assert_eq!(trust(&world, name).await, Some(whole_trust(other)), "{name}");
    }
}

#[tokio::test]
async fn roles_that_trust_each_other_end_the_same_after_any_death_and_never_let_in_more() {
    let calm = trusting().await;
    calm.script.restart();
    assert_nothing_is_left(&restore(&calm, asked_with_roles()).await.unwrap());
    for number in 1..=calm.script.total() {
        let world = trusting().await;
        world.script.restart();
        world.script.kill_at(number, Moment::After);
        let _ = restore(&world, asked_with_roles()).await;
        for (name, other) in TRUSTING {
            let now = trust(&world, name)
                .await
                .map(|trust| let_in(&trust))
                .unwrap_or_default();
            assert!(
                now.is_subset(&let_in(&whole_trust(other))),
                "{name} at call {number}: {now:?}"
            );
        }
        world.script.heal();
        assert_nothing_is_left(&restore(&world, asked_with_roles()).await.unwrap());
        for (name, other) in TRUSTING {
            assert_eq!(
                trust(&world, name).await,
                Some(whole_trust(other)),
                "{name} at call {number}"
            );
        }
    }
}
