//! A function as accounts have them.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::Sha256;
use holdfast_sources::lambda::{
    Alias, Environment, EventSource, FunctionConfig, Logging, Observed, Package, Release, Settings, SnapStart,
    Statement,
};
use serde_json::{Map, json};

/// The archives of `$LATEST` and of version 3.
pub fn archives() -> [Bytes; 2] {
    [
        Bytes::from_static(b"the latest archive"),
        Bytes::from_static(b"the archive of version 3"),
    ]
}

/// A function with a published version, an alias of it, a permission, a queue that triggers it, and reserved concurrency.
pub fn function() -> FunctionConfig {
    let [latest, third] = archives();
    FunctionConfig {
        latest: release(&latest, "latest"),
        versions: BTreeMap::from([(3, release(&third, "version 3"))]),
        aliases: BTreeMap::from([(
            "live".to_owned(),
            Alias {
                version: "3".to_owned(),
                description: "what customers use".to_owned(),
                weights: BTreeMap::new(),
            },
        )]),
        reserved_concurrency: Some(5),
        policy: vec![Statement {
            qualifier: Some("live".to_owned()),
            sid: "topic".to_owned(),
            body: Map::from_iter([
                ("Action".to_owned(), json!("lambda:InvokeFunction")),
                ("Effect".to_owned(), json!("Allow")),
                ("Principal".to_owned(), json!({ "Service": "sns.amazonaws.com" })),
            ]),
        }],
        event_sources: vec![EventSource {
            source_arn: Some("arn:aws:sqs:eu-central-1:111122223333:orders".to_owned()),
            qualifier: Some("live".to_owned()),
            enabled: true,
            settings: BTreeMap::from([("BatchSize".to_owned(), json!(10))]),
            tags: BTreeMap::new(),
        }],
        beside: BTreeMap::new(),
        layers: BTreeMap::new(),
        edge: Vec::new(),
        tags: BTreeMap::from([("backup".to_owned(), "standard".to_owned())]),
        unreadable: Vec::new(),
        observed: Observed::default(),
    }
}

fn release(archive: &Bytes, description: &str) -> Release {
    Release {
        package: Package::Zip {
            sha256: Sha256::of(archive),
            bytes: archive.len() as u64,
        },
        settings: Settings {
            description: description.to_owned(),
            runtime: Some("provided.al2023".to_owned()),
            handler: Some("bootstrap".to_owned()),
            role: "arn:aws:iam::111122223333:role/bill".to_owned(),
            timeout_seconds: 30,
            memory_mb: 256,
            architectures: vec!["arm64".to_owned()],
            ephemeral_storage_mb: 512,
            environment: Some(Environment::new(BTreeMap::from([(
                "STAGE".to_owned(),
                "test".to_owned(),
            )]))),
            layers: Vec::new(),
            vpc: None,
            dead_letter_target: None,
            tracing: "PassThrough".to_owned(),
            logging: Logging::default(),
            snap_start: SnapStart::Off,
            file_systems: Vec::new(),
            kms_key_arn: None,
            image_overrides: None,
            durable: None,
            tenant_isolation: None,
            capacity_provider: None,
        },
    }
}
