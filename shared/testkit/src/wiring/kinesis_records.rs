use holdfast_catalog::{Region, Sha256};
use holdfast_vault::PortError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Answer, Desk, MemoryWiring, page, text};
use crate::lock;

/// Records a page: few, so that a shard has pages.
const PAGE_RECORDS: usize = 3;

/// Entries that `PutRecords` takes.
const MAX_ENTRIES: usize = 500;

/// The first sequence number: the tenth has a digit more, as the service's numbers grow.
const FIRST_SEQUENCE_NUMBER: u64 = 90;

/// What a stream is made with beside its settings.
pub(super) fn new_shards(count: u64) -> Value {
    let count = u128::from(count.max(1));
    let width = u128::MAX / count;
    let mut shards = Map::new();
    for at in 0..count {
        let to = if at + 1 == count {
            u128::MAX
        } else {
            (at + 1) * width - 1
        };
        let shard = shard(shards.len(), at * width, to, json!({}));
        shards.insert(id(shards.len()), shard);
    }
    Value::Object(shards)
}

fn id(number: usize) -> String {
    format!("shardId-{number:012}")
}

fn shard(number: usize, from: u128, to: u128, parents: Value) -> Value {
    let mut shard = json!({
        "ShardId": id(number), "HashKeyRange": { "StartingHashKey": from.to_string(), "EndingHashKey": to.to_string() },
        "closed": false, "records": [], "trimmed": "",
    });
    for (name, parent) in parents.as_object().into_iter().flatten() {
        shard[name] = parent.clone();
    }
    shard
}

fn range(shard: &Value) -> (u128, u128) {
    let end = |name: &str| shard["HashKeyRange"][name].as_str().and_then(|text| text.parse().ok());
    (
        end("StartingHashKey").unwrap_or(0),
        end("EndingHashKey").unwrap_or(u128::MAX),
    )
}

/// Both are decimal numbers without zeros in front; an empty one comes before all.
fn is_after(number: &str, other: &str) -> bool {
    (number.len(), number) > (other.len(), other)
}

fn number_of(record: &Value) -> &str {
    record["SequenceNumber"].as_str().unwrap_or_default()
}

impl MemoryWiring {
    /// Sets when records arrive from now on.
    pub fn set_arrivals(&self, now: Timestamp) {
        lock(&self.things).now = now;
    }

    /// Splits an open shard in two.
    pub fn split_shard(&self, region: &Region, stream: &str, shard_id: &str) {
        self.reshard(region, stream, &[shard_id], |of| {
            let (from, to) = range(&of[0]);
            let half = from + (to - from) / 2;
            vec![(from, half), (half + 1, to)]
        });
    }

    /// Merges two open shards, the lower one first.
    pub fn merge_shards(&self, region: &Region, stream: &str, lower: &str, upper: &str) {
        self.reshard(region, stream, &[lower, upper], |of| {
            vec![(range(&of[0]).0, range(&of[1]).1)]
        });
    }

    fn reshard(&self, region: &Region, stream: &str, closed: &[&str], ranges: impl Fn(&[Value]) -> Vec<(u128, u128)>) {
        self.change_stream(region, stream, |stream| {
            let mut old = Vec::new();
            for name in closed {
                assert_eq!(stream["shards"][*name]["closed"], false, "{name} is not open");
                stream["shards"][*name]["closed"] = Value::from(true);
                old.push(stream["shards"][*name].clone());
            }
            let names = ["ParentShardId", "AdjacentParentShardId"];
            let parents: Map<String, Value> = names
                .iter()
                .zip(closed)
                .map(|(name, id)| ((*name).to_owned(), Value::from(*id)))
                .collect();
            for (from, to) in ranges(&old) {
                let number = usize::try_from(stream["made_shards"].as_u64().unwrap_or(0)).unwrap_or(0);
                stream["shards"][id(number)] = shard(number, from, to, Value::Object(parents.clone()));
                stream["made_shards"] = Value::from(number + 1);
            }
        });
    }

