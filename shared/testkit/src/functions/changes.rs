//! Changing what is there.

use holdfast_catalog::Sha256;
use holdfast_sources::lambda::port::{Code, PublishVersions, WireFunction};
use holdfast_sources::lambda::{Alias, EventSource, Package, Permission, Settings};
use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::{Function, MemoryFunctions, State, qualified};

impl PublishVersions for MemoryFunctions {
    async fn update_settings(
        &self,
        function: &str,
        revision: Option<&str>,
        _from: &Settings,
        to: &Settings,
    ) -> Result<(), PortError> {
        let mut state = self.lock();
        self.check(&state, to)?;
        let settings = &mut state.changeable(function, revision)?.latest.release.settings;
        // These two have no place in UpdateFunctionConfiguration.
        *settings = Settings {
            architectures: settings.architectures.clone(),
            tenant_isolation: settings.tenant_isolation.clone(),
            ..to.clone()
        };
        state.changed(function)
    }

    async fn update_code(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Code,
        architectures: &[String],
    ) -> Result<(), PortError> {
        let settings = self
            .lock()
            .changeable(function, revision)?
            .latest
            .release
            .settings
            .clone();
        let settings = Settings {
            architectures: architectures.to_vec(),
            ..settings
        };
        let stored = self.stored(code, &settings).await?;
        let mut state = self.lock();
        state.changeable(function, revision)?.latest = stored;
        state.changed(function)
    }

    async fn publish_version(
        &self,
        function: &str,
        revision: Option<&str>,
        code: Option<&Sha256>,
    ) -> Result<u64, PortError> {
        let mut state = self.lock();
        let next = state.next_versions.get(function).copied().unwrap_or(1);
        let found = state.changeable(function, revision)?;
        if let (Some(expected), Package::Zip { sha256, .. }) = (code, &found.latest.release.package)
            && expected != sha256
        {
            return Err(PortError::Invalid(format!("code of function {function} is {sha256}")));
        }
        match found.versions.last_key_value() {
            Some((number, _)) if !found.is_changed => return Ok(*number),
            _ => found.versions.insert(next, found.latest.clone()),
        };
        found.is_changed = false;
        state.next_versions.insert(function.to_owned(), next + 1);
        Ok(next)
    }

    async fn published_versions(&self, function: &str) -> Result<Vec<u64>, PortError> {
        Ok(self.lock().function(function)?.versions.keys().copied().collect())
    }
}

impl Function {
    fn set_alias(&mut self, name: &str, alias: &Alias) -> Result<(), PortError> {
        self.stored(Some(&alias.version))?;
        for number in alias.weights.keys().map(u64::to_string) {
            self.stored(Some(&number))?;
            if number == alias.version {
                return Err(PortError::Invalid(format!(
                    "alias {name} divides version {number} with itself"
                )));
            }
        }
        self.aliases.insert(name.to_owned(), alias.clone());
        Ok(())
    }
}

impl WireFunction for MemoryFunctions {
    async fn create_alias(&self, function: &str, name: &str, alias: &Alias) -> Result<(), PortError> {
        let mut state = self.lock();
        let found = state.function(function)?;
        if found.aliases.contains_key(name) {
            return Err(PortError::AlreadyExists(format!("alias {name}")));
        }
        found.set_alias(name, alias)
    }

    async fn add_permission(&self, function: &str, permission: &Permission) -> Result<(), PortError> {
        let arn = self.arn(function);
        let mut state = self.lock();
        let found = state.function(function)?;
        found.stored(permission.qualifier.as_deref())?;
        let same = |(qualifier, body): &(Option<String>, Map<String, Value>)| {
            *qualifier == permission.qualifier && body.get("Sid") == Some(&json!(permission.sid))
        };
        if found.statements.iter().any(same) {
            return Err(PortError::AlreadyExists(format!("statement {}", permission.sid)));
        }
        let body = permission.statement(&qualified(&arn, permission.qualifier.as_deref()));
        found.statements.push((permission.qualifier.clone(), body));
        Ok(())
    }

    async fn put_concurrency(&self, function: &str, reserved: i32) -> Result<(), PortError> {
        // Lambda keeps 100 of an account's 1,000 for functions without a reservation.
        if reserved > 900 {
            return Err(PortError::Invalid(
                "too little unreserved concurrency would be left".to_owned(),
            ));
        }
        self.lock().function(function)?.reserved = Some(reserved);
        Ok(())
    }

    async fn create_event_source(&self, function: &str, source: &EventSource) -> Result<String, PortError> {
        if let Some(arn) = &source.source_arn {
            self.check_place(arn)?;
        }
        let mut state = self.lock();
        let id = state.new_id();
        state.changeable(function, None)?.stored(source.qualifier.as_deref())?;
        let mappings = state.mappings.entry(function.to_owned()).or_default();
        if mappings.iter().any(|(_, other)| other.same_connection(source)) {
            return Err(PortError::AlreadyExists(format!("mapping of {}", source.label())));
        }
        mappings.push((id.clone(), source.clone()));
        Ok(id)
    }
}

