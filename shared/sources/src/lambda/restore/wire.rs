//! What stands around a function: aliases, concurrency, permissions and event source mappings.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, ReadObjects};

use super::execute::{MAX_COLLISIONS, MakeWhole, Run};
use super::plan::mapping_command;
use super::{Existing, LATEST, Step, Target, mapping_label, permission_label, permission_options};
use crate::SettingOutcome;
use crate::lambda::port::EventSourceReading;
use crate::lambda::read::read_policy;
use crate::lambda::{Alias, EventSource, Permission};

/// A command that a person can run about a function.
pub(super) fn command(target: &Target, command: &str) -> String {
    let (verb, options) = command.split_once(' ').unwrap_or((command, ""));
    format!(
        "aws lambda {verb} --region {} --function-name {} {options}",
        target.region, target.name
    )
}

/// What a person can do about a step that failed, after why it failed.
pub(super) struct Remedy<'a> {
    pub(super) why: PortError,
    pub(super) command: &'a str,
}

impl From<Remedy<'_>> for PortError {
    fn from(Remedy { why, command }: Remedy<'_>) -> Self {
        let with = |message: String| format!("{message}; when that is set right, restore again or run: {command}");
        match why {
            PortError::NotFound(m) => PortError::NotFound(with(m)),
            PortError::AlreadyExists(m) => PortError::AlreadyExists(with(m)),
            PortError::Denied(m) => PortError::Denied(with(m)),
            PortError::Locked(m) => PortError::Locked(with(m)),
            PortError::Invalid(m) => PortError::Invalid(with(m)),
            PortError::Corrupt(m) => PortError::Corrupt(with(m)),
            retryable @ (PortError::Conflict(_) | PortError::Throttled(_) | PortError::Unavailable(_)) => retryable,
        }
    }
}

