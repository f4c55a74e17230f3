use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_catalog::{Arn, Kind, Lock, ObjectLock, PlanName, Region, Report, ResourceId, Shard};
use holdfast_sources::call::{self, Call, InAccount, Operation};
use holdfast_sources::dynamodb::port::{
    ApplyTableSettings, CreateTable, DropScratchTable, ReadTable, ScanPage, ScanTable, TableReading, TableSetting,
    TableStatus, WriteItems,
};
use holdfast_sources::dynamodb::{Item, TableConfig};
use holdfast_sources::inventory::{Found, ListResources};
use holdfast_sources::key::KeyFacts;
use holdfast_sources::preflight::port::{ReadConcurrency, ReadKeys, ReadReplicas, ReplicaLook, SimulateRoles};
use holdfast_sources::preflight::rights::Question;
use holdfast_vault::PortError;
use holdfast_vault::port::{
    CopyObjects, Created, DeleteObjects, ListObjects, LockObjects, ObjectInfo, ObjectVersion, ReadObjects, WriteObjects,
};
use holdfast_vault::replica::{MakeReplica, ReplicaReady, ReplicaSpec, ReplicateKeys, VaultLock};
use holdfast_vault::signal::{PublishEvents, SendWork, TakePoints, TellPeople};
use serde_json::Value;

use crate::{Effect, Script};

/// Any ports, with a script between them and the caller. It is whatever its inside is, method by method, so that no call slips
/// past the script. A call's name is its method's.
#[derive(Debug, Clone)]
pub struct Faults<S> {
    inner: S,
    script: Script,
}

impl<S> Faults<S> {
    /// Puts a script before `inner`.
    pub fn new(inner: S, script: &Script) -> Self {
        Faults {
            inner,
            script: script.clone(),
        }
    }

    /// What is behind the script.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The script.
    pub fn script(&self) -> &Script {
        &self.script
    }
}

impl<S: ReadObjects> ReadObjects for Faults<S> {
    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        let work = self.inner.get(key);
        self.script.run("get", key, Effect::Reads, work).await
    }

    async fn get_range(&self, key: &str, from: u64, bytes: u64) -> Result<Bytes, PortError> {
        let work = self.inner.get_range(key, from, bytes);
        self.script.run("get_range", key, Effect::Reads, work).await
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo, PortError> {
        let work = self.inner.head(key);
        self.script.run("head", key, Effect::Reads, work).await
    }
}

impl<S: ReadKeys> ReadKeys for Faults<S> {
    async fn describe_key(&self, key: &Arn) -> Result<KeyFacts, PortError> {
        let work = self.inner.describe_key(key);
        self.script.run("describe_key", key.as_str(), Effect::Reads, work).await
    }
}

impl<S: ReadReplicas> ReadReplicas for Faults<S> {
    async fn look_at_replica(&self, bucket: &str, region: &Region, key: &Arn) -> Result<ReplicaLook, PortError> {
        let work = self.inner.look_at_replica(bucket, region, key);
        self.script.run("look_at_replica", bucket, Effect::Reads, work).await
    }
}

impl<S: ReadConcurrency> ReadConcurrency for Faults<S> {
    async fn free_concurrency(&self, region: &Region) -> Result<u64, PortError> {
        let work = self.inner.free_concurrency(region);
        self.script
            .run("free_concurrency", region.as_str(), Effect::Reads, work)
            .await
    }
}

impl<S: SimulateRoles> SimulateRoles for Faults<S> {
    async fn denied(&self, role: &Arn, question: &Question) -> Result<BTreeSet<String>, PortError> {
        let work = self.inner.denied(role, question);
        self.script.run("denied", role.as_str(), Effect::Reads, work).await
    }
}

impl<S: ListObjects> ListObjects for Faults<S> {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<ObjectInfo>, PortError> {
        let work = self.inner.list(prefix, after);
        self.script.run("list", prefix, Effect::Reads, work).await
    }
}

impl<S: WriteObjects> WriteObjects for Faults<S> {
    async fn create(&self, key: &str, body: Bytes) -> Result<Created, PortError> {
        let work = self.inner.create(key, body);
        self.script.run("create", key, Effect::Writes, work).await
    }

    async fn overwrite(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        let work = self.inner.overwrite(key, body);
        self.script.run("overwrite", key, Effect::Writes, work).await
    }
}

impl<S: CopyObjects> CopyObjects for Faults<S> {
    async fn copy_from(&self, source_bucket: &str, key: &str) -> Result<ObjectInfo, PortError> {
        let work = self.inner.copy_from(source_bucket, key);
        self.script.run("copy_from", key, Effect::Writes, work).await
    }
}

impl<S: LockObjects> LockObjects for Faults<S> {
    fn locking(&self, lock: Option<Lock>) -> Self {
        Faults::new(self.inner.locking(lock), &self.script)
    }

    fn lock(&self) -> Option<Lock> {
        self.inner.lock()
    }

    async fn extend_lock(&self, key: &str) -> Result<Option<ObjectLock>, PortError> {
        // A store that locks nothing there makes no call.
        if self.lock().and_then(|lock| lock.on(key)).is_none() {
            return Ok(None);
        }
        let work = self.inner.extend_lock(key);
        self.script.run("extend_lock", key, Effect::Writes, work).await
    }

    async fn vault_lock(&self) -> Result<VaultLock, PortError> {
        let work = self.inner.vault_lock();
        self.script.run("vault_lock", "bucket", Effect::Reads, work).await
    }
}

