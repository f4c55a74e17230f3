//! File systems of an application. AWS gives what comes back an id and access points of its own, so what names them comes after it and
//! names the new ones.

use holdfast_catalog::{ManagedPoint, Outcome, ResourceId};
use holdfast_sources::application::{Replaced, Step, Word};
use holdfast_sources::efs::{self, FileSystemReading};
use holdfast_sources::managed::{Restored, made_file_system, moved_files};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Value, json};

use super::act::{Act, existing};
use super::gather::Point;
use super::managed::NOT_COMPARED;
use super::told;
use crate::managed::ManagedRestore;
use crate::wiring::read_document;
use crate::{Regions, VaultPorts, WorkPorts};

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    /// Brings a file system back, unless it is wanted as it was called and is there.
    pub(super) async fn file_system<C: Clock>(
        &mut self,
        step: &Step,
        (point, managed): (&Point, &ManagedPoint),
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let target = target_of(step, &point.member.document, wanted)?;
        if target == step.resource
            && let Some(there) = self.read_file_system(&target).await?
        {
            self.map.learn(&step.resource, &there.arn);
            let points = there.document.observed.get("AccessPointArns").and_then(Value::as_array);
            for same in points.into_iter().flatten().filter_map(Value::as_str) {
                self.map.learn_part(&step.resource, same, same);
            }
            let unreadable = &there.document.unreadable;
            return Ok(existing(step, wanted, &json!(there.document), unreadable, NOT_COMPARED));
        }
        let restore = ManagedRestore {
            vault: self.gathered.vault,
            manifest: &point.manifest,
            managed,
            target: &target,
            existing: None,
            moment: None,
            asked_at: clock.now(),
            document: Some(wanted),
        };
        let source = self.restore.source(&restore).await?;
        let restored = self.restore.restore_from(&source, &restore, clock).await?;
        let is_finished = restored == Restored::Before;
        let is_there = matches!(restored, Restored::Done { .. } | Restored::Before);
        let outcome = restore.told(restored)?;
        if !is_there {
            return Ok(outcome);
        }
        let (files, region) = (self.restore.regions.wiring(), &target.region);
        let made = made_file_system(files, &restore.vault.store, region, &restore.work(&source)).await?;
        let gone = || PortError::Unavailable(format!("{target} was restored and is gone again"));
        let arn = made.ok_or_else(gone)?;
        let id = arn.resource_name();
        let document = read_document(wanted.to_string().as_bytes())?;
        let points = efs::counterparts(files, region, id, &document).await?;
        self.map.learn(&step.resource, &arn);
        for (old, new) in &points {
            self.map.learn_part(&step.resource, old, new);
        }
        let outcome = match is_finished {
            // Whether somebody has moved them meanwhile cannot be seen without mounting it.
            true => {
                let files = moved_files(id, None);
                told(
                    step,
                    &Word::NeedsPerson(format!("{}: {}", files.setting, files.message)),
                )
            }
            false => outcome,
        };
        Ok(outcome.with("arn", arn.as_str()).with("access_points", json!(points)))
    }

    async fn read_file_system(&self, id: &ResourceId) -> Result<Option<FileSystemReading>, PortError> {
        match efs::read(self.restore.regions.wiring(), &id.region, &id.name).await {
            Ok(reading) => Ok(Some(reading)),
            Err(PortError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What it is asked back as: under the name that people will call it by if that is a new one, else under its old id.
fn target_of(step: &Step, was: &Value, wanted: &Value) -> Result<ResourceId, PortError> {
    let called = |document: &Value| Some(document.get("tags")?.get("Name")?.as_str()?.to_owned());
    let name = called(wanted).filter(|name| called(was).as_ref() != Some(name));
    let name = name.unwrap_or_else(|| step.resource.name.clone());
    let target = ResourceId::new(step.resource.kind, step.target.region.clone(), &name);
    target.map_err(|error| PortError::Invalid(error.to_string()))
}

/// Why a function is not made: it mounts what nothing stands for. Its file system has been restored before it, but not that.
pub(super) fn lost_mount(replaced: &[Replaced]) -> Option<String> {
    let is_lost = |one: &&Replaced| one.to.is_none() && one.path.contains("file_systems");
    replaced.iter().find(is_lost).map(|lost| {
        format!(
            "it mounts {}, for which there is no access point on the restored file system: set right what the file system's outcome \
             says, or say in \"replace\" what stands for it, and send the same event again",
            lost.from
        )
    })
}
