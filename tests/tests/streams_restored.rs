//! Records of streams come back: each at least once, those of a key in their order, whatever happens on the way.

use holdfast_catalog::{OutcomeStatus, layout};
use holdfast_sources::call::{kinesis, lambda};
use holdfast_testkit::Moment;
use holdfast_tests::streams::{
    ByKey, STREAM, account, again, arrived, by_key, count, kept, newest, next_point, once, put, restore, stored, world,
};
use holdfast_tests::{World, home_region, replica_region};
use holdfast_vault::PortError;
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

/// Partition keys that [`put`] uses: a call has so many records.
const KEYS: u64 = 5;

const TOO_FAST: &str = "ProvisionedThroughputExceededException";

/// A world whose stream was split and merged between records, and its only point as a restore of it has to be.
async fn resharded() -> (World, ByKey) {
    let world = world(2);
    put(&world, 0..10);
    let (account, home) = (account(&world), home_region());
    let open = account.open_shards(&home, STREAM);
    account.split_shard(&home, STREAM, &open[0]);
    put(&world, 10..20);
    let open = account.open_shards(&home, STREAM);
    account.merge_shards(&home, STREAM, &open[1], &open[2]);
    put(&world, 20..30);
    let point = next_point(&world).await;
    let expected = by_key(&stored(&world, &point).await);
    assert_eq!(count(&expected), 30);
    (world, expected)
}

fn at_home(world: &World, stream: &str) -> ByKey {
    arrived(world, &home_region(), stream)
}

/// Restores, and says what came of it: status, message, and the most that may be there twice.
async fn restored(world: &World, event: serde_json::Value) -> (OutcomeStatus, String, u64) {
    let report = restore(world, event).await.unwrap();
    let outcome = &report.outcomes[0];
    let doubled = outcome.details.get("doubled_items").and_then(serde_json::Value::as_u64);
    (outcome.status, outcome.message.clone(), doubled.unwrap_or(0))
}

#[tokio::test]
async fn a_resharded_streams_records_come_back_in_order_of_each_key() {
    let (world, expected) = resharded().await;
    let report = restore(&world, again("again")).await.unwrap();
    let outcome = &report.outcomes[0];
    assert_eq!(outcome.status, OutcomeStatus::Done, "{report:#?}");
    assert_eq!(at_home(&world, "again"), expected);
    assert_eq!(
        (&outcome.details["items"], &outcome.details["doubled_items"]),
        (&json!(30), &json!(0))
    );
}

#[tokio::test]
async fn a_restore_that_is_asked_for_twice_puts_nothing_twice() {
    let (world, expected) = resharded().await;
    restore(&world, again("again")).await.unwrap();
    let (status, message, _) = restored(&world, again("again")).await;
    assert_eq!(
        (status, message.as_str()),
        (OutcomeStatus::Unchanged, "this restore was finished before")
    );
    assert_eq!(at_home(&world, "again"), expected);
}

