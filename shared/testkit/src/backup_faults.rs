use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Region};
use holdfast_sources::efs::port::DropScratchFileSystems;
use holdfast_sources::managed::continuous::port::{
    BackupPlan, EndBackupPlans, KeepBackupPlans, PlanDocument, ReadBackupPlans, SelectionContent,
};
use holdfast_sources::managed::port::{
    AccountCopies, BackupJob, BackupRequest, BackupVault, ChangeLifecycles, CopyJob, CopyRequest, CreateBackupVaults,
    DeleteRecoveryPoints, JobStarted, LockBounds, PutValidations, ReadBackupSettings, ReadBackupVaults, ReadBackups,
    ReadCopies, ReadLegalHolds, ReadRecoveryPoints, ReadRestores, RegionSettings, RestoreJob, RestoreRequest,
    StartBackups, StartCopies, StartRestores, Validation,
};
use holdfast_sources::managed::{Lifecycle, RecoveryPoint};
use holdfast_sources::rds::DatabaseKind;
use holdfast_sources::rds::port::{
    ChangeDatabases, DatabaseReading, DatabaseSetting, DropScratchDatabases, ReadDatabases,
};
use holdfast_sources::s3::port::DropScratchBuckets;
use holdfast_vault::PortError;

use crate::{Effect, Faults};

impl<S: StartBackups> StartBackups for Faults<S> {
    async fn start_backup_job(&self, request: &BackupRequest) -> Result<JobStarted, PortError> {
        let work = self.inner().start_backup_job(request);
        self.script()
            .run("start_backup_job", request.resource_arn.as_str(), Effect::Writes, work)
            .await
    }
}

impl<S: ReadBackups> ReadBackups for Faults<S> {
    async fn backup_job(&self, job_id: &str) -> Result<BackupJob, PortError> {
        let work = self.inner().backup_job(job_id);
        self.script().run("backup_job", job_id, Effect::Reads, work).await
    }

    async fn backup_jobs_in_flight(&self) -> Result<Vec<BackupJob>, PortError> {
        let work = self.inner().backup_jobs_in_flight();
        self.script()
            .run("backup_jobs_in_flight", "", Effect::Reads, work)
            .await
    }
}

impl<S: ReadRecoveryPoints> ReadRecoveryPoints for Faults<S> {
    async fn recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<RecoveryPoint, PortError> {
        let work = self.inner().recovery_point(backup_vault, recovery_point);
        self.script()
            .run("recovery_point", recovery_point.as_str(), Effect::Reads, work)
            .await
    }

    async fn recovery_points_of(&self, resource: &Arn) -> Result<Vec<RecoveryPoint>, PortError> {
        let work = self.inner().recovery_points_of(resource);
        self.script()
            .run("recovery_points_of", resource.as_str(), Effect::Reads, work)
            .await
    }

    async fn endless_point(&self, backup_vault: &str) -> Result<Option<Arn>, PortError> {
        let work = self.inner().endless_point(backup_vault);
        self.script()
            .run("endless_point", backup_vault, Effect::Reads, work)
            .await
    }

    async fn recovery_point_tags(&self, recovery_point: &Arn) -> Result<BTreeMap<String, String>, PortError> {
        let work = self.inner().recovery_point_tags(recovery_point);
        self.script()
            .run("recovery_point_tags", recovery_point.as_str(), Effect::Reads, work)
            .await
    }
}

impl<S: StartCopies> StartCopies for Faults<S> {
    async fn start_copy_job(&self, request: &CopyRequest) -> Result<JobStarted, PortError> {
        let work = self.inner().start_copy_job(request);
        self.script()
            .run(
                "start_copy_job",
                request.recovery_point_arn.as_str(),
                Effect::Writes,
                work,
            )
            .await
    }
}

impl<S: ReadCopies> ReadCopies for Faults<S> {
    async fn copy_job(&self, job_id: &str) -> Result<CopyJob, PortError> {
        let work = self.inner().copy_job(job_id);
        self.script().run("copy_job", job_id, Effect::Reads, work).await
    }

    async fn copy_jobs_in_flight(&self) -> Result<Vec<CopyJob>, PortError> {
        let work = self.inner().copy_jobs_in_flight();
        self.script().run("copy_jobs_in_flight", "", Effect::Reads, work).await
    }
}

