use serde_json::{Map, Value, json};

use super::{Subject, Writing, add_tags, picked};

const RULE: [(&str, &str); 4] = [
    ("Description", "Description"),
    ("EventPattern", "EventPattern"),
    ("RoleArn", "RoleArn"),
    ("ScheduleExpression", "ScheduleExpression"),
];

const SCHEDULE: [(&str, &str); 8] = [
    ("Description", "Description"),
    ("EndDate", "EndDate"),
    ("FlexibleTimeWindow", "FlexibleTimeWindow"),
    ("KmsKeyArn", "KmsKeyArn"),
    ("ScheduleExpression", "ScheduleExpression"),
    ("ScheduleExpressionTimezone", "ScheduleExpressionTimezone"),
    ("StartDate", "StartDate"),
    ("Target", "Target"),
];

const BUS: [(&str, &str); 5] = [
    ("DeadLetterConfig", "DeadLetterConfig"),
    ("Description", "Description"),
    ("EventSourceName", "EventSourceName"),
    ("KmsKeyIdentifier", "KmsKeyIdentifier"),
    ("LogConfig", "LogConfig"),
];

const ARCHIVE: [(&str, &str); 5] = [
    ("Description", "Description"),
    ("EventPattern", "EventPattern"),
    ("EventSourceArn", "SourceArn"),
    ("KmsKeyIdentifier", "KmsKeyIdentifier"),
    ("RetentionDays", "RetentionDays"),
];

const DESTINATION: [(&str, &str); 4] = [
    ("Description", "Description"),
    ("HttpMethod", "HttpMethod"),
    ("InvocationEndpoint", "InvocationEndpoint"),
    ("InvocationRateLimitPerSecond", "InvocationRateLimitPerSecond"),
];

