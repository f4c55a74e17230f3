//! How long a recovery point of AWS Backup lives.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::port::LockBounds;

/// Days in cold storage that are paid for in any case: the service takes no shorter stay.
pub const MIN_COLD_DAYS: u32 = 90;

/// The longest that AWS Backup keeps a point by days (`Lifecycle` of its API): 100 years.
pub const MAX_DAYS: u32 = 36_500;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Days after a point's creation; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lifecycle {
    /// When it moves to cold storage, where its kind can.
    pub cold_after_days: Option<u32>,
    /// When the service removes it by itself.
    pub delete_after_days: Option<u32>,
}

/// Why a lifecycle is refused before the service refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LifecycleFault {
    /// Zero days, or more than a hundred years.
    #[error("{days} days is no lifetime: use 1 to {MAX_DAYS}")]
    OutOfRange {
        /// What was asked for.
        days: u32,
    },
    /// Cold storage is for at least 90 days.
    #[error("cold storage after {cold} days and removal after {delete}: remove after {} days or later, or leave cold storage out", .cold + MIN_COLD_DAYS)]
    TooShortInCold {
        /// Days until cold storage.
        cold: u32,
        /// Days until removal.
        delete: u32,
    },
    /// The vault's lock asks for more.
    #[error("the vault is locked and takes only what is kept for {min} days or longer: ask for {min} days or more")]
    BelowLock {
        /// The lock's minimum.
        min: u32,
    },
    /// The vault's lock allows less.
    #[error("the vault is locked and takes only what is kept for {max} days or shorter: ask for {max} days or less")]
    AboveLock {
        /// The lock's maximum.
        max: u32,
    },
}

impl Lifecycle {
    /// Kept until somebody removes it.
    pub const FOR_EVER: Lifecycle = Lifecycle {
        cold_after_days: None,
        delete_after_days: None,
    };

    /// Whether AWS Backup and a vault's lock take it.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(self, lock: Option<LockBounds>) -> Result<(), LifecycleFault> {
        for days in [self.cold_after_days, self.delete_after_days].into_iter().flatten() {
            if days == 0 || days > MAX_DAYS {
                return Err(LifecycleFault::OutOfRange { days });
            }
        }
        if let (Some(cold), Some(delete)) = (self.cold_after_days, self.delete_after_days)
            && delete < cold.saturating_add(MIN_COLD_DAYS)
        {
            return Err(LifecycleFault::TooShortInCold { cold, delete });
        }
        let lock = lock.unwrap_or_default();
        match (self.delete_after_days, lock.min_days, lock.max_days) {
            (Some(days), Some(min), _) if days < min => Err(LifecycleFault::BelowLock { min }),
            (Some(days), _, Some(max)) if days > max => Err(LifecycleFault::AboveLock { max }),
            (None, _, Some(max)) => Err(LifecycleFault::AboveLock { max }),
            _ => Ok(()),
        }
    }

    /// What a vault's lock takes and is nearest to this, and the words for it where that is another: a point that is kept for another
    /// time than was asked for is better than none.
    #[must_use]
    pub fn within(self, lock: Option<LockBounds>) -> (Lifecycle, Option<String>) {
        let (nearest, bound) = match self.check(lock) {
            Err(LifecycleFault::BelowLock { min }) => (min, format!("{min} days or longer")),
            Err(LifecycleFault::AboveLock { max }) => (max, format!("{max} days or shorter")),
            // What the service itself would refuse is not for us to guess.
            Ok(()) | Err(LifecycleFault::OutOfRange { .. } | LifecycleFault::TooShortInCold { .. }) => {
                return (self, None);
            }
        };
        let is_worth_it = |cold: &u32| nearest >= cold.saturating_add(MIN_COLD_DAYS);
        let within = Lifecycle {
            cold_after_days: self.cold_after_days.filter(is_worth_it),
            delete_after_days: Some(nearest),
        };
        let asked = match self.delete_after_days {
            Some(days) => format!("{days} days"),
            None => "as long as retention says".to_owned(),
        };
        let words = format!(
            "the vault of AWS Backup is locked and takes only what is kept for {bound}: it is kept for {nearest} days, and the plan asks for \
             {asked}; let delete_after be within the lock"
        );
        (within, Some(words))
    }

    /// When a point that was made then moves to cold storage.
    pub fn cold_at(self, created_at: Timestamp) -> Option<Timestamp> {
        self.cold_after_days.map(|days| later(created_at, days))
    }

    /// When a point that was made then is removed.
    pub fn expires_at(self, created_at: Timestamp) -> Option<Timestamp> {
        self.delete_after_days.map(|days| later(created_at, days))
    }
}

fn later(created_at: Timestamp, days: u32) -> Timestamp {
    created_at
        .saturating_add(DAY * i32::try_from(days).unwrap_or(i32::MAX))
        .unwrap_or(Timestamp::MAX)
}

