use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use holdfast_catalog::Slot;
use jiff::civil::DateTime;
use jiff::tz::{Disambiguation, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The shortest time between two slots: ticks come no faster.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);

/// When the slots of a plan come.
#[derive(Debug, Clone, PartialEq)]
pub enum Cadence {
    /// At every multiple of a duration since 1970-01-01T00:00Z, so that slots do not move when a policy is edited.
    Every(SignedDuration),
    /// When a cron expression says, by the clock on the wall of the schedule's zone.
    Cron(Box<Cron>),
}

/// When recovery points are due.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    cadence: Cadence,
    zone: TimeZone,
}

impl Eq for Schedule {}

impl Schedule {
    /// A slot at every multiple of a duration.
    ///
    /// # Errors
    /// The duration is shorter than a minute.
    pub fn every(interval: SignedDuration, zone: TimeZone) -> Result<Self, String> {
        if interval < SHORTEST {
            return Err("slots come at most once a minute: use 1m or longer".to_owned());
        }
        Ok(Schedule {
            cadence: Cadence::Every(interval),
            zone,
        })
    }

    /// Slots by a cron expression of five fields: minute, hour, day of month, month, day of week.
    ///
    /// # Errors
    /// What is wrong with the expression, or that it never comes.
    pub fn cron(expression: &str, zone: TimeZone) -> Result<Self, String> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser
            .parse(expression)
            .map_err(|error| format!("{expression:?} is no cron expression of five fields: {error}"))?;
        let begin = DateTime::constant(2026, 1, 1, 0, 0, 0, 0);
        if cron.find_next_occurrence(&begin, true).is_err() {
            return Err(format!("{expression:?} never comes: choose a day that exists"));
        }
        Ok(Schedule {
            cadence: Cadence::Cron(Box::new(cron)),
            zone,
        })
    }

    /// How the slots come.
    pub fn cadence(&self) -> &Cadence {
        &self.cadence
    }

    /// The time zone, of the cron expression and of the retention's calendar periods.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The newest slot that is not after an instant.
    pub fn latest_at_or_before(&self, at: Timestamp) -> Option<Slot> {
        match &self.cadence {
            Cadence::Every(interval) => {
                let seconds = interval.as_secs();
                let slot = at.as_second().div_euclid(seconds).checked_mul(seconds)?;
                Timestamp::from_second(slot).ok().map(Slot::at)
            }
            Cadence::Cron(cron) => {
                // An hour that comes twice counts the first time, so in its second pass all of the first has been: what is
                // sought may lie ahead of the clock on the wall, by as much as that was set back.
                let mut wall = at.to_zoned(self.zone.clone()).datetime();
                if let jiff::tz::AmbiguousOffset::Fold { before, .. } = self.zone.to_ambiguous_timestamp(wall).offset() {
                    wall = before.to_datetime(at);
                }
                let mut inclusive = true;
                loop {
                    let found = cron.find_previous_occurrence(&wall, inclusive).ok()?;
                    let slot = self.instant_of(found)?;
                    if slot <= at {
                        return Some(Slot::at(slot));
                    }
                    (wall, inclusive) = (found, false);
                }
            }
        }
    }

    /// The first slot that is after an instant.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        match &self.cadence {
            Cadence::Every(interval) => {
                let seconds = interval.as_secs();
                let slot = after
                    .as_second()
                    .div_euclid(seconds)
                    .checked_add(1)?
                    .checked_mul(seconds)?;
                Timestamp::from_second(slot).ok().map(Slot::at)
            }
            Cadence::Cron(cron) => {
                // No time up to the one on the wall can still come, whether the clock skipped it or shows it again.
                let mut wall = after.to_zoned(self.zone.clone()).datetime();
                loop {
                    let found = cron.find_next_occurrence(&wall, false).ok()?;
                    let slot = self.instant_of(found)?;
                    if slot > after {
                        return Some(Slot::at(slot));
                    }
                    wall = found;
                }
            }
        }
    }

    /// The longest time between two neighbouring slots in the years that matter, with the first of the two; a changing clock
    /// counts.
    pub(crate) fn longest_gap(&self) -> Option<(SignedDuration, Slot)> {
        if let Cadence::Every(interval) = &self.cadence {
            return Some((*interval, Slot::at(Timestamp::UNIX_EPOCH)));
        }
        let begin: Timestamp = Timestamp::from_second(GAP_SEARCH_FROM).ok()?;
        let end = begin
            .checked_add(SignedDuration::from_hours(24 * GAP_SEARCH_DAYS))
            .ok()?;
        let mut slot = self.next_after(begin)?;
        let mut longest: Option<(SignedDuration, Slot)> = None;
        for _ in 0..GAP_SEARCH_SLOTS {
            let next = self.next_after(slot.instant())?;
            let gap = next.instant().duration_since(slot.instant());
            if longest.is_none_or(|(held, _)| gap > held) {
                longest = Some((gap, slot));
            }
            if next.instant() > end {
                break;
            }
            slot = next;
        }
        longest
    }

    /// The one instant of a time on the wall: a time that is skipped stands for the next valid one, a time that comes twice for
    /// the first.
    fn instant_of(&self, wall: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Gap { before, .. } => {
                // The clock jumps at the end of the gap: that is the next valid instant, whatever was asked for inside it.
                let inside = before.to_timestamp(wall).ok()?;
                self.zone
                    .preceding(inside.checked_add(SignedDuration::from_secs(1)).ok()?)
                    .next()
                    .map(|jump| jump.timestamp())
            }
            _ => ambiguous.disambiguate(Disambiguation::Earlier).ok(),
        }
    }
}

