use std::collections::BTreeSet;

use holdfast_sources::key::KeyState;
use holdfast_sources::preflight::DestinationState;
use holdfast_sources::preflight::port::{ReadKeys as _, ReadReplicas as _, ReplicaLook};
use holdfast_vault::PortError;
use holdfast_vault::replica::{MakeReplica as _, ReplicaReady, ReplicaSpec, VaultLock};

use super::AwsReplicas;
use crate::wire::{Reply, Request, Server};

const HOME_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1";
const REPLICA_KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/mrk-1";

fn spec(lock: VaultLock) -> ReplicaSpec {
    ReplicaSpec {
        bucket: "replica".to_owned(),
        region: "us-west-2".parse().unwrap(),
        home_key_arn: HOME_KEY.to_owned(),
        lock,
    }
}

async fn ensure(server: &Server, spec: &ReplicaSpec) -> Result<ReplicaReady, PortError> {
    AwsReplicas::new(&server.aws(), "111122223333").ensure(spec).await
}

fn key(state: &str) -> Reply {
    Reply::new(
        200,
        &format!(r#"{{"KeyMetadata": {{"KeyId": "mrk-1", "KeyState": "{state}"}}}}"#),
    )
}

/// The sub-resource that a request is about, or what else it does.
fn subject(request: &Request) -> String {
    const SUBRESOURCES: [&str; 7] = [
        "publicAccessBlock",
        "ownershipControls",
        "versioning",
        "object-lock",
        "encryption",
        "lifecycle",
        "policy",
    ];
    let method = request.line.split(' ').next().unwrap();
    let target = request
        .header("x-amz-target")
        .map(|target| target.rsplit('.').next().unwrap().to_owned());
    let what = SUBRESOURCES
        .iter()
        .find(|name| request.has_query(name))
        .map(ToString::to_string);
    let path = request.line.split('?').next().unwrap().trim_end_matches('/').to_owned();
    match (target, what) {
        (Some(target), _) => target,
        (None, Some(what)) => format!("{method} {what}"),
        (None, None) => path,
    }
}

fn ready(about: &str) -> Reply {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"HoldfastTlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*",
        "Resource":["{arn}","{arn}/*"],"Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}}},
        {{"Sid":"HoldfastOnlyPruneDeletes","Effect":"Deny","Principal":"*",
        "Action":["s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":"{arn}/*",
        "Condition":{{"StringNotEquals":{{"aws:PrincipalTag/HoldfastFunction":"prune"}}}}}}]}}"#,
        arn = "arn:aws:s3:::replica"
    );
    let xml = match about {
        "DescribeKey" => return key("Enabled"),
        "HEAD /replica" => return Reply::new(200, "").with("x-amz-bucket-region", "us-west-2"),
        "HEAD /replica/config/create-if-absent-probe" => {
            return Reply::new(200, "").with("last-modified", "Sun, 01 Mar 2026 00:00:00 GMT");
        }
        "GET policy" => return Reply::new(200, &policy),
        "GET publicAccessBlock" => {
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
             <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>\
             <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
        }
        "GET ownershipControls" => {
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"
        }
        "GET versioning" => "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        "GET encryption" => {
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
             <SSEAlgorithm>aws:kms</SSEAlgorithm>\
             <KMSMasterKeyID>arn:aws:kms:us-west-2:111122223333:key/mrk-1</KMSMasterKeyID>\
             </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>\
             </ServerSideEncryptionConfiguration>"
        }
        "GET lifecycle" => {
            "<LifecycleConfiguration><Rule><ID>holdfast-abort-stale-uploads</ID><Status>Enabled</Status>\
             <Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload>\
             <DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>\
             </LifecycleConfiguration>"
        }
        other => panic!("{other} was not expected"),
    };
    Reply::new(200, xml)
}

fn about(server: &Server) -> Vec<String> {
    server.requests().iter().map(subject).collect()
}

