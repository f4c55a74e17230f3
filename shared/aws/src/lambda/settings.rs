//! Settings between the service's types and ours.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::error::BuildError;
use aws_sdk_lambda::types as sdk;
use holdfast_sources::lambda::{
    CapacityProvider, DurableSettings, Environment, FileSystem, ImageOverrides, Logging, Settings, SnapStart, Vpc,
};

/// What Lambda takes when nobody says otherwise.
const DEFAULT_TIMEOUT_SECONDS: i32 = 3;
const DEFAULT_MEMORY_MB: i32 = 128;
const DEFAULT_EPHEMERAL_STORAGE_MB: i32 = 512;

pub(super) fn settings_of(config: &sdk::FunctionConfiguration) -> Settings {
    let tracing = config.tracing_config().and_then(sdk::TracingConfigResponse::mode);
    let tracing = tracing.unwrap_or(&sdk::TracingMode::PassThrough);
    let storage = config.ephemeral_storage().map(sdk::EphemeralStorage::size);
    let layers = config.layers().iter().filter_map(|layer| layer.arn.clone());
    let image = config
        .image_config_response()
        .and_then(sdk::ImageConfigResponse::image_config);
    let tenancy = config
        .tenancy_config()
        .map(|tenancy| tenancy.tenant_isolation_mode.to_string());
    Settings {
        description: config.description().unwrap_or_default().to_owned(),
        runtime: full(config.runtime().map(sdk::Runtime::as_str)),
        handler: full(config.handler()),
        role: config.role().unwrap_or_default().to_owned(),
        timeout_seconds: config.timeout().unwrap_or(DEFAULT_TIMEOUT_SECONDS),
        memory_mb: config.memory_size().unwrap_or(DEFAULT_MEMORY_MB),
        architectures: architectures_of(config),
        ephemeral_storage_mb: storage.unwrap_or(DEFAULT_EPHEMERAL_STORAGE_MB),
        environment: environment_of(config.environment()),
        layers: layers.collect(),
        vpc: config.vpc_config().and_then(vpc_of),
        dead_letter_target: full(config.dead_letter_config().and_then(sdk::DeadLetterConfig::target_arn)),
        tracing: tracing.to_string(),
        logging: config.logging_config().map(logging_of).unwrap_or_default(),
        snap_start: match config.snap_start().and_then(sdk::SnapStartResponse::apply_on) {
            Some(sdk::SnapStartApplyOn::PublishedVersions) => SnapStart::PublishedVersions,
            _ => SnapStart::Off,
        },
        file_systems: file_systems_of(config),
        kms_key_arn: full(config.kms_key_arn()),
        image_overrides: image.and_then(image_overrides_of),
        durable: config.durable_config().map(durable_of),
        tenant_isolation: tenancy,
        capacity_provider: config.capacity_provider_config().and_then(capacity_provider_of),
    }
}