/// 2026-01-01T00:00Z: the gaps of a schedule are looked for in two years from here, which hold every change of the clock.
const GAP_SEARCH_FROM: i64 = 1_767_225_600;
const GAP_SEARCH_DAYS: i64 = 2 * 366;
/// A schedule with more slots than that in two years comes often enough that its longest gap shows in the first ones.
const GAP_SEARCH_SLOTS: usize = 20_000;

/// A time zone by its IANA name.
///
/// # Errors
/// There is none of that name.
pub fn time_zone(name: &str) -> Result<TimeZone, String> {
    let example = "write an IANA name, for example Europe/Berlin or UTC";
    let found = jiff::tz::TimeZoneDatabase::bundled().get(name);
    found.map_err(|_| format!("there is no time zone {name:?}: {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn cron(expression: &str, zone: &str) -> Schedule {
        Schedule::cron(expression, time_zone(zone).unwrap()).unwrap()
    }

    fn slots(schedule: &Schedule, from: &str, count: usize) -> Vec<String> {
        let mut now = at(from);
        (0..count)
            .map(|_| {
                now = schedule.next_after(now).unwrap().instant();
                now.to_string()
            })
            .collect()
    }

    #[test]
    fn every_is_aligned_and_does_not_drift() {
        let schedule = Schedule::every(SignedDuration::from_mins(15), TimeZone::UTC).unwrap();
        assert_eq!(
            schedule
                .latest_at_or_before(at("2026-11-21T03:14:59Z"))
                .unwrap()
                .instant(),
            at("2026-11-21T03:00:00Z")
        );
        assert_eq!(
            schedule
                .latest_at_or_before(at("2026-11-21T03:15:00Z"))
                .unwrap()
                .instant(),
            at("2026-11-21T03:15:00Z")
        );
        assert_eq!(
            schedule.next_after(at("2026-11-21T03:15:00Z")).unwrap().instant(),
            at("2026-11-21T03:30:00Z")
        );
    }

    #[test]
    fn a_time_that_the_clock_skips_runs_once_at_the_next_valid_instant() {
        let berlin = cron("30 2 * * *", "Europe/Berlin");
        let expected = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
        assert_eq!(slots(&berlin, "2026-03-28T00:00:00Z", 3), expected);
        let sydney = cron("30 2 * * *", "Australia/Sydney");
        let expected = ["2026-10-02T16:30:00Z", "2026-10-03T16:00:00Z", "2026-10-04T15:30:00Z"];
        assert_eq!(slots(&sydney, "2026-10-02T00:00:00Z", 3), expected);
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_runs_once() {
        let berlin = cron("30 2 * * *", "Europe/Berlin");
        let expected = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(slots(&berlin, "2026-10-24T00:00:00Z", 3), expected);
        let new_york = cron("30 1 * * *", "America/New_York");
        let expected = ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"];
        assert_eq!(slots(&new_york, "2026-10-31T00:00:00Z", 3), expected);
    }

    #[test]
    fn latest_and_next_agree_through_a_year_in_every_zone() {
        for zone in [
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Australia/Sydney",
            "Asia/Kolkata",
            "Australia/Lord_Howe",
        ] {
            for expression in ["30 2 * * *", "15 */3 * * *", "0 0 1 * *", "45 1 * * SUN"] {
                let schedule = cron(expression, zone);
                let mut now = at("2026-01-01T00:00:00Z");
                while now < at("2027-01-01T00:00:00Z") {
                    let next = schedule.next_after(now).unwrap();
                    assert!(next.instant() > now, "{zone} {expression} {now}");
                    assert_eq!(
                        schedule.latest_at_or_before(next.instant()),
                        Some(next),
                        "{zone} {expression}"
                    );
                    let before = next.instant() - SignedDuration::from_secs(1);
                    let held = schedule.latest_at_or_before(before).unwrap();
                    assert!(held.instant() < next.instant(), "{zone} {expression} {next}");
                    assert_eq!(schedule.next_after(held.instant()), Some(next), "{zone} {expression}");
                    now = next.instant();
                }
            }
        }
    }

    #[test]
    fn the_longest_gap_of_a_day_is_25_hours_where_clocks_change() {
        assert_eq!(
            cron("0 12 * * *", "UTC").longest_gap().unwrap().0,
            SignedDuration::from_hours(24)
        );
        assert_eq!(
            cron("0 12 * * *", "Europe/Berlin").longest_gap().unwrap().0,
            SignedDuration::from_hours(25)
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for wrong in ["", "* * * *", "60 * * * *", "0 0 30 2 *", "0 0 0 * * *", "every day"] {
            assert!(Schedule::cron(wrong, TimeZone::UTC).is_err(), "{wrong:?}");
        }
        assert!(Schedule::every(SignedDuration::from_secs(59), TimeZone::UTC).is_err());
        assert!(time_zone("Europe/Atlantis").is_err());
    }
}
