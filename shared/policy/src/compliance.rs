//! What the law or a contract asks of a plan's recovery points.

use std::fmt;
use std::str::FromStr;

use holdfast_catalog::LockMode;
use jiff::{SignedDuration, Timestamp};

use crate::fault::Problem;
use crate::read::closest;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is shared by many points is locked in steps of this part of the lock's time: a pack that a series of points
/// shares is locked anew eight times in that time, not once for each point.
const STEPS: i32 = 8;

/// The shortest step: a point a day is the least that is worth sharing a request for.
const SHORTEST_STEP: SignedDuration = DAY;

/// The longest step: no content stays locked for more than a month beyond the points that refer to it.
const LONGEST_STEP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long recovery points stay at least and at most, and how firmly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compliance {
    /// The regulations that the plan names.
    pub presets: Vec<Preset>,
    /// No point younger than this is removed: what the plan says or the longest that its presets ask for. Not more than
    /// the maximum.
    pub minimum: Option<SignedDuration>,
    /// Every point as old as this goes.
    pub maximum: Option<SignedDuration>,
    /// How objects are locked, if they are.
    pub lock: Option<Locking>,
}

/// How the objects of a recovery point are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locking {
    /// How firmly.
    pub mode: LockMode,
    /// How long from the point's start. Not more than the maximum.
    pub period: SignedDuration,
}

/// What a regulation asks for.
///
/// It asks that of certain records; whether a resource holds such records is for those to say who keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// The security rule of HIPAA: documentation stays for 6 years.
    Hipaa,
    /// The rules for the Sarbanes-Oxley Act: records of audits and reviews stay for 7 years.
    Sox,
    /// The payment card industry's data security standard: audit logs stay for 12 months.
    PciDss,
    /// The European Union's general data protection regulation: personal data stays no longer than is necessary.
    Gdpr,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 4] = [Preset::Hipaa, Preset::Sox, Preset::PciDss, Preset::Gdpr];

    /// The word in policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Preset::Hipaa => "hipaa",
            Preset::Sox => "sox",
            Preset::PciDss => "pci-dss",
            Preset::Gdpr => "gdpr",
        }
    }

    /// Where it is written.
    pub fn source(self) -> &'static str {
        match self {
            Preset::Hipaa => "45 CFR 164.316(b)(2)(i)",
            Preset::Sox => "17 CFR 210.2-06",
            Preset::PciDss => "PCI DSS v4.0, requirement 10.5.1",
            Preset::Gdpr => "Regulation (EU) 2016/679, Article 5(1)(e)",
        }
    }

    /// How long records stay at least: so many years with as many leap days as they can have.
    pub fn minimum(self) -> Option<SignedDuration> {
        match self {
            Preset::Hipaa => Some(DAY * 2192),
            Preset::Sox => Some(DAY * 2557),
            Preset::PciDss => Some(DAY * 366),
            Preset::Gdpr => None,
        }
    }

    /// Whether it obliges to a maximum, for which it names no number.
    pub fn needs_maximum(self) -> bool {
        self == Preset::Gdpr
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Preset {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let preset = Preset::ALL.into_iter().find(|preset| preset.as_str() == text);
        preset.ok_or_else(|| {
            let change = match closest(text, Preset::ALL.map(Preset::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => "write hipaa, sox, pci-dss or gdpr".to_owned(),
            };
            Problem::new("unknown preset", change)
        })
    }
}

impl Compliance {
    /// Until when a point that began at an instant may not be removed.
    pub fn minimum_until(&self, started_at: Timestamp) -> Option<Timestamp> {
        self.minimum.map(|minimum| later(started_at, minimum))
    }

    /// From when on a point that began at an instant goes.
    pub fn maximum_until(&self, started_at: Timestamp) -> Option<Timestamp> {
        self.maximum.map(|maximum| later(started_at, maximum))
    }

    /// How and until when the manifest and the recipes are locked of a point that began at an instant.
    pub fn lock_until(&self, started_at: Timestamp) -> Option<(LockMode, Timestamp)> {
        let lock = self.lock?;
        Some((lock.mode, later(started_at, lock.period)))
    }

    /// Until when the packs and blobs are locked that a point refers to which began at an instant.
    ///
    /// That is not before the point's own lock ends, and rounded up to a step that begins with the epoch: points that
    /// follow one another ask for the same instant, and what they share is locked anew once a step. A step is an eighth
    /// of the lock's time, from 1 to 30 days; less where the maximum leaves less, for nothing is locked past that.
    pub fn contents_lock_until(&self, started_at: Timestamp) -> Option<(LockMode, Timestamp)> {
        let (lock, (mode, until)) = (self.lock?, self.lock_until(started_at)?);
        let step = (lock.period / STEPS).clamp(SHORTEST_STEP, LONGEST_STEP);
        let room = self.maximum.map(|maximum| maximum.saturating_sub(lock.period));
        let step = room.map_or(step, |room| room.min(step)).as_secs();
        if step <= 0 {
            return Some((mode, until));
        }
        let past = until.as_second().rem_euclid(step);
        let rounded = match (past, until.subsec_nanosecond()) {
            (0, 0) => until,
            _ => Timestamp::from_second(until.as_second() - past + step).unwrap_or(Timestamp::MAX),
        };
        Some((mode, rounded))
    }
}

fn later(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}
