//! Configurations that DynamoDB accepts.

use holdfast_sources::dynamodb::{
    BillingMode, IndexConfig, KeyAttribute, Projection, ScalarType, StreamConfig, TableConfig, Throughput,
};
use proptest::prelude::*;

use crate::{key, simple};

fn keys() -> impl Strategy<Value = (Vec<KeyAttribute>, Vec<KeyAttribute>)> {
    // Partition and sort attributes of an index: up to four of each.
    let names = |role: &'static str, least| {
        proptest::collection::btree_set(0..6_u8, least..=4).prop_map(move |ns| {
            ns.into_iter()
                .map(|n| key(&format!("{role}{n}"), role == "s"))
                .collect()
        })
    };
    (names("p", 1), names("s", 0))
}

fn projections() -> impl Strategy<Value = Projection> {
    let included = proptest::collection::btree_set("[a-z]{1,4}", 1..4);
    prop_oneof![
        Just(Projection::All),
        Just(Projection::KeysOnly),
        included.prop_map(|names| Projection::Include(names.into_iter().collect())),
    ]
}

fn units() -> impl Strategy<Value = Throughput> {
    (1..40_000_i64, 1..40_000_i64).prop_map(|(read, write)| Throughput { read, write })
}

fn global_indexes() -> impl Strategy<Value = Vec<IndexConfig>> {
    let index = (keys(), projections(), units(), proptest::option::of(units()));
    proptest::collection::btree_map("[a-zA-Z0-9_.-]{3,8}", index, 0..4).prop_map(|indexes| {
        let index = |(name, ((partition, sort), projection, throughput, on_demand_limits))| IndexConfig {
            name,
            key: [partition, sort].concat(),
            projection,
            throughput: Some(throughput),
            on_demand_limits,
        };
        indexes.into_iter().map(index).collect()
    })
}

fn extras() -> impl Strategy<Value = TableConfig> {
    let views = prop_oneof![
        Just("NEW_IMAGE"),
        Just("OLD_IMAGE"),
        Just("NEW_AND_OLD_IMAGES"),
        Just("KEYS_ONLY")
    ];
    let stream = views.prop_map(|view_type| StreamConfig {
        view_type: view_type.to_owned(),
    });
    let policy = proptest::collection::vec(prop_oneof!["ARN", "ARN/index/[a-z]{3}", "ARN[a-z0-9_.-]", "[*]"], 1..3);
    let tags = proptest::collection::btree_map("[a-zA-Z0-9 :/=+@_-]{1,12}", "[ -~]{0,12}", 0..5);
    let key = proptest::option::of(Just("arn:aws:kms:eu-central-1:111122223333:key/1".to_owned()));
    (
        any::<bool>(),
        key,
        proptest::option::of("[ -~]{1,8}"),
        proptest::option::of(stream),
        proptest::option::of(0..=35_u32),
        tags,
        proptest::option::of(policy),
        any::<bool>(),
    )
        .prop_map(
            |(deletion_protection, kms_key_arn, ttl_attribute, stream, days, tags, policy, rarely)| TableConfig {
                table_class: if rarely {
                    "STANDARD_INFREQUENT_ACCESS"
                } else {
                    "STANDARD"
                }
                .to_owned(),
                deletion_protection,
                kms_key_arn,
                ttl_attribute,
                stream,
                point_in_time_recovery_days: days,
                tags: tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect(),
                resource_policy: policy.map(|resources| {
                    let statement = format!(r#"{{"Effect":"Allow","Action":"dynamodb:*","Resource":{resources:?}}}"#);
                    let own = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";
                    format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#).replace("ARN", own)
                }),
                ..simple()
            },
        )
}

prop_compose! {
    /// Configurations that DynamoDB accepts.
    pub fn configs()(
        mut config in extras(),
        mut global_indexes in global_indexes(),
        provisioned in proptest::option::of(units()),
        limits in proptest::option::of(units()),
        local in proptest::collection::btree_map("[a-z]{3,6}", projections(), 0..3),
    ) -> TableConfig {
        config.billing = provisioned.map_or(BillingMode::OnDemand, BillingMode::Provisioned);
        config.on_demand_limits = limits.filter(|_| provisioned.is_none());
        for index in &mut global_indexes {
            index.throughput = index.throughput.filter(|_| provisioned.is_some());
            index.on_demand_limits = index.on_demand_limits.filter(|_| provisioned.is_none());
        }
        let local_index = |(name, projection)| IndexConfig {
            key: vec![key("pk", false), key(&format!("l{name}"), true)],
            name,
            projection,
            throughput: None,
            on_demand_limits: None,
        };
        config.local_indexes = local.into_iter().map(local_index).collect();
        let used = global_indexes.iter().chain(&config.local_indexes).flat_map(|index| &index.key);
        config.attributes.extend(used.filter(|key| key.name != "pk").map(|key| (key.name.clone(), ScalarType::S)));
        config.global_indexes = global_indexes;
        config
    }
}
