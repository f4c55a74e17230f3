//! EventBridge rules with all their targets. Rules that a service of AWS manages are its own matter and are not listed.

use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, own_tags, parsed, present, tag_list};
use super::event_bus::{DEFAULT, PAGE};
use super::{Document, Reading};
use crate::SettingOutcome;
use crate::call::events::{
    DescribeRule, ListEventBuses, ListRules, ListTagsForResource, ListTargetsByRule, PutRule, PutTargets, TagResource,
};
use crate::call::{Call, InAccount};

/// What belongs to a rule and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "rules of partner event buses",
    "rules that a service of AWS manages",
    "events",
];

const OBSERVED: [&str; 6] = ["Arn", "CreatedBy", "EventBusName", "EventPattern", "ManagedBy", "Name"];

/// Targets a call of PutTargets; its maximum.
const TARGETS_A_CALL: usize = 10;

/// How often the targets of a call are put that EventBridge takes only in part.
const PARTIAL_TRIES: usize = 5;

ports! {
    /// What listing rules asks for.
    pub trait Lists: Call<ListEventBuses>, Call<ListRules>
}

ports! {
    /// What reading a rule asks for.
    pub trait Reads: Call<DescribeRule>, Call<ListTargetsByRule>, Call<ListTagsForResource>
}

ports! {
    /// What making a rule asks for.
    pub trait Makes: Call<PutRule>, Call<PutTargets>, Call<TagResource>, InAccount
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let buses = at
        .pages::<ListEventBuses>(json!({ "Limit": PAGE }), "EventBuses", "NextToken", "NextToken")
        .await?;
    let mut arns = Vec::new();
    for bus in buses
        .iter()
        .filter_map(|bus| bus.get("Name")?.as_str())
        .filter(|bus| !bus.contains('/'))
    {
        let input = json!({ "EventBusName": bus, "Limit": PAGE });
        let rules = at.pages::<ListRules>(input, "Rules", "NextToken", "NextToken").await?;
        let own = rules
            .iter()
            .filter(|rule| rule.get("ManagedBy").is_none_or(Value::is_null));
        for rule in own {
            arns.push(super::arn_in(rule.get("Arn"), at.id)?);
        }
    }
    Ok(arns)
}

