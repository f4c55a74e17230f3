//! `restore` brings a resource back from a recovery point, into a new resource.
//!
//! It reads the home vault, or the replica when the home vault is gone or has no such point. Nothing that exists is changed.
//! A restore that does not fit one invocation goes on in others, by its queue.

pub mod application;
mod choose;
pub mod drift;
mod event;
mod function;
mod table;
mod wiring;

use holdfast_catalog::{Engine, Kind, Manifest, Outcome, OutcomeStatus, Region, Report, ResourceId};
use holdfast_lambda::{Failure, Handler, InvocationClock, policy_in_force};
use holdfast_policy::{Breach, Resource};
use holdfast_sources::call::Call;
use holdfast_sources::call::cloudformation::ListStackResources;
use holdfast_sources::dynamodb::port::{ApplyTableSettings, CreateTable, ReadTable, ScanTable, WriteItems};
use holdfast_sources::lambda::port::{CreateFunction, PublishVersions, ReadFunction, WireFunction};
use holdfast_sources::lambda::restore::VaultLocation;
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::signal::{SendWork, TakePoints};
use holdfast_vault::{Catalogue, PortError, ports, read_manifest};
use serde_json::{Value, json};

pub use choose::choose;
pub use event::{EXAMPLE, From, Request, Target, Triggers, Wanted};
pub use holdfast_sources::wiring::RestoreWiring as WiringPorts;

ports! {
    /// What restore asks of a vault: it reads, and notes how far it came.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects
}

ports! {
    /// What restore asks of DynamoDB: it makes tables, it removes none.
    pub trait TablePorts: ReadTable, CreateTable, WriteItems, ScanTable, ApplyTableSettings
}

