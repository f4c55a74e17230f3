//! Reading a plan's objectives and how it is verified.

use holdfast_catalog::Slot;
use jiff::SignedDuration;

use super::fields::Place;
use crate::duration::in_words;
use crate::fault::{Collector, Problem};
use crate::objective::{Objectives, Verification};
use crate::schedule::{Cadence, Schedule};

pub(super) fn objectives(place: &Place<'_>, schedule: Option<&Schedule>, faults: &mut Collector) -> Option<Objectives> {
    let fields = place.fields(faults, &["rpo", "rto"], "write rpo: or rto:")?;
    let rpo = fields.read(faults, "rpo", Place::duration);
    if let (Some(rpo), Some(place), Some(schedule)) = (rpo, fields.get("rpo"), schedule) {
        place.take(faults, can_be_met(rpo, schedule));
    }
    let rto = fields.read(faults, "rto", Place::duration);
    Some(Objectives { rpo, rto })
}

/// Holds an objective against the longest gap of the schedule.
pub(super) fn can_be_met(rpo: SignedDuration, schedule: &Schedule) -> Result<(), Problem> {
    // The newest point stays the newest until the next one is complete, so its age always grows past the gap.
    let Some(gap) = schedule.longest_gap().filter(|gap| gap.length() >= rpo) else {
        return Ok(());
    };
    let length = in_words(gap.length());
    let example = match schedule.cadence() {
        Cadence::Every(_) => String::new(),
        Cadence::Cron(_) => {
            let local = |slot: Slot| {
                schedule
                    .zone()
                    .to_datetime(slot.instant())
                    .strftime("%F %R")
                    .to_string()
            };
            format!(" (from {} to {})", local(gap.from), local(gap.to))
        }
    };
    let what = format!(
        "more than the schedule can meet: {schedule} leaves up to {length} between two slots{example}, and the newest \
         point grows older than that before the next one is complete"
    );
    Err(Problem::new(
        what,
        format!("write more than {length}, or a schedule that runs more often"),
    ))
}

pub(super) fn verification(place: &Place<'_>, faults: &mut Collector) -> Option<Verification> {
    let fields = place.fields(faults, &["restore_test_every"], "write restore_test_every:")?;
    Some(Verification {
        restore_test_every: fields.read(faults, "restore_test_every", Place::duration),
    })
}
