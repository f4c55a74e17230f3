use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::{Answer, Desk, page, tag_map, text, told, unknown};

impl Desk<'_> {
    pub(super) fn lambda(&mut self, name: &str, input: &Value) -> Answer {
        match name {
            "ListEventSourceMappings" => {
                let is_asked_for = |mapping: &Value| {
                    let same = |asked: &str, has: &str| input[asked].is_null() || mapping[has] == input[asked];
                    same("EventSourceArn", "EventSourceArn") && same("FunctionName", "FunctionArn")
                };
                let all = self.all("mapping").into_iter().map(|(_, mapping)| mapping);
                let all = all
                    .filter(is_asked_for)
                    .map(|mapping| told(&mapping, &["Tags", "Arn"]))
                    .collect();
                Ok(page(all, input, "EventSourceMappings", "NextMarker", "Marker"))
            }
            "GetEventSourceMapping" => Ok(told(&self.get("mapping", text(input, "UUID")?)?, &["Tags", "Arn"])),
            "CreateEventSourceMapping" => self.create_mapping(input),
            "UpdateEventSourceMapping" => {
                let uuid = text(input, "UUID")?.to_owned();
                let mut input = input.as_object().cloned().unwrap_or_default();
                input.remove("UUID");
                input.remove("FunctionName");
                if let Some(name) = ["EventSourceArn", "StartingPosition", "Queues", "Topics"]
                    .iter()
                    .find(|name| input.contains_key(**name))
                {
                    return Err(PortError::Invalid(format!("{name} cannot be changed")));
                }
                let mapping = self.change("mapping", &uuid)?;
                write(mapping, input);
                Ok(told(mapping, &["Tags", "Arn"]))
            }
            "ListTags" => Ok(json!({ "Tags": self.tags_of(text(input, "Resource")?)? })),
            "TagResource" => self.tag(text(input, "Resource")?, &input["Tags"]),
            name => unknown(name),
        }
    }

    fn create_mapping(&mut self, input: &Value) -> Answer {
        let function = text(input, "FunctionName")?;
        let source = input["EventSourceArn"].clone();
        let all = self.all("mapping");
        if all
            .iter()
            .any(|(_, one)| one["FunctionArn"] == function && one["EventSourceArn"] == source && !source.is_null())
        {
            return Err(PortError::AlreadyExists(
                "the source and the function are connected already".to_owned(),
            ));
        }
        let uuid = format!("{:08}-0000-4000-8000-000000000000", self.number());
        let arn = self.arn("lambda", &format!("event-source-mapping:{uuid}"));
        let mut mapping = json!({
            "UUID": uuid, "Arn": arn, "EventSourceMappingArn": arn, "FunctionArn": function, "BatchSize": 10, "State": "Enabled",
            "MaximumBatchingWindowInSeconds": 0, "LastModified": self.number(), "StateTransitionReason": "User action",
            "FunctionResponseTypes": [], "Tags": tag_map(&input["Tags"]),
        });
        let mut input = input.as_object().cloned().unwrap_or_default();
        input.remove("FunctionName");
        input.remove("Tags");
        write(&mut mapping, input);
        self.put("mapping", &uuid, mapping.clone());
        Ok(told(&mapping, &["Tags", "Arn"]))
    }
}

fn write(mapping: &mut Value, input: Map<String, Value>) {
    for (name, value) in input {
        match (name.as_str(), value.as_bool()) {
            ("Enabled", Some(enabled)) => mapping["State"] = Value::from(if enabled { "Enabled" } else { "Disabled" }),
            _ => mapping[name] = value,
        }
    }
}
