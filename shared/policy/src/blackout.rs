use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::fault::Problem;

/// The most entries that a blackout may have: one for each day of a year, and some.
pub(crate) const MAX_ENTRIES: usize = 400;

/// Days from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dates {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

impl FromStr for Dates {
    type Err = Problem;

    /// Reads a day as `2026-12-24`, or several as `2026-12-31..2027-01-02`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (date(first)?, date(last)?);
        if last < first {
            let what = format!("backwards: {last} is before {first}");
            return Err(Problem::new(what, format!("write {last}..{first}")));
        }
        Ok(Dates { first, last })
    }
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}..{}", self.first, self.last)
        }
    }
}

/// Reads a day as `2026-12-24`.
///
/// # Errors
/// The text has another form.
pub(crate) fn date(text: &str) -> Result<Date, Problem> {
    let read = text.parse::<Date>().ok();
    // A date may be read from more than its one spelling here.
    read.filter(|date| date.to_string() == text)
        .ok_or_else(|| Problem::new("not a date", "write for example 2026-12-24, or 2026-12-31..2027-01-02"))
}

/// Days on which there are neither slots nor starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blackout(Vec<Dates>);

impl Blackout {
    /// A blackout of some days, in any order.
    ///
    /// # Errors
    /// There are more than 400 entries.
    pub fn new(mut dates: Vec<Dates>) -> Result<Self, Problem> {
        if dates.len() > MAX_ENTRIES {
            let what = format!("a list of {} entries", dates.len());
            let change = format!("write at most {MAX_ENTRIES}; a range as 2026-12-31..2027-01-02 is one entry");
            return Err(Problem::new(what, change));
        }
        dates.sort();
        let mut joined: Vec<Dates> = Vec::new();
        for next in dates {
            match joined.last_mut() {
                Some(open) if touches(open, &next) => open.last = open.last.max(next.last),
                _ => joined.push(next),
            }
        }
        Ok(Blackout(joined))
    }

    /// Its days, in order; such as follow one another are joined.
    pub fn dates(&self) -> &[Dates] {
        &self.0
    }

    /// The days without a break that a day is one of, if it is one of the blackout's.
    pub(crate) fn around(&self, date: Date) -> Option<Dates> {
        let begun = self.0.partition_point(|dates| dates.first <= date);
        let dates = self.0.get(begun.checked_sub(1)?)?;
        (date <= dates.last).then_some(*dates)
    }

    /// The first day of the blackout after a day that is none of its days.
    pub(crate) fn first_after(&self, date: Date) -> Option<Date> {
        let begun = self.0.partition_point(|dates| dates.first <= date);
        Some(self.0.get(begun)?.first)
    }
}

fn touches(open: &Dates, next: &Dates) -> bool {
    open.last.tomorrow().map_or(true, |day_after| next.first <= day_after)
}