impl<S: DeleteObjects> DeleteObjects for Faults<S> {
    async fn list_versions(&self, prefix: &str, after: Option<(&str, &str)>) -> Result<Vec<ObjectVersion>, PortError> {
        let work = self.inner.list_versions(prefix, after);
        self.script.run("list_versions", prefix, Effect::Reads, work).await
    }

    async fn delete_version(&self, key: &str, version: &str) -> Result<(), PortError> {
        let work = self.inner.delete_version(key, version);
        self.script.run("delete_version", key, Effect::Deletes, work).await
    }
}

impl<S: MakeReplica> MakeReplica for Faults<S> {
    async fn ensure(&self, spec: &ReplicaSpec) -> Result<ReplicaReady, PortError> {
        let work = self.inner.ensure(spec);
        self.script.run("ensure", &spec.bucket, Effect::Writes, work).await
    }
}

impl<S: ReplicateKeys> ReplicateKeys for Faults<S> {
    async fn ensure_key(&self, home_key_arn: &str, region: &Region) -> Result<Arn, PortError> {
        let work = self.inner.ensure_key(home_key_arn, region);
        self.script
            .run("ensure_key", region.as_str(), Effect::Writes, work)
            .await
    }
}

impl<S: SendWork> SendWork for Faults<S> {
    async fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> Result<(), PortError> {
        let subject = format!("{} tasks", bodies.len());
        let work = self.inner.send(bodies, delay_seconds);
        self.script.run("send", &subject, Effect::Writes, work).await
    }
}

impl<S: TakePoints> TakePoints for Faults<S> {
    async fn take_point(&self, resource: &ResourceId, plan: &PlanName) -> Result<Report, PortError> {
        let work = self.inner.take_point(resource, plan);
        self.script
            .run("take_point", &resource.to_string(), Effect::Writes, work)
            .await
    }
}

impl<S: TellPeople> TellPeople for Faults<S> {
    async fn tell(&self, topic: &Arn, subject: &str, message: &str) -> Result<(), PortError> {
        let work = self.inner.tell(topic, subject, message);
        self.script.run("tell", topic.as_str(), Effect::Writes, work).await
    }
}

impl<S: PublishEvents> PublishEvents for Faults<S> {
    async fn publish(&self, detail_type: &str, details: Vec<String>) -> Result<(), PortError> {
        let work = self.inner.publish(detail_type, details);
        self.script.run("publish", detail_type, Effect::Writes, work).await
    }
}

impl<S: ListResources> ListResources for Faults<S> {
    async fn list(&self, region: &Region, kind: Kind) -> Result<Vec<Found>, PortError> {
        let work = self.inner.list(region, kind);
        self.script
            .run("list_resources", kind.as_str(), Effect::Reads, work)
            .await
    }
}

impl<S: ReadTable> ReadTable for Faults<S> {
    async fn read_table(&self, name: &str) -> Result<TableReading, PortError> {
        let work = self.inner.read_table(name);
        self.script.run("read_table", name, Effect::Reads, work).await
    }
}

impl<S: ScanTable> ScanTable for Faults<S> {
    async fn scan(
        &self,
        table: &str,
        key: &[String],
        shard: Shard,
        cursor: Option<&Item>,
    ) -> Result<ScanPage, PortError> {
        let work = self.inner.scan(table, key, shard, cursor);
        self.script.run("scan", table, Effect::Reads, work).await
    }
}

impl<S: CreateTable> CreateTable for Faults<S> {
    async fn create_table(&self, name: &str, config: &TableConfig) -> Result<(), PortError> {
        let work = self.inner.create_table(name, config);
        self.script.run("create_table", name, Effect::Writes, work).await
    }

    async fn table_status(&self, name: &str) -> Result<TableStatus, PortError> {
        let work = self.inner.table_status(name);
        self.script.run("table_status", name, Effect::Reads, work).await
    }
}

impl<S: WriteItems> WriteItems for Faults<S> {
    async fn write_items(&self, table: &str, lines: Vec<Bytes>) -> Result<Vec<Bytes>, PortError> {
        let work = self.inner.write_items(table, lines);
        self.script.run("write_items", table, Effect::Writes, work).await
    }
}

impl<S: ApplyTableSettings> ApplyTableSettings for Faults<S> {
    async fn apply(&self, table: &str, setting: &TableSetting) -> Result<(), PortError> {
        let work = self.inner.apply(table, setting);
        self.script.run("apply", table, Effect::Writes, work).await
    }
}

impl<S: DropScratchTable> DropScratchTable for Faults<S> {
    async fn drop_scratch_table(&self, name: &str) -> Result<(), PortError> {
        let work = self.inner.drop_scratch_table(name);
        self.script.run("drop_scratch_table", name, Effect::Deletes, work).await
    }
}

impl<O: Operation, S: Call<O>> Call<O> for Faults<S> {
    async fn call(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        let effect = match O::EFFECT {
            call::Effect::Reads => Effect::Reads,
            call::Effect::Creates | call::Effect::Changes | call::Effect::Adds => Effect::Writes,
        };
        let subject = region.to_string();
        self.script
            .run(O::NAME, &subject, effect, self.inner.call(region, input))
            .await
    }
}

impl<S: InAccount> InAccount for Faults<S> {
    fn account(&self) -> &str {
        self.inner.account()
    }
}
