//! Templates, letter by letter. `make lint` runs cfn-lint over them.

use std::collections::BTreeSet;

use holdfast_catalog::Kind;
use holdfast_sources::application::{CodeBucket, Member, Target, Template, template};
use serde_json::{Value, json};

use crate::made::{ACCOUNT, member, prefixed, shop};

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

const LAYER: &str = "arn:aws:lambda:eu-central-1:111122223333:layer:base:4";

/// An application with documents as they are stored, every kind of it.
fn stored() -> Vec<Member> {
    let arn = |kind, name| member(kind, name, json!({})).arn.to_string();
    let (queue, dead) = (arn(Kind::SqsQueue, "jobs.fifo"), arn(Kind::SqsQueue, "jobs-dead.fifo"));
    let (bill, ship) = (arn(Kind::LambdaFunction, "bill"), arn(Kind::StateMachine, "ship"));
    let (role, topic) = (arn(Kind::IamRole, "app"), arn(Kind::SnsTopic, "news.fifo"));
    let table = arn(Kind::DynamodbTable, "orders");
    let stream = format!("{table}/stream/2026-01-01T00:00:00.000");
    let from_api = format!("arn:aws:execute-api:eu-central-1:{ACCOUNT}:a1b2c3/*/POST/orders");
    let integration = |kind: &str| {
        json!({
            "type": kind,
            "httpMethod": "POST",
            "uri": format!("arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{bill}/invocations"),
            "payloadFormatVersion": "2.0",
        })
    };
    let open_api = |kind: &str| {
        json!({
            "openapi": "3.0.1",
            "info": {"title": "shop", "version": "1"},
            "paths": {"/orders": {"post": {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": integration(kind)}}},
        })
    };
    let allow = |sid: &str, action: &str, resource: &str| {
        json!({"Sid": sid, "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": action, "Resource": resource,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}}})
    };
    vec![
        member(
            Kind::IamRole,
            "app",
            json!({"config": {
                "Path": "/app/",
                "MaxSessionDuration": 3600,
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}, "Action": "sts:AssumeRole"}
                ]},
                "Policies": {"data": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": queue},
                    {"Effect": "Allow", "Action": ["dynamodb:*Item"], "Resource": [table, format!("{table}/index/*")]},
                    {"Effect": "Allow", "Action": ["execute-api:Invoke"], "Resource": from_api},
                ]}},
                "AttachedPolicies": [
                    {"PolicyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
                    {"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/mail"), "Document": {"Version": "2012-10-17", "Statement": [
                        {"Effect": "Allow", "Action": ["sns:Publish"], "Resource": topic}
                    ]}},
                ],
                "PermissionsBoundary": {"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/limit"), "Document": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "*", "Resource": "*"}
                ]}},
            }, "tags": {"team": "shop"}}),
        ),
        member(
            Kind::DynamodbTable,
            "orders",
            json!({
                "key": [{"name": "id", "is_sort": false}, {"name": "at", "is_sort": true}],
                "attributes": {"id": "S", "at": "N", "state": "S"},
                "global_indexes": [{
                    "name": "by-state",
                    "key": [{"name": "state", "is_sort": false}],
                    "projection": {"include": ["sum"]},
                    "throughput": {"read": 1, "write": 1},
                }],
                "local_indexes": [],
                "billing": {"provisioned": {"read": 5, "write": 2}},
                "table_class": "STANDARD",
                "deletion_protection": true,
                "ttl_attribute": "expires",
                "stream": {"view_type": "NEW_IMAGE"},
                "point_in_time_recovery_days": 35,
                "tags": {"team": "shop"},
                "resource_policy": json!({"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "dynamodb:GetItem", "Resource": table}
                ]}).to_string(),
            }),
        ),
        member(Kind::LambdaFunction, "bill", function(&role, &dead, &from_api, &stream)),
        member(
            Kind::LambdaFunction,
            "mail",
            json!({
                "latest": {
                    "package": {"type": "image", "uri": format!("{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/mail:1")},
                    "settings": {
                        "role": "arn:aws:iam::111122223333:role/elsewhere", "timeout_seconds": 3, "memory_mb": 128,
                        "architectures": ["arm64"], "ephemeral_storage_mb": 512, "tracing": "PassThrough",
                    },
                },
            }),
        ),
        member(
            Kind::SqsQueue,
            "jobs.fifo",
            json!({"config": {"Attributes": {
                "VisibilityTimeout": "30", "MessageRetentionPeriod": "345600", "DelaySeconds": "0", "MaximumMessageSize": "262144",
                "ReceiveMessageWaitTimeSeconds": "0", "FifoQueue": "true", "ContentBasedDeduplication": "false",
                "SqsManagedSseEnabled": "true", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
                "Policy": {"Version": "2012-10-17", "Statement": [allow("news", "sqs:SendMessage", &queue)]},
                "RedrivePolicy": {"deadLetterTargetArn": dead, "maxReceiveCount": 3},
            }}, "tags": {"team": "shop"}, "observed": {"QueueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs.fifo"}}),
        ),
        member(
            Kind::SqsQueue,
            "jobs-dead.fifo",
            json!({"config": {"Attributes": {
                "FifoQueue": "true", "KmsMasterKeyId": "alias/aws/sqs", "KmsDataKeyReusePeriodSeconds": "300",
                "RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": [queue]},
            }}}),
        ),
        member(
            Kind::SnsTopic,
            "news.fifo",
            json!({"config": {
                "Attributes": {
                    "DisplayName": "News", "FifoTopic": "true", "ContentBasedDeduplication": "true",
                    "Policy": {"Version": "2012-10-17", "Statement": [
                        {"Sid": "own", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sns:Publish", "Resource": topic}
                    ]},
                },
                "Subscriptions": [{"Protocol": "sqs", "Endpoint": queue, "Attributes": {
                    "RawMessageDelivery": "true", "FilterPolicy": {"kind": ["paid"]}, "FilterPolicyScope": "MessageBody",
                }}],
            }}),
        ),
        member(
            Kind::EventBus,
            "shop",
            json!({"config": {"Description": "All of the shop's events", "Policy": {"Version": "2012-10-17", "Statement": [
                {"Sid": "all", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "events:PutEvents",
                 "Resource": arn(Kind::EventBus, "shop")}
            ]}}}),
        ),
        member(
            Kind::EventRule,
            "shop/paid",
            json!({"config": {
                "State": "ENABLED",
                "EventPattern": {"source": ["shop"], "detail": {"bill": [bill]}},
                "Targets": [
                    {"Id": "1", "Arn": ship, "RoleArn": role, "Input": "{\"price\": \"${free}\"}"},
                    {"Id": "2", "Arn": queue, "SqsParameters": {"MessageGroupId": "g"}},
                ],
            }}),
        ),
        member(
            Kind::EventArchive,
            "all",
            json!({"config": {"EventSourceArn": arn(Kind::EventBus, "shop"), "RetentionDays": 7}}),
        ),
        member(
            Kind::EventConnection,
            "bank",
            json!({"config": {"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "x-key"}}}}),
        ),
        member(
            Kind::ApiDestination,
            "bank",
            json!({"config": {
                "Connection": "bank", "HttpMethod": "POST", "InvocationEndpoint": "https://bank.example.com/",
                "InvocationRateLimitPerSecond": 10,
            }}),
        ),
        member(
            Kind::ScheduleGroup,
            "nightly",
            json!({"config": {}, "tags": {"team": "shop"}}),
        ),
        member(
            Kind::Schedule,
            "nightly/clean",
            json!({"config": {
                "State": "ENABLED", "ScheduleExpression": "cron(0 3 * * ? *)", "ScheduleExpressionTimezone": "Europe/Berlin",
                "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": bill, "RoleArn": role, "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600}},
            }}),
        ),
        member(
            Kind::EventSourceMapping,
            "0a1b2c3d-0000-4000-8000-000000000001",
            json!({"config": {
                "Enabled": true, "EventSourceArn": queue, "FunctionArn": arn(Kind::LambdaFunction, "mail"), "BatchSize": 10,
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            }}),
        ),
        member(
            Kind::BucketNotifications,
            "photos",
            json!({"config": {"LambdaFunctionConfigurations": []}}),
        ),
        member(
            Kind::StateMachine,
            "ship",
            json!({"config": {
                "roleArn": role, "type": "STANDARD", "tracingConfiguration": {"enabled": true},
                "definition": {"StartAt": "Bill", "States": {"Bill": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": bill, "Payload.$": "$"}, "End": true,
                }}},
            }}),
        ),
        member(
            Kind::RestApi,
            "a1b2c3",
            json!({"config": {
                "name": "shop", "description": "the shop's API", "version": "2", "apiKeySource": "HEADER", "binaryMediaTypes": ["image/*"],
                "disableExecuteApiEndpoint": false, "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"},
                "policy": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "this-api:arn/*"}
                ]},
                "deployments": [open_api("aws_proxy")],
                "stages": [{
                    "stageName": "prod", "deployment": 0, "variables": {"table": "orders", "own": "this-api:url/prod"}, "tracingEnabled": true,
                    "cacheClusterEnabled": false, "tags": {"tier": "gold"},
                    "methodSettings": {"*/*": {"metricsEnabled": true}, "orders/POST": {"throttlingRateLimit": 10.0, "throttlingBurstLimit": 20}},
                    "accessLogSettings": {"destinationArn": "arn:aws:logs:eu-central-1:444455556666:log-group:api", "format": "$context.requestId"},
                }],
                "usagePlans": [{
                    "name": "partners", "quota": {"limit": 1000, "period": "DAY"}, "throttle": {"rateLimit": 5.0, "burstLimit": 10},
                    "stages": [{"stage": "prod", "throttle": {"/orders/POST": {"rateLimit": 1.0, "burstLimit": 1}}}],
                    "apiKeys": [{"name": "acme", "value": "s3cr3t-of-acme-00000001", "enabled": true}],
                }],
                "basePathMappings": [{"domainName": "api.example.org", "basePath": "v1", "stage": "prod"}],
            }, "tags": {"team": "shop"}}),
        ),
        member(
            Kind::HttpApi,
            "d4e5f6",
            json!({"config": {
                "name": "people", "protocolType": "HTTP", "description": "who they are", "disableExecuteApiEndpoint": false,
                "corsConfiguration": {"allowOrigins": ["https://shop.example.org"], "maxAge": 300},
                "authorizers": [{"name": "people", "authorizerType": "JWT", "identitySource": ["$request.header.Authorization"],
                    "jwtConfiguration": {"audience": ["shop"], "issuer": "https://login.example.org"}}],
                "integrations": [
                    {"integrationType": "AWS_PROXY", "integrationMethod": "POST", "integrationUri": bill, "payloadFormatVersion": "2.0"},
                    {"integrationType": "HTTP_PROXY", "integrationMethod": "GET", "integrationUri": "https://crm.example.org",
                     "payloadFormatVersion": "1.0", "tlsConfig": {"serverNameToVerify": "crm.example.org"},
                     "requestParameters": {"overwrite:header.x-key": "s3cr3t-of-the-crm", "append:header.who": "$context.authorizer.sub"},
                     "responseParameters": {"403": {"overwrite:statuscode": "404"}}},
                ],
                "routes": [
                    {"routeKey": "$default", "integration": 0, "authorizationType": "NONE"},
                    {"routeKey": "GET /people", "integration": 1, "authorizer": "people", "authorizationType": "JWT"},
                ],
                "stages": [
                    {"stageName": "$default", "autoDeploy": true, "stageVariables": {"table": "orders", "level": "3"}, "tags": {"tier": "gold"},
                     "defaultRouteSettings": {"detailedMetricsEnabled": true}},
                    {"stageName": "beta", "autoDeploy": false, "isDeployed": true,
                     "routeSettings": {"GET /people": {"throttlingBurstLimit": 5}},
                     "accessLogSettings": {"destinationArn": "arn:aws:logs:eu-central-1:444455556666:log-group:api", "format": "$context.requestId"}},
                ],
                "apiMappings": [{"domainName": "api.example.org", "apiMappingKey": "people", "stage": "beta"}],
            }, "tags": {"team": "shop"}}),
        ),
        member(
            Kind::KinesisStream,
            "clicks",
            json!({"config": {"StreamModeDetails": {"StreamMode": "PROVISIONED"}, "ShardCount": 2, "RetentionPeriodHours": 48, "EncryptionType": "NONE", "ShardLevelMetrics": ["IncomingBytes"], "Consumers": ["audit"]}}),
        ),
    ]
}