#[tokio::test]
async fn killed_at_any_call_it_goes_on_and_doubles_at_most_what_it_says() {
    let (world, expected) = resharded().await;
    for moment in [Moment::Before, Moment::After] {
        for call in 1.. {
            let name = format!("again-{moment:?}-{call}");
            world.script.restart();
            world.script.kill_at(call, moment);
            _ = restore(&world, again(&name)).await;
            let is_cut = world.script.total() >= call;
            world.script.heal();
            world.outbox.take_tasks();
            let (status, message, doubled) = restored(&world, again(&name)).await;
            assert!(
                matches!(status, OutcomeStatus::Done | OutcomeStatus::Unchanged),
                "{name}: {message}"
            );
            let found = at_home(&world, &name);
            assert_eq!(once(&found), expected, "{name}");
            let twice = (count(&found) - count(&expected)) as u64;
            assert!(twice <= doubled && doubled <= KEYS, "{name}: {twice} of {doubled}");
            if !is_cut {
                assert!(call > 40, "{call}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn two_at_once_double_at_most_a_call_and_one_of_them_stops() {
    let (world, expected) = resharded().await;
    for call in 1.. {
        let name = format!("again-{call}");
        let meanwhile = async {
            _ = restore(&world.apart(), again(&name)).await;
        };
        let met = world.interrupted(call, restore(&world, again(&name)), meanwhile).await;
        world.outbox.take_tasks();
        if met.is_none() {
            assert!(call > 40, "{call}");
            break;
        }
        let (status, message, _) = restored(&world, again(&name)).await;
        assert!(
            matches!(status, OutcomeStatus::Done | OutcomeStatus::Unchanged),
            "{name}: {message}"
        );
        let found = at_home(&world, &name);
        assert_eq!(once(&found), expected, "{name}");
        assert!(
            count(&found) - count(&expected) <= usize::try_from(KEYS).unwrap(),
            "{name}: {found:?}"
        );
    }
}

#[tokio::test]
async fn what_a_call_refuses_is_put_before_the_next_of_its_key() {
    let (world, expected) = resharded().await;
    let mut event = again("again");
    event["records"] = json!(false);
    let (_, message, _) = restored(&world, event).await;
    assert!(message.contains("left out, as asked"), "{message}");
    assert_eq!(count(&at_home(&world, "again")), 0);
    account(&world).refuse_entries(&home_region(), "again", 13, TOO_FAST);
    let (status, message, doubled) = restored(&world, again("again")).await;
    assert_eq!((status, doubled), (OutcomeStatus::Done, 0), "{message}");
    assert_eq!(at_home(&world, "again"), expected);
}

#[tokio::test]
async fn a_record_that_the_service_failed_at_may_be_there_twice_and_one_that_it_refuses_is_told() {
    let (world, expected) = resharded().await;
    let mut event = again("again");
    event["records"] = json!(false);
    restore(&world, event).await.unwrap();
    account(&world).refuse_entries(&home_region(), "again", 1, "KMSDisabledException");
    let (status, message, _) = restored(&world, again("again")).await;
    assert_eq!(status, OutcomeStatus::Failed);
    assert!(message.contains("KMSDisabledException"), "{message}");
    account(&world).refuse_entries(&home_region(), "again", 2, "InternalFailure");
    let (status, message, doubled) = restored(&world, again("again")).await;
    assert_eq!((status, doubled), (OutcomeStatus::Done, 2), "{message}");
    assert_eq!(at_home(&world, "again"), expected);
}

#[tokio::test]
async fn throttles_use_an_invocation_up_and_the_next_one_goes_on() {
    let (world, expected) = resharded().await;
    for nth in 3..200 {
        let error = PortError::Throttled("slow down".to_owned());
        world.script.fail_nth("PutRecords", nth, Moment::Before, error);
    }
    let request = restore::Request::parse(again("again")).unwrap();
    world.clock.set_remaining(SignedDuration::from_mins(2));
    let report = world.restore().run(request, &world.clock).await.unwrap();
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Continuing, "{report:#?}");
    assert_eq!(count(&at_home(&world, "again")) as u64, 2 * KEYS);
    world.script.heal();
    let task = world.outbox.take_tasks().remove(0);
    let (status, _, doubled) = restored(&world, serde_json::from_str(&task.body).unwrap()).await;
    assert_eq!((status, doubled), (OutcomeStatus::Done, 0));
    assert_eq!(at_home(&world, "again"), expected);
}

#[tokio::test]
async fn a_lost_answer_doubles_a_calls_records_at_most_and_that_is_said() {
    let (world, expected) = resharded().await;
    let lost = PortError::Unavailable("no answer".to_owned());
    world.script.fail_nth("PutRecords", 2, Moment::After, lost);
    let (status, message, doubled) = restored(&world, again("again")).await;
    assert_eq!((status, doubled), (OutcomeStatus::Done, KEYS));
    assert!(message.contains("up to 5 of them twice"), "{message}");
    let found = at_home(&world, "again");
    assert_eq!(count(&found) as u64, 30 + KEYS);
    assert_eq!(once(&found), expected);
}

#[tokio::test]
async fn a_stream_that_is_there_gets_records_only_for_whom_asks() {
    let world = world(2);
    put(&world, 0..20);
    next_point(&world).await;
    let before = kept(&world);
    let mut event = again(STREAM);
    let (status, message, _) = restored(&world, event.clone()).await;
    assert_eq!(status, OutcomeStatus::Unchanged);
    assert!(message.contains("its records were not looked at"), "{message}");
    assert_eq!(kept(&world), before);
    event["records"] = json!(true);
    let (status, message, _) = restored(&world, event.clone()).await;
    assert_eq!(status, OutcomeStatus::Done, "{message}");
    assert_eq!(count(&at_home(&world, STREAM)), 40);
    let (status, ..) = restored(&world, event).await;
    assert_eq!(status, OutcomeStatus::Unchanged);
    assert_eq!(count(&at_home(&world, STREAM)), 40);
}

#[tokio::test]
async fn a_damaged_copy_is_left_for_the_next_one_in_the_middle() {
    let (world, expected) = resharded().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    let is_pack = |key: &&String| key.ends_with(".jsonl.zst");
    let packs = world.home.keys(layout::PACKS);
    let last = packs.iter().rfind(is_pack).unwrap();
    world.home.damage(last, |bytes| bytes[0] ^= 1);
    let report = restore(&world, again("again")).await.unwrap();
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Done, "{report:#?}");
    assert!(report.notes.iter().any(|note| note.contains("given up")), "{report:#?}");
    assert_eq!(at_home(&world, "again"), expected);
}

#[tokio::test]
async fn without_another_copy_a_damaged_pack_is_told_of_and_when_it_is_mended_the_rest_follows() {
    let (world, expected) = resharded().await;
    let packs = world.home.keys(layout::PACKS);
    let pack = packs.iter().rfind(|key| key.ends_with(".jsonl.zst")).unwrap();
    world.home.damage(pack, |bytes| bytes[0] ^= 1);
    let (status, message, _) = restored(&world, again("again")).await;
    assert_eq!(status, OutcomeStatus::Failed);
    assert!(message.contains("choose another point"), "{message}");
    world.home.damage(pack, |bytes| bytes[0] ^= 1);
    let (status, ..) = restored(&world, again("again")).await;
    assert_eq!(status, OutcomeStatus::Done);
    assert_eq!(at_home(&world, "again"), expected);
}

#[tokio::test]
async fn the_replica_alone_gives_them_back_in_its_own_region() {
    let (world, expected) = resharded().await;
    world.replicate().run_all(&world.clock).await.unwrap();
    world.home.lose_everything();
    let mut event = again("again");
    event["target"]["region"] = json!(replica_region());
    let report = restore(&world, event).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(arrived(&world, &replica_region(), "again"), expected);
}

#[tokio::test]
async fn records_that_were_encrypted_wait_until_the_stream_is() {
    let world = world(2);
    put(&world, 0..20);
    let encrypt = json!({"StreamName": STREAM, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    while account(&world)
        .ask::<kinesis::StartStreamEncryption>(&home_region(), encrypt.clone())
        .is_err()
    {
        let look = json!({ "StreamName": STREAM });
        account(&world)
            .ask::<kinesis::DescribeStreamSummary>(&home_region(), look)
            .unwrap();
    }
    next_point(&world).await;
    let denied = PortError::Denied("not this key".to_owned());
    world.script.fail_named("StartStreamEncryption", denied);
    let (status, message, _) = restored(&world, again("again")).await;
    assert_eq!(status, OutcomeStatus::Partial);
    assert!(message.contains("wait until it is encrypted"), "{message}");
    assert_eq!(count(&at_home(&world, "again")), 0);
    world.script.heal();
    let (status, message, _) = restored(&world, again("again")).await;
    assert_eq!(status, OutcomeStatus::Done, "{message}");
    assert_eq!(count(&at_home(&world, "again")), 20);
}

#[tokio::test]
async fn an_applications_records_are_put_before_what_reads_them_is_switched_on() {
    let (world, expected) = resharded().await;
    world.add_function("bill");
    let home = home_region();
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:eu-central-1:111122223333:{name}");
    let mapping = json!({
        "FunctionName": arn("lambda", "function:bill"), "EventSourceArn": arn("kinesis", "stream/clicks"),
        "StartingPosition": "TRIM_HORIZON", "Tags": {"backup": "standard"},
    });
    account(&world)
        .ask::<lambda::CreateEventSourceMapping>(&home, mapping)
        .unwrap();
    next_point(&world).await;
    world.script.restart();
    let event = json!({"application": {"plan": "standard"}, "target": {"prefix": "new-"}, "switch_on": true});
    let request = restore::application::Request::parse(event).unwrap();
    let report = world.restore().run_application(request, &world.clock).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Failed), 0, "{report:#?}");
    assert_eq!(at_home(&world, "new-clicks"), expected);
    let calls = world.script.calls();
    let put = calls.iter().rposition(|call| call.name == "PutRecords").unwrap();
    let is_switch = |name: &str| name == "UpdateEventSourceMapping" || name == "update_event_source";
    let switched = calls.iter().position(|call| is_switch(call.name)).unwrap();
    assert!(put < switched, "{put} {switched}");
}

#[tokio::test]
async fn a_point_of_a_stream_is_scrubbed_and_not_restore_tested() {
    let (world, _) = resharded().await;
    let point = newest(&world).await.point;
    let test = json!({"restore_test": point.to_string()});
    let request = verify::Request::parse(test).unwrap();
    let report = world.verify().run_request(request, &world.clock).await.unwrap();
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Unchanged, "{report:#?}");
    assert!(
        report.outcomes[0].message.contains("a scrub reads its data"),
        "{report:#?}"
    );
    let entry = world.catalogue().await.get(&point).cloned().unwrap();
    assert!(!entry.is_damaged());
}

/// What happens to a stream before its point.
#[derive(Debug, Clone)]
enum Event {
    Put(u32),
    Split(usize),
    Merge(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..15_u32).prop_map(Event::Put),
        1 => (0..8_usize).prop_map(Event::Split),
        1 => (0..8_usize).prop_map(Event::Merge),
    ]
}

