//! `restore` brings a resource back from a recovery point, into a new resource.
//!
//! It reads the nearest whole copy of the point, and the next when that is damaged or out of reach. Nothing that exists is
//! changed.
//! A restore that does not fit one invocation goes on in others, by its queue.

pub mod application;
mod choose;
mod copies;
pub mod drift;
mod event;
mod function;
mod managed;
mod records;
mod source;
mod table;
mod wiring;

use std::collections::BTreeSet;

use holdfast_catalog::{Kind, ManagedVault, Manifest, Outcome, OutcomeStatus, Region, Report, ResourceId};
use holdfast_lambda::{Failure, Handler, InvocationClock, PolicySource, policy_in_force, residency_breach};
use holdfast_sources::call::Call;
use holdfast_sources::call::cloudformation::ListStackResources;
use holdfast_sources::dynamodb::port::{ApplyTableSettings, CreateTable, ReadTable, ScanTable, WriteItems};
use holdfast_sources::efs::ReadFileSystem;
use holdfast_sources::efs::port::{ChangeFileSystem, FindFileSystem};
use holdfast_sources::lambda::ReadWhole;
use holdfast_sources::lambda::restore::{MakeWhole, VaultLocation};
use holdfast_sources::managed::port::{ReadRecoveryPoints, ReadRestores, StartRestores};
use holdfast_sources::rds::port::{ChangeDatabases, ReadDatabases};
use holdfast_sources::s3::ReadBucket;
use holdfast_sources::s3::port::{ChangeBucket, FindBucket};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::signal::{SendWork, TakePoints};
use holdfast_vault::{PortError, ports};
use serde_json::{Value, json};

use copies::Found;
use managed::ManagedRestore;

pub use choose::choose;
pub use event::{EXAMPLE, Existing, From, Request, Target, Triggers, Wanted};
pub use holdfast_sources::kinesis::WriteRecords as RecordPorts;
pub use holdfast_sources::wiring::RestoreWiring as WiringPorts;

ports! {
    /// What restore asks of a vault: it reads, and notes how far it came.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects
}

ports! {
    /// What restore asks of DynamoDB: it makes tables, it removes none.
    pub trait TablePorts: ReadTable, CreateTable, WriteItems, ScanTable, ApplyTableSettings
}

/// What restore asks of Lambda, and of CloudFront about functions at the edge: it makes functions, it removes none.
pub trait FunctionPorts: ReadWhole + MakeWhole {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions = <Self as ReadWhole>::actions();
        actions.extend(<Self as MakeWhole>::actions());
        actions
    }
}

impl<T: ReadWhole + MakeWhole> FunctionPorts for T {}

ports! {
    /// What restore asks of AWS Backup: it starts jobs and looks.
    pub trait BackupPorts: StartRestores, ReadRestores, ReadRecoveryPoints
}

ports! {
    /// What restore asks of RDS: it changes and adds to what it restored, it removes nothing.
    pub trait DatabasePorts: ReadDatabases, ChangeDatabases
}

/// What restore asks of buckets: it changes those that it restored, it removes nothing.
pub trait BucketPorts: FindBucket + ReadBucket + ChangeBucket {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions = <Self as FindBucket>::actions();
        actions.extend(<Self as ReadBucket>::actions());
        actions.extend(<Self as ChangeBucket>::actions());
        actions
    }
}

impl<T: FindBucket + ReadBucket + ChangeBucket> BucketPorts for T {}

/// What restore asks of file systems: it changes and adds to those that it restored, it removes nothing.
pub trait FilePorts: FindFileSystem + ReadFileSystem + ChangeFileSystem {
    /// The IAM actions behind these ports, sorted.
    fn actions() -> BTreeSet<&'static str>
    where
        Self: Sized,
    {
        let mut actions = <Self as FindFileSystem>::actions();
        actions.extend(<Self as ReadFileSystem>::actions());
        actions.extend(<Self as ChangeFileSystem>::actions());
        actions
    }
}

impl<T: FindFileSystem + ReadFileSystem + ChangeFileSystem> FilePorts for T {}

ports! {
    /// What restore asks of CloudFormation: what a stack has.
    pub trait StackPorts: Call<ListStackResources>
}

ports! {
    /// How restore goes on in another invocation.
    pub trait WorkPorts: SendWork
}

ports! {
    /// How restore has a point taken of what it is going to change.
    pub trait PointPorts: TakePoints
}

/// The account, region by region: a restore may have its target elsewhere.
pub trait Regions: Send + Sync {
    /// DynamoDB.
    type Tables: TablePorts;
    /// Lambda.
    type Functions: FunctionPorts;
    /// AWS Backup.
    type Backups: BackupPorts;
    /// RDS.
    type Databases: DatabasePorts;
    /// The services of the wiring, in whatever region a call names. It makes and changes, it removes nothing.
    type Wiring: WiringPorts + RecordPorts + StackPorts + BucketPorts + FilePorts;
    /// Whoever takes points.
    type Points: PointPorts;

