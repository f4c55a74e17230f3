use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_catalog::{PlanName, PointId, Region, ResourceId};
use jiff::{SignedDuration, Timestamp};

use crate::copies::Copies;
use crate::document::Document;
use crate::duration::in_words;
use crate::objective::{RpoStatus, rpo};
use crate::plan::Plan;
use crate::point::{PointState, PointStatus, newest_good};
use crate::residency::{Breach, Residencies};
use crate::retention::{Keeping, Retained, Series, retain};
use crate::schedule::Halt;
use crate::selection::Resource;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long a good point may be without its copies where the plan names no RPO.
const COPIED_WITHIN: SignedDuration = DAY;

/// How long after its time a restore test may be made: tests are made many times a day, as far as time allows.
const RESTORE_TEST_SLACK: SignedDuration = DAY;

/// What was observed of one resource under one plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// All points in the vault, those with tombstones included.
    pub points: Vec<PointState>,
    /// Runs that ended without a point.
    pub failed_attempts: Vec<PointId>,
    /// When the newest good point was made that others made of it, where that is known: it counts towards the objective.
    pub newest_of_others: Option<Timestamp>,
    /// When the plan began to cover the resource, where that is known.
    pub protected_since: Option<Timestamp>,
    /// Every copy that there is, or was until the retention of its region removed it.
    pub copies: Vec<CopyState>,
    /// Whether points of such a resource are restored as a test.
    pub is_restore_tested: bool,
    /// The last test, if there was one.
    pub last_restore_test: Option<RestoreTest>,
}

impl Observation {
    /// The points and the attempts as retention judges them.
    pub fn series(&self) -> Series<'_> {
        Series {
            points: &self.points,
            failed_attempts: &self.failed_attempts,
        }
    }

    /// When the reading of the newest good point began; its slot where that is not known.
    pub(crate) fn newest_good(&self, now: Timestamp) -> Option<Timestamp> {
        let own = newest_good(&self.points, now);
        let own = own.map(|point| point.started_at.unwrap_or(point.id.slot.instant()));
        own.max(self.newest_of_others.filter(|at| *at <= now))
    }
}

/// What was observed of all resources, by resource and plan. What is missing was looked for and is not there.
pub type Observations<'a> = BTreeMap<(&'a ResourceId, &'a PlanName), Observation>;

/// A copy of a recovery point in another region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyState {
    /// Of which point.
    pub point: PointId,
    /// Where it is.
    pub region: Region,
    /// Whether it is whole.
    pub is_complete: bool,
}

/// A restore test that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreTest {
    /// When.
    pub at: Timestamp,
    /// Whether what was restored equals the point.
    pub matches: bool,
    /// How long the restore took.
    pub took: SignedDuration,
}

