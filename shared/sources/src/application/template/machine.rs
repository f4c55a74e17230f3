use serde_json::{Map, Value, json};

use super::{Subject, Writing, add_tags};

impl Writing<'_> {
    pub(super) fn state_machine(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let of = |name: &str| config.get(name).cloned();
        let mut properties = Map::new();
        properties.insert(
            "StateMachineName".to_owned(),
            json!({ "Ref": format!("{}Name", subject.logical) }),
        );
        // Written as text: a definition may hold members that CloudFormation would read as its own.
        let definition = of("definition").map(|definition| match definition {
            Value::String(text) => text,
            other => other.to_string(),
        });
        for (name, value) in [
            ("DefinitionString", definition.map(Value::from)),
            ("RoleArn", of("roleArn")),
            ("StateMachineType", of("type")),
        ] {
            properties.extend(value.map(|value| (name.to_owned(), value)));
        }
        if of("tracingConfiguration").is_some_and(|tracing| tracing.get("enabled") == Some(&json!(true))) {
            properties.insert("TracingConfiguration".to_owned(), json!({ "Enabled": true }));
        }
        if let Some(logging) = of("loggingConfiguration").as_ref().and_then(logging) {
            properties.insert("LoggingConfiguration".to_owned(), logging);
        }
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::StepFunctions::StateMachine", properties);
    }
}

fn logging(logging: &Value) -> Option<Value> {
    let level = logging.get("level")?.as_str().filter(|level| *level != "OFF")?;
    let destinations = logging
        .get("destinations")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let group = |one: &Value| one.get("cloudWatchLogsLogGroup")?.get("logGroupArn").cloned();
    let groups = destinations.iter().filter_map(group);
    let groups: Vec<Value> = groups
        .map(|arn| json!({ "CloudWatchLogsLogGroup": { "LogGroupArn": arn } }))
        .collect();
    Some(json!({
        "Level": level,
        "IncludeExecutionData": logging.get("includeExecutionData").cloned().unwrap_or(json!(false)),
        "Destinations": groups,
    }))
}
