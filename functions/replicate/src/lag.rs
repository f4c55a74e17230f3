//! How far a destination is behind: the age of its newest complete copies, and how long points wait for theirs.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Outcome, OutcomeStatus, PlanName, Region, ResourceId};
use holdfast_policy::{Document, Schedule};
use holdfast_vault::PointEntry;
use jiff::{SignedDuration, Timestamp};

/// The age of the newest complete copy of a resource, the worst of all resources, in seconds: what a restore there would lose.
/// Of all destinations, and of each with its region behind a hyphen.
const LAG: &str = "CopyLagSeconds";

/// For how long the oldest point has been waiting that is to be copied and is not, in seconds; named as [`LAG`] is.
const WAIT: &str = "CopyWaitSeconds";

/// Whether of several values of a metric the largest counts, instead of their sum.
pub(crate) fn is_longest(metric: &str) -> bool {
    metric.starts_with(LAG) || metric.starts_with(WAIT)
}

/// A series that is at rest for so long makes no more points, if slots went by; shorter, a job of AWS Backup may be at one.
const AT_REST: SignedDuration = SignedDuration::from_hours(24);

/// Whether a point still waits for a copy, as an outcome tells. A partial copy is whole there, and not locked; and one that was
/// pruned there is not brought back: nothing comes of waiting for it.
pub(crate) fn is_waiting(outcome: &Outcome) -> bool {
    matches!(outcome.status, OutcomeStatus::Continuing | OutcomeStatus::Failed)
}

/// Whether a point has got its copy, as an outcome tells.
pub(crate) fn is_copied(outcome: &Outcome) -> bool {
    matches!(outcome.status, OutcomeStatus::Done | OutcomeStatus::Partial)
}

/// Whether a series still makes points, as far as its newest one tells: not when two slots have gone by since, or its plan is gone.
/// What is missing then is points and not copies, and the objective tells of that.
fn is_still_made(newest: Timestamp, schedule: Option<&Schedule>, now: Timestamp) -> bool {
    let second_slot = |schedule: &Schedule| schedule.next_after(schedule.next_after(newest)?.instant());
    let is_due_anew = schedule.is_some_and(|schedule| second_slot(schedule).is_none_or(|slot| slot.instant() > now));
    is_due_anew || now.duration_since(newest) < AT_REST
}

/// What one run learns of a destination.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// The slot of the newest point of a resource that has a complete copy.
    copied: BTreeMap<ResourceId, Timestamp>,
    /// The slot of the oldest one that waits.
    waiting: BTreeMap<ResourceId, Timestamp>,
    longest_wait: SignedDuration,
    /// Series whose newest point was seen.
    series: BTreeSet<(ResourceId, PlanName)>,
    /// Resources that points are still made of.
    alive: BTreeSet<ResourceId>,
}

impl Lag {
    /// There is a point; the newest of its series comes first.
    pub(crate) fn sees(&mut self, entry: &PointEntry, document: &Document, now: Timestamp) {
        let (resource, plan) = (&entry.id.resource, &entry.id.plan);
        if !self.series.insert((resource.clone(), plan.clone())) {
            return;
        }
        let schedule = document.plan(plan).map(|plan| &plan.schedule);
        if is_still_made(entry.id.slot.instant(), schedule, now) {
            self.alive.insert(resource.clone());
        }
    }

    /// A point has its copy.
    pub(crate) fn copied(&mut self, entry: &PointEntry) {
        let at = entry.id.slot.instant();
        let newest = self.copied.entry(entry.id.resource.clone()).or_insert(at);
        *newest = at.max(*newest);
    }

    /// A point has no copy yet.
    pub(crate) fn waits(&mut self, entry: &PointEntry, now: Timestamp) {
        let at = entry.id.slot.instant();
        let oldest = self.waiting.entry(entry.id.resource.clone()).or_insert(at);
        *oldest = at.min(*oldest);
        self.longest_wait = self.longest_wait.max(now.duration_since(entry.committed_at));
    }

