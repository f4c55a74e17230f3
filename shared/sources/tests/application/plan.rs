use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Kind, ResourceId};
use holdfast_sources::application::{Action, Member, Plan, Step, plan, without};
use proptest::prelude::*;
use serde_json::json;

use crate::made::{id, map, member, prefixed, shop};

fn planned(members: &[Member]) -> Plan {
    plan(members, &map(members, &prefixed("x-")))
}

fn created(plan: &Plan) -> Vec<&ResourceId> {
    let steps = plan.steps.iter().filter(|step| step.action == Action::Create);
    steps.map(|step| &step.resource).collect()
}

#[test]
fn everything_comes_after_what_it_needs() {
    let plan = planned(&shop());
    let order = created(&plan);
    let place = |kind, name: &str| order.iter().position(|made| **made == id(kind, name)).unwrap();
    for (first, then) in [
        ((Kind::IamRole, "app"), (Kind::LambdaFunction, "bill")),
        ((Kind::DynamodbTable, "orders"), (Kind::LambdaFunction, "bill")),
        ((Kind::SqsQueue, "jobs-dead"), (Kind::SqsQueue, "jobs")),
        ((Kind::SqsQueue, "jobs-dead"), (Kind::LambdaFunction, "bill")),
        // Its id is part of the function's policy.
        ((Kind::RestApi, "a1b2c3"), (Kind::LambdaFunction, "bill")),
        ((Kind::LambdaFunction, "mail"), (Kind::SnsTopic, "news")),
        ((Kind::SqsQueue, "jobs"), (Kind::SnsTopic, "news")),
        ((Kind::EventBus, "shop"), (Kind::EventRule, "shop/paid")),
        ((Kind::StateMachine, "ship"), (Kind::EventRule, "shop/paid")),
        ((Kind::EventBus, "shop"), (Kind::EventArchive, "all")),
        ((Kind::EventConnection, "bank"), (Kind::ApiDestination, "bank")),
        ((Kind::ScheduleGroup, "nightly"), (Kind::Schedule, "nightly/clean")),
        ((Kind::LambdaFunction, "mail"), (Kind::EventSourceMapping, "2c3d")),
    ] {
        assert!(
            place(first.0, first.1) < place(then.0, then.1),
            "{first:?} before {then:?}: {plan}"
        );
    }
    assert_eq!(**order.last().unwrap(), id(Kind::Schedule, "nightly/clean"));
}

#[test]
fn what_starts_something_by_itself_is_switched_on_at_the_end_and_apart() {
    let plan = planned(&shop());
    let (quiet, loud) = plan.phases();
    assert!(quiet.iter().all(|step| step.action != Action::SwitchOn));
    let loud: Vec<String> = loud.iter().map(Step::name).collect();
    assert_eq!(
        loud,
        [
            "switch-on/lambda-function/eu-central-1/bill",
            "switch-on/event-source-mapping/eu-central-1/2c3d",
            "switch-on/event-rule/eu-central-1/shop/paid",
            "switch-on/bucket-notifications/eu-central-1/photos",
            "switch-on/schedule/eu-central-1/nightly/clean",
        ]
    );
    assert!(!created(&plan).contains(&&id(Kind::BucketNotifications, "photos")));
}

#[test]
fn a_mapping_that_is_stored_with_its_function_is_not_made_twice() {
    let plan = planned(&shop());
    assert!(!created(&plan).contains(&&id(Kind::EventSourceMapping, "0a1b")));
    assert!(plan.notes.iter().any(|note| note.contains("0a1b")), "{:?}", plan.notes);
}

