use holdfast_catalog::Region;

use crate::retention::Retention;

/// Where copies of each recovery point go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Copies {
    /// One to the stack's replica region, if the stack has one, with the plan's retention.
    #[default]
    Default,
    /// Nowhere.
    None,
    /// One by each of these rules; at least one.
    To(Vec<CopyRule>),
}

/// Where one copy goes and how long it stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyRule {
    /// The region; the stack's replica region if it is left out.
    pub region: Option<Region>,
    /// Which of the copies stay; the plan's retention if it is left out.
    pub retention: Option<Retention>,
}

/// A region that copies go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination<'a> {
    /// The region.
    pub region: &'a Region,
    /// The retention of the copies there, where it is not the plan's.
    pub retention: Option<&'a Retention>,
}

impl Copies {
    /// The regions that copies go to, each one once, given the stack's replica region.
    ///
    /// If the replica region is named by one rule and meant by another that leaves the region out, the one that names it
    /// holds.
    pub fn destinations<'a>(&'a self, replica: Option<&'a Region>) -> Vec<Destination<'a>> {
        let rules = match self {
            Copies::Default => {
                let retention = None;
                return replica
                    .map(|region| Destination { region, retention })
                    .into_iter()
                    .collect();
            }
            Copies::None => &[],
            Copies::To(rules) => rules.as_slice(),
        };
        let is_named = |region: &Region| rules.iter().any(|rule| rule.region.as_ref() == Some(region));
        let destination = |rule: &'a CopyRule| {
            let left_out = || replica.filter(|region| !is_named(region));
            Some(Destination {
                region: rule.region.as_ref().or_else(left_out)?,
                retention: rule.retention.as_ref(),
            })
        };
        rules.iter().filter_map(destination).collect()
    }

    /// The retention of the copies in a region, where a rule for that region has one of its own.
    pub(crate) fn retention_in(&self, region: &Region, replica: Option<&Region>) -> Option<&Retention> {
        let Copies::To(rules) = self else { return None };
        let there = rules
            .iter()
            .filter(|rule| rule.region.as_ref().or(replica) == Some(region));
        // As in `destinations`: a rule that names the region comes before one that leaves it out.
        there.min_by_key(|rule| rule.region.is_none())?.retention.as_ref()
    }
}