    /// The metrics of a destination. A resource without any copy is behind since its oldest point that waits; one that is gone, or
    /// that no plan protects any more, is not behind.
    pub(crate) fn metrics(&self, region: &Region, now: Timestamp) -> [(String, f64); 4] {
        let never = self
            .waiting
            .iter()
            .filter(|(resource, _)| !self.copied.contains_key(*resource));
        let behind = self.copied.iter().chain(never);
        let behind = behind.filter(|(resource, _)| self.alive.contains(*resource));
        let lag = behind.map(|(_, at)| now.duration_since(*at)).max();
        let lag = lag.unwrap_or_default();
        let seconds = |duration: SignedDuration| duration.as_secs_f64().max(0.0);
        let (lag, wait) = (seconds(lag), seconds(self.longest_wait));
        [
            (LAG.to_owned(), lag),
            (format!("{LAG}-{region}"), lag),
            (WAIT.to_owned(), wait),
            (format!("{WAIT}-{region}"), wait),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn entry(name: &str, slot: &str) -> PointEntry {
        let id: holdfast_catalog::PointId = format!("dynamodb-table/eu-central-1/{name}/{slot}-standard")
            .parse()
            .unwrap();
        PointEntry {
            committed_at: id.slot.instant(),
            id,
            is_tombstoned: false,
            facts: BTreeMap::new(),
        }
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    /// A lag that has seen these points, of a plan of this interval.
    fn seeing(interval: &str, entries: &[PointEntry]) -> Lag {
        let text = format!(
            "version: 1\nplans:\n  - name: standard\n    schedule: {{every: {interval}}}\n    retention: {{keep_last: 2}}\n"
        );
        let document = holdfast_policy::parse(&text, "backup").unwrap();
        let mut lag = Lag::default();
        for entry in entries {
            lag.sees(entry, &document, now());
        }
        lag
    }

    fn hours(lag: &Lag) -> (f64, f64) {
        let now = now();
        let metrics: BTreeMap<String, f64> = lag.metrics(&"eu-west-1".parse().unwrap(), now).into();
        assert_eq!(metrics[LAG], metrics["CopyLagSeconds-eu-west-1"]);
        let in_hours = |name: &str| metrics[name] / HOUR as f64;
        (in_hours(LAG), in_hours(WAIT))
    }

    #[test]
    fn the_newest_copy_of_each_resource_counts_and_of_the_resources_the_worst() {
        let (orders, weekly) = (entry("orders", "20261121T110000Z"), entry("weekly", "20261119T120000Z"));
        let mut lag = seeing("7d", &[orders.clone(), weekly.clone()]);
        assert_eq!(hours(&lag), (0.0, 0.0));
        lag.copied(&orders);
        lag.copied(&entry("orders", "20261121T050000Z"));
        assert_eq!(hours(&lag), (1.0, 0.0));
        lag.copied(&weekly);
        assert_eq!(
            hours(&lag),
            (48.0, 0.0),
            "an old copy of a rare point is old, and nothing waits"
        );
    }

    #[test]
    fn what_waits_is_told_apart_and_a_resource_without_a_copy_is_behind_since_its_oldest_point() {
        let now = now();
        let mut lag = seeing(
            "1h",
            &[entry("orders", "20261121T110000Z"), entry("fresh", "20261121T100000Z")],
        );
        lag.copied(&entry("orders", "20261121T080000Z"));
        lag.waits(&entry("orders", "20261121T110000Z"), now);
        assert_eq!(hours(&lag), (4.0, 1.0));
        lag.waits(&entry("fresh", "20261121T060000Z"), now);
        lag.waits(&entry("fresh", "20261121T100000Z"), now);
        assert_eq!(hours(&lag), (6.0, 6.0));
    }

    #[test]
    fn a_resource_that_no_points_are_made_of_any_more_is_not_behind() {
        let gone = entry("gone", "20261119T000000Z");
        let mut lag = seeing("1d", &[gone.clone(), entry("gone", "20261118T000000Z")]);
        lag.copied(&gone);
        assert_eq!(hours(&lag), (0.0, 0.0), "two slots went by without a point");
        let late = entry("late", "20261120T000000Z");
        let mut lag = seeing("1d", std::slice::from_ref(&late));
        lag.copied(&late);
        assert_eq!(hours(&lag), (36.0, 0.0), "one may be late");
        let mut without_plan = Lag::default();
        let other = "version: 1\nplans:\n  - name: other\n    schedule: {every: 1d}\n    retention: {keep_last: 2}\n";
        without_plan.sees(&late, &holdfast_policy::parse(other, "backup").unwrap(), now());
        without_plan.copied(&late);
        assert_eq!(hours(&without_plan), (0.0, 0.0));
    }

    #[test]
    fn what_was_pruned_there_does_not_wait_and_has_no_copy() {
        for (status, waits, copied) in [
            (OutcomeStatus::Done, false, true),
            (OutcomeStatus::Partial, false, true),
            (OutcomeStatus::Unchanged, false, false),
            (OutcomeStatus::Continuing, true, false),
            (OutcomeStatus::Failed, true, false),
        ] {
            let outcome = Outcome::new("x", status, "");
            assert_eq!(
                (is_waiting(&outcome), is_copied(&outcome)),
                (waits, copied),
                "{status:?}"
            );
        }
    }
}
