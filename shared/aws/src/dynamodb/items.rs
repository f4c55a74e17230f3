//! Reading and writing items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{ConsumedCapacity, PutRequest, ReturnConsumedCapacity, WriteRequest};
use holdfast_catalog::Shard;
use holdfast_sources::dynamodb::port::{MAX_BATCH_ITEMS, ScanPage, ScanTable, WriteItems};
use holdfast_sources::dynamodb::{BYTES_PER_READ_UNIT, Item};
use holdfast_vault::PortError;

use super::Tables;
use super::value::{from_sdk, to_sdk};
use crate::error::port_error;

impl ScanTable for Tables {
    async fn scan(&self, table: &str, shard: Shard, cursor: Option<&Item>) -> Result<ScanPage, PortError> {
        let doing = format!("scanning table {table}, segment {} of {}", shard.index, shard.of);
        let number = |n: u32| i32::try_from(n).map_err(|_| PortError::Invalid(format!("{doing}: too many segments")));
        // Eventually consistent: a Scan is no snapshot either way, and consistent reads cost twice as much.
        let answer = self
            .client
            .scan()
            .table_name(table)
            .segment(number(shard.index)?)
            .total_segments(number(shard.of)?)
            .set_exclusive_start_key(cursor.cloned().map(to_sdk))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| port_error(&error, &doing))?;
        let items = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(from_sdk)
            .collect::<Result<_, _>>();
        let next = answer
            .last_evaluated_key
            .filter(|key| !key.is_empty())
            .map(from_sdk)
            .transpose();
        Ok(ScanPage {
            items: items.map_err(|error: PortError| error.doing(&doing))?,
            charged_bytes: answer.consumed_capacity.and_then(|consumed| charged_bytes(&consumed)),
            next: next.map_err(|error| error.doing(&doing))?,
        })
    }
}

/// What a Scan's read units stand for. They come in halves.
fn charged_bytes(consumed: &ConsumedCapacity) -> Option<u64> {
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

impl WriteItems for Tables {
    async fn write_items(&self, table: &str, items: Vec<Item>) -> Result<Vec<Item>, PortError> {
        let doing = format!("writing {} items to table {table}", items.len());
        if items.is_empty() {
            return Ok(items);
        }
        if items.len() > MAX_BATCH_ITEMS {
            return Err(PortError::Invalid(format!(
                "{doing}: a batch takes at most {MAX_BATCH_ITEMS}"
            )));
        }
        let puts = items.into_iter().map(put).collect::<Result<Vec<_>, _>>()?;
        let answer = self.client.batch_write_item().request_items(table, puts).send().await;
        let answer = answer.map_err(|error| port_error(&error, &doing))?;
        left_of(answer.unprocessed_items).map_err(|error| error.doing(&doing))
    }
}

fn put(item: Item) -> Result<WriteRequest, PortError> {
    let request = PutRequest::builder().set_item(Some(to_sdk(item))).build();
    let request = request.map_err(|error| PortError::Invalid(error.to_string()))?;
    Ok(WriteRequest::builder().put_request(request).build())
}

/// The items that a batch write did not write.
fn left_of(unprocessed: Option<HashMap<String, Vec<WriteRequest>>>) -> Result<Vec<Item>, PortError> {
    // The requests were all for one table, whatever the service calls it in its answer.
    let requests = unprocessed.into_iter().flat_map(HashMap::into_values).flatten();
    requests
        .map(|request| match request.put_request {
            Some(put) => from_sdk(put.item),
            // Nothing else was asked for. To take it for written would lose an item.
            None => Err(PortError::Unavailable(
                "an unprocessed request that is no put".to_owned(),
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use holdfast_sources::dynamodb::Value;

    use super::*;

    #[test]
    fn a_page_is_charged_for_by_its_read_units() {
        let charged =
            |units: Option<f64>| charged_bytes(&ConsumedCapacity::builder().set_capacity_units(units).build());
        assert_eq!(charged(Some(128.5)), Some(1_052_672));
        assert_eq!(charged(Some(0.0)), Some(0));
        for unbelievable in [None, Some(-1.0), Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(charged(unbelievable), None);
        }
    }

    #[test]
    fn unprocessed_items_come_back_under_whatever_name_the_table_has() {
        let item = Item::from([("pk".to_owned(), Value::N("1".to_owned()))]);
        let request = put(item.clone()).unwrap();
        for table in ["orders", "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"] {
            let unprocessed = HashMap::from([(table.to_owned(), vec![request.clone()])]);
            assert_eq!(left_of(Some(unprocessed)).unwrap(), std::slice::from_ref(&item));
        }
        assert_eq!(left_of(None).unwrap(), []);
        assert_eq!(left_of(Some(HashMap::new())).unwrap(), []);
    }

    #[test]
    fn an_unprocessed_request_that_is_no_put_is_not_taken_for_written() {
        let unprocessed = HashMap::from([("orders".to_owned(), vec![WriteRequest::builder().build()])]);
        assert!(left_of(Some(unprocessed)).unwrap_err().is_retryable());
    }
}
