//! Kinesis records on the wire.

use holdfast_sources::call::kinesis::{GetRecords, GetShardIterator, ListShards, PutRecords};
use holdfast_sources::kinesis::Record;
use serde_json::json;

use super::*;
use crate::wire::{Reply, Request as Seen, Server};

async fn ask<O: Operation>(reply: Reply, input: Value) -> (Result<Value, PortError>, Seen) {
    let server = Server::replying([reply]);
    let calls = AwsCalls::new(&server.aws(), "111122223333");
    let answer = Call::<O>::call(&calls, &"eu-central-1".parse().unwrap(), input).await;
    let request = server.requests().first().cloned().unwrap();
    (answer, request)
}

fn sent(request: &Seen) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn shards_are_listed_with_parents_and_ranges() {
    let reply = r#"{"Shards": [{"ShardId": "shardId-000000000002", "ParentShardId": "shardId-000000000000",
        "AdjacentParentShardId": "shardId-000000000001", "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "9"},
        "SequenceNumberRange": {"StartingSequenceNumber": "4"}}], "NextToken": "t"}"#;
    let (answer, request) = ask::<ListShards>(Reply::new(200, reply), json!({"NextToken": "s"})).await;
    let answer = answer.unwrap();
    assert_eq!(answer["Shards"][0]["AdjacentParentShardId"], "shardId-000000000001");
    assert_eq!(answer["NextToken"], "t");
    assert_eq!(request.header("x-amz-target"), Some("Kinesis_20131202.ListShards"));
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.1"));
    assert_eq!(sent(&request), json!({"NextToken": "s"}));
}

#[tokio::test]
async fn an_iterator_begins_behind_a_sequence_number() {
    let input = json!({
        "StreamName": "clicks", "ShardId": "shardId-000000000000", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
        "StartingSequenceNumber": "4959",
    });
    let (answer, request) =
        ask::<GetShardIterator>(Reply::new(200, r#"{"ShardIterator": "AAAA"}"#), input.clone()).await;
    assert_eq!(answer.unwrap(), json!({"ShardIterator": "AAAA"}));
    assert_eq!(
        request.header("x-amz-target"),
        Some("Kinesis_20131202.GetShardIterator")
    );
    assert_eq!(sent(&request), input);
}

#[tokio::test]
async fn records_come_with_bytes_in_base64_and_times_in_seconds() {
    let reply = r#"{"Records": [{"SequenceNumber": "4959", "ApproximateArrivalTimestamp": 1.795230300123E9, "Data": "AAH/",
        "PartitionKey": "k"}], "NextShardIterator": "BBBB", "MillisBehindLatest": 0}"#;
    let input = json!({"ShardIterator": "AAAA", "Limit": 10000});
    let (answer, request) = ask::<GetRecords>(Reply::new(200, reply), input.clone()).await;
    let answer = answer.unwrap();
    let record = Record::of_answer("shardId-000000000000", &answer["Records"][0]).unwrap();
    assert_eq!(record.arrived_at, "2026-11-21T03:05:00.123Z".parse().unwrap());
    assert_eq!(record.data, "AAH/");
    assert_eq!(answer["NextShardIterator"], "BBBB");
    assert_eq!(sent(&request), input);
}

#[tokio::test]
async fn an_iterator_that_has_expired_wants_a_new_beginning() {
    let reply = Reply::new(
        400,
        r#"{"__type": "ExpiredIteratorException", "message": "Iterator expired."}"#,
    );
    let (answer, _) = ask::<GetRecords>(reply, json!({"ShardIterator": "AAAA"})).await;
    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
}

#[tokio::test]
async fn a_part_of_the_records_may_be_refused_by_an_answer_that_is_no_error() {
    let reply = r#"{"FailedRecordCount": 1, "Records": [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"},
        {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}]}"#;
    let records = json!([{"Data": "AAH/", "PartitionKey": "a"}, {"Data": "", "PartitionKey": "b"}]);
    let input = json!({"StreamName": "clicks", "Records": records});
    let (answer, request) = ask::<PutRecords>(Reply::new(200, reply), input.clone()).await;
    let answer = answer.unwrap();
    assert_eq!(answer["FailedRecordCount"], 1);
    assert_eq!(
        answer["Records"][1]["ErrorCode"],
        "ProvisionedThroughputExceededException"
    );
    assert_eq!(request.header("x-amz-target"), Some("Kinesis_20131202.PutRecords"));
    assert_eq!(sent(&request), input);
}

#[tokio::test]
async fn records_whose_answer_is_lost_are_the_callers_to_put_again() {
    let server = Server::replying([Reply::new(500, "{}"), Reply::new(500, "{}")]);
    let calls = AwsCalls::new(&server.aws(), "111122223333");
    let input = json!({"StreamName": "clicks", "Records": [{"Data": "", "PartitionKey": "b"}]});
    let answer = Call::<PutRecords>::call(&calls, &"eu-central-1".parse().unwrap(), input).await;
    assert!(matches!(answer, Err(PortError::Unavailable(_))), "{answer:?}");
    assert_eq!(server.requests().len(), 1);
}
