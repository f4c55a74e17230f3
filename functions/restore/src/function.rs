//! Bringing a function back.

use holdfast_catalog::{Manifest, Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::lambda::FunctionConfig;
use holdfast_sources::lambda::restore::{self, RestoreRequest, Target};
use holdfast_vault::port::Clock;
use holdfast_vault::{PortError, get_config};
use serde_json::json;

use crate::{Regions, Request, Restore, Triggers, Vault, VaultPorts, WorkPorts};

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    pub(crate) async fn restore_function<C: Clock>(
        &self,
        request: &Request,
        vault: &Vault<V>,
        manifest: &Manifest,
        target: &ResourceId,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let config = FunctionConfig::read(&get_config(&vault.store, manifest).await?)
            .map_err(|error| PortError::Corrupt(error.to_string()))?;
        let plan = restore::plan(&RestoreRequest {
            point: &manifest.point,
            source_arn: &manifest.arn,
            config: &config,
            blobs: &manifest.blobs,
            target: Target {
                name: target.name.clone(),
                region: target.region.clone(),
                account: manifest.arn.account().to_owned(),
            },
            vault: vault.location.clone(),
            triggers: match request.triggers {
                Triggers::Quiet => restore::Triggers::Quiet,
                Triggers::AsBefore => restore::Triggers::AsBefore,
            },
            replacements: request.replace.clone(),
        })
        .map_err(|error| PortError::Invalid(error.to_string()))?;
        let functions = self.regions.functions(&target.region);
        let restored = restore::execute(&functions, &vault.store, clock, &plan).await?;
        if restored.was_done {
            return Ok(Outcome::new(
                target,
                OutcomeStatus::Unchanged,
                "this restore was finished before",
            ));
        }
        Ok(crate::outcome_of(target.to_string(), &restored.outcomes)
            .with("point", manifest.point.to_string())
            .with("arn", restored.arn.as_str())
            .with("versions", json!(restored.versions)))
    }
}
