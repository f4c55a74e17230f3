//! What is seen of each protected resource, for the policy to judge.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use holdfast_catalog::{Fact, PlanName, Region, ResourceId};
use holdfast_lambda::{PolicyInForce, point_state};
use holdfast_policy::{
    CopyState, Observation, Observations, Plan, PointState, PointStatus, Resource, RestoreTest, newest_good,
};
use holdfast_sources::inventory;
use holdfast_vault::{Catalogue, Holds, PointEntry, PortError, read_fact, read_manifest};
use jiff::{SignedDuration, Timestamp};

use crate::decide::has_restore_tests;
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify};

/// The points of a resource and plan, in order of their slots.
pub(crate) type SeriesOf<'a> = BTreeMap<(&'a ResourceId, &'a PlanName), Vec<&'a PointEntry>>;

/// Series read at the same time: enough to hide the vault's latency.
const OBSERVED_AT_ONCE: usize = 16;

/// What was seen of the protected resources.
#[derive(Debug, Default)]
pub(crate) struct Observed<'a> {
    /// What was seen of each resource and plan.
    pub(crate) observations: Observations<'a>,
    /// The resources whose points could not be read, each with the reason: nothing can be said of their promises.
    pub(crate) unread: Vec<(&'a ResourceId, PortError)>,
}

/// The points of a vault by resource and plan.
pub(crate) fn series_of(catalogue: &Catalogue) -> SeriesOf<'_> {
    let mut series: SeriesOf<'_> = BTreeMap::new();
    for entry in &catalogue.points {
        series
            .entry((&entry.id.resource, &entry.id.plan))
            .or_default()
            .push(entry);
    }
    series
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Everything that exists in the protected regions, and what could not be listed, in words.
    pub(crate) async fn inventory(&self, policy: &PolicyInForce) -> (Vec<Resource>, Vec<(String, String)>) {
        let inventory = inventory::take(&self.inventory, policy.document.regions(&self.region)).await;
        let resources = inventory.found.into_iter().map(|found| Resource {
            id: found.id,
            arn: found.arn,
            tags: found.tags,
        });
        let unlisted = inventory.unlisted.into_iter().map(|(kind, region, error)| {
            let message = format!("cannot be listed, so nobody knows whether they are protected: {error}");
            (format!("{kind}/{region}/*"), message)
        });
        (resources.collect(), unlisted.collect())
    }

    /// What is seen of every series that a plan makes of these resources. One that cannot be read stops no other.
    ///
    /// # Errors
    /// The vault's holds cannot be read.
    pub(crate) async fn observations<'a>(
        &self,
        policy: &PolicyInForce,
        resources: &[Resource],
        catalogue: &'a Catalogue,
        now: Timestamp,
    ) -> Result<Observed<'a>, PortError> {
        let holds = Holds::read(&self.home).await?;
        let there: BTreeSet<&ResourceId> = resources.iter().map(|resource| &resource.id).collect();
        let mut reads = Vec::new();
        for (series, entries) in series_of(catalogue) {
            if let Some(plan) = policy.document.plan(series.1)
                && there.contains(series.0)
            {
                let holds = &holds;
                reads.push(async move { (series, self.observe(plan, &entries, holds, now).await) });
            }
        }
        let mut seen = stream::iter(reads).buffered(OBSERVED_AT_ONCE);
        let mut observed = Observed::default();
        while let Some((series, observation)) = seen.next().await {
            match observation {
                Ok(observation) => {
                    observed.observations.insert(series, observation);
                }
                Err(error) => observed.unread.push((series.0, error)),
            }
        }
        Ok(observed)
    }

    /// The stack's own replica region, where copies go that name none.
    pub(crate) fn own_replica(&self) -> Option<&Region> {
        self.replicas.first().map(|(_, region)| region)
    }

    /// What is seen of one series.
    pub(crate) async fn observe(
        &self,
        plan: &Plan,
        entries: &[&PointEntry],
        holds: &Holds,
        now: Timestamp,
    ) -> Result<Observation, PortError> {
        let mut points: Vec<PointState> = entries
            .iter()
            .map(|entry| PointState {
                held: holds.on(&entry.id).is_some(),
                ..point_state(entry)
            })
            .collect();
        self.date_newest(&mut points, now).await?;
        let last_restore_test = match plan.verification.restore_test_every.is_some() || plan.objectives.rto.is_some() {
            true => self.last_restore_test(entries).await?,
            false => None,
        };
        Ok(Observation {
            points,
            failed_attempts: Vec::new(),
            newest_of_others: None,
            protected_since: None,
            copies: self.copies_of(entries),
            is_restore_tested: entries.iter().any(|entry| has_restore_tests(entry.id.resource.kind)),
            last_restore_test,
        })
    }

    fn copies_of(&self, entries: &[&PointEntry]) -> Vec<CopyState> {
        let own = self.own_replica();
        let copies = self.replicas.iter().flat_map(|(_, region)| {
            let copied = entries
                .iter()
                .filter(move |entry| entry.copied_to(region, own).is_some());
            copied.map(move |entry| CopyState {
                point: entry.id.clone(),
                region: region.clone(),
                is_complete: true,
            })
        });
        copies.collect()
    }

    /// Reads when the newest good point began: that is the age of the protection. A point whose manifest does not read is none
    /// that anybody can tell of.
    async fn date_newest(&self, points: &mut [PointState], now: Timestamp) -> Result<(), PortError> {
        while let Some(newest) = newest_good(&*points, now).map(|newest| newest.id.clone()) {
            let manifest = read_manifest(&self.home, &newest).await;
            let Some(point) = points.iter_mut().find(|point| point.id == newest) else {
                return Ok(());
            };
            match manifest {
                Ok(manifest) => {
                    point.started_at = Some(manifest.started_at);
                    return Ok(());
                }
                Err(PortError::Corrupt(_) | PortError::NotFound(_)) => point.status = PointStatus::Unknown,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn last_restore_test(&self, entries: &[&PointEntry]) -> Result<Option<RestoreTest>, PortError> {
        let tested = entries
            .iter()
            .filter_map(|entry| Some((entry.last("restore-tested")?, entry)));
        let Some((at, entry)) = tested.max_by_key(|(at, _)| *at) else {
            return Ok(None);
        };
        let fact = match read_fact(&self.home, entry, "restore-tested").await {
            Ok(Fact::RestoreTested(fact)) => fact,
            // What a damaged fact says is as if it had not been said: the test is made again.
            Ok(_) | Err(PortError::Corrupt(_) | PortError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(RestoreTest {
            at,
            matches: fact.matches,
            took: SignedDuration::from_millis(i64::try_from(fact.restore_ms).unwrap_or(i64::MAX)),
        }))
    }
}
