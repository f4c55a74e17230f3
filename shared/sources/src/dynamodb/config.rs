use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that a table is besides its items: the configuration document of a recovery point.
///
/// Serialised with sorted keys, so that an unchanged table has an unchanged document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableConfig {
    /// Partition key, then sort key if there is one.
    pub key: Vec<KeyAttribute>,
    /// Types of all attributes that keys of the table and its indexes use.
    pub attributes: BTreeMap<String, ScalarType>,
    /// Global secondary indexes, in order of name.
    pub global_indexes: Vec<IndexConfig>,
    /// Local secondary indexes, in order of name.
    pub local_indexes: Vec<IndexConfig>,
    /// How reads and writes are paid for.
    pub billing: BillingMode,
    /// Ceilings of an on-demand table (`MaxReadRequestUnits`, `MaxWriteRequestUnits`), where set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_demand_limits: Option<Throughput>,
    /// Warm throughput, where it is above what any such table has. DynamoDB does not say whether somebody raised it or it
    /// grew with traffic, and raising it costs money: it is told to a person and never put back unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warm>,
    /// `STANDARD` or `STANDARD_INFREQUENT_ACCESS`.
    pub table_class: String,
    /// Whether the table refuses to be deleted.
    pub deletion_protection: bool,
    /// The KMS key, where it is not DynamoDB's own: the customer's, or the account's `aws/dynamodb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// The time-to-live attribute, where enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_attribute: Option<String>,
    /// The change stream, where enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamConfig>,
    /// Point-in-time recovery's window in days, where enabled (0 when the service did not say).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point_in_time_recovery_days: Option<u32>,
    /// Tags, without those that AWS reserves (`aws:`).
    pub tags: BTreeMap<String, String>,
    /// The table's resource policy as JSON text, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<String>,
}

/// An attribute of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAttribute {
    /// The attribute's name.
    pub name: String,
    /// `true` for the sort key.
    pub is_sort: bool,
}

/// The type of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScalarType {
    /// String.
    S,
    /// Number.
    N,
    /// Binary.
    B,
}

/// How reads and writes are paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BillingMode {
    /// By request.
    OnDemand,
    /// By provisioned capacity.
    Provisioned(Throughput),
}

/// Capacity units a second, or request-unit ceilings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throughput {
    /// For reads; as a ceiling, -1 for none.
    pub read: i64,
    /// For writes; as a ceiling, -1 for none.
    pub write: i64,
}

/// Warm throughput, units a second.
pub type Warm = Throughput;

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexConfig {
    /// The index's name.
    pub name: String,
    /// Its keys; an index may have more than one attribute a role.
    pub key: Vec<KeyAttribute>,
    /// What it holds.
    pub projection: Projection,
    /// Its own provisioned capacity; `None` for local indexes and on-demand tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
    /// Its own on-demand ceilings, where set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_demand_limits: Option<Throughput>,
}

/// Which attributes an index holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Projection {
    /// All.
    All,
    /// Keys only.
    KeysOnly,
    /// Keys and these, in order of name.
    Include(Vec<String>),
}

/// A change stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamConfig {
    /// `NEW_IMAGE`, `OLD_IMAGE`, `NEW_AND_OLD_IMAGES` or `KEYS_ONLY`.
    pub view_type: String,
}

/// What reads and writes of a table may take: the part of its configuration that changes when it is put back under load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// How reads and writes are paid for.
    pub billing: BillingMode,
    /// Ceilings of an on-demand table, where set.
    pub on_demand_limits: Option<Throughput>,
    /// That of each global index, in order of name.
    pub indexes: Vec<IndexCapacity>,
}

/// What reads and writes of a global index may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexCapacity {
    /// The index's name.
    pub name: String,
    /// Its provisioned capacity.
    pub throughput: Option<Throughput>,
    /// Its on-demand ceilings, where set.
    pub on_demand_limits: Option<Throughput>,
}

impl TableConfig {
    /// The primary key's attribute names: partition key, then sort key.
    pub fn key_names(&self) -> Vec<String> {
        self.key.iter().map(|key| key.name.clone()).collect()
    }

    /// What reads and writes may take, of the table and its global indexes.
    pub fn capacity(&self) -> Capacity {
        let index = |index: &IndexConfig| IndexCapacity {
            name: index.name.clone(),
            throughput: index.throughput,
            on_demand_limits: index.on_demand_limits,
        };
        Capacity {
            billing: self.billing.clone(),
            on_demand_limits: self.on_demand_limits,
            indexes: self.global_indexes.iter().map(index).collect(),
        }
    }

    /// The same table with another capacity; indexes that the capacity does not name stay as they are.
    #[must_use]
    pub fn with_capacity(mut self, capacity: &Capacity) -> TableConfig {
        self.billing = capacity.billing.clone();
        self.on_demand_limits = capacity.on_demand_limits;
        for index in &mut self.global_indexes {
            if let Some(capacity) = capacity.indexes.iter().find(|capacity| capacity.name == index.name) {
                index.throughput = capacity.throughput;
                index.on_demand_limits = capacity.on_demand_limits;
            }
        }
        self
    }

    /// The part that a table is made with. The rest is put back after the data.
    #[must_use]
    pub fn at_creation(&self) -> TableConfig {
        TableConfig {
            warm: None,
            deletion_protection: false,
            ttl_attribute: None,
            stream: None,
            point_in_time_recovery_days: None,
            tags: BTreeMap::new(),
            resource_policy: None,
            ..self.clone()
        }
    }
}
