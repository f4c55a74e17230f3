//! Whom a role trusts. IAM takes no trust that names a role or a user that is not there.

use serde_json::{Value, json};

/// Where a role's document says whom it trusts.
pub(crate) const TRUST: &str = "AssumeRolePolicyDocument";

/// A trust without the roles and users that it names: what a role can be made with before those are there. It lets in nobody
/// whom the whole trust does not let in, then or when they are there.
pub(crate) fn without_identities(trust: &Value) -> Value {
    let statements: Vec<&Value> = trust.get("Statement").into_iter().flat_map(several).collect();
    // A statement that keeps somebody out cannot be left out, and nobody can be kept out who is not there yet.
    if statements.iter().any(|one| !allows(one) && names_identities(one)) {
        return closed();
    }
    let kept: Vec<Value> = statements.into_iter().filter_map(allowing_others).collect();
    if kept.is_empty() {
        return closed();
    }
    let mut trust = trust.clone();
    trust["Statement"] = Value::from(kept);
    trust
}

/// A trust that lets nobody in.
fn closed() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    })
}

fn allows(statement: &Value) -> bool {
    statement.get("Effect").and_then(Value::as_str) == Some("Allow")
}

fn names_identities(statement: &Value) -> bool {
    let named = ["Principal", "NotPrincipal"]
        .into_iter()
        .filter_map(|name| statement.get(name)?.get("AWS"));
    named.flat_map(several).any(is_identity)
}

/// A statement without the identities that it lets in; none if nobody else is let in.
fn allowing_others(statement: &Value) -> Option<Value> {
    if !names_identities(statement) {
        return Some(statement.clone());
    }
    let mut statement = statement.clone();
    // Everybody but some: without them it would let in more.
    let principal = statement.get_mut("Principal")?.as_object_mut()?;
    let others: Vec<Value> = principal
        .get("AWS")
        .into_iter()
        .flat_map(several)
        .filter(|one| !is_identity(one))
        .cloned()
        .collect();
    match others.is_empty() {
        true => principal.remove("AWS"),
        false => principal.insert("AWS".to_owned(), Value::from(others)),
    };
    (!principal.is_empty()).then_some(statement)
}

/// Whether a principal is a role, a user or a session, and no whole account.
fn is_identity(principal: &Value) -> bool {
    let text = principal.as_str().unwrap_or_default();
    let is_account = text == "*" || text.ends_with(":root") || text.bytes().all(|byte| byte.is_ascii_digit());
    !is_account
}

/// What a policy may write as one or as a list.
pub(super) fn several(value: &Value) -> std::slice::Iter<'_, Value> {
    match value {
        Value::Array(list) => list.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(statements: Value) -> Value {
        json!({ "Version": "2012-10-17", "Statement": statements })
    }

    const ROLE: &str = "arn:aws:iam::111122223333:role/tell";

    #[test]
    fn who_is_no_role_and_no_user_is_let_in_from_the_first() {
        let allow = |principal: Value| json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
        let service = json!({"Service": "lambda.amazonaws.com"});
        let root = "arn:aws:iam::111122223333:root";
        for (whole, first) in [
            (json!([allow(service.clone())]), json!([allow(service.clone())])),
            (
                json!([allow(service.clone()), allow(json!({ "AWS": ROLE }))]),
                json!([allow(service.clone())]),
            ),
            (
                allow(json!({"Service": "lambda.amazonaws.com", "AWS": [ROLE]})),
                json!([allow(service)]),
            ),
            (
                json!([allow(json!({"AWS": [root, ROLE, "444455556666"]}))]),
                json!([allow(json!({"AWS": [root, "444455556666"]}))]),
            ),
            (json!([allow(json!("*"))]), json!([allow(json!("*"))])),
        ] {
            assert_eq!(without_identities(&trust(whole.clone())), trust(first), "{whole}");
        }
    }

    #[test]
    fn nobody_is_let_in_where_nobody_is_left_or_somebody_is_to_be_kept_out_later() {
        let everybody = json!({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"});
        for whole in [
            json!([{"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}]),
            json!([{"Effect": "Allow", "NotPrincipal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}]),
            json!([everybody, {"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole"}]),
            json!([everybody, {"Effect": "Deny", "NotPrincipal": {"AWS": [ROLE]}, "Action": "sts:AssumeRole"}]),
        ] {
            assert_eq!(without_identities(&trust(whole.clone())), closed(), "{whole}");
        }
    }
}
