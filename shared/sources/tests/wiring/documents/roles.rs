//! Roles as people's accounts have them.

use holdfast_sources::wiring::Document;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{document, json_object, some, text, with};
use crate::world::ACCOUNT;

fn trust() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com"]}, "Action": "sts:AssumeRole"},
    ]})
}

fn own_policy(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/app/{name}")
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Action": [action], "Resource": resource}]})
}

/// A role with policies of every sort, a boundary and a path, which may pass itself on.
pub fn role() -> Document {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/app/bill");
    document(
        json!({
            "AssumeRolePolicyDocument": trust(), "Description": "bills orders", "MaxSessionDuration": 7200, "Path": "/app/",
            "Policies": {
                "data": allow("dynamodb:GetItem", &format!("arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/orders")),
                "itself": allow("iam:PassRole", &role),
                "logs": allow("logs:PutLogEvents", "*"),
            },
            "AttachedPolicies": [
                {"PolicyArn": own_policy("mail"), "Document": allow("ses:SendEmail", "*")},
                {"PolicyArn": own_policy("queue"), "Document": allow("sqs:SendMessage", "*")},
                {"PolicyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
            ],
            "PermissionsBoundary": {"PolicyArn": own_policy("limit"), "Document": allow("*", "*")},
        }),
        &[("team", "billing"), ("backup", "standard")],
    )
}

/// Any role.
pub fn any_role() -> BoxedStrategy<Value> {
    let settings = with(
        json!({"AssumeRolePolicyDocument": trust(), "Path": "/app/"}),
        some(vec![
            ("Description", text()),
            ("MaxSessionDuration", (3_600..43_200_u32).prop_map(Value::from).boxed()),
        ]),
    );
    let inline = btree_map("[a-z]{1,6}", json_object(), 0..4);
    let own = btree_map("[a-z]{1,6}", json_object(), 0..4);
    (settings, inline, own, any::<bool>(), option::of(json_object()))
        .prop_map(|(mut role, inline, own, has_aws, boundary)| {
            if !inline.is_empty() {
                role["Policies"] = json!(inline);
            }
            let mut attached: Vec<Value> = own
                .into_iter()
                .map(|(name, said)| json!({"PolicyArn": own_policy(&name), "Document": said}))
                .collect();
            if has_aws {
                attached.push(json!({"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}));
            }
            if !attached.is_empty() {
                role["AttachedPolicies"] = Value::from(attached);
            }
            if let Some(said) = boundary {
                role["PermissionsBoundary"] = json!({"PolicyArn": own_policy("the-limit"), "Document": said});
            }
            role
        })
        .boxed()
}
