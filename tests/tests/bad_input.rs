//! What people and accounts get wrong: a clear answer, and backups go on.

use std::collections::BTreeMap;
use std::path::Path;

use holdfast_catalog::{OutcomeStatus, Report, ReportStatus, layout};
use holdfast_lambda::{Failure, Woken};
use holdfast_tests::checks::{every_point_is_whole, lines, shape};
use holdfast_tests::{POLICY, World};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use serde_json::{Value, json};

fn of<'r>(report: &'r Report, subject: &str) -> &'r holdfast_catalog::Outcome {
    let found = report.outcomes.iter().find(|outcome| outcome.subject.contains(subject));
    found.unwrap_or_else(|| panic!("nothing about {subject}: {report:#?}"))
}

/// A vault with a good policy in force, in which somebody then puts another document.
async fn with_policy(text: &str) -> (World, Report) {
    let world = World::with_orders(20);
    world.tick().await;
    world.set_policy(text);
    world.later(SignedDuration::from_hours(1));
    let report = world.tick().await;
    (world, report)
}

const WRONG_POLICIES: [(&str, &str); 9] = [
    ("not YAML at all", "plans: [unclosed"),
    ("empty", ""),
    ("not text", "\u{0}\u{1}"),
    ("a list", "- one\n- two\n"),
    ("a newer version", "version: 2\nplans: []\n"),
    (
        "an unknown field",
        "version: 1\nplans:\n  - name: standard\n    shedule: {every: 1h}\n    retention: {keep_last: 2}\n",
    ),
    (
        "a plan without retention",
        "version: 1\nplans:\n  - name: standard\n    schedule: {every: 1h}\n",
    ),
    (
        "a retention that keeps nothing",
        "version: 1\nplans:\n  - name: standard\n    schedule: {every: 1h}\n    retention: {}\n",
    ),
    (
        "a schedule that is none",
        "version: 1\nplans:\n  - name: standard\n    schedule: {every: soon}\n    retention: {keep_last: 2}\n",
    ),
];

#[tokio::test]
async fn a_policy_that_is_not_valid_leaves_the_last_good_one_in_force_and_backups_go_on() {
    for (what, text) in WRONG_POLICIES {
        let (world, report) = with_policy(text).await;
        assert_eq!(report.metrics["PolicyInvalid"], 1.0, "{what}: {report:#?}");
        assert_eq!(world.points_of("orders").await.len(), 2, "{what}");
        assert!(
            report.notes.iter().any(|note| note.contains("last valid policy")),
            "{what}: {:?}",
            report.notes
        );
        assert!(
            report.notes.iter().any(|note| note.contains("not valid")),
            "{what}: {:?}",
            report.notes
        );
        assert_eq!(
            world.home.contents()[layout::LAST_GOOD_POLICY],
            POLICY.as_bytes(),
            "{what}"
        );
    }
}

#[tokio::test]
async fn prune_under_a_policy_that_is_not_valid_removes_no_more_than_the_last_good_one_would() {
    for (what, text) in WRONG_POLICIES {
        let pruned = async |text: &str| {
            let world = World::with_orders(5);
            for _ in 0..4 {
                world.tick().await;
                world.replicate().run_all(&world.clock).await.unwrap();
                world.later(SignedDuration::from_hours(1));
            }
            world.set_policy(text);
            let report = world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
            (shape(&world.home).await, shape(&world.replica).await, report.notes)
        };
        let (bad, good) = (pruned(text).await, pruned(POLICY).await);
        assert_eq!((bad.0, bad.1), (good.0, good.1), "{what}");
        assert!(good.2.is_empty() && !bad.2.is_empty(), "{what}: {:?}", bad.2);
    }
}

#[tokio::test]
async fn a_vault_whose_only_policy_was_never_valid_is_run_by_the_built_in_one() {
    let world = World::with_orders(20);
    world.set_policy("plans: [unclosed");
    world
        .resources
        .add(&world.tables.arn("orders").parse().unwrap(), &[("backup", "true")]);
    let report = world.tick().await;
    assert_eq!(report.metrics["PolicyInvalid"], 1.0);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("built-in policy is in force")),
        "{:?}",
        report.notes
    );
}