    /// DynamoDB in a region.
    fn tables(&self, region: &Region) -> Self::Tables;

    /// Lambda in a region.
    fn functions(&self, region: &Region) -> Self::Functions;

    /// AWS Backup in a region.
    fn backups(&self, region: &Region) -> Self::Backups;

    /// RDS in a region.
    fn databases(&self, region: &Region) -> Self::Databases;

    /// The wiring of all regions.
    fn wiring(&self) -> &Self::Wiring;

    /// Whoever takes points.
    fn points(&self) -> &Self::Points;
}

/// A vault and where it is.
pub struct Vault<V> {
    /// The vault.
    pub store: V,
    /// Its bucket and region.
    pub location: VaultLocation,
}

/// What a restore works with.
pub struct Restore<V, R, Q> {
    /// The stack's vault.
    pub home: Vault<V>,
    /// The replica vaults, the stack's own first.
    pub replicas: Vec<Vault<V>>,
    /// The account.
    pub regions: R,
    /// The work queue.
    pub work: Q,
    /// What AWS Backup works with, if the stack has it.
    pub managed: Option<ManagedVault>,
    /// Where in a vault the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Handler for Restore<V, R, Q> {
    const NAME: &'static str = "restore";

    async fn tick(&self, _: &InvocationClock) -> Result<Report, Failure> {
        Err(Failure::InvalidRequest(format!(
            "restore has no schedule; send for example {EXAMPLE}"
        )))
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        if event.get("application").is_some() {
            return self.run_application(application::Request::parse(event)?, clock).await;
        }
        if event.get("drift").is_some() {
            return self.run_drift(drift::Request::parse(event)?, clock).await;
        }
        self.run(Request::parse(event)?, clock).await
    }
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Restores what is asked for, as far as time allows.
    ///
    /// # Errors
    /// The request is not valid, or no vault has such a point. What goes wrong with the target is in the report.
    pub async fn run<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        let resource = request.resource()?;
        let moment = request.moment(&resource)?;
        let found = self.find(&request, &resource, clock).await?;
        let Found { copies, manifest, .. } = &found;
        let target = resolve(&request.target, manifest)?;
        let mut notes = found.notes.clone();
        notes.extend(
            self.check_residency(copies.current(), [manifest], &target.region)
                .await?,
        );
        let result = match (&manifest.managed, resource.kind) {
            (Some(managed), _) => {
                let wanted = ManagedRestore {
                    vault: copies.current(),
                    manifest,
                    managed,
                    target: &target,
                    existing: request.target.existing,
                    moment,
                    asked_at: request.asked_at.unwrap_or(clock.now()),
                    document: None,
                };
                self.restore_managed(&wanted, clock).await
            }
            (None, Kind::LambdaFunction) => self.restore_function(&request, copies, manifest, &target, clock).await,
            (None, kind @ (Kind::RdsInstance | Kind::RdsCluster | Kind::S3Bucket | Kind::EfsFileSystem)) => {
                Err(PortError::Corrupt(format!("a {kind} without data of AWS Backup")))
            }
            (None, kind) => match self.work(&found, &target).await {
                Err(error) => Err(error),
                Ok(work) if kind == Kind::DynamodbTable => {
                    let work = &work.store;
                    self.restore_table(copies, work, manifest, &target, clock).await
                }
                Ok(work) => {
                    let work = &work.store;
                    self.restore_wiring(&request, copies, work, manifest, &target, clock)
                        .await
                }
            },
        };
        notes.extend(copies.notes());
        let outcome = result.unwrap_or_else(|error| {
            let message = format!("not restored: {error}{}", advice(&error));
            Outcome::new(target.to_string(), OutcomeStatus::Failed, message)
        });
        if outcome.status == OutcomeStatus::Continuing {
            // AWS Backup takes minutes; we go on at once.
            let delay_seconds = if manifest.managed.is_some() { 60 } else { 0 };
            let request = Request {
                asked_at: request.asked_at.or(Some(clock.now())),
                ..request
            };
            self.go_on(&request, manifest, &target, delay_seconds).await?;
        }
        let mut report = Report::of(Self::NAME, vec![outcome]);
        report.notes = notes;
        Ok(report)
    }

    /// Refuses to write resources in a region other than their own where the residency forbids it, by the policy in force at home;
    /// where there is none or it cannot be read, in the vault that they come from. Gives a note if that could not be asked.
    async fn check_residency<'m>(
        &self,
        vault: &Vault<V>,
        manifests: impl IntoIterator<Item = &'m Manifest>,
        region: &Region,
    ) -> Result<Option<String>, Failure> {
        let elsewhere = manifests
            .into_iter()
            .filter(|manifest| manifest.point.resource.region != *region);
        let elsewhere: Vec<&Manifest> = elsewhere.collect();
        if elsewhere.is_empty() {
            return Ok(None);
        }
        let in_force = |store| policy_in_force(store, &self.policy_key, &self.tag_key);
        let policy = match in_force(&self.home.store).await {
            Ok(policy) if policy.source != PolicySource::BuiltIn => Ok(policy),
            // There is none, or nobody can tell.
            Ok(_) | Err(_) => in_force(&vault.store).await,
        };
        let policy = match policy {
            Ok(policy) => policy,
            // In a disaster a policy that cannot be read must not stand in the way of a restore.
            Err(error) => return Ok(Some(format!("the policy's residency was not checked: {error}"))),
        };
        for manifest in elsewhere {
            if let Some(breach) = residency_breach(&policy.document, manifest, region) {
                return Err(Failure::InvalidRequest(format!(
                    "{}: {breach}; choose another target region, or change the residency in the policy",
                    manifest.point.resource
                )));
            }
        }
        Ok(None)
    }

    /// Leaves the rest to the next invocation: the same request, with everything that was resolved spelt out. Which copy is read
    /// is decided anew.
    async fn go_on(
        &self,
        request: &Request,
        manifest: &Manifest,
        target: &ResourceId,
        delay_seconds: u32,
    ) -> Result<(), PortError> {
        let resolved = Request {
            point: manifest.point.to_string(),
            target: Target {
                name: Some(target.name.clone()),
                region: Some(target.region.clone()),
                existing: request.target.existing,
            },
            ..request.clone()
        };
        self.work.send(vec![json!(resolved).to_string()], delay_seconds).await
    }
}

