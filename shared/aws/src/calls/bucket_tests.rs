//! What S3 tells of a bucket's settings, on the wire.

use holdfast_sources::call::bucket::{
    GetBucketCors, GetBucketLifecycleConfiguration, GetBucketPolicy, GetBucketTagging, GetObjectLockConfiguration,
    GetPublicAccessBlock, ListObjectsV2, PutBucketPolicy, PutBucketTagging,
};
use serde_json::json;

use super::*;
use crate::wire::{Reply, Server};

/// What comes of an answer, and the line that asked for it.
async fn ask<O: Operation>(status: u16, body: &str) -> (Result<Value, PortError>, String) {
    let server = Server::replying([Reply::new(status, body)]);
    let calls = AwsCalls::new(&server.aws(), "111122223333");
    let answer = Call::<O>::call(&calls, &"eu-central-1".parse().unwrap(), json!({"Bucket": "photos"})).await;
    let line = server.requests().first().unwrap().line.clone();
    (answer, line)
}

#[tokio::test]
async fn a_single_rule_is_a_list_too() {
    let xml = "<LifecycleConfiguration xmlns=\"x\"><Rule><ID>old</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
        <Transition><Days>30</Days><StorageClass>GLACIER_IR</StorageClass></Transition></Rule></LifecycleConfiguration>";
    let (answer, line) = ask::<GetBucketLifecycleConfiguration>(200, xml).await;
    let rule = json!({
        "Filter": {"Prefix": {}}, "ID": "old", "Status": "Enabled",
        "Transition": [{"Days": "30", "StorageClass": "GLACIER_IR"}],
    });
    assert_eq!(answer.unwrap(), json!({ "Rule": [rule] }));
    assert_eq!(line, "GET /photos?lifecycle");
}

#[tokio::test]
async fn all_origins_of_a_rule_are_told() {
    let xml = "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>a</AllowedOrigin>\
        <AllowedOrigin>b</AllowedOrigin></CORSRule></CORSConfiguration>";
    let (answer, _) = ask::<GetBucketCors>(200, xml).await;
    let rule = json!({"AllowedMethod": ["GET"], "AllowedOrigin": ["a", "b"]});
    assert_eq!(answer.unwrap(), json!({ "CORSRule": [rule] }));
}

#[tokio::test]
async fn tags_are_a_list() {
    let xml = "<Tagging><TagSet><Tag><Key>backup</Key><Value>standard</Value></Tag></TagSet></Tagging>";
    let (answer, _) = ask::<GetBucketTagging>(200, xml).await;
    let tag = json!({"Key": "backup", "Value": "standard"});
    assert_eq!(answer.unwrap(), json!({"TagSet": {"Tag": [tag]}}));
}

#[tokio::test]
async fn a_policy_is_json_and_no_xml() {
    let (answer, line) = ask::<GetBucketPolicy>(200, r#"{"Version": "2012-10-17", "Statement": []}"#).await;
    assert_eq!(
        answer.unwrap(),
        json!({"Policy": {"Version": "2012-10-17", "Statement": []}})
    );
    assert_eq!(line, "GET /photos?policy");
}

#[tokio::test]
async fn what_is_not_set_is_not_found() {
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let answers = [
        ask::<GetBucketPolicy>(404, &error("NoSuchBucketPolicy")).await.0,
        ask::<GetPublicAccessBlock>(404, &error("NoSuchPublicAccessBlockConfiguration"))
            .await
            .0,
        ask::<GetObjectLockConfiguration>(404, &error("ObjectLockConfigurationNotFoundError"))
            .await
            .0,
        ask::<GetBucketTagging>(404, &error("NoSuchTagSet")).await.0,
    ];
    for answer in answers {
        assert!(matches!(answer, Err(PortError::NotFound(_))), "{answer:?}");
    }
}

/// What goes out: the line, the checksum and the body.
async fn sent<O: Operation>(input: Value) -> (String, Option<String>, String) {
    let server = Server::replying([Reply::new(200, "")]);
    let calls = AwsCalls::new(&server.aws(), "111122223333");
    Call::<O>::call(&calls, &"eu-central-1".parse().unwrap(), input)
        .await
        .unwrap();
    let request = server.requests().remove(0);
    let checksum = request.header("x-amz-checksum-sha256").map(str::to_owned);
    (request.line.clone(), checksum, String::from_utf8(request.body).unwrap())
}

#[tokio::test]
async fn a_setting_goes_out_as_it_was_told_with_the_checksum_that_s3_asks_for() {
    let tag = json!({"Key": "a<b", "Value": "1"});
    let input = json!({"Bucket": "photos", "Tagging": {"TagSet": {"Tag": [tag]}}});
    let (line, checksum, body) = sent::<PutBucketTagging>(input).await;
    assert_eq!(line, "PUT /photos?tagging");
    assert_eq!(
        body,
        "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><TagSet><Tag><Key>a&lt;b</Key><Value>1</Value></Tag></TagSet></Tagging>"
    );
    assert_eq!(
        checksum.as_deref(),
        Some("zI3jIrLkxnWYFP0EXSLNlDMPftkSSXNkckL/6LHl0Iw=")
    );
}

#[tokio::test]
async fn a_policy_goes_out_as_json() {
    let policy = json!({"Version": "2012-10-17", "Statement": []});
    let (line, checksum, body) = sent::<PutBucketPolicy>(json!({"Bucket": "photos", "Policy": policy})).await;
    assert_eq!(line, "PUT /photos?policy");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), policy);
    assert!(checksum.is_some());
}

#[tokio::test]
async fn objects_come_page_by_page() {
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>\
        <Contents><Key>a &amp; b</Key><Size>12</Size></Contents></ListBucketResult>";
    let (answer, line) = ask::<ListObjectsV2>(200, page).await;
    assert_eq!(line, "GET /photos?list-type=2");
    let answer = answer.unwrap();
    assert_eq!(answer["Contents"], json!([{"Key": "a & b", "Size": "12"}]));
    assert_eq!(answer["NextContinuationToken"], "more");
}
