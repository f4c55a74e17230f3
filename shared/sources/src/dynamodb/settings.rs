//! What a restored table has to become, and what it cannot become by itself.

use std::fmt;

use holdfast_catalog::Arn;

use super::port::TableSetting;
use super::{BillingMode, Capacity, IndexCapacity, TableConfig, Throughput};
use crate::SettingOutcome;

/// What belongs to a table and is not in its recovery points. Documents and reports name these.
pub const NOT_PROTECTED: &[&str] = &[
    "auto scaling of provisioned capacity (Application Auto Scaling targets and policies)",
    "Kinesis data stream destinations",
    "contributor insights",
    "global-table replicas, witnesses and their settings",
    "CloudWatch alarms",
    "vector indexes",
    "the resource policy of the change stream",
    "warm throughput of the indexes",
    "records in the change stream and DynamoDB's own backups",
];

/// The configuration that a table restored as `new_arn` can have, and what a person has to see to because it cannot be as it
/// was: a key of another region or account, warm throughput, a policy that still names the old region.
///
/// Create the table with it, take [`settings`] from it, and compare the restored table with it.
pub fn for_target(config: &TableConfig, new_arn: &Arn, old_arn: &Arn) -> (TableConfig, Vec<SettingOutcome>) {
    let mut target = config.clone();
    let mut outcomes = Vec::new();
    if let Some(key) = config.kms_key_arn.as_deref().filter(|key| !is_usable(key, new_arn)) {
        target.kms_key_arn = None;
        outcomes.push(SettingOutcome::needs_person(
            "SSESpecification",
            format!(
                "the table was encrypted with {key}, which cannot be used in {} of account {}; the new one is encrypted with \
                 DynamoDB's own key: choose a key there with update-table --sse-specification",
                new_arn.region(),
                new_arn.account()
            ),
        ));
    }
    if let Some(warm) = target.warm.take() {
        outcomes.push(SettingOutcome::needs_person(
            "WarmThroughput",
            format!(
                "the table was ready for {} reads and {} writes a second; the new one grows with its traffic: if it has to \
                 take that load at once, raise it with update-table --warm-throughput, which is charged for",
                warm.read, warm.write
            ),
        ));
    }
    if let Some(policy) = &mut target.resource_policy {
        *policy = rewritten(policy, old_arn.as_str(), new_arn.as_str());
        if old_arn.region() != new_arn.region() && policy.contains(old_arn.region()) {
            outcomes.push(SettingOutcome::needs_person(
                "ResourcePolicy",
                format!(
                    "the policy still names {}: check that what it names exists in {}",
                    old_arn.region(),
                    new_arn.region()
                ),
            ));
        }
    }
    (target, outcomes)
}

/// Reads and writes a second from which on a table is loaded as it is. Less makes a new on-demand table faster, which takes 4,000
/// writes at once; at five, which is the console's default, a million items take more than two days.
const ENOUGH_TO_LOAD: i64 = 4_000;

/// The configuration to make a table with, so that it can be loaded: as it is, or on demand without ceilings where its own
/// capacity would make the restore crawl. [`settings`] then puts its own back.
#[must_use]
pub fn while_loading(config: &TableConfig) -> TableConfig {
    let is_enough = |units: Throughput| units.read >= ENOUGH_TO_LOAD && units.write >= ENOUGH_TO_LOAD;
    let is_high = |units: i64| !(0..ENOUGH_TO_LOAD).contains(&units);
    let no_low_ceiling =
        |limits: Option<Throughput>| limits.is_none_or(|limits| is_high(limits.read) && is_high(limits.write));
    let mut indexes = config.global_indexes.iter();
    let is_fast = match config.billing {
        BillingMode::OnDemand => {
            no_low_ceiling(config.on_demand_limits) && indexes.all(|index| no_low_ceiling(index.on_demand_limits))
        }
        // A write goes to every index: the slowest one sets the pace.
        BillingMode::Provisioned(units) => {
            is_enough(units) && indexes.all(|index| index.throughput.is_none_or(is_enough))
        }
    };
    if is_fast {
        config.clone()
    } else {
        config.clone().with_capacity(&on_demand(config))
    }
}

