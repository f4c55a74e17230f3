use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_sources::managed::port::{BackupRequest, CopyRequest, LockBounds, RestoreRequest};
use holdfast_sources::managed::{Lifecycle, PointStatus, RecoveryPoint};
use holdfast_vault::PortError;
use jiff::{SignedDuration, Timestamp};

use crate::MemoryWiring;

use super::{Cloud, Data, JobEnd, Place, Stored, arn, type_of};

/// How long the service tells of a job that has ended.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A job of the service, of any sort.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub id: String,
    pub place: Place,
    pub asked: Asked,
    pub resource_arn: Arn,
    pub state: &'static str,
    pub message: Option<String>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What it has made.
    pub made: Option<Arn>,
    polls_left: u32,
    end: Option<JobEnd>,
    data: Data,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Backup(BackupRequest),
    Copy(CopyRequest),
    Restore(RestoreRequest),
}

impl Asked {
    fn token(&self) -> &str {
        match self {
            Asked::Backup(request) => &request.token,
            Asked::Copy(request) => &request.token,
            Asked::Restore(request) => &request.token,
        }
    }

    fn is_same_sort(&self, other: &Asked) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Job {
    pub fn has_ended(&self) -> bool {
        self.ended_at.is_some()
    }

    /// Backup and copy jobs share a resource's one place; restores do not need it.
    fn needs_resource(&self) -> bool {
        !matches!(self.asked, Asked::Restore(_))
    }

    fn close(&mut self, state: &'static str, message: Option<String>, now: Timestamp) {
        self.state = state;
        self.message = message;
        self.ended_at = Some(now);
    }
}

impl Cloud {
    /// A new job, or the one that was started with the same token.
    pub(super) fn ask(
        &mut self,
        place: &Place,
        asked: Asked,
        resource_arn: Arn,
        now: Timestamp,
    ) -> Result<(String, Timestamp), PortError> {
        let of_token = self
            .jobs
            .iter()
            .find(|job| job.place == *place && job.asked.is_same_sort(&asked) && job.asked.token() == asked.token());
        if let Some(job) = of_token {
            return if job.asked == asked {
                Ok((job.id.clone(), job.created_at))
            } else {
                let why = "IdempotencyToken was used with other parameters";
                Err(PortError::Invalid(why.to_owned()))
            };
        }
        self.made += 1;
        let id = format!("0000000{}-job", self.made);
        self.jobs.push(Job {
            id: id.clone(),
            place: place.clone(),
            asked,
            resource_arn,
            state: "CREATED",
            message: None,
            created_at: now,
            ended_at: None,
            made: None,
            polls_left: self.polls,
            end: None,
            data: Data::Opaque,
        });
        Ok((id, now))
    }

    /// Looks at a job, which lets it advance.
    pub(super) fn look(&mut self, place: &Place, id: &str, now: Timestamp) -> Result<Job, PortError> {
        let at = self.jobs.iter().position(|job| job.id == id && job.place == *place);
        let missing = || PortError::NotFound(format!("job {id}"));
        let at = at.ok_or_else(missing)?;
        if !self.jobs[at].has_ended() {
            self.advance(at, now);
        }
        let job = &self.jobs[at];
        if job.ended_at.is_some_and(|ended| now.duration_since(ended) > TOLD_FOR) {
            return Err(missing());
        }
        Ok(job.clone())
    }

    fn advance(&mut self, at: usize, now: Timestamp) {
        if self.jobs[at].state == "CREATED" {
            if self.is_held_up(at) {
                let start_by = start_by(&self.jobs[at]);
                if start_by.is_some_and(|by| now >= by) {
                    self.jobs[at].close("EXPIRED", None, now);
                }
                return;
            }
            self.jobs[at].state = "RUNNING";
            self.jobs[at].end = Some(self.endings.pop_front().unwrap_or(JobEnd::Complete));
            if let Err(why) = self.run(at, now) {
                self.jobs[at].close("FAILED", Some(why), now);
                return;
            }
        }
        if self.jobs[at].polls_left > 0 {
            self.jobs[at].polls_left -= 1;
            return;
        }
        let end = self.jobs[at].end.take().unwrap_or(JobEnd::Complete);
        self.finish(at, end, now);
    }

    /// Whether another job holds the resource: one that began, or one that waits and came first.
    fn is_held_up(&self, at: usize) -> bool {
        let job = &self.jobs[at];
        let others = self.jobs.iter().enumerate().filter(|(other, _)| *other != at);
        job.needs_resource()
            && others
                .filter(|(_, other)| other.needs_resource() && !other.has_ended())
                .any(|(number, other)| {
                    other.resource_arn == job.resource_arn && (other.state != "CREATED" || number < at)
                })
    }

