//! SQS queues: attributes, policy, redrive, tags. Messages are not protected.

use holdfast_catalog::{Arn, ResourceId};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, own_tags, parsed};
use super::{Document, Reading};
use crate::call::sqs::{
    CreateQueue, GetQueueAttributes, GetQueueUrl, ListQueueTags, ListQueues, SetQueueAttributes, TagQueue,
};
use crate::call::{Call, InAccount};

/// What belongs to a queue and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["messages"];

/// Attributes that say how the queue is doing or what it is called, and are not settings.
const OBSERVED: [&str; 3] = ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"];

/// Attributes that name other resources: put back one by one, so that one that cannot be leaves the others alone.
const LATER: [&str; 3] = ["RedrivePolicy", "RedriveAllowPolicy", "Policy"];

/// Queues a page of the listing; its maximum. Without it the service tells of no more than this and of no next page.
const PAGE: u32 = 1_000;

ports! {
    /// What listing queues asks for.
    pub trait Lists: Call<ListQueues>, InAccount
}

ports! {
    /// What reading a queue asks for.
    pub trait Reads: Call<GetQueueUrl>, Call<GetQueueAttributes>, Call<ListQueueTags>
}

ports! {
    /// What making a queue asks for.
    pub trait Makes: Call<CreateQueue>, Call<SetQueueAttributes>, Call<TagQueue>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let urls = at
        .pages::<ListQueues>(json!({ "MaxResults": PAGE }), "QueueUrls", "NextToken", "NextToken")
        .await?;
    let names = urls.iter().filter_map(|url| url.as_str()?.rsplit('/').next());
    let arns = names.map(|name| {
        let id = ResourceId {
            name: name.to_owned(),
            ..at.id.clone()
        };
        At { port: at.port, id: &id }.arn()
    });
    arns.collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let url = url(at).await?;
    let answer = at
        .ask::<GetQueueAttributes>(json!({ "QueueUrl": url, "AttributeNames": ["All"] }))
        .await?;
    let attributes = answer
        .get("Attributes")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let arn = super::arn_in(attributes.get("QueueArn"), at.id)?;
    let mut notes = Notes::default();
    let tags = at.ask::<ListQueueTags>(json!({ "QueueUrl": url })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    let is_setting = |name: &str| !OBSERVED.contains(&name) && !name.starts_with("Approximate");
    let settings = attributes.into_iter().filter(|(name, _)| is_setting(name));
    let settings: Map<String, Value> = settings.map(|(name, value)| (name, parsed(value))).collect();
    Ok(Reading::new(
        arn,
        notes,
        Document {
            config: Map::from_iter([("Attributes".to_owned(), Value::Object(settings))]),
            tags: own_tags(tags.get("Tags")),
            observed: Map::from_iter([("QueueUrl".to_owned(), Value::from(url))]),
            ..Document::default()
        },
    ))
}

async fn url<P: Call<GetQueueUrl>>(at: &At<'_, P>) -> Result<String, PortError> {
    let answer = at.ask::<GetQueueUrl>(json!({ "QueueName": at.id.name })).await?;
    super::text_in(&answer, "QueueUrl", at.id)
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making
        .wanted
        .config
        .get("Attributes")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let is_now = |name: &str| !LATER.contains(&name);
    let mut attributes: Map<String, Value> = wanted
        .iter()
        .filter(|(name, _)| is_now(name))
        .map(|(name, value)| (name.clone(), Value::from(as_text(value))))
        .collect();
    // One kind of encryption excludes the other, and the service refuses both names in one call.
    if attributes.get("KmsMasterKeyId").is_some_and(|key| key != "") {
        attributes.remove("SqsManagedSseEnabled");
    }
    if attributes.get("FifoQueue").is_some_and(|fifo| fifo != "true") {
        attributes.remove("FifoQueue");
    }
    let url = if making.exists {
        let url = url(&making.at).await?;
        // Whether a queue is FIFO cannot be changed, nor said again.
        attributes.retain(|name, _| name != "FifoQueue");
        making
            .set::<SetQueueAttributes>("Attributes", json!({ "QueueUrl": url, "Attributes": attributes }))
            .await?;
        if !making.wanted.tags.is_empty() {
            making
                .set::<TagQueue>("Tags", json!({ "QueueUrl": url, "Tags": making.wanted.tags }))
                .await?;
        }
        url
    } else {
        let mut input = json!({ "QueueName": making.at.id.name, "Attributes": attributes });
        if !making.wanted.tags.is_empty() {
            input["tags"] = json!(making.wanted.tags);
        }
        let answer = making.create::<CreateQueue>(input).await?;
        making.told("Attributes", Ok(()))?;
        super::text_in(&answer, "QueueUrl", making.at.id)?
    };
    for name in LATER {
        if let Some(value) = wanted.get(name) {
            let input = json!({ "QueueUrl": url, "Attributes": { name: as_text(value) } });
            making.set::<SetQueueAttributes>(name, input).await?;
        }
    }
    Ok(())
}
