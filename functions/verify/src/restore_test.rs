//! The restore test: a point becomes a scratch table, the table is compared with the point, and goes.

use holdfast_catalog::{
    DamagedFact, Fact, Manifest, Outcome, OutcomeStatus, PointId, RestoreTestedFact, Sha256, layout,
};
use holdfast_lambda::{NOTICE, residency_breach};
use holdfast_policy::{Document, Notice};
use holdfast_sources::attempt::{Attempts, Step, announce, finish, marks_of};
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::dynamodb::refill::{Counted, Progress, count_table, load_point};
use holdfast_sources::dynamodb::restore::{Existing, create_and_wait, read_config};
use holdfast_sources::dynamodb::{BillingMode, TableConfig};
use holdfast_vault::port::Clock;
use holdfast_vault::{PortError, read_manifest, write_fact};
use serde_json::json;

use crate::decide::has_restore_tests;
use crate::{InventoryPorts, PreflightPorts, Regions, TablePorts, VaultPorts, Verify};

/// Points with more bytes than this are not restored as a test: the test would cost more than it tells.
pub(crate) const MAX_TEST_BYTES: u64 = 10 << 30;

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    pub(crate) async fn restore_test<C: Clock>(&self, point: &PointId, document: &Document, clock: &C) -> Outcome {
        let tested = match read_manifest(&self.home, point).await {
            Ok(manifest) => {
                // Asked right before, by the policy that is in force now: a scratch resource is a copy too.
                if point.resource.region != self.region
                    && let Some(breach) = residency_breach(document, &manifest, &self.region)
                {
                    let message = format!("not restore-tested: {breach}");
                    return Outcome::new(point, OutcomeStatus::Unchanged, message);
                }
                if let Some(managed) = &manifest.managed {
                    return self.test_managed(&manifest, managed, clock).await;
                }
                self.try_restore_test(&manifest, clock).await
            }
            Err(error) => Err(error),
        };
        match tested {
            Ok(outcome) => outcome,
            Err(error) => {
                // Whatever went wrong, nothing of ours stays behind; but only a damaged point is called damaged.
                let dropped = self.drop_scratch(point).await;
                let noted = match &error {
                    PortError::Corrupt(why) => self.note_damage(point, why, clock).await,
                    _ => Ok(()),
                };
                let trouble = [dropped, noted].into_iter().filter_map(Result::err);
                let trouble: String = trouble.map(|error| format!("; and then: {error}")).collect();
                let message = format!("restore test failed: {error}{trouble}");
                Outcome::new(point, OutcomeStatus::Failed, message).with(NOTICE, Notice::RestoreTestFailed.as_str())
            }
        }
    }

    async fn try_restore_test<C: Clock>(&self, manifest: &Manifest, clock: &C) -> Result<Outcome, PortError> {
        let point = &manifest.point;
        let Some(data) = &manifest.data else {
            return Ok(Outcome::new(point, OutcomeStatus::Unchanged, "has no items to restore"));
        };
        if !has_restore_tests(point.resource.kind) {
            let message = format!(
                "not restore-tested: a {} is not; a scrub reads its data",
                point.resource.kind
            );
            return Ok(Outcome::new(point, OutcomeStatus::Unchanged, message));
        }
        if data.bytes > MAX_TEST_BYTES {
            let message = format!(
                "not restore-tested: {} bytes are more than {MAX_TEST_BYTES}",
                data.bytes
            );
            return Ok(Outcome::new(point, OutcomeStatus::Unchanged, message));
        }
        let name = scratch_name(point);
        let Some(marks) = self.make_scratch(manifest, &name, clock).await? else {
            return Ok(Outcome::new(
                point,
                OutcomeStatus::Continuing,
                "a scratch table of an earlier test is being removed",
            ));
        };
        let loaded = load_point(&self.tables, &self.home, &self.home, clock, manifest, &name, &marks).await?;
        let restored_at = clock.now();
        if loaded == Progress::OutOfTime {
            return Ok(Outcome::new(
                point,
                OutcomeStatus::Continuing,
                "items are being restored",
            ));
        }
        let Progress::Complete(counted) = count_table(&self.tables, &self.home, clock, manifest, &name, &marks).await?
        else {
            return Ok(Outcome::new(
                point,
                OutcomeStatus::Continuing,
                "items are being compared",
            ));
        };
        let began_at = self.home.head(&format!("{marks}started.json")).await?.modified_at;
        let restore_ms = u64::try_from(restored_at.duration_since(began_at).as_millis()).unwrap_or(0);
        let expected = Counted {
            items: data.items,
            digest: data.digest,
        };
        // Finished before it is dropped: a table that is left standing is then known to be done with.
        finish(&self.home, &marks, json!(counted).to_string()).await?;
        self.tables.drop_scratch_table(&name).await?;
        self.conclude(manifest, counted, expected, restore_ms, clock).await
    }

    /// Makes the smallest table that can hold the items (key only, paid by request), or finds the one of the same test. Gives
    /// the prefix of the test's marks; nothing while a table that is no use is on its way out.
    async fn make_scratch<C: Clock>(
        &self,
        manifest: &Manifest,
        name: &str,
        clock: &C,
    ) -> Result<Option<String>, PortError> {
        let exists = match self.tables.table_status(name).await {
            Ok(_) => true,
            Err(PortError::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        let work = layout::test_work(&manifest.point);
        let attempt = match Attempts::read(&self.home, &work).await?.decide(exists) {
            Step::Begin(attempt) | Step::GoOn(attempt) => attempt,
            Step::Finished | Step::Foreign => {
                self.tables.drop_scratch_table(name).await?;
                return Ok(None);
            }
        };
        let marks = marks_of(&work, attempt);
        announce(&self.home, &marks, &manifest.point, name).await?;
        let config = read_config(&self.home, manifest).await?;
        create_and_wait(&self.tables, clock, name, &scratch_config(&config), Existing::Adopt).await?;
        Ok(Some(marks))
    }

    async fn conclude<C: Clock>(
        &self,
        manifest: &Manifest,
        counted: Counted,
        expected: Counted,
        restore_ms: u64,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let point = &manifest.point;
        let matches = counted == expected;
        let fact = RestoreTestedFact {
            matches,
            items: counted.items,
            digest: counted.digest,
            restore_ms,
        };
        write_fact(&self.home, point, &Fact::RestoreTested(fact), clock.now()).await?;
        if !matches {
            let why = format!(
                "a restore gave {} items that do not add up to the point's {}",
                counted.items, expected.items
            );
            return Err(PortError::Corrupt(why));
        }
        let message = "restored into a scratch table and compared, every item equal";
        Ok(Outcome::new(point, OutcomeStatus::Done, message)
            .with("items", counted.items)
            .with("restore_ms", restore_ms))
    }

    async fn drop_scratch(&self, point: &PointId) -> Result<(), PortError> {
        self.tables.drop_scratch_table(&scratch_name(point)).await
    }

    async fn note_damage<C: Clock>(&self, point: &PointId, why: &str, clock: &C) -> Result<(), PortError> {
        let fact = Fact::Damaged(DamagedFact {
            key: layout::manifest(point),
            why: why.to_owned(),
        });
        write_fact(&self.home, point, &fact, clock.now()).await.map(|_| ())
    }
}

/// The scratch table of a point: the same for every try, so that a test that was cut short finds its own again.
pub(crate) fn scratch_name(point: &PointId) -> String {
    let hash = Sha256::of(point.to_string().as_bytes()).to_string();
    format!("{SCRATCH_PREFIX}{}", &hash[..16])
}

fn scratch_config(config: &TableConfig) -> TableConfig {
    let attributes = config
        .attributes
        .iter()
        .filter(|(name, _)| config.key.iter().any(|key| key.name == **name))
        .map(|(name, kind)| (name.clone(), *kind))
        .collect();
    TableConfig {
        key: config.key.clone(),
        attributes,
        global_indexes: Vec::new(),
        local_indexes: Vec::new(),
        billing: BillingMode::OnDemand,
        on_demand_limits: None,
        warm: None,
        table_class: "STANDARD".to_owned(),
        deletion_protection: false,
        kms_key_arn: None,
        ttl_attribute: None,
        stream: None,
        point_in_time_recovery_days: None,
        tags: std::collections::BTreeMap::new(),
        resource_policy: None,
    }
}
