//! Putting a stream's records back, once the stream stands.

use bytes::Bytes;
use holdfast_catalog::{Kind, Manifest, Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::dynamodb::refill::Progress;
use holdfast_sources::kinesis::refill::{Refilled, refill};
use holdfast_sources::wiring::restore::{Restored, work_prefix};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::json;

use crate::copies::Copies;
use crate::{Regions, Restore, VaultPorts, WorkPorts, outcome_of};

/// The setting without which records would lie about in the clear.
const ENCRYPTION: &str = "EncryptionType";

/// The records of a stream that was restored.
pub(crate) struct RecordsRestore<'a, V> {
    /// Where they come from.
    pub copies: &'a Copies<'a, V>,
    /// The vault that holds the marks.
    pub work: &'a V,
    pub manifest: &'a Manifest,
    pub target: &'a ResourceId,
    /// Whether a person wants them or does not.
    pub asked: Option<bool>,
}

/// Whether a point has records, and not only settings.
pub(crate) fn has_records(manifest: &Manifest) -> bool {
    manifest.point.resource.kind == Kind::KinesisStream && manifest.data.is_some()
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Puts the records of a point into its stream, as far as time allows: into one that this restore has made, and into one
    /// that was there only for whom asks for that. `outcome` is what is to be said of the stream itself.
    ///
    /// # Errors
    /// Those of the point, the stream and the vault; done again, it goes on.
    pub(crate) async fn with_records<C: Clock>(
        &self,
        wanted: &RecordsRestore<'_, V>,
        restored: &Restored,
        outcome: Outcome,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        match (restored, wanted.asked) {
            (Restored::Refused(_), _) => return Ok(outcome),
            (_, Some(false)) => return Ok(and(outcome, "its records were left out, as asked")),
            (Restored::Adopted, None) => {
                let why = "its records were not looked at; \"records\": true puts those of the point behind those that it has";
                return Ok(and(outcome, why));
            }
            (Restored::Made(settings), None) if needs(settings).any(|one| one.setting == ENCRYPTION) => {
                let why = "its records wait until it is encrypted as it was; \"records\": true puts them nevertheless";
                return Ok(and(outcome, why));
            }
            (Restored::Adopted | Restored::Made(_) | Restored::Finished, _) => {}
        }
        let work = work_prefix(&wanted.manifest.point, wanted.target);
        match self.refill(wanted, &work, clock).await? {
            Progress::OutOfTime => {
                if let Restored::Made(settings) = restored {
                    keep_settings(wanted.work, &work, settings).await?;
                }
                let message = "records are being put";
                Ok(Outcome::new(wanted.target, OutcomeStatus::Continuing, message))
            }
            // What was said before is not said again.
            Progress::Complete(refilled) if refilled.was_done && outcome.status == OutcomeStatus::Unchanged => {
                Ok(outcome)
            }
            Progress::Complete(refilled) => {
                let outcome = match restored {
                    Restored::Finished => {
                        outcome_of(wanted.target.to_string(), &kept_settings(wanted.work, &work).await?)
                    }
                    _ => outcome,
                };
                Ok(told(outcome, &refilled))
            }
        }
    }

    async fn refill<C: Clock>(
        &self,
        wanted: &RecordsRestore<'_, V>,
        work: &str,
        clock: &C,
    ) -> Result<Progress<Refilled>, PortError> {
        let (manifest, target, port) = (wanted.manifest, wanted.target, self.regions.wiring());
        loop {
            let source = &wanted.copies.current().store;
            match refill(port, source, wanted.work, clock, manifest, target, work).await {
                Err(error) if wanted.copies.give_up(&error, manifest).await => {}
                result => return result,
            }
        }
    }
}

fn told(mut outcome: Outcome, refilled: &Refilled) -> Outcome {
    if outcome.status == OutcomeStatus::Unchanged {
        outcome.status = OutcomeStatus::Done;
    }
    let Refilled {
        items, doubled_items, ..
    } = *refilled;
    let mut words = format!("{items} records were put, in order of each partition key");
    if doubled_items > 0 {
        words.push_str(&format!(
            ", and up to {doubled_items} of them twice: nobody can tell whether a call that was cut off had put them"
        ));
    }
    and(outcome, &words)
        .with("items", items)
        .with("doubled_items", doubled_items)
}

fn and(mut outcome: Outcome, words: &str) -> Outcome {
    if !outcome.message.is_empty() {
        outcome.message.push_str("; ");
    }
    outcome.message.push_str(words);
    outcome
}

fn needs(settings: &[SettingOutcome]) -> impl Iterator<Item = &SettingOutcome> {
    let needs = |setting: &&SettingOutcome| setting.status == SettingStatus::NeedsPerson;
    settings.iter().filter(needs)
}

fn settings_key(work: &str) -> String {
    format!("{work}settings.json")
}

/// What a person has to see to is told by the invocation that puts the last record, which makes no stream.
async fn keep_settings<V: VaultPorts>(store: &V, work: &str, settings: &[SettingOutcome]) -> Result<(), PortError> {
    let needs: Vec<(&str, &str)> = needs(settings)
        .map(|one| (one.setting.as_str(), one.message.as_str()))
        .collect();
    let body = Bytes::from(json!(needs).to_string());
    store.overwrite(&settings_key(work), body).await
}

async fn kept_settings<V: VaultPorts>(store: &V, work: &str) -> Result<Vec<SettingOutcome>, PortError> {
    let body = match store.get(&settings_key(work)).await {
        Ok(body) => body,
        Err(PortError::NotFound(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let needs: Vec<(String, String)> = serde_json::from_slice(&body).unwrap_or_default();
    Ok(needs
        .into_iter()
        .map(|(setting, message)| SettingOutcome::needs_person(&setting, message))
        .collect())
}