ports! {
    /// What restore asks of Lambda: it makes functions, it removes none.
    pub trait FunctionPorts: ReadFunction, CreateFunction, PublishVersions, WireFunction
}

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
    /// The services of the wiring, in whatever region a call names. It makes and changes, it removes nothing.
    type Wiring: WiringPorts + StackPorts;
    /// Whoever takes points.
    type Points: PointPorts;

    /// DynamoDB in a region.
    fn tables(&self, region: &Region) -> Self::Tables;

    /// Lambda in a region.
    fn functions(&self, region: &Region) -> Self::Functions;

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
    /// The replica vault.
    pub replica: Option<Vault<V>>,
    /// The account.
    pub regions: R,
    /// The work queue.
    pub work: Q,
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
        let (vault, manifest, notes) = self.find(&request, &resource, clock).await?;
        let target = resolve(&request.target, &manifest)?;
        let mut notes = notes;
        match self.breach(vault, &manifest, &target.region).await {
            Ok(None) => {}
            Ok(Some(breach)) => {
                let message = format!("{breach}; choose another target region, or change the residency in the policy");
                return Err(Failure::InvalidRequest(message));
            }
            // In a disaster a policy that cannot be read must not stand in the way of a restore.
            Err(error) => notes.push(format!("the policy's residency was not checked: {error}")),
        }
        let result = match resource.kind {
            // Its items are not in this vault: what is restored from here would be an empty table.
            _ if manifest.engine == Engine::AwsBackup => {
                let message = "AWS Backup keeps its data: start-restore-job restores it";
                Err(PortError::Invalid(message.to_owned()))
            }
            Kind::DynamodbTable => self.restore_table(vault, &manifest, &target, clock).await,
            Kind::LambdaFunction => self.restore_function(&request, vault, &manifest, &target, clock).await,
            kind @ (Kind::RdsInstance | Kind::RdsCluster) => {
                Err(PortError::Invalid(format!("{kind} cannot be restored yet")))
            }
            _ => self.restore_wiring(&request, vault, &manifest, &target, clock).await,
        };
        let outcome = result.unwrap_or_else(|error| {
            let message = format!("not restored: {error}{}", advice(&error));
            Outcome::new(target.to_string(), OutcomeStatus::Failed, message)
        });
        if outcome.status == OutcomeStatus::Continuing {
            self.go_on(&request, &manifest, &target, vault).await?;
        }
        let mut report = Report::of(Self::NAME, vec![outcome]);
        report.notes = notes;
        Ok(report)
    }

    /// Finds the point: in the vault that is named, or at home and then in the replica.
    async fn find<C: Clock>(
        &self,
        request: &Request,
        resource: &ResourceId,
        clock: &C,
    ) -> Result<(&Vault<V>, Manifest, Vec<String>), Failure> {
        let wanted = request.wanted(resource)?;
        let vaults: Vec<&Vault<V>> = match request.from {
            Some(From::Home) => vec![&self.home],
            Some(From::Replica) => self.replica.iter().collect(),
            None => std::iter::once(&self.home).chain(&self.replica).collect(),
        };
        let mut notes = Vec::new();
        for vault in &vaults {
            match find_in(&vault.store, resource, &wanted, clock).await {
                Ok(Some(manifest)) => {
                    notes.push(format!(
                        "{} was read from vault {}",
                        manifest.point, vault.location.bucket
                    ));
                    return Ok((vault, manifest, notes));
                }
                Ok(None) => notes.push(format!("vault {} has no such good point", vault.location.bucket)),
                Err(error) => notes.push(format!("vault {} could not be read: {error}", vault.location.bucket)),
            }
        }
        let reason = if vaults.is_empty() {
            "the stack has no replica vault".to_owned()
        } else {
            notes.join("; ")
        };
        Err(Failure::Port(PortError::NotFound(format!(
            "no recovery point {} of {resource}: {reason}",
            request.point
        ))))
    }

    /// Why the resource may not be written in a region other than its own, by the policy in force in the vault that it comes
    /// from.
    async fn breach(
        &self,
        vault: &Vault<V>,
        manifest: &Manifest,
        region: &Region,
    ) -> Result<Option<Breach>, PortError> {
        if *region == manifest.point.resource.region {
            return Ok(None);
        }
        let document = policy_in_force(&vault.store, &self.policy_key, &self.tag_key)
            .await?
            .document;
        let resource = Resource {
            id: manifest.point.resource.clone(),
            arn: manifest.arn.clone(),
            tags: manifest.tags.clone(),
        };
        let plan = document.plan(&manifest.point.plan);
        Ok(document.residency_of(&resource, plan).check(region).err())
    }

    /// Leaves the rest to the next invocation: the same request, with everything that was resolved spelt out.
    async fn go_on(
        &self,
        request: &Request,
        manifest: &Manifest,
        target: &ResourceId,
        vault: &Vault<V>,
    ) -> Result<(), PortError> {
        let from = if vault.location == self.home.location {
            From::Home
        } else {
            From::Replica
        };
        let resolved = Request {
            point: manifest.point.to_string(),
            target: Target {
                name: Some(target.name.clone()),
                region: Some(target.region.clone()),
            },
            from: Some(from),
            ..request.clone()
        };
        self.work.send(vec![json!(resolved).to_string()], 0).await
    }
}

async fn find_in<V: VaultPorts, C: Clock>(
    store: &V,
    resource: &ResourceId,
    wanted: &Wanted,
    clock: &C,
) -> Result<Option<Manifest>, PortError> {
    let entries = Catalogue::of_resource(store, resource).await?.points;
    match choose(&entries, wanted, clock.now()) {
        Some(entry) => read_manifest(store, &entry.id).await.map(Some),
        None => Ok(None),
    }
}

/// What is to be made: what the request names, and a name that tells of the point where it names none.
fn resolve(target: &Target, manifest: &Manifest) -> Result<ResourceId, Failure> {
    let point = &manifest.point;
    let lost = &point.resource;
    let name = match (&target.name, lost.parent()) {
        // A rule's bus and a schedule's group stay unless they are named too.
        (Some(name), Some(parent)) if !name.contains('/') => format!("{parent}/{name}"),
        (Some(name), _) => name.clone(),
        // AWS names it itself; or it belongs to a bucket of that name.
        (None, _) if matches!(lost.kind, Kind::EventSourceMapping | Kind::BucketNotifications) => lost.name.clone(),
        (None, _) => {
            let suffix = format!("-restored-{}", point.slot);
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
