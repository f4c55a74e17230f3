use std::fmt;

use holdfast_catalog::Slot;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::cron::Cron;
use crate::duration::in_words;
use crate::fault::Problem;
use crate::read::closest;

/// The shortest interval: the scheduler that wakes us ticks once a minute at most.
const MIN_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The years in which the longest gap of a schedule is looked for: 28 of them hold every combination of weekday, leap
/// year and clock change that the current rules of a zone can make. A fixed range, because this crate has no clock.
const YEARS: (i16, i16) = (2026, 2054);

/// How often recovery points are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cadence {
    /// At every multiple of an interval since 1970-01-01T00:00:00Z.
    Every(SignedDuration),
    /// Whenever the clocks of the schedule's zone match.
    Cron(Cron),
}

/// When recovery points are due, and the time zone of the plan's calendar.
///
/// A cron schedule follows the clocks of its zone. A local time that the clocks skip runs once, as soon as they have
/// moved on. A local time that comes twice runs the first time only; but where every hour matches, every hour runs,
/// both of the two included. An interval knows no clocks: it runs evenly in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    cadence: Cadence,
    zone: TimeZone,
}

impl Schedule {
    /// A schedule that runs at every multiple of an interval since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// The interval is shorter than a minute or has parts of a second.
    pub fn every(interval: SignedDuration, zone: TimeZone) -> Result<Self, Problem> {
        if interval < MIN_INTERVAL || interval.subsec_nanos() != 0 {
            return Err(Problem::new("shorter than a minute", "write 1m or more"));
        }
        Ok(Schedule {
            cadence: Cadence::Every(interval),
            zone,
        })
    }

    /// A schedule that follows the clocks of a zone.
    ///
    /// # Errors
    /// See [`Cron::new`].
    pub fn cron(expression: &str, zone: TimeZone) -> Result<Self, Problem> {
        Ok(Schedule {
            cadence: Cadence::Cron(Cron::new(expression)?),
            zone,
        })
    }

    /// How often it runs.
    pub fn cadence(&self) -> &Cadence {
        &self.cadence
    }

    /// The time zone of the plan's calendar: of its cron expression and of the periods of its retention.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The newest slot that is due at an instant. Nothing if time began after it.
    pub fn latest_at_or_before(&self, at: Timestamp) -> Option<Slot> {
        let instant = match &self.cadence {
            Cadence::Every(interval) => {
                let step = interval.as_secs();
                Timestamp::from_second(floor_second(at).div_euclid(step).checked_mul(step)?).ok()?
            }
            Cadence::Cron(cron) => cron.latest_at_or_before(at, &self.zone)?,
        };
        Some(Slot::at(instant))
    }

    /// The first slot after an instant. Nothing if time ends before it.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let instant = match &self.cadence {
            Cadence::Every(interval) => {
                let step = interval.as_secs();
                let next = floor_second(after).div_euclid(step).checked_add(1)?.checked_mul(step)?;
                Timestamp::from_second(next).ok()?
            }
            Cadence::Cron(cron) => cron.next_after(after, &self.zone)?,
        };
        Some(Slot::at(instant))
    }

    /// The longest time between one slot and the next, over 28 years and every change of the clocks in them.
    pub fn longest_gap(&self) -> Option<Gap> {
        match &self.cadence {
            Cadence::Every(_) => self.gap_after(Timestamp::UNIX_EPOCH),
            Cadence::Cron(cron) => {
                let quiet = self.quiet_gaps_of(cron);
                let changing = self.gaps_of_clock_changes();
                quiet.into_iter().chain(changing).max_by_key(Gap::length)
            }
        }
    }

    fn gap_after(&self, instant: Timestamp) -> Option<Gap> {
        let from = self.latest_at_or_before(instant)?;
        let to = self.next_after(from.instant())?;
        Some(Gap { from, to })
    }

    /// The longest gap inside a day and the longest between two days, clock changes aside.
    fn quiet_gaps_of(&self, cron: &Cron) -> Vec<Gap> {
        let times = cron.times();
        let inside = times.windows(2).max_by_key(|pair| pair[1].duration_since(pair[0]));
        let mut days = Date::constant(YEARS.0, 1, 1)
            .series(jiff::Span::new().days(1))
            .take_while(|date| date.year() < YEARS.1)
            .filter(|date| cron.matches_day(*date));
        let Some(mut day) = days.next() else { return Vec::new() };
        let mut longest = (day, SignedDuration::ZERO);
        for next in days {
            let between = next.duration_since(day);
            if between > longest.1 {
                longest = (day, between);
            }
            day = next;
        }
        let starts = [inside.map(|pair| pair[0]), times.last().copied()];
        let starts = starts.into_iter().flatten();
        starts
            .filter_map(|time| self.gap_after(self.zone.to_timestamp(longest.0.to_datetime(time)).ok()?))
            .collect()
    }

    /// The gaps in which the clocks change, and those that begin at the change itself, where a skipped slot may run.
    fn gaps_of_clock_changes(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        let Ok(start) = TimeZone::UTC.to_timestamp(Date::constant(YEARS.0, 1, 1).at(0, 0, 0, 0)) else {
            return gaps;
        };
        let changes = self.zone.following(start).map(|change| change.timestamp());
        for change in changes.take_while(|change| TimeZone::UTC.to_datetime(*change).year() < YEARS.1) {
            // A yearly slot has many changes in one gap: looking for it once is enough.
            if gaps.last().is_none_or(|gap| gap.to.instant() <= change) {
                gaps.extend(
                    change
                        .checked_sub(SECOND)
                        .ok()
                        .and_then(|before| self.gap_after(before)),
                );
                gaps.extend(self.gap_after(change));
            }
        }
        gaps
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cadence {
            Cadence::Every(interval) => write!(f, "every {}", in_words(*interval)),
            Cadence::Cron(cron) => write!(f, "cron {cron} in {}", self.zone.iana_name().unwrap_or("UTC")),
        }
    }
}

/// The time between two slots that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The earlier slot.
    pub from: Slot,
    /// The later slot.
    pub to: Slot,
}

impl Gap {
    /// How long it is.
    pub fn length(&self) -> SignedDuration {
        self.to.instant().duration_since(self.from.instant())
    }
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

/// An IANA time zone by its name, from the database that is built in: the machine's own is never read.
///
/// # Errors
/// There is no such zone.
pub fn time_zone(name: &str) -> Result<TimeZone, Problem> {
    let zones = TimeZoneDatabase::bundled();
    zones.get(name).map_err(|_| {
        let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
        let change = match closest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "write an IANA name, for example Europe/Berlin or UTC".to_owned(),
        };
        Problem::new("unknown time zone", change)
    })
}
