use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::{Answer, Desk, kept, page, tag_map, text, told, unknown};

const SETTINGS: [&str; 5] = [
    "definition",
    "encryptionConfiguration",
    "loggingConfiguration",
    "roleArn",
    "tracingConfiguration",
];

impl Desk<'_> {
    #[expect(clippy::too_many_lines, reason = "one table of operations, which reads best as one")]
    pub(super) fn states(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListStateMachines" => {
                let all = self
                    .all("machine")
                    .into_iter()
                    .map(|(name, one)| json!({ "name": name, "stateMachineArn": one["Arn"] }));
                Ok(page(all.collect(), input, "stateMachines", "nextToken", "nextToken"))
            }
            "DescribeStateMachine" => self.describe_machine(text(input, "stateMachineArn")?),
            "ListTagsForResource" => {
                let tags = tag_map(&self.tags_of(text(input, "resourceArn")?)?);
                let tags: Value = tags
                    .iter()
                    .map(|(key, value)| json!({ "key": key, "value": value }))
                    .collect();
                Ok(json!({ "tags": tags }))
            }
            "ListStateMachineVersions" => {
                let machine = self.get("machine", machine(input, "stateMachineArn")?)?;
                let numbers = machine["versions"].as_object().into_iter().flatten();
                let mut numbers: Vec<u64> = numbers.filter_map(|(number, _)| number.parse().ok()).collect();
                // Newest first.
                numbers.sort_unstable_by(|a, b| b.cmp(a));
                let arn = machine["Arn"].as_str().unwrap_or_default();
                let all = numbers
                    .iter()
                    .map(|number| json!({ "stateMachineVersionArn": format!("{arn}:{number}") }));
                Ok(page(
                    all.collect(),
                    input,
                    "stateMachineVersions",
                    "nextToken",
                    "nextToken",
                ))
            }
            "ListStateMachineAliases" => {
                let machine = self.get("machine", machine(input, "stateMachineArn")?)?;
                let (aliases, arn) = (
                    machine["aliases"].as_object().into_iter().flatten(),
                    machine["Arn"].as_str().unwrap_or_default(),
                );
                let all = aliases.map(|(name, _)| json!({ "stateMachineAliasArn": format!("{arn}:{name}") }));
                Ok(page(
                    all.collect(),
                    input,
                    "stateMachineAliases",
                    "nextToken",
                    "nextToken",
                ))
            }
            "DescribeStateMachineAlias" => {
                let arn = text(input, "stateMachineAliasArn")?;
                let mut parts = arn.rsplit(':');
                let (alias, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                let alias = self.get("machine", name)?["aliases"][alias].clone();
                if alias.is_null() {
                    Err(PortError::NotFound(arn.to_owned()))
                } else {
                    Ok(alias)
                }
            }
            "CreateStateMachine" => self.create_machine(input),
            "UpdateStateMachine" => {
                definition(input)?;
                let revision = self.number().to_string();
                let machine = self.change("machine", machine(input, "stateMachineArn")?)?;
                let was = (machine["definition"].clone(), machine["roleArn"].clone());
                for (name, value) in kept(input, &SETTINGS) {
                    machine[name] = value;
                }
                if was != (machine["definition"].clone(), machine["roleArn"].clone()) {
                    machine["revisionId"] = Value::from(revision);
                }
                Ok(json!({ "revisionId": machine["revisionId"] }))
            }
            "PublishStateMachineVersion" => self.publish(input),
            "CreateStateMachineAlias" => {
                let name = text(input, "name")?.to_owned();
                let route = text(&input["routingConfiguration"][0], "stateMachineVersionArn")?.to_owned();
                let (arn, _) = route.rsplit_once(':').unwrap_or_default();
                let machine = self.change("machine", arn.rsplit(':').next().unwrap_or_default())?;
                for route in input["routingConfiguration"].as_array().into_iter().flatten() {
                    let number = text(route, "stateMachineVersionArn")?
                        .rsplit(':')
                        .next()
                        .unwrap_or_default();
                    if machine["versions"][number].is_null() {
                        return Err(PortError::Invalid(format!("no version {number}")));
                    }
                }
                if !machine["aliases"][&name].is_null() {
                    return Err(PortError::AlreadyExists(format!("alias {name}")));
                }
                machine["aliases"][&name] = input.clone();
                Ok(json!({ "stateMachineAliasArn": format!("{arn}:{name}") }))
            }
            "TagResource" => {
                let tags = input["tags"].as_array().into_iter().flatten();
                let tags = tags
                    .filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), tag["value"].clone())))
                    .collect();
                self.tag(text(input, "resourceArn")?, &tags)
            }
            name => unknown(name),
        }
    }

    fn describe_machine(&mut self, arn: &str) -> Answer {
        let last = arn.rsplit(':').next().unwrap_or_default();
        if let (Ok(_), Some((of, _))) = (last.parse::<u64>(), arn.rsplit_once(':')) {
            let version = self.get("machine", of.rsplit(':').next().unwrap_or_default())?["versions"][last].clone();
            return if version.is_null() {
                Err(PortError::NotFound(arn.to_owned()))
            } else {
                Ok(version)
            };
        }
        let mut machine = told(&self.get("machine", last)?, &["Arn", "Tags", "versions", "aliases"]);
        machine["stateMachineArn"] = Value::from(arn);
        Ok(machine)
    }

    fn create_machine(&mut self, input: &Value) -> Answer {
        let name = text(input, "name")?;
        definition(input)?;
        let arn = self.arn("states", &format!("stateMachine:{name}"));
        if self.has("machine", name) {
            let there = self.get("machine", name)?;
            let is_same = there["definition"] == input["definition"] && there["roleArn"] == input["roleArn"];
            return if is_same {
                Ok(json!({ "stateMachineArn": arn }))
            } else {
                Err(PortError::AlreadyExists(arn))
            };
        }
        let tags = input["tags"].as_array().into_iter().flatten();
        let tags: Value = tags
            .filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), tag["value"].clone())))
            .collect();
        let mut machine = json!({
            "loggingConfiguration": { "level": "OFF", "includeExecutionData": false }, "tracingConfiguration": { "enabled": false },
        });
        for (name, value) in kept(input, &SETTINGS) {
            machine[name] = value;
        }
        machine["type"] = input.get("type").cloned().unwrap_or_else(|| json!("STANDARD"));
        machine["name"] = Value::from(name);
        machine["status"] = json!("ACTIVE");
        machine["creationDate"] = Value::from(self.number());
        machine["revisionId"] = Value::from(self.number().to_string());
        machine["Arn"] = Value::from(arn.as_str());
        machine["Tags"] = tags;
        machine["versions"] = json!({});
        machine["aliases"] = json!({});
        self.put("machine", name, machine);
        Ok(json!({ "stateMachineArn": arn }))
    }

    /// Publishing a revision twice gives the same version.
    fn publish(&mut self, input: &Value) -> Answer {
        let name = machine(input, "stateMachineArn")?.to_owned();
        let made = self.number();
        let machine = self.change("machine", &name)?;
        if input
            .get("revisionId")
            .is_some_and(|revision| *revision != machine["revisionId"])
        {
            return Err(PortError::Conflict("another revision".to_owned()));
        }
        let arn = machine["Arn"].as_str().unwrap_or_default().to_owned();
        let versions = machine["versions"].as_object().cloned().unwrap_or_default();
        let known = versions
            .iter()
            .find(|(_, version)| version["revisionId"] == machine["revisionId"]);
        let number = match known {
            Some((number, _)) => number.clone(),
            None => {
                // Numbers ascend, and none is used twice.
                let number = made.to_string();
                let mut version = told(machine, &["Arn", "Tags", "versions", "aliases"]);
                version["description"] = input.get("description").cloned().unwrap_or_default();
                machine["versions"][&number] = version;
                number
            }
        };
        Ok(json!({ "stateMachineVersionArn": format!("{arn}:{number}") }))
    }
}

fn machine<'a>(input: &'a Value, member: &str) -> Result<&'a str, PortError> {
    Ok(text(input, member)?.rsplit(':').next().unwrap_or_default())
}

fn definition(input: &Value) -> Result<(), PortError> {
    let text = text(input, "definition")?;
    let parsed: Result<Value, _> = serde_json::from_str(text);
    parsed
        .map(drop)
        .map_err(|error| PortError::Invalid(format!("definition: {error}")))
}
