use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_sources::managed::port::{
    AccountCopies, BackupJob, BackupRequest, BackupVault, ChangeLifecycles, CopyJob, CopyRequest, CreateBackupVaults,
    DeleteRecoveryPoints, JobStarted, LockBounds, PutValidations, ReadBackupSettings, ReadBackupVaults, ReadBackups,
    ReadCopies, ReadLegalHolds, ReadRecoveryPoints, ReadRestores, RegionSettings, RestoreJob, RestoreRequest,
    StartBackups, StartCopies, StartRestores, Validation,
};
use holdfast_sources::managed::{Lifecycle, MAX_TAGS, PointStatus, RecoveryPoint};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock as _;

use super::jobs::{Asked, Job, destination, tags_of};
use super::restores::metadata_of;
use super::{Cloud, MemoryBackups, Stored, Vault, type_of};
use crate::lock;

fn invalid(why: &str) -> PortError {
    PortError::Invalid(why.to_owned())
}

impl MemoryBackups {
    /// Works on the cloud as it is now.
    fn with<T>(&self, work: impl FnOnce(&mut Cloud) -> Result<T, PortError>) -> Result<T, PortError> {
        let mut cloud = lock(&self.cloud);
        cloud.expire(self.clock.now());
        work(&mut cloud)
    }

    fn vault<'a>(&self, cloud: &'a mut Cloud, name: &str) -> Result<&'a mut Vault, PortError> {
        let missing = || PortError::NotFound(format!("vault {name}"));
        cloud.vaults.get_mut(&self.vault_key(name)).ok_or_else(missing)
    }

    fn stored<'a>(&self, cloud: &'a mut Cloud, vault: &str, point: &Arn) -> Result<&'a mut Stored, PortError> {
        let missing = || PortError::NotFound(format!("recovery point {point}"));
        self.vault(cloud, vault)?.points.get_mut(point).ok_or_else(missing)
    }

    /// Nothing may be done to a point that is held or locked.
    fn check_removable(&self, cloud: &mut Cloud, vault: &str, point: &Arn) -> Result<(), PortError> {
        if let Some(title) = cloud.holds_on(point).first() {
            return Err(PortError::Locked(format!("{point} is under legal hold {title}")));
        }
        if self.vault(cloud, vault)?.lock.is_some() {
            return Err(PortError::Locked(format!("vault {vault} is locked")));
        }
        Ok(())
    }
}

impl StartBackups for MemoryBackups {
    async fn start_backup_job(&self, request: &BackupRequest) -> Result<JobStarted, PortError> {
        self.with(|cloud| {
            self.vault(cloud, &request.backup_vault)?;
            request
                .lifecycle
                .check(None)
                .map_err(|fault| invalid(&fault.to_string()))?;
            let kind = type_of(&request.resource_arn);
            if request.start_window_minutes < 60 {
                return Err(invalid("StartWindowMinutes must be at least 60"));
            }
            if request.tags.len() > MAX_TAGS {
                return Err(invalid("too many tags"));
            }
            if kind != "S3" && !request.options.is_empty() {
                return Err(invalid("BackupOptions are not supported for this resource type"));
            }
            if cloud.not_opted_in.contains(&(self.place.clone(), kind.to_owned())) {
                return Err(invalid(&format!("{kind} is not opted in")));
            }
            let resource = request.resource_arn.clone();
            let asked = Asked::Backup(request.clone());
            let (job_id, created_at) = cloud.ask(&self.place, asked, resource, self.clock.now())?;
            Ok(JobStarted { job_id, created_at })
        })
    }
}

impl ReadBackups for MemoryBackups {
    async fn backup_job(&self, job_id: &str) -> Result<BackupJob, PortError> {
        self.with(|cloud| {
            let job = cloud.look(&self.place, job_id, self.clock.now())?;
            backup_job(&job).ok_or_else(|| PortError::NotFound(format!("backup job {job_id}")))
        })
    }

    async fn backup_jobs_in_flight(&self) -> Result<Vec<BackupJob>, PortError> {
        self.with(|cloud| Ok(in_flight(cloud, self).filter_map(backup_job).collect()))
    }
}

fn in_flight<'a>(cloud: &'a Cloud, backups: &'a MemoryBackups) -> impl Iterator<Item = &'a Job> {
    cloud
        .jobs
        .iter()
        .filter(|job| job.place == backups.place && !job.has_ended())
}