#[tokio::test]
async fn a_valid_policy_says_nothing_and_its_metric_is_zero() {
    let (_, report) = with_policy(POLICY).await;
    assert_eq!(report.metrics["PolicyInvalid"], 0.0);
    assert_eq!(report.notes, [""; 0]);
}

#[tokio::test]
async fn a_table_that_vanished_after_it_was_listed_stops_no_other() {
    let world = World::with_orders(20);
    world.add_table("brief", 3);
    world.tables.lose("brief");
    let report = world.tick().await;
    assert_eq!(report.status, ReportStatus::Partial, "{report:#?}");
    assert_eq!(of(&report, "/brief/").status, OutcomeStatus::Failed);
    assert!(of(&report, "/brief/").message.contains("table brief"), "{report:#?}");
    assert_eq!(of(&report, "/orders/").status, OutcomeStatus::Done);
}

#[tokio::test]
async fn a_table_that_vanishes_in_the_middle_of_a_scan_makes_no_point() {
    let world = World::with_orders(30);
    world.tables.page_items(10);
    let vanished = PortError::NotFound("table orders".to_owned());
    world
        .script
        .fail_nth("scan", 2, holdfast_testkit::Moment::Before, vanished);
    let report = world.tick().await;
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    assert_eq!(every_point_is_whole(&world.home, "after it vanished").await, 0);
}

#[tokio::test]
async fn a_kind_that_may_not_be_listed_stops_no_other_and_is_told_of() {
    let world = World::with_orders(20);
    world.add_function("bill");
    let denied = PortError::Denied("not authorised to list functions".to_owned());
    world.script.fail_about("list_resources", "lambda-function", denied);
    let report = world.tick().await;
    assert_eq!(report.status, ReportStatus::Partial, "{report:#?}");
    assert!(
        of(&report, "lambda-function/eu-central-1/*")
            .message
            .contains("not authorised"),
        "{report:#?}"
    );
    assert_eq!(world.points_of("orders").await.len(), 1);
}

#[tokio::test]
async fn verify_counts_a_kind_that_may_not_be_listed_as_a_breach() {
    let world = World::with_orders(5);
    world.tick().await;
    let denied = PortError::Denied("not authorised to list functions".to_owned());
    world.script.fail_about("list_resources", "lambda-function", denied);
    let report = world.verify().run_all(&world.clock).await.unwrap();
    assert_eq!(report.metrics["RpoBreachedResources"], 1.0, "{report:#?}");
}

