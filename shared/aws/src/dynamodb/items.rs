//! Reading and writing items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use holdfast_catalog::Shard;
use holdfast_sources::call::dynamodb::Scan;
use holdfast_sources::dynamodb::port::{MAX_BATCH_ITEMS, ScanPage, ScanTable, WriteItems};
use holdfast_sources::dynamodb::{Item, line, read_page};
use holdfast_vault::PortError;
use serde_json::{Value as Json, json};

use super::Tables;
use super::value::{from_sdk, to_sdk};
use crate::error::port_error;

impl ScanTable for Tables {
    async fn scan(
        &self,
        table: &str,
        key: &[String],
        shard: Shard,
        cursor: Option<&Item>,
    ) -> Result<ScanPage, PortError> {
        let doing = format!("scanning table {table}, segment {} of {}", shard.index, shard.of);
        // Eventually consistent: a Scan is no snapshot either way, and consistent reads cost twice as much.
        let mut input = json!({
            "TableName": table,
            "Segment": shard.index,
            "TotalSegments": shard.of,
            "ReturnConsumedCapacity": "TOTAL",
        });
        if let Some(cursor) = cursor {
            input["ExclusiveStartKey"] = plain(cursor).map_err(|error| error.doing(&doing))?;
        }
        // The SDK's own Scan makes a tree of the whole page first, which costs more CPU than all that is done with it afterwards.
        let key = key.to_vec();
        let page = self
            .calls
            .read_of::<Scan, _>(&self.region, input, move |body| read_page(body, &key));
        page.await.map_err(|error| error.doing(&doing))
    }
}

/// A key as requests have it, which is as lines do.
fn plain(key: &Item) -> Result<Json, PortError> {
    let invalid = |error: &dyn std::fmt::Display| PortError::Invalid(format!("a key to go on from: {error}"));
    let line = line(key, &[]).map_err(|error| invalid(&error))?;
    let mut wrapped: Json = serde_json::from_slice(line.text()).map_err(|error| invalid(&error))?;
    Ok(wrapped["Item"].take())
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
