use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, kept, page, tag_list, tag_map, text, told, unknown};

/// Members of a role that its answers do not have, or have in another way.
const HELD: [&str; 3] = ["Tags", "attached", "inline"];

impl Desk<'_> {
    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    pub(super) fn iam(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListRoles" => {
                // Without tags and boundary, as AWS has it.
                let all = self.all("role").into_iter();
                let all = all.map(|(_, role)| told(&role, &["Tags", "attached", "inline", "PermissionsBoundary"]));
                Ok(listed(all.collect(), input, "Roles"))
            }
            "ListRoleTags" => {
                let role = self.get("role", text(input, "RoleName")?)?;
                let tags = tag_list(&tag_map(&role["Tags"]));
                Ok(listed(tags.as_array().cloned().unwrap_or_default(), input, "Tags"))
            }
            "GetRole" => {
                let role = self.get("role", text(input, "RoleName")?)?;
                let mut told = told(&role, &HELD);
                told["Tags"] = tag_list(&tag_map(&role["Tags"]));
                Ok(json!({ "Role": told }))
            }
            "CreateRole" => self.create_role(input),
            "ListRolePolicies" => {
                let role = self.get("role", text(input, "RoleName")?)?;
                let names = role["inline"].as_object().into_iter().flatten();
                let names = names.map(|(name, _)| Value::from(name.as_str())).collect();
                Ok(listed(names, input, "PolicyNames"))
            }
            "GetRolePolicy" => {
                let role = self.get("role", text(input, "RoleName")?)?;
                let name = text(input, "PolicyName")?;
                let document = role["inline"][name].as_str();
                let document = document.ok_or_else(|| PortError::NotFound(format!("policy {name}")))?;
                Ok(json!({ "PolicyName": name, "PolicyDocument": encoded(document) }))
            }
            "PutRolePolicy" => {
                let name = text(input, "PolicyName")?.to_owned();
                let document = policy(input, "PolicyDocument")?.to_owned();
                let role = self.change("role", text(input, "RoleName")?)?;
                role["inline"][name] = Value::from(document);
                Ok(json!({}))
            }
            "ListAttachedRolePolicies" => {
                let role = self.get("role", text(input, "RoleName")?)?;
                let arns = role["attached"].as_object().into_iter().flatten();
                let arns = arns.map(|(arn, _)| json!({ "PolicyArn": arn })).collect();
                Ok(listed(arns, input, "AttachedPolicies"))
            }
            "AttachRolePolicy" => {
                let arn = text(input, "PolicyArn")?.to_owned();
                self.has_policy(&arn)?;
                self.change("role", text(input, "RoleName")?)?["attached"][arn] = json!(true);
                Ok(json!({}))
            }
            "GetPolicy" => {
                let arn = text(input, "PolicyArn")?;
                self.get("policy", arn)?;
                Ok(json!({ "Policy": { "Arn": arn, "DefaultVersionId": "v3" } }))
            }
            "GetPolicyVersion" => {
                let found = self.get("policy", text(input, "PolicyArn")?)?;
                let document = encoded(found["Document"].as_str().unwrap_or_default());
                Ok(json!({ "PolicyVersion": { "Document": document, "VersionId": input["VersionId"] } }))
            }
            "UpdateAssumeRolePolicy" => {
                let trust = self.trust(input, "PolicyDocument")?;
                self.change("role", text(input, "RoleName")?)?["AssumeRolePolicyDocument"] = Value::from(trust);
                Ok(json!({}))
            }
            "CreatePolicy" => {
                let name = text(input, "PolicyName")?;
                let document = policy(input, "PolicyDocument")?.to_owned();
                let path = input["Path"].as_str().unwrap_or("/");
                let arn = format!("arn:aws:iam::{}:policy{path}{name}", self.account);
                if self.has("policy", &arn) {
                    return Err(PortError::AlreadyExists(arn));
                }
                self.put("policy", &arn, json!({ "Document": document }));
                Ok(json!({ "Policy": { "Arn": arn } }))
            }
            name => unknown(name),
        }
    }

    fn create_role(&mut self, input: &Value) -> Answer {
        let name = text(input, "RoleName")?.to_owned();
        let trust = self.trust(input, "AssumeRolePolicyDocument")?;
        if self.has("role", &name) {
            return Err(PortError::AlreadyExists(format!("role {name}")));
        }
        let path = input["Path"].as_str().unwrap_or("/").to_owned();
        let mut role = json!({
            "Arn": format!("arn:aws:iam::{}:role{path}{name}", self.account), "RoleName": name, "Path": path,
            "RoleId": format!("AROA{}", self.number()), "CreateDate": "2026-11-21T00:00:00Z", "AssumeRolePolicyDocument": trust,
            "MaxSessionDuration": "3600", "Tags": tag_map(&input["Tags"]), "inline": {}, "attached": {},
        });
        for (member, value) in kept(input, &["Description", "MaxSessionDuration"]) {
            role[member] = match value {
                // As XML has it.
                Value::Number(number) => Value::from(number.to_string()),
                value => value,
            };
        }
        if let Some(boundary) = input["PermissionsBoundary"].as_str() {
            self.has_policy(boundary)?;
            role["PermissionsBoundary"] =
                json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary });
        }
        self.put("role", &name, role);
        Ok(json!({}))
    }

    /// A trust as it is told. One that names a role of the account that is not there is none.
    fn trust(&self, input: &Value, member: &str) -> Result<String, PortError> {
        let written = policy(input, member)?;
        let trust: Value = serde_json::from_str(written).unwrap_or_default();
        let statements = several(&trust["Statement"]);
        let named = statements.iter().flat_map(|one| several(&one["Principal"]["AWS"]));
        let ours = format!("arn:aws:iam::{}:role/", self.account);
        let roles: Vec<Value> = self
            .all("role")
            .into_iter()
            .map(|(_, role)| role["Arn"].clone())
            .collect();
        for principal in named.filter(|one| one.as_str().is_some_and(|text| text.starts_with(&ours))) {
            if !roles.contains(&principal) {
                return Err(PortError::Invalid(format!(
                    "Invalid principal in policy: \"AWS\":{principal}"
                )));
            }
        }
        Ok(encoded(written))
    }

    /// AWS's own policies are always there.
    fn has_policy(&self, arn: &str) -> Result<(), PortError> {
        if arn.contains("::aws:policy/") || self.has("policy", arn) {
            return Ok(());
        }
        Err(PortError::NotFound(arn.to_owned()))
    }
}

fn policy<'a>(input: &'a Value, member: &str) -> Result<&'a str, PortError> {
    let text = text(input, member)?;
    match serde_json::from_str::<Value>(text) {
        Ok(policy) if policy.is_object() => Ok(text),
        _ => Err(PortError::Invalid(format!("{member} is no policy"))),
    }
}

/// What a policy may write as one or as a list.
fn several(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// Everything but letters and digits percent-encoded.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

fn listed(all: Vec<Value>, input: &Value, items: &str) -> Value {
    page(all, input, items, "Marker", "Marker")
}
