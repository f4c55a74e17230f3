//! The settings of file systems, against an account in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops"
)]

use holdfast_catalog::{Arn, Region};
use holdfast_sources::call::efs::{
    CreateAccessPoint, CreateMountTarget, DescribeFileSystems, PutBackupPolicy, PutFileSystemPolicy,
    PutLifecycleConfiguration, UpdateFileSystem, UpdateFileSystemProtection,
};
use holdfast_sources::call::{Call, Operation};
use holdfast_sources::efs::{PutBack, counterparts, find, for_target, list, put_back, read, renamed, scratch};
use holdfast_sources::wiring::{ArnMap, Document};
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_testkit::MemoryWiring;
use holdfast_vault::PortError;
use proptest::prelude::*;
use serde_json::{Value, json};

fn home() -> Region {
    "eu-central-1".parse().unwrap()
}

fn account() -> MemoryWiring {
    let account = MemoryWiring::new("111122223333");
    account.add_subnet(&home(), "subnet-a");
    account.add_subnet(&home(), "subnet-b");
    account
}

fn arn(id: &str) -> Arn {
    format!("arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/{id}")
        .parse()
        .unwrap()
}

async fn document(account: &MemoryWiring, id: &str) -> Document {
    read(account, &home(), id).await.unwrap().document
}

/// Puts back until EFS is at the file system no more.
async fn put_all(account: &MemoryWiring, id: &str, wanted: &Document, old: &str) -> PutBack {
    for _ in 0..5 {
        match put_back(account, &home(), id, wanted, &arn(old)).await {
            Err(PortError::Conflict(_)) => {}
            done => return done.unwrap(),
        }
    }
    panic!("EFS is at it for ever");
}

fn named(outcomes: &[SettingOutcome], status: SettingStatus) -> Vec<&str> {
    let of_status = outcomes.iter().filter(|outcome| outcome.status == status);
    of_status.map(|outcome| outcome.setting.as_str()).collect()
}

