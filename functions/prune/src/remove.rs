//! Giving a point up, because a person asks for it.

use holdfast_catalog::{Outcome, OutcomeStatus, PointId};
use holdfast_lambda::PolicyInForce;
use holdfast_vault::port::{Clock, Created};
use jiff::Timestamp;

use crate::decide::refusal;
use crate::tombstone::tombstone;
use crate::{Mode, Prune, Regions, Seen, SignalPorts, TOMBSTONED, VaultPorts, Vaults, audit, locks_of};

const BY_REQUEST: &str = "by request";

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Tombstones a point in each vault in which it may go.
    pub(crate) async fn remove<C: Clock>(
        &self,
        point: &PointId,
        mode: Mode,
        policy: &PolicyInForce,
        clock: &C,
    ) -> Vec<Outcome> {
        let now = clock.now();
        let Vaults {
            mut seen, mut outcomes, ..
        } = self.observe(now).await;
        seen.retain(|seen| seen.observed.catalogue.get(point).is_some());
        if seen.is_empty() && outcomes.is_empty() {
            let message = "not removed: there is no such point";
            return vec![Outcome::new(point, OutcomeStatus::Failed, message)];
        }
        let mut tombstoned = Vec::new();
        for seen in &mut seen {
            let outcome = match locks_of(seen.store(), &[(point.clone(), String::new())]).await {
                Err(error) => seen.outcome(point, OutcomeStatus::Failed, format!("not removed: {error}")),
                Ok(locks) => {
                    seen.observed.locked_until = locks;
                    match refusal(&seen.observed, &policy.document, point, &self.margins, now) {
                        Some(why) => seen.outcome(point, OutcomeStatus::Failed, format!("not removed: {why}")),
                        None => self.give_up(seen, point, mode, now).await,
                    }
                }
            };
            let is_done = outcome.status == OutcomeStatus::Done;
            tombstoned.extend(is_done.then(|| audit::of_point(seen.place.vault, point, BY_REQUEST)));
            outcomes.push(outcome);
        }
        outcomes.extend(self.announce(TOMBSTONED, tombstoned).await);
        outcomes
    }

    async fn give_up(&self, seen: &Seen<'_, V>, point: &PointId, mode: Mode, now: Timestamp) -> Outcome {
        let until = self.margins.end_of(now);
        if mode == Mode::DryRun {
            let message = format!(
                "would be tombstoned {BY_REQUEST}, its data to go after {until}; send \"dry_run\": false to do it"
            );
            return seen.outcome(point, OutcomeStatus::Planned, message);
        }
        match tombstone(seen.store(), point, BY_REQUEST, now).await {
            Ok(Created::New) => {
                let message =
                    format!("tombstoned {BY_REQUEST}: its data goes after {until}, until then undelete brings it back");
                seen.outcome(point, OutcomeStatus::Done, message)
            }
            Ok(Created::Existed) => seen.outcome(point, OutcomeStatus::Unchanged, "it has a tombstone already"),
            Err(error) => seen.outcome(point, OutcomeStatus::Failed, format!("not removed: {error}")),
        }
    }
}
