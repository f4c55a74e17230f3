//! Functions as accounts have them.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::Sha256;
use holdfast_sources::lambda::{
    Alias, Beside, Environment, EventSource, FileSystem, FunctionConfig, Layer, Logging, Observed, Package, Release,
    Settings, SnapStart, Statement, Vpc,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What no log, report or plan may show.
pub const SECRET: &str = "s3cr3t-of-the-environment";

/// Three archives.
pub fn archives() -> Vec<Bytes> {
    ["first archive", "second archive", "third archive"]
        .map(|text| Bytes::from_static(text.as_bytes()))
        .to_vec()
}

pub fn package(index: usize) -> Package {
    let archive = &archives()[index];
    Package::Zip {
        sha256: Sha256::of(archive),
        bytes: archive.len() as u64,
    }
}

/// A plain function without versions and triggers.
pub fn plain() -> FunctionConfig {
    FunctionConfig {
        latest: Release {
            package: package(0),
            settings: settings("plain"),
        },
        versions: BTreeMap::new(),
        aliases: BTreeMap::new(),
        reserved_concurrency: None,
        policy: Vec::new(),
        event_sources: Vec::new(),
        beside: BTreeMap::new(),
        layers: BTreeMap::new(),
        edge: Vec::new(),
        tags: BTreeMap::from([("team".to_owned(), "bills".to_owned())]),
        unreadable: Vec::new(),
        observed: Observed::default(),
    }
}

/// A layer's version and its ARN, of this number.
pub fn layer(number: u32) -> (String, Layer) {
    let archive = &archives()[number as usize % 3];
    let layer = Layer {
        sha256: Sha256::of(archive),
        bytes: archive.len() as u64,
        settings: BTreeMap::from([
            ("CompatibleArchitectures".to_owned(), json!(["arm64", "x86_64"])),
            ("CompatibleRuntimes".to_owned(), json!(["provided.al2023"])),
            ("Description".to_owned(), json!(format!("layer {number}"))),
            ("LicenseInfo".to_owned(), json!("Apache-2.0")),
        ]),
    };
    let arn = format!("arn:aws:lambda:eu-west-1:111122223333:layer:base:{number}");
    (arn, layer)
}

/// Puts a configuration beside a function.
pub fn set_beside(function: &mut FunctionConfig, kind: Beside, qualifier: &str, config: &Value) {
    let config = config.as_object().cloned().unwrap_or_default();
    let configs = function.beside.entry(kind).or_default();
    configs.insert(qualifier.to_owned(), config);
}

/// Everything that can stand beside a function with the versions and aliases of [`wired`].
pub fn furnished() -> FunctionConfig {
    let mut config = wired();
    let code_signing =
        json!({ "CodeSigningConfigArn": "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-1" });
    set_beside(&mut config, Beside::CodeSigning, "$LATEST", &code_signing);
    let runtime = json!({ "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:abc" });
    set_beside(&mut config, Beside::RuntimeManagement, "3", &runtime);
    let runtime = json!({ "UpdateRuntimeOn": "FunctionUpdate" });
    set_beside(&mut config, Beside::RuntimeManagement, "$LATEST", &runtime);
    set_beside(
        &mut config,
        Beside::Recursion,
        "$LATEST",
        &json!({ "RecursiveLoop": "Allow" }),
    );
    for (qualifier, number) in [("live", 2), ("7", 3)] {
        let provisioned = json!({ "ProvisionedConcurrentExecutions": number });
        set_beside(&mut config, Beside::ProvisionedConcurrency, qualifier, &provisioned);
    }
    for qualifier in ["$LATEST", "3", "live"] {
        let invoke = json!({
            "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:111122223333:dead"}},
            "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0,
        });
        set_beside(&mut config, Beside::EventInvoke, qualifier, &invoke);
    }
    for qualifier in ["$LATEST", "live", "next"] {
        let url = json!({
            "AuthType": "NONE", "Cors": {"AllowOrigins": ["*"], "MaxAge": 60}, "InvokeMode": "BUFFERED"
        });
        set_beside(&mut config, Beside::Url, qualifier, &url);
    }
    for number in [1, 2] {
        let (arn, layer) = layer(number);
        config.latest.settings.layers.push(arn.clone());
        config.layers.insert(arn, layer);
    }
    let first = config.latest.settings.layers[0].clone();
    if let Some(version) = config.versions.get_mut(&3) {
        version.settings.layers.push(first);
    }
    config
}

