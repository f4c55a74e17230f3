//! The stand-ins keep the rules that they stand in for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_catalog::{Lock, LockMode, Region, Shard};
use holdfast_sources::dynamodb::port::{
    ApplyTableSettings as _, CreateTable as _, DropScratchTable as _, ScanTable as _, TableSetting, TableStatus,
    WriteItems as _,
};
use holdfast_sources::dynamodb::{BillingMode, Item, KeyAttribute, ScalarType, TableConfig, Value, line, parse};
use holdfast_testkit::contract::{Subject, breaches};
use holdfast_testkit::{Ending, Faults, ManualClock, MemoryStore, MemoryTables, Moment, Script};
use holdfast_vault::PortError;
use holdfast_vault::port::{
    Clock as _, Created, DeleteObjects as _, ListObjects as _, LockObjects as _, ReadObjects as _, WriteObjects as _,
};
use jiff::SignedDuration;

fn clock() -> ManualClock {
    ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap())
}

/// A lock until the next day.
fn lock() -> Lock {
    let until = clock().now() + SignedDuration::from_hours(24);
    Lock {
        mode: LockMode::Governance,
        points_until: until,
        contents_until: until,
    }
}

fn unavailable() -> PortError {
    PortError::Unavailable("scripted".to_owned())
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract_with_pages_of_any_size() {
    for page in [1, 2, 7, 1000] {
        let home = MemoryStore::new("home", &clock()).paged(page);
        let replica = home.sibling("replica");
        let subject = Subject {
            home: &home,
            home_bucket: "home",
            replica: &replica,
            prefix: "contract/",
            lock: lock(),
        };
        assert_eq!(breaches(&subject).await, Vec::<String>::new(), "pages of {page}");
    }
}

#[tokio::test]
async fn the_memory_store_keeps_the_contract_where_it_can_lock_too() {
    let home = MemoryStore::new("home", &clock());
    let replica = home.sibling("replica");
    home.enable_locks();
    replica.enable_locks();
    let subject = Subject {
        home: &home,
        home_bucket: "home",
        replica: &replica,
        prefix: "contract/",
        lock: lock(),
    };
    assert_eq!(breaches(&subject).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_contract_also_holds_behind_a_script_in_which_nothing_fails() {
    let script = Script::new();
    let home = MemoryStore::new("home", &clock());
    let replica = Faults::new(home.sibling("replica"), &script);
    let home = Faults::new(home, &script);
    let subject = Subject {
        home: &home,
        home_bucket: "home",
        replica: &replica,
        prefix: "contract/",
        lock: lock(),
    };
    assert_eq!(breaches(&subject).await, Vec::<String>::new());
    assert!(script.total() > 100);
}

#[tokio::test]
async fn a_lost_answer_has_still_written_and_a_refused_call_has_not() {
    let script = Script::new();
    let store = MemoryStore::new("home", &clock());
    let faulty = Faults::new(store.clone(), &script);
    script.fail_nth("create", 1, Moment::Before, unavailable());
    script.fail_nth("create", 2, Moment::After, unavailable());
    let body = Bytes::from_static(b"x");

    assert_eq!(faulty.create("refused", body.clone()).await, Err(unavailable()));
    assert_eq!(faulty.create("lost", body.clone()).await, Err(unavailable()));
    assert_eq!(faulty.create("lost", body).await, Ok(Created::Existed));

    assert_eq!(store.keys(""), ["lost"]);
    let endings: Vec<Ending> = script.calls().into_iter().map(|call| call.ending).collect();
    assert_eq!(
        endings,
        [
            Ending::Refused(unavailable()),
            Ending::Lost(unavailable()),
            Ending::Done
        ]
    );
    assert_eq!(script.changes().len(), 2);
}

#[tokio::test]
async fn a_killed_run_makes_no_more_calls() {
    for moment in [Moment::Before, Moment::After] {
        let script = Script::new();
        let store = MemoryStore::new("home", &clock());
        let faulty = Faults::new(store.clone(), &script);
        script.kill_at(2, moment);
        let mut survived = 0;
        for n in 0..5 {
            let result = faulty.create(&n.to_string(), Bytes::new()).await;
            survived += u32::from(result.is_ok());
        }
        assert_eq!(survived, 1);
        let written = if moment == Moment::After { 2 } else { 1 };
        assert_eq!(store.keys("").len(), written);
    }
}

#[tokio::test]
async fn denied_deletes_leave_everything_where_it_is() {
    let script = Script::new();
    let store = MemoryStore::new("home", &clock());
    store.create("a", Bytes::new()).await.unwrap();
    let faulty = Faults::new(store.clone(), &script);
    script.deny_deletes();
    let version = faulty.list_versions("a", None).await.unwrap().remove(0).version;
    let refused = faulty.delete_version("a", &version).await.unwrap_err();
    assert!(matches!(refused, PortError::Denied(_)));
    script.heal();
    faulty.delete_version("a", &version).await.unwrap();
    assert_eq!(store.keys(""), Vec::<String>::new());
}

#[tokio::test]
async fn locked_versions_stay_until_their_time_is_over_or_their_hold_released() {
    let clock = clock();
    let store = MemoryStore::new("home", &clock);
    store.retain_for(SignedDuration::from_hours(24));
    store.create("a", Bytes::new()).await.unwrap();
    let version = store.list_versions("a", None).await.unwrap().remove(0).version;
    let locked = |result| matches!(result, Err(PortError::Locked(_)));
    assert!(locked(store.delete_version("a", &version).await));
    clock.advance(SignedDuration::from_hours(24));
    store.hold("a");
    assert!(locked(store.delete_version("a", &version).await));
    store.release("a");
    assert!(store.delete_version("a", &version).await.is_ok());
}

#[tokio::test]
async fn a_locked_version_can_be_removed_from_the_second_on_that_its_lock_ends() {
    let clock = clock();
    let store = MemoryStore::new("home", &clock);
    store.enable_locks();
    let locking = store.locking(Some(lock()));
    locking.create("packs/a", Bytes::new()).await.unwrap();
    let version = store.list_versions("packs/a", None).await.unwrap().remove(0).version;
    clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    let refused = store.delete_version("packs/a", &version).await.unwrap_err();
    assert!(
        matches!(&refused, PortError::Locked(why) if why.contains("until 2026-03-02T00:00:00Z")),
        "{refused}"
    );
    clock.advance(SignedDuration::from_secs(1));
    store.delete_version("packs/a", &version).await.unwrap();
    let late = locking.create("packs/b", Bytes::new()).await;
    assert!(
        matches!(late, Err(PortError::Invalid(_))),
        "a lock that is over cannot be put: {late:?}"
    );
}

#[tokio::test]
async fn a_delete_marker_hides_an_object_and_removing_it_brings_the_object_back() {
    let store = MemoryStore::new("home", &clock());
    store.create("a", Bytes::from_static(b"x")).await.unwrap();
    store.mark_deleted("a");
    assert!(matches!(store.get("a").await, Err(PortError::NotFound(_))));
    assert_eq!(store.list("", None).await.unwrap(), []);
    let versions = store.list_versions("", None).await.unwrap();
    assert_eq!(
        versions.iter().map(|v| v.is_delete_marker).collect::<Vec<_>>(),
        [true, false]
    );
    store.delete_version("a", &versions[0].version).await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), Bytes::from_static(b"x"));
}

#[tokio::test]
async fn sleeping_moves_the_clock_and_uses_up_the_invocation() {
    let clock = clock();
    clock.set_remaining(SignedDuration::from_secs(30));
    clock.sleep(SignedDuration::from_secs(20)).await;
    assert_eq!(clock.now().to_string(), "2026-03-01T00:00:20Z");
    assert_eq!(clock.remaining(), SignedDuration::from_secs(10));
    clock.sleep(SignedDuration::from_secs(20)).await;
    assert_eq!(clock.remaining(), SignedDuration::ZERO);
}

fn config() -> TableConfig {
    let key = |name: &str, is_sort| KeyAttribute {
        name: name.to_owned(),
        is_sort,
    };
    TableConfig {
        key: vec![key("pk", false), key("sk", true)],
        attributes: BTreeMap::from([("pk".to_owned(), ScalarType::S), ("sk".to_owned(), ScalarType::N)]),
        global_indexes: vec![],
        local_indexes: vec![],
        billing: BillingMode::OnDemand,
        on_demand_limits: None,
        warm: None,
        table_class: "STANDARD".to_owned(),
        deletion_protection: false,
        kms_key_arn: None,
        ttl_attribute: None,
        stream: None,
        point_in_time_recovery_days: None,
        tags: BTreeMap::new(),
        resource_policy: None,
    }
}

/// As packs have them.
fn lines(items: &[Item]) -> Vec<Bytes> {
    let lines = items.iter().map(|item| line(item, &[]).unwrap());
    lines.map(|line| Bytes::copy_from_slice(line.text())).collect()
}

fn item(n: u32) -> Item {
    Item::from([
        ("pk".to_owned(), Value::S(format!("customer {}", n / 3))),
        ("sk".to_owned(), Value::N(n.to_string())),
        ("text".to_owned(), Value::S("x".repeat(10))),
    ])
}

fn tables() -> MemoryTables {
    MemoryTables::new(&"eu-central-1".parse::<Region>().unwrap())
}

async fn scan_all(tables: &MemoryTables, shard: Shard) -> Vec<Item> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let page = tables.scan("orders", &[], shard, cursor.as_ref()).await.unwrap();
        items.extend(page.lines.iter().map(|line| parse(line.text()).unwrap()));
        cursor = page.next;
        if cursor.is_none() {
            return items;
        }
    }
}

