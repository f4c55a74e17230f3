//! What to tombstone, what to remove, and why: a pure decision.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{PlanName, PointId, Region, ResourceId, Tombstone};
use holdfast_lambda::point_state;
use holdfast_policy::{
    Copies, Document, KeepReason, Keeping, PointState, Retention, Series, Verdict, newest_good, retain,
};
use holdfast_vault::sweep::{CALL_BACK_AFTER, Margins, called_back};
use holdfast_vault::{Catalogue, Holds, PointEntry};
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

/// A vault as it was found.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Which vault it is.
    pub side: Side,
    /// Where it is.
    pub region: Region,
    /// The regions of the stack's replicas, its own first.
    pub replicas: Vec<Region>,
    /// Its points.
    pub catalogue: Catalogue,
    /// Its tombstones.
    pub tombstones: Vec<Tombstone>,
    /// Runs that ended without a point.
    pub failed_attempts: Vec<PointId>,
    /// Until when the store refuses to remove points, of those that were looked at.
    pub locked_until: BTreeMap<PointId, Timestamp>,
    /// Its legal holds, and those that the other vault knows.
    pub holds: Holds,
}

/// What to do with a vault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Points to keep, with the reasons.
    pub keep: Vec<(PointId, String)>,
    /// Points to tombstone now, with the reasons.
    pub tombstone: Vec<(PointId, String)>,
    /// Tombstoned points that are wanted after all, because others were lost, the policy has changed, a hold was laid or a
    /// person has said so, with the reasons.
    pub lift: Vec<(PointId, String)>,
    /// The same of points whose grace is over or nearly so: a prune that is under way may be about to remove them, so that
    /// it is written down now that they are wanted, and the tombstone is lifted later.
    pub call_back: Vec<(PointId, String)>,
    /// Tombstoned points whose grace is over: their data goes now.
    pub remove: Vec<Tombstone>,
    /// Tombstoned points whose grace is not over, or without which no good point would be left.
    pub wait: Vec<(PointId, String)>,
}

type Tombstones<'a> = BTreeMap<&'a PointId, &'a Tombstone>;

/// Decides for a whole vault.
pub fn decide(observed: &Observed, document: &Document, margins: &Margins, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut series: BTreeMap<(&ResourceId, &PlanName), Vec<&PointEntry>> = BTreeMap::new();
    for entry in &observed.catalogue.points {
        series
            .entry((&entry.id.resource, &entry.id.plan))
            .or_default()
            .push(entry);
    }
    let tombstones: Tombstones<'_> = observed
        .tombstones
        .iter()
        .map(|tombstone| (&tombstone.point, tombstone))
        .collect();
    for ((_, name), entries) in &series {
        for (entry, wanted) in wanted(observed, document, name, entries, now) {
            settle(entry, wanted, &tombstones, margins, now, &mut plan);
        }
    }
    let settled = [&plan.lift, &plan.call_back, &plan.wait].into_iter().flatten();
    let settled: BTreeSet<PointId> = settled.map(|(point, _)| point.clone()).collect();
    let still_good: BTreeSet<&ResourceId> = observed
        .catalogue
        .points
        .iter()
        .filter(|entry| entry.is_good())
        .map(|entry| &entry.id.resource)
        .collect();
    for tombstone in &observed.tombstones {
        let point = &tombstone.point;
        if settled.contains(point) {
            continue;
        }
        if !margins.is_over(tombstone.pruned_at, now) {
            let until = format!("in its grace period until {}", margins.end_of(tombstone.pruned_at));
            plan.wait.push((point.clone(), until));
        } else if still_good.contains(&point.resource) {
            plan.remove.push(tombstone.clone());
        } else {
            let why = "no good point of this resource is left: kept".to_owned();
            plan.wait.push((point.clone(), why));
        }
    }
    plan
}

/// Puts a point where it belongs in the plan. A tombstone whose grace is over, and which nobody wants lifted, is not settled.
fn settle(
    entry: &PointEntry,
    wanted: Result<String, String>,
    tombstones: &Tombstones<'_>,
    margins: &Margins,
    now: Timestamp,
    plan: &mut Plan,
) {
    let point = entry.id.clone();
    let undeleted_at = entry.last("undeleted");
    if !entry.is_tombstoned {
        let kept_until = undeleted_at.map(|at| margins.end_of(at)).filter(|until| *until > now);
        match (wanted, kept_until) {
            (Ok(why), _) => plan.keep.push((point, why)),
            (Err(_), Some(until)) => plan.keep.push((point, undeleted_until(until))),
            (Err(why), None) => plan.tombstone.push((point, why)),
        }
        return;
    }
    let Some(tombstone) = tombstones.get(&point) else {
        let why = "its tombstone was lifted a moment ago".to_owned();
        plan.wait.push((point, why));
        return;
    };
    let called_back_at = called_back(tombstone.pruned_at, undeleted_at);
    let called_back = called_back_at.map(|at| undeleted_until(margins.end_of(at)));
    let Some(why) = wanted.ok().or(called_back) else {
        return;
    };
    match called_back_at {
        _ if margins.may_be_lifted(tombstone.pruned_at, called_back_at, now) => plan.lift.push((point, why)),
        None => plan.call_back.push((point, why)),
        Some(at) => plan.wait.push((point, format!("{}: {why}", lifted_after(at)))),
    }
}

