//! What exists in a region, with its tags.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use holdfast_sources::call::{Call, InAccount, Operation, rds};
use holdfast_sources::inventory::{Found, ListResources};
use holdfast_sources::rds::wire;
use holdfast_sources::{efs, s3, wiring};
use holdfast_vault::PortError;
use serde_json::{Value, json};

use crate::error::port_error;
use crate::{Aws, AwsCalls, databases};

/// Resources a page of the tagging API; its maximum.
const TAGGED_PER_PAGE: i32 = 100;

/// What exists in an account.
///
/// Tags come from the Resource Groups Tagging API, one listing instead of a call for each resource. It may lag behind a change of
/// tags by some seconds.
#[derive(Debug, Clone)]
pub struct AwsInventory {
    aws: Aws,
    calls: AwsCalls,
    account: String,
    has_roles: bool,
    own_buckets: BTreeSet<String>,
}

impl AwsInventory {
    /// The inventory of this account, without its roles.
    pub fn new(aws: &Aws, account: &str) -> Self {
        AwsInventory {
            aws: aws.clone(),
            calls: AwsCalls::new(aws, account),
            account: account.to_owned(),
            has_roles: false,
            own_buckets: BTreeSet::new(),
        }
    }

    /// The same with the account's roles, or without them: without, nobody is asked, for the right to ask may not be given.
    #[must_use]
    pub fn with_roles(self, has_roles: bool) -> Self {
        AwsInventory { has_roles, ..self }
    }

    /// The same without the buckets in which points are kept.
    #[must_use]
    pub fn without_buckets(self, own_buckets: BTreeSet<String>) -> Self {
        AwsInventory { own_buckets, ..self }
    }

    async fn tables(&self, region: &Region) -> Result<Vec<Arn>, PortError> {
        let doing = format!("listing the tables of {region}");
        let client = self.aws.dynamodb(region);
        let mut tables = Vec::new();
        let mut last = None;
        loop {
            let page = client
                .list_tables()
                .set_exclusive_start_table_name(last)
                .send()
                .await
                .map_err(|error| port_error(&error, &doing))?;
            // The listing gives names only.
            let partition = region.partition();
            for name in page.table_names() {
                let arn = format!("arn:{partition}:dynamodb:{region}:{}:table/{name}", self.account);
                tables.push(parse(&arn, &doing)?);
            }
            last = page.last_evaluated_table_name;
            if last.is_none() {
                return Ok(tables);
            }
        }
    }

    async fn functions(&self, region: &Region) -> Result<Vec<Arn>, PortError> {
        let doing = format!("listing the functions of {region}");
        let client = self.aws.lambda(region);
        let mut functions = Vec::new();
        let mut marker = None;
        loop {
            let page = client
                .list_functions()
                .set_marker(marker)
                .send()
                .await
                .map_err(|error| port_error(&error, &doing))?;
            // A function with a master is Lambda@Edge's replica of a function in us-east-1, which is the one to protect.
            for function in page
                .functions()
                .iter()
                .filter(|function| function.master_arn().is_none())
            {
                let arn = function.function_arn().ok_or_else(|| {
                    PortError::Unavailable(format!("{doing}: the answer has a function without an ARN"))
                })?;
                functions.push(parse(arn, &doing)?);
            }
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(functions);
            }
        }
    }

    /// Databases come with their tags. An instance in a cluster is protected with the cluster.
    async fn instances(&self, region: &Region) -> Result<Vec<Found>, PortError> {
        let listed = databases::list::<rds::DescribeDBInstances>(&self.calls, region, json!({}), "DBInstances").await?;
        let alone = listed.iter().filter(|instance| wire::stands_alone(instance));
        alone.map(|instance| found(instance, "DBInstanceArn")).collect()
    }

    async fn clusters(&self, region: &Region) -> Result<Vec<Found>, PortError> {
        let listed = databases::list::<rds::DescribeDBClusters>(&self.calls, region, json!({}), "DBClusters").await?;
        let of_rds = listed.iter().filter(|cluster| wire::is_of_rds(cluster));
        of_rds.map(|cluster| found(cluster, "DBClusterArn")).collect()
    }

    async fn tags(
        &self,
        region: &Region,
        resource_type: &str,
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, PortError> {
        let doing = format!("listing the tags of every {resource_type} in {region}");
        let client = self.aws.tagging(region);
        let mut tags = BTreeMap::new();
        let mut token = None;
        loop {
            let page = client
                .get_resources()
                .resource_type_filters(resource_type)
                .resources_per_page(TAGGED_PER_PAGE)
                .set_pagination_token(token)
                .send()
                .await
                .map_err(|error| port_error(&error, &doing))?;
            for mapping in page.resource_tag_mapping_list() {
                let of_one = mapping
                    .tags()
                    .iter()
                    .map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
                if let Some(arn) = mapping.resource_arn() {
                    tags.insert(arn.to_owned(), of_one.collect());
                }
            }
            // An empty token is this service's way to say that there are no more pages.
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(tags);
            }
        }
    }
}

