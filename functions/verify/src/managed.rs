//! What AWS Backup keeps: its points are restored as a test too, and those that others made count towards the objective.

use std::collections::BTreeSet;

use holdfast_catalog::{CatalogError, DamagedFact, Kind, ManagedPoint, Manifest, Outcome, OutcomeStatus, Region};
use holdfast_lambda::{NOTICE, PolicyInForce};
use holdfast_policy::{Engine, Notice, Observations, Resource};
use holdfast_sources::managed::port::ReadRecoveryPoints as _;
use holdfast_sources::managed::{
    BucketOrder, CustomerPoint, FileSystemOrder, IntoBucket, PointStatus, RestoreOrder, Tested, customer_points,
    scratch_target, sibling, test_bucket, test_database, test_file_system, test_table,
};
use holdfast_sources::rds::DatabaseKind;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::Timestamp;

use crate::restore_test::MAX_TEST_BYTES;
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify};

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Restores a point into a scratch resource, compares it, tells AWS Backup and removes it, as far as time allows. A job
    /// that runs is never disturbed: whatever goes wrong, the next tick goes on.
    pub(crate) async fn test_managed<C: Clock>(
        &self,
        manifest: &Manifest,
        managed: &ManagedPoint,
        clock: &C,
    ) -> Outcome {
        let point = &manifest.point;
        let failed = |why: String| {
            let message = format!("restore test failed: {why}");
            Outcome::new(point, OutcomeStatus::Failed, message).with(NOTICE, Notice::RestoreTestFailed.as_str())
        };
        let not_tested = |why: String| {
            let message = format!("not restore-tested: {why}");
            Outcome::new(point, OutcomeStatus::Unchanged, message)
        };
        if managed.bytes > MAX_TEST_BYTES {
            let why = format!("{} bytes are more than {MAX_TEST_BYTES}", managed.bytes);
            return not_tested(why);
        }
        if point.resource.region != self.region {
            let why = format!(
                "tests are made in {}, and it lies in {}",
                self.region, point.resource.region
            );
            return not_tested(why);
        }
        match self.try_test_managed(manifest, managed, clock).await {
            Ok(Tested::Continuing { what }) => Outcome::new(point, OutcomeStatus::Continuing, what),
            Ok(Tested::Failed { why }) => failed(why),
            Ok(Tested::Done {
                fact,
                differences,
                untold,
            }) => {
                if !fact.matches {
                    return failed(differences.join("; "));
                }
                let untold = Some(untold).filter(|untold| !untold.is_empty());
                let untold = untold.map(|why| format!("; AWS Backup was not told: {why}"));
                let message = format!(
                    "restored into a scratch resource and compared, all equal{}",
                    untold.unwrap_or_default()
                );
                Outcome::new(point, OutcomeStatus::Done, message)
                    .with("items", fact.items)
                    .with("restore_ms", fact.restore_ms)
            }
            Err(error) => failed(error.to_string()),
        }
    }

    async fn try_test_managed<C: Clock>(
        &self,
        manifest: &Manifest,
        managed: &ManagedPoint,
        clock: &C,
    ) -> Result<Tested, PortError> {
        let Some(stack) = &self.managed else {
            let message = "the stack has no role for AWS Backup: deploy it with the parameter AwsBackup=enabled";
            return Err(PortError::Invalid(message.to_owned()));
        };
        let target = sibling(&manifest.arn, &self.region, &scratch_target(&manifest.point))
            .map_err(|error: CatalogError| PortError::Invalid(error.to_string()))?;
        let order = RestoreOrder {
            manifest,
            from: managed,
            target: &target,
            role_arn: &stack.role_arn,
            work: "",
            document: None,
        };
        let backups = self.regions.backups(&self.region);
        match DatabaseKind::of(manifest.point.resource.kind) {
            None if manifest.point.resource.kind == Kind::S3Bucket => {
                let order = BucketOrder {
                    restore: &order,
                    region: &self.region,
                    into: IntoBucket::New,
                    moment: None,
                };
                test_bucket(&backups, self.regions.buckets(), &self.home, clock, &order).await
            }
            None if manifest.point.resource.kind == Kind::EfsFileSystem => {
                let order = FileSystemOrder {
                    restore: &order,
                    region: &self.region,
                };
                test_file_system(&backups, self.regions.files(), &self.home, clock, &order).await
            }
            None => test_table(&backups, &self.tables, &self.home, clock, &order).await,
            Some(kind) => {
                let databases = self.regions.databases(&self.region);
                test_database(&backups, &databases, &self.home, clock, &order, kind).await
            }
        }
    }

    /// What is wrong with what AWS Backup keeps of a point. It gives no bytes to read: that the point is there and whole is what can
    /// be asked; a restore test tells the rest.
    pub(crate) async fn managed_damage(&self, manifest: &Manifest) -> Result<Option<DamagedFact>, PortError> {
        let Some(managed) = &manifest.managed else {
            return Ok(None);
        };
        let region = managed.recovery_point_arn.region().parse();
        let region = region.unwrap_or_else(|_| manifest.point.resource.region.clone());
        let backups = self.regions.backups(&region);
        let found = backups
            .recovery_point(&managed.backup_vault, &managed.recovery_point_arn)
            .await;
        let why = match found {
            Ok(found) if matches!(found.status, PointStatus::Completed | PointStatus::Partial) => return Ok(None),
            Ok(found) => format!("AWS Backup says that it is {}", found.status),
            Err(PortError::NotFound(_)) => "AWS Backup does not have it any more".to_owned(),
            Err(error) => return Err(error),
        };
        Ok(Some(DamagedFact {
            key: managed.recovery_point_arn.to_string(),
            why,
        }))
    }

    /// Looks for points that others made of what AWS Backup protects here, counts the newest good one of each resource towards
    /// its objective, and says what there is. What cannot be looked for does not count, and is said too.
    pub(crate) async fn count_others<'a>(
        &self,
        policy: &'a PolicyInForce,
        inventory: &'a [Resource],
        observations: &mut Observations<'a>,
    ) -> Vec<Outcome> {
        let Some(stack) = &self.managed else {
            return Vec::new();
        };
        let mut outcomes = Vec::new();
        for resource in inventory {
            let selected = policy.document.plans_for(resource).into_iter();
            let plans: Vec<_> = selected
                .filter(|selected| matches!(selected.plan.engine, Engine::AwsBackup(_)))
                .map(|selected| &selected.plan.name)
                .collect();
            if plans.is_empty() {
                continue;
            }
            let others = match self.others_of(resource, &resource.id.region, &stack.backup_vault).await {
                Ok(others) => others,
                Err(error) => {
                    let message = format!("points of others were not counted: {error}");
                    outcomes.push(Outcome::new(&resource.id, OutcomeStatus::Unchanged, message));
                    continue;
                }
            };
            for plan in plans {
                let observation = observations.entry((&resource.id, plan)).or_default();
                observation.newest_of_others = newest_good(&others);
            }
            outcomes.extend(told(&others));
        }
        outcomes
    }

    async fn others_of(
        &self,
        resource: &Resource,
        region: &Region,
        our_vault: &str,
    ) -> Result<Vec<CustomerPoint>, PortError> {
        let points = self.regions.backups(region).recovery_points_of(&resource.arn).await?;
        // All that lie in our vault and were made by no plan are ours, whether their manifests are written yet or not.
        customer_points(&resource.id, &points, &BTreeSet::new(), our_vault)
            .map_err(|error| PortError::Invalid(error.to_string()))
    }
}

fn newest_good(others: &[CustomerPoint]) -> Option<Timestamp> {
    let good = others.iter().filter(|point| point.is_good);
    good.map(|point| point.managed.created_at).max()
}

/// The newest of them, and how many there are.
fn told(others: &[CustomerPoint]) -> Option<Outcome> {
    let newest = others.last()?;
    let by = match &newest.backup_plan {
        Some(plan) if newest.is_of_our_plan => format!("our backup plan {plan}"),
        Some(plan) => format!("backup plan {plan}"),
        None => "somebody".to_owned(),
    };
    let moves = if newest.is_continuous { " and continuous" } else { "" };
    let message = format!(
        "made by {by}{moves}; {} such points in all, which count towards the objective and are never removed here",
        others.len()
    );
    let outcome = Outcome::new(&newest.id, OutcomeStatus::Unchanged, message);
    Some(outcome.with("recovery_point", newest.managed.recovery_point_arn.as_str()))
}
