//! What a restore does and says.

use std::collections::BTreeMap;

use holdfast_catalog::Kind;
use holdfast_sources::call::{events, s3};
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::restore::{RestoreRequest, Restored, drift, plan};
use holdfast_sources::wiring::{ArnMap, Document, list};
use holdfast_testkit::Moment;
use holdfast_vault::PortError;
use serde_json::json;

use crate::documents::{before, rich};
use crate::world::{ACCOUNT, World, home, id, made_kinds, needs, plan_for, point};

async fn made(restored: Result<Restored, PortError>) -> Vec<holdfast_sources::SettingOutcome> {
    match restored {
        Ok(Restored::Made(outcomes)) => outcomes,
        other => panic!("{other:?}"),
    }
}

/// A world with a rich resource of a kind.
async fn world_with(
    kind: Kind,
) -> (
    World,
    holdfast_catalog::ResourceId,
    holdfast_catalog::ResourceId,
    Document,
) {
    let world = World::new();
    for (id, document) in before(kind) {
        world.make(&id, &document).await;
    }
    let (from, again, document) = rich().into_iter().find(|(from, _, _)| from.kind == kind).unwrap();
    let document = world.make(&from, &document).await.document;
    (world, from, again, document)
}

#[tokio::test]
async fn what_is_there_and_equal_is_adopted_and_nothing_is_changed() {
    for kind in made_kinds().filter(|kind| *kind != Kind::EventSourceMapping) {
        let (world, from, _, document) = world_with(kind).await;
        for triggers in [Triggers::Quiet, Triggers::AsBefore] {
            let restored = world
                .execute(&plan_for(&from, &document, &from, triggers))
                .await
                .unwrap();
            assert_eq!(restored, Restored::Adopted, "{kind}");
        }
        assert_eq!(world.script.changes(), [], "{kind}");
    }
}

#[tokio::test]
async fn what_is_there_and_different_is_left_alone_and_shown() {
    for kind in made_kinds().filter(|kind| *kind != Kind::EventSourceMapping) {
        let (world, from, _, mut document) = world_with(kind).await;
        document.tags.insert("team".to_owned(), "another".to_owned());
        document.config.insert("Description".to_owned(), json!("another"));
        let restored = world
            .execute(&plan_for(&from, &document, &from, Triggers::Quiet))
            .await
            .unwrap();
        let Restored::Refused(differences) = restored else {
            panic!("{kind}: {restored:?}")
        };
        assert!(
            differences.iter().any(|difference| difference.setting == "Description"),
            "{kind}: {differences:?}"
        );
        assert_eq!(world.script.changes(), [], "{kind}");
    }
}

#[tokio::test]
async fn triggers_are_made_switched_off_and_the_command_is_told() {
    for (kind, setting, off) in [
        (Kind::EventRule, "State", json!("DISABLED")),
        (Kind::Schedule, "State", json!("DISABLED")),
    ] {
        let (world, from, again, document) = world_with(kind).await;
        let outcomes = made(
            world
                .execute(&plan_for(&from, &document, &again, Triggers::Quiet))
                .await,
        )
        .await;
        assert_eq!(needs(&outcomes), [setting], "{kind}");
        assert!(
            outcomes.iter().any(|outcome| outcome.message.contains("aws ")),
            "{kind}"
        );
        assert_eq!(world.read(&again).await.document.config[setting], off, "{kind}");
    }
    let (_, again, document) = rich()
        .into_iter()
        .find(|(id, _, _)| id.kind == Kind::EventSourceMapping)
        .unwrap();
    let world = World::new();
    made(
        world
            .execute(&plan_for(&again, &document, &again, Triggers::Quiet))
            .await,
    )
    .await;
    let listed = list(&world.account, Kind::EventSourceMapping, &home()).await.unwrap();
    let found = world
        .read(&holdfast_catalog::ResourceId::from_arn(&listed[0].arn).unwrap())
        .await;
    assert_eq!(found.document.config["Enabled"], json!(false));
}

