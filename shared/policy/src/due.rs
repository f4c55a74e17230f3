use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{PlanName, PointId, ResourceId, Slot};
use jiff::{SignedDuration, Timestamp};

use crate::document::Document;
use crate::plan::Plan;
use crate::selection::Resource;

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
/// A run is due for each resource of the inventory that a plan protects, for the newest slot of the plan that is not after
/// `now`, unless that slot or a later one has a point. After an outage that is one run, not one for each slot that was
/// missed. `points` are all committed points; those dated after `now` neither count nor stand in the way.
///
/// Urgency is the age of the newest point measured in the plan's RPO (in hours where it names none). Resources that have no
/// point come before all others.
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
        let Some(selected) = document.plan_for(resource) else {
            continue;
        };
        let held = newest.get(&(&resource.id, &selected.plan.name)).copied();
        runs.extend(run_of(resource, selected.plan, held, now));
    }
    runs.sort_by(|(a, run), (b, other)| {
        a.cmp(b)
            .then_with(|| (&run.resource, &run.plan).cmp(&(&other.resource, &other.plan)))
    });
    runs.into_iter().map(|(_, run)| run).collect()
}

/// Without a point first, then by age in thousandths of the objective, the oldest first.
type Urgency = (bool, Reverse<i128>);

fn run_of(resource: &Resource, plan: &Plan, newest: Option<Slot>, now: Timestamp) -> Option<(Urgency, DueRun)> {
    let slot = plan.schedule.latest_at_or_before(now)?;
    if newest.is_some_and(|newest| newest >= slot) {
        return None;
    }
    let first_missed = match newest {
        Some(newest) => plan.schedule.next_after(newest.instant()).unwrap_or(slot),
        None => slot,
    };
    let objective = plan.objectives.rpo.unwrap_or(SignedDuration::from_hours(1));
    let age = newest.map_or(SignedDuration::ZERO, |newest| now.duration_since(newest.instant()));
    let urgency = (
        newest.is_some(),
        Reverse(age.as_millis().saturating_mul(1000) / objective.as_millis().max(1)),
    );
    let run = DueRun {
        resource: resource.id.clone(),
        plan: plan.name.clone(),
        slot,
        overdue: now.duration_since(first_missed.instant()),
        newest,
    };
    Some((urgency, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
version: 1
plans:
  - {name: hot, schedule: {every: 15m}, retention: {keep_last: 1}, objectives: {rpo: 30m}}
  - {name: cold, schedule: {every: 1d}, retention: {keep_last: 1}, objectives: {rpo: 2d}}
";

    fn table(name: &str, plan: &str) -> Resource {
        let arn: holdfast_catalog::Arn = format!("arn:aws:dynamodb:eu-west-1:111122223333:table/{name}")
            .parse()
            .unwrap();
        let tags = BTreeMap::from([("backup".to_owned(), plan.to_owned())]);
        Resource {
            id: ResourceId::from_arn(&arn).unwrap(),
            arn,
            tags,
        }
    }

    fn point(name: &str, slot: &str, plan: &str) -> PointId {
        format!("dynamodb-table/eu-west-1/{name}/{slot}-{plan}")
            .parse()
            .unwrap()
    }

    fn due_now(inventory: &[Resource], points: &[PointId]) -> Vec<DueRun> {
        let document = crate::parse(POLICY, "backup").unwrap();
        due(&document, inventory, points, "2026-11-21T12:07:00Z".parse().unwrap())
    }

    #[test]
    fn after_an_outage_one_run_is_due_and_not_one_for_each_slot() {
        let runs = due_now(&[table("orders", "hot")], &[point("orders", "20261121T090000Z", "hot")]);
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].point(), point("orders", "20261121T120000Z", "hot"));
        assert_eq!(runs[0].overdue, SignedDuration::from_mins(2 * 60 + 52));
    }

    #[test]
    fn nothing_is_due_when_the_newest_slot_has_its_point() {
        assert!(due_now(&[table("orders", "hot")], &[point("orders", "20261121T120000Z", "hot")]).is_empty());
    }

    #[test]
    fn a_point_dated_in_the_future_or_of_another_plan_does_not_count() {
        let points = [
            point("orders", "20261121T121500Z", "hot"),
            point("orders", "20261121T120000Z", "cold"),
        ];
        assert_eq!(due_now(&[table("orders", "hot")], &points).len(), 1);
    }

    #[test]
    fn the_unprotected_come_first_and_then_those_that_are_oldest_by_their_objective() {
        let inventory = [
            table("a", "cold"),
            table("b", "hot"),
            table("c", "hot"),
            table("d", "cold"),
            table("e", "none"),
        ];
        let points = [
            point("a", "20261120T000000Z", "cold"),
            point("b", "20261121T114500Z", "hot"),
            point("c", "20261121T110000Z", "hot"),
        ];
        let order: Vec<String> = due_now(&inventory, &points)
            .into_iter()
            .map(|run| run.resource.name)
            .collect();
        assert_eq!(order, ["d", "c", "a", "b"]);
    }
}
