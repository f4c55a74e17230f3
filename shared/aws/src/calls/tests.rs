use serde_json::json;

use super::*;
use crate::wire::{Reply, Server};
use holdfast_sources::call::{
    apigateway, apigatewayv2, cloudfront, events, functions, iam, kinesis, lambda, s3, scheduler, sns, sqs, states,
    tagging,
};

fn home() -> Region {
    "eu-central-1".parse().unwrap()
}

async fn ask<O: Operation>(reply: Reply, input: Value) -> (Result<Value, PortError>, crate::wire::Request) {
    let server = Server::replying([reply]);
    let calls = AwsCalls::new(&server.aws(), "111122223333");
    let answer = Call::<O>::call(&calls, &home(), input).await;
    let request = server.requests().first().cloned().unwrap();
    (answer, request)
}

fn body(request: &crate::wire::Request) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

#[tokio::test]
async fn aws_json_names_the_operation_in_a_header() {
    let (answer, request) =
        ask::<sqs::GetQueueUrl>(Reply::new(200, r#"{"QueueUrl": "u"}"#), json!({"QueueName": "q"})).await;
    assert_eq!(answer.unwrap(), json!({"QueueUrl": "u"}));
    assert_eq!(request.line, "POST /");
    assert_eq!(request.header("x-amz-target"), Some("AmazonSQS.GetQueueUrl"));
    assert_eq!(request.header("content-type"), Some("application/x-amz-json-1.0"));
    assert_eq!(body(&request), r#"{"QueueName":"q"}"#);
    let authorization = request.header("authorization").unwrap();
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=id/"),
        "{authorization}"
    );
    assert!(
        authorization.contains("/eu-central-1/sqs/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn an_answer_without_a_body_is_an_empty_object() {
    let (answer, _) = ask::<sqs::SetQueueAttributes>(Reply::new(200, ""), json!({})).await;
    assert_eq!(answer.unwrap(), json!({}));
}

#[tokio::test]
async fn query_flattens_lists_maps_and_structures() {
    let reply = Reply::new(
        200,
        "<R><CreateTopicResult><TopicArn>a:b</TopicArn></CreateTopicResult></R>",
    );
    let input = json!({"Name": "n & m", "Attributes": {"FifoTopic": "true"}, "Tags": [{"Key": "k", "Value": "ü"}]});
    let (answer, request) = ask::<sns::CreateTopic>(reply, input).await;
    assert_eq!(answer.unwrap(), json!({"TopicArn": "a:b"}));
    assert_eq!(
        body(&request),
        "Action=CreateTopic&Version=2010-03-31&Attributes.entry.1.key=FifoTopic&Attributes.entry.1.value=true\
         &Name=n%20%26%20m&Tags.member.1.Key=k&Tags.member.1.Value=%C3%BC"
    );
}

#[tokio::test]
async fn iam_is_signed_for_where_the_partition_keeps_it() {
    let reply = Reply::new(
        200,
        "<R><GetRoleResult><Role><RoleName>r</RoleName></Role></GetRoleResult></R>",
    );
    let (answer, request) = ask::<iam::GetRole>(reply, json!({"RoleName": "r"})).await;
    assert_eq!(answer.unwrap(), json!({"Role": {"RoleName": "r"}}));
    assert!(
        request
            .header("authorization")
            .unwrap()
            .contains("/us-east-1/iam/aws4_request")
    );
}

#[tokio::test]
async fn rest_puts_members_into_path_query_and_body() {
    let input = json!({"Name": "a b", "GroupName": "g/h"});
    let (_, request) = ask::<scheduler::GetSchedule>(Reply::new(200, "{}"), input).await;
    assert_eq!(
        (request.line.as_str(), request.body.len()),
        ("GET /schedules/a%20b?groupName=g%2Fh", 0)
    );

    let (_, request) = ask::<scheduler::ListSchedules>(Reply::new(200, "{}"), json!({"GroupName": "g"})).await;
    assert_eq!(
        request.line, "GET /schedules?ScheduleGroup=g",
        "what is not given is left out"
    );

    let input = json!({"Name": "n", "GroupName": "g", "State": "DISABLED"});
    let (_, request) = ask::<scheduler::CreateSchedule>(Reply::new(200, "{}"), input).await;
    assert_eq!(request.line, "POST /schedules/n");
    assert_eq!(body(&request), r#"{"GroupName":"g","State":"DISABLED"}"#);

    let arn = "arn:aws:lambda:eu-central-1:1:event-source-mapping:u";
    let (_, request) = ask::<lambda::ListTags>(Reply::new(200, "{}"), json!({ "Resource": arn })).await;
    assert_eq!(
        request.line,
        "GET /2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-central-1%3A1%3Aevent-source-mapping%3Au"
    );
}

#[tokio::test]
async fn a_document_goes_out_as_the_body_and_comes_back_as_it() {
    let document = json!({"openapi": "3.0.1", "paths": {"/a": {}}});
    let input = json!({"restApiId": "a1", "mode": "overwrite", "failOnWarnings": false, "body": document});
    let (answer, request) = ask::<apigateway::PutRestApi>(Reply::new(200, r#"{"id": "a1"}"#), input).await;
    assert_eq!(answer.unwrap(), json!({"id": "a1"}));
    assert_eq!(request.line, "PUT /restapis/a1?mode=overwrite&failonwarnings=false");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(body(&request), document.to_string());
    assert!(
        request
            .header("authorization")
            .unwrap()
            .contains("/eu-central-1/apigateway/aws4_request")
    );

    let input =
        json!({"restApiId": "a1", "stageName": "live", "exportType": "oas30", "extensions": "integrations,apigateway"});
    let (answer, request) = ask::<apigateway::GetExport>(Reply::new(200, &document.to_string()), input).await;
    assert_eq!(answer.unwrap(), json!({ "body": document }));
    assert_eq!(
        request.line,
        "GET /restapis/a1/stages/live/exports/oas30?extensions=integrations%2Capigateway"
    );
    assert_eq!(
        request.header("accept"),
        Some("application/json"),
        "or lists come in HAL"
    );
    let input = json!({"restApiId": "a1", "mode": "overwrite"});
    let server = Server::replying([]);
    let calls = AwsCalls::new(&server.aws(), "1");
    let error = Call::<apigateway::PutRestApi>::call(&calls, &home(), input)
        .await
        .unwrap_err();
    assert!(
        matches!(error, PortError::Invalid(_)),
        "an API is never overwritten with nothing: {error}"
    );
}

#[tokio::test]
async fn both_of_api_gateways_services_are_signed_alike_and_patched() {
    let patch = json!([{"op": "replace", "path": "/*/*/metrics/enabled", "value": "true"}]);
    let input = json!({"restApiId": "a1", "stageName": "live", "patchOperations": patch});
    let (_, request) = ask::<apigateway::UpdateStage>(Reply::new(200, "{}"), input).await;
    assert_eq!(request.line, "PATCH /restapis/a1/stages/live");
    assert_eq!(body(&request), json!({ "patchOperations": patch }).to_string());

    let answer = r#"{"items": [{"routeKey": "GET /a", "target": "integrations/i1"}], "nextToken": "n"}"#;
    let input = json!({"apiId": "h1", "maxResults": "100", "nextToken": "m"});
    let (answer, request) = ask::<apigatewayv2::GetRoutes>(Reply::new(200, answer), input).await;
    assert_eq!(answer.unwrap()["items"][0]["target"], "integrations/i1");
    assert_eq!(request.line, "GET /v2/apis/h1/routes?maxResults=100&nextToken=m");
    let authorization = request.header("authorization").unwrap();
    assert!(
        authorization.contains("/eu-central-1/apigateway/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn s3_speaks_xml_both_ways() {
    let xml = "<NotificationConfiguration xmlns=\"x\"><QueueConfiguration><Id>a</Id><Queue>arn:q</Queue><Event>s3:ObjectCreated:*</Event>\
        <Filter><S3Key><FilterRule><Name>Prefix</Name><Value>a &amp; b/</Value></FilterRule></S3Key></Filter></QueueConfiguration>\
        <EventBridgeConfiguration/></NotificationConfiguration>";
    let document = json!({
        "EventBridgeConfiguration": {},
        "QueueConfiguration": [{
            "Event": ["s3:ObjectCreated:*"],
            "Filter": {"S3Key": {"FilterRule": [{"Name": "Prefix", "Value": "a & b/"}]}},
            "Id": "a",
            "Queue": "arn:q",
        }],
    });
    let input = json!({"Bucket": "photos"});
    let (answer, request) = ask::<s3::GetBucketNotificationConfiguration>(Reply::new(200, xml), input).await;
    assert_eq!(answer.unwrap(), document);
    assert_eq!(request.line, "GET /photos?notification");
    assert!(request.header("x-amz-content-sha256").is_some());

    let input = json!({"Bucket": "photos", "NotificationConfiguration": document});
    let (answer, request) = ask::<s3::PutBucketNotificationConfiguration>(Reply::new(200, ""), input).await;
    assert_eq!(answer.unwrap(), json!({}));
    assert_eq!(request.line, "PUT /photos?notification");
    assert_eq!(
        body(&request),
        "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><EventBridgeConfiguration></EventBridgeConfiguration>\
         <QueueConfiguration><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>Prefix</Name><Value>a &amp; b/</Value>\
         </FilterRule></S3Key></Filter><Id>a</Id><Queue>arn:q</Queue></QueueConfiguration></NotificationConfiguration>"
    );
    let error = "<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>";
    let (answer, _) =
        ask::<s3::GetBucketNotificationConfiguration>(Reply::new(404, error), json!({"Bucket": "b"})).await;
    assert!(matches!(answer, Err(PortError::NotFound(_))), "{answer:?}");
}

#[tokio::test]
async fn an_address_is_never_cut_short() {
    let server = Server::replying([]);
    let calls = AwsCalls::new(&server.aws(), "111122223333");
    for input in [json!({}), json!({"Name": ""}), json!({"Name": null}), json!([])] {
        let error = Call::<scheduler::GetSchedule>::call(&calls, &home(), input)
            .await
            .unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{error}");
    }
}

#[tokio::test]
async fn refusals_of_every_protocol_are_classified_by_their_code() {
    let json = r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}"#;
    let (answer, _) = ask::<sqs::GetQueueUrl>(Reply::new(400, json).with("x-amzn-requestid", "id-1"), json!({})).await;
    assert_eq!(
        answer.unwrap_err().to_string(),
        "not found: sqs GetQueueUrl in eu-central-1: QueueDoesNotExist: no such queue (request id-1)"
    );
    let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>";
    let (answer, _) = ask::<sns::GetTopicAttributes>(Reply::new(404, xml), json!({})).await;
    assert_eq!(
        answer.unwrap_err().to_string(),
        "not found: sns GetTopicAttributes in eu-central-1: NotFound: no topic"
    );
    let rest = Reply::new(409, r#"{"Message": "there is one"}"#).with("x-amzn-errortype", "ConflictException:http://x");
    let (answer, _) = ask::<scheduler::CreateSchedule>(rest.clone(), json!({"Name": "n"})).await;
    assert!(matches!(answer, Err(PortError::AlreadyExists(_))), "{answer:?}");
    let (answer, _) = ask::<scheduler::UpdateSchedule>(rest, json!({"Name": "n"})).await;
    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
    let (answer, _) = ask::<events::PutRule>(Reply::new(403, "no JSON"), json!({})).await;
    assert!(matches!(answer, Err(PortError::Denied(_))), "{answer:?}");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_told() {
    let throttled = Reply::new(400, r#"{"__type": "ThrottlingException"}"#);
    let server = Server::replying([throttled.clone(), Reply::new(200, r#"{"Rules": []}"#)]);
    let calls = AwsCalls::new(&server.aws(), "1");
    Call::<events::ListRules>::call(&calls, &home(), json!({}))
        .await
        .unwrap();
    assert_eq!(server.requests().len(), 2);

    let server = Server::replying([throttled.clone(), throttled]);
    let calls = AwsCalls::new(&server.aws(), "1");
    let error = Call::<kinesis::ListStreams>::call(&calls, &home(), json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, PortError::Throttled(_)), "{error}");

    let server = Server::replying([Reply::silence(), Reply::new(200, "{}")]);
    let calls = AwsCalls::new(&server.aws(), "1");
    Call::<states::ListStateMachines>::call(&calls, &home(), json!({}))
        .await
        .unwrap();
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let cut = Reply::new(200, r#"{"ResourceTagMappingList": []}"#).cut(9);
    let server = Server::replying([cut.clone(), cut]);
    let calls = AwsCalls::new(&server.aws(), "1");
    let error = Call::<tagging::GetResources>::call(&calls, &home(), json!({}))
        .await
        .unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)), "{error}");
}

#[test]
fn endpoints_are_those_of_the_partition() {
    for (host, region, expected) in [
        ("sqs", "eu-central-1", "https://sqs.eu-central-1.amazonaws.com"),
        ("states", "cn-north-1", "https://states.cn-north-1.amazonaws.com.cn"),
        ("iam", "eu-central-1", "https://iam.amazonaws.com"),
        ("iam", "us-gov-east-1", "https://iam.us-gov.amazonaws.com"),
        ("iam", "cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn"),
    ] {
        assert_eq!(aws_endpoint(host, &region.parse().unwrap()), expected);
    }
}

#[tokio::test]
async fn what_an_address_says_without_braces_is_sent_as_it_stands() {
    let input = json!({"FunctionName": "bill", "Marker": "a b"});
    let (_, request) = ask::<functions::ListProvisionedConcurrencyConfigs>(Reply::new(200, "{}"), input).await;
    assert_eq!(
        request.line,
        "GET /2019-09-30/functions/bill/provisioned-concurrency?List=ALL&Marker=a%20b"
    );
    let arn = "arn:aws:lambda:eu-central-1:1:layer:base:4";
    let (_, request) = ask::<functions::GetLayerVersionByArn>(Reply::new(200, "{}"), json!({ "Arn": arn })).await;
    assert_eq!(
        request.line,
        "GET /2018-10-31/layers?find=LayerVersion&Arn=arn%3Aaws%3Alambda%3Aeu-central-1%3A1%3Alayer%3Abase%3A4"
    );
    let input = json!({"FunctionName": "bill", "Qualifier": "live", "MaximumRetryAttempts": 0});
    let (_, request) = ask::<functions::PutFunctionEventInvokeConfig>(Reply::new(200, "{}"), input).await;
    assert_eq!(
        request.line,
        "PUT /2019-09-25/functions/bill/event-invoke-config?Qualifier=live"
    );
    assert_eq!(body(&request), r#"{"MaximumRetryAttempts":0}"#);
}

#[tokio::test]
async fn a_policy_is_put_in_the_place_of_the_one_that_was_read_and_of_no_other() {
    let arn = "arn:aws:lambda:eu-central-1:111122223333:function:bill:live";
    let line = "/2026-07-09/resource-policy/arn%3Aaws%3Alambda%3Aeu-central-1%3A111122223333%3Afunction%3Abill%3Alive";
    let reply = Reply::new(200, r#"{"Policy":"{}","RevisionId":"r1"}"#);
    let (answer, request) = ask::<functions::GetResourcePolicy>(reply, json!({ "ResourceArn": arn })).await;
    assert_eq!(request.line, format!("GET {line}"));
    assert_eq!(answer.unwrap()["RevisionId"], "r1");
    let refused = Reply::new(
        412,
        r#"{"Type":"User","Message":"The RevisionId provided does not match"}"#,
    )
    .with("x-amzn-errortype", "PreconditionFailedException");
    let input = json!({ "ResourceArn": arn, "Policy": "{}", "RevisionId": "r0" });
    let (answer, request) = ask::<functions::PutResourcePolicy>(refused, input).await;
    assert_eq!(request.line, format!("PUT {line}"));
    assert_eq!(body(&request), r#"{"Policy":"{}","RevisionId":"r0"}"#);
    assert!(matches!(answer, Err(PortError::Conflict(_))), "{answer:?}");
}

#[tokio::test]
async fn aliases_and_function_urls_are_changed_where_they_are() {
    let input = json!({"FunctionName": "bill", "Name": "live", "FunctionVersion": "3"});
    let (_, request) = ask::<functions::UpdateAlias>(Reply::new(200, "{}"), input).await;
    assert_eq!(request.line, "PUT /2015-03-31/functions/bill/aliases/live");
    assert_eq!(body(&request), r#"{"FunctionVersion":"3"}"#);
    let input = json!({"FunctionName": "bill", "Qualifier": "live", "AuthType": "NONE"});
    let (_, request) = ask::<functions::UpdateFunctionUrlConfig>(Reply::new(200, "{}"), input).await;
    assert_eq!(request.line, "PUT /2021-10-31/functions/bill/url?Qualifier=live");
    assert_eq!(body(&request), r#"{"AuthType":"NONE"}"#);
}

#[tokio::test]
async fn cloudfront_has_one_endpoint_and_lists_of_its_own() {
    let association = "<LambdaFunctionAssociations><Quantity>1</Quantity><Items><LambdaFunctionAssociation>\
        <LambdaFunctionARN>arn:aws:lambda:us-east-1:1:function:edge:3</LambdaFunctionARN><EventType>origin-request</EventType>\
        <IncludeBody>false</IncludeBody></LambdaFunctionAssociation></Items></LambdaFunctionAssociations>";
    let xml = format!(
        "<?xml version=\"1.0\"?><DistributionList xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Marker/>\
         <IsTruncated>false</IsTruncated><Quantity>1</Quantity><Items><DistributionSummary><Id>E1</Id>\
         <DefaultCacheBehavior>{association}</DefaultCacheBehavior><CacheBehaviors><Quantity>0</Quantity></CacheBehaviors>\
         </DistributionSummary></Items></DistributionList>"
    );
    let (answer, request) =
        ask::<cloudfront::ListDistributions>(Reply::new(200, &xml), json!({"MaxItems": "100"})).await;
    let expected = json!({
        "LambdaFunctionARN": "arn:aws:lambda:us-east-1:1:function:edge:3", "EventType": "origin-request", "IncludeBody": "false",
    });
    let distribution = &answer.unwrap()["Items"]["DistributionSummary"][0];
    let found = &distribution["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"];
    assert_eq!(
        (&distribution["Id"], found),
        (&json!("E1"), &json!({ "LambdaFunctionAssociation": [expected] }))
    );
    assert_eq!(request.line, "GET /2020-05-31/distribution?MaxItems=100");
    let authorization = request.header("authorization").unwrap();
    assert!(
        authorization.contains("/us-east-1/cloudfront/aws4_request"),
        "{authorization}"
    );
    let region = "eu-central-1".parse().unwrap();
    assert_eq!(aws_endpoint("cloudfront", &region), "https://cloudfront.amazonaws.com");
    let error = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
    let (answer, _) = ask::<cloudfront::ListDistributions>(Reply::new(403, error), json!({})).await;
    assert!(matches!(answer, Err(PortError::Denied(_))), "{answer:?}");
}
