//! Copying a recovery point to another vault of AWS Backup: refuse what cannot be, start the job once, follow it to its end.

use holdfast_catalog::{
    Arn, Fact, MadeBy, ManagedJob, ManagedPoint, Manifest, PointId, Region, ReplicatedFact, Slot, layout, unseal,
};
use holdfast_vault::port::{Clock, Created, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, keys, write_fact_as};
use jiff::SignedDuration;

use super::identity::{POINT_TAG, copy_token, point_tag};
use super::marks::{newest_job, write_job};
use super::outcome;
use super::port::{CopyRequest, ReadCopies, ReadRecoveryPoints, StartCopies};
use super::{Destination, JobOutcome, Lifecycle, PointStatus, RecoveryPoint, Refusal, can_copy, copy_outcome};
use crate::key::{KeyFacts, KeyState};
use crate::preflight::port::ReadKeys;

/// A copy that is wanted, with all that is known of it.
#[derive(Debug, Clone)]
pub struct CopyOrder<'a> {
    /// The point.
    pub manifest: &'a Manifest,
    /// Where it is to go, with which lifecycle.
    pub destination: &'a Destination,
    /// The role that AWS Backup works with.
    pub role_arn: &'a Arn,
}

impl CopyOrder<'_> {
    /// Whether the copy goes to another account than the one that has the point.
    fn leaves_account(&self, managed: &ManagedPoint) -> bool {
        self.destination.vault_arn.account() != managed.recovery_point_arn.account()
    }
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// It cannot be made; nothing was asked for.
    Refused(Refusal),
    /// AWS Backup is at it.
    Continuing {
        /// Which attempt.
        attempt: u32,
        /// Its job.
        job_id: String,
    },
    /// It is whole, and not noted yet: [`note_copy`] is.
    Done(Box<ManagedPoint>),
    /// There will be no copy.
    Failed {
        /// Why, and what to change.
        why: String,
    },
}

/// Does what is to be done for a copy now. `source` is AWS Backup where the point is, `destination` where the copy goes; it is not asked
/// when that is another account, whose copies nobody else sees: then the job's own answer counts. `keys` are looked at before a first
/// attempt only. Doing it twice, at once or after a crash at any call starts no second job.
///
/// # Errors
/// `Invalid` when the point is none of AWS Backup's; those of AWS Backup and of the store.
pub async fn copy<P, Q, K, S, C>(
    source: &P,
    destination: &Q,
    keys: &K,
    store: &S,
    clock: &C,
    order: &CopyOrder<'_>,
) -> Result<Copied, PortError>
where
    P: StartCopies + ReadCopies + ReadRecoveryPoints,
    Q: ReadRecoveryPoints,
    K: ReadKeys,
    S: ReadObjects + ListObjects + WriteObjects,
    C: Clock,
{
    let point = &order.manifest.point;
    let managed = managed_of(order.manifest)?;
    let marks = layout::copy_work(point, &order.destination.vault_arn);
    let Some(job) = newest_job(store, &marks).await? else {
        let described = source
            .recovery_point(&managed.backup_vault, &managed.recovery_point_arn)
            .await?;
        let key = source_key(keys, &described).await?;
        if let Err(refusal) = can_copy(&described, key.as_ref(), order.destination, clock.now()) {
            return Ok(Copied::Refused(refusal));
        }
        return start(source, store, order, managed, &marks, 1).await;
    };
    let described = match source.copy_job(&job.job_id).await {
        Ok(described) => described,
        Err(PortError::NotFound(_)) => {
            outcome::forgotten(&job, clock.now())?;
            return match order.leaves_account(managed) {
                true => Ok(forgotten_elsewhere(order, &job)),
                false => find_copy(destination, order, &job).await,
            };
        }
        Err(error) => return Err(error),
    };
    let outcome = copy_outcome(&described);
    if let Some(next) = outcome.next_attempt(job.attempt) {
        return start(source, store, order, managed, &marks, next).await;
    }
    let failed = |why: String| Copied::Failed {
        why: format!("AWS Backup's copy job {} (attempt {}): {why}", job.job_id, job.attempt),
    };
    match (outcome, described.destination_recovery_point_arn) {
        (JobOutcome::Running, _) => Ok(continuing(job)),
        (JobOutcome::Failed { why, .. }, _) => Ok(failed(why)),
        (JobOutcome::Partial { why }, _) => Ok(failed(format!("the copy is not whole: {why}"))),
        (JobOutcome::Complete, None) => Ok(failed("it ended and names no recovery point".to_owned())),
        (JobOutcome::Complete, Some(arn)) if order.leaves_account(managed) => {
            let lifecycle = described.destination_lifecycle.unwrap_or(order.destination.lifecycle);
            Ok(Copied::Done(Box::new(as_the_job_says(managed, &job, arn, lifecycle))))
        }
        (JobOutcome::Complete, Some(arn)) => {
            let there = destination.recovery_point(&job.backup_vault, &arn).await?;
            Ok(conclude(&job, &there))
        }
    }
}

