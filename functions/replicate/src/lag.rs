//! How far a destination is behind: the age of its newest complete copies, and how long points wait for theirs.

use std::collections::BTreeMap;

use holdfast_catalog::{Region, ResourceId};
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

/// What one run learns of a destination.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// The slot of the newest point of a resource that has a complete copy.
    copied: BTreeMap<ResourceId, Timestamp>,
    /// The slot of the oldest one that waits.
    waiting: BTreeMap<ResourceId, Timestamp>,
    longest_wait: SignedDuration,
}

impl Lag {
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

    /// The metrics of a destination. A resource without any copy is behind since its oldest point that waits.
    pub(crate) fn metrics(&self, region: &Region, now: Timestamp) -> [(String, f64); 4] {
        let never = self
            .waiting
            .iter()
            .filter(|(resource, _)| !self.copied.contains_key(*resource));
        let behind = self.copied.values().chain(never.map(|(_, at)| at));
        let lag = behind.map(|at| now.duration_since(*at)).max().unwrap_or_default();
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

    fn hours(lag: &Lag) -> (f64, f64) {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let metrics: BTreeMap<String, f64> = lag.metrics(&"eu-west-1".parse().unwrap(), now).into();
        assert_eq!(metrics[LAG], metrics["CopyLagSeconds-eu-west-1"]);
        let in_hours = |name: &str| metrics[name] / HOUR as f64;
        (in_hours(LAG), in_hours(WAIT))
    }

    #[test]
    fn the_newest_copy_of_each_resource_counts_and_of_the_resources_the_worst() {
        let mut lag = Lag::default();
        assert_eq!(hours(&lag), (0.0, 0.0));
        lag.copied(&entry("orders", "20261121T110000Z"));
        lag.copied(&entry("orders", "20261121T050000Z"));
        assert_eq!(hours(&lag), (1.0, 0.0));
        lag.copied(&entry("weekly", "20261119T120000Z"));
        assert_eq!(
            hours(&lag),
            (48.0, 0.0),
            "an old copy of a rare point is old, and nothing waits"
        );
    }

    #[test]
    fn what_waits_is_told_apart_and_a_resource_without_a_copy_is_behind_since_its_oldest_point() {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let mut lag = Lag::default();
        lag.copied(&entry("orders", "20261121T080000Z"));
        lag.waits(&entry("orders", "20261121T110000Z"), now);
        assert_eq!(hours(&lag), (4.0, 1.0));
        lag.waits(&entry("fresh", "20261121T060000Z"), now);
        lag.waits(&entry("fresh", "20261121T100000Z"), now);
        assert_eq!(hours(&lag), (6.0, 6.0));
    }
}
