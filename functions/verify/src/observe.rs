//! What is seen of each protected resource, for the policy to judge.

use std::collections::BTreeMap;

use holdfast_catalog::{Fact, Kind, PlanName, Region, ResourceId};
use holdfast_lambda::{PolicyInForce, point_state};
use holdfast_policy::{
    CopyState, Observation, Observations, PointState, PointStatus, Resource, RestoreTest, newest_good,
};
use holdfast_sources::inventory;
use holdfast_vault::{Catalogue, Holds, PointEntry, PortError, read_fact, read_manifest};
use jiff::{SignedDuration, Timestamp};

use crate::{InventoryPorts, PreflightPorts, TablePorts, VaultPorts, Verify};

/// The points of a resource and plan, in order of their slots.
pub(crate) type SeriesOf<'a> = BTreeMap<(&'a ResourceId, &'a PlanName), Vec<&'a PointEntry>>;

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

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, P: PreflightPorts> Verify<V, I, T, P> {
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

    /// What is seen of every series that a plan of the policy makes.
    ///
    /// # Errors
    /// Those of the vault.
    pub(crate) async fn observations<'a>(
        &self,
        policy: &PolicyInForce,
        catalogue: &'a Catalogue,
        now: Timestamp,
    ) -> Result<Observations<'a>, PortError> {
        let holds = Holds::read(&self.home).await?;
        let mut observations = BTreeMap::new();
        for (series, entries) in series_of(catalogue) {
            if policy.document.plan(series.1).is_some() {
                let observation = self.observe(&entries, &holds, now).await?;
                observations.insert(series, observation);
            }
        }
        Ok(observations)
    }

    /// The stack's own replica region, where copies go that name none.
    pub(crate) fn own_replica(&self) -> Option<&Region> {
        self.replicas.first().map(|(_, region)| region)
    }

    /// What is seen of one series.
    pub(crate) async fn observe(
        &self,
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
        Ok(Observation {
            points,
            failed_attempts: Vec::new(),
            protected_since: None,
            copies: copies.collect(),
            is_restore_tested: entries
                .iter()
                .any(|entry| entry.id.resource.kind == Kind::DynamodbTable),
            last_restore_test: self.last_restore_test(entries).await?,
        })
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
