//! Five-field cron expressions by the clocks of a time zone.
//!
//! `croner` reads the expression and says which days match. Where a match lies in time is decided here, because our
//! promise for the days on which clocks change is not croner's: it skips or doubles `0 2,14 * * *`, which names two
//! hours, and gives up on gaps of more than two hours.

use std::fmt;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::days::Days;
use crate::fault::Problem;

/// The longest expression; longer ones only repeat themselves.
const MAX_CHARS: usize = 256;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A cron expression: minute, hour, day of month, month, day of week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// Boxed: it is large, and most schedules have none.
    days: Box<Days>,
    /// The times of day that match, in order; never empty.
    times: Vec<Time>,
    every_hour: bool,
}

impl Cron {
    /// Reads an expression of five fields, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    ///
    /// A field is `*` or a list of numbers, ranges and steps (`1,15`, `9-17`, `*/10`); months and days of the week have
    /// names too (`MAR`, `MON-FRI`; Sunday is 0 or 7). `L` is the last day of the month, `15W` the weekday nearest to
    /// the 15th, `MON#1` the first Monday, `FRIL` the last Friday. Where both days are given, either one matches.
    ///
    /// # Errors
    /// The expression has another form, or never matches.
    pub fn new(text: &str) -> Result<Self, Problem> {
        const SHAPE: &str = "write minute, hour, day of month, month and day of week, for example 0 2 * * *";
        if text.starts_with("cron(") || text.starts_with("rate(") {
            return Err(Problem::new(
                "an AWS schedule expression, not cron's five fields",
                SHAPE,
            ));
        }
        let empty_item = text.split_whitespace().any(|field| field.split(',').any(str::is_empty));
        let fields = text.split_whitespace().count();
        if text.len() > MAX_CHARS || empty_item || (fields != 5 && !text.starts_with('@')) {
            return Err(Problem::new("not a cron expression of five fields", SHAPE));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let expression = parser
            .parse(text)
            .map_err(|error| Problem::new(format!("not a cron expression ({error})"), SHAPE))?;
        let cron = Cron::of(text, &expression);
        if cron.times.is_empty() || cron.days.is_empty() {
            return Err(Problem::new(
                "never matches any day",
                "name a day that the calendar has",
            ));
        }
        Ok(cron)
    }

    fn of(text: &str, expression: &croner::Cron) -> Self {
        let (hours, minutes) = (expression.pattern.hours.values(), expression.pattern.minutes.values());
        let time = |hour: u16, minute: u16| {
            let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
            Time::new(hour, minute, 0, 0).ok()
        };
        let times = hours
            .iter()
            .flat_map(|&hour| minutes.iter().filter_map(move |&minute| time(hour, minute)));
        Cron {
            text: text.to_owned(),
            times: times.collect(),
            every_hour: hours.len() == 24,
            days: Box::new(Days::of(expression)),
        }
    }

    /// The times of day that match, in order.
    pub(crate) fn times(&self) -> &[Time] {
        &self.times
    }

    /// The days that match.
    pub(crate) fn days(&self) -> &Days {
        &self.days
    }

    /// The first slot after an instant, by the clocks of a zone.
    pub(crate) fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = whole_second(after)?.checked_add(SECOND).ok()?;
        loop {
            let stretch = Stretch::at(from, zone);
            if stretch.start == Some(from) && self.is_skipped_before(&stretch) {
                return Some(from);
            }
            let local = stretch.offset.to_datetime(from);
            let earliest = self.first_in(&stretch).map_or(local, |first| first.max(local));
            let slot = stretch.offset.to_timestamp(self.next_match(earliest)?).ok()?;
            match stretch.end {
                Some(end) if slot >= end => from = end,
                _ => return Some(slot),
            }
        }
    }

    /// The last slot that is not after an instant, by the clocks of a zone.
    pub(crate) fn latest_at_or_before(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut until = whole_second(at)?;
        loop {
            let stretch = Stretch::at(until, zone);
            let local = self.previous_match(stretch.offset.to_datetime(until))?;
            if self.first_in(&stretch).is_none_or(|first| local >= first) {
                return stretch.offset.to_timestamp(local).ok();
            }
            let start = stretch.start?;
            if self.is_skipped_before(&stretch) {
                return Some(start);
            }
            until = start.checked_sub(SECOND).ok()?;
        }
    }

    /// The first local time of a stretch that counts. What its clocks show for the second time does not, unless every
    /// hour matches: then the hour that comes twice is two hours, and leaving one out would leave a hole.
    fn first_in(&self, stretch: &Stretch) -> Option<DateTime> {
        let (start, before) = (stretch.start?, stretch.before?);
        let offset = if self.every_hour {
            stretch.offset
        } else {
            stretch.offset.max(before)
        };
        Some(offset.to_datetime(start))
    }

    /// Whether the clocks jumped over a match when the stretch began.
    fn is_skipped_before(&self, stretch: &Stretch) -> bool {
        let (Some(start), Some(before)) = (stretch.start, stretch.before) else {
            return false;
        };
        let (from, to) = (before.to_datetime(start), stretch.offset.to_datetime(start));
        from < to && self.next_match(from).is_some_and(|skipped| skipped < to)
    }

    /// The first match at or after a local time, leaving aside what clocks do.
    fn next_match(&self, from: DateTime) -> Option<DateTime> {
        let index = self.times.partition_point(|time| *time < from.time());
        if let Some(time) = self.times.get(index)
            && self.days.has(from.date())
        {
            return Some(from.date().to_datetime(*time));
        }
        let day = self.days.first_after(from.date())?;
        Some(day.to_datetime(*self.times.first()?))
    }

    /// The last match at or before a local time, leaving aside what clocks do.
    fn previous_match(&self, until: DateTime) -> Option<DateTime> {
        let index = self.times.partition_point(|time| *time <= until.time());
        if let Some(time) = index.checked_sub(1).and_then(|index| self.times.get(index))
            && self.days.has(until.date())
        {
            return Some(until.date().to_datetime(*time));
        }
        let day = self.days.last_before(until.date())?;
        Some(day.to_datetime(*self.times.last()?))
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A stretch of time in which a zone's clocks run evenly.
struct Stretch {
    /// When it began; nothing before the first change that the zone knows of.
    start: Option<Timestamp>,
    /// When the clocks change next.
    end: Option<Timestamp>,
    /// How far the clocks are ahead of UTC.
    offset: Offset,
    /// How far they were before it began.
    before: Option<Offset>,
}

impl Stretch {
    /// The stretch that a whole second lies in.
    fn at(instant: Timestamp, zone: &TimeZone) -> Self {
        // `preceding` leaves the instant itself out, but a change at the instant begins the instant's own stretch.
        let just_after = instant.checked_add(SECOND).unwrap_or(instant);
        let start = zone.preceding(just_after).next().map(|change| change.timestamp());
        Stretch {
            start,
            end: zone.following(instant).next().map(|change| change.timestamp()),
            offset: zone.to_offset(instant),
            before: start
                .and_then(|start| start.checked_sub(SECOND).ok())
                .map(|before| zone.to_offset(before)),
        }
    }
}

fn whole_second(instant: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(instant.as_nanosecond().div_euclid(1_000_000_000).try_into().ok()?).ok()
}
