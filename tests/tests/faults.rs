//! Every function, stopped at every call of its run, before the call and after it with the answer lost; and every call failing
//! once. The next runs end where an uncut run ends, readers see whole points all the while, and trouble is told of.

use std::fmt::Debug;

use holdfast_catalog::{Outcome, OutcomeStatus, Report, ReportStatus};
use holdfast_lambda::Failure;
use holdfast_sources::dynamodb::compare;
use holdfast_sources::lambda::read_function;
use holdfast_testkit::{Effect, Moment};
use holdfast_tests::checks::{every_point_is_whole, lines, shape, tells_of_trouble};
use holdfast_tests::{World, order, order_in, table_config};
use holdfast_vault::{PortError, read_manifest};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// A run that shows no sign of life for 20 minutes is taken up by the next tick.
const NEXT_TICK: SignedDuration = SignedDuration::from_mins(21);

/// After a disturbed run, so many undisturbed ones have to be enough.
const RUNS_TO_HEAL: usize = 4;

type Ran = Result<Report, Failure>;

/// What is done to one call.
#[derive(Debug, Clone)]
enum Fault {
    /// The invocation ends there.
    Kill(Moment),
    /// The call fails, the invocation goes on.
    Error(Moment, PortError),
}

/// Which faults are done to each call.
enum Faults {
    /// All of these.
    Each(Vec<Fault>),
    /// One of these, by turns.
    InTurn(Vec<Fault>),
}

fn kills() -> Faults {
    Faults::Each(vec![Fault::Kill(Moment::Before), Fault::Kill(Moment::After)])
}

fn errors() -> Vec<Fault> {
    let text = || "planted by a test".to_owned();
    vec![
        Fault::Error(Moment::Before, PortError::Throttled(text())),
        Fault::Error(Moment::Before, PortError::Denied(text())),
        Fault::Error(Moment::After, PortError::Unavailable(text())),
    ]
}

/// What waiting helps against.
fn temporary() -> Vec<Fault> {
    let mut faults = errors();
    faults.retain(|fault| !matches!(fault, Fault::Error(_, PortError::Denied(_))));
    faults
}

fn chosen(faults: &Faults, number: u64) -> &[Fault] {
    match faults {
        Faults::Each(faults) => faults,
        Faults::InTurn(faults) => {
            let turn = usize::try_from(number).unwrap() % faults.len();
            &faults[turn..=turn]
        }
    }
}

/// Does every fault to every call of a run, and compares what comes of it with what comes of an uncut run.
async fn disturb<S: PartialEq + Debug>(
    faults: &Faults,
    begin: impl AsyncFn() -> World,
    run: impl AsyncFn(&World) -> Ran,
    state: impl AsyncFn(&World) -> S,
) {
    let uncut = begin().await;
    uncut.script.restart();
    let clean = run(&uncut).await;
    assert!(!tells_of_trouble(&clean), "the uncut run: {clean:#?}");
    let calls = uncut.script.calls();
    let after_one_run = state(&uncut).await;
    uncut.later(NEXT_TICK);
    run(&uncut).await.unwrap();
    let expected = state(&uncut).await;
    assert!(calls.len() > 10, "only {} calls", calls.len());
    let mut injected = 0;
    for call in &calls {
        for fault in chosen(faults, call.number) {
            injected += 1;
            let world = begin().await;
            let when = format!("{fault:?} at call {} ({} {})", call.number, call.name, call.subject);
            world.script.restart();
            match fault {
                Fault::Kill(moment) => world.script.kill_at(call.number, *moment),
                Fault::Error(moment, error) => world.script.fail(call.number, *moment, error.clone()),
            }
            let report = run(&world).await;
            whole(&world, &when).await;
            world.script.heal();
            if !tells_of_trouble(&report) && matches!(fault, Fault::Error(..)) {
                assert_eq!(
                    state(&world).await,
                    after_one_run,
                    "{when}: all is said to be well: {report:#?}"
                );
            }
            if let Fault::Error(..) = fault {
                is_named(&report, &when);
            }
            heal(&world, &run, &state, &expected, &when).await;
            whole(&world, &when).await;
        }
    }
    println!("{} calls, {injected} faults", calls.len());
}

