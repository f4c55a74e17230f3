//! A recovery point that AWS Backup makes: settle what is asked for, start the job once, follow it to its end, commit.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{
    Arn, BlobRef, Engine, FORMAT_VERSION, Lock, MadeBy, ManagedJob, ManagedPoint, ManagedRun, Manifest, PointId,
    RunRecord, Sha256, layout,
};
use holdfast_vault::port::{Clock, Created, ListObjects, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, begin_run, commit, get_blob, put_blob, read_manifest, read_run};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::identity::{POINT_TAG, idempotency_token, point_tag, point_tags};
use super::marks::{newest_job, write_job};
use super::outcome;
use super::port::{BackupJob, BackupRequest, LockBounds, ReadBackups, ReadRecoveryPoints, StartBackups};
use super::{JobOutcome, Lifecycle, LifecycleFault, PointStatus, RecoveryPoint, outcome_of};

/// The shortest start window that the service takes (`StartWindowMinutes`).
const MIN_START_WINDOW: SignedDuration = SignedDuration::from_mins(60);

/// The longest window that the service takes, in minutes: a hundred years.
const MAX_WINDOW_MINUTES: u32 = 52_560_000;

/// How a plan wants its points made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// The vault that points go to.
    pub backup_vault: String,
    /// Its lock, where it has one.
    pub lock: Option<LockBounds>,
    /// The role that AWS Backup works with.
    pub role_arn: Arn,
    /// Within which time a job has to begin.
    pub start_window: SignedDuration,
    /// Within which time it has to end; it counts from the same moment as the start window.
    pub complete_window: SignedDuration,
    /// How long points live by AWS Backup's own doing. Retention removes them earlier; for ever is the safe choice.
    pub lifecycle: Lifecycle,
    /// Tags that points are to have, besides ours.
    pub tags: BTreeMap<String, String>,
    /// What is backed up of an S3 bucket besides its objects.
    pub s3: S3Extras,
}

/// What is backed up of an S3 bucket besides its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct S3Extras {
    /// Leave access control lists out.
    pub without_acls: bool,
    /// Leave objects' tags out.
    pub without_object_tags: bool,
}

/// What is wrong with how a plan wants its points made. Each ends with what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SettingsFault {
    /// The service takes no shorter start window.
    #[error("a start window of {minutes} minutes is too short for AWS Backup: make it 60 or more")]
    ShortStartWindow {
        /// What was asked for.
        minutes: i64,
    },
    /// Both windows count from the same moment.
    #[error(
        "the completion window ({complete} minutes) is not longer than the start window ({start} minutes), and both count from the same moment: make it longer"
    )]
    ShortCompletionWindow {
        /// The start window.
        start: i64,
        /// The completion window.
        complete: i64,
    },
    /// A hundred years are enough.
    #[error("a window of {minutes} minutes is too long for AWS Backup: make it {MAX_WINDOW_MINUTES} or less")]
    LongWindow {
        /// What was asked for.
        minutes: i64,
    },
    /// The lifecycle breaks a rule, or the bounds of the vault's lock.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleFault),
}

impl BackupSettings {
    /// Everything that is wrong with the settings.
    pub fn faults(&self) -> Vec<SettingsFault> {
        let (start, complete) = (self.start_window.as_mins(), self.complete_window.as_mins());
        let mut faults = Vec::new();
        if self.start_window < MIN_START_WINDOW {
            faults.push(SettingsFault::ShortStartWindow { minutes: start });
        }
        if complete <= start {
            faults.push(SettingsFault::ShortCompletionWindow { start, complete });
        }
        let longest = start.max(complete);
        if longest > i64::from(MAX_WINDOW_MINUTES) {
            faults.push(SettingsFault::LongWindow { minutes: longest });
        }
        faults.extend(self.lifecycle.check(self.lock).err().map(SettingsFault::from));
        faults
    }

    /// What a run asks for, and the tags that found no room.
    ///
    /// # Errors
    /// The first fault.
    pub fn run(&self, point: &PointId, arn: &Arn) -> Result<(ManagedRun, Vec<String>), SettingsFault> {
        if let Some(fault) = self.faults().into_iter().next() {
            return Err(fault);
        }
        let minutes = |window: SignedDuration| u32::try_from(window.as_mins()).unwrap_or(MAX_WINDOW_MINUTES);
        let (tags, left_out) = point_tags(point, &self.tags);
        let run = ManagedRun {
            backup_vault: self.backup_vault.clone(),
            role_arn: self.role_arn.clone(),
            start_window_minutes: minutes(self.start_window),
            complete_window_minutes: minutes(self.complete_window),
            cold_after_days: self.lifecycle.cold_after_days,
            delete_after_days: self.lifecycle.delete_after_days,
            tags,
            options: self.options(arn),
        };
        Ok((run, left_out))
    }