impl<S: ChangeLifecycles> ChangeLifecycles for Faults<S> {
    async fn update_lifecycle(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
        lifecycle: Lifecycle,
    ) -> Result<(), PortError> {
        let work = self.inner().update_lifecycle(backup_vault, recovery_point, lifecycle);
        self.script()
            .run("update_lifecycle", recovery_point.as_str(), Effect::Writes, work)
            .await
    }
}

impl<S: DeleteRecoveryPoints> DeleteRecoveryPoints for Faults<S> {
    async fn delete_recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<(), PortError> {
        let work = self.inner().delete_recovery_point(backup_vault, recovery_point);
        self.script()
            .run("delete_recovery_point", recovery_point.as_str(), Effect::Deletes, work)
            .await
    }

    async fn disassociate_recovery_point(&self, backup_vault: &str, recovery_point: &Arn) -> Result<(), PortError> {
        let work = self.inner().disassociate_recovery_point(backup_vault, recovery_point);
        self.script()
            .run(
                "disassociate_recovery_point",
                recovery_point.as_str(),
                Effect::Deletes,
                work,
            )
            .await
    }
}

impl<S: ReadLegalHolds> ReadLegalHolds for Faults<S> {
    async fn held_points(&self) -> Result<BTreeMap<Arn, Vec<String>>, PortError> {
        let work = self.inner().held_points();
        self.script().run("held_points", "", Effect::Reads, work).await
    }
}

impl<S: StartRestores> StartRestores for Faults<S> {
    async fn restore_metadata(
        &self,
        backup_vault: &str,
        recovery_point: &Arn,
    ) -> Result<BTreeMap<String, String>, PortError> {
        let work = self.inner().restore_metadata(backup_vault, recovery_point);
        self.script()
            .run("restore_metadata", recovery_point.as_str(), Effect::Reads, work)
            .await
    }

    async fn start_restore_job(&self, request: &RestoreRequest) -> Result<String, PortError> {
        let work = self.inner().start_restore_job(request);
        self.script()
            .run(
                "start_restore_job",
                request.recovery_point_arn.as_str(),
                Effect::Writes,
                work,
            )
            .await
    }
}

impl<S: ReadRestores> ReadRestores for Faults<S> {
    async fn restore_job(&self, job_id: &str) -> Result<RestoreJob, PortError> {
        let work = self.inner().restore_job(job_id);
        self.script().run("restore_job", job_id, Effect::Reads, work).await
    }
}

impl<S: PutValidations> PutValidations for Faults<S> {
    async fn put_validation(&self, job_id: &str, validation: Validation, message: &str) -> Result<(), PortError> {
        let work = self.inner().put_validation(job_id, validation, message);
        self.script().run("put_validation", job_id, Effect::Writes, work).await
    }
}

impl<S: ReadBackupVaults> ReadBackupVaults for Faults<S> {
    async fn backup_vault(&self, name: &str) -> Result<BackupVault, PortError> {
        let work = self.inner().backup_vault(name);
        self.script().run("backup_vault", name, Effect::Reads, work).await
    }
}

impl<S: CreateBackupVaults> CreateBackupVaults for Faults<S> {
    async fn create_backup_vault(&self, name: &str, key: Option<&Arn>) -> Result<(), PortError> {
        let work = self.inner().create_backup_vault(name, key);
        self.script()
            .run("create_backup_vault", name, Effect::Writes, work)
            .await
    }

    async fn lock_backup_vault(
        &self,
        name: &str,
        bounds: LockBounds,
        changeable_for_days: Option<u32>,
    ) -> Result<(), PortError> {
        let work = self.inner().lock_backup_vault(name, bounds, changeable_for_days);
        self.script().run("lock_backup_vault", name, Effect::Writes, work).await
    }
}

impl<S: ReadBackupPlans> ReadBackupPlans for Faults<S> {
    async fn backup_plans(&self, name_prefix: &str) -> Result<Vec<BackupPlan>, PortError> {
        let work = self.inner().backup_plans(name_prefix);
        self.script()
            .run("backup_plans", name_prefix, Effect::Reads, work)
            .await
    }
}

