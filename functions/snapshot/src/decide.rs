//! What to start, what to go on with, and what to leave alone: a pure decision.

use std::collections::BTreeMap;

use holdfast_catalog::{PlanName, PointId, ResourceId};
use holdfast_policy::DueRun;
use holdfast_vault::sweep::MAX_RUN;
use jiff::{SignedDuration, Timestamp};

/// A run that shows no sign of life for this long has no invocation left that works on it: Lambda ends every invocation after
/// 15 minutes, and the queue's delivery takes seconds.
const DEAD_AFTER: SignedDuration = SignedDuration::from_mins(20);

/// A run in flight, as the vault shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInFlight {
    /// The point that it makes.
    pub point: PointId,
    /// When it began.
    pub began_at: Timestamp,
    /// When it last stored something.
    pub active_at: Timestamp,
}

/// What to do for a resource and its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Begin a run.
    New(PointId),
    /// Take up a run that nobody works on any more.
    Resume(PointId),
    /// Others are at it.
    Leave(PointId),
}

/// Decides for each due run, in the order given. A run in flight is finished rather than overtaken, unless it is too old to
/// be committed; one that somebody is still working on is left alone.
pub fn decide(due: &[DueRun], in_flight: &[RunInFlight], now: Timestamp) -> Vec<Start> {
    let mut newest: BTreeMap<(&ResourceId, &PlanName), &RunInFlight> = BTreeMap::new();
    for run in in_flight
        .iter()
        .filter(|run| now.duration_since(run.began_at) < MAX_RUN)
    {
        let held = newest.entry((&run.point.resource, &run.point.plan)).or_insert(run);
        if run.point.slot > held.point.slot {
            *held = run;
        }
    }
    due.iter()
        .map(|due| match newest.get(&(&due.resource, &due.plan)) {
            Some(run) if now.duration_since(run.active_at) < DEAD_AFTER => Start::Leave(run.point.clone()),
            Some(run) => Start::Resume(run.point.clone()),
            None => Start::New(due.point()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-21T{text}:00Z").parse().unwrap()
    }

    fn point(slot: &str) -> PointId {
        format!("dynamodb-table/eu-west-1/orders/20261121T{slot}00Z-standard")
            .parse()
            .unwrap()
    }

    fn due() -> DueRun {
        let PointId { resource, slot, plan } = point("1200");
        DueRun {
            resource,
            slot,
            plan,
            overdue: SignedDuration::ZERO,
            newest: None,
        }
    }

    fn run(slot: &str, began: &str, active: &str) -> RunInFlight {
        RunInFlight {
            point: point(slot),
            began_at: at(began),
            active_at: at(active),
        }
    }

    #[test]
    fn a_due_run_begins_when_none_is_in_flight() {
        assert_eq!(decide(&[due()], &[], at("12:00")), [Start::New(point("1200"))]);
    }

    #[test]
    fn a_run_that_lives_is_left_and_a_dead_one_is_taken_up() {
        let living = [run("1100", "11:00", "11:50")];
        assert_eq!(decide(&[due()], &living, at("12:00")), [Start::Leave(point("1100"))]);
        assert_eq!(decide(&[due()], &living, at("12:10")), [Start::Resume(point("1100"))]);
    }

    #[test]
    fn a_run_too_old_to_commit_is_overtaken() {
        assert_eq!(
            decide(&[due()], &[run("0000", "00:00", "00:01")], at("12:00")),
            [Start::New(point("1200"))]
        );
    }

    #[test]
    fn the_newest_of_two_runs_is_gone_on_with() {
        let two = [run("1100", "11:00", "11:00"), run("1000", "10:00", "11:59")];
        assert_eq!(decide(&[due()], &two, at("12:00")), [Start::Resume(point("1100"))]);
    }
}
