//! One run: settle what it is, read its shards, commit.

use futures::{StreamExt as _, stream};
use holdfast_catalog::{
    BlobRef, Engine, FORMAT_VERSION, Kind, Manifest, Outcome, OutcomeStatus, PointId, RunRecord, Shard,
};
use holdfast_lambda::PolicyInForce;
use holdfast_sources::dynamodb::snapshot::ShardEnd;
use holdfast_sources::{dynamodb, lambda, wiring};
use holdfast_vault::port::{Clock, Created};
use holdfast_vault::sweep::MAX_RUN;
use holdfast_vault::{Catalogue, PortError, begin_run, commit, finished_shards, read_manifest, read_run, summarise};
use serde_json::json;

use crate::{FunctionPorts, InventoryPorts, SignalPorts, Snapshot, TablePorts, Task, VaultPorts};

/// Up to this many shards are read by the invocation that begins the run; a table with more is read wide, a task each on
/// the queue.
const SHARDS_HERE: usize = 4;

/// Shards that one invocation reads at the same time.
const PARALLEL_SHARDS: usize = 2;

/// What begins a run, whatever the kind.
struct Begun {
    arn: holdfast_catalog::Arn,
    blobs: Vec<BlobRef>,
    shards: u32,
    key: Vec<String>,
    not_protected: Vec<String>,
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, F: FunctionPorts, Q: SignalPorts> Snapshot<V, I, T, F, Q> {
    /// Settles what a run is: settings are read and stored, shards counted, the parent chosen. If somebody else has begun
    /// the same run, theirs counts.
    pub(crate) async fn begin<C: Clock>(
        &self,
        point: &PointId,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Result<(), PortError> {
        match read_run(&self.vault, point).await {
            Ok(_) => return Ok(()),
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        let started_at = clock.now();
        let parent = self.parent(point, catalogue).await?;
        let begun = match point.resource.kind {
            Kind::DynamodbTable => self.begin_table(point, parent.as_ref(), clock).await?,
            Kind::LambdaFunction => self.begin_function(point, clock).await?,
            _ => {
                let taken = wiring::snapshot(&self.inventory, &self.vault, clock.now(), &point.resource).await?;
                let (arn, blobs, not_protected) = (taken.arn, vec![taken.blob], taken.not_protected);
                Begun {
                    arn,
                    blobs,
                    shards: 0,
                    key: Vec::new(),
                    not_protected,
                }
            }
        };
        let record = RunRecord {
            format: FORMAT_VERSION,
            point: point.clone(),
            arn: begun.arn,
            started_at,
            policy_sha256: policy.sha256,
            parent: parent.map(|manifest| manifest.point),
            blobs: begun.blobs,
            shards: begun.shards,
            key: begun.key,
            not_protected: begun.not_protected,
        };
        begin_run(&self.vault, record).await.map(|_| ())
    }

    /// The newest point of the same resource, whatever its plan, if it is good. When it is damaged there is no parent, not even
    /// an older one, which may share what is damaged: the new point stores everything anew. One whose manifest cannot be read
    /// is none either.
    async fn parent(&self, point: &PointId, catalogue: &Catalogue) -> Result<Option<Manifest>, PortError> {
        let candidates = catalogue
            .points
            .iter()
            .filter(|entry| entry.id.resource == point.resource && entry.id.slot < point.slot)
            .filter(|entry| !entry.is_tombstoned);
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
        point: &PointId,
        parent: Option<&Manifest>,
        clock: &C,
    ) -> Result<Begun, PortError> {
        let begun = dynamodb::snapshot::begin(&self.tables, &self.vault, clock, &point.resource.name).await?;
        let reading = begun.reading;
        Ok(Begun {
            arn: reading
                .arn
                .parse()
                .map_err(|error: holdfast_catalog::CatalogError| PortError::Invalid(error.to_string()))?,
            blobs: vec![begun.blob],
            shards: dynamodb::snapshot::shards(&reading, parent.and_then(|manifest| manifest.data.as_ref())),
            key: reading.config.key_names(),
            not_protected: reading.unreadable,
        })
    }

    async fn begin_function<C: Clock>(&self, point: &PointId, clock: &C) -> Result<Begun, PortError> {
        let begun = lambda::snapshot(&self.functions, &self.vault, clock.now(), &point.resource.name).await?;
        Ok(Begun {
            arn: begun.arn,
            blobs: begun.blobs,
            shards: 0,
            key: Vec::new(),
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
        if clock.now().duration_since(run.started_at) >= MAX_RUN {
            let why = format!(
                "{point} began more than {} hours ago and may not be committed",
                MAX_RUN.as_hours()
            );
            return Err(PortError::Invalid(why));
        }
        let finished = finished_shards(&self.vault, point, run.shards).await?;
        let open: Vec<Shard> = match only {
            Some(shard) => vec![shard],
            None => (0..run.shards).map(|index| Shard { index, of: run.shards }).collect(),
        };
        let open: Vec<Shard> = open.into_iter().filter(|shard| !finished.contains(shard)).collect();
        if open.len() > SHARDS_HERE {
            self.queue(point, &open).await?;
            return Ok(continuing(point, &format!("{} shards are on the queue", open.len())));
        }
        let stopped = self.read_shards(&run, open, clock).await?;
        if !stopped.is_empty() {
            self.queue(point, &stopped).await?;
            return Ok(continuing(
                point,
                &format!("{} shards go on in another invocation", stopped.len()),
            ));
        }
        self.try_commit(&run, clock).await
    }

    async fn read_shards<C: Clock>(
        &self,
        run: &RunRecord,
        shards: Vec<Shard>,
        clock: &C,
    ) -> Result<Vec<Shard>, PortError> {
        let parent = match &run.parent {
            Some(parent) if !shards.is_empty() => match read_manifest(&self.vault, parent).await {
                Ok(manifest) => Some(manifest),
                // What cannot be built on is stored anew; what cannot be read now can be read later.
                Err(PortError::NotFound(_) | PortError::Corrupt(_)) => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let ends: Vec<Result<Option<Shard>, PortError>> = stream::iter(shards)
            .map(|shard| {
                let parent = parent.as_ref();
                async move {
                    let end =
                        dynamodb::snapshot::read_shard(&self.tables, &self.vault, clock, run, parent, shard).await?;
                    Ok(match end {
                        ShardEnd::Finished => None,
                        ShardEnd::Stopped => Some(shard),
                    })
                }
            })
            .buffer_unordered(PARALLEL_SHARDS)
            .collect()
            .await;
        let stopped: Result<Vec<Option<Shard>>, PortError> = ends.into_iter().collect();
        Ok(stopped?.into_iter().flatten().collect())
    }

    async fn queue(&self, point: &PointId, shards: &[Shard]) -> Result<(), PortError> {
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
        self.signals.send(bodies, 0).await
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
            parent: run.parent.clone(),
            blobs: run.blobs.clone(),
            data,
            not_protected: run.not_protected.clone(),
        };
        match commit(&self.vault, &manifest).await? {
            Created::Existed => Ok(Outcome::new(
                point,
                OutcomeStatus::Unchanged,
                "made by another invocation",
            )),
            Created::New => {
                self.announce(point).await;
                Ok(committed(&manifest))
            }
        }
    }

    /// Tells the bus of a new point. The event is a nudge: whoever misses it finds the point at its next tick, so a bus that
    /// does not answer takes nothing from a point that is committed.
    async fn announce(&self, point: &PointId) {
        let detail = json!({ "point": point, "bucket": self.bucket, "region": self.region }).to_string();
        if let Err(error) = self.signals.publish("Recovery Point Committed", vec![detail]).await {
            tracing::warn!(target: "holdfast", %point, %error, "no event was published; replicate finds the point at its next tick");
        }
    }
}

fn continuing(point: &PointId, message: &str) -> Outcome {
    Outcome::new(point, OutcomeStatus::Continuing, message)
}

fn committed(manifest: &Manifest) -> Outcome {
    let status = if manifest.not_protected.is_empty() {
        OutcomeStatus::Done
    } else {
        OutcomeStatus::Partial
    };
    let outcome = Outcome::new(&manifest.point, status, manifest.not_protected.join("; "));
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
