use std::fmt;

use holdfast_catalog::Slot;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use crate::blackout::Blackout;
use crate::cron::Cron;
use crate::duration::in_words;
use crate::fault::Problem;
use crate::gaps::{Gap, Survey};
use crate::local::{date_of, midnight_of};
use crate::read::closest;
use crate::rhythm::{Cadence, Rhythm};
use crate::turn::Turn;
use crate::window::Window;

/// The shortest interval: the scheduler that wakes us ticks once a minute at most.
const MIN_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

const SECOND: SignedDuration = SignedDuration::from_secs(1);

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// When recovery points are due and when runs may start, and the time zone of the plan's calendar.
///
/// A cron schedule follows the clocks of its zone. A local time that the clocks skip runs once, as soon as they have
/// moved on. A local time that comes twice runs the first time only; but where every hour matches, every hour runs,
/// both of the two included. An interval knows no clocks: it runs evenly in UTC.
///
/// With a window only what lies in one of its occurrences is a slot. A run starts at its slot or later: before that
/// occurrence is over, or, without a window, before the next slot. The days of a blackout have neither slots nor starts,
/// and there are no starts during a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    rhythm: Rhythm,
    jitter: SignedDuration,
    blackout: Blackout,
    paused_until: Option<Timestamp>,
    /// How the slots lie, once that was worked out: it takes longer than everything else.
    survey: Option<Survey>,
}

/// When a resource's run for a slot may begin: at `at` or later, and before `until`, where the schedule is not halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The slot.
    pub slot: Slot,
    /// The slot and the resource's share of the jitter.
    pub at: Timestamp,
    /// When the window is over, or the next slot comes.
    pub until: Timestamp,
}

/// When runs for a slot may begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    slot: Slot,
    from: Timestamp,
    spread: SignedDuration,
    until: Timestamp,
}

impl Opening {
    pub(crate) fn start(&self, turn: Turn) -> Start {
        Start {
            slot: self.slot,
            at: self.from.saturating_add(turn.of(self.spread)).unwrap_or(self.from),
            until: self.until,
        }
    }
}

