//! What is asked of Lambda and what its answers are taken for, without one.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::Sha256;
use holdfast_sources::lambda::port::{
    Code, CreateFunction as _, FetchCode as _, FetchLayer as _, FunctionState, NewFunction, PublishVersions as _,
    ReadFunction as _, WireFunction as _,
};
use holdfast_sources::lambda::{
    Alias, Environment, FileSystem, Logging, Package, Permission, Settings, SnapStart, Vpc,
};
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::Functions;
use crate::wire::{Reply, Request, Server};

pub(super) const ARN: &str = "arn:aws:lambda:eu-central-1:111122223333:function:bill";

pub(super) fn functions(server: &Server) -> Functions {
    Functions::new(&server.aws(), &"eu-central-1".parse().unwrap())
}

pub(super) fn ok(body: &Value) -> Reply {
    Reply::new(200, &body.to_string())
}

pub(super) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "Type": "User", "Message": message }).to_string();
    Reply::new(status, &body).with("x-amzn-errortype", code)
}

pub(super) fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// A function with everything, as GetFunction gives it.
fn everything() -> Value {
    json!({
        "Configuration": {
            "FunctionName": "bill", "FunctionArn": format!("{ARN}:7"), "Version": "7", "RevisionId": "r1",
            "Runtime": "java21", "Handler": "app.Main", "Role": "arn:aws:iam::111122223333:role/bill",
            "Description": "bills", "Timeout": 30, "MemorySize": 512, "CodeSize": 3,
            "CodeSha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "PackageType": "Zip",
            "Architectures": ["arm64"], "EphemeralStorage": { "Size": 1024 },
            "Environment": { "Variables": { "TOKEN": "s3cr3t" } },
            "Layers": [{ "Arn": "layer:2", "CodeSize": 1 }, { "Arn": "layer:1", "CodeSize": 1 }],
            "VpcConfig": { "SubnetIds": ["subnet-2", "subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1",
                           "Ipv6AllowedForDualStack": true },
            "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:eu-central-1:111122223333:dead" },
            "TracingConfig": { "Mode": "Active" },
            "LoggingConfig": { "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN",
                               "LogGroup": "/aws/lambda/bill" },
            "SnapStart": { "ApplyOn": "PublishedVersions", "OptimizationStatus": "On" },
            "FileSystemConfigs": [{ "Arn": "fsap-1", "LocalMountPath": "/mnt/data" }],
            "KMSKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/1",
            "State": "Active", "LastUpdateStatus": "Successful"
        },
        "Code": { "RepositoryType": "S3", "Location": "https://code.example/bill?X-Amz-Signature=abc" },
        "Tags": { "team": "bills" },
        "Concurrency": { "ReservedConcurrentExecutions": 0 }
    })
}

fn all_settings() -> Settings {
    Settings {
        description: "bills".to_owned(),
        runtime: Some("java21".to_owned()),
        handler: Some("app.Main".to_owned()),
        role: "arn:aws:iam::111122223333:role/bill".to_owned(),
        timeout_seconds: 30,
        memory_mb: 512,
        architectures: vec!["arm64".to_owned()],
        ephemeral_storage_mb: 1024,
        environment: Some(Environment::new(BTreeMap::from([(
            "TOKEN".to_owned(),
            "s3cr3t".to_owned(),
        )]))),
        layers: vec!["layer:2".to_owned(), "layer:1".to_owned()],
        vpc: Some(Vpc {
            subnets: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
            security_groups: vec!["sg-1".to_owned()],
            ipv6: true,
        }),
        dead_letter_target: Some("arn:aws:sqs:eu-central-1:111122223333:dead".to_owned()),
        tracing: "Active".to_owned(),
        logging: Logging {
            format: "JSON".to_owned(),
            application_level: Some("INFO".to_owned()),
            system_level: Some("WARN".to_owned()),
            group: Some("/aws/lambda/bill".to_owned()),
        },
        snap_start: SnapStart::PublishedVersions,
        file_systems: vec![FileSystem {
            path: "/mnt/data".to_owned(),
            arn: "fsap-1".to_owned(),
        }],
        kms_key_arn: Some("arn:aws:kms:eu-central-1:111122223333:key/1".to_owned()),
        image_overrides: None,
        durable: None,
        tenant_isolation: None,
        capacity_provider: None,
    }
}

