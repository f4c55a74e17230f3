use std::fmt;

use holdfast_catalog::{PlanName, PointId, Tombstone};
use jiff::{SignedDuration, Timestamp};

use crate::comply::{Observation, Observations};
use crate::document::{Document, Explanation};
use crate::due::protected;
use crate::forecast::{Until, forecast};
use crate::objective::{RpoStatus, rpo};
use crate::plan::Plan;
use crate::retention::{Keeping, Retained, Series, Verdict, retain};
use crate::schedule::{Halt, Schedule, Start};
use crate::selection::Resource;
use crate::turn::{Turn, turns};

/// How many of the next starts are told.
const STARTS: usize = 3;

/// Which plans protect a resource and why, when its next recovery points are made and how old the newest is. `Display` says
/// it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceExplained<'a> {
    /// Which plans, and why.
    pub selection: Explanation<'a>,
    /// Each of the plans that protect it.
    pub plans: Vec<PlanExplained<'a>>,
}

/// What a plan does for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanExplained<'a> {
    /// The plan.
    pub plan: &'a PlanName,
    /// How the newest good point stands to the RPO.
    pub rpo: RpoStatus,
    /// Why there are no starts at present, if that is so.
    pub halt: Option<Halt>,
    /// The next starts.
    pub next: Vec<Start>,
}

/// Explains a resource. `inventory` is what its turn in the jitter is counted among.
pub fn explain_resource<'a>(
    document: &'a Document,
    inventory: &[Resource],
    resource: &'a Resource,
    observations: &Observations<'_>,
    now: Timestamp,
) -> ResourceExplained<'a> {
    let protected = protected(document, inventory);
    let turn = |plan: &Plan| {
        let resources = protected.iter().find(|(other, _)| other.name == plan.name);
        let turns = resources.map(|(_, resources)| turns(&plan.name, resources.iter().copied()));
        turns
            .and_then(|turns| turns.get(&resource.id).copied())
            .unwrap_or(Turn::FIRST)
    };
    let nothing = Observation::default();
    let plans = document.plans_for(resource).into_iter().map(|selected| {
        let plan = selected.plan;
        let observed = observations.get(&(&resource.id, &plan.name)).unwrap_or(&nothing);
        PlanExplained {
            plan: &plan.name,
            rpo: rpo(plan, observed.newest_good(now), observed.protected_since, now),
            halt: plan.schedule.halt(now),
            next: plan.schedule.starts_after(now, turn(plan)).take(STARTS).collect(),
        }
    });
    ResourceExplained {
        selection: document.explain(resource),
        plans: plans.collect(),
    }
}

impl fmt::Display for ResourceExplained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.selection)?;
        self.plans.iter().try_for_each(|plan| write!(f, "\n{plan}"))
    }
}

impl fmt::Display for PlanExplained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan {}: {}", self.plan, self.rpo)?;
        if let Some(halt) = self.halt {
            write!(f, "; {halt}")?;
        }
        let starts = self.next.iter().map(|start| match start.at {
            at if at == start.slot.instant() => start.slot.to_string(),
            at => format!("{} at {at}", start.slot),
        });
        match starts.collect::<Vec<_>>().as_slice() {
            [] => f.write_str("; no slot comes any more"),
            starts => write!(f, "; next slots {}", starts.join(", ")),
        }
    }
}

/// Why a recovery point stays and until when, or why and when it goes. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointExplained {
    /// What is to become of it.
    pub decided: Retained,
    /// Until when it stays, if it does.
    pub until: Option<Until>,
    /// When its removal was decided, if it was, and why.
    pub tombstone: Option<Tombstone>,
    /// When its data goes at the earliest, if its removal was decided.
    pub data_goes_at: Option<Timestamp>,
}

/// Explains a point of a series; nothing if the series does not hold it. `tombstone` is the point's own, if it has one, and
/// `grace` the time that lies between a tombstone and the end of the data.
pub fn explain_point(
    keeping: &Keeping<'_>,
    schedule: &Schedule,
    series: &Series<'_>,
    point: &PointId,
    tombstone: Option<&Tombstone>,
    grace: SignedDuration,
    now: Timestamp,
) -> Option<PointExplained> {
    let decided = retain(keeping, series, now);
    let decided = decided.into_iter().find(|decided| decided.point == *point)?;
    Some(PointExplained {
        decided,
        until: forecast(keeping, schedule, series, point, now),
        tombstone: tombstone.cloned(),
        data_goes_at: tombstone.and_then(|tombstone| tombstone.pruned_at.checked_add(grace).ok()),
    })
}

impl fmt::Display for PointExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (point, reasons) = (&self.decided.point, self.decided.reasons().join(", "));
        match (&self.decided.verdict, &self.tombstone) {
            (Verdict::Keep { .. }, buried) => {
                let verb = if buried.is_some() {
                    "is called back and kept"
                } else {
                    "is kept"
                };
                write!(f, "{point} {verb}")?;
                if let Some(until) = self.until {
                    write!(f, " {until}")?;
                }
                write!(f, ": {reasons}")
            }
            (Verdict::Remove { .. }, None) => write!(f, "{point} goes with the next prune: {reasons}"),
            (Verdict::Remove { .. }, Some(tombstone)) => {
                let (decided, why) = (tombstone.pruned_at, tombstone.reasons.join(", "));
                write!(f, "{point} was given up at {decided}: {why}")?;
                match self.data_goes_at {
                    Some(goes) => write!(f, "; its data goes after {goes}"),
                    None => Ok(()),
                }
            }
        }
    }
}