impl ListResources for AwsInventory {
    async fn list(&self, region: &Region, kind: Kind) -> Result<Vec<Found>, PortError> {
        let (arns, resource_type) = match kind {
            Kind::DynamodbTable => (self.tables(region).await?, "dynamodb:table"),
            Kind::LambdaFunction => (self.functions(region).await?, "lambda:function"),
            Kind::RdsInstance => return self.instances(region).await,
            Kind::RdsCluster => return self.clusters(region).await,
            Kind::S3Bucket => return s3::list(&self.calls, region, &self.own_buckets).await,
            Kind::EfsFileSystem => return efs::list(&self.calls, region).await,
            Kind::IamRole if !self.has_roles => return Ok(Vec::new()),
            _ => return wiring::list(&self.calls, kind, region).await,
        };
        let mut tags = self.tags(region, resource_type).await?;
        let with_tags = arns.into_iter().filter_map(|arn| {
            let id = ResourceId::from_arn(&arn).ok()?;
            let tags = tags.remove(arn.as_str()).unwrap_or_default();
            Some(Found { id, arn, tags })
        });
        Ok(with_tags.collect())
    }
}

/// The wiring is read where it is listed.
impl<O: Operation> Call<O> for AwsInventory {
    async fn call(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        self.calls.call_of::<O>(region, input).await
    }
}

impl InAccount for AwsInventory {
    fn account(&self) -> &str {
        &self.account
    }
}

fn found(database: &Value, arn: &str) -> Result<Found, PortError> {
    let doing = "listing databases";
    let arn = parse(database[arn].as_str().unwrap_or_default(), doing)?;
    let id = ResourceId::from_arn(&arn).map_err(|error| PortError::Invalid(format!("{doing}: {error}")))?;
    let tags = wire::tags(&database["TagList"]);
    Ok(Found { id, arn, tags })
}

