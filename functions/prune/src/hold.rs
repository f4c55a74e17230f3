//! Laying, lifting and listing legal holds.

use holdfast_catalog::{Hold, HoldName, HoldScope, LiftedHold, Outcome, OutcomeStatus};
use holdfast_lambda::NOTICE;
use holdfast_policy::Notice;
use holdfast_vault::port::{Clock, Created};
use holdfast_vault::{PortError, lay_hold, lift_hold};
use serde_json::json;

use crate::{HOLD_LAID, HOLD_LIFTED, Mode, NewHold, Place, Prune, Regions, Seen, SignalPorts, VaultPorts, Vaults};

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Lays a hold in both vaults, even in one of which not all can be read. The same hold laid again is the same hold, and
    /// fills in what an earlier try left out.
    pub(crate) async fn lay_hold<C: Clock>(&self, new: NewHold, mode: Mode, clock: &C) -> Vec<Outcome> {
        let vaults = self.observe(clock.now()).await;
        let wanted = Hold {
            name: new.name,
            scope: new.scope,
            note: new.note,
            laid_at: clock.now(),
        };
        let hold = match known(&vaults, &wanted) {
            Ok(hold) => hold,
            Err(why) => {
                let message = format!("not laid: {why}");
                return vec![Outcome::new(&wanted.name, OutcomeStatus::Failed, message)];
            }
        };
        let mut outcomes = Vec::new();
        let mut is_laid = false;
        for place in self.places() {
            let covered = covered(&vaults.seen, &place, &hold);
            let laid = match mode {
                Mode::DryRun => Ok(None),
                Mode::Execute => lay_hold(&place.vault.store, &hold).await.map(Some),
            };
            is_laid |= matches!(laid, Ok(Some(Created::New)));
            outcomes.extend(told(
                &place,
                &hold,
                laid,
                ["laid on", "laid before on", "not laid"],
                covered,
            ));
        }
        if is_laid {
            let event =
                json!({ "name": hold.name, "on": hold.scope.to_string(), "note": hold.note, "laid_at": hold.laid_at });
            outcomes.extend(self.announce(HOLD_LAID, vec![event]).await);
        }
        outcomes
    }

    /// Lifts a hold in both vaults.
    pub(crate) async fn lift_hold<C: Clock>(&self, name: &HoldName, mode: Mode, clock: &C) -> Vec<Outcome> {
        let Vaults { seen, mut outcomes, .. } = self.observe(clock.now()).await;
        let known = seen.iter().find_map(|seen| seen.observed.holds.get(name));
        let Some((hold, _)) = known else {
            let message = "not lifted: no hold of that name is known; {\"holds\": true} lists them";
            outcomes.push(Outcome::new(name, OutcomeStatus::Failed, message));
            return outcomes;
        };
        let lifted = LiftedHold {
            name: name.clone(),
            lifted_at: clock.now(),
        };
        let mut is_lifted = false;
        for place in self.places() {
            let result = match mode {
                Mode::DryRun => Ok(None),
                Mode::Execute => lift_hold(&place.vault.store, &lifted).await.map(Some),
            };
            is_lifted |= matches!(result, Ok(Some(Created::New)));
            let words = ["lifted from", "lifted before from", "not lifted"];
            outcomes.extend(told(&place, hold, result, words, covered(&seen, &place, hold)));
        }
        if is_lifted {
            let event = json!({ "name": name, "on": hold.scope.to_string(), "lifted_at": lifted.lifted_at });
            outcomes.extend(self.announce(HOLD_LIFTED, vec![event]).await);
        }
        outcomes
    }

    /// Lists every hold that was ever laid.
    pub(crate) async fn list_holds<C: Clock>(&self, clock: &C) -> Vec<Outcome> {
        let Vaults { seen, mut outcomes, .. } = self.observe(clock.now()).await;
        // Each vault's holds are both vaults' by now.
        let Some(first) = seen.first() else { return outcomes };
        for (hold, lifted) in first.observed.holds.all() {
            let state = match lifted {
                None => "in force".to_owned(),
                Some(lifted) => format!("lifted at {}", lifted.lifted_at),
            };
            let note = match hold.note.as_str() {
                "" => String::new(),
                note => format!(" ({note})"),
            };
            let message = format!("{state}: laid at {} on {}{note}", hold.laid_at, hold.scope);
            let covered = covered(&seen, &first.place, hold).filter(|_| lifted.is_none());
            let outcome = Outcome::new(&hold.name, OutcomeStatus::Unchanged, message);
            outcomes.push(outcome.with("held_points", covered.unwrap_or_default()));
        }
        outcomes
    }
}

/// The hold to lay: the one that is laid already, where it is the same, or the new one.
fn known<V>(vaults: &Vaults<'_, V>, hold: &Hold) -> Result<Hold, String> {
    let known = vaults.seen.iter().find_map(|seen| seen.observed.holds.get(&hold.name));
    if let Some((laid, lifted)) = known {
        return match lifted {
            Some(lifted) => Err(format!(
                "the name was used for a hold that was lifted at {}; a name is used once: choose another",
                lifted.lifted_at
            )),
            None if laid.scope == hold.scope => Ok(laid.clone()),
            None => Err(format!(
                "a hold of that name lies on {}: choose another name",
                laid.scope
            )),
        };
    }
    let is_nowhere = |point| {
        vaults
            .seen
            .iter()
            .all(|seen| seen.observed.catalogue.get(point).is_none())
    };
    match &hold.scope {
        // A slip of the pen would hold nothing.
        HoldScope::Point(point) if vaults.is_whole && is_nowhere(point) => Err(format!("there is no point {point}")),
        HoldScope::Point(_) | HoldScope::Resource(_) | HoldScope::Plan(_) => Ok(hold.clone()),
    }
}

/// How many points of a vault a hold lies on, where that is known.
fn covered<V>(seen: &[Seen<'_, V>], place: &Place<'_, V>, hold: &Hold) -> Option<usize> {
    let seen = seen.iter().find(|seen| seen.place.side == place.side)?;
    let points = seen.observed.catalogue.points.iter();
    Some(points.filter(|entry| hold.covers(&entry.id)).count())
}

/// What came of a hold's record in one vault: `None` in a dry run. A replica that is not made yet needs none: the home's holds
/// count there too.
fn told<V>(
    place: &Place<'_, V>,
    hold: &Hold,
    result: Result<Option<Created>, PortError>,
    [done, before, failed]: [&str; 3],
    covered: Option<usize>,
) -> Option<Outcome> {
    let points = covered.map_or_else(String::new, |points| format!(", {points} points now"));
    let (status, message) = match result {
        Ok(None) => {
            let message = format!(
                "would be {done} {}{points}; send \"dry_run\": false to do it",
                hold.scope
            );
            (OutcomeStatus::Planned, message)
        }
        Ok(Some(Created::New)) => (OutcomeStatus::Done, format!("{done} {}{points}", hold.scope)),
        Ok(Some(Created::Existed)) => (OutcomeStatus::Unchanged, format!("{before} {}{points}", hold.scope)),
        Err(error) if place.is_unmade(&error) => return None,
        Err(error) => (
            OutcomeStatus::Failed,
            format!("{failed}: {error}; send the event again"),
        ),
    };
    let outcome = place.outcome(&hold.name, status, message);
    let outcome = match status {
        OutcomeStatus::Done => outcome.with(NOTICE, Notice::Hold.as_str()),
        _ => outcome,
    };
    Some(match covered {
        Some(points) => outcome.with("held_points", points),
        None => outcome,
    })
}