    /// Lets go of what arrived before then, and of closed shards that have nothing left.
    pub fn trim(&self, region: &Region, stream: &str, before: Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "the service counts so too")]
        let before = before.as_millisecond() as f64 / 1000.0;
        self.change_stream(region, stream, |stream| {
            let Some(shards) = stream["shards"].as_object_mut() else {
                return;
            };
            for shard in shards.values_mut() {
                let records = shard["records"].as_array().cloned().unwrap_or_default();
                let is_old = |record: &&Value| {
                    record["ApproximateArrivalTimestamp"]
                        .as_f64()
                        .is_some_and(|at| at < before)
                };
                if let Some(last) = records.iter().rfind(is_old) {
                    shard["trimmed"] = last["SequenceNumber"].clone();
                }
                shard["records"] = records.iter().filter(|record| !is_old(record)).cloned().collect();
            }
            shards.retain(|_, shard| shard["closed"] == false || shard["records"] != json!([]));
        });
    }

    /// No iterator that was given so far leads anywhere.
    pub fn expire_iterators(&self, region: &Region, stream: &str) {
        self.change_stream(region, stream, |stream| {
            stream["generation"] = Value::from(stream["generation"].as_u64().unwrap_or(0) + 1);
        });
    }

    /// The next entries of `PutRecords`, so many of them, are refused with this error code.
    pub fn refuse_entries(&self, region: &Region, stream: &str, entries: u64, code: &str) {
        self.change_stream(region, stream, |stream| {
            stream["refused"] = Value::from(entries);
            stream["refusal"] = Value::from(code);
        });
    }

    /// All records, by shard and in their order there, as `GetRecords` tells them.
    pub fn records(&self, region: &Region, stream: &str) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        self.change_stream(region, stream, |stream| {
            for (id, shard) in stream["shards"].as_object().into_iter().flatten() {
                let records = shard["records"].as_array().into_iter().flatten();
                all.extend(records.map(|record| (id.clone(), record.clone())));
            }
        });
        all
    }

    /// The open shards, in order of their hash keys.
    pub fn open_shards(&self, region: &Region, stream: &str) -> Vec<String> {
        let mut open = Vec::new();
        self.change_stream(region, stream, |stream| {
            let shards = stream["shards"].as_object().into_iter().flatten();
            open.extend(
                shards
                    .filter(|(_, shard)| shard["closed"] == false)
                    .map(|(id, shard)| (range(shard), id.clone())),
            );
        });
        open.sort();
        open.into_iter().map(|(_, id)| id).collect()
    }

    fn change_stream(&self, region: &Region, stream: &str, change: impl FnOnce(&mut Value)) {
        let key = (region.clone(), "stream", stream.to_owned());
        if let Some(stream) = lock(&self.things).by_name.get_mut(&key) {
            change(stream);
        }
    }
}