impl<S: KeepBackupPlans> KeepBackupPlans for Faults<S> {
    async fn create_backup_plan(
        &self,
        document: &PlanDocument,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<(String, Arn), PortError> {
        let work = self.inner().create_backup_plan(document, tags, token);
        self.script()
            .run("create_backup_plan", &document.name, Effect::Writes, work)
            .await
    }

    async fn update_backup_plan(&self, plan_id: &str, document: &PlanDocument) -> Result<(), PortError> {
        let work = self.inner().update_backup_plan(plan_id, document);
        self.script()
            .run("update_backup_plan", plan_id, Effect::Writes, work)
            .await
    }

    async fn create_backup_selection(
        &self,
        plan_id: &str,
        selection: &SelectionContent,
        token: &str,
    ) -> Result<(), PortError> {
        let work = self.inner().create_backup_selection(plan_id, selection, token);
        self.script()
            .run("create_backup_selection", &selection.name, Effect::Writes, work)
            .await
    }

    async fn tag_backup_plan(&self, plan: &Arn, key: &str, value: &str) -> Result<(), PortError> {
        let work = self.inner().tag_backup_plan(plan, key, value);
        self.script()
            .run("tag_backup_plan", plan.as_str(), Effect::Writes, work)
            .await
    }
}

impl<S: EndBackupPlans> EndBackupPlans for Faults<S> {
    async fn delete_backup_selection(&self, plan_id: &str, selection_id: &str) -> Result<(), PortError> {
        let work = self.inner().delete_backup_selection(plan_id, selection_id);
        self.script()
            .run("delete_backup_selection", selection_id, Effect::Deletes, work)
            .await
    }

    async fn delete_backup_plan(&self, plan_id: &str) -> Result<(), PortError> {
        let work = self.inner().delete_backup_plan(plan_id);
        self.script()
            .run("delete_backup_plan", plan_id, Effect::Deletes, work)
            .await
    }
}

impl<S: ReadBackupSettings> ReadBackupSettings for Faults<S> {
    async fn region_settings(&self) -> Result<RegionSettings, PortError> {
        let work = self.inner().region_settings();
        self.script().run("region_settings", "", Effect::Reads, work).await
    }

    async fn account_copies(&self) -> Result<AccountCopies, PortError> {
        let work = self.inner().account_copies();
        self.script().run("account_copies", "", Effect::Reads, work).await
    }
}

impl<S: ReadDatabases> ReadDatabases for Faults<S> {
    async fn read_database(&self, kind: DatabaseKind, name: &str) -> Result<DatabaseReading, PortError> {
        let work = self.inner().read_database(kind, name);
        self.script().run("read_database", name, Effect::Reads, work).await
    }
}

impl<S: ChangeDatabases> ChangeDatabases for Faults<S> {
    async fn apply(&self, kind: DatabaseKind, name: &str, setting: &DatabaseSetting) -> Result<(), PortError> {
        let work = self.inner().apply(kind, name, setting);
        self.script().run("apply_database", name, Effect::Writes, work).await
    }
}

impl<S: DropScratchDatabases> DropScratchDatabases for Faults<S> {
    async fn drop_scratch_database(&self, kind: DatabaseKind, name: &str) -> Result<(), PortError> {
        let work = self.inner().drop_scratch_database(kind, name);
        self.script()
            .run("drop_scratch_database", name, Effect::Deletes, work)
            .await
    }
}

impl<S: DropScratchBuckets> DropScratchBuckets for Faults<S> {
    async fn drop_scratch_bucket(&self, region: &Region, name: &str) -> Result<bool, PortError> {
        let work = self.inner().drop_scratch_bucket(region, name);
        self.script()
            .run("drop_scratch_bucket", name, Effect::Writes, work)
            .await
    }
}

impl<S: DropScratchFileSystems> DropScratchFileSystems for Faults<S> {
    async fn drop_scratch_file_system(&self, region: &Region, id: &str) -> Result<(), PortError> {
        let work = self.inner().drop_scratch_file_system(region, id);
        self.script()
            .run("drop_scratch_file_system", id, Effect::Writes, work)
            .await
    }
}
