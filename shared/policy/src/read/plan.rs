//! Reading one plan.

use holdfast_catalog::{PlanName, Region};

use super::accounts::Accounts;
use super::compliance::{compliance, hold_against};
use super::copies::copies;
use super::engine::{engine, records};
use super::fields::{Fields, Place, named};
use super::objective::{can_be_met, objectives, verification};
use super::residency::residency;
use super::retention::retention;
use super::schedule::schedule;
use super::select::{by_tag, criteria};
use super::tier::{Tier, Tiers};
use crate::copies::Copies;
use crate::duration::in_words;
use crate::fault::{Collector, Problem};
use crate::objective::Objectives;
use crate::plan::Plan;
use crate::residency::{Residency, ResidencyRule};
use crate::schedule::Schedule;
use crate::selection::{Criteria, Selection};

pub(super) const PLAN: [&str; 15] = [
    "name",
    "tier",
    "engine",
    "aws_backup",
    "records",
    "also",
    "select",
    "exclude",
    "schedule",
    "retention",
    "copies",
    "residency",
    "objectives",
    "verification",
    "compliance",
];

/// What a plan is read with.
pub(super) struct Context<'a, 'n> {
    /// The key of the tag by which a plan without a selection picks its resources.
    pub(super) tag_key: &'a str,
    pub(super) accounts: &'a Accounts,
    /// The residency rules of the document.
    pub(super) residency: &'a [ResidencyRule],
    pub(super) tiers: &'a Tiers<'n>,
}

/// The fields of a plan: its own, and those that its tier gives.
pub(super) struct PlanFields<'a, 'n> {
    place: &'a Place<'n>,
    own: Fields<'n>,
    tier: Taken,
    tiers: &'a Tiers<'n>,
}

/// Which tier a plan takes.
#[derive(Clone, Copy)]
enum Taken {
    None,
    One(Tier),
    /// One that cannot be read: what is missing may come from it.
    Unreadable,
}

/// A field, and the tier that gives it if the plan does not write it itself.
struct Given<'f, 'n> {
    place: &'f Place<'n>,
    by: Option<Tier>,
}

impl<'a, 'n> PlanFields<'a, 'n> {
    pub(super) fn read(place: &'a Place<'n>, tiers: &'a Tiers<'n>, faults: &mut Collector) -> Option<Self> {
        let own = place.fields(faults, &PLAN, "write name, schedule and retention, or tier")?;
        let tier = match own.get("tier") {
            None => Taken::None,
            Some(place) => Tier::read(place, faults).map_or(Taken::Unreadable, Taken::One),
        };
        Some(PlanFields {
            place,
            own,
            tier,
            tiers,
        })
    }

    /// The plan's name, its tier's if it has none of its own.
    pub(super) fn name(&self, faults: &mut Collector) -> Option<PlanName> {
        let given = self.require(faults, "name", "a plan without a name", "add name:")?;
        let text = given.place.text(faults, "write the plan's name")?;
        given.place.take(faults, named(text.parse()))
    }

    /// Where the name is written, or else the plan.
    pub(super) fn place_of_name(&self) -> &Place<'n> {
        self.own.get("name").unwrap_or(self.place)
    }

    fn get(&self, name: &str) -> Option<Given<'_, 'n>> {
        let own = self.own.get(name).map(|place| Given { place, by: None });
        own.or_else(|| {
            let Taken::One(tier) = self.tier else { return None };
            let place = self.tiers.get(tier, name)?;
            Some(Given { place, by: Some(tier) })
        })
    }

    fn require(&self, faults: &mut Collector, name: &str, what: &str, change: &str) -> Option<Given<'_, 'n>> {
        let given = self.get(name);
        if given.is_none() && !matches!(self.tier, Taken::Unreadable) {
            self.place.refuse(faults, what, change);
        }
        given
    }
}

