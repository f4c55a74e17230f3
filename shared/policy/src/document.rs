use std::cmp::Reverse;
use std::fmt;

use holdfast_catalog::{PlanName, ResourceId};

use crate::account::Account;
use crate::limits::Limits;
use crate::matched::{Matched, Mismatch, Specificity, all};
use crate::notification::Notification;
use crate::plan::Plan;
use crate::residency::ResidencyRule;
use crate::selection::{Resource, Unselected};
use crate::zone::Zone;

/// A policy: the plans in force, in the order of the document, and what holds for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The version of the policy language.
    pub version: u32,
    /// The accounts that the policy has names for, each with its name.
    pub accounts: Vec<Account>,
    /// Where data may be, whatever the plan.
    pub residency: Vec<ResidencyRule>,
    /// The regions to protect beside the stack's own, and how gently.
    pub zones: Vec<Zone>,
    /// The most that one prune run may give up.
    pub limits: Limits,
    /// Who hears of what.
    pub notifications: Vec<Notification>,
    /// The plans.
    pub plans: Vec<Plan>,
}

/// A plan that protects a resource, and why it does.
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
    /// It protects it too, beside the plan that wins.
    ProtectsToo(Vec<Matched<'a>>),
    /// It would, but another plan wins.
    Outdone {
        /// The clauses of its selection that the resource meets.
        because: Vec<Matched<'a>>,
        /// The plan that wins.
        by: &'a PlanName,
        /// What makes that plan more specific; nothing if it is as specific and comes first.
        lead: Option<String>,
    },
    /// It selects it and excludes it again.
    Excludes(Vec<Matched<'a>>),
    /// It does not select it.
    PassesBy(Mismatch<'a>),
}

/// Which plans protect a resource, and why each of the others does not. `Display` says it in words.
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

    /// The plans that protect a resource: the one that wins, then, in the order of the document, those that protect in
    /// addition (`also`).
    ///
    /// Of the plans that select the resource and do not exclude it, the most specific one wins, and of several that are
    /// equally specific the first one in the document, see [`Specificity`]. Plans that protect in addition do not compete.
    pub fn plans_for<'a>(&'a self, resource: &'a Resource) -> Vec<Selected<'a>> {
        let plans = self.plans.iter();
        let mut selected: Vec<Selected<'_>> = plans
            .filter_map(|plan| {
                let because = plan.select(resource).ok()?;
                Some(Selected { plan, because })
            })
            .collect();
        let winner = winner(&selected).map(|winner| &winner.plan.name).cloned();
        selected.retain(|selected| selected.plan.also || Some(&selected.plan.name) == winner.as_ref());
        selected.sort_by_key(|selected| selected.plan.also);
        selected
    }

    /// Says of every plan why it does or does not protect a resource.
    pub fn explain<'a>(&'a self, resource: &'a Resource) -> Explanation<'a> {
        let protecting = self.plans_for(resource);
        let winner = winner(&protecting);
        let plans = self.plans.iter().map(|plan| {
            let standing = match plan.select(resource) {
                Err(Unselected::PassedBy(mismatch)) => Standing::PassesBy(mismatch),
                Err(Unselected::Excluded(by)) => Standing::Excludes(by),
                Ok(because) if plan.also => Standing::ProtectsToo(because),
                Ok(because) => match winner {
                    Some(winner) if winner.plan.name != plan.name => Standing::Outdone {
                        lead: winner.specificity().lead_over(&Specificity::of(&because)),
                        by: &winner.plan.name,
                        because,
                    },
                    _ => Standing::Protects(because),
                },
            };
            (&plan.name, standing)
        });
        Explanation {
            resource: &resource.id,
            plans: plans.collect(),
        }
    }
}

/// The most specific of the plans that compete; of several, the first one.
fn winner<'s, 'a>(selected: &'s [Selected<'a>]) -> Option<&'s Selected<'a>> {
    let competing = selected.iter().filter(|selected| !selected.plan.also);
    competing.min_by_key(|selected| Reverse(selected.specificity()))
}

impl Selected<'_> {
    /// How exactly the plan's selection says this resource.
    pub fn specificity(&self) -> Specificity {
        Specificity::of(&self.because)
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
        let protects_too = |standing: &Standing<'_>| matches!(standing, Standing::ProtectsToo(_));
        // The one that wins first, as in `plans_for`.
        let winner = self.plans.iter().filter(|(_, standing)| protects(standing));
        let others = self.plans.iter().filter(|(_, standing)| protects_too(standing));
        let protecting: Vec<String> = winner.chain(others).map(|(name, _)| format!("plan {name}")).collect();
        match protecting.as_slice() {
            [] => write!(f, "{} is not protected by any plan", self.resource)?,
            plans => write!(f, "{} is protected by {}", self.resource, plans.join(" and "))?,
        }
        for (name, standing) in &self.plans {
            write!(f, "\n- plan {name} {standing}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Standing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Protects(because) => write!(f, "protects it, because {}", all(because)),
            Standing::ProtectsToo(because) => write!(f, "protects it in addition, because {}", all(because)),
            Standing::Outdone { because, by, lead } => {
                write!(f, "selects it, because {}, but plan {by} ", all(because))?;
                match lead {
                    Some(lead) => write!(f, "is more specific: {lead}"),
                    None => f.write_str("is as specific and comes first"),
                }
            }
            Standing::Excludes(because) => write!(f, "excludes it, because {}", all(because)),
            Standing::PassesBy(mismatch) => write!(f, "does not select it: {mismatch}"),
        }
    }
}
