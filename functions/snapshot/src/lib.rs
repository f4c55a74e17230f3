//! `snapshot` makes recovery points of what is due.
//!
//! A tick is a nudge: what is due is computed from the policy, the inventory and the vault. Each run is a run record
//! and a task for each shard; whoever finds all shards finished writes the manifest. Doing anything here twice, at once or
//! after a crash makes the same one point.

mod continuous;
mod decide;
mod event;
mod lock;
mod managed;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use holdfast_catalog::{
    BlobRef, BlobRole, Kind, LockMode, ManagedVault, Outcome, OutcomeStatus, PlanName, PointId, Region, Report,
    ResourceId, Slot, layout,
};
use holdfast_lambda::{Failure, Handler, InvocationClock, PolicyInForce, policy_in_force, remember_good_policy};
use holdfast_policy::{Breach, Document, DueRun, Resource};
use holdfast_sources::dynamodb::port::{ReadTable, ScanTable};
use holdfast_sources::efs::ReadFileSystem;
use holdfast_sources::inventory::{self, ListResources};
use holdfast_sources::kinesis::ReadRecords;
use holdfast_sources::lambda::ReadWhole;
use holdfast_sources::lambda::port::{FetchCode, FetchLayer};
use holdfast_sources::managed::continuous::port::{KeepBackupPlans, ReadBackupPlans};
use holdfast_sources::managed::port::{ReadBackupVaults, ReadBackups, ReadRecoveryPoints, StartBackups};
use holdfast_sources::rds::port::ReadDatabases;
use holdfast_sources::s3::ReadBucket;
use holdfast_sources::wiring::ReadWiring;
use holdfast_vault::port::{Clock, ListObjects, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::signal::{PublishEvents, SendWork};
use holdfast_vault::{Catalogue, PortError, keys, ports, put_blob};
use jiff::SignedDuration;
use serde_json::Value;

pub use decide::{RunInFlight, Start, decide, pace};
pub use event::{EXAMPLE, Request, ResourceRequest, Task};

ports! {
    /// What snapshot asks of its vault: it reads, adds and locks, it never removes.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects, LockObjects
}

/// What snapshot asks of the account: it lists what there is, and reads the wiring, the records of streams and the settings of
/// buckets and file systems.
pub trait InventoryPorts: ListResources + ReadWiring + ReadRecords + ReadBucket + ReadFileSystem {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions = <Self as ReadWiring>::actions();
        actions.extend(<Self as ListResources>::ACTIONS);
        actions.extend(<Self as ReadRecords>::actions());
        actions.extend(<Self as ReadBucket>::actions());
        actions.extend(<Self as ReadFileSystem>::actions());
        actions
    }
}

impl<T: ListResources + ReadWiring + ReadRecords + ReadBucket + ReadFileSystem> InventoryPorts for T {}

ports! {
    /// What snapshot asks of DynamoDB: it reads.
    pub trait TablePorts: ReadTable, ScanTable
}

/// What snapshot asks of Lambda, and of CloudFront about functions at the edge: it reads.
pub trait FunctionPorts: ReadWhole + FetchCode + FetchLayer {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions = <Self as ReadWhole>::actions();
        actions.extend(<Self as FetchCode>::ACTIONS);
        actions.extend(<Self as FetchLayer>::ACTIONS);
        actions
    }
}

impl<T: ReadWhole + FetchCode + FetchLayer> FunctionPorts for T {}

ports! {
    /// What snapshot asks of AWS Backup: it starts jobs, keeps backup plans, and looks.
    pub trait BackupPorts:
        StartBackups, ReadBackups, ReadRecoveryPoints, ReadBackupVaults, ReadBackupPlans, KeepBackupPlans
}

ports! {
    /// What snapshot asks of RDS: it reads.
    pub trait DatabasePorts: ReadDatabases
}

ports! {
    /// How snapshot wakes others.
    pub trait SignalPorts: SendWork, PublishEvents
}

/// The account, region by region.
pub trait Regions: Send + Sync {
    /// DynamoDB.
    type Tables: TablePorts;
    /// Lambda.
    type Functions: FunctionPorts;
    /// AWS Backup.
    type Backups: BackupPorts;
    /// RDS.
    type Databases: DatabasePorts;

    /// DynamoDB in a region.
    fn tables(&self, region: &Region) -> Self::Tables;

    /// Lambda in a region.
    fn functions(&self, region: &Region) -> Self::Functions;

    /// AWS Backup in a region.
    fn backups(&self, region: &Region) -> Self::Backups;

    /// RDS in a region.
    fn databases(&self, region: &Region) -> Self::Databases;
}

/// Runs that go on at the same time in one invocation: enough to hide the services' latency, few enough that their packs
/// and indexes (about 15 MB each) fit in memory.
const PARALLEL_RUNS: usize = 4;

/// No run is begun this long before the invocation ends: what is due now is still due at the next tick.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(60);

