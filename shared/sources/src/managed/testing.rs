//! The restore test of a recovery point of AWS Backup: restored into a scratch resource of the smallest sensible shape, compared,
//! told to AWS Backup, removed.

use bytes::Bytes;
use holdfast_catalog::{Fact, ItemsDigest, Manifest, PointId, RestoreTestedFact, Sha256, Shard, layout, unseal};
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, keys, write_fact};
use serde::{Deserialize, Serialize};

use super::port::{PutValidations, ReadRestores, StartRestores, Validation};
use super::restoring::{Followed, RestoreOrder, follow, there, took};
use super::shape::Shape;
use crate::attempt::{Attempts, Step, announce, finish, marks_of};
use crate::dynamodb::TableConfig;
use crate::dynamodb::compare::differences as table_differences;
use crate::dynamodb::port::{CreateTable, DropScratchTable, ReadTable, SCRATCH_PREFIX, ScanTable, TableStatus};
use crate::dynamodb::refill::{Counted, Progress, count_shards};
use crate::dynamodb::restore::read_config as read_table_config;
use crate::rds::compare::{brought_back, differences as database_differences};
use crate::rds::port::{DatabaseReading, DropScratchDatabases, ReadDatabases};
use crate::rds::{self, DatabaseKind};

/// How far a restore test is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// It goes on in another invocation.
    Continuing {
        /// What is being done.
        what: String,
    },
    /// It could not be made; the point may be good.
    Failed {
        /// Why, and what to change.
        why: String,
    },
    /// It was made.
    Done {
        /// What was found; also written down.
        fact: RestoreTestedFact,
        /// What differs between the restored resource and the point's settings, in words.
        differences: Vec<String>,
        /// What could not be told to AWS Backup, in words; empty when it was.
        untold: String,
    },
}

/// What a test found, written down before anything of it is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finding {
    pub(super) job_id: String,
    pub(super) counted: Counted,
    pub(super) differences: Vec<String>,
    pub(super) restore_ms: u64,
}

/// The scratch resource of a point's test: the same for every try, so that a test that was cut short finds its own again. RDS
/// takes lower-case letters, digits and single hyphens only.
pub fn scratch_target(point: &PointId) -> String {
    let hash = Sha256::of(point.to_string().as_bytes()).to_string();
    format!("{SCRATCH_PREFIX}{}", &hash[..16])
}

/// What is to be done about the scratch resource.
pub(super) enum Stage {
    /// Restore and compare; the marks lie there.
    Compare(String),
    /// Conclude: the finding is written down.
    Conclude(String),
    /// It is of no test, or of one that was concluded: remove it.
    Remove,
}

fn told_mark(marks: &str) -> String {
    format!("{marks}told.json")
}

pub(super) async fn stage<S: ReadObjects + ListObjects + WriteObjects>(
    store: &S,
    point: &PointId,
    target: &str,
    exists: bool,
) -> Result<Stage, PortError> {
    let work = layout::test_work(point);
    let attempts = Attempts::read(store, &work).await?;
    let attempt = match attempts.decide(exists) {
        Step::Foreign => return Ok(Stage::Remove),
        Step::Finished => {
            let marks = marks_of(&work, attempts.count);
            let is_told = there(store.head(&told_mark(&marks)).await)?.is_some();
            return Ok(if is_told { Stage::Remove } else { Stage::Conclude(marks) });
        }
        Step::Begin(attempt) | Step::GoOn(attempt) => attempt,
    };
    let marks = marks_of(&work, attempt);
    announce(store, &marks, point, target).await?;
    Ok(Stage::Compare(marks))
}

pub(super) fn continuing(what: &str) -> Tested {
    Tested::Continuing { what: what.to_owned() }
}

pub(super) const REMOVING: &str = "a scratch resource that is of no use any more is being removed";
pub(super) const RESTORING: &str = "AWS Backup is restoring it into a scratch resource";