impl Writing<'_> {
    pub(super) fn bus(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        self.left_out(subject.id, &config, &BUS, &["Policy"]);
        let mut properties = picked(&config, &BUS);
        properties.extend(picked(&config, &[("Policy", "Policy")]));
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        add_tags(&mut properties, &subject.tags());
        // A bus takes statements one by one.
        let policy = properties.remove("Policy");
        self.add(subject.logical, "AWS::Events::EventBus", properties);
        let statements = policy.as_ref().and_then(|policy| policy.get("Statement")).cloned();
        let statements = match statements {
            Some(Value::Array(list)) => list,
            Some(single) => vec![single],
            None => Vec::new(),
        };
        for (number, statement) in (1..).zip(statements) {
            let id = statement
                .get("Sid")
                .and_then(Value::as_str)
                .map_or_else(|| format!("Statement{number}"), str::to_owned);
            let mut properties = Map::new();
            properties.insert("EventBusName".to_owned(), json!({ "Ref": subject.logical }));
            properties.insert("StatementId".to_owned(), json!(id));
            properties.insert("Statement".to_owned(), statement);
            self.add(
                &format!("{}Policy{number}", subject.logical),
                "AWS::Events::EventBusPolicy",
                properties,
            );
        }
    }

    pub(super) fn rule(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        self.left_out(subject.id, &config, &RULE, &["State", "Targets"]);
        let mut properties = picked(&config, &RULE);
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        if let Some(bus) = subject.id.parent().filter(|bus| *bus != "default") {
            properties.insert("EventBusName".to_owned(), self.parent(subject, bus));
        }
        let state = config
            .get("State")
            .and_then(Value::as_str)
            .unwrap_or("ENABLED")
            .to_owned();
        let state = self.switched(state.starts_with("ENABLED"), json!(state), json!("DISABLED"));
        properties.insert("State".to_owned(), state);
        if let Some(targets) = config
            .get("Targets")
            .filter(|targets| targets.as_array().is_some_and(|list| !list.is_empty()))
        {
            properties.insert("Targets".to_owned(), targets.clone());
        }
        if !subject.tags().is_empty() {
            self.notes.push(format!(
                "{}: its tags are not in the template: set them by hand",
                subject.id
            ));
        }
        self.add(subject.logical, "AWS::Events::Rule", properties);
    }

    pub(super) fn schedule(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        self.left_out(subject.id, &config, &SCHEDULE, &["State", "ActionAfterCompletion"]);
        let mut properties = picked(&config, &SCHEDULE);
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        if let Some(group) = subject.id.parent().filter(|group| *group != "default") {
            properties.insert("GroupName".to_owned(), self.parent(subject, group));
        }
        let was_on = config.get("State").and_then(Value::as_str) != Some("DISABLED");
        let state = self.switched(was_on, json!("ENABLED"), json!("DISABLED"));
        properties.insert("State".to_owned(), state);
        self.add(subject.logical, "AWS::Scheduler::Schedule", properties);
    }

    /// The bus or group that a resource lies in: the application's, or the one that is there.
    fn parent(&self, subject: &Subject<'_>, name: &str) -> Value {
        let parent = crate::application::naming::parent(subject.id);
        match parent.and_then(|parent| self.symbols.logical(&parent)) {
            Some(logical) => json!({ "Ref": logical }),
            None => json!(name),
        }
    }

    pub(super) fn schedule_group(&mut self, subject: &Subject<'_>) {
        let mut properties = Map::new();
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        add_tags(&mut properties, &subject.tags());
        self.add(subject.logical, "AWS::Scheduler::ScheduleGroup", properties);
    }

    pub(super) fn archive(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        self.left_out(subject.id, &config, &ARCHIVE, &[]);
        let mut properties = picked(&config, &ARCHIVE);
        properties.insert(
            "ArchiveName".to_owned(),
            json!({ "Ref": format!("{}Name", subject.logical) }),
        );
        self.add(subject.logical, "AWS::Events::Archive", properties);
        self.notes
            .push(format!("{}: the events in the archive are not restored", subject.id));
    }

    /// The service does not give a connection's secrets away: they are parameters.
    pub(super) fn connection(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        let mut properties = picked(
            &config,
            &[
                ("AuthorizationType", "AuthorizationType"),
                ("Description", "Description"),
            ],
        );
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        let parameters = config.get("AuthParameters").cloned().unwrap_or_default();
        let parameters = self.with_secrets(subject, &parameters);
        if parameters.as_object().is_some_and(|map| !map.is_empty()) {
            properties.insert("AuthParameters".to_owned(), parameters);
        }
        self.add(subject.logical, "AWS::Events::Connection", properties);
        self.notes.push(format!(
            "{}: its secrets are not known: give them as parameters",
            subject.id
        ));
    }

    fn with_secrets(&mut self, subject: &Subject<'_>, parameters: &Value) -> Value {
        let mut parameters = parameters.clone();
        for (member, field) in [
            ("BasicAuthParameters", "Password"),
            ("ApiKeyAuthParameters", "ApiKeyValue"),
            ("OAuthParameters", "ClientSecret"),
        ] {
            let Some(held) = parameters.get_mut(member).and_then(Value::as_object_mut) else {
                continue;
            };
            let name = format!("{}{field}", subject.logical);
            let secret = self.secret(&name, &format!("{field} of {}", subject.id));
            match (member, held.get_mut("ClientParameters").and_then(Value::as_object_mut)) {
                ("OAuthParameters", Some(client)) => client.insert(field.to_owned(), secret),
                _ => held.insert(field.to_owned(), secret),
            };
        }
        parameters
    }

    pub(super) fn destination(&mut self, subject: &Subject<'_>) {
        let config = subject.config();
        self.left_out(subject.id, &config, &DESTINATION, &["Connection"]);
        let mut properties = picked(&config, &DESTINATION);
        let connection = self.symbols.intrinsic(config.get("Connection").unwrap_or(&Value::Null));
        let own = connection
            .get("Ref")
            .and_then(Value::as_str)
            .and_then(|name| name.strip_suffix("Name"));
        let arn = match own {
            Some(logical) => json!({ "Fn::GetAtt": [logical, "Arn"] }),
            None => {
                let name = format!("{}ConnectionArn", subject.logical);
                self.parameter(&name, json!({}), "A connection that is no part of this application");
                json!({ "Ref": name })
            }
        };
        properties.insert("ConnectionArn".to_owned(), arn);
        properties.insert("Name".to_owned(), json!({ "Ref": format!("{}Name", subject.logical) }));
        self.add(subject.logical, "AWS::Events::ApiDestination", properties);
    }
}
