use std::collections::BTreeMap;

use holdfast_catalog::{Arn, CatalogError};
use serde_json::{Map, Value, json};

use super::Statement;
use super::config::sorted_map;

/// A statement in the words of AddPermission.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permission {
    /// The alias or version that it is about; none when it is about the function.
    pub qualifier: Option<String>,
    /// The statement's id.
    pub sid: String,
    /// For example `lambda:InvokeFunction`.
    pub action: String,
    /// A service, an account, an identity's ARN, or `*`.
    pub principal: String,
    /// Only for events of this resource.
    pub source_arn: Option<String>,
    /// Only for events of this account's resources.
    pub source_account: Option<String>,
    /// Only with this token (Alexa skills).
    pub event_source_token: Option<String>,
    /// Only for this organisation's identities.
    pub principal_org_id: Option<String>,
    /// Only through a function URL of this kind: `NONE` or `AWS_IAM`.
    pub function_url_auth_type: Option<String>,
    /// Only (not) through a function URL.
    pub invoked_via_function_url: Option<bool>,
}

/// The statements of a policy document as GetPolicy gives it.
///
/// # Errors
/// The text is no policy document.
pub fn statements(document: &str, function: &Arn) -> Result<Vec<Statement>, CatalogError> {
    let damaged = || CatalogError::Damaged {
        what: "resource policy",
        why: "it is no document with a list of statements".to_owned(),
    };
    let parsed: Value = serde_json::from_str(document).map_err(|_| damaged())?;
    let list = match parsed.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(single @ Value::Object(_)) => vec![single.clone()],
        _ => return Err(damaged()),
    };
    list.into_iter()
        .map(|statement| match statement {
            Value::Object(body) => Ok(statement_of(body, function)),
            _ => Err(damaged()),
        })
        .collect()
}

fn statement_of(mut body: Map<String, Value>, function: &Arn) -> Statement {
    let sid = match body.remove("Sid") {
        Some(Value::String(sid)) => sid,
        _ => String::new(),
    };
    // A resource that is the function itself says nothing, and would be wrong after a restore under another name.
    let mut qualifier = None;
    let own = match body.get("Resource") {
        Some(Value::String(resource)) => match resource.strip_prefix(function.as_str()) {
            Some("") => true,
            Some(rest) => {
                qualifier = rest.strip_prefix(':').map(str::to_owned);
                qualifier.is_some()
            }
            None => false,
        },
        _ => false,
    };
    if own {
        body.remove("Resource");
    }
    Statement {
        qualifier,
        sid,
        body: sorted_map(body),
    }
}

impl Statement {
    /// The same in the words of AddPermission, the only way in which a statement can be added without replacing the policy.
    ///
    /// # Errors
    /// Why AddPermission cannot say it.
    pub fn permission(&self) -> Result<Permission, String> {
        let mut permission = Permission {
            qualifier: self.qualifier.clone(),
            sid: self.sid.clone(),
            ..Permission::default()
        };
        if self.sid.is_empty() {
            return Err("it has no statement id".to_owned());
        }
        for (name, value) in &self.body {
            match (name.as_str(), value) {
                ("Effect", Value::String(effect)) if effect == "Allow" => {}
                ("Action", Value::String(action)) => permission.action.clone_from(action),
                ("Principal", principal) => permission.principal = principal_of(principal)?,
                ("Condition", Value::Object(conditions)) => permission.restrict(conditions)?,
                (name, _) => return Err(format!("its {name} is of a form that AddPermission does not know")),
            }
        }
        if permission.action.is_empty() || permission.principal.is_empty() {
            return Err("it names no action or no principal".to_owned());
        }
        Ok(permission)
    }
}

fn principal_of(principal: &Value) -> Result<String, String> {
    let single = match principal {
        Value::String(any) if any == "*" => Some(any),
        Value::Object(map) if map.len() == 1 => map.iter().find_map(|(kind, value)| match (kind.as_str(), value) {
            ("Service" | "AWS", Value::String(name)) => Some(name),
            _ => None,
        }),
        _ => None,
    };
    single
        .cloned()
        .ok_or_else(|| "its Principal is not a single service, account or identity".to_owned())
}