/// Everything of a plan but its name, which is read before.
pub(super) fn plan(
    fields: &PlanFields<'_, '_>,
    name: Option<PlanName>,
    context: &Context<'_, '_>,
    faults: &mut Collector,
) -> Option<Plan> {
    let own = &fields.own;
    let engine = engine(own, faults);
    let records = records(own, engine, faults);
    let also = own.read(faults, "also", Place::truth).unwrap_or_default();
    let include = match own.get("select") {
        Some(place) => criteria(place, context.accounts, faults),
        // A plan without a name is refused already: what it would select is of no consequence.
        None => name.as_ref().map(|name| by_tag(context.tag_key, name.as_str())),
    };
    let exclude = own.read(faults, "exclude", |place, faults| {
        criteria(place, context.accounts, faults)
    });
    let schedule = fields
        .require(
            faults,
            "schedule",
            "a plan without a schedule",
            "add schedule: {every: 1h} or {cron: …}, or tier: standard",
        )
        .and_then(|given| schedule(given.place, faults));
    let retention = fields
        .require(
            faults,
            "retention",
            "a plan without a retention",
            "add retention: with at least one rule, for example {daily: 7}, or {keep: all}, or tier: standard",
        )
        .and_then(|given| retention(given.place, faults));
    let objectives = objectives_of(fields, schedule.as_ref(), faults);
    let verification = fields
        .get("verification")
        .and_then(|given| verification(given.place, faults));
    let residency = own.read(faults, "residency", residency);
    let compliance = own.read(faults, "compliance", compliance).unwrap_or_default();
    for retention in retentions(own) {
        hold_against(&compliance, &retention, faults);
    }
    let copies = copies_of(own, include.as_ref(), residency.as_ref(), context.residency, faults);
    Some(Plan {
        name: name?,
        engine,
        records,
        selection: Selection {
            include: include?,
            exclude,
        },
        also,
        schedule: schedule?,
        retention: retention?,
        copies,
        residency,
        objectives,
        verification: verification.unwrap_or_default(),
        compliance,
    })
}

/// Where the plan writes a retention itself: its own, and those of its copies. (No tier has a `delete_after`.)
fn retentions<'n>(own: &Fields<'n>) -> Vec<Place<'n>> {
    // What cannot be read has its fault elsewhere.
    let copies = own
        .get("copies")
        .and_then(|copies| copies.items(&mut Collector::default(), ""));
    let of_copies = copies.into_iter().flatten().filter_map(|copy| copy.child("retention"));
    own.get("retention").cloned().into_iter().chain(of_copies).collect()
}

/// The objectives, held against the schedule. Where one of the two is the tier's, the fault is at the other, which the
/// plan writes itself, and names the tier.
fn objectives_of(fields: &PlanFields<'_, '_>, schedule: Option<&Schedule>, faults: &mut Collector) -> Objectives {
    let Some(given) = fields.get("objectives") else {
        return Objectives::default();
    };
    let of_schedule = fields.get("schedule");
    let schedule_by = of_schedule.as_ref().and_then(|schedule| schedule.by);
    let both_its_own = given.by.is_none() && schedule_by.is_none();
    let objectives = objectives(given.place, schedule.filter(|_| both_its_own), faults).unwrap_or_default();
    let (Some(rpo), Some(schedule), Some(of_schedule)) = (objectives.rpo, schedule, of_schedule) else {
        return objectives;
    };
    match (given.by, schedule_by) {
        (Some(tier), None) => {
            let rpo_of_tier = format!("the rpo {} of tier {tier} is", in_words(rpo));
            let meets = can_be_met(rpo, schedule).map_err(|problem| Problem {
                what: format!("{rpo_of_tier} {}", problem.what),
                change: format!("for objectives.rpo {}", problem.change),
            });
            of_schedule.place.take(faults, meets);
        }
        (None, Some(tier)) => {
            let meets = can_be_met(rpo, schedule).map_err(|problem| Problem {
                what: format!("{} (the schedule is that of tier {tier})", problem.what),
                change: problem.change,
            });
            let place = given.place.child("rpo");
            place.as_ref().unwrap_or(given.place).take(faults, meets);
        }
        // Both are the plan's own and held against each other already, or both are the tier's.
        (None, None) | (Some(_), Some(_)) => {}
    }
    objectives
}

/// Where copies go, held against where data of the plan may be.
fn copies_of(
    own: &Fields<'_>,
    include: Option<&Criteria>,
    residency: Option<&Residency>,
    rules: &[ResidencyRule],
    faults: &mut Collector,
) -> Copies {
    let of_plan = residency.map(|residency| ("its residency".to_owned(), residency));
    let certain = |rule: &ResidencyRule| include.is_some_and(|include| include.implies(&rule.select));
    let certain = rules.iter().enumerate().filter(|(_, rule)| certain(rule));
    let of_document = certain.map(|(index, rule)| {
        let whose = format!("residency[{index}], which applies to all that the plan selects,");
        (whose, &rule.residency)
    });
    let residencies: Vec<_> = of_plan.into_iter().chain(of_document).collect();
    let may_be_in = |region: &Region| {
        residencies.iter().try_for_each(|(whose, residency)| {
            residency.check(region).map_err(|refusal| {
                let what = format!("a region where the plan's data may not be: {whose} {refusal}");
                Problem::new(what, "write a region that it allows, or leave this copy out")
            })
        })
    };
    let read = own.read(faults, "copies", |place, faults| copies(place, may_be_in, faults));
    read.unwrap_or_default()
}
