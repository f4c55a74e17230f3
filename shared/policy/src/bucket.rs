use std::fmt;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::local::midnight_of;

/// A calendar period that retention counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// The hours of a day; a day on which the clocks change has 23 or 25 of them.
    Hourly,
    /// Days, from midnight to midnight.
    Daily,
    /// ISO weeks, Monday to Sunday, in their ISO year.
    Weekly,
    /// Months.
    Monthly,
    /// Quarters, the first from January to March.
    Quarterly,
    /// Years.
    Yearly,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 6] = [
        Period::Hourly,
        Period::Daily,
        Period::Weekly,
        Period::Monthly,
        Period::Quarterly,
        Period::Yearly,
    ];

    /// The word that policies and reasons use.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Hourly => "hourly",
            Period::Daily => "daily",
            Period::Weekly => "weekly",
            Period::Monthly => "monthly",
            Period::Quarterly => "quarterly",
            Period::Yearly => "yearly",
        }
    }

    /// The period's bucket that an instant falls into, by the clocks of a time zone.
    pub fn bucket(self, instant: Timestamp, zone: &TimeZone) -> Bucket {
        let (offset, local) = (zone.to_offset(instant), zone.to_datetime(instant));
        let (year, month) = (local.year(), local.month());
        match self {
            // With the offset, the hour that comes twice when clocks go back is two hours.
            Period::Hourly => Bucket::Hour {
                date: local.date(),
                hour: local.hour(),
                offset,
            },
            Period::Daily => Bucket::Day(local.date()),
            Period::Weekly => {
                let week = local.date().iso_week_date();
                Bucket::Week {
                    year: week.year(),
                    week: week.week(),
                }
            }
            Period::Monthly => Bucket::Month { year, month },
            Period::Quarterly => Bucket::Quarter {
                year,
                quarter: (month + 2) / 3,
            },
            Period::Yearly => Bucket::Year(year),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One calendar period of a time zone: what recovery points share that stand for the same hour, day, week and so on.
///
/// Each period has its own key, so no two periods can be mistaken for one another, and a week belongs to its ISO year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bucket {
    /// An hour, as `2026-11-18T13:00+01:00`.
    Hour {
        /// The day.
        date: Date,
        /// The hour, from 0 to 23.
        hour: i8,
        /// How far the clocks were ahead of UTC.
        offset: Offset,
    },
    /// A day, as `2026-11-18`.
    Day(Date),
    /// An ISO week, as `2026-W47`.
    Week {
        /// The ISO year, which differs from the calendar's around the new year.
        year: i16,
        /// The week, from 1 to 53.
        week: i8,
    },
    /// A month, as `2026-11`.
    Month {
        /// The year.
        year: i16,
        /// The month, from 1 to 12.
        month: i8,
    },
    /// A quarter, as `2026-Q4`.
    Quarter {
        /// The year.
        year: i16,
        /// The quarter, from 1 to 4.
        quarter: i8,
    },
    /// A year, as `2026`.
    Year(i16),
}

impl Bucket {
    /// When the clocks of a time zone first show that it is over.
    pub(crate) fn end(&self, zone: &TimeZone) -> Option<Timestamp> {
        let first_of = |year: i16, month: i8| Date::new(year, month, 1).ok();
        let next = match *self {
            Bucket::Hour { date, hour, offset } => {
                let begin = offset.to_timestamp(date.at(hour, 0, 0, 0)).ok()?;
                return begin.checked_add(SignedDuration::from_hours(1)).ok();
            }
            Bucket::Day(date) => date.tomorrow().ok()?,
            Bucket::Week { year, week } => {
                let sunday = ISOWeekDate::new(year, week, Weekday::Sunday).ok()?;
                sunday.date().tomorrow().ok()?
            }
            Bucket::Month { year, month: 12 } | Bucket::Quarter { year, quarter: 4 } | Bucket::Year(year) => {
                first_of(year.checked_add(1)?, 1)?
            }
            Bucket::Month { year, month } => first_of(year, month + 1)?,
            Bucket::Quarter { year, quarter } => first_of(year, 3 * quarter + 1)?,
        };
        midnight_of(next, zone)
    }

    /// The period that this is one of.
    pub fn period(&self) -> Period {
        match self {
            Bucket::Hour { .. } => Period::Hourly,
            Bucket::Day(_) => Period::Daily,
            Bucket::Week { .. } => Period::Weekly,
            Bucket::Month { .. } => Period::Monthly,
            Bucket::Quarter { .. } => Period::Quarterly,
            Bucket::Year(_) => Period::Yearly,
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bucket::Hour { date, hour, offset } => {
                let minutes = offset.seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
                write!(f, "{date}T{hour:02}:00{sign}{hours:02}:{minutes:02}")
            }
            Bucket::Day(date) => write!(f, "{date}"),
            Bucket::Week { year, week } => write!(f, "{year:04}-W{week:02}"),
            Bucket::Month { year, month } => write!(f, "{year:04}-{month:02}"),
            Bucket::Quarter { year, quarter } => write!(f, "{year:04}-Q{quarter}"),
            Bucket::Year(year) => write!(f, "{year:04}"),
        }
    }
}
