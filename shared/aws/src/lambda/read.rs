use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types as sdk;
use holdfast_catalog::Arn;
use holdfast_sources::lambda::port::{EventSourceReading, FunctionState, ReadFunction, ReleaseReading, Unreadable};
use holdfast_sources::lambda::{Alias, Package, Release, sha256_of_base64};
use holdfast_vault::PortError;

use super::event_source::{is_being_removed, source_of};
use super::settings::settings_of;
use super::{Functions, incomplete, lambda_error};

/// The segments of a function's ARN before its qualifier.
const ARN_SEGMENTS: usize = 7;

impl ReadFunction for Functions {
    async fn read_release(&self, function: &str, qualifier: Option<&str>) -> Result<ReleaseReading, PortError> {
        let answer = self.get(function, qualifier).await?;
        reading_of(answer, &reading(function, qualifier))
    }

    async fn aliases(&self, function: &str) -> Result<BTreeMap<String, Alias>, PortError> {
        let doing = format!("listing the aliases of function {function}");
        let mut aliases = BTreeMap::new();
        let mut marker = None;
        loop {
            let call = self.client.list_aliases().function_name(function).set_marker(marker);
            let page = call.send().await.map_err(|error| lambda_error(&error, &doing))?;
            for alias in page.aliases.unwrap_or_default() {
                let (name, alias) = alias_of(alias, &doing)?;
                aliases.insert(name, alias);
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(aliases);
            }
        }
    }

