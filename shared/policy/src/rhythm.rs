use std::fmt;

use holdfast_catalog::Slot;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cron::Cron;
use crate::duration::in_words;
use crate::window::Window;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How many occurrences of its window a search looks at. An interval may meet its window in summer only, which is less
/// than a year away; a cron expression may ask for a 29 February on a given weekday, with four days in each year between
/// that match and lie outside the window.
const MAX_TRIES: u32 = 1000;

/// How often recovery points are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cadence {
    /// At every multiple of an interval since 1970-01-01T00:00:00Z.
    Every(SignedDuration),
    /// Whenever the clocks of the schedule's zone match.
    Cron(Cron),
}

/// When slots come, week in, week out: exceptions aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rhythm {
    pub(crate) cadence: Cadence,
    pub(crate) zone: TimeZone,
    pub(crate) window: Option<Window>,
}

impl Rhythm {
    /// The last slot at or before an instant.
    pub(crate) fn latest_at_or_before(&self, at: Timestamp) -> Option<Slot> {
        let mut until = at;
        for _ in 0..MAX_TRIES {
            let slot = self.cadence.latest_at_or_before(until, &self.zone)?;
            match &self.window {
                Some(window) if window.at(slot, &self.zone).is_none() => {
                    until = window.last_before(slot, &self.zone)?.to.checked_sub(SECOND).ok()?;
                }
                _ => return Some(Slot::at(slot)),
            }
        }
        None
    }

    /// The first slot after an instant.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let mut after = after;
        for _ in 0..MAX_TRIES {
            let slot = self.cadence.next_after(after, &self.zone)?;
            match &self.window {
                Some(window) if window.at(slot, &self.zone).is_none() => {
                    after = window.first_after(slot, &self.zone)?.from.checked_sub(SECOND).ok()?;
                }
                _ => return Some(Slot::at(slot)),
            }
        }
        None
    }
}

impl Cadence {
    pub(crate) fn latest_at_or_before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Cadence::Every(interval) => multiple(floor_second(at).div_euclid(interval.as_secs()), *interval),
            Cadence::Cron(cron) => cron.latest_at_or_before(at, zone),
        }
    }

    fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Cadence::Every(interval) => {
                let passed = floor_second(after).div_euclid(interval.as_secs());
                multiple(passed.checked_add(1)?, *interval)
            }
            Cadence::Cron(cron) => cron.next_after(after, zone),
        }
    }
}

impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        match (&self.cadence, &self.window) {
            (Cadence::Every(interval), None) => write!(f, "every {}", in_words(*interval)),
            (Cadence::Every(interval), Some(window)) => write!(f, "every {} {window} in {zone}", in_words(*interval)),
            (Cadence::Cron(cron), None) => write!(f, "cron {cron} in {zone}"),
            (Cadence::Cron(cron), Some(window)) => write!(f, "cron {cron} {window} in {zone}"),
        }
    }
}

fn multiple(times: i64, interval: SignedDuration) -> Option<Timestamp> {
    Timestamp::from_second(times.checked_mul(interval.as_secs())?).ok()
}

fn floor_second(instant: Timestamp) -> i64 {
    let second = instant.as_second();
    // Before 1970 the fraction of a second is negative, and the second is rounded towards 1970.
    if instant.subsec_nanosecond() < 0 {
        second - 1
    } else {
        second
    }
}
