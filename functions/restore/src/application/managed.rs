//! Members of an application whose data AWS Backup keeps. Their jobs take minutes to hours, so all are begun before one is waited for.

use holdfast_catalog::{Kind, ManagedPoint, Outcome};
use holdfast_sources::application::Step;
use holdfast_sources::managed::Restored;
use holdfast_sources::rds::DatabaseKind;
use holdfast_sources::rds::port::ReadDatabases as _;
use holdfast_sources::s3;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Value, json};

use super::act::{Act, existing};
use super::gather::Point;
use crate::managed::ManagedRestore;
use crate::{Regions, VaultPorts, WorkPorts, table};

/// How long to wait before looking again what AWS Backup has done.
pub(super) const LOOK_AGAIN_SECONDS: u32 = 60;

/// What is said of data that was found and not looked at.
pub(super) const NOT_COMPARED: &str = "; its data was not looked at";

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    pub(super) async fn managed<C: Clock>(
        &mut self,
        step: &Step,
        (point, managed): (&Point, &ManagedPoint),
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let restore = ManagedRestore {
            vault: self.gathered.vault,
            manifest: &point.manifest,
            managed,
            target: &step.target,
            existing: None,
            moment: None,
            asked_at: clock.now(),
            document: Some(wanted),
        };
        let source = self.restore.source(&restore).await?;
        let restored = self.restore.restore_from(&source, &restore, clock).await?;
        let is_there = !matches!(restored, Restored::Failed { .. } | Restored::Continuing { .. });
        let is_foreign = restored == Restored::Foreign;
        let outcome = restore.told(restored)?;
        match DatabaseKind::of(step.target.kind) {
            _ if !is_there => Ok(outcome),
            None if step.target.kind == Kind::DynamodbTable => {
                let config = table::read_config(wanted.to_string().as_bytes())?;
                self.table_made(step, wanted, &config, outcome).await
            }
            _ if !is_foreign => Ok(outcome),
            Some(kind) => {
                let databases = self.restore.regions.databases(&step.target.region);
                let found = databases.read_database(kind, &step.target.name).await?;
                let there = json!(found.config);
                Ok(existing(step, wanted, &there, &found.unreadable, NOT_COMPARED))
            }
            None => {
                let wiring = self.restore.regions.wiring();
                let found = s3::read(wiring, &step.target.region, &step.target.name).await?;
                Ok(existing(step, wanted, &json!(found.document), &[], NOT_COMPARED))
            }
        }
    }
}
