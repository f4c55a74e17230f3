use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, kept, page, tag_list, tag_map, text, told, unknown};

/// What of a rule is a setting: what a call leaves out becomes nothing.
const RULE: [&str; 4] = ["Description", "EventPattern", "RoleArn", "ScheduleExpression"];
const BUS: [&str; 4] = ["DeadLetterConfig", "Description", "KmsKeyIdentifier", "LogConfig"];
const ARCHIVE: [&str; 6] = [
    "ArchiveName",
    "Description",
    "EventPattern",
    "EventSourceArn",
    "KmsKeyIdentifier",
    "RetentionDays",
];
/// Targets that a call may bring.
const TARGETS_A_CALL: usize = 10;

impl Desk<'_> {
    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    pub(super) fn events(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListEventBuses" => {
                self.default_bus();
                let buses = self
                    .all("bus")
                    .into_iter()
                    .map(|(_, bus)| told(&bus, &["Tags"]))
                    .collect();
                Ok(page(buses, input, "EventBuses", "NextToken", "NextToken"))
            }
            "DescribeEventBus" => {
                self.default_bus();
                Ok(told(
                    &self.get("bus", input["Name"].as_str().unwrap_or("default"))?,
                    &["Tags"],
                ))
            }
            "CreateEventBus" => self.create_bus(input),
            "PutPermission" => {
                self.default_bus();
                let bus = input["EventBusName"].as_str().unwrap_or("default");
                let policy = text(input, "Policy")?.to_owned();
                self.change("bus", bus)?["Policy"] = Value::from(policy);
                Ok(json!({}))
            }
            "ListRules" => {
                let bus = input["EventBusName"].as_str().unwrap_or("default");
                let rules = self
                    .all("rule")
                    .into_iter()
                    .filter(|(_, rule)| rule["EventBusName"] == bus);
                let rules = rules.map(|(_, rule)| told(&rule, &["Tags", "Targets"])).collect();
                Ok(page(rules, input, "Rules", "NextToken", "NextToken"))
            }
            "DescribeRule" => Ok(told(&self.get("rule", &rule(input, "Name")?)?, &["Tags", "Targets"])),
            "PutRule" => self.put_rule(input),
            "ListTargetsByRule" => {
                let found = self.get("rule", &rule(input, "Rule")?)?;
                let targets = found["Targets"].as_object().into_iter().flatten();
                let targets = targets.map(|(_, target)| target.clone()).collect();
                Ok(page(targets, input, "Targets", "NextToken", "NextToken"))
            }
            "PutTargets" => self.put_targets(input),
            "ListConnections"
            | "DescribeConnection"
            | "CreateConnection"
            | "ListApiDestinations"
            | "DescribeApiDestination"
            | "CreateApiDestination" => self.outside(name, input),
            "ListTagsForResource" => {
                self.default_bus();
                let tags = self.tags_of(text(input, "ResourceARN")?)?;
                Ok(json!({ "Tags": tag_list(&tag_map(&tags)) }))
            }
            "ListArchives" => {
                let archives = self
                    .all("archive")
                    .into_iter()
                    .map(|(_, archive)| told(&archive, &["EventPattern"]))
                    .collect();
                Ok(page(archives, input, "Archives", "NextToken", "NextToken"))
            }
            "DescribeArchive" => self.get("archive", text(input, "ArchiveName")?),
            "CreateArchive" => {
                let name = text(input, "ArchiveName")?.to_owned();
                text(input, "EventSourceArn")?;
                if self.has("archive", &name) {
                    return Err(PortError::AlreadyExists(format!("archive {name}")));
                }
                let mut archive = json!({ "RetentionDays": 0, "State": "ENABLED", "EventCount": self.number() });
                for (member, value) in kept(input, &ARCHIVE) {
                    archive[member] = value;
                }
                archive["ArchiveArn"] = Value::from(self.arn("events", &format!("archive/{name}")));
                self.put("archive", &name, archive);
                Ok(json!({}))
            }
            "UpdateArchive" => {
                if !input["EventSourceArn"].is_null() {
                    return Err(PortError::Invalid("the source cannot be changed".to_owned()));
                }
                let archive = self.change("archive", text(input, "ArchiveName")?)?;
                for (member, value) in kept(input, &ARCHIVE) {
                    archive[member] = value;
                }
                Ok(json!({}))
            }
            "TagResource" => self.tag(text(input, "ResourceARN")?, &input["Tags"]),
            name => unknown(name),
        }
    }

    /// Every region has it from the start.
    fn default_bus(&mut self) {
        if !self.has("bus", "default") {
            let arn = self.arn("events", "event-bus/default");
            self.put("bus", "default", json!({ "Name": "default", "Arn": arn, "Tags": {} }));
        }
    }

    fn create_bus(&mut self, input: &Value) -> Answer {
        let name = text(input, "Name")?;
        self.default_bus();
        if self.has("bus", name) {
            return Err(PortError::AlreadyExists(format!("bus {name}")));
        }
        let arn = self.arn("events", &format!("event-bus/{name}"));
        let mut bus = Value::Object(kept(input, &BUS));
        bus["Name"] = Value::from(name);
        bus["Arn"] = Value::from(arn.as_str());
        bus["CreationTime"] = Value::from(self.number());
        bus["Tags"] = Value::Object(tag_map(&input["Tags"]));
        self.put("bus", name, bus);
        Ok(json!({ "EventBusArn": arn }))
    }

    fn put_rule(&mut self, input: &Value) -> Answer {
        let key = rule(input, "Name")?;
        let (bus, name) = key.split_once('/').unwrap_or_default();
        self.default_bus();
        self.get("bus", bus)?;
        if input["EventPattern"].is_null() && input["ScheduleExpression"].is_null() {
            return Err(PortError::Invalid("a rule has a pattern or a schedule".to_owned()));
        }
        if input["EventPattern"].is_object() {
            return Err(PortError::Invalid("a pattern is text".to_owned()));
        }
        let arn = match bus {
            "default" => self.arn("events", &format!("rule/{name}")),
            bus => self.arn("events", &format!("rule/{bus}/{name}")),
        };
        let mut made = Value::Object(kept(input, &RULE));
        made["Name"] = Value::from(name);
        made["EventBusName"] = Value::from(bus);
        made["Arn"] = Value::from(arn.as_str());
        made["State"] = input.get("State").cloned().unwrap_or_else(|| json!("ENABLED"));
        made["CreatedBy"] = Value::from(self.account);
        match self.get("rule", &key) {
            // Of a rule that is there, tags are ignored.
            Ok(there) => {
                made["Tags"] = there["Tags"].clone();
                made["Targets"] = there["Targets"].clone();
            }
            Err(_) => {
                made["Tags"] = Value::Object(tag_map(&input["Tags"]));
                made["Targets"] = json!({});
            }
        }
        self.put("rule", &key, made);
        Ok(json!({ "RuleArn": arn }))
    }

    fn put_targets(&mut self, input: &Value) -> Answer {
        let key = rule(input, "Rule")?;
        self.get("rule", &key)?;
        let targets = input["Targets"].as_array().cloned().unwrap_or_default();
        if targets.is_empty() || targets.len() > TARGETS_A_CALL {
            return Err(PortError::Invalid(format!("{} targets in one call", targets.len())));
        }
        let mut failed = Vec::new();
        for target in targets {
            let id = text(&target, "Id")?.to_owned();
            match self.things.refused_targets.get_mut(&id).filter(|(_, times)| *times > 0) {
                Some((code, times)) => {
                    *times -= 1;
                    failed.push(json!({ "TargetId": id, "ErrorCode": code, "ErrorMessage": "not taken" }));
                }
                None => self.change("rule", &key)?["Targets"][&id] = target,
            }
        }
        Ok(json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }))
    }
}

