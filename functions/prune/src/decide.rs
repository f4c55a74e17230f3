//! What to tombstone, what to remove, and why: a pure decision.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{PlanName, PointId, ResourceId, Tombstone};
use holdfast_lambda::point_state;
use holdfast_policy::{Copies, Document, PointState, retain};
use holdfast_vault::sweep::Margins;
use holdfast_vault::{Catalogue, PointEntry};
use jiff::{SignedDuration, Timestamp};

/// A point that is younger than this and not copied yet is in copy, and is not removed from under the copy.
const IN_COPY_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Which vault is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The stack's own vault, from which points are copied.
    Home,
    /// The replica vault.
    Replica,
}

/// What to do with a vault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Points to keep, with the reasons.
    pub keep: Vec<(PointId, String)>,
    /// Points to tombstone now, with the reasons.
    pub tombstone: Vec<(PointId, String)>,
    /// Tombstoned points that are wanted after all, because others were lost or the policy has changed, with the reasons.
    pub lift: Vec<(PointId, String)>,
    /// Tombstoned points whose grace is over: their data goes now.
    pub remove: Vec<Tombstone>,
    /// Tombstoned points whose grace is not over, or without which no good point would be left.
    pub wait: Vec<(PointId, String)>,
}

/// Decides for a whole vault.
pub fn decide(
    side: Side,
    document: &Document,
    catalogue: &Catalogue,
    tombstones: Vec<Tombstone>,
    margins: &Margins,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let mut series: BTreeMap<(&ResourceId, &PlanName), Vec<&PointEntry>> = BTreeMap::new();
    for entry in &catalogue.points {
        series
            .entry((&entry.id.resource, &entry.id.plan))
            .or_default()
            .push(entry);
    }
    for ((_, name), entries) in &series {
        decide_series(side, document, name, entries, now, &mut plan);
    }
    let lifted: BTreeSet<&PointId> = plan.lift.iter().map(|(point, _)| point).collect();
    let tombstones: Vec<Tombstone> = tombstones
        .into_iter()
        .filter(|tombstone| !lifted.contains(&tombstone.point))
        .collect();
    let still_good: BTreeSet<&ResourceId> = catalogue
        .points
        .iter()
        .filter(|entry| entry.is_good())
        .map(|entry| &entry.id.resource)
        .collect();
    for tombstone in tombstones {
        if !margins.is_over(tombstone.pruned_at, now) {
            let until = tombstone.pruned_at.saturating_add(margins.grace);
            let until = until.map_or_else(|_| "for ever".to_owned(), |until| format!("until {until}"));
            plan.wait
                .push((tombstone.point, format!("in its grace period {until}")));
        } else if still_good.contains(&tombstone.point.resource) {
            plan.remove.push(tombstone);
        } else {
            plan.wait.push((
                tombstone.point,
                "no good point of this resource is left: kept".to_owned(),
            ));
        }
    }
    plan
}

fn decide_series(
    side: Side,
    document: &Document,
    name: &PlanName,
    entries: &[&PointEntry],
    now: Timestamp,
    plan: &mut Plan,
) {
    let Some(rules) = document.plan(name) else {
        let why = format!("plan {name} is not in the policy, and unknown means keep");
        let standing = entries.iter().filter(|entry| !entry.is_tombstoned);
        plan.keep.extend(standing.map(|entry| (entry.id.clone(), why.clone())));
        return;
    };
    let states: Vec<PointState> = entries
        .iter()
        .map(|entry| PointState {
            in_copy: side == Side::Home && is_in_copy(entry, &rules.copies, now),
            ..point_state(entry)
        })
        .collect();
    let tombstoned: BTreeSet<&PointId> = entries
        .iter()
        .filter(|entry| entry.is_tombstoned)
        .map(|entry| &entry.id)
        .collect();
    for decided in retain(&rules.retention, rules.schedule.zone(), &states, now) {
        let why = decided.reasons().join(", ");
        match (decided.is_kept(), tombstoned.contains(&decided.point)) {
            (true, false) => plan.keep.push((decided.point, why)),
            (true, true) => plan.lift.push((decided.point, why)),
            (false, false) => plan.tombstone.push((decided.point, why)),
            (false, true) => {}
        }
    }
}

fn is_in_copy(entry: &PointEntry, copies: &Copies, now: Timestamp) -> bool {
    *copies != Copies::None
        && entry.last("replicated").is_none()
        && now.duration_since(entry.committed_at) < IN_COPY_FOR
}
