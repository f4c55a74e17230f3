//! `prune` removes what retention no longer wants, in two phases, and sweeps what nothing refers to.
//!
//! It is the only function that can remove what is stored. First a tombstone, which can be undone; after the grace period,
//! and only while another good point of the resource is left, the manifest, then the recipes; then packs and blobs that
//! nothing refers to. RETENTION.md argues why that is safe beside running snapshots.

mod decide;
mod event;

use std::collections::BTreeSet;

use holdfast_catalog::{Outcome, OutcomeStatus, PointId, Report, Tombstone, layout};
use holdfast_lambda::{Failure, Handler, InvocationClock, PolicyInForce, policy_in_force};
use holdfast_vault::port::{Clock, DeleteObjects, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::sweep::{
    Margins, Marks, Swept, lift_tombstone, mark, preview_contents, remove_parts, remove_point, remove_run,
    remove_stale, sweep_contents,
};
use holdfast_vault::{Catalogue, PortError, keys, ports, read_tombstone, write_tombstone};
use jiff::Timestamp;
use serde_json::Value;

pub use decide::{Plan, Side, decide};
pub use event::{EXAMPLE, Mode};

ports! {
    /// What prune asks of a vault: everything, and it alone may ask for `DeleteObjects`.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects, DeleteObjects
}

/// What a pruning works with.
pub struct Prune<V> {
    /// The stack's vault.
    pub home: V,
    /// The replica vault, with its region for the report.
    pub replica: Option<(V, String)>,
    /// How long removed points stay undoable.
    pub margins: Margins,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V: VaultPorts> Handler for Prune<V> {
    const NAME: &'static str = "prune";

    async fn tick(&self, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run(Mode::Execute, clock).await
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run(Mode::parse(event)?, clock).await
    }
}

impl<V: VaultPorts> Prune<V> {
    /// Prunes the vault and its replica. Trouble with one of them stops nothing in the other.
    ///
    /// # Errors
    /// The policy cannot be read.
    pub async fn run<C: Clock>(&self, mode: Mode, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
        let mut outcomes = self.prune(Side::Home, &self.home, "", mode, &policy, clock).await;
        if let Some((replica, region)) = &self.replica {
            let prefix = format!("{region}: ");
            outcomes.extend(self.prune(Side::Replica, replica, &prefix, mode, &policy, clock).await);
        }
        let mut report = Report::of(Self::NAME, outcomes);
        report.dry_run = mode == Mode::DryRun;
        report.notes = policy.notes();
        Ok(report)
    }

    async fn prune<C: Clock>(
        &self,
        side: Side,
        vault: &V,
        prefix: &str,
        mode: Mode,
        policy: &PolicyInForce,
        clock: &C,
    ) -> Vec<Outcome> {
        let observed = async {
            let catalogue = Catalogue::read(vault).await?;
            let tombstones = read_tombstones(vault).await?;
            Ok::<_, PortError>((catalogue, tombstones))
        };
        let (catalogue, tombstones) = match observed.await {
            Ok(observed) => observed,
            Err(PortError::NotFound(_)) if side == Side::Replica => return Vec::new(),
            Err(error) => {
                let message = format!("nothing was pruned: the vault cannot be listed: {error}");
                return vec![Outcome::new(format!("{prefix}vault"), OutcomeStatus::Failed, message)];
            }
        };
        let now = clock.now();
        let plan = decide(side, &policy.document, &catalogue, tombstones, &self.margins, now);
        let mut outcomes = match mode {
            Mode::DryRun => describe(&plan, prefix),
            Mode::Execute => tombstone(vault, &plan, prefix, now).await,
        };
        outcomes.push(match self.sweep(vault, &catalogue, &plan, mode, now).await {
            Ok(outcome) => Outcome {
                subject: format!("{prefix}{}", outcome.subject),
                ..outcome
            },
            Err(error) => {
                let message = format!("nothing more was swept: {error}");
                Outcome::new(format!("{prefix}sweep"), OutcomeStatus::Failed, message)
            }
        });
        outcomes
    }

    /// Removes the data of expired points, what is left of runs, and what nothing refers to; or says what it would remove.
    async fn sweep(
        &self,
        vault: &V,
        catalogue: &Catalogue,
        plan: &Plan,
        mode: Mode,
        now: Timestamp,
    ) -> Result<Outcome, PortError> {
        let mut expired: BTreeSet<PointId> = plan.remove.iter().map(|tombstone| tombstone.point.clone()).collect();
        let mut marks: Marks = mark(vault, catalogue, &expired).await?;
        if mode == Mode::DryRun {
            let (versions, bytes) = preview_contents(vault, &marks, &self.margins, now).await?;
            return Ok(Outcome::new("sweep", OutcomeStatus::Planned, "")
                .with("removable_versions", versions)
                .with("removable_bytes", bytes));
        }
        let mut swept = Swept::default();
        for tombstone in &plan.remove {
            if !remove_point(vault, tombstone, &self.margins, now, &mut swept).await? {
                expired.remove(&tombstone.point);
            }
        }
        if expired.len() < plan.remove.len() {
            // A point that is locked still needs its contents.
            marks = mark(vault, catalogue, &expired).await?;
        }
        self.clear_runs(vault, catalogue, now, &mut swept).await?;
        sweep_contents(vault, &marks, &self.margins, now, &mut swept).await?;
        let status = match (swept.removed_versions, swept.locked.is_empty()) {
            (0, true) => OutcomeStatus::Unchanged,
            (_, true) => OutcomeStatus::Done,
            (_, false) => OutcomeStatus::Partial,
        };
        let locked: Vec<String> = swept
            .locked
            .iter()
            .map(|(key, why)| format!("{key} is locked: {why}"))
            .collect();
        Ok(Outcome::new("sweep", status, locked.join("; "))
            .with("removed_points", expired.len())
            .with("removed_versions", swept.removed_versions)
            .with("removed_bytes", swept.removed_bytes))
    }

    /// What is left of runs: of those that are committed, and of those too old to be.
    async fn clear_runs(
        &self,
        vault: &V,
        catalogue: &Catalogue,
        now: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), PortError> {
        let points = |prefix: &'static str, of: fn(&str) -> Option<PointId>| async move {
            let mut newest = std::collections::BTreeMap::<PointId, Timestamp>::new();
            for info in keys(vault, prefix).await? {
                if let Some(point) = of(&info.key) {
                    let seen = newest.entry(point).or_insert(info.modified_at);
                    *seen = (*seen).max(info.modified_at);
                }
            }
            Ok::<_, PortError>(newest)
        };
        for prefix in [layout::RESTORES, layout::TESTS] {
            remove_stale(vault, prefix, &self.margins, now, swept).await?;
        }
        for (point, newest) in points(layout::RUNS, |key| layout::point_of_run(key).ok()).await? {
            let is_committed = catalogue.get(&point).is_some();
            if is_committed || self.margins.is_over(newest, now) {
                remove_run(vault, &point, swept).await?;
            }
        }
        for (point, newest) in points(layout::PARTS, |key| layout::point_of_part(key).ok()).await? {
            if catalogue.get(&point).is_none() && self.margins.is_over(newest, now) {
                remove_parts(vault, &point, swept).await?;
            }
        }
        Ok(())
    }
}

async fn read_tombstones<V: VaultPorts>(vault: &V) -> Result<Vec<Tombstone>, PortError> {
    let mut tombstones = Vec::new();
    for info in keys(vault, layout::TOMBSTONES).await? {
        if let Ok(point) = layout::point_of_tombstone(&info.key) {
            tombstones.push(read_tombstone(vault, &point).await?);
        }
    }
    Ok(tombstones)
}

fn describe(plan: &Plan, prefix: &str) -> Vec<Outcome> {
    let outcome = |(point, why): &(PointId, String), status, what: &str| {
        Outcome::new(format!("{prefix}{point}"), status, format!("{what}: {why}"))
    };
    let removals = plan.remove.iter().map(|tombstone| {
        let message = format!(
            "would be removed: its grace period is over ({})",
            tombstone.reasons.join(", ")
        );
        Outcome::new(format!("{prefix}{}", tombstone.point), OutcomeStatus::Planned, message)
    });
    let lifts = plan
        .lift
        .iter()
        .map(|lifted| outcome(lifted, OutcomeStatus::Planned, "tombstone would be lifted"));
    plan.keep
        .iter()
        .map(|kept| outcome(kept, OutcomeStatus::Unchanged, "kept"))
        .chain(
            plan.tombstone
                .iter()
                .map(|gone| outcome(gone, OutcomeStatus::Planned, "would be tombstoned")),
        )
        .chain(
            plan.wait
                .iter()
                .map(|waiting| outcome(waiting, OutcomeStatus::Unchanged, "tombstoned")),
        )
        .chain(lifts)
        .chain(removals)
        .collect()
}

async fn tombstone<V: VaultPorts>(vault: &V, plan: &Plan, prefix: &str, now: Timestamp) -> Vec<Outcome> {
    let mut outcomes = vec![
        Outcome::new(format!("{prefix}retention"), OutcomeStatus::Unchanged, "")
            .with("kept_points", plan.keep.len())
            .with("waiting_points", plan.wait.len()),
    ];
    for (point, why) in &plan.lift {
        let lifted = lift_tombstone(vault, point).await;
        outcomes.push(settled(
            prefix,
            point,
            lifted,
            &format!("tombstone lifted: {why}"),
            "tombstone not lifted",
        ));
    }
    for (point, why) in &plan.tombstone {
        let tombstone = Tombstone {
            point: point.clone(),
            pruned_at: now,
            reasons: vec![why.clone()],
        };
        let written = write_tombstone(vault, &tombstone).await.map(|_| ());
        outcomes.push(settled(
            prefix,
            point,
            written,
            &format!("tombstoned: {why}"),
            "not tombstoned",
        ));
    }
    outcomes
}

fn settled(prefix: &str, point: &PointId, result: Result<(), PortError>, done: &str, failed: &str) -> Outcome {
    let subject = format!("{prefix}{point}");
    match result {
        Ok(()) => Outcome::new(subject, OutcomeStatus::Done, done),
        Err(error) => Outcome::new(subject, OutcomeStatus::Failed, format!("{failed}: {error}")),
    }
}
