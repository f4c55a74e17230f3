//! Functions against a local cloud: one with everything that it can have is made, read and brought back through the real adapter.
//!
//! The story `tests/stories/test_adapters.py` starts the cloud and runs this; by itself `cargo test` leaves it out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on stops"
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_aws::Aws;
use holdfast_aws::lambda::Functions;
use holdfast_catalog::{Arn, BlobRef, BlobRole, PointId, Region, Sha256};
use holdfast_sources::SettingStatus;
use holdfast_sources::application::diff;
use holdfast_sources::lambda::restore::{
    Existing, RestoreRequest, Restored, Target, Triggers, VaultLocation, execute, plan,
};
use holdfast_sources::lambda::{Beside, FunctionConfig, Layer, Package, snapshot};
use holdfast_testkit::{ManualClock, MemoryStore};
use holdfast_tests::sample;
use holdfast_vault::port::Clock as _;
use holdfast_vault::{PortError, put_blob};
use jiff::SignedDuration;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const LAYER: &str = "arn:aws:lambda:eu-central-1:111122223333:layer:base:4";

/// What the stand-in cannot do, as `tests/local/mends.py` mends it: nothing that AWS does not.
const STAND_IN: [&str; 1] = [
    // It knows no runtime management.
    "RuntimeManagementConfig",
];

/// How many invocations a restore may take.
const INVOCATIONS: usize = 100;

/// A zip archive without files, but for a comment that makes it another.
fn archive(comment: &str) -> Bytes {
    let mut archive = b"PK\x05\x06".to_vec();
    archive.extend([0; 16]);
    archive.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    archive.extend(comment.as_bytes());
    archive.into()
}

fn package(archive: &Bytes) -> Package {
    Package::Zip {
        sha256: Sha256::of(archive),
        bytes: archive.len() as u64,
    }
}

