//! Writing items.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::stream;
use holdfast_sources::dynamodb::port::{MAX_BATCH_ITEMS, WriteItems};
use holdfast_sources::dynamodb::restore::{Stop, Unwritten, load_items, write_all};
use holdfast_sources::dynamodb::{Item, TableConfig, Value, parse};
use holdfast_testkit::Moment;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;
use jiff::SignedDuration;

use crate::{Tables, item, items, key, lines, numbers, run, simple, world};

/// Nearly as large as an item may be.
fn large(n: usize) -> Item {
    let mut item = item(n);
    item.insert("body".to_owned(), Value::B(vec![0; 390_000]));
    item
}

fn larges(count: usize) -> Vec<Item> {
    (0..count).map(large).collect()
}

#[test]
fn unprocessed_items_are_written_in_the_end() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    tables.inner().leave_unprocessed_every(2);
    assert_eq!(
        run(write_all(&tables, &clock, "restored", lines(&items(1_000)))).unwrap(),
        1_000
    );
    assert_eq!(numbers(&tables.inner().items("restored")), numbers(&items(1_000)));
}

#[test]
fn throttling_is_waited_out_and_slows_down() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    for nth in 1..=40 {
        let moment = if nth % 2 == 0 { Moment::Before } else { Moment::After };
        tables
            .script()
            .fail_nth("write_items", nth, moment, PortError::Throttled("slow down".to_owned()));
    }
    let began = clock.now();
    assert_eq!(
        run(write_all(&tables, &clock, "restored", lines(&items(200)))).unwrap(),
        200
    );
    assert_eq!(tables.inner().items("restored").len(), 200);
    assert!(
        clock.now().duration_since(began) > SignedDuration::from_secs(1),
        "no pause between tries"
    );
}

#[test]
fn at_the_deadline_what_is_left_comes_back() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    let throttled = PortError::Throttled("slow down".to_owned());
    for nth in 3..10_000 {
        tables
            .script()
            .fail_nth("write_items", nth, Moment::Before, throttled.clone());
    }
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&items(1_000)))).unwrap_err();
    assert_eq!(unwritten.stop, Stop::Deadline);
    assert_eq!(unwritten.written_items, 50);
    assert_nothing_lost(&tables, &unwritten, 1_000);
    assert!(clock.remaining() > SignedDuration::ZERO, "slept past the deadline");
}

#[test]
fn at_the_deadline_large_items_come_back_too() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    for nth in 3..10_000 {
        tables
            .script()
            .fail_nth("write_items", nth, Moment::Before, PortError::Throttled(String::new()));
    }
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&larges(40)))).unwrap_err();
    assert_eq!((&unwritten.stop, unwritten.written_items), (&Stop::Deadline, 4));
    assert_nothing_lost(&tables, &unwritten, 40);
}

#[test]
fn without_time_nothing_is_tried() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    clock.set_remaining(SignedDuration::ZERO);
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&items(60)))).unwrap_err();
    assert_eq!(unwritten.stop, Stop::Deadline);
    assert_eq!(tables.script().count("write_items"), 0);
    assert_nothing_lost(&tables, &unwritten, 60);
}

#[test]
fn a_table_that_is_gone_is_named_and_no_item_is_lost() {
    let (tables, clock) = world();
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&items(500)))).unwrap_err();
    assert!(
        matches!(&unwritten.stop, Stop::Failed(PortError::NotFound(m)) if m.contains("restored")),
        "{unwritten}"
    );
    assert_eq!(unwritten.left.len(), 500);
    assert!(
        tables.script().count("write_items") <= 8,
        "went on against a table that is gone"
    );
}

#[test]
fn a_service_that_does_not_answer_is_given_up_before_the_deadline() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    tables
        .script()
        .fail_named("write_items", PortError::Unavailable("no route".to_owned()));
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&items(500)))).unwrap_err();
    assert!(
        matches!(unwritten.stop, Stop::Failed(PortError::Unavailable(_))),
        "{unwritten}"
    );
    assert_eq!(unwritten.left.len(), 500);
    assert!(clock.remaining() > SignedDuration::from_mins(10));
}

