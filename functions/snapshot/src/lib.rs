//! `snapshot` makes recovery points of what is due.
//!
//! A tick is a nudge: what is due is computed from the policy, the inventory and the vault. Each run is a run record
//! and a task for each shard; whoever finds all shards finished writes the manifest. Doing anything here twice, at once or
//! after a crash makes the same one point.

mod decide;
mod event;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use holdfast_catalog::{Kind, Outcome, OutcomeStatus, PlanName, PointId, Report, ResourceId, Slot, layout};
use holdfast_lambda::{Failure, Handler, InvocationClock, PolicyInForce, policy_in_force, remember_good_policy};
use holdfast_policy::Resource;
use holdfast_sources::dynamodb::port::{ReadTable, SCRATCH_PREFIX, ScanTable};
use holdfast_sources::inventory::ListResources;
use holdfast_sources::lambda::port::{FetchCode, ReadFunction};
use holdfast_sources::wiring::ReadWiring;
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::signal::{PublishEvents, SendWork};
use holdfast_vault::{Catalogue, PortError, keys, ports};
use jiff::SignedDuration;
use serde_json::Value;

pub use decide::{RunInFlight, Start, decide};
pub use event::{EXAMPLE, Request, ResourceRequest, Task};

ports! {
    /// What snapshot asks of its vault: it reads and adds, it never removes.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects
}

/// What snapshot asks of the account: it lists what there is, and reads the wiring.
pub trait InventoryPorts: ListResources + ReadWiring {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions = <Self as ReadWiring>::actions();
        actions.extend(<Self as ListResources>::ACTIONS);
        actions
    }
}

impl<T: ListResources + ReadWiring> InventoryPorts for T {}

ports! {
    /// What snapshot asks of DynamoDB: it reads.
    pub trait TablePorts: ReadTable, ScanTable
}

ports! {
    /// What snapshot asks of Lambda: it reads.
    pub trait FunctionPorts: ReadFunction, FetchCode
}

ports! {
    /// How snapshot wakes others.
    pub trait SignalPorts: SendWork, PublishEvents
}

/// Runs that go on at the same time in one invocation: enough to hide the services' latency, few enough that their packs
/// and indexes (about 15 MB each) fit in memory.
const PARALLEL_RUNS: usize = 4;

/// No run is begun this long before the invocation ends: what is due now is still due at the next tick.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(60);

/// What a snapshot works with.
pub struct Snapshot<V, I, T, F, Q> {
    /// The vault.
    pub vault: V,
    /// What exists.
    pub inventory: I,
    /// DynamoDB.
    pub tables: T,
    /// Lambda.
    pub functions: F,
    /// The queue and the bus.
    pub signals: Q,
    /// The vault's bucket, for the events that tell of new points.
    pub bucket: String,
    /// The region, likewise.
    pub region: String,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, F: FunctionPorts, Q: SignalPorts> Handler
    for Snapshot<V, I, T, F, Q>
{
    const NAME: &'static str = "snapshot";

    async fn tick(&self, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_due(clock).await
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_request(Request::parse(event)?, clock).await
    }
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, F: FunctionPorts, Q: SignalPorts> Snapshot<V, I, T, F, Q> {
    /// Makes the points that are due, as far as time allows, and queues the rest.
    ///
    /// # Errors
    /// The vault cannot be read. What concerns single resources is in the report.
    pub async fn run_due<C: Clock>(&self, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.vault, &self.policy_key, &self.tag_key).await?;
        remember_good_policy(&self.vault, &policy).await?;
        let (inventory, mut outcomes) = self.take_inventory().await;
        let catalogue = Catalogue::read(&self.vault).await?;
        let in_flight = self.runs_in_flight(&catalogue).await?;

        let now = clock.now();
        let due = holdfast_policy::due(
            &policy.document,
            &inventory,
            catalogue.points.iter().map(|entry| &entry.id),
            now,
        );
        let starts = decide(&due, &in_flight, now);

        let made = stream::iter(starts)
            .map(|start| self.act(start, &policy, &catalogue, clock))
            .buffer_unordered(PARALLEL_RUNS)
            .collect::<Vec<Outcome>>()
            .await;
        outcomes.extend(made);
        outcomes.sort_by(|a, b| a.subject.cmp(&b.subject));
        Ok(report(outcomes, &policy, inventory.len()))
    }

    /// Does what a person or the queue asks for.
    ///
    /// # Errors
    /// The request is not valid, or the vault cannot be read.
    pub async fn run_request<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        match request {
            Request::Task(task) => {
                let outcome = self.settle(&task.point, self.work(&task.point, Some(task.shard), clock).await);
                Ok(Report::of(Self::NAME, vec![outcome]))
            }
            Request::Resource(request) => {
                let policy = policy_in_force(&self.vault, &self.policy_key, &self.tag_key).await?;
                let resource = request.resource()?;
                let plan = match request.plan {
                    Some(plan) => plan,
                    None => self.plan_of(&resource, &policy).await?,
                };
                let catalogue = Catalogue::read(&self.vault).await?;
                let point = PointId {
                    resource,
                    slot: Slot::at(clock.now()),
                    plan,
                };
                let outcome = self.act(Start::New(point), &policy, &catalogue, clock).await;
                Ok(report(vec![outcome], &policy, 1))
            }
        }
    }

