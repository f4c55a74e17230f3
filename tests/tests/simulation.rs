//! Seeded lives of an account in which any call may fail at any time: throttled, refused, cut off, carried out with its answer
//! lost, the invocation killed. All five functions run over it, in any order, while the items change and time passes. Then the
//! trouble ends, and everything has to come right: every point whole, the newest one equal to the table, one more run with
//! nothing left to do.
//!
//! `HOLDFAST_SIMULATED_LIVES` says how many lives are lived (a long run: 35,000 for a million failures).

use holdfast_catalog::{OutcomeStatus, Report, layout};
use holdfast_lambda::Failure;
use holdfast_testkit::{Call, Effect, Outbox};
use holdfast_tests::checks::{every_point_is_whole, lines, tells_of_trouble};
use holdfast_tests::{World, order_in};
use jiff::SignedDuration;
use serde_json::json;

/// Lives in a run of the continuous integration: over 20,000 failures, which the run itself proves.
const LIVES: u64 = 800;

/// What happens to an account in one life while there is trouble.
const STEPS: u64 = 48;

/// One call in so many fails, by turns: so many that hardly a run ends, and so few that much is done between them.
const ONE_CALL_IN: [u64; 3] = [12, 40, 100];

/// A small generator, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

fn account() -> World {
    let world = World::with_orders(12);
    world.tables.page_items(5);
    world.add_function("bill");
    world
}

/// Gives every message of the work queue to the function that it is for, once; what fails comes back, as the queue would do it.
async fn deliver(world: &World) {
    for task in world.outbox.take_tasks() {
        world.script.revive();
        world.clock.set_remaining(SignedDuration::from_mins(15));
        let body = serde_json::from_str(&task.body).unwrap();
        let result = match snapshot::Request::parse(body) {
            Ok(request) => world.snapshot().run_request(request, &world.clock).await,
            Err(_) => restore(world, serde_json::from_str(&task.body).unwrap()).await,
        };
        if result.is_err() {
            use holdfast_vault::signal::SendWork as _;
            let queue: &Outbox = &world.outbox;
            queue.send(vec![task.body], 0).await.unwrap();
        }
    }
}

async fn restore(world: &World, event: serde_json::Value) -> Result<Report, Failure> {
    let request = restore::Request::parse(event).unwrap();
    world.restore().run(request, &world.clock).await
}

/// Takes a step, and says whether it may have changed a vault.
async fn step(world: &World, random: &mut Random, number: u64) -> bool {
    world.script.revive();
    world.clock.set_remaining(SignedDuration::from_mins(15));
    // What a run says of trouble is its own; here only what it leaves behind counts.
    let what = random.below(16);
    match what {
        0..=4 => _ = world.snapshot().run_due(&world.clock).await,
        5 => deliver(world).await,
        6..=7 => _ = world.replicate().run_all(&world.clock).await,
        8..=9 => _ = world.prune().run(prune::Mode::Execute, &world.clock).await,
        10 => _ = world.verify().run_all(&world.clock).await,
        11 => {
            let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "scratch"}});
            _ = restore(world, event).await;
        }
        12..=13 => {
            let which = u32::try_from(random.below(14)).unwrap();
            world.tables.put("orders", order_in(which, &format!("step {number}")));
        }
        14 => world.later(SignedDuration::from_mins(
            60 + i64::try_from(random.below(120)).unwrap(),
        )),
        _ => world.later(SignedDuration::from_hours(
            24 + i64::try_from(random.below(30)).unwrap(),
        )),
    }
    what <= 9
}

/// Runs without trouble until nothing is left to do.
async fn come_right(world: &World, life: &str) {
    world.script.heal();
    // Longer than any run may last: one that was cut off in its middle is either finished or overtaken.
    world.later(SignedDuration::from_hours(13));
    for _ in 0..20 {
        world.clock.set_remaining(SignedDuration::from_mins(15));
        let report = world.snapshot().run_due(&world.clock).await.unwrap();
        assert!(report.count(OutcomeStatus::Failed) == 0, "{life}: {report:#?}");
        deliver(world).await;
        if report.outcomes.is_empty() && world.outbox.tasks().is_empty() {
            break;
        }
    }
    let mut last = Vec::new();
    for _ in 0..3 {
        world.clock.set_remaining(SignedDuration::from_mins(15));
        last = vec![
            world.snapshot().run_due(&world.clock).await,
            world.replicate().run_all(&world.clock).await,
            world.verify().run_all(&world.clock).await,
            world.prune().run(prune::Mode::Execute, &world.clock).await,
        ];
    }
    for result in &last {
        assert!(!tells_of_trouble(result), "{life}: {result:#?}");
    }
}

/// What happened in a life, or in many.
#[derive(Debug, Default)]
struct Lived {
    failures: u64,
    made_points: usize,
    removed_versions: usize,
}

async fn live(life: u64) -> Lived {
    let name = format!("life {life}");
    let world = account();
    let mut random = Random(life);
    world
        .script
        .trouble(life, ONE_CALL_IN[usize::try_from(life).unwrap() % ONE_CALL_IN.len()]);
    for number in 0..STEPS {
        if step(&world, &mut random, number).await {
            let when = format!("{name}, step {number}");
            every_point_is_whole(&world.home, &when).await;
            every_point_is_whole(&world.replica, &when).await;
        }
    }
    let changes = world.script.changes();
    let made = |call: &&Call| call.name == "create" && call.subject.starts_with(layout::POINTS);
    let lived = Lived {
        failures: world.script.struck(),
        made_points: changes.iter().filter(made).count(),
        removed_versions: changes.iter().filter(|call| call.effect == Effect::Deletes).count(),
    };
    come_right(&world, &name).await;
    assert!(every_point_is_whole(&world.home, &name).await > 0, "{name}");
    assert!(every_point_is_whole(&world.replica, &name).await > 0, "{name}");
    let event =
        json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "again"}, "from": "replica"});
    let report = restore(&world, event).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Done), 1, "{name}: {report:#?}");
    assert_eq!(lines(&world, "again"), lines(&world, "orders"), "{name}");
    lived
}

/// Lives every second life from one on.
async fn live_every_second(first: u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a test runs is for whoever starts it to say"
    )]
    let lives = std::env::var("HOLDFAST_SIMULATED_LIVES").map_or(LIVES, |lives| lives.parse().unwrap());
    let mut all = Lived::default();
    for life in (first..lives).step_by(2) {
        let lived = live(life).await;
        all.failures += lived.failures;
        all.made_points += lived.made_points;
        all.removed_versions += lived.removed_versions;
    }
    println!("{} lives: {all:?}", lives / 2);
    // That they were worth living through: trouble enough, and work enough done in spite of it.
    let at_least = |count: u64, a_life: u64| assert!(count >= lives / 2 * a_life, "{all:?}");
    at_least(all.failures, 26);
    at_least(all.made_points as u64, 5);
    at_least(all.removed_versions as u64, 5);
}

#[tokio::test]
async fn whatever_fails_and_when_everything_comes_right_in_the_end() {
    live_every_second(0).await;
}

/// The other half, so that two cores share them.
#[tokio::test]
async fn whatever_fails_and_when_everything_comes_right_in_the_end_too() {
    live_every_second(1).await;
}
