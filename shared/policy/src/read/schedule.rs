//! Reading a plan's schedule.

use jiff::tz::TimeZone;

use super::fields::Place;
use crate::fault::Collector;
use crate::schedule::{Schedule, time_zone};

const SCHEDULE: [&str; 3] = ["cron", "every", "timezone"];

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
    let schedule = match (fields.get("every"), fields.get("cron")) {
        (Some(every), None) => {
            let interval = every.duration(faults)?;
            every.take(faults, Schedule::every(interval, read_zone))
        }
        (None, Some(cron)) => {
            let text = cron.text(faults, "write five fields in quotes, for example \"0 2 * * *\"")?;
            cron.take(faults, Schedule::cron(text, read_zone))
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
    zone.and(schedule)
}
