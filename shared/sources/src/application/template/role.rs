use serde_json::{Map, Value, json};

use super::{Subject, Writing, add_tags, picked};

const ROLE: [(&str, &str); 4] = [
    ("AssumeRolePolicyDocument", "AssumeRolePolicyDocument"),
    ("Description", "Description"),
    ("MaxSessionDuration", "MaxSessionDuration"),
    ("Path", "Path"),
];

impl Writing<'_> {
    /// Inline policies are resources of their own: a role that names an API, which runs as that role, would else be a ring.
    pub(super) fn role(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let mut properties = picked(&config, &ROLE);
        properties.insert(
            "RoleName".to_owned(),
            json!({ "Ref": format!("{}Name", subject.logical) }),
        );
        let attached = config
            .get("AttachedPolicies")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let (own, of_aws): (Vec<Value>, Vec<Value>) =
            attached.into_iter().partition(|one| one.get("Document").is_some());
        let of_aws: Vec<Value> = of_aws.iter().filter_map(policy_arn).collect();
        if !of_aws.is_empty() {
            properties.insert("ManagedPolicyArns".to_owned(), Value::from(of_aws));
        }
        if let Some(boundary) = config.get("PermissionsBoundary") {
            let named = match boundary.get("Document") {
                Some(_) => {
                    let logical = format!("{}Boundary", subject.logical);
                    self.managed_policy(&logical, boundary, &[]);
                    Some(json!({ "Ref": logical }))
                }
                None => policy_arn(boundary),
            };
            properties.extend(named.map(|named| ("PermissionsBoundary".to_owned(), named)));
        }
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::IAM::Role", properties);
        for (number, (name, document)) in (1..).zip(inline(&config)) {
            let mut properties = Map::new();
            properties.insert("PolicyName".to_owned(), json!(name));
            properties.insert("PolicyDocument".to_owned(), document);
            properties.insert("Roles".to_owned(), json!([{ "Ref": subject.logical }]));
            self.add(
                &format!("{}Policy{number}", subject.logical),
                "AWS::IAM::Policy",
                properties,
            );
        }
        for (number, policy) in (1..).zip(&own) {
            let roles = [json!({ "Ref": subject.logical })];
            self.managed_policy(&format!("{}PolicyOwn{number}", subject.logical), policy, &roles);
        }
    }

    /// One of the account's own policies, under a name that CloudFormation chooses.
    fn managed_policy(&mut self, logical: &str, policy: &Value, roles: &[Value]) {
        let mut properties = picked(
            &policy.as_object().cloned().unwrap_or_default(),
            &[("Document", "PolicyDocument")],
        );
        if !roles.is_empty() {
            properties.insert("Roles".to_owned(), Value::from(roles));
        }
        self.add(logical, "AWS::IAM::ManagedPolicy", properties);
    }
}

/// A policy that is there already.
fn policy_arn(named: &Value) -> Option<Value> {
    let arn = named.as_str().or_else(|| named.get("PolicyArn")?.as_str());
    arn.map(Value::from)
}

/// Inline policies by name.
fn inline(config: &Map<String, Value>) -> Vec<(String, Value)> {
    let policies = config.get("Policies").and_then(Value::as_object).into_iter().flatten();
    policies
        .map(|(name, document)| (name.clone(), document.clone()))
        .collect()
}