/// What of a connection is a secret: taken, never told.
const SECRETS: [&str; 3] = ["ApiKeyValue", "ClientSecret", "Password"];

impl Desk<'_> {
    /// Connections and API destinations.
    fn outside(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListConnections" => {
                let all = self
                    .all("connection")
                    .into_iter()
                    .map(|(_, one)| told(&one, &["AuthParameters"]))
                    .collect();
                Ok(page(all, input, "Connections", "NextToken", "NextToken"))
            }
            "DescribeConnection" => self.get("connection", text(input, "Name")?),
            "CreateConnection" => {
                let name = text(input, "Name")?.to_owned();
                if self.has("connection", &name) {
                    return Err(PortError::AlreadyExists(format!("connection {name}")));
                }
                let parameters = &input["AuthParameters"];
                let lacks = |of: &str, secret: &str| parameters.get(of).is_some_and(|of| of[secret].is_null());
                if lacks("BasicAuthParameters", "Password") || lacks("ApiKeyAuthParameters", "ApiKeyValue") {
                    return Err(PortError::Invalid("a connection needs its secret".to_owned()));
                }
                let mut made = without_secrets(input);
                let number = self.number();
                made["ConnectionArn"] = Value::from(self.arn("events", &format!("connection/{name}/{number:08}")));
                made["SecretArn"] =
                    Value::from(self.arn("secretsmanager", &format!("secret:events!connection/{name}/{number}")));
                made["ConnectionState"] = json!("AUTHORIZED");
                self.put("connection", &name, made);
                Ok(json!({}))
            }
            "ListApiDestinations" => {
                let all = self.all("destination").into_iter().map(|(_, one)| one).collect();
                Ok(page(all, input, "ApiDestinations", "NextToken", "NextToken"))
            }
            "DescribeApiDestination" => self.get("destination", text(input, "Name")?),
            "CreateApiDestination" => {
                let name = text(input, "Name")?.to_owned();
                let connection = text(input, "ConnectionArn")?;
                if !self
                    .all("connection")
                    .iter()
                    .any(|(_, one)| one["ConnectionArn"] == connection)
                {
                    return Err(PortError::NotFound(connection.to_owned()));
                }
                if self.has("destination", &name) {
                    return Err(PortError::AlreadyExists(format!("destination {name}")));
                }
                let mut made = input.clone();
                let number = self.number();
                made["ApiDestinationArn"] =
                    Value::from(self.arn("events", &format!("api-destination/{name}/{number:08}")));
                made["ApiDestinationState"] = json!("ACTIVE");
                self.put("destination", &name, made);
                Ok(json!({}))
            }
            name => unknown(name),
        }
    }
}

fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let is_secret = map.get("IsValueSecret") == Some(&Value::Bool(true));
            let kept = map.iter().filter(|(name, _)| {
                let is_hidden = is_secret && *name == "Value";
                !is_hidden && !SECRETS.contains(&name.as_str())
            });
            kept.map(|(name, value)| (name.clone(), without_secrets(value)))
                .collect()
        }
        Value::Array(list) => list.iter().map(without_secrets).collect(),
        plain => plain.clone(),
    }
}

fn rule(input: &Value, member: &str) -> Result<String, PortError> {
    let bus = input["EventBusName"].as_str().unwrap_or("default");
    Ok(format!("{bus}/{}", text(input, member)?))
}