fn parse(arn: &str, doing: &str) -> Result<Arn, PortError> {
    arn.parse()
        .map_err(|error| PortError::Invalid(format!("{doing}: {arn:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reply, Server};

    fn inventory(server: &Server) -> AwsInventory {
        AwsInventory::new(&server.aws(), "111122223333")
    }

    fn home() -> Region {
        "eu-central-1".parse().unwrap()
    }

    fn text(found: &[Found]) -> Vec<String> {
        let one = |found: &Found| format!("{} {:?}", found.arn.as_str(), found.tags);
        found.iter().map(one).collect()
    }

    #[tokio::test]
    async fn tables_of_all_pages_come_with_their_tags() {
        let tagged = |name: &str, value: &str| {
            format!(
                r#"{{"ResourceARN": "arn:aws:dynamodb:eu-central-1:111122223333:table/{name}",
                "Tags": [{{"Key": "backup", "Value": "{value}"}}]}}"#
            )
        };
        let server = Server::replying([
            Reply::new(200, r#"{"TableNames": [], "LastEvaluatedTableName": "a"}"#),
            Reply::new(200, r#"{"TableNames": ["b", "c"], "LastEvaluatedTableName": "c"}"#),
            Reply::new(200, r#"{"TableNames": ["d"]}"#),
            Reply::new(
                200,
                &format!(
                    r#"{{"ResourceTagMappingList": [{}], "PaginationToken": "more"}}"#,
                    tagged("c", "daily")
                ),
            ),
            Reply::new(
                200,
                &format!(
                    r#"{{"ResourceTagMappingList": [{}, {}], "PaginationToken": ""}}"#,
                    tagged("d", "hourly"),
                    tagged("gone", "daily")
                ),
            ),
        ]);
        let found = inventory(&server).list(&home(), Kind::DynamodbTable).await.unwrap();
        let arn = |name: &str| format!("arn:aws:dynamodb:eu-central-1:111122223333:table/{name}");
        assert_eq!(
            text(&found),
            [
                format!("{} {{}}", arn("b")),
                format!(r#"{} {{"backup": "daily"}}"#, arn("c")),
                format!(r#"{} {{"backup": "hourly"}}"#, arn("d")),
            ]
        );
        assert_eq!(server.requests().len(), 5);
    }

    #[tokio::test]
    async fn functions_at_the_edge_are_left_to_their_master() {
        let function = |name: &str, master: &str| {
            format!(r#"{{"FunctionArn": "arn:aws:lambda:eu-central-1:111122223333:function:{name}"{master}}}"#)
        };
        let edge = r#", "MasterArn": "arn:aws:lambda:us-east-1:111122223333:function:edge:1""#;
        let server = Server::replying([
            Reply::new(
                200,
                &format!(
                    r#"{{"Functions": [{}], "NextMarker": "more"}}"#,
                    function("us-east-1.edge", edge)
                ),
            ),
            Reply::new(200, &format!(r#"{{"Functions": [{}]}}"#, function("orders", ""))),
            Reply::new(200, r#"{"ResourceTagMappingList": []}"#),
        ]);
        let found = inventory(&server).list(&home(), Kind::LambdaFunction).await.unwrap();
        assert_eq!(
            text(&found),
            ["arn:aws:lambda:eu-central-1:111122223333:function:orders {}"]
        );
    }

    #[tokio::test]
    async fn databases_come_with_their_tags_and_those_in_a_cluster_with_it() {
        let instance = |name: &str, more: &str| {
            format!(
                "<DBInstance><DBInstanceArn>arn:aws:rds:eu-central-1:111122223333:db:{name}</DBInstanceArn><Engine>postgres</Engine>\
                 <TagList><Tag><Key>backup</Key><Value>daily</Value></Tag></TagList>{more}</DBInstance>"
            )
        };
        let page = |instance: &str, marker: &str| {
            format!(
                "<R><DescribeDBInstancesResult><DBInstances>{instance}</DBInstances>{marker}</DescribeDBInstancesResult></R>"
            )
        };
        let in_cluster = instance("member", "<DBClusterIdentifier>c</DBClusterIdentifier>");
        let server = Server::replying([
            Reply::new(200, &page(&instance("shop", ""), "<Marker>more</Marker>")),
            Reply::new(200, &page(&in_cluster, "")),
        ]);
        let found = inventory(&server).list(&home(), Kind::RdsInstance).await.unwrap();
        assert_eq!(
            text(&found),
            [r#"arn:aws:rds:eu-central-1:111122223333:db:shop {"backup": "daily"}"#]
        );
    }

    #[tokio::test]
    async fn buckets_are_listed_with_their_tags_but_those_that_keep_points() {
        let bucket =
            |name: &str| format!("<Bucket><Name>{name}</Name><BucketRegion>eu-central-1</BucketRegion></Bucket>");
        let server = Server::replying([
            Reply::new(
                200,
                &format!(
                    "<R><Buckets>{}{}{}</Buckets></R>",
                    bucket("photos"),
                    bucket("the-vault"),
                    bucket("the-replica")
                ),
            ),
            Reply::new(
                200,
                r#"{"ResourceTagMappingList": [{"ResourceARN": "arn:aws:s3:::photos",
                    "Tags": [{"Key": "backup", "Value": "daily"}]}]}"#,
            ),
        ]);
        let own = ["the-vault", "the-replica"].map(str::to_owned).into();
        let inventory = inventory(&server).without_buckets(own);
        let found = inventory.list(&home(), Kind::S3Bucket).await.unwrap();
        assert_eq!(text(&found), [r#"arn:aws:s3:::photos {"backup": "daily"}"#]);
        assert_eq!(found[0].id.to_string(), "s3-bucket/eu-central-1/photos");
    }

    #[tokio::test]
    async fn roles_are_listed_only_where_that_is_asked_for() {
        let server = Server::replying([]);
        assert_eq!(inventory(&server).list(&home(), Kind::IamRole).await.unwrap(), []);
        let role = "<member><Path>/app/</Path><RoleName>bill</RoleName><Arn>arn:aws:iam::111122223333:role/app/bill</Arn>\
            <AssumeRolePolicyDocument>%7B%22Statement%22%3A%7B%22Principal%22%3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%7D%7D\
            </AssumeRolePolicyDocument></member>";
        let page =
            |inner: &str, more: &str| format!("<R><ListRolesResult><Roles>{inner}</Roles>{more}</ListRolesResult></R>");
        let tags = "<R><ListRoleTagsResult><Tags><member><Key>backup</Key><Value>daily</Value></member></Tags></ListRoleTagsResult></R>";
        let server = Server::replying([
            Reply::new(200, &page("", "<IsTruncated>true</IsTruncated><Marker>more</Marker>")),
            Reply::new(200, &page(role, "<IsTruncated>false</IsTruncated>")),
            Reply::new(200, tags),
        ]);
        let found = inventory(&server)
            .with_roles(true)
            .list(&home(), Kind::IamRole)
            .await
            .unwrap();
        assert_eq!(
            text(&found),
            [r#"arn:aws:iam::111122223333:role/app/bill {"backup": "daily"}"#]
        );
        assert_eq!(found[0].id.region.as_str(), "us-east-1");
    }

    #[tokio::test]
    async fn a_listing_that_breaks_off_is_never_returned() {
        let server = Server::replying([
            Reply::new(200, r#"{"TableNames": ["b"], "LastEvaluatedTableName": "b"}"#),
            Reply::new(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#),
        ]);
        let error = inventory(&server).list(&home(), Kind::DynamodbTable).await.unwrap_err();
        assert!(matches!(error, PortError::Denied(_)), "{error}");
    }
}