    fn options(&self, arn: &Arn) -> BTreeMap<String, String> {
        let word = |without: bool| if without { "disabled" } else { "enabled" }.to_owned();
        // The options of one kind are refused for another.
        match arn.service() {
            "s3" => BTreeMap::from([
                ("BackupACLs".to_owned(), word(self.s3.without_acls)),
                ("BackupObjectTags".to_owned(), word(self.s3.without_object_tags)),
            ]),
            _ => BTreeMap::new(),
        }
    }
}

/// The resource as it was read for a run, its settings stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadResource {
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its configuration document and the policy in force.
    pub blobs: Vec<BlobRef>,
    /// The policy in force.
    pub policy_sha256: Sha256,
    /// How the settings were locked in the vault, if they were; the data is locked by the lock of AWS Backup's vault.
    pub lock: Option<Lock>,
    /// What that lock falls short of what the plan asks for.
    pub lock_shortfall: Option<String>,
    /// What could not be read.
    pub not_protected: Vec<String>,
}

/// Settles what a run is. If somebody else has begun the same run, theirs counts and is returned.
///
/// # Errors
/// `Invalid` when the settings are; those of the store.
pub async fn begin<S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    store: &S,
    clock: &C,
    point: &PointId,
    resource: ReadResource,
    settings: &BackupSettings,
) -> Result<RunRecord, PortError> {
    let (managed, left_out) = settings
        .run(point, &resource.arn)
        .map_err(|fault| PortError::Invalid(fault.to_string()))?;
    let mut not_protected = resource.not_protected;
    not_protected.extend(
        left_out
            .iter()
            .map(|key| format!("tag {key} of the recovery point: AWS Backup takes ten, none of its own")),
    );
    let record = RunRecord {
        format: FORMAT_VERSION,
        point: point.clone(),
        arn: resource.arn,
        started_at: clock.now(),
        policy_sha256: resource.policy_sha256,
        tags: resource.tags,
        parent: None,
        blobs: resource.blobs,
        shards: 0,
        bytes_per_second: None,
        key: Vec::new(),
        managed: Some(managed),
        stream: None,
        lock: resource.lock,
        lock_shortfall: resource.lock_shortfall,
        not_protected,
    };
    begin_run(store, record).await
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worked {
    /// The point was committed before.
    Existed,
    /// AWS Backup is at it.
    Continuing {
        /// Which attempt.
        attempt: u32,
        /// Its job.
        job_id: String,
    },
    /// The point is committed now; partial if its manifest says what is not protected.
    Committed(Box<Manifest>),
    /// There will be no point of this run.
    Failed {
        /// Why, and what to change.
        why: String,
    },
}

/// Does what is to be done for a run now: starts its job, looks after it, starts another one if that may help, or commits.
/// Doing it twice, at once or after a crash at any call starts no second job and makes the same one point.
///
/// # Errors
/// `NotFound` when no such run was begun; those of AWS Backup and of the store.
pub async fn work<P, S, C>(ports: &P, store: &S, clock: &C, point: &PointId) -> Result<Worked, PortError>
where
    P: StartBackups + ReadBackups + ReadRecoveryPoints,
    S: ReadObjects + ListObjects + WriteObjects + LockObjects,
    C: Clock,
{
    match read_manifest(store, point).await {
        Ok(_) => return Ok(Worked::Existed),
        Err(PortError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let run = read_run(store, point).await?;
    let Some(asked) = &run.managed else {
        return Err(PortError::Invalid(format!("{point} is not made by AWS Backup")));
    };
    let Some(job) = newest_job(store, &layout::managed_jobs_of(point)).await? else {
        return start(ports, store, clock, &run, asked, 1).await;
    };
    let outcome = match ports.backup_job(&job.job_id).await {
        Ok(described) if outcome::is_held_up(&described, start_by(&run, asked), clock.now()) => {
            if outcome::tries_again(&job, clock.now()) {
                return start(ports, store, clock, &run, asked, job.attempt + 1).await;
            }
            keep_alive(store, clock, &run).await?;
            return Ok(continuing(job));
        }
        Ok(described) => match outcome_of(&described) {
            JobOutcome::Complete => return made(ports, store, clock, &run, &job, &described, None).await,
            JobOutcome::Partial { why } => return made(ports, store, clock, &run, &job, &described, Some(why)).await,
            other => other,
        },
        Err(PortError::NotFound(_)) => {
            outcome::forgotten(&job, clock.now())?;
            return find_made(ports, store, clock, &run, &job).await;
        }
        Err(error) => return Err(error),
    };
    if let Some(next) = outcome.next_attempt(job.attempt) {
        return start(ports, store, clock, &run, asked, next).await;
    }
    match outcome {
        JobOutcome::Failed { why, .. } => Ok(Worked::Failed {
            why: format!("AWS Backup's job {} (attempt {}): {why}", job.job_id, job.attempt),
        }),
        _ => {
            keep_alive(store, clock, &run).await?;
            Ok(continuing(job))
        }
    }
}

/// Until when the run's job has to begin, whichever attempt it is.
fn start_by(run: &RunRecord, asked: &ManagedRun) -> Timestamp {
    let window = SignedDuration::from_mins(asked.start_window_minutes.into());
    run.started_at.saturating_add(window).unwrap_or(Timestamp::MAX)
}

fn continuing(job: ManagedJob) -> Worked {
    Worked::Continuing {
        attempt: job.attempt,
        job_id: job.job_id,
    }
}

/// Starts an attempt's job, or learns which one was started: the token makes it the same. Only then is it written down, so a
/// record never names a job that is not there.
async fn start<P: StartBackups, S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    run: &RunRecord,
    asked: &ManagedRun,
    attempt: u32,
) -> Result<Worked, PortError> {
    let request = BackupRequest {
        backup_vault: asked.backup_vault.clone(),
        resource_arn: run.arn.clone(),
        role_arn: asked.role_arn.clone(),
        token: idempotency_token(&run.point, attempt),
        start_window_minutes: asked.start_window_minutes,
        complete_window_minutes: asked.complete_window_minutes,
        lifecycle: Lifecycle {
            cold_after_days: asked.cold_after_days,
            delete_after_days: asked.delete_after_days,
        },
        tags: asked.tags.clone(),
        options: asked.options.clone(),
    };
    let started = ports.start_backup_job(&request).await?;
    let job = ManagedJob {
        attempt,
        job_id: started.job_id,
        backup_vault: asked.backup_vault.clone(),
        started_at: started.created_at,
    };
    write_job(store, &layout::managed_job(&run.point, attempt), &job).await?;
    keep_alive(store, clock, run).await?;
    Ok(continuing(job))
}

/// The job says that there is a point. The point says whether that is so.
async fn made<P: ReadRecoveryPoints, S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    run: &RunRecord,
    job: &ManagedJob,
    described: &BackupJob,
    issue: Option<String>,
) -> Result<Worked, PortError> {
    let Some(arn) = &described.recovery_point_arn else {
        let why = format!(
            "AWS Backup's job {} ended as {} and names no recovery point",
            job.job_id, described.state
        );
        return Ok(Worked::Failed { why });
    };
    match ports.recovery_point(&job.backup_vault, arn).await {
        Ok(recovery_point) => conclude(store, clock, run, job, &recovery_point, issue).await,
        Err(PortError::NotFound(_)) => Ok(Worked::Failed {
            why: format!(
                "AWS Backup's job {} made {arn}, which is not there any more",
                job.job_id
            ),
        }),
        Err(error) => Err(error),
    }
}

/// The service lists jobs for 30 days. A point whose job it has forgotten is known by our tag or, where AWS Backup keeps no tags,
/// by the job's id in the name of the snapshot; never by its time alone, because two runs may be at it at the same time.
async fn find_made<P, S, C>(
    ports: &P,
    store: &S,
    clock: &C,
    run: &RunRecord,
    job: &ManagedJob,
) -> Result<Worked, PortError>
where
    P: ReadRecoveryPoints,
    S: ReadObjects + WriteObjects + LockObjects,
    C: Clock,
{
    let points = ports.recovery_points_of(&run.arn).await?;
    for candidate in points.iter().filter(|point| may_be_of(point, job)) {
        let is_named = candidate.arn.resource().ends_with(&job.job_id.to_ascii_lowercase());
        let is_ours = is_named
            || match ports.recovery_point_tags(&candidate.arn).await {
                Ok(tags) => tags.get(POINT_TAG) == Some(&point_tag(&run.point)),
                Err(PortError::Invalid(_) | PortError::NotFound(_)) => false,
                Err(error) => return Err(error),
            };
        if is_ours {
            return conclude(store, clock, run, job, candidate, None).await;
        }
    }
    let why = format!(
        "AWS Backup has forgotten job {}, and vault {} holds no point of {} that carries its mark",
        job.job_id, job.backup_vault, run.arn
    );
    Ok(Worked::Failed { why })
}

/// Whether a point can be what a job made: in its vault, not before it, and by no plan.
fn may_be_of(point: &RecoveryPoint, job: &ManagedJob) -> bool {
    /// The service's clock and dates are its own.
    const SLACK: SignedDuration = SignedDuration::from_mins(5);
    point.backup_vault == job.backup_vault
        && point.plan.is_none()
        && job.started_at.duration_since(point.created_at) <= SLACK
}

async fn conclude<S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    store: &S,
    clock: &C,
    run: &RunRecord,
    job: &ManagedJob,
    point: &RecoveryPoint,
    issue: Option<String>,
) -> Result<Worked, PortError> {
    let partial = match &point.status {
        PointStatus::Completed => None,
        PointStatus::Partial => Some(
            point
                .message
                .clone()
                .unwrap_or_else(|| "some of its parts are missing".to_owned()),
        ),
        PointStatus::Creating => {
            keep_alive(store, clock, run).await?;
            return Ok(continuing(job.clone()));
        }
        status => {
            let why = format!("AWS Backup's point {} is {status} and not COMPLETED", point.arn);
            return Ok(Worked::Failed { why });
        }
    };
    let issues = [issue, partial]
        .into_iter()
        .flatten()
        .map(|why| format!("AWS Backup: {why}"));
    let managed = point.managed(Some(&job.job_id), MadeBy::Holdfast);
    let vault = store.locking(run.lock);
    let (blobs, lost) = keep_blobs(&vault, clock, &run.blobs).await?;
    let not_protected = run.not_protected.iter().cloned().chain(issues).chain(lost).collect();
    let manifest = manifest_of(run, managed, blobs, not_protected, clock);
    Ok(match commit(&vault, &manifest).await? {
        Created::New => Worked::Committed(Box::new(manifest)),
        Created::Existed => Worked::Existed,
    })
}