    async fn policy(&self, function: &str, qualifier: Option<&str>) -> Result<Option<String>, PortError> {
        let doing = format!("reading the policy of {}", named(function, qualifier));
        let call = self.client.get_policy().function_name(function);
        let answer = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        match answer.map_err(|error| lambda_error(&error, &doing)) {
            Ok(answer) => Ok(answer.policy.filter(|policy| !policy.is_empty())),
            // It has no policy. (That there is no such function was found out before: it was read.)
            Err(PortError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn event_sources(&self, function: &str) -> Result<Vec<EventSourceReading>, PortError> {
        let doing = format!("listing the event source mappings of function {function}");
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            // All mappings of the region, and not by function: the service does not say whether a function's name also finds
            // the mappings of its aliases and versions, and one that was overlooked would be lost.
            let call = self.client.list_event_source_mappings().set_marker(marker);
            let page = call.send().await.map_err(|error| lambda_error(&error, &doing))?;
            for mapping in page.event_source_mappings.unwrap_or_default() {
                let Some(qualifier) = invoked(&mapping, function) else {
                    continue;
                };
                if !is_being_removed(&mapping) {
                    found.push(self.event_source(mapping, qualifier, &doing).await?);
                }
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Functions {
    pub(super) async fn get(&self, function: &str, qualifier: Option<&str>) -> Result<GetFunctionOutput, PortError> {
        let call = self.client.get_function().function_name(function);
        let answer = call.set_qualifier(qualifier.map(str::to_owned)).send().await;
        answer.map_err(|error| lambda_error(&error, &reading(function, qualifier)))
    }

    async fn event_source(
        &self,
        mapping: sdk::EventSourceMappingConfiguration,
        qualifier: Option<String>,
        doing: &str,
    ) -> Result<EventSourceReading, PortError> {
        let mut unreadable = Vec::new();
        if let Some(error) = &mapping.filter_criteria_error {
            unreadable.push(refused("FilterCriteria", error.error_code(), error.message()));
        }
        let id = mapping.uuid.clone().ok_or_else(|| incomplete(doing, "UUID"))?;
        let mut source = source_of(&mapping, qualifier)?;
        if let Some(arn) = mapping.event_source_mapping_arn() {
            let answer = self.client.list_tags().resource(arn).send().await;
            match answer.map_err(|error| lambda_error(&error, &format!("reading the tags of {arn}"))) {
                Ok(answer) => source.tags = answer.tags.unwrap_or_default().into_iter().collect(),
                Err(PortError::Denied(why)) => unreadable.push(Unreadable {
                    setting: "Tags".to_owned(),
                    why,
                }),
                Err(error) => return Err(error),
            }
        }
        Ok(EventSourceReading { id, source, unreadable })
    }
}

/// `function bill` or `function bill:live`, for messages.
pub(super) fn named(function: &str, qualifier: Option<&str>) -> String {
    match qualifier {
        None => format!("function {function}"),
        Some(qualifier) => format!("function {function}:{qualifier}"),
    }
}

fn reading(function: &str, qualifier: Option<&str>) -> String {
    format!("reading {}", named(function, qualifier))
}

pub(super) fn reading_of(answer: GetFunctionOutput, doing: &str) -> Result<ReleaseReading, PortError> {
    let config = answer.configuration.ok_or_else(|| incomplete(doing, "configuration"))?;
    let mut unreadable = Vec::new();
    if let Some(error) = &answer.tags_error {
        unreadable.push(refused("Tags", Some(error.error_code()), Some(error.message())));
    }
    if let Some(error) = config.environment().and_then(sdk::EnvironmentResponse::error) {
        unreadable.push(refused("Environment", error.error_code(), error.message()));
    }
    let image_error = config.image_config_response().and_then(sdk::ImageConfigResponse::error);
    if let Some(error) = image_error {
        unreadable.push(refused("ImageConfig", error.error_code(), error.message()));
    }
    let package = package_of(&config, answer.code.as_ref(), doing)?;
    let arn = unqualified(config.function_arn().unwrap_or_default(), doing)?;
    if let Some(master) = config.master_arn() {
        let master = unqualified(master, doing)?;
        if master != arn {
            return Err(PortError::Invalid(format!(
                "{arn} is the edge's replica of {master}: protect that one, its replicas follow it"
            )));
        }
    }
    Ok(ReleaseReading {
        arn,
        state: state_of(&config),
        revision: config.revision_id().map(str::to_owned),
        release: Release {
            package,
            settings: settings_of(&config),
        },
        tags: answer.tags.unwrap_or_default().into_iter().collect(),
        reserved_concurrency: answer
            .concurrency
            .and_then(|limit| limit.reserved_concurrent_executions),
        unreadable,
    })
}

fn refused(setting: &str, code: Option<&str>, message: Option<&str>) -> Unreadable {
    Unreadable {
        setting: setting.to_owned(),
        why: format!("{}: {}", code.unwrap_or("no code"), message.unwrap_or("no message")),
    }
}

fn package_of(
    config: &sdk::FunctionConfiguration,
    code: Option<&sdk::FunctionCodeLocation>,
    doing: &str,
) -> Result<Package, PortError> {
    if config.package_type() == Some(&sdk::PackageType::Image) {
        let uri = code.and_then(sdk::FunctionCodeLocation::image_uri);
        return Ok(Package::Image {
            uri: uri.ok_or_else(|| incomplete(doing, "image URI"))?.to_owned(),
            resolved_uri: code.and_then(|code| code.resolved_image_uri.clone()),
        });
    }
    let sha256 = config.code_sha256().and_then(sha256_of_base64);
    Ok(Package::Zip {
        sha256: sha256.ok_or_else(|| incomplete(doing, "code hash"))?,
        bytes: u64::try_from(config.code_size()).unwrap_or_default(),
    })
}

/// A function's ARN without the version or alias.
fn unqualified(arn: &str, doing: &str) -> Result<Arn, PortError> {
    let segments: Vec<&str> = arn.split(':').take(ARN_SEGMENTS).collect();
    segments.join(":").parse().map_err(|_| incomplete(doing, "ARN"))
}

/// What a mapping of this function invokes: `Some(None)` is the function itself, `None` another function.
pub(super) fn invoked(mapping: &sdk::EventSourceMappingConfiguration, function: &str) -> Option<Option<String>> {
    let mut segments = mapping.function_arn()?.split(':').skip(ARN_SEGMENTS - 1);
    (segments.next()? == function).then(|| segments.next().map(str::to_owned))
}

fn state_of(config: &sdk::FunctionConfiguration) -> FunctionState {
    use sdk::{LastUpdateStatus, State};
    let failed = |reason: Option<&str>| FunctionState::Failed(reason.unwrap_or("no reason given").to_owned());
    match (config.state(), config.last_update_status()) {
        (Some(State::Failed), _) => failed(config.state_reason()),
        (Some(State::Pending | State::Deleting | State::Deactivating), _) => FunctionState::Busy,
        (_, Some(LastUpdateStatus::InProgress)) => FunctionState::Busy,
        (_, Some(LastUpdateStatus::Failed)) => failed(config.last_update_status_reason()),
        _ => FunctionState::Ready,
    }
}

fn alias_of(alias: sdk::AliasConfiguration, doing: &str) -> Result<(String, Alias), PortError> {
    let weights = alias
        .routing_config
        .and_then(|routing| routing.additional_version_weights);
    let number = |text: &str| text.parse().map_err(|_| incomplete(doing, "version number"));
    let weights = weights.unwrap_or_default().into_iter();
    let read = Alias {
        version: alias
            .function_version
            .ok_or_else(|| incomplete(doing, "alias version"))?,
        description: alias.description.unwrap_or_default(),
        weights: weights
            .map(|(version, weight)| Ok((number(&version)?, weight)))
            .collect::<Result<_, PortError>>()?,
    };
    Ok((alias.name.ok_or_else(|| incomplete(doing, "alias name"))?, read))
}
