//! RDS in one region, over the generic calls.

use holdfast_catalog::{Arn, Region};
use holdfast_sources::call::{Operation, rds};
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::rds::port::{
    ChangeDatabases, DatabaseReading, DatabaseSetting, DropScratchDatabases, ReadDatabases,
};
use holdfast_sources::rds::wire::{self, Groups};
use holdfast_sources::rds::{DatabaseConfig, DatabaseKind, Member, ParameterGroup};
use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use crate::{Aws, AwsCalls};

/// RDS in one region of an account.
#[derive(Debug, Clone)]
pub struct Databases {
    calls: AwsCalls,
    region: Region,
}

impl Databases {
    /// In this region.
    pub fn new(aws: &Aws, account: &str, region: &Region) -> Self {
        Databases {
            calls: AwsCalls::new(aws, account),
            region: region.clone(),
        }
    }

    async fn call<O: Operation>(&self, input: Value) -> Result<Value, PortError> {
        self.calls.call_of::<O>(&self.region, input).await
    }

    async fn one<O: Operation>(&self, input: Value, member: &str) -> Result<Value, PortError> {
        let mut answer = self.call::<O>(input.clone()).await?;
        let first = answer[member].get_mut(0).map(Value::take);
        first.ok_or_else(|| PortError::NotFound(format!("RDS knows nothing of {input}")))
    }

    async fn describe(&self, kind: DatabaseKind, name: &str) -> Result<Value, PortError> {
        match kind {
            DatabaseKind::Instance => {
                let input = json!({ "DBInstanceIdentifier": name });
                self.one::<rds::DescribeDBInstances>(input, "DBInstances").await
            }
            DatabaseKind::Cluster => {
                let input = json!({ "DBClusterIdentifier": name });
                self.one::<rds::DescribeDBClusters>(input, "DBClusters").await
            }
        }
    }

    async fn parameter_group(&self, kind: DatabaseKind, name: &str) -> Result<ParameterGroup, PortError> {
        match kind {
            DatabaseKind::Instance => {
                let input = json!({ "DBParameterGroupName": name });
                let group = self
                    .one::<rds::DescribeDBParameterGroups>(input.clone(), "DBParameterGroups")
                    .await?;
                let changed = self.changed::<rds::DescribeDBParameters>(input).await?;
                Ok(wire::parameter_group(name, &group, &changed))
            }
            DatabaseKind::Cluster => {
                let input = json!({ "DBClusterParameterGroupName": name });
                let group = self
                    .one::<rds::DescribeDBClusterParameterGroups>(input.clone(), "DBClusterParameterGroups")
                    .await?;
                let changed = self.changed::<rds::DescribeDBClusterParameters>(input).await?;
                Ok(wire::parameter_group(name, &group, &changed))
            }
        }
    }

    async fn changed<O: Operation>(&self, mut input: Value) -> Result<Vec<Value>, PortError> {
        input["Source"] = json!("user");
        list::<O>(&self.calls, &self.region, input, "Parameters").await
    }

    /// What the description only names. What is refused is named, and keeps nothing else from being read.
    async fn groups(&self, kind: DatabaseKind, description: &Value, unreadable: &mut Vec<String>) -> Groups {
        let mut groups = Groups::default();
        for name in wire::parameter_groups(description) {
            match self.parameter_group(kind, &name).await {
                Ok(group) => groups.parameters.push(group),
                Err(error) => unreadable.push(format!("parameter group {name}: {error}")),
            }
        }
        for name in wire::option_groups(description) {
            let input = json!({ "OptionGroupName": name });
            match self.one::<rds::DescribeOptionGroups>(input, "OptionGroupsList").await {
                Ok(group) => groups.options.push(wire::option_group(&name, &group)),
                Err(error) => unreadable.push(format!("option group {name}: {error}")),
            }
        }
        // A cluster's description names its subnet group only.
        if let Some(name) = description["DBSubnetGroup"].as_str() {
            let input = json!({ "DBSubnetGroupName": name });
            match self.one::<rds::DescribeDBSubnetGroups>(input, "DBSubnetGroups").await {
                Ok(group) => groups.subnets = wire::subnet_group(&group),
                Err(error) => unreadable.push(format!("subnet group {name}: {error}")),
            }
        }
        groups
    }

