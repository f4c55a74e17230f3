//! A restore or a snapshot that dies at any call, and is run again.

use holdfast_sources::lambda::port::{PublishVersions as _, ReadFunction as _};
use holdfast_testkit::{Effect, Moment};
use holdfast_vault::PortError;

use crate::made::{furnished, wired};
use crate::world::{World, told};

#[tokio::test]
async fn a_restore_that_dies_at_any_call_ends_the_same_when_run_again() {
    let calm = World::with("bill", &furnished());
    calm.lambda.busy_polls(1);
    let taken = calm.snapshot("bill").await.unwrap();
    calm.script.restart();
    let expected = calm.execute(&calm.plan(&taken, "again").unwrap()).await.unwrap();
    let calls = calm.script.total();
    assert!(calls > 30, "{calls}");
    for number in 1..=calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::with("bill", &furnished());
            world.lambda.busy_polls(1);
            let taken = world.snapshot("bill").await.unwrap();
            let plan = world.plan(&taken, "again").unwrap();
            world.script.restart();
            world.script.kill_at(number, moment);
            let died = world.execute(&plan).await;
            assert!(died.is_err_and(|error| error.is_retryable()), "call {number}");
            world.script.heal();
            let restored = world.execute(&plan).await.unwrap();
            let at = format!("call {number}, {moment:?}");
            assert_eq!(restored.outcomes, expected.outcomes, "{at}");
            assert_eq!(restored.versions, expected.versions, "{at}");
            assert_eq!(world.read("again").await, calm.read("again").await, "{at}");
            let (versions, mappings) = counts(&world).await;
            assert_eq!((versions, mappings), (2, 2), "{at}");
        }
    }
}

async fn counts(world: &World) -> (usize, usize) {
    let versions = world.lambda.published_versions("again").await.unwrap();
    (versions.len(), world.lambda.event_sources("again").await.unwrap().len())
}

#[tokio::test]
async fn two_restores_at_once_make_one_function() {
    let calm = World::with("bill", &furnished());
    let taken = calm.snapshot("bill").await.unwrap();
    let plan = calm.plan(&taken, "again").unwrap();
    let expected = calm.execute(&plan).await.unwrap();
    for seed in 0..300 {
        let world = World::with("bill", &furnished());
        world.snapshot("bill").await.unwrap();
        world.lambda.busy_polls(u32::try_from(seed % 3).unwrap());
        world.script.shuffle(seed);
        let (first, second) = futures::join!(world.execute(&plan), world.execute(&plan));
        for run in [first, second] {
            match run {
                Ok(restored) => assert_eq!(restored.versions, expected.versions, "seed {seed}"),
                Err(error) => assert!(error.is_retryable(), "seed {seed}: {error}"),
            }
        }
        let restored = world.execute(&plan).await.unwrap();
        assert_eq!(restored.outcomes, expected.outcomes, "seed {seed}");
        assert_eq!(world.read("again").await, calm.read("again").await, "seed {seed}");
        assert_eq!(counts(&world).await, (2, 2), "seed {seed}");
    }
}

#[tokio::test]
async fn a_restore_without_time_left_stops_in_good_order() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    // So busy that the waiting uses up more than an invocation.
    world.lambda.busy_polls(140);
    let plan = world.plan(&taken, "again").unwrap();
    let mut invocations = 1;
    loop {
        match world.execute(&plan).await {
            Ok(restored) => break assert_eq!(restored.versions.len(), 2),
            Err(PortError::Unavailable(why)) => assert!(why.contains("again to go on"), "{why}"),
            Err(error) => panic!("{error}"),
        }
        invocations += 1;
        assert!(invocations < 20);
    }
    assert!(invocations > 1);
    assert_eq!(counts(&world).await, (2, 2));
}