/// The policy that a run is begun under, and where it is stored.
pub(crate) struct Recorded<'a> {
    pub(crate) in_force: &'a PolicyInForce,
    pub(crate) blob: BlobRef,
}

/// What exists, and what nobody can tell.
struct Taken {
    inventory: Vec<Resource>,
    /// Kinds that could not be listed.
    unlisted: BTreeMap<Region, BTreeSet<Kind>>,
    /// An outcome for each of them.
    outcomes: Vec<Outcome>,
}

/// What a snapshot works with.
pub struct Snapshot<V, I, R, Q> {
    /// The vault.
    pub vault: V,
    /// What exists.
    pub inventory: I,
    /// The account.
    pub regions: R,
    /// The queue and the bus.
    pub signals: Q,
    /// The vault's bucket, for the events that tell of new points.
    pub bucket: String,
    /// The vault's region.
    pub region: Region,
    /// The strongest lock that the stack lets a plan put on points, if any: a lock that nobody can lift takes more than a line
    /// in a policy document.
    pub strongest_lock: Option<LockMode>,
    /// Where AWS Backup keeps points and what it works with, if the stack has it.
    pub managed: Option<ManagedVault>,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V: VaultPorts, I: InventoryPorts, R: Regions, Q: SignalPorts> Handler for Snapshot<V, I, R, Q> {
    const NAME: &'static str = "snapshot";

    async fn tick(&self, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_due(clock).await
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_request(Request::parse(event)?, clock).await
    }
}

impl<V: VaultPorts, I: InventoryPorts, R: Regions, Q: SignalPorts> Snapshot<V, I, R, Q> {
    /// Makes the points that are due, as far as time allows, and queues the rest.
    ///
    /// # Errors
    /// The vault cannot be read. What concerns single resources is in the report.
    pub async fn run_due<C: Clock>(&self, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.vault, &self.policy_key, &self.tag_key).await?;
        remember_good_policy(&self.vault, &policy).await?;
        let Taken {
            inventory,
            unlisted,
            mut outcomes,
        } = self.take_inventory(policy.document.regions(&self.region)).await;
        let catalogue = Catalogue::read(&self.vault).await?;
        let in_flight = self.runs_in_flight(&catalogue).await?;
        outcomes.extend(self.keep_continuous(&policy, &inventory, &unlisted, &catalogue).await);

        let now = clock.now();
        let due = holdfast_policy::due(
            &policy.document,
            &inventory,
            catalogue.points.iter().map(|entry| &entry.id),
            now,
        );
        let (due, refused) = self.split_by_residency(due, &inventory, &policy.document);
        outcomes.extend(refused);
        let starts = decide(&policy.document, &due, &in_flight, now);

