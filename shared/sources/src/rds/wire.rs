//! RDS's own descriptions and our configuration document. What comes as XML has texts where numbers are meant: both are read.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    BackupRules, ClusterConfig, Insights, InstanceConfig, Member, Monitoring, Network, OptionGroup, ParameterGroup,
    Scaling, SharedConfig, Storage, SubnetGroup,
};

/// Groups that AWS makes for everybody: they are wherever they are needed.
const OF_AWS: [&str; 2] = ["default.", "default:"];

/// Engines whose databases RDS lists and other services own.
const OF_OTHERS: [&str; 2] = ["docdb", "neptune"];

/// What a database's description only names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Its parameter groups.
    pub parameters: Vec<ParameterGroup>,
    /// Its option groups.
    pub options: Vec<OptionGroup>,
    /// Its subnet group, where the description does not hold it.
    pub subnets: Option<SubnetGroup>,
}

/// Whether a description of `DescribeDBInstances` is of an instance that stands alone: one in a cluster is protected with it.
pub fn stands_alone(instance: &Value) -> bool {
    maybe(instance, "DBClusterIdentifier").is_none() && is_of_rds(instance)
}

/// Whether a description is RDS's own.
pub fn is_of_rds(database: &Value) -> bool {
    !OF_OTHERS.contains(&text(database, "Engine").as_str())
}

/// An instance, as `DescribeDBInstances` gives it.
pub fn instance(description: &Value, groups: Groups) -> InstanceConfig {
    InstanceConfig {
        class: text(description, "DBInstanceClass"),
        storage: Storage {
            storage_type: text(description, "StorageType"),
            gib: number(description, "AllocatedStorage").unwrap_or_default(),
            max_gib: number(description, "MaxAllocatedStorage"),
            iops: number(description, "Iops"),
            throughput: number(description, "StorageThroughput"),
        },
        multi_az: flag(description, "MultiAZ"),
        license_model: text(description, "LicenseModel"),
        auto_minor_upgrade: flag(description, "AutoMinorVersionUpgrade"),
        shared: shared(description, &description["Endpoint"]["Port"], groups),
    }
}

