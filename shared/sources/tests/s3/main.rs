//! The settings of buckets, against an account in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

use holdfast_catalog::Region;
use holdfast_sources::s3::{BucketReading, read, without_versioning};
use holdfast_testkit::MemoryWiring;
use holdfast_vault::PortError;
use serde_json::{Value, json};

fn home() -> Region {
    "eu-central-1".parse().unwrap()
}

/// An account with a bucket that answers so.
fn with_photos(answers: &[(&str, Value)]) -> MemoryWiring {
    let account = MemoryWiring::new("111122223333");
    account.add_bucket(&home(), "photos", &[]);
    for (operation, answer) in answers {
        account.set_bucket(&home(), "photos", operation, answer.clone());
    }
    account
}

async fn photos(answers: &[(&str, Value)]) -> BucketReading {
    read(&with_photos(answers), &home(), "photos").await.unwrap()
}

#[tokio::test]
async fn every_setting_is_in_the_document_under_the_name_that_puts_it_back() {
    let rules = json!({"Rule": [{"ID": "old", "Status": "Enabled"}]});
    let policy = json!({"Version": "2012-10-17", "Statement": []});
    let reading = photos(&[
        ("GetBucketVersioning", json!({"Status": "Enabled"})),
        ("GetBucketEncryption", rules.clone()),
        ("GetBucketLifecycleConfiguration", rules.clone()),
        ("GetPublicAccessBlock", json!({"BlockPublicAcls": "true"})),
        ("GetBucketOwnershipControls", rules.clone()),
        ("GetBucketPolicy", json!({ "Policy": policy })),
        ("GetBucketCors", json!({"CORSRule": [{}]})),
        ("GetBucketWebsite", json!({"IndexDocument": {"Suffix": "index.html"}})),
        ("GetBucketLogging", json!({"LoggingEnabled": {"TargetBucket": "logs"}})),
        ("GetObjectLockConfiguration", json!({"ObjectLockEnabled": "Enabled"})),
    ])
    .await;
    let wanted = json!({
        "BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "logs"}},
        "CORSConfiguration": {"CORSRule": [{}]},
        "LifecycleConfiguration": rules,
        "ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"},
        "OwnershipControls": rules,
        "Policy": policy,
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true"},
        "ServerSideEncryptionConfiguration": rules,
        "VersioningConfiguration": {"Status": "Enabled"},
        "WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}},
    });
    assert_eq!(Value::Object(reading.document.config), wanted);
    assert!(reading.not_protected.is_empty());
}

#[tokio::test]
async fn a_bucket_as_it_was_made_has_its_versioning_alone() {
    let reading = photos(&[("GetBucketLogging", json!({}))]).await;
    assert_eq!(
        Value::Object(reading.document.config),
        json!({"VersioningConfiguration": {}})
    );
}

#[tokio::test]
async fn tags_are_read_without_those_that_aws_keeps_to_itself() {
    let tags = json!([{"Key": "backup", "Value": "standard"}, {"Key": "aws:made-by", "Value": "x"}, {"Key": "bare", "Value": {}}]);
    let reading = photos(&[("GetBucketTagging", json!({"TagSet": {"Tag": tags}}))]).await;
    let tags: Vec<(&str, &str)> = reading
        .document
        .tags
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(tags, [("backup", "standard"), ("bare", "")]);
}

#[tokio::test]
async fn replication_is_told_and_no_difference() {
    let one = photos(&[(
        "GetBucketReplication",
        json!({"Role": "arn:aws:iam::111122223333:role/r"}),
    )])
    .await;
    let other = photos(&[]).await;
    assert!(one.document.observed.contains_key("ReplicationConfiguration"));
    assert!(one.document.differences(&other.document).is_empty());
}

#[tokio::test]
async fn a_setting_that_may_not_be_read_is_said_and_the_others_are_there() {
    let reading = photos(&[
        ("GetBucketPolicy", json!("no right")),
        ("GetBucketCors", json!({"CORSRule": []})),
    ])
    .await;
    assert_eq!(reading.document.unreadable, ["Policy"]);
    assert!(reading.not_protected[0].contains("no right"), "{reading:?}");
    assert!(reading.document.config.contains_key("CORSConfiguration"));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_has_no_settings() {
    let missing = read(&MemoryWiring::new("111122223333"), &home(), "photos").await;
    assert!(matches!(missing, Err(PortError::NotFound(_))), "{missing:?}");
}

#[tokio::test]
async fn a_bucket_without_versions_is_refused_with_what_to_change() {
    for (versioning, word) in [
        (json!({}), Some("off")),
        (json!({"Status": "Suspended"}), Some("suspended")),
        (json!({"Status": "Enabled"}), None),
    ] {
        let reading = photos(&[("GetBucketVersioning", versioning)]).await;
        let why = without_versioning("photos", &reading.document);
        let said = word.map(|word| why.as_ref().unwrap().contains(&format!("photos is {word},")));
        assert_eq!((why.is_some(), said), (word.is_some(), word.map(|_| true)), "{why:?}");
    }
}
