//! Bringing a table back: make it, fill it, prove it, then put its settings back.

use holdfast_catalog::{Arn, Manifest, Outcome, OutcomeStatus, PointId, Region, ResourceId, Sha256, layout};
use holdfast_sources::attempt::{Attempts, Step, announce, finish, marks_of};
use holdfast_sources::dynamodb::refill::{Counted, Progress, count_table, load_point};
use holdfast_sources::dynamodb::restore::{Existing, apply_settings, create_and_wait};
use holdfast_sources::dynamodb::{TableConfig, compare, settings};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use serde_json::json;

use crate::copies::Copies;
use crate::{Regions, Restore, TablePorts, VaultPorts, WorkPorts};

/// An invocation with less time than this has not had the time to put every setting back.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(30);

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    pub(crate) async fn restore_table<C: Clock>(
        &self,
        copies: &Copies<'_, V>,
        work: &V,
        manifest: &Manifest,
        target: &ResourceId,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let config = read_config(&copies.config(manifest).await?)?;
        TableRestore {
            tables: &self.regions.tables(&target.region),
            copies,
            work,
            manifest,
            config: &config,
            name: &target.name,
            region: &target.region,
        }
        .run(clock)
        .await
    }
}

/// A table's configuration document.
pub(crate) fn read_config(body: &[u8]) -> Result<TableConfig, PortError> {
    serde_json::from_slice(body).map_err(|error| PortError::Corrupt(format!("configuration document: {error}")))
}

/// A table restore, resolved.
pub(crate) struct TableRestore<'a, T, V> {
    pub tables: &'a T,
    /// Where its items come from.
    pub copies: &'a Copies<'a, V>,
    /// The vault that holds the marks.
    pub work: &'a V,
    pub manifest: &'a Manifest,
    pub config: &'a TableConfig,
    pub name: &'a str,
    pub region: &'a Region,
}

