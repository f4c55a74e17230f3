//! Continuous points of AWS Backup: a backup plan is kept for each plan and region that ask for them.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use holdfast_catalog::{Kind, ManagedVault, Outcome, OutcomeStatus, PlanName, Region, Sha256};
use holdfast_lambda::PolicyInForce;
use holdfast_policy::{Document, Engine, Resource};
use holdfast_sources::managed::Lifecycle;
use holdfast_sources::managed::continuous::{Keeping, Kept, Wanted, keep};
use holdfast_sources::managed::port::ReadBackupVaults as _;
use holdfast_sources::s3::read_without_versioning;
use holdfast_vault::{Catalogue, PortError};

use crate::{InventoryPorts, Regions, SignalPorts, Snapshot, VaultPorts};

/// Buckets that are asked at the same time whether they keep versions.
const PARALLEL_LOOKS: usize = 8;

/// What is wanted for a plan in a region, and what of it cannot be.
struct Asked {
    wanted: Wanted,
    /// What of the covered resources is left out, and why.
    left_out: Vec<String>,
    /// What could not be looked at.
    unseen: Vec<String>,
    /// Tables, which have a recovery window of their own.
    tables: usize,
}

impl Asked {
    fn new(plan: &PlanName, days: u32, unlisted: &BTreeSet<Kind>) -> Self {
        Asked {
            wanted: Wanted {
                plan: plan.clone(),
                days,
                covered: BTreeSet::new(),
                unknown: BTreeSet::new(),
                unlisted: unlisted.clone(),
            },
            left_out: Vec::new(),
            unseen: Vec::new(),
            tables: 0,
        }
    }
}

impl<V: VaultPorts, I: InventoryPorts, R: Regions, Q: SignalPorts> Snapshot<V, I, R, Q> {
    /// Makes AWS Backup keep continuous points of exactly what plans that ask for them cover. What is covered no longer is only
    /// marked: `prune` ends it. Trouble in one region stops nothing in the others.
    pub(crate) async fn keep_continuous(
        &self,
        policy: &PolicyInForce,
        inventory: &[Resource],
        unlisted: &BTreeMap<Region, BTreeSet<Kind>>,
        catalogue: &Catalogue,
    ) -> Vec<Outcome> {
        let Some(stack) = &self.managed else {
            return Vec::new();
        };
        // A region that is protected no longer is looked at as long as it has points.
        let points = catalogue.points.iter().map(|entry| &entry.id.resource);
        let of_points = points.filter(|resource| Engine::is_continuous(resource.kind));
        let mut regions: BTreeSet<&Region> = of_points.map(|resource| &resource.region).collect();
        regions.extend(policy.document.regions(&self.region));
        let mut outcomes = Vec::new();
        for region in regions {
            let none = BTreeSet::new();
            let unlisted = unlisted.get(region).unwrap_or(&none);
            let asked = self.asked_in(region, &policy.document, inventory, unlisted).await;
            match self.keep_in(region, stack, policy, &asked).await {
                Ok(kept) => outcomes.extend(asked.iter().filter_map(|asked| told(region, asked, &kept))),
                Err(PortError::NotFound(_)) if *region != self.region => {
                    let vault = &stack.backup_vault;
                    let message = format!(
                        "there is no vault {vault} of AWS Backup in {region} yet for continuous points; replicate makes it"
                    );
                    outcomes.push(Outcome::new(subject(region, "*"), OutcomeStatus::Continuing, message));
                }
                Err(error) => {
                    let message = format!("continuous points are not looked after: {error}; the next tick tries again");
                    outcomes.push(Outcome::new(subject(region, "*"), OutcomeStatus::Failed, message));
                }
            }
        }
        outcomes
    }

    async fn keep_in(
        &self,
        region: &Region,
        stack: &ManagedVault,
        policy: &PolicyInForce,
        asked: &[Asked],
    ) -> Result<Vec<Kept>, PortError> {
        let backups = self.regions.backups(region);
        if asked.iter().any(|asked| !asked.wanted.covered.is_empty()) {
            let vault = backups.backup_vault(&stack.backup_vault).await?;
            // Looked at, because a job that its lock does not take fails a day later.
            for asked in asked {
                let lifecycle = Lifecycle {
                    cold_after_days: None,
                    delete_after_days: Some(asked.wanted.days),
                };
                let fits = lifecycle.check(vault.lock);
                fits.map_err(|fault| PortError::Invalid(format!("plan {}: {fault}", asked.wanted.plan)))?;
            }
        }
        let keeping = Keeping {
            backup_vault: &stack.backup_vault,
            role_arn: &stack.role_arn,
            policy: &Sha256::of(&policy.text),
        };
        let wanted: Vec<Wanted> = asked.iter().map(|asked| asked.wanted.clone()).collect();
        keep(&backups, &keeping, &wanted).await
    }

