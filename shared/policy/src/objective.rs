use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::duration::in_words;
use crate::plan::Plan;

/// What a plan promises about loss and about coming back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Objectives {
    /// The recovery point objective: the age that the newest good recovery point may reach.
    pub rpo: Option<SignedDuration>,
    /// The recovery time objective: the time that a restore may take.
    pub rto: Option<SignedDuration>,
}

/// How a plan's recovery points are proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verification {
    /// How often a recovery point of each resource is restored into a scratch resource and compared.
    pub restore_test_every: Option<SignedDuration>,
}

impl Verification {
    /// Whether a restore test is due, given when the last one was made; never if the plan asks for none.
    ///
    /// A last test that is dated after `now` does not count.
    pub fn restore_test_is_due(&self, last: Option<Timestamp>, now: Timestamp) -> bool {
        let Some(every) = self.restore_test_every else {
            return false;
        };
        last.filter(|last| *last <= now)
            .is_none_or(|last| now.duration_since(last) >= every)
    }
}

/// Whether a resource meets its recovery point objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpoStatus {
    /// It does: what would be lost now is no older than the objective.
    Met {
        /// The age of the newest good point; of the protection itself while there is none yet.
        age: SignedDuration,
    },
    /// It does not.
    Breached {
        /// The age of the newest good point.
        age: SignedDuration,
        /// By how much that is more than the objective.
        by: SignedDuration,
    },
    /// There is no good point, and there should be one by now.
    NeverProtected,
    /// There is a good point, and the plan names no objective to measure it against.
    NoObjective {
        /// The age of the newest good point.
        age: SignedDuration,
    },
}

impl fmt::Display for RpoStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RpoStatus::Met { age } => write!(f, "RPO met at an age of {}", in_words(*age)),
            RpoStatus::Breached { age, by } => {
                let (age, by) = (in_words(*age), in_words(*by));
                write!(f, "RPO breached at an age of {age}, {by} too old")
            }
            RpoStatus::NeverProtected => f.write_str("never protected"),
            RpoStatus::NoObjective { age } => write!(f, "newest good point {} old, no RPO", in_words(*age)),
        }
    }
}

/// Compares the age of the newest good point with the plan's objective.
///
/// `newest_good` is when the reading of that point began, see [`newest_good`](crate::newest_good): a point is as old as
/// its oldest item. `protected_since` is when the plan began to cover the resource, where that is known; it gives a new
/// resource the time of the objective to get its first point. Either one is disregarded if it is after `now`.
pub fn rpo(
    plan: &Plan,
    newest_good: Option<Timestamp>,
    protected_since: Option<Timestamp>,
    now: Timestamp,
) -> RpoStatus {
    let age_of = |instant: Option<Timestamp>| {
        instant
            .filter(|instant| *instant <= now)
            .map(|instant| now.duration_since(instant))
    };
    match (age_of(newest_good), plan.objectives.rpo) {
        (Some(age), None) => RpoStatus::NoObjective { age },
        (Some(age), Some(rpo)) if age <= rpo => RpoStatus::Met { age },
        (Some(age), Some(rpo)) => RpoStatus::Breached { age, by: age - rpo },
        (None, rpo) => match (age_of(protected_since), rpo) {
            (Some(age), Some(rpo)) if age <= rpo => RpoStatus::Met { age },
            _ => RpoStatus::NeverProtected,
        },
    }
}
