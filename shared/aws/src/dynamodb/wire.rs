//! What goes over the wire and what its answers are taken for.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::Shard;
use holdfast_sources::dynamodb::port::{
    ApplyTableSettings, CreateTable, DropScratchTable, ReadTable, ScanTable, TableSetting, WriteItems,
};
use holdfast_sources::dynamodb::{BillingMode, Item, TableConfig, Throughput, Value};
use holdfast_vault::PortError;
use serde_json::{Value as Json, json};

use super::Tables;
use super::tests::{on_demand, provisioned};
use crate::wire::{Reply, Request, Server};

/// DynamoDB as some answers by operation; anything else is refused as AWS refuses what a role may not do.
struct Dynamo {
    server: Server,
    tables: Tables,
}

fn dynamo(answers: impl IntoIterator<Item = (&'static str, Reply)>) -> Dynamo {
    let mut answers: Vec<_> = answers.into_iter().collect();
    let server = Server::answering(move |request| {
        let name = operation(request);
        let at = answers.iter().position(|(operation, _)| *operation == name);
        Some(at.map_or_else(
            || error("AccessDeniedException", "not authorized"),
            |at| answers.remove(at).1,
        ))
    });
    let tables = Tables::new(&server.aws(), "111122223333", &"eu-central-1".parse().unwrap());
    Dynamo { server, tables }
}

fn operation(request: &Request) -> String {
    let target = request.header("x-amz-target").unwrap();
    target.rsplit('.').next().unwrap().to_owned()
}

fn ok(body: &Json) -> Reply {
    Reply::new(200, &body.to_string()).with("content-type", "application/x-amz-json-1.0")
}

fn error(code: &str, message: &str) -> Reply {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": message});
    Reply::new(400, &body.to_string()).with("content-type", "application/x-amz-json-1.0")
}

impl Dynamo {
    fn operations(&self) -> Vec<String> {
        self.server.requests().iter().map(operation).collect()
    }

    fn body(&self, name: &str) -> Json {
        let requests = self.server.requests();
        let request = requests.iter().find(|request| operation(request) == name);
        serde_json::from_slice(&request.unwrap().body).unwrap()
    }
}

const ARN: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";

fn described(more: &Json) -> Reply {
    let mut table = json!({
        "TableName": "orders",
        "TableArn": ARN,
        "TableStatus": "ACTIVE",
        "ItemCount": 7,
        "TableSizeBytes": 700,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    });
    for (name, value) in more.as_object().unwrap() {
        table[name] = value.clone();
    }
    ok(&json!({ "Table": table }))
}

fn tags(from: usize, to: usize, token: Option<&str>) -> Reply {
    let tags: Vec<_> = (from..to)
        .map(|n| json!({"Key": format!("k{n}"), "Value": "v"}))
        .collect();
    ok(&json!({"Tags": tags, "NextToken": token}))
}

fn plain() -> TableConfig {
    TableConfig {
        key: vec![on_demand().key[0].clone()],
        attributes: on_demand()
            .attributes
            .into_iter()
            .filter(|(name, _)| name == "pk")
            .collect(),
        global_indexes: Vec::new(),
        local_indexes: Vec::new(),
        on_demand_limits: None,
        table_class: "STANDARD".to_owned(),
        kms_key_arn: None,
        ..on_demand()
    }
}

#[tokio::test]
async fn all_settings_of_a_table_are_read() {
    let recovery = json!({"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7});
    let dynamo = dynamo([
        ("DescribeTable", described(&json!({"DeletionProtectionEnabled": true}))),
        (
            "DescribeTimeToLive",
            ok(&json!({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLING", "AttributeName": "expires"}})),
        ),
        (
            "DescribeContinuousBackups",
            ok(&json!({"ContinuousBackupsDescription":
                {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}})),
        ),
        ("ListTagsOfResource", tags(0, 2, Some("more"))),
        (
            "ListTagsOfResource",
            ok(&json!({"Tags": [{"Key": "k2", "Value": "v"}, {"Key": "aws:x", "Value": "v"}]})),
        ),
        ("GetResourcePolicy", ok(&json!({"Policy": "{}", "RevisionId": "1"}))),
    ]);
    let reading = dynamo.tables.read_table("orders").await.unwrap();
    let expected = TableConfig {
        deletion_protection: true,
        ttl_attribute: Some("expires".to_owned()),
        point_in_time_recovery_days: Some(7),
        tags: ["k0", "k1", "k2"].map(|key| (key.to_owned(), "v".to_owned())).into(),
        resource_policy: Some("{}".to_owned()),
        ..plain()
    };
    assert_eq!(reading.config, expected);
    assert_eq!(reading.unreadable, Vec::<String>::new());
    assert_eq!(
        (
            reading.arn.as_str(),
            reading.approximate_items,
            reading.approximate_bytes
        ),
        (ARN, 7, 700)
    );
}

#[tokio::test]
async fn a_refused_detail_is_told_and_not_invented() {
    let dynamo = dynamo([
        ("DescribeTable", described(&json!({}))),
        ("GetResourcePolicy", error("PolicyNotFoundException", "no policy")),
    ]);
    let reading = dynamo.tables.read_table("orders").await.unwrap();
    assert_eq!(reading.config, plain());
    let told = |what: &str| {
        reading
            .unreadable
            .iter()
            .any(|told| told.starts_with(what) && told.contains("denied"))
    };
    assert!(
        told("time to live") && told("point-in-time recovery") && told("tags"),
        "{:?}",
        reading.unreadable
    );
    assert_eq!(
        reading.unreadable.len(),
        3,
        "having no policy is no failure: {:?}",
        reading.unreadable
    );
}

#[tokio::test]
async fn a_table_that_is_not_there_or_not_ours_to_see_is_an_error() {
    let gone = dynamo([("DescribeTable", error("ResourceNotFoundException", "gone"))]);
    let missing = gone.tables.read_table("orders").await.unwrap_err();
    assert!(
        matches!(&missing, PortError::NotFound(m) if m.contains("orders")),
        "{missing}"
    );
    let denied = dynamo([]).tables.read_table("orders").await.unwrap_err();
    assert!(matches!(denied, PortError::Denied(_)), "{denied}");
}

#[tokio::test]
async fn a_page_of_a_segment_is_asked_for_and_its_end_told_from_an_empty_page() {
    let dynamo = dynamo([
        (
            "Scan",
            ok(&json!({"Items": [], "Count": 0, "LastEvaluatedKey": {"pk": {"S": "a"}}})),
        ),
        (
            "Scan",
            ok(&json!({
                "Items": [{"pk": {"S": "b"}, "n": {"N": "1.50"}}], "Count": 1,
                "ConsumedCapacity": {"TableName": "orders", "CapacityUnits": 0.5}
            })),
        ),
    ]);
    let shard = Shard { index: 3, of: 8 };
    let key = ["pk".to_owned()];
    let empty = dynamo.tables.scan("orders", &key, shard, None).await.unwrap();
    let next = empty.next.unwrap();
    assert_eq!(
        (empty.lines, &next),
        (Vec::new(), &Item::from([("pk".to_owned(), Value::S("a".to_owned()))]))
    );
    let last = dynamo.tables.scan("orders", &key, shard, Some(&next)).await.unwrap();
    assert_eq!(
        (last.lines[0].text(), last.next, last.charged_bytes),
        (
            br#"{"Item":{"n":{"N":"1.50"},"pk":{"S":"b"}}}"#.as_slice(),
            None,
            Some(4096)
        )
    );
    let requests = dynamo.server.requests();
    let second: Json = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!(
        second,
        json!({
            "TableName": "orders", "Segment": 3, "TotalSegments": 8, "ExclusiveStartKey": {"pk": {"S": "a"}},
            "ReturnConsumedCapacity": "TOTAL"
        })
    );
}

#[tokio::test]
async fn a_throttled_page_is_asked_for_again_and_a_table_that_is_gone_is_not_found() {
    let dynamo = dynamo([
        ("Scan", error("ProvisionedThroughputExceededException", "slow down")),
        ("Scan", ok(&json!({"Items": [], "Count": 0}))),
        ("Scan", error("ResourceNotFoundException", "gone")),
    ]);
    let shard = Shard { index: 0, of: 1 };
    let page = dynamo.tables.scan("orders", &[], shard, None).await.unwrap();
    assert_eq!((page.lines, page.next), (Vec::new(), None));
    let gone = dynamo.tables.scan("orders", &[], shard, None).await.unwrap_err();
    assert!(
        matches!(&gone, PortError::NotFound(m) if m.contains("table orders")),
        "{gone}"
    );
    assert_eq!(dynamo.operations(), ["Scan"; 3]);
}

#[tokio::test]
async fn what_was_not_written_comes_back() {
    let item = |key: &str| Bytes::from(format!(r#"{{"Item":{{"pk":{{"S":"{key}"}}}}}}"#));
    let unprocessed = json!({"PutRequest": {"Item": {"pk": {"S": "b"}}}});
    let dynamo = dynamo([
        (
            "BatchWriteItem",
            ok(&json!({"UnprocessedItems": {"orders": [unprocessed]}})),
        ),
        (
            "BatchWriteItem",
            error("ValidationException", "Provided list of item keys contains duplicates"),
        ),
    ]);
    let left = dynamo
        .tables
        .write_items("orders", vec![item("a"), item("b")])
        .await
        .unwrap();
    assert_eq!(left, [item("b")]);
    let put = |key: &str| json!({"PutRequest": {"Item": {"pk": {"S": key}}}});
    assert_eq!(
        dynamo.body("BatchWriteItem"),
        json!({"RequestItems": {"orders": [put("a"), put("b")]}})
    );
    let refused = dynamo
        .tables
        .write_items("orders", vec![item("a"), item("a")])
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, PortError::Invalid(m) if m.contains("duplicates")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_taken_name_and_a_busy_table_are_told_apart() {
    let dynamo = dynamo([
        (
            "CreateTable",
            error("ResourceInUseException", "Table already exists: orders"),
        ),
        ("DescribeTable", described(&json!({}))),
        ("UpdateTable", error("ResourceInUseException", "Table is being updated")),
    ]);
    let taken = dynamo.tables.create_table("orders", &plain()).await.unwrap_err();
    assert!(matches!(taken, PortError::AlreadyExists(_)), "{taken}");
    let busy = dynamo
        .tables
        .apply("orders", &TableSetting::DeletionProtection)
        .await
        .unwrap_err();
    assert!(matches!(busy, PortError::Conflict(_)), "{busy}");
}

#[tokio::test]
async fn a_table_is_asked_for_with_what_has_to_be_there_from_the_start() {
    let dynamo = dynamo([("CreateTable", ok(&json!({})))]);
    dynamo.tables.create_table("orders", &provisioned()).await.unwrap();
    let asked = dynamo.body("CreateTable");
    let names: Vec<_> = asked.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "AttributeDefinitions",
            "BillingMode",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "LocalSecondaryIndexes",
            "ProvisionedThroughput",
            "SSESpecification",
            "TableClass",
            "TableName"
        ]
    );
    assert_eq!(
        asked["ProvisionedThroughput"],
        json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 6})
    );
}

#[tokio::test]
async fn a_setting_that_is_there_already_is_not_asked_for_again() {
    let stream = json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}});
    let dynamo = dynamo([
        (
            "DescribeTimeToLive",
            ok(&json!({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}})),
        ),
        ("DescribeTable", described(&stream)),
        ("DescribeTable", described(&json!({"DeletionProtectionEnabled": true}))),
        ("DescribeTable", described(&json!({}))),
    ]);
    let settings = [
        TableSetting::TimeToLive("expires".to_owned()),
        TableSetting::Stream("NEW_IMAGE".to_owned()),
        TableSetting::DeletionProtection,
        TableSetting::Capacity(plain().capacity()),
    ];
    for setting in settings {
        dynamo.tables.apply("orders", &setting).await.unwrap();
    }
    assert!(
        dynamo
            .operations()
            .iter()
            .all(|operation| operation.starts_with("Describe"))
    );
}

#[tokio::test]
async fn another_stream_or_time_to_live_is_left_as_it_is() {
    let stream = json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    let dynamo = dynamo([
        (
            "DescribeTimeToLive",
            ok(&json!({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "other"}})),
        ),
        ("DescribeTable", described(&stream)),
    ]);
    for setting in [
        TableSetting::TimeToLive("expires".to_owned()),
        TableSetting::Stream("NEW_IMAGE".to_owned()),
    ] {
        let error = dynamo.tables.apply("orders", &setting).await.unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn settings_are_asked_for_as_the_service_wants_them() {
    let found = || described(&json!({}));
    let dynamo = dynamo([
        (
            "DescribeTimeToLive",
            ok(&json!({"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})),
        ),
        ("UpdateTimeToLive", ok(&json!({}))),
        ("UpdateContinuousBackups", ok(&json!({}))),
        ("DescribeTable", found()),
        ("TagResource", ok(&json!({}))),
        ("DescribeTable", found()),
        ("PutResourcePolicy", ok(&json!({}))),
        ("DescribeTable", found()),
        ("UpdateTable", ok(&json!({}))),
    ]);
    let settings = [
        TableSetting::TimeToLive("expires".to_owned()),
        TableSetting::PointInTimeRecovery(Some(7)),
        TableSetting::Tags(vec![("team".to_owned(), "billing".to_owned())]),
        TableSetting::ResourcePolicy("{}".to_owned()),
        TableSetting::Capacity(provisioned().capacity()),
    ];
    for setting in settings {
        dynamo.tables.apply("orders", &setting).await.unwrap();
    }
    assert_eq!(
        dynamo.body("UpdateTimeToLive")["TimeToLiveSpecification"],
        json!({"Enabled": true, "AttributeName": "expires"})
    );
    assert_eq!(
        dynamo.body("UpdateContinuousBackups")["PointInTimeRecoverySpecification"],
        json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 7})
    );
    assert_eq!(
        dynamo.body("TagResource"),
        json!({"ResourceArn": ARN, "Tags": [{"Key": "team", "Value": "billing"}]})
    );
    assert_eq!(
        dynamo.body("PutResourcePolicy"),
        json!({"ResourceArn": ARN, "Policy": "{}"})
    );
    let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 6});
    let index = |name: &str| json!({"Update": {"IndexName": name, "ProvisionedThroughput": units}});
    assert_eq!(
        dynamo.body("UpdateTable"),
        json!({
            "TableName": "orders",
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": units,
            "GlobalSecondaryIndexUpdates": [index("by-a"), index("by-b")],
        })
    );
}

#[tokio::test]
async fn ceilings_are_put_back_where_there_are_some() {
    let dynamo = dynamo([
        ("DescribeTable", described(&json!({}))),
        ("UpdateTable", ok(&json!({}))),
    ]);
    let limited = TableConfig {
        billing: BillingMode::OnDemand,
        on_demand_limits: Some(Throughput { read: -1, write: 10 }),
        tags: BTreeMap::new(),
        ..plain()
    };
    dynamo
        .tables
        .apply("orders", &TableSetting::Capacity(limited.capacity()))
        .await
        .unwrap();
    let asked = dynamo.body("UpdateTable");
    assert_eq!(asked["OnDemandThroughput"], json!({"MaxWriteRequestUnits": 10}));
}

#[tokio::test]
async fn dropping_a_scratch_table_that_is_gone_succeeds() {
    let dynamo = dynamo([("DeleteTable", error("ResourceNotFoundException", "gone"))]);
    dynamo.tables.drop_scratch_table("holdfast-scratch-1").await.unwrap();
    let denied = dynamo
        .tables
        .drop_scratch_table("holdfast-scratch-1")
        .await
        .unwrap_err();
    assert!(matches!(denied, PortError::Denied(_)), "{denied}");
}
