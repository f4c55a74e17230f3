//! An application brought back as one: which resources, under which names, in which order, and what the report says.

use holdfast_catalog::{Kind, OutcomeStatus, ReportStatus, ResourceId};
use holdfast_lambda::Failure;
use holdfast_sources::call::{events, kinesis, lambda, s3};
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::read_function;
use holdfast_sources::wiring;
use holdfast_tests::checks::lines;
use holdfast_tests::shop::{arn, documents, event, mappings, names_of, restore, shop, wired, words};
use holdfast_tests::{World, home_region};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use serde_json::{Value, json};

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

#[tokio::test]
async fn what_reads_by_a_streams_consumer_reads_by_the_new_one() {
    let world = shop().await;
    let (account, home) = (world.resources.wiring(), home_region());
    let stream = json!({"StreamName": "clicks", "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    account.ask::<kinesis::CreateStream>(&home, stream).unwrap();
    let register = json!({"StreamARN": arn("kinesis", "stream/clicks"), "ConsumerName": "fast"});
    account.ask::<kinesis::RegisterStreamConsumer>(&home, register).unwrap();
    let consumer = |stream: &str| {
        let input = json!({"StreamARN": arn("kinesis", &format!("stream/{stream}"))});
        let found = account.ask::<kinesis::ListStreamConsumers>(&home, input).unwrap();
        found["Consumers"][0]["ConsumerARN"].as_str().unwrap().to_owned()
    };
    let mapping = json!({
        "FunctionName": arn("lambda", "function:bill"), "EventSourceArn": consumer("clicks"), "StartingPosition": "LATEST",
    });
    let mapping = account.ask::<lambda::CreateEventSourceMapping>(&home, mapping).unwrap();
    let resources = [
        "kinesis-stream/eu-central-1/clicks".to_owned(),
        format!(
            "event-source-mapping/eu-central-1/{}",
            mapping["UUID"].as_str().unwrap()
        ),
    ];
    for resource in &resources {
        let request = snapshot::Request::parse(json!({ "resource": resource, "plan": "standard" })).unwrap();
        world.snapshot().run_request(request, &world.clock).await.unwrap();
    }
    let event = json!({"application": {"resources": resources}, "target": {"prefix": "new-"}});
    let report = restore(&world, event).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    let sources: Vec<String> = mappings(&world, "bill").into_iter().map(|(source, _)| source).collect();
    assert!(sources.contains(&consumer("new-clicks")), "{sources:?}");
}