    async fn members(&self, description: &Value) -> Result<Vec<Value>, PortError> {
        let mut members = Vec::new();
        for member in description["DBClusterMembers"].as_array().into_iter().flatten() {
            let name = member["DBInstanceIdentifier"].as_str().unwrap_or_default();
            members.push(self.describe(DatabaseKind::Instance, name).await?);
        }
        Ok(members)
    }

    async fn modify(&self, kind: DatabaseKind, name: &str, changes: Value) -> Result<(), PortError> {
        let mut input = changes;
        input["ApplyImmediately"] = json!(true);
        match kind {
            DatabaseKind::Instance => {
                input["DBInstanceIdentifier"] = json!(name);
                self.call::<rds::ModifyDBInstance>(input).await.map(|_| ())
            }
            DatabaseKind::Cluster => {
                input["DBClusterIdentifier"] = json!(name);
                self.call::<rds::ModifyDBCluster>(input).await.map(|_| ())
            }
        }
    }

    async fn add_member(&self, cluster: &str, member: &Member) -> Result<(), PortError> {
        let description = self.describe(DatabaseKind::Cluster, cluster).await?;
        let mut input = json!({
            "DBClusterIdentifier": cluster,
            "DBInstanceClass": member.class,
            "DBInstanceIdentifier": member.name,
            "Engine": description["Engine"],
            "PromotionTier": member.promotion_tier,
        });
        if let Some(group) = &member.parameter_group {
            input["DBParameterGroupName"] = json!(group);
        }
        match self.call::<rds::CreateDBInstance>(input).await {
            // An earlier try made it.
            Ok(_) | Err(PortError::AlreadyExists(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// All pages of a listing, or an error.
pub(crate) async fn list<O: Operation>(
    calls: &AwsCalls,
    region: &Region,
    mut input: Value,
    member: &str,
) -> Result<Vec<Value>, PortError> {
    let mut found = Vec::new();
    loop {
        let mut page = calls.call_of::<O>(region, input.clone()).await?;
        if let Value::Array(entries) = page[member].take() {
            found.extend(entries);
        }
        match page["Marker"].take() {
            Value::String(marker) if !marker.is_empty() => input["Marker"] = Value::String(marker),
            _ => return Ok(found),
        }
    }
}

fn arn_of(description: &Value, member: &str) -> Result<Arn, PortError> {
    let arn = description[member].as_str().and_then(|arn| arn.parse().ok());
    arn.ok_or_else(|| PortError::Unavailable(format!("RDS's answer has no {member} that can be read")))
}

impl ReadDatabases for Databases {
    async fn read_database(&self, kind: DatabaseKind, name: &str) -> Result<DatabaseReading, PortError> {
        let description = self.describe(kind, name).await?;
        let mut unreadable = Vec::new();
        let groups = self.groups(kind, &description, &mut unreadable).await;
        let status = |member: &str| description[member].as_str().unwrap_or_default().to_owned();
        Ok(match kind {
            DatabaseKind::Instance => DatabaseReading {
                arn: arn_of(&description, "DBInstanceArn")?,
                status: status("DBInstanceStatus"),
                config: DatabaseConfig::Instance(wire::instance(&description, groups)),
                unreadable,
            },
            DatabaseKind::Cluster => {
                let members = self.members(&description).await?;
                DatabaseReading {
                    arn: arn_of(&description, "DBClusterArn")?,
                    status: status("Status"),
                    config: DatabaseConfig::Cluster(wire::cluster(&description, &members, groups)),
                    unreadable,
                }
            }
        })
    }
}

impl ChangeDatabases for Databases {
    async fn apply(&self, kind: DatabaseKind, name: &str, setting: &DatabaseSetting) -> Result<(), PortError> {
        let changes = match setting {
            DatabaseSetting::Tags(tags) => {
                let description = self.describe(kind, name).await?;
                let arn = match kind {
                    DatabaseKind::Instance => arn_of(&description, "DBInstanceArn")?,
                    DatabaseKind::Cluster => arn_of(&description, "DBClusterArn")?,
                };
                let tags: Vec<Value> = tags
                    .iter()
                    .map(|(key, value)| json!({ "Key": key, "Value": value }))
                    .collect();
                let input = json!({ "ResourceName": arn, "Tags": tags });
                return self.call::<rds::AddTagsToResource>(input).await.map(|_| ());
            }
            DatabaseSetting::Member(member) => return self.add_member(name, member).await,
            DatabaseSetting::ParameterGroup(group) => match kind {
                DatabaseKind::Instance => json!({ "DBParameterGroupName": group }),
                DatabaseKind::Cluster => json!({ "DBClusterParameterGroupName": group }),
            },
            DatabaseSetting::SecurityGroups(groups) => json!({ "VpcSecurityGroupIds": groups }),
            DatabaseSetting::Backups(rules) => {
                let mut changes = json!({
                    "BackupRetentionPeriod": rules.retention_days,
                    "CopyTagsToSnapshot": rules.copy_tags,
                });
                if !rules.window.is_empty() {
                    changes["PreferredBackupWindow"] = json!(rules.window);
                }
                changes
            }
            DatabaseSetting::MaintenanceWindow(window) => json!({ "PreferredMaintenanceWindow": window }),
            DatabaseSetting::IamAuthentication(on) => json!({ "EnableIAMDatabaseAuthentication": on }),
            DatabaseSetting::Monitoring(monitoring) => json!({
                "MonitoringInterval": monitoring.interval_seconds,
                "MonitoringRoleArn": monitoring.role_arn,
            }),
            DatabaseSetting::Insights(insights) => {
                let mut changes = Map::new();
                changes.insert("EnablePerformanceInsights".to_owned(), json!(true));
                changes.insert(
                    "PerformanceInsightsRetentionPeriod".to_owned(),
                    json!(insights.retention_days),
                );
                if let Some(key) = &insights.kms_key_arn {
                    changes.insert("PerformanceInsightsKMSKeyId".to_owned(), json!(key));
                }
                Value::Object(changes)
            }
            DatabaseSetting::LogExports(logs) => json!({
                "CloudwatchLogsExportConfiguration": { "EnableLogTypes": logs },
            }),
            DatabaseSetting::DeletionProtection => json!({ "DeletionProtection": true }),
        };
        self.modify(kind, name, changes).await
    }
}

impl DropScratchDatabases for Databases {
    async fn drop_scratch_database(&self, kind: DatabaseKind, name: &str) -> Result<(), PortError> {
        if !name.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!(
                "{name} is no scratch {kind}: its name does not begin with {SCRATCH_PREFIX}"
            )));
        }
        let dropped = match kind {
            DatabaseKind::Instance => {
                let input = json!({
                    "DBInstanceIdentifier": name, "DeleteAutomatedBackups": true, "SkipFinalSnapshot": true,
                });
                self.call::<rds::DeleteDBInstance>(input).await
            }
            DatabaseKind::Cluster => {
                let input = json!({
                    "DBClusterIdentifier": name, "DeleteAutomatedBackups": true, "SkipFinalSnapshot": true,
                });
                self.call::<rds::DeleteDBCluster>(input).await
            }
        };
        match dropped {
            Ok(_) | Err(PortError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reply, Server};

    fn databases(server: &Server) -> Databases {
        Databases::new(&server.aws(), "111122223333", &"eu-central-1".parse().unwrap())
    }

    fn body(server: &Server, at: usize) -> String {
        String::from_utf8(server.requests()[at].body.clone()).unwrap()
    }

    fn refused(status: u16, code: &str) -> Reply {
        Reply::new(
            status,
            &format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
            ),
        )
    }

    const INSTANCE: &str = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
        <DBInstanceIdentifier>shop</DBInstanceIdentifier><DBInstanceArn>arn:aws:rds:eu-central-1:111122223333:db:shop</DBInstanceArn>\
        <DBInstanceStatus>available</DBInstanceStatus><Engine>postgres</Engine><AllocatedStorage>20</AllocatedStorage>\
        <DBParameterGroups><DBParameterGroup><DBParameterGroupName>shop16</DBParameterGroupName></DBParameterGroup></DBParameterGroups>\
        <OptionGroupMemberships><OptionGroupMembership><OptionGroupName>default:postgres-16</OptionGroupName></OptionGroupMembership>\
        </OptionGroupMemberships><TagList><Tag><Key>team</Key><Value>shop</Value></Tag><Tag><Key>backup</Key><Value>daily</Value></Tag>\
        </TagList></DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>";

    #[tokio::test]
    async fn an_instance_is_read_with_its_groups_and_what_is_refused_is_named() {
        let group = "<R><DescribeDBParameterGroupsResult><DBParameterGroups><DBParameterGroup><DBParameterGroupFamily>postgres16\
            </DBParameterGroupFamily></DBParameterGroup></DBParameterGroups></DescribeDBParameterGroupsResult></R>";
        let parameters = "<R><DescribeDBParametersResult><Parameters><Parameter><ParameterName>work_mem</ParameterName>\
            <ParameterValue>64</ParameterValue></Parameter></Parameters></DescribeDBParametersResult></R>";
        let server = Server::replying([
            Reply::new(200, INSTANCE),
            Reply::new(200, group),
            Reply::new(200, parameters),
        ]);
        let reading = databases(&server)
            .read_database(DatabaseKind::Instance, "shop")
            .await
            .unwrap();
        let shared = reading.config.shared();
        assert_eq!((reading.is_available(), shared.tags.len()), (true, 2));
        assert_eq!(shared.parameter_groups[0].family, "postgres16");
        assert_eq!(shared.parameter_groups[0].parameters["work_mem"], "64");
        assert!(body(&server, 2).contains("Source=user"), "{}", body(&server, 2));

        let server = Server::replying([Reply::new(200, INSTANCE), refused(403, "AccessDenied")]);
        let reading = databases(&server)
            .read_database(DatabaseKind::Instance, "shop")
            .await
            .unwrap();
        assert!(
            reading.unreadable[0].starts_with("parameter group shop16: denied"),
            "{:?}",
            reading.unreadable
        );
    }

    #[tokio::test]
    async fn a_setting_goes_out_as_the_form_that_rds_reads() {
        let groups = ["sg-1".to_owned(), "sg-2".to_owned()].into_iter().collect();
        let server = Server::replying([Reply::new(200, "<R><ModifyDBInstanceResult/></R>")]);
        let setting = DatabaseSetting::SecurityGroups(groups);
        databases(&server)
            .apply(DatabaseKind::Instance, "shop", &setting)
            .await
            .unwrap();
        assert_eq!(
            body(&server, 0),
            "Action=ModifyDBInstance&Version=2014-10-31&ApplyImmediately=true&DBInstanceIdentifier=shop\
             &VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1&VpcSecurityGroupIds.VpcSecurityGroupId.2=sg-2"
        );
    }

    #[tokio::test]
    async fn a_database_that_is_being_changed_wants_to_be_waited_for() {
        for code in ["InvalidDBInstanceState", "InvalidDBClusterStateFault"] {
            let server = Server::replying([refused(400, code)]);
            let error = databases(&server)
                .apply(DatabaseKind::Cluster, "shop", &DatabaseSetting::DeletionProtection)
                .await
                .unwrap_err();
            assert!(matches!(error, PortError::Conflict(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn only_scratch_databases_are_dropped_and_one_that_is_gone_is_dropped() {
        let server = Server::replying([refused(404, "DBInstanceNotFound")]);
        let databases = databases(&server);
        let error = databases.drop_scratch_database(DatabaseKind::Instance, "shop").await;
        assert!(matches!(error, Err(PortError::Invalid(_))));
        let name = format!("{SCRATCH_PREFIX}shop");
        databases
            .drop_scratch_database(DatabaseKind::Instance, &name)
            .await
            .unwrap();
        assert_eq!(server.requests().len(), 1, "a wrong name makes no call");
    }
}
