//! Bringing a resource back from a recovery point of AWS Backup: one restore job, then the settings that it leaves out.

use holdfast_catalog::{Arn, CatalogError, ManagedJob, ManagedPoint, Manifest, Region};
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, ListObjects, ReadObjects, WriteObjects};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::identity::restore_token;
use super::marks::{newest_job, write_job};
use super::port::{ReadRestores, RestoreJob, RestoreRequest, StartRestores};
use super::shape::{CREATION_TOKEN, Shape, restore_metadata};
use super::{JobOutcome, outcome, restore_outcome};
use crate::attempt::{Attempts, Step, abandon, announce, finish, marks_of};
use crate::dynamodb::port::{ApplyTableSettings, CreateTable, ReadTable, TableStatus};
use crate::dynamodb::{compare as table_compare, restore as table_restore, settings as table_settings};
use crate::rds::port::{ChangeDatabases, DatabaseReading, DatabaseSetting, ReadDatabases};
use crate::rds::{self, DatabaseConfig, DatabaseKind};
use crate::{SettingOutcome, SettingStatus};

/// Nothing new is begun this long before the invocation ends.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(30);

/// How often a database is looked at while it is being changed: RDS takes minutes.
const POLL: SignedDuration = SignedDuration::from_secs(10);

/// A restore that is wanted.
#[derive(Debug, Clone)]
pub struct RestoreOrder<'a> {
    /// The point.
    pub manifest: &'a Manifest,
    /// The copy of it to read from, in the target's region.
    pub from: &'a ManagedPoint,
    /// What the new resource is called.
    pub target: &'a Arn,
    /// The role that AWS Backup works with.
    pub role_arn: &'a Arn,
    /// Where the restore's marks lie in the vault.
    pub work: &'a str,
    /// How it shall be configured, where that is not as the point says: as a part of an application under new names.
    pub document: Option<&'a Value>,
}

impl RestoreOrder<'_> {
    /// How it shall be configured: as the order says, or else the point.
    ///
    /// # Errors
    /// `Corrupt` where the order's document is none of this kind; those of reading the point's.
    pub(super) async fn config<T: DeserializeOwned>(
        &self,
        of_point: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        match self.document {
            Some(document) => T::deserialize(document).map_err(|error| PortError::Corrupt(error.to_string())),
            None => of_point.await,
        }
    }
}

/// How far a restore is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restored {
    /// There is a resource of that name which this restore did not make: nothing was changed.
    Foreign,
    /// It was finished before.
    Before,
    /// It goes on in another invocation.
    Continuing {
        /// What is being done.
        what: String,
    },
    /// It came to nothing.
    Failed {
        /// Why, and what to change.
        why: String,
    },
    /// It is done.
    Done {
        /// What became of each setting that AWS Backup leaves out.
        settings: Vec<SettingOutcome>,
        /// How long AWS Backup took.
        took: SignedDuration,
        /// What was made, where AWS and not the order chose its name.
        made: Option<Arn>,
    },
}

/// A resource like another one, in a region and under a name of its own.
///
/// # Errors
/// The name is none that an ARN can hold.
pub fn sibling(arn: &Arn, region: &Region, name: &str) -> Result<Arn, CatalogError> {
    let kind = arn.resource().strip_suffix(arn.resource_name()).unwrap_or_default();
    let (partition, service, account) = (arn.partition(), arn.service(), arn.account());
    // A bucket's ARN does not say where it is.
    let region = if arn.region().is_empty() { "" } else { region.as_str() };
    format!("arn:{partition}:{service}:{region}:{account}:{kind}{name}").parse()
}

/// How far a restore job is.
pub(super) enum Followed {
    Running,
    Complete(RestoreJob),
    Failed(String),
}

