//! Points of AWS Backup: what retention gives up is removed there before its manifest goes, and what it keeps is kept there too.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{ManagedPoint, Manifest, Outcome, OutcomeStatus, PointId, Region, Tombstone};
use holdfast_policy::{Document, Engine};
use holdfast_sources::managed::{Removed, Settled, Surroundings, Verdict, elsewhere, left, settle};
use holdfast_vault::port::Clock;
use holdfast_vault::sweep::reason_to_stay;
use holdfast_vault::{Holds, PortError, read_manifest};
use jiff::Timestamp;
use serde_json::json;

use crate::{Plan, Prune, Regions, Seen, SignalPorts, VaultPorts};

/// A point and where AWS Backup keeps it.
struct There {
    point: PointId,
    /// Its tombstone, where it is to go.
    tombstone: Option<Tombstone>,
    managed: ManagedPoint,
}

impl There {
    fn region(&self) -> Region {
        let region = self.managed.recovery_point_arn.region().parse();
        region.unwrap_or_else(|_| self.point.resource.region.clone())
    }

    fn verdict(&self) -> Verdict {
        match self.tombstone {
            Some(_) => Verdict::Remove,
            None => Verdict::Keep,
        }
    }
}

/// What became of what was looked for.
#[derive(Default)]
struct Settling {
    outcomes: Vec<Outcome>,
    /// Points whose manifests stay, because AWS Backup still has them or nobody knows.
    stay: BTreeSet<PointId>,
}

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Carries the plan out in AWS Backup. The plan loses what could not be removed there: a manifest goes after its data,
    /// so that nothing is left that nobody knows of and somebody pays for. Cut short anywhere, the next run goes on.
    pub(crate) async fn settle_managed<C: Clock>(
        &self,
        seen: &Seen<'_, V>,
        plan: &mut Plan,
        document: &Document,
        clock: &C,
    ) -> Vec<Outcome> {
        let mut settling = Settling::default();
        let doomed = plan
            .remove
            .iter()
            .map(|tombstone| (tombstone.point.clone(), Some(tombstone.clone())));
        let kept = plan.keep.iter().filter(|(point, _)| may_expire(point, document));
        let wanted: Vec<(PointId, Option<Tombstone>)> =
            doomed.chain(kept.map(|(point, _)| (point.clone(), None))).collect();
        let mut by_region: BTreeMap<Region, Vec<There>> = BTreeMap::new();
        for (point, tombstone) in wanted {
            match managed_of(seen.store(), &point).await {
                Ok(None) => {}
                Ok(Some(managed)) => {
                    let there = There {
                        point,
                        tombstone,
                        managed,
                    };
                    if there.managed.recovery_point_arn.account() != self.account {
                        settling.elsewhere(seen, &there, clock.now());
                        continue;
                    }
                    by_region.entry(there.region()).or_default().push(there);
                }
                Err(error) => settling.unknown(seen, &point, &error),
            }
        }
        for (region, points) in by_region {
            self.settle_region(seen, &region, &points, clock.now(), &mut settling)
                .await;
        }
        plan.remove
            .retain(|tombstone| !settling.stay.contains(&tombstone.point));
        settling.outcomes
    }

    async fn settle_region(
        &self,
        seen: &Seen<'_, V>,
        region: &Region,
        points: &[There],
        now: Timestamp,
        settling: &mut Settling,
    ) {
        let backups = self.regions.backups(region);
        let vaults: BTreeSet<String> = points.iter().map(|there| there.managed.backup_vault.clone()).collect();
        // Looked at now and not when the plan was made: what was held or locked since then stays.
        let looked = async {
            let holds = Holds::read(seen.store()).await?;
            Ok((holds, Surroundings::observe(&backups, &vaults).await?))
        };
        let (holds, surroundings) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                for there in points {
                    settling.unknown(seen, &there.point, &error);
                }
                return;
            }
        };
        for there in points {
            let reason = match (&there.tombstone, holds.on(&there.point)) {
                (Some(_), Some(hold)) => Ok(Some(hold)),
                (Some(tombstone), None) => reason_to_stay(seen.store(), tombstone, &self.margins, now).await,
                (None, _) => Ok(None),
            };
            match reason {
                Ok(None) => {}
                Ok(Some(why)) => {
                    settling.stays(seen.outcome(&there.point, OutcomeStatus::Unchanged, why), &there.point);
                    continue;
                }
                Err(error) => {
                    settling.unknown(seen, &there.point, &error);
                    continue;
                }
            }
            match settle(&backups, &there.managed, there.verdict(), &surroundings, now).await {
                Ok(settled) => settling.settled(seen, there, &settled, now),
                Err(error) => settling.unknown(seen, &there.point, &error),
            }
        }
    }
}

