//! Documents as people's accounts have them: one that is rich for each kind, and strategies for all that there may be.

#[path = "documents/apis.rs"]
pub mod apis;
#[path = "documents/roles.rs"]
pub mod roles;

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, ResourceId};
use holdfast_sources::wiring::Document;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, id};

fn document(config: Value, tags: &[(&str, &str)]) -> Document {
    Document {
        config: config.as_object().cloned().unwrap(),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Document::default()
    }
}

/// What has to be there before a resource of a kind can be made.
pub fn before(kind: Kind) -> Vec<(ResourceId, Document)> {
    match kind {
        Kind::EventRule => vec![(id(Kind::EventBus, "shop"), document(json!({}), &[]))],
        Kind::ApiDestination => {
            let connection =
                json!({"AuthorizationType": "BASIC", "AuthParameters": {"BasicAuthParameters": {"Username": "u"}}});
            vec![(id(Kind::EventConnection, "crm"), document(connection, &[]))]
        }
        Kind::Schedule => vec![(id(Kind::ScheduleGroup, "nightly"), document(json!({}), &[]))],
        _ => Vec::new(),
    }
}

/// A resource of each kind with everything that the kind has: its id, another id to restore it as, and its document.
#[expect(clippy::too_many_lines, reason = "one table of kinds, which reads best as one")]
pub fn rich() -> Vec<(ResourceId, ResourceId, Document)> {
    let arn = |rest: &str| format!("arn:aws:{rest}");
    let of = |service: &str, name: &str| arn(&format!("{service}:eu-central-1:{ACCOUNT}:{name}"));
    let policy = |action: &str, resource: String| {
        json!({"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": action, "Resource": resource}]})
    };
    let tags = [("team", "billing"), ("backup", "standard")];
    let targets: Vec<Value> = (0..13)
        .map(|n| json!({"Id": format!("t{n:02}"), "Arn": of("sqs", "orders"), "Input": format!("{{\"n\": {n}}}")}))
        .collect();
    let version = |description: &str| {
        json!({
            "description": description, "definition": {"StartAt": description}, "roleArn": arn("iam::111122223333:role/pay"),
            "loggingConfiguration": {"level": "OFF", "includeExecutionData": false}, "tracingConfiguration": {"enabled": false},
        })
    };
    let pair = |kind, name, again| (id(kind, name), id(kind, again));
    [
        (
            pair(Kind::SqsQueue, "orders.fifo", "orders-2.fifo"),
            document(json!({"Attributes": {
                "FifoQueue": "true", "ContentBasedDeduplication": "true", "VisibilityTimeout": "90", "KmsMasterKeyId": "alias/q",
                "SqsManagedSseEnabled": "false",
                "RedrivePolicy": {"deadLetterTargetArn": of("sqs", "orders-dlq.fifo"), "maxReceiveCount": 5},
                "RedriveAllowPolicy": {"redrivePermission": "denyAll"},
                "Policy": policy("sqs:SendMessage", of("sqs", "orders.fifo")),
            }}), &tags),
        ),
        (
            pair(Kind::SnsTopic, "news", "news-2"),
            document(json!({
                "Attributes": {"DisplayName": "News", "TracingConfig": "Active", "Policy": policy("sns:Publish", of("sns", "news")),
                    "DeliveryPolicy": {"http": {"disableSubscriptionOverrides": false}}},
                "DataProtectionPolicy": {"Name": "p", "Statement": []},
                "Subscriptions": [
                    {"Protocol": "email", "Endpoint": "a@example.org"},
                    {"Protocol": "lambda", "Endpoint": of("lambda", "function:bill"), "Attributes": {
                        "RawMessageDelivery": "false", "FilterPolicy": {"kind": ["paid"]}, "FilterPolicyScope": "MessageBody"}},
                    {"Protocol": "sqs", "Endpoint": of("sqs", "orders"), "Attributes": {
                        "RawMessageDelivery": "true", "RedrivePolicy": {"deadLetterTargetArn": of("sqs", "dlq")}}},
                ],
            }), &tags),
        ),
        (
            pair(Kind::EventBus, "shop", "shop-2"),
            document(json!({
                "Description": "all of the shop", "KmsKeyIdentifier": of("kms", "key/1"), "DeadLetterConfig": {"Arn": of("sqs", "dlq")},
                "LogConfig": {"Level": "INFO", "IncludeDetail": "NONE"}, "Policy": policy("events:PutEvents", of("events", "event-bus/shop")),
            }), &tags),
        ),
        (
            pair(Kind::EventRule, "shop/paid", "shop/paid-2"),
            document(json!({
                "EventPattern": {"source": ["shop"], "detail": {"amount": [{"numeric": [">", 10.5]}]}}, "State": "ENABLED",
                "Description": "paid orders", "RoleArn": arn("iam::111122223333:role/events"), "Targets": targets,
            }), &tags),
        ),
        (pair(Kind::ScheduleGroup, "nightly", "nightly-2"), document(json!({}), &tags)),
        (
            pair(Kind::Schedule, "nightly/sum", "nightly/sum-2"),
            document(json!({
                "ScheduleExpression": "cron(0 3 * * ? *)", "ScheduleExpressionTimezone": "Europe/Berlin", "State": "ENABLED",
                "ActionAfterCompletion": "NONE", "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
                "Description": "sums", "EndDate": 4_102_444_800.0,
                "Target": {"Arn": of("lambda", "function:sum"), "RoleArn": arn("iam::111122223333:role/s"), "Input": "{\"a\": 1}",
                    "RetryPolicy": {"MaximumRetryAttempts": 3}, "DeadLetterConfig": {"Arn": of("sqs", "dlq")}},
            }), &[]),
        ),
        (
            pair(Kind::EventSourceMapping, "0-0-0", "0-0-1"),
            document(json!({
                "EventSourceArn": of("dynamodb", "table/orders/stream/2026-01-01T00:00:00.000"), "FunctionArn": of("lambda", "function:bill:live"),
                "BatchSize": 25, "MaximumBatchingWindowInSeconds": 3, "StartingPosition": "LATEST", "ParallelizationFactor": 2,
                "MaximumRecordAgeInSeconds": -1, "BisectBatchOnFunctionError": true, "Enabled": true,
                "FilterCriteria": {"Filters": [{"Pattern": "{\"eventName\": [\"INSERT\"]}"}]},
                "DestinationConfig": {"OnFailure": {"Destination": of("sqs", "dlq")}},
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            }), &tags),
        ),
        (
            pair(Kind::StateMachine, "pay", "pay-2"),
            document(json!({
                "definition": {"StartAt": "a", "States": {"a": {"Type": "Task", "Resource": of("lambda", "function:bill"), "ResultPath": null, "End": true}}},
                "roleArn": arn("iam::111122223333:role/pay"), "type": "STANDARD",
                "loggingConfiguration": {"level": "ERROR", "includeExecutionData": true, "destinations": [
                    {"cloudWatchLogsLogGroup": {"logGroupArn": of("logs", "log-group:pay:*")}}]},
                "tracingConfiguration": {"enabled": true},
                "versions": [version("one"), version("two")],
                "aliases": [
                    {"name": "live", "description": "all of them", "routes": [{"version": 1, "weight": 90}, {"version": 0, "weight": 10}]},
                    {"name": "old", "routes": [{"version": 0, "weight": 100}]},
                ],
            }), &tags),
        ),
        (
            pair(Kind::KinesisStream, "clicks", "clicks-2"),
            document(json!({
                "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "ShardCount": 3, "RetentionPeriodHours": 72, "EncryptionType": "KMS",
                "KeyId": "alias/aws/kinesis", "ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"], "Consumers": ["one", "three", "two"],
                "Policy": policy("kinesis:PutRecord", of("kinesis", "stream/clicks")),
            }), &tags),
        ),
        (
            pair(Kind::EventArchive, "all", "all-2"),
            document(json!({
                "EventSourceArn": of("events", "event-bus/shop"), "Description": "everything", "RetentionDays": 30,
                "EventPattern": {"source": ["shop"]},
            }), &[]),
        ),
        (
            pair(Kind::BucketNotifications, "photos", "photos-2"),
            document(json!({
                "EventBridgeConfiguration": {},
                "QueueConfiguration": [{"Id": "q", "Queue": of("sqs", "orders"), "Event": ["s3:ObjectCreated:*"]}],
                "CloudFunctionConfiguration": [{"Id": "f", "CloudFunction": of("lambda", "function:resize"),
                    "Event": ["s3:ObjectCreated:Post", "s3:ObjectCreated:Put"],
                    "Filter": {"S3Key": {"FilterRule": [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]}}}],
            }), &[]),
        ),
        (
            pair(Kind::EventConnection, "crm", "crm-2"),
            document(json!({
                "AuthorizationType": "API_KEY", "Description": "the CRM", "AuthParameters": {
                    "ApiKeyAuthParameters": {"ApiKeyName": "x-key"},
                    "InvocationHttpParameters": {"HeaderParameters": [
                        {"Key": "a", "Value": "seen", "IsValueSecret": false}, {"Key": "b", "IsValueSecret": true}]}},
            }), &[]),
        ),
        (
            pair(Kind::ApiDestination, "crm", "crm-2"),
            document(json!({
                "Connection": "crm", "InvocationEndpoint": "https://crm.example.org/*", "HttpMethod": "POST", "InvocationRateLimitPerSecond": 10,
            }), &[]),
        ),
        (pair(Kind::RestApi, "shop", "shop-2"), apis::rest_api()),
        (pair(Kind::HttpApi, "shop", "shop-2"), apis::http_api()),
        (pair(Kind::IamRole, "bill", "bill-2"), roles::role()),
    ]
    .into_iter()
    .map(|((from, again), document)| (from, again, document))
    .collect()
}

