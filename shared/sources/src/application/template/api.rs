use holdfast_catalog::Kind;
use serde_json::{Map, Value, json};

use super::{Subject, Writing, add_tags, picked};

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

    /// An API from its export: the body has its paths, integrations and authorizers.
    pub(super) fn api(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let Some(body) = ["body", "Body", "Export", "export"]
            .iter()
            .find_map(|name| config.get(*name))
        else {
            self.notes.push(format!(
                "{}: it was never deployed, so there is no export to make it from",
                subject.id
            ));
            return;
        };
        let mut properties = Map::from_iter([("Body".to_owned(), opened(body))]);
        let is_rest = subject.id.kind == Kind::RestApi;
        if is_rest {
            properties.extend(picked(&config, &[("name", "Name"), ("description", "Description")]));
            add_tags(&mut properties, &subject.tags());
        } else if !subject.tags().is_empty() {
            properties.insert("Tags".to_owned(), json!(subject.tags()));
        }
        let resource_type = if is_rest {
            "AWS::ApiGateway::RestApi"
        } else {
            "AWS::ApiGatewayV2::Api"
        };
        self.add(subject.logical, resource_type, properties);
        let stages = ["stages", "Stages"]
            .iter()
            .find_map(|name| config.get(*name)?.as_array().cloned())
            .unwrap_or_default();
        let named = stages.iter().filter_map(|stage| {
            ["stageName", "StageName"]
                .iter()
                .find_map(|name| stage.get(*name)?.as_str())
                .map(|name| (name, stage))
        });
        for (number, (name, stage)) in (1..).zip(named) {
            self.stage(subject, name, stage, number);
        }
    }

    fn stage(&mut self, subject: &Subject<'_>, name: &str, stage: &Value, number: usize) {
        let id = json!({ "Ref": subject.logical });
        let logical = format!("{}Stage{number}", subject.logical);
        let members = stage.as_object().cloned().unwrap_or_default();
        if subject.id.kind == Kind::HttpApi {
            let mut properties = picked(
                &members,
                &[
                    ("StageVariables", "StageVariables"),
                    ("stageVariables", "StageVariables"),
                ],
            );
            properties.insert("ApiId".to_owned(), id);
            properties.insert("StageName".to_owned(), json!(name));
            properties.insert("AutoDeploy".to_owned(), json!(true));
            return self.add(&logical, "AWS::ApiGatewayV2::Stage", properties);
        }
        let deployment = format!("{}Deployment{number}", subject.logical);
        self.add(
            &deployment,
            "AWS::ApiGateway::Deployment",
            Map::from_iter([("RestApiId".to_owned(), id.clone())]),
        );
        let mut properties = picked(
            &members,
            &[
                ("variables", "Variables"),
                ("tracingEnabled", "TracingEnabled"),
                ("description", "Description"),
            ],
        );
        properties.insert("RestApiId".to_owned(), id);
        properties.insert("StageName".to_owned(), json!(name));
        properties.insert("DeploymentId".to_owned(), json!({ "Ref": deployment }));
        self.add(&logical, "AWS::ApiGateway::Stage", properties);
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

/// An export, which may be held as text.
fn opened(body: &Value) -> Value {
    match body {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| body.clone()),
        other => other.clone(),
    }
}
