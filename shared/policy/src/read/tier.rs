//! Tiers: plans that a policy can take as they are, or field by field.

use std::fmt;

use super::fields::{Fields, Place};
use super::plan::PLAN;
use super::suggest::closest;
use super::tree::{self, Node};
use crate::fault::{Collector, Fault, Problem};

/// The built-in policy, in the language that [`parse`](crate::parse) reads. Its plans are the tiers.
pub const BUILTIN: &str = "\
version: 1
plans:
  - name: critical
    schedule: {every: 15m}
    retention: {keep_last: 4, hourly: 48, daily: 30, weekly: 8, monthly: 12, yearly: 3, minimum_good: 5}
    objectives: {rpo: 30m, rto: 1h}
    verification: {restore_test_every: 7d}
  - name: standard
    schedule: {every: 1h}
    retention: {keep_last: 3, hourly: 24, daily: 7, weekly: 4, monthly: 12, minimum_good: 3}
    objectives: {rpo: 2h}
    verification: {restore_test_every: 7d}
  - name: archive
    schedule: {cron: \"0 3 * * *\"}
    retention: {daily: 7, monthly: 12, yearly: 10, minimum_good: 3}
    objectives: {rpo: 2d}
    verification: {restore_test_every: 30d}
";

/// A tier by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Critical,
    Standard,
    Archive,
}

impl Tier {
    const ALL: [Tier; 3] = [Tier::Critical, Tier::Standard, Tier::Archive];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Tier::Critical => "critical",
            Tier::Standard => "standard",
            Tier::Archive => "archive",
        }
    }

    pub(super) fn read(place: &Place<'_>, faults: &mut Collector) -> Option<Tier> {
        const WANTED: &str = "write critical, standard or archive";
        let text = place.text(faults, WANTED)?;
        let tier = Tier::ALL.into_iter().find(|tier| tier.as_str() == text);
        let read = tier.ok_or_else(|| {
            let change = match closest(text, Tier::ALL.map(Tier::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => WANTED.to_owned(),
            };
            Problem::new("unknown tier", change)
        });
        place.take(faults, read)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text of the tiers as a tree.
pub(super) fn text() -> Result<Node, Fault> {
    tree::read(BUILTIN)
}

/// The fields that each tier gives.
pub(super) struct Tiers<'n>(Vec<Fields<'n>>);

impl<'n> Tiers<'n> {
    /// The tiers of their text.
    pub(super) fn of(text: &'n Node) -> Self {
        // A constant that the tests read has no faults.
        let mut faults = Collector::default();
        let root = Place::root(text).fields(&mut faults, &["version", "plans"], "");
        let plans = root.and_then(|root| root.get("plans")?.items(&mut faults, ""));
        let plans = plans.unwrap_or_default();
        Tiers(
            plans
                .iter()
                .filter_map(|plan| plan.fields(&mut faults, &PLAN, ""))
                .collect(),
        )
    }

    /// A field that a tier gives.
    pub(super) fn get(&self, tier: Tier, field: &str) -> Option<&Place<'n>> {
        let tiers = Tier::ALL.iter().zip(&self.0);
        let mut tiers = tiers.filter(|(candidate, _)| **candidate == tier);
        tiers.find_map(|(_, fields)| fields.get(field))
    }
}