/// A promise that is not kept. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The newest good point is older than the RPO.
    RpoBreached {
        /// Its age.
        age: SignedDuration,
        /// By how much that is more than the RPO.
        by: SignedDuration,
        /// Why no new one is made at present, if that is so.
        halt: Option<Halt>,
    },
    /// There is no good point, and there should be one by now.
    NeverProtected {
        /// Why none is made at present, if that is so.
        halt: Option<Halt>,
    },
    /// A point has reached its maximum and stays.
    BeyondMaximum {
        /// Which point.
        point: PointId,
        /// By how much.
        by: SignedDuration,
        /// Why it stays.
        because: Vec<String>,
    },
    /// Good points have no whole copy in a region where they should have one by now.
    CopiesMissing {
        /// The region.
        region: Region,
        /// How many points.
        points: usize,
        /// The oldest of them.
        oldest: PointId,
        /// Its age.
        age: SignedDuration,
    },
    /// Copies lie in a region where they may not be.
    Misplaced {
        /// Why they may not.
        breach: Breach,
        /// How many copies.
        copies: usize,
    },
    /// No restore test was made in time.
    RestoreTestOverdue {
        /// By how much.
        by: SignedDuration,
        /// When the last one was made, if there was one.
        last: Option<Timestamp>,
    },
    /// What the last test restored does not equal the point.
    RestoreTestFailed {
        /// When that was.
        at: Timestamp,
    },
    /// The last restore took longer than the RTO.
    RtoExceeded {
        /// How long it took.
        took: SignedDuration,
        /// By how much that is more than the RTO.
        by: SignedDuration,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::RpoBreached { age, by, halt } => {
                let (age, by) = (in_words(*age), in_words(*by));
                write!(
                    f,
                    "RPO breached: the newest good point is {age} old, {by} too old{}",
                    aside(*halt)
                )
            }
            Finding::NeverProtected { halt } => write!(f, "never protected: there is no good point{}", aside(*halt)),
            Finding::BeyondMaximum { point, by, because } => {
                let (slot, by, because) = (point.slot, in_words(*by), because.join(", "));
                write!(f, "point {slot} is {by} past its maximum and stays: {because}")
            }
            Finding::CopiesMissing {
                region,
                points,
                oldest,
                age,
            } => {
                let (slot, age) = (oldest.slot, in_words(*age));
                write!(
                    f,
                    "not in {region}: {points} good points, the oldest {slot}, which is {age} old"
                )
            }
            Finding::Misplaced { breach, copies } => write!(f, "{copies} copies lie where they may not: {breach}"),
            Finding::RestoreTestOverdue { by, last: Some(last) } => {
                write!(f, "restore test overdue by {}: the last was at {last}", in_words(*by))
            }
            Finding::RestoreTestOverdue { by, last: None } => {
                write!(f, "restore test overdue by {}: there was none", in_words(*by))
            }
            Finding::RestoreTestFailed { at } => {
                write!(
                    f,
                    "restore test failed at {at}: what was restored does not equal the point"
                )
            }
            Finding::RtoExceeded { took, by } => {
                let (took, by) = (in_words(*took), in_words(*by));
                write!(f, "RTO exceeded: the last restore took {took}, {by} too long")
            }
        }
    }
}

fn aside(halt: Option<Halt>) -> String {
    halt.map_or_else(String::new, |halt| format!(" ({halt})"))
}

/// What a plan promises for one resource, held against what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The resource.
    pub resource: ResourceId,
    /// The plan.
    pub plan: PlanName,
    /// How the newest good point stands to the RPO.
    pub rpo: RpoStatus,
    /// The promises that are not kept; none if all are.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} under plan {}: ", self.resource, self.plan)?;
        match self.findings.as_slice() {
            [] => write!(f, "{}", self.rpo),
            [finding] => write!(f, "{finding}"),
            findings => findings.iter().try_for_each(|finding| write!(f, "\n- {finding}")),
        }
    }
}

/// Which promises of a policy are kept and which are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// Every resource that a plan protects, with each of its plans, in order.
    pub reviews: Vec<Review>,
    /// The resources that no plan protects, in order.
    pub unprotected: Vec<ResourceId>,
}

/// How many promises are not kept, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReviewCounts {
    /// Resources that a plan protects.
    pub protected_resources: usize,
    /// Resources that no plan protects.
    pub unprotected_resources: usize,
    /// Resources whose RPO is breached or that were never protected, a blackout or a pause aside.
    pub rpo_breached_resources: usize,
    /// Resources of which the same is true in a blackout or a pause: somebody has asked for it.
    pub rpo_suspended_resources: usize,
    /// Points that have reached their maximum and stay.
    pub overdue_points: usize,
    /// Copies that should be there by now, one for each point and region.
    pub missing_copies: usize,
    /// Copies that lie where they may not.
    pub misplaced_copies: usize,
    /// Restore tests that were not made in time.
    pub overdue_restore_tests: usize,
    /// Restore tests that failed.
    pub failed_restore_tests: usize,
    /// Restores that took longer than the RTO.
    pub slow_restores: usize,
}

