//! Replacing ARNs, wherever they stand.

use holdfast_sources::wiring::ArnMap;
use proptest::prelude::*;
use serde_json::{Value, json};

fn map(pairs: &[(&str, &str)]) -> ArnMap {
    let mut map = ArnMap::default();
    pairs.iter().for_each(|(old, new)| map.insert(old, new));
    map
}

fn apply(map: &ArnMap, text: &str) -> String {
    match map.rewrite(&json!([text])).0 {
        Value::Array(list) => list[0].as_str().unwrap().to_owned(),
        other => panic!("{other}"),
    }
}

const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:orders";
const NEW: &str = "arn:aws:sqs:eu-west-1:111122223333:orders-2";

#[test]
fn an_arn_is_replaced_wherever_it_is_whole() {
    let map = map(&[
        (QUEUE, NEW),
        ("arn:aws:dynamodb:r:1:table/t", "arn:aws:dynamodb:r:1:table/u"),
    ]);
    for (text, expected) in [
        (QUEUE.to_owned(), NEW.to_owned()),
        (format!("{{\"q\":\"{QUEUE}\"}}"), format!("{{\"q\":\"{NEW}\"}}")),
        (format!("{QUEUE}, {QUEUE}."), format!("{NEW}, {NEW}.")),
        (
            "arn:aws:dynamodb:r:1:table/t/stream/2026".to_owned(),
            "arn:aws:dynamodb:r:1:table/u/stream/2026".to_owned(),
        ),
    ] {
        assert_eq!(apply(&map, &text), expected);
    }
    for other in [
        format!("{QUEUE}-dlq"),
        format!("{QUEUE}.fifo"),
        format!("{QUEUE}2"),
        format!("{QUEUE}*"),
        format!("x{}", &QUEUE[1..]),
    ] {
        assert_eq!(apply(&map, &other), other);
    }
}

#[test]
fn a_rules_bus_is_not_taken_for_a_rule() {
    let map = map(&[("arn:aws:events:r:1:rule/shop", "arn:aws:events:r:1:rule/store")]);
    assert_eq!(
        apply(&map, "arn:aws:events:r:1:rule/shop"),
        "arn:aws:events:r:1:rule/store"
    );
    assert_eq!(
        apply(&map, "arn:aws:events:r:1:rule/shop/paid"),
        "arn:aws:events:r:1:rule/shop/paid"
    );
}

#[test]
fn a_plain_name_is_replaced_only_where_it_is_all() {
    let map = map(&[("orders", "orders-2")]);
    assert_eq!(
        map.rewrite(&json!({"orders": ["orders", "my orders", "orders "]})).0,
        json!({"orders": ["orders-2", "my orders", "orders "]})
    );
}

#[test]
fn two_that_change_places_do() {
    let map = map(&[("a:1", "a:2"), ("a:2", "a:1")]);
    assert_eq!(apply(&map, "a:1 a:2 a:1"), "a:2 a:1 a:2");
}

fn arn() -> impl Strategy<Value = String> {
    "arn:aws:(sqs|sns):eu-central-1:111122223333:[a-c]{1,3}(-[a-c])?"
}

fn document() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        arn(),
        (arn(), arn()).prop_map(|(a, b)| format!("{{\"x\":\"{a}\",\"y\":[\"{b}\"]}}")),
        "[a-z:. ]{0,9}"
    ];
    text.prop_map(Value::from).prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|map| json!(map))
        ]
    })
}

proptest! {
    #[test]
    fn nothing_replaced_changes_nothing(document in document()) {
        prop_assert_eq!(ArnMap::default().rewrite(&document).0, document);
    }

    #[test]
    fn what_was_renamed_is_renamed_back(document in document(), olds in prop::collection::btree_set(arn(), 0..5)) {
        let (mut there, mut back) = (ArnMap::default(), ArnMap::default());
        for (at, old) in olds.iter().enumerate() {
            let new = format!("arn:aws:sqs:eu-west-1:444455556666:new{at}");
            there.insert(old, &new);
            back.insert(&new, old);
        }
        let renamed = there.rewrite(&document).0;
        prop_assert_eq!(back.rewrite(&renamed).0, document);
        let text = renamed.to_string();
        for old in &olds {
            for (at, _) in text.match_indices(old.as_str()) {
                let next = text[at + old.len()..].chars().next();
                prop_assert!(next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-'), "{} is left in {}", old, text);
            }
        }
    }
}
