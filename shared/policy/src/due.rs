use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{PlanName, PointId, ResourceId, Slot};
use jiff::{SignedDuration, Timestamp};

use crate::document::Document;
use crate::plan::Plan;
use crate::selection::Resource;
use crate::turn::{Turn, turns};

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
    /// The run is to begin before this: then the window is over, or the next slot comes.
    pub until: Timestamp,
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
/// A run stays due, also after it has failed, while its slot may be started: until the window is over, or until the next
/// slot comes where there is no window. A resource that waits for its share of the jitter is not due yet, and in a
/// blackout or a pause nothing is.
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
    let mut newest: Newest<'_> = BTreeMap::new();
    for point in points.into_iter().filter(|point| point.slot.instant() <= now) {
        let slot = newest.entry((&point.resource, &point.plan)).or_insert(point.slot);
        *slot = point.slot.max(*slot);
    }
    let mut runs: Vec<(Urgency, DueRun)> = Vec::new();
    for (plan, resources) in protected(document, inventory) {
        runs.extend(runs_of(plan, &resources, &newest, now));
    }
    runs.sort_by(|(a, run), (b, other)| {
        a.cmp(b)
            .then_with(|| (&run.resource, &run.plan).cmp(&(&other.resource, &other.plan)))
    });
    runs.into_iter().map(|(_, run)| run).collect()
}

/// The newest slot of each resource and plan that has a point.
type Newest<'a> = BTreeMap<(&'a ResourceId, &'a PlanName), Slot>;

/// The resources that each plan protects; their turns are counted among them.
pub(crate) fn protected<'a>(document: &'a Document, inventory: &'a [Resource]) -> Vec<(&'a Plan, Vec<&'a ResourceId>)> {
    let mut resources: BTreeMap<&PlanName, (&Plan, BTreeSet<&ResourceId>)> = BTreeMap::new();
    for resource in inventory {
        for selected in document.plans_for(resource) {
            let plan = selected.plan;
            let (_, resources) = resources.entry(&plan.name).or_insert((plan, BTreeSet::new()));
            resources.insert(&resource.id);
        }
    }
    let plans = resources.into_values();
    plans
        .map(|(plan, resources)| (plan, resources.into_iter().collect()))
        .collect()
}

fn runs_of(plan: &Plan, resources: &[&ResourceId], newest: &Newest<'_>, now: Timestamp) -> Vec<(Urgency, DueRun)> {
    let schedule = &plan.schedule;
    let Some(slot) = schedule.latest_at_or_before(now) else {
        return Vec::new();
    };
    let next = schedule.next_after(slot.instant());
    let between_slots = next.map(|next| next.instant().duration_since(slot.instant()));
    let measure = plan.objectives.rpo.or(between_slots).unwrap_or(SignedDuration::MAX);
    let opening = schedule.opening(slot);
    let turns = turns(&plan.name, resources.iter().copied());
    let run = |(resource, turn): (&ResourceId, Turn)| {
        let start = opening.start(turn);
        let newest = newest.get(&(resource, &plan.name)).copied();
        if newest.is_some_and(|newest| newest >= slot) || !schedule.may_begin(&start, now) {
            return None;
        }
        let first_missed = newest.and_then(|newest| schedule.next_after(newest.instant()));
        let urgency = Urgency {
            age: newest.map(|newest| now.duration_since(newest.instant())),
            measure: measure.max(SECOND),
        };
        let run = DueRun {
            resource: resource.clone(),
            plan: plan.name.clone(),
            slot,
            overdue: now.duration_since(first_missed.unwrap_or(slot).instant()),
            newest,
            until: start.until,
        };
        Some((urgency, run))
    };
    turns.into_iter().filter_map(run).collect()
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