fn backup_job(job: &Job) -> Option<BackupJob> {
    let Asked::Backup(request) = &job.asked else {
        return None;
    };
    Some(BackupJob {
        job_id: job.id.clone(),
        state: job.state.to_owned(),
        message: job.message.clone(),
        category: None,
        backup_vault: request.backup_vault.clone(),
        resource_arn: job.resource_arn.clone(),
        recovery_point_arn: job.made.clone(),
        created_at: job.created_at,
    })
}

impl ReadRecoveryPoints for MemoryBackups {
    async fn recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<RecoveryPoint, PortError> {
        self.with(|cloud| Ok(self.stored(cloud, backup_vault, recovery_point)?.point.clone()))
    }

    async fn recovery_points_of(&self, resource: &Arn) -> Result<Vec<RecoveryPoint>, PortError> {
        self.with(|cloud| {
            let here = cloud.vaults.iter().filter(|((place, _), _)| *place == self.place);
            let points = here.flat_map(|(_, vault)| vault.points.values());
            let of_resource = points.filter(|stored| stored.point.resource_arn == *resource);
            Ok(of_resource.map(|stored| stored.point.clone()).collect())
        })
    }

    async fn endless_point(&self, backup_vault: &str) -> Result<Option<Arn>, PortError> {
        self.with(|cloud| {
            let mut points = self.vault(cloud, backup_vault)?.points.values();
            let endless = points.find(|stored| stored.point.lifecycle.delete_after_days.is_none());
            Ok(endless.map(|stored| stored.point.arn.clone()))
        })
    }

    async fn recovery_point_tags(&self, recovery_point: &Arn) -> Result<BTreeMap<String, String>, PortError> {
        if recovery_point.service() != "backup" {
            return Err(invalid("the resource type has no tags in AWS Backup"));
        }
        self.with(|cloud| {
            let stored = cloud.stored(recovery_point).map(tags_of);
            stored.ok_or_else(|| PortError::NotFound(format!("recovery point {recovery_point}")))
        })
    }
}

impl StartCopies for MemoryBackups {
    async fn start_copy_job(&self, request: &CopyRequest) -> Result<JobStarted, PortError> {
        self.with(|cloud| {
            let asked = Asked::Copy(request.clone());
            let source = self.stored(cloud, &request.source_backup_vault, &request.recovery_point_arn)?;
            let point = source.point.clone();
            if point.is_continuous() {
                return Err(invalid("continuous backups cannot be copied"));
            }
            if point.status != PointStatus::Completed {
                return Err(invalid("the recovery point is not COMPLETED"));
            }
            if point.is_cold {
                return Err(invalid("recovery points in cold storage cannot be copied"));
            }
            request
                .lifecycle
                .check(None)
                .map_err(|fault| invalid(&fault.to_string()))?;
            let vault = &request.destination_vault_arn;
            if !cloud.vaults.contains_key(&destination(vault)) {
                return Err(PortError::NotFound(format!("{vault}")));
            }
            let is_new = !cloud.jobs.iter().any(|job| job.asked == asked);
            let limit = cloud.copies_at_once.unwrap_or(100);
            if is_new && cloud.copies_to(&self.place, vault.region()) >= limit {
                return Err(PortError::Throttled("the quota of copies is reached".to_owned()));
            }
            let (job_id, created_at) = cloud.ask(&self.place, asked, point.resource_arn, self.clock.now())?;
            Ok(JobStarted { job_id, created_at })
        })
    }
}

impl ReadCopies for MemoryBackups {
    async fn copy_job(&self, job_id: &str) -> Result<CopyJob, PortError> {
        self.with(|cloud| {
            let job = cloud.look(&self.place, job_id, self.clock.now())?;
            copy_job(&job).ok_or_else(|| PortError::NotFound(format!("copy job {job_id}")))
        })
    }

    async fn copy_jobs_in_flight(&self) -> Result<Vec<CopyJob>, PortError> {
        self.with(|cloud| Ok(in_flight(cloud, self).filter_map(copy_job).collect()))
    }
}