async fn whole(world: &World, when: &str) {
    every_point_is_whole(&world.home, when).await;
    every_point_is_whole(&world.replica, when).await;
}

/// Trouble is told in the words of the call that failed.
fn is_named(result: &Ran, when: &str) {
    if tells_of_trouble(result) {
        let text = format!("{result:?}");
        // A table whose creation was not answered may be anybody's; that is all that can be said.
        let is_named = text.contains("planted by a test") || text.contains("answer was lost");
        assert!(is_named, "{when}: {text}");
    }
}

/// Undisturbed runs bring it to where the uncut run came.
async fn heal<S: PartialEq + Debug>(
    world: &World,
    run: impl AsyncFn(&World) -> Ran,
    state: impl AsyncFn(&World) -> S,
    expected: &S,
    when: &str,
) {
    let mut last = None;
    for _ in 0..RUNS_TO_HEAL {
        world.later(NEXT_TICK);
        let result = run(world).await;
        let is_completed = matches!(&result, Ok(report) if report.status == ReportStatus::Completed);
        if is_completed && state(world).await == *expected {
            return;
        }
        last = Some(result);
    }
    assert_eq!(state(world).await, *expected, "{when}: the runs after it did not heal");
    panic!("{when}: the runs after it do not end well: {last:#?}");
}

/// A tick and what it puts on the queue. A task that fails is not delivered again: the next tick has to see to it.
async fn tick(world: &World) -> Ran {
    let mut report = world.snapshot().run_due(&world.clock).await?;
    let mut tasks = world.outbox.take_tasks();
    while !tasks.is_empty() {
        // What waits for the queue is judged by what the queue's tasks come to.
        report
            .outcomes
            .retain(|outcome| outcome.status != OutcomeStatus::Continuing);
        for task in tasks {
            let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
            match world.snapshot().run_request(request, &world.clock).await {
                Ok(done) => report.outcomes.extend(done.outcomes),
                Err(failure) => {
                    let failed = Outcome::new("task", OutcomeStatus::Failed, failure.to_string());
                    report.outcomes.push(failed);
                }
            }
        }
        tasks = world.outbox.take_tasks();
    }
    // A shard that ended before the last one has nothing left to wait for.
    report
        .outcomes
        .retain(|outcome| !outcome.message.contains("other shards are still being read"));
    Ok(Report::of("snapshot", report.outcomes))
}

fn small() -> World {
    let world = World::with_orders(30);
    world.tables.page_items(10);
    world.add_function("bill");
    world
}

async fn second_point_is_due() -> World {
    let world = small();
    tick(&world).await.unwrap();
    world.tables.put("orders", order_in(3, "shipped"));
    world.tables.put("orders", order(31));
    world.later(SignedDuration::from_hours(1));
    world
}

/// So many items, as the service says, are read in eight shards, by the queue.
async fn wide() -> World {
    let world = World::with_orders(40);
    world.tables.page_items(3);
    world.tables.set_approximate("orders", 2_000_000, 0);
    world
}

async fn home_shape(world: &World) -> impl PartialEq + Debug + use<> {
    shape(&world.home).await
}

#[tokio::test]
async fn snapshot_killed_at_any_call_makes_the_same_points_at_the_next_tick() {
    disturb(&kills(), second_point_is_due, tick, home_shape).await;
}

#[tokio::test]
async fn snapshot_with_any_call_failing_tells_of_it_and_makes_the_same_points_at_the_next_tick() {
    disturb(&Faults::Each(temporary()), second_point_is_due, tick, home_shape).await;
}

#[tokio::test]
async fn snapshot_with_any_call_denied_tells_of_it_and_the_next_slot_has_whole_points_again() {
    let uncut = second_point_is_due().await;
    uncut.script.restart();
    tick(&uncut).await.unwrap();
    let good = newest(&uncut).await;
    for call in uncut.script.calls() {
        let when = format!("denied call {} ({} {})", call.number, call.name, call.subject);
        let world = second_point_is_due().await;
        world.script.restart();
        let denied = PortError::Denied("planted by a test".to_owned());
        world.script.fail(call.number, Moment::Before, denied);
        let result = tick(&world).await;
        whole(&world, &when).await;
        is_named(&result, &when);
        if !tells_of_trouble(&result) {
            assert_eq!(
                newest(&world).await,
                good,
                "{when}: all is said to be well: {result:#?}"
            );
        }
        world.script.heal();
        world.later(SignedDuration::from_hours(1));
        assert!(!tells_of_trouble(&tick(&world).await), "{when}");
        assert_eq!(newest(&world).await, good, "{when}");
    }
}

