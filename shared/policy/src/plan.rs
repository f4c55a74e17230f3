use holdfast_catalog::{PlanName, Region};

use crate::compliance::Compliance;
use crate::copies::{Copies, Destination};
use crate::engine::Engine;
use crate::matched::{Matched, Mismatch};
use crate::objective::{Objectives, Verification};
use crate::residency::Residency;
use crate::retention::{Keeping, Retention};
use crate::schedule::Schedule;
use crate::selection::{Resource, Selection, Unselected};

/// What to protect, when, for how long and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name, unique in the document and part of the identity of every recovery point that it makes.
    pub name: PlanName,
    /// How its recovery points are made.
    pub engine: Engine,
    /// Whether points of streams hold their records too, and not only their settings.
    pub records: bool,
    /// Which resources it covers.
    pub selection: Selection,
    /// Whether it protects what it covers beside the plan that wins, instead of competing with it.
    pub also: bool,
    /// When recovery points are due.
    pub schedule: Schedule,
    /// Which recovery points stay.
    pub retention: Retention,
    /// Where copies of each recovery point go.
    pub copies: Copies,
    /// Where its recovery points may be, beside what the document says.
    pub residency: Option<Residency>,
    /// What it promises about loss.
    pub objectives: Objectives,
    /// How its recovery points are proved.
    pub verification: Verification,
    /// How long its recovery points stay at least and at most, and how firmly.
    pub compliance: Compliance,
}

impl Plan {
    /// Why the plan covers a resource: its selection does, and its engine makes points of the kind.
    ///
    /// # Errors
    /// It does not, and why.
    pub fn select<'a>(&'a self, resource: &'a Resource) -> Result<Vec<Matched<'a>>, Unselected<'a>> {
        let because = self.selection.select(resource)?;
        let kind = resource.id.kind;
        if !self.engine.makes(kind) {
            let engine = self.engine;
            return Err(Unselected::PassedBy(Mismatch::Engine { kind, engine }));
        }
        Ok(because)
    }

    /// What decides which of its points stay. For the copies in a region, with what [`Plan::retention_in`] says in place of
    /// the retention.
    pub fn keeping(&self) -> Keeping<'_> {
        Keeping {
            retention: &self.retention,
            compliance: &self.compliance,
            zone: self.schedule.zone(),
        }
    }

    /// The regions that copies go to, each one once, given the stack's replica region.
    pub fn destinations<'a>(&'a self, replica: Option<&'a Region>) -> Vec<Destination<'a>> {
        self.copies.destinations(replica)
    }

    /// Which of the copies in a region stay: as the rule for that region says, or else as for the points themselves.
    ///
    /// That holds for copies too that were made before the plan gave up copying there.
    pub fn retention_in(&self, region: &Region, replica: Option<&Region>) -> &Retention {
        self.copies.retention_in(region, replica).unwrap_or(&self.retention)
    }
}
