//! Doing one step of a plan.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_catalog::{Arn, Kind, Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::application::{Action, ArnMap, Existing, Step, Verdict, Word, decide, without};
use holdfast_sources::dynamodb::TableConfig;
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::restore;
use holdfast_sources::wiring::KINDS;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Value, json};

use super::files::lost_mount;
use super::gather::{Gathered, Point};
use super::told;
use crate::copies::Copies;
use crate::function::{self, FunctionRestore};
use crate::table::{self, TableRestore};
use crate::{From, Regions, Restore, Triggers, VaultPorts, WorkPorts};

/// What a plan's steps work with.
pub(super) struct Act<'a, V, R, Q> {
    pub restore: &'a Restore<V, R, Q>,
    pub gathered: &'a Gathered<'a, V>,
    /// Which vaults may be read.
    pub from: Option<&'a From>,
    pub map: ArnMap,
    /// What stands for what by a person's word.
    pub replace: &'a BTreeMap<String, String>,
    /// What this restore has made: only that is completed later.
    pub ours: BTreeSet<ResourceId>,
    /// Whether what is there and another is changed.
    pub in_place: bool,
    /// Whether records of streams are put back, as [`crate::Request::records`].
    pub records: Option<bool>,
    /// How long the next invocation has to wait for what this one began.
    pub wait_seconds: u32,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    /// Does a step. Done again, it takes up its own work and ends the same.
    ///
    /// # Errors
    /// Those of the services and of the vault; the same step, done again, goes on.
    pub(super) async fn step<C: Clock>(&mut self, step: &Step, clock: &C) -> Result<Outcome, PortError> {
        let mut points = self.gathered.points.iter();
        let point = points.find(|point| point.member.id == step.resource);
        let point = point.ok_or_else(|| PortError::NotFound(format!("the point of {}", step.resource)))?;
        let (wanted, replaced) = self.map.rewrite_of(&step.resource, &point.member.document);
        let wanted = match self.in_place {
            true => self.with_present_streams(step.resource.kind, wanted).await?,
            false => wanted,
        };
        let is_function = step.resource.kind == Kind::LambdaFunction;
        let managed = point.manifest.managed.as_ref();
        let is_made = managed.is_some()
            || is_function
            || step.resource.kind == Kind::DynamodbTable
            || KINDS.contains(&step.resource.kind);
        if !is_made {
            let why = format!("a {} cannot be made yet: make it by hand", step.resource.kind);
            return Ok(told(step, &Word::NeedsPerson(why)));
        }
        if is_function && let Some(why) = lost_mount(&replaced) {
            return Ok(told(step, &Word::Failed(why)));
        }
        let outcome = match step.action {
            Action::Create if let Some(managed) = managed.filter(|_| step.resource.kind == Kind::EfsFileSystem) => {
                self.file_system(step, (point, managed), &wanted, clock).await?
            }
            Action::Create if let Some(managed) = managed => {
                self.managed(step, (point, managed), &wanted, clock).await?
            }
            Action::Create if step.resource.kind == Kind::DynamodbTable => {
                self.table(step, point, &wanted, clock).await?
            }
            Action::Create if is_function => self.function(step, point, &wanted, clock).await?,
            Action::Create => self.wiring(step, point, &wanted, clock).await?,
            Action::Wire if is_function => self.function(step, point, &wanted, clock).await?,
            Action::Wire => self.complete(step, point, &wanted, clock).await?,
            Action::SwitchOn if is_function => self.switch_function_on(step, &wanted, clock).await?,
            Action::SwitchOn => self.switch_on(step, point, &wanted, clock).await?,
        };
        // It was there: made by this restore once and perhaps changed since, or by somebody else.
        let stands = matches!(outcome.status, OutcomeStatus::Unchanged | OutcomeStatus::Failed);
        let can_change = !outcome.is_final()
            && (is_function || step.resource.kind == Kind::DynamodbTable || KINDS.contains(&step.resource.kind));
        let outcome = if stands && can_change && self.in_place && step.action == Action::Create {
            self.in_place(step, point, &wanted, outcome, clock).await?
        } else {
            outcome
        };
        let places = match step.action {
            Action::Create => replaced.iter().filter(|replaced| replaced.to.is_some()).count(),
            Action::Wire => step.later.len(),
            Action::SwitchOn => 0,
        };
        Ok(worded(step, outcome, places))
    }

    /// Where the contents of a step's point are read.
    pub(super) async fn copies(&self, step: &Step, point: &Point) -> Copies<'_, V> {
        let (vault, id) = (self.gathered.vault, &point.manifest.point);
        self.restore.copies_of(vault, self.from, id, &step.target.region).await
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
            copies: &self.copies(step, point).await,
            work: &self.gathered.vault.store,
            manifest: &point.manifest,
            config: &config,
            name,
            region,
        };
        let outcome = restore.run(clock).await?;
        if outcome.status == OutcomeStatus::Continuing {
            return Ok(outcome);
        }
        self.table_made(step, wanted, &config, outcome).await
    }

    /// What to say of a table that is there: its stream is learnt, and one that no restore announced is compared.
    pub(super) async fn table_made(
        &mut self,
        step: &Step,
        wanted: &Value,
        config: &TableConfig,
        outcome: Outcome,
    ) -> Result<Outcome, PortError> {
        let tables = self.restore.regions.tables(&step.target.region);
        let found = tables.read_table(&step.target.name).await?;
        if config.stream.is_some() && found.stream_arn.is_none() {
            let why = format!(
                "its stream is not on, and what reads it would be connected to the old one: {}; send the same event again",
                outcome.message
            );
            return Ok(told(step, &Word::Failed(why)));
        }
        if let Some(stream) = found.stream_arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok()) {
            self.map.learn(&step.resource, &stream);
        }
        if outcome.status != OutcomeStatus::Failed {
            if config.stream.is_some() && found.stream_arn.is_none() {
                // What polls it would be made to poll the old table's.
                let why = format!(
                    "its stream is not on, and what reads it is not tried: {}",
                    outcome.message
                );
                return Ok(told(step, &Word::Failed(why)));
            }
            return Ok(outcome);
        }
        // A table that no restore announced: it is looked at, and nothing of it is changed.
        let there = serde_json::to_value(&found.config).unwrap_or_default();
        Ok(existing(
            step,
            wanted,
            &there,
            &found.unreadable,
            "; its items were not looked at",
        ))
    }

    async fn function<C: Clock>(
        &mut self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let goes_on = step.action == Action::Create && !step.later.is_empty();
        let made = match goes_on {
            true => without(wanted, &step.later),
            false => wanted.clone(),
        };
        let mut config = function::read_config(made.to_string().as_bytes())?;
        // A later step switches them on; that they are off is no matter for a person.
        config
            .event_sources
            .iter_mut()
            .for_each(|source| source.enabled = false);
        let restore = FunctionRestore {
            copies: &self.copies(step, point).await,
            manifest: &point.manifest,
            config: &config,
            target: &step.target,
            triggers: Triggers::Quiet,
            // What is changed then is what this restore made without it.
            existing: match step.action {
                Action::Wire => restore::Existing::Change,
                Action::Create | Action::SwitchOn => restore::Existing::Keep,
            },
            goes_on,
            // Everything is replaced already; what a person gave is right where the function comes to be.
            replacements: self.replace.values().map(|new| (new.clone(), new.clone())).collect(),
        };
        match self.restore.make_function(restore, clock).await {
            Err(PortError::AlreadyExists(_)) => {
                let found = self.read_there(&step.target).await?;
                self.learn_addresses(step, point, &json!(found.config.observed.urls));
                let wanted = function::read_config(wanted.to_string().as_bytes())?;
                let wanted = json!(wanted.numbered_as_in(&found.config));
                Ok(existing(step, &wanted, &json!(found.config), &found.unreadable, ""))
            }
            Ok(outcome) => {
                let urls = outcome.details.get("urls").cloned().unwrap_or_default();
                self.learn_addresses(step, point, &urls);
                Ok(outcome)
            }
            Err(error) => Err(error),
        }
    }

    /// Function URLs have new addresses: what names an old one is made after this.
    fn learn_addresses(&mut self, step: &Step, point: &Point, new: &Value) {
        let old = point
            .member
            .document
            .pointer("/observed/urls")
            .and_then(Value::as_object);
        for (qualifier, old) in old.into_iter().flatten() {
            if let (Some(old), Some(new)) = (old.as_str(), new.get(qualifier).and_then(Value::as_str)) {
                self.map.learn_part(&step.resource, old, new);
            }
        }
    }
}

/// What to say of a resource that is there and that no restore made: adopted if it is equal, else refused with the differences.
pub(super) fn existing(step: &Step, wanted: &Value, there: &Value, unreadable: &[String], note: &str) -> Outcome {
    if !unreadable.is_empty() {
        let why = format!("it is there, and could not be compared: {}", unreadable.join("; "));
        return told(step, &Word::Failed(why));
    }
    match decide(wanted, Some(there), &Existing::Keep) {
        Verdict::Create | Verdict::Adopt => {
            let mut outcome = told(step, &Word::Adopted);
            outcome.message.push_str(note);
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

/// The outcome of a step in the words of an application.
pub(super) fn worded(step: &Step, made: Outcome, places: usize) -> Outcome {
    if made.status == OutcomeStatus::Continuing || made.details.contains_key("word") {
        return made;
    }
    let word = match made.status {
        OutcomeStatus::Failed => Word::Failed(made.message.clone()),
        OutcomeStatus::Partial => Word::NeedsPerson(made.message.clone()),
        _ if step.action == Action::SwitchOn => Word::SwitchedOn,
        _ if places > 0 => Word::RePointed(places),
        _ => Word::Created,
    };
    let mut outcome = told(step, &word);
    outcome.details.extend(made.details);
    outcome
}