/// Starts the restore job of an attempt, or looks after the one that was started.
pub(super) async fn follow<B, S>(
    backups: &B,
    store: &S,
    marks: &str,
    now: Timestamp,
    order: &RestoreOrder<'_>,
    shape: Shape<'_>,
) -> Result<Followed, PortError>
where
    B: StartRestores + ReadRestores,
    S: ReadObjects + ListObjects + WriteObjects,
{
    let jobs = format!("{marks}job-");
    let Some(job) = newest_job(store, &jobs).await? else {
        return start(backups, store, &jobs, now, order, shape, 1).await;
    };
    let described = match backups.restore_job(&job.job_id).await {
        Ok(described) => described,
        Err(PortError::NotFound(_)) => {
            outcome::forgotten(&job, now)?;
            let why = format!("AWS Backup has forgotten restore job {}", job.job_id);
            return Ok(Followed::Failed(why));
        }
        Err(error) => return Err(error),
    };
    let outcome = restore_outcome(&described);
    if let Some(next) = outcome.next_attempt(job.attempt) {
        return start(backups, store, &jobs, now, order, shape, next).await;
    }
    Ok(match outcome {
        JobOutcome::Running => Followed::Running,
        // What a completed restore has to say does not make it less restored: the comparison decides.
        JobOutcome::Complete => Followed::Complete(described),
        JobOutcome::Partial { .. } if described.state == "COMPLETED" => Followed::Complete(described),
        JobOutcome::Partial { why } | JobOutcome::Failed { why, .. } => {
            Followed::Failed(format!("AWS Backup's restore job {}: {why}", job.job_id))
        }
    })
}

async fn start<B: StartRestores, S: WriteObjects>(
    backups: &B,
    store: &S,
    jobs: &str,
    now: Timestamp,
    order: &RestoreOrder<'_>,
    shape: Shape<'_>,
    attempt: u32,
) -> Result<Followed, PortError> {
    let from = order.from;
    let token = token(order, jobs, attempt);
    let given = backups
        .restore_metadata(&from.backup_vault, &from.recovery_point_arn)
        .await?;
    let mut metadata = restore_metadata(&from.resource_type, &given, order.target.resource_name(), shape)
        .map_err(|error| PortError::Invalid(error.to_string()))?;
    match shape {
        Shape::Bucket(bucket) if bucket.is_new => {
            metadata.insert(CREATION_TOKEN.to_owned(), token.clone());
        }
        _ if from.resource_type == "EFS" => {
            metadata.insert(CREATION_TOKEN.to_owned(), creation_token(order, &token));
        }
        _ => {}
    }
    let request = RestoreRequest {
        recovery_point_arn: from.recovery_point_arn.clone(),
        resource_type: from.resource_type.clone(),
        metadata,
        role_arn: order.role_arn.clone(),
        token,
    };
    let job_id = backups.start_restore_job(&request).await?;
    let job = ManagedJob {
        attempt,
        job_id,
        backup_vault: from.backup_vault.clone(),
        started_at: now,
    };
    write_job(store, &format!("{jobs}{attempt:05}.json"), &job).await?;
    Ok(Followed::Running)
}

/// The same for the same job. The marks tell attempts to make the same target from the same point apart.
fn token(order: &RestoreOrder<'_>, jobs: &str, attempt: u32) -> String {
    restore_token(&order.manifest.point, &format!("{jobs}{}", order.target), attempt)
}

/// The creation tokens of all file systems that jobs of these marks may have made.
pub(super) async fn creation_tokens<S: ReadObjects + ListObjects>(
    store: &S,
    marks: &str,
    order: &RestoreOrder<'_>,
) -> Result<Vec<String>, PortError> {
    let jobs = format!("{marks}job-");
    let newest = newest_job(store, &jobs).await?.map_or(0, |job| job.attempt);
    let tokens = (1..=newest).map(|attempt| creation_token(order, &token(order, &jobs, attempt)));
    Ok(tokens.collect())
}

/// The longest creation token that EFS takes.
const CREATION_TOKEN_CHARS: usize = 64;

/// What makes the same request make one file system: what it is called, for people and for whoever tidies up, and what tells the
/// job from others of that name. One hyphen, and hexadecimal digits alone after it.
fn creation_token(order: &RestoreOrder<'_>, token: &str) -> String {
    let token: String = token.chars().take(16).collect();
    let name = order.target.resource_name().chars();
    let name: String = name.take(CREATION_TOKEN_CHARS - 1 - token.len()).collect();
    format!("{name}-{token}")
}

/// How long a job took, by the service's own clock.
pub(super) fn took(job: &RestoreJob) -> SignedDuration {
    job.completed_at
        .map_or(SignedDuration::ZERO, |ended| ended.duration_since(job.created_at))
}

/// Whose the target is, and where the marks of this attempt lie.
pub(super) async fn attempt<S: ListObjects + WriteObjects>(
    store: &S,
    order: &RestoreOrder<'_>,
    exists: bool,
) -> Result<Result<String, Restored>, PortError> {
    let attempt = match Attempts::read(store, order.work).await?.decide(exists) {
        Step::Foreign => return Ok(Err(Restored::Foreign)),
        Step::Finished => return Ok(Err(Restored::Before)),
        Step::Begin(attempt) | Step::GoOn(attempt) => attempt,
    };
    let marks = marks_of(order.work, attempt);
    announce(store, &marks, &order.manifest.point, order.target.resource_name()).await?;
    Ok(Ok(marks))
}