/// What the policy, holds and doubts say of each point of a series: wanted, or not, with the reasons.
fn wanted<'a>(
    observed: &Observed,
    document: &Document,
    name: &PlanName,
    entries: &[&'a PointEntry],
    now: Timestamp,
) -> Vec<(&'a PointEntry, Result<String, String>)> {
    let Some(rules) = document.plan(name) else {
        let unknown = |entry: &&'a PointEntry| {
            let why = format!("plan {name} is not in the policy, and unknown means keep");
            // One that was tombstoned when the plan was there goes its way, unless a hold calls it back.
            let wanted = match (observed.holds.on(&entry.id), entry.is_tombstoned) {
                (Some(hold), _) => Ok(hold),
                (None, false) => Ok(why),
                (None, true) => Err(why),
            };
            (*entry, wanted)
        };
        return entries.iter().map(unknown).collect();
    };
    let states: Vec<PointState> = entries
        .iter()
        .map(|entry| PointState {
            in_copy: observed.side == Side::Home && is_in_copy(entry, rules, &observed.replicas, now),
            held: observed.holds.on(&entry.id).is_some(),
            locked_until: observed.locked_until.get(&entry.id).copied(),
            ..point_state(entry)
        })
        .collect();
    let keeping = Keeping {
        retention: retention_of(observed, rules),
        compliance: &rules.compliance,
        zone: rules.schedule.zone(),
    };
    let series = Series {
        points: &states,
        failed_attempts: &observed.failed_attempts,
    };
    let decided = retain(&keeping, &series, now);
    let by_id: BTreeMap<&PointId, &'a PointEntry> = entries.iter().map(|entry| (&entry.id, *entry)).collect();
    let in_words = decided.into_iter().filter_map(|decided| {
        let entry = *by_id.get(&decided.point)?;
        let wanted = match decided.verdict {
            Verdict::Keep { reasons } => Ok(joined(reasons.iter().map(|reason| match reason {
                // The policy knows that a point is held; the holds know by what.
                KeepReason::Held => observed.holds.on(&decided.point).unwrap_or_else(|| reason.to_string()),
                reason => reason.to_string(),
            }))),
            Verdict::Remove { why } => Err(joined(why.iter().map(ToString::to_string))),
        };
        Some((entry, wanted))
    });
    in_words.collect()
}

/// Which points stay: as the plan says, or as it says for the copies in the replica's region.
fn retention_of<'a>(observed: &Observed, rules: &'a holdfast_policy::Plan) -> &'a Retention {
    match observed.side {
        Side::Home => &rules.retention,
        Side::Replica => rules.retention_in(&observed.region, observed.replicas.first().or(Some(&observed.region))),
    }
}

fn joined(reasons: impl Iterator<Item = String>) -> String {
    reasons.collect::<Vec<_>>().join(", ")
}

/// Why a person may not give up a point of this vault; `None` when it may go: its tombstone would stand.
pub fn refusal(
    observed: &Observed,
    document: &Document,
    point: &PointId,
    margins: &Margins,
    now: Timestamp,
) -> Option<String> {
    let series = |entry: &&PointEntry| entry.id.resource == point.resource && entry.id.plan == point.plan;
    let states: Vec<PointState> = observed
        .catalogue
        .points
        .iter()
        .filter(series)
        .map(point_state)
        .collect();
    if newest_good(&states, now).is_some_and(|newest| newest.id == *point) {
        return Some("it is the newest good point of its resource and plan".to_owned());
    }
    if let Some(hold) = observed.holds.on(point) {
        return Some(hold);
    }
    // What the next prune would make of it.
    let mut after = observed.clone();
    for entry in after.catalogue.points.iter_mut().filter(|entry| entry.id == *point) {
        entry.is_tombstoned = true;
    }
    after.tombstones.push(Tombstone {
        point: point.clone(),
        pruned_at: now,
        reasons: Vec::new(),
    });
    let plan = decide(&after, document, margins, now);
    let called_back = plan.lift.into_iter().chain(plan.call_back);
    let mut called_back = called_back.filter(|(back, _)| back == point);
    called_back
        .next()
        .map(|(_, why)| format!("the next prune would call it back: {why}"))
}

/// When the tombstone of a point goes that was called back at an instant.
pub fn lifted_after(called_back_at: Timestamp) -> String {
    let after = called_back_at.saturating_add(CALL_BACK_AFTER).unwrap_or(Timestamp::MAX);
    format!("called back, its tombstone is lifted after {after}")
}

fn undeleted_until(until: Timestamp) -> String {
    format!("undeleted, kept until {until}")
}

fn is_in_copy(entry: &PointEntry, rules: &holdfast_policy::Plan, replicas: &[Region], now: Timestamp) -> bool {
    let own = replicas.first();
    let further = rules.destinations(own);
    let mut further = further
        .iter()
        .filter(|to| Some(to.region) != own && replicas.contains(to.region));
    rules.copies != Copies::None
        && (entry.last("replicated").is_none() || further.any(|to| entry.copied_to(to.region, own).is_none()))
        && now.duration_since(entry.committed_at) < IN_COPY_FOR
}