/// Tests a point of a table, as far as time allows. `order.target` is [`scratch_target`]. It is asked again while the test is due
/// or its scratch table stands: then it goes on; after that it is another test.
///
/// # Errors
/// Those of AWS Backup, of DynamoDB and of the store. Asked again, it goes on: no second job is started.
pub async fn test_table<B, T, S, C>(
    backups: &B,
    tables: &T,
    store: &S,
    clock: &C,
    order: &RestoreOrder<'_>,
) -> Result<Tested, PortError>
where
    B: StartRestores + ReadRestores + PutValidations,
    T: CreateTable + ReadTable + ScanTable + DropScratchTable,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let (point, name) = (&order.manifest.point, order.target.resource_name());
    let status = there(tables.table_status(name).await)?;
    let marks = match stage(store, point, name, status.is_some()).await? {
        Stage::Remove => {
            tables.drop_scratch_table(name).await?;
            return Ok(continuing(REMOVING));
        }
        Stage::Conclude(marks) => {
            let tested = conclude(backups, store, clock, order.manifest, &marks).await?;
            tables.drop_scratch_table(name).await?;
            return Ok(tested);
        }
        Stage::Compare(marks) => marks,
    };
    let job = match follow(backups, store, &marks, clock.now(), order, Shape::Smallest).await? {
        Followed::Running => return Ok(continuing(RESTORING)),
        Followed::Failed(why) => {
            tables.drop_scratch_table(name).await?;
            return Ok(Tested::Failed { why });
        }
        Followed::Complete(job) => job,
    };
    if status != Some(TableStatus::Active) {
        return Ok(continuing("the scratch table is not ready yet"));
    }
    let wanted = read_table_config(store, order.manifest).await?;
    let shards = shards(order.from.bytes);
    let key = wanted.key_names();
    let Progress::Complete(counted) = count_shards(tables, store, clock, &shards, &key, name, &marks).await? else {
        return Ok(continuing("items are being counted"));
    };
    let actual = tables.read_table(name).await?.config;
    let found = table_differences(&in_scratch(&wanted), &in_scratch(&actual));
    let finding = Finding {
        job_id: job.job_id.clone(),
        counted,
        differences: found.iter().map(ToString::to_string).collect(),
        restore_ms: u64::try_from(took(&job).as_millis()).unwrap_or(0),
    };
    write_finding(store, &marks, &finding).await?;
    let tested = conclude(backups, store, clock, order.manifest, &marks).await?;
    // Last: as long as the scratch resource stands, the test is known to be unfinished.
    tables.drop_scratch_table(name).await?;
    Ok(tested)
}

/// Tests a point of a database, as far as time allows: whether it becomes available, and whether what AWS Backup brings back is
/// set as it was. `order.target` is [`scratch_target`].
///
/// # Errors
/// Those of AWS Backup, of RDS and of the store. Asked again, it goes on: no second job is started.
pub async fn test_database<B, D, S, C>(
    backups: &B,
    databases: &D,
    store: &S,
    clock: &C,
    order: &RestoreOrder<'_>,
    kind: DatabaseKind,
) -> Result<Tested, PortError>
where
    B: StartRestores + ReadRestores + PutValidations,
    D: ReadDatabases + DropScratchDatabases,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let (point, name) = (&order.manifest.point, order.target.resource_name());
    let reading = there(databases.read_database(kind, name).await)?;
    let marks = match stage(store, point, name, reading.is_some()).await? {
        Stage::Remove => {
            databases.drop_scratch_database(kind, name).await?;
            return Ok(continuing(REMOVING));
        }
        Stage::Conclude(marks) => {
            let tested = conclude(backups, store, clock, order.manifest, &marks).await?;
            databases.drop_scratch_database(kind, name).await?;
            return Ok(tested);
        }
        Stage::Compare(marks) => marks,
    };
    let job = match follow(backups, store, &marks, clock.now(), order, Shape::Smallest).await? {
        Followed::Running => return Ok(continuing(RESTORING)),
        Followed::Failed(why) => {
            databases.drop_scratch_database(kind, name).await?;
            return Ok(Tested::Failed { why });
        }
        Followed::Complete(job) => job,
    };
    let Some(reading) = reading.filter(DatabaseReading::is_available) else {
        return Ok(continuing("the scratch database is not available yet"));
    };
    let wanted = rds::read_config(store, order.manifest).await?;
    let (wanted, _) = rds::settings::for_target(&wanted, order.target, &order.manifest.arn);
    let found = database_differences(&brought_back(&wanted), &brought_back(&reading.config));
    let finding = Finding {
        job_id: job.job_id.clone(),
        counted: Counted::default(),
        differences: found.iter().map(ToString::to_string).collect(),
        restore_ms: u64::try_from(took(&job).as_millis()).unwrap_or(0),
    };
    write_finding(store, &marks, &finding).await?;
    let tested = conclude(backups, store, clock, order.manifest, &marks).await?;
    databases.drop_scratch_database(kind, name).await?;
    Ok(tested)
}

