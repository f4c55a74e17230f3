//! What to start, what to go on with, and what to leave alone: a pure decision.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

use holdfast_catalog::{PlanName, PointId, Region, ResourceId};
use holdfast_policy::{Document, DueRun, Engine};
use holdfast_sources::dynamodb::BYTES_PER_READ_UNIT;
use holdfast_vault::sweep::MAX_RUN;
use jiff::{SignedDuration, Timestamp};

/// A run that shows no sign of life for this long has no invocation left that works on it: Lambda ends every invocation after
/// 15 minutes, and the queue's delivery takes seconds.
const DEAD_AFTER: SignedDuration = SignedDuration::from_mins(20);

/// The runs that share a zone's bytes where the zone does not say how many runs there may be.
const SHARING_RUNS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// A run in flight, as the vault shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInFlight {
    /// The point that it makes.
    pub point: PointId,
    /// When it began.
    pub began_at: Timestamp,
    /// When it last stored something.
    pub active_at: Timestamp,
    /// Whether AWS Backup is at it. A run of which nothing but its record is there does not show that yet.
    pub is_managed: bool,
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
    /// As many runs as its zone allows are under way in its region.
    Wait(PointId),
}

/// Decides for each due run, in the order given. A run in flight is finished rather than overtaken, unless it is too old to
/// be committed; one that somebody is still working on is left alone. What AWS Backup is at is looked after each time, due or not,
/// however long it takes. No more runs are begun in a region than its zone allows,
/// those under way included.
pub fn decide(document: &Document, due: &[DueRun], in_flight: &[RunInFlight], now: Timestamp) -> Vec<Start> {
    let mut newest: BTreeMap<(&ResourceId, &PlanName), &RunInFlight> = BTreeMap::new();
    for run in in_flight
        .iter()
        .filter(|run| run.is_managed || now.duration_since(run.began_at) < MAX_RUN)
    {
        let held = newest.entry((&run.point.resource, &run.point.plan)).or_insert(run);
        if run.point.slot > held.point.slot {
            *held = run;
        }
    }
    let mut starts: Vec<Start> = due
        .iter()
        .map(|due| match newest.get(&(&due.resource, &due.plan)) {
            Some(run) if !run.is_managed && now.duration_since(run.active_at) < DEAD_AFTER => {
                Start::Leave(run.point.clone())
            }
            Some(run) => Start::Resume(run.point.clone()),
            None => Start::New(due.point()),
        })
        .collect();
    let followed: Vec<&PointId> = in_flight
        .iter()
        .filter(|run| run.is_managed)
        .map(|run| &run.point)
        .collect();
    let resumed = |point: &PointId| starts.iter().any(|start| *start == Start::Resume(point.clone()));
    let others: Vec<Start> = followed
        .iter()
        .filter(|point| !resumed(point))
        .map(|point| Start::Resume((*point).clone()))
        .collect();
    starts.extend(others);
    let mut under_way: BTreeMap<Region, u32> = BTreeMap::new();
    for start in &starts {
        if let Start::Leave(point) | Start::Resume(point) = start
            && !followed.contains(&point)
        {
            *under_way.entry(point.resource.region.clone()).or_default() += 1;
        }
    }
    for start in &mut starts {
        let Start::New(point) = start else { continue };
        // AWS Backup reads what it reads: a zone's limits are for what we read.
        if document
            .plan(&point.plan)
            .is_some_and(|plan| plan.engine != Engine::Vault)
        {
            continue;
        }
        let running = under_way.entry(point.resource.region.clone()).or_default();
        if most_runs(document, &point.resource.region).is_some_and(|most| *running >= most.get()) {
            *start = Start::Wait(point.clone());
        } else {
            *running += 1;
        }
    }
    starts
}

/// The most runs at a time in a region. Where the zone limits bytes and not runs, it is as many as share the bytes.
fn most_runs(document: &Document, region: &Region) -> Option<NonZeroU32> {
    let zone = document.zone_of(region)?;
    zone.max_concurrent
        .or_else(|| zone.bytes_per_second.is_some().then_some(SHARING_RUNS))
}