impl Desk<'_> {
    pub(super) fn list_shards(&mut self, input: &Value) -> Answer {
        // The token names the stream: one of both, never both.
        let (name, token) = match (input["StreamName"].as_str(), input["NextToken"].as_str()) {
            (Some(name), None) => (name.to_owned(), "0"),
            (None, Some(token)) => token
                .split_once('|')
                .map(|(name, from)| (name.to_owned(), from))
                .ok_or_else(|| PortError::Invalid("what token is that".to_owned()))?,
            _ => return Err(PortError::Invalid("either a name or a token".to_owned())),
        };
        let stream = self.get("stream", &name)?;
        let shards = stream["shards"].as_object().into_iter().flat_map(Map::values);
        let shards = shards
            .map(|shard| super::told(shard, &["closed", "records", "trimmed"]))
            .collect();
        let mut answer = page(shards, &json!({ "from": token }), "Shards", "NextToken", "from");
        if let Some(token) = answer["NextToken"].as_str() {
            answer["NextToken"] = Value::from(format!("{name}|{token}"));
        }
        Ok(answer)
    }

    pub(super) fn shard_iterator(&mut self, input: &Value) -> Answer {
        let (name, id) = (text(input, "StreamName")?, text(input, "ShardId")?);
        let stream = self.get("stream", name)?;
        let shard = &stream["shards"][id];
        if shard.is_null() {
            return Err(PortError::NotFound(format!("no shard {id}")));
        }
        let after = match text(input, "ShardIteratorType")? {
            "TRIM_HORIZON" => "",
            "AFTER_SEQUENCE_NUMBER" => text(input, "StartingSequenceNumber")?,
            other => return Err(PortError::Invalid(format!("{other} is not done here"))),
        };
        if !after.is_empty() && !is_after(after, shard["trimmed"].as_str().unwrap_or_default()) {
            return Err(PortError::Invalid("that sequence number is trimmed".to_owned()));
        }
        Ok(json!({ "ShardIterator": format!("{name}|{id}|{after}|{}|new", stream["generation"]) }))
    }

    pub(super) fn get_records(&mut self, input: &Value) -> Answer {
        let parts: Vec<&str> = text(input, "ShardIterator")?.split('|').collect();
        let [name, id, after, generation, age] = parts[..] else {
            return Err(PortError::Invalid("what iterator is that".to_owned()));
        };
        let stream = self.get("stream", name)?;
        if stream["generation"].as_u64() != generation.parse().ok() {
            return Err(PortError::Conflict("ExpiredIteratorException".to_owned()));
        }
        let shard = &stream["shards"][id];
        if shard.is_null() {
            return Err(PortError::NotFound(format!("no shard {id}")));
        }
        let behind: Vec<&Value> = shard["records"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|record| is_after(number_of(record), after))
            .collect();
        // A first page is often empty, however much comes behind it.
        let some: Vec<&Value> = match age {
            "new" if !behind.is_empty() => Vec::new(),
            _ => behind.iter().take(PAGE_RECORDS).copied().collect(),
        };
        let is_newest = some.len() == behind.len();
        let last = some.last().map_or(after, |record| number_of(record));
        let mut answer = json!({ "Records": some, "MillisBehindLatest": if is_newest { 0 } else { 1000 } });
        if shard["closed"] == false || !is_newest {
            answer["NextShardIterator"] = Value::from(format!("{name}|{id}|{last}|{generation}|old"));
        }
        Ok(answer)
    }

    pub(super) fn put_records(&mut self, input: &Value) -> Answer {
        #[expect(clippy::cast_precision_loss, reason = "the service counts so too")]
        let now = self.things.now.as_millisecond() as f64 / 1000.0;
        let stream = self.change("stream", text(input, "StreamName")?)?;
        if input["Records"]
            .as_array()
            .is_none_or(|records| records.len() > MAX_ENTRIES)
        {
            return Err(PortError::Invalid("that is no list of records, or too long".to_owned()));
        }
        let mut refused = stream["refused"].as_u64().unwrap_or(0);
        let (mut told, mut failed) = (Vec::new(), 0);
        for entry in input["Records"].as_array().into_iter().flatten() {
            if refused > 0 {
                refused -= 1;
                failed += 1;
                told.push(json!({ "ErrorCode": stream["refusal"], "ErrorMessage": "not this one" }));
                continue;
            }
            let key = text(entry, "PartitionKey")?;
            let hash = Sha256::of(key.as_bytes());
            let hash = hash
                .as_bytes()
                .iter()
                .take(16)
                .fold(0_u128, |hash, byte| hash << 8 | u128::from(*byte));
            let number = FIRST_SEQUENCE_NUMBER + stream["made_records"].as_u64().unwrap_or(0);
            stream["made_records"] = Value::from(number + 1 - FIRST_SEQUENCE_NUMBER);
            let record = json!({
                "SequenceNumber": number.to_string(), "ApproximateArrivalTimestamp": now, "Data": entry["Data"], "PartitionKey": key,
            });
            let shards = stream["shards"]
                .as_object_mut()
                .into_iter()
                .flat_map(|shards| shards.values_mut());
            for shard in shards {
                let (from, to) = range(shard);
                if shard["closed"] == false && (from..=to).contains(&hash) {
                    told.push(json!({ "SequenceNumber": number.to_string(), "ShardId": shard["ShardId"] }));
                    if let Some(records) = shard["records"].as_array_mut() {
                        records.push(record.clone());
                    }
                }
            }
        }
        stream["refused"] = Value::from(refused);
        Ok(json!({ "FailedRecordCount": failed, "Records": told }))
    }
}
