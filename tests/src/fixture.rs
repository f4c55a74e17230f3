//! The vaults that are kept as files for each format version that was ever released, so that every later release reads them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use holdfast_sources::dynamodb::{Item, Value};
use jiff::SignedDuration;

use crate::{World, order, order_in, table_config};

/// The vaults of today's format version, by the folder that each is kept in.
pub async fn vaults() -> Vec<(PathBuf, BTreeMap<String, Bytes>)> {
    let folder = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    vec![(folder("v1"), plain().await), (folder("v1-odd"), odd().await)]
}

/// Two points of a table of 40 items, one of which changed, and two of a function.
async fn plain() -> BTreeMap<String, Bytes> {
    let world = World::with_orders(40);
    world.add_function("bill");
    world.tick().await;
    world.tables.put("orders", order_in(7, "shipped"));
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    world.home.contents()
}

/// Every attribute type and what is easily lost of it, several shards, an item that is new, one that changed and one that is
/// gone, a checkpoint, facts, a tombstone.
async fn odd() -> BTreeMap<String, Bytes> {
    let world = World::default();
    world.tables.page_items(4);
    world
        .tables
        .add("orders", &table_config(), (0..20).map(order).chain([odd_item()]));
    world.tables.set_approximate("orders", 1_000_000, 0);
    let arn = world.tables.arn("orders").parse().unwrap();
    world.resources.add(&arn, &[("backup", "standard")]);
    world.add_function("bill");
    for hour in 0..3 {
        world.tick().await;
        world.tables.put("orders", order_in(7, &format!("changed at {hour}")));
        world.tables.put("orders", order(40 + hour));
        world.tables.delete("orders", &order(8 + hour));
        world.later(SignedDuration::from_hours(1));
    }
    world.replicate().run_all(&world.clock).await.unwrap();
    world.verify().run_all(&world.clock).await.unwrap();
    world.prune().run(prune::Mode::Execute, &world.clock).await.unwrap();
    // A run that is cut short leaves its record and its checkpoints.
    world.tables.set_approximate("orders", 2_000_000, 0);
    world.tables.page_items(1);
    world.snapshot().run_due(&world.clock).await.unwrap();
    for task in world.outbox.take_tasks() {
        let request = snapshot::Request::parse(serde_json::from_str(&task.body).unwrap()).unwrap();
        world.clock.set_remaining(SignedDuration::from_secs(40));
        world.snapshot().run_request(request, &world.clock).await.unwrap();
    }
    world.home.contents()
}

/// What is easily lost: digits, signs, quotes, control characters, other scripts, depth, emptiness.
fn odd_item() -> Item {
    let text = |text: &str| Value::S(text.to_owned());
    let number = |text: &str| Value::N(text.to_owned());
    Item::from([
        ("customer".to_owned(), text("customer-odd")),
        ("order".to_owned(), number("-0.5")),
        ("state".to_owned(), text("open")),
        ("quotes".to_owned(), text("\"double\" \\ back\nline\ttab \u{1} /")),
        ("scripts".to_owned(), text("Ærø 東京 🚢 \u{2028}")),
        ("digits".to_owned(), number("12345678901234567890123456789012345678")),
        (
            "tiny".to_owned(),
            number("-1.2345678901234567890123456789012345678E-130"),
        ),
        ("none".to_owned(), Value::B(Vec::new())),
        ("bytes".to_owned(), Value::B((0..=255).collect())),
        (
            "numbers".to_owned(),
            Value::Ns(vec!["2".into(), "-1".into(), "10".into()]),
        ),
        ("true".to_owned(), Value::Bool(true)),
        ("null".to_owned(), Value::Null),
        ("list".to_owned(), Value::L(Vec::new())),
        (
            "deep".to_owned(),
            Value::M(Item::from([(
                "a".to_owned(),
                Value::L(vec![Value::M(Item::new()), Value::Bs(vec![vec![2], vec![1, 0]])]),
            )])),
        ),
    ])
}
