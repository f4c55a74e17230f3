//! Kinesis data streams: mode, shards, retention, encryption, metrics, consumers, policy. Their records are [`crate::kinesis`].

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, own_tags, parsed};
use super::{Document, Reading};
use crate::call::kinesis::{
    AddTagsToStream, CreateStream, DescribeStreamSummary, EnableEnhancedMonitoring, GetResourcePolicy,
    IncreaseStreamRetentionPeriod, ListStreamConsumers, ListStreams, ListTagsForStream, PutResourcePolicy,
    RegisterStreamConsumer, StartStreamEncryption,
};
use crate::call::{Call, InAccount};

/// What belongs to a stream and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "records, unless the plan asks for them",
    "how hash keys are divided among shards that were split or merged",
    "policies of consumers",
];

const OBSERVED: [&str; 8] = [
    "ConsumerCount",
    "EnhancedMonitoring",
    "OpenShardCount",
    "StreamARN",
    "StreamCreationTimestamp",
    "StreamId",
    "StreamName",
    "StreamStatus",
];

/// The retention that every new stream has, in hours.
const FIRST_RETENTION_HOURS: u64 = 24;

/// How often a stream is looked at while it is being made or changed, which takes some seconds to a minute.
const POLL: SignedDuration = SignedDuration::from_secs(2);

/// Streams a page of the listing, and consumers of theirs.
const PAGE: u32 = 100;

/// Tags that a stream may have, and the most that one answer holds.
const MAX_TAGS: u32 = 50;

ports! {
    /// What listing streams asks for.
    pub trait Lists: Call<ListStreams>, InAccount
}

ports! {
    /// What reading a stream asks for.
    pub trait Reads: Call<DescribeStreamSummary>, Call<ListStreamConsumers>, Call<ListTagsForStream>, Call<GetResourcePolicy>, InAccount
}

ports! {
    /// What making a stream asks for.
    pub trait Makes: Call<CreateStream>, Call<IncreaseStreamRetentionPeriod>, Call<StartStreamEncryption>, Call<EnableEnhancedMonitoring>, Call<RegisterStreamConsumer>, Call<PutResourcePolicy>, Call<AddTagsToStream>
}

/// Where a document has the ARNs of consumers.
const CONSUMER_ARNS: &str = "ConsumerARNs";

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let names = at
        .pages::<ListStreams>(json!({ "Limit": PAGE }), "StreamNames", "NextToken", "NextToken")
        .await?;
    let arns = names.iter().filter_map(Value::as_str).map(|name| {
        let id = holdfast_catalog::ResourceId {
            name: name.to_owned(),
            ..at.id.clone()
        };
        At { port: at.port, id: &id }.arn()
    });
    arns.collect()
}

async fn summary<P: Call<DescribeStreamSummary> + Sync>(at: &At<'_, P>) -> Result<Value, PortError> {
    let answer = at
        .ask::<DescribeStreamSummary>(json!({ "StreamName": at.id.name }))
        .await?;
    let summary = answer.get("StreamDescriptionSummary").cloned().unwrap_or_default();
    if status(&summary) == "DELETING" {
        return Err(PortError::NotFound(format!("{}: it is being deleted", at.id)));
    }
    Ok(summary)
}

fn status(summary: &Value) -> &str {
    summary.get("StreamStatus").and_then(Value::as_str).unwrap_or_default()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let summary = summary(at).await?;
    let arn = super::arn_in(summary.get("StreamARN"), at.id)?;
    let mut notes = Notes::default();
    let mut config = super::without(&summary, &OBSERVED);
    // On demand the service chooses the number of shards, and goes on changing it.
    if is_provisioned(&config) {
        config.insert(
            "ShardCount".to_owned(),
            summary.get("OpenShardCount").cloned().unwrap_or_default(),
        );
    }
    let metrics = metrics(&summary);
    if !metrics.is_empty() {
        config.insert("ShardLevelMetrics".to_owned(), metrics.into_iter().collect());
    }
    let consumers = consumers(at, &arn).await;
    let mut observed = Map::new();
    if let Some(consumers) = notes.detail("Consumers", consumers)?.filter(|found| !found.is_empty()) {
        config.insert("Consumers".to_owned(), consumers.keys().cloned().collect());
        let arns = consumers.into_iter().map(|(name, arn)| (name, Value::from(arn)));
        observed.insert(CONSUMER_ARNS.to_owned(), Value::Object(arns.collect()));
    }
    let policy = at.ask::<GetResourcePolicy>(json!({ "ResourceARN": arn })).await;
    let policy = notes.detail("Policy", policy)?.unwrap_or_default();
    if let Some(policy) = policy
        .get("Policy")
        .cloned()
        .map(parsed)
        .filter(|policy| !super::is_nothing(policy))
    {
        config.insert("Policy".to_owned(), policy);
    }
    let tags = at
        .ask::<ListTagsForStream>(json!({ "StreamName": at.id.name, "Limit": MAX_TAGS }))
        .await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    Ok(Reading::new(
        arn,
        notes,
        Document {
            config,
            tags: own_tags(tags.get("Tags")),
            observed,
            ..Document::default()
        },
    ))
}

