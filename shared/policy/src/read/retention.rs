//! Reading a plan's retention.

use std::num::NonZeroU32;

use super::fields::{Fields, Place};
use crate::fault::Collector;
use crate::retention::{DEFAULT_MINIMUM_GOOD, Keep, Retention, Rules};

pub(super) const RETENTION: [&str; 17] = [
    "keep",
    "minimum_good",
    "delete_after",
    "keep_last",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
    "keep_within",
    "keep_within_hourly",
    "keep_within_daily",
    "keep_within_weekly",
    "keep_within_monthly",
    "keep_within_quarterly",
    "keep_within_yearly",
];

/// The fields that are no rules come first.
fn rule_names() -> &'static [&'static str] {
    &RETENTION[3..]
}

pub(super) fn retention(place: &Place<'_>, faults: &mut Collector) -> Option<Retention> {
    const WANTED: &str = "write at least one rule, for example {daily: 7}, or {keep: all}";
    if place.is_empty() {
        place.refuse(faults, "a plan without a retention", WANTED);
        return None;
    }
    let fields = place.fields(faults, &RETENTION, WANTED)?;
    let minimum_good = fields
        .read(faults, "minimum_good", minimum_good)
        .unwrap_or(DEFAULT_MINIMUM_GOOD);
    let delete_after = fields.read(faults, "delete_after", Place::duration);
    let rules = rules(&fields, faults);
    let is_given = rule_names().iter().any(|rule| fields.get(rule).is_some());
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
    Some(Retention {
        keep,
        minimum_good,
        delete_after,
    })
}

/// The rules, or nothing if one of them cannot be read.
fn rules(fields: &Fields<'_>, faults: &mut Collector) -> Option<Rules> {
    let mut is_whole = true;
    let mut count = |name: &str| {
        let Some(place) = fields.get(name) else { return 0 };
        let count = place.count(faults);
        is_whole &= count.is_some();
        count.unwrap_or(0)
    };
    let rules = Rules {
        keep_last: count("keep_last"),
        hourly: count("hourly"),
        daily: count("daily"),
        weekly: count("weekly"),
        monthly: count("monthly"),
        quarterly: count("quarterly"),
        yearly: count("yearly"),
        ..Rules::default()
    };
    let mut within = |name: &str| {
        let place = fields.get(name)?;
        let duration = place.duration(faults);
        is_whole &= duration.is_some();
        duration
    };
    let rules = Rules {
        keep_within: within("keep_within"),
        keep_within_hourly: within("keep_within_hourly"),
        keep_within_daily: within("keep_within_daily"),
        keep_within_weekly: within("keep_within_weekly"),
        keep_within_monthly: within("keep_within_monthly"),
        keep_within_quarterly: within("keep_within_quarterly"),
        keep_within_yearly: within("keep_within_yearly"),
        ..rules
    };
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
