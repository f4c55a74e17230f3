use std::fmt;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde::{Deserialize, Serialize};

use crate::layout::{self, Lockable};

/// How firmly a store holds what is locked. The stronger mode is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockMode {
    /// Who has a permission of its own for that can lift it. No function of Holdfast has it.
    Governance,
    /// Nobody can lift or shorten it, the account's root and AWS included.
    Compliance,
}

impl LockMode {
    /// The word for it, in policies, manifests and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            LockMode::Governance => "governance",
            LockMode::Compliance => "compliance",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a recovery point is locked. It is settled when the point's run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// How firmly.
    pub mode: LockMode,
    /// Until when its manifest and recipes are.
    pub points_until: Timestamp,
    /// Until when the packs and blobs are that it refers to. Not before `points_until`, and the same for many points: what
    /// they share is then extended once for all of them.
    pub contents_until: Timestamp,
}

impl Lock {
    /// The lock that belongs on an object; `None` on everything that has to be removable: facts, tombstones, work in flight.
    pub fn on(&self, key: &str) -> Option<ObjectLock> {
        let until = match layout::lockable(key)? {
            Lockable::Point => self.points_until,
            Lockable::Content => self.contents_until,
        };
        // A store keeps seconds. Rounded down, what it gives back would be short of what is asked for, always.
        let seconds = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Ceil);
        Some(ObjectLock {
            mode: self.mode,
            until: until.round(seconds).unwrap_or(until),
        })
    }

    /// Whether contents that are locked like this are locked as firmly and as long as `wanted` asks.
    pub fn covers_contents_of(&self, wanted: &Lock) -> bool {
        self.mode >= wanted.mode && self.contents_until >= wanted.contents_until
    }
}

/// The lock on one version of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectLock {
    /// How firmly.
    pub mode: LockMode,
    /// Until when, in whole seconds.
    pub until: Timestamp,
}

/// What it takes to have an object locked as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Nothing: what is on it is as firm and as long.
    Unneeded,
    /// The wanted lock has to be put on it.
    Needed,
    /// It cannot be had: the mode of a lock that stands cannot be changed by who may not bypass locks.
    Impossible,
}

impl ObjectLock {
    /// What it takes to have this lock where `found` is. Never a shorter or weaker one than there is.
    pub fn over(self, found: Option<ObjectLock>) -> Extension {
        match found {
            Some(found) if found.mode >= self.mode && found.until >= self.until => Extension::Unneeded,
            Some(found) if found.mode != self.mode => Extension::Impossible,
            _ => Extension::Needed,
        }
    }
}

impl fmt::Display for ObjectLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {} in {} mode", self.until, self.mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PointId, Sha256, Shard};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn lock(mode: LockMode) -> Lock {
        Lock {
            mode,
            points_until: at("2027-01-01T00:00:00Z"),
            contents_until: at("2027-02-01T00:00:00Z"),
        }
    }

    fn object(mode: LockMode, until: &str) -> ObjectLock {
        ObjectLock { mode, until: at(until) }
    }

    #[test]
    fn points_and_contents_are_locked_each_until_their_time_and_nothing_else_is() {
        use LockMode::Governance;
        let point: PointId = "dynamodb-table/eu-central-1/orders/20261121T024500Z-standard"
            .parse()
            .unwrap();
        let (hash, shard) = (Sha256::of(b"x"), Shard { index: 0, of: 1 });
        let on = |key: &str| lock(Governance).on(key);
        for key in [layout::manifest(&point), layout::part(&point, shard)] {
            assert_eq!(on(&key), Some(object(Governance, "2027-01-01T00:00:00Z")), "{key}");
        }
        for key in [layout::pack(&hash), layout::pack_index(&hash), layout::blob(&hash)] {
            assert_eq!(on(&key), Some(object(Governance, "2027-02-01T00:00:00Z")), "{key}");
        }
        let others = [
            layout::tombstone(&point),
            layout::facts_of(&point),
            layout::run_record(&point),
            layout::checkpoint(&point, shard, 0),
            layout::test_work(&point),
            layout::POLICY.to_owned(),
            layout::LAST_GOOD_POLICY.to_owned(),
            "packs".to_owned(),
            String::new(),
        ];
        for key in others {
            assert_eq!(on(&key), None, "{key}");
        }
    }

    #[test]
    fn a_lock_ends_on_the_second_and_never_too_early() {
        let lock = Lock {
            points_until: at("2027-01-01T00:00:00.000000001Z"),
            ..lock(LockMode::Compliance)
        };
        let found = lock.on(layout::POINTS).unwrap();
        assert_eq!(found.until, at("2027-01-01T00:00:01Z"));
    }

    #[test]
    fn a_lock_is_only_ever_extended_and_its_mode_never_changed() {
        use Extension::{Impossible, Needed, Unneeded};
        use LockMode::{Compliance, Governance};
        let (early, late) = ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z");
        for (wanted, found, expected) in [
            ((Governance, early), None, Needed),
            ((Governance, early), Some((Governance, early)), Unneeded),
            ((Governance, early), Some((Governance, late)), Unneeded),
            ((Governance, early), Some((Compliance, late)), Unneeded),
            ((Governance, late), Some((Governance, early)), Needed),
            ((Governance, late), Some((Compliance, early)), Impossible),
            ((Compliance, late), Some((Compliance, early)), Needed),
            ((Compliance, early), Some((Governance, early)), Impossible),
            ((Compliance, early), Some((Governance, late)), Impossible),
        ] {
            let found = found.map(|(mode, until)| object(mode, until));
            let wanted = object(wanted.0, wanted.1);
            assert_eq!(wanted.over(found), expected, "{wanted} over {found:?}");
        }
    }

    #[test]
    fn contents_are_covered_by_a_lock_that_is_neither_weaker_nor_shorter() {
        use LockMode::{Compliance, Governance};
        assert!(lock(Governance).covers_contents_of(&lock(Governance)));
        assert!(lock(Compliance).covers_contents_of(&lock(Governance)));
        assert!(!lock(Governance).covers_contents_of(&lock(Compliance)));
        let longer = Lock {
            contents_until: at("2027-02-01T00:00:01Z"),
            ..lock(Governance)
        };
        assert!(longer.covers_contents_of(&lock(Governance)));
        assert!(!lock(Governance).covers_contents_of(&longer));
    }
}
