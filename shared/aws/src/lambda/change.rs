use aws_sdk_lambda::error::BuildError;
use aws_sdk_lambda::operation::create_function::builders::CreateFunctionInputBuilder;
use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationInputBuilder;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types as sdk;
use aws_smithy_types::base64;
use holdfast_catalog::{Arn, Sha256};
use holdfast_sources::lambda::port::{Code, CreateFunction, NewFunction, PublishVersions};
use holdfast_sources::lambda::{Settings, SnapStart};
use holdfast_vault::PortError;

use super::settings::{
    sdk_architectures, sdk_capacity_provider, sdk_dead_letter, sdk_durable, sdk_environment, sdk_file_systems,
    sdk_image_overrides, sdk_logging, sdk_snap_start, sdk_storage, sdk_tags, sdk_tracing, sdk_vpc,
};
use super::{Functions, incomplete, lambda_error};

impl CreateFunction for Functions {
    async fn create_function(&self, new: NewFunction<'_>) -> Result<(), PortError> {
        let doing = format!("creating function {}", new.name);
        let input = creation(new).map_err(|error| PortError::Invalid(format!("{doing}: {error}")))?;
        let answer = input.send_with(&self.client).await;
        answer.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }

    async fn tag_function(&self, function: &Arn, key: &str, value: &str) -> Result<(), PortError> {
        let doing = format!("tagging {function}");
        let call = self.client.tag_resource().resource(function.as_str()).tags(key, value);
        call.send().await.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }
}

impl PublishVersions for Functions {
    async fn update_settings(
        &self,
        function: &str,
        revision: Option<&str>,
        from: &Settings,
        to: &Settings,
    ) -> Result<(), PortError> {
        let doing = format!("changing the settings of function {function}");
        let input = change(function, from, to).map_err(|error| PortError::Invalid(format!("{doing}: {error}")))?;
        let call = input
            .set_revision_id(revision.map(str::to_owned))
            .send_with(&self.client);
        call.await.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }

    async fn update_code(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Code,
        architectures: &[String],
    ) -> Result<(), PortError> {
        let doing = format!("changing the code of function {function}");
        let code = sdk_code(code);
        let call = self
            .client
            .update_function_code()
            .function_name(function)
            .set_revision_id(revision.map(str::to_owned))
            .set_architectures(Some(sdk_architectures(architectures)))
            .set_zip_file(code.zip_file)
            .set_s3_bucket(code.s3_bucket)
            .set_s3_key(code.s3_key)
            .set_image_uri(code.image_uri);
        call.send().await.map_err(|error| lambda_error(&error, &doing))?;
        Ok(())
    }

    async fn publish_version(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Option<&Sha256>,
    ) -> Result<u64, PortError> {
        let doing = format!("publishing a version of function {function}");
        let sha256 = code.map(|sha256| base64::encode(sha256.as_bytes()));
        let call = self
            .client
            .publish_version()
            .function_name(function)
            .set_revision_id(revision.map(str::to_owned));
        let answer = call.set_code_sha256(sha256).send().await;
        let answer = answer.map_err(|error| lambda_error(&error, &doing))?;
        let number = answer.version().and_then(|version| version.parse().ok());
        number.ok_or_else(|| incomplete(&doing, "version number"))
    }

    async fn published_versions(&self, function: &str) -> Result<Vec<u64>, PortError> {
        let doing = format!("listing the versions of function {function}");
        let mut versions = Vec::new();
        let mut marker = None;
        loop {
            let call = self.client.list_versions_by_function().function_name(function);
            let answer = call.set_marker(marker).send().await;
            let page = answer.map_err(|error| lambda_error(&error, &doing))?;
            // The one that is no number is $LATEST.
            let numbers = page.versions().iter().filter_map(|config| config.version());
            versions.extend(numbers.filter_map(|number| number.parse::<u64>().ok()));
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                versions.sort_unstable();
                return Ok(versions);
            }
        }
    }
}

