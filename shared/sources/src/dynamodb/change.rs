//! What of a table that is there can be made as it should be. Its items are never touched.

use std::collections::BTreeSet;

use holdfast_catalog::Arn;

use super::TableConfig;
use super::compare::{Difference, differences};
use super::port::TableSetting;
use super::settings::settings;

/// The settings to put on a table that is there, so that it becomes as `wanted`, as far as a table can become that: what it has
/// and should not have stays, because nothing is switched off or removed.
///
/// # Errors
/// The difference that makes it another table: its keys cannot be changed.
pub fn changes(
    wanted: &TableConfig,
    found: &TableConfig,
    new_arn: &Arn,
    old_arn: &Arn,
) -> Result<Vec<TableSetting>, Difference> {
    let differences = differences(wanted, found);
    if let Some(keys) = differences.iter().find(|difference| difference.setting == "KeySchema") {
        return Err(keys.clone());
    }
    let differing: BTreeSet<&str> = differences.iter().map(|one| one.setting.as_str()).collect();
    let mut changes: Vec<TableSetting> = settings(wanted, new_arn, old_arn)
        .into_iter()
        .filter(|setting| !matches!(setting, TableSetting::Capacity(_)) && differing.contains(setting.name()))
        .collect();
    let is_capacity = wanted.capacity() != found.capacity();
    // Indexes that are not the same have no capacity to set: they are told of as they are.
    let has_same_indexes = !differing.contains("GlobalSecondaryIndexes") || same_indexes(wanted, found);
    if is_capacity && has_same_indexes {
        changes.insert(0, TableSetting::Capacity(wanted.capacity()));
    }
    Ok(changes)
}

fn same_indexes(wanted: &TableConfig, found: &TableConfig) -> bool {
    let names = |config: &TableConfig| -> BTreeSet<String> {
        config.global_indexes.iter().map(|index| index.name.clone()).collect()
    };
    names(wanted) == names(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dynamodb::{BillingMode, KeyAttribute, ScalarType, Throughput};

    fn table() -> TableConfig {
        TableConfig {
            key: vec![KeyAttribute {
                name: "order".to_owned(),
                is_sort: false,
            }],
            attributes: BTreeMap::from([("order".to_owned(), ScalarType::S)]),
            global_indexes: Vec::new(),
            local_indexes: Vec::new(),
            billing: BillingMode::OnDemand,
            on_demand_limits: None,
            warm: None,
            table_class: "STANDARD".to_owned(),
            deletion_protection: false,
            kms_key_arn: None,
            ttl_attribute: Some("expires".to_owned()),
            stream: None,
            point_in_time_recovery_days: Some(35),
            tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
            resource_policy: None,
        }
    }

    fn changed(change: impl FnOnce(&mut TableConfig)) -> Result<Vec<TableSetting>, Difference> {
        let arn: Arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders".parse().unwrap();
        let mut found = table();
        change(&mut found);
        changes(&table(), &found, &arn, &arn)
    }

    #[test]
    fn only_what_differs_is_set() {
        assert_eq!(changed(|_| {}).unwrap(), []);
        let expected = TableSetting::TimeToLive("expires".to_owned());
        assert_eq!(changed(|found| found.ttl_attribute = None).unwrap(), [expected]);
        let slow = BillingMode::Provisioned(Throughput { read: 1, write: 1 });
        let expected = TableSetting::Capacity(table().capacity());
        assert_eq!(changed(|found| found.billing = slow).unwrap(), [expected]);
    }

    #[test]
    fn what_is_there_and_should_not_be_is_not_taken_away() {
        let more = |found: &mut TableConfig| found.deletion_protection = true;
        assert_eq!(changed(more).unwrap(), []);
    }

    #[test]
    fn another_key_is_another_table() {
        let other = |found: &mut TableConfig| found.key[0].name = "id".to_owned();
        assert_eq!(changed(other).unwrap_err().setting, "KeySchema");
    }
}
