//! The first phase: tombstones are written and lifted, or it is said which would be.

use holdfast_catalog::{Fact, Outcome, OutcomeStatus, PointId, Tombstone, UndeletedFact};
use holdfast_lambda::NOTICE;
use holdfast_policy::{Limits, Notice};
use holdfast_vault::port::Created;
use holdfast_vault::sweep::lift_tombstone;
use holdfast_vault::{PortError, write_fact, write_tombstone};
use jiff::Timestamp;

use crate::decide::lifted_after;
use crate::limits::refusal;
use crate::metrics::Metrics;
use crate::{Plan, Prune, Regions, Seen, SignalPorts, TOMBSTONED, UNDELETED, VaultPorts, audit};

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Writes and lifts tombstones as the plan says, and tells the bus.
    pub(crate) async fn decide_on(
        &self,
        seen: &Seen<'_, V>,
        plan: &Plan,
        limits: Option<&Limits>,
        now: Timestamp,
        metrics: &mut Metrics,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![
            seen.outcome("retention", OutcomeStatus::Unchanged, "")
                .with("kept_points", plan.keep.len())
                .with("waiting_points", plan.wait.len()),
        ];
        let (mut undeleted, mut tombstoned) = (Vec::new(), Vec::new());
        for (point, why) in &plan.lift {
            let lifted = lift_tombstone(seen.store(), point).await;
            let outcome = settled(
                seen,
                point,
                lifted,
                &format!("tombstone lifted: {why}"),
                "tombstone not lifted",
            );
            undeleted.extend(is_done(&outcome).then(|| audit::of_point(seen.place.vault, point, why)));
            outcomes.push(outcome);
        }
        for (point, why) in &plan.call_back {
            let noted = call_back(seen.store(), point, why, now).await;
            let outcome = settled(
                seen,
                point,
                noted,
                &format!("{}: {why}", lifted_after(now)),
                "not called back",
            );
            undeleted.extend(is_done(&outcome).then(|| audit::of_point(seen.place.vault, point, why)));
            outcomes.push(outcome);
        }
        if let Some(refusal) = refusal_of(plan, limits) {
            metrics.limits_exceeded += 1;
            outcomes.push(seen.outcome("limit", OutcomeStatus::Failed, refusal));
        } else {
            for (point, why) in &plan.tombstone {
                let written = tombstone(seen.store(), point, why, now).await;
                let outcome = settled(seen, point, written, &format!("tombstoned: {why}"), "not tombstoned");
                if is_done(&outcome) {
                    tombstoned.push(audit::of_point(seen.place.vault, point, why));
                    outcomes.push(outcome.with(NOTICE, Notice::Pruned.as_str()));
                } else {
                    outcomes.push(outcome);
                }
            }
        }
        metrics.pruned_points += tombstoned.len() as u64;
        outcomes.extend(self.announce(UNDELETED, undeleted).await);
        outcomes.extend(self.announce(TOMBSTONED, tombstoned).await);
        outcomes
    }
}

/// Writes a point's tombstone.
pub(crate) async fn tombstone<V: VaultPorts>(
    vault: &V,
    point: &PointId,
    why: &str,
    now: Timestamp,
) -> Result<Created, PortError> {
    let tombstone = Tombstone {
        point: point.clone(),
        pruned_at: now,
        reasons: vec![why.to_owned()],
    };
    write_tombstone(vault, &tombstone).await
}

/// Writes down that a point is wanted after all.
pub(crate) async fn call_back<V: VaultPorts>(
    vault: &V,
    point: &PointId,
    why: &str,
    now: Timestamp,
) -> Result<Created, PortError> {
    let fact = Fact::Undeleted(UndeletedFact { why: why.to_owned() });
    write_fact(vault, point, &fact, now).await
}

fn is_done(outcome: &Outcome) -> bool {
    outcome.status == OutcomeStatus::Done
}

fn settled<V, T>(
    seen: &Seen<'_, V>,
    point: &PointId,
    result: Result<T, PortError>,
    done: &str,
    failed: &str,
) -> Outcome {
    match result {
        Ok(_) => seen.outcome(point, OutcomeStatus::Done, done),
        Err(error) => seen.outcome(point, OutcomeStatus::Failed, format!("{failed}: {error}")),
    }
}

/// Why none of the plan's points may be tombstoned; `None` when they may.
fn refusal_of(plan: &Plan, limits: Option<&Limits>) -> Option<String> {
    let (wanted, standing) = (plan.tombstone.len(), plan.tombstone.len() + plan.keep.len());
    refusal(limits?, wanted, standing)
}

/// What would become of each point.
pub(crate) fn describe<V>(seen: &Seen<'_, V>, plan: &Plan, limits: Option<&Limits>) -> Vec<Outcome> {
    use OutcomeStatus::{Planned, Unchanged};
    let told = |points: &[(PointId, String)], status: OutcomeStatus, what: &str| -> Vec<Outcome> {
        let outcomes = points
            .iter()
            .map(|(point, why)| seen.outcome(point, status, format!("{what}: {why}")));
        outcomes.collect()
    };
    let removed = plan.remove.iter().map(|tombstone| {
        let reasons = tombstone.reasons.join(", ");
        let message = format!("would be removed: its grace period is over ({reasons})");
        seen.outcome(&tombstone.point, Planned, message)
    });
    let refusal = refusal_of(plan, limits);
    let refusal = refusal.map(|why| seen.outcome("limit", Planned, format!("this run would be stopped: {why}")));
    [
        told(&plan.keep, Unchanged, "kept"),
        told(&plan.tombstone, Planned, "would be tombstoned"),
        told(&plan.wait, Unchanged, "tombstoned"),
        told(&plan.lift, Planned, "tombstone would be lifted"),
        told(&plan.call_back, Planned, "would be called back"),
        removed.collect(),
        refusal.into_iter().collect(),
    ]
    .concat()
}
