use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{PlanName, PointId, ResourceId, Slot};
use jiff::{SignedDuration, Timestamp};

use crate::document::Document;
use crate::plan::Plan;
use crate::selection::Resource;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A recovery point to make now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRun {
    /// Of which resource.
    pub resource: ResourceId,
    /// For which plan.
    pub plan: PlanName,
    /// For which slot: the newest one that has come.
    pub slot: Slot,
    /// How long ago the first slot came that has no point yet. One run makes up for all of them.
    pub overdue: SignedDuration,
    /// The newest slot of this plan that has a point, if any has.
    pub newest: Option<Slot>,
}

impl DueRun {
    /// The identity of the run and of the point that it makes.
    pub fn point(&self) -> PointId {
        PointId {
            resource: self.resource.clone(),
            slot: self.slot,
            plan: self.plan.clone(),
        }
    }
}

/// The recovery points to make now, the most urgent first.
///
/// A run is due for each resource of the inventory and each plan that protects it, for the newest slot of the plan that is
/// not after `now`, unless that slot or a later one has a point. After an outage that is one run, not one for each slot
/// that was missed. `points` are all committed points, whatever their contents: the commit decides whether a slot is
/// taken. Points that are dated after `now` neither count nor stand in the way.
///
/// Urgency is the age of the newest point, measured in the plan's RPO or, where it names none, in the time between its
/// slots. Resources that have no point come before all others.
///
/// Asked twice with the same arguments it gives the same runs; asked again after they were made, none.
pub fn due<'a>(
    document: &Document,
    inventory: &[Resource],
    points: impl IntoIterator<Item = &'a PointId>,
    now: Timestamp,
) -> Vec<DueRun> {
    let mut newest: BTreeMap<(&ResourceId, &PlanName), Slot> = BTreeMap::new();
    for point in points.into_iter().filter(|point| point.slot.instant() <= now) {
        let slot = newest.entry((&point.resource, &point.plan)).or_insert(point.slot);
        *slot = point.slot.max(*slot);
    }
    let mut seen = BTreeSet::new();
    let mut runs: Vec<(Urgency, DueRun)> = Vec::new();
    for resource in inventory.iter().filter(|resource| seen.insert(&resource.id)) {
        for selected in document.plans_for(resource) {
            let newest = newest.get(&(&resource.id, &selected.plan.name)).copied();
            runs.extend(run_of(resource, selected.plan, newest, now));
        }
    }
    runs.sort_by(|(a, run), (b, other)| {
        a.cmp(b)
            .then_with(|| (&run.resource, &run.plan).cmp(&(&other.resource, &other.plan)))
    });
    runs.into_iter().map(|(_, run)| run).collect()
}

fn run_of(resource: &Resource, plan: &Plan, newest: Option<Slot>, now: Timestamp) -> Option<(Urgency, DueRun)> {
    let slot = plan.schedule.latest_at_or_before(now)?;
    if newest.is_some_and(|newest| newest >= slot) {
        return None;
    }
    let first_missed = newest.and_then(|newest| plan.schedule.next_after(newest.instant()));
    let between_slots = || {
        let next = plan.schedule.next_after(slot.instant())?;
        Some(next.instant().duration_since(slot.instant()))
    };
    let measure = plan.objectives.rpo.or_else(between_slots);
    let urgency = Urgency {
        age: newest.map(|newest| now.duration_since(newest.instant())),
        measure: measure.unwrap_or(SignedDuration::MAX).max(SECOND),
    };
    let run = DueRun {
        resource: resource.id.clone(),
        plan: plan.name.clone(),
        slot,
        overdue: now.duration_since(first_missed.unwrap_or(slot).instant()),
        newest,
    };
    Some((urgency, run))
}

/// How urgent a run is. The least is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Urgency {
    age: Option<SignedDuration>,
    measure: SignedDuration,
}

impl Ord for Urgency {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_age = match (self.age, other.age) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            // age / measure on both sides, multiplied out: two 64-bit numbers of seconds always fit.
            (Some(age), Some(other_age)) => {
                let product = |a: SignedDuration, b: SignedDuration| i128::from(a.as_secs()) * i128::from(b.as_secs());
                Reverse(product(age, other.measure)).cmp(&Reverse(product(other_age, self.measure)))
            }
        };
        by_age.then_with(|| self.measure.cmp(&other.measure))
    }
}

impl PartialOrd for Urgency {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
