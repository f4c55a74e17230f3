//! What is not of the function itself: its layers before it, the configurations beside it, and who runs it at the edge.

use std::collections::BTreeSet;

use holdfast_catalog::{Kind, ResourceId};
use holdfast_vault::port::{Clock, ReadObjects};
use holdfast_vault::{PortError, get_blob};
use serde_json::{Map, Value};

use super::execute::{MAX_COLLISIONS, MakeWhole, Run};
use super::plan::beside_command;
use super::wire::{Remedy, gone};
use super::{CodeSource, Existing};
use crate::SettingOutcome;
use crate::lambda::beside::{Reader, put};
use crate::lambda::layer::{Content, find_layer, layer_name, publish_layer, read_layer};
use crate::lambda::{Beside, EdgeAssociation, Layer, Release};

impl<F, S, C> Run<'_, F, S, C>
where
    F: MakeWhole,
    S: ReadObjects,
    C: Clock,
{
    /// Finds or publishes a layer's version. Without it there can be no such function: its failure ends the restore before
    /// anything of the function is made.
    pub(super) async fn layer(&mut self, was: &str, layer: &Layer, code: &CodeSource) -> Result<(), PortError> {
        let usable = self.usable_layer(was, layer, code).await.map_err(|error| {
            error.doing(&format!(
                "publishing the content of layer {was} again (or give its counterpart as a replacement)"
            ))
        })?;
        self.outcomes.push(SettingOutcome::restored(&format!("Layer {was}")));
        if usable != was {
            self.layers.insert(was.to_owned(), usable);
        }
        Ok(())
    }

    async fn usable_layer(&self, was: &str, layer: &Layer, code: &CodeSource) -> Result<String, PortError> {
        let region = &self.plan.target.region;
        let name =
            layer_name(was).ok_or_else(|| PortError::Invalid(format!("{was} is no ARN of a layer's version")))?;
        // A version's number is never given twice: what has this ARN has this content.
        if was.split(':').nth(3) == Some(region.as_str()) {
            match read_layer(self.functions, region, self.name(), was).await {
                Ok(_) => return Ok(was.to_owned()),
                // Deleted, or of an account that does not share it with this one.
                Err(PortError::NotFound(_) | PortError::Denied(_) | PortError::Invalid(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(found) = find_layer(self.functions, region, name, layer).await? {
            return Ok(found);
        }
        if self.done {
            return Ok(was.to_owned());
        }
        let content = match code {
            CodeSource::Vault { bucket, key } => Content::S3 {
                bucket: bucket.clone(),
                key: key.clone(),
            },
            CodeSource::Upload(blob) => Content::Archive(get_blob(self.store, blob).await?),
            CodeSource::Image(image) => return Err(PortError::Invalid(format!("{image} is no layer"))),
        };
        publish_layer(self.functions, region, name, layer, content).await
    }

    /// A release with the layers that can be used here.
    pub(super) fn with_layers(&self, release: &Release) -> Release {
        let mut release = release.clone();
        for layer in &mut release.settings.layers {
            if let Some(usable) = self.layers.get(layer) {
                layer.clone_from(usable);
            }
        }
        release
    }

    pub(super) async fn beside(
        &mut self,
        kind: Beside,
        old: &str,
        config: &Map<String, Value>,
    ) -> Result<(), PortError> {
        let result = self.make_beside(kind, old, config).await;
        let remedy = beside_command(&self.plan.target, kind, old, config);
        let result = result.map_err(|why| Remedy { why, command: &remedy }.into());
        if let Some(address) = self.told(result, || vec![kind.label(old)])?.flatten() {
            self.urls.insert(old.to_owned(), address);
        }
        Ok(())
    }

    /// Sees to it that a configuration is there; gives its address if it has one.
    async fn make_beside(
        &mut self,
        kind: Beside,
        old: &str,
        config: &Map<String, Value>,
    ) -> Result<Option<String>, PortError> {
        let qualifier = self.renamed(old)?;
        let (functions, region) = (self.functions, &self.plan.target.region);
        let reader = Reader::new(functions, region, self.name());
        let id = ResourceId {
            kind: Kind::LambdaFunction,
            region: region.clone(),
            name: self.name().to_owned(),
        };
        let qualifiers = BTreeSet::from([qualifier.clone()]);
        let (mut is_given, mut is_refused) = (false, false);
        for _ in 0..MAX_COLLISIONS {
            let found = reader.all(kind, &qualifiers).await?.remove(&qualifier);
            match found {
                // A service that keeps other values than it is given is not asked for ever.
                Some(found) if found.config == *config || is_given || self.done => return Ok(found.address),
                Some(found) if kind == Beside::Url && self.plan.existing == Existing::Change => {
                    self.change_url(&qualifier, &found.config, config).await?;
                    return Ok(found.address);
                }
                None if self.done => return Err(gone()),
                _ => {}
            }
            match put(functions, &id, kind, &qualifier, config).await {
                Err(PortError::Conflict(_)) => _ = self.wait_for(None).await?,
                // Made by a try whose answer was lost: look again, once.
                Err(PortError::AlreadyExists(_)) if !is_refused => is_refused = true,
                Err(error) => return Err(error),
                Ok(()) if kind == Beside::Url => is_given = true,
                Ok(()) => return Ok(None),
            }
        }
        Err(PortError::Conflict(format!(
            "{}: the function is being changed by somebody else",
            kind.label(old)
        )))
    }

    /// CloudFront goes on running what it ran until a person gives it the new version.
    pub(super) fn edge(&mut self, association: &EdgeAssociation) {
        let setting = association.label();
        let message = match self.versions.get(&association.version) {
            Some(number) => format!(
                "it ran version {}, which is version {number} of {} now; distributions are left as they are. With a role that trusts \
                 edgelambda.amazonaws.com: {}",
                association.version,
                self.name(),
                association.command(&self.plan.arn, *number)
            ),
            None => format!("version {}, which it ran, could not be put back", association.version),
        };
        self.outcomes.push(SettingOutcome::needs_person(&setting, message));
    }
}
