//! An application with a file system comes back with it, and its functions mount the new one.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Outcome, OutcomeStatus, Report, ReportStatus};
use holdfast_sources::lambda::{Environment, FileSystem, Vpc, read_function};
use holdfast_testkit::{JobEnd, Moment};
use holdfast_tests::managed::TICK;
use holdfast_tests::shop::{add_bill, words};
use holdfast_tests::{World, home_region, sample};
use holdfast_vault::PortError;
use restore::application::Request;
use serde_json::{Value, json};

const POLICY: &str = "
version: 1
plans:
  - name: data
    select: {kinds: [dynamodb-table, efs-file-system]}
    engine: aws-backup
    schedule: {every: 1h}
    retention: {keep_last: 2}
  - name: code
    select: {kinds: [lambda-function]}
    schedule: {every: 1h}
    retention: {keep_last: 2}
";

const PATH: &str = "/mnt/in";

async fn access_point(world: &World, id: &str) -> String {
    let reading = holdfast_sources::efs::read(world.resources.wiring(), &home_region(), id).await;
    let observed = reading.unwrap().document.observed;
    observed["AccessPointArns"][0].as_str().unwrap().to_owned()
}

/// Points of a file system and of a function that mounts its access point and knows its id, and that id.
async fn shop() -> (World, String) {
    let world = World::default();
    world.set_policy(POLICY);
    let id = world.add_file_system(2);
    world.functions.mount_from(world.resources.wiring());
    let mut function = sample::function();
    let arn = access_point(&world, &id).await;
    for settings in [
        &mut function.latest.settings,
        &mut function.versions.get_mut(&3).unwrap().settings,
    ] {
        settings.file_systems = vec![FileSystem {
            path: PATH.to_owned(),
            arn: arn.clone(),
        }];
        settings.vpc = Some(Vpc {
            subnets: vec!["subnet-a".to_owned()],
            security_groups: vec!["sg-1".to_owned()],
            ipv6: false,
        });
    }
    let environment = BTreeMap::from([("FILES".to_owned(), id.clone())]);
    function.latest.settings.environment = Some(Environment::new(environment));
    add_bill(&world, &function);
    world.ticks().await;
    world.outbox.take_tasks();
    world.script.restart();
    (world, id)
}

fn event(target: Value) -> Value {
    json!({"application": {"tag": {"backup": "standard"}}, "target": target})
}

fn beside() -> Value {
    event(json!({"prefix": "new-"}))
}

async fn run(world: &World, event: Value) -> Report {
    let request = Request::parse(event).unwrap();
    let report = world.restore().run_application(request, &world.clock).await;
    world.later(TICK);
    report.unwrap()
}

/// Restores until nothing goes on, and gives the last report.
async fn restore(world: &World, event: Value) -> Report {
    let mut report = run(world, event).await;
    for _ in 0..20 {
        let tasks = world.outbox.take_tasks();
        let Some(task) = tasks.first() else { return report };
        report = run(world, serde_json::from_str(&task.body).unwrap()).await;
    }
    panic!("the restore never ends: {report:#?}");
}

fn of_files(report: &Report) -> &Outcome {
    let mut outcomes = report.outcomes.iter();
    let found = outcomes.find(|outcome| outcome.subject.starts_with("efs-file-system/"));
    found.unwrap_or_else(|| panic!("nothing of the file system: {report:#?}"))
}

fn of_function(report: &Report) -> &Outcome {
    let mut outcomes = report.outcomes.iter();
    let found = outcomes.find(|outcome| outcome.subject.starts_with("lambda-function/"));
    found.unwrap_or_else(|| panic!("nothing of the function: {report:#?}"))
}

/// The id of the file system that a restore has made.
fn made(report: &Report) -> String {
    let arn: Arn = of_files(report).details["arn"].as_str().unwrap().parse().unwrap();
    arn.resource_name().to_owned()
}

/// What a function mounts, in all its versions, and by which id it knows the file system.
async fn mounts(world: &World, function: &str) -> (Vec<String>, String) {
    let config = read_function(&world.functions, function).await.unwrap().config;
    let versions = config.versions.values().map(|version| &version.settings);
    let all = [&config.latest.settings].into_iter().chain(versions);
    let mounts = all.flat_map(|settings| &settings.file_systems);
    let mounts = mounts.map(|mount| {
        assert_eq!(mount.path, PATH);
        mount.arn.clone()
    });
    let environment = config.latest.settings.environment.clone().unwrap_or_default();
    let environment = environment.reveal().clone();
    (mounts.collect(), environment["FILES"].clone())
}

