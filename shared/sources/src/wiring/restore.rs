//! Bringing configuration back: decide what it shall be, make it, read it back and say what is not as it was.

use holdfast_catalog::{Arn, Kind, PointId, ResourceId, Sha256, layout};
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, Created, ListObjects, WriteObjects};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::at::{At, Making};
use super::{
    ArnMap, Difference, Document, ReadWiring, Reading, RestoreWiring, bucket_notifications, find, iam_role, make,
    marked,
};
use crate::application::arn_of;
use crate::attempt::{Attempts, Step, abandon, announce, finish, marks_of};
use crate::dynamodb::backoff::Backoff;
use crate::lambda::restore::Triggers;
use crate::{SettingOutcome, SettingStatus};

/// How long a resource is waited for that another try has announced and that is not to be seen: that try may be making it now.
/// Creation shows within seconds.
const OTHERS: SignedDuration = SignedDuration::from_secs(15);

/// A resource to make from a document.
#[derive(Debug, Clone)]
pub struct RestoreRequest<'a> {
    /// The point that it comes from.
    pub point: &'a PointId,
    /// The resource's ARN when the point was made.
    pub source_arn: &'a Arn,
    /// Its configuration.
    pub document: &'a Document,
    /// The resource to make.
    pub target: &'a ResourceId,
    /// The account to make it in.
    pub account: &'a str,
    /// Whether what starts something by itself is switched on.
    pub triggers: Triggers,
    /// What stands for what, besides the resource's own ARN.
    pub replacements: &'a ArnMap,
}

/// What a restore will make: nothing is left to choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The point that it comes from.
    pub point: PointId,
    /// The resource to make.
    pub target: ResourceId,
    /// What it shall be.
    pub wanted: Document,
    /// The same with its triggers as they were; what is there already may be like this.
    pub loud: Document,
    /// Whether what starts something by itself is switched on.
    pub triggers: Triggers,
    /// What a person has to know of before anything is made.
    pub notes: Vec<SettingOutcome>,
}

/// How a restore ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Restored {
    /// It was made, now or by an earlier try that this one finished; what became of each setting.
    Made(Vec<SettingOutcome>),
    /// It was there and is as it should be; nothing was changed.
    Adopted,
    /// This restore was finished before.
    Finished,
    /// It was there and is another one; nothing was changed.
    Refused(Vec<Difference>),
}

/// Decides what a restore makes. Pure.
pub fn plan(request: &RestoreRequest<'_>) -> Plan {
    let mut replacements = request.replacements.clone();
    match request.target.kind {
        // Its path stands in its ARN, and stays.
        Kind::IamRole => {
            let new = arn_of(request.target, request.source_arn, request.account);
            replacements.insert(request.source_arn.as_str(), &new);
        }
        _ => {
            if let Some(new) = request.target.arn(request.account) {
                replacements.insert(request.source_arn.as_str(), new.as_str());
            }
        }
    }
    let mut loud = request.document.rewritten(&replacements);
    loud.observed.clear();
    if marked::is_marked(request.target.kind) {
        marked::mark(&mut loud, request.point);
    }
    let name = &request.target.name;
    if is_named_within(request.target.kind) && *name != request.point.resource.name {
        loud.config.insert("name".to_owned(), json!(name));
    }
    if request.target.kind == Kind::IamRole {
        let (old, new) = (&request.point.resource.name, &request.target.name);
        iam_role::renamed(&mut loud, old, new, request.account);
    }
    let mut notes = Vec::new();
    let (old, new) = (&request.point.resource.region, &request.target.region);
    if old != new && loud.config.values().any(|value| names_region(value, old.as_str())) {
        notes.push(SettingOutcome::needs_person(
            "Region",
            format!(
                "it still names resources in {old}: check that they exist there, or restore again with \"replace\""
            ),
        ));
    }
    notes.extend(loud.unreadable.iter().map(|setting| {
        SettingOutcome::needs_person(
            setting,
            "it could not be read when the point was made: set it by hand".to_owned(),
        )
    }));
    let wanted = match (request.triggers, switch(request.target.kind)) {
        (Triggers::Quiet, Some((setting, off))) => {
            let mut quiet = loud.clone();
            let was = quiet.config.insert(setting.to_owned(), off.clone());
            if was.is_some_and(|was| was != off) {
                notes.push(SettingOutcome::needs_person(setting, switch_on(request.target)));
            }
            quiet
        }
        _ => loud.clone(),
    };
    Plan {
        point: request.point.clone(),
        target: request.target.clone(),
        wanted,
        loud,
        triggers: request.triggers,
        notes,
    }
}

/// Whether a resource's name is the service's to choose, and what people call it is a setting. A restore under another name sets
/// that.
fn is_named_within(kind: Kind) -> bool {
    matches!(kind, Kind::RestApi | Kind::HttpApi)
}

