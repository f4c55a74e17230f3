//! Changing what is there: first a point of it, so that the change can be undone, then the change.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_catalog::{
    Arn, Kind, Outcome, OutcomeStatus, PlanName, PointId, Report, ResourceId, Sha256, Slot, layout, seal,
};
use holdfast_sources::application::{Existing, Step, Verdict, Word, decide};
use holdfast_sources::attempt::{Attempts, finish, marks_of};
use holdfast_sources::dynamodb::change::changes;
use holdfast_sources::dynamodb::compare;
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::dynamodb::restore::apply_settings;
use holdfast_sources::dynamodb::settings::for_target;
use holdfast_sources::lambda::read_function;
use holdfast_sources::lambda::restore::{self, take_over};
use holdfast_sources::wiring::complete;
use holdfast_sources::{SettingOutcome, SettingStatus};
use holdfast_vault::port::Clock;
use holdfast_vault::signal::TakePoints as _;
use holdfast_vault::sweep::MAX_RUN;
use holdfast_vault::{Catalogue, PortError, keys};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::act::Act;
use super::gather::Point;
use super::streams::reads_the_same;
use super::told;
use crate::choose::UNDO;
use crate::function::{self, FunctionRestore};
use crate::{Regions, Triggers, VaultPorts, WorkPorts, table};

/// An invocation with less time than this has no point taken: the answer takes minutes where there are many items.
const LEAST_TIME: SignedDuration = SignedDuration::from_mins(5);

/// How long to wait before looking again whether a point is complete.
const LOOK_AGAIN_SECONDS: u32 = 60;

/// What is known of the point that holds what will be changed.
enum Undo {
    /// It is there.
    Taken(PointId),
    /// It is being made.
    UnderWay,
    /// There is none, and none to be had: why.
    None(String),
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Act<'_, V, R, Q> {
    /// Makes a resource that is there as it should be; `stands` is what there is to say if it is so already.
    pub(super) async fn in_place<C: Clock>(
        &mut self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        stands: Outcome,
        clock: &C,
    ) -> Result<Outcome, PortError> {
        if self.differences(step, point, wanted).await?.is_empty() {
            return Ok(stands);
        }
        let identity = format!("{} {} in place", point.manifest.point, step.target);
        let work = layout::restore_work(&Sha256::of(identity.as_bytes()));
        let store = &self.restore.home.store;
        let attempts = Attempts::read(store, &work).await?;
        let number = attempts.count.max(1) + u32::from(attempts.last_is_finished);
        let marks = marks_of(&work, number);
        let began = self.begin(&marks, clock).await?;
        let undo = match self
            .undo(&step.target, &point.manifest.point.plan, began, clock)
            .await?
        {
            Undo::Taken(undo) => undo,
            Undo::UnderWay => {
                self.wait_seconds = LOOK_AGAIN_SECONDS;
                let message = "a point of it is being taken before it is changed";
                return Ok(Outcome::new(&step.target, OutcomeStatus::Continuing, message));
            }
            Undo::None(why) => {
                let why =
                    format!("it is there and another, and was left as it is: no point of it could be taken: {why}");
                return Ok(told(step, &Word::Failed(why)));
            }
        };
        // Before the change: from then on what it holds is not what anybody wants back without saying so.
        let mark = layout::fact_of(&undo, UNDO, began);
        let fact = seal(&json!({ "fact": UNDO, "changed_to": point.manifest.point }));
        let fact = fact.map_err(|error| PortError::Invalid(error.to_string()))?;
        store.create(&mark, Bytes::from(fact)).await?;
        let outcomes = self.change(step, point, wanted, clock).await?;
        let mut outcomes: Vec<SettingOutcome> = outcomes
            .into_iter()
            .filter(|outcome| outcome.status == SettingStatus::NeedsPerson)
            .collect();
        let is_told = !outcomes.is_empty();
        let left = self.differences(step, point, wanted).await?.into_iter();
        if !is_told {
            outcomes.extend(left.map(|what| SettingOutcome::needs_person("left as it was", what)));
        }
        finish(store, &marks, format!("{{\"undo\":\"{undo}\"}}")).await?;
        self.ours.insert(step.resource.clone());
        let word = word_of(&outcomes, &undo);
        Ok(told(step, &word).with("undo", undo.to_string()))
    }