/// The service says "none" with an empty text, too.
fn full(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn architectures_of(config: &sdk::FunctionConfiguration) -> Vec<String> {
    let named: Vec<String> = config.architectures().iter().map(ToString::to_string).collect();
    if named.is_empty() {
        return vec![sdk::Architecture::X8664.to_string()];
    }
    named
}

/// `None` when the service could not decrypt it.
fn environment_of(environment: Option<&sdk::EnvironmentResponse>) -> Option<Environment> {
    let Some(environment) = environment else {
        return Some(Environment::default());
    };
    if environment.error().is_some() {
        return None;
    }
    let variables = environment.variables().cloned().unwrap_or_default();
    Some(Environment::new(variables.into_iter().collect()))
}

fn vpc_of(vpc: &sdk::VpcConfigResponse) -> Option<Vpc> {
    let sorted = |ids: &[String]| {
        let mut ids = ids.to_vec();
        ids.sort();
        ids
    };
    // A function outside of any network has empty lists.
    (!vpc.subnet_ids().is_empty()).then(|| Vpc {
        subnets: sorted(vpc.subnet_ids()),
        security_groups: sorted(vpc.security_group_ids()),
        ipv6: vpc.ipv6_allowed_for_dual_stack().unwrap_or_default(),
    })
}

fn logging_of(logging: &sdk::LoggingConfig) -> Logging {
    Logging {
        format: logging.log_format().unwrap_or(&sdk::LogFormat::Text).to_string(),
        application_level: logging.application_log_level().map(ToString::to_string),
        system_level: logging.system_log_level().map(ToString::to_string),
        group: full(logging.log_group()),
    }
}

fn file_systems_of(config: &sdk::FunctionConfiguration) -> Vec<FileSystem> {
    let file_system = |mounted: &sdk::FileSystemConfig| FileSystem {
        path: mounted.local_mount_path.clone(),
        arn: mounted.arn.clone(),
    };
    let mut file_systems: Vec<FileSystem> = config.file_system_configs().iter().map(file_system).collect();
    file_systems.sort();
    file_systems
}

fn image_overrides_of(image: &sdk::ImageConfig) -> Option<ImageOverrides> {
    let overrides = ImageOverrides {
        entry_point: image.entry_point().to_vec(),
        command: image.command().to_vec(),
        working_directory: full(image.working_directory()),
    };
    (overrides != ImageOverrides::default()).then_some(overrides)
}

fn durable_of(durable: &sdk::DurableConfig) -> DurableSettings {
    DurableSettings {
        retention_days: durable.retention_period_in_days,
        execution_timeout_seconds: durable.execution_timeout,
        kms_key_arn: full(durable.kms_key_arn()),
    }
}

fn capacity_provider_of(config: &sdk::CapacityProviderConfig) -> Option<CapacityProvider> {
    let instances = config.lambda_managed_instances_capacity_provider_config()?;
    Some(CapacityProvider {
        arn: instances.capacity_provider_arn.clone(),
        concurrency_per_environment: instances.per_execution_environment_max_concurrency,
        memory_gib_per_vcpu: instances.execution_environment_memory_gib_per_v_cpu,
    })
}

pub(super) fn sdk_environment(environment: Option<&Environment>) -> sdk::Environment {
    let variables = environment.map(Environment::reveal).into_iter().flatten();
    let variables = variables.map(|(name, value)| (name.clone(), value.clone())).collect();
    sdk::Environment::builder().set_variables(Some(variables)).build()
}

/// Empty lists take a function out of its network.
pub(super) fn sdk_vpc(vpc: Option<&Vpc>) -> sdk::VpcConfig {
    let (subnets, groups) = vpc
        .map(|vpc| (vpc.subnets.clone(), vpc.security_groups.clone()))
        .unwrap_or_default();
    sdk::VpcConfig::builder()
        .set_subnet_ids(Some(subnets))
        .set_security_group_ids(Some(groups))
        .set_ipv6_allowed_for_dual_stack(vpc.map(|vpc| vpc.ipv6))
        .build()
}

/// An empty target removes it.
pub(super) fn sdk_dead_letter(target: Option<&String>) -> sdk::DeadLetterConfig {
    let target = target.cloned().unwrap_or_default();
    sdk::DeadLetterConfig::builder().target_arn(target).build()
}

pub(super) fn sdk_tracing(mode: &str) -> sdk::TracingConfig {
    sdk::TracingConfig::builder().mode(sdk::TracingMode::from(mode)).build()
}

/// In a change the default log group has to be named, because leaving it out would keep another one; `None` leaves it to the
/// service.
pub(super) fn sdk_logging(logging: &Logging, default_group: Option<String>) -> sdk::LoggingConfig {
    sdk::LoggingConfig::builder()
        .log_format(sdk::LogFormat::from(logging.format.as_str()))
        .set_application_log_level(logging.application_level.as_deref().map(Into::into))
        .set_system_log_level(logging.system_level.as_deref().map(Into::into))
        .set_log_group(logging.group.clone().or(default_group))
        .build()
}

pub(super) fn sdk_snap_start(snap_start: SnapStart) -> sdk::SnapStart {
    let apply_on = match snap_start {
        SnapStart::Off => sdk::SnapStartApplyOn::None,
        SnapStart::PublishedVersions => sdk::SnapStartApplyOn::PublishedVersions,
    };
    sdk::SnapStart::builder().apply_on(apply_on).build()
}

pub(super) fn sdk_file_systems(file_systems: &[FileSystem]) -> Result<Vec<sdk::FileSystemConfig>, BuildError> {
    let config = |mounted: &FileSystem| {
        let config = sdk::FileSystemConfig::builder().arn(&mounted.arn);
        config.local_mount_path(&mounted.path).build()
    };
    file_systems.iter().map(config).collect()
}

pub(super) fn sdk_image_overrides(overrides: Option<&ImageOverrides>) -> sdk::ImageConfig {
    let overrides = overrides.cloned().unwrap_or_default();
    sdk::ImageConfig::builder()
        .set_entry_point(Some(overrides.entry_point))
        .set_command(Some(overrides.command))
        .working_directory(overrides.working_directory.unwrap_or_default())
        .build()
}

pub(super) fn sdk_durable(durable: &DurableSettings) -> sdk::DurableConfig {
    sdk::DurableConfig::builder()
        .set_retention_period_in_days(durable.retention_days)
        .set_execution_timeout(durable.execution_timeout_seconds)
        .set_kms_key_arn(durable.kms_key_arn.clone())
        .build()
}

pub(super) fn sdk_capacity_provider(provider: &CapacityProvider) -> Result<sdk::CapacityProviderConfig, BuildError> {
    let instances = sdk::LambdaManagedInstancesCapacityProviderConfig::builder()
        .capacity_provider_arn(&provider.arn)
        .set_per_execution_environment_max_concurrency(provider.concurrency_per_environment)
        .set_execution_environment_memory_gib_per_v_cpu(provider.memory_gib_per_vcpu)
        .build()?;
    let config = sdk::CapacityProviderConfig::builder();
    Ok(config
        .lambda_managed_instances_capacity_provider_config(instances)
        .build())
}

pub(super) fn sdk_storage(size_mb: i32) -> Result<sdk::EphemeralStorage, BuildError> {
    sdk::EphemeralStorage::builder().size(size_mb).build()
}

pub(super) fn sdk_architectures(architectures: &[String]) -> Vec<sdk::Architecture> {
    let architecture = |name: &String| sdk::Architecture::from(name.as_str());
    architectures.iter().map(architecture).collect()
}

pub(super) fn sdk_tags(tags: &BTreeMap<String, String>) -> HashMap<String, String> {
    tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