fn function(role: &str, dead: &str, from_api: &str, stream: &str) -> Value {
    json!({
        "latest": {
            "package": {"type": "zip", "sha256": HASH, "bytes": 3},
            "settings": {
                "description": "bills orders", "runtime": "provided.al2023", "handler": "bootstrap", "role": role,
                "timeout_seconds": 10, "memory_mb": 256, "architectures": ["arm64"], "ephemeral_storage_mb": 512,
                "environment": {
                    "TABLE": "orders",
                    "QUEUE": "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs.fifo",
                    "BANK_PASSWORD": "s3cr3t",
                },
                "dead_letter_target": dead,
                "layers": [LAYER, "arn:aws:lambda:eu-central-1:444455556666:layer:theirs:1"],
                "tracing": "Active",
                "logging": {"format": "JSON", "application_level": "INFO"},
            },
        },
        "versions": {"7": {"package": {"type": "zip", "sha256": HASH, "bytes": 3}, "settings": {
            "role": role, "timeout_seconds": 10, "memory_mb": 256, "architectures": ["arm64"], "ephemeral_storage_mb": 512, "tracing": "Active",
        }}},
        "aliases": {"live": {"version": "7", "description": "what customers see"}},
        "reserved_concurrency": 5,
        "policy": [
            {"sid": "api", "body": {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "lambda:InvokeFunction",
                "Condition": {"ArnLike": {"AWS:SourceArn": from_api}}}},
            {"qualifier": "live", "sid": "s3", "body": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
                "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"}, "StringEquals": {"AWS:SourceAccount": "111122223333"}}}},
        ],
        "event_sources": [{"source_arn": stream, "qualifier": "live", "enabled": true, "settings": {"BatchSize": 100, "StartingPosition": "TRIM_HORIZON"}}],
        "beside": {
            "FunctionCodeSigningConfig": {"$LATEST": {"CodeSigningConfigArn":
                "arn:aws:lambda:eu-central-1:111122223333:code-signing-config:csc-0a1b2c3d4e5f60718"}},
            "RuntimeManagementConfig": {"$LATEST": {"UpdateRuntimeOn": "FunctionUpdate"}, "7": {"UpdateRuntimeOn": "FunctionUpdate"}},
            "FunctionRecursionConfig": {"$LATEST": {"RecursiveLoop": "Allow"}},
            "ProvisionedConcurrencyConfig": {"live": {"ProvisionedConcurrentExecutions": 2}},
            "FunctionEventInvokeConfig": {
                "$LATEST": {"MaximumRetryAttempts": 0},
                "live": {"DestinationConfig": {"OnFailure": {"Destination": dead}}, "MaximumEventAgeInSeconds": 60},
            },
            "FunctionUrlConfig": {
                "$LATEST": {"AuthType": "AWS_IAM", "InvokeMode": "BUFFERED"},
                "live": {"AuthType": "NONE", "Cors": {"AllowOrigins": ["https://shop.example"], "MaxAge": 60}},
            },
        },
        "layers": {LAYER: {"sha256": HASH, "bytes": 3, "settings": {
            "CompatibleArchitectures": ["arm64"], "CompatibleRuntimes": ["provided.al2023"], "LicenseInfo": "MIT",
        }}},
        "edge": [{"distribution": "E1", "event_type": "origin-request", "version": 7}],
        "tags": {"team": "shop"},
    })
}

