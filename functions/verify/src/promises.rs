//! Whether the policy's promises are kept, and why a resource or a point is where it is.

use holdfast_catalog::{Outcome, OutcomeStatus, PointId, Report, ResourceId};
use holdfast_lambda::{Failure, Handler as _, NOTICE, PolicyInForce};
use holdfast_policy::{Finding, Keeping, Notice, Review, ReviewCounts, comply, explain_point, explain_resource};
use holdfast_vault::port::Clock;
use holdfast_vault::{Catalogue, Holds, PortError, read_manifest, read_tombstone};

use crate::observe::{Observed, series_of};
use crate::{InventoryPorts, PreflightPorts, Regions, Subject, TablePorts, VaultPorts, Verify};

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Holds every promise of the policy against what there is.
    ///
    /// # Errors
    /// The vault cannot be read.
    pub(crate) async fn check_promises<C: Clock>(
        &self,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<Report, PortError> {
        let now = clock.now();
        let (mut inventory, unlisted) = self.inventory(policy).await;
        let Observed {
            mut observations,
            unread,
        } = self.observations(policy, &inventory, catalogue, now).await?;
        inventory.retain(|resource| !unread.iter().any(|(id, _)| **id == resource.id));
        let others = self.count_others(policy, &inventory, &mut observations).await;
        let replica = self.own_replica();
        let reviewed = comply(&policy.document, &inventory, &observations, replica, now);
        let counts = reviewed.counts();
        let unread = unread.into_iter().map(|(id, error)| {
            let message = format!("its points cannot be read, so nobody knows whether it is protected: {error}");
            (id.to_string(), message)
        });
        let mut outcomes: Vec<Outcome> = unlisted
            .into_iter()
            .chain(unread)
            .map(|(subject, message)| Outcome::new(subject, OutcomeStatus::Failed, message))
            .collect();
        let unseen = outcomes.len();
        outcomes.extend(reviewed.reviews.iter().map(outcome_of));
        outcomes.extend(others);
        let mut report = Report::of(Self::NAME, outcomes);
        report.metrics = metrics(&counts, unseen).into();
        Ok(report)
    }

    /// Says in plain words what becomes of a resource or a point.
    ///
    /// # Errors
    /// There is no such resource or point; the vault cannot be read.
    pub(crate) async fn explain<C: Clock>(
        &self,
        subject: &Subject,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<Report, Failure> {
        let outcome = match subject {
            Subject::Resource(resource) => self.explain_resource(resource, policy, catalogue, clock).await?,
            Subject::Point(point) => self.explain_point(point, policy, catalogue, clock).await?,
            Subject::All => {
                let message = "explain takes a resource or a point, one at a time".to_owned();
                return Err(Failure::InvalidRequest(message));
            }
        };
        Ok(Report::of(Self::NAME, vec![outcome]))
    }

    async fn explain_resource<C: Clock>(
        &self,
        id: &ResourceId,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<Outcome, Failure> {
        let now = clock.now();
        let (inventory, _) = self.inventory(policy).await;
        let Some(resource) = inventory.iter().find(|resource| resource.id == *id) else {
            let message = format!("{id} does not exist, may not be listed, or is in a region that no zone names");
            return Err(Failure::Port(PortError::NotFound(message)));
        };
        let observed = self.observations(policy, &inventory, catalogue, now).await?;
        if let Some((_, error)) = observed.unread.into_iter().find(|(unread, _)| *unread == id) {
            return Err(error.into());
        }
        let explained = explain_resource(&policy.document, &inventory, resource, &observed.observations, now);
        Ok(Outcome::new(id, OutcomeStatus::Done, explained.to_string()))
    }

    async fn explain_point<C: Clock>(
        &self,
        id: &PointId,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<Outcome, Failure> {
        let series = series_of(catalogue);
        let entries = series
            .get(&(&id.resource, &id.plan))
            .filter(|_| catalogue.get(id).is_some());
        let Some(entries) = entries else {
            return Err(Failure::Port(PortError::NotFound(format!("there is no point {id}"))));
        };
        let Some(plan) = policy.document.plan(&id.plan) else {
            let message = format!(
                "plan {} is not in the policy, and unknown means keep: it stays",
                id.plan
            );
            return Ok(Outcome::new(id, OutcomeStatus::Done, message));
        };
        let now = clock.now();
        let holds = Holds::read(&self.home).await?;
        let mut observation = self.observe(plan, entries, &holds, now).await?;
        if let Some(point) = observation.points.iter_mut().find(|point| point.id == *id) {
            let lock = read_manifest(&self.home, id).await?.lock;
            point.locked_until = lock.map(|lock| lock.points_until);
        }
        let keeping = Keeping {
            retention: &plan.retention,
            compliance: &plan.compliance,
            zone: plan.schedule.zone(),
        };
        let tombstone = match read_tombstone(&self.home, id).await {
            Ok(tombstone) => Some(tombstone),
            Err(PortError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let (series, tombstone) = (observation.series(), tombstone.as_ref());
        let explained = explain_point(
            &keeping,
            &plan.schedule,
            &series,
            id,
            tombstone,
            self.margins.grace,
            now,
        );
        let message = explained.map_or_else(|| format!("{id} was not judged"), |explained| explained.to_string());
        let hold = holds.on(id).map(|hold| format!("\n{hold}")).unwrap_or_default();
        Ok(Outcome::new(id, OutcomeStatus::Done, format!("{message}{hold}")))
    }
}

fn outcome_of(review: &Review) -> Outcome {
    let words: Vec<String> = review.findings.iter().map(ToString::to_string).collect();
    let (status, message) = if review.findings.iter().any(is_failure) {
        (OutcomeStatus::Failed, words.join("; "))
    } else if words.is_empty() {
        (OutcomeStatus::Done, review.rpo.to_string())
    } else {
        (OutcomeStatus::Done, format!("{}; {}", review.rpo, words.join("; ")))
    };
    let outcome = Outcome::new(&review.resource, status, message).with("plan", review.plan.as_str());
    match review.findings.iter().find_map(notice_of) {
        Some(notice) => outcome.with(NOTICE, notice.as_str()),
        None => outcome,
    }
}

/// What people listen to that a finding is.
fn notice_of(finding: &Finding) -> Option<Notice> {
    match finding {
        Finding::RpoBreached { halt: None, .. } | Finding::NeverProtected { halt: None } => Some(Notice::RpoBreached),
        Finding::RestoreTestFailed { .. } => Some(Notice::RestoreTestFailed),
        _ => None,
    }
}

/// Whether somebody has to do something. What stands still in a blackout or a pause does so because somebody has asked for it,
/// and what stays beyond its maximum does so for a reason that is told.
fn is_failure(finding: &Finding) -> bool {
    match finding {
        Finding::RpoBreached { halt, .. } | Finding::NeverProtected { halt } => halt.is_none(),
        Finding::BeyondMaximum { .. } => false,
        Finding::CopiesMissing { .. }
        | Finding::Misplaced { .. }
        | Finding::RestoreTestOverdue { .. }
        | Finding::RestoreTestFailed { .. }
        | Finding::RtoExceeded { .. } => true,
    }
}

/// What could not be listed or read counts as breached: nobody knows.
fn metrics(counts: &ReviewCounts, unseen: usize) -> [(String, f64); 9] {
    let counted = [
        ("ProtectedResources", counts.protected_resources),
        ("UnprotectedResources", counts.unprotected_resources),
        ("RpoBreachedResources", counts.rpo_breached_resources + unseen),
        ("OverduePoints", counts.overdue_points),
        ("MissingCopies", counts.missing_copies),
        ("MisplacedCopies", counts.misplaced_copies),
        ("OverdueRestoreTests", counts.overdue_restore_tests),
        ("FailedRestoreTests", counts.failed_restore_tests),
        ("SlowRestores", counts.slow_restores),
    ];
    counted.map(|(name, count)| (name.to_owned(), f64::from(u32::try_from(count).unwrap_or(u32::MAX))))
}
