//! A Scan's answer, read item by item: each becomes its line before the next one is looked at, so that only one at a time is in
//! pieces, and what is in it is borrowed from the answer.

use std::borrow::{Borrow, Cow};
use std::fmt;

use holdfast_vault::{Line, PortError};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::port::ScanPage;
use super::{BYTES_PER_READ_UNIT, Item, line};

/// Reads the body of a Scan's answer. `key` names the table's primary key's attributes.
///
/// # Errors
/// `Unavailable` when it is no JSON, or breaks off; `Invalid` when it has no items at all, or one without such a key or with an
/// attribute of a type that is not known: an item with a hole in it must not be stored as if it were whole. No error repeats what
/// is in an item.
pub fn read_page(body: &[u8], key: &[String]) -> Result<ScanPage, PortError> {
    let broken = |why: &dyn fmt::Display| PortError::Unavailable(format!("the page cannot be read: {why}"));
    // Once for the whole text: for each string in it, this would cost as much as all other reading.
    let text = std::str::from_utf8(body).map_err(|error| broken(&error))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let page = PageReader { key }.deserialize(&mut json);
    page.and_then(|page| json.end().map(|()| page))
        .map_err(|error| match error.classify() {
            Category::Data => PortError::Invalid(format!(
                "the page has, up to its byte {}, an item of a kind that this release does not know: update Holdfast",
                error.column()
            )),
            Category::Io | Category::Syntax | Category::Eof => broken(&error),
        })
}

/// A string that is borrowed from the answer wherever nothing in it is escaped.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

impl Borrow<str> for Text<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
enum Member {
    Items,
    LastEvaluatedKey,
    ConsumedCapacity,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Consumed {
    capacity_units: Option<f64>,
}

struct PageReader<'k> {
    key: &'k [String],
}

impl<'de> DeserializeSeed<'de> for PageReader<'_> {
    type Value = ScanPage;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ScanPage, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageReader<'_> {
    type Value = ScanPage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Scan's answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ScanPage, A::Error> {
        let (mut lines, mut charged_bytes, mut next) = (None, None, None);
        while let Some(member) = map.next_key()? {
            match member {
                Member::Items => lines = Some(map.next_value_seed(LinesReader { key: self.key })?),
                Member::LastEvaluatedKey => next = map.next_value::<Option<Item>>()?,
                Member::ConsumedCapacity => charged_bytes = map.next_value::<Option<Consumed>>()?.and_then(charged),
                Member::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(ScanPage {
            lines: lines.ok_or_else(|| A::Error::missing_field("Items"))?,
            charged_bytes,
            next: next.filter(|key| !key.is_empty()),
        })
    }
}

struct LinesReader<'k> {
    key: &'k [String],
}

impl<'de> DeserializeSeed<'de> for LinesReader<'_> {
    type Value = Vec<Line>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Line>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for LinesReader<'_> {
    type Value = Vec<Line>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Line>, A::Error> {
        let mut lines = Vec::new();
        while let Some(item) = items.next_element::<Item<Text<'de>>>()? {
            lines.push(line(&item, self.key).map_err(A::Error::custom)?);
        }
        Ok(lines)
    }
}

