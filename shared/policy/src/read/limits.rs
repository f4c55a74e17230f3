//! Reading the limits of a prune run.

use std::num::NonZeroU32;

use super::fields::Place;
use crate::fault::Collector;
use crate::limits::Limits;

pub(super) const LIMITS: [&str; 2] = ["remove_share", "remove_points"];

pub(super) fn limits(place: &Place<'_>, faults: &mut Collector) -> Option<Limits> {
    let fields = place.fields(faults, &LIMITS, "write remove_share: or remove_points:")?;
    let share = fields.read(faults, "remove_share", |place, faults| {
        place.parsed(faults, "write a percentage, for example 50%")
    });
    let points = fields.read(faults, "remove_points", |place, faults| {
        let change = "write 1 or more; to remove nothing write keep: all in the plans";
        place.positive(faults, "no point at all", change)
    });
    let usual = Limits::default();
    Some(Limits {
        remove_share: share.unwrap_or(usual.remove_share),
        remove_points: points.map_or(usual.remove_points, NonZeroU32::get),
    })
}
