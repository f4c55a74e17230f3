//! Reading where data may be.

use super::accounts::Accounts;
use super::fields::{Fields, MAX_ENTRIES, Place, every};
use super::select::{criteria, regions};
use crate::fault::Collector;
use crate::residency::{Residency, ResidencyRule};

pub(super) const RESIDENCY: [&str; 2] = ["allow", "forbid"];
pub(super) const RESIDENCY_RULE: [&str; 3] = ["select", "allow", "forbid"];

const WANTED: &str = "write allow: or forbid: with regions, for example {allow: eu-*}";

/// Reads a plan's residency.
pub(super) fn residency(place: &Place<'_>, faults: &mut Collector) -> Option<Residency> {
    let fields = place.fields(faults, &RESIDENCY, WANTED)?;
    regions_of(place, &fields, faults)
}

/// Reads the residency rules of the document; nothing if one of them cannot be read.
pub(super) fn rules(place: &Place<'_>, accounts: &Accounts, faults: &mut Collector) -> Option<Vec<ResidencyRule>> {
    const WANTED: &str = "write a list of rules, for example [{select: {tags: {data: eu}}, allow: eu-*}]";
    let items = place.items_up_to(MAX_ENTRIES, faults, WANTED)?;
    every(&items, faults, |item, faults| {
        let fields = item.fields(faults, &RESIDENCY_RULE, "write select: and allow: or forbid:")?;
        let change = "add select:; for every resource write select: {names: \"*\"}";
        let select = fields
            .require(faults, "select", "a rule without a selection", change)
            .and_then(|place| criteria(place, accounts, faults));
        let residency = regions_of(item, &fields, faults);
        Some(ResidencyRule {
            select: select?,
            residency: residency?,
        })
    })
}

fn regions_of(place: &Place<'_>, fields: &Fields<'_>, faults: &mut Collector) -> Option<Residency> {
    let (allow, forbid) = (fields.get("allow"), fields.get("forbid"));
    if allow.is_none() && forbid.is_none() {
        place.refuse(faults, "a residency that names no region", WANTED);
        return None;
    }
    let allow = allow.map(|place| regions(place, faults));
    let forbid = forbid.map(|place| regions(place, faults));
    let residency = Residency {
        allow: allow.map_or(Some(Vec::new()), |read| read)?,
        forbid: forbid.map_or(Some(Vec::new()), |read| read)?,
    };
    let is_forbidden = |allowed| residency.forbid.iter().any(|forbidden| forbidden.covers(allowed));
    let leaves_none = residency.forbid.iter().any(|glob| glob.to_string() == "*");
    if leaves_none || (!residency.allow.is_empty() && residency.allow.iter().all(is_forbidden)) {
        let change = "leave a region in which data may be";
        place.refuse_field(faults, "a residency that forbids all that it allows", change);
        return None;
    }
    Some(residency)
}