#[tokio::test]
async fn a_mapping_is_known_again_by_what_it_connects() {
    let (from, _, document) = rich()
        .into_iter()
        .find(|(id, _, _)| id.kind == Kind::EventSourceMapping)
        .unwrap();
    let world = World::new();
    made(
        world
            .execute(&plan_for(&from, &document, &from, Triggers::AsBefore))
            .await,
    )
    .await;
    let listed = list(&world.account, Kind::EventSourceMapping, &home()).await.unwrap();
    let made_id = holdfast_catalog::ResourceId::from_arn(&listed[0].arn).unwrap();
    let document = world.read(&made_id).await.document;
    // Another point, so that nothing says that it is ours.
    let again = id(Kind::EventSourceMapping, "9-9-9");
    let restored = world
        .execute(&plan_for(&again, &document, &again, Triggers::Quiet))
        .await
        .unwrap();
    assert_eq!(restored, Restored::Adopted);
}

#[tokio::test]
async fn targets_that_are_not_taken_are_put_again_and_then_told_one_by_one() {
    let (world, from, again, document) = world_with(Kind::EventRule).await;
    world.account.refuse_target("t03", "ThrottlingException", 2);
    world.account.refuse_target("t11", "ResourceNotFoundException", 9);
    let outcomes = made(
        world
            .execute(&plan_for(&from, &document, &again, Triggers::AsBefore))
            .await,
    )
    .await;
    assert_eq!(needs(&outcomes), ["Target t11", "Targets"], "{outcomes:?}");
    let found = world.read(&again).await.document;
    assert_eq!(found.config["Targets"].as_array().unwrap().len(), 12);
    // Set right by a person: the same restore goes on.
    world.account.refuse_target("t11", "", 0);
    let outcomes = made(
        world
            .execute(&plan_for(&from, &document, &again, Triggers::AsBefore))
            .await,
    )
    .await;
    assert_eq!(needs(&outcomes), [""; 0]);
    let restored = world
        .execute(&plan_for(&from, &document, &again, Triggers::AsBefore))
        .await
        .unwrap();
    assert_eq!(restored, Restored::Finished);
}

