use croner::Weekday;
use jiff::civil::Date;

/// How many months a search looks at. The longest wait that five fields can ask for is that for a 29 February on a given
/// weekday across the year 2100: 40 years.
const MAX_SEARCH_MONTHS: u32 = 41 * 12;

/// A month's place in the table for a February of 29 days.
const LEAP_FEBRUARY: usize = 12;

/// The days that a cron expression matches, worked out once for every shape that a month can have: looking a month up
/// takes no longer than looking a day up.
///
/// A day of the month, its weekday and the month's length are all that the fields speak of. So a month's days follow from
/// its number, its length and the weekday that it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Days([[u32; 7]; 13]);

impl Days {
    /// The days that match an expression.
    pub(crate) fn of(expression: &croner::Cron) -> Self {
        let pattern = &expression.pattern;
        let mut table = [[0; 7]; 13];
        for (index, row) in (0_u32..).zip(&mut table) {
            // Any leap year and any other will do: the year says no more than how long February is.
            let (year, month) = if index == 12 { (2028, 2) } else { (2027, index + 1) };
            if !pattern.month_match(month).unwrap_or(false) {
                continue;
            }
            for (first, days) in (0_u32..).zip(row) {
                for day in 1..=31 {
                    let weekday = || Weekday::from_days_from_sunday((first + day - 1) % 7);
                    // A day that the month does not have is an error, and no match.
                    let matches = pattern.day_match(year, month, day, weekday()).unwrap_or(false);
                    *days |= u32::from(matches) << (day - 1);
                }
            }
        }
        Days(table)
    }

    /// Whether no day ever matches.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_flattened().iter().all(|days| *days == 0)
    }

    /// Whether a day matches.
    pub(crate) fn has(&self, date: Date) -> bool {
        self.in_month_of(date) & bit(date) != 0
    }

    /// The first day after another that matches.
    pub(crate) fn first_after(&self, date: Date) -> Option<Date> {
        // The bits above the day's own, without its own.
        let mut days = self.in_month_of(date) & !(bit(date) | (bit(date) - 1));
        let mut month = date;
        for _ in 0..MAX_SEARCH_MONTHS {
            if days != 0 {
                return on(month, days.trailing_zeros() + 1);
            }
            month = month.last_of_month().tomorrow().ok()?;
            days = self.in_month_of(month);
        }
        None
    }

    /// The last day before another that matches.
    pub(crate) fn last_before(&self, date: Date) -> Option<Date> {
        let mut days = self.in_month_of(date) & (bit(date) - 1);
        let mut month = date;
        for _ in 0..MAX_SEARCH_MONTHS {
            if days != 0 {
                return on(month, days.ilog2() + 1);
            }
            month = month.first_of_month().yesterday().ok()?;
            days = self.in_month_of(month);
        }
        None
    }

    /// The days of a date's month that match: bit 0 is the first.
    pub(crate) fn in_month_of(&self, date: Date) -> u32 {
        let first = date.first_of_month().weekday().to_sunday_zero_offset();
        let month = if date.days_in_month() == 29 {
            LEAP_FEBRUARY
        } else {
            index(date.month()) - 1
        };
        self.0[month][index(first)]
    }
}

fn bit(date: Date) -> u32 {
    1 << (index(date.day()) - 1)
}

fn on(month: Date, day: u32) -> Option<Date> {
    Date::new(month.year(), month.month(), day.try_into().ok()?).ok()
}

fn index(number: i8) -> usize {
    number.unsigned_abs().into()
}