fn on_demand(config: &TableConfig) -> Capacity {
    let open = |index: IndexCapacity| IndexCapacity {
        throughput: None,
        on_demand_limits: None,
        ..index
    };
    Capacity {
        billing: BillingMode::OnDemand,
        on_demand_limits: None,
        indexes: config.capacity().indexes.into_iter().map(open).collect(),
    }
}

/// What to put back after the data, in the order that works.
pub fn settings(config: &TableConfig, new_arn: &Arn, old_arn: &Arn) -> Vec<TableSetting> {
    let mut settings = Vec::new();
    // After the data: items whose time had come would vanish while they are being compared.
    if let Some(attribute) = &config.ttl_attribute {
        settings.push(TableSetting::TimeToLive(attribute.clone()));
    }
    // After the data: the window begins with a whole table.
    if let Some(days) = config.point_in_time_recovery_days {
        settings.push(TableSetting::PointInTimeRecovery((days > 0).then_some(days)));
    }
    // After the data: consumers would take every restored item for a change.
    if let Some(stream) = &config.stream {
        settings.push(TableSetting::Stream(stream.view_type.clone()));
    }
    if !config.tags.is_empty() {
        let tags = config.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
        settings.push(TableSetting::Tags(tags.collect()));
    }
    // After the data, and after what is quick: changing the billing mode takes minutes.
    let capacity = config.capacity();
    if capacity != while_loading(config).capacity() {
        settings.push(TableSetting::Capacity(capacity));
    }
    // Late: it may forbid what came before.
    if let Some(policy) = &config.resource_policy {
        let policy = rewritten(policy, old_arn.as_str(), new_arn.as_str());
        settings.push(TableSetting::ResourcePolicy(policy));
    }
    // Last: until then a restore that failed can be thrown away.
    if config.deletion_protection {
        settings.push(TableSetting::DeletionProtection);
    }
    settings
}

/// DynamoDB takes keys of the table's own region and account only.
fn is_usable(key: &str, table: &Arn) -> bool {
    key.parse::<Arn>()
        .is_ok_and(|key| key.region() == table.region() && key.account() == table.account())
}

/// A policy with one table's ARN, and those of its indexes and streams, replaced by another's. Tables whose names merely begin
/// like the old one's stay as they are.
fn rewritten(policy: &str, old_arn: &str, new_arn: &str) -> String {
    // JSON may write a slash with a backslash before it.
    let policy = replaced(policy, old_arn, new_arn);
    replaced(&policy, &old_arn.replace('/', "\\/"), &new_arn.replace('/', "\\/"))
}

fn replaced(text: &str, old: &str, new: &str) -> String {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(old) {
        out.push_str(before);
        out.push_str(if after.starts_with(goes_on) { old } else { new });
        rest = after;
    }
    out.push_str(rest);
    out
}

impl TableSetting {
    /// The setting's name in reports, as AWS calls it.
    pub fn name(&self) -> &'static str {
        match self {
            TableSetting::TimeToLive(_) => "TimeToLive",
            TableSetting::Stream(_) => "StreamSpecification",
            TableSetting::PointInTimeRecovery(_) => "PointInTimeRecovery",
            TableSetting::Capacity(_) => "BillingMode",
            TableSetting::Tags(_) => "Tags",
            TableSetting::ResourcePolicy(_) => "ResourcePolicy",
            TableSetting::DeletionProtection => "DeletionProtectionEnabled",
        }
    }
}

