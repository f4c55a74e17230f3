//! SNS topics with their subscriptions. Messages are not protected; a subscription that its owner has to confirm is made anew and
//! waits for that.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, own_tags, parsed, sorted, tag_list};
use super::{Document, Reading};
use crate::call::sns::{
    CreateTopic, GetDataProtectionPolicy, GetSubscriptionAttributes, GetTopicAttributes, ListSubscriptionsByTopic,
    ListTagsForResource, ListTopics, PutDataProtectionPolicy, SetTopicAttributes, Subscribe, TagResource,
};
use crate::call::{Call, InAccount};

/// What belongs to a topic and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &[
    "messages, archived ones included",
    "confirmations of subscriptions by e-mail, HTTP and other accounts",
    "platform applications, endpoints and SMS settings",
];

/// Attributes that are no settings: what the topic is called, how it is doing, and what follows from other settings.
const OBSERVED: [&str; 7] = [
    "BeginningArchiveTime",
    "EffectiveDeliveryPolicy",
    "Owner",
    "SubscriptionsConfirmed",
    "SubscriptionsDeleted",
    "SubscriptionsPending",
    "TopicArn",
];

/// The same of a subscription.
const OBSERVED_OF_SUBSCRIPTION: [&str; 7] = [
    "ConfirmationWasAuthenticated",
    "EffectiveDeliveryPolicy",
    "Owner",
    "PendingConfirmation",
    "SubscriptionArn",
    "SubscriptionPrincipal",
    "TopicArn",
];

/// Attributes that a topic is made with and that cannot be set, or not so well, afterwards.
const AT_CREATION: [&str; 2] = ["ContentBasedDeduplication", "FifoTopic"];

/// Protocols whose endpoints have to say yes before anything is sent to them.
const TO_CONFIRM: [&str; 4] = ["email", "email-json", "http", "https"];

ports! {
    /// What listing topics asks for.
    pub trait Lists: Call<ListTopics>
}

ports! {
    /// What reading a topic asks for.
    pub trait Reads: Call<GetTopicAttributes>, Call<ListSubscriptionsByTopic>, Call<GetSubscriptionAttributes>, Call<GetDataProtectionPolicy>, Call<ListTagsForResource>, InAccount
}