#[tokio::test]
async fn a_ready_vault_costs_reads_only() {
    for lock in [VaultLock::Off, VaultLock::Enabled] {
        let server = Server::answering(|request| Some(ready(&subject(request))));
        let ready = ensure(&server, &spec(lock)).await.unwrap();
        assert_eq!(ready.key_arn, REPLICA_KEY);
        assert!(!ready.made);
        let changes = about(&server).into_iter().filter(|what| what.starts_with("PUT"));
        assert_eq!(changes.collect::<Vec<_>>(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn every_request_to_the_bucket_names_its_owner() {
    let server = Server::answering(|request| Some(ready(&subject(request))));
    ensure(&server, &spec(VaultLock::Enabled)).await.unwrap();
    for request in server.requests() {
        let is_s3 = request.header("x-amz-target").is_none();
        let owner = request.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, is_s3.then_some("111122223333"), "{}", request.line);
    }
}

#[tokio::test]
async fn only_what_is_missing_or_less_is_written() {
    let server = Server::answering(|request| {
        Some(match subject(request).as_str() {
            "GET lifecycle" => Reply::new(
                200,
                "<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>x/</Prefix>\
                 </Filter><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>",
            ),
            "GET policy" => Reply::new(
                200,
                r#"{"Version":"2012-10-17","Statement":{"Sid":"Theirs","Effect":"Allow"}}"#,
            ),
            "GET encryption" => Reply::s3_error(404, "ServerSideEncryptionConfigurationNotFoundError", "none"),
            what if what.starts_with("PUT") => Reply::new(200, ""),
            what => ready(what),
        })
    });
    ensure(&server, &spec(VaultLock::Enabled)).await.unwrap();
    let written: BTreeSet<String> = about(&server)
        .into_iter()
        .filter(|what| what.starts_with("PUT"))
        .collect();
    let expected = ["PUT encryption", "PUT lifecycle", "PUT policy"];
    assert_eq!(written, expected.into_iter().map(str::to_owned).collect());
    for (what, theirs, ours) in [
        ("PUT lifecycle", "<ID>theirs</ID>", "holdfast-abort-stale-uploads"),
        ("PUT policy", "\"Theirs\"", "aws:SecureTransport"),
        ("PUT encryption", "aws:kms", REPLICA_KEY),
    ] {
        let request = server
            .requests()
            .into_iter()
            .find(|request| subject(request) == what)
            .unwrap();
        let body = String::from_utf8(request.body).unwrap();
        assert!(body.contains(theirs) && body.contains(ours), "{what}: {body}");
    }
}

#[tokio::test]
async fn a_missing_key_and_bucket_are_made() {
    let mut looks = 0;
    let server = Server::answering(move |request| {
        Some(match subject(request).as_str() {
            "DescribeKey" if request.header("authorization").unwrap().contains("/us-west-2/") => {
                looks += 1;
                match looks {
                    1 => Reply::new(400, r#"{"__type": "NotFoundException", "message": "no such key"}"#),
                    2 => key("Creating"),
                    _ => key("Enabled"),
                }
            }
            "ReplicateKey" => Reply::new(400, r#"{"__type": "AlreadyExistsException", "message": "just made"}"#),
            "HEAD /replica" => Reply::new(404, ""),
            what if what.starts_with("PUT /replica") => Reply::new(200, ""),
            what => ready(what),
        })
    });
    let ready = ensure(&server, &spec(VaultLock::Enabled)).await.unwrap();
    assert!(ready.made);
    let requests = server.requests();
    let create = requests
        .iter()
        .find(|request| subject(request).starts_with("PUT /replica"))
        .unwrap();
    assert_eq!(create.header("x-amz-object-ownership"), Some("BucketOwnerEnforced"));
    assert_eq!(create.header("x-amz-bucket-object-lock-enabled"), Some("true"));
    assert!(String::from_utf8_lossy(&create.body).contains("<LocationConstraint>us-west-2</LocationConstraint>"));
    let replicate = requests
        .iter()
        .find(|request| subject(request) == "ReplicateKey")
        .unwrap();
    assert!(
        replicate
            .header("authorization")
            .unwrap()
            .contains("/eu-central-1/kms/")
    );
}

#[tokio::test]
async fn what_a_person_has_to_change_is_said_so() {
    let taken = |request: &Request| match subject(request).as_str() {
        "HEAD /replica" => Reply::new(404, ""),
        "PUT /replica" => Reply::s3_error(409, "BucketAlreadyExists", "taken"),
        what => ready(what),
    };
    let foreign = |request: &Request| match subject(request).as_str() {
        "HEAD /replica" => Reply::new(403, ""),
        what => ready(what),
    };
    let disabled = |request: &Request| match subject(request).as_str() {
        "DescribeKey" => key("PendingDeletion"),
        what => ready(what),
    };
    let elsewhere = |request: &Request| match subject(request).as_str() {
        "HEAD /replica" => Reply::new(200, "").with("x-amz-bucket-region", "ap-south-1"),
        what => ready(what),
    };
    type Answer = fn(&Request) -> Reply;
    let cases: [(Answer, &str); 4] = [
        (taken, "denied: bucket replica exists"),
        (foreign, "denied: bucket replica exists"),
        (
            disabled,
            "denied: key arn:aws:kms:us-west-2:111122223333:key/mrk-1 is PendingDeletion",
        ),
        (elsewhere, "invalid: bucket replica is in ap-south-1"),
    ];
    for (answer, expected) in cases {
        let server = Server::answering(move |request| Some(answer(request)));
        let error = ensure(&server, &spec(VaultLock::Off)).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        let changes = about(&server)
            .into_iter()
            .filter(|what| what.starts_with("PUT") && what.contains(' '));
        assert!(changes.count() <= 1, "nothing was changed");
    }
}

#[tokio::test]
async fn a_home_key_without_regions_cannot_be_replicated() {
    let server = Server::replying([]);
    for arn in ["arn:aws:kms:eu-central-1:111122223333:key/1234", "alias/vault"] {
        let spec = ReplicaSpec {
            home_key_arn: arn.to_owned(),
            ..spec(VaultLock::Off)
        };
        let error = ensure(&server, &spec).await.unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn a_bucket_that_vanishes_meanwhile_is_not_taken_for_one_without_settings() {
    let server = Server::answering(|request| {
        Some(match subject(request).as_str() {
            what if what.starts_with("GET") => Reply::s3_error(404, "NoSuchBucket", "gone"),
            what => ready(what),
        })
    });
    let error = ensure(&server, &spec(VaultLock::Off)).await.unwrap_err();
    assert!(matches!(error, PortError::NotFound(_)), "{error}");
}

#[tokio::test]
async fn a_vault_in_another_account_is_found_and_tried_and_never_changed() {
    let server = Server::answering(|request| Some(ready(&subject(request))));
    let elsewhere = AwsReplicas::elsewhere(&server.aws(), "222233334444");
    elsewhere.ensure(&spec(VaultLock::Off)).await.unwrap();
    assert_eq!(
        about(&server),
        ["HEAD /replica", "HEAD /replica/config/create-if-absent-probe"]
    );
    for request in server.requests() {
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("222233334444"));
    }
    let server = Server::answering(|_| Some(Reply::new(404, "")));
    let elsewhere = AwsReplicas::elsewhere(&server.aws(), "222233334444");
    let missing = elsewhere.ensure(&spec(VaultLock::Off)).await.unwrap_err();
    assert!(
        matches!(&missing, PortError::NotFound(why) if why.contains("destination.yaml")),
        "{missing}"
    );
    assert_eq!(about(&server).len(), 1);
}

async fn look(server: &Server) -> ReplicaLook {
    look_under(server, REPLICA_KEY).await
}

async fn look_under(server: &Server, key: &str) -> ReplicaLook {
    let key = key.parse().unwrap();
    let region = "us-west-2".parse().unwrap();
    let replicas = AwsReplicas::new(&server.aws(), "111122223333");
    replicas.look_at_replica("replica", &region, &key).await.unwrap()
}

#[tokio::test]
async fn a_look_at_a_ready_replica_finds_nothing_and_writes_nothing() {
    let server = Server::answering(|request| Some(ready(&subject(request))));
    let found = look(&server).await;
    assert_eq!(
        (found.state, found.missing_hardening),
        (DestinationState::Ready, Vec::<String>::new())
    );
    assert!(about(&server).iter().all(|what| !what.starts_with("PUT")));
}

#[tokio::test]
async fn a_look_at_another_accounts_replica_names_that_account_and_asks_for_no_policy() {
    let theirs = REPLICA_KEY.replace("111122223333", "444455556666");
    let server = Server::answering(|request| {
        let about = subject(request);
        assert_ne!(about, "GET policy");
        Some(match about.as_str() {
            "GET encryption" => Reply::new(
                200,
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
                 <SSEAlgorithm>aws:kms</SSEAlgorithm>\
                 <KMSMasterKeyID>arn:aws:kms:us-west-2:444455556666:key/mrk-1</KMSMasterKeyID>\
                 </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>\
                 </ServerSideEncryptionConfiguration>",
            ),
            about => ready(about),
        })
    });
    let found = look_under(&server, &theirs).await;
    assert_eq!(
        (found.state, found.missing_hardening),
        (DestinationState::Ready, Vec::<String>::new())
    );
    for request in server.requests() {
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("444455556666"));
    }
}

#[tokio::test]
async fn a_look_names_each_measure_that_is_not_there() {
    for (setting, body, words) in [
        ("GET versioning", "<VersioningConfiguration/>", "versioning"),
        ("GET policy", "{}", "only prune deletes"),
        (
            "GET publicAccessBlock",
            "<PublicAccessBlockConfiguration/>",
            "public access",
        ),
        ("GET ownershipControls", "<OwnershipControls/>", "ownership"),
        ("GET encryption", "<ServerSideEncryptionConfiguration/>", "encryption"),
    ] {
        let server = Server::answering(move |request| {
            let about = subject(request);
            Some(if about == setting {
                Reply::new(200, body)
            } else {
                ready(&about)
            })
        });
        let found = look(&server).await;
        assert_eq!(found.state, DestinationState::Ready);
        assert!(
            matches!(found.missing_hardening.as_slice(), [one] if one.contains(words)),
            "{setting}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_look_tells_a_replica_that_is_not_there_from_one_that_may_not_be_seen() {
    for (status, state) in [(404, DestinationState::Missing), (403, DestinationState::Denied)] {
        let server = Server::answering(move |_| Some(Reply::new(status, "")));
        assert_eq!(look(&server).await.state, state);
    }
}

#[tokio::test]
async fn a_key_is_described_with_the_day_on_which_it_goes() {
    let answer = r#"{"KeyMetadata": {"KeyId": "mrk-1", "KeyState": "PendingDeletion", "DeletionDate": 1796083200.0, "KeyManager": "CUSTOMER"}}"#;
    let server = Server::answering(move |_| Some(Reply::new(200, answer)));
    let replicas = AwsReplicas::new(&server.aws(), "111122223333");
    let facts = replicas.describe_key(&REPLICA_KEY.parse().unwrap()).await.unwrap();
    let at = "2026-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(
        (facts.state, facts.is_aws_managed),
        (KeyState::PendingDeletion { at }, false)
    );
}

#[tokio::test]
async fn whom_a_keys_policy_names_is_told_of_our_own_keys_and_where_the_policy_may_be_read() {
    let policy = r#"{\"Statement\": [{\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"444455556666\"}}]}"#;
    let named = format!(r#"{{"Policy": "{policy}", "PolicyName": "default"}}"#);
    let refused = r#"{"__type": "AccessDeniedException", "message": "no"}"#;
    for (account, reply, expected) in [
        (
            "111122223333",
            Reply::new(200, &named),
            Some(BTreeSet::from(["444455556666".to_owned()])),
        ),
        ("111122223333", Reply::new(400, refused), None),
        ("444455556666", Reply::new(500, "it is not asked for"), None),
    ] {
        let server = Server::answering(move |request| match subject(request).as_str() {
            "DescribeKey" => Some(key("Enabled")),
            "GetKeyPolicy" => Some(reply.clone()),
            _ => None,
        });
        let replicas = AwsReplicas::new(&server.aws(), "111122223333");
        let arn = REPLICA_KEY.replace("111122223333", account).parse().unwrap();
        assert_eq!(
            replicas.describe_key(&arn).await.unwrap().shared_with,
            expected,
            "{account}"
        );
    }
}