/// A cluster, as `DescribeDBClusters` gives it, and its members' own descriptions.
pub fn cluster(description: &Value, members: &[Value], groups: Groups) -> ClusterConfig {
    let tiers: BTreeMap<String, u32> = list(description, "DBClusterMembers")
        .map(|member| {
            let tier = number(member, "PromotionTier").unwrap_or_default();
            (text(member, "DBInstanceIdentifier"), tier)
        })
        .collect();
    let mut members: Vec<Member> = members
        .iter()
        .map(|member| {
            let name = text(member, "DBInstanceIdentifier");
            let group = list(member, "DBParameterGroups").map(|group| text(group, "DBParameterGroupName"));
            Member {
                promotion_tier: tiers.get(&name).copied().unwrap_or_default(),
                class: text(member, "DBInstanceClass"),
                parameter_group: group.into_iter().find(|group| !is_of_aws(group)),
                name,
            }
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let scaling = &description["ServerlessV2ScalingConfiguration"];
    let serverless = decimal(scaling, "MinCapacity").zip(decimal(scaling, "MaxCapacity"));
    ClusterConfig {
        members,
        serverless: serverless.map(|(min_acu, max_acu)| Scaling { min_acu, max_acu }),
        storage_type: text(description, "StorageType"),
        backtrack_seconds: number(description, "BacktrackWindow")
            .filter(|seconds| *seconds > 0)
            .map(u64::from),
        shared: shared(description, &description["Port"], groups),
    }
}

fn shared(description: &Value, port: &Value, groups: Groups) -> SharedConfig {
    let subnets = subnet_group(&description["DBSubnetGroup"]).or(groups.subnets);
    let security_groups = list(description, "VpcSecurityGroups").map(|group| text(group, "VpcSecurityGroupId"));
    let interval = number(description, "MonitoringInterval").unwrap_or_default();
    let insights = flag(description, "PerformanceInsightsEnabled").then(|| Insights {
        retention_days: number(description, "PerformanceInsightsRetentionPeriod").unwrap_or_default(),
        kms_key_arn: maybe(description, "PerformanceInsightsKMSKeyId"),
    });
    SharedConfig {
        engine: text(description, "Engine"),
        engine_version: text(description, "EngineVersion"),
        port: as_number(port)
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or_default(),
        network: Network {
            subnet_group: subnets,
            security_groups: security_groups.filter(|group| !group.is_empty()).collect(),
            publicly_accessible: flag(description, "PubliclyAccessible"),
        },
        parameter_groups: groups.parameters,
        option_groups: groups.options,
        kms_key_arn: maybe(description, "KmsKeyId"),
        backups: BackupRules {
            retention_days: number(description, "BackupRetentionPeriod").unwrap_or_default(),
            window: text(description, "PreferredBackupWindow"),
            copy_tags: flag(description, "CopyTagsToSnapshot"),
        },
        maintenance_window: text(description, "PreferredMaintenanceWindow"),
        deletion_protection: flag(description, "DeletionProtection"),
        iam_authentication: flag(description, "IAMDatabaseAuthenticationEnabled"),
        monitoring: (interval > 0).then(|| Monitoring {
            interval_seconds: interval,
            role_arn: text(description, "MonitoringRoleArn"),
        }),
        insights,
        log_exports: list(description, "EnabledCloudwatchLogsExports")
            .filter_map(|log| log.as_str().map(str::to_owned))
            .collect::<BTreeSet<String>>(),
        tags: tags(&description["TagList"]),
    }
}

/// The tags of a description, without those that AWS reserves.
pub fn tags(list: &Value) -> BTreeMap<String, String> {
    let pairs = list
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| (text(tag, "Key"), text(tag, "Value")));
    pairs.filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// The names of the parameter groups that a description names: an instance's list, or a cluster's one. AWS's own are left out.
pub fn parameter_groups(description: &Value) -> Vec<String> {
    let of_cluster = maybe(description, "DBClusterParameterGroup");
    let of_instance = list(description, "DBParameterGroups").map(|group| text(group, "DBParameterGroupName"));
    of_cluster
        .into_iter()
        .chain(of_instance)
        .filter(|group| !is_of_aws(group))
        .collect()
}

/// The names of its option groups, likewise.
pub fn option_groups(description: &Value) -> Vec<String> {
    let of_cluster =
        list(description, "DBClusterOptionGroupMemberships").map(|group| text(group, "DBClusterOptionGroupName"));
    let of_instance = list(description, "OptionGroupMemberships").map(|group| text(group, "OptionGroupName"));
    of_cluster
        .chain(of_instance)
        .filter(|group| !is_of_aws(group))
        .collect()
}

/// A group's parameters that somebody changed.
pub fn parameter_group(name: &str, described: &Value, parameters: &[Value]) -> ParameterGroup {
    let family = maybe(described, "DBParameterGroupFamily");
    let changed = parameters
        .iter()
        .filter_map(|parameter| Some((maybe(parameter, "ParameterName")?, maybe(parameter, "ParameterValue")?)));
    ParameterGroup {
        name: name.to_owned(),
        family: family.unwrap_or_default(),
        parameters: changed.collect(),
    }
}

/// A group's options.
pub fn option_group(name: &str, described: &Value) -> OptionGroup {
    let options = list(described, "Options").map(|option| (text(option, "OptionName"), option.clone()));
    OptionGroup {
        name: name.to_owned(),
        options: options.collect(),
    }
}

/// A subnet group with its subnets; none where only its name is given.
pub fn subnet_group(described: &Value) -> Option<SubnetGroup> {
    let subnets = list(described, "Subnets").map(|subnet| text(subnet, "SubnetIdentifier"));
    Some(SubnetGroup {
        name: maybe(described, "DBSubnetGroupName")?,
        subnets: subnets.collect(),
    })
}

fn is_of_aws(group: &str) -> bool {
    OF_AWS.iter().any(|prefix| group.starts_with(prefix))
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> {
    value[member].as_array().into_iter().flatten()
}

fn text(value: &Value, member: &str) -> String {
    maybe(value, member).unwrap_or_default()
}

fn maybe(value: &Value, member: &str) -> Option<String> {
    let text = value[member].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

fn flag(value: &Value, member: &str) -> bool {
    match &value[member] {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn number(value: &Value, member: &str) -> Option<u32> {
    as_number(&value[member]).and_then(|number| u32::try_from(number).ok())
}

fn as_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn decimal(value: &Value, member: &str) -> Option<f64> {
    let value = &value[member];
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instance_is_read_from_texts_as_from_numbers() {
        let described = |texts: bool| {
            let value = |number: u32| {
                if texts {
                    json!(number.to_string())
                } else {
                    json!(number)
                }
            };
            json!({
                "DBInstanceIdentifier": "shop", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "EngineVersion": "16.4",
                "AllocatedStorage": value(20), "StorageType": "gp3", "MultiAZ": if texts { json!("true") } else { json!(true) },
                "Endpoint": {"Address": "x", "Port": value(5432)}, "BackupRetentionPeriod": value(7), "MonitoringInterval": value(0),
                "DBSubnetGroup": {"DBSubnetGroupName": "private", "Subnets": [{"SubnetIdentifier": "subnet-1"}]},
                "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
                "TagList": [{"Key": "team", "Value": "shop"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}],
            })
        };
        let read = instance(&described(true), Groups::default());
        assert_eq!(read, instance(&described(false), Groups::default()));
        assert_eq!((read.storage.gib, read.multi_az, read.shared.port), (20, true, 5432));
        assert_eq!(read.shared.network.subnet_group.unwrap().name, "private");
        assert_eq!(
            read.shared.tags,
            BTreeMap::from([("team".to_owned(), "shop".to_owned())])
        );
        assert_eq!(read.shared.monitoring, None, "an interval of 0 is off");
    }

    #[test]
    fn a_cluster_has_its_members_with_their_tiers_and_scaling() {
        let described = json!({
            "DBClusterIdentifier": "shop", "Engine": "aurora-postgresql", "Port": "5432", "DBSubnetGroup": "private",
            "DBClusterMembers": [
                {"DBInstanceIdentifier": "shop-b", "PromotionTier": "2"}, {"DBInstanceIdentifier": "shop-a", "PromotionTier": "1"},
            ],
            "ServerlessV2ScalingConfiguration": {"MinCapacity": "0.5", "MaxCapacity": "4"},
        });
        let member = |name: &str| {
            json!({
                "DBInstanceIdentifier": name, "DBInstanceClass": "db.serverless",
                "DBParameterGroups": [{"DBParameterGroupName": "default.aurora-postgresql16"}],
            })
        };
        let groups = Groups {
            subnets: Some(SubnetGroup {
                name: "private".to_owned(),
                subnets: BTreeSet::new(),
            }),
            ..Groups::default()
        };
        let read = cluster(&described, &[member("shop-b"), member("shop-a")], groups);
        let members: Vec<(&str, u32)> = read
            .members
            .iter()
            .map(|member| (member.name.as_str(), member.promotion_tier))
            .collect();
        assert_eq!(members, [("shop-a", 1), ("shop-b", 2)]);
        assert_eq!(
            read.serverless,
            Some(Scaling {
                min_acu: 0.5,
                max_acu: 4.0
            })
        );
        assert_eq!(read.members[0].parameter_group, None, "AWS's own groups are everywhere");
        assert_eq!(read.shared.network.subnet_group.unwrap().name, "private");
    }

    #[test]
    fn what_is_in_a_cluster_or_of_another_service_does_not_stand_alone() {
        for (described, alone) in [
            (json!({"Engine": "postgres"}), true),
            (json!({"Engine": "aurora-mysql", "DBClusterIdentifier": "shop"}), false),
            (json!({"Engine": "docdb"}), false),
        ] {
            assert_eq!(stands_alone(&described), alone, "{described}");
        }
    }
}