/// Makes the stream's history and its point, and restores it through refusals and deaths.
async fn lost_and_restored(events: &[Event], refused: u64, deaths: &[(u64, bool)]) {
    let (world, home) = (world(2), home_region());
    let mut put_so_far = 0;
    for event in events {
        let open = account(&world).open_shards(&home, STREAM);
        match event {
            Event::Put(some) => {
                put(&world, put_so_far..put_so_far + some);
                put_so_far += some;
            }
            Event::Split(which) => account(&world).split_shard(&home, STREAM, &open[which % open.len()]),
            Event::Merge(which) if open.len() > 1 => {
                let which = which % (open.len() - 1);
                account(&world).merge_shards(&home, STREAM, &open[which], &open[which + 1]);
            }
            Event::Merge(_) => {}
        }
    }
    let expected = by_key(&stored(&world, &next_point(&world).await).await);
    assert_eq!(count(&expected), usize::try_from(put_so_far).unwrap());
    let mut left_out = again("again");
    left_out["records"] = json!(false);
    restore(&world, left_out).await.unwrap();
    account(&world).refuse_entries(&home, "again", refused, TOO_FAST);
    for (call, is_done) in deaths {
        let moment = if *is_done { Moment::After } else { Moment::Before };
        world.script.restart();
        world.script.kill_at(*call, moment);
        _ = restore(&world, again("again")).await;
        world.script.heal();
        world.outbox.take_tasks();
    }
    let (status, message, doubled) = restored(&world, again("again")).await;
    assert!(
        matches!(status, OutcomeStatus::Done | OutcomeStatus::Unchanged),
        "{message}"
    );
    let found = at_home(&world, "again");
    assert_eq!(once(&found), expected);
    if status == OutcomeStatus::Done {
        assert!(
            (count(&found) - count(&expected)) as u64 <= doubled,
            "{doubled}: {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_record_comes_back_in_order_of_its_key_however_its_stream_was_divided_and_its_restore_interrupted(
        events in proptest::collection::vec(event(), 1..14),
        refused in 0..40_u64,
        deaths in proptest::collection::vec((10..120_u64, any::<bool>()), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(lost_and_restored(&events, refused, &deaths));
    }
}
