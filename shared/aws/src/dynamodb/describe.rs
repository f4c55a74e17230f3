//! Reading a table's settings.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types as sdk;
use aws_sdk_dynamodb::types::TableDescription;
use holdfast_sources::dynamodb::port::{ReadTable, TableReading};
use holdfast_sources::dynamodb::{
    BillingMode, IndexConfig, KeyAttribute, Projection, ScalarType, StreamConfig, TableConfig, Throughput,
};
use holdfast_vault::PortError;

use super::{Tables, arn_of};
use crate::error::{code_of, port_error};

/// What every on-demand table is warm for, and what no table is below: more than this was set by somebody or grew with traffic.
const BASE_WARM: Throughput = Throughput {
    read: 12_000,
    write: 4_000,
};

impl ReadTable for Tables {
    async fn read_table(&self, name: &str) -> Result<TableReading, PortError> {
        let description = self.describe(name).await?;
        let arn = arn_of(&description, name)?;
        let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        let (approximate_items, approximate_bytes) =
            (count(description.item_count), count(description.table_size_bytes));
        let mut unreadable = not_known(&description);
        let stream_arn = description.latest_stream_arn.clone();
        let mut config = config_of(description).map_err(|error| error.doing(&format!("reading table {name}")))?;
        let (ttl, recovery, tags, policy) = futures::join!(
            self.time_to_live(name),
            self.recovery_days(name),
            self.tags(&arn),
            self.resource_policy(&arn),
        );
        config.ttl_attribute = read(&mut unreadable, "time to live", ttl);
        config.point_in_time_recovery_days = read(&mut unreadable, "point-in-time recovery", recovery);
        config.tags = read(&mut unreadable, "tags", tags);
        config.resource_policy = read(&mut unreadable, "resource policy", policy);
        Ok(TableReading {
            // DescribeTable goes on naming a stream that was disabled.
            stream_arn: stream_arn.filter(|_| config.stream.is_some()),
            config,
            arn,
            approximate_items,
            approximate_bytes,
            unreadable,
        })
    }
}

/// What was read; nothing, and a word about it, where reading failed.
fn read<T: Default>(unreadable: &mut Vec<String>, what: &str, result: Result<T, PortError>) -> T {
    result.unwrap_or_else(|error| {
        unreadable.push(format!("{what}: {error}"));
        T::default()
    })
}

impl Tables {
    async fn time_to_live(&self, name: &str) -> Result<Option<String>, PortError> {
        use sdk::TimeToLiveStatus::{Enabled, Enabling};
        let description = self.describe_time_to_live(name).await?;
        let description = description.filter(|ttl| matches!(ttl.time_to_live_status, Some(Enabled | Enabling)));
        Ok(description.and_then(|ttl| ttl.attribute_name))
    }

    pub(super) async fn describe_time_to_live(
        &self,
        name: &str,
    ) -> Result<Option<sdk::TimeToLiveDescription>, PortError> {
        let answer = self.client.describe_time_to_live().table_name(name).send().await;
        let answer = answer.map_err(|error| port_error(&error, &format!("describing time to live of table {name}")))?;
        Ok(answer.time_to_live_description)
    }

    async fn recovery_days(&self, name: &str) -> Result<Option<u32>, PortError> {
        let answer = self.client.describe_continuous_backups().table_name(name).send().await;
        let answer =
            answer.map_err(|error| port_error(&error, &format!("describing continuous backups of table {name}")))?;
        let recovery = answer
            .continuous_backups_description
            .and_then(|backups| backups.point_in_time_recovery_description);
        let enabled = recovery
            .filter(|recovery| recovery.point_in_time_recovery_status == Some(sdk::PointInTimeRecoveryStatus::Enabled));
        let days = |recovery: sdk::PointInTimeRecoveryDescription| {
            recovery
                .recovery_period_in_days
                .and_then(|days| u32::try_from(days).ok())
                .unwrap_or_default()
        };
        Ok(enabled.map(days))
    }