#[tokio::test]
async fn the_function_mounts_the_new_file_system_and_a_person_is_told_of_the_files() {
    let (world, id) = shop().await;
    let last = restore(&world, beside()).await;
    assert_eq!(last.status, ReportStatus::Partial, "{last:#?}");
    let new = made(&last);
    assert_ne!(new, id);
    let point = access_point(&world, &new).await;
    assert_eq!(
        mounts(&world, "new-bill").await,
        (vec![point.clone(), point.clone()], new.clone())
    );
    let old = access_point(&world, &id).await;
    let files = of_files(&last);
    assert_eq!(files.details["access_points"], json!({ old: point }));
    // The old one still has its address.
    assert_eq!(
        files.details["needs_person"],
        json!(["Files", "MountTargets"]),
        "{files:#?}"
    );
    assert!(files.message.contains(&format!("mount -t efs {new}:/")), "{files:#?}");
    let there = world.resources.wiring().files(&home_region(), &new);
    assert_eq!(there.map(|files| files.len()), Some(2));
}

#[tokio::test]
async fn all_jobs_are_begun_before_one_is_waited_for() {
    let (world, _) = shop().await;
    world.add_table("orders", 3);
    world.ticks().await;
    let jobs = world.backups.jobs_started();
    let first = run(&world, beside()).await;
    assert_eq!(world.backups.jobs_started() - jobs, 2, "{first:#?}");
    assert!(!world.functions.names().contains(&"new-bill".to_owned()), "{first:#?}");
}

#[tokio::test]
async fn asked_again_it_makes_nothing_and_tells_of_the_files_again() {
    let (world, _) = shop().await;
    let first = restore(&world, beside()).await;
    let (systems, jobs) = (
        world.resources.wiring().file_systems(&home_region()),
        world.backups.jobs_started(),
    );
    let mut again = beside();
    again["switch_on"] = json!(true);
    let second = restore(&world, again).await;
    assert_eq!(made(&second), made(&first));
    assert!(of_files(&second).message.contains("aws-backup-restore"), "{second:#?}");
    assert_eq!(second.count(OutcomeStatus::Failed), 0, "{second:#?}");
    assert_eq!(world.resources.wiring().file_systems(&home_region()), systems);
    assert_eq!(world.backups.jobs_started(), jobs);
    assert_eq!(mounts(&world, "new-bill").await.1, made(&first));
}

#[tokio::test]
async fn two_restores_under_two_names_make_two() {
    let (world, _) = shop().await;
    let first = restore(&world, beside()).await;
    let second = restore(&world, event(json!({"prefix": "other-"}))).await;
    assert_ne!(made(&second), made(&first));
    assert_eq!(mounts(&world, "other-bill").await.1, made(&second));
}

#[tokio::test]
async fn everything_lost_comes_back_under_its_own_names() {
    let (world, id) = shop().await;
    world.resources.wiring().remove_file_system(&home_region(), &id);
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    let last = restore(&world, event(json!({}))).await;
    let new = made(&last);
    let point = access_point(&world, &new).await;
    assert_eq!(
        mounts(&world, "bill").await,
        (vec![point.clone(), point], new),
        "{last:#?}"
    );
}

#[tokio::test]
async fn a_file_system_that_is_there_and_as_it_was_is_adopted_and_mounted_as_before() {
    let (world, id) = shop().await;
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    let jobs = world.backups.jobs_started();
    let last = restore(&world, event(json!({}))).await;
    assert_eq!(
        words(&last)[&format!("efs-file-system/eu-central-1/{id}")],
        "adopted",
        "{last:#?}"
    );
    let point = access_point(&world, &id).await;
    assert_eq!(mounts(&world, "bill").await, (vec![point.clone(), point], id));
    assert_eq!(world.backups.jobs_started(), jobs);
}

#[tokio::test]
async fn one_that_is_there_and_another_is_left_alone_and_what_mounts_it_is_not_tried() {
    let (world, id) = shop().await;
    world.functions.lose("bill");
    let input = json!({"FileSystemId": id, "LifecyclePolicies": []});
    let wiring = world.resources.wiring();
    wiring
        .ask::<holdfast_sources::call::efs::PutLifecycleConfiguration>(&home_region(), input)
        .unwrap();
    let last = restore(&world, event(json!({}))).await;
    assert!(of_files(&last).message.contains("LifecyclePolicies"), "{last:#?}");
    assert!(of_function(&last).message.contains("not tried"), "{last:#?}");
    assert_eq!(wiring.file_systems(&home_region()), [id]);
}

#[tokio::test]
async fn an_access_point_that_could_not_be_made_is_named_and_nothing_mounts_another_in_its_place() {
    let (world, id) = shop().await;
    let old = access_point(&world, &id).await;
    let denied = PortError::Denied("elasticfilesystem:CreateAccessPoint".to_owned());
    world.script.fail_named("CreateAccessPoint", denied);
    let last = restore(&world, beside()).await;
    let function = of_function(&last);
    assert!(
        function.status == OutcomeStatus::Failed && function.message.contains(&old),
        "{last:#?}"
    );
    assert!(of_files(&last).message.contains("CreateAccessPoint"), "{last:#?}");
    world.script.heal();
    let last = restore(&world, beside()).await;
    assert_eq!(mounts(&world, "new-bill").await.1, made(&last), "{last:#?}");
}

