//! The second phase: expired points go, and what nothing refers to any more; or it is said what would go.

use std::collections::BTreeSet;

use holdfast_catalog::{Outcome, OutcomeStatus, PointId, price};
use holdfast_lambda::NOTICE;
use holdfast_policy::Notice;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::sweep::{Act, Expired, SweepEnd, Sweeper, Swept, Watch};
use jiff::SignedDuration;

use crate::metrics::Metrics;
use crate::{Mode, Plan, Prune, REMOVED, Regions, SWEPT, Seen, SignalPorts, VaultPorts, audit};

/// A sweep stops this long before the invocation ends: time for the step that it is in (a page of recipes, or of removals)
/// and for storing how far it came.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(90);

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Sweeps a vault, with its share of the time that is left for so many.
    pub(crate) async fn sweep<C: Clock>(
        &self,
        seen: &Seen<'_, V>,
        plan: &Plan,
        mode: Mode,
        vaults_left: usize,
        clock: &C,
        metrics: &mut Metrics,
    ) -> Vec<Outcome> {
        let mut swept = Swept::default();
        let sweeper = Sweeper::new(seen.store(), self.margins);
        let watch = Watch {
            clock,
            stop_at: stop_at(clock.remaining(), vaults_left),
        };
        if mode == Mode::DryRun {
            let gone: BTreeSet<PointId> = plan.remove.iter().map(|tombstone| tombstone.point.clone()).collect();
            let end = sweeper.run(Act::Preview(&gone), &watch, &mut swept).await;
            return vec![planned(seen, &swept, end)];
        }
        let points = seen.observed.catalogue.points.iter();
        let committed: BTreeSet<PointId> = points.map(|entry| entry.id.clone()).collect();
        let expired = Expired {
            tombstones: &plan.remove,
            committed: &committed,
            now: clock.now(),
        };
        let end = sweeper.run(Act::Remove(expired), &watch, &mut swept).await;
        metrics.note_sweep(&swept);
        let outcome = done(seen, &swept, end);
        let removed = swept.removed_points.iter();
        let removed = removed.map(|point| audit::of_point(seen.place.vault, point, "its grace period is over"));
        let unpublished = self.announce(REMOVED, removed.collect()).await;
        let unsaid = self
            .announce(SWEPT, vec![audit::of_sweep(seen.place.vault, &outcome)])
            .await;
        [Some(outcome), unpublished, unsaid].into_iter().flatten().collect()
    }
}

/// How much of the invocation a sweep leaves: its end, and an equal share for each of the other vaults.
fn stop_at(remaining: SignedDuration, vaults_left: usize) -> SignedDuration {
    let usable = remaining.saturating_sub(STOP_BEFORE_END).max(SignedDuration::ZERO);
    let share = i32::try_from(vaults_left)
        .ok()
        .and_then(|vaults| usable.checked_div(vaults));
    STOP_BEFORE_END.saturating_add(usable.saturating_sub(share.unwrap_or(usable)))
}

fn planned<V>(seen: &Seen<'_, V>, swept: &Swept, end: Result<SweepEnd, PortError>) -> Outcome {
    let found = format!(
        "would remove {} versions of contents, but for those that are locked, which frees up to {}",
        swept.garbage_versions,
        price::in_words(swept.garbage_bytes)
    );
    let (status, message) = match end {
        Ok(SweepEnd::Over) => (OutcomeStatus::Planned, found),
        Ok(SweepEnd::OutOfTime) => {
            let why = "and more: the vault is too large to be looked through in one dry run";
            (OutcomeStatus::Planned, format!("{found}, {why}"))
        }
        Err(error) => (OutcomeStatus::Failed, format!("nothing would be swept: {error}")),
    };
    seen.outcome("sweep", status, message)
        .with("removable_versions", swept.garbage_versions)
        .with("removable_bytes", swept.garbage_bytes)
        .with("superseded_versions", swept.superseded_versions)
        .with("freed_usd_a_month", price::usd_a_month(swept.garbage_bytes))
}

fn done<V>(seen: &Seen<'_, V>, swept: &Swept, end: Result<SweepEnd, PortError>) -> Outcome {
    // That something is locked is as somebody has asked for it: it is told, and no reason for an alarm.
    let stays = !swept.still_there.is_empty();
    let (status, last_words) = match end {
        Err(error) => (OutcomeStatus::Failed, format!("nothing more was swept: {error}")),
        Ok(SweepEnd::OutOfTime) => {
            let status = if stays {
                OutcomeStatus::Partial
            } else {
                OutcomeStatus::Continuing
            };
            (status, "time ran out; the next tick goes on".to_owned())
        }
        Ok(SweepEnd::Over) if stays => (OutcomeStatus::Partial, String::new()),
        Ok(SweepEnd::Over) if swept.asked_versions == 0 => (OutcomeStatus::Unchanged, String::new()),
        Ok(SweepEnd::Over) => (OutcomeStatus::Done, String::new()),
    };
    let mut told = in_words(swept);
    told.push(last_words);
    told.retain(|words| !words.is_empty());
    let outcome = seen.outcome("sweep", status, told.join("; "));
    let outcome = match status {
        OutcomeStatus::Done => outcome.with(NOTICE, Notice::Swept.as_str()),
        _ => outcome,
    };
    outcome
        .with("removed_points", swept.removed_points.len())
        .with("asked_versions", swept.asked_versions)
        .with("removed_versions", swept.removed_versions)
        .with("removed_bytes", swept.removed_bytes)
        .with("superseded_versions", swept.superseded_versions)
        .with("locked_versions", swept.locked.count)
        .with("renewed_keys", swept.renewed_keys)
        .with("freed_usd_a_month", price::usd_a_month(swept.removed_bytes))
}

/// What was asked to go, what went, and what did not and why.
fn in_words(swept: &Swept) -> Vec<String> {
    let mut told = Vec::new();
    if swept.asked_versions > 0 {
        told.push(format!(
            "{} points and {} of {} versions removed, which frees {}",
            swept.removed_points.len(),
            swept.removed_versions,
            swept.asked_versions,
            price::in_words(swept.removed_bytes)
        ));
    }
    let stays = [
        ("", &swept.locked),
        ("not removed although its grace is over: ", &swept.kept),
        (
            "still listed although the store said it was removed: ",
            &swept.still_there,
        ),
    ];
    let stays = stays.into_iter().filter(|(_, named)| !named.is_empty());
    told.extend(stays.map(|(what, named)| format!("{what}{}", named.in_words())));
    told.extend(swept.locked_until.map(|until| format!("the last lock ends at {until}")));
    told
}
