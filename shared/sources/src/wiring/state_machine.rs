//! Step Functions state machines: definition, logging, tracing, encryption, and the versions that aliases use. Executions are not
//! protected.
//!
//! Version numbers are never used twice, so in a document a version is known by its place among those that aliases use.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, own_tags, parsed, present};
use super::{Document, Reading};
use crate::call::states::{
    CreateStateMachine, CreateStateMachineAlias, DescribeStateMachine, DescribeStateMachineAlias,
    ListStateMachineAliases, ListStateMachineVersions, ListStateMachines, ListTagsForResource,
    PublishStateMachineVersion, TagResource, UpdateStateMachine,
};
use crate::call::{Call, InAccount};

/// What belongs to a state machine and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "executions and their history",
    "activities",
    "versions that no alias uses",
];

const OBSERVED: [&str; 8] = [
    "creationDate",
    "description",
    "label",
    "name",
    "revisionId",
    "stateMachineArn",
    "status",
    "variableReferences",
];

/// Entries a page; the service's maximum.
const PAGE: u32 = 1_000;

ports! {
    /// What listing state machines asks for.
    pub trait Lists: Call<ListStateMachines>
}

ports! {
    /// What reading a state machine asks for.
    pub trait Reads: Call<DescribeStateMachine>, Call<ListStateMachineVersions>, Call<ListStateMachineAliases>, Call<DescribeStateMachineAlias>, Call<ListTagsForResource>, InAccount
}