#[tokio::test]
async fn without_a_mount_target_the_command_is_told_lambda_refuses_and_the_rest_comes_back() {
    let (world, _) = shop().await;
    world.add_table("orders", 3);
    world.ticks().await;
    world.resources.wiring().lose_subnet(&home_region(), "subnet-a");
    let last = restore(&world, beside()).await;
    assert!(
        of_files(&last).message.contains("aws efs create-mount-target"),
        "{last:#?}"
    );
    assert!(of_function(&last).message.contains("mount target"), "{last:#?}");
    assert_eq!(world.tables.items("new-orders").len(), 3);
    world.resources.wiring().add_subnet(&home_region(), "subnet-a");
    let last = restore(&world, beside()).await;
    assert_eq!(mounts(&world, "new-bill").await.1, made(&last), "{last:#?}");
}

#[tokio::test]
async fn a_file_system_that_a_failed_job_has_left_is_named_with_the_command_that_removes_it() {
    let (world, id) = shop().await;
    world
        .backups
        .next_job_ends(JobEnd::Partial("2 files of 9 were restored".to_owned()));
    let last = restore(&world, beside()).await;
    let systems = world.resources.wiring().file_systems(&home_region());
    let left = systems.iter().find(|one| **one != id).unwrap();
    let command = format!("aws efs delete-file-system --region eu-central-1 --file-system-id {left}");
    let files = of_files(&last);
    assert!(
        files.status == OutcomeStatus::Failed && files.message.contains(&command),
        "{last:#?}"
    );
    assert!(of_function(&last).message.contains("not tried"), "{last:#?}");
}

#[tokio::test]
async fn a_dry_run_says_what_will_be_mounted_when_it_is_made() {
    let (world, id) = shop().await;
    let jobs = world.backups.jobs_started();
    let mut dry = beside();
    dry["dry_run"] = json!(true);
    let report = run(&world, dry).await;
    let line = format!("{} → known when it is made", access_point(&world, &id).await);
    assert!(report.notes.iter().any(|note| note.contains(&line)), "{report:#?}");
    assert_eq!(world.backups.jobs_started(), jobs);
}

#[tokio::test]
async fn disturbed_at_any_call_until_the_function_is_made_and_sent_again_it_ends_as_uncut_with_one_file_system() {
    let (uncut, _) = shop().await;
    restore(&uncut, beside()).await;
    let (jobs, systems) = (uncut.backups.jobs_started(), 2);
    let calls = uncut.script.calls();
    // What comes after is disturbed in `application_faults`.
    let calls: Vec<_> = calls.iter().take_while(|call| call.name != "create_function").collect();
    assert!(calls.iter().any(|call| call.name == "CreateAccessPoint"), "{calls:#?}");
    for call in calls {
        for is_killed in [true, false] {
            let (world, _) = shop().await;
            let fail = |moment, error| world.script.fail(call.number, moment, error);
            let planted = || "planted by a test".to_owned();
            match (is_killed, call.number % 3) {
                (true, 0) => world.script.kill_at(call.number, Moment::Before),
                (true, _) => world.script.kill_at(call.number, Moment::After),
                (false, 0) => fail(Moment::Before, PortError::Throttled(planted())),
                (false, 1) => fail(Moment::Before, PortError::Denied(planted())),
                (false, _) => fail(Moment::After, PortError::Unavailable(planted())),
            }
            let request = Request::parse(beside()).unwrap();
            for _ in 0..6 {
                // What was disturbed may fail as a whole, and what it leaves to the queue may be lost.
                let _ = world.restore().run_application(request.clone(), &world.clock).await;
                world.outbox.take_tasks();
                world.later(TICK);
            }
            world.script.heal();
            world.script.revive();
            let ended = restore(&world, beside()).await;
            let when = format!("call {} ({}), killed: {is_killed}: {ended:#?}", call.number, call.name);
            assert_eq!(ended.count(OutcomeStatus::Failed), 0, "{when}");
            assert_eq!(
                world.resources.wiring().file_systems(&home_region()).len(),
                systems,
                "{when}"
            );
            assert_eq!(world.backups.jobs_started(), jobs, "{when}");
            let point = access_point(&world, &made(&ended)).await;
            let expected = (vec![point.clone(), point], made(&ended));
            assert_eq!(mounts(&world, "new-bill").await, expected, "{when}");
        }
    }
}
