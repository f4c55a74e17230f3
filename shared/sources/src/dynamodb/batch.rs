//! BatchWriteItem's request and answer: lines go out as they lie in packs, because what a line wraps is what a put wraps.

use std::collections::HashMap;

use bytes::Bytes;
use holdfast_vault::PortError;
use serde::Deserialize;

use super::port::MAX_BATCH_ITEMS;
use super::{Item, line};

/// What stands around each line.
const PUT: (&[u8], &[u8]) = (b"{\"PutRequest\":", b"}");

/// The body of a request that puts the items of some lines into a table.
///
/// # Errors
/// `Invalid` when there are more than a batch takes or a line is no text; no error repeats what is in an item.
pub fn write_batch(table: &str, lines: &[Bytes]) -> Result<String, PortError> {
    if lines.len() > MAX_BATCH_ITEMS {
        let count = lines.len();
        return Err(PortError::Invalid(format!(
            "a batch of {count} items: it takes at most {MAX_BATCH_ITEMS}"
        )));
    }
    let table = serde_json::Value::from(table).to_string();
    let bytes: usize = lines
        .iter()
        .map(|line| line.len() + PUT.0.len() + PUT.1.len() + 1)
        .sum();
    let mut body = Vec::with_capacity(bytes + table.len() + 32);
    body.extend_from_slice(b"{\"RequestItems\":{");
    body.extend_from_slice(table.as_bytes());
    body.extend_from_slice(b":[");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        for part in [PUT.0, line, PUT.1] {
            body.extend_from_slice(part);
        }
    }
    body.extend_from_slice(b"]}}");
    String::from_utf8(body).map_err(|_| PortError::Invalid("an item whose line is no UTF-8".to_owned()))
}

/// The lines of the items that a batch did not write, from the body of its answer.
///
/// # Errors
/// `Unavailable` when it cannot be read: whatever is not known to be written is written again.
pub fn read_unprocessed(body: &[u8]) -> Result<Vec<Bytes>, PortError> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| PortError::Unavailable(format!("what a batch left cannot be read: {error}")))?;
    // The requests were all for one table, whatever the service calls it in its answer.
    let requests = answer.unprocessed.into_iter().flat_map(HashMap::into_values).flatten();
    requests
        .map(|request| match request.put {
            Some(put) => line(&put.item, &[])
                .map(|line| Bytes::copy_from_slice(line.text()))
                .map_err(|error| PortError::Unavailable(error.to_string())),
            // Nothing else was asked for. To take it for written would lose an item.
            None => Err(PortError::Unavailable(
                "an unprocessed request that is no put".to_owned(),
            )),
        })
        .collect()
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "UnprocessedItems")]
    unprocessed: Option<HashMap<String, Vec<Request>>>,
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "PutRequest")]
    put: Option<Put>,
}

#[derive(Deserialize)]
struct Put {
    #[serde(rename = "Item")]
    item: Item,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::dynamodb::item::tests::value;

    proptest! {
        #[test]
        fn what_goes_out_is_what_the_service_reads_and_what_it_leaves_is_the_same_line(
            items in proptest::collection::vec(proptest::collection::btree_map(".{0,8}", value(), 0..4), 0..5),
        ) {
            let lines: Vec<Bytes> = items
                .iter()
                .map(|item: &Item| Bytes::copy_from_slice(line(item, &[]).unwrap().text()))
                .collect();
            let body: Value = serde_json::from_str(&write_batch("a \"table\"", &lines).unwrap()).unwrap();
            let puts = body["RequestItems"]["a \"table\""].as_array().unwrap();
            prop_assert_eq!(puts.len(), items.len());
            for (put, line) in puts.iter().zip(&lines) {
                let sent: Value = serde_json::from_slice(line).unwrap();
                prop_assert_eq!(&put["PutRequest"], &sent);
            }
            let answer = json!({ "UnprocessedItems": { "another name": puts } }).to_string();
            prop_assert_eq!(read_unprocessed(answer.as_bytes()).unwrap(), lines);
        }
    }

    #[test]
    fn nothing_left_is_said_in_several_ways() {
        for answer in [
            "{}",
            r#"{"UnprocessedItems":{}}"#,
            r#"{"UnprocessedItems":null}"#,
            r#"{"UnprocessedItems":{"t":[]}}"#,
        ] {
            assert_eq!(read_unprocessed(answer.as_bytes()).unwrap(), [""; 0], "{answer}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_written() {
        for answer in [
            "",
            "{",
            r#"{"UnprocessedItems":{"t":[{}]}}"#,
            r#"{"UnprocessedItems":{"t":[{"DeleteRequest":{"Key":{}}}]}}"#,
            r#"{"UnprocessedItems":{"t":[{"PutRequest":{"Item":{"a":{"X":"1"}}}}]}}"#,
        ] {
            assert!(
                read_unprocessed(answer.as_bytes()).unwrap_err().is_retryable(),
                "{answer}"
            );
        }
    }

    #[test]
    fn a_batch_that_is_too_large_or_no_text_is_refused_before_it_is_sent() {
        let line = Bytes::from_static(b"{\"Item\":{}}");
        assert!(write_batch("t", &vec![line.clone(); MAX_BATCH_ITEMS]).is_ok());
        for lines in [vec![line; MAX_BATCH_ITEMS + 1], vec![Bytes::from_static(b"\xff")]] {
            assert!(matches!(write_batch("t", &lines), Err(PortError::Invalid(_))));
        }
    }
}