fn least_settings() -> Settings {
    Settings {
        description: String::new(),
        timeout_seconds: 3,
        memory_mb: 128,
        ephemeral_storage_mb: 512,
        environment: Some(Environment::default()),
        layers: Vec::new(),
        vpc: None,
        dead_letter_target: None,
        tracing: "PassThrough".to_owned(),
        logging: Logging::default(),
        snap_start: SnapStart::Off,
        file_systems: Vec::new(),
        kms_key_arn: None,
        ..all_settings()
    }
}

#[tokio::test]
async fn a_version_is_read_whole() {
    let server = Server::replying([ok(&everything())]);
    let reading = functions(&server).read_release("bill", Some("7")).await.unwrap();
    assert_eq!(server.requests()[0].line, "GET /2015-03-31/functions/bill?Qualifier=7");
    assert_eq!(reading.arn.as_str(), ARN);
    assert_eq!(reading.release.settings, all_settings());
    let sha256 = Sha256::of(b"abc");
    assert_eq!(reading.release.package, Package::Zip { sha256, bytes: 3 });
    assert_eq!(
        (reading.state, reading.reserved_concurrency),
        (FunctionState::Ready, Some(0))
    );
    assert_eq!(
        (
            reading.revision.as_deref(),
            reading.tags.len(),
            reading.unreadable.len()
        ),
        (Some("r1"), 1, 0)
    );
}

#[tokio::test]
async fn what_the_service_leaves_out_has_its_default() {
    let config = json!({
        "FunctionArn": ARN, "Runtime": "java21", "Handler": "app.Main", "Role": "arn:aws:iam::111122223333:role/bill",
        "CodeSha256": "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "Architectures": ["arm64"],
        "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [], "VpcId": "" }, "KMSKeyArn": "",
        "DeadLetterConfig": { "TargetArn": "" }
    });
    let server = Server::replying([ok(&json!({ "Configuration": config }))]);
    let reading = functions(&server).read_release("bill", None).await.unwrap();
    assert_eq!(reading.release.settings, least_settings());
}

