//! Who hears of what: told once a day, whatever happens in between, and never at the cost of the work itself.

use holdfast_catalog::{Outcome, OutcomeStatus, Report, layout};
use holdfast_lambda::Notifier;
use holdfast_testkit::{Faults, MemoryStore, Outbox, Told};
use holdfast_tests::{POLICY, World};
use holdfast_vault::PortError;
use jiff::SignedDuration;

const OPS: &str = "arn:aws:sns:eu-central-1:111122223333:holdfast-ops";
const SHOP: &str = "arn:aws:sns:eu-central-1:111122223333:holdfast-shop";

fn world() -> World {
    let world = World::with_orders(20);
    world.set_policy(&format!(
        "{POLICY}notifications:\n  - {{topic: \"{OPS}\"}}\n  - {{topic: \"{SHOP}\", events: [pruned, failed], plans: [shop]}}\n  \
         - {{topic: \"{OPS}-all\", events: [pruned]}}\n"
    ).replace("plans:\n", "plans:\n  - {name: shop, schedule: {every: 1h}, retention: {daily: 7}}\n"));
    world
}

fn notifier(world: &World) -> Notifier<Faults<MemoryStore>, Faults<Outbox>> {
    Notifier {
        vault: Faults::new(world.home.clone(), &world.script),
        topics: Faults::new(world.outbox.clone(), &world.script),
        policy_key: layout::POLICY.to_owned(),
        tag_key: "backup".to_owned(),
    }
}

/// Tells of a report, and gives what was told and what was noted.
async fn tell(world: &World, outcomes: Vec<Outcome>) -> (Vec<Told>, Vec<String>) {
    let mut report = Report::of("snapshot", outcomes);
    let now = holdfast_vault::port::Clock::now(&world.clock);
    notifier(world).notify(&mut report, now).await;
    (world.outbox.take_told(), report.notes)
}

fn failed(table: &str, plan: &str) -> Outcome {
    let point = format!("dynamodb-table/eu-central-1/{table}/20261121T030000Z-{plan}");
    Outcome::new(point, OutcomeStatus::Failed, "no recovery point: denied")
}

fn topics(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.topic.resource()).collect()
}

#[tokio::test]
async fn a_failure_is_told_to_those_who_listen_to_its_plan() {
    let world = world();
    let (told, notes) = tell(&world, vec![failed("orders", "standard"), failed("bills", "shop")]).await;
    assert_eq!(topics(&told), ["holdfast-ops", "holdfast-shop"], "{told:#?}");
    assert!(
        told[0].subject.contains("2 notices") && told[0].message.lines().count() == 2,
        "{told:#?}"
    );
    assert!(
        told[1].message.contains("bills") && !told[1].message.contains("orders"),
        "{told:#?}"
    );
    assert_eq!(notes, Vec::<String>::new());
}

#[tokio::test]
async fn the_same_thing_is_told_once_a_day() {
    let world = world();
    let again = async || topics_of(&tell(&world, vec![failed("orders", "standard")]).await.0);
    assert_eq!(again().await, 1);
    world.later(SignedDuration::from_mins(5));
    assert_eq!(again().await, 0);
    assert_eq!(
        tell(&world, vec![failed("other", "standard")]).await.0.len(),
        1,
        "another thing"
    );
    world.later(SignedDuration::from_hours(24));
    assert_eq!(again().await, 1);
}

fn topics_of(told: &[Told]) -> usize {
    told.len()
}

#[tokio::test]
async fn a_topic_that_cannot_be_reached_is_noted_and_told_at_the_next_tick() {
    let world = world();
    let denied = PortError::Denied("not authorised to publish".to_owned());
    world.script.fail_about("tell", OPS, denied);
    let (told, notes) = tell(&world, vec![failed("orders", "standard")]).await;
    assert!(
        told.is_empty() && notes[0].contains("was not told: denied: not authorised"),
        "{notes:#?}"
    );
    world.script.heal();
    let (told, notes) = tell(&world, vec![failed("orders", "standard")]).await;
    assert_eq!((topics(&told), notes.len()), (vec!["holdfast-ops"], 0));
}

#[tokio::test]
async fn what_went_well_and_what_is_only_planned_is_told_to_nobody() {
    let world = world();
    let done = Outcome::new("a", OutcomeStatus::Done, "");
    assert_eq!(tell(&world, vec![done]).await.0, []);
    let mut dry = Report::of("prune", vec![failed("orders", "standard")]);
    dry.dry_run = true;
    notifier(&world)
        .notify(&mut dry, "2026-11-21T00:00:00Z".parse().unwrap())
        .await;
    assert_eq!(world.outbox.take_told(), []);
}

#[tokio::test]
async fn what_verify_and_prune_find_is_told_by_its_own_word() {
    let world = world();
    world.later(SignedDuration::from_hours(3));
    let mut report = world.verify().run_all(&world.clock).await.unwrap();
    let now = holdfast_vault::port::Clock::now(&world.clock);
    notifier(&world).notify(&mut report, now).await;
    let told = world.outbox.take_told();
    assert!(
        told[0]
            .message
            .starts_with("rpo-breached dynamodb-table/eu-central-1/orders"),
        "{told:#?}"
    );
    for _ in 0..4 {
        world.tick().await;
        world.later(SignedDuration::from_hours(1));
    }
    world.replicate().run_all(&world.clock).await.unwrap();
    let mut report = world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    notifier(&world).notify(&mut report, now).await;
    let told = world.outbox.take_told();
    assert_eq!(topics(&told), ["holdfast-ops-all"], "{told:#?}");
    assert!(
        told[0].message.contains("pruned dynamodb-table/eu-central-1/orders/"),
        "{told:#?}"
    );
}