    async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, PortError> {
        let mut tags = BTreeMap::new();
        let mut token = None;
        loop {
            let answer = self
                .client
                .list_tags_of_resource()
                .resource_arn(arn)
                .set_next_token(token)
                .send()
                .await;
            let answer = answer.map_err(|error| port_error(&error, &format!("listing tags of {arn}")))?;
            // Reserved ones cannot be set by us or anybody.
            let own = answer
                .tags
                .unwrap_or_default()
                .into_iter()
                .filter(|tag| !tag.key.starts_with("aws:"));
            tags.extend(own.map(|tag| (tag.key, tag.value)));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(tags);
            }
        }
    }

    async fn resource_policy(&self, arn: &str) -> Result<Option<String>, PortError> {
        match self.client.get_resource_policy().resource_arn(arn).send().await {
            Ok(answer) => Ok(answer.policy.filter(|policy| !policy.is_empty())),
            Err(error) if code_of(&error) == Some("PolicyNotFoundException") => Ok(None),
            Err(error) => Err(port_error(&error, &format!("reading the resource policy of {arn}"))),
        }
    }
}

/// What a table has that a [`TableConfig`] cannot say and that would be lost.
pub(super) fn not_known(description: &TableDescription) -> Vec<String> {
    let indexes = description.vector_indexes.iter().flatten();
    indexes
        .map(|index| {
            let name = index.index_name.as_deref().unwrap_or_default();
            format!("vector index {name}: this release does not store vector indexes; keep its definition elsewhere")
        })
        .collect()
}

/// The configuration as far as DescribeTable knows it.
pub(super) fn config_of(description: TableDescription) -> Result<TableConfig, PortError> {
    let provisioned = units(description.provisioned_throughput.as_ref());
    let on_demand = description
        .billing_mode_summary
        .as_ref()
        .is_some_and(|summary| summary.billing_mode == Some(sdk::BillingMode::PayPerRequest));
    let billing = if on_demand {
        BillingMode::OnDemand
    } else {
        BillingMode::Provisioned(provisioned)
    };
    let key = key_of(description.key_schema)?;
    let global_indexes = global_indexes(description.global_secondary_indexes, on_demand)?;
    let local_indexes = local_indexes(description.local_secondary_indexes)?;
    let used = (global_indexes.iter().chain(&local_indexes))
        .flat_map(|index| &index.key)
        .chain(&key);
    let used: BTreeSet<&str> = used.map(|key| key.name.as_str()).collect();
    let attributes = attributes_of(description.attribute_definitions.unwrap_or_default(), &used)?;
    Ok(TableConfig {
        key,
        attributes,
        global_indexes,
        local_indexes,
        billing,
        on_demand_limits: limits_of(description.on_demand_throughput.as_ref()),
        warm: description.warm_throughput.and_then(|warm| warm_of(&warm, provisioned)),
        table_class: description
            .table_class_summary
            .and_then(|summary| summary.table_class)
            .unwrap_or(sdk::TableClass::Standard)
            .as_str()
            .to_owned(),
        deletion_protection: description.deletion_protection_enabled.unwrap_or_default(),
        kms_key_arn: description.sse_description.and_then(key_arn_of),
        ttl_attribute: None,
        stream: description.stream_specification.and_then(stream_of),
        point_in_time_recovery_days: None,
        tags: BTreeMap::new(),
        resource_policy: None,
    })
}

/// In order of name: the service lists them in no particular one, and the document must not change when the table does not.
fn global_indexes(
    indexes: Option<Vec<sdk::GlobalSecondaryIndexDescription>>,
    on_demand: bool,
) -> Result<Vec<IndexConfig>, PortError> {
    let read = |index: sdk::GlobalSecondaryIndexDescription| {
        let throughput = (!on_demand).then(|| units(index.provisioned_throughput.as_ref()));
        let limits = limits_of(index.on_demand_throughput.as_ref());
        index_of(index.index_name, index.key_schema, index.projection, throughput, limits)
    };
    let mut indexes: Vec<_> = indexes
        .unwrap_or_default()
        .into_iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    indexes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(indexes)
}

fn local_indexes(indexes: Option<Vec<sdk::LocalSecondaryIndexDescription>>) -> Result<Vec<IndexConfig>, PortError> {
    let read = |index: sdk::LocalSecondaryIndexDescription| {
        index_of(index.index_name, index.key_schema, index.projection, None, None)
    };
    let mut indexes: Vec<_> = indexes
        .unwrap_or_default()
        .into_iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    indexes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(indexes)
}

fn units(throughput: Option<&sdk::ProvisionedThroughputDescription>) -> Throughput {
    Throughput {
        read: throughput
            .and_then(|units| units.read_capacity_units)
            .unwrap_or_default(),
        write: throughput
            .and_then(|units| units.write_capacity_units)
            .unwrap_or_default(),
    }
}

