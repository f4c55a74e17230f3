//! Reading what the law asks of a plan, and refusing what contradicts itself.

use holdfast_catalog::LockMode;
use jiff::SignedDuration;

use super::fields::{Fields, Place, every};
use crate::compliance::{Compliance, Locking, Preset};
use crate::duration::in_words;
use crate::fault::Collector;

pub(super) const COMPLIANCE: [&str; 5] = ["preset", "minimum", "maximum", "lock", "lock_for"];

pub(super) fn compliance(place: &Place<'_>, faults: &mut Collector) -> Option<Compliance> {
    let fields = place.fields(faults, &COMPLIANCE, "write preset:, minimum:, maximum: or lock:")?;
    let presets = fields.read(faults, "preset", presets).unwrap_or_default();
    let minimum = minimum(&fields, &presets, faults);
    let maximum = maximum(&fields, &presets, minimum, faults);
    let lock = lock(&fields, minimum, maximum, faults);
    Some(Compliance {
        presets,
        minimum,
        maximum,
        lock,
    })
}

/// Holds the `delete_after` of a retention, the plan's or a copy's, against the minimum and the maximum.
pub(super) fn hold_against(compliance: &Compliance, retention: &Place<'_>, faults: &mut Collector) {
    let Some(place) = retention.child("delete_after") else {
        return;
    };
    // What cannot be read has its fault already.
    let Some(after) = place.duration(&mut Collector::default()) else {
        return;
    };
    if let Some(minimum) = compliance.minimum.filter(|minimum| after < *minimum) {
        let least = in_words(minimum);
        let origin = origin(&compliance.presets, minimum);
        let what = format!("sooner than the minimum allows, which is {least}{origin}");
        place.refuse(faults, what, format!("write {least} or more, or leave the line out"));
    }
    if let Some(maximum) = compliance.maximum.filter(|maximum| after > *maximum) {
        let most = in_words(maximum);
        let what = format!("later than the maximum, which is {most} and wins: no point gets that old");
        place.refuse(faults, what, format!("write {most} or less, or leave the line out"));
    }
}

fn presets(place: &Place<'_>, faults: &mut Collector) -> Option<Vec<Preset>> {
    const WANTED: &str = "write hipaa, sox, pci-dss or gdpr, or several in a list";
    let items = place.one_or_more(faults, WANTED)?;
    every(&items, faults, |item, faults| item.parsed(faults, WANTED))
}

/// The preset that asks for a minimum, in words; nothing if none does.
fn origin(presets: &[Preset], minimum: SignedDuration) -> String {
    let preset = presets.iter().find(|preset| preset.minimum() == Some(minimum));
    preset.map_or_else(String::new, |preset| {
        format!(" by preset {preset} ({})", preset.source())
    })
}

/// The plan's own minimum, which is not to be less than a preset's, or else the longest of the presets.
fn minimum(fields: &Fields<'_>, presets: &[Preset], faults: &mut Collector) -> Option<SignedDuration> {
    let own = fields.read(faults, "minimum", Place::duration);
    let asked = presets.iter().filter_map(|preset| preset.minimum()).max();
    if let (Some(own), Some(asked), Some(place)) = (own, asked, fields.get("minimum"))
        && own < asked
    {
        let least = in_words(asked);
        let what = format!("less than {least}, the minimum{}", origin(presets, asked));
        place.refuse(faults, what, format!("write {least} or more, or leave the line out"));
    }
    own.max(asked)
}

fn maximum(
    fields: &Fields<'_>,
    presets: &[Preset],
    minimum: Option<SignedDuration>,
    faults: &mut Collector,
) -> Option<SignedDuration> {
    let Some(place) = fields.get("maximum") else {
        let obliging = presets.iter().find(|preset| preset.needs_maximum());
        if let (Some(preset), Some(place)) = (obliging, fields.get("preset")) {
            let what = format!("{preset} without a maximum: {} names no number", preset.source());
            let change = "add maximum: with the longest time that the data may be kept";
            place.refuse_field(faults, what, change);
        }
        return None;
    };
    let maximum = place.duration(faults)?;
    if let Some(minimum) = minimum.filter(|minimum| maximum < *minimum) {
        let least = in_words(minimum);
        let what = format!("less than the minimum, which is {least}{}", origin(presets, minimum));
        place.refuse(
            faults,
            what,
            format!("write {least} or more, or ask for a shorter minimum"),
        );
    }
    Some(maximum)
}

fn lock(
    fields: &Fields<'_>,
    minimum: Option<SignedDuration>,
    maximum: Option<SignedDuration>,
    faults: &mut Collector,
) -> Option<Locking> {
    let of_period = fields.get("lock_for");
    let period = fields.read(faults, "lock_for", Place::duration);
    let mode = match fields.get("lock") {
        Some(place) => lock_mode(place, faults)?,
        None => None,
    };
    let Some(mode) = mode else {
        if let Some(place) = of_period {
            let change = "write lock: governance or lock: compliance beside it";
            place.refuse(faults, "a time without a lock", change);
        }
        return None;
    };
    if let (Some(period), Some(maximum), Some(place)) = (period, maximum, of_period)
        && period > maximum
    {
        let most = in_words(maximum);
        let what = format!("longer than the maximum, which is {most}: what is locked cannot go");
        place.refuse(faults, what, format!("write {most} or less"));
    }
    if let (None, None, None, Some(place)) = (of_period, minimum, fields.get("minimum"), fields.get("lock")) {
        let change = "add lock_for: or minimum:, for example lock_for: 30d";
        place.refuse(faults, "a lock without a time", change);
    }
    Some(Locking {
        mode,
        period: period.or(minimum)?,
    })
}

/// A mode, or `none`.
fn lock_mode(place: &Place<'_>, faults: &mut Collector) -> Option<Option<LockMode>> {
    const WANTED: &str = "write none, governance or compliance";
    let text = place.text(faults, WANTED)?;
    let mode = match text {
        "none" => None,
        "governance" => Some(LockMode::Governance),
        "compliance" => Some(LockMode::Compliance),
        _ => {
            place.refuse(faults, "not a lock", WANTED);
            return None;
        }
    };
    Some(mode)
}
