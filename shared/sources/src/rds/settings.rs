//! What a restored database has to become, and what it cannot become by itself.

use holdfast_catalog::Arn;

use super::port::DatabaseSetting;
use super::{DatabaseConfig, Member};
use crate::SettingOutcome;

/// What belongs to a database and is not in its recovery points. Documents and reports name these.
pub const NOT_PROTECTED: &[&str] = &[
    "the master user's password: a restored database has the one of its snapshot, or the secret has to be set anew",
    "read replicas, RDS Proxies and blue/green deployments",
    "event subscriptions and CloudWatch alarms",
    "roles attached to the database (S3 import, Lambda)",
    "global databases",
];

/// The settings that a database restored as `new_arn` can have, and what a person has to see to because it cannot be as it was:
/// in another region or account, keys, subnet groups, security groups, parameter and option groups are others. A cluster's
/// instances get names after the new cluster.
pub fn for_target(config: &DatabaseConfig, new_arn: &Arn, old_arn: &Arn) -> (DatabaseConfig, Vec<SettingOutcome>) {
    let mut target = config.clone();
    let mut outcomes = Vec::new();
    if let DatabaseConfig::Cluster(cluster) = &mut target {
        for member in &mut cluster.members {
            member.name = member_name(&member.name, old_arn.resource_name(), new_arn.resource_name());
        }
    }
    if (new_arn.region(), new_arn.account()) == (old_arn.region(), old_arn.account()) {
        return (target, outcomes);
    }
    let place = format!("{} of account {}", new_arn.region(), new_arn.account());
    let mut needs_person = |setting: &str, what: String, then: &str| {
        let message = format!("{what} is not in {place}: {then}");
        outcomes.push(SettingOutcome::needs_person(setting, message));
    };
    let shared = target.shared_mut();
    if let Some(group) = shared.network.subnet_group.take() {
        let then = "the database is in the default VPC; make a subnet group there and restore again with it";
        needs_person("DBSubnetGroupName", format!("subnet group {}", group.name), then);
    }
    if !shared.network.security_groups.is_empty() {
        let groups = std::mem::take(&mut shared.network.security_groups);
        let then = "the database has the VPC's default group; choose others with modify-db-instance";
        needs_person("VpcSecurityGroupIds", format!("security groups {groups:?}"), then);
    }
    for group in std::mem::take(&mut shared.parameter_groups) {
        let then = format!(
            "the database has the default group of {}; make this one anew from the point's configuration document ({} changed \
             parameters) and choose it",
            group.family,
            group.parameters.len()
        );
        needs_person("DBParameterGroupName", format!("parameter group {}", group.name), &then);
    }
    for group in std::mem::take(&mut shared.option_groups) {
        let then = "the database has the default group; make this one anew from the point's configuration document and choose it";
        needs_person("OptionGroupName", format!("option group {}", group.name), then);
    }
    if let Some(key) = shared.kms_key_arn.take() {
        let then =
            "the database is encrypted with the key of the copy; choose another by restoring again with KmsKeyId";
        needs_person("KmsKeyId", format!("key {key}"), then);
    }
    (target, outcomes)
}

/// What to put back so that `actual` becomes `wanted`, in the order that works. What is equal already is left alone, so doing it
/// again after a crash does only what is left.
pub fn settings(wanted: &DatabaseConfig, actual: &DatabaseConfig) -> Vec<DatabaseSetting> {
    let (want, have) = (wanted.shared(), actual.shared());
    let mut settings = Vec::new();
    if let Some(group) = want.parameter_groups.first()
        && have.parameter_groups.first().map(|have| &have.name) != Some(&group.name)
    {
        settings.push(DatabaseSetting::ParameterGroup(group.name.clone()));
    }
    let groups = &want.network.security_groups;
    if !groups.is_empty() && *groups != have.network.security_groups {
        settings.push(DatabaseSetting::SecurityGroups(groups.clone()));
    }
    if let (DatabaseConfig::Cluster(wanted), DatabaseConfig::Cluster(actual)) = (wanted, actual) {
        let is_there = |member: &&Member| actual.members.iter().any(|there| there.name == member.name);
        let missing = wanted.members.iter().filter(|member| !is_there(member));
        settings.extend(missing.cloned().map(DatabaseSetting::Member));
    }
    if want.backups != have.backups {
        settings.push(DatabaseSetting::Backups(want.backups.clone()));
    }
    if want.maintenance_window != have.maintenance_window {
        settings.push(DatabaseSetting::MaintenanceWindow(want.maintenance_window.clone()));
    }
    if want.iam_authentication != have.iam_authentication {
        settings.push(DatabaseSetting::IamAuthentication(want.iam_authentication));
    }
    if let Some(monitoring) = want
        .monitoring
        .as_ref()
        .filter(|&wanted| have.monitoring.as_ref() != Some(wanted))
    {
        settings.push(DatabaseSetting::Monitoring(monitoring.clone()));
    }
    if let Some(insights) = want
        .insights
        .as_ref()
        .filter(|&wanted| have.insights.as_ref() != Some(wanted))
    {
        settings.push(DatabaseSetting::Insights(insights.clone()));
    }
    if want.log_exports != have.log_exports {
        settings.push(DatabaseSetting::LogExports(want.log_exports.clone()));
    }
    if want.tags != have.tags {
        settings.push(DatabaseSetting::Tags(want.tags.clone()));
    }
    // Last: until then a restore that failed can be thrown away.
    if want.deletion_protection && !have.deletion_protection {
        settings.push(DatabaseSetting::DeletionProtection);
    }
    settings
}

/// The longest name that RDS takes (`DBInstanceIdentifier`).
const MAX_NAME: usize = 63;

/// What an instance is called in the new cluster: the cluster's old name in it gives way to the new one.
fn member_name(member: &str, old_cluster: &str, new_cluster: &str) -> String {
    if old_cluster == new_cluster {
        return member.to_owned();
    }
    let mut name = match member.strip_prefix(old_cluster) {
        Some(rest) => format!("{new_cluster}{rest}"),
        None => format!("{new_cluster}-{member}"),
    };
    name.truncate(MAX_NAME);
    name.trim_end_matches('-').to_owned()
}

impl DatabaseSetting {
    /// The setting's name in reports, as AWS calls it.
    pub fn name(&self) -> &'static str {
        match self {
            DatabaseSetting::ParameterGroup(_) => "DBParameterGroupName",
            DatabaseSetting::SecurityGroups(_) => "VpcSecurityGroupIds",
            DatabaseSetting::Backups(_) => "BackupRetentionPeriod",
            DatabaseSetting::MaintenanceWindow(_) => "PreferredMaintenanceWindow",
            DatabaseSetting::IamAuthentication(_) => "EnableIAMDatabaseAuthentication",
            DatabaseSetting::Monitoring(_) => "MonitoringInterval",
            DatabaseSetting::Insights(_) => "EnablePerformanceInsights",
            DatabaseSetting::LogExports(_) => "EnableCloudwatchLogsExports",
            DatabaseSetting::Tags(_) => "Tags",
            DatabaseSetting::Member(_) => "DBInstance",
            DatabaseSetting::DeletionProtection => "DeletionProtection",
        }
    }
}