/// Why there are no starts at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// It is a day of the blackout.
    Blackout {
        /// When the first day begins that is none.
        until: Timestamp,
    },
    /// The schedule is paused.
    Pause {
        /// Until when.
        until: Timestamp,
    },
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Halt::Blackout { until } => write!(f, "in a blackout until {until}"),
            Halt::Pause { until } => write!(f, "paused until {until}"),
        }
    }
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
        Ok(Schedule::of(Cadence::Every(interval), zone))
    }

    /// A schedule that follows the clocks of a zone.
    ///
    /// # Errors
    /// See [`Cron::new`].
    pub fn cron(expression: &str, zone: TimeZone) -> Result<Self, Problem> {
        Ok(Schedule::of(Cadence::Cron(Cron::new(expression)?), zone))
    }

    fn of(cadence: Cadence, zone: TimeZone) -> Self {
        Schedule {
            rhythm: Rhythm {
                cadence,
                zone,
                window: None,
            },
            jitter: SignedDuration::ZERO,
            blackout: Blackout::default(),
            paused_until: None,
            survey: None,
        }
    }

    /// The same schedule with no slots but those in a window.
    ///
    /// # Errors
    /// There is no slot in it, ever; or the schedule is an interval that does not divide a day: its slots would wander
    /// through the window.
    pub fn within(mut self, window: Window) -> Result<Self, Problem> {
        if let Cadence::Every(interval) = self.rhythm.cadence
            && DAY_SECONDS % interval.as_secs() != 0
        {
            let what = format!(
                "a window for every {}, which does not divide a day: its slots would wander through the window",
                in_words(interval)
            );
            return Err(Problem::new(what, "write an interval such as 1h or 1d, or cron:"));
        }
        self.rhythm.window = Some(window);
        self.survey = self.rhythm.survey();
        if self.survey.is_none() {
            let what = format!("a window in which no slot ever falls: there is none of {self}");
            return Err(Problem::new(
                what,
                "write a window that holds a slot, or another schedule",
            ));
        }
        Ok(self)
    }

    /// The same schedule with the starts of each slot spread over a time, evenly over the resources. The window is to be
    /// set before.
    ///
    /// # Errors
    /// It is half of the shortest time between two slots or more, or more than the window leaves after the last slot in
    /// it.
    pub fn with_jitter(mut self, jitter: SignedDuration) -> Result<Self, Problem> {
        self.survey = self.survey();
        if let Some(survey) = self.survey {
            let half = survey.shortest.length() / 2;
            if jitter >= half {
                let what = format!(
                    "half of the shortest time between two slots or more: {self} has slots {} apart{}",
                    in_words(survey.shortest.length()),
                    self.example(&survey.shortest)
                );
                return Err(Problem::new(what, format!("write less than {}", in_words(half))));
            }
            if let (Some(room), Some(window)) = (survey.tightest, &self.rhythm.window)
                && jitter >= room.left
            {
                let left = in_words(room.left);
                let what = format!(
                    "more than the window leaves: the slot at {} has {left} before the window ends at {}",
                    room.at.strftime("%R"),
                    window.to()
                );
                return Err(Problem::new(
                    what,
                    format!("write less than {left}, or end the window later"),
                ));
            }
        }
        self.jitter = jitter;
        Ok(self)
    }

    /// The same schedule without slots and starts on some days.
    #[must_use]
    pub fn without(mut self, blackout: Blackout) -> Self {
        self.blackout = blackout;
        self
    }

    /// The same schedule without starts before an instant.
    #[must_use]
    pub fn paused_until(mut self, instant: Timestamp) -> Self {
        self.paused_until = Some(instant);
        self
    }

    /// How often it runs.
    pub fn cadence(&self) -> &Cadence {
        &self.rhythm.cadence
    }

    /// The time zone of the plan's calendar: of its cron expression, its window and its blackout, and of the periods of
    /// its retention.
    pub fn zone(&self) -> &TimeZone {
        &self.rhythm.zone
    }

    /// In which hours runs may start; at all hours if it names none.
    pub fn window(&self) -> Option<&Window> {
        self.rhythm.window.as_ref()
    }

    /// Over how long the starts of a slot are spread.
    pub fn jitter(&self) -> SignedDuration {
        self.jitter
    }

    /// The newest slot that has come at an instant. Nothing if there was none.
    pub fn latest_at_or_before(&self, at: Timestamp) -> Option<Slot> {
        let mut at = at;
        loop {
            let slot = self.rhythm.latest_at_or_before(at)?;
            let Some(dates) = self.blackout.around(date_of(slot.instant(), self.zone())) else {
                return Some(slot);
            };
            at = midnight_of(dates.first, self.zone())?.checked_sub(SECOND).ok()?;
        }
    }

    /// The first slot after an instant. Nothing if there is none any more.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let mut after = after;
        loop {
            let slot = self.rhythm.next_after(after)?;
            let Some(dates) = self.blackout.around(date_of(slot.instant(), self.zone())) else {
                return Some(slot);
            };
            let end = midnight_of(dates.last.tomorrow().ok()?, self.zone())?;
            after = end.checked_sub(SECOND).ok()?;
        }
    }

    /// When a run for a slot may begin, for a resource whose turn it is.
    ///
    /// If the window, a blackout or a pause leaves less time than the jitter, the starts are spread over what is left.
    pub fn start(&self, slot: Slot, turn: Turn) -> Start {
        self.opening(slot).start(turn)
    }

    /// When runs for a slot may begin, for all resources of the plan.
    pub(crate) fn opening(&self, slot: Slot) -> Opening {
        let window = self.window().and_then(|window| window.at(slot.instant(), self.zone()));
        let until = match window {
            Some(open) => open.to,
            None => self.next_after(slot.instant()).map_or(Timestamp::MAX, Slot::instant),
        };
        let from = self.first_open(slot.instant());
        let closes = self.first_closed(from).map_or(until, |closed| closed.min(until));
        let spread = self.jitter.min(closes.duration_since(from)).max(SignedDuration::ZERO);
        Opening {
            slot,
            from,
            spread,
            until,
        }
    }

    /// The starts that come after an instant, for a resource whose turn it is. A slot whose run could start
    /// only during a halt is not among them.
    pub fn starts_after(&self, after: Timestamp, turn: Turn) -> impl Iterator<Item = Start> {
        // The newest slot may have come and its start not; and the starts after a pause begin with the newest slot.
        let from = self.paused_until.map_or(after, |until| until.max(after));
        let first = self.latest_at_or_before(from).or_else(|| self.next_after(from));
        let slots = std::iter::successors(first, |slot| self.next_after(slot.instant()));
        let starts = slots.map(move |slot| self.start(slot, turn));
        starts.filter(move |start| start.at > after && start.at < start.until)
    }

    /// Whether a run may begin at an instant.
    pub fn may_begin(&self, start: &Start, now: Timestamp) -> bool {
        start.at <= now && now < start.until && self.halt(now).is_none()
    }

    /// Why there are no starts at an instant, if that is so.
    pub fn halt(&self, now: Timestamp) -> Option<Halt> {
        if let Some(until) = self.paused_until.filter(|until| now < *until) {
            return Some(Halt::Pause { until });
        }
        let dates = self.blackout.around(date_of(now, self.zone()))?;
        let until = dates.last.tomorrow().ok();
        let until = until.and_then(|date| midnight_of(date, self.zone()));
        Some(Halt::Blackout {
            until: until.unwrap_or(Timestamp::MAX),
        })
    }

    /// The longest time between one slot and the next, over 28 years and every change of the clocks in them; blackouts
    /// and pauses aside, which are exceptions.
    pub fn longest_gap(&self) -> Option<Gap> {
        self.survey().map(|survey| survey.longest)
    }

    /// A gap as an example, by the clocks; an even interval needs none.
    pub(crate) fn example(&self, gap: &Gap) -> String {
        if let (Cadence::Every(_), None) = (self.cadence(), self.window()) {
            return String::new();
        }
        let local = |slot: Slot| self.zone().to_datetime(slot.instant()).strftime("%F %R").to_string();
        format!(" (from {} to {})", local(gap.from), local(gap.to))
    }

    fn survey(&self) -> Option<Survey> {
        self.survey.or_else(|| self.rhythm.survey())
    }

    /// The first instant from another on at which there may be starts.
    fn first_open(&self, from: Timestamp) -> Timestamp {
        let from = self.paused_until.map_or(from, |until| until.max(from));
        match self.halt(from) {
            Some(Halt::Blackout { until }) => until,
            _ => from,
        }
    }

    /// When the next blackout begins.
    fn first_closed(&self, from: Timestamp) -> Option<Timestamp> {
        let date = self.blackout.first_after(date_of(from, self.zone()))?;
        midnight_of(date, self.zone())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rhythm.fmt(f)
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