fn manifest_of<C: Clock>(
    run: &RunRecord,
    managed: ManagedPoint,
    blobs: Vec<BlobRef>,
    not_protected: Vec<String>,
    clock: &C,
) -> Manifest {
    Manifest {
        format: FORMAT_VERSION,
        point: run.point.clone(),
        arn: run.arn.clone(),
        engine: Engine::AwsBackup,
        started_at: run.started_at,
        completed_at: clock.now(),
        policy_sha256: run.policy_sha256,
        tags: run.tags.clone(),
        parent: None,
        blobs,
        data: None,
        managed: Some(managed),
        lock: run.lock,
        not_protected,
    }
}

/// A job may take days, longer than a sweep leaves alone what no point refers to: what the run refers to is written again before
/// it is that old, and the run shows that somebody looks after it.
async fn keep_alive<S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    store: &S,
    clock: &C,
    run: &RunRecord,
) -> Result<(), PortError> {
    keep_blobs(&store.locking(run.lock), clock, &run.blobs).await?;
    let body = Bytes::from(format!("{{\"followed_at\": \"{}\"}}\n", clock.now()));
    store.overwrite(&layout::sign_of_life(&run.point), body).await
}

/// Writes again what is old, and says what is lost: the point is worth having without it.
async fn keep_blobs<S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    store: &S,
    clock: &C,
    blobs: &[BlobRef],
) -> Result<(Vec<BlobRef>, Vec<String>), PortError> {
    let (mut kept, mut lost) = (Vec::new(), Vec::new());
    for blob in blobs {
        match get_blob(store, blob).await {
            Ok(body) => kept.push(put_blob(store, clock.now(), blob.role.clone(), body).await?),
            Err(PortError::Corrupt(why)) => lost.push(format!("a {:?} document: {why}", blob.role)),
            Err(error) => return Err(error),
        }
    }
    Ok((kept, lost))
}