#[tokio::test]
async fn verify_tells_of_a_resource_whose_points_cannot_be_read_and_judges_all_others() {
    let world = World::with_orders(5);
    world.add_table("carts", 5);
    world.tick().await;
    let unreadable = layout::manifest(&world.points_of("orders").await[0]);
    let throttled = PortError::Throttled("slow down".to_owned());
    world.script.fail_about("get", &unreadable, throttled);
    let report = world
        .verify()
        .run_request(verify::Request::Comply, &world.clock)
        .await
        .unwrap();
    let message = &of(&report, "dynamodb-table/eu-central-1/orders").message;
    assert!(
        message.contains("nobody knows") && message.contains("slow down"),
        "{message}"
    );
    let carts = of(&report, "dynamodb-table/eu-central-1/carts");
    assert_eq!(carts.status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(report.metrics["RpoBreachedResources"], 1.0, "{report:#?}");
}

#[tokio::test]
async fn a_table_whose_settings_may_not_be_read_makes_a_partial_point_that_is_kept_and_not_counted_as_good() {
    let world = World::with_orders(20);
    world
        .tables
        .set_unreadable("orders", &["TimeToLive: not authorised to describe it"]);
    let report = world.tick().await;
    assert_eq!(report.status, ReportStatus::Partial, "{report:#?}");
    assert!(report.outcomes[0].message.contains("TimeToLive"), "{report:#?}");
    let catalogue = world.catalogue().await;
    assert!(catalogue.points[0].is_partial() && !catalogue.points[0].is_good());
    assert_eq!(every_point_is_whole(&world.home, "a partial point").await, 1);

    let objectives = world
        .verify()
        .run_request(verify::Request::Comply, &world.clock)
        .await
        .unwrap();
    assert!(
        objectives.outcomes[0].message.contains("there is no good point"),
        "{objectives:#?}"
    );

    for _ in 0..4 {
        world.later(SignedDuration::from_hours(1));
        world.tick().await;
    }
    world.later(SignedDuration::from_hours(30));
    let pruned = world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    assert!(
        !world.catalogue().await.points.iter().any(|entry| entry.is_tombstoned),
        "{pruned:#?}"
    );
}

async fn restore(world: &World, event: Value) -> Result<Report, Failure> {
    world.restore().run(restore::Request::parse(event)?, &world.clock).await
}

#[tokio::test]
async fn restore_takes_a_partial_point_only_by_its_id() {
    let world = World::with_orders(20);
    world
        .tables
        .set_unreadable("orders", &["TimeToLive: not authorised to describe it"]);
    world.tick().await;
    let resource = "dynamodb-table/eu-central-1/orders";
    let latest = restore(&world, json!({"resource": resource})).await.unwrap_err();
    assert!(latest.to_string().contains("has no such good point"), "{latest}");
    let point = &world.points_of("orders").await[0];
    let event = json!({"resource": resource, "point": point, "target": {"name": "again"}});
    restore(&world, event).await.unwrap();
    assert_eq!(lines(&world, "again"), lines(&world, "orders"));
}

#[tokio::test]
async fn restore_refuses_to_touch_a_table_that_is_there() {
    let world = World::with_orders(20);
    world.tick().await;
    world.tables.put("orders", holdfast_tests::order(99));
    let before = lines(&world, "orders");
    let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders"}});
    let report = restore(&world, event).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    assert!(
        report.outcomes[0].message.contains("choose another target name"),
        "{report:#?}"
    );
    assert_eq!(lines(&world, "orders"), before);
}

#[tokio::test]
async fn restore_refuses_to_touch_a_function_that_is_there() {
    let world = World::default();
    world.add_function("bill");
    world.tick().await;
    world.script.restart();
    let event = json!({"resource": "lambda-function/eu-central-1/bill", "target": {"name": "bill"}});
    let report = restore(&world, event).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    assert!(
        report.outcomes[0].message.contains("choose another target name"),
        "{report:#?}"
    );
    assert_eq!(world.script.changes(), []);
}

#[tokio::test]
async fn restore_of_what_was_never_backed_up_names_both_vaults_and_changes_nothing() {
    let world = World::with_orders(20);
    world.tick().await;
    world.script.restart();
    for (resource, point) in [
        ("dynamodb-table/eu-central-1/unknown", "latest"),
        ("dynamodb-table/eu-central-1/orders", "2001-01-01T00:00:00Z"),
        (
            "dynamodb-table/eu-central-1/orders",
            "dynamodb-table/eu-central-1/orders/20260101T000000Z-standard",
        ),
    ] {
        let failure = restore(&world, json!({"resource": resource, "point": point}))
            .await
            .unwrap_err();
        let text = failure.to_string();
        assert!(
            text.contains(resource) && text.contains("vault home") && text.contains("vault replica"),
            "{text}"
        );
        assert!(matches!(failure, Failure::Port(PortError::NotFound(_))), "{failure:?}");
    }
    assert_eq!(world.script.changes(), []);
}

#[tokio::test]
async fn a_vault_that_may_not_be_read_is_named_as_such_and_not_as_empty() {
    let world = World::with_orders(20);
    world.tick().await;
    world
        .script
        .fail_named("list", PortError::Denied("not authorised to list".to_owned()));
    let failure = restore(&world, json!({"resource": "dynamodb-table/eu-central-1/orders"}))
        .await
        .unwrap_err();
    assert!(failure.to_string().contains("could not be read: denied"), "{failure}");
}

#[tokio::test]
async fn snapshot_of_an_unknown_resource_says_so() {
    let world = World::with_orders(5);
    let ask = async |event: Value| {
        let request = snapshot::Request::parse(event)?;
        world.snapshot().run_request(request, &world.clock).await
    };
    for event in [
        json!({"resource": "dynamodb-table/eu-central-1/unknown"}),
        json!({"resource": "dynamodb-table/eu-central-1/unknown", "plan": "standard"}),
    ] {
        let unknown = ask(event).await.unwrap_err();
        assert!(
            unknown.to_string().contains("does not exist, or may not be listed"),
            "{unknown}"
        );
    }
    let no_kind = ask(json!({"resource": "ec2-instance/eu-central-1/i-1"}))
        .await
        .unwrap_err();
    assert!(matches!(no_kind, Failure::InvalidRequest(_)), "{no_kind:?}");
    assert_eq!(every_point_is_whole(&world.home, "nothing was made").await, 0);
}

#[tokio::test]
async fn a_task_of_a_run_that_is_not_there_fails_and_makes_nothing() {
    let world = World::with_orders(5);
    let task = json!({
        "point": "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard",
        "shard": {"index": 0, "of": 1},
    });
    let request = snapshot::Request::parse(task).unwrap();
    let report = world.snapshot().run_request(request, &world.clock).await.unwrap();
    assert_eq!(report.status, ReportStatus::Failed, "{report:#?}");
    assert_eq!(world.home.keys(layout::PARTS), [""; 0]);
}

#[tokio::test]
async fn replicate_and_verify_of_an_unknown_point_say_so() {
    let world = World::with_orders(5);
    let point = "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard"
        .parse()
        .unwrap();
    let failure = world.replicate().run_point(&point, &world.clock).await.unwrap_err();
    assert!(matches!(failure, Failure::Port(PortError::NotFound(_))), "{failure:?}");
    let request = verify::Request::parse(json!({"scrub": point.to_string()})).unwrap();
    let failure = world.verify().run_request(request, &world.clock).await.unwrap_err();
    assert!(matches!(failure, Failure::Port(PortError::NotFound(_))), "{failure:?}");
}

#[test]
fn events_that_a_function_does_not_know_are_refused_with_one_that_works() {
    let wrong = [
        json!(null),
        json!([]),
        json!([false]),
        json!("orders"),
        json!(7),
        json!({"resources": "dynamodb-table/eu-central-1/orders"}),
        json!({"resource": 7}),
        json!({"point": "nowhere"}),
        json!({"dry_run": "no"}),
        json!({"scrub": "all", "extra": true}),
        json!({"shard": {"index": 0}}),
    ];
    for event in wrong {
        let refusals = [
            (snapshot::Request::parse(event.clone()).err(), snapshot::EXAMPLE),
            (replicate::Request::parse(event.clone()).err(), replicate::EXAMPLE),
            (prune::Request::parse(event.clone()).err(), prune::EXAMPLE),
            (verify::Request::parse(event.clone()).err(), verify::EXAMPLE),
            (restore::Request::parse(event.clone()).err(), restore::EXAMPLE),
        ];
        for (refusal, example) in refusals {
            let text = refusal.unwrap_or_else(|| panic!("{event} was taken")).to_string();
            assert!(text.contains(example), "{event}: {text}");
        }
    }
}

#[test]
fn every_shipped_test_event_is_understood_by_its_function() {
    let events = Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(events).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let event: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let bodies = match Woken::by(event).unwrap() {
            Woken::Tick => Vec::new(),
            Woken::Queue(messages) => messages.into_iter().map(|message| message.body).collect(),
            Woken::Bus(detail) => vec![detail],
            Woken::Manual(event) => vec![event],
        };
        for body in bodies {
            understand(name.split('-').next().unwrap(), body).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        *seen.entry(name.split('-').next().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(
        seen.keys().collect::<Vec<_>>(),
        ["prune", "replicate", "restore", "snapshot", "verify"]
    );
}

fn understand(function: &str, event: Value) -> Result<(), Failure> {
    match function {
        "snapshot" => snapshot::Request::parse(event).map(drop),
        "replicate" => replicate::Request::parse(event).map(drop),
        "prune" => prune::Request::parse(event).map(drop),
        "verify" => verify::Request::parse(event).map(drop),
        "restore" if event.get("application").is_some() => restore::application::Request::parse(event).map(drop),
        "restore" if event.get("drift").is_some() => restore::drift::Request::parse(event).map(drop),
        "restore" => restore::Request::parse(event).map(drop),
        other => panic!("{other} is no function"),
    }
}
