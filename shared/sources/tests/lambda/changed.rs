//! A function that is there and another, changed in place.

use holdfast_sources::SettingStatus;
use holdfast_sources::lambda::port::PublishVersions as _;
use holdfast_sources::lambda::restore::{Existing, RestorePlan, take_over};
use holdfast_sources::lambda::{Beside, FunctionConfig, FunctionSnapshot, Release};
use holdfast_testkit::Moment;
use serde_json::json;

use crate::made::{alias, furnished, package, set_beside, settings};
use crate::world::{World, point};

/// The function after somebody changed it in every place that a call can change back.
fn spoilt() -> FunctionConfig {
    let mut config = furnished();
    config.latest.settings.memory_mb = 3008;
    let release = Release {
        package: package(0),
        settings: settings("version 9"),
    };
    config.versions.insert(9, release);
    config.aliases.insert("live".to_owned(), alias("9", &[]));
    config.aliases.insert("next".to_owned(), alias("3", &[(9, 0.5)]));
    config.reserved_concurrency = Some(1);
    let other = json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::elsewhere" } });
    config.policy[0].body.insert("Condition".to_owned(), other);
    let [stream, queue] = &mut config.event_sources[..] else {
        panic!("a stream and a queue")
    };
    stream.qualifier = Some("next".to_owned());
    stream.settings.insert("BatchSize".to_owned(), json!(7));
    stream.tags.clear();
    queue.enabled = false;
    queue.settings.remove("FunctionResponseTypes");
    let filter = json!({ "Filters": [{ "Pattern": "{}" }] });
    queue.settings.insert("FilterCriteria".to_owned(), filter);
    queue
        .settings
        .insert("MaximumBatchingWindowInSeconds".to_owned(), json!(5));
    set_beside(
        &mut config,
        Beside::Url,
        "live",
        &json!({ "AuthType": "AWS_IAM", "InvokeMode": "BUFFERED" }),
    );
    config.tags.insert("team".to_owned(), "others".to_owned());
    config
}

/// A world with a function that was backed up and then spoilt, and the plan that changes it back.
async fn spoilt_world() -> (World, FunctionSnapshot, RestorePlan) {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    world.lambda.lose_mappings("bill");
    world.lambda.add("bill", &spoilt(), &crate::made::archives());
    let plan = world
        .plan_with(&taken, "bill", |request| request.existing = Existing::Change)
        .unwrap();
    (world, taken, plan)
}

/// What was backed up, with mappings that poll as they did when the restore came.
fn expected(taken: &FunctionSnapshot) -> FunctionConfig {
    let mut config = taken.config.clone();
    for source in &mut config.event_sources {
        source.enabled = false;
    }
    config
}

#[tokio::test]
async fn everything_around_a_function_is_changed_back_and_no_version_is_published() {
    let (world, taken, plan) = spoilt_world().await;
    take_over(&world.functions, &taken.arn, &point(&taken.arn))
        .await
        .unwrap();
    let restored = world.execute(&plan).await.unwrap();
    let left = restored
        .outcomes
        .iter()
        .filter(|one| one.status != SettingStatus::Restored);
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&_>::new());
    assert_eq!(world.read("bill").await, expected(&taken));
    assert_eq!(world.lambda.published_versions("bill").await.unwrap(), [3, 7, 9]);
}

#[tokio::test]
async fn what_may_not_be_changed_stays_and_is_told() {
    let (world, taken, mut plan) = spoilt_world().await;
    plan.existing = Existing::Keep;
    take_over(&world.functions, &taken.arn, &point(&taken.arn))
        .await
        .unwrap();
    let restored = world.execute(&plan).await.unwrap();
    let told = |setting: &str| {
        let mut outcomes = restored.outcomes.iter();
        outcomes.any(|one| one.setting == setting && one.status == SettingStatus::NeedsPerson)
    };
    assert!(told("Alias live") && told("Alias next"), "{restored:#?}");
    assert_eq!(world.read("bill").await.aliases, spoilt().aliases);
}

#[tokio::test]
async fn a_change_that_dies_at_any_call_ends_the_same_when_run_again() {
    let (calm, taken, plan) = spoilt_world().await;
    take_over(&calm.functions, &taken.arn, &point(&taken.arn))
        .await
        .unwrap();
    calm.script.restart();
    calm.execute(&plan).await.unwrap();
    for number in 1..=calm.script.total() {
        for moment in [Moment::Before, Moment::After] {
            let (world, taken, plan) = spoilt_world().await;
            take_over(&world.functions, &taken.arn, &point(&taken.arn))
                .await
                .unwrap();
            world.script.restart();
            world.script.kill_at(number, moment);
            assert!(world.execute(&plan).await.is_err(), "call {number}");
            world.script.heal();
            world.execute(&plan).await.unwrap();
            let at = format!("call {number}, {moment:?}");
            assert_eq!(world.read("bill").await, expected(&taken), "{at}");
        }
    }
}

#[test]
fn versions_of_other_numbers_are_the_same_versions() {
    let there = furnished();
    let mut stored = there.clone();
    let third = stored.versions.remove(&3).unwrap();
    stored.versions.insert(2, third);
    stored.aliases.insert("live".to_owned(), alias("2", &[(7, 0.25)]));
    let mut expected = there.aliases.clone();
    expected.insert("live".to_owned(), {
        let mut alias = alias("3", &[(7, 0.25)]);
        alias.description = "of 2".to_owned();
        alias
    });
    let numbered = stored.numbered_as_in(&there);
    assert_eq!(numbered.aliases, expected);
    assert_eq!(numbered.versions, there.versions);
}
