//! A table that does not fit one invocation: cut at any page, by its deadline or by its death, and the same in the end.

use holdfast_catalog::{DataSummary, PointId, layout};
use holdfast_testkit::Moment;
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::{World, order_in};
use holdfast_vault::{PortError, read_manifest};
use jiff::SignedDuration;

/// Items in a page, and how long a page takes.
const PAGE_ITEMS: usize = 7;
const PAGE_TIME: SignedDuration = SignedDuration::from_secs(20);

/// Reading stops when less than 45 seconds are left, and no run is begun in the last minute: so many seconds are one page.
const ONE_PAGE: i64 = 60;

/// Invocations that no run here may need.
const MOST_INVOCATIONS: usize = 400;

/// Seeds of random cuts.
const SEEDS: u64 = 12;

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A table whose service says that it has so many items: the run is divided by that.
fn table(items: u32, said: u64) -> World {
    let world = World::with_orders(items);
    world.tables.page_items(PAGE_ITEMS);
    world.tables.set_approximate("orders", said, 0);
    world
}

async fn data(world: &World, point: &PointId) -> DataSummary {
    read_manifest(&world.home, point).await.unwrap().data.unwrap()
}

/// What does not depend on how often the run was cut.
fn held(data: &DataSummary) -> (u64, u64, String, usize) {
    (data.items, data.bytes, data.digest.to_string(), data.parts.len())
}

async fn uncut(items: u32, said: u64) -> (DataSummary, u64) {
    let world = table(items, said);
    world.tick().await;
    let point = world.points_of("orders").await.remove(0);
    (data(&world, &point).await, world.script.count("scan"))
}

/// Wakes the function until the next point is there: each invocation has the seconds that it is given, and may die at a call.
async fn drive(world: &World, mut seconds: impl FnMut() -> i64, mut dies_at: impl FnMut() -> Option<u64>) -> PointId {
    world.tables.page_time(&world.clock, PAGE_TIME);
    let before = world.points_of("orders").await;
    let mut tasks = Vec::new();
    for invocation in 0..MOST_INVOCATIONS {
        if let Some(point) = world
            .points_of("orders")
            .await
            .into_iter()
            .find(|point| !before.contains(point))
        {
            return point;
        }
        world.clock.set_remaining(SignedDuration::from_secs(seconds()));
        let seen = world.script.total();
        let death = dies_at();
        if let Some(call) = death {
            world.script.kill_at(seen + call, Moment::Before);
        }
        if invocation == 0 || tasks.is_empty() {
            _ = world.snapshot().run_due(&world.clock).await;
        } else {
            let task: holdfast_testkit::Task = tasks.remove(0);
            let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
            _ = world.snapshot().run_request(request, &world.clock).await;
        }
        world.script.heal();
        tasks.extend(world.outbox.take_tasks());
        if death.is_some() || tasks.is_empty() {
            // Whoever died is missed after 20 minutes.
            world.later(SignedDuration::from_mins(21));
        }
        every_point_is_whole(&world.home, &format!("after invocation {invocation}")).await;
    }
    panic!("not done after {MOST_INVOCATIONS} invocations");
}

#[tokio::test]
async fn a_run_of_one_page_an_invocation_reads_each_page_once_and_makes_the_same_point() {
    for said in [0, 2_000_000] {
        let (whole, scans) = uncut(100, said).await;
        let world = table(100, said);
        let point = drive(&world, || ONE_PAGE, || None).await;
        assert_eq!(held(&data(&world, &point).await), held(&whole));
        assert_eq!(world.script.count("scan"), scans, "pages read twice");
    }
}

#[tokio::test]
async fn a_run_cut_by_random_deadlines_reads_each_page_once_and_makes_the_same_point() {
    let (whole, scans) = uncut(100, 800_000).await;
    for seed in 0..SEEDS {
        let world = table(100, 800_000);
        let mut dice = Dice(seed);
        let point = drive(
            &world,
            || ONE_PAGE + 20 * i64::try_from(dice.below(5)).unwrap(),
            || None,
        )
        .await;
        assert_eq!(held(&data(&world, &point).await), held(&whole), "seed {seed}");
        assert_eq!(world.script.count("scan"), scans, "seed {seed}");
    }
}

#[tokio::test]
async fn a_run_cut_by_deadlines_and_deaths_makes_the_same_point() {
    let (whole, _) = uncut(100, 800_000).await;
    let mut deaths = 0;
    for seed in 0..2 * SEEDS {
        let world = table(100, 800_000);
        let (mut dice, mut fate) = (Dice(seed), Dice(seed + 1000));
        let seconds = || ONE_PAGE + 20 * i64::try_from(dice.below(5)).unwrap();
        let dies_at = || {
            let dies = fate.below(3) == 0;
            deaths += u64::from(dies);
            dies.then(|| 1 + fate.below(30))
        };
        let point = drive(&world, seconds, dies_at).await;
        assert_eq!(held(&data(&world, &point).await), held(&whole), "seed {seed}");
    }
    println!("{deaths} deaths");
    assert!(deaths > 20);
}

