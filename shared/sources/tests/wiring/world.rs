//! A vault, an account and a clock, with a script in front of both.

use holdfast_catalog::{Kind, PointId, Region, ResourceId};
use holdfast_sources::lambda::restore::Triggers;
use holdfast_sources::wiring::restore::{Plan, RestoreRequest, Restored, execute, plan};
use holdfast_sources::wiring::{ArnMap, Document, KINDS, Reading, list, read};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_testkit::{Faults, ManualClock, MemoryStore, MemoryWiring, Script};
use holdfast_vault::PortError;

pub const ACCOUNT: &str = "111122223333";

pub struct World {
    pub clock: ManualClock,
    pub script: Script,
    pub account: MemoryWiring,
    pub port: Faults<MemoryWiring>,
    pub store: Faults<MemoryStore>,
}

pub fn home() -> Region {
    "eu-central-1".parse().unwrap()
}

/// The kinds whose resources a restore makes; a bucket's notifications are added to what is there.
pub fn made_kinds() -> impl Iterator<Item = Kind> {
    KINDS.iter().copied().filter(|kind| *kind != Kind::BucketNotifications)
}

pub fn id(kind: Kind, name: &str) -> ResourceId {
    ResourceId::new(kind, home(), name).unwrap()
}

pub fn point(id: &ResourceId) -> PointId {
    PointId {
        resource: id.clone(),
        slot: "20261121T024500Z".parse().unwrap(),
        plan: "standard".parse().unwrap(),
    }
}

/// A plan to make a resource of a document that came from another one.
pub fn plan_for(from: &ResourceId, document: &Document, target: &ResourceId, triggers: Triggers) -> Plan {
    let source_arn = from.arn(ACCOUNT).unwrap_or_else(|| {
        let text = match from.kind {
            Kind::IamRole => format!("arn:aws:iam::{ACCOUNT}:role/app/{}", from.name),
            _ => format!("arn:aws:events:eu-central-1:{ACCOUNT}:x/{}/0-0", from.name),
        };
        text.parse().unwrap()
    });
    plan(&RestoreRequest {
        point: &point(from),
        source_arn: &source_arn,
        document,
        target,
        account: ACCOUNT,
        triggers,
        replacements: &ArnMap::default(),
    })
}

impl World {
    pub fn new() -> Self {
        let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
        let script = Script::new();
        let account = MemoryWiring::new(ACCOUNT);
        // Notifications belong to a bucket that is there.
        for bucket in ["photos", "photos-2"] {
            account.add_bucket(&home(), bucket, &[]);
        }
        World {
            port: Faults::new(account.clone(), &script),
            store: Faults::new(MemoryStore::new("vault", &clock), &script),
            clock,
            script,
            account,
        }
    }

    pub async fn execute(&self, plan: &Plan) -> Result<Restored, PortError> {
        execute(&self.port, &self.store, &self.clock, plan).await
    }

    /// Makes a resource as its document says, its triggers switched on.
    pub async fn make(&self, id: &ResourceId, document: &Document) -> Reading {
        let mut document = document.clone();
        if is_named_within(id.kind) {
            document.config.insert("name".to_owned(), id.name.clone().into());
        }
        let plan = plan_for(id, &document, id, Triggers::AsBefore);
        let restored = execute(
            &self.account,
            &MemoryStore::new("scratch", &self.clock),
            &self.clock,
            &plan,
        )
        .await
        .unwrap();
        assert!(matches!(restored, Restored::Made(_)), "{id}: {restored:?}");
        self.read(id).await
    }

    /// Every resource of a kind, as it is.
    pub async fn all(&self, kind: Kind) -> Vec<String> {
        let mut all = Vec::new();
        for found in list(&self.account, kind, &home()).await.unwrap() {
            let Reading { document, .. } = read(&self.account, &found.id).await.unwrap();
            let config = document.config;
            all.push(format!("{config:?} {:?}", document.tags));
        }
        all
    }

    /// The resource of a name, also where AWS knows it by another.
    pub async fn read(&self, id: &ResourceId) -> Reading {
        if is_named_within(id.kind) {
            for found in list(&self.account, id.kind, &id.region).await.unwrap() {
                let reading = read(&self.account, &found.id).await.unwrap();
                if reading.document.text("name") == Some(&id.name) {
                    return reading;
                }
            }
        }
        let found = read(&self.account, id).await;
        found.unwrap_or_else(|error| panic!("{id}: {error}"))
    }
}

/// Whether AWS names resources of a kind itself, and what people call them is a setting.
pub fn is_named_within(kind: Kind) -> bool {
    matches!(kind, Kind::RestApi | Kind::HttpApi)
}

/// What needs a person, by setting.
pub fn needs(outcomes: &[SettingOutcome]) -> Vec<&str> {
    let needs = outcomes
        .iter()
        .filter(|outcome| outcome.status == SettingStatus::NeedsPerson);
    needs.map(|outcome| outcome.setting.as_str()).collect()
}