/// The key that a point is encrypted with. One that we may not see is none that we know of: AWS Backup works with a role of its
/// own and may see it, so its job tells.
async fn source_key<K: ReadKeys>(keys: &K, point: &RecoveryPoint) -> Result<Option<KeyFacts>, PortError> {
    let Some(arn) = &point.key_arn else {
        return Ok(None);
    };
    let facts = keys.describe_key(arn).await?;
    Ok(Some(facts).filter(|facts| facts.state != KeyState::Missing))
}

fn continuing(job: ManagedJob) -> Copied {
    Copied::Continuing {
        attempt: job.attempt,
        job_id: job.job_id,
    }
}

fn managed_of(manifest: &Manifest) -> Result<&ManagedPoint, PortError> {
    let not_ours = || PortError::Invalid(format!("{} is not made by AWS Backup", manifest.point));
    manifest.managed.as_ref().ok_or_else(not_ours)
}

async fn start<P: StartCopies, S: WriteObjects>(
    source: &P,
    store: &S,
    order: &CopyOrder<'_>,
    managed: &ManagedPoint,
    marks: &str,
    attempt: u32,
) -> Result<Copied, PortError> {
    let vault_arn = &order.destination.vault_arn;
    let request = CopyRequest {
        recovery_point_arn: managed.recovery_point_arn.clone(),
        source_backup_vault: managed.backup_vault.clone(),
        destination_vault_arn: vault_arn.clone(),
        role_arn: order.role_arn.clone(),
        token: copy_token(&order.manifest.point, vault_arn, attempt),
        lifecycle: order.destination.lifecycle,
    };
    let started = source.start_copy_job(&request).await?;
    let job = ManagedJob {
        attempt,
        job_id: started.job_id,
        backup_vault: vault_arn.resource_name().to_owned(),
        started_at: started.created_at,
    };
    write_job(store, &format!("{marks}{attempt:05}.json"), &job).await?;
    Ok(continuing(job))
}

/// A copy in another account, of which nothing can be seen from here but its job.
fn as_the_job_says(source: &ManagedPoint, job: &ManagedJob, copy: Arn, lifecycle: Lifecycle) -> ManagedPoint {
    ManagedPoint {
        recovery_point_arn: copy,
        backup_vault: job.backup_vault.clone(),
        expires_at: lifecycle.expires_at(source.created_at),
        cold_at: lifecycle.cold_at(source.created_at),
        job_id: Some(job.job_id.clone()),
        made_by: MadeBy::Holdfast,
        ..source.clone()
    }
}

/// Nobody here can look for a copy in another account.
fn forgotten_elsewhere(order: &CopyOrder<'_>, job: &ManagedJob) -> Copied {
    let vault_arn = &order.destination.vault_arn;
    let why = format!(
        "AWS Backup has forgotten copy job {}, and whether {vault_arn} has the copy is seen in account {} alone: look there, and remove \
         {} to copy again",
        job.job_id,
        vault_arn.account(),
        layout::copy_work(&order.manifest.point, vault_arn),
    );
    Copied::Failed { why }
}