/// Whole days from a point's creation until it may go: rounded up, because a point that goes early is lost. At least one.
pub fn days_until(created_at: Timestamp, until: Timestamp) -> u32 {
    let seconds = until.duration_since(created_at).as_secs().max(1);
    let days = seconds.saturating_add(DAY.as_secs() - 1) / DAY.as_secs();
    u32::try_from(days).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lifecycle(cold: Option<u32>, delete: Option<u32>) -> Lifecycle {
        Lifecycle {
            cold_after_days: cold,
            delete_after_days: delete,
        }
    }

    fn lock(min_days: u32, max_days: u32) -> Option<LockBounds> {
        Some(LockBounds {
            min_days: Some(min_days),
            max_days: Some(max_days),
            immutable_from: None,
        })
    }

    proptest! {
        #[test]
        fn whatever_the_service_takes_can_be_had_within_any_lock(
            cold in proptest::option::of(1..400_u32),
            delete in proptest::option::of(1..800_u32),
            min in 1..400_u32,
            more in 0..400_u32,
        ) {
            let asked = lifecycle(cold, delete);
            prop_assume!(asked.check(None).is_ok());
            let lock = lock(min, min + more);
            let (within, words) = asked.within(lock);
            prop_assert_eq!(within.check(lock), Ok(()));
            prop_assert_eq!(words.is_some(), within != asked);
            prop_assert_eq!(words.is_some(), asked.check(lock).is_err());
        }
    }

    #[test]
    fn the_nearest_days_are_taken_and_cold_storage_only_if_it_pays() {
        for (asked, expected) in [
            (lifecycle(None, Some(10)), lifecycle(None, Some(30))),
            (lifecycle(None, Some(200)), lifecycle(None, Some(120))),
            (lifecycle(None, None), lifecycle(None, Some(120))),
            (lifecycle(Some(30), None), lifecycle(Some(30), Some(120))),
            (lifecycle(Some(31), Some(200)), lifecycle(None, Some(120))),
            (lifecycle(Some(5), Some(95)), lifecycle(Some(5), Some(95))),
        ] {
            assert_eq!(asked.within(lock(30, 120)).0, expected, "{asked:?}");
        }
        let faulty = lifecycle(Some(30), Some(60));
        assert_eq!(
            faulty.within(lock(90, 120)),
            (faulty, None),
            "what is wrong by itself stays so"
        );
    }

    #[test]
    fn what_the_service_would_refuse_is_refused() {
        use LifecycleFault::{OutOfRange, TooShortInCold};
        for (cold, delete, expected) in [
            (None, None, Ok(())),
            (None, Some(1), Ok(())),
            (Some(1), None, Ok(())),
            (Some(30), Some(120), Ok(())),
            (Some(30), Some(119), Err(TooShortInCold { cold: 30, delete: 119 })),
            (None, Some(0), Err(OutOfRange { days: 0 })),
            (Some(0), Some(200), Err(OutOfRange { days: 0 })),
            (None, Some(36_500), Ok(())),
            (None, Some(36_501), Err(OutOfRange { days: 36_501 })),
        ] {
            assert_eq!(lifecycle(cold, delete).check(None), expected, "{cold:?} {delete:?}");
        }
    }

    #[test]
    fn a_lock_takes_what_is_within_its_bounds() {
        use LifecycleFault::{AboveLock, BelowLock};
        let lock = |min_days, max_days| {
            Some(LockBounds {
                min_days,
                max_days,
                immutable_from: None,
            })
        };
        for (days, lock, expected) in [
            (Some(7), lock(Some(7), Some(30)), Ok(())),
            (Some(30), lock(Some(7), Some(30)), Ok(())),
            (Some(6), lock(Some(7), Some(30)), Err(BelowLock { min: 7 })),
            (Some(31), lock(Some(7), Some(30)), Err(AboveLock { max: 30 })),
            (None, lock(Some(7), None), Ok(())),
            (None, lock(None, Some(30)), Err(AboveLock { max: 30 })),
            (None, None, Ok(())),
        ] {
            assert_eq!(lifecycle(None, days).check(lock), expected, "{days:?} {lock:?}");
        }
    }

    proptest! {
        #[test]
        fn a_point_lives_at_least_until_it_may_go_and_less_than_a_day_longer(created in 0_i64..4_000_000_000, lives in 1_i64..1_000_000_000) {
            let created_at = Timestamp::from_second(created).unwrap();
            let until = Timestamp::from_second(created + lives).unwrap();
            let days = days_until(created_at, until);
            let goes = lifecycle(None, Some(days)).expires_at(created_at).unwrap();
            prop_assert!(goes >= until && goes.duration_since(until) < DAY, "{days} days");
        }
    }
}
