//! What a plan says before anything is done.

use std::collections::BTreeMap;

use holdfast_sources::lambda::restore::{CodeSource, PlanError, Step};
use holdfast_sources::lambda::{EventSource, FileSystem, FunctionConfig, FunctionSnapshot, Package, Vpc};
use holdfast_sources::{SettingOutcome, SettingStatus};
use serde_json::json;

use crate::made::{plain, queue, statement, wired};
use crate::world::{World, told};

/// A function with everything that ties it to its region.
fn regional() -> FunctionConfig {
    let mut config = wired();
    let settings = &mut config.latest.settings;
    settings.layers = vec!["arn:aws:lambda:eu-west-1:111122223333:layer:base:4".to_owned()];
    settings.kms_key_arn = Some("arn:aws:kms:eu-west-1:111122223333:key/1".to_owned());
    settings.dead_letter_target = Some("arn:aws:sqs:eu-west-1:111122223333:dead".to_owned());
    settings.vpc = Some(Vpc {
        subnets: vec!["subnet-1".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        ipv6: false,
    });
    settings.file_systems = vec![FileSystem {
        path: "/mnt/in".to_owned(),
        arn: "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-1".to_owned(),
    }];
    config
}

async fn taken(config: &FunctionConfig) -> (World, FunctionSnapshot) {
    let world = World::with("bill", config);
    let taken = world.snapshot("bill").await.unwrap();
    (world, taken)
}

#[tokio::test]
async fn a_plan_reads_from_top_to_bottom_and_ends_with_the_triggers() {
    let (world, taken) = taken(&wired()).await;
    let plan = world.plan(&taken, "again").unwrap();
    let text = plan.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.split(" (").next().unwrap().trim())
        .collect();
    assert_eq!(
        lines,
        [
            "restore lambda-function/eu-west-1/bill/20261121T030000Z-standard as \
             arn:aws:lambda:eu-west-1:111122223333:function:again",
            "publish what was version 3",
            "publish what was version 7",
            "give $LATEST its code and settings",
            "make alias live of what was version 3",
            "make alias next of what was version 7",
            "reserve concurrency of 5",
            "allow s3.amazonaws.com to lambda:InvokeFunction",
            "allow events.amazonaws.com to lambda:InvokeFunction",
            "allow sns.amazonaws.com to lambda:InvokeFunction",
            "map events of arn:aws:dynamodb:eu-west-1:111122223333:table/orders/stream/2026-01-01T00:00:00.000, \
             switched off",
            "map events of arn:aws:sqs:eu-west-1:111122223333:orders, switched on",
            "note on the function that it is complete",
        ]
    );
}

#[tokio::test]
async fn planning_twice_gives_the_same_plan_and_makes_no_call() {
    let (world, taken) = taken(&wired()).await;
    world.script.restart();
    assert_eq!(
        world.plan(&taken, "again").unwrap(),
        world.plan(&taken, "again").unwrap()
    );
    assert_eq!(world.script.total(), 0);
}

#[tokio::test]
async fn in_another_region_what_cannot_follow_is_told_with_its_command_and_the_rest_works() {
    let (world, taken) = taken(&regional()).await;
    let far = world.elsewhere("us-east-1");
    let plan = far.plan(&taken, "bill").unwrap();
    assert!(plan.steps.iter().any(|step| matches!(
        step,
        Step::Latest {
            code: CodeSource::Upload(_),
            ..
        }
    )));
    let restored = far.execute(&plan).await.unwrap();
    for (setting, option) in [
        ("Layers", "--layers"),
        ("KMSKeyArn", "--kms-key-arn"),
        ("DeadLetterConfig", "--dead-letter-config"),
        ("VpcConfig", "--vpc-config"),
        ("FileSystemConfigs", "--file-system-configs LocalMountPath=/mnt/in,Arn="),
    ] {
        let message = told(&restored.outcomes, setting);
        let command = "aws lambda update-function-configuration --region us-east-1 --function-name bill";
        assert!(message.contains(command) && message.contains(option), "{message}");
    }
    let queue = told(
        &restored.outcomes,
        "EventSourceMapping arn:aws:sqs:eu-west-1:111122223333:orders for live",
    );
    assert!(queue.contains("create-event-source-mapping --region us-east-1") && queue.contains("\"BatchSize\":10"));
    assert!(told(&restored.outcomes, "Policy statement rule for 7").contains("add-permission"));
    let named: std::collections::BTreeSet<&str> = restored
        .outcomes
        .iter()
        .map(|outcome| outcome.setting.as_str())
        .collect();
    assert_eq!(
        named.len(),
        restored.outcomes.len(),
        "one outcome a setting: {:#?}",
        restored.outcomes
    );
    let read = far.read("bill").await;
    assert_eq!(
        (read.aliases.len(), read.policy.len(), read.event_sources.len()),
        (2, 3, 0)
    );
    assert_eq!(read.latest.settings.environment, regional().latest.settings.environment);
}

