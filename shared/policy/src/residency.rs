//! Where bytes of a resource may be written.

use std::fmt;

use holdfast_catalog::{PlanName, Region};

use crate::document::Document;
use crate::glob::Glob;
use crate::matched::{Matched, all};
use crate::plan::Plan;
use crate::selection::{Criteria, Resource};

/// The regions in which bytes may be written: such as `allow` names, if it names any, and `forbid` does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Residency {
    /// The forms of the regions that are allowed; all regions if there are none.
    pub allow: Vec<Glob>,
    /// The forms of the regions that are forbidden, whatever is allowed.
    pub forbid: Vec<Glob>,
}

/// A residency of the document for the resources that it selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidencyRule {
    /// Which resources it is about.
    pub select: Criteria,
    /// Where they may be.
    pub residency: Residency,
}

/// Why a region is not allowed. `Display` says it in words, after the region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is forbidden.
    Forbidden {
        /// The form by which it is.
        by: Glob,
    },
    /// It is not one of those that are allowed.
    NotAllowed {
        /// The forms of those that are.
        allowed: Vec<Glob>,
    },
}

impl Residency {
    /// Whether bytes may be written in a region.
    ///
    /// # Errors
    /// They may not, and why.
    pub fn check(&self, region: &Region) -> Result<(), Refusal> {
        if let Some(by) = self.forbid.iter().find(|glob| glob.matches(region.as_str())) {
            return Err(Refusal::Forbidden { by: by.clone() });
        }
        if self.allow.is_empty() || self.allow.iter().any(|glob| glob.matches(region.as_str())) {
            return Ok(());
        }
        let allowed = self.allow.clone();
        Err(Refusal::NotAllowed { allowed })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Forbidden { by } => write!(f, "forbids {by}"),
            Refusal::NotAllowed { allowed } => {
                let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
                write!(f, "allows only {}", allowed.join(" and "))
            }
        }
    }
}

/// Every residency that applies to one resource under one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residencies<'a> {
    rules: Vec<(Origin<'a>, &'a Residency)>,
}

/// Where a residency stands, and why it applies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin<'a> {
    Plan(&'a PlanName),
    Document { index: usize, because: Vec<Matched<'a>> },
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Plan(name) => write!(f, "the residency of plan {name}"),
            Origin::Document { index, because } => {
                write!(f, "residency[{index}], which applies because {},", all(because))
            }
        }
    }
}

/// Bytes of a resource may not be written in a region. `Display` says why, for whoever operates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The region.
    pub region: Region,
    /// What says so, in words: a plan's residency, or a rule of the document and why it applies.
    pub rule: String,
    /// What it says.
    pub refusal: Refusal,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nothing may be written in {}: {} {}",
            self.region, self.rule, self.refusal
        )
    }
}

impl std::error::Error for Breach {}

impl Residencies<'_> {
    /// Whether bytes of the resource may be written in a region: every residency that applies must allow it.
    ///
    /// # Errors
    /// They may not; the first residency that does not allow it, the plan's before the document's.
    pub fn check(&self, region: &Region) -> Result<(), Breach> {
        self.rules.iter().try_for_each(|(origin, residency)| {
            residency.check(region).map_err(|refusal| Breach {
                region: region.clone(),
                rule: origin.to_string(),
                refusal,
            })
        })
    }
}

impl Document {
    /// Where bytes of a resource may be written: the residency of the plan, if it is under one, and every rule of the
    /// document that the resource matches.
    ///
    /// It is about copies, reports and scratch resources; where the resource itself is, its owner has decided.
    pub fn residency_of<'a>(&'a self, resource: &'a Resource, plan: Option<&'a Plan>) -> Residencies<'a> {
        let of_plan = plan.and_then(|plan| Some((Origin::Plan(&plan.name), plan.residency.as_ref()?)));
        let rules = self.residency.iter().enumerate();
        let of_document = rules.filter_map(|(index, rule)| {
            let because = rule.select.check(resource).ok()?;
            Some((Origin::Document { index, because }, &rule.residency))
        });
        Residencies {
            rules: of_plan.into_iter().chain(of_document).collect(),
        }
    }
}
