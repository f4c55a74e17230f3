//! Changing what is there.

use holdfast_catalog::Sha256;
use holdfast_sources::lambda::port::{Code, PublishVersions, WireFunction};
use holdfast_sources::lambda::{Alias, EventSource, Package, Permission, Settings};
use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::{MemoryFunctions, qualified};
use crate::function_policy::statement_body;

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

impl WireFunction for MemoryFunctions {
    async fn create_alias(&self, function: &str, name: &str, alias: &Alias) -> Result<(), PortError> {
        let mut state = self.lock();
        let found = state.function(function)?;
        if found.aliases.contains_key(name) {
            return Err(PortError::AlreadyExists(format!("alias {name}")));
        }
        found.stored(Some(&alias.version))?;
        for number in alias.weights.keys().map(u64::to_string) {
            found.stored(Some(&number))?;
            if number == alias.version {
                return Err(PortError::Invalid(format!(
                    "alias {name} divides version {number} with itself"
                )));
            }
        }
        found.aliases.insert(name.to_owned(), alias.clone());
        Ok(())
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
        let body = statement_body(permission, &qualified(&arn, permission.qualifier.as_deref()));
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
