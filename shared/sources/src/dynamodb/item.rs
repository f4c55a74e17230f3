use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use holdfast_catalog::Sha256;
use holdfast_vault::Line;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

/// A table's item: attributes in order of name.
pub type Item<S = String> = BTreeMap<S, Value<S>>;

/// An attribute's value, with nothing lost: numbers stay the text that DynamoDB sent. `S` is a string of its own, or one that
/// is borrowed from what is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<S = String> {
    /// String.
    S(S),
    /// Number, verbatim: up to 38 digits, never through a float.
    N(S),
    /// Binary.
    B(Vec<u8>),
    /// Boolean.
    Bool(bool),
    /// Null.
    Null,
    /// String set.
    Ss(Vec<S>),
    /// Number set.
    Ns(Vec<S>),
    /// Binary set.
    Bs(Vec<Vec<u8>>),
    /// List.
    L(Vec<Value<S>>),
    /// Map.
    M(Item<S>),
}

/// What is wrong with an item or a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ItemError {
    /// An item without one of its primary key's attributes.
    #[error("item has no key attribute {0:?}")]
    NoKey(String),
    /// A line that is no `{"Item":{…}}`.
    #[error("line is no item: {0}")]
    NotAnItem(String),
}

/// The canonical line of an item, `{"Item":{…}}` as DynamoDB's own exports write it: attributes and set members sorted at
/// every depth, numbers verbatim, no white space. Equal items have equal lines.
///
/// # Errors
/// The item lacks one of the `key` attributes.
pub fn line<S: Borrow<str> + Ord>(item: &Item<S>, key: &[String]) -> Result<Line, ItemError> {
    // DynamoDB items are small; most lines fit this without growing.
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(b"{\"Item\":");
    write_map(&mut text, item);
    text.push(b'}');
    // A page's lines are held together.
    text.shrink_to_fit();
    let mut key_text = Vec::with_capacity(64);
    for name in key {
        let value = item.get(name.as_str()).ok_or_else(|| ItemError::NoKey(name.clone()))?;
        write_value(&mut key_text, value);
    }
    Ok(Line::new(text, Sha256::of(&key_text)))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapper<I> {
    #[serde(rename = "Item")]
    item: I,
}

/// The item of a line.
///
/// # Errors
/// The bytes are no canonical or hand-written `{"Item":{…}}`.
pub fn parse(line: &[u8]) -> Result<Item, ItemError> {
    unwrap(line)
}

/// Whether a line is one whole `{"Item":{…}}` and nothing beside it, without looking at what is in the item.
///
/// # Errors
/// It is not.
pub fn check(line: &[u8]) -> Result<(), ItemError> {
    unwrap(line).map(|Attributes| ())
}

fn unwrap<'l, I: Deserialize<'l>>(line: &'l [u8]) -> Result<I, ItemError> {
    let wrapper: Result<Wrapper<I>, _> = serde_json::from_slice(line);
    wrapper
        .map(|wrapper| wrapper.item)
        .map_err(|e| ItemError::NotAnItem(e.to_string()))
}

/// An object, whatever is in it.
struct Attributes;

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Attributes)
    }
}

impl<'de> Visitor<'de> for Attributes {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item's attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Attributes)
    }
}

fn write_map<S: Borrow<str>>(out: &mut Vec<u8>, item: &Item<S>) {
    out.push(b'{');
    for (at, (name, value)) in item.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(out, name.borrow());
        out.push(b':');
        write_value(out, value);
    }
    out.push(b'}');
}

fn write_value<S: Borrow<str>>(out: &mut Vec<u8>, value: &Value<S>) {
    match value {
        Value::S(text) => tagged(out, b"S", |out| write_string(out, text.borrow())),
        Value::N(text) => tagged(out, b"N", |out| write_string(out, text.borrow())),
        Value::B(bytes) => tagged(out, b"B", |out| write_string(out, &BASE64.encode(bytes))),
        Value::Bool(true) => out.extend_from_slice(b"{\"BOOL\":true}"),
        Value::Bool(false) => out.extend_from_slice(b"{\"BOOL\":false}"),
        Value::Null => out.extend_from_slice(b"{\"NULL\":true}"),
        Value::Ss(set) => tagged(out, b"SS", |out| write_set::<&str>(out, set.iter().map(S::borrow))),
        Value::Ns(set) => tagged(out, b"NS", |out| write_set::<&str>(out, set.iter().map(S::borrow))),
        Value::Bs(set) => tagged(out, b"BS", |out| {
            write_set(out, set.iter().map(|bytes| BASE64.encode(bytes)));
        }),
        Value::L(list) => tagged(out, b"L", |out| {
            out.push(b'[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(out, value);
            }
            out.push(b']');
        }),
        Value::M(map) => tagged(out, b"M", |out| write_map(out, map)),
    }
}

fn tagged(out: &mut Vec<u8>, tag: &[u8], body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(tag);
    out.extend_from_slice(b"\":");
    body(out);
    out.push(b'}');
}