    /// Begins the work: what a backup stores is read now, and what cannot work fails now.
    fn run(&mut self, at: usize, now: Timestamp) -> Result<(), String> {
        let job = self.jobs[at].clone();
        match &job.asked {
            Asked::Backup(request) => {
                let data = self.read(&job.place, &job.resource_arn);
                let data = data.ok_or_else(|| format!("{} does not exist", job.resource_arn))?;
                self.check_versions(&job.place, &job.resource_arn, &data)?;
                let key = (job.place.clone(), request.backup_vault.clone());
                self.check_vault(&key, request.lifecycle)?;
                let point = self.backup_point(&job, request, &data, now);
                self.jobs[at].made = Some(point.arn.clone());
                self.jobs[at].data = data.clone();
                let tags = request.tags.clone();
                self.store(&key, Stored { point, tags, data });
            }
            Asked::Copy(request) => {
                let source = (job.place.clone(), request.source_backup_vault.clone());
                let stored = self
                    .vaults
                    .get(&source)
                    .and_then(|vault| vault.points.get(&request.recovery_point_arn));
                let stored = stored.cloned().ok_or("the source is gone")?;
                let there = destination(&request.destination_vault_arn);
                self.check_copy(&stored.point, &there)?;
                self.check_vault(&there, request.lifecycle)?;
                let copy = self.copy_point(&job, request, &stored.point, &there);
                self.jobs[at].made = Some(copy.arn.clone());
                self.store(&there, Stored { point: copy, ..stored });
            }
            Asked::Restore(request) => {
                if self.restore_target(&job.place, request).is_some_and(|exists| exists) {
                    return Err("the target already exists".to_owned());
                }
                let data = self
                    .stored(&request.recovery_point_arn)
                    .map(|stored| stored.data.clone());
                let data = data.ok_or("the recovery point is gone")?;
                self.jobs[at].data = data.at(&request.metadata)?;
            }
        }
        Ok(())
    }

    fn store(&mut self, vault: &(Place, String), stored: Stored) {
        if let Some(vault) = self.vaults.get_mut(vault) {
            vault.points.insert(stored.point.arn.clone(), stored);
        }
    }

    /// A vault takes what its lock's bounds and its key allow.
    fn check_vault(&self, key: &(Place, String), lifecycle: Lifecycle) -> Result<(), String> {
        let vault = self
            .vaults
            .get(key)
            .ok_or_else(|| format!("vault {} does not exist", key.1))?;
        let LockBounds { min_days, max_days, .. } = vault.lock.unwrap_or_default();
        let days = lifecycle.delete_after_days;
        if min_days.is_some_and(|min| days.is_some_and(|days| days < min))
            || max_days.is_some_and(|max| days.is_none_or(|days| days > max))
        {
            return Err("the retention is outside of the bounds of the vault lock".to_owned());
        }
        self.check_key(vault.key.as_ref())
    }

    fn check_versions(&self, place: &Place, bucket: &Arn, data: &Data) -> Result<(), String> {
        let name = bucket.resource_name();
        let has_versions = |buckets: &MemoryWiring| buckets.has_versions(&place.1, name);
        match data {
            Data::Bucket(_) if !self.buckets.get(&place.0).is_some_and(has_versions) => {
                Err(format!("Versioning is not enabled on {name}"))
            }
            _ => Ok(()),
        }
    }

    fn check_key(&self, key: Option<&Arn>) -> Result<(), String> {
        match key.and_then(|key| self.bad_keys.get(key)) {
            Some(message) => Err(message.clone()),
            None => Ok(()),
        }
    }

    fn check_copy(&self, point: &RecoveryPoint, there: &(Place, String)) -> Result<(), String> {
        if point.resource_type == "DynamoDB" && point.arn.service() == "dynamodb" {
            return Err("copies need advanced features for Amazon DynamoDB backups".to_owned());
        }
        let leaves_account = there.0.0 != point.arn.account();
        let is_let_in = self
            .vaults
            .get(there)
            .is_some_and(|vault| vault.lets_in.contains(point.arn.account()));
        if leaves_account && !is_let_in {
            return Err("Access Denied: the access policy of the destination vault".to_owned());
        }
        let is_aws_managed = point
            .key_arn
            .as_ref()
            .is_some_and(|key| key.resource().starts_with("alias/aws/"));
        if leaves_account && is_aws_managed {
            return Err(
                "a point that is encrypted with an AWS-managed KMS key cannot be copied to another account".to_owned(),
            );
        }
        self.check_key(point.key_arn.as_ref())
    }

