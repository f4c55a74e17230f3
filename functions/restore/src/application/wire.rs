//! Steps about what is one configuration document, and about what lets events flow.

use holdfast_catalog::{Kind, Outcome, OutcomeStatus, ResourceId};
use holdfast_sources::application::{Step, Word, without};
use holdfast_sources::lambda::{EventSource, FunctionConfig};
use holdfast_sources::wiring::complete::{Switched, changes, complete, current, made, switch_on};
use holdfast_sources::wiring::kinesis_stream::consumer_arns;
use holdfast_sources::wiring::restore::{Plan, Restored, execute, switch};
use holdfast_sources::wiring::{ArnMap, Document};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde_json::{Map, Value};

use super::act::Act;
use super::gather::Point;
use super::told;
use crate::records::{RecordsRestore, has_records};
use crate::wiring::{WiringRestore, read_document, refusal};
use crate::{Regions, Triggers, VaultPorts, WorkPorts, function, outcome_of};

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    /// What a step's document will be: quiet, and with everything as it was.
    pub(super) fn plan_wiring(
        &self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        triggers: Triggers,
    ) -> Result<Plan, PortError> {
        let document = read_document(wanted.to_string().as_bytes())?;
        Ok(self.restore.plan_wiring(&WiringRestore {
            manifest: &point.manifest,
            document: &document,
            target: &step.target,
            triggers,
            // Everything is replaced already.
            replacements: &ArnMap::default(),
        }))
    }

    pub(super) async fn wiring<C: Clock>(
        &mut self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let first = without(wanted, &step.later);
        let mut plan = self.plan_wiring(step, point, &first, Triggers::Quiet)?;
        // That triggers are off is the plan's own matter, and said once.
        let switched = switch(step.resource.kind).map(|(setting, _)| setting);
        plan.notes.retain(|note| switched != Some(&note.setting));
        let store = &self.gathered.vault.store;
        let restored = execute(self.restore.regions.wiring(), store, clock, &plan).await?;
        if matches!(restored, Restored::Made(_) | Restored::Finished) {
            self.ours.insert(step.resource.clone());
        }
        if has_own_id(step.resource.kind) && !matches!(restored, Restored::Refused(_)) {
            // Its ARN has an id that the service chose just now.
            let made = made(self.restore.regions.wiring(), &step.target, &plan.wanted).await?;
            self.map.learn(&step.resource, &made.arn);
        }
        if step.resource.kind == Kind::KinesisStream && !matches!(restored, Restored::Refused(_)) {
            let made = current(self.restore.regions.wiring(), &step.target).await?;
            let (arns, missing) = consumer_arns(&plan.wanted, &made.document);
            arns.iter().for_each(|arn| self.map.learn(&step.resource, arn));
            if !missing.is_empty() {
                // What reads by them would be made to read the old stream's.
                let settings = match restored {
                    Restored::Made(settings) => settings,
                    _ => Vec::new(),
                };
                let why = outcome_of(step.target.to_string(), &settings).message;
                let names = missing.join(", ");
                let why = format!("consumers {names} are not registered, and what reads by them is not tried: {why}");
                return Ok(told(step, &Word::Failed(why)));
            }
        }
        let is_refused = matches!(restored, Restored::Refused(_)) && !step.later.is_empty();
        if is_refused && self.is_whole(step, point, wanted).await? {
            return Ok(told_of(step, &Restored::Adopted));
        }
        let outcome = told_of(step, &restored);
        if !has_records(&point.manifest) {
            return Ok(outcome);
        }
        let wanted = RecordsRestore {
            copies: &self.copies(step, point).await,
            work: store,
            manifest: &point.manifest,
            target: &step.target,
            asked: self.records,
        };
        self.restore.with_records(&wanted, &restored, outcome, clock).await
    }

    /// Whether what is there is as it should be in the end, with what a later step would put on.
    async fn is_whole(&self, step: &Step, point: &Point, wanted: &Value) -> Result<bool, PortError> {
        let plan = self.plan_wiring(step, point, wanted, Triggers::Quiet)?;
        let changes = changes(self.restore.regions.wiring(), &step.target, &plan.wanted).await?;
        Ok(changes.is_empty())
    }

    /// Notifications know no off: they are added when events may flow.
    async fn notify<C: Clock>(
        &self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let plan = self.plan_wiring(step, point, wanted, Triggers::AsBefore)?;
        let store = &self.gathered.vault.store;
        let restored = execute(self.restore.regions.wiring(), store, clock, &plan).await?;
        Ok(told_of(step, &restored))
    }

    /// Puts on what named resources that were not there yet, unless somebody else has made it and it has that.
    pub(super) async fn complete<C: Clock>(
        &self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        if !self.ours.contains(&step.resource) {
            if self.is_whole(step, point, wanted).await? {
                return Ok(told(step, &Word::Adopted));
            }
            let what = step.later.join(", ");
            let why = format!("{what} names what was not there when it was made: set it by hand");
            return Ok(told(step, &Word::NeedsPerson(why)));
        }
        let plan = self.plan_wiring(step, point, wanted, Triggers::Quiet)?;
        let settings = complete(self.restore.regions.wiring(), clock, &step.target, &plan.wanted).await?;
        Ok(outcome_of(step.target.to_string(), &settings))
    }

    pub(super) async fn switch_on<C: Clock>(
        &self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        if step.resource.kind == Kind::BucketNotifications {
            return self.notify(step, point, wanted, clock).await;
        }
        let plan = self.plan_wiring(step, point, wanted, Triggers::Quiet)?;
        let switched = switch_on(self.restore.regions.wiring(), clock, &step.target, &plan.loud).await?;
        Ok(outcome_of(step.target.to_string(), &settings_of(switched)))
    }

    /// A function is switched on by what polls for it.
    pub(super) async fn switch_function_on<C: Clock>(
        &self,
        step: &Step,
        wanted: &Value,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        let config: FunctionConfig = function::read_config(wanted.to_string().as_bytes())?;
        let arn = self.map.new_arn(&step.resource).unwrap_or_default();
        let mut settings = Vec::new();
        for source in config.event_sources.iter().filter(|source| source.enabled) {
            let mapping = ResourceId {
                kind: Kind::EventSourceMapping,
                ..step.target.clone()
            };
            let document = mapping_of(arn, source);
            match switch_on(self.restore.regions.wiring(), clock, &mapping, &document).await {
                Ok(switched) => settings.extend(settings_of(switched)),
                Err(PortError::NotFound(_)) => {
                    let region = &step.target.region;
                    let why = format!(
                        "no mapping of {} was found; list them with aws lambda list-event-source-mappings --region {region} \
                         --function-name {}, then aws lambda update-event-source-mapping --region {region} --enabled --uuid …",
                        source.label(),
                        step.target.name
                    );
                    return Ok(told(step, &Word::NeedsPerson(why)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(outcome_of(step.target.to_string(), &settings))
    }
}

fn told_of(step: &Step, restored: &Restored) -> Outcome {
    match restored {
        Restored::Made(settings) => outcome_of(step.target.to_string(), settings),
        Restored::Finished => Outcome::new(
            &step.target,
            OutcomeStatus::Unchanged,
            "this restore was finished before",
        ),
        Restored::Adopted => told(step, &Word::Adopted),
        Restored::Refused(differences) => told(step, &Word::Failed(refusal(differences))),
    }
}

fn has_own_id(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::EventConnection | Kind::ApiDestination | Kind::RestApi | Kind::HttpApi
    )
}

fn settings_of(switched: Switched) -> Vec<holdfast_sources::SettingOutcome> {
    match switched {
        Switched::On(settings) => settings,
        Switched::WasOn => Vec::new(),
    }
}

/// A function's mapping as the service's own document: what it connects, and that it is on.
fn mapping_of(function: &str, source: &EventSource) -> Document {
    let function = match source.qualifier.as_deref() {
        Some(qualifier) if qualifier != "$LATEST" => format!("{function}:{qualifier}"),
        _ => function.to_owned(),
    };
    let mut config: Map<String, Value> = source.settings.clone().into_iter().collect();
    config.insert("FunctionArn".to_owned(), Value::from(function));
    config.insert("Enabled".to_owned(), Value::from(true));
    if let Some(arn) = &source.source_arn {
        config.insert("EventSourceArn".to_owned(), Value::from(arn.as_str()));
    }
    Document {
        config,
        ..Document::default()
    }
}
