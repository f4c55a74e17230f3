//! Reading a plan's schedule.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::fields::{Fields, Place, every};
use crate::blackout::{Blackout, date};
use crate::fault::{Collector, Problem};
use crate::local::midnight_of;
use crate::schedule::{Schedule, time_zone};
use crate::window::{ClockTime, Weekdays, Window};

pub(super) const SCHEDULE: [&str; 7] = [
    "cron",
    "every",
    "timezone",
    "window",
    "jitter",
    "blackout",
    "pause_until",
];

pub(super) const WINDOW: [&str; 3] = ["from", "to", "days"];

pub(super) fn schedule(place: &Place<'_>, faults: &mut Collector) -> Option<Schedule> {
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
    let cadence = match (fields.get("every"), fields.get("cron")) {
        (Some(every), None) => {
            let interval = every.duration(faults);
            interval.and_then(|interval| every.take(faults, Schedule::every(interval, read_zone.clone())))
        }
        (None, Some(cron)) => {
            let text = cron.text(faults, "write five fields in quotes, for example \"0 2 * * *\"");
            text.and_then(|text| cron.take(faults, Schedule::cron(text, read_zone.clone())))
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
    let schedule = hours(&fields, cadence, faults);
    let blackout = fields.read(faults, "blackout", blackout).unwrap_or_default();
    let pause = fields.read(faults, "pause_until", |place, faults| pause(place, &read_zone, faults));
    let schedule = zone.and(schedule)?.without(blackout);
    Some(match pause {
        Some(until) => schedule.paused_until(until),
        None => schedule,
    })
}

/// A schedule with its window and its jitter, which are read even where there is no schedule to hold them against.
fn hours(fields: &Fields<'_>, schedule: Option<Schedule>, faults: &mut Collector) -> Option<Schedule> {
    let window = fields.read(faults, "window", window);
    let jitter = fields.read(faults, "jitter", Place::duration);
    let mut schedule = schedule?;
    if let (Some(window), Some(place)) = (window, fields.get("window")) {
        schedule = place.take(faults, schedule.within(window))?;
    } else if fields.get("window").is_some() {
        return None;
    }
    if let (Some(jitter), Some(place)) = (jitter, fields.get("jitter")) {
        schedule = place.take(faults, schedule.with_jitter(jitter))?;
    }
    Some(schedule)
}

fn window(place: &Place<'_>, faults: &mut Collector) -> Option<Window> {
    const WANTED: &str = "write from: and to:, for example {from: \"22:00\", to: \"06:00\"}";
    let fields = place.fields(faults, &WINDOW, WANTED)?;
    let mut time = |name: &str| {
        let place = fields.require(faults, name, &format!("a window without {name}:"), WANTED)?;
        place.parsed::<ClockTime>(faults, "write a time of day, for example \"22:00\"")
    };
    let (from, to) = (time("from"), time("to"));
    let days = match fields.get("days") {
        None => Some(Weekdays::ALL),
        Some(place) => place.parsed(faults, "write days of the week, for example MON-FRI"),
    };
    place.take(faults, Window::new(from?, to?, days?))
}

fn blackout(place: &Place<'_>, faults: &mut Collector) -> Option<Blackout> {
    const WANTED: &str = "write dates, for example [2026-12-24, 2026-12-31..2027-01-02]";
    let items = place.one_or_more(faults, WANTED)?;
    let dates = every(&items, faults, |item, faults| item.parsed(faults, WANTED))?;
    place.take(faults, Blackout::new(dates))
}

/// When a pause is over: as a day begins, or at an instant.
fn pause(place: &Place<'_>, zone: &TimeZone, faults: &mut Collector) -> Option<Timestamp> {
    const WANTED: &str = "write a date, for example 2026-12-01, or an instant, for example 2026-12-01T06:00:00+01:00";
    let text = place.text(faults, WANTED)?;
    let midnight = || midnight_of(date(text).ok()?, zone);
    let read = midnight().or_else(|| text.parse().ok());
    place.take(
        faults,
        read.ok_or_else(|| Problem::new("neither a date nor an instant", WANTED)),
    )
}
