use serde_json::{Map, Value, json};

use super::symbols::camel;
use super::{Subject, Writing, add_tags, picked};

/// Attributes of a queue that are properties of the same name, and how their values are written there.
const QUEUE_NUMBERS: [&str; 7] = [
    "DelaySeconds",
    "KmsDataKeyReusePeriodSeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "VisibilityTimeout",
];
const QUEUE_FLAGS: [&str; 3] = ["ContentBasedDeduplication", "FifoQueue", "SqsManagedSseEnabled"];
const QUEUE_TEXTS: [&str; 4] = [
    "DeduplicationScope",
    "FifoThroughputLimit",
    "KmsMasterKeyId",
    "RedrivePolicy",
];

/// The same of a topic.
const TOPIC_FLAGS: [&str; 2] = ["ContentBasedDeduplication", "FifoTopic"];
const TOPIC_TEXTS: [&str; 6] = [
    "ArchivePolicy",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
];

/// The same of a subscription.
const SUBSCRIPTION: [(&str, &str); 7] = [
    ("DeliveryPolicy", "DeliveryPolicy"),
    ("FilterPolicy", "FilterPolicy"),
    ("FilterPolicyScope", "FilterPolicyScope"),
    ("RawMessageDelivery", "RawMessageDelivery"),
    ("RedrivePolicy", "RedrivePolicy"),
    ("ReplayPolicy", "ReplayPolicy"),
    ("SubscriptionRoleArn", "SubscriptionRoleArn"),
];

/// Members of a stream's document and what CloudFormation calls them.
const STREAM: [(&str, &str); 4] = [
    ("RetentionPeriodHours", "RetentionPeriodHours"),
    ("ShardCount", "ShardCount"),
    ("ShardLevelMetrics", "DesiredShardLevelMetrics"),
    ("StreamModeDetails", "StreamModeDetails"),
];