#[tokio::test]
async fn replacements_bring_along_what_would_have_to_stay() {
    let (world, taken) = taken(&regional()).await;
    let far = world.elsewhere("us-east-1");
    let pairs = [
        (
            "arn:aws:lambda:eu-west-1:111122223333:layer:base:4",
            "arn:aws:lambda:us-east-1:111122223333:layer:base:1",
        ),
        (
            "arn:aws:kms:eu-west-1:111122223333:key/1",
            "arn:aws:kms:us-east-1:111122223333:key/2",
        ),
        (
            "arn:aws:sqs:eu-west-1:111122223333:dead",
            "arn:aws:sqs:us-east-1:111122223333:dead",
        ),
        (
            "arn:aws:sqs:eu-west-1:111122223333:orders",
            "arn:aws:sqs:us-east-1:111122223333:orders",
        ),
        (
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders/stream/2026-01-01T00:00:00.000",
            "arn:aws:dynamodb:us-east-1:111122223333:table/orders/stream/2026-11-21T00:00:00.000",
        ),
        (
            "arn:aws:events:eu-west-1:111122223333:rule/hourly",
            "arn:aws:events:us-east-1:111122223333:rule/hourly",
        ),
        (
            "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-1",
            "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-9",
        ),
        ("subnet-1", "subnet-9"),
        ("sg-1", "sg-9"),
    ];
    let pairs: BTreeMap<String, String> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let plan = far
        .plan_with(&taken, "bill", |request| request.replacements = pairs)
        .unwrap();
    assert_eq!(plan.needs_person, []);
    let restored = far.execute(&plan).await.unwrap();
    assert!(
        restored
            .outcomes
            .iter()
            .all(|outcome| outcome.status == SettingStatus::Restored)
    );
    let text = String::from_utf8(far.read("bill").await.to_bytes()).unwrap();
    assert!(text.contains("subnet-9") && !text.contains("eu-west-1"), "{text}");
}

#[tokio::test]
async fn a_file_system_that_is_there_is_told_with_the_command_where_the_network_is_not() {
    let (world, taken) = taken(&regional()).await;
    let far = world.elsewhere("us-east-1");
    let point = |region: &str| format!("arn:aws:elasticfilesystem:{region}:111122223333:access-point/fsap-1");
    let given = BTreeMap::from([(point("eu-west-1"), point("us-east-1"))]);
    let plan = far
        .plan_with(&taken, "bill", |request| request.replacements = given)
        .unwrap();
    let restored = far.execute(&plan).await.unwrap();
    let message = told(&restored.outcomes, "FileSystemConfigs");
    let option = format!(
        "--file-system-configs LocalMountPath=/mnt/in,Arn={}",
        point("us-east-1")
    );
    assert!(message.contains(&option), "{message}");
    assert!(far.read("bill").await.latest.settings.file_systems.is_empty());
}

#[tokio::test]
async fn a_role_of_another_account_ends_the_plan() {
    let (world, taken) = taken(&plain()).await;
    let move_away = |request: &mut holdfast_sources::lambda::restore::RestoreRequest<'_>| {
        request.target.account = "444455556666".to_owned();
    };
    let error = world.plan_with(&taken, "again", move_away).unwrap_err();
    assert!(
        matches!(&error, PlanError::RoleElsewhere(role) if role.contains("role/bill")),
        "{error}"
    );
    let role = (
        "arn:aws:iam::111122223333:role/bill".to_owned(),
        "arn:aws:iam::444455556666:role/bill".to_owned(),
    );
    let with_role = world.plan_with(&taken, "again", |request| {
        move_away(request);
        request.replacements = BTreeMap::from([role]);
    });
    assert_eq!(with_role.unwrap().arn.account(), "444455556666");
}

