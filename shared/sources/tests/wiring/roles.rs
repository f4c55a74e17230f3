//! Roles: restored as they were and never with more than that.

use holdfast_catalog::{Kind, ResourceId};
use holdfast_sources::SettingOutcome;
use holdfast_sources::call::iam;
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::complete::complete;
use holdfast_sources::wiring::restore::{Plan, Restored};
use holdfast_sources::wiring::{Document, list, read};
use holdfast_testkit::{MemoryWiring, Moment};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::any_document;
use crate::documents::roles::role;
use crate::world::{World, home, id, needs, plan_for};

fn bill() -> ResourceId {
    id(Kind::IamRole, "bill")
}

fn again() -> ResourceId {
    id(Kind::IamRole, "bill-2")
}

fn plan() -> Plan {
    plan_for(&bill(), &role(), &again(), Triggers::Quiet)
}

/// Everything that a role may: each statement of its policies with the policy's name, and the names of AWS's own.
fn rights(document: &Document) -> Vec<String> {
    let mut rights = Vec::new();
    let mut add = |name: &str, policy: &Value| match policy.get("Statement").and_then(Value::as_array) {
        Some(list) => rights.extend(list.iter().map(|statement| format!("{name} {statement}"))),
        None => rights.push(format!("{name} {policy}")),
    };
    for (name, policy) in document
        .config
        .get("Policies")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        add(name, policy);
    }
    for named in document
        .config
        .get("AttachedPolicies")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        add(
            named["PolicyArn"].as_str().unwrap(),
            named.get("Document").unwrap_or(&Value::Null),
        );
    }
    rights
}

fn make_policy(account: &MemoryWiring, arn: &Value, document: &Value) {
    let (path, name) = arn
        .as_str()
        .unwrap()
        .split_once(":policy")
        .unwrap()
        .1
        .rsplit_once('/')
        .unwrap();
    let input = json!({ "PolicyName": name, "Path": format!("{path}/"), "PolicyDocument": document.to_string() });
    account.ask::<iam::CreatePolicy>(&home(), input).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restored_role_may_nothing_that_the_stored_one_might_not(
        document in any_document(Kind::IamRole), is_renamed in any::<bool>(), others in any::<[bool; 4]>(), denied in 0..12_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let target = if is_renamed { again() } else { bill() };
        let plan = plan_for(&bill(), &document, &target, Triggers::AsBefore);
        let world = World::new();
        // Somebody made some of the policies, and they say more.
        let attached = plan.wanted.config.get("AttachedPolicies").and_then(Value::as_array).cloned().unwrap_or_default();
        let boundary = plan.wanted.config.get("PermissionsBoundary").cloned();
        let named = boundary.iter().chain(&attached).filter(|one| one.get("Document").is_some());
        for (one, _) in named.zip(others).filter(|(_, is_other)| *is_other) {
            make_policy(&world.account, &one["PolicyArn"], &json!({"Statement": [{"Action": "*"}]}));
        }
        if denied > 0 {
            world.script.fail(denied, holdfast_testkit::Moment::Before, PortError::Denied("by the script".to_owned()));
        }
        let restored = runtime.block_on(world.execute(&plan));
        let made = runtime.block_on(read(&world.account, &target));
        if let Ok(made) = made {
            let allowed = rights(&plan.wanted);
            for right in rights(&made.document) {
                prop_assert!(allowed.contains(&right), "{} of {:?}: {:?}", right, plan.wanted.config, restored);
            }
            prop_assert_eq!(made.document.config.get("PermissionsBoundary"), boundary.as_ref());
            prop_assert_eq!(&made.document.config["AssumeRolePolicyDocument"], &plan.wanted.config["AssumeRolePolicyDocument"]);
        }
    }
}

#[tokio::test]
async fn policies_of_the_accounts_own_go_with_a_role_of_another_name() {
    let world = World::new();
    world.make(&bill(), &role()).await;
    let Restored::Made(outcomes) = world.execute(&plan()).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), [""; 0]);
    let made = world.read(&again()).await;
    assert_eq!(made.arn.as_str(), "arn:aws:iam::111122223333:role/app/bill-2");
    let text = String::from_utf8(made.document.to_bytes()).unwrap();
    for expected in [
        "policy/app/mail-for-bill-2",
        "policy/app/limit-for-bill-2",
        "policy/service-role/AWSLambdaBasicExecutionRole\"",
        "role/app/bill-2",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn a_policy_that_says_something_else_now_is_not_attached() {
    let world = World::new();
    let arn = json!("arn:aws:iam::111122223333:policy/app/mail");
    make_policy(&world.account, &arn, &json!({"Statement": [{"Action": "*"}]}));
    let plan = plan_for(&bill(), &role(), &bill(), Triggers::Quiet);
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), ["AttachedPolicies"]);
    assert!(!format!("{:?}", world.read(&bill()).await.document).contains("policy/app/mail"));
}

#[tokio::test]
async fn no_role_is_made_without_its_boundary() {
    let world = World::new();
    let arn = json!("arn:aws:iam::111122223333:policy/app/limit");
    make_policy(&world.account, &arn, &json!({"Statement": [{"Action": "*"}]}));
    let error = world
        .execute(&plan_for(&bill(), &role(), &bill(), Triggers::Quiet))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("boundary"), "{error}");
    let mut unreadable = role();
    unreadable.config.remove("PermissionsBoundary");
    unreadable.unreadable.push("PermissionsBoundary".to_owned());
    let error = world
        .execute(&plan_for(&bill(), &unreadable, &bill(), Triggers::Quiet))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("boundary"), "{error}");
    let found = read(&world.account, &bill()).await.unwrap_err();
    assert!(matches!(found, PortError::NotFound(_)), "{found}");
}