/// What the newest good point of each resource holds.
async fn newest(world: &World) -> Vec<String> {
    let catalogue = world.catalogue().await;
    let now = holdfast_vault::port::Clock::now(&world.clock);
    let mut held = Vec::new();
    for (resource, entry) in verify::newest_good(&catalogue, now) {
        let manifest = read_manifest(&world.home, &entry.id).await.unwrap();
        let items = manifest.data.map(|data| (data.items, data.digest));
        held.push(format!("{resource} {items:?} {:?}", manifest.blobs));
    }
    held
}

#[tokio::test]
async fn a_wide_snapshot_killed_at_any_call_makes_the_same_point_at_the_next_tick() {
    disturb(&kills(), wide, tick, home_shape).await;
}

#[tokio::test]
async fn a_wide_snapshot_with_any_call_failing_tells_of_it_and_makes_the_same_point_at_the_next_tick() {
    disturb(&Faults::InTurn(temporary()), wide, tick, home_shape).await;
}

/// Two points of a table, the second built on the first, and two of a function.
async fn two_points() -> World {
    let world = second_point_is_due().await;
    tick(&world).await.unwrap();
    world
}

async fn replicate(world: &World) -> Ran {
    world.replicate().run_all(&world.clock).await
}

async fn both_shapes(world: &World) -> impl PartialEq + Debug + use<> {
    (shape(&world.home).await, shape(&world.replica).await)
}

#[tokio::test]
async fn replicate_killed_at_any_call_copies_the_same_at_the_next_tick() {
    disturb(&kills(), two_points, replicate, both_shapes).await;
}

#[tokio::test]
async fn replicate_with_any_call_failing_tells_of_it_and_copies_the_same_at_the_next_tick() {
    disturb(&Faults::Each(errors()), two_points, replicate, both_shapes).await;
}

/// Four replicated points, two of them tombstoned and past their grace, and what a run left that never committed.
async fn removable() -> World {
    let world = World::with_orders(20);
    world.tables.page_items(10);
    for hour in 0..4 {
        world.tables.put("orders", order_in(19, &format!("changed at {hour}")));
        tick(&world).await.unwrap();
        replicate(&world).await.unwrap();
        world.later(SignedDuration::from_hours(1));
    }
    world.add_table("ghost", 5);
    let manifest = "points/dynamodb-table/eu-central-1/ghost/20261121T070000Z-standard.json";
    world
        .script
        .fail_about("create", manifest, PortError::Denied("no manifest".to_owned()));
    let report = tick(&world).await.unwrap();
    assert_eq!(report.count(OutcomeStatus::Failed), 1, "{report:#?}");
    world.script.heal();
    world.tables.lose("ghost");
    world.resources.remove(&world.tables.arn("ghost").parse().unwrap());
    world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    world.later(SignedDuration::from_hours(25));
    world
}

async fn prune(world: &World) -> Ran {
    world.prune().run(prune::Mode::Execute, &world.clock).await
}

/// Everything that is left: prune has to remove the same, in the end.
async fn all_keys(world: &World) -> (Vec<String>, Vec<String>) {
    (world.home.keys(""), world.replica.keys(""))
}

#[tokio::test]
async fn the_uncut_pruning_removes_points_and_contents_in_both_vaults() {
    let world = removable().await;
    let before = all_keys(&world).await;
    for _ in 0..2 {
        prune(&world).await.unwrap();
    }
    let after = all_keys(&world).await;
    let packs = |keys: &[String]| keys.iter().filter(|key| key.starts_with("packs/")).count();
    assert!(packs(&after.0) < packs(&before.0) && packs(&after.1) < packs(&before.1));
    assert!(!after.0.iter().any(|key| key.contains("ghost")), "{after:#?}");
}