/// The ARNs of a stream's consumers, which end with the time of their registration, and the names of those that a document has and
/// that have none.
pub fn consumer_arns(wanted: &Document, found: &Document) -> (Vec<Arn>, Vec<String>) {
    let arns = found.observed.get(CONSUMER_ARNS).and_then(Value::as_object);
    let arn_of = |name: &String| arns?.get(name)?.as_str()?.parse::<Arn>().ok();
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for name in listed(wanted, "Consumers") {
        match arn_of(&name) {
            Some(arn) => there.push(arn),
            None => missing.push(name),
        }
    }
    (there, missing)
}

fn is_provisioned(config: &Map<String, Value>) -> bool {
    let mode = config.get("StreamModeDetails").and_then(|mode| mode.get("StreamMode"));
    mode.and_then(Value::as_str) != Some("ON_DEMAND")
}

fn metrics(summary: &Value) -> BTreeSet<String> {
    let enhanced = summary
        .get("EnhancedMonitoring")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let metrics = enhanced
        .filter_map(|one| one.get("ShardLevelMetrics")?.as_array())
        .flatten();
    metrics.filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn consumers<P: Call<ListStreamConsumers> + Sync>(
    at: &At<'_, P>,
    arn: &Arn,
) -> Result<BTreeMap<String, String>, PortError> {
    let input = json!({ "StreamARN": arn, "MaxResults": PAGE });
    let pages = at
        .pages::<ListStreamConsumers>(input, "Consumers", "NextToken", "NextToken")
        .await?;
    let stays = |consumer: &&Value| consumer.get("ConsumerStatus").and_then(Value::as_str) != Some("DELETING");
    let text = |consumer: &Value, name: &str| consumer.get(name)?.as_str().map(str::to_owned);
    let found = pages.iter().filter(stays).filter_map(|consumer| {
        Some((
            text(consumer, "ConsumerName")?,
            text(consumer, "ConsumerARN").unwrap_or_default(),
        ))
    });
    Ok(found.collect())
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let (name, arn) = (making.at.id.name.clone(), making.at.arn()?);
    if !making.exists {
        let mut input = json!({ "StreamName": name });
        for member in ["StreamModeDetails", "ShardCount", "MaxRecordSizeInKiB"] {
            if let Some(value) = wanted.config.get(member) {
                input[member] = value.clone();
            }
        }
        making.create::<CreateStream>(input).await?;
    }
    let now = active(making).await?;
    if !wanted.tags.is_empty() {
        let input = json!({ "StreamName": name, "Tags": wanted.tags });
        making.set::<AddTagsToStream>("Tags", input).await?;
    }
    settings(making, &name, &now).await?;
    active(making).await?;
    let there: BTreeSet<String> = consumers(&making.at, &arn).await?.into_keys().collect();
    for consumer in listed(wanted, "Consumers").difference(&there) {
        let input = json!({ "StreamARN": arn, "ConsumerName": consumer });
        making
            .set::<RegisterStreamConsumer>(&format!("Consumer {consumer}"), input)
            .await?;
    }
    if let Some(policy) = wanted.config.get("Policy") {
        let input = json!({ "ResourceARN": arn, "Policy": as_text(policy) });
        making.set::<PutResourcePolicy>("Policy", input).await?;
    }
    Ok(())
}

/// The service changes one thing at a time, and none of these twice: each is made only where it is not so, and waited for.
async fn settings<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    name: &str,
    now: &Value,
) -> Result<(), PortError> {
    let wanted = making.wanted;
    let hours = wanted
        .config
        .get("RetentionPeriodHours")
        .and_then(Value::as_u64)
        .unwrap_or(FIRST_RETENTION_HOURS);
    if now
        .get("RetentionPeriodHours")
        .and_then(Value::as_u64)
        .is_some_and(|found| found < hours)
    {
        let input = json!({ "StreamName": name, "RetentionPeriodHours": hours });
        making
            .set::<IncreaseStreamRetentionPeriod>("RetentionPeriodHours", input)
            .await?;
    }
    let now = active(making).await?;
    if wanted.text("EncryptionType") == Some("KMS") && now.get("EncryptionType").and_then(Value::as_str) != Some("KMS")
    {
        let input = json!({ "StreamName": name, "EncryptionType": "KMS", "KeyId": wanted.config.get("KeyId") });
        making.set::<StartStreamEncryption>("EncryptionType", input).await?;
    }
    let now = active(making).await?;
    let missing: Vec<String> = listed(wanted, "ShardLevelMetrics")
        .difference(&metrics(&now))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let input = json!({ "StreamName": name, "ShardLevelMetrics": missing });
        making
            .set::<EnableEnhancedMonitoring>("ShardLevelMetrics", input)
            .await?;
    }
    Ok(())
}

fn listed(wanted: &Document, name: &str) -> BTreeSet<String> {
    let list = wanted.config.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Waits until the stream can be changed, and gives what it is.
async fn active<P: Reads, C: Clock>(making: &Making<'_, P, C>) -> Result<Value, PortError> {
    loop {
        match summary(&making.at).await {
            Ok(summary) if status(&summary) == "ACTIVE" => return Ok(summary),
            Ok(_) => {}
            // A stream that was just made may be unknown for a moment.
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        if making.clock.remaining() <= POLL {
            return Err(PortError::Unavailable(format!(
                "{}: it is not ready yet and the time is up",
                making.at.id
            )));
        }
        making.clock.sleep(POLL).await;
    }
}