/// How fast a table may be read: its run's part of what the zone allows its region, and no more of the capacity that the table
/// pays for than the zone allows. Nothing where there is no limit.
pub fn pace(document: &Document, region: &Region, read_units: Option<u64>) -> Option<NonZeroU64> {
    let zone = document.zone_of(region)?;
    let runs = u64::from(most_runs(document, region).unwrap_or(SHARING_RUNS).get());
    let of_zone = zone.bytes_per_second.map(|size| size.bytes() / runs);
    let of_table = zone.read_capacity_share.zip(read_units);
    let of_table = of_table.map(|(share, units)| share.of(units.saturating_mul(BYTES_PER_READ_UNIT)));
    let slowest = [of_zone, of_table].into_iter().flatten().min()?;
    // Never none at all: a table that may not be read at all is not selected.
    Some(NonZeroU64::new(slowest).unwrap_or(NonZeroU64::MIN))
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
            until: at("13:00"),
        }
    }

    fn document(zones: &str) -> Document {
        let plans = "plans: [{name: standard, schedule: {every: 1h}, retention: {daily: 7}}]";
        holdfast_policy::parse(&format!("version: 1\n{zones}\n{plans}"), "backup").unwrap()
    }

    fn due_of(table: &str, region: &str) -> DueRun {
        DueRun {
            resource: format!("dynamodb-table/{region}/{table}").parse().unwrap(),
            ..due()
        }
    }

    fn run(slot: &str, began: &str, active: &str) -> RunInFlight {
        RunInFlight {
            point: point(slot),
            began_at: at(began),
            active_at: at(active),
            is_managed: false,
        }
    }

    #[test]
    fn a_due_run_begins_when_none_is_in_flight() {
        assert_eq!(
            decide(&document(""), &[due()], &[], at("12:00")),
            [Start::New(point("1200"))]
        );
    }

    #[test]
    fn a_run_that_lives_is_left_and_a_dead_one_is_taken_up() {
        let living = [run("1100", "11:00", "11:50")];
        assert_eq!(
            decide(&document(""), &[due()], &living, at("12:00")),
            [Start::Leave(point("1100"))]
        );
        assert_eq!(
            decide(&document(""), &[due()], &living, at("12:10")),
            [Start::Resume(point("1100"))]
        );
    }

    #[test]
    fn a_run_too_old_to_commit_is_overtaken() {
        assert_eq!(
            decide(&document(""), &[due()], &[run("0000", "00:00", "00:01")], at("12:00")),
            [Start::New(point("1200"))]
        );
    }

    #[test]
    fn what_aws_backup_is_at_is_looked_after_due_or_not_and_however_old() {
        let managed = RunInFlight {
            is_managed: true,
            ..run("0000", "00:00", "11:59")
        };
        let resumed = [Start::Resume(point("0000"))];
        assert_eq!(
            decide(&document(""), &[due()], std::slice::from_ref(&managed), at("12:00")),
            resumed
        );
        assert_eq!(decide(&document(""), &[], &[managed], at("12:00")), resumed);
    }

    #[test]
    fn the_newest_of_two_runs_is_gone_on_with() {
        let two = [run("1100", "11:00", "11:00"), run("1000", "10:00", "11:59")];
        assert_eq!(
            decide(&document(""), &[due()], &two, at("12:00")),
            [Start::Resume(point("1100"))]
        );
    }

    #[test]
    fn a_zone_has_no_more_runs_than_it_allows_those_under_way_included() {
        let limited = document("zones: [{regions: [eu-west-1], max_concurrent: 2}]");
        let wanted = [
            due_of("a", "eu-west-1"),
            due(),
            due_of("b", "eu-west-1"),
            due_of("c", "eu-central-1"),
        ];
        let words = |starts: Vec<Start>| -> Vec<&'static str> {
            let word = |start: &Start| match start {
                Start::New(_) => "new",
                Start::Resume(_) => "resume",
                Start::Leave(_) => "leave",
                Start::Wait(_) => "wait",
            };
            starts.iter().map(word).collect()
        };
        let living = [run("1100", "11:00", "11:50")];
        assert_eq!(
            words(decide(&limited, &wanted, &living, at("12:00"))),
            ["new", "leave", "wait", "new"]
        );
        assert_eq!(
            words(decide(&document(""), &wanted, &living, at("12:00"))),
            ["new", "leave", "new", "new"]
        );
    }

    #[test]
    fn a_table_is_read_no_faster_than_its_zone_and_its_capacity_allow() {
        let pace_in = |zone: &str, read_units| {
            let document = document(&format!("zones: [{{regions: [eu-west-1], {zone}}}]"));
            pace(&document, &"eu-west-1".parse().unwrap(), read_units).map(NonZeroU64::get)
        };
        assert_eq!(pace_in("bytes_per_second: 8MB", None), Some(2_000_000));
        assert_eq!(
            pace_in("bytes_per_second: 8MB, max_concurrent: 2", None),
            Some(4_000_000)
        );
        assert_eq!(pace_in("read_capacity_share: 25%", Some(100)), Some(204_800));
        assert_eq!(pace_in("read_capacity_share: 25%", None), None);
        assert_eq!(
            pace_in("bytes_per_second: 1MB, read_capacity_share: 25%", Some(1000)),
            Some(250_000)
        );
        assert_eq!(pace_in("max_concurrent: 2", Some(100)), None);
        assert_eq!(pace_in("bytes_per_second: 1B", None), Some(1));
    }
}