fn written(members: &[Member], target: &Target) -> Template {
    template(members, target, ACCOUNT, &CodeBucket("vault-111122223333".into())).unwrap()
}

fn as_text(template: &Template) -> String {
    format!("{}\n", serde_json::to_string_pretty(&template.body).unwrap())
}

const GOLDEN: &str = include_str!("golden/shop.template.json");

#[test]
fn the_template_is_as_it_was() {
    assert_eq!(
        as_text(&written(&stored(), &prefixed("x-"))),
        GOLDEN,
        "look at it, then run the ignored test that writes it"
    );
}

#[test]
#[ignore = "writes the golden template anew"]
fn write_the_golden_template() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/application/golden/shop.template.json"
    );
    std::fs::write(path, as_text(&written(&stored(), &prefixed("x-")))).unwrap();
}

#[test]
fn no_secret_and_nothing_of_the_old_place_stands_in_it() {
    let body = written(&stored(), &prefixed("x-")).body;
    let resources = body["Resources"].to_string();
    for wrong in [
        "s3cr3t",
        "hfn",
        "hfa",
        "zz-holdfast",
        "000000000000",
        "eu-central-1:111122223333",
        "a1b2c3",
    ] {
        assert!(!resources.contains(wrong), "{wrong}");
    }
    assert_eq!(body["Parameters"]["BillFunctionEnvBANKPASSWORD"]["NoEcho"], json!(true));
    assert_eq!(body["Parameters"]["BillFunctionEnvBANKPASSWORD"].get("Default"), None);
}

