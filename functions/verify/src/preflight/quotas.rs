//! Quotas that backups run into: how full the vaults of AWS Backup are, and how many functions may run at once.

use std::collections::BTreeSet;

use holdfast_catalog::{Outcome, Region};
use holdfast_lambda::PolicyInForce;
use holdfast_policy::Resource;
use holdfast_sources::managed::port::ReadBackupVaults as _;
use holdfast_sources::preflight::{Observed, ObservedConcurrency, ObservedQuota};
use holdfast_vault::PortError;

use super::{managed_regions, unseen};
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify};

/// Recovery points that a vault of AWS Backup holds at most; the quota cannot be raised (AWS Backup's quotas in its guide).
const POINTS_IN_A_VAULT: u64 = 1_000_000;

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Looks at how much of the quotas is used.
    pub(super) async fn look_at_quotas(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        self.look_at_vaults_of_aws_backup(policy, resources, observed, unseen_outcomes)
            .await;
        match self.preflight.ports.free_concurrency(&self.region).await {
            Ok(free) => {
                observed.concurrency = Some(ObservedConcurrency {
                    region: self.region.clone(),
                    free,
                });
            }
            // What may not be looked at is the lesser evil: who is throttled says so by itself.
            Err(PortError::Denied(_)) => {}
            Err(error) => unseen_outcomes.push(unseen("concurrency of Lambda", &error)),
        }
    }

    async fn look_at_vaults_of_aws_backup(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        let mut regions: BTreeSet<Region> = managed_regions(policy, resources);
        let Some(managed) = self.managed.as_ref().filter(|_| !regions.is_empty()) else {
            return;
        };
        let replicas = self.preflight.replicas.iter();
        // Of a vault in another account nothing can be told from here.
        let ours = replicas.filter(|replica| replica.account == managed.role_arn.account());
        regions.extend(ours.map(|replica| replica.region.clone()));
        for region in regions {
            match self.regions.backups(&region).backup_vault(&managed.backup_vault).await {
                Ok(vault) => observed.quotas.push(ObservedQuota {
                    name: format!("recovery points in {}", vault.arn),
                    used: vault.recovery_points,
                    limit: POINTS_IN_A_VAULT,
                }),
                // `replicate` makes it, or says why it cannot.
                Err(PortError::NotFound(_) | PortError::Denied(_)) => {}
                Err(error) => {
                    unseen_outcomes.push(unseen(format!("vault of AWS Backup in {region}"), &error));
                }
            }
        }
    }
}
