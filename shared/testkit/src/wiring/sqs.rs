use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::{Answer, Desk, page, tag_map, text, unknown};

/// What a queue has when nobody says otherwise.
const DEFAULTS: [(&str, &str); 6] = [
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "262144"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("SqsManagedSseEnabled", "true"),
    ("VisibilityTimeout", "30"),
];

impl Desk<'_> {
    pub(super) fn sqs(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListQueues" => {
                let urls = self
                    .all("queue")
                    .into_iter()
                    .map(|(name, _)| Value::from(self.url(&name)))
                    .collect();
                // Without a page size there are no pages.
                Ok(if input["MaxResults"].is_null() {
                    json!({ "QueueUrls": urls })
                } else {
                    page(urls, input, "QueueUrls", "NextToken", "NextToken")
                })
            }
            "GetQueueUrl" => {
                let name = text(input, "QueueName")?;
                self.get("queue", name)?;
                Ok(json!({ "QueueUrl": self.url(name) }))
            }
            "GetQueueAttributes" => {
                let name = queue(input)?;
                let mut attributes = self.get("queue", &name)?["Attributes"].clone();
                attributes["QueueArn"] = Value::from(self.arn("sqs", &name));
                attributes["CreatedTimestamp"] = Value::from("1700000000");
                attributes["ApproximateNumberOfMessages"] = Value::from(self.number().to_string());
                Ok(json!({ "Attributes": attributes }))
            }
            "ListQueueTags" => Ok(json!({ "Tags": self.get("queue", &queue(input)?)?["Tags"] })),
            "CreateQueue" => self.create_queue(input),
            "SetQueueAttributes" => {
                let name = queue(input)?;
                check(&input["Attributes"])?;
                if input["Attributes"].get("FifoQueue").is_some() {
                    return Err(PortError::Invalid("FifoQueue cannot be changed".to_owned()));
                }
                let queue = self.change("queue", &name)?;
                set(&mut queue["Attributes"], &input["Attributes"]);
                Ok(json!({}))
            }
            "TagQueue" => {
                let queue = self.change("queue", &queue(input)?)?;
                for (key, value) in tag_map(&input["Tags"]) {
                    queue["Tags"][key] = value;
                }
                Ok(json!({}))
            }
            name => unknown(name),
        }
    }

    fn url(&self, name: &str) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{name}", self.region, self.account)
    }

    fn create_queue(&mut self, input: &Value) -> Answer {
        let name = text(input, "QueueName")?;
        check(&input["Attributes"])?;
        let is_fifo = input["Attributes"]["FifoQueue"] == "true";
        if is_fifo != name.ends_with(".fifo") || input["Attributes"]["FifoQueue"] == "false" {
            return Err(PortError::Invalid(
                "a FIFO queue's name, and no other, ends in .fifo".to_owned(),
            ));
        }
        let mut attributes: Value = DEFAULTS
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        set(&mut attributes, &input["Attributes"]);
        if self.has("queue", name) {
            let there = self.get("queue", name)?;
            let asked = input["Attributes"].as_object().cloned().unwrap_or_default();
            if asked.iter().any(|(name, value)| there["Attributes"][name] != *value) {
                return Err(PortError::AlreadyExists(format!(
                    "a queue {name} with other attributes"
                )));
            }
        } else {
            let arn = self.arn("sqs", name);
            let thing = json!({ "Arn": arn, "Attributes": attributes, "Tags": tag_map(&input["tags"]) });
            self.put("queue", name, thing);
        }
        Ok(json!({ "QueueUrl": self.url(name) }))
    }
}

fn queue(input: &Value) -> Result<String, PortError> {
    let url = text(input, "QueueUrl")?;
    Ok(url.rsplit('/').next().unwrap_or_default().to_owned())
}

/// Every attribute is text, and two kinds of encryption exclude each other.
fn check(attributes: &Value) -> Result<(), PortError> {
    let empty = Map::new();
    let attributes = attributes.as_object().unwrap_or(&empty);
    if let Some((name, _)) = attributes.iter().find(|(_, value)| !value.is_string()) {
        return Err(PortError::Invalid(format!("{name} is not text")));
    }
    let has_key = attributes.get("KmsMasterKeyId").is_some_and(|key| key != "");
    if has_key && attributes.contains_key("SqsManagedSseEnabled") {
        return Err(PortError::Invalid("one kind of encryption at a time".to_owned()));
    }
    Ok(())
}

fn set(attributes: &mut Value, new: &Value) {
    for (name, value) in new.as_object().into_iter().flatten() {
        if name == "KmsMasterKeyId" {
            attributes["SqsManagedSseEnabled"] = Value::from("false");
        }
        attributes[name] = value.clone();
    }
}
