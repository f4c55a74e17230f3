//! The keys of resources: when one goes, backups of what it encrypts fail, and what AWS Backup keeps under it is lost.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use holdfast_catalog::{Arn, Outcome, Region, ResourceId};
use holdfast_lambda::PolicyInForce;
use holdfast_policy::{Engine, Resource};
use holdfast_sources::preflight::{Observed, keys_named};
use holdfast_vault::{Catalogue, PointEntry, PortError, get_config, read_manifest};
use jiff::Timestamp;

use super::unseen;
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify, newest_good};

/// Points read at the same time: enough to hide the vault's latency.
const READ_AT_ONCE: usize = 16;

/// What a key is used for.
#[derive(Debug, Default)]
struct Use<'a> {
    resources: BTreeSet<&'a ResourceId>,
    protected_points: u64,
    needed_by: BTreeSet<String>,
}

impl Use<'_> {
    /// The first resource by name, and how many others.
    fn words(&self) -> String {
        let first = self.resources.first().map(ToString::to_string).unwrap_or_default();
        match self.resources.len() {
            0 | 1 => first,
            more => format!("{first} and {} other resources", more - 1),
        }
    }
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Looks at each key, once, that the newest good point of a resource names: of resources that are there and under a plan, and
    /// of those that are gone where points are left that cannot be read without it.
    pub(super) async fn look_at_resource_keys(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        catalogue: &Catalogue,
        now: Timestamp,
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        let planned: BTreeMap<&ResourceId, BTreeSet<String>> = resources
            .iter()
            .filter(|resource| !policy.document.plans_for(resource).is_empty())
            .map(|resource| (&resource.id, self.accounts_of_copies(policy, resource)))
            .collect();
        let mut reads = Vec::new();
        for entry in newest_good(catalogue, now).into_values() {
            reads.push(async move { (entry, self.keys_of(entry).await) });
        }
        let mut read = stream::iter(reads).buffered(READ_AT_ONCE);
        let mut uses: BTreeMap<Arn, Use<'_>> = BTreeMap::new();
        while let Some((entry, keys)) = read.next().await {
            let resource = &entry.id.resource;
            let (keys, encrypts_points) = match keys {
                Ok(found) => found,
                // A damaged point is told of by its scrub.
                Err(PortError::Corrupt(_) | PortError::NotFound(_)) => continue,
                Err(error) => {
                    unseen_outcomes.push(unseen(format!("keys of {resource}"), &error));
                    continue;
                }
            };
            if !encrypts_points && !planned.contains_key(resource) {
                continue;
            }
            let points = if encrypts_points {
                points_of(catalogue, resource)
            } else {
                0
            };
            // Whoever gets a copy of a snapshot reads it under the source's key.
            let accounts = planned.get(resource).filter(|_| encrypts_points);
            for key in keys {
                let used = uses.entry(key).or_default();
                used.resources.insert(resource);
                used.protected_points += points;
                used.needed_by.extend(accounts.into_iter().flatten().cloned());
            }
        }
        for (key, used) in uses {
            let (words, points) = (used.words(), used.protected_points);
            self.look_at_key(&key, &words, points, used.needed_by, observed, unseen_outcomes)
                .await;
        }
    }

    /// The other accounts that AWS Backup's points of a resource are to be copied to.
    fn accounts_of_copies(&self, policy: &PolicyInForce, resource: &Resource) -> BTreeSet<String> {
        let plans = policy.document.plans_for(resource);
        let managed = plans
            .iter()
            .filter(|selected| matches!(selected.plan.engine, Engine::AwsBackup(_)));
        let regions: BTreeSet<&Region> = managed
            .flat_map(|selected| selected.plan.destinations(self.own_replica()))
            .map(|destination| destination.region)
            .collect();
        let there = self.preflight.replicas.iter();
        there
            .filter(|replica| regions.contains(&replica.region) && replica.account != resource.arn.account())
            .map(|replica| replica.account.clone())
            .collect()
    }

    /// The keys of its own account that a point's configuration names, and whether they encrypt the point itself: what AWS Backup
    /// does not manage fully is a snapshot of the kind's own service, under the source's key.
    async fn keys_of(&self, entry: &PointEntry) -> Result<(BTreeSet<Arn>, bool), PortError> {
        let manifest = read_manifest(&self.home, &entry.id).await?;
        let config = get_config(&self.home, &manifest).await?;
        let config = serde_json::from_slice(&config).map_err(|error| PortError::Corrupt(error.to_string()))?;
        let mut keys = keys_named(&config);
        // Another account's key is for its owner to look after, and may not be looked at from here.
        keys.retain(|key| key.account() == manifest.arn.account());
        let managed = manifest.managed.as_ref();
        let encrypts_points = managed.is_some_and(|point| point.recovery_point_arn.service() != "backup");
        Ok((keys, encrypts_points))
    }
}

/// How many points of a resource there are. An older one may have another key; a resource's key hardly ever changes.
fn points_of(catalogue: &Catalogue, resource: &ResourceId) -> u64 {
    let points = catalogue.points.iter();
    points
        .filter(|entry| entry.id.resource == *resource && !entry.is_tombstoned)
        .count() as u64
}
