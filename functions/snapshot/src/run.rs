//! One run: settle what it is, read its shards, commit.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use futures::{StreamExt as _, stream};
use holdfast_catalog::{
    BlobRef, BlobRole, Engine, FORMAT_VERSION, Kind, Manifest, Outcome, OutcomeStatus, PlanName, PointId, ResourceId,
    RunRecord, Shard, StreamRun,
};
use holdfast_policy::{Document, Engine as PlanEngine};
use holdfast_sources::dynamodb::snapshot::ShardEnd;
use holdfast_sources::dynamodb::{BillingMode, Pacer};
use holdfast_sources::{dynamodb, kinesis, lambda, wiring};
use holdfast_vault::port::{Clock, Created};
use holdfast_vault::sweep::MAX_RUN;
use holdfast_vault::{
    Catalogue, PortError, begin_run, commit, finished_shards, put_blob, read_manifest, read_run, summarise,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::decide::pace;
use crate::managed::not_made;
use crate::{InventoryPorts, Recorded, Regions, STOP_BEFORE_END, SignalPorts, Snapshot, Task, VaultPorts};

/// Up to this many shards are read by the invocation that begins the run; a table with more is read wide, a task each on
/// the queue.
const SHARDS_HERE: usize = 4;

/// Shards that one invocation reads at the same time.
const PARALLEL_SHARDS: usize = 2;

/// The queue hides a message for no longer.
const LONGEST_DELAY_SECONDS: u32 = 900;

/// What begins a run, whatever the kind.
struct Begun {
    arn: holdfast_catalog::Arn,
    tags: BTreeMap<String, String>,
    blobs: Vec<BlobRef>,
    shards: u32,
    bytes_per_second: Option<NonZeroU64>,
    key: Vec<String>,
    stream: Option<StreamRun>,
    not_protected: Vec<String>,
}

impl<V: VaultPorts, I: InventoryPorts, R: Regions, Q: SignalPorts> Snapshot<V, I, R, Q> {
    /// Settles what a run is: settings are read and stored, shards counted, the parent chosen. If somebody else has begun
    /// the same run, theirs counts. An outcome when it cannot be begun yet, and the next tick tries again.
    pub(crate) async fn begin<C: Clock>(
        &self,
        point: &PointId,
        policy: &Recorded<'_>,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<Option<Outcome>, PortError> {
        match read_run(&self.vault, point).await {
            Ok(_) => return Ok(None),
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let started_at = clock.now();
        let document = &policy.in_force.document;
        let settled = self.settle_lock(document, &point.plan, started_at).await?;
        let vault = self.vault.locking(settled.lock);
        if settled.lock.is_some() {
            // What was recorded for all runs of this invocation is locked for this one.
            put_blob(&vault, started_at, BlobRole::Policy, policy.in_force.text.clone()).await?;
        }
        if let Some(PlanEngine::AwsBackup(managed)) = document.plan(&point.plan).map(|plan| plan.engine) {
            return self.begin_managed(point, &managed, policy, settled, clock).await;
        }
        let parent = self.parent(point, document, catalogue).await?;
        let begun = match point.resource.kind {
            Kind::DynamodbTable => {
                self.begin_table(&vault, point, document, parent.as_ref(), clock)
                    .await?
            }
            Kind::LambdaFunction => self.begin_function(&vault, point, clock).await?,
            kind @ (Kind::RdsInstance | Kind::RdsCluster | Kind::S3Bucket | Kind::EfsFileSystem) => {
                return Err(not_made(PlanEngine::Vault, kind));
            }
            _ => self.begin_wiring(&vault, point, document, clock).await?,
        };
        let record = RunRecord {
            format: FORMAT_VERSION,
            point: point.clone(),
            arn: begun.arn,
            started_at,
            policy_sha256: policy.blob.sha256,
            tags: begun.tags,
            parent: parent.map(|manifest| manifest.point),
            blobs: begun.blobs.into_iter().chain([policy.blob.clone()]).collect(),
            shards: begun.shards,
            bytes_per_second: begun.bytes_per_second,
            key: begun.key,
            managed: None,
            stream: begun.stream,
            not_protected: begun.not_protected,
            lock: settled.lock,
            lock_shortfall: settled.shortfall,
        };
        begin_run(&self.vault, record).await.map(|_| None)
    }

    /// The newest point of the same resource, whatever its plan, if it is good. For the records of a stream, of the plans that ask
    /// for them: the others hold none. When it is damaged there is no parent, not even
    /// an older one, which may share what is damaged: the new point stores everything anew. One whose manifest cannot be read
    /// is none either.
    async fn parent(
        &self,
        point: &PointId,
        document: &Document,
        catalogue: &Catalogue,
    ) -> Result<Option<Manifest>, PortError> {
        let has_records = |plan| has_records(document, plan, &point.resource);
        let holds = |plan| !has_records(&point.plan) || has_records(plan);
        let candidates = catalogue
            .points
            .iter()
            .filter(|entry| entry.id.resource == point.resource && entry.id.slot < point.slot)
            .filter(|entry| !entry.is_tombstoned && holds(&entry.id.plan));
        let newest = candidates.max_by_key(|entry| entry.id.slot);
        let Some(newest) = newest.filter(|entry| !entry.is_damaged()) else {
            return Ok(None);
        };
        match read_manifest(&self.vault, &newest.id).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(PortError::NotFound(_) | PortError::Corrupt(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn begin_table<C: Clock>(
        &self,
        vault: &V,
        point: &PointId,
        document: &Document,
        parent: Option<&Manifest>,
        clock: &C,
    ) -> Result<Begun, PortError> {
        let tables = self.regions.tables(&point.resource.region);
        let begun = dynamodb::snapshot::begin(&tables, vault, clock, &point.resource.name).await?;
        let reading = begun.reading;
        let read_units = match reading.config.billing {
            BillingMode::Provisioned(units) => u64::try_from(units.read).ok(),
            BillingMode::OnDemand => None,
        };
        Ok(Begun {
            arn: reading
                .arn
                .parse()
                .map_err(|error: holdfast_catalog::CatalogError| PortError::Invalid(error.to_string()))?,
            tags: reading.config.tags.clone(),
            blobs: vec![begun.blob],
            shards: dynamodb::snapshot::shards(&reading, parent.and_then(|manifest| manifest.data.as_ref())),
            bytes_per_second: pace(document, &point.resource.region, read_units),
            key: reading.config.key_names(),
            stream: None,
            not_protected: reading.unreadable,
        })
    }

    async fn begin_wiring<C: Clock>(
        &self,
        vault: &V,
        point: &PointId,
        document: &Document,
        clock: &C,
    ) -> Result<Begun, PortError> {
        let taken = wiring::snapshot(&self.inventory, vault, clock.now(), &point.resource).await?;
        let stream = if has_records(document, &point.plan, &point.resource) {
            Some(kinesis::snapshot::begin(&self.inventory, &point.resource).await?)
        } else {
            None
        };
        let shards = stream.as_ref().map_or(0, |stream| stream.shards.len());
        let many = |_| PortError::Invalid(format!("{}: 2^32 shards", point.resource));
        let key = stream.iter().flat_map(|_| kinesis::KEY).map(str::to_owned);
        Ok(Begun {
            arn: taken.arn,
            tags: taken.tags,
            blobs: vec![taken.blob],
            shards: u32::try_from(shards).map_err(many)?,
            bytes_per_second: None,
            key: key.collect(),
            stream,
            not_protected: taken.not_protected,
        })
    }

    async fn begin_function<C: Clock>(&self, vault: &V, point: &PointId, clock: &C) -> Result<Begun, PortError> {
        let functions = self.regions.functions(&point.resource.region);
        let begun = lambda::snapshot(&functions, vault, clock.now(), &point.resource.name).await?;
        Ok(Begun {
            arn: begun.arn,
            tags: begun.config.tags,
            blobs: begun.blobs,
            shards: 0,
            bytes_per_second: None,
            key: Vec::new(),
            stream: None,
            not_protected: begun.not_protected,
        })
    }

    /// Works on a run: on one shard, or on all that are left. Commits when all are finished.
    pub(crate) async fn work<C: Clock>(
        &self,
        point: &PointId,
        only: Option<Shard>,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        match read_manifest(&self.vault, point).await {
            Ok(_) => return Ok(Outcome::new(point, OutcomeStatus::Unchanged, "made before")),
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let run = read_run(&self.vault, point).await?;
        // Such a run may go on for as long as the plan's windows: AWS Backup ends it.
        if run.managed.is_some() {
            return self.follow(point, run.lock_shortfall.as_deref(), clock).await;
        }
        if clock.now().duration_since(run.started_at) >= MAX_RUN {
            let why = format!(
                "{point} began more than {} hours ago and may not be committed",
                MAX_RUN.as_hours()
            );
            return Err(PortError::Invalid(why));
        }
        let finished = finished_shards(&self.vault, point, run.shards).await?;
        // A run with a pace is read by one invocation at a time: two would read twice as fast.
        let is_paced = run.bytes_per_second.is_some();
        let open: Vec<Shard> = match only {
            Some(shard) if !is_paced => vec![shard],
            _ => (0..run.shards).map(|index| Shard { index, of: run.shards }).collect(),
        };
        let open: Vec<Shard> = open.into_iter().filter(|shard| !finished.contains(shard)).collect();
        if open.len() > SHARDS_HERE && !is_paced {
            self.queue(point, &open, SignedDuration::ZERO).await?;
            return Ok(continuing(point, &format!("{} shards are on the queue", open.len())));
        }
        let (stopped, wait) = self.read_shards(&run, open, clock).await?;
        if !stopped.is_empty() {
            let tasks = if is_paced { 1 } else { stopped.len() };
            self.queue(point, &stopped[..tasks], wait).await?;
            return Ok(continuing(
                point,
                &format!("{} shards go on in another invocation", stopped.len()),
            ));
        }
        self.try_commit(&run, clock).await
    }

    /// Reads shards as far as time allows. Gives those that are not finished, and how long their pace wants to be waited for.
    async fn read_shards<C: Clock>(
        &self,
        run: &RunRecord,
        shards: Vec<Shard>,
        clock: &C,
    ) -> Result<(Vec<Shard>, SignedDuration), PortError> {
        let parent = match &run.parent {
            Some(parent) if !shards.is_empty() => match read_manifest(&self.vault, parent).await {
                Ok(manifest) => Some(manifest),
                // What cannot be built on is stored anew; what cannot be read now can be read later.
                Err(PortError::NotFound(_) | PortError::Corrupt(_)) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let vault = &self.vault.locking(run.lock);
        let tables = &self.regions.tables(&run.point.resource.region);
        let streams = &self.inventory;
        let pacer = &Pacer::new(run.bytes_per_second);
        let ends: Vec<Result<(Shard, ShardEnd), PortError>> = stream::iter(shards.into_iter().enumerate())
            .map(|(at, shard)| {
                let parent = parent.as_ref();
                async move {
                    // The first ones always come a page further, however little time there is.
                    if at >= PARALLEL_SHARDS && clock.remaining() < STOP_BEFORE_END {
                        let wait = SignedDuration::ZERO;
                        return Ok((shard, ShardEnd::Stopped { wait }));
                    }
                    let end = match run.stream {
                        Some(_) => kinesis::snapshot::read_shard(streams, vault, clock, run, parent, shard).await?,
                        None => dynamodb::snapshot::read_shard(tables, vault, clock, run, parent, shard, pacer).await?,
                    };
                    Ok((shard, end))
                }
            })
            .buffer_unordered(PARALLEL_SHARDS)
            .collect()
            .await;
        let mut stopped = Vec::new();
        let mut longest = SignedDuration::ZERO;
        for end in ends {
            if let (shard, ShardEnd::Stopped { wait }) = end? {
                stopped.push(shard);
                longest = longest.max(wait);
            }
        }
        Ok((stopped, longest))
    }

    async fn queue(&self, point: &PointId, shards: &[Shard], wait: SignedDuration) -> Result<(), PortError> {
        let bodies = shards
            .iter()
            .map(|shard| {
                serde_json::to_string(&Task {
                    point: point.clone(),
                    shard: *shard,
                })
            })
            .collect::<Result<Vec<String>, _>>()
            .map_err(|error| PortError::Invalid(error.to_string()))?;
        let delay_seconds = u32::try_from(wait.as_secs()).unwrap_or(0).min(LONGEST_DELAY_SECONDS);
        self.signals.send(bodies, delay_seconds).await
    }

    /// Writes the manifest if nothing is missing.
    async fn try_commit<C: Clock>(&self, run: &RunRecord, clock: &C) -> Result<Outcome, PortError> {
        let point = &run.point;
        let data = match run.shards {
            0 => None,
            shards => match summarise(&self.vault, point, shards, run.key.clone()).await? {
                Some(data) => Some(data),
                None => return Ok(continuing(point, "other shards are still being read")),
            },
        };
        let mut not_protected = run.not_protected.clone();
        not_protected.extend(data.as_ref().and_then(kinesis::snapshot::missing));
        let completed_at = clock.now();
        if completed_at.duration_since(run.started_at) >= MAX_RUN {
            return Err(PortError::Invalid(format!("{point} took longer than a run may take")));
        }
        let manifest = Manifest {
            format: FORMAT_VERSION,
            point: point.clone(),
            arn: run.arn.clone(),
            engine: Engine::Vault,
            started_at: run.started_at,
            completed_at,
            policy_sha256: run.policy_sha256,
            tags: run.tags.clone(),
            parent: run.parent.clone(),
            blobs: run.blobs.clone(),
            data,
            managed: None,
            not_protected,
            lock: run.lock,
        };
        match commit(&self.vault.locking(run.lock), &manifest).await? {
            Created::Existed => Ok(Outcome::new(
                point,
                OutcomeStatus::Unchanged,
                "made by another invocation",
            )),
            Created::New => {
                self.announce(point).await;
                Ok(committed(&manifest, run.lock_shortfall.as_deref()))
            }
        }
    }

    /// Tells the bus of a new point. The event is a nudge: whoever misses it finds the point at its next tick, so a bus that
    /// does not answer takes nothing from a point that is committed.
    pub(crate) async fn announce(&self, point: &PointId) {
        let detail = json!({ "point": point, "bucket": self.bucket, "region": self.region }).to_string();
        if let Err(error) = self.signals.publish("Recovery Point Committed", vec![detail]).await {
            tracing::warn!(target: "holdfast", %point, %error, "no event was published; replicate finds the point at its next tick");
        }
    }
}

/// Whether a plan asks for what a stream keeps.
fn has_records(document: &Document, plan: &PlanName, resource: &ResourceId) -> bool {
    resource.kind == Kind::KinesisStream && document.plan(plan).is_some_and(|plan| plan.records)
}

pub(crate) fn continuing(point: &PointId, message: &str) -> Outcome {
    Outcome::new(point, OutcomeStatus::Continuing, message)
}

/// The outcome of a point that is committed. One that is not locked as its plan asks holds all that it should, and counts as
/// good; but somebody has to hear of it.
pub(crate) fn committed(manifest: &Manifest, lock_shortfall: Option<&str>) -> Outcome {
    let missing: Vec<&str> = manifest
        .not_protected
        .iter()
        .map(String::as_str)
        .chain(lock_shortfall)
        .collect();
    let status = if missing.is_empty() {
        OutcomeStatus::Done
    } else {
        OutcomeStatus::Partial
    };
    let mut outcome = Outcome::new(&manifest.point, status, missing.join("; "));
    if let Some(lock) = manifest.lock {
        outcome = outcome.with("locked_until", lock.points_until.to_string());
    }
    match &manifest.data {
        None => outcome,
        Some(data) => outcome
            .with("items", data.items)
            .with("new_items", data.new_items)
            .with("bytes", data.bytes)
            .with("stored_bytes", data.stored_bytes)
            .with("shards", data.parts.len()),
    }
}
