//! Records of streams: what is stored of them, point after point, whatever happens to the stream and to the function.

use holdfast_catalog::OutcomeStatus;
use holdfast_testkit::Moment;
use holdfast_tests::checks::every_point_is_whole;
use holdfast_tests::pruning::prune;
use holdfast_tests::streams::{account, kept, make, newest, next_point, numbers, points, put, stored, world};
use holdfast_tests::{World, home_region};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;
use proptest::prelude::*;

use holdfast_tests::streams::STREAM;

#[tokio::test]
async fn a_point_holds_every_record_in_its_order_and_the_next_one_stores_only_what_came_since() {
    let world = world(2);
    put(&world, 0..40);
    let first = next_point(&world).await;
    assert_eq!(numbers(&stored(&world, &first).await), kept(&world));
    put(&world, 40..45);
    let second = next_point(&world).await;
    assert_eq!(numbers(&stored(&world, &second).await), kept(&world));
    let (first, second) = (first.data.unwrap(), second.data.unwrap());
    assert_eq!((first.items, first.new_items), (40, 40));
    assert_eq!((second.items, second.new_items), (45, 5));
    every_point_is_whole(&world.home, "two points").await;
}

#[tokio::test]
async fn a_stream_that_gets_nothing_costs_no_pack() {
    let world = world(2);
    put(&world, 0..10);
    next_point(&world).await;
    let packs = world.home.keys(holdfast_catalog::layout::PACKS);
    let next = next_point(&world).await;
    assert_eq!(world.home.keys(holdfast_catalog::layout::PACKS), packs);
    assert_eq!(next.data.unwrap().items, 10);
}

#[tokio::test]
async fn a_little_every_hour_does_not_end_in_a_pack_for_every_hour() {
    let world = world(1);
    for hour in 0..40 {
        put(&world, [hour]);
        next_point(&world).await;
    }
    let manifest = newest(&world).await;
    let part = &manifest.data.as_ref().unwrap().parts[0];
    let recipe = holdfast_vault::read_committed_part(&world.home, &manifest.point, part)
        .await
        .unwrap();
    assert!(recipe.packs.len() <= 6, "{} packs", recipe.packs.len());
    // A day's worth is kept: what the stream let go of goes with its pack.
    assert!(recipe.items >= 24, "{} records", recipe.items);
}

#[tokio::test]
async fn a_plan_that_does_not_ask_for_records_gets_none() {
    let world = World::default();
    make(&world, 2);
    put(&world, 0..10);
    let point = next_point(&world).await;
    assert_eq!(point.data, None);
    assert_eq!(world.script.count("GetRecords"), 0);
}

#[tokio::test]
async fn records_that_arrive_after_the_run_began_belong_to_the_next_point() {
    let world = world(1);
    put(&world, 0..4);
    let began = world.clock.now().checked_add(SignedDuration::from_hours(1)).unwrap();
    world
        .clock
        .set_now(began.checked_add(SignedDuration::from_mins(1)).unwrap());
    put(&world, 4..8);
    world.clock.set_now(began);
    world.tick().await;
    assert_eq!(newest(&world).await.data.unwrap().items, 4);
    assert_eq!(next_point(&world).await.data.unwrap().items, 8);
}

#[tokio::test]
async fn records_that_the_stream_let_go_of_between_two_points_are_told_of_and_nothing_else_is() {
    let world = world(1);
    put(&world, 0..4);
    next_point(&world).await;
    world.later(SignedDuration::from_hours(2));
    put(&world, 4..8);
    world.later(SignedDuration::from_hours(30));
    put(&world, 8..12);
    let trimmed = world.clock.now().checked_sub(SignedDuration::from_hours(24)).unwrap();
    account(&world).trim(&home_region(), STREAM, trimmed);
    let report = world.tick().await;
    assert_eq!(report.outcomes[0].status, OutcomeStatus::Partial, "{report:?}");
    let lacking = newest(&world).await;
    assert!(
        lacking.not_protected[0].contains("let go of them"),
        "{:?}",
        lacking.not_protected
    );
    assert_eq!(numbers(&stored(&world, &lacking).await), kept(&world));
    let next = next_point(&world).await;
    assert_eq!(next.not_protected, Vec::<String>::new());
}

#[tokio::test]
async fn a_quiet_stream_whose_last_record_is_long_gone_lacks_nothing() {
    let world = world(1);
    put(&world, 0..4);
    for hour in 0..30 {
        let point = next_point(&world).await;
        assert_eq!(point.not_protected, Vec::<String>::new(), "{hour}");
        let trimmed = world.clock.now().checked_sub(SignedDuration::from_hours(24)).unwrap();
        account(&world).trim(&home_region(), STREAM, trimmed);
    }
    put(&world, 4..8);
    let point = next_point(&world).await;
    assert_eq!((point.data.unwrap().items, point.not_protected), (4, Vec::new()));
}

#[tokio::test]
async fn a_stream_that_was_made_anew_under_its_old_name_is_another_one() {
    let world = world(2);
    put(&world, 0..20);
    next_point(&world).await;
    account(&world).destroy(&home_region());
    make(&world, 2);
    put(&world, 100..107);
    let point = next_point(&world).await;
    assert_eq!(numbers(&stored(&world, &point).await), kept(&world));
}

