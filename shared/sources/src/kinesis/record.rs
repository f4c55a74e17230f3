use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_catalog::Sha256;
use holdfast_vault::{Line, PortError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What tells a stream's records apart, as a manifest names it: a sequence number is unique within its shard.
pub const KEY: [&str; 2] = ["ShardId", "SequenceNumber"];

/// A record of a stream, as a pack stores it.
///
/// The members stand in the order of their names, as in every canonical line. An explicit hash key is not among them: no
/// service tells which one a record was put with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record {
    /// When it arrived, to the millisecond, as the service says it.
    #[serde(rename = "ApproximateArrivalTimestamp")]
    pub arrived_at: Timestamp,
    /// What it holds, in base64.
    pub data: String,
    /// What decides which shard a record goes to.
    pub partition_key: String,
    /// Its place in its shard: decimal digits, which a shard never gives twice.
    pub sequence_number: String,
    /// The shard that it was read from.
    pub shard_id: String,
}

/// A line: `{"Record":{…}}`.
#[derive(Serialize, Deserialize)]
struct Stored<R> {
    #[serde(rename = "Record")]
    record: R,
}

impl Record {
    /// A record as `GetRecords` gives it.
    ///
    /// # Errors
    /// `Corrupt` when a member is missing or is not what the service says that it is: a record is stored whole or not at all.
    pub fn of_answer(shard_id: &str, answer: &Value) -> Result<Self, PortError> {
        let corrupt = |what: &str| PortError::Corrupt(format!("a record of shard {shard_id} {what}"));
        let text = |name: &str| {
            let text = answer.get(name).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| corrupt(&format!("has no {name}")))
        };
        let sequence_number = text("SequenceNumber")?;
        if sequence_number.is_empty() || !sequence_number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(corrupt("has a SequenceNumber that is no number"));
        }
        let data = text("Data")?;
        if STANDARD.decode(&data).is_err() {
            return Err(corrupt("has Data that is not base64"));
        }
        let seconds = answer.get("ApproximateArrivalTimestamp").and_then(Value::as_f64);
        let arrived_at = seconds.and_then(instant);
        Ok(Record {
            arrived_at: arrived_at.ok_or_else(|| corrupt("has no ApproximateArrivalTimestamp"))?,
            data,
            partition_key: text("PartitionKey")?,
            sequence_number,
            shard_id: shard_id.to_owned(),
        })
    }

    /// The record as a line, with the hash of its [`KEY`].
    ///
    /// # Errors
    /// None that can happen: a record holds only texts.
    pub fn line(&self) -> Result<Line, PortError> {
        let invalid = |error: serde_json::Error| PortError::Invalid(format!("writing a record: {error}"));
        let text = serde_json::to_vec(&Stored { record: self }).map_err(invalid)?;
        let mut key = serde_json::to_vec(&self.shard_id).map_err(invalid)?;
        key.extend(serde_json::to_vec(&self.sequence_number).map_err(invalid)?);
        Ok(Line::new(text, Sha256::of(&key)))
    }

    /// Reads a line.
    ///
    /// # Errors
    /// `Corrupt` when it is no record.
    pub fn parse(line: &[u8]) -> Result<Self, PortError> {
        let stored: Stored<Record> = serde_json::from_slice(line)
            .map_err(|error| PortError::Corrupt(format!("a line is no record: {error}")))?;
        Ok(stored.record)
    }
}

/// The service counts seconds since 1970, with milliseconds behind the point.
pub(super) fn instant(seconds: f64) -> Option<Timestamp> {
    let milliseconds = (seconds * 1000.0).round();
    // Within a hundredth of what a double holds exactly, and of what a timestamp can be.
    if !(0.0..=253_370_764_800_000.0).contains(&milliseconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within the bounds above")]
    let milliseconds = milliseconds as i64;
    Timestamp::from_millisecond(milliseconds).ok()
}
