//! Reading selections: a plan's, what it excludes, and those of residency rules.

use holdfast_catalog::Kind;

use super::accounts::Accounts;
use super::fields::{Fields, MAX_VALUES, Place, every};
use super::suggest::closest;
use crate::fault::{Collector, Problem};
use crate::glob::Glob;
use crate::selection::{Clause, Criteria};

pub(super) const CRITERIA: [&str; 9] = [
    "tags", "arns", "names", "kinds", "regions", "accounts", "any", "all", "not",
];

const WANTED: &str = "write at least one of tags:, arns:, names:, kinds:, regions:, accounts:, any:, all:, not:";

pub(super) fn by_tag(key: &str, plan: &str) -> Criteria {
    let tag = Clause::Tag {
        key: key.to_owned(),
        values: vec![Glob::of(plan)],
    };
    Criteria { clauses: vec![tag] }
}

pub(super) fn criteria(place: &Place<'_>, accounts: &Accounts, faults: &mut Collector) -> Option<Criteria> {
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
    let clauses = clauses(&fields, accounts, faults)?;
    Some(Criteria { clauses })
}

/// The clauses, or nothing if one of them cannot be read: a selection that lost a clause would select more.
fn clauses(fields: &Fields<'_>, accounts: &Accounts, faults: &mut Collector) -> Option<Vec<Clause>> {
    let given = CRITERIA.iter().filter_map(|name| Some((*name, fields.get(name)?)));
    let read: Vec<_> = given
        .map(|(name, place)| clause(name, place, accounts, faults))
        .collect();
    let clauses: Option<Vec<_>> = read.into_iter().collect();
    clauses.map(|clauses| clauses.into_iter().flatten().collect())
}

/// The clauses of one field; each tag is one.
fn clause(name: &str, place: &Place<'_>, accounts: &Accounts, faults: &mut Collector) -> Option<Vec<Clause>> {
    let clause = match name {
        "tags" => return tags(place, faults),
        "arns" => Clause::Arn(arns(place, faults)?),
        "names" => Clause::Name(names(place, faults)?),
        "kinds" => Clause::Kind(kinds(place, faults)?),
        "regions" => Clause::Region(regions(place, faults)?),
        "accounts" => Clause::Account(accounts.clause(place, faults)?),
        "any" => Clause::Any(list(place, accounts, faults)?),
        "all" => Clause::All(list(place, accounts, faults)?),
        _ => Clause::Not(criteria(place, accounts, faults)?),
    };
    Some(vec![clause])
}

/// The selections of an `any` or `all`.
fn list(place: &Place<'_>, accounts: &Accounts, faults: &mut Collector) -> Option<Vec<Criteria>> {
    const WANTED: &str = "write a list of selections, for example [{tags: {env: prod}}, {names: \"prod-*\"}]";
    let items = place.items_up_to(MAX_VALUES, faults, WANTED)?;
    if items.is_empty() {
        place.refuse(faults, "an empty selection", WANTED);
        return None;
    }
    every(&items, faults, |item, faults| criteria(item, accounts, faults))
}

fn tags(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Clause>> {
    const WANTED: &str = "write key: value, for example {env: prod}";
    let entries = place.entries(faults, WANTED)?;
    if entries.is_empty() {
        place.refuse(faults, "empty", format!("{WANTED}, or leave the line out"));
        return None;
    }
    let mut tags = Vec::new();
    for (key, place) in entries {
        if key.is_empty() {
            place.refuse(faults, "a tag without a key", WANTED);
        }
        let values = place.one_or_more(faults, "write a value, several in a list, or \"*\" for any");
        tags.push(values.and_then(|values| {
            Some(Clause::Tag {
                key: key.to_owned(),
                values: every(&values, faults, tag_value)?,
            })
        }));
    }
    tags.into_iter().collect()
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
    every(&items, faults, |item, faults| {
        let text = item.text(faults, WANTED)?;
        let glob = item.take(faults, Glob::new(text))?;
        if !text.starts_with("arn:") && !text.starts_with(['*', '?']) {
            let what = "no form that an ARN can have";
            let change = format!("the whole ARN must match: write for example *{text}");
            item.refuse(faults, what, change);
        }
        Some(glob)
    })
}

fn names(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Glob>> {
    const WANTED: &str = "write a name with wildcards, for example prod-*";
    let items = place.one_or_more(faults, WANTED)?;
    every(&items, faults, |item, faults| {
        let text = item.text(faults, WANTED)?;
        let glob = item.take(faults, Glob::new(text))?;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_.-*?".contains(&b);
        if !text.bytes().all(is_name) {
            let change =
                "write the name alone, with letters, digits, _, ., - and wildcards; for a whole ARN write arns:";
            item.refuse(faults, "no form that a name can have", change);
        }
        Some(glob)
    })
}

/// Globs of regions.
pub(super) fn regions(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Glob>> {
    const WANTED: &str = "write a region with wildcards, for example eu-central-1 or eu-*";
    let items = place.one_or_more(faults, WANTED)?;
    every(&items, faults, |item, faults| {
        let text = item.text(faults, WANTED)?;
        let glob = item.take(faults, Glob::new(text))?;
        let is_region = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b);
        let is_whole = !glob.is_exact() || text.parse::<holdfast_catalog::Region>().is_ok();
        if !text.bytes().all(is_region) || !is_whole {
            item.refuse(faults, "no form that a region can have", WANTED);
        }
        Some(glob)
    })
}

fn kinds(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Kind>> {
    let wanted = format!("write {}", Kind::ALL.map(Kind::as_str).join(" or "));
    let items = place.one_or_more(faults, &wanted)?;
    every(&items, faults, |item, faults| {
        let text = item.text(faults, &wanted)?;
        let read = text.parse::<Kind>().map_err(|_| {
            let change = match closest(text, Kind::ALL.map(Kind::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => wanted.clone(),
            };
            Problem::new("unknown kind", change)
        });
        item.take(faults, read)
    })
}