/// A function with a version, an alias, a layer and everything beside it.
fn everything() -> FunctionConfig {
    let mut config = sample::function();
    config.event_sources.clear();
    config.reserved_concurrency = None;
    config.latest.package = package(&archive("latest"));
    for release in config.versions.values_mut() {
        release.package = package(&archive("version"));
    }
    let content = archive("layer");
    let layer = Layer {
        sha256: Sha256::of(&content),
        bytes: content.len() as u64,
        settings: BTreeMap::from([
            ("CompatibleRuntimes".to_owned(), json!(["provided.al2023"])),
            ("Description".to_owned(), json!("what all use")),
            ("LicenseInfo".to_owned(), json!("MIT")),
        ]),
    };
    config.layers = BTreeMap::from([(LAYER.to_owned(), layer)]);
    config.latest.settings.layers = vec![LAYER.to_owned()];
    let csc = "arn:aws:lambda:eu-central-1:111122223333:code-signing-config:csc-0a1b2c3d4e5f60718";
    for (kind, qualifier, document) in [
        (Beside::CodeSigning, "$LATEST", json!({ "CodeSigningConfigArn": csc })),
        (
            Beside::RuntimeManagement,
            "$LATEST",
            json!({ "UpdateRuntimeOn": "FunctionUpdate" }),
        ),
        (Beside::Recursion, "$LATEST", json!({ "RecursiveLoop": "Allow" })),
        (
            Beside::ProvisionedConcurrency,
            "live",
            json!({ "ProvisionedConcurrentExecutions": 2 }),
        ),
        (
            Beside::EventInvoke,
            "$LATEST",
            json!({ "MaximumEventAgeInSeconds": 600, "MaximumRetryAttempts": 0 }),
        ),
        (
            Beside::EventInvoke,
            "live",
            json!({ "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1 }),
        ),
        (
            Beside::Url,
            "$LATEST",
            json!({ "AuthType": "AWS_IAM", "InvokeMode": "BUFFERED" }),
        ),
        (
            Beside::Url,
            "live",
            json!({ "AuthType": "NONE", "Cors": {"AllowOrigins": ["*"], "MaxAge": 60}, "InvokeMode": "BUFFERED" }),
        ),
    ] {
        let configs = config.beside.entry(kind).or_default();
        configs.insert(qualifier.to_owned(), document.as_object().cloned().unwrap());
    }
    config
}

struct Cloud {
    functions: Functions,
    clock: ManualClock,
    store: MemoryStore,
    home: Region,
}

impl Cloud {
    async fn restore(&self, from: &Arn, config: &FunctionConfig, blobs: &[BlobRef], to: &str) -> Restored {
        let point: PointId = "lambda-function/eu-central-1/bill/20261121T024500Z-standard"
            .parse()
            .unwrap();
        let plan = plan(&RestoreRequest {
            point: &point,
            source_arn: from,
            config,
            blobs,
            target: Target {
                name: to.to_owned(),
                region: self.home.clone(),
                account: ACCOUNT.to_owned(),
            },
            // Of another region, so that archives are sent along.
            vault: VaultLocation {
                place: holdfast_sources::lambda::restore::VaultPlace::Bucket("vault".to_owned()),
                region: "eu-west-1".parse().unwrap(),
            },
            triggers: Triggers::AsBefore,
            existing: Existing::Keep,
            replacements: BTreeMap::new(),
        })
        .unwrap();
        // The clock in hand is faster than the cloud: a function takes some invocations to come up.
        for _ in 0..INVOCATIONS {
            self.clock.set_remaining(SignedDuration::from_mins(15));
            match execute(&self.functions, &self.store, &self.clock, &plan).await {
                Err(PortError::Unavailable(_)) => {}
                result => return result.unwrap(),
            }
        }
        panic!("{to} does not come up")
    }
}

/// A configuration as it compares: without numbers and ARNs that the service chooses.
fn shown(config: &FunctionConfig, restored: &Restored) -> Value {
    let mut text = serde_json::to_string(config).unwrap();
    for (old, new) in &restored.layers {
        text = text.replace(old, new);
    }
    for (old, new) in &restored.versions {
        text = text.replace(&format!("\"{old}\":"), &format!("\"{new}\":"));
        text = text.replace(&format!("\"version\":\"{old}\""), &format!("\"version\":\"{new}\""));
    }
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["tags"]["holdfast:restored-from"].take();
    config
}

#[tokio::test]
#[ignore = "needs a local cloud"]
async fn a_function_with_everything_comes_back_on_the_local_cloud() {
    let aws = Aws::from_env().await;
    let home: Region = "eu-central-1".parse().unwrap();
    let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
    let cloud = Cloud {
        functions: Functions::new(&aws, &home),
        store: MemoryStore::new("vault", &clock),
        clock,
        home,
    };
    let mut blobs = Vec::new();
    for content in ["latest", "version", "layer"].map(archive) {
        blobs.push(
            put_blob(&cloud.store, cloud.clock.now(), BlobRole::Code, content)
                .await
                .unwrap(),
        );
    }
    let (mut faults, mut config) = (Vec::new(), everything());
    let mut from: Arn = format!("arn:aws:lambda:eu-central-1:{ACCOUNT}:function:bill")
        .parse()
        .unwrap();
    for name in ["bill", "again"] {
        let restored = cloud.restore(&from, &config, &blobs, name).await;
        for outcome in restored
            .outcomes
            .iter()
            .filter(|outcome| outcome.status == SettingStatus::NeedsPerson)
        {
            faults.push(format!("{name}: {}: {}", outcome.setting, outcome.message));
        }
        let taken = snapshot(&cloud.functions, &cloud.store, cloud.clock.now(), name)
            .await
            .unwrap();
        faults.extend(taken.not_protected.iter().map(|note| format!("{name}: {note}")));
        let changes = diff(&shown(&config, &restored), &shown(&taken.config, &restored));
        faults.extend(changes.iter().map(|change| format!("{name}: {change}")));
        assert_eq!(taken.config.observed.urls, restored.urls);
        (config, from) = (taken.config, taken.arn);
        blobs = taken.blobs;
    }
    faults.retain(|fault| !STAND_IN.iter().any(|known| fault.contains(known)));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