    /// Notes when an attempt began: a point from then on holds what was there before it. Tried again, the first note counts.
    async fn begin<C: Clock>(&self, marks: &str, clock: &C) -> Result<Slot, PortError> {
        let store = &self.restore.home.store;
        let key = format!("{marks}started.json");
        let now = Slot::at(clock.now());
        store.create(&key, Bytes::from(now.to_string())).await?;
        let noted = store.get(&key).await?;
        let text = std::str::from_utf8(&noted).unwrap_or_default();
        text.parse()
            .map_err(|_| PortError::Corrupt(format!("{key} holds no time: remove it and send the event again")))
    }

    /// The first good point of a resource from a time on; if there is none it is asked for.
    async fn undo<C: Clock>(
        &self,
        target: &ResourceId,
        plan: &PlanName,
        began: Slot,
        clock: &C,
    ) -> Result<Undo, PortError> {
        let store = &self.restore.home.store;
        let catalogue = Catalogue::of_resource(store, target).await?;
        let mut since = catalogue.points.iter().filter(|entry| entry.id.slot >= began);
        if let Some(entry) = since
            .by_ref()
            .filter(|entry| entry.is_good())
            .min_by_key(|entry| entry.id.slot)
        {
            return Ok(Undo::Taken(entry.id.clone()));
        }
        let runs = keys(store, &format!("{}{target}/", layout::RUNS)).await?;
        let is_open = |point: &PointId| point.slot >= began && catalogue.get(point).is_none();
        let under_way = runs
            .iter()
            .filter_map(|info| layout::point_of_run(&info.key).ok())
            .any(|point| is_open(&point));
        if under_way {
            let waited = clock.now().duration_since(began.instant());
            return Ok(match waited < MAX_RUN {
                true => Undo::UnderWay,
                false => Undo::None(format!("it took longer than {} hours", MAX_RUN.as_hours())),
            });
        }
        if clock.remaining() < LEAST_TIME {
            return Ok(Undo::UnderWay);
        }
        match self.restore.regions.points().take_point(target, plan).await {
            Ok(report) => Ok(undo_in(&report)),
            // It may be on its way all the same.
            Err(PortError::Unavailable(_)) => Ok(Undo::UnderWay),
            Err(error) if error.is_retryable() => Err(error),
            Err(error) => Ok(Undo::None(error.to_string())),
        }
    }

    /// How what is there differs from what is wanted, in words without secrets.
    async fn differences(&self, step: &Step, point: &Point, wanted: &Value) -> Result<Vec<String>, PortError> {
        let (target, regions) = (&step.target, &self.restore.regions);
        match target.kind {
            Kind::DynamodbTable => {
                let wanted = table::read_config(wanted.to_string().as_bytes())?;
                let (wanted, _) = for_target(&wanted, &new_arn(point, target)?, &point.manifest.arn);
                let found = regions.tables(&target.region).read_table(&target.name).await?;
                let differences = compare::differences(&wanted, &found.config);
                Ok(differences.iter().map(ToString::to_string).collect())
            }
            Kind::LambdaFunction => {
                let found = self.read_there(target).await?;
                let wanted = function::read_config(wanted.to_string().as_bytes())?;
                let wanted = json!(wanted.numbered_as_in(&found.config));
                match decide(&wanted, Some(&json!(found.config)), &Existing::Keep) {
                    Verdict::Create | Verdict::Adopt => Ok(Vec::new()),
                    Verdict::Change(changes) | Verdict::Refuse(changes) => {
                        Ok(changes.iter().map(ToString::to_string).collect())
                    }
                }
            }
            _ => {
                let plan = self.plan_wiring(step, point, wanted, Triggers::Quiet)?;
                let changes = complete::changes(regions.wiring(), target, &plan.wanted).await?;
                Ok(changes.iter().map(ToString::to_string).collect())
            }
        }
    }