#[tokio::test]
async fn refused_details_are_told_and_secrets_are_not() {
    let mut answer = everything();
    answer["Configuration"]["Environment"] = json!({ "Error": { "ErrorCode": "AccessDenied", "Message": "no key" } });
    answer["TagsError"] = json!({ "ErrorCode": "AccessDeniedException", "Message": "no tags" });
    let server = Server::replying([ok(&answer), ok(&everything())]);
    let reading = functions(&server).read_release("bill", None).await.unwrap();
    assert_eq!(reading.release.settings.environment, None);
    let told: Vec<_> = reading
        .unreadable
        .iter()
        .map(|detail| (&*detail.setting, &*detail.why))
        .collect();
    assert_eq!(
        told,
        [
            ("Tags", "AccessDeniedException: no tags"),
            ("Environment", "AccessDenied: no key")
        ]
    );
    let reading = functions(&server).read_release("bill", None).await.unwrap();
    assert!(!format!("{reading:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn an_image_is_named_with_its_digest() {
    let mut answer = everything();
    answer["Configuration"]["PackageType"] = json!("Image");
    answer["Code"] = json!({ "RepositoryType": "ECR", "ImageUri": "app:v1", "ResolvedImageUri": "app@sha256:1" });
    let server = Server::replying([ok(&answer)]);
    let reading = functions(&server).read_release("bill", None).await.unwrap();
    assert_eq!(reading.release.package.image(), Some("app@sha256:1"));
}

#[tokio::test]
async fn a_state_says_whether_to_wait() {
    for (state, update, expected) in [
        ("Pending", "InProgress", FunctionState::Busy),
        ("Active", "InProgress", FunctionState::Busy),
        ("Inactive", "Successful", FunctionState::Ready),
        ("Failed", "Successful", FunctionState::Failed("why".to_owned())),
        ("Active", "Failed", FunctionState::Failed("why not".to_owned())),
    ] {
        let mut answer = everything();
        let config = &mut answer["Configuration"];
        (config["State"], config["LastUpdateStatus"]) = (json!(state), json!(update));
        (config["StateReason"], config["LastUpdateStatusReason"]) = (json!("why"), json!("why not"));
        let server = Server::replying([ok(&answer)]);
        let reading = functions(&server).read_release("bill", None).await.unwrap();
        assert_eq!(reading.state, expected, "{state}, {update}");
    }
}

#[tokio::test]
async fn a_function_is_made_with_everything_at_once() {
    let server = Server::replying([ok(&json!({}))]);
    let code = Code::S3 {
        bucket: "vault".to_owned(),
        key: "blobs/ba/x".to_owned(),
    };
    let tags = BTreeMap::from([("team".to_owned(), "bills".to_owned())]);
    let new = NewFunction {
        name: "bill",
        code,
        settings: &all_settings(),
        tags: &tags,
    };
    functions(&server).create_function(new).await.unwrap();
    let sent = body(&server.requests()[0]);
    let read = &everything()["Configuration"];
    for name in [
        "Runtime",
        "Handler",
        "Role",
        "Description",
        "Timeout",
        "MemorySize",
        "Architectures",
        "EphemeralStorage",
        "Environment",
        "DeadLetterConfig",
        "TracingConfig",
        "LoggingConfig",
        "FileSystemConfigs",
        "KMSKeyArn",
        "PackageType",
    ] {
        assert_eq!(sent[name], read[name], "{name}");
    }
    assert_eq!(sent["Code"], json!({ "S3Bucket": "vault", "S3Key": "blobs/ba/x" }));
    assert_eq!(sent["Layers"], json!(["layer:2", "layer:1"]));
    assert_eq!(sent["SnapStart"], json!({ "ApplyOn": "PublishedVersions" }));
    assert_eq!(sent["VpcConfig"]["SubnetIds"], json!(["subnet-1", "subnet-2"]));
    assert_eq!(sent["VpcConfig"]["Ipv6AllowedForDualStack"], json!(true));
    assert_eq!(sent["Tags"], json!({ "team": "bills" }));
}

#[tokio::test]
async fn a_change_names_only_what_differs_and_empties_what_is_to_go() {
    let server = Server::replying([ok(&json!({})), ok(&json!({}))]);
    let functions = functions(&server);
    let mut to = all_settings();
    to.memory_mb = 1024;
    functions
        .update_settings("bill", Some("r1"), &all_settings(), &to)
        .await
        .unwrap();
    functions
        .update_settings("bill", None, &all_settings(), &least_settings())
        .await
        .unwrap();
    let requests = server.requests();
    assert_eq!(body(&requests[0]), json!({ "MemorySize": 1024, "RevisionId": "r1" }));
    assert_eq!(
        body(&requests[1]),
        json!({
            "Description": "", "Timeout": 3, "MemorySize": 128, "EphemeralStorage": { "Size": 512 },
            "Environment": { "Variables": {} }, "Layers": [], "FileSystemConfigs": [], "KMSKeyArn": "",
            "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] }, "DeadLetterConfig": { "TargetArn": "" },
            "TracingConfig": { "Mode": "PassThrough" }, "SnapStart": { "ApplyOn": "None" },
            "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/bill" }
        })
    );
}

#[tokio::test]
async fn code_is_sent_along_or_fetched_by_the_service_and_published_by_its_hash() {
    let server = Server::replying([ok(&json!({})), ok(&json!({ "Version": "12" }))]);
    let functions = functions(&server);
    let code = Code::Bytes(Bytes::from_static(b"abc"));
    functions
        .update_code("bill", Some("r2"), code, &["arm64".to_owned()])
        .await
        .unwrap();
    let number = functions
        .publish_version("bill", Some("r3"), Some(&Sha256::of(b"abc")))
        .await
        .unwrap();
    let requests = server.requests();
    let expected = json!({ "ZipFile": "YWJj", "Architectures": ["arm64"], "RevisionId": "r2" });
    assert_eq!(body(&requests[0]), expected);
    let hash = everything()["Configuration"]["CodeSha256"].clone();
    assert_eq!(
        (body(&requests[1]), number),
        (json!({ "CodeSha256": hash, "RevisionId": "r3" }), 12)
    );
}

#[tokio::test]
async fn versions_come_in_pages_and_in_order_of_number() {
    let version = |number: &str| json!({ "Version": number });
    let server = Server::replying([
        ok(&json!({ "Versions": [version("$LATEST"), version("10")], "NextMarker": "m" })),
        ok(&json!({ "Versions": [version("9")], "NextMarker": "" })),
    ]);
    assert_eq!(functions(&server).published_versions("bill").await.unwrap(), [9, 10]);
    assert!(server.requests()[1].has_query("Marker=m"));
}

#[tokio::test]
async fn an_alias_keeps_its_share() {
    let alias = json!({
        "Name": "live", "FunctionVersion": "3", "Description": "d",
        "RoutingConfig": { "AdditionalVersionWeights": { "7": 0.1 } }
    });
    let server = Server::replying([ok(&json!({ "Aliases": [alias.clone()] })), ok(&json!({}))]);
    let functions = functions(&server);
    let aliases = functions.aliases("bill").await.unwrap();
    let expected = Alias {
        version: "3".to_owned(),
        description: "d".to_owned(),
        weights: BTreeMap::from([(7, 0.1)]),
    };
    assert_eq!(aliases["live"], expected);
    functions.create_alias("bill", "live", &expected).await.unwrap();
    assert_eq!(body(&server.requests()[1]), alias);
}

#[tokio::test]
async fn a_permission_is_asked_for_in_full() {
    let server = Server::replying([ok(&json!({}))]);
    let permission = Permission {
        qualifier: Some("live".to_owned()),
        sid: "s3".to_owned(),
        action: "lambda:InvokeFunction".to_owned(),
        principal: "s3.amazonaws.com".to_owned(),
        source_arn: Some("arn:aws:s3:::in".to_owned()),
        source_account: Some("111122223333".to_owned()),
        ..Permission::default()
    };
    functions(&server).add_permission("bill", &permission).await.unwrap();
    let request = &server.requests()[0];
    assert!(request.has_query("Qualifier=live"), "{}", request.line);
    let expected = json!({
        "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::in", "SourceAccount": "111122223333"
    });
    assert_eq!(body(request), expected);
}

#[tokio::test]
async fn a_function_without_a_policy_has_none() {
    let missing = refusal(
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    );
    let server = Server::replying([missing, ok(&json!({ "Policy": "{}" }))]);
    let functions = functions(&server);
    assert_eq!(functions.policy("bill", None).await.unwrap(), None);
    assert_eq!(
        functions.policy("bill", Some("live")).await.unwrap().as_deref(),
        Some("{}")
    );
}

#[tokio::test]
async fn one_code_means_that_it_exists_or_that_one_has_to_wait() {
    // Status, code, words, and the class as its message begins.
    let table = [
        "409 ResourceConflictException: Function already exist: bill => already exists",
        "409 ResourceConflictException: Alias already exists: arn:aws:… => already exists",
        "409 ResourceConflictException: The statement id (s3) provided already exists. => already exists",
        "409 ResourceConflictException: An update is in progress for resource: arn:aws:… => conflict",
        "409 ResourceConflictException: The function is currently in the following state: Pending => conflict",
        "412 PreconditionFailedException: The Revision Id provided does not match the latest => conflict",
        "404 ResourceNotFoundException: Function not found: arn:aws:… => not found",
        "403 AccessDeniedException: User: … is not authorized to perform: lambda:CreateAlias => denied",
        "429 TooManyRequestsException: Rate exceeded => throttled",
        "400 InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda. => conflict",
        "400 InvalidParameterValueException: The runtime parameter of cobol is not supported => invalid",
    ];
    for line in table {
        let (status, rest) = line.split_once(' ').unwrap();
        let (code, rest) = rest.split_once(": ").unwrap();
        let (words, class) = rest.split_once(" => ").unwrap();
        let status = status.parse().unwrap();
        let server = Server::answering(move |_| Some(refusal(status, code, words)));
        let alias = Alias {
            version: "1".to_owned(),
            description: String::new(),
            weights: BTreeMap::new(),
        };
        let result = functions(&server).create_alias("bill", "live", &alias).await;
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{class}: ")), "{error}");
        assert!(error.contains("alias live of function bill"), "{error}");
    }
}

#[tokio::test]
async fn code_is_downloaded_from_the_address_that_the_service_gives() {
    let code = Server::replying([Reply::new(200, "abc"), Reply::new(403, "expired")]);
    let mut answer = everything();
    answer["Code"]["Location"] = json!(format!("{}/bill?X-Amz-Signature=t0ken", code.url()));
    let server = Server::answering(move |_| Some(ok(&answer)));
    let functions = functions(&server);
    assert_eq!(functions.fetch_code("bill", Some("7"), 3).await.unwrap(), "abc");
    let error = functions.fetch_code("bill", None, 3).await.unwrap_err();
    assert!(
        matches!(error, PortError::Denied(_)) && !error.to_string().contains("t0ken"),
        "{error}"
    );
    assert!(error.to_string().contains("the code of function bill"), "{error}");
}

#[tokio::test]
async fn a_replica_at_the_edge_is_left_to_its_master() {
    let own = everything()["Configuration"]["FunctionArn"].clone();
    let master = json!("arn:aws:lambda:us-east-1:111122223333:function:bill:3");
    for (arn, is_replica) in [(master, true), (own, false)] {
        let mut answer = everything();
        answer["Configuration"]["MasterArn"] = arn;
        let server = Server::answering(move |_| Some(ok(&answer)));
        match functions(&server).read_release("bill", None).await {
            Err(PortError::Invalid(why)) if is_replica => assert!(why.contains("us-east-1"), "{why}"),
            result => assert!(result.is_ok() && !is_replica, "{result:?}"),
        }
    }
}

#[tokio::test]
async fn a_layers_content_is_downloaded_from_the_address_that_the_service_gives() {
    let content = Server::replying([Reply::new(200, "abc"), Reply::new(403, "expired")]);
    let answer = json!({ "Content": { "Location": format!("{}/base?X-Amz-Signature=t0ken", content.url()) } });
    let server = Server::answering(move |_| Some(ok(&answer)));
    let functions = functions(&server);
    let arn = "arn:aws:lambda:eu-central-1:111122223333:layer:base:4";
    assert_eq!(functions.fetch_layer(arn, 3).await.unwrap(), "abc");
    let error = functions.fetch_layer(arn, 3).await.unwrap_err().to_string();
    assert!(
        error.starts_with("denied") && error.contains(arn) && !error.contains("t0ken"),
        "{error}"
    );
}

#[tokio::test]
async fn code_that_is_too_long_or_refused_is_an_error() {
    let code = Server::replying([Reply::new(200, "abcd")]);
    let mut first = everything();
    first["Code"]["Location"] = json!(code.url());
    let mut second = everything();
    second["Code"] = json!({ "Error": { "ErrorCode": "AccessDenied", "Message": "bucket is gone" } });
    let server = Server::replying([ok(&first), ok(&second)]);
    let functions = functions(&server);
    assert!(matches!(
        functions.fetch_code("bill", None, 3).await,
        Err(PortError::Invalid(_))
    ));
    let error = functions.fetch_code("bill", None, 3).await.unwrap_err();
    assert!(error.to_string().contains("bucket is gone"), "{error}");
}