/// One with two versions, two aliases that share, permissions, a queue and a stream.
pub fn wired() -> FunctionConfig {
    let mut config = plain();
    for (number, index) in [(3, 1), (7, 2)] {
        let release = Release {
            package: package(index),
            settings: settings(&format!("version {number}")),
        };
        config.versions.insert(number, release);
    }
    config.aliases.insert("live".to_owned(), alias("3", &[(7, 0.25)]));
    config.aliases.insert("next".to_owned(), alias("7", &[]));
    config.reserved_concurrency = Some(5);
    config.policy = vec![
        statement(None, "s3", "s3.amazonaws.com", Some("arn:aws:s3:::in")),
        statement(
            Some("7"),
            "rule",
            "events.amazonaws.com",
            Some("arn:aws:events:eu-west-1:111122223333:rule/hourly"),
        ),
        statement(Some("live"), "topic", "sns.amazonaws.com", None),
    ];
    config.event_sources = vec![stream(Some("7"), false), queue(Some("live"), true)];
    config
}

pub fn alias(version: &str, weights: &[(u64, f64)]) -> Alias {
    Alias {
        version: version.to_owned(),
        description: format!("of {version}"),
        weights: weights.iter().copied().collect(),
    }
}

pub fn statement(qualifier: Option<&str>, sid: &str, service: &str, source: Option<&str>) -> Statement {
    let mut body = Map::from_iter([
        ("Action".to_owned(), json!("lambda:InvokeFunction")),
        ("Effect".to_owned(), json!("Allow")),
        ("Principal".to_owned(), json!({ "Service": service })),
    ]);
    if let Some(source) = source {
        body.insert(
            "Condition".to_owned(),
            json!({ "ArnLike": { "AWS:SourceArn": source } }),
        );
    }
    Statement {
        qualifier: qualifier.map(str::to_owned),
        sid: sid.to_owned(),
        body: body
            .into_iter()
            .collect::<BTreeMap<String, Value>>()
            .into_iter()
            .collect(),
    }
}

pub fn queue(qualifier: Option<&str>, enabled: bool) -> EventSource {
    EventSource {
        source_arn: Some("arn:aws:sqs:eu-west-1:111122223333:orders".to_owned()),
        qualifier: qualifier.map(str::to_owned),
        enabled,
        settings: BTreeMap::from([
            ("BatchSize".to_owned(), json!(10)),
            ("FunctionResponseTypes".to_owned(), json!(["ReportBatchItemFailures"])),
        ]),
        tags: BTreeMap::new(),
    }
}

pub fn stream(qualifier: Option<&str>, enabled: bool) -> EventSource {
    EventSource {
        source_arn: Some(
            "arn:aws:dynamodb:eu-west-1:111122223333:table/orders/stream/2026-01-01T00:00:00.000".to_owned(),
        ),
        qualifier: qualifier.map(str::to_owned),
        enabled,
        settings: BTreeMap::from([
            ("BatchSize".to_owned(), json!(100)),
            ("StartingPosition".to_owned(), json!("TRIM_HORIZON")),
        ]),
        tags: BTreeMap::from([("team".to_owned(), "bills".to_owned())]),
    }
}