/// What is to be made: what the request names, and a name that tells of the point where it names none.
fn resolve(target: &Target, manifest: &Manifest) -> Result<ResourceId, Failure> {
    let point = &manifest.point;
    let lost = &point.resource;
    if target.existing.is_some() && lost.kind != Kind::S3Bucket {
        let why = format!("a {} is restored as a new one only: leave existing out", lost.kind);
        return Err(Failure::InvalidRequest(why));
    }
    let name = match (&target.name, lost.parent()) {
        // A rule's bus and a schedule's group stay unless they are named too.
        (Some(name), Some(parent)) if !name.contains('/') => format!("{parent}/{name}"),
        (Some(name), _) => name.clone(),
        // AWS names it itself; or it belongs to a bucket of that name.
        (None, _) if matches!(lost.kind, Kind::EventSourceMapping | Kind::BucketNotifications) => lost.name.clone(),
        (None, _) => {
            let suffix = format!("-restored-{}", point.slot);
            // Names of buckets have no capitals.
            let suffix = match lost.kind {
                Kind::S3Bucket => suffix.to_ascii_lowercase(),
                _ => suffix,
            };
            match lost.name.strip_suffix(".fifo") {
                Some(stem) => format!("{stem}{suffix}.fifo"),
                None => format!("{}{suffix}", lost.name),
            }
        }
    };
    let region = target.region.clone().unwrap_or_else(|| lost.region.clone());
    ResourceId::new(lost.kind, region, &name).map_err(|error| Failure::InvalidRequest(error.to_string()))
}

/// An outcome that tells of every setting: Partial as soon as one of them needs a person.
fn outcome_of(subject: String, settings: &[SettingOutcome]) -> Outcome {
    let needs: Vec<&SettingOutcome> = settings
        .iter()
        .filter(|setting| setting.status == SettingStatus::NeedsPerson)
        .collect();
    let status = if needs.is_empty() {
        OutcomeStatus::Done
    } else {
        OutcomeStatus::Partial
    };
    let message: Vec<String> = needs
        .iter()
        .map(|setting| format!("{}: {}", setting.setting, setting.message))
        .collect();
    let restored: Vec<&str> = settings
        .iter()
        .filter(|setting| setting.status == SettingStatus::Restored)
        .map(|setting| setting.setting.as_str())
        .collect();
    Outcome::new(subject, status, message.join("; "))
        .with("restored_settings", json!(restored))
        .with(
            "needs_person",
            json!(needs.iter().map(|setting| &setting.setting).collect::<Vec<_>>()),
        )
}

fn advice(error: &PortError) -> &'static str {
    match error {
        PortError::Corrupt(_) => "; choose another point, or another vault with \"from\"",
        PortError::Denied(_) => {
            "; let the restore role do this and send the same event again: it goes on where it stopped"
        }
        PortError::AlreadyExists(_) => "; choose another target name",
        PortError::Throttled(_) | PortError::Unavailable(_) | PortError::Conflict(_) => {
            "; send the same event again: it goes on where it stopped"
        }
        PortError::NotFound(_) | PortError::Locked(_) | PortError::Invalid(_) => "",
    }
}
