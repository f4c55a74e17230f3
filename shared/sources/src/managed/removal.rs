//! What retention's verdict means for a recovery point of AWS Backup, and what became of one that was to go.

use std::fmt;

use holdfast_catalog::{MadeBy, ManagedPoint};
use holdfast_vault::PortError;
use jiff::{SignedDuration, Timestamp};

use super::port::LockBounds;
use super::{Lifecycle, PointStatus, RecoveryPoint, usd_a_month};

/// A point that retention keeps is freed from its lifecycle this long before that would remove it: longer than ticks may be missing
/// before somebody notices.
const FREE_BEFORE_EXPIRY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What retention says of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
}

/// What is known of a point that is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointFacts {
    /// The point as it stands.
    pub point: RecoveryPoint,
    /// Who made it.
    pub made_by: MadeBy,
    /// The lock of its vault, where it has one.
    pub lock: Option<LockBounds>,
    /// The titles of the legal holds that lie on it.
    pub holds: Vec<String>,
    /// Whether a copy or restore job reads it.
    pub is_in_use: bool,
}

/// What to do with a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it stands as it should.
    Nothing,
    /// Give it another lifecycle, so that AWS Backup does not remove what retention keeps.
    UpdateLifecycle(Lifecycle),
    /// Remove it.
    Delete,
    /// Give it back to its own service.
    Disassociate,
    /// It was to go and cannot: no call is made.
    Leave(Removed),
    /// It was to stay, and nobody can change that its lifecycle ends: its vault is locked.
    LetEnd(Timestamp),
}

/// What became of a point that was to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Deleted,
    /// It was given back to its own service.
    Disassociated,
    /// The service said yes, and it is still there.
    NotDeleted {
        /// How it stands.
        status: PointStatus,
    },
    /// A job reads it.
    InUse,
    /// Its vault is locked.
    Locked {
        /// Until its lifecycle ends; for ever, where it has no end.
        until: Option<Timestamp>,
    },
    /// A legal hold lies on it.
    Held {
        /// The holds.
        titles: Vec<String>,
    },
    /// It is continuous: deleting it would end the continuous backup of its resource.
    Continuous,
    /// It is not ours.
    NotOurs,
    /// Another account keeps it.
    Elsewhere {
        /// That account.
        account: String,
        /// Until its lifecycle ends; nobody knows, where nothing is said.
        until: Option<Timestamp>,
    },
}

impl Removed {
    /// Whether nothing is left to be paid for.
    pub fn is_gone(&self) -> bool {
        matches!(self, Removed::Deleted | Removed::Disassociated)
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Removed::Deleted => f.write_str("deleted"),
            Removed::Disassociated => f.write_str("given back to its own service, which keeps it by its own rules"),
            Removed::NotDeleted {
                status: PointStatus::Expired,
            } => f.write_str(
                "not deleted although AWS Backup said yes, and EXPIRED now: allow iam:CreateServiceLinkedRole and what its kind \
                 needs for deletion; the next run tries again",
            ),
            Removed::NotDeleted { status } => {
                write!(f, "not deleted although AWS Backup said yes: its status is {status}; the next run looks again")
            }
            Removed::InUse => f.write_str("in use by a copy or restore job; the next run tries again"),
            Removed::Locked { until: Some(until) } => write!(f, "its vault is locked: it stays until {until}"),
            Removed::Locked { until: None } => f.write_str("its vault is locked and its lifecycle has no end: it stays"),
            Removed::Held { titles } => write!(f, "under legal hold ({}): it stays until the hold is lifted", titles.join(", ")),
            Removed::Continuous => f.write_str(
                "continuous: deleting it would end the continuous backup of its resource; take the rule out of the backup plan first",
            ),
            Removed::NotOurs => f.write_str("made by somebody else: Holdfast never removes it"),
            Removed::Elsewhere { account, until } => {
                write!(f, "a copy in account {account}, where nothing of this account removes anything: it stays until ")?;
                match until {
                    Some(until) => write!(f, "its lifecycle ends at {until}"),
                    None => f.write_str("that account removes it"),
                }
            }
        }
    }
}

/// What became of a point that was to go and that another account keeps: from here nobody can look at it, so its own end counts.
pub fn elsewhere(managed: &ManagedPoint, now: Timestamp) -> Removed {
    match managed.expires_at {
        Some(end) if end <= now => Removed::Deleted,
        until => Removed::Elsewhere {
            account: managed.recovery_point_arn.account().to_owned(),
            until,
        },
    }
}