fn write_set<T: Borrow<str> + Ord>(out: &mut Vec<u8>, members: impl Iterator<Item = T>) {
    let mut members: Vec<T> = members.collect();
    members.sort_unstable();
    out.push(b'[');
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(out, member.borrow());
    }
    out.push(b']');
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    // Nothing to escape is nearly always true, so all bytes are looked at before the first is copied; and without a branch, so
    // that the compiler takes many at once.
    let is_special = |b| (b < 0x20) | (b == b'"') | (b == b'\\');
    if !text.bytes().fold(false, |found, b| found | is_special(b)) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else if let Ok(quoted) = serde_json::to_vec(text) {
        // Writing a string to memory cannot fail.
        out.extend_from_slice(&quoted);
    }
}

impl<'de, S: Deserialize<'de> + Borrow<str> + Ord> Deserialize<'de> for Value<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValueVisitor(PhantomData))
    }
}

/// What DynamoDB calls the types.
#[derive(serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Tag {
    S,
    N,
    B,
    Bool,
    Null,
    Ss,
    Ns,
    Bs,
    L,
    M,
}

struct ValueVisitor<S>(PhantomData<S>);

impl<'de, S: Deserialize<'de> + Borrow<str> + Ord> Visitor<'de> for ValueVisitor<S> {
    type Value = Value<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a typed value such as {\"S\":\"text\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<S>, A::Error> {
        let binary = |text: S| BASE64.decode(text.borrow()).map_err(de::Error::custom);
        let Some(tag) = map.next_key()? else {
            return Err(de::Error::custom("a value without a type"));
        };
        let value = match tag {
            Tag::S => Value::S(map.next_value()?),
            Tag::N => Value::N(map.next_value()?),
            Tag::B => Value::B(binary(map.next_value()?)?),
            Tag::Bool => Value::Bool(map.next_value()?),
            Tag::Null => {
                map.next_value::<bool>()?;
                Value::Null
            }
            Tag::Ss => Value::Ss(map.next_value()?),
            Tag::Ns => Value::Ns(map.next_value()?),
            Tag::Bs => {
                let set = map.next_value::<Vec<S>>()?.into_iter();
                Value::Bs(set.map(binary).collect::<Result<_, _>>()?)
            }
            Tag::L => Value::L(map.next_value()?),
            Tag::M => Value::M(map.next_value()?),
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(de::Error::custom("a value of two types")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::dynamodb) fn value() -> impl Strategy<Value = Value> {
        let number = "-?[0-9]{1,38}(\\.[0-9]{1,20})?";
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::S),
            number.prop_map(Value::N),
            any::<Vec<u8>>().prop_map(Value::B),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
            proptest::collection::btree_set(any::<String>(), 1..4).prop_map(|set| Value::Ss(set.into_iter().collect())),
            proptest::collection::btree_set(number, 1..4).prop_map(|set| Value::Ns(set.into_iter().collect())),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::L),
                proptest::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Value::M),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_item_round_trips_through_its_line(mut item in proptest::collection::btree_map("[a-z]{1,3}", value(), 0..6)) {
            item.insert("pk".to_owned(), Value::S("1".to_owned()));
            let line = line(&item, &["pk".to_owned()]).unwrap();
            prop_assert_eq!(parse(line.text()).unwrap(), item);
            prop_assert!(!line.text().contains(&b'\n'));
        }

        #[test]
        fn a_line_that_is_no_item_is_an_error_and_never_a_panic(bytes in any::<Vec<u8>>()) {
            prop_assert!(parse(&bytes).is_err());
        }
    }

    #[test]
    fn the_line_is_dynamodbs_own_export_form() {
        let item = Item::from([
            ("pk".to_owned(), Value::S("a\"b".to_owned())),
            (
                "n".to_owned(),
                Value::N("12345678901234567890123456789012345678".to_owned()),
            ),
            ("b".to_owned(), Value::B(vec![0, 255])),
            ("ss".to_owned(), Value::Ss(vec!["b".to_owned(), "a".to_owned()])),
            ("bs".to_owned(), Value::Bs(vec![vec![2], vec![1]])),
            (
                "l".to_owned(),
                Value::L(vec![Value::Null, Value::Bool(false), Value::M(Item::new())]),
            ),
        ]);
        let line = line(&item, &["pk".to_owned()]).unwrap();
        assert_eq!(
            String::from_utf8(line.text().to_vec()).unwrap(),
            r#"{"Item":{"b":{"B":"AP8="},"bs":{"BS":["AQ==","Ag=="]},"l":{"L":[{"NULL":true},{"BOOL":false},{"M":{}}]},"n":{"N":"12345678901234567890123456789012345678"},"pk":{"S":"a\"b"},"ss":{"SS":["a","b"]}}}"#
        );
    }

    #[test]
    fn an_item_without_its_key_is_refused() {
        assert_eq!(
            line(&Item::<String>::new(), &["pk".to_owned()]).unwrap_err(),
            ItemError::NoKey("pk".to_owned())
        );
    }

    #[test]
    fn a_value_of_two_types_or_of_none_is_refused() {
        assert!(parse(br#"{"Item":{"a":{"S":"x","N":"1"}}}"#).is_err());
        assert!(parse(br#"{"Item":{"a":{}}}"#).is_err());
        assert!(parse(br#"{"Item":{"a":{"X":"1"}}}"#).is_err());
    }
}
