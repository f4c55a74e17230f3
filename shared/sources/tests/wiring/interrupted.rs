//! A restore that dies, is throttled or denied at any call, and is run again.

use holdfast_catalog::Kind;
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::restore::Restored;
use holdfast_sources::wiring::{Document, KINDS};
use holdfast_testkit::{Effect, Moment};
use holdfast_vault::PortError;
use jiff::SignedDuration;

use crate::documents::{before, rich};
use crate::world::{World, made_kinds, needs, plan_for};

pub async fn world_for(kind: Kind) -> World {
    let world = World::new();
    for (id, document) in before(kind) {
        world.make(&id, &document).await;
    }
    world
}

pub fn sample(kind: Kind) -> (holdfast_catalog::ResourceId, holdfast_catalog::ResourceId, Document) {
    rich().into_iter().find(|(from, _, _)| from.kind == kind).unwrap()
}

#[tokio::test]
async fn a_restore_that_dies_at_any_call_ends_the_same_when_run_again() {
    for kind in made_kinds() {
        let (from, again, document) = sample(kind);
        let plan = plan_for(&from, &document, &again, Triggers::AsBefore);
        let calm = world_for(kind).await;
        calm.script.restart();
        let Restored::Made(expected) = calm.execute(&plan).await.unwrap() else {
            panic!("{kind}")
        };
        let calls = calm.script.total();
        let count = calm.all(kind).await;
        for number in 1..=calls {
            for moment in [Moment::Before, Moment::After] {
                let at = format!("{kind}: call {number}, {moment:?}");
                let world = world_for(kind).await;
                world.script.restart();
                world.script.kill_at(number, moment);
                let died = world.execute(&plan).await;
                assert!(died.as_ref().is_err_and(PortError::is_retryable), "{at}: {died:?}");
                world.script.heal();
                world.clock.set_remaining(SignedDuration::from_mins(15));
                match world.execute(&plan).await.unwrap() {
                    Restored::Made(outcomes) => assert_eq!(needs(&outcomes), needs(&expected), "{at}"),
                    Restored::Finished => assert_eq!(number, calls, "{at}"),
                    other => panic!("{at}: {other:?}"),
                }
                assert_eq!(world.all(kind).await, count, "{at}");
            }
        }
    }
}

#[tokio::test]
async fn a_change_that_is_denied_is_told_and_made_once_it_is_allowed() {
    for kind in KINDS.iter().copied() {
        let (from, again, document) = sample(kind);
        let plan = plan_for(&from, &document, &again, Triggers::AsBefore);
        let calm = world_for(kind).await;
        calm.script.restart();
        calm.execute(&plan).await.unwrap();
        let expected = calm.all(kind).await;
        let writes = calm
            .script
            .calls()
            .into_iter()
            .filter(|call| call.effect == Effect::Writes);
        for call in writes.filter(|call| !matches!(call.name, "create" | "overwrite")) {
            let world = world_for(kind).await;
            world.script.restart();
            world.script.fail(
                call.number,
                Moment::Before,
                PortError::Denied("by the script".to_owned()),
            );
            let at = format!("{kind}: {} at {}", call.name, call.number);
            match world.execute(&plan).await {
                Ok(Restored::Made(outcomes)) => assert!(!needs(&outcomes).is_empty(), "{at}"),
                Err(PortError::Denied(_) | PortError::Unavailable(_) | PortError::NotFound(_)) => {}
                other => panic!("{at}: {other:?}"),
            }
            world.script.heal();
            let again = world.execute(&plan).await;
            assert!(matches!(again, Ok(Restored::Made(_))), "{at}: {again:?}");
            assert_eq!(world.all(kind).await, expected, "{at}");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_throttled_for_a_while_is_waited_for() {
    for kind in KINDS.iter().copied() {
        let (from, again, document) = sample(kind);
        let plan = plan_for(&from, &document, &again, Triggers::AsBefore);
        let calm = world_for(kind).await;
        calm.script.restart();
        calm.execute(&plan).await.unwrap();
        let writes = calm
            .script
            .calls()
            .into_iter()
            .filter(|call| call.effect == Effect::Writes);
        for call in writes.filter(|call| !matches!(call.name, "create" | "overwrite")) {
            let world = world_for(kind).await;
            world.script.restart();
            for number in call.number..call.number + 3 {
                world
                    .script
                    .fail(number, Moment::Before, PortError::Throttled("slow down".to_owned()));
            }
            let restored = world.execute(&plan).await;
            assert!(
                matches!(restored, Ok(Restored::Made(_))),
                "{kind}: {}: {restored:?}",
                call.name
            );
            assert_eq!(world.all(kind).await, calm.all(kind).await, "{kind}: {}", call.name);
        }
    }
}