pub fn settings(description: &str) -> Settings {
    Settings {
        description: description.to_owned(),
        runtime: Some("provided.al2023".to_owned()),
        handler: Some("bootstrap".to_owned()),
        role: "arn:aws:iam::111122223333:role/bill".to_owned(),
        timeout_seconds: 30,
        memory_mb: 256,
        architectures: vec!["arm64".to_owned()],
        ephemeral_storage_mb: 512,
        environment: Some(Environment::new(BTreeMap::from([(
            "TOKEN".to_owned(),
            SECRET.to_owned(),
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
    }
}

/// Any settings that a function in eu-west-1 may have.
fn any_settings() -> impl Strategy<Value = Settings> {
    let run = (
        "[a-z ]{0,12}",
        prop_oneof![Just("provided.al2023"), Just("python3.12")],
        1..900_i32,
        128..4096_i32,
    );
    let place = (
        prop_oneof![Just("x86_64"), Just("arm64")],
        btree_map("[A-Z]{1,6}", ".{0,12}", 0..4),
        vec(1..9_u32, 0..3),
        any::<bool>(),
    );
    let rest = (
        any::<bool>(),
        any::<bool>(),
        proptest::option::of("[a-z/]{1,12}"),
        any::<bool>(),
    );
    (run, place, rest).prop_map(|(run, place, rest)| {
        let layer = |number: u32| format!("arn:aws:lambda:eu-west-1:111122223333:layer:base:{number}");
        let (in_vpc, with_key) = (place.3, rest.0);
        Settings {
            runtime: Some(run.1.to_owned()),
            timeout_seconds: run.2,
            memory_mb: run.3,
            architectures: vec![place.0.to_owned()],
            environment: Some(Environment::new(place.1)),
            layers: place.2.into_iter().map(layer).collect(),
            vpc: in_vpc.then(|| Vpc {
                subnets: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
                security_groups: vec!["sg-1".to_owned()],
                ipv6: false,
            }),
            file_systems: Vec::from_iter(in_vpc.then(|| FileSystem {
                path: "/mnt/data".to_owned(),
                arn: "arn:aws:elasticfilesystem:eu-west-1:111122223333:access-point/fsap-1".to_owned(),
            })),
            kms_key_arn: with_key.then(|| "arn:aws:kms:eu-west-1:111122223333:key/1".to_owned()),
            dead_letter_target: rest.1.then(|| "arn:aws:sqs:eu-west-1:111122223333:dead".to_owned()),
            logging: Logging {
                format: "JSON".to_owned(),
                application_level: Some("INFO".to_owned()),
                system_level: Some("WARN".to_owned()),
                group: rest.2,
            },
            snap_start: if rest.3 {
                SnapStart::PublishedVersions
            } else {
                SnapStart::Off
            },
            ..settings(&run.0)
        }
    })
}

fn any_release() -> impl Strategy<Value = Release> {
    (0..3_usize, any_settings()).prop_map(|(index, settings)| Release {
        package: package(index),
        settings,
    })
}

/// Any function in eu-west-1: each version is used by an alias, and neighbouring versions differ (those that do not are made one
/// by the service).
pub fn any_function() -> impl Strategy<Value = FunctionConfig> {
    let versions = btree_map(1..50_u64, any_release(), 0..4);
    let pieces = (
        vec(any::<bool>(), 12),
        proptest::option::of(0..100_i32),
        btree_map("[a-z]{1,8}", ".{0,8}", 0..4),
    );
    (any_release(), versions, pieces).prop_map(|(latest, versions, (flags, reserved_concurrency, tags))| {
        let mut config = FunctionConfig {
            latest,
            versions,
            reserved_concurrency,
            tags,
            ..plain()
        };
        let numbers: Vec<u64> = config.versions.keys().copied().collect();
        for (at, number) in numbers.iter().enumerate() {
            let release = config.versions.get_mut(number).expect("the number is one of its keys");
            release.settings.description = format!("release {at}");
            let other = numbers.iter().find(|other| **other != *number && flags[0]);
            let weights: Vec<(u64, f64)> = other.map(|other| (*other, 0.1)).into_iter().collect();
            config
                .aliases
                .insert(format!("alias{at}"), alias(&number.to_string(), &weights));
        }
        if flags[1] {
            config.aliases.insert("head".to_owned(), alias("$LATEST", &[]));
        }
        let used: Vec<String> = config
            .releases()
            .flat_map(|release| release.settings.layers.clone())
            .collect();
        for arn in used {
            let number = arn.rsplit(':').next().and_then(|number| number.parse().ok());
            config.layers.extend(number.map(layer));
        }
        any_beside(&mut config, &flags, &numbers);
        let mut qualifiers: Vec<Option<String>> = vec![None];
        qualifiers.extend(config.aliases.keys().cloned().map(Some));
        qualifiers.extend(numbers.iter().map(|number| Some(number.to_string())));
        for (at, qualifier) in qualifiers.iter().enumerate().filter(|(at, _)| flags[2 + at % 3]) {
            let source = flags[5].then_some("arn:aws:s3:::in");
            config.policy.push(statement(
                qualifier.as_deref(),
                &format!("s{at}"),
                "s3.amazonaws.com",
                source,
            ));
            config.event_sources.push(queue(qualifier.as_deref(), flags[6]));
            config.event_sources.push(stream(qualifier.as_deref(), flags[7]));
        }
        config
            .policy
            .sort_by_key(|statement| (statement.qualifier.clone(), statement.sid.clone()));
        config
            .event_sources
            .sort_by_key(|source| (source.source_arn.clone(), source.qualifier.clone()));
        config
    })
}

/// Configurations beside a function, some for each of its aliases and versions.
fn any_beside(config: &mut FunctionConfig, flags: &[bool], numbers: &[u64]) {
    let aliases: Vec<String> = config.aliases.keys().filter(|name| *name != "head").cloned().collect();
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    for (at, qualifier) in aliases.iter().chain(&numbers).enumerate() {
        if flags[8 + at % 4] {
            let provisioned = json!({ "ProvisionedConcurrentExecutions": at + 1 });
            set_beside(config, Beside::ProvisionedConcurrency, qualifier, &provisioned);
        }
        if flags[8 + (at + 1) % 4] {
            set_beside(
                config,
                Beside::EventInvoke,
                qualifier,
                &json!({ "MaximumRetryAttempts": at % 3 }),
            );
        }
    }
    if flags[8] {
        for qualifier in aliases.iter().map(String::as_str).chain(["$LATEST"]) {
            let url = json!({ "AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM" });
            set_beside(config, Beside::Url, qualifier, &url);
        }
    }
    if flags[9] {
        for qualifier in numbers.iter().map(String::as_str).chain(["$LATEST"]) {
            let runtime = json!({ "UpdateRuntimeOn": "FunctionUpdate" });
            set_beside(config, Beside::RuntimeManagement, qualifier, &runtime);
        }
    }
    if flags[10] {
        set_beside(
            config,
            Beside::Recursion,
            "$LATEST",
            &json!({ "RecursiveLoop": "Allow" }),
        );
    }
}
