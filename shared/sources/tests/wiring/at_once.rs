//! Two restores of one resource at once, in many orders.

use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::restore::Restored;
use holdfast_vault::PortError;

use crate::interrupted::{sample, world_for};
use crate::world::{made_kinds, needs, plan_for};

/// Orders of calls; each is a seed, and the seed stands in every message.
const ORDERS: u64 = 20;

/// Begins some turns later, as the seed says: about as many as a whole restore takes, at most.
async fn late<T>(seed: u64, work: impl Future<Output = T>) -> T {
    for _ in 0..seed * 37 % 120 {
        tokio::task::yield_now().await;
    }
    work.await
}

#[tokio::test]
async fn two_restores_at_once_make_one_resource() {
    for kind in made_kinds() {
        let (from, again, document) = sample(kind);
        let plan = plan_for(&from, &document, &again, Triggers::AsBefore);
        let calm = world_for(kind).await;
        let Restored::Made(expected) = calm.execute(&plan).await.unwrap() else {
            panic!("{kind}")
        };
        for seed in 0..ORDERS {
            let world = world_for(kind).await;
            world.script.shuffle(seed);
            let (one, other) = futures::join!(world.execute(&plan), late(seed, world.execute(&plan)));
            let at = format!("{kind}: seed {seed}: {one:?} {other:?}");
            assert!(one.is_ok() || other.is_ok(), "{at}");
            for run in [one, other] {
                // One of them may see what the other is making, and leaves to the next try what it could not.
                assert!(
                    matches!(
                        run,
                        Ok(Restored::Made(_) | Restored::Finished) | Err(PortError::Conflict(_))
                    ),
                    "{at}"
                );
            }
            if let Restored::Made(outcomes) = world.execute(&plan).await.unwrap() {
                assert_eq!(needs(&outcomes), needs(&expected), "{at}");
            }
            assert_eq!(world.execute(&plan).await.unwrap(), Restored::Finished, "{at}");
            assert_eq!(world.all(kind).await, calm.all(kind).await, "{at}");
        }
    }
}