/// Whether AWS Backup may remove a point by itself that retention keeps: then it has to be looked after.
fn may_expire(point: &PointId, document: &Document) -> bool {
    let engine = document.plan(&point.plan).map(|plan| plan.engine);
    matches!(engine, Some(Engine::AwsBackup(managed)) if managed.delete_after_days.is_some())
}

/// Where AWS Backup keeps a point; nothing of one that it does not keep. A damaged manifest names nothing: what it stood for is
/// removed as before, and AWS Backup's own lifecycle ends what it has.
async fn managed_of<V: VaultPorts>(vault: &V, point: &PointId) -> Result<Option<ManagedPoint>, PortError> {
    match read_manifest(vault, point).await {
        Ok(Manifest { managed, .. }) => Ok(managed),
        Err(PortError::NotFound(_) | PortError::Corrupt(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Settling {
    fn stays(&mut self, outcome: Outcome, point: &PointId) {
        self.outcomes.push(outcome);
        self.stay.insert(point.clone());
    }

    fn unknown<V>(&mut self, seen: &Seen<'_, V>, point: &PointId, error: &PortError) {
        let message = format!("AWS Backup: {error}; nothing is known of what it has, and its manifest stays");
        self.stays(seen.outcome(point, OutcomeStatus::Failed, message), point);
    }

    /// Of a point that another account keeps nobody here can say more than when it ends.
    fn elsewhere<V>(&mut self, seen: &Seen<'_, V>, there: &There, now: Timestamp) {
        let managed = &there.managed;
        match (there.verdict(), managed.expires_at) {
            (Verdict::Remove, _) => {
                let removed = elsewhere(managed, now);
                self.settled(seen, there, &Settled::Removed(removed), now);
            }
            (Verdict::Keep, Some(end)) if end <= now => {
                let account = managed.recovery_point_arn.account();
                let message = format!(
                    "account {account} had it until {end}, and AWS Backup has ended it there though retention keeps it: let \
                     delete_after be as long as the copies' retention"
                );
                self.outcomes
                    .push(seen.outcome(&there.point, OutcomeStatus::Unchanged, message));
            }
            (Verdict::Keep, _) => {}
        }
    }

    fn settled<V>(&mut self, seen: &Seen<'_, V>, there: &There, settled: &Settled, now: Timestamp) {
        let point = &there.point;
        let removed = match settled {
            Settled::Stands => return,
            Settled::Prolonged => {
                let message =
                    "AWS Backup would have removed it soon, and retention keeps it: its lifecycle has no end now";
                self.outcomes.push(seen.outcome(point, OutcomeStatus::Done, message));
                return;
            }
            Settled::Ends(end) => {
                let message = format!(
                    "retention keeps it, and AWS Backup ends it {end}: its vault is locked, and nobody can prolong what is in there; let \
                     aws_backup.delete_after be as long as retention"
                );
                self.outcomes.push(seen.outcome(point, OutcomeStatus::Partial, message));
                return;
            }
            Settled::Removed(removed) => removed,
        };
        let message = format!("AWS Backup: {removed}");
        let Some(left) = left(&there.managed, removed, now) else {
            self.outcomes.push(seen.outcome(point, OutcomeStatus::Done, message));
            return;
        };
        let status = match removed {
            // As somebody has asked for it.
            Removed::Locked { .. }
            | Removed::Held { .. }
            | Removed::Continuous
            | Removed::NotOurs
            | Removed::Elsewhere { .. } => OutcomeStatus::Unchanged,
            _ => OutcomeStatus::Partial,
        };
        let outcome = seen.outcome(point, status, message).with("left_bytes", left.bytes);
        let outcome = match left.usd_a_month {
            Some(usd) => outcome.with("left_usd_a_month", json!(usd)),
            None => outcome,
        };
        self.stays(outcome, point);
    }
}
