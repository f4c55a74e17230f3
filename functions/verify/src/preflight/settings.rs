//! AWS Backup's settings, in every region in which plans leave something to it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Kind, Outcome, Region};
use holdfast_lambda::PolicyInForce;
use holdfast_policy::{Document, Engine, Resource};
use holdfast_sources::managed::port::ReadBackupSettings as _;
use holdfast_sources::preflight::{Copying, Observed, ObservedSharing};
use holdfast_vault::PortError;

use super::unseen;
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify};

/// Kinds by region, as AWS Backup names them.
type Kinds = BTreeMap<Region, BTreeMap<String, Copying>>;

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Reads the settings of each region that has a resource whose plan has the engine `aws-backup`.
    pub(super) async fn look_at_settings(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        let kinds = managed_kinds(&policy.document, resources, self.own_replica());
        for (region, kinds) in kinds {
            let settings = match self.regions.backups(&region).region_settings().await {
                Ok(settings) => Some(settings),
                // Another look would see no more: that it may not look is the finding.
                Err(PortError::Denied(_)) => None,
                Err(error) => {
                    unseen_outcomes.push(unseen(format!("settings of AWS Backup in {region}"), &error));
                    continue;
                }
            };
            observed.settings.insert(region.clone(), settings);
            observed.managed_kinds.insert(region, kinds);
        }
        self.look_at_sharing(policy, resources, observed, unseen_outcomes).await;
    }

    /// Asks whether AWS Backup may copy into the accounts that plans name.
    async fn look_at_sharing(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        let accounts = resources
            .iter()
            .flat_map(|resource| self.accounts_of_copies(policy, resource));
        let accounts: BTreeSet<String> = accounts.collect();
        if accounts.is_empty() {
            return;
        }
        let allowed = match self.regions.backups(&self.region).account_copies().await {
            Ok(allowed) => Some(allowed),
            Err(PortError::Denied(_)) => None,
            Err(error) => return unseen_outcomes.push(unseen("global settings of AWS Backup", &error)),
        };
        observed.shared = Some(ObservedSharing { accounts, allowed });
    }
}

/// What plans leave to AWS Backup. A kind of which one resource is to be copied is a kind that has to be copied.
fn managed_kinds(document: &Document, resources: &[Resource], own_replica: Option<&Region>) -> Kinds {
    let mut kinds = Kinds::new();
    for resource in resources {
        let Some(name) = name_of(resource.id.kind) else {
            continue;
        };
        for selected in document.plans_for(resource) {
            if !matches!(selected.plan.engine, Engine::AwsBackup(_)) {
                continue;
            }
            let in_region = kinds.entry(resource.id.region.clone()).or_default();
            let copying = in_region.entry(name.to_owned()).or_insert(Copying::Stays);
            if !selected.plan.destinations(own_replica).is_empty() {
                *copying = Copying::Copied;
            }
        }
    }
    kinds
}

/// What AWS Backup calls a kind in a region's settings; nothing for kinds that are never left to it.
fn name_of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::DynamodbTable => Some("DynamoDB"),
        Kind::RdsInstance => Some("RDS"),
        Kind::RdsCluster => Some("Aurora"),
        Kind::S3Bucket => Some("S3"),
        Kind::EfsFileSystem => Some("EFS"),
        _ => None,
    }
}