#[tokio::test]
async fn a_task_that_is_delivered_twice_at_once_adds_nothing() {
    let (whole, _) = uncut(60, 2_000_000).await;
    for seed in 0..SEEDS {
        let world = table(60, 2_000_000);
        world.script.shuffle(seed);
        world.snapshot().run_due(&world.clock).await.unwrap();
        for _ in 0..50 {
            let tasks = world.outbox.take_tasks();
            if tasks.is_empty() {
                break;
            }
            for task in tasks {
                let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
                world.clock.set_remaining(SignedDuration::from_secs(40));
                let (one, other) = (world.snapshot(), world.snapshot());
                _ = futures::join!(
                    one.run_request(request.clone(), &world.clock),
                    other.run_request(request, &world.clock)
                );
            }
        }
        let points = world.points_of("orders").await;
        assert_eq!(points.len(), 1, "seed {seed}");
        assert_eq!(held(&data(&world, &points[0]).await), held(&whole), "seed {seed}");
        every_point_is_whole(&world.home, &format!("seed {seed}")).await;
    }
}

#[tokio::test]
async fn when_the_table_has_grown_and_the_shards_are_doubled_only_what_changed_is_stored() {
    let world = table(300, 0);
    world.tick().await;
    let first = world.points_of("orders").await.remove(0);
    world.tables.put("orders", order_in(5, "shipped"));
    world.later(SignedDuration::from_hours(1));
    world.tables.set_approximate("orders", 1_900_000, 0);
    let second = drive(&world, || ONE_PAGE, || None).await;
    let (first, second) = (data(&world, &first).await, data(&world, &second).await);
    assert_eq!((first.parts.len(), second.parts.len()), (1, 8));
    assert_eq!((second.items, second.new_items), (300, 1));
}

/// A run that is cut in the middle, with the keys of its work in flight.
async fn in_flight() -> (World, Vec<String>) {
    let world = table(60, 2_000_000);
    world.snapshot().run_due(&world.clock).await.unwrap();
    for task in world.outbox.take_tasks().into_iter().take(5) {
        let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
        world.clock.set_remaining(SignedDuration::from_secs(40));
        world.snapshot().run_request(request, &world.clock).await.unwrap();
    }
    world.outbox.take_tasks();
    let mut keys = world.home.keys(layout::RUNS);
    keys.extend(world.home.keys(layout::PARTS));
    keys.extend(world.home.keys(layout::PACKS));
    (world, keys)
}

#[tokio::test]
async fn damage_to_work_in_flight_never_gets_into_a_point_that_counts_as_good() {
    let (whole, _) = uncut(60, 2_000_000).await;
    let (_, keys) = in_flight().await;
    assert!(
        keys.iter().any(|key| key.ends_with("run.json")) && keys.iter().any(|key| key.ends_with("-00000.json.zst"))
    );
    let mut dice = Dice(7);
    for key in keys {
        for round in 0..4 {
            let (world, _) = in_flight().await;
            match round {
                0 => world.home.lose(&key),
                1 => world.home.damage(&key, |bytes| bytes.truncate(bytes.len() / 2)),
                _ => world.home.damage(&key, |bytes| {
                    let bit = usize::try_from(dice.below(bytes.len() as u64 * 8)).unwrap();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }),
            }
            // What cannot be gone on with is overtaken after 12 hours; what verify finds is made good by the next point.
            for hours in [1, 2, 11, 2, 2] {
                world.later(SignedDuration::from_hours(hours));
                let snapshot = world.snapshot();
                _ = snapshot.run_due(&world.clock).await;
                for task in world.outbox.take_tasks() {
                    let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
                    _ = snapshot.run_request(request, &world.clock).await;
                }
                let all = verify::Request::parse(serde_json::json!({"scrub": "all"})).unwrap();
                _ = world.verify().run_request(all, &world.clock).await;
            }
            let catalogue = world.catalogue().await;
            let good: Vec<_> = catalogue.points.iter().filter(|entry| entry.is_good()).collect();
            for entry in &good {
                let found = held(&data(&world, &entry.id).await);
                assert_eq!(found, held(&whole), "round {round} of {key}: {}", entry.id);
            }
            let newest = good
                .last()
                .unwrap_or_else(|| panic!("round {round} of {key}: no good point"));
            let age = holdfast_vault::port::Clock::now(&world.clock).duration_since(newest.id.slot.instant());
            assert!(
                age < SignedDuration::from_hours(2),
                "round {round} of {key}: {}",
                newest.id
            );
        }
    }
}

#[tokio::test]
async fn a_run_that_can_never_end_is_overtaken_by_a_new_one_after_half_a_day() {
    let world = table(20, 0);
    let broken = PortError::Denied("no scan".to_owned());
    world.script.fail_named("scan", broken);
    world.snapshot().run_due(&world.clock).await.unwrap();
    world.script.heal();
    let key = world.home.keys(layout::RUNS).remove(0);
    world.home.damage(&key, Vec::clear);
    world.later(SignedDuration::from_hours(13));
    world.tick().await;
    assert_eq!(every_point_is_whole(&world.home, "13 hours later").await, 1);
}