/// Decides for a point. In every doubt it stays.
pub fn decide(verdict: Verdict, facts: &PointFacts, now: Timestamp) -> Action {
    match verdict {
        _ if facts.made_by == MadeBy::Customer => match verdict {
            Verdict::Keep => Action::Nothing,
            Verdict::Remove => Action::Leave(Removed::NotOurs),
        },
        Verdict::Keep => keep(facts, now),
        Verdict::Remove => remove(facts, now),
    }
}

fn keep(facts: &PointFacts, now: Timestamp) -> Action {
    let point = &facts.point;
    let expires_soon = |at: &Timestamp| at.duration_since(now) <= FREE_BEFORE_EXPIRY;
    let Some(end) = point.expires_at.filter(expires_soon) else {
        return Action::Nothing;
    };
    if point.is_continuous() || point.status == PointStatus::Deleting {
        return Action::Nothing;
    }
    if is_locked(facts, now) {
        return Action::LetEnd(end);
    }
    // Days until cold storage are said again, because what is left out is set to never, and cannot be changed once it is cold.
    Action::UpdateLifecycle(Lifecycle {
        delete_after_days: None,
        ..point.lifecycle
    })
}

fn remove(facts: &PointFacts, now: Timestamp) -> Action {
    let point = &facts.point;
    if !facts.holds.is_empty() {
        let titles = facts.holds.clone();
        return Action::Leave(Removed::Held { titles });
    }
    if is_locked(facts, now) {
        let until = point.expires_at;
        return Action::Leave(Removed::Locked { until });
    }
    if facts.is_in_use || point.status == PointStatus::Creating {
        return Action::Leave(Removed::InUse);
    }
    if point.status == PointStatus::Deleting {
        let status = PointStatus::Deleting;
        return Action::Leave(Removed::NotDeleted { status });
    }
    if point.is_continuous() {
        return match point.resource_type.as_str() {
            "RDS" | "Aurora" => Action::Disassociate,
            _ => Action::Leave(Removed::Continuous),
        };
    }
    Action::Delete
}

/// A lock keeps a point until its own lifecycle ends.
fn is_locked(facts: &PointFacts, now: Timestamp) -> bool {
    facts.lock.is_some() && facts.point.expires_at.is_none_or(|at| at > now)
}

/// What became of a point, from what the service answered to its removal and from how it stands afterwards: the answer alone proves
/// nothing.
///
/// # Errors
/// The answer's own, where it says no more than that the call did not get through or may not be made; and that of the second look,
/// because then nothing is known.
pub fn became(
    action: &Action,
    answer: Result<(), PortError>,
    after: Result<RecoveryPoint, PortError>,
    facts: &PointFacts,
) -> Result<Removed, PortError> {
    let after = match after {
        Ok(after) => after,
        Err(PortError::NotFound(_)) if *action == Action::Disassociate => return Ok(Removed::Disassociated),
        Err(PortError::NotFound(_)) => return Ok(Removed::Deleted),
        Err(error) => return Err(error),
    };
    match answer {
        Ok(()) => Ok(Removed::NotDeleted { status: after.status }),
        Err(PortError::Conflict(_)) => Ok(Removed::InUse),
        Err(PortError::Locked(_)) if facts.lock.is_some() => Ok(Removed::Locked {
            until: after.expires_at,
        }),
        Err(PortError::Locked(why)) => Ok(Removed::Held { titles: vec![why] }),
        // It was gone when it was to be removed, and there it is: the service has not made up its mind.
        Err(PortError::NotFound(_)) => Ok(Removed::NotDeleted { status: after.status }),
        Err(error) => Err(error),
    }
}

/// A point that still stands, and what it costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// Its size.
    pub bytes: u64,
    /// US dollars a month, where the price of its kind is known.
    pub usd_a_month: Option<f64>,
}

/// What is left of a point after a try to remove it.
pub fn left(managed: &ManagedPoint, removed: &Removed, now: Timestamp) -> Option<Left> {
    let is_cold = managed.cold_at.is_some_and(|at| at <= now);
    (!removed.is_gone()).then(|| Left {
        bytes: managed.bytes,
        usd_a_month: usd_a_month(&managed.resource_type, is_cold, managed.bytes),
    })
}
