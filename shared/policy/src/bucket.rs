use jiff::Timestamp;
use jiff::civil::ISOWeekDate;
use jiff::tz::TimeZone;

/// A calendar period of a retention rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// An hour by the clock on the wall; an hour that the clock shows twice is two.
    Hour,
    /// A day.
    Day,
    /// An ISO week, Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// A quarter.
    Quarter,
    /// A year.
    Year,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 6] = [
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::Quarter,
        Period::Year,
    ];

    /// The rule's name: `hourly`, `daily`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Hour => "hourly",
            Period::Day => "daily",
            Period::Week => "weekly",
            Period::Month => "monthly",
            Period::Quarter => "quarterly",
            Period::Year => "yearly",
        }
    }

    /// The bucket of an instant in a time zone.
    pub fn bucket(self, instant: Timestamp, zone: &TimeZone) -> Bucket {
        let zoned = instant.to_zoned(zone.clone());
        let (year, month) = (zoned.year(), zoned.month());
        match self {
            Period::Hour => Bucket::Hour {
                date: (year, month, zoned.day()),
                hour: zoned.hour(),
                offset_seconds: zoned.offset().seconds(),
            },
            Period::Day => Bucket::Day(year, month, zoned.day()),
            Period::Week => {
                let week: ISOWeekDate = zoned.date().iso_week_date();
                Bucket::Week {
                    iso_year: week.year(),
                    week: week.week(),
                }
            }
            Period::Month => Bucket::Month(year, month),
            Period::Quarter => Bucket::Quarter(year, (month - 1) / 3 + 1),
            Period::Year => Bucket::Year(year),
        }
    }
}

/// One calendar period. A typed key: buckets of different periods are never equal, and weeks go by the ISO year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bucket {
    /// An hour. The offset tells the two hours apart that a clock shows twice when it is set back.
    Hour {
        /// Year, month, day.
        date: (i16, i8, i8),
        /// Hour of the day.
        hour: i8,
        /// The zone's offset from UTC then.
        offset_seconds: i32,
    },
    /// Year, month, day.
    Day(i16, i8, i8),
    /// An ISO week.
    Week {
        /// The year that the week belongs to, which differs from the date's at the turn of the year.
        iso_year: i16,
        /// 1 to 53.
        week: i8,
    },
    /// Year and month.
    Month(i16, i8),
    /// Year and quarter.
    Quarter(i16, i8),
    /// Year.
    Year(i16),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(period: Period, instant: &str, zone: &str) -> Bucket {
        period.bucket(instant.parse().unwrap(), &TimeZone::get(zone).unwrap())
    }

    #[test]
    fn the_turn_of_the_year_belongs_to_the_iso_weeks_year() {
        let week = |iso_year, week| Bucket::Week { iso_year, week };
        assert_eq!(bucket(Period::Week, "2021-01-03T12:00:00Z", "UTC"), week(2020, 53));
        assert_eq!(bucket(Period::Week, "2024-12-30T12:00:00Z", "UTC"), week(2025, 1));
        assert_eq!(bucket(Period::Week, "2023-01-01T12:00:00Z", "UTC"), week(2022, 52));
    }

    #[test]
    fn a_day_is_the_zones_day() {
        assert_eq!(
            bucket(Period::Day, "2026-11-20T23:30:00Z", "Europe/Berlin"),
            Bucket::Day(2026, 11, 21)
        );
        assert_eq!(
            bucket(Period::Day, "2026-11-21T03:00:00Z", "America/New_York"),
            Bucket::Day(2026, 11, 20)
        );
    }

    #[test]
    fn an_hour_that_the_clock_shows_twice_is_two_hours() {
        let first = bucket(Period::Hour, "2026-10-25T00:30:00Z", "Europe/Berlin");
        let second = bucket(Period::Hour, "2026-10-25T01:30:00Z", "Europe/Berlin");
        assert_ne!(first, second);
    }

    #[test]
    fn quarters_begin_in_january_april_july_and_october() {
        for (month, quarter) in [("01", 1), ("03", 1), ("04", 2), ("09", 3), ("10", 4), ("12", 4)] {
            let instant = format!("2026-{month}-15T12:00:00Z");
            assert_eq!(bucket(Period::Quarter, &instant, "UTC"), Bucket::Quarter(2026, quarter));
        }
    }
}
