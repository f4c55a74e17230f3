//! Reading a plan's objectives and how it is verified.

use jiff::SignedDuration;

use super::fields::Place;
use crate::duration::in_words;
use crate::fault::{Collector, Problem};
use crate::objective::{Objectives, Verification};
use crate::schedule::Schedule;

pub(super) const OBJECTIVES: [&str; 2] = ["rpo", "rto"];
pub(super) const VERIFICATION: [&str; 1] = ["restore_test_every"];

pub(super) fn objectives(place: &Place<'_>, schedule: Option<&Schedule>, faults: &mut Collector) -> Option<Objectives> {
    let fields = place.fields(faults, &OBJECTIVES, "write rpo: or rto:")?;
    let rpo = fields.read(faults, "rpo", Place::duration);
    if let (Some(rpo), Some(place), Some(schedule)) = (rpo, fields.get("rpo"), schedule) {
        place.take(faults, can_be_met(rpo, schedule));
    }
    let rto = fields.read(faults, "rto", Place::duration);
    Some(Objectives { rpo, rto })
}

/// Holds an objective against the longest gap of the schedule.
pub(super) fn can_be_met(rpo: SignedDuration, schedule: &Schedule) -> Result<(), Problem> {
    // The newest point stays the newest until the next one is complete, so its age always grows past the gap; and by the
    // jitter too, since a resource's share of it moves when other resources come and go.
    let Some(gap) = schedule.longest_gap() else {
        return Ok(());
    };
    let length = gap.length().saturating_add(schedule.jitter());
    if rpo > length {
        return Ok(());
    }
    let (between, example) = (in_words(gap.length()), schedule.example(&gap));
    let length = in_words(length);
    let (jitter, than_that) = match schedule.jitter() {
        SignedDuration::ZERO => (String::new(), "that".to_owned()),
        jitter => (format!(", its jitter adds {}", in_words(jitter)), length.clone()),
    };
    let what = format!(
        "more than the schedule can meet: {schedule} leaves up to {between} between two slots{example}{jitter}, and the \
         newest point grows older than {than_that} before the next one is complete"
    );
    Err(Problem::new(
        what,
        format!("write more than {length}, or a schedule that runs more often"),
    ))
}

pub(super) fn verification(place: &Place<'_>, faults: &mut Collector) -> Option<Verification> {
    let fields = place.fields(faults, &VERIFICATION, "write restore_test_every:")?;
    Some(Verification {
        restore_test_every: fields.read(faults, "restore_test_every", Place::duration),
    })
}
