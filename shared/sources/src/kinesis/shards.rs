//! A stream's shards, and their records page by page.

use holdfast_catalog::{ResourceId, StreamRun, StreamShard};
use holdfast_vault::PortError;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::record::{Record, instant};
use super::{ReadRecords, snapshot};
use crate::call::Call;
use crate::call::kinesis::{DescribeStreamSummary, GetRecords, GetShardIterator, ListShards};
use crate::wiring::at::At;

/// Shards a page of the listing; its maximum.
const SHARDS_PER_PAGE: u32 = 1000;

/// More pages than a stream can have shards for. A service whose pages never end must not keep a run.
const MAX_PAGES: usize = 1000;

/// What a stream is and which shards it has.
///
/// # Errors
/// `NotFound` when there is no such stream; those of the service. A listing that broke off is never returned.
pub(super) async fn describe<P: ReadRecords>(port: &P, id: &ResourceId) -> Result<StreamRun, PortError> {
    let at = At { port, id };
    let summary = summary(&at).await?;
    let hours = summary.get("RetentionPeriodHours").and_then(Value::as_u64);
    let hours = hours.and_then(|hours| u32::try_from(hours).ok());
    Ok(StreamRun {
        made_at: made_at_in(&summary),
        retention_hours: hours.ok_or_else(|| told_nothing(id, "how long it keeps records"))?,
        shards: list(&at).await?,
    })
}

/// When a stream was made, which tells it from every other one of its name.
pub(super) async fn made_at<P: Call<DescribeStreamSummary> + Sync>(at: &At<'_, P>) -> Result<Timestamp, PortError> {
    let made_at = made_at_in(&summary(at).await?);
    made_at.ok_or_else(|| told_nothing(at.id, "when it was made"))
}

async fn summary<P: Call<DescribeStreamSummary> + Sync>(at: &At<'_, P>) -> Result<Value, PortError> {
    let input = json!({ "StreamName": at.id.name });
    let answer = at.ask::<DescribeStreamSummary>(input).await?;
    Ok(answer.get("StreamDescriptionSummary").cloned().unwrap_or_default())
}

fn made_at_in(summary: &Value) -> Option<Timestamp> {
    summary
        .get("StreamCreationTimestamp")
        .and_then(Value::as_f64)
        .and_then(instant)
}

async fn list<P: ReadRecords>(at: &At<'_, P>) -> Result<Vec<StreamShard>, PortError> {
    let mut shards = Vec::new();
    let mut input = json!({ "StreamName": at.id.name, "MaxResults": SHARDS_PER_PAGE });
    for _ in 0..MAX_PAGES {
        let page = at.ask::<ListShards>(input).await?;
        for shard in page.get("Shards").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| shard.get(name).and_then(Value::as_str).map(str::to_owned);
            shards.push(StreamShard {
                id: text("ShardId").ok_or_else(|| told_nothing(at.id, "the id of a shard"))?,
                parents: ["ParentShardId", "AdjacentParentShardId"]
                    .into_iter()
                    .filter_map(text)
                    .collect(),
            });
        }
        match page
            .get("NextToken")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty())
        {
            None => {
                shards.sort_by(|a, b| a.id.cmp(&b.id));
                return Ok(shards);
            }
            // The token names the stream, and the service takes no name beside it.
            Some(token) => input = json!({ "NextToken": token, "MaxResults": SHARDS_PER_PAGE }),
        }
    }
    Err(PortError::Unavailable(format!("{}: its shards have no end", at.id)))
}

fn told_nothing(id: &ResourceId, what: &str) -> PortError {
    PortError::Unavailable(format!("{id}: the answer does not say {what}"))
}

/// Some records of a shard.
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// Leads to the next page; none where the shard is closed and this was its last.
    pub(super) next: Option<String>,
    /// Whether there was nothing more at the time of the answer.
    pub(super) is_newest: bool,
}

/// One shard of a stream.
pub(super) struct ShardReader<'a, P> {
    pub(super) at: At<'a, P>,
    pub(super) shard: &'a str,
}

impl<P: ReadRecords> ShardReader<'_, P> {
    /// An iterator behind a sequence number; from the oldest record on, without one and where the stream has let go of it.
    pub(super) async fn iterator(&self, last: Option<&str>) -> Result<String, PortError> {
        if let Some(last) = last {
            let input = json!({ "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last });
            match self.ask_iterator(input).await {
                Err(PortError::Invalid(_)) => {}
                result => return result,
            }
        }
        self.ask_iterator(json!({ "ShardIteratorType": "TRIM_HORIZON" })).await
    }

    async fn ask_iterator(&self, input: Value) -> Result<String, PortError> {
        let mut input = input;
        input["StreamName"] = Value::from(self.at.id.name.as_str());
        input["ShardId"] = Value::from(self.shard);
        let answer = self.at.ask::<GetShardIterator>(input).await?;
        let iterator = answer.get("ShardIterator").and_then(Value::as_str).map(str::to_owned);
        iterator.ok_or_else(|| told_nothing(self.at.id, "where a shard begins"))
    }

    /// The records at an iterator. `Conflict` when it has expired.
    pub(super) async fn page(&self, iterator: &str) -> Result<Page, PortError> {
        let input = json!({ "ShardIterator": iterator, "Limit": snapshot::PAGE_RECORDS });
        let answer = self.at.ask::<GetRecords>(input).await?;
        let records = answer.get("Records").and_then(Value::as_array);
        let records = records.ok_or_else(|| told_nothing(self.at.id, "any records"))?;
        let next = answer.get("NextShardIterator").and_then(Value::as_str);
        Ok(Page {
            records: records
                .iter()
                .map(|record| Record::of_answer(self.shard, record))
                .collect::<Result<_, _>>()?,
            next: next.filter(|next| !next.is_empty()).map(str::to_owned),
            is_newest: answer.get("MillisBehindLatest").and_then(Value::as_u64) == Some(0),
        })
    }
}
