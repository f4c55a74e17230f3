use super::*;
use crate::wire::{Reply, Request, Server};

fn backups(server: &Server) -> AwsBackups {
    AwsBackups::new(&server.aws(), "111122223333", &"eu-central-1".parse().unwrap())
}

fn arn(text: &str) -> Arn {
    text.parse().unwrap()
}

const POINT: &str = "arn:aws:backup:eu-central-1:111122223333:recovery-point:1EB3";
const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";

fn described() -> String {
    format!(
        r#"{{"RecoveryPointArn": "{POINT}", "BackupVaultName": "holdfast", "ResourceArn": "{TABLE}", "ResourceType": "DynamoDB",
        "Status": "COMPLETED", "CreationDate": 1795228200.123, "BackupSizeInBytes": 4096}}"#
    )
}

fn refused(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(r#"{{"Code": "{code}", "Message": "{message}", "Type": "User"}}"#);
    Reply::new(status, &body).with("x-amzn-errortype", &format!("{code}:http://internal.amazon.com/"))
}

fn lines(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.line.clone()).collect()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

#[tokio::test]
async fn a_job_is_started_with_its_token_in_the_body() {
    let server = Server::replying([Reply::new(200, r#"{"BackupJobId": "j", "CreationDate": 1795228200.0}"#)]);
    let request = BackupRequest {
        backup_vault: "holdfast".to_owned(),
        resource_arn: arn(TABLE),
        role_arn: arn("arn:aws:iam::111122223333:role/backup"),
        token: "t".to_owned(),
        start_window_minutes: 60,
        complete_window_minutes: 600,
        lifecycle: Lifecycle::FOR_EVER,
        tags: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    let started = backups(&server).start_backup_job(&request).await.unwrap();
    assert_eq!(
        (started.job_id.as_str(), started.created_at.as_second()),
        ("j", 1_795_228_200)
    );
    let asked = &server.requests()[0];
    assert_eq!(asked.line, "PUT /backup-jobs");
    assert_eq!(body(asked)["IdempotencyToken"], "t");
    let authorization = asked.header("authorization").unwrap();
    assert!(
        authorization.contains("/eu-central-1/backup/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn a_point_is_addressed_by_vault_and_arn() {
    let gone = refused(400, "ResourceNotFoundException", "Recovery point does not exist.");
    let server = Server::replying([Reply::new(200, &described()), Reply::new(200, ""), gone]);
    let backups = backups(&server);
    let point = backups.recovery_point("holdfast", &arn(POINT)).await.unwrap();
    assert_eq!((point.bytes, point.resource_arn), (4096, arn(TABLE)));
    backups.delete_recovery_point("holdfast", &arn(POINT)).await.unwrap();
    let error = backups.recovery_point("holdfast", &arn(POINT)).await.unwrap_err();
    assert!(matches!(error, PortError::NotFound(_)), "{error}");
    let path = "/backup-vaults/holdfast/recovery-points/\
                arn%3Aaws%3Abackup%3Aeu-central-1%3A111122223333%3Arecovery-point%3A1EB3";
    assert_eq!(
        lines(&server),
        [format!("GET {path}"), format!("DELETE {path}"), format!("GET {path}")]
    );
    assert!(
        server.requests()[1].body.is_empty(),
        "what is deleted is named by its address"
    );
}

#[tokio::test]
async fn the_points_of_a_resource_are_listed_page_by_page_and_described() {
    let listed = format!(
        r#"{{"RecoveryPoints": [{{"RecoveryPointArn": "{POINT}", "BackupVaultName": "holdfast"}}], "NextToken": "more"}}"#
    );
    let gone = refused(400, "ResourceNotFoundException", "Recovery point does not exist.");
    let server = Server::replying([
        Reply::new(200, &listed),
        Reply::new(200, &listed.replace("more", "").replace("1EB3", "2EB3")),
        Reply::new(200, &described()),
        gone,
    ]);
    let points = backups(&server).recovery_points_of(&arn(TABLE)).await.unwrap();
    assert_eq!(
        points.iter().map(|point| point.arn.as_str()).collect::<Vec<_>>(),
        [POINT]
    );
    let lines = lines(&server);
    assert!(
        lines[0].starts_with("GET /resources/arn%3Aaws%3Adynamodb") && lines[0].contains("/recovery-points/?"),
        "{lines:?}"
    );
    assert!(lines[1].ends_with("nextToken=more"), "{lines:?}");
}

#[tokio::test]
async fn a_vault_is_read_page_by_page_until_a_point_without_an_end_is_found() {
    let page = |lifecycle: &str, next: &str| {
        Reply::new(
            200,
            &format!(r#"{{"RecoveryPoints": [{{"RecoveryPointArn": "{POINT}"{lifecycle}}}]{next}}}"#),
        )
    };
    let (ends, more) = (r#", "Lifecycle": {"DeleteAfterDays": 35}"#, r#", "NextToken": "more""#);
    let cold = r#", "Lifecycle": {"MoveToColdStorageAfterDays": 30}"#;
    for (pages, found) in [
        (vec![page(ends, more), page(ends, "")], false),
        (vec![page(ends, more), page("", more)], true),
        (vec![page(cold, more)], true),
    ] {
        let asked = pages.len();
        let server = Server::replying(pages);
        let endless = backups(&server).endless_point("holdfast").await.unwrap();
        assert_eq!(endless.is_some(), found);
        let lines = lines(&server);
        assert_eq!(lines.len(), asked);
        let path = "GET /backup-vaults/holdfast/recovery-points/?maxResults=1000";
        assert!(lines[0].starts_with(path), "{lines:?}");
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_never_returned() {
    let server = Server::replying([
        Reply::new(200, r#"{"CopyJobs": [], "NextToken": "more"}"#),
        refused(
            400,
            "AccessDeniedException",
            "User: x is not authorized to perform: backup:ListCopyJobs",
        ),
    ]);
    let error = backups(&server).copy_jobs_in_flight().await.unwrap_err();
    assert!(matches!(error, PortError::Denied(_)), "{error}");
}

#[tokio::test]
async fn a_job_that_moves_on_between_two_listings_counts_once() {
    let job = format!(
        r#"{{"BackupJobs": [{{"BackupJobId": "j", "State": "CREATED", "BackupVaultName": "v", "ResourceArn": "{TABLE}", "CreationDate": 1.0}}]}}"#
    );
    let none = || Reply::new(200, r#"{"BackupJobs": []}"#);
    let server = Server::replying([Reply::new(200, &job), none(), Reply::new(200, &job), none()]);
    let jobs = backups(&server).backup_jobs_in_flight().await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert!(
        lines(&server)[0].starts_with("GET /backup-jobs/?state=CREATED&maxResults=1000"),
        "{:?}",
        lines(&server)
    );
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_told_from_one_that_may_not_be_seen() {
    for (message, expected) in [
        ("Insufficient privileges to perform this action.", "not found"),
        (
            "User: x is not authorized to perform: backup:DescribeBackupVault on resource: y",
            "denied",
        ),
    ] {
        let server = Server::replying([refused(403, "AccessDeniedException", message)]);
        let error = backups(&server).backup_vault("copies").await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn what_a_lock_and_a_job_refuse_is_said_as_such() {
    for (code, message, expected) in [
        (
            "InvalidRequestException",
            "Vault lock configuration: manual deletion is disabled",
            "locked",
        ),
        (
            "InvalidResourceStateException",
            "The recovery point is being copied",
            "conflict",
        ),
    ] {
        let server = Server::replying([refused(400, code, message)]);
        let error = backups(&server).delete_recovery_point("holdfast", &arn(POINT)).await;
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn held_points_are_those_of_holds_that_are_not_lifted() {
    let holds = r#"{"LegalHolds": [{"LegalHoldId": "a", "Title": "case 7", "Status": "ACTIVE"},
        {"LegalHoldId": "b", "Title": "old", "Status": "CANCELED"}]}"#;
    let points = format!(r#"{{"RecoveryPoints": [{{"RecoveryPointArn": "{POINT}"}}]}}"#);
    let server = Server::replying([Reply::new(200, holds), Reply::new(200, &points)]);
    let held = backups(&server).held_points().await.unwrap();
    assert_eq!(held, BTreeMap::from([(arn(POINT), vec!["case 7".to_owned()])]));
    assert_eq!(lines(&server)[1], "GET /legal-holds/a/recovery-points?maxResults=1000");
}

#[tokio::test]
async fn settings_are_those_of_the_region_and_a_switch_that_is_not_told_is_not_known() {
    let answer = r#"{"ResourceTypeOptInPreference": {"DynamoDB": true, "RDS": false},
        "ResourceTypeManagementPreference": {"DynamoDB": false}}"#;
    let server = Server::replying([Reply::new(200, answer)]);
    let settings = backups(&server).region_settings().await.unwrap();
    let expected = RegionSettings {
        opted_in: BTreeMap::from([("DynamoDB".to_owned(), true), ("RDS".to_owned(), false)]),
        fully_managed: BTreeMap::from([("DynamoDB".to_owned(), false)]),
    };
    assert_eq!(settings, expected);
    assert_eq!(lines(&server), ["GET /account-settings"]);
}

#[tokio::test]
async fn whether_an_account_may_copy_to_others_is_its_organisations_to_say() {
    let setting = |word: &str| format!(r#"{{"GlobalSettings": {{"isCrossAccountBackupEnabled": "{word}"}}}}"#);
    let refusal = r#"{"__type": "InvalidRequestException", "Message": "not a member"}"#;
    let server = Server::replying([
        Reply::new(200, &setting("true")),
        Reply::new(200, &setting("false")),
        Reply::new(400, refusal),
    ]);
    let backups = backups(&server);
    for expected in [
        AccountCopies::Allowed,
        AccountCopies::NotAllowed,
        AccountCopies::NoOrganization,
    ] {
        assert_eq!(backups.account_copies().await.unwrap(), expected);
    }
    assert_eq!(lines(&server)[0], "GET /global-settings");
}
