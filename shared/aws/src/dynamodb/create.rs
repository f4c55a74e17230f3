//! Making tables and taking scratch tables away.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableInput;
use aws_sdk_dynamodb::types as sdk;
use holdfast_sources::dynamodb::port::{CreateTable, DropScratchTable, SCRATCH_PREFIX, TableStatus};
use holdfast_sources::dynamodb::{
    BillingMode, IndexConfig, KeyAttribute, Projection, ScalarType, TableConfig, Throughput,
};
use holdfast_vault::PortError;

use super::Tables;
use crate::error::{port_error, port_error_of_create};

impl CreateTable for Tables {
    async fn create_table(&self, name: &str, config: &TableConfig) -> Result<(), PortError> {
        let doing = format!("creating table {name}");
        let input = input_of(name, config).map_err(|error| PortError::Invalid(format!("{doing}: {error}")))?;
        let call = self
            .client
            .create_table()
            .set_table_name(input.table_name)
            .set_attribute_definitions(input.attribute_definitions)
            .set_key_schema(input.key_schema)
            .set_local_secondary_indexes(input.local_secondary_indexes)
            .set_global_secondary_indexes(input.global_secondary_indexes)
            .set_billing_mode(input.billing_mode)
            .set_provisioned_throughput(input.provisioned_throughput)
            .set_on_demand_throughput(input.on_demand_throughput)
            .set_table_class(input.table_class)
            .set_sse_specification(input.sse_specification);
        call.send()
            .await
            .map_err(|error| port_error_of_create(&error, &doing))?;
        Ok(())
    }

    async fn table_status(&self, name: &str) -> Result<TableStatus, PortError> {
        status_of(&self.describe(name).await?, name)
    }
}

impl DropScratchTable for Tables {
    async fn drop_scratch_table(&self, name: &str) -> Result<(), PortError> {
        let doing = format!("deleting scratch table {name}");
        if !name.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!(
                "{doing}: no scratch table's name ({SCRATCH_PREFIX}…)"
            )));
        }
        let answer = self.client.delete_table().table_name(name).send().await;
        match answer.map_err(|error| port_error(&error, &doing)) {
            Ok(_) | Err(PortError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a table and all its indexes can be used.
pub(super) fn status_of(table: &sdk::TableDescription, name: &str) -> Result<TableStatus, PortError> {
    use sdk::TableStatus as Sdk;
    let mut indexes = table.global_secondary_indexes.iter().flatten();
    match &table.table_status {
        Some(Sdk::Active) if indexes.all(|index| index.index_status == Some(sdk::IndexStatus::Active)) => {
            Ok(TableStatus::Active)
        }
        // Waiting does not help these.
        Some(
            status @ (Sdk::Archived
            | Sdk::Archiving
            | Sdk::InaccessibleEncryptionCredentials
            | Sdk::ReplicationNotAuthorized),
        ) => Err(PortError::Denied(format!(
            "table {name} is {status}: see to its KMS key and its permissions"
        ))),
        _ => Ok(TableStatus::Busy),
    }
}

/// The request that makes a table. Stream, time to live, recovery, tags, policy and deletion protection come after the data.
pub(super) fn input_of(name: &str, config: &TableConfig) -> Result<CreateTableInput, BuildError> {
    let definitions = config.attributes.iter().map(|(name, kind)| {
        let kind = match kind {
            ScalarType::S => sdk::ScalarAttributeType::S,
            ScalarType::N => sdk::ScalarAttributeType::N,
            ScalarType::B => sdk::ScalarAttributeType::B,
        };
        sdk::AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind)
            .build()
    });
    let global = config
        .global_indexes
        .iter()
        .map(global_index)
        .collect::<Result<Vec<_>, _>>()?;
    let local = config
        .local_indexes
        .iter()
        .map(local_index)
        .collect::<Result<Vec<_>, _>>()?;
    let (billing_mode, throughput) = billing_of(&config.billing)?;
    let encryption = config.kms_key_arn.as_ref().map(|key| {
        let encryption = sdk::SseSpecification::builder()
            .enabled(true)
            .sse_type(sdk::SseType::Kms);
        encryption.kms_master_key_id(key).build()
    });
    CreateTableInput::builder()
        .table_name(name)
        .set_attribute_definitions(Some(definitions.collect::<Result<_, _>>()?))
        .set_key_schema(Some(key_schema(&config.key)?))
        // An empty list is refused.
        .set_global_secondary_indexes((!global.is_empty()).then_some(global))
        .set_local_secondary_indexes((!local.is_empty()).then_some(local))
        .billing_mode(billing_mode)
        .set_provisioned_throughput(throughput)
        .set_on_demand_throughput(config.on_demand_limits.map(ceilings))
        .table_class(sdk::TableClass::from(config.table_class.as_str()))
        .set_sse_specification(encryption)
        .build()
}

pub(super) fn billing_of(
    billing: &BillingMode,
) -> Result<(sdk::BillingMode, Option<sdk::ProvisionedThroughput>), BuildError> {
    match billing {
        BillingMode::OnDemand => Ok((sdk::BillingMode::PayPerRequest, None)),
        BillingMode::Provisioned(units) => Ok((sdk::BillingMode::Provisioned, Some(provisioned(*units)?))),
    }
}

fn key_schema(key: &[KeyAttribute]) -> Result<Vec<sdk::KeySchemaElement>, BuildError> {
    let element = |key: &KeyAttribute| {
        let role = if key.is_sort {
            sdk::KeyType::Range
        } else {
            sdk::KeyType::Hash
        };
        sdk::KeySchemaElement::builder()
            .attribute_name(&key.name)
            .key_type(role)
            .build()
    };
    key.iter().map(element).collect()
}

fn projection(projection: &Projection) -> sdk::Projection {
    let builder = sdk::Projection::builder();
    match projection {
        Projection::All => builder.projection_type(sdk::ProjectionType::All).build(),
        Projection::KeysOnly => builder.projection_type(sdk::ProjectionType::KeysOnly).build(),
        Projection::Include(names) => {
            let builder = builder.projection_type(sdk::ProjectionType::Include);
            builder.set_non_key_attributes(Some(names.clone())).build()
        }
    }
}

fn global_index(index: &IndexConfig) -> Result<sdk::GlobalSecondaryIndex, BuildError> {
    sdk::GlobalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(key_schema(&index.key)?))
        .projection(projection(&index.projection))
        .set_provisioned_throughput(index.throughput.map(provisioned).transpose()?)
        .set_on_demand_throughput(index.on_demand_limits.map(ceilings))
        .build()
}

fn local_index(index: &IndexConfig) -> Result<sdk::LocalSecondaryIndex, BuildError> {
    sdk::LocalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(key_schema(&index.key)?))
        .projection(projection(&index.projection))
        .build()
}

pub(super) fn provisioned(units: Throughput) -> Result<sdk::ProvisionedThroughput, BuildError> {
    sdk::ProvisionedThroughput::builder()
        .read_capacity_units(units.read)
        .write_capacity_units(units.write)
        .build()
}

pub(super) fn ceilings(units: Throughput) -> sdk::OnDemandThroughput {
    let ceiling = |units: i64| (units > 0).then_some(units);
    sdk::OnDemandThroughput::builder()
        .set_max_read_request_units(ceiling(units.read))
        .set_max_write_request_units(ceiling(units.write))
        .build()
}
