use serde_json::{Map, Value, json};

use super::{Subject, Writing, add_tags};
use crate::dynamodb::{BillingMode, IndexConfig, KeyAttribute, Projection, TableConfig, Throughput};

impl Writing<'_> {
    pub(super) fn table(&mut self, subject: &Subject<'_>) {
        let Ok(table) = serde_json::from_value::<TableConfig>(subject.document.clone()) else {
            self.notes
                .push(format!("{}: its configuration could not be read", subject.id));
            return;
        };
        let mut properties = Map::new();
        let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        set("TableName", json!({ "Ref": format!("{}Name", subject.logical) }));
        set("KeySchema", keys(&table.key));
        let attributes = table.attributes.iter();
        set(
            "AttributeDefinitions",
            attributes
                .map(|(name, kind)| json!({ "AttributeName": name, "AttributeType": kind }))
                .collect(),
        );
        match &table.billing {
            BillingMode::OnDemand => set("BillingMode", json!("PAY_PER_REQUEST")),
            BillingMode::Provisioned(units) => set("ProvisionedThroughput", provisioned(*units)),
        };
        for (name, indexes) in [
            ("GlobalSecondaryIndexes", &table.global_indexes),
            ("LocalSecondaryIndexes", &table.local_indexes),
        ] {
            if !indexes.is_empty() {
                set(name, indexes.iter().map(index).collect());
            }
        }
        properties.extend(extras(&table));
        add_tags(&mut properties, &table.tags);
        self.add(subject.logical, "AWS::DynamoDB::Table", properties);
        self.notes.push(format!(
            "{}: the template makes the table without its items: restore those with Holdfast",
            subject.id
        ));
    }
}

/// The settings that a table can do without.
fn extras(table: &TableConfig) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut set = |name: &str, value: Option<Value>| properties.extend(value.map(|value| (name.to_owned(), value)));
    set("OnDemandThroughput", table.on_demand_limits.map(on_demand));
    set("TableClass", Some(json!(table.table_class)));
    set("DeletionProtectionEnabled", Some(json!(table.deletion_protection)));
    let key = table.kms_key_arn.as_ref();
    set(
        "SSESpecification",
        key.map(|key| json!({ "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key })),
    );
    let attribute = table.ttl_attribute.as_ref();
    set(
        "TimeToLiveSpecification",
        attribute.map(|name| json!({ "AttributeName": name, "Enabled": true })),
    );
    let stream = table.stream.as_ref();
    set(
        "StreamSpecification",
        stream.map(|stream| json!({ "StreamViewType": stream.view_type })),
    );
    let recovery = table.point_in_time_recovery_days.map(|days| match days {
        0 => json!({ "PointInTimeRecoveryEnabled": true }),
        days => json!({ "PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": days }),
    });
    set("PointInTimeRecoverySpecification", recovery);
    let policy = table
        .resource_policy
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    set(
        "ResourcePolicy",
        policy.map(|policy| json!({ "PolicyDocument": policy })),
    );
    properties
}

fn keys(key: &[KeyAttribute]) -> Value {
    let role = |key: &KeyAttribute| if key.is_sort { "RANGE" } else { "HASH" };
    key.iter()
        .map(|key| json!({ "AttributeName": key.name, "KeyType": role(key) }))
        .collect()
}

fn index(index: &IndexConfig) -> Value {
    let projection = match &index.projection {
        Projection::All => json!({ "ProjectionType": "ALL" }),
        Projection::KeysOnly => json!({ "ProjectionType": "KEYS_ONLY" }),
        Projection::Include(names) => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": names }),
    };
    let mut shape = json!({ "IndexName": index.name, "KeySchema": keys(&index.key), "Projection": projection });
    if let Some(units) = index.throughput {
        shape["ProvisionedThroughput"] = provisioned(units);
    }
    if let Some(units) = index.on_demand_limits {
        shape["OnDemandThroughput"] = on_demand(units);
    }
    shape
}

fn provisioned(units: Throughput) -> Value {
    json!({ "ReadCapacityUnits": units.read, "WriteCapacityUnits": units.write })
}

/// Only the ceilings that are set: -1 stands for none.
fn on_demand(units: Throughput) -> Value {
    let ceilings = [
        ("MaxReadRequestUnits", units.read),
        ("MaxWriteRequestUnits", units.write),
    ];
    let set = ceilings.into_iter().filter(|(_, units)| *units > 0);
    set.map(|(name, units)| (name.to_owned(), json!(units))).collect()
}
