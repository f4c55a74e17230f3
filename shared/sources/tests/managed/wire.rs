//! What is sent and read has the members that botocore's model of `backup` names; `backup-model.json` is taken from it.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::Arn;
use holdfast_sources::managed::continuous::port::{PlanDocument, PlanRule, SelectionContent};
use holdfast_sources::managed::continuous::wire as plans;
use holdfast_sources::managed::port::{BackupRequest, CopyRequest, LockBounds, RestoreRequest, Validation};
use holdfast_sources::managed::{Lifecycle, PointStatus, wire};
use holdfast_vault::PortError;
use serde_json::{Value, json};

fn members(operation: &str, side: &str) -> BTreeSet<String> {
    let model: Value = serde_json::from_str(include_str!("backup-model.json")).unwrap();
    let names = model[operation][side].as_array().unwrap();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

fn point() -> Arn {
    arn("arn:aws:backup:eu-central-1:111122223333:recovery-point:1EB3")
}

fn vault() -> Arn {
    arn("arn:aws:backup:eu-west-1:111122223333:backup-vault:copies")
}

fn role() -> Arn {
    arn("arn:aws:iam::111122223333:role/backup")
}

fn some() -> Lifecycle {
    Lifecycle {
        cold_after_days: Some(30),
        delete_after_days: Some(365),
    }
}

fn backup(lifecycle: Lifecycle) -> Value {
    let pair = || BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    wire::start_backup_job(&BackupRequest {
        backup_vault: "holdfast".to_owned(),
        resource_arn: arn("arn:aws:dynamodb:eu-central-1:111122223333:table/orders"),
        role_arn: role(),
        token: "token".to_owned(),
        start_window_minutes: 60,
        complete_window_minutes: 600,
        lifecycle,
        tags: pair(),
        options: pair(),
    })
}

fn copy(lifecycle: Lifecycle) -> Value {
    wire::start_copy_job(&CopyRequest {
        recovery_point_arn: point(),
        source_backup_vault: "holdfast".to_owned(),
        destination_vault_arn: vault(),
        role_arn: role(),
        token: "token".to_owned(),
        lifecycle,
    })
}

#[test]
fn requests_have_the_members_that_the_service_takes_and_all_that_it_needs() {
    let restore = wire::start_restore_job(&RestoreRequest {
        recovery_point_arn: point(),
        resource_type: "DynamoDB".to_owned(),
        metadata: BTreeMap::new(),
        role_arn: role(),
        token: "token".to_owned(),
    });
    let bounds = LockBounds {
        min_days: Some(7),
        max_days: Some(30),
        immutable_from: None,
    };
    for (operation, input) in [
        ("StartBackupJob", backup(some())),
        ("StartBackupJob", backup(Lifecycle::FOR_EVER)),
        ("StartCopyJob", copy(some())),
        ("StartRestoreJob", restore),
        (
            "UpdateRecoveryPointLifecycle",
            wire::update_lifecycle("holdfast", &point(), some()),
        ),
        (
            "PutRestoreValidationResult",
            wire::put_validation("job", Validation::Failed, "no"),
        ),
        ("CreateBackupVault", wire::create_backup_vault("copies", Some(&role()))),
        (
            "PutBackupVaultLockConfiguration",
            wire::lock_backup_vault("copies", bounds, Some(3)),
        ),
        ("Lifecycle", backup(some())["Lifecycle"].clone()),
        ("Lifecycle", copy(some())["Lifecycle"].clone()),
    ] {
        let sent = names(&input);
        assert!(sent.is_subset(&members(operation, "input")), "{operation}: {sent:?}");
        assert!(members(operation, "required").is_subset(&sent), "{operation}: {sent:?}");
    }
}

#[test]
fn for_ever_is_left_out_of_a_new_point_and_said_to_a_copy() {
    assert!(backup(Lifecycle::FOR_EVER)["Lifecycle"].is_null());
    let never = json!({"MoveToColdStorageAfterDays": -1, "DeleteAfterDays": -1});
    assert_eq!(copy(Lifecycle::FOR_EVER)["Lifecycle"], never);
    assert_eq!(
        wire::update_lifecycle("holdfast", &point(), Lifecycle::FOR_EVER)["Lifecycle"],
        never
    );
    assert_eq!(
        backup(some())["Lifecycle"],
        json!({"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 365})
    );
}

fn described() -> Value {
    json!({
        "RecoveryPointArn": point(),
        "BackupVaultName": "holdfast",
        "ResourceArn": "arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
        "ResourceType": "DynamoDB",
        "Status": "COMPLETED",
        "CreationDate": 1_516_925_490.087,
        "BackupSizeInBytes": 42,
        "Lifecycle": {"MoveToColdStorageAfterDays": -1, "DeleteAfterDays": 35},
        "CalculatedLifecycle": {"DeleteAt": 1_519_949_490.087},
        "StorageClass": "COLD",
        "EncryptionKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1",
        "CreatedBy": {"BackupPlanId": "id", "BackupPlanName": "nightly"},
    })
}

#[test]
fn a_recovery_point_is_read_as_it_is_described() {
    let point = wire::recovery_point(&described()).unwrap();
    assert_eq!(point.created_at.to_string(), "2018-01-26T00:11:30.087Z");
    assert_eq!(point.expires_at.unwrap().to_string(), "2018-03-02T00:11:30.087Z");
    let expected = Lifecycle {
        cold_after_days: None,
        delete_after_days: Some(35),
    };
    assert_eq!((point.lifecycle, point.cold_at, point.is_cold), (expected, None, true));
    assert_eq!(
        (point.status, point.bytes, point.plan.as_deref()),
        (PointStatus::Completed, 42, Some("nightly"))
    );
    assert!(names(&described()).is_subset(&members("DescribeRecoveryPoint", "output")));
}

#[test]
fn an_answer_that_cannot_be_read_leaves_the_outcome_unknown() {
    for member in ["RecoveryPointArn", "Status", "CreationDate", "ResourceType"] {
        let mut strange = described();
        strange[member] = json!({});
        let error = wire::recovery_point(&strange).unwrap_err();
        assert!(
            matches!(&error, PortError::Unavailable(why) if why.contains(member)),
            "{error}"
        );
    }
    assert!(wire::job_started(&json!({"CreationDate": 1.0}), "BackupJobId").is_err());
}

#[test]
fn jobs_are_read_as_they_are_described() {
    let backup = json!({
        "BackupJobId": "1", "State": "COMPLETED", "StatusMessage": "issues", "MessageCategory": "SUCCESS",
        "BackupVaultName": "holdfast", "ResourceArn": point(), "RecoveryPointArn": point(), "CreationDate": 1.5,
    });
    assert!(names(&backup).is_subset(&members("DescribeBackupJob", "output")));
    assert!(names(&backup).is_subset(&members("ListBackupJobs", "output")));
    let read = wire::backup_job(&backup).unwrap();
    assert_eq!(
        (read.message.as_deref(), read.recovery_point_arn),
        (Some("issues"), Some(point()))
    );

    let copy = json!({
        "CopyJobId": "1", "State": "RUNNING", "ResourceArn": point(), "SourceRecoveryPointArn": point(),
        "DestinationBackupVaultArn": vault(), "DestinationRecoveryPointArn": point(), "CreationDate": 1,
    });
    assert!(names(&copy).is_subset(&members("DescribeCopyJob", "output")));
    assert!(names(&copy).is_subset(&members("ListCopyJobs", "output")));
    assert_eq!(wire::copy_job(&copy).unwrap().destination_vault_arn, vault());

    let restore = json!({
        "RestoreJobId": "1", "Status": "COMPLETED", "CreationDate": 1, "CompletionDate": 61, "CreatedResourceArn": point(),
    });
    assert!(names(&restore).is_subset(&members("DescribeRestoreJob", "output")));
    let read = wire::restore_job(&restore).unwrap();
    assert_eq!(read.completed_at.unwrap().duration_since(read.created_at).as_secs(), 60);
    let started = wire::job_started(&json!({"BackupJobId": "7", "CreationDate": 1}), "BackupJobId").unwrap();
    assert_eq!(started.job_id, "7");
}

#[test]
fn a_vault_is_locked_when_the_service_says_so_or_gives_bounds() {
    let read = |more: Value| {
        let mut vault = json!({"BackupVaultArn": vault(), "NumberOfRecoveryPoints": 3});
        vault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(names(&vault).is_subset(&members("DescribeBackupVault", "output")));
        wire::backup_vault(&vault).unwrap()
    };
    assert_eq!(read(json!({"Locked": false})).lock, None);
    assert_eq!(read(json!({"Locked": true})).lock, Some(LockBounds::default()));
    assert_eq!(read(json!({"MinRetentionDays": 7})).lock.unwrap().min_days, Some(7));
    assert!(
        read(json!({"Locked": true, "LockDate": 1.0}))
            .lock
            .unwrap()
            .immutable_from
            .is_some()
    );
}

#[test]
fn settings_and_metadata_are_read_by_name() {
    let answer = json!({
        "ResourceTypeOptInPreference": {"DynamoDB": true, "EBS": false},
        "ResourceTypeManagementPreference": {"DynamoDB": false},
    });
    assert!(names(&answer).is_subset(&members("DescribeRegionSettings", "output")));
    let settings = wire::region_settings(&answer);
    assert!(settings.opted_in["DynamoDB"] && !settings.opted_in["EBS"] && !settings.fully_managed["DynamoDB"]);
    let answer = json!({"RestoreMetadata": {"encryptionType": "Default"}});
    assert!(names(&answer).is_subset(&members("GetRecoveryPointRestoreMetadata", "output")));
    assert_eq!(wire::restore_metadata(&answer)["encryptionType"], "Default");
}

#[test]
fn a_lock_and_a_hold_are_no_wrong_input() {
    let refused = |why: &str| wire::refusal(PortError::Invalid(why.to_owned()));
    assert!(matches!(
        refused("Backup Vault Lock prevents deletion"),
        PortError::Locked(_)
    ));
    assert!(matches!(
        refused("The recovery point is under a legal hold"),
        PortError::Locked(_)
    ));
    assert!(matches!(refused("the ARN is malformed"), PortError::Invalid(_)));
    assert!(matches!(
        wire::refusal(PortError::Throttled("locked".to_owned())),
        PortError::Throttled(_)
    ));
}

fn plan_document() -> PlanDocument {
    PlanDocument {
        name: "holdfast-documents".to_owned(),
        rules: vec![PlanRule {
            name: "continuous".to_owned(),
            backup_vault: "holdfast".to_owned(),
            schedule: Some("cron(0 5 ? * * *)".to_owned()),
            delete_after_days: Some(35),
            is_continuous: true,
            tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        }],
    }
}

fn selection_content() -> SelectionContent {
    SelectionContent {
        name: "0123-1-of-1".to_owned(),
        role_arn: role().to_string(),
        resources: BTreeSet::from(["arn:aws:s3:::photos".to_owned()]),
    }
}

#[test]
fn backup_plans_and_selections_have_the_members_that_the_service_takes_and_all_that_it_needs() {
    let created = plans::create_backup_plan(&plan_document(), &BTreeMap::new(), "token");
    let selected = plans::create_backup_selection("p1", &selection_content(), "token");
    for (operation, input) in [
        ("CreateBackupPlan", &created),
        ("UpdateBackupPlan", &plans::update_backup_plan("p1", &plan_document())),
        ("BackupPlan", &created["BackupPlan"]),
        ("BackupRule", &created["BackupPlan"]["Rules"][0]),
        ("Lifecycle", &created["BackupPlan"]["Rules"][0]["Lifecycle"]),
        ("CreateBackupSelection", &selected),
        ("BackupSelection", &selected["BackupSelection"]),
    ] {
        let sent = names(input);
        assert!(sent.is_subset(&members(operation, "input")), "{operation}: {sent:?}");
        assert!(members(operation, "required").is_subset(&sent), "{operation}: {sent:?}");
    }
}

#[test]
fn a_backup_plan_and_a_selection_are_read_as_they_were_written() {
    let created = plans::create_backup_plan(&plan_document(), &BTreeMap::new(), "token");
    let arn = "arn:aws:backup:eu-central-1:111122223333:backup-plan:p1";
    let mut answer =
        json!({"BackupPlan": created["BackupPlan"], "BackupPlanId": "p1", "BackupPlanArn": arn, "VersionId": "v"});
    // What the service adds.
    answer["BackupPlan"]["Rules"][0]["RuleId"] = json!("r");
    answer["BackupPlan"]["Rules"][0]["StartWindowMinutes"] = json!(480);
    assert!(names(&answer).is_subset(&members("GetBackupPlan", "output")));
    assert!(names(&answer["BackupPlan"]["Rules"][0]).is_subset(&members("BackupRule", "output")));
    let plan = plans::backup_plan(&answer, BTreeMap::new(), Vec::new()).unwrap();
    assert_eq!(
        (plan.id.as_str(), plan.arn.as_str(), plan.document),
        ("p1", arn, plan_document())
    );
    let selected = plans::create_backup_selection("p1", &selection_content(), "token");
    let answer = json!({"BackupSelection": selected["BackupSelection"], "SelectionId": "s1", "BackupPlanId": "p1"});
    assert!(names(&answer).is_subset(&members("GetBackupSelection", "output")));
    let selection = plans::selection(&answer).unwrap();
    assert_eq!((selection.id.as_str(), selection.content), ("s1", selection_content()));
    let strange = plans::selection(&json!({"SelectionId": "s1"})).unwrap_err();
    assert!(matches!(strange, PortError::Unavailable(_)), "{strange}");
}
