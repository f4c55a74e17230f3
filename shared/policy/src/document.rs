use std::fmt;

use holdfast_catalog::{PlanName, ResourceId};

use crate::plan::Plan;
use crate::selection::{Matched, Mismatch, Resource};

/// A policy: the plans in force, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The version of the policy language.
    pub version: u32,
    /// The plans. Where several of them select a resource, the first one protects it.
    pub plans: Vec<Plan>,
}

/// The plan that protects a resource, and why it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The clauses of its selection that the resource meets.
    pub because: Vec<Matched<'a>>,
}

/// How a plan stands to a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It protects it.
    Protects(Vec<Matched<'a>>),
    /// It would, but an earlier plan does.
    TooLate(Vec<Matched<'a>>),
    /// It selects it and excludes it again.
    Excludes(Vec<Matched<'a>>),
    /// It does not select it.
    PassesBy(Mismatch<'a>),
}

/// Which plan protects a resource, and why each of the others does not. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The resource.
    pub resource: &'a ResourceId,
    /// Every plan, in the order of the document.
    pub plans: Vec<(&'a PlanName, Standing<'a>)>,
}

impl Document {
    /// The plan of a name.
    pub fn plan(&self, name: &PlanName) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.name == *name)
    }

    /// The plan that protects a resource: the first one in the document that selects it and does not exclude it.
    pub fn plan_for<'a>(&'a self, resource: &'a Resource) -> Option<Selected<'a>> {
        self.plans.iter().find_map(|plan| {
            let because = plan.selection.include.check(resource).ok()?;
            let exclude = plan.selection.exclude.as_ref();
            let is_excluded = exclude.is_some_and(|exclude| exclude.check(resource).is_ok());
            (!is_excluded).then_some(Selected { plan, because })
        })
    }

    /// Says of every plan why it does or does not protect a resource.
    pub fn explain<'a>(&'a self, resource: &'a Resource) -> Explanation<'a> {
        let mut is_protected = false;
        let mut plans = Vec::with_capacity(self.plans.len());
        for plan in &self.plans {
            let exclude = plan.selection.exclude.as_ref();
            let excluded = exclude.and_then(|exclude| exclude.check(resource).ok());
            let standing = match (plan.selection.include.check(resource), excluded) {
                (Err(mismatch), _) => Standing::PassesBy(mismatch),
                (Ok(_), Some(by)) => Standing::Excludes(by),
                (Ok(because), None) if is_protected => Standing::TooLate(because),
                (Ok(because), None) => {
                    is_protected = true;
                    Standing::Protects(because)
                }
            };
            plans.push((&plan.name, standing));
        }
        Explanation {
            resource: &resource.id,
            plans,
        }
    }
}

impl fmt::Display for Selected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan {}, because {}", self.plan.name, all(&self.because))
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protects = |standing: &Standing<'_>| matches!(standing, Standing::Protects(_));
        match self.plans.iter().find(|(_, standing)| protects(standing)) {
            Some((name, _)) => write!(f, "{} is protected by plan {name}", self.resource)?,
            None => write!(f, "{} is not protected by any plan", self.resource)?,
        }
        for (name, standing) in &self.plans {
            write!(f, "\n- plan {name} ")?;
            match standing {
                Standing::Protects(because) => write!(f, "protects it, because {}", all(because))?,
                Standing::TooLate(because) => {
                    write!(
                        f,
                        "selects it, because {}, but an earlier plan comes first",
                        all(because)
                    )?;
                }
                Standing::Excludes(because) => write!(f, "excludes it, because {}", all(because))?,
                Standing::PassesBy(mismatch) => write!(f, "does not select it: {mismatch}")?,
            }
        }
        Ok(())
    }
}

fn all(clauses: &[Matched<'_>]) -> String {
    clauses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" and ")
}
