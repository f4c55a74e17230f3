//! Doing one step of a plan.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Kind, Outcome, OutcomeStatus};
use holdfast_sources::application::{Action, ArnMap, Existing, Step, Verdict, Word, decide};
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::read_function;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::Value;

use super::gather::{Gathered, Point};
use super::told;
use crate::function::{self, FunctionRestore};
use crate::table::{self, TableRestore};
use crate::{Regions, Restore, Triggers, VaultPorts, WorkPorts};

/// What a plan's steps work with.
pub(super) struct Act<'a, V, R, Q> {
    pub restore: &'a Restore<V, R, Q>,
    pub gathered: &'a Gathered<'a, V>,
    pub map: ArnMap,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    /// Does a step. Done again, it takes up its own work and ends the same.
    ///
    /// # Errors
    /// Those of the services and of the vault; the same step, done again, goes on.
    pub(super) async fn step<C: Clock>(&mut self, step: &Step, clock: &C) -> Result<Outcome, PortError> {
        let points = self.gathered.points.iter();
        let point = points.clone().find(|point| point.member.id == step.resource);
        let point = point.ok_or_else(|| PortError::NotFound(format!("the point of {}", step.resource)))?;
        let (wanted, replaced) = self.map.rewrite(&point.member.document);
        let outcome = match (step.action, step.resource.kind) {
            (Action::Create, Kind::DynamodbTable) => self.table(step, point, &wanted, clock).await?,
            (Action::Create, Kind::LambdaFunction) => self.function(step, point, &wanted, clock).await?,
            (action, _) => {
                let why = format!("{} is not built for this kind yet", action.as_str());
                return Ok(told(step, &Word::NeedsPerson(why)));
            }
        };
        let places = replaced.iter().filter(|replaced| replaced.to.is_some()).count();
        Ok(worded(step, outcome, places))
    }

    async fn table<C: Clock>(
        &mut self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let (name, region) = (&step.target.name, &step.target.region);
        let tables = self.restore.regions.tables(region);
        let config = table::read_config(wanted.to_string().as_bytes())?;
        let restore = TableRestore {
            tables: &tables,
            vault: &self.gathered.vault.store,
            manifest: &point.manifest,
            config: &config,
            name,
            region,
        };
        let outcome = restore.run(clock).await?;
        if outcome.status == OutcomeStatus::Continuing {
            return Ok(outcome);
        }
        let found = tables.read_table(name).await?;
        if let Some(stream) = found.stream_arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok()) {
            self.map.learn(&step.resource, &stream);
        }
        if outcome.status != OutcomeStatus::Failed {
            return Ok(outcome);
        }
        // A table that no restore announced: it is looked at, and nothing of it is changed.
        let there = serde_json::to_value(&found.config).unwrap_or_default();
        Ok(existing(
            step,
            wanted,
            &there,
            &found.unreadable,
            "its items were not looked at",
        ))
    }

    async fn function<C: Clock>(
        &mut self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let config = function::read_config(wanted.to_string().as_bytes())?;
        let restore = FunctionRestore {
            vault: self.gathered.vault,
            manifest: &point.manifest,
            config: &config,
            target: &step.target,
            triggers: Triggers::Quiet,
            replacements: BTreeMap::new(),
        };
        match self.restore.make_function(restore, clock).await {
            Err(PortError::AlreadyExists(_)) => {
                let functions = self.restore.regions.functions(&step.target.region);
                let found = read_function(&functions, &step.target.name).await?;
                let there = serde_json::to_value(&found.config).unwrap_or_default();
                Ok(existing(step, wanted, &there, &found.unreadable, ""))
            }
            result => result,
        }
    }
}

/// What to say of a resource that is there and that no restore made: adopted if it is equal, else refused with the differences.
fn existing(step: &Step, wanted: &Value, there: &Value, unreadable: &[String], note: &str) -> Outcome {
    if !unreadable.is_empty() {
        let why = format!("it is there, and could not be compared: {}", unreadable.join("; "));
        return told(step, &Word::Failed(why));
    }
    match decide(wanted, Some(there), &Existing::Keep) {
        Verdict::Create | Verdict::Adopt => {
            let mut outcome = told(step, &Word::Adopted);
            if !note.is_empty() {
                outcome.message = format!("{}; {note}", outcome.message);
            }
            outcome
        }
        Verdict::Change(changes) | Verdict::Refuse(changes) => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            let why = format!(
                "it is there and another, and was left as it is: choose another name, or remove it; it would change by {}",
                changes.join("; ")
            );
            told(step, &Word::Failed(why)).with("differences", changes)
        }
    }
}

/// The outcome of making one resource, in the words of an application.
fn worded(step: &Step, made: Outcome, places: usize) -> Outcome {
    if made.status == OutcomeStatus::Continuing || made.details.contains_key("word") {
        return made;
    }
    let word = match made.status {
        OutcomeStatus::Failed => Word::Failed(made.message.clone()),
        OutcomeStatus::Partial => Word::NeedsPerson(made.message.clone()),
        _ if places > 0 => Word::RePointed(places),
        _ => Word::Created,
    };
    let mut outcome = told(step, &word);
    outcome.details.extend(made.details);
    outcome
}
