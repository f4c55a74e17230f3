use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use crate::fault::Problem;
use crate::local::{begin_of, date_of, end_of};

/// A window that begins on one weekday only comes again within so many days, and one that runs past midnight may have
/// begun a day before.
const SEARCH_DAYS: u32 = 9;

const MINUTES_OF_DAY: u16 = 24 * 60;

/// A time that clocks show, to the minute: from 00:00 to 24:00, which is how a day ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime(u16);

impl ClockTime {
    /// Seconds since midnight.
    pub(crate) fn second(self) -> i64 {
        i64::from(self.0) * 60
    }

    fn is_end_of_day(self) -> bool {
        self.0 == MINUTES_OF_DAY
    }

    /// The time of day; the end of a day is the beginning of the next.
    fn time(self) -> Time {
        let part = |number: u16| i8::try_from(number).unwrap_or(0);
        Time::new(part(self.0 / 60 % 24), part(self.0 % 60), 0, 0).unwrap_or(Time::MIN)
    }
}

impl FromStr for ClockTime {
    type Err = Problem;

    /// Reads a time as `22:00`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let number = |digits: &str| match digits.as_bytes() {
            [b'0'..=b'9', b'0'..=b'9'] => digits.parse::<u16>().ok(),
            _ => None,
        };
        let read = text
            .split_once(':')
            .and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
        match read {
            Some((24, 0)) => Ok(ClockTime(MINUTES_OF_DAY)),
            Some((hour @ 0..24, minute @ 0..60)) => Ok(ClockTime(hour * 60 + minute)),
            _ => Err(Problem::new(
                "not a time of day",
                "write hours and minutes in quotes, for example \"22:00\"",
            )),
        }
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Days of the week; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

/// The words of cron, in its order.
const WORDS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Weekdays {
    /// Every day of the week.
    pub const ALL: Weekdays = Weekdays(0b111_1111);

    /// Whether a weekday is one of them.
    pub fn has(self, weekday: Weekday) -> bool {
        self.0 & (1 << weekday.to_sunday_zero_offset()) != 0
    }
}

impl FromStr for Weekdays {
    type Err = Problem;

    /// Reads weekdays as cron writes them: `MON-FRI`, `SAT,SUN`, `1-5`, `*`. Sunday is 0 or 7. A range may run over the
    /// end of a week: `FRI-MON`.
    fn from_str(text: &str) -> Result<Self, Problem> {
        let problem = || Problem::new("not days of the week", "write for example MON-FRI or SAT,SUN");
        if text == "*" {
            return Ok(Weekdays::ALL);
        }
        let mut days = 0;
        for item in text.split(',') {
            let (from, to) = item.split_once('-').unwrap_or((item, item));
            let (mut day, to) = (weekday(from).ok_or_else(problem)?, weekday(to).ok_or_else(problem)?);
            days |= 1 << day;
            while day != to {
                day = (day + 1) % 7;
                days |= 1 << day;
            }
        }
        Ok(Weekdays(days))
    }
}

/// A weekday's number from its word or its number in cron.
fn weekday(text: &str) -> Option<usize> {
    let text = text.trim();
    let word = WORDS.iter().position(|word| word.eq_ignore_ascii_case(text));
    word.or(match text.as_bytes() {
        [digit @ b'0'..=b'7'] => Some(usize::from(digit - b'0') % 7),
        _ => None,
    })
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // From Monday on, as people count; days that follow one another are one range.
        let days: Vec<usize> = (1..=7).filter(|day| self.0 & (1 << (day % 7)) != 0).collect();
        for (index, run) in days.chunk_by(|day, next| day + 1 == *next).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let word = |day: &usize| WORDS[day % 7];
            match run {
                [day] => write!(f, "{comma}{}", word(day))?,
                [first, .., last] => write!(f, "{comma}{}-{}", word(first), word(last))?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// The hours in which runs may start: from one local time to another, on some days of the week.
///
/// A window that ends at or before the time at which it begins runs past midnight; it belongs to the day on which it
/// begins. Where clocks change it begins and ends the first time that they show its times. A beginning that they skip is
/// when they have moved on; an end that they skip comes as much later as they skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: ClockTime,
    to: ClockTime,
    days: Weekdays,
}

/// One night, day or hour in which a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// When it begins.
    pub from: Timestamp,
    /// When it is over.
    pub to: Timestamp,
}

impl Occurrence {
    /// Whether an instant lies in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        (self.from..self.to).contains(&instant)
    }
}

impl Window {
    /// A window between two times of day, on the days of the week on which it begins.
    ///
    /// # Errors
    /// It has no length, or begins when a day ends.
    pub fn new(from: ClockTime, to: ClockTime, days: Weekdays) -> Result<Self, Problem> {
        if from.is_end_of_day() {
            return Err(Problem::new(
                "a window that begins as a day ends",
                "write from: \"00:00\"",
            ));
        }
        if from == to {
            let what = format!("a window of zero length, from {from} to {to}");
            let change = "write a later end; a whole day is from \"00:00\" to \"24:00\"";
            return Err(Problem::new(what, change));
        }
        Ok(Window { from, to, days })
    }

    /// When it begins.
    pub fn from(&self) -> ClockTime {
        self.from
    }

    /// When it ends, on the same day or on the next.
    pub fn to(&self) -> ClockTime {
        self.to
    }

    /// The days of the week on which it begins.
    pub fn days(&self) -> Weekdays {
        self.days
    }

    /// Whether it ends on the day after that on which it begins.
    pub(crate) fn crosses_midnight(&self) -> bool {
        self.to < self.from
    }

    /// The occurrence that an instant lies in.
    pub fn at(&self, instant: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        let date = date_of(instant, zone);
        let of = |date: Option<Date>| self.on(date?, zone).filter(|occurrence| occurrence.contains(instant));
        of(Some(date)).or_else(|| of(date.yesterday().ok()))
    }

    /// The first occurrence that begins after an instant.
    pub(crate) fn first_after(&self, instant: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        let mut date = date_of(instant, zone).yesterday().ok()?;
        for _ in 0..=SEARCH_DAYS {
            let occurrence = self.on(date, zone).filter(|occurrence| occurrence.from > instant);
            if occurrence.is_some() {
                return occurrence;
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last occurrence that is over at an instant.
    pub(crate) fn last_before(&self, instant: Timestamp, zone: &TimeZone) -> Option<Occurrence> {
        let mut date = date_of(instant, zone);
        for _ in 0..=SEARCH_DAYS {
            let occurrence = self.on(date, zone).filter(|occurrence| occurrence.to <= instant);
            if occurrence.is_some() {
                return occurrence;
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// The occurrence that begins on a day.
    fn on(&self, date: Date, zone: &TimeZone) -> Option<Occurrence> {
        if !self.days.has(date.weekday()) {
            return None;
        }
        let ends_later = self.crosses_midnight() || self.to.is_end_of_day();
        let last = if ends_later { date.tomorrow().ok()? } else { date };
        Some(Occurrence {
            from: begin_of(date.to_datetime(self.from.time()), zone)?,
            to: end_of(last.to_datetime(self.to.time()), zone)?,
        })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.from, self.to)?;
        if self.days == Weekdays::ALL {
            return Ok(());
        }
        write!(f, " on {}", self.days)
    }
}