#[test]
fn a_plan_reads_as_what_will_be_done() {
    let members: Vec<Member> = shop()
        .into_iter()
        .filter(|member| {
            [
                id(Kind::SqsQueue, "jobs"),
                id(Kind::SqsQueue, "jobs-dead"),
                id(Kind::EventRule, "shop/paid"),
            ]
            .contains(&member.id)
        })
        .collect();
    let expected = "   1. create sqs-queue/eu-central-1/x-jobs-dead (was sqs-queue/eu-central-1/jobs-dead)
   2. create sqs-queue/eu-central-1/x-jobs (was sqs-queue/eu-central-1/jobs)
        after sqs-queue/eu-central-1/jobs-dead
        config.Attributes.Policy.Statement[0].Resource: arn:aws:sqs:eu-central-1:111122223333:jobs → arn:aws:sqs:eu-central-1:111122223333:x-jobs
        config.Attributes.RedrivePolicy.deadLetterTargetArn: arn:aws:sqs:eu-central-1:111122223333:jobs-dead → arn:aws:sqs:eu-central-1:111122223333:x-jobs-dead
   3. create event-rule/eu-central-1/shop/x-paid (was event-rule/eu-central-1/shop/paid)
        after sqs-queue/eu-central-1/jobs
        config.Targets[1].Arn: arn:aws:sqs:eu-central-1:111122223333:jobs → arn:aws:sqs:eu-central-1:111122223333:x-jobs
then, when it is asked for:
   4. switch on event-rule/eu-central-1/shop/x-paid (was event-rule/eu-central-1/shop/paid)
";
    assert_eq!(planned(&members).to_string(), expected);
}

#[test]
fn two_queues_that_are_each_others_dead_letter_queue_are_made_first_and_wired_later() {
    let queue = |name: &str, other: &str| {
        let other = member(Kind::SqsQueue, other, json!({})).arn;
        member(
            Kind::SqsQueue,
            name,
            json!({"config": {"Attributes": {"RedrivePolicy": {"deadLetterTargetArn": other}}}}),
        )
    };
    let plan = planned(&[queue("a", "b"), queue("b", "a")]);
    let names: Vec<String> = plan.steps.iter().map(Step::name).collect();
    assert_eq!(
        names,
        [
            "create/sqs-queue/eu-central-1/a",
            "create/sqs-queue/eu-central-1/b",
            "wire/sqs-queue/eu-central-1/a"
        ]
    );
    let path = "config.Attributes.RedrivePolicy.deadLetterTargetArn";
    assert_eq!(
        (&plan.steps[0].later, &plan.steps[2].later),
        (&vec![path.to_owned()], &vec![path.to_owned()])
    );
}

#[test]
fn a_role_is_made_whole_and_what_it_names_is_completed_later() {
    let execute = |id: &str| format!("arn:aws:execute-api:eu-central-1:{}:{id}/*", crate::made::ACCOUNT);
    let role = |boundary: &str| {
        member(
            Kind::IamRole,
            "app",
            json!({"config": {"PermissionsBoundary": {"PolicyArn": "arn:aws:iam::1:policy/x", "Document": {"Resource": boundary}}}}),
        )
    };
    let api = |role: &str| {
        member(
            Kind::RestApi,
            "a1b2c3",
            json!({"config": {"name": "shop", "deployments": [{"paths": {"/": {"credentials": role}}}]}}),
        )
    };
    let role = role(&execute("a1b2c3"));
    let plan = planned(&[api(role.arn.as_str()), role]);
    let names: Vec<String> = plan.steps.iter().map(Step::name).collect();
    let expected = [
        "create/rest-api/eu-central-1/a1b2c3",
        "create/iam-role/us-east-1/app",
        "wire/rest-api/eu-central-1/a1b2c3",
    ];
    assert_eq!(names, expected, "{plan}");
}

#[test]
fn two_roles_that_trust_each_other_are_made_to_trust_the_others_and_told_of_each_other_before_anything_is_switched_on()
{
    let role = |name: &str, other: &str| {
        let other = member(Kind::IamRole, other, json!({})).arn.to_string();
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
            {"Effect": "Allow", "Principal": {"AWS": other}, "Action": "sts:AssumeRole"},
        ]});
        member(
            Kind::IamRole,
            name,
            json!({"config": {"AssumeRolePolicyDocument": trust}}),
        )
    };
    let members = [role("ask", "tell"), role("tell", "ask")];
    let plan = planned(&members);
    let names: Vec<String> = plan.steps.iter().map(Step::name).collect();
    let expected = [
        "create/iam-role/us-east-1/ask",
        "create/iam-role/us-east-1/tell",
        "wire/iam-role/us-east-1/ask",
    ];
    assert_eq!(names, expected);
    let first = without(&members[0].document, &plan.steps[0].later);
    let statements = first["config"]["AssumeRolePolicyDocument"]["Statement"]
        .as_array()
        .unwrap();
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0]["Principal"], json!({"Service": "lambda.amazonaws.com"}));
    assert_eq!(without(&members[1].document, &plan.steps[1].later), members[1].document);
}

