//! What comes back is what was there.

use holdfast_sources::SettingStatus;
use holdfast_sources::lambda::port::{PublishVersions as _, ReadFunction as _, WireFunction as _};
use holdfast_sources::lambda::restore::{Restored, Triggers};
use holdfast_sources::lambda::{FunctionConfig, Observed, RESTORE_MARK};
use holdfast_vault::PortError;
use proptest::prelude::*;

use crate::made::{SECRET, any_function, furnished, plain, queue, wired};
use crate::world::{World, run, told};

/// A configuration with its version numbers replaced, as a restore replaces them.
fn renumbered(config: &FunctionConfig, restored: &Restored) -> FunctionConfig {
    let new = |number: &u64| restored.versions[number];
    let renamed = |qualifier: &String| match qualifier.parse::<u64>() {
        Ok(number) => new(&number).to_string(),
        Err(_) => qualifier.clone(),
    };
    let mut config = config.clone();
    config.versions = config
        .versions
        .iter()
        .map(|(number, release)| (new(number), release.clone()))
        .collect();
    for alias in config.aliases.values_mut() {
        alias.version = renamed(&alias.version);
        alias.weights = alias
            .weights
            .iter()
            .map(|(number, weight)| (new(number), *weight))
            .collect();
    }
    for statement in &mut config.policy {
        statement.qualifier = statement.qualifier.as_ref().map(renamed);
    }
    for source in &mut config.event_sources {
        source.qualifier = source.qualifier.as_ref().map(renamed);
    }
    for configs in config.beside.values_mut() {
        let old = std::mem::take(configs);
        configs.extend(old.into_iter().map(|(qualifier, config)| (renamed(&qualifier), config)));
    }
    let usable = |arn: &String| restored.layers.get(arn).unwrap_or(arn).clone();
    for release in std::iter::once(&mut config.latest).chain(config.versions.values_mut()) {
        release.settings.layers = release.settings.layers.iter().map(usable).collect();
    }
    config.layers = config
        .layers
        .iter()
        .map(|(arn, layer)| (usable(arn), layer.clone()))
        .collect();
    sorted(config)
}

/// Without what AWS chooses.
fn sorted(mut config: FunctionConfig) -> FunctionConfig {
    config.observed = Observed::default();
    config
        .policy
        .sort_by_key(|statement| (statement.qualifier.clone(), statement.sid.clone()));
    config
        .event_sources
        .sort_by_key(|source| (source.source_arn.clone(), source.qualifier.clone()));
    config
}

async fn restore_and_compare(config: &FunctionConfig, under: &str, busy_polls: u32, layers: Layers) {
    let world = World::with("bill", config);
    world.lambda.busy_polls(busy_polls);
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(sorted(taken.config.clone()), *config);
    world.lambda.lose("bill");
    world.lambda.lose_mappings("bill");
    if layers == Layers::Deleted {
        world.lambda.lose_layers();
    }
    let plan = world.plan(&taken, under).unwrap();
    let restored = world.execute(&plan).await.unwrap();
    let untold: Vec<_> = restored
        .outcomes
        .iter()
        .filter(|o| o.status != SettingStatus::Restored)
        .collect();
    assert!(untold.is_empty(), "{untold:?}");
    assert_eq!(sorted(world.read(under).await), renumbered(config, &restored));
    assert_eq!(
        world.lambda.code(under),
        world.store.contents()[&blob_of_latest(config)]
    );
}

#[derive(PartialEq)]
enum Layers {
    There,
    Deleted,
}