/// The setting that switches a trigger, and its value when it is off.
pub fn switch(kind: Kind) -> Option<(&'static str, Value)> {
    match kind {
        Kind::EventRule | Kind::Schedule => Some(("State", json!("DISABLED"))),
        Kind::EventSourceMapping => Some(("Enabled", json!(false))),
        // An API answers whoever knows its new address, which is nobody; what leads people there is its domains.
        Kind::RestApi => Some(("basePathMappings", json!([]))),
        Kind::HttpApi => Some(("apiMappings", json!([]))),
        _ => None,
    }
}

fn switch_on(target: &ResourceId) -> String {
    let (region, leaf, parent) = (&target.region, target.leaf(), target.parent().unwrap_or("default"));
    let command = match target.kind {
        Kind::EventRule => format!("aws events enable-rule --region {region} --event-bus-name {parent} --name {leaf}"),
        Kind::Schedule => format!(
            "aws scheduler update-schedule --region {region} --group-name {parent} --name {leaf} --state ENABLED … (with all its other settings)"
        ),
        Kind::RestApi => {
            return format!(
                "made, and no custom domain leads to it yet; when requests may come: aws apigateway create-base-path-mapping \
                 --region {region} --domain-name … --base-path … --rest-api-id … --stage …"
            );
        }
        Kind::HttpApi => {
            return format!(
                "made, and no custom domain leads to it yet; when requests may come: aws apigatewayv2 create-api-mapping \
                 --region {region} --domain-name … --api-mapping-key … --api-id … --stage …"
            );
        }
        _ => format!("aws lambda update-event-source-mapping --region {region} --uuid … --enabled"),
    };
    format!("made, but switched off; when events may flow: {command}")
}

fn names_region(value: &Value, region: &str) -> bool {
    match value {
        Value::String(text) => text.contains(&format!(":{region}:")) || text.contains(&format!(".{region}.")),
        Value::Array(list) => list.iter().any(|value| names_region(value, region)),
        Value::Object(map) => map.values().any(|value| names_region(value, region)),
        _ => false,
    }
}

/// Where the marks of a restore lie in a vault.
pub fn work_prefix(point: &PointId, target: &ResourceId) -> String {
    layout::restore_work(&Sha256::of(format!("{point} {target}").as_bytes()))
}

/// Does what a plan says. Done twice, at once or after a crash it makes the same one resource: what stands in the vault before
/// anything is made says whose it is. A resource of that name that no try of this restore announced is never changed.
///
/// # Errors
/// Those that may pass: the same restore, started again, goes on. What a person has to see to is in the outcomes.
pub async fn execute<P, S, C>(port: &P, store: &S, clock: &C, plan: &Plan) -> Result<Restored, PortError>
where
    P: RestoreWiring,
    S: ListObjects + WriteObjects,
    C: Clock,
{
    let work = work_prefix(&plan.point, &plan.target);
    let mut found = look(port, plan).await?;
    if plan.target.kind == Kind::BucketNotifications {
        return merge(port, clock, plan, found).await;
    }
    let attempts = Attempts::read(store, &work).await?;
    if found.is_none() && attempts.count > 0 {
        // Another try may have made it between the two.
        found = look(port, plan).await?;
    }
    let mut step = step_of(plan, attempts, found.as_ref());
    if let Step::Begin(attempt) = step
        && announce(store, &marks_of(&work, attempt), &plan.point, &plan.target.name).await? == Created::Existed
    {
        found = appeared(port, clock, plan).await?;
        if found.is_some() {
            step = step_of(plan, Attempts::read(store, &work).await?, found.as_ref());
        }
    }
    let attempt = match step {
        Step::Foreign => {
            let found = found.map(|reading| reading.document).unwrap_or_default();
            return Ok(judge(plan, &found));
        }
        Step::Finished => return Ok(Restored::Finished),
        Step::Begin(attempt) | Step::GoOn(attempt) => attempt,
    };
    let marks = marks_of(&work, attempt);
    let mut making = Making {
        at: At { port, id: &plan.target },
        clock,
        wanted: &plan.wanted,
        exists: found.is_some(),
        is_made: false,
        outcomes: plan.notes.clone(),
        is_open: false,
    };
    if let Err(error) = make(&mut making).await {
        let is_nothing = !making.exists && !making.is_made;
        if is_nothing && !error.is_retryable() {
            abandon(store, &marks).await?;
        }
        return Err(error);
    }
    let (mut outcomes, is_open) = (making.outcomes, making.is_open);
    match look(port, plan).await? {
        Some(actual) => outcomes.extend(unexplained(&plan.wanted, &actual.document, &outcomes)),
        None => {
            return Err(PortError::Unavailable(format!(
                "{} was made and is not to be seen yet",
                plan.target
            )));
        }
    }
    // Not while a call has failed: when a person has set that right, the same event sent again tries it again.
    if !is_open {
        let words: Vec<&str> = outcomes.iter().map(|outcome| outcome.setting.as_str()).collect();
        finish(store, &marks, json!({ "settings": words }).to_string()).await?;
    }
    Ok(Restored::Made(outcomes))
}