/// How a service is told that a setting is no longer wanted.
pub(super) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(says_nothing),
        Value::Number(_) | Value::Bool(_) => false,
    }
}

fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input[name].as_str().unwrap_or_default()
}

/// Changes by calls that take and give the service's own JSON.
impl MemoryFunctions {
    pub(super) fn update_alias(&self, input: &Value) -> Result<Value, PortError> {
        let mut state = self.lock();
        let (found, name) = (
            state.changeable(text(input, "FunctionName"), None)?,
            text(input, "Name"),
        );
        if !found.aliases.contains_key(name) {
            return Err(PortError::NotFound(format!("alias {name}")));
        }
        let weights = input["RoutingConfig"]["AdditionalVersionWeights"].as_object();
        let weights = weights.into_iter().flatten();
        let alias = Alias {
            version: text(input, "FunctionVersion").to_owned(),
            description: text(input, "Description").to_owned(),
            weights: weights
                .filter_map(|(number, share)| Some((number.parse().ok()?, share.as_f64()?)))
                .collect(),
        };
        found.set_alias(name, &alias)?;
        Ok(json!({}))
    }

    pub(super) fn resource_policy(&self, input: &Value) -> Result<Value, PortError> {
        let mut state = self.lock();
        let (name, qualifier) = parts(text(input, "ResourceArn"));
        let found = state.function(name)?;
        let statements = found
            .statements
            .iter()
            .filter(|(about, _)| about.as_deref() == qualifier);
        let statements: Vec<&Map<String, Value>> = statements.map(|(_, body)| body).collect();
        let document = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string();
        let revision = Sha256::of(document.as_bytes()).to_string();
        Ok(json!({ "Policy": document, "RevisionId": revision }))
    }

    pub(super) fn put_resource_policy(&self, input: &Value) -> Result<Value, PortError> {
        if self.resource_policy(input)?["RevisionId"] != input["RevisionId"] {
            return Err(PortError::Conflict("the policy is at another revision".to_owned()));
        }
        let document: Value =
            serde_json::from_str(text(input, "Policy")).map_err(|error| PortError::Invalid(error.to_string()))?;
        let mut state = self.lock();
        let (name, qualifier) = parts(text(input, "ResourceArn"));
        let found = state.changeable(name, None)?;
        found.statements.retain(|(about, _)| about.as_deref() != qualifier);
        let statements = document["Statement"].as_array().into_iter().flatten();
        let statements =
            statements.filter_map(|statement| Some((qualifier.map(str::to_owned), statement.as_object()?.clone())));
        found.statements.extend(statements);
        Ok(json!({}))
    }

    pub(super) fn update_mapping(&self, input: &Value) -> Result<Value, PortError> {
        let mut state = self.lock();
        let (name, qualifier) = match text(input, "FunctionName").split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (text(input, "FunctionName"), None),
        };
        state.changeable(name, None)?.stored(qualifier)?;
        let source = mapping(&mut state, text(input, "UUID"))?;
        source.qualifier = qualifier.map(str::to_owned);
        for (name, value) in input.as_object().into_iter().flatten() {
            match name.as_str() {
                "UUID" | "FunctionName" => {}
                "EventSourceArn" | "StartingPosition" | "Queues" | "Topics" => {
                    return Err(PortError::Invalid(format!("{name} cannot be changed")));
                }
                "MaximumBatchingWindowInSeconds" | "TumblingWindowInSeconds" if *value == json!(0) => {
                    _ = source.settings.remove(name);
                }
                _ if says_nothing(value) => _ = source.settings.remove(name),
                _ => _ = source.settings.insert(name.clone(), value.clone()),
            }
        }
        Ok(json!({}))
    }

    pub(super) fn tag_mapping(&self, input: &Value) -> Result<Value, PortError> {
        let mut state = self.lock();
        let (_, id) = text(input, "Resource").rsplit_once(':').unwrap_or_default();
        let tags = input["Tags"].as_object().into_iter().flatten();
        let tags = tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        mapping(&mut state, id)?.tags.extend(tags);
        Ok(json!({}))
    }
}

/// The function's name and its qualifier in an ARN.
fn parts(arn: &str) -> (&str, Option<&str>) {
    let mut parts = arn.split(':').skip(6);
    (parts.next().unwrap_or_default(), parts.next())
}

fn mapping<'a>(state: &'a mut State, id: &str) -> Result<&'a mut EventSource, PortError> {
    let mut all = state.mappings.values_mut().flatten();
    let found = all.find(|(other, _)| other == id).map(|(_, source)| source);
    found.ok_or_else(|| PortError::NotFound(format!("mapping {id}")))
}