#[tokio::test]
async fn a_role_that_a_person_makes_while_a_restore_lies_dead_is_never_changed() {
    let world = World::new();
    world
        .script
        .fail_named("CreateRole", PortError::Unavailable("no answer".to_owned()));
    assert!(world.execute(&plan()).await.is_err());
    world.script.heal();
    let trust = json!({"Statement": []}).to_string();
    let by_hand = json!({ "RoleName": "bill-2", "AssumeRolePolicyDocument": trust });
    world.account.ask::<iam::CreateRole>(&home(), by_hand).unwrap();
    world.script.restart();
    let restored = world.execute(&plan()).await.unwrap();
    assert!(matches!(restored, Restored::Refused(_)), "{restored:?}");
    assert_eq!(world.script.changes(), []);
}

#[tokio::test]
async fn only_roles_that_run_what_is_protected_are_listed() {
    let world = World::new();
    let by_service = |service: &str| json!({"Statement": [{"Principal": {"Service": service}}]}).to_string();
    for (name, path, service) in [
        ("bill", "/app/", "lambda.amazonaws.com"),
        ("machine", "/", "ec2.amazonaws.com"),
        ("linked", "/aws-service-role/x/", "lambda.amazonaws.com"),
        ("ours", "/holdfast/prune/", "lambda.amazonaws.com"),
        ("call", "/", "apigateway.amazonaws.com"),
    ] {
        let tags = json!([{"Key": "name", "Value": name}]);
        let input =
            json!({ "RoleName": name, "Path": path, "AssumeRolePolicyDocument": by_service(service), "Tags": tags });
        world.account.ask::<iam::CreateRole>(&home(), input).unwrap();
    }
    let found = list(&world.account, Kind::IamRole, &home()).await.unwrap();
    let names: Vec<(String, &str)> = found
        .iter()
        .map(|found| (found.id.to_string(), found.tags["name"].as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("iam-role/us-east-1/bill".to_owned(), "bill"),
            ("iam-role/us-east-1/call".to_owned(), "call")
        ]
    );
    for other in ["linked", "ours"] {
        let error = read(&world.account, &id(Kind::IamRole, other)).await.unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{other}: {error}");
    }
}

/// The role, which a service and another role may take.
fn trusting(other: &str) -> Document {
    let mut document = role();
    let statements = json!([
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::111122223333:role/app/{other}")}, "Action": "sts:AssumeRole"},
    ]);
    document.config["AssumeRolePolicyDocument"]["Statement"] = statements;
    document
}

fn trusted(document: &Document) -> &Value {
    &document.config["AssumeRolePolicyDocument"]["Statement"]
}

#[tokio::test]
async fn a_role_that_trusts_one_that_is_not_there_trusts_the_others_and_is_told_of_it_when_it_is() {
    let world = World::new();
    let plan = plan_for(&bill(), &trusting("tell"), &bill(), Triggers::Quiet);
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), ["AssumeRolePolicyDocument"]);
    let first = world.read(&bill()).await.document;
    assert_eq!(*trusted(&first), json!([trusted(&plan.wanted)[0]]));

    world.make(&id(Kind::IamRole, "tell"), &role()).await;
    let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() else {
        panic!("not made")
    };
    assert_eq!(needs(&outcomes), [""; 0]);
    assert_eq!(plan.wanted.differences(&world.read(&bill()).await.document), []);
}

#[tokio::test]
async fn roles_that_trust_each_other_end_the_same_after_any_fault_and_never_let_in_more() {
    let whole = plan_for(&bill(), &trusting("tell"), &bill(), Triggers::Quiet);
    let mut alone = trusting("tell");
    alone.config["AssumeRolePolicyDocument"]["Statement"] = json!([trusted(&alone)[0]]);
    let first = plan_for(&bill(), &alone, &bill(), Triggers::Quiet);
    let other = plan_for(
        &id(Kind::IamRole, "tell"),
        &trusting("bill"),
        &id(Kind::IamRole, "tell"),
        Triggers::Quiet,
    );
    // As an application does it: the one without the other, the other, then the one is completed.
    let restore = async |world: &World| -> Result<Vec<SettingOutcome>, PortError> {
        world.execute(&first).await?;
        world.execute(&other).await?;
        complete(&world.port, &world.clock, &bill(), &whole.wanted).await
    };
    let calm = World::new();
    assert_eq!(needs(&restore(&calm).await.unwrap()), [""; 0]);
    for number in 1..=calm.script.total() {
        for moment in [Moment::Before, Moment::After] {
            let world = World::new();
            world.script.kill_at(number, moment);
            drop(restore(&world).await);
            if let Ok(now) = read(&world.account, &bill()).await {
                let allowed = trusted(&whole.wanted).as_array().unwrap();
                let now = trusted(&now.document).as_array().unwrap().clone();
                assert!(
                    now.iter().all(|statement| allowed.contains(statement)),
                    "call {number}: {now:?}"
                );
            }
            world.script.heal();
            world.clock.set_remaining(SignedDuration::from_mins(15));
            assert_eq!(needs(&restore(&world).await.unwrap()), [""; 0], "call {number}");
            for plan in [&whole, &other] {
                assert_eq!(
                    plan.wanted.differences(&world.read(&plan.target).await.document),
                    [],
                    "call {number}"
                );
            }
        }
    }
}
