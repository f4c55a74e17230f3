//! Points that are locked, made without a policy that asks for it: the run's record says how, as it does for every run.

use holdfast_catalog::{FORMAT_VERSION, Lock, LockMode, PointId, Report, RunRecord, Shard, Slot};
use holdfast_lambda::Failure;
use holdfast_sources::dynamodb;
use holdfast_vault::begin_run;
use holdfast_vault::port::{Clock as _, LockObjects as _};
use jiff::{SignedDuration, Timestamp};

use crate::World;

/// Contents are locked to the end of a week, counted from the epoch, so that the points of a week share it.
const STEP_SECONDS: i64 = 7 * 24 * 60 * 60;

/// A lock for some days from an instant.
pub fn lock_for_days(from: Timestamp, days: i64, mode: LockMode) -> Lock {
    let points_until = from + SignedDuration::from_hours(24 * days);
    let steps = points_until.as_second().div_euclid(STEP_SECONDS) + 1;
    Lock {
        mode,
        points_until,
        contents_until: Timestamp::from_second(steps * STEP_SECONDS).unwrap(),
    }
}

impl World {
    /// A world whose vaults can lock, with a table `orders` of this many items.
    pub fn with_locks(items: u32) -> Self {
        let world = World::with_orders(items);
        world.home.enable_locks();
        world.replica.enable_locks();
        world
    }

    /// Begins a run of `orders` now, in one shard, built on the newest point, its point locked like this.
    ///
    /// # Errors
    /// Those of the ports.
    pub async fn begin_locked(&self, lock: Lock) -> Result<PointId, Failure> {
        let vault = self.port(self.home.locking(Some(lock)));
        let tables = self.port(self.tables.clone());
        let started_at = self.clock.now();
        let parent = self.points_of("orders").await.pop();
        let begun = dynamodb::snapshot::begin(&tables, &vault, &self.clock, "orders").await?;
        let record = RunRecord {
            bytes_per_second: None,
            tags: std::collections::BTreeMap::new(),
            format: FORMAT_VERSION,
            point: PointId {
                resource: "dynamodb-table/eu-central-1/orders".parse().unwrap(),
                slot: Slot::at(started_at),
                plan: "standard".parse().unwrap(),
            },
            arn: begun.reading.arn.parse().unwrap(),
            started_at,
            policy_sha256: holdfast_catalog::Sha256::of(b""),
            parent,
            blobs: vec![begun.blob],
            shards: 1,
            key: begun.reading.config.key_names(),
            managed: None,
            stream: None,
            not_protected: Vec::new(),
            lock: Some(lock),
            lock_shortfall: None,
        };
        Ok(begin_run(&vault, record).await?.point)
    }

    /// Goes on with a run, in an invocation of its own.
    ///
    /// # Errors
    /// Those of the ports.
    pub async fn work_on(&self, point: &PointId) -> Result<Report, Failure> {
        let task = snapshot::Task {
            point: point.clone(),
            shard: Shard { index: 0, of: 1 },
        };
        let request = snapshot::Request::Task(task);
        self.snapshot().run_request(request, &self.clock).await
    }

    /// Makes a locked point of `orders`.
    pub async fn make_locked(&self, lock: Lock) -> PointId {
        let point = self.begin_locked(lock).await.unwrap();
        let report = self.work_on(&point).await.unwrap();
        assert_eq!(report.status, holdfast_catalog::ReportStatus::Completed, "{report:#?}");
        point
    }
}