impl<F, S, C> Run<'_, F, S, C>
where
    F: MakeWhole,
    S: ReadObjects,
    C: Clock,
{
    pub(super) async fn wire(&mut self, step: &Step) -> Result<(), PortError> {
        match step {
            Step::Alias { name, alias } => self.alias(name, alias).await,
            Step::Concurrency(reserved) => self.concurrency(*reserved).await,
            Step::Permission(permission) => self.permission(permission).await,
            Step::EventSource { source, quieted } => self.event_source(source, *quieted).await,
            Step::Beside {
                kind,
                qualifier,
                config,
            } => self.beside(*kind, qualifier, config).await,
            Step::Edge(association) => {
                self.edge(association);
                Ok(())
            }
            Step::Layer { .. } | Step::Version { .. } | Step::Latest { .. } | Step::Finish => Ok(()),
        }
    }

    /// The new name of what a qualifier named.
    pub(super) fn renamed(&self, qualifier: &str) -> Result<String, PortError> {
        let Ok(number) = qualifier.parse::<u64>() else {
            return Ok(qualifier.to_owned());
        };
        let new = self.versions.get(&number).map(u64::to_string);
        new.ok_or_else(|| PortError::NotFound(format!("version {number}, which it is about, is not restored")))
    }

    async fn alias(&mut self, name: &str, old: &Alias) -> Result<(), PortError> {
        let result = self.make_alias(name, old).await;
        let options = format!("create-alias --name {name} --function-version …");
        let remedy = command(&self.plan.target, &options);
        let result = result.map_err(|why| Remedy { why, command: &remedy }.into());
        self.told(result, || vec![format!("Alias {name}")]).map(drop)
    }

    async fn make_alias(&mut self, name: &str, old: &Alias) -> Result<(), PortError> {
        let mut alias = Alias {
            version: self.renamed(&old.version)?,
            description: old.description.clone(),
            weights: BTreeMap::new(),
        };
        for (number, weight) in &old.weights {
            let number = self.renamed(&number.to_string())?;
            // Two old versions that are alike became one: a share of it goes where the rest goes.
            if let Some(number) = number.parse().ok().filter(|_| number != alias.version) {
                alias.weights.insert(number, *weight);
            }
        }
        for _ in 0..MAX_COLLISIONS {
            let result = match self.functions.aliases(self.name()).await?.get(name) {
                Some(found) if *found == alias || self.done => return Ok(()),
                Some(_) if self.plan.existing == Existing::Change => self.change_alias(name, &alias).await,
                Some(found) => {
                    return Err(PortError::AlreadyExists(format!(
                        "alias {name} points to version {}, not to {}",
                        found.version, alias.version
                    )));
                }
                None if self.done => return Err(gone()),
                None => self.functions.create_alias(self.name(), name, &alias).await,
            };
            match result {
                Err(PortError::Conflict(_)) => _ = self.wait_for(None).await?,
                // Made by a try whose answer was lost: look again.
                Err(PortError::AlreadyExists(_)) => {}
                result => return result,
            }
        }
        Err(PortError::Conflict(format!(
            "alias {name}: the function is being changed by somebody else"
        )))
    }

    async fn concurrency(&mut self, reserved: i32) -> Result<(), PortError> {
        let found = self.wait_for(None).await?.reserved_concurrency;
        let mut result = Ok(());
        if found != Some(reserved) && !self.done {
            result = self.functions.put_concurrency(self.name(), reserved).await;
        }
        let options = format!("put-function-concurrency --reserved-concurrent-executions {reserved}");
        let remedy = command(&self.plan.target, &options);
        let result = result.map_err(|why| Remedy { why, command: &remedy }.into());
        self.told(result, || vec!["ReservedConcurrentExecutions".to_owned()])
            .map(drop)
    }

    async fn permission(&mut self, old: &Permission) -> Result<(), PortError> {
        let result = self.make_permission(old).await;
        let remedy = command(&self.plan.target, &format!("{} …", permission_options(&old.sid, old)));
        let result = result.map_err(|why| Remedy { why, command: &remedy }.into());
        self.told(result, || vec![permission_label(&old.sid, old.qualifier.as_deref())])
            .map(drop)
    }

    async fn make_permission(&mut self, old: &Permission) -> Result<(), PortError> {
        let mut permission = old.clone();
        permission.qualifier = old
            .qualifier
            .as_deref()
            .map(|qualifier| self.renamed(qualifier))
            .transpose()?;
        let qualifiers: BTreeSet<String> = permission.qualifier.iter().cloned().collect();
        let there = read_policy(self.functions, self.name(), &self.plan.arn, &qualifiers).await?;
        // The function is ours, and so is what has our statement's id.
        let found =
            |other: &crate::lambda::Statement| other.sid == permission.sid && other.qualifier == permission.qualifier;
        match there.iter().find(|other| found(other)) {
            Some(other) if self.done || other.permission().as_ref() == Ok(&permission) => return Ok(()),
            Some(_) if self.plan.existing == Existing::Change => return self.change_permission(&permission).await,
            Some(_) => return Ok(()),
            None => {}
        }
        if self.done {
            return Err(gone());
        }
        for _ in 0..MAX_COLLISIONS {
            match self.functions.add_permission(self.name(), &permission).await {
                Err(PortError::Conflict(_)) => _ = self.wait_for(None).await?,
                // Added by a try whose answer was lost.
                Err(PortError::AlreadyExists(_)) => return Ok(()),
                result => return result,
            }
        }
        Err(PortError::Conflict(format!(
            "statement {}: the function is being changed by somebody else",
            permission.sid
        )))
    }

    async fn event_source(&mut self, old: &EventSource, quieted: bool) -> Result<(), PortError> {
        let (source, result) = match self.connecting(old) {
            Ok(source) => {
                let made = self.make_event_source(&source).await;
                (source, made)
            }
            Err(error) => (old.clone(), Err(error)),
        };
        let remedy = mapping_command(&self.plan.target, &source);
        let result = result.map_err(|why| Remedy { why, command: &remedy }.into());
        let setting = mapping_label(old);
        match result.map(|found| (self.difference(&found, &source, quieted), found)) {
            Ok((Some(message), _)) => {
                self.outcomes.push(SettingOutcome::needs_person(&setting, message));
                Ok(())
            }
            Ok((None, found)) => self.told(Ok(found), || vec![setting]).map(drop),
            Err(error) => self.told(Err::<(), _>(error), || vec![setting]).map(drop),
        }
    }

    /// A mapping with the new name of what it invokes.
    pub(super) fn connecting(&self, old: &EventSource) -> Result<EventSource, PortError> {
        let qualifier = old.qualifier.as_deref().filter(|qualifier| *qualifier != LATEST);
        let qualifier = qualifier.map(|qualifier| self.renamed(qualifier)).transpose()?;
        Ok(EventSource {
            qualifier,
            ..old.clone()
        })
    }

    /// What a person should know about a mapping that is there. After a restore was completed, its users decide about it.
    fn difference(&self, found: &EventSourceReading, wanted: &EventSource, quieted: bool) -> Option<String> {
        let (region, id) = (&self.plan.target.region, &found.id);
        let switch = format!("aws lambda update-event-source-mapping --region {region} --uuid {id}");
        if quieted && !found.source.enabled {
            return Some(format!(
                "made, but switched off; when events may flow: {switch} --enabled"
            ));
        }
        // In place it is as it should be, and whether it polls is its users'.
        if self.done || self.plan.existing == Existing::Change {
            return None;
        }
        if found.source.enabled != wanted.enabled {
            let option = if wanted.enabled { "--enabled" } else { "--no-enabled" };
            return Some(format!(
                "it was there already and is left as it is; to switch it as wanted: {switch} {option}"
            ));
        }
        (found.source.settings != wanted.settings).then(|| {
            format!(
                "it was there already, with other settings, and is left as it is: compare mapping {id} with the point"
            )
        })
    }

    /// Finds or makes a mapping.
    async fn make_event_source(&mut self, source: &EventSource) -> Result<EventSourceReading, PortError> {
        for _ in 0..MAX_COLLISIONS {
            // Looked for before it is made: not every service refuses a second one, and a second one would do the work twice.
            let there = self.functions.event_sources(self.name()).await?;
            if let Some(found) = there.iter().find(|other| other.source.same_connection(source)) {
                let found = found.clone();
                let is_other = found.source.settings != source.settings || found.source.tags != source.tags;
                if is_other && !self.done && self.plan.existing == Existing::Change {
                    self.change_event_source(&found, source).await?;
                }
                return Ok(found);
            }
            if self.done {
                return Err(gone());
            }
            if let Some(found) = self.misled(&there, source) {
                self.change_event_source(found, source).await?;
                return Ok(found.clone());
            }
            match self.functions.create_event_source(self.name(), source).await {
                Ok(id) => {
                    let (source, unreadable) = (source.clone(), Vec::new());
                    return Ok(EventSourceReading { id, source, unreadable });
                }
                Err(PortError::Conflict(_)) => _ = self.wait_for(None).await?,
                // Made by a try whose answer was lost: look again.
                Err(PortError::AlreadyExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(PortError::AlreadyExists(format!(
            "a mapping of {} exists but is not listed",
            source.label()
        )))
    }
}

/// The restore was completed before and something is missing by now.
pub(super) fn gone() -> PortError {
    PortError::NotFound("it was put back by this restore and is not there any more".to_owned())
}
