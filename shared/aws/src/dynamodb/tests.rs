//! What is asked of DynamoDB and what is read from it, without one.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::operation::create_table::CreateTableInput;
use aws_sdk_dynamodb::types as sdk;
use bytes::Bytes;
use holdfast_sources::dynamodb::port::{DropScratchTable, MAX_BATCH_ITEMS, TableStatus, WriteItems};
use holdfast_sources::dynamodb::{
    BillingMode, IndexConfig, KeyAttribute, Projection, ScalarType, StreamConfig, TableConfig, Throughput,
};
use holdfast_vault::PortError;

use super::Tables;
use super::create::{input_of, status_of};
use super::describe::{config_of, not_known};
use crate::Aws;

fn key(names: &[(&str, bool)]) -> Vec<KeyAttribute> {
    let attribute = |&(name, is_sort): &(&str, bool)| KeyAttribute {
        name: name.to_owned(),
        is_sort,
    };
    names.iter().map(attribute).collect()
}

fn index(name: &str, key: Vec<KeyAttribute>, projection: Projection) -> IndexConfig {
    IndexConfig {
        name: name.to_owned(),
        key,
        projection,
        throughput: None,
        on_demand_limits: None,
    }
}

pub(super) fn on_demand() -> TableConfig {
    let types = [
        ("pk", ScalarType::S),
        ("sk", ScalarType::N),
        ("a", ScalarType::B),
        ("b", ScalarType::S),
    ];
    TableConfig {
        key: key(&[("pk", false), ("sk", true)]),
        attributes: types.map(|(name, kind)| (name.to_owned(), kind)).into(),
        global_indexes: vec![
            index("by-a", key(&[("a", false)]), Projection::KeysOnly),
            IndexConfig {
                on_demand_limits: Some(Throughput { read: 9, write: -1 }),
                ..index(
                    "by-b",
                    key(&[("b", false), ("pk", false), ("sk", true), ("a", true)]),
                    Projection::All,
                )
            },
        ],
        local_indexes: vec![index(
            "local",
            key(&[("pk", false), ("b", true)]),
            Projection::Include(vec!["x".to_owned(), "y".to_owned()]),
        )],
        billing: BillingMode::OnDemand,
        on_demand_limits: Some(Throughput { read: -1, write: 50 }),
        warm: None,
        table_class: "STANDARD_INFREQUENT_ACCESS".to_owned(),
        deletion_protection: false,
        kms_key_arn: Some("arn:aws:kms:eu-west-1:111122223333:key/1".to_owned()),
        ttl_attribute: None,
        stream: None,
        point_in_time_recovery_days: None,
        tags: BTreeMap::new(),
        resource_policy: None,
    }
}

pub(super) fn provisioned() -> TableConfig {
    let mut config = on_demand();
    let units = Throughput { read: 5, write: 6 };
    config.billing = BillingMode::Provisioned(units);
    config.on_demand_limits = None;
    for index in &mut config.global_indexes {
        (index.throughput, index.on_demand_limits) = (Some(units), None);
    }
    config
}

fn units(units: Option<sdk::ProvisionedThroughput>) -> Option<sdk::ProvisionedThroughputDescription> {
    let description = sdk::ProvisionedThroughputDescription::builder();
    // On-demand tables are described with zeros.
    let (read, write) = units.map_or((0, 0), |units| (units.read_capacity_units, units.write_capacity_units));
    Some(
        description
            .read_capacity_units(read)
            .write_capacity_units(write)
            .build(),
    )
}

/// What DescribeTable says of a table that was just made.
fn described(input: CreateTableInput) -> sdk::TableDescription {
    let global = input.global_secondary_indexes.into_iter().flatten().map(|index| {
        sdk::GlobalSecondaryIndexDescription::builder()
            .index_name(index.index_name)
            .set_key_schema(Some(index.key_schema))
            .set_projection(index.projection)
            .set_provisioned_throughput(units(index.provisioned_throughput))
            .set_on_demand_throughput(index.on_demand_throughput)
            .index_status(sdk::IndexStatus::Active)
            .build()
    });
    let local = input.local_secondary_indexes.into_iter().flatten().map(|index| {
        sdk::LocalSecondaryIndexDescription::builder()
            .index_name(index.index_name)
            .set_key_schema(Some(index.key_schema))
            .set_projection(index.projection)
            .build()
    });
    let encryption = input.sse_specification.map(|encryption| {
        sdk::SseDescription::builder()
            .status(sdk::SseStatus::Enabled)
            .set_kms_master_key_arn(encryption.kms_master_key_id)
            .build()
    });
    let unused = sdk::AttributeDefinition::builder()
        .attribute_name("vector")
        .attribute_type(sdk::ScalarAttributeType::S)
        .build();
    let mut definitions = input.attribute_definitions.unwrap();
    definitions.insert(0, unused.unwrap());
    sdk::TableDescription::builder()
        .set_table_name(input.table_name)
        .set_attribute_definitions(Some(definitions))
        .set_key_schema(input.key_schema)
        // In another order than they were asked for.
        .set_global_secondary_indexes(Some(global.rev().collect()))
        .set_local_secondary_indexes(Some(local.collect()))
        .set_billing_mode_summary(
            input
                .billing_mode
                .filter(|mode| *mode == sdk::BillingMode::PayPerRequest)
                .map(|mode| sdk::BillingModeSummary::builder().billing_mode(mode).build()),
        )
        .set_provisioned_throughput(units(input.provisioned_throughput))
        .set_on_demand_throughput(input.on_demand_throughput)
        .set_table_class_summary(
            input
                .table_class
                .map(|class| sdk::TableClassSummary::builder().table_class(class).build()),
        )
        .set_sse_description(encryption)
        .table_status(sdk::TableStatus::Active)
        .build()
}