#[test]
fn items_that_the_service_refuses_do_not_keep_others_from_being_written() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    let mut all = items(100);
    let bad = Item::from([("name".to_owned(), Value::S("no key".to_owned()))]);
    all.insert(30, bad.clone());
    all.insert(99, bad.clone());
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&all))).unwrap_err();
    assert!(
        matches!(unwritten.stop, Stop::Failed(PortError::Invalid(_))),
        "{unwritten}"
    );
    assert_eq!(
        (unwritten.written_items, unwritten.left),
        (100, lines(&[bad.clone(), bad]))
    );
    assert_eq!(numbers(&tables.inner().items("restored")), numbers(&items(100)));
}

#[test]
fn a_table_that_refuses_everything_is_given_up() {
    let (tables, clock) = world();
    tables.inner().add(
        "restored",
        &TableConfig {
            key: vec![key("id", false)],
            ..simple()
        },
        [],
    );
    let unwritten = run(write_all(&tables, &clock, "restored", lines(&items(5_000)))).unwrap_err();
    assert!(
        matches!(unwritten.stop, Stop::Failed(PortError::Invalid(_))),
        "{unwritten}"
    );
    assert_eq!(unwritten.left.len(), 5_000);
    assert!(tables.script().count("write_items") < 500);
}

#[test]
fn a_source_that_breaks_off_loses_nothing_of_what_it_gave() {
    let (tables, clock) = world();
    tables.inner().add("restored", &simple(), []);
    let broken = PortError::Corrupt("pack".to_owned());
    let mut source = lines(&items(210)).into_iter().map(Ok).collect::<Vec<_>>();
    source.push(Err(broken.clone()));
    source.extend(lines(&items(10)).into_iter().map(Ok));
    let mut source = stream::iter(source);
    let unwritten = run(load_items(&tables, &clock, "restored", &mut source)).unwrap_err();
    assert_eq!(unwritten.stop, Stop::Failed(broken));
    assert_nothing_lost(&tables, &unwritten, 210);
    assert_eq!(stream::Stream::size_hint(&source).0, 10, "read on after the failure");
}

fn assert_nothing_lost(tables: &Tables, unwritten: &Unwritten, count: usize) {
    let mut seen = numbers(&tables.inner().items("restored"));
    assert_eq!(seen.len() as u64, unwritten.written_items);
    let left: Vec<Item> = unwritten.left.iter().map(|line| parse(line).unwrap()).collect();
    seen.extend(numbers(&left));
    assert_eq!(seen, numbers(&items(count)));
}

/// Counts what is under way, and how large batches are.
#[derive(Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
    batches: Mutex<Vec<usize>>,
}

impl WriteItems for Counting {
    async fn write_items(&self, _: &str, items: Vec<Bytes>) -> Result<Vec<Bytes>, PortError> {
        self.most
            .fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        self.batches.lock().unwrap().push(items.len());
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(Vec::new())
    }
}

#[test]
fn some_batches_are_under_way_at_once_and_not_more() {
    let (port, clock) = (Counting::default(), world().1);
    run(write_all(&port, &clock, "restored", lines(&items(1_001)))).unwrap();
    assert_eq!(port.most.into_inner(), 8);
    let batches = port.batches.into_inner().unwrap();
    assert_eq!((batches.len(), batches.iter().max()), (41, Some(&MAX_BATCH_ITEMS)));
}

#[test]
fn large_items_make_small_batches() {
    let (port, clock) = (Counting::default(), world().1);
    run(write_all(&port, &clock, "restored", lines(&larges(11)))).unwrap();
    assert_eq!(port.batches.into_inner().unwrap(), [2, 2, 2, 2, 2, 1]);
}
