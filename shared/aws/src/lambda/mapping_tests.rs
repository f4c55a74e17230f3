//! Event source mappings over the wire: read, and made as they were read.

use holdfast_sources::lambda::EventSource;
use holdfast_sources::lambda::port::{ReadFunction as _, WireFunction as _};
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::tests::{ARN, body, functions, ok, refusal};
use crate::wire::Server;

fn mappings() -> Value {
    let arn = |id: &str| format!("arn:aws:lambda:eu-central-1:111122223333:event-source-mapping:{id}");
    json!([
        {
            "UUID": "queue", "EventSourceMappingArn": arn("queue"), "FunctionArn": format!("{ARN}:live"),
            "EventSourceArn": "arn:aws:sqs:eu-central-1:111122223333:orders", "State": "Enabled", "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": { "Filters": [{ "Pattern": "{\"body\":[1]}" }] },
            "ScalingConfig": { "MaximumConcurrency": 5 }, "DestinationConfig": { "OnFailure": {} }
        },
        {
            "UUID": "stream", "EventSourceMappingArn": arn("stream"), "FunctionArn": ARN,
            "EventSourceArn": "arn:aws:kinesis:eu-central-1:111122223333:stream/s", "State": "Disabling",
            "BatchSize": 100, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_767_225_600.0,
            "ParallelizationFactor": 2, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": 3,
            "BisectBatchOnFunctionError": true, "TumblingWindowInSeconds": 60,
            "DestinationConfig": { "OnFailure": { "Destination": "arn:aws:sqs:eu-central-1:111122223333:failed" } },
            "MetricsConfig": { "Metrics": ["EventCount"] }, "KMSKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1"
        },
        {
            "UUID": "kafka", "EventSourceMappingArn": arn("kafka"), "FunctionArn": ARN, "State": "Enabled",
            "BatchSize": 100, "StartingPosition": "LATEST", "Topics": ["orders"],
            "SelfManagedEventSource": { "Endpoints": { "KAFKA_BOOTSTRAP_SERVERS": ["a:9092", "b:9092"] } },
            "SourceAccessConfigurations": [{ "Type": "VPC_SUBNET", "URI": "subnet:subnet-1" }],
            "SelfManagedKafkaEventSourceConfig": {
                "ConsumerGroupId": "g",
                "SchemaRegistryConfig": {
                    "SchemaRegistryURI": "https://registry.example", "EventRecordFormat": "JSON",
                    "AccessConfigs": [{ "Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:…" }],
                    "SchemaValidationConfigs": [{ "Attribute": "KEY" }]
                }
            },
            "ProvisionedPollerConfig": { "MinimumPollers": 1, "MaximumPollers": 4 },
            "LoggingConfig": { "SystemLogLevel": "INFO" }
        },
        {
            "UUID": "documents", "EventSourceMappingArn": arn("documents"), "FunctionArn": ARN, "State": "Enabled",
            "EventSourceArn": "arn:aws:rds:eu-central-1:111122223333:cluster:docs", "StartingPosition": "LATEST",
            "DocumentDBEventSourceConfig": {
                "DatabaseName": "d", "CollectionName": "c", "FullDocument": "UpdateLookup"
            }
        },
        { "UUID": "going", "FunctionArn": ARN, "State": "Deleting" },
        { "UUID": "other", "FunctionArn": format!("{ARN}-2"), "State": "Enabled" }
    ])
}

/// The mappings of function bill, each with the tag `team`.
async fn read_mappings() -> Vec<(String, EventSource)> {
    let server = Server::answering(|request| {
        let tags = json!({ "Tags": { "team": "bills" } });
        let list = json!({ "EventSourceMappings": mappings() });
        Some(ok(if request.line.contains("/tags/") { &tags } else { &list }))
    });
    let found = functions(&server).event_sources("bill").await.unwrap();
    assert!(found.iter().all(|reading| reading.unreadable.is_empty()));
    found.into_iter().map(|reading| (reading.id, reading.source)).collect()
}

#[tokio::test]
async fn the_mappings_of_a_function_and_of_its_aliases_are_found_and_no_others() {
    let found = read_mappings().await;
    let ends: Vec<_> = found
        .iter()
        .map(|(id, source)| (&**id, source.qualifier.as_deref(), source.enabled))
        .collect();
    assert_eq!(
        ends,
        [
            ("queue", Some("live"), true),
            ("stream", None, false),
            ("kafka", None, true),
            ("documents", None, true)
        ]
    );
    assert_eq!(found[2].1.source_arn, None);
    // What nobody set is not kept: SQS would refuse a destination.
    assert_eq!(
        found[0].1.settings.keys().collect::<Vec<_>>(),
        ["BatchSize", "FilterCriteria", "FunctionResponseTypes", "ScalingConfig"]
    );
}

#[tokio::test]
async fn a_mapping_is_made_as_it_was_read() {
    for ((id, source), original) in read_mappings().await.into_iter().zip(mappings().as_array().unwrap()) {
        let server = Server::replying([ok(&json!({ "UUID": "new" }))]);
        assert_eq!(
            functions(&server).create_event_source("again", &source).await.unwrap(),
            "new"
        );
        let mut sent = body(&server.requests()[0]);
        let sent = sent.as_object_mut().unwrap();
        let name = if id == "queue" { "again:live" } else { "again" };
        assert_eq!(sent.remove("FunctionName"), Some(json!(name)));
        assert_eq!(sent.remove("Enabled"), Some(json!(id != "stream")));
        assert_eq!(sent.remove("Tags"), Some(json!({ "team": "bills" })));
        let mut expected = original.as_object().unwrap().clone();
        for about in ["UUID", "EventSourceMappingArn", "FunctionArn", "State"] {
            expected.remove(about);
        }
        if id == "queue" {
            expected.remove("MaximumBatchingWindowInSeconds");
            expected.remove("DestinationConfig");
        }
        assert_eq!(
            normal(Value::Object(sent.clone())),
            normal(Value::Object(expected)),
            "{id}"
        );
    }
}

/// Whole seconds are the same with and without a fraction.
fn normal(mut value: Value) -> Value {
    if let Some(time) = value.get_mut("StartingPositionTimestamp") {
        *time = json!(time.as_f64());
    }
    value
}

#[tokio::test]
async fn a_setting_from_a_later_release_is_refused_and_not_dropped() {
    let mut source = read_mappings().await.remove(0).1;
    source.settings.insert("NewThing".to_owned(), json!(1));
    let server = Server::replying([]);
    let error = functions(&server)
        .create_event_source("again", &source)
        .await
        .unwrap_err();
    assert!(
        matches!(error, PortError::Invalid(_)) && error.to_string().contains("NewThing"),
        "{error}"
    );
}

#[tokio::test]
async fn tags_of_a_mapping_that_may_not_be_read_are_told() {
    let server = Server::answering(|request| {
        let list = json!({ "EventSourceMappings": [mappings()[0]] });
        Some(if request.line.contains("/tags/") {
            refusal(403, "AccessDeniedException", "not authorized")
        } else {
            ok(&list)
        })
    });
    let found = functions(&server).event_sources("bill").await.unwrap();
    assert_eq!(found[0].unreadable[0].setting, "Tags");
}
