//! Event source mappings between the service's types and the JSON that a recovery point keeps: its names are those of
//! CreateEventSourceMapping, so that a person can hand it to the command line.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::operation::create_event_source_mapping::builders::CreateEventSourceMappingInputBuilder;
use aws_sdk_lambda::primitives::{DateTime, DateTimeFormat};
use aws_sdk_lambda::types as sdk;
use holdfast_sources::lambda::EventSource;
use holdfast_vault::PortError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::sdk_tags;

/// Everything about a mapping but its ends, its state and its tags.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Wiring {
    batch_size: Option<i32>,
    maximum_batching_window_in_seconds: Option<i32>,
    filter_criteria: Option<Filters>,
    function_response_types: Option<Vec<String>>,
    starting_position: Option<String>,
    starting_position_timestamp: Option<String>,
    parallelization_factor: Option<i32>,
    maximum_record_age_in_seconds: Option<i32>,
    maximum_retry_attempts: Option<i32>,
    bisect_batch_on_function_error: Option<bool>,
    tumbling_window_in_seconds: Option<i32>,
    destination_config: Option<Destinations>,
    scaling_config: Option<Scaling>,
    metrics_config: Option<Metrics>,
    logging_config: Option<Logging>,
    provisioned_poller_config: Option<Pollers>,
    topics: Option<Vec<String>>,
    queues: Option<Vec<String>>,
    source_access_configurations: Option<Vec<Access>>,
    self_managed_event_source: Option<SelfManaged>,
    amazon_managed_kafka_event_source_config: Option<Kafka>,
    self_managed_kafka_event_source_config: Option<Kafka>,
    #[serde(rename = "DocumentDBEventSourceConfig")]
    document_db_event_source_config: Option<DocumentDb>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filters {
    filters: Vec<Filter>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Destinations {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    destination: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Scaling {
    maximum_concurrency: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Metrics {
    metrics: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Logging {
    system_log_level: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pollers {
    minimum_pollers: Option<i32>,
    maximum_pollers: Option<i32>,
    poller_group_name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "URI")]
    uri: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SelfManaged {
    endpoints: BTreeMap<String, Vec<String>>,
}

/// Of managed and self-managed clusters alike; only the latter have a consumption mode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Kafka {
    consumer_group_id: Option<String>,
    consumption_mode: Option<String>,
    schema_registry_config: Option<SchemaRegistry>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SchemaRegistry {
    #[serde(rename = "SchemaRegistryURI")]
    schema_registry_uri: Option<String>,
    event_record_format: Option<String>,
    access_configs: Option<Vec<Access>>,
    schema_validation_configs: Option<Vec<Validation>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Validation {
    attribute: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DocumentDb {
    database_name: Option<String>,
    collection_name: Option<String>,
    full_document: Option<String>,
}

/// Whether a mapping is on its way out, so that there is nothing to keep.
pub(super) fn is_being_removed(mapping: &sdk::EventSourceMappingConfiguration) -> bool {
    mapping.state() == Some("Deleting")
}

/// A mapping as a recovery point keeps it, but for its tags.
///
/// # Errors
/// `Unavailable` when the answer makes no sense.
pub(super) fn source_of(
    mapping: &sdk::EventSourceMappingConfiguration,
    qualifier: Option<String>,
) -> Result<EventSource, PortError> {
    let Ok(Value::Object(settings)) = serde_json::to_value(wiring_of(mapping)).map(without_nulls) else {
        let what = "reading an event source mapping: the answer makes no sense";
        return Err(PortError::Unavailable(what.to_owned()));
    };
    Ok(EventSource {
        source_arn: mapping
            .event_source_arn()
            .filter(|arn| !arn.is_empty())
            .map(str::to_owned),
        qualifier,
        // While it changes, its state says where it is going.
        enabled: !matches!(mapping.state(), Some("Disabled" | "Disabling")),
        settings: settings.into_iter().collect(),
        tags: BTreeMap::new(),
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let full = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(full.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        plain => plain,
    }
}

/// What the service reports although nobody set it (no window, no filter, no destination) is left out: for sources of some
/// kinds it refuses it when it is sent back.
fn wiring_of(mapping: &sdk::EventSourceMappingConfiguration) -> Wiring {
    let over_zero = |number: Option<i32>| number.filter(|number| *number != 0);
    let position_time = mapping.starting_position_timestamp();
    let metrics = mapping.metrics_config().and_then(|config| names(config.metrics()));
    Wiring {
        batch_size: mapping.batch_size(),
        maximum_batching_window_in_seconds: over_zero(mapping.maximum_batching_window_in_seconds()),
        filter_criteria: filters_of(mapping),
        function_response_types: names(mapping.function_response_types()),
        starting_position: mapping.starting_position().map(ToString::to_string),
        starting_position_timestamp: position_time.and_then(|time| time.fmt(DateTimeFormat::DateTime).ok()),
        parallelization_factor: mapping.parallelization_factor(),
        maximum_record_age_in_seconds: mapping.maximum_record_age_in_seconds(),
        maximum_retry_attempts: mapping.maximum_retry_attempts(),
        bisect_batch_on_function_error: mapping.bisect_batch_on_function_error(),
        tumbling_window_in_seconds: over_zero(mapping.tumbling_window_in_seconds()),
        destination_config: destinations_of(mapping),
        scaling_config: mapping.scaling_config().map(|config| Scaling {
            maximum_concurrency: config.maximum_concurrency(),
        }),
        metrics_config: metrics.map(|metrics| Metrics { metrics }),
        logging_config: mapping.logging_config().map(|config| Logging {
            system_log_level: config.system_log_level().map(ToString::to_string),
        }),
        provisioned_poller_config: mapping.provisioned_poller_config().map(|config| Pollers {
            minimum_pollers: config.minimum_pollers(),
            maximum_pollers: config.maximum_pollers(),
            poller_group_name: owned(config.poller_group_name()),
        }),
        topics: names(mapping.topics()),
        queues: names(mapping.queues()),
        source_access_configurations: accesses_of(mapping),
        self_managed_event_source: mapping.self_managed_event_source().and_then(self_managed_of),
        amazon_managed_kafka_event_source_config: mapping
            .amazon_managed_kafka_event_source_config()
            .map(managed_kafka_of),
        self_managed_kafka_event_source_config: mapping
            .self_managed_kafka_event_source_config()
            .map(self_managed_kafka_of),
        document_db_event_source_config: mapping.document_db_event_source_config().map(|config| DocumentDb {
            database_name: owned(config.database_name()),
            collection_name: owned(config.collection_name()),
            full_document: config.full_document().map(ToString::to_string),
        }),
        kms_key_arn: owned(mapping.kms_key_arn()).filter(|arn| !arn.is_empty()),
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn names<T: ToString>(list: &[T]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.iter().map(ToString::to_string).collect())
}

fn filters_of(mapping: &sdk::EventSourceMappingConfiguration) -> Option<Filters> {
    let filters = mapping.filter_criteria()?.filters().iter();
    let filter = |filter: &sdk::Filter| Filter {
        pattern: owned(filter.pattern()),
    };
    let filters: Vec<Filter> = filters.map(filter).collect();
    (!filters.is_empty()).then_some(Filters { filters })
}

fn destinations_of(mapping: &sdk::EventSourceMappingConfiguration) -> Option<Destinations> {
    let config = mapping.destination_config()?;
    let to = |arn: Option<&str>| {
        let arn = arn.filter(|arn| !arn.is_empty())?;
        Some(Destination {
            destination: arn.to_owned(),
        })
    };
    let destinations = Destinations {
        on_success: to(config.on_success().and_then(sdk::OnSuccess::destination)),
        on_failure: to(config.on_failure().and_then(sdk::OnFailure::destination)),
    };
    (destinations != Destinations::default()).then_some(destinations)
}

fn accesses_of(mapping: &sdk::EventSourceMappingConfiguration) -> Option<Vec<Access>> {
    let list = mapping.source_access_configurations();
    let access = |config: &sdk::SourceAccessConfiguration| Access {
        kind: config.r#type().map(ToString::to_string),
        uri: owned(config.uri()),
    };
    (!list.is_empty()).then(|| list.iter().map(access).collect())
}

fn self_managed_of(source: &sdk::SelfManagedEventSource) -> Option<SelfManaged> {
    let endpoints = source.endpoints()?.iter();
    let endpoints = endpoints.map(|(kind, hosts)| (kind.to_string(), hosts.clone()));
    Some(SelfManaged {
        endpoints: endpoints.collect(),
    })
}

fn managed_kafka_of(config: &sdk::AmazonManagedKafkaEventSourceConfig) -> Kafka {
    Kafka {
        consumer_group_id: owned(config.consumer_group_id()),
        consumption_mode: None,
        schema_registry_config: config.schema_registry_config().map(registry_of),
    }
}

fn self_managed_kafka_of(config: &sdk::SelfManagedKafkaEventSourceConfig) -> Kafka {
    Kafka {
        consumer_group_id: owned(config.consumer_group_id()),
        consumption_mode: config.consumption_mode().map(ToString::to_string),
        schema_registry_config: config.schema_registry_config().map(registry_of),
    }
}

fn registry_of(config: &sdk::KafkaSchemaRegistryConfig) -> SchemaRegistry {
    let access = |config: &sdk::KafkaSchemaRegistryAccessConfig| Access {
        kind: config.r#type().map(ToString::to_string),
        uri: owned(config.uri()),
    };
    let validation = |config: &sdk::KafkaSchemaValidationConfig| Validation {
        attribute: config.attribute().map(ToString::to_string),
    };
    let (accesses, validations) = (config.access_configs(), config.schema_validation_configs());
    SchemaRegistry {
        schema_registry_uri: owned(config.schema_registry_uri()),
        event_record_format: config.event_record_format().map(ToString::to_string),
        access_configs: (!accesses.is_empty()).then(|| accesses.iter().map(access).collect()),
        schema_validation_configs: (!validations.is_empty()).then(|| validations.iter().map(validation).collect()),
    }
}

/// The request that makes a mapping.
///
/// # Errors
/// `Invalid` when the document has a setting that this release does not know, or one of another form.
pub(super) fn creation(
    function: &str,
    source: &EventSource,
) -> Result<CreateEventSourceMappingInputBuilder, PortError> {
    let settings: serde_json::Map<String, Value> = source.settings.clone().into_iter().collect();
    let wiring: Wiring = serde_json::from_value(Value::Object(settings))
        .map_err(|error| PortError::Invalid(format!("a setting that this release cannot make: {error}")))?;
    let invoked = match &source.qualifier {
        None => function.to_owned(),
        Some(qualifier) => format!("{function}:{qualifier}"),
    };
    let input = CreateEventSourceMappingInputBuilder::default()
        .function_name(invoked)
        .enabled(source.enabled)
        .set_event_source_arn(source.source_arn.clone())
        .set_tags((!source.tags.is_empty()).then(|| sdk_tags(&source.tags)))
        .set_batch_size(wiring.batch_size)
        .set_maximum_batching_window_in_seconds(wiring.maximum_batching_window_in_seconds)
        .set_filter_criteria(wiring.filter_criteria.as_ref().map(sdk_filters))
        .set_function_response_types(typed(wiring.function_response_types.as_ref()))
        .set_kms_key_arn(wiring.kms_key_arn.clone());
    Ok(with_cluster(
        with_pollers(with_stream(input, &wiring)?, &wiring),
        &wiring,
    ))
}

/// What concerns streams.
fn with_stream(
    input: CreateEventSourceMappingInputBuilder,
    wiring: &Wiring,
) -> Result<CreateEventSourceMappingInputBuilder, PortError> {
    let time = wiring.starting_position_timestamp.as_deref();
    let time = time
        .map(|time| DateTime::from_str(time, DateTimeFormat::DateTime))
        .transpose();
    let time = time.map_err(|error| PortError::Invalid(format!("StartingPositionTimestamp: {error}")))?;
    Ok(input
        .set_starting_position(wiring.starting_position.as_deref().map(Into::into))
        .set_starting_position_timestamp(time)
        .set_parallelization_factor(wiring.parallelization_factor)
        .set_maximum_record_age_in_seconds(wiring.maximum_record_age_in_seconds)
        .set_maximum_retry_attempts(wiring.maximum_retry_attempts)
        .set_bisect_batch_on_function_error(wiring.bisect_batch_on_function_error)
        .set_tumbling_window_in_seconds(wiring.tumbling_window_in_seconds)
        .set_destination_config(wiring.destination_config.clone().map(sdk_destinations)))
}

/// What concerns the service's pollers.
fn with_pollers(input: CreateEventSourceMappingInputBuilder, wiring: &Wiring) -> CreateEventSourceMappingInputBuilder {
    let scaling = wiring.scaling_config.as_ref().map(|scaling| {
        let config = sdk::ScalingConfig::builder();
        config.set_maximum_concurrency(scaling.maximum_concurrency).build()
    });
    let metrics = wiring.metrics_config.as_ref().map(|metrics| {
        let config = sdk::EventSourceMappingMetricsConfig::builder();
        config.set_metrics(typed(Some(&metrics.metrics))).build()
    });
    let logging = wiring.logging_config.as_ref().map(|logging| {
        let level = logging.system_log_level.as_deref().map(Into::into);
        let config = sdk::EventSourceMappingLoggingConfig::builder();
        config.set_system_log_level(level).build()
    });
    let pollers = wiring.provisioned_poller_config.clone().map(|pollers| {
        sdk::ProvisionedPollerConfig::builder()
            .set_minimum_pollers(pollers.minimum_pollers)
            .set_maximum_pollers(pollers.maximum_pollers)
            .set_poller_group_name(pollers.poller_group_name)
            .build()
    });
    input
        .set_scaling_config(scaling)
        .set_metrics_config(metrics)
        .set_logging_config(logging)
        .set_provisioned_poller_config(pollers)
}

/// What concerns brokers, clusters and databases.
fn with_cluster(input: CreateEventSourceMappingInputBuilder, wiring: &Wiring) -> CreateEventSourceMappingInputBuilder {
    let managed = wiring.amazon_managed_kafka_event_source_config.as_ref().map(|kafka| {
        sdk::AmazonManagedKafkaEventSourceConfig::builder()
            .set_consumer_group_id(kafka.consumer_group_id.clone())
            .set_schema_registry_config(kafka.schema_registry_config.as_ref().map(sdk_registry))
            .build()
    });
    let self_managed = wiring.self_managed_kafka_event_source_config.as_ref().map(|kafka| {
        sdk::SelfManagedKafkaEventSourceConfig::builder()
            .set_consumer_group_id(kafka.consumer_group_id.clone())
            .set_consumption_mode(kafka.consumption_mode.as_deref().map(Into::into))
            .set_schema_registry_config(kafka.schema_registry_config.as_ref().map(sdk_registry))
            .build()
    });
    let endpoints = wiring.self_managed_event_source.as_ref().map(|source| {
        let endpoints = source.endpoints.iter();
        let endpoints: HashMap<sdk::EndPointType, Vec<String>> = endpoints
            .map(|(kind, hosts)| (kind.as_str().into(), hosts.clone()))
            .collect();
        sdk::SelfManagedEventSource::builder()
            .set_endpoints(Some(endpoints))
            .build()
    });
    let document_db = wiring.document_db_event_source_config.clone().map(|config| {
        sdk::DocumentDbEventSourceConfig::builder()
            .set_database_name(config.database_name)
            .set_collection_name(config.collection_name)
            .set_full_document(config.full_document.as_deref().map(Into::into))
            .build()
    });
    let access = |access: &Access| {
        let config = sdk::SourceAccessConfiguration::builder().set_uri(access.uri.clone());
        config.set_type(access.kind.as_deref().map(Into::into)).build()
    };
    let accesses = wiring.source_access_configurations.as_ref();
    input
        .set_topics(wiring.topics.clone())
        .set_queues(wiring.queues.clone())
        .set_source_access_configurations(accesses.map(|list| list.iter().map(access).collect()))
        .set_self_managed_event_source(endpoints)
        .set_amazon_managed_kafka_event_source_config(managed)
        .set_self_managed_kafka_event_source_config(self_managed)
        .set_document_db_event_source_config(document_db)
}

fn typed<T: for<'a> From<&'a str>>(names: Option<&Vec<String>>) -> Option<Vec<T>> {
    names.map(|names| names.iter().map(|name| T::from(name.as_str())).collect())
}

fn sdk_filters(filters: &Filters) -> sdk::FilterCriteria {
    let filter = |filter: &Filter| sdk::Filter::builder().set_pattern(filter.pattern.clone()).build();
    let filters = filters.filters.iter().map(filter).collect();
    sdk::FilterCriteria::builder().set_filters(Some(filters)).build()
}

fn sdk_destinations(destinations: Destinations) -> sdk::DestinationConfig {
    let success = |to: Destination| sdk::OnSuccess::builder().destination(to.destination).build();
    let failure = |to: Destination| sdk::OnFailure::builder().destination(to.destination).build();
    sdk::DestinationConfig::builder()
        .set_on_success(destinations.on_success.map(success))
        .set_on_failure(destinations.on_failure.map(failure))
        .build()
}

fn sdk_registry(registry: &SchemaRegistry) -> sdk::KafkaSchemaRegistryConfig {
    let access = |access: &Access| {
        let config = sdk::KafkaSchemaRegistryAccessConfig::builder().set_uri(access.uri.clone());
        config.set_type(access.kind.as_deref().map(Into::into)).build()
    };
    let validation = |validation: &Validation| {
        let config = sdk::KafkaSchemaValidationConfig::builder();
        config
            .set_attribute(validation.attribute.as_deref().map(Into::into))
            .build()
    };
    let accesses = registry.access_configs.as_ref();
    let validations = registry.schema_validation_configs.as_ref();
    sdk::KafkaSchemaRegistryConfig::builder()
        .set_schema_registry_uri(registry.schema_registry_uri.clone())
        .set_event_record_format(registry.event_record_format.as_deref().map(Into::into))
        .set_access_configs(accesses.map(|list| list.iter().map(access).collect()))
        .set_schema_validation_configs(validations.map(|list| list.iter().map(validation).collect()))
        .build()
}
