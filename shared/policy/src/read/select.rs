//! Reading a plan's selection.

use holdfast_catalog::Kind;

use super::fields::Place;
use super::suggest::closest;
use crate::fault::{Collector, Problem};
use crate::glob::Glob;
use crate::selection::{Criteria, TagCriterion};

const CRITERIA: [&str; 3] = ["tags", "arns", "kinds"];

pub(super) fn by_tag(key: &str, plan: &str) -> Criteria {
    let tag = TagCriterion {
        key: key.to_owned(),
        values: vec![Glob::of(plan)],
    };
    Criteria {
        tags: vec![tag],
        ..Criteria::default()
    }
}

pub(super) fn criteria(place: &Place<'_>, faults: &mut Collector) -> Option<Criteria> {
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