/// The request that makes a function. What is at its default is left to the service where it may refuse to hear of it.
pub(super) fn creation(new: NewFunction<'_>) -> Result<CreateFunctionInputBuilder, BuildError> {
    let settings = new.settings;
    let package_type = match &new.code {
        Code::Image(_) => sdk::PackageType::Image,
        Code::Bytes(_) | Code::S3 { .. } => sdk::PackageType::Zip,
    };
    let tenancy = settings.tenant_isolation.as_deref().map(|mode| {
        let config = sdk::TenancyConfig::builder().tenant_isolation_mode(mode.into());
        config.build()
    });
    let file_systems = sdk_file_systems(&settings.file_systems)?;
    let capacity_provider = settings.capacity_provider.as_ref().map(sdk_capacity_provider);
    let overrides = settings.image_overrides.as_ref();
    let input = CreateFunctionInputBuilder::default()
        .function_name(new.name)
        .code(sdk_code(new.code))
        .package_type(package_type)
        .set_tags(Some(sdk_tags(new.tags)))
        .description(&settings.description)
        .set_runtime(settings.runtime.as_deref().map(Into::into))
        .set_handler(settings.handler.clone())
        .role(&settings.role)
        .timeout(settings.timeout_seconds)
        .memory_size(settings.memory_mb)
        .set_architectures(Some(sdk_architectures(&settings.architectures)))
        .ephemeral_storage(sdk_storage(settings.ephemeral_storage_mb)?)
        .environment(sdk_environment(settings.environment.as_ref()))
        .set_layers((!settings.layers.is_empty()).then(|| settings.layers.clone()))
        .set_vpc_config(settings.vpc.as_ref().map(|vpc| sdk_vpc(Some(vpc))))
        .tracing_config(sdk_tracing(&settings.tracing))
        .logging_config(sdk_logging(&settings.logging, None))
        .set_file_system_configs((!file_systems.is_empty()).then_some(file_systems))
        .set_kms_key_arn(settings.kms_key_arn.clone())
        .set_image_config(overrides.map(|overrides| sdk_image_overrides(Some(overrides))))
        .set_durable_config(settings.durable.as_ref().map(sdk_durable))
        .set_tenancy_config(tenancy.transpose()?)
        .set_capacity_provider_config(capacity_provider.transpose()?);
    let dead_letter = settings.dead_letter_target.as_ref();
    let snapped = settings.snap_start != SnapStart::Off;
    Ok(input
        .set_dead_letter_config(dead_letter.map(|target| sdk_dead_letter(Some(target))))
        .set_snap_start(snapped.then(|| sdk_snap_start(settings.snap_start))))
}

/// The request that changes settings. Only what differs: what is not named keeps its value, and what is to go is named empty.
pub(super) fn change(
    function: &str,
    from: &Settings,
    to: &Settings,
) -> Result<UpdateFunctionConfigurationInputBuilder, BuildError> {
    let mut input = plain_changes(function, from, to);
    if from.ephemeral_storage_mb != to.ephemeral_storage_mb {
        input = input.ephemeral_storage(sdk_storage(to.ephemeral_storage_mb)?);
    }
    if from.environment != to.environment {
        input = input.environment(sdk_environment(to.environment.as_ref()));
    }
    if from.layers != to.layers {
        input = input.set_layers(Some(to.layers.clone()));
    }
    if from.vpc != to.vpc {
        input = input.vpc_config(sdk_vpc(to.vpc.as_ref()));
    }
    if from.dead_letter_target != to.dead_letter_target {
        input = input.dead_letter_config(sdk_dead_letter(to.dead_letter_target.as_ref()));
    }
    if from.tracing != to.tracing {
        input = input.tracing_config(sdk_tracing(&to.tracing));
    }
    if from.logging != to.logging {
        let default_group = format!("/aws/lambda/{function}");
        input = input.logging_config(sdk_logging(&to.logging, Some(default_group)));
    }
    if from.snap_start != to.snap_start {
        input = input.snap_start(sdk_snap_start(to.snap_start));
    }
    if from.file_systems != to.file_systems {
        input = input.set_file_system_configs(Some(sdk_file_systems(&to.file_systems)?));
    }
    if from.kms_key_arn != to.kms_key_arn {
        input = input.kms_key_arn(to.kms_key_arn.clone().unwrap_or_default());
    }
    if from.image_overrides != to.image_overrides {
        input = input.image_config(sdk_image_overrides(to.image_overrides.as_ref()));
    }
    if let Some(durable) = to.durable.as_ref().filter(|_| from.durable != to.durable) {
        input = input.durable_config(sdk_durable(durable));
    }
    let provider = to.capacity_provider.as_ref();
    if let Some(provider) = provider.filter(|_| from.capacity_provider != to.capacity_provider) {
        input = input.capacity_provider_config(sdk_capacity_provider(provider)?);
    }
    Ok(input)
}

fn plain_changes(function: &str, from: &Settings, to: &Settings) -> UpdateFunctionConfigurationInputBuilder {
    let changed = |differs: bool, value: &str| differs.then(|| value.to_owned());
    let runtime = to.runtime.as_deref().filter(|_| from.runtime != to.runtime);
    UpdateFunctionConfigurationInputBuilder::default()
        .function_name(function)
        .set_description(changed(from.description != to.description, &to.description))
        .set_runtime(runtime.map(Into::into))
        .set_handler(to.handler.clone().filter(|_| from.handler != to.handler))
        .set_role(changed(from.role != to.role, &to.role))
        .set_timeout((from.timeout_seconds != to.timeout_seconds).then_some(to.timeout_seconds))
        .set_memory_size((from.memory_mb != to.memory_mb).then_some(to.memory_mb))
}

fn sdk_code(code: Code) -> sdk::FunctionCode {
    let builder = sdk::FunctionCode::builder();
    match code {
        Code::Bytes(bytes) => builder.zip_file(Blob::new(bytes)),
        Code::S3 { bucket, key } => builder.s3_bucket(bucket).s3_key(key),
        Code::Image(uri) => builder.image_uri(uri),
    }
    .build()
}