/// Ceilings, where there is one; the service says -1, or nothing, for none.
fn limits_of(limits: Option<&sdk::OnDemandThroughput>) -> Option<Throughput> {
    let ceiling = |units: Option<i64>| units.filter(|units| *units > 0).unwrap_or(-1);
    let limits = limits?;
    let limits = Throughput {
        read: ceiling(limits.max_read_request_units),
        write: ceiling(limits.max_write_request_units),
    };
    (limits.read > 0 || limits.write > 0).then_some(limits)
}

fn warm_of(warm: &sdk::TableWarmThroughputDescription, provisioned: Throughput) -> Option<Throughput> {
    let warm = Throughput {
        read: warm.read_units_per_second.unwrap_or_default(),
        write: warm.write_units_per_second.unwrap_or_default(),
    };
    let above = warm.read > BASE_WARM.read.max(provisioned.read) || warm.write > BASE_WARM.write.max(provisioned.write);
    above.then_some(warm)
}

fn key_of(schema: Option<Vec<sdk::KeySchemaElement>>) -> Result<Vec<KeyAttribute>, PortError> {
    let attribute = |element: sdk::KeySchemaElement| match element.key_type {
        sdk::KeyType::Hash => Ok(KeyAttribute {
            name: element.attribute_name,
            is_sort: false,
        }),
        sdk::KeyType::Range => Ok(KeyAttribute {
            name: element.attribute_name,
            is_sort: true,
        }),
        other => Err(not_known_yet(&format!(
            "key attribute {} is of type {other}",
            element.attribute_name
        ))),
    };
    schema.unwrap_or_default().into_iter().map(attribute).collect()
}

fn index_of(
    name: Option<String>,
    schema: Option<Vec<sdk::KeySchemaElement>>,
    projection: Option<sdk::Projection>,
    throughput: Option<Throughput>,
    on_demand_limits: Option<Throughput>,
) -> Result<IndexConfig, PortError> {
    let name = name.unwrap_or_default();
    let projection = match projection
        .as_ref()
        .and_then(|projection| projection.projection_type.as_ref())
    {
        None | Some(sdk::ProjectionType::All) => Projection::All,
        Some(sdk::ProjectionType::KeysOnly) => Projection::KeysOnly,
        Some(sdk::ProjectionType::Include) => {
            let mut names = projection
                .and_then(|projection| projection.non_key_attributes)
                .unwrap_or_default();
            names.sort_unstable();
            Projection::Include(names)
        }
        Some(other) => return Err(not_known_yet(&format!("index {name} has a projection of type {other}"))),
    };
    Ok(IndexConfig {
        name,
        key: key_of(schema)?,
        projection,
        throughput,
        on_demand_limits,
    })
}

/// Types of the attributes that keys use. CreateTable refuses others, which indexes of unknown sorts may have brought.
fn attributes_of(
    definitions: Vec<sdk::AttributeDefinition>,
    used: &BTreeSet<&str>,
) -> Result<BTreeMap<String, ScalarType>, PortError> {
    let kind = |definition: &sdk::AttributeDefinition| match definition.attribute_type {
        sdk::ScalarAttributeType::S => Ok(ScalarType::S),
        sdk::ScalarAttributeType::N => Ok(ScalarType::N),
        sdk::ScalarAttributeType::B => Ok(ScalarType::B),
        ref other => Err(not_known_yet(&format!(
            "attribute {} is of type {other}",
            definition.attribute_name
        ))),
    };
    let definitions = definitions
        .into_iter()
        .filter(|definition| used.contains(definition.attribute_name.as_str()));
    definitions
        .map(|definition| Ok((definition.attribute_name.clone(), kind(&definition)?)))
        .collect()
}

fn not_known_yet(what: &str) -> PortError {
    PortError::Invalid(format!("{what}, which this release does not know: update Holdfast"))
}

fn key_arn_of(encryption: sdk::SseDescription) -> Option<String> {
    let off = matches!(
        encryption.status,
        Some(sdk::SseStatus::Disabled | sdk::SseStatus::Disabling)
    );
    encryption.kms_master_key_arn.filter(|_| !off)
}

fn stream_of(stream: sdk::StreamSpecification) -> Option<StreamConfig> {
    let view_type = stream.stream_view_type.filter(|_| stream.stream_enabled)?;
    Some(StreamConfig {
        view_type: view_type.as_str().to_owned(),
    })
}
