//! What suites about prune do alike.

use holdfast_catalog::{Outcome, OutcomeStatus, PointId, Report};
use holdfast_testkit::Event;
use jiff::SignedDuration;
use prune::Mode;
use serde_json::Value;

use crate::{World, order_in};

/// Points of one table, an hour apart and all replicated; each has contents that nobody else needs.
pub async fn hourly(points: u32) -> World {
    let world = World::with_orders(20);
    for hour in 0..points {
        let state = format!("changed at {hour}");
        world.tables.put("orders", order_in(1, &state));
        world.tick().await;
        world.replicate().run_all(&world.clock).await.unwrap();
        world.later(SignedDuration::from_hours(1));
    }
    world.outbox.take_events();
    world
}

/// Everything that is to be pruned, pruned.
pub async fn prune(world: &World) -> Report {
    world.prune().run(Mode::Execute, &world.clock).await.unwrap()
}

/// What a report says of a subject.
pub fn outcome(report: &Report, subject: impl ToString) -> &Outcome {
    let subject = subject.to_string();
    let found = report.outcomes.iter().find(|outcome| outcome.subject == subject);
    found.unwrap_or_else(|| panic!("nothing is said of {subject}: {report:#?}"))
}

/// Panics unless a report says that of a subject.
#[track_caller]
pub fn says(report: &Report, subject: impl ToString, status: OutcomeStatus, words: &str) {
    let outcome = outcome(report, subject);
    assert!(
        outcome.status == status && outcome.message.contains(words),
        "{outcome:#?}"
    );
}

/// The points with a tombstone in the home vault.
pub async fn tombstoned(world: &World) -> Vec<PointId> {
    let points = world.catalogue().await.points.into_iter();
    points
        .filter(|entry| entry.is_tombstoned)
        .map(|entry| entry.id)
        .collect()
}

/// What the bus has heard since it was last asked.
pub fn events(world: &World) -> Vec<(String, Value)> {
    let parsed = |event: Event| (event.detail_type, serde_json::from_str(&event.detail).unwrap());
    world.outbox.take_events().into_iter().map(parsed).collect()
}

/// How the outcome about a subject in the replica is called.
pub fn in_replica(subject: impl ToString) -> String {
    format!("eu-west-1: {}", subject.to_string())
}

/// Two tombstoned points whose grace is over.
pub async fn expired() -> World {
    let world = hourly(4).await;
    prune(&world).await;
    world.later(SignedDuration::from_hours(25));
    events(&world);
    world
}