fn blob_of_latest(config: &FunctionConfig) -> String {
    match &config.latest.package {
        holdfast_sources::lambda::Package::Zip { sha256, .. } => holdfast_catalog::layout::blob(sha256),
        holdfast_sources::lambda::Package::Image { .. } => panic!("an image has no archive"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_restored_function_equals_the_one_that_was_stored(config in any_function(), busy_polls in 0..3_u32) {
        run(restore_and_compare(&config, "bill-restored", busy_polls, Layers::There));
        run(restore_and_compare(&config, "bill", busy_polls, Layers::Deleted));
    }

    #[test]
    fn the_document_reads_back_as_it_was(config in any_function()) {
        let bytes = config.to_bytes();
        let read = FunctionConfig::read(&bytes).unwrap();
        prop_assert_eq!(&read, &config);
        prop_assert_eq!(read.to_bytes(), bytes);
    }
}

#[tokio::test]
async fn a_restore_that_was_completed_changes_nothing_any_more() {
    let world = World::with("bill", &wired());
    let taken = world.snapshot("bill").await.unwrap();
    let plan = world.plan(&taken, "again").unwrap();
    let first = world.execute(&plan).await.unwrap();
    let lambda = &world.lambda;
    // Its users go on with it.
    let mut settings = wired().latest.settings;
    settings.memory_mb = 1024;
    lambda
        .update_settings("again", None, &wired().latest.settings, &settings)
        .await
        .unwrap();
    lambda.put_concurrency("again", 1).await.unwrap();
    let before = (
        world.read("again").await,
        lambda.published_versions("again").await.unwrap(),
    );
    world.script.restart();
    let second = world.execute(&plan).await.unwrap();
    assert_eq!(world.script.changes(), []);
    assert_eq!(
        before,
        (
            world.read("again").await,
            lambda.published_versions("again").await.unwrap()
        )
    );
    assert!(second.was_done && !first.was_done);
    assert_eq!((second.versions, second.outcomes), (first.versions, first.outcomes));
}

#[tokio::test]
async fn a_function_that_the_restore_did_not_make_is_left_alone() {
    let world = World::with("bill", &wired());
    let taken = world.snapshot("bill").await.unwrap();
    for name in ["bill", "other"] {
        world.lambda.add("other", &plain(), &crate::made::archives());
        world.script.restart();
        let error = world.execute(&world.plan(&taken, name).unwrap()).await.unwrap_err();
        assert!(matches!(error, PortError::AlreadyExists(_)), "{error}");
        assert_eq!(world.script.changes(), []);
    }
}

#[tokio::test]
async fn the_restore_of_another_point_is_not_taken_for_ours() {
    let world = World::with("bill", &plain());
    let taken = world.snapshot("bill").await.unwrap();
    world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    let later = "lambda-function/eu-west-1/bill/20261122T030000Z-standard"
        .parse()
        .unwrap();
    let mut plan = world.plan(&taken, "again").unwrap();
    plan.point = later;
    assert!(matches!(world.execute(&plan).await, Err(PortError::AlreadyExists(_))));
}

#[tokio::test]
async fn triggers_stay_off_unless_asked_and_the_command_to_switch_them_on_is_told() {
    let world = World::with("bill", &wired());
    let taken = world.snapshot("bill").await.unwrap();
    let plan = world
        .plan_with(&taken, "again", |request| request.triggers = Triggers::Quiet)
        .unwrap();
    for _ in 0..2 {
        let restored = world.execute(&plan).await.unwrap();
        let made = world.lambda.event_sources("again").await.unwrap();
        assert!(made.iter().all(|mapping| !mapping.source.enabled));
        let queue = queue(None, true);
        let message = told(
            &restored.outcomes,
            &format!("EventSourceMapping {} for live", queue.label()),
        );
        let id = &made
            .iter()
            .find(|mapping| mapping.source.source_arn == queue.source_arn)
            .unwrap()
            .id;
        assert!(message.contains(&format!("--uuid {id} --enabled")), "{message}");
        // The stream's mapping was off before, so it is as it was.
        assert_eq!(
            restored
                .outcomes
                .iter()
                .filter(|o| o.status == SettingStatus::NeedsPerson)
                .count(),
            1
        );
    }
}

#[tokio::test]
async fn neighbouring_versions_that_are_alike_become_one() {
    let mut config = wired();
    let twin = config.versions[&3].clone();
    config.versions.insert(7, twin);
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    assert_eq!(restored.versions[&3], restored.versions[&7]);
    let aliases = world.read("again").await.aliases;
    assert_eq!(aliases["live"].version, aliases["next"].version);
    assert!(aliases["live"].weights.is_empty());
}

#[tokio::test]
async fn a_version_that_the_service_no_longer_takes_does_not_stop_the_rest() {
    let mut config = wired();
    config.versions.get_mut(&3).unwrap().settings.runtime = Some("python3.6".to_owned());
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    world.lambda.refuse_runtime("python3.6");
    let plan = world.plan(&taken, "again").unwrap();
    for _ in 0..2 {
        let restored = world.execute(&plan).await.unwrap();
        assert!(!restored.was_done);
        assert_eq!(restored.versions.keys().copied().collect::<Vec<_>>(), [7]);
        assert!(told(&restored.outcomes, "Version 3").contains("python3.6"));
        assert!(told(&restored.outcomes, "Alias live").contains("create-alias"));
        assert!(told(&restored.outcomes, "Policy statement topic for live").contains("not found"));
    }
    let read = world.read("again").await;
    assert_eq!(read.latest, config.latest);
    assert_eq!(read.aliases.keys().collect::<Vec<_>>(), ["next"]);
    assert_eq!(world.lambda.published_versions("again").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_denied_trigger_is_told_and_made_by_the_next_run() {
    let world = World::with("bill", &wired());
    let taken = world.snapshot("bill").await.unwrap();
    let plan = world.plan(&taken, "again").unwrap();
    world
        .script
        .fail_named("add_permission", PortError::Denied("not authorized".to_owned()));
    let restored = world.execute(&plan).await.unwrap();
    assert!(told(&restored.outcomes, "Policy statement s3").contains("aws lambda add-permission"));
    world.script.heal();
    let restored = world.execute(&plan).await.unwrap();
    assert!(
        restored
            .outcomes
            .iter()
            .all(|outcome| outcome.status == SettingStatus::Restored)
    );
    assert_eq!(sorted(world.read("again").await), renumbered(&wired(), &restored));
}

#[tokio::test]
async fn mappings_that_outlived_the_function_are_not_woken_while_it_is_half_there() {
    let world = World::with("bill", &wired());
    let taken = world.snapshot("bill").await.unwrap();
    let mappings = world.lambda.event_sources("bill").await.unwrap();
    world.lambda.lose("bill");
    let plan = world.plan(&taken, "bill").unwrap();
    world.script.restart();
    let error = world.execute(&plan).await.unwrap_err();
    let on = mappings.iter().find(|mapping| mapping.source.enabled).unwrap();
    assert!(
        matches!(&error, PortError::Invalid(why) if why.contains(&on.id) && why.contains("--no-enabled")),
        "{error}"
    );
    assert_eq!(world.script.changes(), []);
    // As the message says.
    world.lambda.switch_off_mappings("bill");
    let restored = world.execute(&plan).await.unwrap();
    let message = told(
        &restored.outcomes,
        "EventSourceMapping arn:aws:sqs:eu-west-1:111122223333:orders for live",
    );
    assert!(message.contains(&format!("--uuid {} --enabled", on.id)), "{message}");
    let adopted: Vec<String> = world
        .lambda
        .event_sources("bill")
        .await
        .unwrap()
        .into_iter()
        .map(|mapping| mapping.id)
        .collect();
    assert_eq!(adopted[1], on.id);
}

#[tokio::test]
async fn a_function_without_versions_is_whole_at_once_and_takes_its_mappings_back() {
    let mut config = plain();
    config.event_sources = vec![queue(None, true)];
    let world = World::with("bill", &config);
    let taken = world.snapshot("bill").await.unwrap();
    world.lambda.lose("bill");
    let restored = world.execute(&world.plan(&taken, "bill").unwrap()).await.unwrap();
    assert!(
        restored
            .outcomes
            .iter()
            .all(|outcome| outcome.status == SettingStatus::Restored)
    );
    assert_eq!(world.lambda.event_sources("bill").await.unwrap().len(), 1);
    world.lambda.lose("bill");
    let quiet = world
        .plan_with(&taken, "bill", |request| request.triggers = Triggers::Quiet)
        .unwrap();
    assert!(matches!(world.execute(&quiet).await, Err(PortError::Invalid(_))));
}

#[tokio::test]
async fn secrets_are_in_the_vault_and_the_function_and_nowhere_else() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    let plan = world.plan(&taken, "again").unwrap();
    let restored = world.execute(&plan).await.unwrap();
    let shown = format!("{taken:?}{plan:?}{plan}{restored:?}{:?}", world.script.calls());
    assert!(shown.contains("TOKEN") && !shown.contains(SECRET));
    let redacted = String::from_utf8(taken.config.redacted().to_bytes()).unwrap();
    assert!(redacted.contains("TOKEN") && !redacted.contains(SECRET));
    let again = world.read("again").await;
    assert_eq!(again.latest.settings.environment.unwrap().reveal()["TOKEN"], SECRET);
}

#[tokio::test]
async fn the_mark_of_a_restore_is_not_stored_with_the_function() {
    let world = World::with("bill", &plain());
    let taken = world.snapshot("bill").await.unwrap();
    world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    let reading = world.lambda.read_release("again", None).await.unwrap();
    assert_eq!(reading.tags[RESTORE_MARK], crate::world::point(&taken.arn).to_string());
    assert_eq!(world.snapshot("again").await.unwrap().config.tags, plain().tags);
}