    /// Everything that exists. A kind that cannot be listed is an outcome of its own and stops no other.
    async fn take_inventory(&self) -> (Vec<Resource>, Vec<Outcome>) {
        let mut resources = Vec::new();
        let mut outcomes = Vec::new();
        for kind in Kind::ALL {
            match self.inventory.list(kind).await {
                Ok(found) => resources.extend(found.into_iter().filter_map(|found| {
                    let id = found.id;
                    // A scratch table of a restore test is a copy already.
                    if id.name.starts_with(SCRATCH_PREFIX) {
                        return None;
                    }
                    Some(Resource {
                        id,
                        arn: found.arn,
                        tags: found.tags,
                    })
                })),
                Err(error) => outcomes.push(Outcome::new(
                    format!("{kind}/*"),
                    OutcomeStatus::Failed,
                    format!("none of this kind was looked at: {error}"),
                )),
            }
        }
        (resources, outcomes)
    }

    async fn plan_of(&self, resource: &ResourceId, policy: &PolicyInForce) -> Result<PlanName, Failure> {
        let (inventory, _) = self.take_inventory().await;
        let found = inventory.iter().find(|candidate| candidate.id == *resource);
        let Some(found) = found else {
            return Err(Failure::Port(PortError::NotFound(format!(
                "{resource} does not exist, or may not be listed: check its name and region"
            ))));
        };
        match policy.document.plan_for(found) {
            Some(selected) => Ok(selected.plan.name.clone()),
            None => Err(Failure::InvalidRequest(format!(
                "no plan selects {resource}: name one (\"plan\": \"…\"), or tag the resource {}=<plan>",
                self.tag_key
            ))),
        }
    }

    async fn runs_in_flight(&self, catalogue: &Catalogue) -> Result<Vec<RunInFlight>, PortError> {
        let mut runs: BTreeMap<PointId, RunInFlight> = BTreeMap::new();
        let work = keys(&self.vault, layout::RUNS).await?;
        for info in work {
            let Ok(point) = layout::point_of_run(&info.key) else {
                continue;
            };
            if catalogue.get(&point).is_some() {
                continue;
            }
            let fresh = RunInFlight {
                point: point.clone(),
                began_at: info.modified_at,
                active_at: info.modified_at,
            };
            let run = runs.entry(point).or_insert(fresh);
            run.active_at = run.active_at.max(info.modified_at);
            if info.key == layout::run_record(&run.point) {
                run.began_at = info.modified_at;
            }
        }
        for run in runs.values_mut() {
            for info in keys(&self.vault, &layout::parts_of(&run.point)).await? {
                run.active_at = run.active_at.max(info.modified_at);
            }
        }
        Ok(runs.into_values().collect())
    }

    async fn act<C: Clock>(&self, start: Start, policy: &PolicyInForce, catalogue: &Catalogue, clock: &C) -> Outcome {
        if clock.remaining() < STOP_BEFORE_END {
            let (Start::New(point) | Start::Resume(point) | Start::Leave(point)) = start;
            return Outcome::new(point, OutcomeStatus::Continuing, "time ran out; the next tick makes it");
        }
        match start {
            Start::Leave(point) => Outcome::new(point, OutcomeStatus::Continuing, "another invocation is at it"),
            Start::Resume(point) => self.settle(&point, self.work(&point, None, clock).await),
            Start::New(point) => {
                let begun = self.begin(&point, policy, catalogue, clock).await;
                match begun {
                    Ok(()) => self.settle(&point, self.work(&point, None, clock).await),
                    Err(error) => self.settle(&point, Err(error)),
                }
            }
        }
    }

    fn settle(&self, point: &PointId, result: Result<Outcome, PortError>) -> Outcome {
        result.unwrap_or_else(|error| Outcome::new(point, OutcomeStatus::Failed, advice(point, &error)))
    }
}

fn advice(point: &PointId, error: &PortError) -> String {
    let what_next = match error {
        PortError::NotFound(_) => {
            "; it was there when the run began: if it was removed on purpose there is nothing to do"
        }
        PortError::Denied(_) => "; let the snapshot role do this, then the next tick makes the point",
        PortError::Throttled(_) | PortError::Unavailable(_) | PortError::Conflict(_) => {
            "; the next tick goes on with it"
        }
        PortError::AlreadyExists(_) | PortError::Locked(_) | PortError::Invalid(_) | PortError::Corrupt(_) => "",
    };
    format!("no recovery point of {}: {error}{what_next}", point.resource)
}

fn report(outcomes: Vec<Outcome>, policy: &PolicyInForce, resources: usize) -> Report {
    let mut report = Report::of("snapshot", outcomes);
    report.notes = policy.notes();
    report
        .metrics
        .insert("PolicyInvalid".to_owned(), f64::from(u8::from(policy.faults.is_some())));
    report.metrics.insert(
        "ListedResources".to_owned(),
        f64::from(u32::try_from(resources).unwrap_or(u32::MAX)),
    );
    report
}