    /// Makes what is there as it should be, and says what became of each setting.
    async fn change<C: Clock>(
        &self,
        step: &Step,
        point: &Point,
        wanted: &Value,
        clock: &C,
    ) -> Result<Vec<SettingOutcome>, PortError> {
        let (target, regions) = (&step.target, &self.restore.regions);
        match target.kind {
            Kind::DynamodbTable => {
                let wanted = table::read_config(wanted.to_string().as_bytes())?;
                let (arn, old) = (new_arn(point, target)?, &point.manifest.arn);
                let (wanted, _) = for_target(&wanted, &arn, old);
                let tables = regions.tables(&target.region);
                let found = tables.read_table(&target.name).await?;
                match changes(&wanted, &found.config, &arn, old) {
                    Ok(settings) => Ok(apply_settings(&tables, clock, &target.name, &settings).await),
                    Err(keys) => {
                        let why = format!("{keys}: it is another table, and its items are not touched");
                        Ok(vec![SettingOutcome::needs_person("KeySchema", why)])
                    }
                }
            }
            Kind::LambdaFunction => {
                let mut config = function::read_config(wanted.to_string().as_bytes())?;
                let functions = regions.functions(&target.region);
                let there = read_function(&functions, &target.name).await?.config.event_sources;
                // What polls for it goes on, and what does not is not made to.
                for source in &mut config.event_sources {
                    source.enabled = there.iter().any(|found| found.enabled && reads_the_same(found, source));
                }
                take_over(&functions, &new_arn(point, target)?, &point.manifest.point).await?;
                let restore = FunctionRestore {
                    copies: &self.copies(step, point).await,
                    manifest: &point.manifest,
                    config: &config,
                    target,
                    triggers: Triggers::AsBefore,
                    existing: restore::Existing::Change,
                    goes_on: false,
                    replacements: BTreeMap::new(),
                };
                let made = self.restore.make_function(restore, clock).await?;
                let left = (made.status == OutcomeStatus::Partial).then_some(made.message);
                Ok(left
                    .map(|why| SettingOutcome::needs_person("function", why))
                    .into_iter()
                    .collect())
            }
            _ => {
                let plan = self.plan_wiring(step, point, wanted, Triggers::Quiet)?;
                complete::change(regions.wiring(), clock, target, &plan.wanted).await
            }
        }
    }
}

/// What to say of a change, given what is left for a person.
fn word_of(left: &[SettingOutcome], undo: &PointId) -> Word {
    if left.is_empty() {
        return Word::Changed(undo.clone());
    }
    let left: Vec<String> = left
        .iter()
        .map(|outcome| format!("{}: {}", outcome.setting, outcome.message))
        .collect();
    Word::NeedsPerson(format!(
        "{}; the rest was changed, and {undo} holds what it was",
        left.join("; ")
    ))
}

/// What the report about a point says of it. One in which something is missing cannot undo all of a change.
fn undo_in(report: &Report) -> Undo {
    let Some(outcome) = report.outcomes.first() else {
        return Undo::None("nothing was taken".to_owned());
    };
    match (outcome.status, outcome.subject.parse()) {
        (OutcomeStatus::Done | OutcomeStatus::Unchanged, Ok(point)) => Undo::Taken(point),
        (OutcomeStatus::Continuing, _) => Undo::UnderWay,
        (OutcomeStatus::Partial, _) => Undo::None(format!("it lacks something: {}", outcome.message)),
        _ => Undo::None(outcome.message.clone()),
    }
}

fn new_arn(point: &Point, target: &ResourceId) -> Result<Arn, PortError> {
    let arn = target.arn(point.manifest.arn.account());
    arn.ok_or_else(|| PortError::Invalid(format!("{target}: its ARN does not follow from its name")))
}
