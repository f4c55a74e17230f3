use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::kinesis_records::new_shards;
use super::{Answer, Desk, page, tag_list, tag_map, text, unknown};

/// Looks at a stream that is being made or changed until it is ready.
const BUSY_LOOKS: u64 = 1;

/// What a stream's summary does not tell.
const HIDDEN: [&str; 11] = [
    "Arn",
    "Tags",
    "busy",
    "consumers",
    "policy",
    "shards",
    "made_shards",
    "made_records",
    "generation",
    "refused",
    "refusal",
];

impl Desk<'_> {
    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    pub(super) fn kinesis(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListStreams" => {
                let names = self
                    .all("stream")
                    .into_iter()
                    .map(|(name, _)| Value::from(name))
                    .collect();
                Ok(page(names, input, "StreamNames", "NextToken", "NextToken"))
            }
            "DescribeStreamSummary" => {
                let stream = self.change("stream", text(input, "StreamName")?)?;
                let busy = stream["busy"].as_u64().unwrap_or(0);
                stream["busy"] = Value::from(busy.saturating_sub(1));
                let mut summary = super::told(stream, &HIDDEN);
                let shards = stream["shards"]
                    .as_object()
                    .into_iter()
                    .flat_map(|shards| shards.values());
                summary["OpenShardCount"] = Value::from(shards.filter(|shard| shard["closed"] == false).count());
                summary["StreamARN"] = stream["Arn"].clone();
                summary["StreamStatus"] = json!(if busy > 0 { "UPDATING" } else { "ACTIVE" });
                Ok(json!({ "StreamDescriptionSummary": summary }))
            }
            "ListStreamConsumers" => {
                let consumers = self.by_arn(text(input, "StreamARN")?)?["consumers"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default();
                let all = consumers
                    .iter()
                    .map(|(name, arn)| json!({ "ConsumerName": name, "ConsumerARN": arn, "ConsumerStatus": "ACTIVE" }))
                    .collect();
                Ok(page(all, input, "Consumers", "NextToken", "NextToken"))
            }
            "ListTagsForStream" => {
                let tags = self.get("stream", text(input, "StreamName")?)?["Tags"].clone();
                Ok(json!({ "Tags": tag_list(&tag_map(&tags)) }))
            }
            "GetResourcePolicy" => {
                let policy = self.by_arn(text(input, "ResourceARN")?)?["policy"].clone();
                if policy.is_null() {
                    Err(PortError::NotFound("no policy".to_owned()))
                } else {
                    Ok(json!({ "Policy": policy }))
                }
            }
            "CreateStream" => self.create_stream(input),
            "IncreaseStreamRetentionPeriod" => {
                let stream = self.ready(text(input, "StreamName")?)?;
                if input["RetentionPeriodHours"].as_u64() <= stream["RetentionPeriodHours"].as_u64() {
                    return Err(PortError::Invalid("that is no increase".to_owned()));
                }
                stream["RetentionPeriodHours"] = input["RetentionPeriodHours"].clone();
                Ok(json!({}))
            }
            "StartStreamEncryption" => {
                let stream = self.ready(text(input, "StreamName")?)?;
                stream["EncryptionType"] = input["EncryptionType"].clone();
                stream["KeyId"] = input["KeyId"].clone();
                Ok(json!({}))
            }
            "EnableEnhancedMonitoring" => {
                let stream = self.ready(text(input, "StreamName")?)?;
                let mut metrics = stream["EnhancedMonitoring"][0]["ShardLevelMetrics"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                metrics.extend(input["ShardLevelMetrics"].as_array().cloned().unwrap_or_default());
                stream["EnhancedMonitoring"] = json!([{ "ShardLevelMetrics": metrics }]);
                Ok(json!({}))
            }
            "RegisterStreamConsumer" => {
                let name = text(input, "ConsumerName")?.to_owned();
                // The service ends it with the time of the registration.
                let arn = format!("{}/consumer/{name}:{}", text(input, "StreamARN")?, self.number());
                let stream = self.by_arn(text(input, "StreamARN")?)?;
                if !stream["consumers"][&name].is_null() {
                    return Err(PortError::AlreadyExists(format!("consumer {name}")));
                }
                stream["consumers"][&name] = Value::from(arn);
                Ok(json!({}))
            }
            "PutResourcePolicy" => {
                let policy = text(input, "Policy")?.to_owned();
                self.by_arn(text(input, "ResourceARN")?)?["policy"] = Value::from(policy);
                Ok(json!({}))
            }
            "AddTagsToStream" => {
                let arn = self.get("stream", text(input, "StreamName")?)?["Arn"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                self.tag(&arn, &input["Tags"])
            }
            "ListShards" => self.list_shards(input),
            "GetShardIterator" => self.shard_iterator(input),
            "GetRecords" => self.get_records(input),
            "PutRecords" => self.put_records(input),
            name => unknown(name),
        }
    }

    /// A stream that can be changed, which then takes a while.
    fn ready(&mut self, name: &str) -> Result<&mut Value, PortError> {
        let stream = self.change("stream", name)?;
        if stream["busy"].as_u64().unwrap_or(0) > 0 {
            return Err(PortError::Conflict("the stream is being changed".to_owned()));
        }
        stream["busy"] = Value::from(BUSY_LOOKS);
        Ok(stream)
    }

    fn create_stream(&mut self, input: &Value) -> Answer {
        let name = text(input, "StreamName")?;
        if self.has("stream", name) {
            return Err(PortError::AlreadyExists(format!("stream {name}")));
        }
        let on_demand = input["StreamModeDetails"]["StreamMode"] == "ON_DEMAND";
        if on_demand == input.get("ShardCount").is_some() {
            return Err(PortError::Invalid(
                "a number of shards is for a provisioned stream, and needed there".to_owned(),
            ));
        }
        let arn = self.arn("kinesis", &format!("stream/{name}"));
        let shards = if on_demand {
            Value::from(4 + self.number())
        } else {
            input["ShardCount"].clone()
        };
        let stream = json!({
            "Arn": arn, "StreamName": name, "RetentionPeriodHours": 24, "EncryptionType": "NONE", "OpenShardCount": shards,
            "StreamModeDetails": { "StreamMode": if on_demand { "ON_DEMAND" } else { "PROVISIONED" } },
            "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }], "ConsumerCount": 0, "StreamCreationTimestamp": self.number(),
            "Tags": tag_map(&input["Tags"]), "busy": BUSY_LOOKS, "consumers": {},
            "shards": new_shards(shards.as_u64().unwrap_or(1)), "made_shards": shards, "generation": 0,
        });
        self.put("stream", name, stream);
        Ok(json!({}))
    }
}
