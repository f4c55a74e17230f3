//! Bringing back what is one configuration document: a queue, a topic, a rule.

use holdfast_catalog::{Manifest, Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::call::InAccount as _;
use holdfast_sources::lambda::restore;
use holdfast_sources::wiring::restore::{Plan, RestoreRequest, Restored, execute, plan};
use holdfast_sources::wiring::{ArnMap, Difference, Document};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;

use crate::copies::Copies;
use crate::records::{RecordsRestore, has_records};
use crate::{Regions, Request, Restore, Triggers, VaultPorts, WorkPorts};

/// A restore of one configuration document, resolved.
pub(crate) struct WiringRestore<'a> {
    pub manifest: &'a Manifest,
    pub document: &'a Document,
    pub target: &'a ResourceId,
    pub triggers: Triggers,
    pub replacements: &'a ArnMap,
}

/// Differences that a message names; a person who needs all of them compares the documents.
const SHOWN_DIFFERENCES: usize = 5;

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    pub(crate) async fn restore_wiring<C: Clock>(
        &self,
        request: &Request,
        copies: &Copies<'_, V>,
        work: &V,
        manifest: &Manifest,
        target: &ResourceId,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let document = read_document(&copies.config(manifest).await?)?;
        let mut replacements = ArnMap::default();
        request
            .replace
            .iter()
            .for_each(|(old, new)| replacements.insert(old, new));
        let wanted = WiringRestore {
            manifest,
            document: &document,
            target,
            triggers: request.triggers,
            replacements: &replacements,
        };
        let plan = self.plan_wiring(&wanted);
        let restored = execute(self.regions.wiring(), work, clock, &plan).await?;
        let outcome = match &restored {
            Restored::Made(settings) => crate::outcome_of(target.to_string(), settings),
            Restored::Adopted => {
                let message = "it is there and as it should be; nothing was changed";
                Outcome::new(target, OutcomeStatus::Unchanged, message)
            }
            Restored::Finished => Outcome::new(target, OutcomeStatus::Unchanged, "this restore was finished before"),
            Restored::Refused(differences) => Outcome::new(target, OutcomeStatus::Failed, refusal(differences)),
        };
        let outcome = match has_records(manifest) {
            false => outcome,
            true => {
                let wanted = RecordsRestore {
                    copies,
                    work,
                    manifest,
                    target,
                    asked: request.records,
                };
                self.with_records(&wanted, &restored, outcome, clock).await?
            }
        };
        Ok(outcome.with("point", manifest.point.to_string()))
    }

    pub(crate) fn plan_wiring(&self, wanted: &WiringRestore<'_>) -> Plan {
        plan(&RestoreRequest {
            point: &wanted.manifest.point,
            source_arn: &wanted.manifest.arn,
            document: wanted.document,
            target: wanted.target,
            account: self.regions.wiring().account(),
            triggers: match wanted.triggers {
                Triggers::Quiet => restore::Triggers::Quiet,
                Triggers::AsBefore => restore::Triggers::AsBefore,
            },
            replacements: wanted.replacements,
        })
    }
}

/// A configuration document.
pub(crate) fn read_document(body: &[u8]) -> Result<Document, PortError> {
    Document::read(body).map_err(|error| PortError::Corrupt(error.to_string()))
}

pub(crate) fn refusal(differences: &[Difference]) -> String {
    let shown: Vec<String> = differences
        .iter()
        .take(SHOWN_DIFFERENCES)
        .map(ToString::to_string)
        .collect();
    let more = match differences.len().saturating_sub(SHOWN_DIFFERENCES) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!(
        "there is another one of that name already and nothing was changed: {}{more}; choose another target name, or remove it \
         yourself",
        shown.join("; ")
    )
}