impl Writing<'_> {
    pub(super) fn queue(&mut self, subject: &Subject<'_>) {
        let attributes = members(&subject.config(), "Attributes");
        let mut properties = Map::new();
        for (name, value) in &attributes {
            let is = |list: &[&str]| list.contains(&name.as_str());
            let written = match name.as_str() {
                "FifoQueue" | "SqsManagedSseEnabled" if as_flag(value) == json!(false) => continue,
                // One kind of encryption excludes the other.
                "SqsManagedSseEnabled" | "KmsDataKeyReusePeriodSeconds"
                    if attributes.contains_key("KmsMasterKeyId") == (name == "SqsManagedSseEnabled") =>
                {
                    continue;
                }
                _ if is(&QUEUE_NUMBERS) => as_number(value),
                _ if is(&QUEUE_FLAGS) => as_flag(value),
                "RedrivePolicy" => redrive(value),
                _ if is(&QUEUE_TEXTS) => value.clone(),
                "Policy" => continue,
                _ => {
                    self.notes
                        .push(format!("{}: {name} is not in the template: set it by hand", subject.id));
                    continue;
                }
            };
            properties.insert(name.clone(), written);
        }
        properties.insert(
            "QueueName".to_owned(),
            json!({ "Ref": format!("{}Name", subject.logical) }),
        );
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::SQS::Queue", properties);
        if let Some(policy) = attributes.get("Policy") {
            let queues = json!([{ "Ref": subject.logical }]);
            let policy = Map::from_iter([
                ("PolicyDocument".to_owned(), policy.clone()),
                ("Queues".to_owned(), queues),
            ]);
            self.add(&format!("{}Policy", subject.logical), "AWS::SQS::QueuePolicy", policy);
        }
    }

    pub(super) fn topic(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let attributes = members(&config, "Attributes");
        let mut properties = Map::new();
        for (name, value) in &attributes {
            let written = match name.as_str() {
                "FifoTopic" if as_flag(value) == json!(false) => continue,
                name if TOPIC_FLAGS.contains(&name) => as_flag(value),
                name if TOPIC_TEXTS.contains(&name) => value.clone(),
                "Policy" => continue,
                name => {
                    self.notes
                        .push(format!("{}: {name} is not in the template: set it by hand", subject.id));
                    continue;
                }
            };
            properties.insert(name.clone(), written);
        }
        properties.extend(picked(&config, &[("DataProtectionPolicy", "DataProtectionPolicy")]));
        properties.insert(
            "TopicName".to_owned(),
            json!({ "Ref": format!("{}Name", subject.logical) }),
        );
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::SNS::Topic", properties);
        if let Some(policy) = attributes.get("Policy") {
            let topics = json!([{ "Ref": subject.logical }]);
            let policy = Map::from_iter([
                ("PolicyDocument".to_owned(), policy.clone()),
                ("Topics".to_owned(), topics),
            ]);
            self.add(&format!("{}Policy", subject.logical), "AWS::SNS::TopicPolicy", policy);
        }
        let subscriptions = config
            .get("Subscriptions")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for (number, subscription) in (1..).zip(&subscriptions) {
            self.subscription(subject, subscription, number);
        }
    }

    fn subscription(&mut self, subject: &Subject<'_>, subscription: &Value, number: usize) {
        let text = |name: &str| subscription.get(name).and_then(Value::as_str).unwrap_or_default();
        let protocol = text("Protocol");
        let attributes = subscription
            .get("Attributes")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut properties = picked(&attributes, &SUBSCRIPTION);
        if let Some(raw) = properties.get_mut("RawMessageDelivery") {
            *raw = as_flag(raw);
        }
        self.left_out(subject.id, &attributes, &SUBSCRIPTION, &[]);
        properties.insert("TopicArn".to_owned(), json!({ "Ref": subject.logical }));
        properties.insert("Protocol".to_owned(), json!(protocol));
        properties.insert("Endpoint".to_owned(), json!(text("Endpoint")));
        if matches!(protocol, "email" | "email-json" | "http" | "https") {
            self.notes.push(format!(
                "{}: the subscription by {protocol} waits until its owner confirms it",
                subject.id
            ));
        }
        let logical = format!("{}Subscription{}{number}", subject.logical, camel(protocol));
        self.add(&logical, "AWS::SNS::Subscription", properties);
    }

    pub(super) fn stream(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        self.left_out(
            subject.id,
            &config,
            &STREAM,
            &["Consumers", "EncryptionType", "KeyId", "Policy"],
        );
        let mut properties = picked(&config, &STREAM);
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        if let Some(key) = config.get("KeyId") {
            let encryption = json!({ "EncryptionType": "KMS", "KeyId": key });
            properties.insert("StreamEncryption".to_owned(), encryption);
        }
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::Kinesis::Stream", properties);
        let arn = || json!({ "Fn::GetAtt": [subject.logical, "Arn"] });
        if let Some(policy) = config.get("Policy") {
            let policy = [
                ("ResourceArn".to_owned(), arn()),
                ("ResourcePolicy".to_owned(), policy.clone()),
            ];
            let logical = format!("{}Policy", subject.logical);
            self.add(&logical, "AWS::Kinesis::ResourcePolicy", Map::from_iter(policy));
        }
        let consumers = config.get("Consumers").and_then(Value::as_array).into_iter().flatten();
        for name in consumers.filter_map(Value::as_str) {
            let consumer = [
                ("ConsumerName".to_owned(), json!(name)),
                ("StreamARN".to_owned(), arn()),
            ];
            let logical = format!("{}Consumer{}", subject.logical, camel(name));
            self.add(&logical, "AWS::Kinesis::StreamConsumer", Map::from_iter(consumer));
        }
        self.notes.push(format!(
            "{}: the template makes the stream without its records; a restore with \"records\": true puts them there",
            subject.id
        ));
    }
}

fn members(config: &Map<String, Value>, name: &str) -> Map<String, Value> {
    config.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// SQS and SNS write numbers and flags as texts.
fn as_number(value: &Value) -> Value {
    match value {
        Value::String(text) => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        other => other.clone(),
    }
}

fn as_flag(value: &Value) -> Value {
    match value.as_str() {
        Some("true") => json!(true),
        Some("false") => json!(false),
        _ => value.clone(),
    }
}

fn redrive(policy: &Value) -> Value {
    let mut policy = policy.clone();
    if let Some(count) = policy.get_mut("maxReceiveCount") {
        *count = as_number(count);
    }
    policy
}