fn plain() -> sdk::TableDescription {
    described(input_of("orders", &provisioned()).unwrap())
}

#[test]
fn what_is_asked_for_is_what_is_read_back() {
    for config in [on_demand(), provisioned()] {
        let input = input_of("orders", &config).unwrap();
        assert_eq!(config_of(described(input)).unwrap(), config);
    }
}

#[test]
fn what_comes_after_the_data_is_not_asked_for() {
    let config = TableConfig {
        deletion_protection: true,
        stream: Some(StreamConfig {
            view_type: "NEW_IMAGE".to_owned(),
        }),
        tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
        resource_policy: Some("{}".to_owned()),
        warm: Some(Throughput { read: 1, write: 1 }),
        ..on_demand()
    };
    assert_eq!(
        input_of("orders", &config).unwrap(),
        input_of("orders", &on_demand()).unwrap()
    );
}

#[test]
fn a_stream_that_is_off_is_none() {
    let stream = |on| {
        let stream = sdk::StreamSpecification::builder().stream_enabled(on);
        let stream = stream.stream_view_type(sdk::StreamViewType::OldImage).build().unwrap();
        let mut table = plain();
        table.stream_specification = Some(stream);
        config_of(table).unwrap().stream.map(|stream| stream.view_type)
    };
    assert_eq!(stream(true).as_deref(), Some("OLD_IMAGE"));
    assert_eq!(stream(false), None);
}

#[test]
fn warm_throughput_is_told_only_where_it_is_above_the_ordinary() {
    let warm = |read, write| {
        let warm = sdk::TableWarmThroughputDescription::builder();
        let mut table = plain();
        table.warm_throughput = Some(warm.read_units_per_second(read).write_units_per_second(write).build());
        config_of(table).unwrap().warm
    };
    assert_eq!(warm(12_000, 4_000), None);
    assert_eq!(warm(0, 0), None);
    assert_eq!(
        warm(12_000, 4_001),
        Some(Throughput {
            read: 12_000,
            write: 4_001
        })
    );
}

#[test]
fn a_key_of_an_unknown_type_is_an_error_and_not_a_guess() {
    let mut table = plain();
    for definition in table.attribute_definitions.iter_mut().flatten() {
        definition.attribute_type = sdk::ScalarAttributeType::from("X");
    }
    assert!(matches!(config_of(table), Err(PortError::Invalid(_))));
}

#[test]
fn indexes_that_cannot_be_stored_are_told() {
    assert_eq!(not_known(&plain()), Vec::<String>::new());
    let mut table = plain();
    let index = sdk::VectorIndexDescription::builder().index_name("by-meaning").build();
    table.vector_indexes = Some(vec![index]);
    let told = not_known(&table);
    assert!(told.len() == 1 && told[0].contains("by-meaning"), "{told:?}");
}

#[test]
fn a_table_is_active_when_its_indexes_are() {
    assert_eq!(status_of(&plain(), "orders"), Ok(TableStatus::Active));
    let mut table = plain();
    for index in table.global_secondary_indexes.iter_mut().flatten() {
        index.index_status = Some(sdk::IndexStatus::Creating);
    }
    assert_eq!(status_of(&table, "orders"), Ok(TableStatus::Busy));
    let mut table = plain();
    table.table_status = Some(sdk::TableStatus::Updating);
    assert_eq!(status_of(&table, "orders"), Ok(TableStatus::Busy));
    table.table_status = Some(sdk::TableStatus::InaccessibleEncryptionCredentials);
    assert!(matches!(status_of(&table, "orders"), Err(PortError::Denied(_))));
}

/// Tables that have nowhere to be: a call would fail otherwise than these tests expect.
fn nowhere() -> Tables {
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
    let aws = Aws::with_config(config.build());
    Tables::new(&aws, "111122223333", &"eu-central-1".parse().unwrap())
}

#[test]
fn only_scratch_tables_are_dropped() {
    for name in ["orders", "holdfast-scratch", "my-holdfast-scratch-1", ""] {
        let error = wait(nowhere().drop_scratch_table(name)).unwrap_err();
        assert!(
            matches!(&error, PortError::Invalid(m) if m.contains("no scratch table")),
            "{error}"
        );
    }
}

#[test]
fn a_batch_that_is_too_large_is_refused_before_it_is_sent() {
    let lines = vec![Bytes::from_static(b"{\"Item\":{}}"); MAX_BATCH_ITEMS + 1];
    let error = wait(nowhere().write_items("orders", lines)).unwrap_err();
    assert!(matches!(error, PortError::Invalid(_)), "{error}");
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}
