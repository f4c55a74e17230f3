use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::bucket::{Bucket, Period};
use crate::duration::in_words;
use crate::point::PointStatus;

/// Why a recovery point stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepReason {
    /// It is one of the newest.
    Last {
        /// Its place, from 1.
        place: u32,
        /// How many are kept.
        of: u32,
    },
    /// It is the newest of a calendar period.
    Period {
        /// Which kind of period.
        period: Period,
        /// The period.
        bucket: Bucket,
        /// Its place, from 1.
        place: u32,
        /// How many are kept.
        of: u32,
    },
    /// It is younger than the plan lets any go.
    Within(SignedDuration),
    /// Without it there would be too few good ones.
    MinimumGood(u32),
    /// The plan keeps all.
    All,
    /// It is dated after now.
    FutureDated,
    /// A legal hold lies on it.
    Held,
    /// The store refuses to delete it until then.
    Locked(Timestamp),
    /// A copy of it is under way.
    InCopy,
    /// It is not good: it counts for nothing, and a doubt is not settled by deleting.
    NotGood(PointStatus),
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeepReason::Last { place, of } => write!(f, "last {place} of {of}"),
            KeepReason::Period {
                period,
                bucket,
                place,
                of,
            } => {
                write!(f, "{} {place} of {of} ({bucket})", period.as_str())
            }
            KeepReason::Within(age) => write!(f, "within {}", in_words(*age)),
            KeepReason::MinimumGood(count) => write!(f, "minimum good {count}"),
            KeepReason::All => f.write_str("the plan keeps all"),
            KeepReason::FutureDated => f.write_str("future-dated"),
            KeepReason::Held => f.write_str("held"),
            KeepReason::Locked(until) => write!(f, "locked until {until}"),
            KeepReason::InCopy => f.write_str("being copied"),
            KeepReason::NotGood(PointStatus::Incomplete) => f.write_str("incomplete, which no rule judges"),
            KeepReason::NotGood(PointStatus::Damaged) => f.write_str("damaged, which no rule judges"),
            KeepReason::NotGood(_) => f.write_str("of unknown state, which no rule judges"),
        }
    }
}

/// Why a recovery point goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveReason {
    /// No rule of the plan keeps it, and enough newer good ones stay.
    NoRule,
    /// It was decided before.
    Tombstoned,
}

impl fmt::Display for RemoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoveReason::NoRule => f.write_str("no rule keeps it, and enough newer good points stay"),
            RemoveReason::Tombstoned => f.write_str("tombstoned before"),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bucket::Hour {
                date: (year, month, day),
                hour,
                ..
            } => write!(f, "{year:04}-{month:02}-{day:02} {hour:02}h"),
            Bucket::Day(year, month, day) => match Date::new(year, month, day) {
                Ok(date) => write!(f, "{date}"),
                Err(_) => write!(f, "{year:04}-{month:02}-{day:02}"),
            },
            Bucket::Week { iso_year, week } => write!(f, "{iso_year:04}-W{week:02}"),
            Bucket::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Bucket::Quarter(year, quarter) => write!(f, "{year:04}-Q{quarter}"),
            Bucket::Year(year) => write!(f, "{year:04}"),
        }
    }
}