/// What a Scan's read units stand for. They come in halves.
fn charged(consumed: Consumed) -> Option<u64> {
    let half_units = (consumed.capacity_units? * 2.0).ceil();
    // The largest page is 1 MB: whatever is no number of that order is not believed.
    if !(0.0..=1e6).contains(&half_units) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a million"
    )]
    let half_units = half_units as u64;
    Some(half_units * (BYTES_PER_READ_UNIT / 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dynamodb::item::tests::value;
    use crate::dynamodb::{Value, parse};

    fn key() -> Vec<String> {
        vec!["pk".to_owned()]
    }

    fn read(body: &str) -> Result<ScanPage, PortError> {
        read_page(body.as_bytes(), &key())
    }

    #[test]
    fn a_page_has_the_lines_of_its_items() {
        let body = r#"{"Count":2,"ScannedCount":2,
            "Items":[
                {"pk":{"S":"b"},"n":{"N":"1.50"},"a":{"SS":["z","\u0061\"\/"]},"\u0062":{"B":"AP8="}},
                {"m":{"M":{"y":{"BOOL":false},"x":{"L":[{"NULL":true},{"S":"ü"}]}}},"pk":{"S":"a"}}],
            "LastEvaluatedKey":{"pk":{"S":"a"}},
            "ConsumedCapacity":{"TableName":"orders","CapacityUnits":128.5}}"#;
        let page = read(body).unwrap();
        let texts: Vec<_> = page
            .lines
            .iter()
            .map(|line| str::from_utf8(line.text()).unwrap())
            .collect();
        assert_eq!(
            texts,
            [
                r#"{"Item":{"a":{"SS":["a\"/","z"]},"b":{"B":"AP8="},"n":{"N":"1.50"},"pk":{"S":"b"}}}"#,
                r#"{"Item":{"m":{"M":{"x":{"L":[{"NULL":true},{"S":"ü"}]},"y":{"BOOL":false}}},"pk":{"S":"a"}}}"#,
            ]
        );
        // As if the items had been taken apart and put together again.
        for read in &page.lines {
            assert_eq!(*read, line(&parse(read.text()).unwrap(), &key()).unwrap());
        }
        assert_eq!(
            page.next,
            Some(Item::from([("pk".to_owned(), Value::S("a".to_owned()))]))
        );
        assert_eq!(page.charged_bytes, Some(1_052_672));
    }

    #[test]
    fn a_page_without_items_may_go_on_and_its_end_is_a_key_without_attributes_or_none() {
        let page = read(r#"{"Items":[],"LastEvaluatedKey":{"pk":{"S":"a"}}}"#).unwrap();
        assert!(page.lines.is_empty() && page.next.is_some());
        for end in [
            "",
            r#","LastEvaluatedKey":{}"#,
            r#","LastEvaluatedKey":null,"ConsumedCapacity":null"#,
        ] {
            assert_eq!(read(&format!(r#"{{"Items":[]{end}}}"#)).unwrap(), ScanPage::default());
        }
    }

    #[test]
    fn a_page_is_charged_for_by_its_read_units() {
        for (units, bytes) in [
            ("0", Some(0)),
            ("0.5", Some(4096)),
            ("-1", None),
            ("1e300", None),
            ("null", None),
        ] {
            let page = read(&format!(
                r#"{{"Items":[],"ConsumedCapacity":{{"CapacityUnits":{units}}}}}"#
            ));
            assert_eq!(page.unwrap().charged_bytes, bytes);
        }
    }

    #[test]
    fn an_answer_that_is_not_whole_is_no_page() {
        let body = r#"{"Items":[{"pk":{"S":"a"}}]}"#;
        assert_eq!(read(body).unwrap().lines.len(), 1);
        for end in 0..body.len() {
            assert!(read(&body[..end]).unwrap_err().is_retryable(), "cut at {end}");
        }
        assert!(read(&format!("{body}}}")).unwrap_err().is_retryable());
        assert!(
            read_page(b"{\"Items\":[{\"pk\":{\"S\":\"\xff\"}}]}", &key())
                .unwrap_err()
                .is_retryable()
        );
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_told() {
        for items in [
            r#"[{"pk":{"S":"a"},"x":{"secret":"secret"}}]"#,
            r#"[{"pk":{"S":"a"},"x":{"BOOL":"secret"}}]"#,
            r#"[{"pk":{"B":"secret!"}}]"#,
            r#"[{"secret":{"S":"secret"}}]"#,
            r#""secret""#,
            "null",
        ] {
            let error = read(&format!(r#"{{"Items":{items}}}"#)).unwrap_err();
            assert!(
                matches!(&error, PortError::Invalid(why) if !why.contains("secret")),
                "{error}"
            );
        }
        assert!(matches!(read("{}"), Err(PortError::Invalid(_))));
    }

    proptest! {
        #[test]
        fn an_item_has_the_same_line_borrowed_and_owned(value in value()) {
            let item = Item::from([("pk".to_owned(), Value::S("a".to_owned())), ("x".to_owned(), value)]);
            let line = line(&item, &key()).unwrap();
            let text = str::from_utf8(line.text()).unwrap();
            let bare = text.strip_prefix(r#"{"Item":"#).and_then(|text| text.strip_suffix('}')).unwrap();
            let page = read(&format!(r#"{{"Items":[{bare}]}}"#)).unwrap();
            prop_assert_eq!(page.lines, [line]);
        }

        #[test]
        fn any_bytes_are_no_page_and_never_a_panic(bytes in any::<Vec<u8>>()) {
            prop_assert!(read_page(&bytes, &key()).is_err());
        }
    }
}
