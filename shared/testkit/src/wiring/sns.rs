use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, page, tag_list, tag_map, text, unknown};

impl Desk<'_> {
    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    pub(super) fn sns(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListTopics" => {
                let topics = self
                    .all("topic")
                    .into_iter()
                    .map(|(_, topic)| json!({ "TopicArn": topic["Arn"] }))
                    .collect();
                Ok(page(topics, input, "Topics", "NextToken", "NextToken"))
            }
            "GetTopicAttributes" => {
                let topic = self.get("topic", topic(input, "TopicArn")?)?;
                let mut attributes = topic["Attributes"].clone();
                attributes["TopicArn"] = topic["Arn"].clone();
                attributes["Owner"] = Value::from(self.account);
                attributes["SubscriptionsConfirmed"] = Value::from(self.number().to_string());
                attributes["EffectiveDeliveryPolicy"] = Value::from("{}");
                Ok(json!({ "Attributes": attributes }))
            }
            "ListSubscriptionsByTopic" => {
                let arn = text(input, "TopicArn")?;
                self.get("topic", topic(input, "TopicArn")?)?;
                let all = self
                    .all("subscription")
                    .into_iter()
                    .filter(|(_, one)| one["TopicArn"] == arn);
                let all = all.map(|(_, one)| {
                    let listed = if one["IsPending"] == true { json!("PendingConfirmation") } else { one["Arn"].clone() };
                    json!({ "SubscriptionArn": listed, "Protocol": one["Protocol"], "Endpoint": one["Endpoint"], "TopicArn": arn })
                });
                Ok(page(all.collect(), input, "Subscriptions", "NextToken", "NextToken"))
            }
            "GetSubscriptionAttributes" => {
                let subscription = self.by_arn(text(input, "SubscriptionArn")?)?;
                let mut attributes = subscription["Attributes"].clone();
                for name in ["TopicArn", "Protocol", "Endpoint"] {
                    attributes[name] = subscription[name].clone();
                }
                attributes["SubscriptionArn"] = subscription["Arn"].clone();
                attributes["PendingConfirmation"] = Value::from("false");
                Ok(json!({ "Attributes": attributes }))
            }
            "GetDataProtectionPolicy" => {
                let topic = self.get("topic", topic(input, "ResourceArn")?)?;
                if topic["Attributes"]["FifoTopic"] == "true" {
                    return Err(PortError::Invalid("FIFO topics have no data protection".to_owned()));
                }
                Ok(json!({ "DataProtectionPolicy": topic["DataProtectionPolicy"] }))
            }
            "ListTagsForResource" => {
                let tags = self.tags_of(text(input, "ResourceArn")?)?;
                Ok(json!({ "Tags": tag_list(&tag_map(&tags)) }))
            }
            "CreateTopic" => self.create_topic(input),
            "SetTopicAttributes" => {
                let (name, value) = (text(input, "AttributeName")?, input["AttributeValue"].clone());
                if name == "FifoTopic" || !value.is_string() {
                    return Err(PortError::Invalid(format!("{name} cannot be {value}")));
                }
                self.change("topic", topic(input, "TopicArn")?)?["Attributes"][name] = value;
                Ok(json!({}))
            }
            "PutDataProtectionPolicy" => {
                let policy = input["DataProtectionPolicy"].clone();
                self.change("topic", topic(input, "ResourceArn")?)?["DataProtectionPolicy"] = policy;
                Ok(json!({}))
            }
            "Subscribe" => self.subscribe(input),
            "TagResource" => self.tag(text(input, "ResourceArn")?, &input["Tags"]),
            name => unknown(name),
        }
    }

    fn create_topic(&mut self, input: &Value) -> Answer {
        let name = text(input, "Name")?;
        let arn = self.arn("sns", name);
        if (input["Attributes"]["FifoTopic"] == "true") != name.ends_with(".fifo") {
            return Err(PortError::Invalid(
                "a FIFO topic's name, and no other, ends in .fifo".to_owned(),
            ));
        }
        let tags = tag_map(&input["Tags"]);
        if self.has("topic", name) {
            if Value::Object(tags) != self.get("topic", name)?["Tags"] {
                return Err(PortError::Invalid(
                    "Topic already exists with different tags".to_owned(),
                ));
            }
        } else {
            let policy = json!({ "Version": "2008-10-17", "Statement": [{
                "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": { "AWS": "*" },
                "Action": ["SNS:Publish"], "Resource": arn,
                "Condition": { "StringEquals": { "AWS:SourceOwner": self.account } }
            }] });
            let mut attributes = json!({ "DisplayName": "", "Policy": policy.to_string() });
            for (name, value) in input["Attributes"].as_object().into_iter().flatten() {
                attributes[name] = value.clone();
            }
            self.put(
                "topic",
                name,
                json!({ "Arn": arn, "Attributes": attributes, "Tags": tags }),
            );
        }
        Ok(json!({ "TopicArn": arn }))
    }

    fn subscribe(&mut self, input: &Value) -> Answer {
        let arn = text(input, "TopicArn")?;
        self.get("topic", topic(input, "TopicArn")?)?;
        let (protocol, endpoint) = (text(input, "Protocol")?, text(input, "Endpoint")?);
        let mut attributes = json!({ "RawMessageDelivery": "false" });
        for (name, value) in input["Attributes"].as_object().into_iter().flatten() {
            if !value.is_string() {
                return Err(PortError::Invalid(format!("{name} is not text")));
            }
            attributes[name] = value.clone();
        }
        let key = format!("{arn} {protocol} {endpoint}");
        if self.has("subscription", &key) {
            let there = self.get("subscription", &key)?;
            if there["Attributes"] != attributes {
                return Err(PortError::Invalid(
                    "Subscription already exists with different attributes".to_owned(),
                ));
            }
            return Ok(json!({ "SubscriptionArn": there["Arn"] }));
        }
        let made = format!("{arn}:{:08}", self.number());
        let is_pending = matches!(protocol, "email" | "email-json" | "http" | "https");
        self.put(
            "subscription",
            &key,
            json!({ "Arn": made, "TopicArn": arn, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes,
                "IsPending": is_pending }),
        );
        Ok(json!({ "SubscriptionArn": made }))
    }
}

fn topic<'a>(input: &'a Value, member: &str) -> Result<&'a str, PortError> {
    Ok(text(input, member)?.rsplit(':').next().unwrap_or_default())
}