    /// What is wanted in a region, by plan.
    async fn asked_in(
        &self,
        region: &Region,
        document: &Document,
        inventory: &[Resource],
        unlisted: &BTreeSet<Kind>,
    ) -> Vec<Asked> {
        let asking = document
            .plans
            .iter()
            .filter_map(|plan| Some((&plan.name, days_of(plan.engine)?)));
        let mut asked: BTreeMap<&PlanName, Asked> = asking
            .map(|(plan, days)| (plan, Asked::new(plan, days, unlisted)))
            .collect();
        if asked.is_empty() {
            return Vec::new();
        }
        let here = inventory.iter().filter(|resource| resource.id.region == *region);
        let mut looks = Vec::new();
        for resource in here {
            if let Some(plan) = continuous_plan(document, resource) {
                looks.push(async move { (plan, resource, self.fault_of(resource).await) });
            }
        }
        let looked: Vec<_> = stream::iter(looks).buffered(PARALLEL_LOOKS).collect().await;
        for (plan, resource, fault) in looked {
            let Some(asked) = asked.get_mut(plan) else { continue };
            match fault {
                _ if resource.id.kind == Kind::DynamodbTable => asked.tables += 1,
                Ok(None) => _ = asked.wanted.covered.insert(resource.arn.clone()),
                Ok(Some(why)) => asked.left_out.push(why),
                Err(error) => {
                    asked.wanted.unknown.insert(resource.arn.clone());
                    asked.unseen.push(format!("{}: {error}", resource.id));
                }
            }
        }
        asked.into_values().collect()
    }

    /// Why AWS Backup makes no continuous points of a resource.
    async fn fault_of(&self, resource: &Resource) -> Result<Option<String>, PortError> {
        match resource.id.kind {
            Kind::S3Bucket => read_without_versioning(&self.inventory, &resource.id.region, &resource.id.name).await,
            _ => Ok(None),
        }
    }
}

/// How far back the plan's continuous points are to reach, if it asks for such.
fn days_of(engine: Engine) -> Option<u32> {
    match engine {
        Engine::AwsBackup(managed) => managed.continuous_days,
        Engine::Vault => None,
    }
}

/// The plan under which a resource has its continuous point: it has one, however many plans ask for it.
fn continuous_plan<'a>(document: &'a Document, resource: &'a Resource) -> Option<&'a PlanName> {
    let mut selected = document.plans_for(resource).into_iter();
    let selected = selected.find(|selected| days_of(selected.plan.engine).is_some())?;
    Some(&selected.plan.name)
}

fn subject(region: &Region, plan: impl std::fmt::Display) -> String {
    format!("continuous/{region}/{plan}")
}

fn told(region: &Region, asked: &Asked, kept: &[Kept]) -> Option<Outcome> {
    let wanted = &asked.wanted;
    let kept = kept.iter().find(|kept| kept.plan == wanted.plan);
    let mut words = Vec::new();
    if let Some(kept) = kept {
        words.push(format!(
            "backup plan {} of AWS Backup covers {} resources, so that each can be brought back as it was at any moment of the last {} \
             days",
            kept.backup_plan, kept.resources, wanted.days
        ));
    }
    if asked.tables > 0 {
        words.push(format!(
            "{} tables have no continuous points: DynamoDB has a recovery window of its own, to be turned on there",
            asked.tables
        ));
    }
    words.extend(asked.left_out.iter().map(|why| format!("no continuous points: {why}")));
    let unseen = asked
        .unseen
        .iter()
        .map(|why| format!("left as it is, because it could not be looked at: {why}"));
    words.extend(unseen);
    let status = match kept {
        _ if !asked.left_out.is_empty() || !asked.unseen.is_empty() => OutcomeStatus::Partial,
        Some(_) => OutcomeStatus::Done,
        None => OutcomeStatus::Unchanged,
    };
    (!words.is_empty()).then(|| Outcome::new(subject(region, &wanted.plan), status, words.join("; ")))
}