fn word() -> BoxedStrategy<String> {
    "[a-zA-Z0-9 _.:/=+@äß\"<&-]{1,12}".boxed()
}

fn words() -> BoxedStrategy<BTreeMap<String, String>> {
    btree_map("[a-z]{1,8}", word(), 0..4).boxed()
}

/// Any JSON as a pattern or a policy may have it.
fn json_object() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        word().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    let inner = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Value::from),
            btree_map("[a-z:]{1,6}", inner, 1..3).prop_map(|map| json!(map))
        ]
    });
    btree_map("[A-Za-z]{1,6}", inner, 1..4)
        .prop_map(|map| json!(map))
        .boxed()
}

/// JSON that people write as a text: a null in it means something.
fn written_json() -> BoxedStrategy<Value> {
    (json_object(), any::<bool>())
        .prop_map(|(mut written, has_null)| {
            if has_null {
                written["ResultPath"] = Value::Null;
            }
            written
        })
        .boxed()
}

fn number(range: std::ops::Range<u32>) -> BoxedStrategy<Value> {
    range.prop_map(|number| Value::from(number.to_string())).boxed()
}

fn text() -> BoxedStrategy<Value> {
    word().prop_map(Value::from).boxed()
}

/// An object with some of these members.
fn some(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| option::of(value).prop_map(move |value| value.map(|value| (name.to_owned(), value))))
        .collect();
    members
        .prop_map(|members| members.into_iter().flatten().collect::<Value>())
        .boxed()
}