impl Reviewed {
    /// How many promises are not kept.
    pub fn counts(&self) -> ReviewCounts {
        let resources: BTreeSet<&ResourceId> = self.reviews.iter().map(|review| &review.resource).collect();
        let (mut breached, mut suspended) = (BTreeSet::new(), BTreeSet::new());
        let mut counts = ReviewCounts {
            protected_resources: resources.len(),
            unprotected_resources: self.unprotected.len(),
            ..ReviewCounts::default()
        };
        for review in &self.reviews {
            for finding in &review.findings {
                match finding {
                    Finding::RpoBreached { halt, .. } | Finding::NeverProtected { halt } => {
                        let resources = if halt.is_some() { &mut suspended } else { &mut breached };
                        resources.insert(&review.resource);
                    }
                    Finding::BeyondMaximum { .. } => counts.overdue_points += 1,
                    Finding::CopiesMissing { points, .. } => counts.missing_copies += points,
                    Finding::Misplaced { copies, .. } => counts.misplaced_copies += copies,
                    Finding::RestoreTestOverdue { .. } => counts.overdue_restore_tests += 1,
                    Finding::RestoreTestFailed { .. } => counts.failed_restore_tests += 1,
                    Finding::RtoExceeded { .. } => counts.slow_restores += 1,
                }
            }
        }
        counts.rpo_breached_resources = breached.len();
        counts.rpo_suspended_resources = suspended.len();
        counts
    }
}

impl fmt::Display for Reviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.reviews.iter().filter(|review| review.findings.is_empty()).count();
        write!(f, "{kept} of {} reviews find every promise kept", self.reviews.len())?;
        let broken = self.reviews.iter().filter(|review| !review.findings.is_empty());
        for review in broken {
            write!(f, "\n{review}")?;
        }
        for resource in &self.unprotected {
            write!(f, "\n{resource} is not protected by any plan")?;
        }
        Ok(())
    }
}

/// Holds everything that a policy promises against what was observed.
///
/// `replica` is the stack's replica region, to which copies go where a plan names no other.
pub fn comply(
    document: &Document,
    inventory: &[Resource],
    observations: &Observations<'_>,
    replica: Option<&Region>,
    now: Timestamp,
) -> Reviewed {
    let resources: BTreeMap<&ResourceId, &Resource> = inventory.iter().map(|found| (&found.id, found)).collect();
    let (mut reviews, mut unprotected) = (Vec::new(), Vec::new());
    let nothing = Observation::default();
    for (id, resource) in resources {
        let mut plans: Vec<&Plan> = document
            .plans_for(resource)
            .iter()
            .map(|selected| selected.plan)
            .collect();
        plans.sort_by_key(|plan| &plan.name);
        if plans.is_empty() {
            unprotected.push(id.clone());
        }
        for plan in plans {
            let observed = observations.get(&(id, &plan.name)).unwrap_or(&nothing);
            let residencies = document.residency_of(resource, Some(plan));
            let mut findings = Vec::new();
            let rpo = rpo(plan, observed.newest_good(now), observed.protected_since, now);
            findings.extend(of_rpo(&rpo, plan.schedule.halt(now)));
            findings.extend(of_maximum(plan, observed, now));
            findings.extend(of_copies(plan, &residencies, observed, replica, now));
            findings.extend(of_residency(&residencies, observed));
            findings.extend(of_restore_tests(plan, observed, now));
            reviews.push(Review {
                resource: id.clone(),
                plan: plan.name.clone(),
                rpo,
                findings,
            });
        }
    }
    Reviewed { reviews, unprotected }
}

fn of_rpo(status: &RpoStatus, halt: Option<Halt>) -> Option<Finding> {
    match *status {
        RpoStatus::Breached { age, by } => Some(Finding::RpoBreached { age, by, halt }),
        RpoStatus::NeverProtected => Some(Finding::NeverProtected { halt }),
        RpoStatus::Met { .. } | RpoStatus::NoObjective { .. } => None,
    }
}