/// Adds to a bucket that has to be there what it does not have. There is nothing to know again: what is there is left alone.
async fn merge<P, C>(port: &P, clock: &C, plan: &Plan, found: Option<Reading>) -> Result<Restored, PortError>
where
    P: RestoreWiring,
    C: Clock,
{
    let target = &plan.target;
    let Some(found) = found else {
        return Err(PortError::NotFound(format!(
            "{target}: the bucket has to be there first"
        )));
    };
    let is_there = |document: &Document| {
        let (whole, others) = bucket_notifications::merged(document, &plan.loud);
        others.is_empty() && whole == document.config
    };
    if is_there(&found.document) {
        return Ok(Restored::Adopted);
    }
    let mut outcomes = plan.notes.clone();
    if plan.triggers == Triggers::Quiet {
        let message = "notifications cannot be switched off, so none was added; when events may flow, restore again with \
                       \"triggers\": \"as-before\"";
        outcomes.push(SettingOutcome::needs_person("NotificationConfiguration", message));
        return Ok(Restored::Made(outcomes));
    }
    let mut making = Making {
        at: At { port, id: target },
        clock,
        wanted: &plan.loud,
        exists: true,
        is_made: false,
        outcomes,
        is_open: false,
    };
    make(&mut making).await?;
    let mut outcomes = making.outcomes;
    let is_told = outcomes
        .iter()
        .any(|outcome| outcome.status == SettingStatus::NeedsPerson);
    if !is_told && !is_there(&find(port, target, &plan.loud).await?.document) {
        let message = "what was added is not there any more: somebody else changed the notifications; restore again";
        outcomes.push(SettingOutcome::needs_person("NotificationConfiguration", message));
    }
    Ok(Restored::Made(outcomes))
}

async fn look<P: RestoreWiring>(port: &P, plan: &Plan) -> Result<Option<Reading>, PortError> {
    present(find(port, &plan.target, &plan.wanted).await)
}

/// What another try that announced the resource is making, if it comes to be soon. Two tries that both made it would make two
/// where AWS lets several have one name.
async fn appeared<P: RestoreWiring, C: Clock>(port: &P, clock: &C, plan: &Plan) -> Result<Option<Reading>, PortError> {
    let began = clock.now();
    let mut backoff = Backoff::new(0);
    loop {
        let found = look(port, plan).await?;
        let is_over = clock.now().duration_since(began) >= OTHERS;
        if found.is_some() || is_over || !backoff.pause(clock).await {
            return Ok(found);
        }
    }
}

/// What to do, by what is there and what was announced before.
fn step_of(plan: &Plan, attempts: Attempts, found: Option<&Reading>) -> Step {
    match found {
        Some(found) if !bears_our_mark(plan, &found.document) => Step::Foreign,
        found => attempts.decide(found.is_some()),
    }
}

fn present(result: Result<Reading, PortError>) -> Result<Option<Reading>, PortError> {
    match result {
        Ok(reading) => Ok(Some(reading)),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether what is there may be this restore's work: where a kind bears marks, only if it bears ours.
fn bears_our_mark(plan: &Plan, found: &Document) -> bool {
    !marked::is_marked(plan.target.kind) || marked::mark_of(found) == marked::mark_of(&plan.wanted)
}

/// What to say of a resource that is there and that we did not make.
fn judge(plan: &Plan, found: &Document) -> Restored {
    let differences = plan.wanted.differences(found);
    if differences.is_empty() || plan.loud.differences(found).is_empty() {
        Restored::Adopted
    } else {
        Restored::Refused(differences)
    }
}

/// Differences between what was wanted and what is there that no outcome has told of yet.
pub(super) fn unexplained(wanted: &Document, actual: &Document, told: &[SettingOutcome]) -> Vec<SettingOutcome> {
    let is_told = |setting: &str| {
        told.iter()
            .filter(|outcome| outcome.status == SettingStatus::NeedsPerson)
            .any(|outcome| setting.split('.').any(|part| part == outcome.setting))
    };
    let differences = wanted.differences(actual).into_iter();
    differences
        .filter(|difference| !is_told(&difference.setting))
        .map(|difference| SettingOutcome::needs_person(&difference.setting, difference.to_string()))
        .collect()
}

/// Where a resource differs from a point: what has drifted since.
///
/// # Errors
/// Those of the services; `NotFound` when it is gone.
pub async fn drift<P: ReadWiring>(
    port: &P,
    id: &ResourceId,
    document: &Document,
) -> Result<Vec<Difference>, PortError> {
    let found = super::read(port, id).await?;
    Ok(document.differences(&found.document))
}