    fn backup_point(&self, job: &Job, request: &BackupRequest, data: &Data, now: Timestamp) -> RecoveryPoint {
        let kind = type_of(&job.resource_arn);
        let (account, region) = &job.place;
        let is_advanced = !self.not_advanced.contains(&job.place);
        let text = match kind {
            "RDS" => format!("arn:aws:rds:{region}:{account}:snapshot:awsbackup:job-{}", job.id),
            "Aurora" => format!(
                "arn:aws:rds:{region}:{account}:cluster-snapshot:awsbackup:job-{}",
                job.id
            ),
            "DynamoDB" if !is_advanced => format!("{}/backup/{}", job.resource_arn, job.id),
            _ => format!(
                "arn:aws:backup:{region}:{account}:recovery-point:{}",
                job.id.to_ascii_uppercase()
            ),
        };
        let vault = self.vaults.get(&(job.place.clone(), request.backup_vault.clone()));
        RecoveryPoint {
            arn: arn(&text),
            backup_vault: request.backup_vault.clone(),
            resource_arn: job.resource_arn.clone(),
            resource_type: kind.to_owned(),
            status: PointStatus::Creating,
            message: None,
            created_at: now,
            bytes: match data {
                Data::Files(files) => files.values().map(|body| body.len() as u64).sum(),
                _ => 1 << 20,
            },
            lifecycle: request.lifecycle,
            expires_at: request.lifecycle.expires_at(now),
            cold_at: request.lifecycle.cold_at(now),
            is_cold: false,
            key_arn: vault.and_then(|vault| vault.key.clone()),
            plan: None,
        }
    }

    /// As in AWS Backup, a copy's days count from the creation of its source, and it says that it was made then.
    fn copy_point(
        &self,
        job: &Job,
        request: &CopyRequest,
        source: &RecoveryPoint,
        there: &(Place, String),
    ) -> RecoveryPoint {
        let ((account, region), name) = there;
        RecoveryPoint {
            arn: arn(&format!(
                "arn:aws:backup:{region}:{account}:recovery-point:COPY-{}",
                job.id
            )),
            backup_vault: name.clone(),
            status: PointStatus::Creating,
            lifecycle: request.lifecycle,
            expires_at: request.lifecycle.expires_at(source.created_at),
            cold_at: request.lifecycle.cold_at(source.created_at),
            key_arn: self.vaults.get(there).and_then(|vault| vault.key.clone()),
            ..source.clone()
        }
    }

    fn finish(&mut self, at: usize, end: JobEnd, now: Timestamp) {
        let (state, message, status) = match end {
            JobEnd::Complete => ("COMPLETED", None, Some(PointStatus::Completed)),
            JobEnd::WithIssues(message) => ("COMPLETED", Some(message), Some(PointStatus::Completed)),
            JobEnd::Partial(message) => ("PARTIAL", Some(message), Some(PointStatus::Partial)),
            JobEnd::Failed(message) => ("FAILED", Some(message), None),
            JobEnd::Aborted => ("ABORTED", None, None),
            JobEnd::Expired(message) => ("EXPIRED", message, None),
        };
        let job = self.jobs[at].clone();
        if let (Asked::Restore(request), true) = (&job.asked, status.is_some()) {
            self.jobs[at].made = self.make(&job.place, request, &job.data);
        } else if let Some(made) = &job.made {
            match &status {
                Some(status) => {
                    let stored = self.stored_mut(made);
                    stored
                        .into_iter()
                        .for_each(|stored| stored.point.status = status.clone());
                }
                None => self.vaults.values_mut().for_each(|vault| _ = vault.points.remove(made)),
            }
        }
        if status.is_none() {
            self.jobs[at].made = None;
        }
        self.jobs[at].close(state, message, now);
    }

    pub(super) fn stored(&self, point: &Arn) -> Option<&Stored> {
        self.vaults.values().find_map(|vault| vault.points.get(point))
    }

    fn stored_mut(&mut self, point: &Arn) -> Option<&mut Stored> {
        self.vaults.values_mut().find_map(|vault| vault.points.get_mut(point))
    }

    /// Copies from a place to a region that have not ended.
    pub(super) fn copies_to(&self, place: &Place, region: &str) -> usize {
        let is_one = |job: &&Job| {
            let to = match &job.asked {
                Asked::Copy(request) => request.destination_vault_arn.region() == region,
                _ => false,
            };
            to && job.place == *place && !job.has_ended()
        };
        self.jobs.iter().filter(is_one).count()
    }
}

fn start_by(job: &Job) -> Option<Timestamp> {
    match &job.asked {
        Asked::Backup(request) => {
            let window = SignedDuration::from_mins(i64::from(request.start_window_minutes));
            job.created_at.saturating_add(window).ok()
        }
        _ => None,
    }
}

/// The vault that an ARN names.
pub(super) fn destination(vault: &Arn) -> (Place, String) {
    let region = vault.region().parse().unwrap_or_else(|error| panic!("{error}"));
    ((vault.account().to_owned(), region), vault.resource_name().to_owned())
}

/// Tags of a recovery point that a job carries over.
pub(super) fn tags_of(stored: &Stored) -> BTreeMap<String, String> {
    stored.tags.clone()
}
