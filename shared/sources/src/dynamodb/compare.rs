//! What differs between two tables' configurations, in words.

use std::collections::BTreeMap;
use std::fmt;

use super::{BillingMode, IndexConfig, KeyAttribute, Projection, ScalarType, TableConfig, Throughput};

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The setting, as AWS and [`SettingOutcome`](crate::SettingOutcome) call it.
    pub setting: String,
    /// What was expected.
    pub expected: String,
    /// What is there.
    pub actual: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.setting, self.expected, self.actual)
    }
}

/// Everything in which two configurations differ, empty when they mean the same. The order of indexes, of projected attributes
/// and of a policy's JSON members means nothing to DynamoDB and is no difference. Warm throughput is not compared, because it
/// grows with the very load that restores a table; [`for_target`](super::settings::for_target) tells of it. All else counts.
///
/// A restored table is compared with what [`for_target`](super::settings::for_target) made of the stored configuration.
pub fn differences(expected: &TableConfig, actual: &TableConfig) -> Vec<Difference> {
    let mut found = Findings::default();
    for ((setting, expected), (_, actual)) in single(expected).into_iter().zip(single(actual)) {
        found.check(setting, expected, actual);
    }
    for ((setting, expected), (_, actual)) in named(expected).into_iter().zip(named(actual)) {
        found.maps(setting, &expected, &actual);
    }
    found.policies(expected.resource_policy.as_deref(), actual.resource_policy.as_deref());
    found.differences
}

