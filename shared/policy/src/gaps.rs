//! The longest and the shortest time between two slots, and how much of a window the last slot in it leaves.

use holdfast_catalog::Slot;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::cron::Cron;
use crate::local::begin_of;
use crate::rhythm::{Cadence, Rhythm};
use crate::window::Window;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The years that are looked at: 28 of them hold every combination of weekday, leap year and clock change that the current
/// rules of a zone can make. A fixed range, because this crate has no clock.
const FIRST_DAY: Date = Date::constant(2026, 1, 1);
const AFTER_LAST_YEAR: i16 = 2054;

/// A week of windows, and one more night on either side.
const SAMPLE: SignedDuration = SignedDuration::from_hours(9 * 24);

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

/// What a slot leaves of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// How long the window stays open after the slot.
    pub(crate) left: SignedDuration,
    /// The slot, by the clocks.
    pub(crate) at: Time,
}

/// How a schedule's slots lie over 28 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) shortest: Gap,
    pub(crate) longest: Gap,
    /// The least that a slot leaves of its window, clock changes aside; nothing without a window.
    pub(crate) tightest: Option<Room>,
}

impl Rhythm {
    /// Looks at 28 years of slots and every change of the clocks in them. Nothing if they hold no two slots.
    pub(crate) fn survey(&self) -> Option<Survey> {
        let (mut gaps, tightest) = match (&self.cadence, &self.window) {
            (Cadence::Every(_), None) => {
                let gap = self.gap_after(Timestamp::UNIX_EPOCH)?;
                return Some(Survey {
                    shortest: gap,
                    longest: gap,
                    tightest: None,
                });
            }
            (Cadence::Every(interval), Some(window)) => self.gaps_in_windows(*interval, window)?,
            (Cadence::Cron(cron), window) => self.quiet_gaps(cron, window.as_ref())?,
        };
        gaps.extend(self.gaps_of_clock_changes());
        if gaps.is_empty() {
            // A single slot in all these years.
            gaps.extend(self.start().and_then(|start| self.gap_after(start)));
        }
        Some(Survey {
            shortest: *gaps.iter().min_by_key(|gap| gap.length())?,
            longest: *gaps.iter().max_by_key(|gap| gap.length())?,
            tightest,
        })
    }

    fn gap_after(&self, instant: Timestamp) -> Option<Gap> {
        let from = self.latest_at_or_before(instant)?;
        let to = self.next_after(from.instant())?;
        Some(Gap { from, to })
    }

    /// Every gap of nine days of windows, for each offset that the zone's clocks have: an interval knows no clocks, so
    /// that is how its slots lie in the windows until the clocks change.
    fn gaps_in_windows(&self, interval: SignedDuration, window: &Window) -> Option<(Vec<Gap>, Option<Room>)> {
        let (mut gaps, mut tightest, mut seen) = (Vec::new(), None::<Room>, Vec::new());
        for start in self.start().into_iter().chain(self.clock_changes()) {
            let offset = self.zone.to_offset(start);
            if seen.contains(&offset) {
                continue;
            }
            seen.push(offset);
            let mut next = window.first_after(start, &self.zone);
            while let Some(open) = next.filter(|open| open.from.duration_since(start) < SAMPLE) {
                next = window.first_after(open.from, &self.zone);
                let before_end = open.to.checked_sub(SECOND).ok()?;
                let last = self.cadence.latest_at_or_before(before_end, &self.zone)?;
                if !open.contains(last) {
                    continue;
                }
                gaps.extend(self.gap_after(last));
                gaps.extend(self.gap_after(last.checked_sub(interval).ok()?));
                let left = open.to.duration_since(last);
                if tightest.is_none_or(|room| left < room.left) {
                    let at = self.zone.to_datetime(last).time();
                    tightest = Some(Room { left, at });
                }
            }
        }
        // Without a slot in nine days there is none in others: the slots lie alike in all of them.
        (!gaps.is_empty()).then_some((gaps, tightest))
    }

    /// The longest and the shortest gaps inside a day and between two days, clock changes aside.
    fn quiet_gaps(&self, cron: &Cron, window: Option<&Window>) -> Option<(Vec<Gap>, Option<Room>)> {
        let week = week_of(cron.times(), window);
        let (mut longest, mut shortest) = (None::<Quiet>, None::<Quiet>);
        let (mut last, mut tightest) = (None::<(i64, i64)>, None::<(i64, i64)>);
        for (day, weekday) in days_of(cron) {
            let Some(hours) = &week[weekday] else { continue };
            let between = last.map(|(before, time)| Quiet {
                seconds: (day - before) * DAY_SECONDS + hours.first - time,
                day: before,
                time,
            });
            let inside = [hours.longest, hours.shortest].map(|gap| gap.map(|gap| Quiet { day, ..gap }));
            for gap in inside.into_iter().chain([between]).flatten() {
                longest = longest.filter(|longest| longest.seconds >= gap.seconds).or(Some(gap));
                shortest = shortest
                    .filter(|shortest| shortest.seconds <= gap.seconds)
                    .or(Some(gap));
            }
            last = Some((day, hours.last));
            tightest = [tightest, hours.tightest].into_iter().flatten().min();
        }
        let gap = |quiet: Quiet| self.gap_after(begin_of(quiet.local()?, &self.zone)?);
        let gaps = [shortest, longest].into_iter().flatten().filter_map(gap).collect();
        let room = tightest.and_then(|(left, second)| {
            let at = time_of(second)?;
            let left = SignedDuration::from_secs(left);
            Some(Room { left, at })
        });
        last.is_some().then_some((gaps, room))
    }