        outcomes.extend(self.act_on(starts, &policy, &catalogue, clock).await?);
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
            Request::News(news) => {
                let outcome = self.hear(&news, clock).await?;
                Ok(Report::of(Self::NAME, vec![outcome]))
            }
            Request::Resource(request) => {
                let policy = policy_in_force(&self.vault, &self.policy_key, &self.tag_key).await?;
                let resource = self.find(&request.resource()?).await?;
                let plan = match request.plan {
                    Some(plan) => plan,
                    None => self.plan_of(&resource, &policy)?,
                };
                self.may_be_here(&resource, &plan, &policy.document)
                    .map_err(|breach| Failure::InvalidRequest(breach.to_string()))?;
                let catalogue = Catalogue::read(&self.vault).await?;
                let point = PointId {
                    resource: resource.id,
                    slot: Slot::at(clock.now()),
                    plan,
                };
                let recorded = self.record_policy(&policy, clock).await?;
                let outcome = self.act(Start::New(point), &recorded, &catalogue, clock).await;
                Ok(report(vec![outcome], &policy, 1))
            }
        }
    }

    /// Everything that exists. A kind that cannot be listed is an outcome of its own and stops no other.
    async fn take_inventory<'a>(&self, regions: impl IntoIterator<Item = &'a Region>) -> Taken {
        let taken = inventory::take(&self.inventory, regions).await;
        let mut unlisted: BTreeMap<Region, BTreeSet<Kind>> = BTreeMap::new();
        for (kind, region, _) in &taken.unlisted {
            unlisted.entry(region.clone()).or_default().insert(*kind);
        }
        let resources = taken.found.into_iter().map(|found| Resource {
            id: found.id,
            arn: found.arn,
            tags: found.tags,
        });
        let outcomes = taken.unlisted.into_iter().map(|(kind, region, error)| {
            let message = format!("none of this kind was looked at: {error}");
            Outcome::new(format!("{kind}/{region}/*"), OutcomeStatus::Failed, message)
        });
        Taken {
            inventory: resources.collect(),
            unlisted,
            outcomes: outcomes.collect(),
        }
    }

    /// What a person names, as it is.
    async fn find(&self, id: &ResourceId) -> Result<Resource, Failure> {
        let taken = self.take_inventory([&id.region]).await;
        let found = taken.inventory.into_iter().find(|candidate| candidate.id == *id);
        found.ok_or_else(|| {
            Failure::Port(PortError::NotFound(format!(
                "{id} does not exist, or may not be listed: check its name and region"
            )))
        })
    }

    fn plan_of(&self, resource: &Resource, policy: &PolicyInForce) -> Result<PlanName, Failure> {
        match policy.document.plans_for(resource).first() {
            Some(selected) => Ok(selected.plan.name.clone()),
            None => Err(Failure::InvalidRequest(format!(
                "no plan selects {}: name one (\"plan\": \"…\"), or tag the resource {}=<plan>",
                resource.id, self.tag_key
            ))),
        }
    }

    /// Whether the vault's region may hold bytes of a resource.
    fn may_be_here(&self, resource: &Resource, plan: &PlanName, document: &Document) -> Result<(), Breach> {
        document.residency_of(resource, document.plan(plan)).check(&self.region)
    }

    /// The runs that may store here what they read, and an outcome for each that may not.
    fn split_by_residency(
        &self,
        due: Vec<DueRun>,
        inventory: &[Resource],
        document: &Document,
    ) -> (Vec<DueRun>, Vec<Outcome>) {
        let by_id: BTreeMap<&ResourceId, &Resource> =
            inventory.iter().map(|resource| (&resource.id, resource)).collect();
        let mut refused = Vec::new();
        let allowed = due.into_iter().filter(|run| {
            let resource = by_id.get(&run.resource);
            match resource.map(|resource| self.may_be_here(resource, &run.plan, document)) {
                Some(Err(breach)) => {
                    let message = format!("no recovery point: {breach}");
                    refused.push(Outcome::new(run.point(), OutcomeStatus::Failed, message));
                    false
                }
                Some(Ok(())) | None => true,
            }
        });
        (allowed.collect(), refused)
    }

    async fn runs_in_flight(&self, catalogue: &Catalogue) -> Result<Vec<RunInFlight>, PortError> {
        let mut runs: BTreeMap<PointId, RunInFlight> = BTreeMap::new();
        let mut ended = BTreeSet::new();
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
                is_managed: false,
            };
            let run = runs.entry(point).or_insert(fresh);
            run.active_at = run.active_at.max(info.modified_at);
            run.is_managed |= layout::is_managed_work(&info.key, &run.point);
            if info.key == layout::ended(&run.point) {
                ended.insert(run.point.clone());
            }
            if info.key == layout::run_record(&run.point) {
                run.began_at = info.modified_at;
            }
        }
        runs.retain(|point, _| !ended.contains(point));
        for run in runs.values_mut().filter(|run| !run.is_managed) {
            for info in keys(&self.vault, &layout::parts_of(&run.point)).await? {
                run.active_at = run.active_at.max(info.modified_at);
            }
        }
        Ok(runs.into_values().collect())
    }

    /// Stores the policy in force, once for all of the points of this invocation: each of them names it.
    async fn record_policy<'a, C: Clock>(
        &self,
        policy: &'a PolicyInForce,
        clock: &C,
    ) -> Result<Recorded<'a>, PortError> {
        Ok(Recorded {
            in_force: policy,
            blob: put_blob(&self.vault, clock.now(), BlobRole::Policy, policy.text.clone()).await?,
        })
    }

    async fn act_on<C: Clock>(
        &self,
        starts: Vec<Start>,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<Vec<Outcome>, PortError> {
        if starts.is_empty() {
            return Ok(Vec::new());
        }
        let recorded = self.record_policy(policy, clock).await?;
        let made = stream::iter(starts)
            .map(|start| self.act(start, &recorded, catalogue, clock))
            .buffer_unordered(PARALLEL_RUNS);
        Ok(made.collect().await)
    }

    async fn act<C: Clock>(&self, start: Start, policy: &Recorded<'_>, catalogue: &Catalogue, clock: &C) -> Outcome {
        if clock.remaining() < STOP_BEFORE_END {
            let (Start::New(point) | Start::Resume(point) | Start::Leave(point) | Start::Wait(point)) = start;
            return Outcome::new(point, OutcomeStatus::Continuing, "time ran out; the next tick makes it");
        }
        match start {
            Start::Leave(point) => Outcome::new(point, OutcomeStatus::Continuing, "another invocation is at it"),
            Start::Wait(point) => {
                let message = format!(
                    "as many runs are under way in {} as its zone allows",
                    point.resource.region
                );
                Outcome::new(point, OutcomeStatus::Continuing, message)
            }
            Start::Resume(point) => self.settle(&point, self.work(&point, None, clock).await),
            Start::New(point) => {
                let begun = self.begin(&point, policy, catalogue, clock).await;
                match begun {
                    Ok(None) => self.settle(&point, self.work(&point, None, clock).await),
                    Ok(Some(not_yet)) => not_yet,
                    Err(error) => self.settle(&point, Err(error)),
                }
            }
        }
    }

    pub(crate) fn settle(&self, point: &PointId, result: Result<Outcome, PortError>) -> Outcome {
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
