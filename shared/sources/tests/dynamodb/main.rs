//! Bringing tables back, against a DynamoDB in memory that is slow, refuses, forgets and dies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod configs;
mod load;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use bytes::Bytes;
use holdfast_catalog::{Arn, Region};
use holdfast_sources::dynamodb::{BillingMode, Item, KeyAttribute, ScalarType, TableConfig, Value, line};
use holdfast_testkit::{Faults, ManualClock, MemoryTables, Script};

type Tables = Faults<MemoryTables>;

fn world() -> (Tables, ManualClock) {
    let region: Region = "eu-central-1".parse().unwrap();
    let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
    (Faults::new(MemoryTables::new(&region), &Script::new()), clock)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

fn arn(tables: &Tables, name: &str) -> Arn {
    tables.inner().arn(name).parse().unwrap()
}

fn key(name: &str, is_sort: bool) -> KeyAttribute {
    KeyAttribute {
        name: name.to_owned(),
        is_sort,
    }
}

fn simple() -> TableConfig {
    TableConfig {
        key: vec![key("pk", false)],
        attributes: BTreeMap::from([("pk".to_owned(), ScalarType::N)]),
        global_indexes: Vec::new(),
        local_indexes: Vec::new(),
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

fn item(n: usize) -> Item {
    Item::from([
        ("pk".to_owned(), Value::N(n.to_string())),
        ("name".to_owned(), Value::S(format!("item {n}"))),
    ])
}

fn items(count: usize) -> Vec<Item> {
    (0..count).map(item).collect()
}

/// As packs have them.
fn lines(items: &[Item]) -> Vec<Bytes> {
    let lines = items.iter().map(|item| line(item, &[]).unwrap());
    lines.map(|line| Bytes::copy_from_slice(line.text())).collect()
}

fn numbers(items: &[Item]) -> BTreeSet<String> {
    items.iter().map(|item| format!("{:?}", item.get("pk"))).collect()
}