    /// The gaps in which the clocks change, and those that begin at the change itself, where a skipped slot may run.
    fn gaps_of_clock_changes(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        for change in self.clock_changes() {
            // A yearly slot has many changes in one gap: looking for it once is enough.
            if gaps.last().is_some_and(|gap| gap.to.instant() > change) {
                continue;
            }
            let before = change.checked_sub(SECOND).ok();
            let across = before.and_then(|before| self.gap_after(before));
            gaps.extend(across);
            if across.is_some_and(|gap| gap.to.instant() == change) {
                gaps.extend(self.gap_after(change));
            }
        }
        gaps
    }

    fn start(&self) -> Option<Timestamp> {
        begin_of(FIRST_DAY.at(0, 0, 0, 0), &TimeZone::UTC)
    }

    fn clock_changes(&self) -> impl Iterator<Item = Timestamp> {
        let start = self.start().unwrap_or(Timestamp::MAX);
        let changes = self.zone.following(start).map(|change| change.timestamp());
        changes.take_while(|change| TimeZone::UTC.to_datetime(*change).year() < AFTER_LAST_YEAR)
    }
}

/// A gap in which no clocks change: how long it is, and the slot at which it begins.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    seconds: i64,
    /// Days since the first that is looked at.
    day: i64,
    /// Seconds since midnight.
    time: i64,
}

impl Quiet {
    fn local(self) -> Option<jiff::civil::DateTime> {
        let date = FIRST_DAY.checked_add(self.day.days()).ok()?;
        Some(date.to_datetime(time_of(self.time)?))
    }
}

/// The slots of one weekday, in seconds since midnight.
#[derive(Debug, Clone)]
struct Hours {
    first: i64,
    last: i64,
    longest: Option<Quiet>,
    shortest: Option<Quiet>,
    /// The least that a slot leaves of its window, and the slot.
    tightest: Option<(i64, i64)>,
}

/// The slots of each weekday, from Sunday on: those times that lie in a window, leaving aside what clocks do.
fn week_of(times: &[Time], window: Option<&Window>) -> [Option<Hours>; 7] {
    let weekday = |number: i8| Weekday::from_sunday_zero_offset(number).unwrap_or(Weekday::Sunday);
    [0, 1, 2, 3, 4, 5, 6].map(|number| {
        let left = |second: i64| window.map_or(Some(i64::MAX), |window| left_of(window, weekday(number), second));
        let slots: Vec<(i64, i64)> = times
            .iter()
            .map(|time| i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60)
            .filter_map(|second| Some((left(second)?, second)))
            .collect();
        let gaps = slots.windows(2).map(|pair| Quiet {
            seconds: pair[1].1 - pair[0].1,
            day: 0,
            time: pair[0].1,
        });
        Some(Hours {
            first: slots.first()?.1,
            last: slots.last()?.1,
            longest: gaps.clone().max_by_key(|gap| gap.seconds),
            shortest: gaps.min_by_key(|gap| gap.seconds),
            tightest: window.and(slots.iter().min().copied()),
        })
    })
}

/// How long a window is still open at a time of a weekday; nothing if it is not.
fn left_of(window: &Window, weekday: Weekday, second: i64) -> Option<i64> {
    let (from, to) = (window.from().second(), window.to().second());
    let evening = window.days().has(weekday) && second >= from;
    let morning = window.days().has(weekday.previous()) && second < to;
    match (window.crosses_midnight(), evening, morning) {
        (false, true, _) if second < to => Some(to - second),
        (true, true, _) => Some(DAY_SECONDS - second + to),
        (true, false, true) => Some(to - second),
        _ => None,
    }
}

/// The days that match, as their number since the first that is looked at and as their weekday, counted from Sunday.
fn days_of(cron: &Cron) -> impl Iterator<Item = (i64, usize)> {
    let first = usize::from(FIRST_DAY.weekday().to_sunday_zero_offset().unsigned_abs());
    let (mut month, mut start) = (FIRST_DAY, 0);
    let months = std::iter::from_fn(move || {
        let current = (cron.days().in_month_of(month), start);
        start += usize::from(month.days_in_month().unsigned_abs());
        month = month.last_of_month().tomorrow().ok()?;
        (month <= Date::constant(AFTER_LAST_YEAR, 1, 1)).then_some(current)
    });
    months.flat_map(move |(days, start)| {
        let days = (0..31).filter(move |day| days & (1 << day) != 0);
        days.map(move |day| {
            let number = start + day;
            (i64::try_from(number).unwrap_or(i64::MAX), (first + number) % 7)
        })
    })
}

fn time_of(second: i64) -> Option<Time> {
    let part = |number: i64| i8::try_from(number).ok();
    Time::new(part(second / 3600)?, part(second / 60 % 60)?, 0, 0).ok()
}
