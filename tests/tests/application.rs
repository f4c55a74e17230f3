//! An application brought back as one: under new names, under its own, step by step, and through every interruption.

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, OutcomeStatus, Report, ReportStatus, ResourceId};
use holdfast_lambda::Failure;
use holdfast_sources::call::{events, lambda, s3, scheduler, sns, sqs};
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::{Environment, FunctionConfig, read_function};
use holdfast_sources::wiring::{self, Document};
use holdfast_testkit::Moment;
use holdfast_tests::checks::lines;
use holdfast_tests::{World, home_region, sample};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use restore::application::Request;
use serde_json::{Value, json};

/// A table with a stream, and a function that the stream triggers and that knows the table by name and by ARN.
async fn shop() -> World {
    let world = World::with_orders(12);
    let mut function = sample::function();
    let stream = world.tables.read_table("orders").await.unwrap().stream_arn;
    function.event_sources[0].source_arn = stream;
    function.latest.settings.environment = Some(Environment::new(BTreeMap::from([
        ("TABLE".to_owned(), "orders".to_owned()),
        (
            "INDEX".to_owned(),
            format!("{}/index/by-state", world.tables.arn("orders")),
        ),
        ("OTHER".to_owned(), format!("{}-archive", world.tables.arn("orders"))),
    ])));
    add_bill(&world, &function);
    world.tick().await;
    world
}

fn arn(service: &str, name: &str) -> String {
    format!("arn:aws:{service}:eu-central-1:111122223333:{name}")
}

/// The shop with what stands around it: two queues that are each other's dead-letter queue, a topic with a subscription, a bus
/// with a rule of two targets, a schedule in its group, and a mapping.
async fn wired() -> World {
    let world = shop().await;
    let (account, home) = (world.resources.wiring(), home_region());
    let tags = || json!({"backup": "standard"});
    let list = || json!([{"Key": "backup", "Value": "standard"}]);
    for name in ["jobs", "jobs-dead"] {
        account
            .ask::<sqs::CreateQueue>(&home, json!({"QueueName": name, "tags": tags()}))
            .unwrap();
    }
    for (name, dead) in [("jobs", "jobs-dead"), ("jobs-dead", "jobs")] {
        let redrive = json!({"deadLetterTargetArn": arn("sqs", dead), "maxReceiveCount": 3}).to_string();
        let input = json!({"QueueUrl": format!("https://x/{name}"), "Attributes": {"RedrivePolicy": redrive}});
        account.ask::<sqs::SetQueueAttributes>(&home, input).unwrap();
    }
    account
        .ask::<sns::CreateTopic>(&home, json!({"Name": "news", "Tags": list()}))
        .unwrap();
    let subscription = json!({"TopicArn": arn("sns", "news"), "Protocol": "sqs", "Endpoint": arn("sqs", "jobs")});
    account.ask::<sns::Subscribe>(&home, subscription).unwrap();
    account
        .ask::<events::CreateEventBus>(&home, json!({"Name": "shop", "Tags": list()}))
        .unwrap();
    let rule =
        json!({"Name": "paid", "EventBusName": "shop", "EventPattern": "{\"source\": [\"shop\"]}", "Tags": list()});
    account.ask::<events::PutRule>(&home, rule).unwrap();
    let targets = json!([{"Id": "q", "Arn": arn("sqs", "jobs")}, {"Id": "f", "Arn": arn("lambda", "function:bill")}]);
    let input = json!({"Rule": "paid", "EventBusName": "shop", "Targets": targets});
    account.ask::<events::PutTargets>(&home, input).unwrap();
    account
        .ask::<scheduler::CreateScheduleGroup>(&home, json!({"Name": "nightly", "Tags": list()}))
        .unwrap();
    let schedule = json!({
        "Name": "clean", "GroupName": "nightly", "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "ENABLED", "Target": {"Arn": arn("lambda", "function:bill"), "RoleArn": "arn:aws:iam::111122223333:role/bill"},
    });
    account.ask::<scheduler::CreateSchedule>(&home, schedule).unwrap();
    let mapping =
        json!({"FunctionName": arn("lambda", "function:bill"), "EventSourceArn": arn("sqs", "jobs"), "Tags": tags()});
    account.ask::<lambda::CreateEventSourceMapping>(&home, mapping).unwrap();
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    world
}