#[tokio::test]
async fn throttles_and_lost_answers_are_waited_out() {
    let world = world(2);
    put(&world, 0..20);
    for nth in 2..6 {
        let error = PortError::Throttled("slow down".to_owned());
        world.script.fail_nth("GetRecords", nth, Moment::Before, error);
    }
    let expired = PortError::Conflict("ExpiredIteratorException".to_owned());
    world.script.fail_nth("GetRecords", 8, Moment::Before, expired);
    let point = next_point(&world).await;
    assert_eq!(numbers(&stored(&world, &point).await), kept(&world));
}

#[tokio::test]
async fn a_parent_that_lost_a_pack_is_read_anew_from_the_stream() {
    let world = world(1);
    put(&world, 0..20);
    next_point(&world).await;
    let packs = world.home.keys(holdfast_catalog::layout::PACKS);
    world.home.lose(&packs[0]);
    put(&world, 20..24);
    let point = next_point(&world).await;
    assert_eq!(numbers(&stored(&world, &point).await), kept(&world));
}

#[tokio::test]
async fn a_run_that_is_cut_at_every_page_ends_the_same() {
    let world = world(2);
    put(&world, 0..200);
    world.later(SignedDuration::from_hours(1));
    // Enough to begin a run and to read some pages; each task has time for one, behind the empty one.
    world.clock.set_remaining(SignedDuration::from_secs(60));
    world.snapshot().run_due(&world.clock).await.unwrap();
    let mut invocations = 0;
    loop {
        let tasks = world.outbox.take_tasks();
        if tasks.is_empty() {
            break;
        }
        for task in tasks {
            invocations += 1;
            assert!(invocations < 400, "it never ends");
            account(&world).expire_iterators(&home_region(), STREAM);
            world.clock.set_remaining(SignedDuration::from_secs(46));
            let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
            world.snapshot().run_request(request, &world.clock).await.unwrap();
        }
    }
    assert!(invocations > 10, "{invocations}");
    let point = newest(&world).await;
    assert_eq!(numbers(&stored(&world, &point).await), kept(&world));
    every_point_is_whole(&world.home, "cut").await;
}

/// What happens to a stream between two points.
#[derive(Debug, Clone)]
enum Event {
    Put(u32),
    Split(usize),
    Merge,
    Point,
    /// A point whose function dies at a call, before or after it is carried out, and is woken again.
    Killed(u64, bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..12_u32).prop_map(Event::Put),
        1 => (0..8_usize).prop_map(Event::Split),
        1 => Just(Event::Merge),
        2 => Just(Event::Point),
        2 => (1..60_u64, any::<bool>()).prop_map(|(call, is_done)| Event::Killed(call, is_done)),
    ]
}

/// The open shards in order of their hash keys.
fn open(world: &World) -> Vec<String> {
    account(world).open_shards(&home_region(), STREAM)
}

async fn live(world: &World, events: &[Event]) {
    let mut put_so_far = 0;
    for event in events {
        match event {
            Event::Put(count) => {
                put(world, put_so_far..put_so_far + count);
                put_so_far += count;
            }
            Event::Split(which) => {
                let open = open(world);
                account(world).split_shard(&home_region(), STREAM, &open[which % open.len()]);
            }
            Event::Merge => {
                if let [lower, upper, ..] = open(world).as_slice() {
                    account(world).merge_shards(&home_region(), STREAM, lower, upper);
                }
            }
            Event::Point => {
                let point = next_point(world).await;
                assert_eq!(numbers(&stored(world, &point).await), kept(world));
            }
            Event::Killed(call, is_done) => {
                world.later(SignedDuration::from_hours(1));
                let moment = if *is_done { Moment::After } else { Moment::Before };
                world.script.kill_at(world.script.total() + call, moment);
                _ = world.snapshot().run_due(&world.clock).await;
                world.script.revive();
                world.script.heal();
                // The slot's run is taken up again once nobody can be at it any more.
                world.later(SignedDuration::from_mins(50));
                world.tick().await;
                let point = newest(world).await;
                assert_eq!(numbers(&stored(world, &point).await), kept(world));
            }
        }
    }
    let made = points(world).await.len();
    assert_eq!(every_point_is_whole(&world.home, "at the end").await, made);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_point_holds_what_the_stream_keeps_however_it_is_split_merged_and_interrupted(
        events in proptest::collection::vec(event(), 1..16),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live(&world(2), &events));
    }
}

#[tokio::test]
async fn points_are_copied_scrubbed_and_pruned_like_all_others() {
    let world = world(2);
    for hour in 0..6 {
        put(&world, hour * 10..hour * 10 + 10);
        next_point(&world).await;
        world.replicate().run_all(&world.clock).await.unwrap();
    }
    every_point_is_whole(&world.replica, "copied").await;
    prune(&world).await;
    world.later(SignedDuration::from_hours(25));
    let before = world.home.stored_bytes();
    prune(&world).await;
    assert!(world.home.stored_bytes() < before);
    assert_eq!(every_point_is_whole(&world.home, "pruned").await, 2);
    let last = newest(&world).await;
    assert_eq!(numbers(&stored(&world, &last).await), kept(&world));
}
