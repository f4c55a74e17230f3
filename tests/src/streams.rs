//! A stream with records, in a world whose plan asks for them.

use std::collections::BTreeMap;

use holdfast_catalog::{Manifest, PointId, Region, Report, ReportStatus};
use holdfast_lambda::Failure;
use holdfast_sources::call::kinesis::{CreateStream, PutRecords};
use holdfast_sources::kinesis::Record;
use holdfast_testkit::MemoryWiring;
use holdfast_vault::port::Clock as _;
use holdfast_vault::{read_committed_part, read_manifest, read_pack};
use serde_json::{Value, json};

use crate::{POLICY, World, home_region};

/// Data by partition key, in order.
pub type ByKey = BTreeMap<String, Vec<String>>;

/// The stream's name.
pub const STREAM: &str = "clicks";

/// A world with a stream of so many shards, whose records the plan asks for.
pub fn world(shards: u32) -> World {
    let world = World::default();
    world.set_policy(&POLICY.replace("schedule:", "records: true\n    schedule:"));
    make(&world, shards);
    world
}

/// Makes the stream, anew where it was destroyed.
pub fn make(world: &World, shards: u32) {
    let stream = json!({"StreamName": STREAM, "ShardCount": shards, "Tags": {"backup": "standard"}});
    account(world).ask::<CreateStream>(&home_region(), stream).unwrap();
}

/// The account, past the script.
pub fn account(world: &World) -> &MemoryWiring {
    world.resources.wiring()
}

/// Puts records, one a number, which arrive now. Their partition keys are few, so that order can be seen.
pub fn put(world: &World, numbers: impl IntoIterator<Item = u32>) {
    account(world).set_arrivals(world.clock.now());
    let records: Vec<Value> = numbers
        .into_iter()
        .map(|n| json!({"PartitionKey": format!("user-{}", n % 5), "Data": format!("{n:08}")}))
        .collect();
    let input = json!({"StreamName": STREAM, "Records": records});
    account(world).ask::<PutRecords>(&home_region(), input).unwrap();
}

/// What the stream has: sequence numbers by shard, in their order.
pub fn kept(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut kept = BTreeMap::<String, Vec<String>>::new();
    for (shard, record) in account(world).records(&home_region(), STREAM) {
        let number = record["SequenceNumber"].as_str().unwrap().to_owned();
        kept.entry(shard).or_default().push(number);
    }
    kept
}

/// The stream's points, the oldest first.
pub async fn points(world: &World) -> Vec<PointId> {
    let mut points: Vec<PointId> = world
        .catalogue()
        .await
        .points
        .into_iter()
        .map(|entry| entry.id)
        .collect();
    points.sort_by_key(|point| point.slot);
    points
}

/// The manifest of the newest point.
pub async fn newest(world: &World) -> Manifest {
    let point = points(world).await.pop().unwrap();
    read_manifest(&world.home, &point).await.unwrap()
}

/// Makes the next point, an hour later than the last.
pub async fn next_point(world: &World) -> Manifest {
    world.later(jiff::SignedDuration::from_hours(1));
    let report = world.tick().await;
    assert_ne!(report.status, ReportStatus::Failed, "{report:#?}");
    newest(world).await
}

/// What a point has: records by shard, in their order.
pub async fn stored(world: &World, manifest: &Manifest) -> BTreeMap<String, Vec<Record>> {
    let mut stored = BTreeMap::<String, Vec<Record>>::new();
    for part in &manifest.data.as_ref().unwrap().parts {
        let recipe = read_committed_part(&world.home, &manifest.point, part).await.unwrap();
        for pack in &recipe.packs {
            let pack = read_pack(&world.home, pack).await.unwrap();
            for line in pack.lines() {
                let record = Record::parse(line).unwrap();
                stored.entry(record.shard_id.clone()).or_default().push(record);
            }
        }
    }
    stored
}

/// The sequence numbers of records by shard.
pub fn numbers(stored: &BTreeMap<String, Vec<Record>>) -> BTreeMap<String, Vec<String>> {
    let numbers = |records: &Vec<Record>| records.iter().map(|record| record.sequence_number.clone()).collect();
    stored
        .iter()
        .map(|(shard, records)| (shard.clone(), numbers(records)))
        .collect()
}

/// Records of a point by partition key, in the order in which they arrived.
pub fn by_key(stored: &BTreeMap<String, Vec<Record>>) -> ByKey {
    let records = stored.values().flatten();
    ordered(records.map(|record| (&record.sequence_number, &record.partition_key, &record.data)))
}

/// What a stream has by partition key, in the order in which it arrived.
pub fn arrived(world: &World, region: &Region, stream: &str) -> ByKey {
    let records = account(world).records(region, stream);
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let records: Vec<[String; 3]> = records
        .iter()
        .map(|(_, record)| ["SequenceNumber", "PartitionKey", "Data"].map(|name| text(record, name)))
        .collect();
    ordered(records.iter().map(|[number, key, data]| (number, key, data)))
}

fn ordered<'a>(records: impl Iterator<Item = (&'a String, &'a String, &'a String)>) -> ByKey {
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|(number, ..)| (number.len(), *number));
    let mut by_key = ByKey::new();
    for (_, key, data) in records {
        by_key.entry(key.clone()).or_default().push(data.clone());
    }
    by_key
}

/// How many there are.
pub fn count(by_key: &ByKey) -> usize {
    by_key.values().map(Vec::len).sum()
}

/// The same without what came a second time.
pub fn once(by_key: &ByKey) -> ByKey {
    let mut once = by_key.clone();
    for list in once.values_mut() {
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|data| seen.insert(data.clone()));
    }
    once
}

/// A restore of the stream under this name.
pub fn again(name: &str) -> Value {
    json!({"resource": format!("kinesis-stream/{}/{STREAM}", home_region()), "target": {"name": name}})
}

/// Sends restore an event, and then its own queue's tasks until there are none; what the last of them says.
///
/// # Errors
/// The request was refused, or no vault has such a point.
pub async fn restore(world: &World, event: Value) -> Result<Report, Failure> {
    let mut events = vec![event];
    loop {
        world.clock.set_remaining(jiff::SignedDuration::from_mins(15));
        let request = restore::Request::parse(events.remove(0)).unwrap();
        let report = world.restore().run(request, &world.clock).await?;
        let tasks = world.outbox.take_tasks();
        events.extend(tasks.iter().map(|task| serde_json::from_str(&task.body).unwrap()));
        if events.is_empty() {
            return Ok(report);
        }
    }
}
