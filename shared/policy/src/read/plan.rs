//! Reading one plan.

use holdfast_catalog::PlanName;

use super::fields::{Fields, Place, named};
use super::objective::{objectives, verification};
use super::retention::retention;
use super::schedule::schedule;
use super::select::{by_tag, criteria};
use crate::fault::Collector;
use crate::plan::{CopyTarget, Plan};
use crate::selection::Selection;

const PLAN: [&str; 8] = [
    "name",
    "select",
    "exclude",
    "schedule",
    "retention",
    "copy_to",
    "objectives",
    "verification",
];

pub(super) fn fields<'n>(place: &Place<'n>, faults: &mut Collector) -> Option<Fields<'n>> {
    place.fields(faults, &PLAN, "write name, schedule and retention")
}

pub(super) fn name(fields: &Fields<'_>, faults: &mut Collector) -> Option<PlanName> {
    let place = fields.require(faults, "name", "a plan without a name", "add name:")?;
    let text = place.text(faults, "write the plan's name")?;
    place.take(faults, named(text.parse()))
}

/// Everything of a plan but its name, which is read before.
pub(super) fn plan(fields: &Fields<'_>, name: Option<PlanName>, tag_key: &str, faults: &mut Collector) -> Option<Plan> {
    let include = match fields.get("select") {
        Some(place) => criteria(place, faults),
        // A plan without a name is refused already: what it would select is of no consequence.
        None => Some(by_tag(tag_key, name.as_ref().map_or("", PlanName::as_str))),
    };
    let exclude = fields.read(faults, "exclude", criteria);
    let schedule = fields
        .require(
            faults,
            "schedule",
            "a plan without a schedule",
            "add schedule: {every: 1h} or {cron: …}",
        )
        .and_then(|place| schedule(place, faults));
    let retention = fields
        .require(
            faults,
            "retention",
            "a plan without a retention",
            "add retention: with at least one rule, for example {daily: 7}, or {keep: all}",
        )
        .and_then(|place| retention(place, faults));
    let copy_to = fields.read(faults, "copy_to", copy_target).unwrap_or_default();
    let objectives = fields.read(faults, "objectives", |place, faults| {
        objectives(place, schedule.as_ref(), faults)
    });
    let verification = fields.read(faults, "verification", verification);
    Some(Plan {
        name: name?,
        selection: Selection {
            include: include?,
            exclude,
        },
        schedule: schedule?,
        retention: retention?,
        copy_to,
        objectives: objectives.unwrap_or_default(),
        verification: verification.unwrap_or_default(),
    })
}

fn copy_target(place: &Place<'_>, faults: &mut Collector) -> Option<CopyTarget> {
    const WANTED: &str = "write a region, or none";
    match place.text(
        faults,
        &format!("{WANTED}; leave the line out for the stack's replica region"),
    )? {
        "none" => Some(CopyTarget::None),
        text => {
            let region = named(text.parse());
            place.take(faults, region).map(CopyTarget::Region)
        }
    }
}
