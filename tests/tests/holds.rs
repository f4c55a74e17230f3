//! What is locked or held stays, with everything that it needs, and people are told.

use holdfast_catalog::{PointId, layout};
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::{World, order_in};
use jiff::SignedDuration;

/// Two tombstoned points past their grace, each with contents that nobody else needs.
async fn expired() -> (World, Vec<PointId>) {
    let world = World::with_orders(20);
    for hour in 0..4 {
        world.tables.put("orders", order_in(1, &format!("changed at {hour}")));
        world.tick().await;
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(1));
    }
    prune(&world).await;
    world.later(SignedDuration::from_hours(25));
    let points = world.catalogue().await.points;
    let expired = points
        .into_iter()
        .filter(|entry| entry.is_tombstoned)
        .map(|entry| entry.id);
    (world, expired.collect())
}

async fn prune(world: &World) -> holdfast_catalog::Report {
    world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap()
}

#[tokio::test]
async fn a_point_whose_manifest_is_held_keeps_everything_that_it_needs_and_the_others_go() {
    let (world, expired) = expired().await;
    assert_eq!(expired.len(), 2);
    // The first one's contents are needed by all later ones; the second has some of its own.
    let held = &expired[1];
    world.home.hold(&layout::manifest(held));
    let report = prune(&world).await;
    assert!(format!("{report:?}").contains(&layout::manifest(held)), "{report:#?}");
    every_point_is_whole(&world.home, "after pruning").await;
    assert!(world.catalogue().await.get(held).is_some());
    assert!(world.catalogue().await.get(&expired[0]).is_none());
    world.home.release(&layout::manifest(held));
    prune(&world).await;
    assert!(world.catalogue().await.get(held).is_none());
    every_point_is_whole(&world.home, "after the hold").await;
}

#[tokio::test]
async fn a_locked_vault_keeps_all_and_the_report_says_so() {
    let (world, _) = expired().await;
    world.home.retain_for(SignedDuration::from_hours(30 * 24));
    let before = world.home.keys("");
    let report = prune(&world).await;
    assert!(format!("{report:?}").contains("is locked"), "{report:#?}");
    let kept: Vec<String> = world.home.keys("");
    let gone: Vec<&String> = before.iter().filter(|key| !kept.contains(key)).collect();
    assert!(gone.is_empty(), "{gone:#?}");
    every_point_is_whole(&world.home, "in a locked vault").await;
}
