//! Continuous points of AWS Backup: what no plan asks for any more is ended. The points themselves stay until their days are over.

use std::collections::BTreeSet;

use holdfast_catalog::{Outcome, OutcomeStatus, Region, Sha256};
use holdfast_lambda::{PolicyInForce, PolicySource};
use holdfast_policy::Engine;
use holdfast_sources::managed::continuous::{Ended, end_surplus};

use crate::{Prune, Regions, Seen, SignalPorts, VaultPorts};

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Ends what `snapshot` has found to be wanted no longer, under the very policy that is in force. With any other than the
    /// one that a person wrote, for example because that one has a fault, nothing ends.
    pub(crate) async fn end_continuous(&self, policy: &PolicyInForce, seen: &[Seen<'_, V>]) -> Vec<Outcome> {
        let Some(stack) = self.managed.as_ref().filter(|_| policy.source == PolicySource::Edited) else {
            return Vec::new();
        };
        let mut outcomes = Vec::new();
        for region in self.regions_with_points(policy, seen) {
            let backups = self.regions.backups(&region);
            match end_surplus(&backups, &stack.backup_vault, &Sha256::of(&policy.text)).await {
                Ok(ended) => outcomes.extend(ended.iter().map(|ended| told(&region, ended))),
                Err(error) => {
                    let message =
                        format!("nothing of AWS Backup's backup plans was ended: {error}; the next run tries again");
                    outcomes.push(Outcome::new(subject(&region, "*"), OutcomeStatus::Failed, message));
                }
            }
        }
        outcomes
    }

    /// Where there may be backup plans of ours: where the policy protects, and where points of such kinds are of.
    fn regions_with_points(&self, policy: &PolicyInForce, seen: &[Seen<'_, V>]) -> BTreeSet<Region> {
        let protected = policy.document.regions(&self.home.region).into_iter().cloned();
        let points = seen.iter().flat_map(|seen| &seen.observed.catalogue.points);
        let of_points = points
            .map(|entry| &entry.id.resource)
            .filter(|resource| Engine::is_continuous(resource.kind))
            .map(|resource| resource.region.clone());
        protected.chain(of_points).collect()
    }
}

fn subject(region: &Region, plan: impl std::fmt::Display) -> String {
    format!("continuous/{region}/{plan}")
}

fn told(region: &Region, ended: &Ended) -> Outcome {
    let mut words = Vec::new();
    if !ended.resources.is_empty() {
        let resources: Vec<&str> = ended.resources.iter().map(String::as_str).collect();
        words.push(format!(
            "AWS Backup makes no continuous points any more of {}: no plan asks for them; what it has stays until its days are over",
            resources.join(", ")
        ));
    }
    words.push(match (&ended.error, ended.is_whole) {
        (Some(error), _) => format!(
            "backup plan {} could not be cleared: {error}; the next run goes on",
            ended.backup_plan
        ),
        (None, true) => format!("backup plan {} is removed", ended.backup_plan),
        (None, false) => format!(
            "backup plan {} covers what is wanted and nothing else",
            ended.backup_plan
        ),
    });
    let status = match &ended.error {
        Some(_) => OutcomeStatus::Failed,
        None => OutcomeStatus::Done,
    };
    Outcome::new(subject(region, &ended.plan), status, words.join("; "))
}
