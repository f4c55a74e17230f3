//! A vault, a Lambda and a clock, with a script in front of both.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, PointId, Region};
use holdfast_sources::SettingOutcome;
use holdfast_sources::lambda::restore::{
    Existing, PlanError, RestorePlan, RestoreRequest, Restored, Target, Triggers, VaultLocation, VaultPlace, execute,
    plan,
};
use holdfast_sources::lambda::{FunctionConfig, FunctionSnapshot, read_function, snapshot};
use holdfast_testkit::{Faults, ManualClock, MemoryFunctions, MemoryStore, Script};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;

use crate::made::archives;

pub struct World {
    pub clock: ManualClock,
    pub script: Script,
    pub lambda: MemoryFunctions,
    pub functions: Faults<MemoryFunctions>,
    pub store: MemoryStore,
    pub faulty_store: Faults<MemoryStore>,
    home: Region,
}

impl World {
    pub fn new() -> Self {
        let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
        let script = Script::new();
        let store = MemoryStore::new("vault", &clock);
        let home: Region = "eu-west-1".parse().unwrap();
        let lambda = MemoryFunctions::new(&home, &store);
        World {
            functions: Faults::new(lambda.clone(), &script),
            faulty_store: Faults::new(store.clone(), &script),
            clock,
            script,
            lambda,
            store,
            home,
        }
    }

    pub fn with(name: &str, config: &FunctionConfig) -> Self {
        let world = World::new();
        world.lambda.add(name, config, &archives());
        world
    }

    /// The same vault and clock, with the Lambda of another region.
    pub fn elsewhere(&self, region: &str) -> Self {
        let lambda = MemoryFunctions::new(&region.parse().unwrap(), &self.store);
        World {
            functions: Faults::new(lambda.clone(), &self.script),
            faulty_store: self.faulty_store.clone(),
            clock: self.clock.clone(),
            script: self.script.clone(),
            lambda,
            store: self.store.clone(),
            home: region.parse().unwrap(),
        }
    }

    pub async fn snapshot(&self, name: &str) -> Result<FunctionSnapshot, PortError> {
        snapshot(&self.functions, &self.faulty_store, self.clock.now(), name).await
    }

    pub async fn read(&self, name: &str) -> FunctionConfig {
        read_function(&self.lambda, name).await.unwrap().config
    }

    pub fn plan(&self, taken: &FunctionSnapshot, name: &str) -> Result<RestorePlan, PlanError> {
        self.plan_with(taken, name, |_| ())
    }

    pub fn plan_with(
        &self,
        taken: &FunctionSnapshot,
        name: &str,
        change: impl FnOnce(&mut RestoreRequest<'_>),
    ) -> Result<RestorePlan, PlanError> {
        let point = point(&taken.arn);
        let mut request = RestoreRequest {
            point: &point,
            source_arn: &taken.arn,
            config: &taken.config,
            blobs: &taken.blobs,
            target: Target {
                name: name.to_owned(),
                region: self.home.clone(),
                account: "111122223333".to_owned(),
            },
            vault: VaultLocation {
                place: VaultPlace::Bucket("vault".to_owned()),
                region: "eu-west-1".parse().unwrap(),
            },
            triggers: Triggers::AsBefore,
            existing: Existing::Keep,
            replacements: BTreeMap::new(),
        };
        change(&mut request);
        plan(&request)
    }

    /// One invocation: a fresh 15 minutes.
    pub async fn execute(&self, plan: &RestorePlan) -> Result<Restored, PortError> {
        self.clock.set_remaining(jiff::SignedDuration::from_mins(15));
        execute(&self.functions, &self.faulty_store, &self.clock, plan).await
    }
}

pub fn point(arn: &Arn) -> PointId {
    format!("lambda-function/{}/bill/20261121T030000Z-standard", arn.region())
        .parse()
        .unwrap()
}

/// The message about a setting.
pub fn told<'a>(outcomes: &'a [SettingOutcome], setting: &str) -> &'a str {
    let found = outcomes
        .iter()
        .find(|outcome| outcome.setting == setting && !outcome.message.is_empty());
    found.map_or_else(
        || panic!("nothing is told about {setting} in {outcomes:#?}"),
        |outcome| &outcome.message,
    )
}

/// Runs a future to its end.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}