#[tokio::test]
async fn a_snapshot_that_dies_at_any_call_is_whole_when_taken_again() {
    let calm = World::with("bill", &furnished());
    let expected = calm.snapshot("bill").await.unwrap();
    for number in 1..=calm.script.total() {
        for moment in [Moment::Before, Moment::After] {
            let world = World::with("bill", &furnished());
            world.script.kill_at(number, moment);
            assert!(world.snapshot("bill").await.is_err(), "call {number}");
            world.script.heal();
            assert_eq!(
                world.snapshot("bill").await.unwrap(),
                expected,
                "call {number}, {moment:?}"
            );
            assert_eq!(
                world.store.contents(),
                calm.store.contents(),
                "call {number}, {moment:?}"
            );
        }
    }
}

#[tokio::test]
async fn any_change_that_is_denied_or_throttled_is_told_and_made_good_later() {
    let calm = World::with("bill", &furnished());
    let taken = calm.snapshot("bill").await.unwrap();
    let plan = calm.plan(&taken, "again").unwrap();
    calm.script.restart();
    calm.execute(&plan).await.unwrap();
    let calls = calm.script.calls().into_iter();
    let changes: Vec<_> = calls.filter(|call| call.effect == Effect::Writes).collect();
    assert!(changes.len() > 20, "{changes:?}");
    for call in changes {
        for is_denied in [true, false] {
            let world = World::with("bill", &furnished());
            world.snapshot("bill").await.unwrap();
            world.script.restart();
            if is_denied {
                // Until somebody allows it.
                world
                    .script
                    .fail_named(call.name, PortError::Denied("by the script".to_owned()));
            } else {
                let slower = PortError::Throttled("by the script".to_owned());
                world.script.fail(call.number, Moment::Before, slower);
            }
            let at = format!("{} at {}, denied: {is_denied}", call.name, call.number);
            let told: Vec<String> = match world.execute(&plan).await {
                Err(error) => vec![error.to_string()],
                Ok(restored) => restored.outcomes.into_iter().map(|outcome| outcome.message).collect(),
            };
            assert!(
                told.iter().any(|message| message.contains("by the script")),
                "{at}: {told:?}"
            );
            world.script.heal();
            let restored = world.execute(&plan).await.unwrap();
            assert!(
                restored.outcomes.iter().all(|outcome| outcome.message.is_empty()),
                "{at}: {restored:?}"
            );
            assert_eq!(world.read("again").await, calm.read("again").await, "{at}");
            assert_eq!(counts(&world).await, (2, 2), "{at}");
        }
    }
}

#[tokio::test]
async fn a_role_that_was_made_just_now_is_waited_for() {
    let world = World::with("bill", &furnished());
    let taken = world.snapshot("bill").await.unwrap();
    let plan = world.plan(&taken, "again").unwrap();
    for number in 1..=5 {
        let unknown = PortError::Conflict("the role cannot be assumed by Lambda".to_owned());
        world
            .script
            .fail_nth("create_function", number, Moment::Before, unknown);
    }
    let restored = world.execute(&plan).await.unwrap();
    assert!(
        restored.outcomes.iter().all(|outcome| outcome.message.is_empty()),
        "{restored:?}"
    );
}

#[tokio::test]
async fn details_that_may_not_be_read_are_told_and_do_not_stop_the_snapshot() {
    let world = World::with("bill", &wired());
    for name in ["aliases", "policy", "event_sources"] {
        world
            .script
            .fail_named(name, PortError::Denied(format!("{name}: not authorized")));
    }
    world
        .lambda
        .set_unreadable("bill", "Environment", "AccessDeniedException: the key may not be used");
    let taken = world.snapshot("bill").await.unwrap();
    assert_eq!(
        taken.config.unreadable,
        ["Aliases", "Environment", "EventSourceMappings", "Policy"]
    );
    assert_eq!(taken.not_protected.len(), 4);
    assert!(
        taken
            .not_protected
            .iter()
            .any(|note| note.contains("the key may not be used"))
    );
    world.script.heal();
    let restored = world.execute(&world.plan(&taken, "again").unwrap()).await.unwrap();
    for setting in &taken.config.unreadable {
        assert!(told(&restored.outcomes, setting).contains("could not be read"));
    }
}