fn with(always: Value, some: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    some.prop_map(move |mut value| {
        for (name, member) in always.as_object().unwrap() {
            value[name] = member.clone();
        }
        value
    })
    .boxed()
}

/// Any configuration of a kind.
#[expect(clippy::too_many_lines, reason = "one table of kinds, which reads best as one")]
pub fn any_document(kind: Kind) -> BoxedStrategy<Document> {
    let config = match kind {
        Kind::SqsQueue => some(vec![
            ("DelaySeconds", number(0..900)),
            ("VisibilityTimeout", number(0..43_200)),
            ("SomethingNew", text()),
            ("Policy", json_object()),
            ("RedrivePolicy", json_object()),
        ])
        .prop_map(|attributes| json!({ "Attributes": attributes }))
        .boxed(),
        Kind::SnsTopic => {
            let attributes = some(vec![
                ("DisplayName", text()),
                ("Policy", json_object()),
                ("KmsMasterKeyId", text()),
                ("SomethingNew", text()),
            ]);
            let subscription = some(vec![("FilterPolicy", written_json()), ("SomethingNew", text())]);
            let subscriptions = btree_map("[a-z]{3,6}", subscription, 0..5);
            (attributes, subscriptions).prop_map(|(attributes, subscriptions)| {
                let subscriptions: Vec<Value> = subscriptions
                    .into_iter()
                    .map(|(name, mut settings)| {
                        settings["RawMessageDelivery"] = json!("true");
                        json!({"Protocol": "sqs", "Endpoint": format!("arn:aws:sqs:eu-central-1:{ACCOUNT}:{name}"), "Attributes": settings})
                    })
                    .collect();
                json!({ "Attributes": attributes, "Subscriptions": subscriptions })
            })
            .boxed()
        }
        Kind::EventBus => some(vec![
            ("Description", text()),
            ("Policy", json_object()),
            ("DeadLetterConfig", json_object()),
        ]),
        Kind::EventRule => {
            let rule = with(
                json!({"ScheduleExpression": "rate(1 day)"}),
                some(vec![
                    ("EventPattern", written_json()),
                    ("Description", text()),
                    ("RoleArn", text()),
                ]),
            );
            let targets = btree_map(
                "[a-zA-Z0-9_.-]{1,6}",
                some(vec![("Input", text()), ("SomethingNew", json_object())]),
                0..25,
            );
            (rule, targets, any::<bool>())
                .prop_map(|(mut rule, targets, is_on)| {
                    let targets = targets.into_iter().map(|(id, mut target)| {
                        target["Id"] = Value::from(id);
                        target["Arn"] = Value::from("arn:aws:sqs:eu-central-1:111122223333:q");
                        target
                    });
                    rule["Targets"] = targets.collect();
                    rule["State"] = json!(if is_on { "ENABLED" } else { "DISABLED" });
                    rule
                })
                .boxed()
        }
        Kind::Schedule => with(
            json!({"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": "arn:aws:x", "SomethingNew": 1}}),
            some(vec![
                ("Description", text()),
                ("ScheduleExpressionTimezone", text()),
                ("State", Just(json!("DISABLED")).boxed()),
                ("KmsKeyArn", text()),
            ]),
        ),
        Kind::EventSourceMapping => with(
            json!({"EventSourceArn": "arn:aws:sqs:eu-central-1:111122223333:q", "FunctionArn": "arn:aws:lambda:eu-central-1:111122223333:function:f"}),
            some(vec![
                ("BatchSize", (1..10_000).prop_map(Value::from).boxed()),
                ("Enabled", any::<bool>().prop_map(Value::from).boxed()),
                ("FilterCriteria", json_object()),
                ("SomethingNew", text()),
            ]),
        ),
        Kind::StateMachine => {
            let version = |n: usize| {
                (written_json(), text()).prop_map(move |(definition, description)| {
                json!({"description": description, "definition": {"n": n, "d": definition}, "roleArn": "arn:aws:iam::1:role/r",
                    "loggingConfiguration": {"level": "OFF"}, "tracingConfiguration": {"enabled": false}})
            })
            };
            let versions: Vec<_> = (0..3).map(version).collect();
            let machine = with(
                json!({"roleArn": "arn:aws:iam::1:role/r", "type": "EXPRESS"}),
                some(vec![
                    ("encryptionConfiguration", json_object()),
                    ("tracingConfiguration", json_object()),
                ]),
            );
            // An alias for each version, and one for two of them: every version is used.
            (machine, written_json(), versions, 0..=3_usize)
                .prop_map(|(mut machine, definition, versions, count)| {
                    machine["definition"] = definition;
                    let versions: Vec<Value> = versions.into_iter().take(count).collect();
                    let aliases =
                        (0..count).map(|n| json!({"name": format!("a{n}"), "routes": [{"version": n, "weight": 100}]}));
                    let aliases: Vec<Value> = aliases.collect();
                    if count > 0 {
                        machine["versions"] = Value::from(versions);
                        machine["aliases"] = Value::from(aliases);
                    }
                    machine
                })
                .boxed()
        }
        Kind::KinesisStream => {
            let provisioned = (1..9_u32)
                .prop_map(|shards| json!({"StreamModeDetails": {"StreamMode": "PROVISIONED"}, "ShardCount": shards}));
            let mode = prop_oneof![
                provisioned,
                Just(json!({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}))
            ];
            let names = || {
                prop::collection::btree_set("[a-z]{1,4}", 1..4)
                    .prop_map(|names| json!(names))
                    .boxed()
            };
            let rest = some(vec![
                ("RetentionPeriodHours", (24..8_760_u32).prop_map(Value::from).boxed()),
                ("Consumers", names()),
                ("ShardLevelMetrics", names()),
                ("Policy", json_object()),
            ]);
            (mode, rest)
                .prop_map(|(mut mode, rest)| {
                    for (name, value) in rest.as_object().unwrap() {
                        mode[name] = value.clone();
                    }
                    mode
                })
                .boxed()
        }
        Kind::EventArchive => with(
            json!({"EventSourceArn": "arn:aws:events:eu-central-1:111122223333:event-bus/default"}),
            some(vec![
                ("Description", text()),
                ("EventPattern", written_json()),
                ("RetentionDays", (0..999_u32).prop_map(Value::from).boxed()),
            ]),
        ),
        Kind::BucketNotifications => {
            let list = || {
                let rules = || vec((prop_oneof!["prefix", "suffix"], word()), 0..2);
                btree_map("[a-z]{1,4}", rules(), 1..3)
            };
            (list(), list(), any::<bool>()).prop_map(|(queues, topics, to_bus)| {
                let notification = |member: &str, (id, rules): (String, Vec<(String, String)>)| {
                    let rules: Vec<Value> = rules.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
                    let mut one = json!({"Id": format!("{member}-{id}"), member: "arn:aws:x", "Event": ["s3:ObjectCreated:*"]});
                    if rules.len() == 1 {
                        one["Filter"] = json!({"S3Key": {"FilterRule": rules}});
                    }
                    one
                };
                let mut config = json!({
                    "QueueConfiguration": queues.into_iter().map(|one| notification("Queue", one)).collect::<Value>(),
                    "TopicConfiguration": topics.into_iter().map(|one| notification("Topic", one)).collect::<Value>(),
                });
                if to_bus {
                    config["EventBridgeConfiguration"] = json!({});
                }
                config
            })
            .boxed()
        }
        Kind::EventConnection => {
            let parameter = || {
                prop_oneof![
                    text().prop_map(|key| json!({"Key": key, "Value": "v", "IsValueSecret": false})),
                    text().prop_map(|key| json!({"Key": key, "IsValueSecret": true})),
                ]
            };
            let basic = text().prop_map(|user| json!({"BasicAuthParameters": {"Username": user}}));
            let key = (text(), vec(parameter(), 1..3)).prop_map(|(name, headers)| {
                json!({"ApiKeyAuthParameters": {"ApiKeyName": name}, "InvocationHttpParameters": {"HeaderParameters": headers}})
            });
            let oauth = (text(), text()).prop_map(|(client, address)| {
                json!({"OAuthParameters": {"ClientParameters": {"ClientID": client}, "AuthorizationEndpoint": address, "HttpMethod": "POST"}})
            });
            (
                prop_oneof![basic, key, oauth],
                some(vec![("Description", text()), ("KmsKeyIdentifier", text())]),
            )
                .prop_map(|(parameters, mut rest)| {
                    rest["AuthorizationType"] = json!("ANY");
                    rest["AuthParameters"] = parameters;
                    rest
                })
                .boxed()
        }
        Kind::ApiDestination => with(
            json!({"Connection": "crm", "HttpMethod": "POST"}),
            some(vec![
                ("InvocationEndpoint", text()),
                ("Description", text()),
                ("SomethingNew", json_object()),
            ]),
        ),
        Kind::RestApi => apis::any_rest_api(),
        Kind::HttpApi => apis::any_http_api(),
        Kind::IamRole => roles::any_role(),
        // It has nothing but its name.
        Kind::ScheduleGroup => Just(json!({})).boxed(),
        kind => panic!("{kind} is no wiring"),
    };
    let has_tags = !matches!(
        kind,
        Kind::Schedule | Kind::EventArchive | Kind::BucketNotifications | Kind::EventConnection | Kind::ApiDestination
    );
    (config, words())
        .prop_map(move |(config, tags)| Document {
            config: config.as_object().cloned().unwrap(),
            tags: if has_tags { tags } else { BTreeMap::new() },
            ..Document::default()
        })
        .boxed()
}