#[test]
fn events_flow_only_when_the_parameter_says_so() {
    let body = written(&stored(), &prefixed("x-")).body;
    assert_eq!(body["Parameters"]["SwitchOn"]["Default"], json!("false"));
    let resources = body["Resources"].as_object().unwrap();
    for (_, resource) in resources {
        let properties = &resource["Properties"];
        let switch = match resource["Type"].as_str().unwrap() {
            "AWS::Events::Rule" | "AWS::Scheduler::Schedule" => &properties["State"],
            "AWS::Lambda::EventSourceMapping" => &properties["Enabled"],
            _ => continue,
        };
        assert_eq!(switch["Fn::If"][0], json!("SwitchedOn"), "{resource}");
    }
}

#[test]
fn everything_is_kept_when_it_leaves_the_stack_and_can_be_taken_in() {
    let template = written(&stored(), &prefixed("x-"));
    let resources = template.body["Resources"].as_object().unwrap();
    assert!(
        resources
            .values()
            .all(|resource| resource["DeletionPolicy"] == "Retain")
    );
    for import in &template.imports {
        let logical = import["LogicalResourceId"].as_str().unwrap();
        assert_eq!(resources[logical]["Type"], import["ResourceType"]);
    }
    let names: BTreeSet<String> = template
        .imports
        .iter()
        .map(|import| import["ResourceIdentifier"].to_string())
        .collect();
    assert!(names.contains(r#"{"FunctionName":"x-bill"}"#), "{names:?}");
    assert!(
        names.contains(r#"{"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/111122223333/x-jobs.fifo"}"#),
        "{names:?}"
    );
}

#[test]
fn what_a_template_cannot_bring_back_is_said() {
    let notes = written(&stored(), &prefixed("x-")).notes.join("\n");
    for word in [
        "without its items",
        "photos",
        "secrets are not known",
        "events in the archive",
        "RuntimeManagementConfig of 7",
        "distribution E1",
    ] {
        assert!(notes.contains(word), "{word}: {notes}");
    }
}

#[test]
fn a_document_that_cannot_be_read_is_said_and_stops_nothing() {
    let template = written(&shop(), &prefixed(""));
    assert!(
        template.notes.iter().any(|note| note.contains("could not be read")),
        "{:?}",
        template.notes
    );
    assert!(template.body["Resources"].as_object().unwrap().len() > 10);
}
