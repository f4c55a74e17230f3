//! What differs between two databases' settings, in words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{BackupRules, DatabaseConfig, Storage};
use crate::dynamodb::compare::Difference;

/// Everything in which two databases differ, named by its path in the configuration document; empty when they are set alike.
pub fn differences(expected: &DatabaseConfig, actual: &DatabaseConfig) -> Vec<Difference> {
    let (expected, actual) = (leaves(expected), leaves(actual));
    let added = actual.keys().filter(|path| !expected.contains_key(*path));
    expected
        .keys()
        .chain(added)
        .filter(|path| expected.get(*path) != actual.get(*path))
        .map(|path| {
            let words = |side: &BTreeMap<String, String>| side.get(path).cloned().unwrap_or_else(|| "none".to_owned());
            Difference {
                setting: path.clone(),
                expected: words(&expected),
                actual: words(&actual),
            }
        })
        .collect()
}

/// What AWS Backup brings back by itself, whatever the shape of the restored database: a restore test compares that.
#[must_use]
pub fn brought_back(config: &DatabaseConfig) -> DatabaseConfig {
    let mut config = config.clone();
    match &mut config {
        DatabaseConfig::Instance(instance) => {
            instance.class = String::new();
            instance.multi_az = false;
            instance.storage = Storage {
                storage_type: String::new(),
                max_gib: None,
                iops: None,
                throughput: None,
                gib: instance.storage.gib,
            };
            instance.auto_minor_upgrade = false;
        }
        DatabaseConfig::Cluster(cluster) => {
            cluster.members = Vec::new();
            cluster.serverless = None;
            cluster.backtrack_seconds = None;
        }
    }
    let shared = config.shared_mut();
    shared.network.publicly_accessible = false;
    shared.backups = BackupRules {
        retention_days: 0,
        window: String::new(),
        copy_tags: false,
    };
    shared.maintenance_window = String::new();
    shared.deletion_protection = false;
    shared.iam_authentication = false;
    shared.monitoring = None;
    shared.insights = None;
    shared.log_exports = BTreeSet::new();
    shared.tags = BTreeMap::new();
    config
}

fn leaves(config: &DatabaseConfig) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // A document of strings, numbers and maps with string keys always becomes JSON.
    collect(
        &serde_json::to_value(config).unwrap_or_default(),
        String::new(),
        &mut found,
    );
    found
}

fn collect(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    let below = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| collect(value, below(name), found)),
        // What has a name is found by it, whatever its place.
        Value::Array(items) if items.iter().all(|item| item["name"].is_string()) && !items.is_empty() => {
            for item in items {
                collect(item, below(item["name"].as_str().unwrap_or_default()), found);
            }
        }
        leaf => _ = found.insert(path, leaf.to_string()),
    }
}
