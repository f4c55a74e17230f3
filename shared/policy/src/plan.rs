use holdfast_catalog::{PlanName, Region};

use crate::objective::{Objectives, Verification};
use crate::retention::Retention;
use crate::schedule::Schedule;
use crate::selection::Selection;

/// What to protect, when, for how long and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name, unique in the document and part of the identity of every recovery point that it makes.
    pub name: PlanName,
    /// Which resources it covers.
    pub selection: Selection,
    /// When recovery points are due.
    pub schedule: Schedule,
    /// Which recovery points stay.
    pub retention: Retention,
    /// Where a copy of each recovery point goes.
    pub copy_to: CopyTarget,
    /// What it promises about loss.
    pub objectives: Objectives,
    /// How its recovery points are proved.
    pub verification: Verification,
}

/// Where a copy of each recovery point goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CopyTarget {
    /// To the stack's replica region, if the stack has one.
    #[default]
    Default,
    /// To this region.
    Region(Region),
    /// Nowhere.
    None,
}

impl CopyTarget {
    /// The region that a copy goes to, given the stack's replica region; nothing if there is to be no copy.
    pub fn region<'a>(&'a self, replica: Option<&'a Region>) -> Option<&'a Region> {
        match self {
            CopyTarget::Default => replica,
            CopyTarget::Region(region) => Some(region),
            CopyTarget::None => None,
        }
    }
}