impl<T: TablePorts, V: VaultPorts> TableRestore<'_, T, V> {
    /// Does what is left to do, as far as time allows.
    pub(crate) async fn run<C: Clock>(&self, clock: &C) -> Result<Outcome, PortError> {
        let work = work_prefix(&self.manifest.point, self.region, self.name);
        let exists = match self.tables.table_status(self.name).await {
            Ok(_) => true,
            Err(PortError::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        let (attempt, existing) = match Attempts::read(self.work, &work).await?.decide(exists) {
            Step::Foreign => return Ok(self.refused()),
            Step::Finished => {
                return Ok(Outcome::new(
                    self.subject(),
                    OutcomeStatus::Unchanged,
                    "this restore was finished before",
                ));
            }
            Step::Begin(attempt) => (attempt, Existing::Refuse),
            Step::GoOn(attempt) => (attempt, Existing::Adopt),
        };
        let marks = marks_of(&work, attempt);
        announce(self.work, &marks, &self.manifest.point, self.name).await?;
        self.fill(clock, &marks, existing).await
    }

    async fn fill<C: Clock>(&self, clock: &C, marks: &str, existing: Existing) -> Result<Outcome, PortError> {
        let new_arn = self.new_arn()?;
        let (config, mut outcomes) = settings::for_target(self.config, &new_arn, &self.manifest.arn);
        let began_at = clock.now();
        match create_and_wait(self.tables, clock, self.name, &config, existing).await {
            // It was not there a moment ago. What we announced and nobody else has made is ours: the next try knows.
            Err(PortError::AlreadyExists(_)) if existing == Existing::Refuse => {
                return Err(PortError::Conflict(format!(
                    "table {} came to be while it was being made, by a call whose answer was lost or by somebody else",
                    self.name
                )));
            }
            other => other?,
        }
        let Progress::Complete(items) = self.load(clock, marks).await? else {
            return Ok(self.continuing("items are being written"));
        };
        // The proof comes before the settings: with time-to-live on, items whose time has come would vanish meanwhile.
        let Progress::Complete(counted) =
            count_table(self.tables, self.work, clock, self.manifest, self.name, marks).await?
        else {
            return Ok(self.continuing("the items are being compared"));
        };
        self.check(counted)?;
        let wanted = settings::settings(&config, &new_arn, &self.manifest.arn);
        let applied = apply_settings(self.tables, clock, self.name, &wanted).await;
        let is_settled = applied.iter().all(|outcome| outcome.status == SettingStatus::Restored);
        outcomes.extend(applied);
        let is_cut_short = outcomes
            .iter()
            .any(|outcome| outcome.status == SettingStatus::NeedsPerson);
        if is_cut_short && clock.remaining() < STOP_BEFORE_END {
            // What time did not allow is no matter for a person: the next invocation puts it back.
            return Ok(self.continuing("settings are being put back"));
        }
        let actual = self.tables.read_table(self.name).await?;
        outcomes.extend(unexplained(&config, &actual.config, &outcomes));
        let outcome = self.finished(items, counted, &outcomes, (clock.now() - began_at).get_milliseconds());
        // Not while a call has failed: when a person has set that right, the same event sent again tries it again.
        if is_settled {
            finish(self.work, marks, json!(outcome).to_string()).await?;
        }
        Ok(outcome)
    }

    async fn load<C: Clock>(&self, clock: &C, marks: &str) -> Result<Progress<u64>, PortError> {
        loop {
            let source = &self.copies.current().store;
            match load_point(self.tables, source, self.work, clock, self.manifest, self.name, marks).await {
                Err(error) if self.copies.give_up(&error, self.manifest).await => {}
                result => return result,
            }
        }
    }

    fn check(&self, counted: Counted) -> Result<(), PortError> {
        let expected = self.manifest.data.as_ref().map_or(Counted::default(), |data| Counted {
            items: data.items,
            digest: data.digest,
        });
        if counted == expected {
            return Ok(());
        }
        Err(PortError::Corrupt(format!(
            "{} holds {} items that do not add up to the point's {}: somebody may have written to it meanwhile; its settings \
             were not put back",
            self.name, counted.items, expected.items
        )))
    }

    fn new_arn(&self) -> Result<Arn, PortError> {
        let old = &self.manifest.arn;
        let text = format!(
            "arn:{}:dynamodb:{}:{}:table/{}",
            old.partition(),
            self.region,
            old.account(),
            self.name
        );
        text.parse()
            .map_err(|error: holdfast_catalog::CatalogError| PortError::Invalid(error.to_string()))
    }

    fn subject(&self) -> String {
        format!("dynamodb-table/{}/{}", self.region, self.name)
    }

    fn refused(&self) -> Outcome {
        let message = format!(
            "there is a table {} in {} already and nothing was changed: choose another target name, or remove it yourself",
            self.name, self.region
        );
        Outcome::new(self.subject(), OutcomeStatus::Failed, message)
    }

    fn continuing(&self, message: &str) -> Outcome {
        Outcome::new(self.subject(), OutcomeStatus::Continuing, message)
    }

    fn finished(&self, items: u64, counted: Counted, outcomes: &[SettingOutcome], took_ms: i64) -> Outcome {
        crate::outcome_of(self.subject(), outcomes)
            .with("point", self.manifest.point.to_string())
            .with("items", items)
            .with("digest", counted.digest.to_string())
            .with("last_invocation_ms", took_ms)
    }
}

/// Where the marks of a table restore lie in a vault.
pub(crate) fn work_prefix(point: &PointId, region: &Region, name: &str) -> String {
    layout::restore_work(&Sha256::of(format!("{point} {region} {name}").as_bytes()))
}

/// Differences between what was wanted and what is there that no outcome has told of yet.
fn unexplained(wanted: &TableConfig, actual: &TableConfig, told: &[SettingOutcome]) -> Vec<SettingOutcome> {
    let is_told = |setting: &str| {
        told.iter()
            .any(|outcome| outcome.status == SettingStatus::NeedsPerson && outcome.setting == setting)
    };
    compare::differences(wanted, actual)
        .into_iter()
        .filter(|difference| !is_told(&difference.setting))
        .map(|difference| SettingOutcome::needs_person(&difference.setting, difference.to_string()))
        .collect()
}
