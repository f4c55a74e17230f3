//! Fitting settings to another region or account.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Region};
use serde_json::Value;

use super::{PlanError, RestoreRequest, Target};
use crate::SettingOutcome;
use crate::lambda::{Settings, Vpc};

/// What is where, and what stands for what.
pub(super) struct Place<'a> {
    source: &'a Arn,
    target: &'a Target,
    replacements: &'a BTreeMap<String, String>,
    /// Layers that can be published again wherever the function comes to be.
    stored_layers: BTreeSet<String>,
}

impl<'a> Place<'a> {
    pub(super) fn of(request: &'a RestoreRequest<'_>) -> Self {
        Place {
            source: request.source_arn,
            target: &request.target,
            replacements: &request.replacements,
            stored_layers: BTreeSet::new(),
        }
    }

    /// Takes note that the point holds a layer's content.
    pub(super) fn has_content(&mut self, layer: &str) {
        self.stored_layers.insert(layer.to_owned());
    }

    pub(super) fn region(&self) -> &Region {
        &self.target.region
    }

    /// The replacement, or the thing itself.
    pub(super) fn replaced(&self, name: &str) -> String {
        self.replacements.get(name).map_or(name, String::as_str).to_owned()
    }

    /// Whether a resource is in another region than the target, or in the account that the target is not in.
    pub(super) fn is_elsewhere(&self, name: &str) -> bool {
        let Ok(arn) = name.parse::<Arn>() else { return false };
        let other_region = !arn.region().is_empty() && arn.region() != self.target.region.as_str();
        other_region || (self.changes_account() && arn.account() == self.source.account())
    }

    /// Replaces every string in a JSON value that has a replacement.
    pub(super) fn replaced_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.replaced(text)),
            Value::Array(list) => Value::Array(list.iter().map(|value| self.replaced_in(value)).collect()),
            Value::Object(map) => {
                let entries = map.iter().map(|(key, value)| (key.clone(), self.replaced_in(value)));
                Value::Object(entries.collect())
            }
            plain => plain.clone(),
        }
    }

    /// Whether a JSON value names a resource that is elsewhere.
    pub(super) fn is_elsewhere_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_elsewhere(text),
            Value::Array(list) => list.iter().any(|value| self.is_elsewhere_in(value)),
            Value::Object(map) => map.values().any(|value| self.is_elsewhere_in(value)),
            _ => false,
        }
    }

    fn changes_account(&self) -> bool {
        self.source.account() != self.target.account
    }

    fn changes_place(&self) -> bool {
        self.changes_account() || self.source.region() != self.target.region.as_str()
    }
}

/// The settings as they can be in the target's place, and what had to be left out.
///
/// # Errors
/// `RoleElsewhere`: no function can be made without a role.
pub(super) fn adapt(
    settings: &Settings,
    place: &Place<'_>,
    version: Option<u64>,
) -> Result<(Settings, Vec<SettingOutcome>), PlanError> {
    let mut adapted = settings.clone();
    let mut left_out = LeftOut {
        place,
        version,
        outcomes: Vec::new(),
    };
    adapted.role = place.replaced(&settings.role);
    if place.is_elsewhere(&adapted.role) {
        return Err(PlanError::RoleElsewhere(adapted.role));
    }
    // An environment that could not be read is reported as unreadable; the function gets none.
    adapted.environment.get_or_insert_default();
    adapted.layers = left_out.layers(&settings.layers);
    adapted.kms_key_arn = left_out.single("KMSKeyArn", "--kms-key-arn", settings.kms_key_arn.as_ref());
    adapted.dead_letter_target = left_out.single(
        "DeadLetterConfig",
        "--dead-letter-config TargetArn=",
        settings.dead_letter_target.as_ref(),
    );
    if let Some(durable) = &mut adapted.durable {
        durable.kms_key_arn = left_out.single(
            "DurableConfig",
            "--durable-config KMSKeyArn=",
            durable.kms_key_arn.as_ref(),
        );
    }
    if let Some(provider) = adapted.capacity_provider.take() {
        let arn = left_out.single(
            "CapacityProviderConfig",
            "--capacity-provider-config",
            Some(&provider.arn),
        );
        adapted.capacity_provider = arn.map(|arn| crate::lambda::CapacityProvider { arn, ..provider });
    }
    adapted.vpc = settings.vpc.as_ref().and_then(|vpc| left_out.vpc(vpc));
    adapted.file_systems.clear();
    for file_system in &settings.file_systems {
        let path = file_system.path.clone();
        let option = format!("--file-system-configs LocalMountPath={path},Arn=");
        let Some(arn) = left_out.single("FileSystemConfigs", &option, Some(&file_system.arn)) else {
            continue;
        };
        // A file system can only be mounted from inside its network.
        match adapted.vpc.is_some() || settings.vpc.is_none() {
            true => adapted.file_systems.push(crate::lambda::FileSystem { path, arn }),
            false => left_out.report(
                "FileSystemConfigs",
                &format!("{option}{arn}"),
                &format!("{arn} without its network"),
            ),
        }
    }
    Ok((adapted, left_out.outcomes))
}

struct LeftOut<'a, 'b> {
    place: &'a Place<'b>,
    version: Option<u64>,
    outcomes: Vec<SettingOutcome>,
}

impl LeftOut<'_, '_> {
    fn single(&mut self, setting: &str, option: &str, arn: Option<&String>) -> Option<String> {
        let arn = self.place.replaced(arn?);
        if self.place.is_elsewhere(&arn) {
            self.report(setting, option, &arn);
            return None;
        }
        Some(arn)
    }

    fn layers(&mut self, arns: &[String]) -> Vec<String> {
        let arns: Vec<String> = arns.iter().map(|arn| self.place.replaced(arn)).collect();
        let is_gone = |arn: &String| !self.place.stored_layers.contains(arn) && self.place.is_elsewhere(arn);
        let (gone, kept): (Vec<String>, Vec<String>) = arns.into_iter().partition(is_gone);
        if !gone.is_empty() {
            self.report("Layers", "--layers", &gone.join(" "));
        }
        kept
    }

    fn vpc(&mut self, vpc: &Vpc) -> Option<Vpc> {
        let place = self.place;
        let all_replaced = |ids: &[String]| ids.iter().all(|id| place.replacements.contains_key(id));
        if place.changes_place() && !(all_replaced(&vpc.subnets) && all_replaced(&vpc.security_groups)) {
            let was = format!(
                "subnets {} and security groups {}",
                vpc.subnets.join(" "),
                vpc.security_groups.join(" ")
            );
            self.report("VpcConfig", "--vpc-config", &was);
            return None;
        }
        let renamed = |ids: &[String]| {
            let mut ids: Vec<String> = ids.iter().map(|id| place.replaced(id)).collect();
            ids.sort();
            ids
        };
        Some(Vpc {
            subnets: renamed(&vpc.subnets),
            security_groups: renamed(&vpc.security_groups),
            ipv6: vpc.ipv6,
        })
    }

    fn report(&mut self, setting: &str, option: &str, was: &str) {
        let Target { name, region, .. } = self.place.target;
        let why = format!("{was} cannot be used in {region}, so it was left out");
        self.outcomes.push(match self.version {
            None => SettingOutcome::needs_person(
                setting,
                format!(
                    "{why}; when it has a counterpart there: aws lambda update-function-configuration --region {region} \
                     --function-name {name} {option} …"
                ),
            ),
            // A published version cannot be changed.
            Some(number) => SettingOutcome::needs_person(
                &format!("{setting} of version {number}"),
                format!("{why}; to have it, restore again under another name, with its counterpart as a replacement"),
            ),
        });
    }
}