/// A point's bytes for each segment of the count: one consumer reads so much in some minutes.
const SEGMENT_BYTES: u64 = 512 << 20;

fn shards(bytes: u64) -> Vec<Shard> {
    let wanted = u32::try_from(bytes.div_ceil(SEGMENT_BYTES)).unwrap_or(u32::MAX);
    let of = wanted.clamp(1, 1 << 14).next_power_of_two();
    (0..of).map(|index| Shard { index, of }).collect()
}

/// What a scratch table has of a table's settings: what it is made with, but its key, which a test does not need.
fn in_scratch(config: &TableConfig) -> TableConfig {
    TableConfig {
        kms_key_arn: None,
        ..config.at_creation()
    }
}

pub(super) async fn write_finding<S: WriteObjects>(store: &S, marks: &str, finding: &Finding) -> Result<(), PortError> {
    let text = serde_json::to_string(finding).map_err(|error| PortError::Invalid(error.to_string()))?;
    finish(store, marks, text).await
}

/// Judges what was found, tells AWS Backup, and writes it down. Done again after a crash, it says the same once more.
pub(super) async fn conclude<B, S, C>(
    backups: &B,
    store: &S,
    clock: &C,
    manifest: &Manifest,
    marks: &str,
) -> Result<Tested, PortError>
where
    B: PutValidations,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let key = format!("{marks}finished.json");
    let body = store.get(&key).await?;
    let mut finding: Finding =
        serde_json::from_slice(&body).map_err(|error| PortError::Corrupt(format!("{key}: {error}")))?;
    let expected = expected(store, manifest).await?;
    if let Some(expected) = expected.filter(|expected| *expected != finding.counted) {
        let words = |counted: &Counted| format!("{} items with digest {}", counted.items, counted.digest);
        let why = format!(
            "items: expected {}, found {}",
            words(&expected),
            words(&finding.counted)
        );
        finding.differences.push(why);
    }
    let matches = finding.differences.is_empty();
    let (validation, message) = match matches {
        true => (Validation::Successful, "compared by Holdfast: equal".to_owned()),
        false => (Validation::Failed, finding.differences.join("; ")),
    };
    let untold = match backups.put_validation(&finding.job_id, validation, &message).await {
        Ok(()) => String::new(),
        // It is told for the audit there; what counts is what is written here.
        Err(PortError::Invalid(why) | PortError::NotFound(why)) => why,
        Err(error) => return Err(error),
    };
    let fact = RestoreTestedFact {
        matches,
        items: finding.counted.items,
        digest: finding.counted.digest,
        restore_ms: finding.restore_ms,
    };
    write_fact(store, &manifest.point, &Fact::RestoreTested(fact.clone()), clock.now()).await?;
    // From here on the scratch resource is only to be removed, which takes the service minutes: nothing is told again meanwhile.
    store.create(&told_mark(marks), Bytes::from_static(b"{}\n")).await?;
    Ok(Tested::Done {
        fact,
        differences: finding.differences,
        untold,
    })
}

/// What the items have to add up to: AWS Backup gives no digest, so the first good test of a point says what every later one has
/// to find.
async fn expected<S: ReadObjects + ListObjects>(store: &S, manifest: &Manifest) -> Result<Option<Counted>, PortError> {
    if let Some(data) = &manifest.data {
        return Ok(Some(Counted {
            items: data.items,
            digest: data.digest,
        }));
    }
    for info in keys(store, &layout::facts_of(&manifest.point)).await? {
        if !layout::parse_fact(&info.key).is_ok_and(|(_, what, _)| what == "restore-tested") {
            continue;
        }
        let body = store.get(&info.key).await?;
        // A fact that is damaged says nothing.
        if let Ok(Fact::RestoreTested(fact)) = unseal(&body, "fact")
            && fact.matches
            && fact.digest != ItemsDigest::default()
        {
            return Ok(Some(Counted {
                items: fact.items,
                digest: fact.digest,
            }));
        }
    }
    Ok(None)
}
