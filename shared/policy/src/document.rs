use holdfast_catalog::PlanName;

use crate::plan::Plan;
use crate::selection::Resource;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The language's version.
    pub version: u32,
    /// The plans, in order: the first that covers a resource protects it.
    pub plans: Vec<Plan>,
}

/// The plan that protects a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// How many plans further down cover the resource too.
    pub also_covered_by: usize,
}

impl Document {
    /// The plan of that name.
    pub fn plan(&self, name: &PlanName) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.name == *name)
    }

    /// The plan that protects a resource: the first in the document that covers it.
    pub fn plan_for(&self, resource: &Resource) -> Option<Selected<'_>> {
        let mut covering = self.plans.iter().filter(|plan| plan.selection.covers(resource));
        let plan = covering.next()?;
        Some(Selected {
            plan,
            also_covered_by: covering.count(),
        })
    }
}