/// The service has forgotten the job: a copy that carries our mark is taken for it; none is started anew, because one may be there
/// that carries none.
async fn find_copy<Q: ReadRecoveryPoints>(
    destination: &Q,
    order: &CopyOrder<'_>,
    job: &ManagedJob,
) -> Result<Copied, PortError> {
    let points = destination.recovery_points_of(&order.manifest.arn).await?;
    for candidate in points.iter().filter(|point| point.backup_vault == job.backup_vault) {
        match destination.recovery_point_tags(&candidate.arn).await {
            Ok(tags) if tags.get(POINT_TAG) == Some(&point_tag(&order.manifest.point)) => {
                return Ok(conclude(job, candidate));
            }
            Ok(_) | Err(PortError::Invalid(_) | PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let why = format!(
        "AWS Backup has forgotten copy job {}, and no copy in {} carries its mark: look there, and remove {} to copy again",
        job.job_id,
        order.destination.vault_arn,
        layout::copy_work(&order.manifest.point, &order.destination.vault_arn),
    );
    Ok(Copied::Failed { why })
}

fn conclude(job: &ManagedJob, there: &RecoveryPoint) -> Copied {
    match &there.status {
        PointStatus::Completed => Copied::Done(Box::new(there.managed(Some(&job.job_id), MadeBy::Holdfast))),
        PointStatus::Creating => continuing(job.clone()),
        status => Copied::Failed {
            why: format!("the copy {} is {status} and not COMPLETED", there.arn),
        },
    }
}

/// Notes a copy, as soon as all that belongs to it is there, under the word of its destination: `replicated` for the stack's own
/// replica region, [`layout::replicated_to`] for another. Doing it again is harmless.
///
/// # Errors
/// `Invalid` when the vault has no region; those of the store.
pub async fn note_copy<S: ReadObjects + WriteObjects, C: Clock>(
    store: &S,
    clock: &C,
    point: &PointId,
    word: &str,
    vault_arn: &Arn,
    copy: &ManagedPoint,
) -> Result<ReplicatedFact, PortError> {
    let region: Region = vault_arn
        .region()
        .parse()
        .map_err(|error: holdfast_catalog::CatalogError| PortError::Invalid(error.to_string()))?;
    let fact = ReplicatedFact {
        region,
        bucket: vault_arn.to_string(),
        objects: 1,
        copied_objects: 1,
        copied_bytes: copy.bytes,
        managed: Some(copy.clone()),
    };
    note(store, clock, point, word, fact.clone()).await?;
    Ok(fact)
}

/// Notes a copy. A fact's key is its second, and copies to two vaults may end in the same one: the second takes the next.
async fn note<S: ReadObjects + WriteObjects, C: Clock>(
    store: &S,
    clock: &C,
    point: &PointId,
    word: &str,
    fact: ReplicatedFact,
) -> Result<(), PortError> {
    const SECONDS_TO_TRY: i64 = 10;
    let fact = Fact::Replicated(fact);
    for seconds in 0..SECONDS_TO_TRY {
        let at = clock.now() + SignedDuration::from_secs(seconds);
        if write_fact_as(store, point, word, &fact, at).await? == Created::New {
            return Ok(());
        }
        if read_fact(store, &layout::fact_of(point, word, Slot::at(at))).await? == fact {
            return Ok(());
        }
    }
    Err(PortError::Conflict(format!(
        "{point}: too many copies ended in the same seconds"
    )))
}

async fn read_fact<S: ReadObjects>(store: &S, key: &str) -> Result<Fact, PortError> {
    let body = store.get(key).await?;
    unseal(&body, "fact").map_err(|error| PortError::Corrupt(format!("{key}: {error}")))
}

/// Whether a fact of that word tells of a copy, in whichever region.
fn is_copy_word(what: &str) -> bool {
    what == "replicated" || what.starts_with("replicated-to-")
}

/// Where copies of a point are known to be, oldest first in each region.
///
/// # Errors
/// `Corrupt` when a fact is damaged; those of the store.
pub async fn copies_of<S: ReadObjects + ListObjects>(
    store: &S,
    point: &PointId,
) -> Result<Vec<ReplicatedFact>, PortError> {
    let mut copies = Vec::new();
    for info in keys(store, &layout::facts_of(point)).await? {
        let is_copy = layout::parse_fact(&info.key).is_ok_and(|(_, what, _)| is_copy_word(&what));
        if is_copy && let Fact::Replicated(fact) = read_fact(store, &info.key).await? {
            copies.push(fact);
        }
    }
    Ok(copies)
}
