//! What polls a queue or a stream on a Lambda function's behalf. AWS names mappings itself, so one is known again by what it
//! connects; how far a mapping had read its stream is not protected.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::own_tags;
use super::{Document, Reading};
use crate::call::Call;
use crate::call::lambda::{
    CreateEventSourceMapping, GetEventSourceMapping, ListEventSourceMappings, ListTags, TagResource,
    UpdateEventSourceMapping,
};

/// What belongs to a mapping and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["how far a stream had been read: a new mapping begins at its starting position"];

const OBSERVED: [&str; 8] = [
    "EventSourceMappingArn",
    "FilterCriteriaError",
    "LastModified",
    "LastProcessingResult",
    "State",
    "StateReason",
    "StateTransitionReason",
    "UUID",
];

/// Members that say what is connected; a mapping cannot change them.
const CONNECTION: [&str; 5] = [
    "DocumentDBEventSourceConfig",
    "EventSourceArn",
    "FunctionArn",
    "Queues",
    "SelfManagedEventSource",
];

/// Of these only the first call may speak.
const AT_CREATION: [&str; 7] = [
    "AmazonManagedKafkaEventSourceConfig",
    "EventSourceArn",
    "Queues",
    "SelfManagedEventSource",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
];

/// Mappings a page; the service's maximum.
const PAGE: u32 = 100;

ports! {
    /// What listing mappings asks for.
    pub trait Lists: Call<ListEventSourceMappings>
}

ports! {
    /// What reading a mapping asks for.
    pub trait Reads: Call<GetEventSourceMapping>, Call<ListEventSourceMappings>, Call<ListTags>
}

ports! {
    /// What making a mapping asks for.
    pub trait Makes: Call<CreateEventSourceMapping>, Call<UpdateEventSourceMapping>, Call<TagResource>
}

async fn mappings<P: Call<ListEventSourceMappings>>(at: &At<'_, P>, input: Value) -> Result<Vec<Value>, PortError> {
    let mut input = input;
    input["MaxItems"] = Value::from(PAGE);
    let mappings = at
        .pages::<ListEventSourceMappings>(input, "EventSourceMappings", "NextMarker", "Marker")
        .await?;
    let stays = |mapping: &Value| mapping.get("State").and_then(Value::as_str) != Some("Deleting");
    Ok(mappings.into_iter().filter(stays).collect())
}

/// Where the service does not tell a mapping's ARN, it follows from its function's.
fn arn_of<P>(at: &At<'_, P>, mapping: &Value) -> Result<Arn, PortError> {
    if mapping.get("EventSourceMappingArn").is_some() {
        return super::arn_in(mapping.get("EventSourceMappingArn"), at.id);
    }
    let function = super::arn_in(mapping.get("FunctionArn"), at.id)?;
    let text = format!(
        "arn:{}:lambda:{}:{}:event-source-mapping:{}",
        function.partition(),
        function.region(),
        function.account(),
        mapping.get("UUID").and_then(Value::as_str).unwrap_or_default()
    );
    super::arn_in(Some(&Value::from(text)), at.id)
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let mappings = mappings(at, json!({})).await?;
    mappings.iter().map(|mapping| arn_of(at, mapping)).collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let mapping = at.ask::<GetEventSourceMapping>(json!({ "UUID": at.id.name })).await?;
    reading(at, &mapping).await
}

async fn reading<P: Reads>(at: &At<'_, P>, mapping: &Value) -> Result<Reading, PortError> {
    let arn = arn_of(at, mapping)?;
    let mut notes = Notes::default();
    let tags = at.ask::<ListTags>(json!({ "Resource": arn })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    if let Some(error) = mapping
        .get("FilterCriteriaError")
        .and_then(|error| error.get("Message"))
        .and_then(Value::as_str)
    {
        notes.detail::<()>("FilterCriteria", Err(PortError::Denied(error.to_owned())))?;
    }
    let mut config = super::without(mapping, &OBSERVED);
    let state = mapping.get("State").and_then(Value::as_str).unwrap_or_default();
    config.insert(
        "Enabled".to_owned(),
        Value::from(matches!(state, "Enabled" | "Enabling" | "Creating" | "Updating")),
    );
    Ok(Reading::new(
        arn,
        notes,
        Document {
            config,
            tags: own_tags(tags.get("Tags")),
            observed: Map::from_iter([("UUID".to_owned(), mapping.get("UUID").cloned().unwrap_or_default())]),
            ..Document::default()
        },
    ))
}

/// The mapping that connects what a document connects.
pub(super) async fn find<P: Reads>(at: &At<'_, P>, wanted: &Document) -> Result<Reading, PortError> {
    let mut input = json!({ "FunctionName": wanted.config.get("FunctionArn") });
    if let Some(source) = wanted.config.get("EventSourceArn") {
        input["EventSourceArn"] = source.clone();
    }
    let same = |mapping: &Value| {
        CONNECTION.iter().all(|name| {
            let found = mapping
                .get(*name)
                .filter(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
            found == wanted.config.get(*name)
        })
    };
    match mappings(at, input).await?.iter().find(|mapping| same(mapping)) {
        Some(mapping) => reading(at, mapping).await,
        None => Err(PortError::NotFound(format!(
            "{}: nothing connects what it connected",
            at.id
        ))),
    }
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let mut input = wanted.config.clone();
    if let Some(function) = input.remove("FunctionArn") {
        input.insert("FunctionName".to_owned(), function);
    }
    if making.exists {
        let found = find(&making.at, wanted).await?;
        let uuid = found.document.observed.get("UUID").cloned().unwrap_or_default();
        input.retain(|name, _| !AT_CREATION.contains(&name.as_str()));
        input.insert("UUID".to_owned(), uuid);
        making
            .set::<UpdateEventSourceMapping>("EventSourceMapping", Value::Object(input))
            .await?;
        if !wanted.tags.is_empty() {
            let tags = json!({ "Resource": found.arn, "Tags": wanted.tags });
            making.set::<TagResource>("Tags", tags).await?;
        }
    } else {
        if !wanted.tags.is_empty() {
            input.insert("Tags".to_owned(), json!(wanted.tags));
        }
        making.create::<CreateEventSourceMapping>(Value::Object(input)).await?;
    }
    Ok(())
}
