//! Bringing a function back.

use std::collections::BTreeMap;

use holdfast_catalog::{Manifest, Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::lambda::FunctionConfig;
use holdfast_sources::lambda::restore::{self, Existing, RestoreRequest, Target};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::json;

use crate::copies::Copies;
use crate::{Regions, Request, Restore, Triggers, VaultPorts, WorkPorts};

/// A function restore, resolved.
pub(crate) struct FunctionRestore<'a, V> {
    /// Where its code comes from.
    pub copies: &'a Copies<'a, V>,
    pub manifest: &'a Manifest,
    pub config: &'a FunctionConfig,
    pub target: &'a ResourceId,
    pub triggers: Triggers,
    pub existing: Existing,
    /// Whether a later step goes on with it: then it is not noted on it yet that it is complete.
    pub goes_on: bool,
    pub replacements: BTreeMap<String, String>,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    pub(crate) async fn restore_function<C: Clock>(
        &self,
        request: &Request,
        copies: &Copies<'_, V>,
        manifest: &Manifest,
        target: &ResourceId,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let config = read_config(&copies.config(manifest).await?)?;
        let restore = FunctionRestore {
            copies,
            manifest,
            config: &config,
            target,
            triggers: request.triggers,
            existing: Existing::Keep,
            goes_on: false,
            replacements: request.replace.clone(),
        };
        self.make_function(restore, clock).await
    }

    /// Makes it, from the next copy where one turns out to be damaged: the function's own mark says how far it is.
    pub(crate) async fn make_function<C: Clock>(
        &self,
        wanted: FunctionRestore<'_, V>,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        loop {
            match self.make_from_current(&wanted, clock).await {
                Err(error) if wanted.copies.give_up(&error, wanted.manifest).await => {}
                result => return result,
            }
        }
    }

    async fn make_from_current<C: Clock>(
        &self,
        wanted: &FunctionRestore<'_, V>,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let FunctionRestore { manifest, target, .. } = wanted;
        let vault = wanted.copies.current();
        let mut plan = restore::plan(&RestoreRequest {
            point: &manifest.point,
            source_arn: &manifest.arn,
            config: wanted.config,
            blobs: &manifest.blobs,
            target: Target {
                name: target.name.clone(),
                region: target.region.clone(),
                account: manifest.arn.account().to_owned(),
            },
            vault: vault.location.clone(),
            triggers: match wanted.triggers {
                Triggers::Quiet => restore::Triggers::Quiet,
                Triggers::AsBefore => restore::Triggers::AsBefore,
            },
            existing: wanted.existing,
            replacements: wanted.replacements.clone(),
        })
        .map_err(|error| PortError::Invalid(error.to_string()))?;
        if wanted.goes_on {
            plan.steps.retain(|step| *step != restore::Step::Finish);
        }
        let functions = self.regions.functions(&target.region);
        let restored = restore::execute(&functions, &vault.store, clock, &plan).await?;
        if restored.was_done {
            return Ok(
                Outcome::new(target, OutcomeStatus::Unchanged, "this restore was finished before")
                    .with("urls", json!(restored.urls)),
            );
        }
        Ok(crate::outcome_of(target.to_string(), &restored.outcomes)
            .with("point", manifest.point.to_string())
            .with("arn", restored.arn.as_str())
            .with("versions", json!(restored.versions))
            .with("layers", json!(restored.layers))
            .with("urls", json!(restored.urls)))
    }
}

/// A function's configuration document.
pub(crate) fn read_config(body: &[u8]) -> Result<FunctionConfig, PortError> {
    FunctionConfig::read(body).map_err(|error| PortError::Corrupt(error.to_string()))
}