/// The rule's name and its bus, as every call about it takes them.
fn address<P>(at: &At<'_, P>, rule: &str) -> Map<String, Value> {
    let bus = at.id.parent().unwrap_or(DEFAULT);
    Map::from_iter([
        (rule.to_owned(), Value::from(at.id.leaf())),
        ("EventBusName".to_owned(), Value::from(bus)),
    ])
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at.ask::<DescribeRule>(Value::Object(address(at, "Name"))).await?;
    let arn = super::arn_in(answer.get("Arn"), at.id)?;
    if let Some(owner) = answer.get("ManagedBy").and_then(Value::as_str) {
        return Err(PortError::Invalid(format!(
            "{}: it is managed by {owner}, which makes it anew by itself",
            at.id
        )));
    }
    let mut notes = Notes::default();
    let tags = at.ask::<ListTagsForResource>(json!({ "ResourceARN": arn })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    let mut input = address(at, "Rule");
    input.insert("Limit".to_owned(), Value::from(PAGE));
    let targets = at
        .pages::<ListTargetsByRule>(Value::Object(input), "Targets", "NextToken", "NextToken")
        .await;
    let mut config = super::without(&answer, &OBSERVED);
    if let Some(pattern) = answer.get("EventPattern").filter(|pattern| !pattern.is_null()) {
        config.insert("EventPattern".to_owned(), parsed(pattern.clone()));
    }
    if let Some(targets) = notes.detail("Targets", targets)? {
        let by_id = targets
            .into_iter()
            .filter_map(|target| Some((target.get("Id")?.as_str()?.to_owned(), present(target))));
        let by_id: BTreeMap<String, Value> = by_id.collect();
        config.insert("Targets".to_owned(), by_id.into_values().collect());
    }
    Ok(Reading::new(
        arn,
        notes,
        Document {
            config,
            tags: own_tags(tags.get("Tags")),
            ..Document::default()
        },
    ))
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let mut rule = wanted.config.clone();
    let targets = match rule.remove("Targets") {
        Some(Value::Array(targets)) => targets,
        _ => Vec::new(),
    };
    rule.extend(address(&making.at, "Name"));
    if let Some(pattern) = rule.get("EventPattern") {
        let pattern = Value::from(as_text(pattern));
        rule.insert("EventPattern".to_owned(), pattern);
    }
    // A field that is left out becomes nothing, so every call has the whole rule. It is off until its targets are there; one
    // that is on stays so, because what it would miss is lost.
    let state = rule.get("State").cloned();
    let is_on = making.exists && is_on(making).await?;
    let mut first = rule.clone();
    if !is_on {
        first.insert("State".to_owned(), json!("DISABLED"));
    }
    if !wanted.tags.is_empty() && !making.exists {
        first.insert("Tags".to_owned(), tag_list(&wanted.tags));
    }
    if making.exists {
        making.set::<PutRule>("Rule", Value::Object(first)).await?;
    } else {
        making.create::<PutRule>(Value::Object(first)).await?;
    }
    // Of a rule that is there the same call ignores them.
    if !wanted.tags.is_empty() && making.exists {
        let input = json!({ "ResourceARN": making.at.arn()?, "Tags": tag_list(&wanted.tags) });
        making.set::<TagResource>("Tags", input).await?;
    }
    for some in targets.chunks(TARGETS_A_CALL) {
        put_targets(making, some.to_vec()).await?;
    }
    if !is_on && state.is_some_and(|state| state != "DISABLED") {
        making.set::<PutRule>("State", Value::Object(rule)).await?;
    }
    Ok(())
}

async fn is_on<P: Reads + Makes, C: Clock>(making: &Making<'_, P, C>) -> Result<bool, PortError> {
    let input = Value::Object(address(&making.at, "Name"));
    let found = making.ask::<DescribeRule>(input).await?;
    let state = found.get("State").and_then(Value::as_str).unwrap_or_default();
    Ok(state.starts_with("ENABLED"))
}

/// Puts up to ten targets. Those that the service does not take are put again while that may help, and then told one by one.
async fn put_targets<P: Makes, C: Clock>(making: &mut Making<'_, P, C>, targets: Vec<Value>) -> Result<(), PortError> {
    let mut open = targets;
    for tries in 1.. {
        let mut input = address(&making.at, "Rule");
        input.insert("Targets".to_owned(), Value::Array(open.clone()));
        let answer = match making.ask::<PutTargets>(Value::Object(input)).await {
            Ok(answer) => answer,
            Err(error) => {
                for target in &open {
                    making.told::<()>(&label(target), Err(error.clone()))?;
                }
                return Ok(());
            }
        };
        let failed = failures(&answer)?;
        let mut again = Vec::new();
        for target in open {
            match failed.get(id(&target)) {
                None => making.outcomes.push(SettingOutcome::restored(&label(&target))),
                Some(PortError::Throttled(_)) if tries < PARTIAL_TRIES => again.push(target),
                Some(error) => _ = making.told::<()>(&label(&target), Err(error.clone()))?,
            }
        }
        if again.is_empty() {
            return Ok(());
        }
        open = again;
    }
    Ok(())
}

fn id(target: &Value) -> &str {
    target.get("Id").and_then(Value::as_str).unwrap_or_default()
}

fn label(target: &Value) -> String {
    format!("Target {}", id(target))
}

/// The targets that were not taken, and why: the call as a whole went well. `Throttled` stands for whatever may pass.
fn failures(answer: &Value) -> Result<BTreeMap<String, PortError>, PortError> {
    let mut failed = BTreeMap::new();
    for entry in answer
        .get("FailedEntries")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let word = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("no reason given");
        let (code, why) = (
            word("ErrorCode"),
            format!("{}: {}", word("ErrorCode"), word("ErrorMessage")),
        );
        let may_pass = ["Throttl", "Concurrent", "Internal"]
            .iter()
            .any(|part| code.contains(part));
        let error = if may_pass {
            PortError::Throttled(why)
        } else {
            PortError::Invalid(why)
        };
        failed.insert(word("TargetId").to_owned(), error);
    }
    let count = answer.get("FailedEntryCount").and_then(Value::as_u64).unwrap_or(0);
    if failed.is_empty() && count > 0 {
        return Err(PortError::Unavailable(
            "the answer does not say which targets failed".to_owned(),
        ));
    }
    Ok(failed)
}
