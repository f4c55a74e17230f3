//! Reading and writing items.

use bytes::Bytes;
use holdfast_catalog::Shard;
use holdfast_sources::call::dynamodb::{BatchWriteItem, Scan};
use holdfast_sources::dynamodb::port::{ScanPage, ScanTable, WriteItems};
use holdfast_sources::dynamodb::{Item, line, read_page, read_unprocessed, write_batch};
use holdfast_vault::PortError;
use serde_json::{Value as Json, json};

use super::Tables;

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
    async fn write_items(&self, table: &str, lines: Vec<Bytes>) -> Result<Vec<Bytes>, PortError> {
        if lines.is_empty() {
            return Ok(lines);
        }
        let doing = format!("writing {} items to table {table}", lines.len());
        let body = write_batch(table, &lines).map_err(|error| error.doing(&doing))?;
        let left = self
            .calls
            .send_of::<BatchWriteItem, _>(&self.region, body, read_unprocessed);
        left.await.map_err(|error| error.doing(&doing))
    }
}