/// The points past their maximum that stay, those included that are called back.
fn of_maximum(plan: &Plan, observed: &Observation, now: Timestamp) -> Vec<Finding> {
    let past = |point: &PointState| {
        let until = plan.compliance.maximum_until(point.age_counts_from())?;
        (until <= now).then(|| (point.id.clone(), now.duration_since(until)))
    };
    let past: BTreeMap<PointId, SignedDuration> = observed.points.iter().filter_map(past).collect();
    if past.is_empty() {
        return Vec::new();
    }
    let decided = retain(&plan.keeping(), &observed.series(), now);
    let stays = decided.iter().filter(|decided| decided.is_kept());
    stays
        .filter_map(|decided| {
            Some(Finding::BeyondMaximum {
                by: *past.get(&decided.point)?,
                point: decided.point.clone(),
                because: decided.reasons(),
            })
        })
        .collect()
}

/// The regions that lack copies of good points which the retention there would keep.
fn of_copies(
    plan: &Plan,
    residencies: &Residencies<'_>,
    observed: &Observation,
    replica: Option<&Region>,
    now: Timestamp,
) -> Vec<Finding> {
    let limit = plan.objectives.rpo.unwrap_or(COPIED_WITHIN);
    let age = |point: &PointState| now.duration_since(point.started_at.unwrap_or(point.id.slot.instant()));
    let due: BTreeMap<&PointId, SignedDuration> = observed
        .points
        .iter()
        .filter(|point| point.status == PointStatus::Good && !point.tombstoned && age(point) > limit)
        .map(|point| (&point.id, age(point)))
        .collect();
    let missing = |region: &Region| {
        let keeping = Keeping {
            retention: plan.retention_in(region, replica),
            ..plan.keeping()
        };
        let copies = observed.copies.iter();
        let copies = copies.filter(|copy| copy.region == *region && copy.is_complete);
        let there: BTreeSet<&PointId> = copies.map(|copy| &copy.point).collect();
        let wanted = retain(&keeping, &observed.series(), now).into_iter();
        let missing: Vec<PointId> = wanted
            .filter(Retained::is_kept)
            .map(|decided| decided.point)
            .filter(|point| due.contains_key(point) && !there.contains(point))
            .collect();
        let oldest = missing.iter().min_by_key(|point| point.slot)?.clone();
        Some(Finding::CopiesMissing {
            region: region.clone(),
            points: missing.len(),
            age: *due.get(&oldest)?,
            oldest,
        })
    };
    // Nobody has promised a copy that the policy itself keeps out of the replica's region; of one that is named, somebody has.
    let promised = |region: &Region| plan.copies != Copies::Default || residencies.check(region).is_ok();
    let destinations = plan.destinations(replica).into_iter();
    destinations
        .filter(|destination| promised(destination.region))
        .filter_map(|destination| missing(destination.region))
        .collect()
}

fn of_residency(residencies: &Residencies<'_>, observed: &Observation) -> Vec<Finding> {
    let mut copies: BTreeMap<&Region, usize> = BTreeMap::new();
    for copy in &observed.copies {
        *copies.entry(&copy.region).or_default() += 1;
    }
    let misplaced = |(region, copies): (&Region, usize)| {
        let breach = residencies.check(region).err()?;
        Some(Finding::Misplaced { breach, copies })
    };
    copies.into_iter().filter_map(misplaced).collect()
}

fn of_restore_tests(plan: &Plan, observed: &Observation, now: Timestamp) -> Vec<Finding> {
    let last = observed.last_restore_test.filter(|test| test.at <= now);
    let overdue = || {
        let every = plan.verification.restore_test_every?;
        // Before there is a good point there is nothing to restore.
        let good = observed.points.iter().filter(|point| point.status == PointStatus::Good);
        let first = good.map(PointState::age_counts_from).min();
        let since = last.map(|test| test.at).or(first)?;
        let by = now.duration_since(since) - every;
        (observed.is_restore_tested && by > RESTORE_TEST_SLACK).then_some(Finding::RestoreTestOverdue {
            by,
            last: last.map(|test| test.at),
        })
    };
    let failed = last.filter(|test| !test.matches);
    let slow = || {
        let (took, rto) = (last?.took, plan.objectives.rto?);
        (took > rto).then(|| Finding::RtoExceeded { took, by: took - rto })
    };
    [
        overdue(),
        failed.map(|test| Finding::RestoreTestFailed { at: test.at }),
        slow(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
