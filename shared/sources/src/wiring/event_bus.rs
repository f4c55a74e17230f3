//! EventBridge buses with their policies. Partner buses belong to their partner and are not listed.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, own_tags, parsed, tag_list};
use super::{Document, Reading};
use crate::call::events::{
    CreateEventBus, DescribeEventBus, ListEventBuses, ListTagsForResource, PutPermission, TagResource,
};
use crate::call::{Call, InAccount};

/// What belongs to a bus and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["partner event buses", "events", "schema discovery"];

/// The bus that every account has.
pub(super) const DEFAULT: &str = "default";

const OBSERVED: [&str; 6] = ["Arn", "CreationTime", "LastModifiedTime", "ManagedBy", "Name", "Policy"];

ports! {
    /// What listing buses asks for.
    pub trait Lists: Call<ListEventBuses>
}

ports! {
    /// What reading a bus asks for.
    pub trait Reads: Call<DescribeEventBus>, Call<ListTagsForResource>
}

ports! {
    /// What making a bus asks for.
    pub trait Makes: Call<CreateEventBus>, Call<PutPermission>, Call<TagResource>, InAccount
}

/// The names of a page of a listing; EventBridge's maximum.
pub(super) const PAGE: u32 = 100;

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let buses = at
        .pages::<ListEventBuses>(json!({ "Limit": PAGE }), "EventBuses", "NextToken", "NextToken")
        .await?;
    buses.iter().map(|bus| super::arn_in(bus.get("Arn"), at.id)).collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at.ask::<DescribeEventBus>(json!({ "Name": at.id.name })).await?;
    let arn = super::arn_in(answer.get("Arn"), at.id)?;
    let mut notes = Notes::default();
    let tags = at.ask::<ListTagsForResource>(json!({ "ResourceARN": arn })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    let mut config = super::without(&answer, &OBSERVED);
    if let Some(policy) = answer
        .get("Policy")
        .filter(|policy| policy.as_str().is_some_and(|text| !text.is_empty()))
    {
        config.insert("Policy".to_owned(), parsed(policy.clone()));
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
    let name = &making.at.id.name;
    if making.exists {
        if !wanted.tags.is_empty() {
            let input = json!({ "ResourceARN": making.at.arn()?, "Tags": tag_list(&wanted.tags) });
            making.set::<TagResource>("Tags", input).await?;
        }
    } else {
        let mut input: Map<String, Value> = wanted.config.clone();
        input.remove("Policy");
        input.insert("Name".to_owned(), Value::from(name.as_str()));
        if !wanted.tags.is_empty() {
            input.insert("Tags".to_owned(), tag_list(&wanted.tags));
        }
        making.create::<CreateEventBus>(Value::Object(input)).await?;
    }
    if let Some(policy) = wanted.config.get("Policy") {
        let input = json!({ "EventBusName": name, "Policy": as_text(policy) });
        making.set::<PutPermission>("Policy", input).await?;
    }
    Ok(())
}