/// The job came to nothing. If it has made nothing either, whoever asks again, with what was wrong set right, gets another one.
pub(super) async fn failed<S: WriteObjects>(
    store: &S,
    marks: &str,
    exists: bool,
    why: String,
) -> Result<Restored, PortError> {
    if !exists {
        abandon(store, marks).await?;
    }
    Ok(Restored::Failed { why })
}

pub(super) fn continuing(what: &str) -> Restored {
    Restored::Continuing { what: what.to_owned() }
}

/// Restores a table, as far as time allows. AWS Backup brings items, keys and indexes back; time to live, tags, stream, recovery
/// window, policy and protection are put back from our configuration document.
///
/// # Errors
/// Those of AWS Backup, of DynamoDB and of the store. Asked again, it goes on: no second job is started.
pub async fn restore_table<B, T, S, C>(
    backups: &B,
    tables: &T,
    store: &S,
    clock: &C,
    order: &RestoreOrder<'_>,
) -> Result<Restored, PortError>
where
    B: StartRestores + ReadRestores,
    T: CreateTable + ReadTable + ApplyTableSettings,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let name = order.target.resource_name();
    let exists = there(tables.table_status(name).await)?.is_some();
    let marks = match attempt(store, order, exists).await? {
        Ok(marks) => marks,
        Err(ended) => return Ok(ended),
    };
    let (config, mut outcomes) = match order.config(table_restore::read_config(store, order.manifest)).await {
        Ok(document) => {
            let (config, outcomes) = table_settings::for_target(&document, order.target, &order.manifest.arn);
            (Some(config), outcomes)
        }
        Err(PortError::Corrupt(why)) => (None, vec![without_document(&why)]),
        Err(error) => return Err(error),
    };
    let key = config.as_ref().and_then(|config| config.kms_key_arn.as_deref());
    let job = match follow(backups, store, &marks, clock.now(), order, Shape::Full { key }).await? {
        Followed::Running => return Ok(continuing("AWS Backup is restoring it")),
        Followed::Failed(why) => return failed(store, &marks, exists, why).await,
        Followed::Complete(job) => job,
    };
    // Looked at again: it may have come to be since the first look.
    match there(tables.table_status(name).await)? {
        Some(TableStatus::Active) => {}
        Some(TableStatus::Busy) => return Ok(continuing("the table is not ready yet")),
        None => return Ok(vanished(order)),
    }
    let Some(config) = config else {
        return conclude(store, &marks, outcomes, took(&job), true).await;
    };
    let wanted = table_settings::settings(&config, order.target, &order.manifest.arn);
    let applied = table_restore::apply_settings(tables, clock, name, &wanted).await;
    let is_settled = applied.iter().all(|outcome| outcome.status == SettingStatus::Restored);
    outcomes.extend(applied);
    if !is_settled && clock.remaining() < STOP_BEFORE_END {
        return Ok(continuing("settings are being put back"));
    }
    let actual = tables.read_table(name).await?;
    let found = table_compare::differences(&config, &actual.config);
    outcomes.extend(untold(found, &outcomes));
    conclude(store, &marks, outcomes, took(&job), is_settled).await
}

/// The data is worth having without the settings.
pub(super) fn without_document(why: &str) -> SettingOutcome {
    let message = format!("{why}: what AWS Backup leaves out has to be set by hand");
    SettingOutcome::needs_person("ConfigurationDocument", message)
}

/// The job has made it, and it is not there.
pub(super) fn vanished(order: &RestoreOrder<'_>) -> Restored {
    let why = format!(
        "{} was restored and is gone again: choose another name, or restore again",
        order.target
    );
    Restored::Failed { why }
}

