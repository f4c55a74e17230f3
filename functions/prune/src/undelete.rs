//! Calling a tombstoned point back, because a person asks for it.

use holdfast_catalog::{Outcome, OutcomeStatus, PointId};
use holdfast_vault::port::Clock;
use holdfast_vault::sweep::{called_back, lift_tombstone};
use holdfast_vault::{PointEntry, PortError, read_tombstone};
use jiff::Timestamp;

use crate::decide::lifted_after;
use crate::tombstone::call_back;
use crate::{Mode, Prune, Regions, SignalPorts, UNDELETED, VaultPorts, audit};

const BY_REQUEST: &str = "by request";

/// How an undelete ended in one vault.
enum Undeleted {
    /// The point is back, or will be.
    Back(String),
    /// There is no tombstone to lift.
    NoTombstone,
    /// There is nothing to call back.
    Gone(String),
}

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Calls a point back in both vaults.
    pub(crate) async fn undelete<C: Clock>(&self, point: &PointId, mode: Mode, clock: &C) -> Vec<Outcome> {
        let now = clock.now();
        let mut ends = Vec::new();
        for place in self.places() {
            match self.undelete_in(&place.vault.store, point, mode, now).await {
                Err(error) if place.is_unmade(&error) => {}
                end => ends.push((place, end)),
            }
        }
        let is_anywhere = ends.iter().any(|(_, end)| matches!(end, Ok(Undeleted::Back(_))));
        let mut outcomes = Vec::new();
        let mut undeleted = Vec::new();
        for (place, end) in ends {
            let (status, message) = told(end, is_anywhere, mode);
            let is_done = status == OutcomeStatus::Done;
            undeleted.extend(is_done.then(|| audit::of_point(place.vault, point, BY_REQUEST)));
            outcomes.push(place.outcome(point, status, message));
        }
        outcomes.extend(self.announce(UNDELETED, undeleted).await);
        outcomes
    }

    /// The order matters: once it is written down that the point is wanted, no prune that begins removes it, so that a run cut
    /// short here is made good by the next prune.
    async fn undelete_in(
        &self,
        vault: &V,
        point: &PointId,
        mode: Mode,
        now: Timestamp,
    ) -> Result<Undeleted, PortError> {
        let entry = match PointEntry::read(vault, point).await {
            Ok(entry) => Some(entry),
            Err(PortError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let tombstone = match read_tombstone(vault, point).await {
            Ok(tombstone) => Some(tombstone),
            Err(PortError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let (entry, tombstone) = match (entry, tombstone) {
            (Some(entry), Some(tombstone)) => (entry, tombstone),
            (Some(_), None) => return Ok(Undeleted::NoTombstone),
            (None, Some(tombstone)) => {
                let since = tombstone.pruned_at;
                return Ok(Undeleted::Gone(format!(
                    "its data is gone: it was tombstoned at {since}"
                )));
            }
            (None, None) => return Ok(Undeleted::Gone("there is no such point".to_owned())),
        };
        let called_back_at = called_back(tombstone.pruned_at, entry.last("undeleted"));
        let kept_until = self.margins.end_of(called_back_at.unwrap_or(now));
        let is_liftable = self.margins.may_be_lifted(tombstone.pruned_at, called_back_at, now);
        if mode == Mode::Execute {
            if called_back_at.is_none() {
                call_back(vault, point, BY_REQUEST, now).await?;
            }
            if is_liftable {
                lift_tombstone(vault, point).await?;
            }
        }
        let when = match is_liftable {
            true => "its tombstone is lifted".to_owned(),
            // A prune that began before may be about to remove it.
            false => format!(
                "{} by a prune; a prune that was under way may still have removed the point",
                lifted_after(called_back_at.unwrap_or(now))
            ),
        };
        let back = format!("{when}; retention leaves it alone until {kept_until}");
        Ok(Undeleted::Back(back))
    }
}

fn told(end: Result<Undeleted, PortError>, is_anywhere: bool, mode: Mode) -> (OutcomeStatus, String) {
    match (end, is_anywhere) {
        (Ok(Undeleted::Back(how)), _) if mode == Mode::DryRun => {
            (OutcomeStatus::Planned, format!("would be undeleted: {how}"))
        }
        (Ok(Undeleted::Back(how)), _) => (OutcomeStatus::Done, how),
        (Ok(Undeleted::NoTombstone), true) => (OutcomeStatus::Unchanged, "it has no tombstone here".to_owned()),
        (Ok(Undeleted::NoTombstone), false) => {
            let message = "not undeleted: it has no tombstone, there is nothing to undo";
            (OutcomeStatus::Failed, message.to_owned())
        }
        (Ok(Undeleted::Gone(why)), true) => (OutcomeStatus::Partial, format!("not undeleted here: {why}")),
        (Ok(Undeleted::Gone(why)), false) => (OutcomeStatus::Failed, format!("not undeleted: {why}")),
        (Err(error), _) => {
            let message = format!("not undeleted: {error}; send the event again");
            (OutcomeStatus::Failed, message)
        }
    }
}