/// What a person has set up.
#[derive(Debug, Clone)]
struct Setup {
    throughput: Option<(&'static str, Option<u32>)>,
    is_protected: bool,
    lifecycle: Vec<Value>,
    has_backups: bool,
    access_points: Vec<Value>,
    subnets: Vec<(&'static str, Option<&'static str>)>,
    has_policy: bool,
    tags: Vec<(&'static str, &'static str)>,
}

fn setups() -> impl Strategy<Value = Setup> {
    let throughput = prop::option::of(prop::sample::select(vec![
        ("elastic", None),
        ("provisioned", Some(128)),
        ("bursting", None),
    ]));
    let lifecycle = prop::sample::subsequence(
        vec![
            json!({"TransitionToIA": "AFTER_30_DAYS"}),
            json!({"TransitionToArchive": "AFTER_90_DAYS"}),
            json!({"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}),
        ],
        0..=3,
    );
    let creation = json!({"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "0750"});
    let points = prop::sample::subsequence(
        vec![
            json!({"RootDirectory": {"Path": "/"}}),
            json!({"PosixUser": {"Uid": 1000, "Gid": 1000, "SecondaryGids": [7]}, "RootDirectory": {"Path": "/in"}}),
            json!({"RootDirectory": {"Path": "/out", "CreationInfo": creation}, "Tags": [{"Key": "Name", "Value": "out"}]}),
            // Two that are alike are two.
            json!({"RootDirectory": {"Path": "/"}}),
        ],
        0..=4,
    );
    let subnets = prop::sample::subsequence(vec![("subnet-a", Some("10.0.0.9")), ("subnet-b", None)], 0..=2);
    let tags = prop::sample::subsequence(vec![("Name", "shop"), ("backup", "standard")], 0..=2);
    (
        throughput,
        any::<bool>(),
        lifecycle,
        any::<bool>(),
        points,
        subnets,
        any::<bool>(),
        tags,
    )
        .prop_map(
            |(throughput, is_protected, lifecycle, has_backups, access_points, subnets, has_policy, tags)| Setup {
                throughput,
                is_protected,
                lifecycle,
                has_backups,
                access_points,
                subnets,
                has_policy,
                tags,
            },
        )
}

/// Makes a file system as it was set up, and gives its id.
fn set_up(account: &MemoryWiring, setup: &Setup) -> String {
    let region = home();
    let id = account.add_file_system(&region, "console-1", &json!({}), &setup.tags);
    let of = |mut input: Value| {
        input["FileSystemId"] = json!(id);
        input
    };
    let mut last_point = None;
    for (number, point) in setup.access_points.iter().enumerate() {
        let mut input = of(point.clone());
        input["ClientToken"] = json!(number.to_string());
        let made = account.ask::<CreateAccessPoint>(&region, input).unwrap();
        last_point = made["AccessPointArn"].as_str().map(str::to_owned);
    }
    for (subnet, address) in &setup.subnets {
        let mut input = of(json!({"SubnetId": subnet, "SecurityGroups": ["sg-2", "sg-1"]}));
        if let Some(address) = address {
            input["IpAddress"] = json!(address);
        }
        account.ask::<CreateMountTarget>(&region, input).unwrap();
    }
    if setup.has_policy {
        let through = json!({"StringEquals": {"elasticfilesystem:AccessPointArn": last_point}});
        let statement = json!({"Effect": "Allow", "Resource": arn(&id), "Condition": through});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        account
            .ask::<PutFileSystemPolicy>(&region, of(json!({ "Policy": policy })))
            .unwrap();
    }
    let status = if setup.has_backups { "ENABLED" } else { "DISABLED" };
    let policy = of(json!({"BackupPolicy": {"Status": status}}));
    account.ask::<PutBackupPolicy>(&region, policy).unwrap();
    let lifecycle = of(json!({ "LifecyclePolicies": setup.lifecycle }));
    account.ask::<PutLifecycleConfiguration>(&region, lifecycle).unwrap();
    let protection = if setup.is_protected { "ENABLED" } else { "DISABLED" };
    let protection = of(json!({ "ReplicationOverwriteProtection": protection }));
    account.ask::<UpdateFileSystemProtection>(&region, protection).unwrap();
    if let Some((mode, mibps)) = setup.throughput {
        let mut input = of(json!({ "ThroughputMode": mode }));
        if let Some(mibps) = mibps {
            input["ProvisionedThroughputInMibps"] = json!(mibps);
        }
        account.ask::<UpdateFileSystem>(&region, input).unwrap();
        account
            .ask::<DescribeFileSystems>(&region, json!({ "FileSystemId": id }))
            .unwrap();
    }
    id
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_settings_come_back_as_they_were(setup in setups()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let account = account();
            let old = set_up(&account, &setup);
            let wanted = document(&account, &old).await;
            let stored = Document::read(&wanted.to_bytes()).unwrap();
            account.remove_file_system(&home(), &old);
            let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
            let done = put_all(&account, &new, &stored, &old).await;
            prop_assert_eq!(named(&done.outcomes, SettingStatus::NeedsPerson), Vec::<&str>::new());
            let mut back = ArnMap::default();
            back.insert(arn(&new).as_str(), arn(&old).as_str());
            done.access_points.iter().for_each(|(old, new)| back.insert(new, old));
            let found = document(&account, &new).await.rewritten(&back);
            prop_assert_eq!((found.config, found.tags), (wanted.config, wanted.tags));
            let again = put_all(&account, &new, &stored, &old).await;
            // What it is mounted by is told each time; nothing of it is made again.
            let told = named(&again.outcomes, SettingStatus::Restored);
            prop_assert!(told.iter().all(|told| *told == "MountTargets"), "{:?}", again.outcomes);
            prop_assert_eq!(told.len(), setup.subnets.len());
            prop_assert_eq!(&again.access_points, &done.access_points);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn access_points_of_two_restores_of_one_point_do_not_get_in_each_others_way() {
    let account = account();
    let point = json!({"RootDirectory": {"Path": "/"}, "FileSystemId": "?", "ClientToken": "t"});
    let old = account.add_file_system(&home(), "console-1", &json!({}), &[]);
    let mut input = point;
    input["FileSystemId"] = json!(old);
    account.ask::<CreateAccessPoint>(&home(), input).unwrap();
    let wanted = document(&account, &old).await;
    for token in ["restored-1", "restored-2"] {
        let new = account.add_file_system(&home(), token, &json!({}), &[]);
        let done = put_all(&account, &new, &wanted, &old).await;
        assert_eq!(done.access_points.len(), 1, "{token}: {:?}", done.outcomes);
    }
}

#[tokio::test]
async fn a_mount_target_is_made_with_another_address_where_its_own_is_taken_and_that_is_told() {
    let account = account();
    let old = account.add_file_system(&home(), "console-1", &json!({}), &[]);
    let input =
        json!({"FileSystemId": old, "SubnetId": "subnet-a", "IpAddress": "10.0.0.9", "SecurityGroups": ["sg-1"]});
    account.ask::<CreateMountTarget>(&home(), input).unwrap();
    let wanted = document(&account, &old).await;
    let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
    let done = put_all(&account, &new, &wanted, &old).await;
    assert_eq!(named(&done.outcomes, SettingStatus::NeedsPerson), ["MountTargets"]);
    let made = document(&account, &new).await.config["MountTargets"][0].clone();
    assert_eq!(made["SubnetId"], "subnet-a");
    assert_ne!(made["IpAddress"], "10.0.0.9");
}

/// Makes these calls twice, as who sends again what was not answered, and tells what the second one has come to.
#[derive(Debug)]
struct SentTwice(MemoryWiring);

impl<O: Operation> Call<O> for SentTwice {
    async fn call(&self, region: &Region, input: Value) -> Result<Value, PortError> {
        if matches!(O::NAME, "CreateAccessPoint" | "CreateMountTarget") {
            self.0.ask::<O>(region, input.clone())?;
        }
        self.0.ask::<O>(region, input)
    }
}

#[tokio::test]
async fn what_was_made_by_a_call_whose_answer_was_lost_is_found() {
    let account = account();
    let old = account.add_file_system(&home(), "console-1", &json!({}), &[]);
    let of = |mut input: Value| {
        input["FileSystemId"] = json!(old);
        input
    };
    let target = of(json!({"SubnetId": "subnet-a", "IpAddress": "10.0.0.9", "SecurityGroups": []}));
    account.ask::<CreateMountTarget>(&home(), target).unwrap();
    let point = of(json!({"RootDirectory": {"Path": "/"}, "ClientToken": "t"}));
    account.ask::<CreateAccessPoint>(&home(), point).unwrap();
    let wanted = document(&account, &old).await;
    account.remove_file_system(&home(), &old);
    let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
    let twice = SentTwice(account);
    let first = put_back(&twice, &home(), &new, &wanted, &arn(&old)).await;
    assert!(matches!(first, Err(PortError::Conflict(_))), "{first:?}");
    let done = put_back(&twice, &home(), &new, &wanted, &arn(&old)).await.unwrap();
    assert_eq!(named(&done.outcomes, SettingStatus::Restored), ["MountTargets"]);
    assert_eq!(done.access_points.len(), 1);
    assert_eq!(
        done.access_points,
        counterparts(&twice, &home(), &new, &wanted).await.unwrap()
    );
}

#[tokio::test]
async fn what_it_is_mounted_by_is_waited_for_before_anything_else_is_told() {
    let account = account();
    let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
    let mut wanted = document(&account, &new).await;
    wanted.config["MountTargets"] = json!([{"SubnetId": "subnet-a", "SecurityGroups": ["sg-1"]}]);
    let first = put_back(&account, &home(), &new, &wanted, &arn(&new)).await;
    assert!(matches!(first, Err(PortError::Conflict(_))), "{first:?}");
    let done = put_back(&account, &home(), &new, &wanted, &arn(&new)).await.unwrap();
    assert_eq!(named(&done.outcomes, SettingStatus::Restored), ["MountTargets"]);
}

#[tokio::test]
async fn in_a_subnet_that_stands_for_the_old_one_it_has_an_address_of_that() {
    let account = account();
    let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
    let mut wanted = document(&account, &new).await;
    wanted.config["MountTargets"] =
        json!([{"SubnetId": "subnet-b", "IpAddress": "192.0.2.1", "SecurityGroups": ["sg-1"]}]);
    account.set_range(&home(), "subnet-b", "10.");
    let done = put_all(&account, &new, &wanted, "fs-0").await;
    assert!(done.outcomes[0].message.contains("192.0.2.1 is 10."), "{done:?}");
}

#[tokio::test]
async fn without_a_document_there_is_nothing_to_put_back() {
    let account = account();
    let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
    let done = put_all(&account, &new, &Document::default(), "fs-0").await;
    assert_eq!(done, PutBack::default());
}

#[tokio::test]
async fn where_the_subnet_is_not_a_person_is_told_the_command() {
    let account = account();
    let new = account.add_file_system(&home(), "restored-1", &json!({}), &[]);
    let mut wanted = document(&account, &new).await;
    wanted.config["MountTargets"] = json!([{"SubnetId": "subnet-gone", "SecurityGroups": ["sg-1", "sg-2"]}]);
    let done = put_all(&account, &new, &wanted, "fs-0").await;
    let message = &done.outcomes[0].message;
    let command = format!(
        "aws efs create-mount-target --region eu-central-1 --file-system-id {new} --subnet-id subnet-gone --security-groups sg-1 sg-2"
    );
    assert!(message.contains(&command), "{message}");
}

#[tokio::test]
async fn replication_is_told_and_no_difference() {
    let account = account();
    let id = account.add_file_system(&home(), "console-1", &json!({}), &[]);
    let before = document(&account, &id).await;
    account.replicate_file_system(&home(), &id, "fs-there");
    let reading = read(&account, &home(), &id).await.unwrap();
    assert!(
        reading.not_protected[0].contains("fs-there in eu-west-1"),
        "{reading:?}"
    );
    assert!(before.differences(&reading.document).is_empty());
    let (_, told) = for_target(&reading.document, false);
    assert_eq!(named(&told, SettingStatus::NeedsPerson), ["Replication"]);
}

#[test]
fn key_and_zone_stay_in_their_region() {
    let config = json!({"KmsKeyId": "arn:aws:kms:x", "AvailabilityZoneName": "eu-central-1a", "Encrypted": true});
    let was = Document {
        config: config.as_object().unwrap().clone(),
        ..Document::default()
    };
    assert_eq!(for_target(&was, false), (was.clone(), Vec::new()));
    let (there, told) = for_target(&was, true);
    assert_eq!(Value::Object(there.config), json!({"Encrypted": true}));
    assert_eq!(
        named(&told, SettingStatus::NeedsPerson),
        ["KmsKeyId", "AvailabilityZoneName"]
    );
}

#[test]
fn a_new_name_becomes_its_name_tag_and_the_old_id_leaves_it_as_it_was() {
    let mut was = Document::default();
    was.tags.insert("Name".to_owned(), "shop".to_owned());
    assert_eq!(renamed(&was, "fs-1", "fs-1"), was);
    assert_eq!(renamed(&was, "shop-2", "fs-1").tags["Name"], "shop-2");
}

#[tokio::test]
async fn scratch_file_systems_are_told_by_their_creation_tokens_alone_and_never_protected() {
    let account = account();
    let named = [("Name", "holdfast-scratch-no")];
    let kept = account.add_file_system(&home(), "console-1", &json!({}), &named);
    let made = account.add_file_system(&home(), "holdfast-scratch-0a1b-2c3d", &json!({}), &[]);
    let found = list(&account, &home()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id.to_string(), format!("efs-file-system/eu-central-1/{kept}"));
    assert_eq!(found[0].tags["Name"], "holdfast-scratch-no");
    let found = scratch(&account, &home()).await.unwrap();
    assert_eq!((&*found[0].id, &*found[0].name), (&*made, "holdfast-scratch-0a1b"));
}

#[tokio::test]
async fn file_systems_of_all_pages_are_listed_and_those_that_are_going_are_none() {
    let account = account();
    for number in 0..5 {
        account.add_file_system(&home(), &format!("console-{number}"), &json!({}), &[]);
    }
    assert_eq!(list(&account, &home()).await.unwrap().len(), 5);
    assert_eq!(find(&account, &home(), "fs-none").await.unwrap(), None);
    let missing = read(&account, &home(), "fs-none").await;
    assert!(matches!(missing, Err(PortError::NotFound(_))), "{missing:?}");
}
