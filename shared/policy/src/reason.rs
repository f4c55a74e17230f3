use std::fmt;

use holdfast_catalog::Slot;
use jiff::{SignedDuration, Timestamp};

use crate::bucket::{Bucket, Period};
use crate::duration::in_words;

/// Why a recovery point stays. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeepReason {
    /// The plan keeps everything.
    All,
    /// It is one of the last ones.
    Last {
        /// Its place, counted from the newest.
        place: u32,
        /// How many are kept.
        of: u32,
    },
    /// It is the newest of a calendar period.
    Newest {
        /// The period.
        bucket: Bucket,
        /// The period's place among those that have a point, counted from the newest.
        place: u32,
        /// How many are kept.
        of: u32,
    },
    /// It is not much older than the newest good point.
    Within {
        /// How much older it may be.
        duration: SignedDuration,
    },
    /// It is the newest of a calendar period and not much older than the newest good point.
    NewestWithin {
        /// The period.
        bucket: Bucket,
        /// How much older it may be.
        duration: SignedDuration,
    },
    /// The floor: so many good points stay whatever the rules say.
    MinimumGood {
        /// Its place, counted from the newest.
        place: u32,
        /// How many are kept.
        of: u32,
    },
    /// It has to stay for a time.
    Minimum {
        /// Until when.
        until: Timestamp,
    },
    /// The newest attempt to make a point has failed: nothing goes before a newer one succeeds.
    AttemptsFail {
        /// The attempt's slot.
        attempt: Slot,
    },
    /// A legal hold lies on it.
    Held,
    /// The store refuses to delete it.
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// A copy of it is under way.
    InCopy,
    /// Its slot is after the present: a clock is wrong somewhere, and until that is settled nothing is certain.
    FutureDated,
    /// It is incomplete; a rule judges good points only.
    Incomplete,
    /// It is damaged; a rule judges good points only.
    Damaged,
    /// Its state could not be told.
    Unknown,
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeepReason::All => f.write_str("all are kept"),
            KeepReason::Last { place, of } => write!(f, "last {place} of {of}"),
            KeepReason::Newest { bucket, place, of } => write!(f, "{} {place} of {of} ({bucket})", bucket.period()),
            KeepReason::Within { duration } => write!(f, "within {} of the newest", in_words(*duration)),
            KeepReason::NewestWithin { bucket, duration } => {
                write!(
                    f,
                    "{} within {} of the newest ({bucket})",
                    bucket.period(),
                    in_words(*duration)
                )
            }
            KeepReason::Minimum { until } => write!(f, "in its minimum until {until}"),
            KeepReason::AttemptsFail { attempt } => write!(f, "nothing newer has succeeded since {attempt} failed"),
            KeepReason::MinimumGood { place, of } => write!(f, "minimum good {place} of {of}"),
            KeepReason::Held => f.write_str("held"),
            KeepReason::Locked { until } => write!(f, "locked until {until}"),
            KeepReason::InCopy => f.write_str("being copied"),
            KeepReason::FutureDated => f.write_str("future-dated"),
            KeepReason::Incomplete => f.write_str("incomplete"),
            KeepReason::Damaged => f.write_str("damaged"),
            KeepReason::Unknown => f.write_str("state unknown"),
        }
    }
}

/// Why a rule does not keep a recovery point. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoveReason {
    /// It is older than the last ones.
    NotLast {
        /// How many are kept.
        of: u32,
    },
    /// A newer point stands for the same calendar period.
    Superseded {
        /// The period.
        bucket: Bucket,
        /// The newer point's slot.
        by: Slot,
    },
    /// As many newer periods are kept as the rule asks for.
    BeyondPeriods {
        /// The period.
        period: Period,
        /// How many are kept.
        of: u32,
    },
    /// It is much older than the newest good point.
    NotWithin {
        /// How much older it might be.
        duration: SignedDuration,
    },
    /// It is as old as any point may get.
    BeyondMaximum {
        /// How old that is.
        maximum: SignedDuration,
    },
    /// It is so much older than the newest good point that no rule keeps it any more.
    DeletedAfter {
        /// How much older it might be.
        duration: SignedDuration,
    },
    /// It was removed before and has a tombstone already.
    Tombstoned,
}

impl fmt::Display for RemoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoveReason::NotLast { of } => write!(f, "not among the last {of}"),
            RemoveReason::Superseded { bucket, by } => write!(f, "{}: {by} is kept for {bucket}", bucket.period()),
            RemoveReason::BeyondPeriods { period, of } => write!(f, "{period}: {of} newer are kept"),
            RemoveReason::NotWithin { duration } => write!(f, "not within {} of the newest", in_words(*duration)),
            RemoveReason::BeyondMaximum { maximum } => write!(f, "has reached its maximum of {}", in_words(*maximum)),
            RemoveReason::DeletedAfter { duration } => {
                write!(
                    f,
                    "past delete_after: more than {} older than the newest",
                    in_words(*duration)
                )
            }
            RemoveReason::Tombstoned => f.write_str("has a tombstone already"),
        }
    }
}