/// Everything that the restored application is made of, as the services tell it.
async fn documents(world: &World, prefix: &str) -> BTreeMap<String, Document> {
    let mut documents = BTreeMap::new();
    for (kind, name) in [
        (Kind::SqsQueue, format!("{prefix}jobs")),
        (Kind::SqsQueue, format!("{prefix}jobs-dead")),
        (Kind::SnsTopic, format!("{prefix}news")),
        (Kind::EventBus, format!("{prefix}shop")),
        (Kind::EventRule, format!("{prefix}shop/{prefix}paid")),
        (Kind::ScheduleGroup, format!("{prefix}nightly")),
    ] {
        let id = ResourceId::new(kind, home_region(), &name).unwrap();
        let read = wiring::read(world.resources.wiring(), &id).await;
        let document = read.unwrap_or_else(|error| panic!("{id}: {error}")).document;
        documents.insert(id.to_string(), document);
    }
    documents
}

/// The mappings of a function, and whether each is on.
fn mappings(world: &World, function: &str) -> Vec<(String, bool)> {
    let input = json!({"FunctionName": arn("lambda", &format!("function:{function}"))});
    let found = world
        .resources
        .wiring()
        .ask::<lambda::ListEventSourceMappings>(&home_region(), input)
        .unwrap();
    let list = found["EventSourceMappings"].as_array().unwrap().clone();
    let state = |one: &Value| {
        (
            one["EventSourceArn"].as_str().unwrap().to_owned(),
            one["State"] == "Enabled",
        )
    };
    list.iter().map(state).collect()
}

fn add_bill(world: &World, function: &FunctionConfig) {
    world.functions.add("bill", function, &sample::archives());
    world
        .resources
        .add(&world.functions.arn("bill"), &[("backup", "standard")]);
}

fn event(target: Value) -> Value {
    json!({ "application": {"plan": "standard"}, "target": target })
}

async fn restore(world: &World, event: Value) -> Result<Report, Failure> {
    world
        .restore()
        .run_application(Request::parse(event)?, &world.clock)
        .await
}

/// Word by target.
fn words(report: &Report) -> BTreeMap<String, String> {
    let word = |outcome: &holdfast_catalog::Outcome| {
        let word = outcome.details.get("word").and_then(Value::as_str).unwrap_or_default();
        (outcome.subject.clone(), word.to_owned())
    };
    report.outcomes.iter().map(word).collect()
}

/// What a restored function is: the things that name others.
async fn names_of(world: &World, function: &str) -> (BTreeMap<String, String>, Vec<(Option<String>, bool)>) {
    let found = read_function(&world.functions, function).await.unwrap().config;
    let environment = found.latest.settings.environment.unwrap_or_default().reveal().clone();
    let sources = found
        .event_sources
        .into_iter()
        .map(|source| (source.source_arn, source.enabled));
    (environment, sources.collect())
}

#[tokio::test]
async fn under_new_names_everything_points_to_the_new_resources_and_nothing_to_the_old() {
    let world = shop().await;
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    assert!(
        report.notes.iter().any(|note| note.contains("events do not flow yet")),
        "{:?}",
        report.notes
    );
    let (environment, sources) = names_of(&world, "new-bill").await;
    let stream = world.tables.read_table("new-orders").await.unwrap().stream_arn;
    assert_eq!(sources, [(stream, false)]);
    assert_eq!(environment["TABLE"], "new-orders");
    assert_eq!(
        environment["INDEX"],
        format!("{}/index/by-state", world.tables.arn("new-orders"))
    );
    assert_eq!(environment["OTHER"], format!("{}-archive", world.tables.arn("orders")));
    assert_eq!(lines(&world, "new-orders"), lines(&world, "orders"));
}

#[tokio::test]
async fn under_their_own_names_lost_resources_come_back_and_those_that_are_there_are_adopted() {
    let world = shop().await;
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    let report = restore(&world, event(json!({}))).await.unwrap();
    let words = words(&report);
    assert_eq!(words["dynamodb-table/eu-central-1/orders"], "adopted", "{report:#?}");
    let (environment, sources) = names_of(&world, "bill").await;
    let stream = world.tables.read_table("orders").await.unwrap().stream_arn;
    assert_eq!(
        (environment["TABLE"].as_str(), sources),
        ("orders", vec![(stream, false)])
    );
}

