//! What to verify next: pure decisions.

use std::collections::BTreeMap;

use holdfast_catalog::{Kind, PlanName, ResourceId};
use holdfast_policy::Document;
use holdfast_vault::{Catalogue, PointEntry};
use jiff::{SignedDuration, Timestamp};

/// The newest good point of a resource is read and proved at least this often.
const SCRUB_NEWEST_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Every other point is read and proved at least this often.
const SCRUB_OTHERS_EVERY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The points to scrub: first the newest good ones of each resource, then the others, in each group those first that were
/// proved longest ago. What does not fit into one run comes first in the next, so every point's turn comes.
pub fn scrub_order(catalogue: &Catalogue, now: Timestamp) -> Vec<&PointEntry> {
    let newest = newest_good(catalogue, now);
    let mut wanted: Vec<(bool, Option<Timestamp>, &PointEntry)> = catalogue
        .points
        .iter()
        .filter(|entry| !entry.is_tombstoned)
        .filter_map(|entry| {
            let is_newest = newest
                .get(&entry.id.resource)
                .is_some_and(|newest| newest.id == entry.id);
            let every = if is_newest {
                SCRUB_NEWEST_EVERY
            } else {
                SCRUB_OTHERS_EVERY
            };
            let last = entry
                .last("scrubbed")
                .max(entry.last("damaged"))
                .filter(|last| *last <= now);
            // A point that was never proved and is not the newest waits for its turn from its commit on.
            let since = last.or((!is_newest).then_some(entry.committed_at));
            let is_due = since.is_none_or(|since| now.duration_since(since) >= every);
            is_due.then_some((!is_newest, last, entry))
        })
        .collect();
    wanted.sort_by_key(|(is_other, last, entry)| (*is_other, *last, entry.id.slot));
    wanted.into_iter().map(|(_, _, entry)| entry).collect()
}

/// The newest good point of each resource, whatever its plan.
pub fn newest_good(catalogue: &Catalogue, now: Timestamp) -> BTreeMap<&ResourceId, &PointEntry> {
    let mut newest: BTreeMap<&ResourceId, &PointEntry> = BTreeMap::new();
    for entry in catalogue
        .points
        .iter()
        .filter(|entry| entry.is_good() && entry.id.slot.instant() <= now)
    {
        let held = newest.entry(&entry.id.resource).or_insert(entry);
        if entry.id.slot > held.id.slot {
            *held = entry;
        }
    }
    newest
}

/// Whether points of a kind are restored as a test: those that hold data.
pub(crate) fn has_restore_tests(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::DynamodbTable | Kind::RdsInstance | Kind::RdsCluster | Kind::S3Bucket | Kind::EfsFileSystem
    )
}

/// The points to restore as a test: the newest good one of each table, database and plan whose last test is too long ago.
pub fn restore_tests<'a>(document: &Document, catalogue: &'a Catalogue, now: Timestamp) -> Vec<&'a PointEntry> {
    let mut series: BTreeMap<(&ResourceId, &PlanName), Vec<&PointEntry>> = BTreeMap::new();
    for entry in catalogue
        .points
        .iter()
        .filter(|entry| has_restore_tests(entry.id.resource.kind))
    {
        series
            .entry((&entry.id.resource, &entry.id.plan))
            .or_default()
            .push(entry);
    }
    series
        .into_iter()
        .filter_map(|((_, name), entries)| {
            let plan = document.plan(name)?;
            let last = entries.iter().filter_map(|entry| entry.last("restore-tested")).max();
            if !plan.verification.restore_test_is_due(last, now) {
                return None;
            }
            let good = entries
                .into_iter()
                .filter(|entry| entry.is_good() && entry.id.slot.instant() <= now);
            good.max_by_key(|entry| entry.id.slot)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn entry(name: &str, slot: &str, facts: &[(&str, &str)]) -> PointEntry {
        PointEntry {
            id: format!("dynamodb-table/eu-west-1/{name}/{slot}-standard")
                .parse()
                .unwrap(),
            committed_at: slot.parse::<holdfast_catalog::Slot>().unwrap().instant(),
            is_tombstoned: false,
            facts: facts
                .iter()
                .map(|(what, at)| ((*what).to_owned(), at.parse().unwrap()))
                .collect(),
        }
    }

    fn order(points: Vec<PointEntry>) -> Vec<String> {
        let catalogue = Catalogue {
            points,
            ..Catalogue::default()
        };
        scrub_order(&catalogue, NOW.parse().unwrap())
            .iter()
            .map(|entry| entry.id.slot.to_string())
            .collect()
    }

    #[test]
    fn the_newest_point_is_scrubbed_daily_and_the_others_monthly() {
        let fresh = [("scrubbed", "20261121T000000Z")];
        assert!(order(vec![entry("a", "20261120T000000Z", &fresh)]).is_empty());
        let stale = [("scrubbed", "20261120T110000Z")];
        assert_eq!(
            order(vec![entry("a", "20261120T000000Z", &stale)]),
            ["20261120T000000Z"]
        );
        let points = vec![
            entry("a", "20261001T000000Z", &[]),
            entry("a", "20261119T000000Z", &[]),
            entry("a", "20261121T000000Z", &[]),
        ];
        assert_eq!(order(points), ["20261121T000000Z", "20261001T000000Z"]);
    }

    #[test]
    fn what_was_proved_longest_ago_comes_first() {
        let points = vec![
            entry("a", "20261121T000000Z", &[("scrubbed", "20261118T000000Z")]),
            entry("b", "20261121T000001Z", &[("scrubbed", "20261117T000000Z")]),
            entry("c", "20261121T000002Z", &[]),
        ];
        assert_eq!(
            order(points),
            ["20261121T000002Z", "20261121T000001Z", "20261121T000000Z"]
        );
    }

    #[test]
    fn a_restore_test_takes_the_newest_good_point_when_the_last_test_is_a_week_old() {
        let document = holdfast_policy::builtin("backup");
        let tested = |points: Vec<PointEntry>| {
            let catalogue = Catalogue {
                points,
                ..Catalogue::default()
            };
            let due = restore_tests(&document, &catalogue, NOW.parse().unwrap());
            due.iter().map(|entry| entry.id.slot.to_string()).collect::<Vec<_>>()
        };
        let newest = || entry("a", "20261121T000000Z", &[]);
        let damaged = || entry("a", "20261121T010000Z", &[("damaged", "20261121T020000Z")]);
        let at = |time| entry("a", "20261110T000000Z", &[("restore-tested", time)]);
        assert_eq!(
            tested(vec![at("20261114T110000Z"), newest(), damaged()]),
            ["20261121T000000Z"]
        );
        assert!(tested(vec![at("20261114T130000Z"), newest(), damaged()]).is_empty());
    }
}