fn copy_job(job: &Job) -> Option<CopyJob> {
    let Asked::Copy(request) = &job.asked else { return None };
    Some(CopyJob {
        job_id: job.id.clone(),
        state: job.state.to_owned(),
        message: job.message.clone(),
        category: None,
        resource_arn: job.resource_arn.clone(),
        source_recovery_point_arn: request.recovery_point_arn.clone(),
        destination_vault_arn: request.destination_vault_arn.clone(),
        destination_recovery_point_arn: job.made.clone(),
        destination_lifecycle: Some(request.lifecycle),
        created_at: job.created_at,
    })
}

impl ChangeLifecycles for MemoryBackups {
    async fn update_lifecycle(&self, backup_vault: &str, point: &Arn, lifecycle: Lifecycle) -> Result<(), PortError> {
        lifecycle.check(None).map_err(|fault| invalid(&fault.to_string()))?;
        self.with(|cloud| {
            self.check_removable(cloud, backup_vault, point)?;
            let stored = self.stored(cloud, backup_vault, point)?;
            if stored.point.is_continuous() {
                return Err(invalid("continuous backups have no lifecycle to update"));
            }
            if stored.point.is_cold && lifecycle.cold_after_days != stored.point.lifecycle.cold_after_days {
                return Err(invalid("the days until cold storage cannot be changed any more"));
            }
            let created_at = stored.point.created_at;
            stored.point.lifecycle = lifecycle;
            stored.point.expires_at = lifecycle.expires_at(created_at);
            stored.point.cold_at = lifecycle.cold_at(created_at);
            Ok(())
        })
    }
}

impl DeleteRecoveryPoints for MemoryBackups {
    async fn delete_recovery_point(&self, backup_vault: &str, point: &Arn) -> Result<(), PortError> {
        self.with(|cloud| {
            self.stored(cloud, backup_vault, point)?;
            self.check_removable(cloud, backup_vault, point)?;
            let is_read = in_flight(cloud, self).any(|job| match &job.asked {
                Asked::Copy(request) => request.recovery_point_arn == *point,
                Asked::Restore(request) => request.recovery_point_arn == *point,
                Asked::Backup(_) => false,
            });
            if is_read || cloud.in_use.contains(point) {
                return Err(PortError::Conflict(format!("{point} is in use")));
            }
            if cloud.deletes_do_nothing {
                self.stored(cloud, backup_vault, point)?.point.status = PointStatus::Expired;
                return Ok(());
            }
            let gone = self.vault(cloud, backup_vault)?.points.remove(point);
            if gone.is_some_and(|stored| stored.point.is_continuous()) {
                cloud.ended_continuous.insert(point.clone());
            }
            Ok(())
        })
    }

    async fn disassociate_recovery_point(&self, backup_vault: &str, point: &Arn) -> Result<(), PortError> {
        self.with(|cloud| {
            let stored = self.stored(cloud, backup_vault, point)?;
            let is_taken_back = ["RDS", "Aurora"].contains(&stored.point.resource_type.as_str());
            if !stored.point.is_continuous() || !is_taken_back {
                return Err(invalid("only continuous backups of RDS can be disassociated"));
            }
            self.vault(cloud, backup_vault)?.points.remove(point);
            Ok(())
        })
    }
}

impl ReadLegalHolds for MemoryBackups {
    async fn held_points(&self) -> Result<BTreeMap<Arn, Vec<String>>, PortError> {
        self.with(|cloud| {
            let points = cloud.holds.values().flatten();
            Ok(points.map(|point| (point.clone(), cloud.holds_on(point))).collect())
        })
    }
}

impl StartRestores for MemoryBackups {
    async fn restore_metadata(&self, backup_vault: &str, point: &Arn) -> Result<BTreeMap<String, String>, PortError> {
        self.with(|cloud| {
            let stored = self.stored(cloud, backup_vault, point)?;
            Ok(metadata_of(&stored.data, &stored.point.resource_arn))
        })
    }

    async fn start_restore_job(&self, request: &RestoreRequest) -> Result<String, PortError> {
        self.with(|cloud| {
            let point = &request.recovery_point_arn;
            let stored = cloud.stored(point).map(|stored| stored.point.clone());
            let stored = stored.ok_or_else(|| PortError::NotFound(format!("recovery point {point}")))?;
            if request.metadata.keys().any(|name| name.starts_with("aws:backup:")) {
                return Err(invalid("metadata that the service keeps for itself was sent back"));
            }
            let asked = Asked::Restore(request.clone());
            let (id, _) = cloud.ask(&self.place, asked, stored.resource_arn, self.clock.now())?;
            Ok(id)
        })
    }
}