/// Restores a database, as far as time allows. AWS Backup brings a cluster back without its instances; those and the settings
/// that it leaves out are put back from our configuration document.
///
/// # Errors
/// Those of AWS Backup, of RDS and of the store. Asked again, it goes on: no second job is started.
pub async fn restore_database<B, D, S, C>(
    backups: &B,
    databases: &D,
    store: &S,
    clock: &C,
    order: &RestoreOrder<'_>,
    kind: DatabaseKind,
) -> Result<Restored, PortError>
where
    B: StartRestores + ReadRestores,
    D: ReadDatabases + ChangeDatabases,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let name = order.target.resource_name();
    let exists = there(databases.read_database(kind, name).await)?.is_some();
    let marks = match attempt(store, order, exists).await? {
        Ok(marks) => marks,
        Err(ended) => return Ok(ended),
    };
    let (config, mut outcomes) = match order.config(rds::read_config(store, order.manifest)).await {
        Ok(document) => {
            let (config, outcomes) = rds::settings::for_target(&document, order.target, &order.manifest.arn);
            (Some(config), outcomes)
        }
        Err(PortError::Corrupt(why)) => (None, vec![without_document(&why)]),
        Err(error) => return Err(error),
    };
    let job = match follow(backups, store, &marks, clock.now(), order, Shape::Full { key: None }).await? {
        Followed::Running => return Ok(continuing("AWS Backup is restoring it")),
        Followed::Failed(why) => return failed(store, &marks, exists, why).await,
        Followed::Complete(job) => job,
    };
    let Some(config) = config else {
        return conclude(store, &marks, outcomes, took(&job), true).await;
    };
    let (actual, applied) = match put_back(databases, clock, kind, name, &config).await {
        Ok(Some(done)) => done,
        Ok(None) => return Ok(continuing("settings are being put back")),
        Err(PortError::NotFound(_)) => return Ok(vanished(order)),
        Err(error) => return Err(error),
    };
    let is_settled = applied.iter().all(|outcome| outcome.status == SettingStatus::Restored);
    outcomes.extend(applied);
    let found = rds::compare::differences(&config, &actual.config);
    outcomes.extend(untold(found, &outcomes));
    conclude(store, &marks, outcomes, took(&job), is_settled).await
}

/// Puts back what differs, one setting after the other, each once. Nothing when time ran out.
async fn put_back<D: ReadDatabases + ChangeDatabases, C: Clock>(
    databases: &D,
    clock: &C,
    kind: DatabaseKind,
    name: &str,
    wanted: &DatabaseConfig,
) -> Result<Option<(DatabaseReading, Vec<SettingOutcome>)>, PortError> {
    let mut tried: Vec<DatabaseSetting> = Vec::new();
    let mut outcomes = Vec::new();
    loop {
        let reading = databases.read_database(kind, name).await?;
        let open = rds::settings::settings(wanted, &reading.config);
        let next = open.into_iter().find(|setting| !tried.contains(setting));
        match (reading.is_available(), next) {
            (true, None) => return Ok(Some((reading, outcomes))),
            (true, Some(setting)) => match databases.apply(kind, name, &setting).await {
                Ok(()) => {
                    outcomes.push(SettingOutcome::restored(setting.name()));
                    tried.push(setting);
                    continue;
                }
                Err(error) if error.is_retryable() => {}
                Err(error) => {
                    let message = format!("{error}; put it back by hand");
                    outcomes.push(SettingOutcome::needs_person(setting.name(), message));
                    tried.push(setting);
                    continue;
                }
            },
            (false, _) => {}
        }
        if clock.remaining() < STOP_BEFORE_END + POLL {
            return Ok(None);
        }
        clock.sleep(POLL).await;
    }
}

pub(super) async fn conclude<S: WriteObjects>(
    store: &S,
    marks: &str,
    settings: Vec<SettingOutcome>,
    took: SignedDuration,
    is_settled: bool,
) -> Result<Restored, PortError> {
    // Not while a call has failed: when a person has set that right, the same request tries it again.
    if is_settled {
        let restore_ms = u64::try_from(took.as_millis()).unwrap_or(0);
        finish(store, marks, json!({ "restore_ms": restore_ms }).to_string()).await?;
    }
    Ok(Restored::Done {
        settings,
        took,
        made: None,
    })
}

/// Differences that no outcome has told of yet.
fn untold(found: Vec<table_compare::Difference>, told: &[SettingOutcome]) -> Vec<SettingOutcome> {
    let is_told = |setting: &str| {
        told.iter()
            .any(|outcome| outcome.status == SettingStatus::NeedsPerson && outcome.setting == setting)
    };
    found
        .into_iter()
        .filter(|difference| !is_told(&difference.setting))
        .map(|difference| SettingOutcome::needs_person(&difference.setting, difference.to_string()))
        .collect()
}

/// What is there, if it is.
pub(super) fn there<T>(found: Result<T, PortError>) -> Result<Option<T>, PortError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
