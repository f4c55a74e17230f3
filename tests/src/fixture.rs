//! The vault that is kept as files for each format version that was ever released, so that every later release reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use holdfast_sources::dynamodb::{Item, Value};
use jiff::SignedDuration;

use crate::{World, order, order_in, table_config};

/// Where a format version's vault lies.
pub fn folder(format: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/v{format}"))
}

/// Every object of a vault as today's release writes it: two points of a table, the second with an item that changed, one that
/// is new and one that is gone, and two of a function; proved, and with an old point tombstoned.
pub async fn vault() -> BTreeMap<String, Bytes> {
    let world = World::default();
    world.tables.page_items(16);
    world
        .tables
        .add("orders", &table_config(), (0..39).map(order).chain([odd()]));
    let arn = world.tables.arn("orders").parse().unwrap();
    world.resources.add(&arn, &[("backup", "standard")]);
    world.add_function("bill");
    world.tick().await;
    world.tables.put("orders", order_in(7, "shipped"));
    world.tables.put("orders", order(40));
    world.tables.delete("orders", &order(8));
    world.later(SignedDuration::from_hours(1));
    world.tick().await;
    world.verify().run_all(&world.clock).await.unwrap();
    world.home.contents()
}

/// What is easily lost: digits, signs, quotes, control characters, other scripts, depth, emptiness.
fn odd() -> Item {
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