ports! {
    /// What making a state machine asks for.
    pub trait Makes: Call<CreateStateMachine>, Call<UpdateStateMachine>, Call<PublishStateMachineVersion>, Call<CreateStateMachineAlias>, Call<TagResource>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let input = json!({ "maxResults": PAGE });
    let machines = at
        .pages::<ListStateMachines>(input, "stateMachines", "nextToken", "nextToken")
        .await?;
    machines
        .iter()
        .map(|machine| super::arn_in(machine.get("stateMachineArn"), at.id))
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let arn = at.arn()?;
    let answer = at
        .ask::<DescribeStateMachine>(json!({ "stateMachineArn": arn }))
        .await?;
    if answer.get("status").and_then(Value::as_str) == Some("DELETING") {
        return Err(PortError::NotFound(format!("{}: it is being deleted", at.id)));
    }
    let mut notes = Notes::default();
    let tags = at.ask::<ListTagsForResource>(json!({ "resourceArn": arn })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    let mut config = settings(&answer);
    let aliases = aliases(at, &arn).await;
    if let Some(Aliases { aliases, versions }) = notes.detail("aliases", aliases)? {
        if !versions.is_empty() {
            config.insert("versions".to_owned(), Value::Array(versions));
        }
        if !aliases.is_empty() {
            config.insert("aliases".to_owned(), Value::Array(aliases));
        }
    }
    Ok(Reading::new(
        arn,
        notes,
        Document {
            config,
            tags: own_tags(tags.get("tags")),
            ..Document::default()
        },
    ))
}

fn settings(answer: &Value) -> Map<String, Value> {
    let mut settings = super::without(answer, &OBSERVED);
    if let Some(definition) = settings.remove("definition") {
        settings.insert("definition".to_owned(), parsed(definition));
    }
    settings
}

struct Aliases {
    aliases: Vec<Value>,
    versions: Vec<Value>,
}

/// Aliases in order of their names, and the versions that they use, oldest first; two that are alike are one.
async fn aliases<P: Reads>(at: &At<'_, P>, arn: &Arn) -> Result<Aliases, PortError> {
    let input = json!({ "stateMachineArn": arn, "maxResults": PAGE });
    let listed = at
        .pages::<ListStateMachineAliases>(input, "stateMachineAliases", "nextToken", "nextToken")
        .await?;
    let mut described = Vec::with_capacity(listed.len());
    for alias in &listed {
        let arn = alias.get("stateMachineAliasArn").cloned().unwrap_or_default();
        described.push(
            at.ask::<DescribeStateMachineAlias>(json!({ "stateMachineAliasArn": arn }))
                .await?,
        );
    }
    described.sort_by_cached_key(|alias| alias["name"].to_string());
    let routes = |alias: &Value| alias["routingConfiguration"].as_array().cloned().unwrap_or_default();
    let mut used: Vec<u64> = described
        .iter()
        .flat_map(routes)
        .filter_map(|route| number_of(&route))
        .collect();
    used.sort_unstable();
    used.dedup();
    let (mut versions, mut places) = (Vec::new(), Vec::new());
    for number in &used {
        let version = version(at, arn, *number).await?;
        let place = versions
            .iter()
            .position(|known| *known == version)
            .unwrap_or(versions.len());
        if place == versions.len() {
            versions.push(version);
        }
        places.push(place);
    }
    let place = |route: &Value| {
        let at = used.iter().position(|number| Some(*number) == number_of(route))?;
        Some(json!({ "version": places.get(at)?, "weight": route["weight"] }))
    };
    let aliases = described.iter().map(|alias| {
        let routes: Vec<Value> = routes(alias).iter().filter_map(place).collect();
        present(json!({ "name": alias["name"], "description": alias["description"], "routes": routes }))
    });
    Ok(Aliases {
        aliases: aliases.collect(),
        versions,
    })
}

fn number_of(route: &Value) -> Option<u64> {
    route["stateMachineVersionArn"]
        .as_str()?
        .rsplit(':')
        .next()?
        .parse()
        .ok()
}

async fn version<P: Call<DescribeStateMachine> + Sync>(
    at: &At<'_, P>,
    arn: &Arn,
    number: u64,
) -> Result<Value, PortError> {
    let answer = at
        .ask::<DescribeStateMachine>(json!({ "stateMachineArn": format!("{arn}:{number}") }))
        .await?;
    let mut settings = settings(&answer);
    // The machine's, whatever the version.
    settings.remove("type");
    if let Some(description) = answer
        .get("description")
        .filter(|text| text.as_str().is_some_and(|text| !text.is_empty()))
    {
        settings.insert("description".to_owned(), description.clone());
    }
    Ok(Value::Object(settings))
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let arn = making.at.arn()?;
    let list = |name: &str| {
        wanted
            .config
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let (versions, aliases) = (list("versions"), list("aliases"));
    let mut latest = wanted.config.clone();
    latest.remove("versions");
    latest.remove("aliases");
    if making.exists {
        if !wanted.tags.is_empty() {
            let input = json!({ "resourceArn": arn, "tags": tags(wanted) });
            making.set::<TagResource>("Tags", input).await?;
        }
    } else {
        let mut input = input(&Value::Object(latest.clone()));
        input["name"] = Value::from(making.at.id.name.as_str());
        if !wanted.tags.is_empty() {
            input["tags"] = tags(wanted);
        }
        making.create::<CreateStateMachine>(input).await?;
    }
    let numbers = publish(making, &arn, &versions).await?;
    if making.exists || !versions.is_empty() {
        making
            .set::<UpdateStateMachine>("definition", update(&arn, &Value::Object(latest)))
            .await?;
    }
    for alias in &aliases {
        let name = alias["name"].as_str().unwrap_or_default();
        let routes = alias["routes"].as_array().into_iter().flatten();
        let routes: Option<Vec<Value>> = routes
            .map(|route| {
                let place = usize::try_from(route["version"].as_u64()?).ok()?;
                Some(json!({ "stateMachineVersionArn": format!("{arn}:{}", numbers.get(place)?), "weight": route["weight"] }))
            })
            .collect();
        let setting = format!("Alias {name}");
        let Some(routes) = routes else {
            making.needs_person(&setting, "a version that it leads to could not be published: see there");
            continue;
        };
        let mut input = json!({ "name": name, "routingConfiguration": routes });
        if let Some(description) = alias.get("description") {
            input["description"] = description.clone();
        }
        match making.ask::<CreateStateMachineAlias>(input).await {
            // Made by a try whose answer was lost; what is read back at the end says whether it is right.
            Err(PortError::AlreadyExists(_)) => _ = making.told(&setting, Ok(()))?,
            result => _ = making.told(&setting, result)?,
        }
    }
    Ok(())
}

/// Publishes each version that is not published yet, and gives their numbers. A machine that an earlier try has made has the
/// first of them already.
async fn publish<P: Reads + Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    arn: &Arn,
    versions: &[Value],
) -> Result<Vec<u64>, PortError> {
    let mut numbers = Vec::new();
    if versions.is_empty() {
        return Ok(numbers);
    }
    let input = json!({ "stateMachineArn": arn, "maxResults": PAGE });
    let pages = making
        .at
        .pages::<ListStateMachineVersions>(input, "stateMachineVersions", "nextToken", "nextToken");
    let mut published: Vec<u64> = pages.await?.iter().filter_map(number_of).collect();
    published.sort_unstable();
    for number in published {
        let Some(wanted) = versions.get(numbers.len()) else {
            break;
        };
        if version(&making.at, arn, number).await? == *wanted {
            numbers.push(number);
        }
    }
    for wanted in versions.iter().skip(numbers.len()) {
        let setting = format!("Version {}", numbers.len() + 1);
        let Some(updated) = making.set::<UpdateStateMachine>(&setting, update(arn, wanted)).await? else {
            break;
        };
        let mut input = json!({ "stateMachineArn": arn });
        // Of this revision and no other, whatever somebody else does meanwhile.
        for (member, value) in [
            ("revisionId", updated.get("revisionId")),
            ("description", wanted.get("description")),
        ] {
            if let Some(value) = value {
                input[member] = value.clone();
            }
        }
        let Some(answer) = making.set::<PublishStateMachineVersion>(&setting, input).await? else {
            break;
        };
        match number_of(&answer) {
            Some(number) => numbers.push(number),
            None => {
                return Err(PortError::Unavailable(format!(
                    "{}: the answer has no version",
                    making.at.id
                )));
            }
        }
    }
    Ok(numbers)
}

fn tags(document: &Document) -> Value {
    document
        .tags
        .iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

/// Settings as a call takes them: the definition as text, and no description, which is the version's own.
fn input(settings: &Value) -> Value {
    let mut input = settings.clone();
    if let Some(members) = input.as_object_mut() {
        members.remove("description");
        if let Some(definition) = members.get_mut("definition") {
            *definition = Value::from(as_text(definition));
        }
    }
    input
}

/// The same for a machine that is there: its type stays.
fn update(arn: &Arn, settings: &Value) -> Value {
    let mut input = input(settings);
    input.as_object_mut().map(|members| members.remove("type"));
    input["stateMachineArn"] = Value::from(arn.as_str());
    input
}