impl ReadRestores for MemoryBackups {
    async fn restore_job(&self, job_id: &str) -> Result<RestoreJob, PortError> {
        self.with(|cloud| {
            let job = cloud.look(&self.place, job_id, self.clock.now())?;
            // As in AWS Backup, a restore job that waits is pending.
            let state = if job.state == "CREATED" { "PENDING" } else { job.state };
            Ok(RestoreJob {
                job_id: job.id,
                state: state.to_owned(),
                message: job.message,
                created_at: job.created_at,
                completed_at: job.ended_at,
                created_resource_arn: job.made,
            })
        })
    }
}

impl PutValidations for MemoryBackups {
    async fn put_validation(&self, job_id: &str, validation: Validation, message: &str) -> Result<(), PortError> {
        self.with(|cloud| {
            let job = cloud.look(&self.place, job_id, self.clock.now())?;
            if job.state != "COMPLETED" {
                return Err(invalid("the restore job is not completed"));
            }
            cloud
                .validations
                .insert(job_id.to_owned(), (validation, message.to_owned()));
            Ok(())
        })
    }
}

impl ReadBackupVaults for MemoryBackups {
    async fn backup_vault(&self, name: &str) -> Result<BackupVault, PortError> {
        let arn = self.vault_arn(name);
        self.with(|cloud| {
            let vault = self.vault(cloud, name)?;
            Ok(BackupVault {
                arn,
                key_arn: vault.key.clone(),
                recovery_points: vault.points.len() as u64 + vault.others,
                lock: vault.lock,
            })
        })
    }
}

impl CreateBackupVaults for MemoryBackups {
    async fn create_backup_vault(&self, name: &str, key: Option<&Arn>) -> Result<(), PortError> {
        if lock(&self.cloud).vaults.contains_key(&self.vault_key(name)) {
            return Err(PortError::AlreadyExists(format!("vault {name}")));
        }
        self.add_vault(name, key);
        Ok(())
    }

    async fn lock_backup_vault(
        &self,
        name: &str,
        bounds: LockBounds,
        changeable_for_days: Option<u32>,
    ) -> Result<(), PortError> {
        let now = self.clock.now();
        if changeable_for_days.is_some_and(|days| days < 3) {
            return Err(invalid("ChangeableForDays must be at least 3"));
        }
        self.with(|cloud| {
            let vault = self.vault(cloud, name)?;
            let is_immutable = vault
                .lock
                .and_then(|lock| lock.immutable_from)
                .is_some_and(|from| from <= now);
            if is_immutable {
                return Err(PortError::Locked(format!(
                    "the lock of vault {name} cannot be changed any more"
                )));
            }
            let days = |days: u32| Lifecycle {
                cold_after_days: None,
                delete_after_days: Some(days),
            };
            vault.lock = Some(LockBounds {
                immutable_from: changeable_for_days.and_then(|after| days(after).expires_at(now)),
                ..bounds
            });
            Ok(())
        })
    }
}

impl ReadBackupSettings for MemoryBackups {
    async fn region_settings(&self) -> Result<RegionSettings, PortError> {
        self.with(|cloud| {
            let kinds = ["Aurora", "DynamoDB", "EFS", "RDS", "S3"];
            let is_in = |kind: &str| !cloud.not_opted_in.contains(&(self.place.clone(), kind.to_owned()));
            let is_full = |kind: &str| match kind {
                "DynamoDB" => !cloud.not_advanced.contains(&self.place),
                "RDS" | "Aurora" => false,
                _ => true,
            };
            Ok(RegionSettings {
                opted_in: kinds.iter().map(|&kind| (kind.to_owned(), is_in(kind))).collect(),
                fully_managed: kinds.iter().map(|&kind| (kind.to_owned(), is_full(kind))).collect(),
            })
        })
    }

    async fn account_copies(&self) -> Result<AccountCopies, PortError> {
        self.with(|cloud| Ok(cloud.account_copies.unwrap_or(AccountCopies::Allowed)))
    }
}
