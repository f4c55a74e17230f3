use std::collections::BTreeMap;

use holdfast_sources::lambda::Permission;
use serde_json::{Map, Value, json};

/// A statement as AddPermission writes it.
pub(crate) fn statement_body(permission: &Permission, resource: &str) -> Map<String, Value> {
    let principal = match permission.principal.as_str() {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        identity => json!({ "AWS": identity }),
    };
    let mut body = Map::from_iter([
        ("Sid".to_owned(), json!(permission.sid)),
        ("Effect".to_owned(), json!("Allow")),
        ("Principal".to_owned(), principal),
        ("Action".to_owned(), json!(permission.action)),
        ("Resource".to_owned(), json!(resource)),
    ]);
    let invoked = permission.invoked_via_function_url.map(|flag| flag.to_string());
    let mut conditions: BTreeMap<&str, BTreeMap<&str, &String>> = BTreeMap::new();
    for (operator, key, value) in [
        ("ArnLike", "AWS:SourceArn", &permission.source_arn),
        ("StringEquals", "AWS:SourceAccount", &permission.source_account),
        (
            "StringEquals",
            "lambda:EventSourceToken",
            &permission.event_source_token,
        ),
        ("StringEquals", "aws:PrincipalOrgID", &permission.principal_org_id),
        (
            "StringEquals",
            "lambda:FunctionUrlAuthType",
            &permission.function_url_auth_type,
        ),
        ("Bool", "lambda:InvokedViaFunctionUrl", &invoked),
    ] {
        if let Some(value) = value {
            conditions.entry(operator).or_default().insert(key, value);
        }
    }
    if !conditions.is_empty() {
        body.insert("Condition".to_owned(), json!(conditions));
    }
    body
}