#[tokio::test]
async fn code_that_cannot_be_had_ends_the_plan_or_concerns_its_version() {
    let (world, mut taken) = taken(&wired()).await;
    let far = world.elsewhere("us-east-1");
    for blob in &mut taken.blobs {
        blob.bytes = 60 << 20;
    }
    let error = far.plan(&taken, "bill").unwrap_err();
    assert!(matches!(error, PlanError::CodeTooBig { .. }) && error.to_string().contains("the vault in us-east-1"));
    // In the vault's own region the size does not matter.
    world.plan(&taken, "again").unwrap();
    let latest = match taken.config.latest.package {
        Package::Zip { sha256, .. } => sha256,
        Package::Image { .. } => panic!("it is an archive"),
    };
    let mut only_latest = taken.clone();
    only_latest.blobs.retain(|blob| blob.sha256 == latest);
    let plan = world.plan(&only_latest, "again").unwrap();
    assert!(told(&plan.needs_person, "Version 3").contains("not part of the recovery point"));
    assert!(told(&plan.needs_person, "Alias live").contains("version 3 is not restored"));
    taken.blobs.retain(|blob| blob.sha256 != latest);
    assert_eq!(
        world.plan(&taken, "again").unwrap_err(),
        PlanError::CodeMissing { sha256: latest }
    );
}

#[tokio::test]
async fn an_image_is_pinned_to_its_digest_and_must_be_in_the_region() {
    let mut config = plain();
    let uri = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app";
    let pinned = format!("{uri}@sha256:{}", "0".repeat(64));
    config.latest.package = Package::Image {
        uri: format!("{uri}:v1"),
        resolved_uri: Some(pinned.clone()),
    };
    let (world, taken) = taken(&config).await;
    let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    assert!(
        restored
            .outcomes
            .iter()
            .all(|outcome| outcome.status == SettingStatus::Restored)
    );
    assert_eq!(world.read("again").await.latest.package.image(), Some(pinned.as_str()));
    let far = world.elsewhere("us-east-1");
    assert!(matches!(
        far.plan(&taken, "bill"),
        Err(PlanError::ImageElsewhere { .. })
    ));
    let here = "111122223333.dkr.ecr.us-east-1.amazonaws.com/app:v1".to_owned();
    let replaced = BTreeMap::from([(format!("{uri}:v1"), here.clone())]);
    let plan = far
        .plan_with(&taken, "bill", |request| request.replacements = replaced)
        .unwrap();
    far.execute(&plan).await.unwrap();
    assert_eq!(far.read("bill").await.latest.package.image(), Some(here.as_str()));
}

#[tokio::test]
async fn a_statement_that_cannot_be_added_is_told_whole() {
    let mut config = plain();
    let mut odd = statement(None, "odd", "s3.amazonaws.com", None);
    odd.body.insert(
        "Condition".to_owned(),
        json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
    );
    config.policy = vec![odd];
    let (world, taken) = taken(&config).await;
    let plan = world.plan(&taken, "again").unwrap();
    let message = told(&plan.needs_person, "Policy statement odd");
    assert!(
        message.contains("10.0.0.0/8") && message.contains("put-resource-policy"),
        "{message}"
    );
    assert!(!plan.steps.iter().any(|step| matches!(step, Step::Permission(_))));
}

#[tokio::test]
async fn too_many_tags_leave_room_for_the_mark() {
    let mut config = plain();
    config.tags = (0..50)
        .map(|number| (format!("tag{number:02}"), "x".to_owned()))
        .collect();
    let (world, taken) = taken(&config).await;
    let plan = world.plan(&taken, "again").unwrap();
    assert_eq!(plan.tags.len(), 49);
    assert!(told(&plan.needs_person, "Tags").contains("tag49=x"));
}

#[tokio::test]
async fn a_mapping_without_an_arn_is_told_by_what_it_is() {
    let mut config = plain();
    config.event_sources = vec![EventSource {
        source_arn: None,
        settings: BTreeMap::from([("Topics".to_owned(), json!(["orders"]))]),
        ..queue(None, true)
    }];
    let (world, taken) = taken(&config).await;
    let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    let expected = SettingOutcome::restored("EventSourceMapping self-managed source");
    assert!(restored.outcomes.contains(&expected), "{restored:?}");
}

#[tokio::test]
async fn a_name_that_lambda_would_refuse_is_refused_first() {
    let (world, taken) = taken(&plain()).await;
    for name in ["", "a b", "a:b", "ü", &"x".repeat(65)] {
        assert_eq!(
            world.plan(&taken, name).unwrap_err(),
            PlanError::InvalidName(name.to_owned())
        );
    }
}
