//! Reading the regions to protect and their limits.

use std::collections::BTreeMap;

use holdfast_catalog::Region;

use super::copies::region;
use super::fields::{MAX_ENTRIES, Place, every};
use crate::fault::Collector;
use crate::zone::Zone;

pub(super) const ZONE: [&str; 4] = ["regions", "max_concurrent", "bytes_per_second", "read_capacity_share"];

pub(super) fn zones(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Zone>> {
    let items = place.items_up_to(
        MAX_ENTRIES,
        faults,
        "write a list of zones, for example [{regions: [eu-central-1, eu-west-1]}]",
    )?;
    let mut taken = BTreeMap::new();
    every(&items, faults, |item, faults| zone(item, &mut taken, faults))
}

fn zone(place: &Place<'_>, taken: &mut BTreeMap<Region, String>, faults: &mut Collector) -> Option<Zone> {
    const WANTED: &str = "write regions:, for example {regions: [eu-central-1, eu-west-1]}";
    let fields = place.fields(faults, &ZONE, WANTED)?;
    let regions = fields
        .require(faults, "regions", "a zone without regions", WANTED)
        .and_then(|place| place.one_or_more(faults, WANTED))
        .and_then(|items| {
            every(&items, faults, |item, faults| {
                let region = region(item, faults)?;
                match taken.get(&region) {
                    Some(first) => {
                        let what = format!("in {first} too");
                        item.refuse(faults, what, "name each region in one zone only");
                    }
                    None => _ = taken.insert(region.clone(), place.path().to_owned()),
                }
                Some(region)
            })
        });
    let zone = Zone {
        regions: Vec::new(),
        max_concurrent: fields.read(faults, "max_concurrent", |place, faults| {
            place.positive(faults, "no run at a time", "write 1 or more, or leave the line out")
        }),
        bytes_per_second: fields.read(faults, "bytes_per_second", |place, faults| {
            place.parsed(faults, "write a size, for example 10MiB")
        }),
        read_capacity_share: fields.read(faults, "read_capacity_share", |place, faults| {
            place.parsed(faults, "write a percentage, for example 25%")
        }),
    };
    regions.map(|regions| Zone { regions, ..zone })
}
