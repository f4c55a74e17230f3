//! Where a local time lies in time.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// When the clocks of a zone first show a local time or a later one. A time that they skip comes as soon as they have
/// moved on.
pub(crate) fn begin_of(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
            offset.to_timestamp(local).ok()
        }
        AmbiguousOffset::Gap { after, .. } => {
            // By the clocks that come it was just before they came.
            let before = after.to_timestamp(local).ok()?;
            Some(zone.following(before).next()?.timestamp())
        }
    }
}

/// When a span of time that runs up to a local time is over. One whose last moments the clocks skip lasts as much longer:
/// what was to run in them runs as soon as the clocks have moved on, and needs its time.
pub(crate) fn end_of(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let last = local.checked_sub(SECOND).ok()?;
    match zone.to_ambiguous_timestamp(last).offset() {
        AmbiguousOffset::Gap { before, .. } => before.to_timestamp(last).ok()?.checked_add(SECOND).ok(),
        _ => begin_of(local, zone),
    }
}

/// When a day begins.
pub(crate) fn midnight_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    begin_of(date.at(0, 0, 0, 0), zone)
}

/// The day that an instant falls on.
pub(crate) fn date_of(instant: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(instant).date()
}