#[tokio::test]
async fn segments_share_out_the_items_and_finer_ones_split_coarser_ones() {
    let tables = tables();
    tables.add("orders", &config(), (0..500).map(item));
    let mut coarser: Vec<Vec<Item>> = vec![tables.items("orders")];
    for of in [1, 2, 4, 8] {
        for page_items in [1, 3, 1000] {
            tables.page_items(page_items);
            let mut shards = Vec::new();
            for index in 0..of {
                shards.push(scan_all(&tables, Shard { index, of }).await);
            }
            let parents: Vec<Vec<Item>> = shards
                .chunks(shards.len() / coarser.len())
                .map(<[Vec<Item>]>::concat)
                .collect();
            assert_eq!(parents, coarser);
            if page_items == 1000 {
                coarser = shards;
            }
        }
    }
    assert!(
        coarser.iter().all(|shard| shard.len() > 20),
        "every shard has a fair part"
    );
}

#[tokio::test]
async fn a_new_table_is_busy_then_takes_items_and_leaves_some_unprocessed() {
    let tables = tables();
    tables.busy_polls(2);
    let full = TableConfig {
        ttl_attribute: Some("expires".to_owned()),
        ..config()
    };
    tables.create_table("orders", &full).await.unwrap();
    assert!(matches!(
        tables.create_table("orders", &full).await,
        Err(PortError::AlreadyExists(_))
    ));
    assert!(matches!(
        tables.write_items("orders", lines(&[item(0)])).await,
        Err(PortError::NotFound(_))
    ));
    for expected in [TableStatus::Busy, TableStatus::Busy, TableStatus::Active] {
        assert_eq!(tables.table_status("orders").await.unwrap(), expected);
    }
    assert_eq!(
        tables.config("orders").ttl_attribute,
        None,
        "a new table has no time to live"
    );

    tables.leave_unprocessed_every(3);
    let mut open = lines(&(0..25).map(item).collect::<Vec<_>>());
    let mut calls = 0;
    while !open.is_empty() {
        open = tables.write_items("orders", open).await.unwrap();
        calls += 1;
    }
    assert!(calls > 1);
    let texts: BTreeSet<String> = tables.items("orders").iter().map(|item| format!("{item:?}")).collect();
    assert_eq!(texts.len(), 25);
    assert!(matches!(
        tables.write_items("orders", lines(&[item(0), item(0)])).await,
        Err(PortError::Invalid(_))
    ));
}

#[tokio::test]
async fn a_setting_waits_until_the_table_is_ready_and_only_scratch_tables_can_be_dropped() {
    let tables = tables();
    tables.add("orders", &config(), []);
    tables.busy_polls(1);
    let stream = TableSetting::Stream("KEYS_ONLY".to_owned());
    tables.apply("orders", &stream).await.unwrap();
    let early = tables.apply("orders", &TableSetting::DeletionProtection).await;
    assert!(matches!(early, Err(PortError::Conflict(_))));
    while tables.table_status("orders").await.unwrap() == TableStatus::Busy {}
    tables.apply("orders", &TableSetting::DeletionProtection).await.unwrap();
    assert!(tables.config("orders").deletion_protection);
    assert!(matches!(
        tables.drop_scratch_table("orders").await,
        Err(PortError::Invalid(_))
    ));
}
