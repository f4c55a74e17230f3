//! Reading where a plan's copies go.

use holdfast_catalog::Region;

use super::fields::{MAX_ENTRIES, Place, every, named};
use super::retention::retention;
use crate::copies::{Copies, CopyRule};
use crate::fault::{Collector, Problem};

pub(super) const COPY: [&str; 2] = ["region", "retention"];

/// Reads `copies`. `may_be_in` says whether copies may be in a region at all.
pub(super) fn copies(
    place: &Place<'_>,
    may_be_in: impl Fn(&Region) -> Result<(), Problem>,
    faults: &mut Collector,
) -> Option<Copies> {
    const WANTED: &str = "write none, or a list of copies, for example [{region: eu-west-1}]";
    if place.is_scalar() {
        if place.text(faults, WANTED)? == "none" {
            return Some(Copies::None);
        }
        place.refuse(faults, "not a list", WANTED);
        return None;
    }
    let items = place.items_up_to(MAX_ENTRIES, faults, WANTED)?;
    if items.is_empty() {
        place.refuse(faults, "an empty list", WANTED);
        return None;
    }
    let mut taken: Vec<(Option<Region>, String)> = Vec::new();
    let rules = every(&items, faults, |item, faults| {
        let rule = rule(item, &may_be_in, faults)?;
        match taken.iter().find(|(region, _)| *region == rule.region) {
            Some((_, first)) => {
                let what = format!("a second copy to the destination of {first}");
                item.refuse(faults, what, "give each copy a region of its own");
            }
            None => taken.push((rule.region.clone(), item.path().to_owned())),
        }
        Some(rule)
    });
    rules.map(Copies::To)
}

fn rule(
    place: &Place<'_>,
    may_be_in: impl Fn(&Region) -> Result<(), Problem>,
    faults: &mut Collector,
) -> Option<CopyRule> {
    const WANTED: &str = "write region: or retention:";
    let fields = place.fields(faults, &COPY, WANTED)?;
    if COPY.iter().all(|field| fields.get(field).is_none()) {
        let change = format!("{WANTED}; a copy in the stack's replica region is made where copies: is left out");
        place.refuse(faults, "a copy that says nothing", change);
        return None;
    }
    let region = match fields.get("region") {
        Some(place) => Some(region(place, faults)?),
        None => None,
    };
    if let (Some(region), Some(place)) = (&region, fields.get("region")) {
        place.take(faults, may_be_in(region));
    }
    let retention = match fields.get("retention") {
        Some(place) => Some(retention(place, faults)?),
        None => None,
    };
    Some(CopyRule { region, retention })
}

pub(super) fn region(place: &Place<'_>, faults: &mut Collector) -> Option<Region> {
    let text = place.text(faults, "write a region, for example eu-central-1")?;
    place.take(faults, named(text.parse()))
}