#[test]
fn topic_and_queue_policy_are_no_ring() {
    let members: Vec<Member> = shop()
        .into_iter()
        .filter(|member| matches!(member.id.kind, Kind::SqsQueue | Kind::SnsTopic))
        .collect();
    assert!(planned(&members).steps.iter().all(|step| step.action == Action::Create));
}

/// Queues and topics that name each other at random: dead-letter queues and subscriptions.
fn tangled() -> impl Strategy<Value = Vec<Member>> {
    let name = |number: usize| {
        if number.is_multiple_of(2) {
            (Kind::SqsQueue, format!("q{number}"))
        } else {
            (Kind::SnsTopic, format!("t{number}"))
        }
    };
    proptest::collection::vec(proptest::collection::vec(0_usize..9, 0..4), 9).prop_map(move |edges| {
        let arn = |number: &usize| {
            let (kind, name) = name(*number);
            member(kind, &name, json!({})).arn
        };
        let of = |(number, edges): (usize, &Vec<usize>)| {
            let (kind, name) = name(number);
            let ends: Vec<_> = edges.iter().map(|end| json!({"Endpoint": arn(end)})).collect();
            let document = match kind {
                Kind::SqsQueue => json!({"config": {"Attributes": {"RedrivePolicy": ends}}}),
                _ => json!({"config": {"Subscriptions": ends}}),
            };
            member(kind, &name, document)
        };
        edges.iter().enumerate().map(of).collect()
    })
}

proptest! {
    #[test]
    fn any_tangle_has_one_plan_that_keeps_every_need(members in tangled(), seed in any::<prop::sample::Index>()) {
        let plan = planned(&members);
        let mut turned = members.clone();
        turned.rotate_left(seed.index(members.len()));
        prop_assert_eq!(&planned(&turned), &plan, "the order of the members changes the plan");
        let names: BTreeSet<String> = plan.steps.iter().map(Step::name).collect();
        prop_assert_eq!(names.len(), plan.steps.len(), "two steps of one name");
        let places: BTreeMap<&ResourceId, usize> = created(&plan).into_iter().enumerate().map(|(at, id)| (id, at)).collect();
        prop_assert_eq!(places.len(), members.len());
        let later: BTreeMap<&ResourceId, &Vec<String>> =
            plan.steps.iter().filter(|step| step.action == Action::Wire).map(|step| (&step.resource, &step.later)).collect();
        let map = map(&members, &prefixed("x-"));
        for member in &members {
            for reference in map.references(&member.document).into_iter().filter(|reference| reference.resource != member.id) {
                let is_before = places[&reference.resource] < places[&member.id];
                let is_later = later.get(&member.id).is_some_and(|paths| paths.contains(&reference.path));
                prop_assert!(is_before || is_later, "{}: {}", member.id, reference.path);
            }
        }
    }
}

#[test]
fn a_function_comes_after_the_destination_of_what_it_could_not_process() {
    let arn = |name: &str| member(Kind::LambdaFunction, name, json!({})).arn;
    let sends = |to: &str| {
        let failure = json!({"DestinationConfig": {"OnFailure": {"Destination": arn(to)}}});
        json!({"beside": {"FunctionEventInvokeConfig": {"$LATEST": failure}}})
    };
    let members = [
        member(Kind::LambdaFunction, "a", sends("b")),
        member(Kind::LambdaFunction, "b", sends("b")),
    ];
    let plan = planned(&members);
    assert_eq!(
        created(&plan),
        [&id(Kind::LambdaFunction, "b"), &id(Kind::LambdaFunction, "a")]
    );
    assert!(plan.steps.iter().all(|step| step.later.is_empty()), "{plan}");
}
