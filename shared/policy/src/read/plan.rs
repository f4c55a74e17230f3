//! Reading one plan.

use std::num::NonZeroU32;

use holdfast_catalog::{Kind, PlanName, Slot};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::fields::{Fields, Place, named};
use super::suggest::closest;
use crate::duration::in_words;
use crate::fault::{Collector, Problem};
use crate::glob::Glob;
use crate::objective::{Objectives, Verification};
use crate::plan::{CopyTarget, Plan};
use crate::retention::{DEFAULT_MINIMUM_GOOD, Keep, Retention, Rules};
use crate::schedule::{Cadence, Schedule, time_zone};
use crate::selection::{Criteria, Selection, TagCriterion};

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
const CRITERIA: [&str; 3] = ["tags", "arns", "kinds"];
const SCHEDULE: [&str; 3] = ["cron", "every", "timezone"];
const RULES: [&str; 8] = [
    "keep_last",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
    "keep_within",
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

fn by_tag(key: &str, plan: &str) -> Criteria {
    let tag = TagCriterion {
        key: key.to_owned(),
        values: vec![Glob::of(plan)],
    };
    Criteria {
        tags: vec![tag],
        ..Criteria::default()
    }
}

fn criteria(place: &Place<'_>, faults: &mut Collector) -> Option<Criteria> {
    const WANTED: &str = "write tags:, arns: or kinds:";
    if place.is_empty() {
        place.refuse(faults, "an empty selection", WANTED);
        return None;
    }
    let fields = place.fields(faults, &CRITERIA, WANTED)?;
    if CRITERIA.iter().all(|clause| fields.get(clause).is_none()) {
        let change = format!("{WANTED}; an empty one never means everything");
        place.refuse(faults, "an empty selection", change);
        return None;
    }
    Some(Criteria {
        tags: fields.read(faults, "tags", tags).unwrap_or_default(),
        arns: fields.read(faults, "arns", arns).unwrap_or_default(),
        kinds: fields.read(faults, "kinds", kinds).unwrap_or_default(),
    })
}

fn tags(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<TagCriterion>> {
    const WANTED: &str = "write key: value, for example {env: prod}";
    let entries = place.entries(faults, WANTED)?;
    if entries.is_empty() {
        place.refuse(faults, "empty", format!("{WANTED}, or leave the line out"));
    }
    let mut tags = Vec::new();
    for (key, place) in entries {
        if key.is_empty() {
            place.refuse(faults, "a tag without a key", WANTED);
        }
        let Some(values) = place.one_or_more(faults, "write a value, several in a list, or \"*\" for any") else {
            continue;
        };
        tags.push(TagCriterion {
            key: key.to_owned(),
            values: values.iter().filter_map(|value| tag_value(value, faults)).collect(),
        });
    }
    Some(tags)
}

fn tag_value(place: &Place<'_>, faults: &mut Collector) -> Option<Glob> {
    let text = place.text(faults, "write a value, or \"*\" for any")?;
    // Tags may have empty values, and "" is how to ask for one.
    if text.is_empty() {
        return Some(Glob::of(text));
    }
    place.take(faults, Glob::new(text))
}

fn arns(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Glob>> {
    const WANTED: &str = "write an ARN with wildcards, for example arn:aws:dynamodb:*:*:table/prod-*";
    let items = place.one_or_more(faults, WANTED)?;
    let glob = |item: &Place<'_>, faults: &mut Collector| {
        let text = item.text(faults, WANTED)?;
        let glob = item.take(faults, Glob::new(text))?;
        if !text.starts_with("arn:") && !text.starts_with(['*', '?']) {
            let what = "no form that an ARN can have";
            item.refuse(
                faults,
                what,
                format!("the whole ARN must match: write for example *{text}"),
            );
        }
        Some(glob)
    };
    Some(items.iter().filter_map(|item| glob(item, faults)).collect())
}

fn kinds(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Kind>> {
    let all = Kind::ALL.map(Kind::as_str).join(" or ");
    let items = place.one_or_more(faults, &format!("write {all}"))?;
    let kind = |item: &Place<'_>, faults: &mut Collector| {
        let text = item.text(faults, &format!("write {all}"))?;
        let read = text.parse::<Kind>().map_err(|_| {
            let change = match closest(text, Kind::ALL.map(Kind::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("write {all}"),
            };
            Problem::new("unknown kind", change)
        });
        item.take(faults, read)
    };
    Some(items.iter().filter_map(|item| kind(item, faults)).collect())
}

fn schedule(place: &Place<'_>, faults: &mut Collector) -> Option<Schedule> {
    const WANTED: &str = "write every: with a duration or cron: with five fields";
    let fields = place.fields(faults, &SCHEDULE, WANTED)?;
    let zone = match fields.get("timezone") {
        None => Some(TimeZone::UTC),
        Some(place) => {
            let name = place.text(faults, "write an IANA name, for example Europe/Berlin or UTC");
            name.and_then(|name| place.take(faults, time_zone(name)))
        }
    };
    // A wrong zone has its own fault; the rest of the schedule is read all the same.
    let read_zone = zone.clone().unwrap_or(TimeZone::UTC);
    let schedule = match (fields.get("every"), fields.get("cron")) {
        (Some(every), None) => {
            let interval = every.duration(faults)?;
            every.take(faults, Schedule::every(interval, read_zone))
        }
        (None, Some(cron)) => {
            let text = cron.text(faults, "write five fields in quotes, for example \"0 2 * * *\"")?;
            cron.take(faults, Schedule::cron(text, read_zone))
        }
        (Some(_), Some(_)) => {
            place.refuse(faults, "both every and cron", "leave one of them out");
            None
        }
        (None, None) => {
            place.refuse(faults, "neither every nor cron", WANTED);
            None
        }
    };
    zone.and(schedule)
}

fn retention(place: &Place<'_>, faults: &mut Collector) -> Option<Retention> {
    const WANTED: &str = "write at least one rule, for example {daily: 7}, or {keep: all}";
    let known: Vec<&str> = ["keep", "minimum_good"].into_iter().chain(RULES).collect();
    if place.is_empty() {
        place.refuse(faults, "a plan without a retention", WANTED);
        return None;
    }
    let fields = place.fields(faults, &known, WANTED)?;
    let minimum_good = fields
        .read(faults, "minimum_good", minimum_good)
        .unwrap_or(DEFAULT_MINIMUM_GOOD);
    let rules = rules(&fields, faults);
    let is_given = RULES.iter().any(|rule| fields.get(rule).is_some());
    let keep = match fields.get("keep") {
        Some(keep) => {
            if keep.text(faults, "write all")? != "all" {
                keep.refuse(faults, "not all", "write all, or leave the line out and write rules");
            } else if is_given {
                keep.refuse(
                    faults,
                    "everything and a rule at once",
                    "leave out the rules or this line",
                );
            }
            Keep::All
        }
        None => Keep::Rules(rules?),
    };
    if matches!(&keep, Keep::Rules(rules) if rules.is_empty()) {
        let what = if is_given {
            "a retention whose rules are all 0"
        } else {
            "a retention without a rule"
        };
        place.refuse(faults, what, WANTED);
        return None;
    }
    Some(Retention { keep, minimum_good })
}

/// The rules, or nothing if one of them cannot be read.
fn rules(fields: &Fields<'_>, faults: &mut Collector) -> Option<Rules> {
    let mut is_whole = true;
    let mut count = |name: &str, faults: &mut Collector| {
        let Some(place) = fields.get(name) else { return 0 };
        let count = place.count(faults);
        is_whole &= count.is_some();
        count.unwrap_or(0)
    };
    let rules = Rules {
        keep_last: count("keep_last", faults),
        hourly: count("hourly", faults),
        daily: count("daily", faults),
        weekly: count("weekly", faults),
        monthly: count("monthly", faults),
        quarterly: count("quarterly", faults),
        yearly: count("yearly", faults),
        keep_within: fields.read(faults, "keep_within", Place::duration),
    };
    is_whole &= fields.get("keep_within").is_some() == rules.keep_within.is_some();
    is_whole.then_some(rules)
}

fn minimum_good(place: &Place<'_>, faults: &mut Collector) -> Option<NonZeroU32> {
    let count = NonZeroU32::new(place.count(faults)?);
    if count.is_none() {
        place.refuse(
            faults,
            "no floor",
            "write 1 or more: the newest good point is never removed",
        );
    }
    count
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

fn objectives(place: &Place<'_>, schedule: Option<&Schedule>, faults: &mut Collector) -> Option<Objectives> {
    let fields = place.fields(faults, &["rpo"], "write rpo:")?;
    let rpo = fields.read(faults, "rpo", Place::duration);
    if let (Some(rpo), Some(place), Some(schedule)) = (rpo, fields.get("rpo"), schedule) {
        place.take(faults, can_be_met(rpo, schedule));
    }
    Some(Objectives { rpo })
}

/// Holds an objective against the longest gap of the schedule.
fn can_be_met(rpo: SignedDuration, schedule: &Schedule) -> Result<(), Problem> {
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

fn verification(place: &Place<'_>, faults: &mut Collector) -> Option<Verification> {
    let fields = place.fields(faults, &["restore_test_every"], "write restore_test_every:")?;
    Some(Verification {
        restore_test_every: fields.read(faults, "restore_test_every", Place::duration),
    })
}
