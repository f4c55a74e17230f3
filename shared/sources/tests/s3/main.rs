//! The settings of buckets, against an account in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

use holdfast_catalog::Region;
use holdfast_sources::s3::{BucketReading, count, exists, for_target, put_back, read, without_versioning};
use holdfast_sources::wiring::Document;
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_testkit::{ManualClock, MemoryWiring};
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

fn arn(name: &str) -> holdfast_catalog::Arn {
    format!("arn:aws:s3:::{name}").parse().unwrap()
}

fn document(config: &Value) -> Document {
    Document {
        config: config.as_object().unwrap().clone(),
        ..Document::default()
    }
}

fn named(outcomes: &[SettingOutcome], status: SettingStatus) -> Vec<&str> {
    let of_status = outcomes.iter().filter(|outcome| outcome.status == status);
    of_status.map(|outcome| outcome.setting.as_str()).collect()
}

#[test]
fn a_policy_names_the_new_bucket_and_no_other_of_a_similar_name() {
    let was =
        json!({"Policy": {"Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*", "arn:aws:s3:::photos-old/*"]}});
    let (made, told) = for_target(&document(&was), &arn("new"), &arn("photos"), false);
    let wanted = json!({"Resource": ["arn:aws:s3:::new", "arn:aws:s3:::new/*", "arn:aws:s3:::photos-old/*"]});
    assert_eq!((&made.config["Policy"], told.len()), (&wanted, 0));
}

#[test]
fn a_key_stays_in_its_region_and_replication_is_a_persons_to_decide() {
    let rule =
        json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:aws:kms:x"}});
    let mut was = document(&json!({"ServerSideEncryptionConfiguration": {"Rule": [rule]}}));
    let (here, told) = for_target(&was, &arn("photos"), &arn("photos"), false);
    assert_eq!((here, told), (was.clone(), Vec::new()));
    was.observed.insert("ReplicationConfiguration".to_owned(), json!({}));
    let (there, told) = for_target(&was, &arn("photos"), &arn("photos"), true);
    assert!(there.config.is_empty());
    assert_eq!(
        named(&told, SettingStatus::NeedsPerson),
        ["ServerSideEncryptionConfiguration", "ReplicationConfiguration"]
    );
}

#[tokio::test]
async fn what_differs_is_put_back_and_what_is_equal_is_left_alone() {
    let (cors, versions) = (json!({"CORSRule": [{}]}), json!({"Status": "Enabled"}));
    let account = with_photos(&[("GetBucketVersioning", versions.clone())]);
    // It would be refused.
    account.set_bucket(&home(), "photos", "PutBucketVersioning", json!("no"));
    let mut wanted = document(&json!({"VersioningConfiguration": versions, "CORSConfiguration": cors}));
    wanted.tags.insert("team".to_owned(), "web".to_owned());
    let outcomes = put_back(&account, &home(), "photos", &wanted).await.unwrap();
    assert_eq!(named(&outcomes, SettingStatus::Restored), ["CORSConfiguration", "Tags"]);
    let now = read(&account, &home(), "photos").await.unwrap().document;
    assert_eq!((now.config, now.tags), (wanted.config, wanted.tags));
}

#[tokio::test]
async fn any_settings_come_back_as_they_were() {
    let rules = |id: &str| json!({"Rule": [{"ID": id, "Status": "Enabled"}]});
    let settings = [
        (
            "BucketLoggingStatus",
            json!({"LoggingEnabled": {"TargetBucket": "logs"}}),
        ),
        ("CORSConfiguration", json!({"CORSRule": [{"AllowedMethod": ["GET"]}]})),
        ("ObjectLockConfiguration", json!({"ObjectLockEnabled": "Enabled"})),
        ("OwnershipControls", rules("owner")),
        (
            "Policy",
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]}),
        ),
        ("PublicAccessBlockConfiguration", json!({"BlockPublicAcls": "true"})),
        ("ServerSideEncryptionConfiguration", rules("key")),
        (
            "WebsiteConfiguration",
            json!({"IndexDocument": {"Suffix": "index.html"}}),
        ),
    ];
    for subset in 0..1_u32 << settings.len() {
        let chosen = settings.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1);
        let mut wanted = document(&json!({"VersioningConfiguration": {"Status": "Enabled"}}));
        for (_, (setting, value)) in chosen {
            wanted.config.insert((*setting).to_owned(), value.clone());
        }
        if subset % 3 == 0 {
            wanted.tags.insert("team".to_owned(), subset.to_string());
        }
        let stored = Document::read(&wanted.to_bytes()).unwrap();
        let account = with_photos(&[]);
        put_back(&account, &home(), "photos", &stored).await.unwrap();
        let now = read(&account, &home(), "photos").await.unwrap().document;
        assert_eq!(
            (now.config, now.tags),
            (wanted.config, wanted.tags),
            "subset {subset:b}"
        );
    }
}

#[tokio::test]
async fn what_is_refused_or_was_not_there_before_needs_a_person() {
    let account = with_photos(&[("GetPublicAccessBlock", json!({"BlockPublicAcls": "true"}))]);
    account.set_bucket(&home(), "photos", "PutBucketCors", json!("no"));
    let wanted = document(&json!({"CORSConfiguration": {"CORSRule": [{}]}, "VersioningConfiguration": {}}));
    let outcomes = put_back(&account, &home(), "photos", &wanted).await.unwrap();
    assert_eq!(
        named(&outcomes, SettingStatus::NeedsPerson),
        ["CORSConfiguration", "PublicAccessBlockConfiguration"]
    );
}

#[tokio::test]
async fn a_bucket_is_found_by_its_whole_name() {
    let account = with_photos(&[]);
    for (name, is_there) in [("photos", true), ("photo", false), ("photos-2", false)] {
        assert_eq!(exists(&account, &home(), name).await.unwrap(), is_there, "{name}");
    }
}

#[tokio::test]
async fn objects_of_all_pages_are_counted_and_their_order_means_nothing() {
    let clock = ManualClock::at("2026-11-21T03:00:00Z".parse().unwrap());
    let count_of = async |objects: &[(&str, &str)]| {
        let account = with_photos(&[]);
        let objects = objects.iter().map(|&(key, body)| (key.to_owned(), body.to_owned()));
        account.put_objects(&home(), "photos", objects);
        count(&account, &clock, &home(), "photos").await.unwrap().unwrap()
    };
    let five = [("a", "1"), ("b", "22"), ("c", "333"), ("d", ""), ("e", "5")];
    let counted = count_of(&five).await;
    assert_eq!(counted.items, 5);
    let mut other = five;
    other[1].1 = "23 bytes would be as many";
    assert_ne!(count_of(&other).await.digest, counted.digest);
}