#[tokio::test]
async fn a_rule_that_a_service_manages_is_not_listed() {
    let (world, from, _, _) = world_with(Kind::EventRule).await;
    assert_eq!(list(&world.account, Kind::EventRule, &home()).await.unwrap().len(), 1);
    world.account.manage_rule(&home(), "shop", "paid", "ecs.amazonaws.com");
    assert_eq!(list(&world.account, Kind::EventRule, &home()).await.unwrap(), []);
    let error = drift(&world.account, &from, &Document::default()).await.unwrap_err();
    assert!(matches!(error, PortError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn subscriptions_that_need_their_owner_say_so() {
    let (world, from, again, document) = world_with(Kind::SnsTopic).await;
    let outcomes = made(
        world
            .execute(&plan_for(&from, &document, &again, Triggers::Quiet))
            .await,
    )
    .await;
    assert_eq!(needs(&outcomes), ["Subscription email a@example.org"], "{outcomes:?}");
}

#[tokio::test]
async fn listings_have_all_pages_and_their_tags() {
    let world = World::new();
    for number in 0..7 {
        let queue = id(Kind::SqsQueue, &format!("q{number}"));
        let document = Document {
            tags: BTreeMap::from([("n".to_owned(), number.to_string())]),
            ..Document::default()
        };
        world.make(&queue, &document).await;
    }
    let found = list(&world.account, Kind::SqsQueue, &home()).await.unwrap();
    let tags: Vec<&str> = found.iter().map(|found| found.tags["n"].as_str()).collect();
    assert_eq!(tags, ["0", "1", "2", "3", "4", "5", "6"]);
}

#[tokio::test]
async fn a_restore_elsewhere_says_what_still_names_the_old_region() {
    let (_, from, _, document) = world_with(Kind::SqsQueue).await;
    let mut target = from.clone();
    target.region = "eu-west-1".parse().unwrap();
    let mut replacements = ArnMap::default();
    let request = |replacements: &ArnMap| {
        plan(&RestoreRequest {
            point: &point(&from),
            source_arn: &from.arn(ACCOUNT).unwrap(),
            document: &document,
            target: &target,
            account: ACCOUNT,
            triggers: Triggers::Quiet,
            replacements,
        })
    };
    assert_eq!(needs(&request(&replacements).notes), ["Region"]);
    let dlq = format!("arn:aws:sqs:eu-central-1:{ACCOUNT}:orders-dlq.fifo");
    replacements.insert(&dlq, &dlq.replace("eu-central-1", "eu-west-1"));
    let plan = request(&replacements);
    assert_eq!(needs(&plan.notes), [""; 0]);
    assert!(
        !String::from_utf8(plan.wanted.to_bytes())
            .unwrap()
            .contains("eu-central-1")
    );
}

#[tokio::test]
async fn drift_is_shown_setting_by_setting_and_without_secrets() {
    let (world, from, _, document) = world_with(Kind::EventRule).await;
    let rule =
        json!({"Name": "paid", "EventBusName": "shop", "ScheduleExpression": "rate(1 hour)", "State": "ENABLED"});
    world.account.ask::<events::PutRule>(&home(), rule).unwrap();
    let target = json!({"Rule": "paid", "EventBusName": "shop", "Targets": [{"Id": "t00", "Arn": "arn:aws:x", "Input": "topsecret"}]});
    world.account.ask::<events::PutTargets>(&home(), target).unwrap();
    let words: Vec<String> = drift(&world.account, &from, &document)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        words.contains(&"Description is nothing instead of \"paid orders\"".to_owned()),
        "{words:?}"
    );
    assert!(
        words.contains(&"ScheduleExpression is \"rate(1 hour)\" instead of nothing".to_owned()),
        "{words:?}"
    );
    assert!(
        words
            .iter()
            .any(|word| word.starts_with("Targets.0.Input is a value that is not shown")),
        "{words:?}"
    );
    assert!(!words.concat().contains("topsecret"), "{words:?}");
}

#[tokio::test]
async fn a_detail_that_may_not_be_read_is_told_and_everything_else_kept() {
    let (world, from, again, _) = world_with(Kind::SqsQueue).await;
    world
        .script
        .fail_named("ListQueueTags", PortError::Denied("no".to_owned()));
    let reading = holdfast_sources::wiring::read(&world.port, &from).await.unwrap();
    assert_eq!(reading.not_protected, [format!("Tags could not be read: {from}: no")]);
    assert_eq!(reading.document.unreadable, ["Tags"]);
    world.script.heal();
    let outcomes = made(
        world
            .execute(&plan_for(&from, &reading.document, &again, Triggers::Quiet))
            .await,
    )
    .await;
    assert_eq!(needs(&outcomes), ["Tags"], "{outcomes:?}");
}

#[tokio::test]
async fn a_queue_that_comes_to_be_meanwhile_is_not_taken_for_ours() {
    let (world, from, again, document) = world_with(Kind::SqsQueue).await;
    world.script.fail_nth(
        "CreateQueue",
        1,
        Moment::Before,
        PortError::AlreadyExists("another".to_owned()),
    );
    let error = world
        .execute(&plan_for(&from, &document, &again, Triggers::Quiet))
        .await
        .unwrap_err();
    assert!(matches!(error, PortError::Conflict(_)), "{error}");
}

#[tokio::test]
async fn notifications_are_added_to_what_is_there_and_replace_nothing() {
    let (from, _, document) = rich()
        .into_iter()
        .find(|(id, _, _)| id.kind == Kind::BucketNotifications)
        .unwrap();
    let own = json!({
        "TopicConfiguration": [{"Id": "t", "Topic": "arn:aws:sns:eu-central-1:111122223333:news", "Event": ["s3:ObjectRemoved:*"]}],
        "QueueConfiguration": [{"Id": "q", "Queue": "arn:aws:sqs:eu-central-1:111122223333:another", "Event": ["s3:ObjectCreated:*"]}],
    });
    let world = World::new();
    let put = json!({"Bucket": "photos", "NotificationConfiguration": own});
    world
        .account
        .ask::<s3::PutBucketNotificationConfiguration>(&home(), put)
        .unwrap();
    let before = world.read(&from).await.document;

    let outcomes = made(world.execute(&plan_for(&from, &document, &from, Triggers::Quiet)).await).await;
    assert_eq!(needs(&outcomes), ["NotificationConfiguration"]);
    assert_eq!(world.read(&from).await.document, before, "they cannot be switched off");

    let outcomes = made(
        world
            .execute(&plan_for(&from, &document, &from, Triggers::AsBefore))
            .await,
    )
    .await;
    assert_eq!(needs(&outcomes), ["Notification q"], "{outcomes:?}");
    let after = world.read(&from).await.document.config;
    assert_eq!(after["TopicConfiguration"], before.config["TopicConfiguration"]);
    assert_eq!(after["QueueConfiguration"], before.config["QueueConfiguration"]);
    assert_eq!(
        after["CloudFunctionConfiguration"],
        document.config["CloudFunctionConfiguration"]
    );
    assert_eq!(after["EventBridgeConfiguration"], json!({}));
}

#[tokio::test]
async fn adding_notifications_can_die_at_any_call_and_be_run_again() {
    let (from, _, document) = rich()
        .into_iter()
        .find(|(id, _, _)| id.kind == Kind::BucketNotifications)
        .unwrap();
    let plan = plan_for(&from, &document, &from, Triggers::AsBefore);
    let calm = World::new();
    made(calm.execute(&plan).await).await;
    for number in 1..=calm.script.total() {
        for moment in [Moment::Before, Moment::After] {
            let world = World::new();
            world.script.kill_at(number, moment);
            assert!(
                world.execute(&plan).await.is_err_and(|error| error.is_retryable()),
                "call {number}"
            );
            world.script.heal();
            world.clock.set_remaining(jiff::SignedDuration::from_mins(15));
            let again = world.execute(&plan).await.unwrap();
            assert!(
                matches!(again, Restored::Made(_) | Restored::Adopted),
                "call {number}: {again:?}"
            );
            assert_eq!(world.read(&from).await, calm.read(&from).await, "call {number}");
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_made() {
    let (_, _, document) = rich()
        .into_iter()
        .find(|(id, _, _)| id.kind == Kind::BucketNotifications)
        .unwrap();
    let gone = id(Kind::BucketNotifications, "gone");
    let error = World::new()
        .execute(&plan_for(&gone, &document, &gone, Triggers::AsBefore))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("has to be there first"), "{error}");
}

#[tokio::test]
async fn what_a_person_makes_after_a_refused_restore_is_not_taken_for_ours() {
    for kind in made_kinds().filter(|kind| *kind != Kind::EventSourceMapping) {
        let (world, from, again, document) = world_with(kind).await;
        let plan = plan_for(&from, &document, &again, Triggers::AsBefore);
        world.script.deny_changes();
        // The vault's own marks are no change of the account.
        let store = holdfast_testkit::MemoryStore::new("vault", &world.clock);
        let execute = || holdfast_sources::wiring::restore::execute(&world.port, &store, &world.clock, &plan);
        let denied = execute().await;
        assert!(matches!(denied, Err(PortError::Denied(_))), "{kind}: {denied:?}");
        world.script.heal();
        let mut another = document.clone();
        another.tags.clear();
        another.config.insert("Description".to_owned(), json!("by hand"));
        world.make(&again, &another).await;
        world.script.restart();
        let restored = execute().await.unwrap();
        let is_left_alone = matches!(restored, Restored::Refused(_) | Restored::Adopted);
        assert!(is_left_alone, "{kind}: {restored:?}");
        assert_eq!(world.script.changes(), [], "{kind}");
    }
}

#[tokio::test]
async fn a_connection_comes_back_with_placeholders_and_says_so() {
    let (world, from, again, document) = world_with(Kind::EventConnection).await;
    let outcomes = made(
        world
            .execute(&plan_for(&from, &document, &again, Triggers::AsBefore))
            .await,
    )
    .await;
    assert_eq!(needs(&outcomes), ["Secrets"], "{outcomes:?}");
    assert!(
        outcomes[0].message.contains("aws events update-connection"),
        "{outcomes:?}"
    );
    assert!(
        !String::from_utf8(world.read(&again).await.document.to_bytes())
            .unwrap()
            .contains("to-be-set")
    );
}

#[tokio::test]
async fn a_destination_is_connected_to_the_connection_of_that_name_or_not_made() {
    let (world, from, again, document) = world_with(Kind::ApiDestination).await;
    made(
        world
            .execute(&plan_for(&from, &document, &again, Triggers::AsBefore))
            .await,
    )
    .await;
    assert_eq!(world.read(&again).await.document.config["Connection"], "crm");
    let empty = World::new();
    let error = empty
        .execute(&plan_for(&from, &document, &again, Triggers::AsBefore))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("has to be there first"), "{error}");
}