impl fmt::Display for TableSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableSetting::TimeToLive(attribute) => write!(f, "time to live by attribute {attribute:?}"),
            TableSetting::Stream(view_type) => write!(f, "a change stream of {view_type}"),
            TableSetting::PointInTimeRecovery(Some(days)) => write!(f, "point-in-time recovery over {days} days"),
            TableSetting::PointInTimeRecovery(None) => f.write_str("point-in-time recovery"),
            TableSetting::Capacity(_) => f.write_str("billing mode, provisioned capacity and on-demand ceilings"),
            TableSetting::Tags(tags) => write!(f, "{} tags", tags.len()),
            TableSetting::ResourcePolicy(_) => f.write_str("the resource policy"),
            TableSetting::DeletionProtection => f.write_str("deletion protection"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::SettingStatus;
    use crate::dynamodb::{BillingMode, KeyAttribute, ScalarType, StreamConfig, Throughput};

    fn config() -> TableConfig {
        TableConfig {
            key: vec![KeyAttribute {
                name: "pk".to_owned(),
                is_sort: false,
            }],
            attributes: BTreeMap::from([("pk".to_owned(), ScalarType::S)]),
            global_indexes: Vec::new(),
            local_indexes: Vec::new(),
            billing: BillingMode::OnDemand,
            on_demand_limits: None,
            warm: None,
            table_class: "STANDARD".to_owned(),
            deletion_protection: true,
            kms_key_arn: Some("arn:aws:kms:eu-west-1:111122223333:key/1".to_owned()),
            ttl_attribute: Some("expires".to_owned()),
            stream: Some(StreamConfig {
                view_type: "NEW_IMAGE".to_owned(),
            }),
            point_in_time_recovery_days: Some(0),
            tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
            resource_policy: Some(r#"{"Resource":"arn:aws:dynamodb:eu-west-1:111122223333:table/orders"}"#.to_owned()),
        }
    }

    fn table(region: &str, name: &str) -> Arn {
        format!("arn:aws:dynamodb:{region}:111122223333:table/{name}")
            .parse()
            .unwrap()
    }

    #[test]
    fn deletion_protection_comes_last_and_the_policy_before_it() {
        let names: Vec<_> = settings(&config(), &table("eu-west-1", "new"), &table("eu-west-1", "orders"))
            .iter()
            .map(TableSetting::name)
            .collect();
        assert_eq!(
            names,
            [
                "TimeToLive",
                "PointInTimeRecovery",
                "StreamSpecification",
                "Tags",
                "ResourcePolicy",
                "DeletionProtectionEnabled"
            ]
        );
    }

    #[test]
    fn a_policy_is_put_back_rewritten_and_an_unknown_window_left_to_dynamodb() {
        let settings = settings(&config(), &table("eu-west-1", "new"), &table("eu-west-1", "orders"));
        let policy = r#"{"Resource":"arn:aws:dynamodb:eu-west-1:111122223333:table/new"}"#.to_owned();
        assert!(settings.contains(&TableSetting::ResourcePolicy(policy)));
        assert!(settings.contains(&TableSetting::PointInTimeRecovery(None)));
    }

    #[test]
    fn a_table_without_extras_has_nothing_to_put_back() {
        let arn = table("eu-west-1", "orders");
        assert_eq!(settings(&config().at_creation(), &arn, &arn), []);
    }

    #[test]
    fn a_table_that_would_load_slowly_is_loaded_on_demand_and_gets_its_own_capacity_back() {
        let arn = table("eu-west-1", "orders");
        let units = |units| Throughput {
            read: units,
            write: units,
        };
        let slow = [
            TableConfig {
                billing: BillingMode::Provisioned(units(5)),
                ..config()
            },
            TableConfig {
                billing: BillingMode::Provisioned(units(3_999)),
                ..config()
            },
            TableConfig {
                on_demand_limits: Some(Throughput { read: -1, write: 10 }),
                ..config()
            },
        ];
        for config in slow {
            let made = while_loading(&config);
            assert_eq!((&made.billing, made.on_demand_limits), (&BillingMode::OnDemand, None));
            assert!(settings(&config, &arn, &arn).contains(&TableSetting::Capacity(config.capacity())));
            assert_eq!(made.with_capacity(&config.capacity()), config);
        }
    }

    #[test]
    fn a_table_that_loads_fast_is_made_as_it_was() {
        let arn = table("eu-west-1", "orders");
        let units = |units| Throughput {
            read: units,
            write: units,
        };
        let fast = [
            config(),
            TableConfig {
                billing: BillingMode::Provisioned(units(4_000)),
                ..config()
            },
            TableConfig {
                on_demand_limits: Some(Throughput { read: -1, write: 5_000 }),
                ..config()
            },
        ];
        for config in fast {
            assert_eq!(while_loading(&config), config);
            let is_capacity = |setting: &TableSetting| matches!(setting, TableSetting::Capacity(_));
            assert!(!settings(&config, &arn, &arn).iter().any(is_capacity));
        }
    }

    #[test]
    fn in_the_same_region_nothing_needs_a_person() {
        let (target, outcomes) = for_target(&config(), &table("eu-west-1", "new"), &table("eu-west-1", "orders"));
        assert_eq!(outcomes, []);
        assert_eq!(target.kms_key_arn, config().kms_key_arn);
    }

    #[test]
    fn a_key_of_another_region_or_account_needs_a_person() {
        let elsewhere = [
            table("eu-central-1", "orders"),
            "arn:aws:dynamodb:eu-west-1:444455556666:table/orders".parse().unwrap(),
        ];
        for new in elsewhere {
            let (target, outcomes) = for_target(&config(), &new, &table("eu-west-1", "orders"));
            assert_eq!(target.kms_key_arn, None);
            assert_eq!(outcomes.len(), 1);
            assert_eq!(outcomes[0].setting, "SSESpecification");
            assert_eq!(outcomes[0].status, SettingStatus::NeedsPerson);
        }
    }

    #[test]
    fn warm_throughput_needs_a_person_because_it_costs_money() {
        let warm = TableConfig {
            warm: Some(Throughput {
                read: 40_000,
                write: 9_000,
            }),
            ..config()
        };
        let arn = table("eu-west-1", "orders");
        let (target, outcomes) = for_target(&warm, &arn, &arn);
        assert_eq!(target.warm, None);
        assert!(
            outcomes[0].message.contains("40000 reads and 9000 writes"),
            "{}",
            outcomes[0].message
        );
    }

    #[test]
    fn a_policy_is_rewritten_to_the_new_table_and_to_no_other() {
        let old = "arn:aws:dynamodb:eu-west-1:111122223333:table/orders";
        let new = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders-2";
        let escaped = "arn:aws:dynamodb:eu-west-1:111122223333:table\\/orders\\/index\\/a";
        let policy = format!(r#"["{old}","{old}/index/*","{old}s","{old}-old","{escaped}"]"#);
        let new_escaped = "arn:aws:dynamodb:eu-central-1:111122223333:table\\/orders-2\\/index\\/a";
        let expected = format!(r#"["{new}","{new}/index/*","{old}s","{old}-old","{new_escaped}"]"#);
        assert_eq!(rewritten(&policy, old, new), expected);
        assert_eq!(
            rewritten(&expected, old, new),
            expected,
            "rewriting again changes nothing"
        );
    }

    #[test]
    fn a_policy_that_still_names_the_old_region_needs_a_person() {
        let mut config = config();
        config.kms_key_arn = None;
        let policy =
            r#"{"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:111122223333:function:x"}}}"#;
        config.resource_policy = Some(policy.to_owned());
        let (_, outcomes) = for_target(&config, &table("eu-central-1", "orders"), &table("eu-west-1", "orders"));
        assert_eq!(outcomes.len(), 1);
        assert!(outcomes[0].message.contains("still names eu-west-1"));
    }
}