/// The settings that are one thing, in words.
fn single(config: &TableConfig) -> [(&'static str, String); 9] {
    // Named one by one, so that a new setting cannot be forgotten here.
    let TableConfig {
        key,
        attributes: _,
        global_indexes: _,
        local_indexes: _,
        billing,
        on_demand_limits,
        warm: _,
        table_class,
        deletion_protection,
        kms_key_arn,
        ttl_attribute,
        stream,
        point_in_time_recovery_days,
        tags: _,
        resource_policy: _,
    } = config;
    let protection = if *deletion_protection { "on" } else { "off" };
    let view = stream.as_ref().map(|stream| stream.view_type.as_str());
    let days = point_in_time_recovery_days.map(|days| match days {
        0 => "on, window unknown".to_owned(),
        days => format!("{days} days"),
    });
    [
        ("KeySchema", keys(key)),
        ("BillingMode", capacity(billing)),
        ("OnDemandThroughput", units(*on_demand_limits)),
        ("TableClass", table_class.clone()),
        ("DeletionProtectionEnabled", protection.to_owned()),
        ("SSESpecification", text(kms_key_arn.as_deref())),
        ("TimeToLive", text(ttl_attribute.as_deref())),
        ("StreamSpecification", text(view)),
        ("PointInTimeRecovery", text(days.as_deref())),
    ]
}

/// The settings that are many things with names, each in words.
fn named(config: &TableConfig) -> [(&'static str, BTreeMap<String, String>); 4] {
    [
        ("AttributeDefinitions", types(&config.attributes)),
        ("GlobalSecondaryIndexes", indexes(&config.global_indexes)),
        ("LocalSecondaryIndexes", indexes(&config.local_indexes)),
        ("Tags", config.tags.clone()),
    ]
}

const NONE: &str = "none";

#[derive(Default)]
struct Findings {
    differences: Vec<Difference>,
}

impl Findings {
    fn check(&mut self, setting: &str, expected: String, actual: String) {
        if expected != actual {
            let setting = setting.to_owned();
            self.differences.push(Difference {
                setting,
                expected,
                actual,
            });
        }
    }

    /// Compares what has names, name by name.
    fn maps(&mut self, setting: &str, expected: &BTreeMap<String, String>, actual: &BTreeMap<String, String>) {
        let added = actual.keys().filter(|name| !expected.contains_key(*name));
        for name in expected.keys().chain(added) {
            let words = |of: &BTreeMap<String, String>| match of.get(name) {
                Some(value) => format!("{name:?} = {value}"),
                None => format!("no {name:?}"),
            };
            self.check(setting, words(expected), words(actual));
        }
    }

    fn policies(&mut self, expected: Option<&str>, actual: Option<&str>) {
        // Read as JSON where both are, because white space and the order of members mean nothing.
        let json = |policy: &str| serde_json::from_str::<serde_json::Value>(policy).ok();
        if let (Some(expected), Some(actual)) = (expected.and_then(json), actual.and_then(json))
            && expected == actual
        {
            return;
        }
        self.check("ResourcePolicy", text(expected), text(actual));
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or(NONE).to_owned()
}

fn types(attributes: &BTreeMap<String, ScalarType>) -> BTreeMap<String, String> {
    attributes
        .iter()
        .map(|(name, kind)| (name.clone(), format!("{kind:?}")))
        .collect()
}

fn keys(key: &[KeyAttribute]) -> String {
    let role = |key: &KeyAttribute| if key.is_sort { "sort" } else { "partition" };
    let words: Vec<_> = key.iter().map(|key| format!("{} {:?}", role(key), key.name)).collect();
    words.join(", ")
}

fn capacity(billing: &BillingMode) -> String {
    match billing {
        BillingMode::OnDemand => "on demand".to_owned(),
        BillingMode::Provisioned(throughput) => format!("provisioned {}", units(Some(*throughput))),
    }
}

fn units(throughput: Option<Throughput>) -> String {
    throughput.map_or_else(
        || NONE.to_owned(),
        |units| format!("{} reads, {} writes", units.read, units.write),
    )
}

fn indexes(indexes: &[IndexConfig]) -> BTreeMap<String, String> {
    let words = |index: &IndexConfig| (index.name.clone(), words_of(index));
    indexes.iter().map(words).collect()
}

fn words_of(index: &IndexConfig) -> String {
    let IndexConfig {
        name: _,
        key,
        projection,
        throughput,
        on_demand_limits,
    } = index;
    let projection = match projection {
        Projection::All => "all attributes".to_owned(),
        Projection::KeysOnly => "keys only".to_owned(),
        Projection::Include(names) => {
            let mut names = names.clone();
            names.sort_unstable();
            format!("keys and {names:?}")
        }
    };
    let mut words = format!("{}; {projection}", keys(key));
    if throughput.is_some() {
        words += &format!("; provisioned {}", units(*throughput));
    }
    if on_demand_limits.is_some() {
        words += &format!("; limits {}", units(*on_demand_limits));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::StreamConfig;

    fn index(name: &str) -> IndexConfig {
        IndexConfig {
            name: name.to_owned(),
            key: vec![KeyAttribute {
                name: "status".to_owned(),
                is_sort: false,
            }],
            projection: Projection::Include(vec!["a".to_owned(), "b".to_owned()]),
            throughput: Some(Throughput { read: 1, write: 2 }),
            on_demand_limits: None,
        }
    }

    fn config() -> TableConfig {
        TableConfig {
            key: vec![KeyAttribute {
                name: "pk".to_owned(),
                is_sort: false,
            }],
            attributes: BTreeMap::from([("pk".to_owned(), ScalarType::S), ("status".to_owned(), ScalarType::S)]),
            global_indexes: vec![index("by-status"), index("by-status-2")],
            local_indexes: Vec::new(),
            billing: BillingMode::Provisioned(Throughput { read: 5, write: 5 }),
            on_demand_limits: None,
            warm: None,
            table_class: "STANDARD".to_owned(),
            deletion_protection: false,
            kms_key_arn: None,
            ttl_attribute: None,
            stream: None,
            point_in_time_recovery_days: None,
            tags: BTreeMap::from([("team".to_owned(), "BillingMode".to_owned())]),
            resource_policy: Some(r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned()),
        }
    }

    /// Every setting, changed one at a time, with the setting that has to be named.
    fn changes() -> Vec<(&'static str, TableConfig)> {
        let change = |setting, change: fn(&mut TableConfig)| {
            let mut changed = config();
            change(&mut changed);
            (setting, changed)
        };
        vec![
            change("KeySchema", |c| c.key[0].name = "id".to_owned()),
            change("AttributeDefinitions", |c| {
                c.attributes.insert("pk".to_owned(), ScalarType::N);
            }),
            change("AttributeDefinitions", |c| {
                c.attributes.remove("status");
            }),
            change("GlobalSecondaryIndexes", |c| {
                c.global_indexes[0].projection = Projection::All;
            }),
            change("GlobalSecondaryIndexes", |c| c.global_indexes[0].throughput = None),
            change("GlobalSecondaryIndexes", |c| {
                c.global_indexes[0].on_demand_limits = Some(Throughput { read: 9, write: -1 });
            }),
            change("GlobalSecondaryIndexes", |c| {
                c.global_indexes.pop();
            }),
            change("LocalSecondaryIndexes", |c| c.local_indexes.push(index("new"))),
            change("BillingMode", |c| c.billing = BillingMode::OnDemand),
            change("OnDemandThroughput", |c| {
                c.on_demand_limits = Some(Throughput { read: 1, write: 1 });
            }),
            change("TableClass", |c| {
                c.table_class = "STANDARD_INFREQUENT_ACCESS".to_owned();
            }),
            change("DeletionProtectionEnabled", |c| c.deletion_protection = true),
            change("SSESpecification", |c| c.kms_key_arn = Some("arn".to_owned())),
            change("TimeToLive", |c| c.ttl_attribute = Some("expires".to_owned())),
            change("StreamSpecification", |c| {
                c.stream = Some(StreamConfig {
                    view_type: "KEYS_ONLY".to_owned(),
                });
            }),
            change("PointInTimeRecovery", |c| c.point_in_time_recovery_days = Some(0)),
            change("Tags", |c| {
                c.tags.insert("team".to_owned(), "ops".to_owned());
            }),
            change("Tags", |c| {
                c.tags.remove("team");
            }),
            change("Tags", |c| {
                c.tags.insert("new".to_owned(), String::new());
            }),
            change("ResourcePolicy", |c| c.resource_policy = None),
            change("ResourcePolicy", |c| c.resource_policy = Some("{}".to_owned())),
        ]
    }

    #[test]
    fn every_changed_setting_is_named_in_both_directions() {
        for (setting, changed) in changes() {
            for found in [differences(&config(), &changed), differences(&changed, &config())] {
                let names: Vec<_> = found.iter().map(|difference| difference.setting.as_str()).collect();
                assert_eq!(names, [setting]);
            }
        }
    }

    #[test]
    fn what_means_the_same_is_no_difference() {
        let mut same = config();
        same.global_indexes.reverse();
        same.global_indexes[0].projection = Projection::Include(vec!["b".to_owned(), "a".to_owned()]);
        same.resource_policy = Some("{ \"Statement\": [], \"Version\": \"2012-10-17\" }".to_owned());
        same.warm = Some(Throughput {
            read: 40_000,
            write: 40_000,
        });
        assert_eq!(differences(&config(), &same), []);
    }

    #[test]
    fn a_difference_reads_as_a_sentence() {
        let difference = &differences(
            &config(),
            &TableConfig {
                billing: BillingMode::OnDemand,
                ..config()
            },
        )[0];
        assert_eq!(
            difference.to_string(),
            "BillingMode: expected provisioned 5 reads, 5 writes, found on demand"
        );
    }
}