#[tokio::test]
async fn what_is_there_and_another_is_left_alone_and_what_needs_it_is_not_tried() {
    let world = shop().await;
    let mut other = world.tables.config("orders");
    other.tags.insert("team".to_owned(), "others".to_owned());
    world.tables.add("new-orders", &other, []);
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    let failed = &report.outcomes[0];
    assert!(
        failed.message.contains("tags.team: \"others\" → \"shop\""),
        "{}",
        failed.message
    );
    assert!(report.outcomes[1].message.contains("not tried"), "{report:#?}");
    assert_eq!(world.tables.config("new-orders"), other);
    assert!(!world.functions.names().contains(&"new-bill".to_owned()));
}

#[tokio::test]
async fn what_is_not_part_of_the_application_is_replaced_when_a_person_says_by_what() {
    let world = shop().await;
    let mut event = event(json!({"prefix": "new-"}));
    let role = "arn:aws:iam::111122223333:role/new-bill";
    event["replace"] = json!({"arn:aws:iam::111122223333:role/bill": role});
    restore(&world, event).await.unwrap();
    let found = read_function(&world.functions, "new-bill").await.unwrap().config;
    assert_eq!(found.latest.settings.role, role);
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let world = shop().await;
    world.script.restart();
    let mut event = event(json!({"prefix": "new-"}));
    event["dry_run"] = json!(true);
    let report = restore(&world, event).await.unwrap();
    assert!(world.script.changes().is_empty(), "{:?}", world.script.changes());
    let shown = report.notes.join("\n");
    for line in [
        "1. create dynamodb-table/eu-central-1/new-orders (was dynamodb-table/eu-central-1/orders)",
        "2. create lambda-function/eu-central-1/new-bill",
        "latest.settings.environment.TABLE: orders → new-orders",
        "then, when it is asked for:",
        "3. switch on lambda-function/eu-central-1/new-bill",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(
        report
            .outcomes
            .iter()
            .all(|outcome| outcome.status == OutcomeStatus::Planned)
    );
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_before_anything_is_done() {
    let world = shop().await;
    world.script.restart();
    let result = restore(&world, event(json!({"suffix": "-".repeat(64)}))).await;
    let Err(Failure::InvalidRequest(why)) = result else {
        panic!("{result:?}")
    };
    assert!(why.contains("shorten prefix or suffix by 4"), "{why}");
    assert!(world.script.changes().is_empty());
}

#[tokio::test]
async fn the_time_that_is_asked_for_and_the_lost_home_decide_which_points_are_taken() {
    let world = shop().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let early = json!({"application": {"tag": {"backup": "standard"}, "at": "2026-11-20T00:00:00Z"}});
    let result = restore(&world, early).await;
    assert!(
        matches!(result, Err(Failure::Port(PortError::NotFound(_)))),
        "{result:?}"
    );
    let mut replica = event(json!({"prefix": "new-"}));
    replica["from"] = json!("replica");
    replica["dry_run"] = json!(true);
    let report = restore(&world, replica).await.unwrap();
    assert!(report.notes[0].contains("vault replica"), "{:?}", report.notes);
    assert_eq!(report.count(OutcomeStatus::Planned), 3);
}

#[tokio::test]
async fn a_resource_without_a_good_point_is_said_and_stops_no_other() {
    let world = shop().await;
    let event = json!({
        "application": {"resources": ["dynamodb-table/eu-central-1/orders", "dynamodb-table/eu-central-1/gone"]},
        "target": {"suffix": "-2"},
    });
    let report = restore(&world, event).await.unwrap();
    let words = words(&report);
    assert_eq!(words["dynamodb-table/eu-central-1/gone"], "failed");
    assert!(world.tables.names().contains(&"orders-2".to_owned()), "{words:?}");
}

#[tokio::test]
async fn when_time_is_short_the_rest_goes_on_by_the_queue_with_the_points_that_were_chosen() {
    let world = shop().await;
    world.clock.set_remaining(SignedDuration::from_secs(30));
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Continuing, "{report:#?}");
    let tasks = world.outbox.take_tasks();
    let next: Value = serde_json::from_str(&tasks.last().unwrap().body).unwrap();
    assert_eq!(next["application"]["points"].as_array().unwrap().len(), 2);
    assert_eq!(next["target"]["prefix"], "new-");
    world.later(SignedDuration::from_hours(1));
    let report = restore(&world, next).await.unwrap();
    assert!(world.functions.names().contains(&"new-bill".to_owned()), "{report:#?}");
}

#[tokio::test]
async fn the_wiring_comes_back_under_new_names_and_quiet() {
    let world = wired().await;
    let before = documents(&world, "").await;
    let report = restore(&world, event(json!({"prefix": "new-"}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    let after = documents(&world, "new-").await;
    let redrive = |name: &str| after[name].config["Attributes"]["RedrivePolicy"]["deadLetterTargetArn"].clone();
    assert_eq!(
        redrive("sqs-queue/eu-central-1/new-jobs"),
        json!(arn("sqs", "new-jobs-dead"))
    );
    assert_eq!(
        redrive("sqs-queue/eu-central-1/new-jobs-dead"),
        json!(arn("sqs", "new-jobs"))
    );
    let topic = &after["sns-topic/eu-central-1/new-news"].config["Subscriptions"];
    assert_eq!(topic[0]["Endpoint"], json!(arn("sqs", "new-jobs")));
    let rule = &after["event-rule/eu-central-1/new-shop/new-paid"].config;
    assert_eq!(rule["State"], "DISABLED");
    let targets: Vec<&Value> = rule["Targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| &target["Arn"])
        .collect();
    assert_eq!(
        targets,
        [
            &json!(arn("lambda", "function:new-bill")),
            &json!(arn("sqs", "new-jobs"))
        ]
    );
    assert_eq!(mappings(&world, "new-bill"), [(arn("sqs", "new-jobs"), false)]);
    assert_eq!(documents(&world, "").await, before, "what was there is as it was");
}

#[tokio::test]
async fn after_a_disaster_the_same_application_is_there_again() {
    let world = wired().await;
    let before = documents(&world, "").await;
    world.resources.wiring().destroy(&home_region());
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    world.tables.lose("orders");
    let report = restore(&world, event(json!({}))).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    let mut quiet = before.clone();
    quiet
        .get_mut("event-rule/eu-central-1/shop/paid")
        .unwrap()
        .config
        .insert("State".into(), json!("DISABLED"));
    assert_eq!(documents(&world, "").await, quiet);
    // Once more, with the word that events may flow.
    let mut loud = event(json!({}));
    loud["switch_on"] = json!(true);
    // The account in memory keeps what a function's own restore maps apart: tell it here too.
    let stream = world.tables.read_table("orders").await.unwrap().stream_arn;
    let mapping = json!({"FunctionName": arn("lambda", "function:bill:live"), "EventSourceArn": stream, "Enabled": false, "StartingPosition": "LATEST"});
    world
        .resources
        .wiring()
        .ask::<lambda::CreateEventSourceMapping>(&home_region(), mapping)
        .unwrap();
    let report = restore(&world, loud).await.unwrap();
    assert_eq!(report.status, ReportStatus::Completed, "{report:#?}");
    assert_eq!(documents(&world, "").await, before);
    assert_eq!(mappings(&world, "bill"), [(arn("sqs", "jobs"), true)]);
    assert_eq!(mappings(&world, "bill:live"), [(stream.unwrap(), true)]);
}

#[tokio::test]
async fn a_buckets_notifications_are_added_only_when_events_may_flow() {
    let world = shop().await;
    let account = world.resources.wiring();
    account.add_bucket(&home_region(), "photos", &[("backup", "standard")]);
    let notification =
        json!({"Id": "n", "CloudFunction": arn("lambda", "function:bill"), "Event": ["s3:ObjectCreated:*"]});
    let put = |bucket: &str, list: Value| {
        let input = json!({"Bucket": bucket, "NotificationConfiguration": {"CloudFunctionConfiguration": list}});
        account
            .ask::<s3::PutBucketNotificationConfiguration>(&home_region(), input)
            .unwrap();
    };
    put("photos", json!([notification]));
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    account.add_bucket(&home_region(), "new-photos", &[]);
    let there = || {
        let input = json!({"Bucket": "new-photos"});
        account
            .ask::<s3::GetBucketNotificationConfiguration>(&home_region(), input)
            .unwrap()
    };
    let mut event = event(json!({"prefix": "new-"}));
    event["application"] = json!({"resources": ["bucket-notifications/eu-central-1/photos"]});
    restore(&world, event.clone()).await.unwrap();
    assert_eq!(there()["CloudFunctionConfiguration"], Value::Null);
    event["application"]["resources"] = json!([
        "bucket-notifications/eu-central-1/photos",
        "lambda-function/eu-central-1/bill"
    ]);
    event["switch_on"] = json!(true);
    let report = restore(&world, event).await.unwrap();
    let added = there()["CloudFunctionConfiguration"][0]["CloudFunction"].clone();
    assert_eq!(added, json!(arn("lambda", "function:new-bill")), "{report:#?}");
}

#[tokio::test]
async fn what_names_a_connection_names_the_new_one() {
    let world = World::default();
    let account = world.resources.wiring();
    let connection = json!({"Name": "bank", "AuthorizationType": "API_KEY",
        "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "s3cr3t"}}});
    account
        .ask::<events::CreateConnection>(&home_region(), connection)
        .unwrap();
    let id = |kind, name: &str| ResourceId::new(kind, home_region(), name).unwrap();
    let connection = wiring::read(account, &id(Kind::EventConnection, "bank"))
        .await
        .unwrap()
        .arn;
    let destination = json!({"Name": "bank", "ConnectionArn": connection, "HttpMethod": "POST",
        "InvocationEndpoint": "https://bank.example.com/"});
    account
        .ask::<events::CreateApiDestination>(&home_region(), destination)
        .unwrap();
    let resources = [
        "event-connection/eu-central-1/bank",
        "api-destination/eu-central-1/bank",
    ];
    for resource in resources {
        let request = snapshot::Request::parse(json!({ "resource": resource, "plan": "standard" })).unwrap();
        world.snapshot().run_request(request, &world.clock).await.unwrap();
    }
    let event = json!({"application": {"resources": resources}, "target": {"suffix": "-2"}});
    let report = restore(&world, event).await.unwrap();
    let connection = wiring::read(account, &id(Kind::EventConnection, "bank-2"))
        .await
        .unwrap()
        .arn;
    let destination = wiring::read(account, &id(Kind::ApiDestination, "bank-2"))
        .await
        .unwrap()
        .document;
    assert_eq!(
        destination.config["Connection"],
        json!(connection.resource_name().split('/').next()),
        "{report:#?}"
    );
    // Its secret is nobody's to know: a person gives it anew.
    assert_eq!(
        words(&report)["event-connection/eu-central-1/bank-2"],
        "needs a person",
        "{report:#?}"
    );
}

#[tokio::test]
async fn a_stacks_resources_are_its_application() {
    let world = wired().await;
    let inner = [(
        "Mail",
        "AWS::SQS::Queue",
        "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs-dead",
    )];
    world.resources.wiring().add_stack(&home_region(), "inner", &inner);
    world.resources.wiring().add_stack(
        &home_region(),
        "shop",
        &[
            ("Orders", "AWS::DynamoDB::Table", "orders"),
            (
                "Jobs",
                "AWS::SQS::Queue",
                "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs",
            ),
            ("Paid", "AWS::Events::Rule", "shop|paid"),
            ("Logs", "AWS::Logs::LogGroup", "/aws/lambda/bill"),
            ("Lost", "AWS::SNS::Topic", "arn:aws:sns:eu-central-1:111122223333:never"),
            ("Inner", "AWS::CloudFormation::Stack", "inner"),
        ],
    );
    let event = json!({"application": {"stack": "shop"}, "target": {"suffix": "-2"}, "dry_run": true});
    let report = restore(&world, event).await.unwrap();
    let planned: Vec<&str> = report.outcomes.iter().map(|outcome| outcome.subject.as_str()).collect();
    assert_eq!(
        planned,
        [
            "sns-topic/eu-central-1/never",
            "dynamodb-table/eu-central-1/orders-2",
            "sqs-queue/eu-central-1/jobs-2",
            "sqs-queue/eu-central-1/jobs-dead-2",
            "event-rule/eu-central-1/shop/paid-2",
            "sqs-queue/eu-central-1/jobs-2",
            "event-rule/eu-central-1/shop/paid-2",
        ]
    );
    assert!(
        report.notes.iter().any(|note| note.contains("AWS::Logs::LogGroup")),
        "{:?}",
        report.notes
    );
    let unknown = restore(&world, json!({"application": {"stack": "none"}})).await;
    assert!(matches!(unknown, Err(Failure::InvalidRequest(_))), "{unknown:?}");
}

/// Does to each call of a restore what can happen to it (the invocation dies before or after it; it fails in one way or another),
/// sends the event again, and compares what comes of it with what comes of an uncut restore.
async fn disturb<S: PartialEq + std::fmt::Debug>(
    begin: impl AsyncFn() -> World,
    event: Value,
    state: impl AsyncFn(&World) -> S,
) {
    let uncut = begin().await;
    uncut.script.restart();
    restore(&uncut, event.clone()).await.unwrap();
    let calls = uncut.script.calls();
    let expected = state(&uncut).await;
    assert!(calls.len() > 30, "only {} calls", calls.len());
    for call in &calls {
        for fault in 0..3 {
            let world = begin().await;
            world.script.restart();
            let planted = || "planted by a test".to_owned();
            match (fault, call.number % 3) {
                (0, _) => world.script.kill_at(call.number, Moment::Before),
                (1, _) => world.script.kill_at(call.number, Moment::After),
                (_, 0) => world
                    .script
                    .fail(call.number, Moment::Before, PortError::Throttled(planted())),
                (_, 1) => world
                    .script
                    .fail(call.number, Moment::Before, PortError::Denied(planted())),
                (..) => world
                    .script
                    .fail(call.number, Moment::After, PortError::Unavailable(planted())),
            }
            let when = format!("fault {fault} at call {} ({} {})", call.number, call.name, call.subject);
            let cut = restore(&world, event.clone()).await;
            world.script.heal();
            let mut again = None;
            for _ in 0..2 {
                world.later(SignedDuration::from_mins(1));
                again = Some(restore(&world, event.clone()).await.unwrap());
            }
            let again = again.unwrap();
            assert_eq!(again.count(OutcomeStatus::Failed), 0, "{when}: {cut:#?} {again:#?}");
            assert_eq!(again.status, ReportStatus::Completed, "{when}: {cut:#?} {again:#?}");
            assert_eq!(state(&world).await, expected, "{when}");
        }
    }
}

#[tokio::test]
async fn disturbed_at_any_call_and_sent_again_it_ends_as_uncut() {
    let state = async |world: &World| {
        let names = names_of(world, "new-bill").await;
        (names, world.tables.config("new-orders"), lines(world, "new-orders"))
    };
    disturb(shop, event(json!({"prefix": "new-"})), state).await;
}

#[tokio::test]
async fn wiring_disturbed_at_any_call_and_sent_again_ends_as_uncut() {
    let event = json!({
        "application": {"resources": [
            "sqs-queue/eu-central-1/jobs", "sqs-queue/eu-central-1/jobs-dead", "sns-topic/eu-central-1/news",
            "event-bus/eu-central-1/shop", "event-rule/eu-central-1/shop/paid", "schedule-group/eu-central-1/nightly",
        ]},
        "target": {"prefix": "new-"},
        "switch_on": true,
    });
    disturb(wired, event, async |world: &World| documents(world, "new-").await).await;
}

#[tokio::test]
async fn as_a_template_it_makes_nothing_and_takes_code_from_the_vault() {
    let world = wired().await;
    world.script.restart();
    let mut event = event(json!({"prefix": "new-"}));
    event["template"] = json!(true);
    let report = restore(&world, event).await.unwrap();
    assert!(world.script.changes().is_empty());
    let body = &report.outcomes[0].details["template"];
    assert_eq!(body["Parameters"]["CodeBucket"]["Default"], "home");
    assert_eq!(body["Parameters"]["BillFunctionName"]["Default"], "new-bill");
    assert_eq!(body["Resources"]["PaidRule"]["Type"], "AWS::Events::Rule");
    assert!(
        report.notes.iter().any(|note| note.contains("without its items")),
        "{:?}",
        report.notes
    );
}