ports! {
    /// What making a topic asks for.
    pub trait Makes: Call<CreateTopic>, Call<SetTopicAttributes>, Call<PutDataProtectionPolicy>, Call<Subscribe>, Call<TagResource>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let topics = at
        .pages::<ListTopics>(json!({}), "Topics", "NextToken", "NextToken")
        .await?;
    topics
        .iter()
        .map(|topic| super::arn_in(topic.get("TopicArn"), at.id))
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let arn = at.arn()?;
    let answer = at.ask::<GetTopicAttributes>(json!({ "TopicArn": arn })).await?;
    let mut notes = Notes::default();
    let mut config = Map::new();
    config.insert("Attributes".to_owned(), settings(&answer, &OBSERVED));
    let tags = at.ask::<ListTagsForResource>(json!({ "ResourceArn": arn })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    let policy = match at.ask::<GetDataProtectionPolicy>(json!({ "ResourceArn": arn })).await {
        // FIFO topics have none, and say so by refusing the question.
        Err(PortError::Invalid(_)) => Ok(Value::Null),
        result => result,
    };
    let policy = notes.detail("DataProtectionPolicy", policy)?.unwrap_or_default();
    if let Some(text) = policy
        .get("DataProtectionPolicy")
        .filter(|text| text.as_str().is_some_and(|text| !text.is_empty()))
    {
        config.insert("DataProtectionPolicy".to_owned(), parsed(text.clone()));
    }
    let subscriptions = subscriptions(at, &arn, &mut notes).await;
    if let Some(subscriptions) = notes.detail("Subscriptions", subscriptions)? {
        config.insert("Subscriptions".to_owned(), Value::Array(subscriptions));
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

fn settings(answer: &Value, observed: &[&str]) -> Value {
    let attributes = answer.get("Attributes").and_then(Value::as_object);
    let all = attributes.into_iter().flatten();
    let settings = all.filter(|(name, _)| !observed.contains(&name.as_str()));
    settings
        .map(|(name, value)| (name.clone(), parsed(value.clone())))
        .collect()
}

/// All subscriptions in order of protocol and endpoint.
async fn subscriptions<P: Reads>(at: &At<'_, P>, topic: &Arn, notes: &mut Notes) -> Result<Vec<Value>, PortError> {
    let input = json!({ "TopicArn": topic });
    let pages = at
        .pages::<ListSubscriptionsByTopic>(input, "Subscriptions", "NextToken", "NextToken")
        .await?;
    let mut subscriptions = Vec::with_capacity(pages.len());
    for listed in pages {
        let text = |name: &str| listed.get(name).and_then(Value::as_str).unwrap_or_default();
        let (protocol, endpoint, arn) = (text("Protocol"), text("Endpoint"), text("SubscriptionArn"));
        if arn == "Deleted" {
            continue;
        }
        let mut subscription = json!({ "Protocol": protocol, "Endpoint": endpoint });
        // One that nobody has confirmed yet has no ARN and no settings to read.
        if arn.starts_with("arn:") {
            let answer = at
                .ask::<GetSubscriptionAttributes>(json!({ "SubscriptionArn": arn }))
                .await;
            let answer = match answer {
                // It was ended meanwhile.
                Err(PortError::NotFound(_)) => continue,
                answer => notes.detail("Subscriptions", answer)?.unwrap_or_default(),
            };
            let mut settings = settings(&answer, &OBSERVED_OF_SUBSCRIPTION);
            // Some list what AWS answers by itself beside the settings.
            for name in ["Protocol", "Endpoint"] {
                settings.as_object_mut().map(|map| map.remove(name));
            }
            subscription["Attributes"] = settings;
        }
        subscriptions.push(sorted(subscription));
    }
    subscriptions.sort_by_cached_key(|one| {
        (
            one["Protocol"].to_string(),
            one["Endpoint"].to_string(),
            one.to_string(),
        )
    });
    Ok(subscriptions)
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let wanted = making.wanted;
    let attributes = wanted
        .config
        .get("Attributes")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let arn = making.at.arn()?;
    if !making.exists {
        let first = attributes
            .iter()
            .filter(|(name, value)| AT_CREATION.contains(&name.as_str()) && as_text(value) == "true");
        let first: Map<String, Value> = first
            .map(|(name, value)| (name.clone(), Value::from(as_text(value))))
            .collect();
        let mut input = json!({ "Name": making.at.id.name });
        if !first.is_empty() {
            input["Attributes"] = Value::Object(first);
        }
        if !wanted.tags.is_empty() {
            input["Tags"] = tag_list(&wanted.tags);
        }
        making.create::<CreateTopic>(input).await?;
    } else if !wanted.tags.is_empty() {
        let input = json!({ "ResourceArn": arn, "Tags": tag_list(&wanted.tags) });
        making.set::<TagResource>("Tags", input).await?;
    }
    // The policy last: it may forbid what comes before it.
    let is_later = |name: &str| !AT_CREATION.contains(&name) && name != "Policy";
    let names = attributes
        .keys()
        .filter(|name| is_later(name))
        .cloned()
        .chain(["Policy".to_owned()]);
    if let Some(policy) = wanted.config.get("DataProtectionPolicy") {
        let input = json!({ "ResourceArn": arn, "DataProtectionPolicy": as_text(policy) });
        making
            .set::<PutDataProtectionPolicy>("DataProtectionPolicy", input)
            .await?;
    }
    for subscription in wanted
        .config
        .get("Subscriptions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        subscribe(making, &arn, subscription).await?;
    }
    for name in names {
        if let Some(value) = attributes.get(&name) {
            let input = json!({ "TopicArn": arn, "AttributeName": name, "AttributeValue": as_text(value) });
            making.set::<SetTopicAttributes>(&name, input).await?;
        }
    }
    Ok(())
}

/// Subscribing what is subscribed with the same settings changes nothing.
async fn subscribe<P: Makes, C: Clock>(
    making: &mut Making<'_, P, C>,
    topic: &Arn,
    old: &Value,
) -> Result<(), PortError> {
    let text = |name: &str| old.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (protocol, endpoint) = (text("Protocol"), text("Endpoint"));
    let setting = format!("Subscription {protocol} {endpoint}");
    let attributes = old.get("Attributes").and_then(Value::as_object).into_iter().flatten();
    // Raw delivery that is off is what there is anyway, and not every protocol knows the word.
    let attributes =
        attributes.filter(|(name, value)| name.as_str() != "RawMessageDelivery" || as_text(value) != "false");
    let attributes: Map<String, Value> = attributes
        .map(|(name, value)| (name.clone(), Value::from(as_text(value))))
        .collect();
    let mut input =
        json!({ "TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, "ReturnSubscriptionArn": true });
    if !attributes.is_empty() {
        input["Attributes"] = Value::Object(attributes);
    }
    let result = making.ask::<Subscribe>(input).await;
    let made = result.is_ok();
    let is_foreign = endpoint
        .parse::<Arn>()
        .is_ok_and(|endpoint| endpoint.account() != topic.account());
    if made && (TO_CONFIRM.contains(&protocol.as_str()) || is_foreign) {
        making.needs_person(
            &setting,
            "made, and waits for its owner: a confirmation was sent to the endpoint and has to be answered within two days",
        );
        return Ok(());
    }
    making.told(&setting, result).map(drop)
}
