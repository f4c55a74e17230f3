//! The wiring against a local cloud: every kind made, read, lost and brought back through the real adapter.
//!
//! The story `tests/stories/test_adapters.py` starts the cloud and runs this; by itself `cargo test` leaves it out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on stops"
)]

#[path = "../../shared/sources/tests/wiring/documents.rs"]
#[allow(dead_code, reason = "shared with the tests of the sources")]
mod documents;

/// What the documents ask of the world around them.
mod world {
    use holdfast_catalog::{Kind, ResourceId};

    pub const ACCOUNT: &str = "111122223333";

    pub fn id(kind: Kind, name: &str) -> ResourceId {
        ResourceId::new(kind, "eu-central-1".parse().unwrap(), name).unwrap()
    }
}

use std::collections::BTreeMap;

use holdfast_aws::{Aws, AwsCalls};
use holdfast_catalog::{Kind, PointId, ResourceId};
use holdfast_sources::SettingStatus;
use holdfast_sources::inventory::Found;
use holdfast_sources::lambda::RESTORE_MARK;
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::complete::made;
use holdfast_sources::wiring::restore::{RestoreRequest, Restored, execute, plan};
use holdfast_sources::wiring::{ArnMap, Document, KINDS, list, read};
use holdfast_testkit::{ManualClock, MemoryStore};

use world::ACCOUNT;

/// What the stand-in cannot do, or does by itself: nothing that AWS does.
const STAND_IN: [&str; 13] = [
    // Nor can AWS: a person has to put them in.
    "connection: again: Secrets",
    // It keeps no tracing of machines and no shard-level metrics, and does not list the tags of these.
    "tracingConfiguration",
    "ShardLevelMetrics",
    "state-machine: listed with tags {}",
    "kinesis-stream: listed with tags {}",
    // It does not say so when another kind of encryption excludes this one.
    "SqsManagedSseEnabled",
    // It knows no data protection policies.
    "DataProtectionPolicy",
    // It writes a bus's policy anew, with names of its own.
    "event-bus: Policy.Statement.0.Principal",
    "Policy.Statement.0.Sid",
    // Nobody confirms.
    "a@example.org",
    // It exports an API as it is and not as a stage was deployed, so that all stages are alike.
    "rest-api: deployments is",
    "rest-api: stages.",
    "http-api: ipAddressType",
];

struct Cloud {
    calls: AwsCalls,
    clock: ManualClock,
    store: MemoryStore,
}

impl Cloud {
    async fn restore(&self, from: &ResourceId, document: &Document, to: &ResourceId) -> Restored {
        let point = PointId {
            resource: from.clone(),
            slot: "20261121T024500Z".parse().unwrap(),
            plan: "standard".parse().unwrap(),
        };
        let plan = plan(&RestoreRequest {
            point: &point,
            source_arn: &from.arn(ACCOUNT).unwrap_or_else(|| {
                format!("arn:aws:iam::111122223333:role/app/{}", from.name)
                    .parse()
                    .unwrap()
            }),
            document,
            target: to,
            account: ACCOUNT,
            triggers: Triggers::AsBefore,
            replacements: &ArnMap::default(),
        });
        execute(&self.calls, &self.store, &self.clock, &plan)
            .await
            .unwrap_or_else(|error| panic!("{to}: {error}"))
    }
}

/// What a restore has made says so by a tag, which is no tag of a person's.
fn own_tags(found: &Found) -> BTreeMap<String, String> {
    let mut tags = found.tags.clone();
    tags.remove(RESTORE_MARK);
    tags
}

#[tokio::test]
#[ignore = "needs a local cloud in which nothing was made yet"]
async fn every_kind_comes_back_on_the_local_cloud() {
    let aws = Aws::from_env().await;
    let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
    let cloud = Cloud {
        calls: AwsCalls::new(&aws, ACCOUNT),
        store: MemoryStore::new("vault", &clock),
        clock,
    };
    let mut faults = Vec::new();
    for name in ["orders-dlq.fifo", "dlq", "orders"] {
        let queue = world::id(Kind::SqsQueue, name);
        let mut document = Document::default();
        if name.ends_with(".fifo") {
            document
                .config
                .insert("Attributes".to_owned(), serde_json::json!({"FifoQueue": "true"}));
        }
        cloud.restore(&queue, &document, &queue).await;
    }
    for (from, again, document) in documents::rich() {
        // Mappings need their function, and notifications their bucket: the stories have them.
        let needs_more = match from.kind {
            Kind::EventSourceMapping => true,
            Kind::BucketNotifications => read(&cloud.calls, &from).await.is_err(),
            _ => false,
        };
        if needs_more {
            continue;
        }
        for (id, document) in documents::before(from.kind) {
            cloud.restore(&id, &document, &id).await;
        }
        let mut complain = |what: String| faults.push(format!("{}: {what}", from.kind));
        let restored = cloud.restore(&from, &document, &from).await;
        if !matches!(restored, Restored::Made(_)) {
            complain(format!("{restored:?}"));
        }
        let first = made(&cloud.calls, &from, &document).await.unwrap();
        let mut complain = |what: String| faults.push(format!("{}: {what}", from.kind));
        let lost = document.differences(&first.document).into_iter();
        let lost = lost.filter(|difference| difference.wanted.is_some());
        lost.for_each(|difference| complain(difference.to_string()));
        first.not_protected.iter().for_each(|note| complain(note.clone()));
        match cloud.restore(&from, &first.document, &again).await {
            Restored::Made(outcomes) => {
                for outcome in outcomes
                    .iter()
                    .filter(|outcome| outcome.status == SettingStatus::NeedsPerson)
                {
                    complain(format!("again: {}: {}", outcome.setting, outcome.message));
                }
            }
            other => complain(format!("again: {other:?}")),
        }
        let listed = list(&cloud.calls, from.kind, &from.region).await.unwrap();
        match listed.iter().find(|found| found.arn == first.arn) {
            None => complain("not listed".to_owned()),
            Some(found) if own_tags(found) != first.document.tags => {
                complain(format!("listed with tags {:?}", found.tags))
            }
            Some(_) => {}
        }
    }
    assert!(KINDS.len() <= documents::rich().len());
    faults.retain(|fault| !STAND_IN.iter().any(|known| fault.contains(known)));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[tokio::test]
#[ignore = "needs a local cloud"]
async fn an_api_that_was_never_deployed_comes_back_on_the_local_cloud() {
    let aws = Aws::from_env().await;
    let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
    let cloud = Cloud {
        calls: AwsCalls::new(&aws, ACCOUNT),
        store: MemoryStore::new("vault", &clock),
        clock,
    };
    let (from, again) = (world::id(Kind::RestApi, "draft"), world::id(Kind::RestApi, "draft-2"));
    let mut document = documents::apis::undeployed();
    document.config.insert("name".to_owned(), "draft".into());
    cloud.restore(&from, &document, &from).await;
    let first = made(&cloud.calls, &from, &document).await.unwrap().document;
    let lost = document.differences(&first).into_iter();
    let lost: Vec<String> = lost
        .filter(|difference| difference.wanted.is_some())
        .map(|difference| difference.to_string())
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
    cloud.restore(&from, &first, &again).await;
    let mut called = first.clone();
    called.config.insert("name".to_owned(), "draft-2".into());
    let second = made(&cloud.calls, &again, &called).await.unwrap().document;
    assert_eq!(called.differences(&second), []);
}
