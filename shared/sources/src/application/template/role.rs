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
        let arns = |value: &Value| -> Value {
            let list = value.as_array().into_iter().flatten();
            list.filter_map(|one| one.as_str().or_else(|| one.get("PolicyArn")?.as_str()))
                .map(Value::from)
                .collect()
        };
        let attached = ["AttachedPolicies", "ManagedPolicyArns", "AttachedManagedPolicies"];
        if let Some(attached) = attached.iter().find_map(|name| config.get(*name)) {
            properties.insert("ManagedPolicyArns".to_owned(), arns(attached));
        }
        let boundary = config.get("PermissionsBoundary");
        if let Some(boundary) =
            boundary.and_then(|one| one.as_str().or_else(|| one.get("PermissionsBoundaryArn")?.as_str()))
        {
            properties.insert("PermissionsBoundary".to_owned(), json!(boundary));
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
    }
}

/// Inline policies, by name or in a list.
fn inline(config: &Map<String, Value>) -> Vec<(String, Value)> {
    let held = ["Policies", "InlinePolicies", "RolePolicies"]
        .iter()
        .find_map(|name| config.get(*name));
    match held {
        Some(Value::Object(map)) => map
            .iter()
            .map(|(name, document)| (name.clone(), document.clone()))
            .collect(),
        Some(Value::Array(list)) => {
            let named = list.iter().filter_map(|one| {
                Some((
                    one.get("PolicyName")?.as_str()?.to_owned(),
                    one.get("PolicyDocument")?.clone(),
                ))
            });
            named.collect()
        }
        _ => Vec::new(),
    }
}