impl Permission {
    /// The statement as AddPermission writes it.
    pub fn statement(&self, resource: &str) -> Map<String, Value> {
        let principal = match self.principal.as_str() {
            "*" => json!("*"),
            service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
            identity => json!({ "AWS": identity }),
        };
        let mut body = Map::from_iter([
            ("Sid".to_owned(), json!(self.sid)),
            ("Effect".to_owned(), json!("Allow")),
            ("Principal".to_owned(), principal),
            ("Action".to_owned(), json!(self.action)),
            ("Resource".to_owned(), json!(resource)),
        ]);
        let invoked = self.invoked_via_function_url.map(|flag| flag.to_string());
        let mut conditions: BTreeMap<&str, BTreeMap<&str, &String>> = BTreeMap::new();
        for (operator, key, value) in [
            ("ArnLike", "AWS:SourceArn", &self.source_arn),
            ("StringEquals", "AWS:SourceAccount", &self.source_account),
            ("StringEquals", "lambda:EventSourceToken", &self.event_source_token),
            ("StringEquals", "aws:PrincipalOrgID", &self.principal_org_id),
            (
                "StringEquals",
                "lambda:FunctionUrlAuthType",
                &self.function_url_auth_type,
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

    fn restrict(&mut self, conditions: &Map<String, Value>) -> Result<(), String> {
        for (operator, keys) in conditions {
            let Value::Object(keys) = keys else {
                return Err(format!("its condition {operator} is of an unknown form"));
            };
            for (key, value) in keys {
                let Some(value) = text_of(value) else {
                    return Err(format!("its condition {operator} on {key} has more than one value"));
                };
                // Condition keys are case-insensitive; the service itself writes both `AWS:` and `aws:`.
                let slot = match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                    ("ArnLike", "aws:sourcearn") => &mut self.source_arn,
                    ("StringEquals", "aws:sourceaccount") => &mut self.source_account,
                    ("StringEquals", "lambda:eventsourcetoken") => &mut self.event_source_token,
                    ("StringEquals", "aws:principalorgid") => &mut self.principal_org_id,
                    ("StringEquals", "lambda:functionurlauthtype") => &mut self.function_url_auth_type,
                    ("Bool", "lambda:invokedviafunctionurl") => {
                        self.invoked_via_function_url = Some(value == "true");
                        continue;
                    }
                    _ => return Err(format!("AddPermission has no condition {operator} on {key}")),
                };
                *slot = Some(value);
            }
        }
        Ok(())
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(list) if list.len() == 1 => text_of(&list[0]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:111122223333:function:bill";

    fn one(statement: &str) -> Statement {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        statements(&document, &ARN.parse().unwrap()).unwrap().remove(0)
    }

    #[test]
    fn a_service_with_source_and_account_is_expressed() {
        let statement = one(&format!(
            r#"{{"Sid":"s3","Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},"Action":"lambda:InvokeFunction",
            "Resource":"{ARN}:live","Condition":{{"StringEquals":{{"AWS:SourceAccount":"111122223333"}},
            "ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::in"}}}}}}"#
        ));
        let permission = statement.permission().unwrap();
        assert_eq!(permission.qualifier.as_deref(), Some("live"));
        assert_eq!(permission.principal, "s3.amazonaws.com");
        assert_eq!(permission.source_arn.as_deref(), Some("arn:aws:s3:::in"));
        assert_eq!(permission.source_account.as_deref(), Some("111122223333"));
    }

    #[test]
    fn a_public_function_url_is_expressed() {
        let statement = one(&format!(
            r#"{{"Sid":"url","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"{ARN}",
            "Condition":{{"StringEquals":{{"lambda:FunctionUrlAuthType":"NONE"}},
            "Bool":{{"lambda:InvokedViaFunctionUrl":"true"}}}}}}"#
        ));
        let permission = statement.permission().unwrap();
        assert_eq!((permission.qualifier, permission.principal.as_str()), (None, "*"));
        assert_eq!(permission.function_url_auth_type.as_deref(), Some("NONE"));
        assert_eq!(permission.invoked_via_function_url, Some(true));
    }

    #[test]
    fn what_add_permission_cannot_say_is_told_and_not_shortened() {
        let allow = r#""Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"lambda:InvokeFunction""#;
        for (rest, word) in [
            (r#""Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, "SourceIp"),
            (
                r#""Condition":{"ArnLike":{"AWS:SourceArn":["a","b"]}}"#,
                "more than one",
            ),
            (
                r#""Resource":"arn:aws:lambda:eu-west-1:111122223333:function:*""#,
                "Resource",
            ),
            (r#""NotAction":"lambda:GetFunction""#, "NotAction"),
        ] {
            let why = one(&format!(r#"{{"Sid":"x",{allow},{rest}}}"#))
                .permission()
                .unwrap_err();
            assert!(why.contains(word), "{why}");
        }
        let deny = one(r#"{"Sid":"x","Effect":"Deny","Principal":"*","Action":"lambda:*"}"#);
        assert!(deny.permission().unwrap_err().contains("Effect"));
    }
}