#[tokio::test]
async fn prune_killed_at_any_call_removes_the_same_at_the_next_tick_and_nothing_that_a_point_needs() {
    disturb(&kills(), removable, prune, all_keys).await;
}

#[tokio::test]
async fn prune_with_any_call_failing_tells_of_it_and_removes_the_same_at_the_next_tick() {
    disturb(&Faults::InTurn(errors()), removable, prune, all_keys).await;
}

async fn replicated() -> World {
    let world = two_points().await;
    replicate(&world).await.unwrap();
    world
}

async fn verify(world: &World) -> Ran {
    world.verify().run_all(&world.clock).await
}

async fn verified(world: &World) -> impl PartialEq + Debug + use<> {
    (
        shape(&world.home).await,
        shape(&world.replica).await,
        world.tables.names(),
    )
}

#[tokio::test]
async fn verify_killed_at_any_call_proves_the_same_later_and_leaves_no_scratch_table() {
    disturb(&kills(), replicated, verify, verified).await;
}

#[tokio::test]
async fn verify_with_any_call_failing_tells_of_it_and_calls_no_point_damaged() {
    disturb(&Faults::InTurn(errors()), replicated, verify, verified).await;
}

async fn table_lost() -> World {
    let world = two_points().await;
    world.tables.lose("orders");
    world.tables.leave_unprocessed_every(7);
    world
}

async fn restore(world: &World, event: Value) -> Ran {
    let report = world
        .restore()
        .run(restore::Request::parse(event).unwrap(), &world.clock)
        .await?;
    world.outbox.take_tasks();
    Ok(report)
}

async fn restore_table(world: &World) -> Ran {
    let event = json!({"resource": "dynamodb-table/eu-central-1/orders", "target": {"name": "orders"}});
    restore(world, event).await
}

async fn table_state(world: &World) -> impl PartialEq + Debug + use<> {
    let is_there = world.tables.names().contains(&"orders".to_owned());
    let items = is_there.then(|| lines(world, "orders"));
    let differences = is_there.then(|| compare::differences(&table_config(), &world.tables.config("orders")));
    (world.tables.names(), items, differences)
}

#[tokio::test]
async fn the_restore_of_a_table_killed_at_any_call_is_finished_by_the_same_event_sent_again() {
    disturb(&kills(), table_lost, restore_table, table_state).await;
}

#[tokio::test]
async fn the_restore_of_a_table_with_any_call_failing_tells_of_it_and_is_finished_by_the_same_event_sent_again() {
    disturb(&Faults::Each(errors()), table_lost, restore_table, table_state).await;
}

async fn function_lost() -> World {
    let world = two_points().await;
    world.functions.lose("bill");
    world.functions.lose_mappings("bill");
    world
}

async fn restore_function(world: &World) -> Ran {
    let event = json!({
        "resource": "lambda-function/eu-central-1/bill",
        "target": {"name": "bill"},
        "triggers": "as-before",
    });
    restore(world, event).await
}

async fn function_state(world: &World) -> impl PartialEq + Debug + use<> {
    let reading = read_function(&world.functions, "bill").await;
    reading
        .ok()
        .map(|reading| (reading.config, world.functions.code("bill")))
}

#[tokio::test]
async fn the_restore_of_a_function_killed_at_any_call_is_finished_by_the_same_event_sent_again() {
    disturb(&kills(), function_lost, restore_function, function_state).await;
}

#[tokio::test]
async fn the_restore_of_a_function_with_any_call_failing_tells_of_it_and_is_finished_by_the_same_event_sent_again() {
    disturb(&Faults::Each(errors()), function_lost, restore_function, function_state).await;
}

#[tokio::test]
async fn only_prune_and_the_scratch_table_of_verify_ever_delete() {
    let world = replicated().await;
    verify(&world).await.unwrap();
    world.tables.lose("orders");
    restore_table(&world).await.unwrap();
    let deletes = world
        .script
        .changes()
        .into_iter()
        .filter(|call| call.effect == Effect::Deletes);
    let deletes: Vec<&str> = deletes.map(|call| call.name).collect();
    assert_eq!(deletes, ["drop_scratch_table"]);
}
