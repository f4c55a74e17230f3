//! The notifications of an S3 bucket: merged into what is there, never put in its place.
//!
//! S3 takes a bucket's notifications only as a whole. So they are read, what is missing is added, and the whole is written;
//! between the two somebody else's change could be lost, which is why nothing is done in between.

use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, present};
use super::{Document, Reading};
use crate::call::s3::{GetBucketNotificationConfiguration, ListBuckets, PutBucketNotificationConfiguration};
use crate::call::{Call, InAccount};

/// What belongs to a bucket and is not in these recovery points.
pub const NOT_PROTECTED: &[&str] = &["the bucket itself: its objects and its other settings"];

/// The member that says that everything goes to EventBridge too.
const EVENT_BRIDGE: &str = "EventBridgeConfiguration";

/// The members that are lists of notifications, each with an id.
const LISTS: [&str; 3] = ["CloudFunctionConfiguration", "QueueConfiguration", "TopicConfiguration"];

/// Buckets a page of the listing.
const PAGE: u32 = 1_000;

ports! {
    /// What listing buckets asks for.
    pub trait Lists: Call<ListBuckets>
}

ports! {
    /// What reading a bucket's notifications asks for.
    pub trait Reads: Call<GetBucketNotificationConfiguration>, InAccount
}

ports! {
    /// What adding notifications asks for.
    pub trait Makes: Call<PutBucketNotificationConfiguration>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let mut arns = Vec::new();
    let mut input = json!({ "MaxBuckets": PAGE, "BucketRegion": at.id.region });
    loop {
        let page = at.ask::<ListBuckets>(input.clone()).await?;
        let buckets = page
            .get("Buckets")
            .and_then(|buckets| buckets.get("Bucket"))
            .and_then(Value::as_array);
        for bucket in buckets.into_iter().flatten() {
            // A store that does not know regions names all of its buckets.
            let region = bucket.get("BucketRegion").and_then(Value::as_str);
            if region.is_none_or(|region| region == at.id.region.as_str()) {
                let name = super::text_in(bucket, "Name", at.id)?;
                let arn = format!("arn:{}:s3:::{name}", at.id.region.partition());
                arns.push(super::arn_in(Some(&Value::from(arn)), at.id)?);
            }
        }
        match page.get("ContinuationToken").and_then(Value::as_str) {
            Some(token) if !token.is_empty() => input["ContinuationToken"] = Value::from(token),
            _ => return Ok(arns),
        }
    }
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at
        .ask::<GetBucketNotificationConfiguration>(json!({ "Bucket": at.id.name }))
        .await?;
    Ok(Reading::new(
        at.arn()?,
        Notes::default(),
        Document {
            config: canonical(&answer),
            ..Document::default()
        },
    ))
}

/// Notifications in order of their ids, events and filters in their own order.
fn canonical(answer: &Value) -> Map<String, Value> {
    let mut config = Map::new();
    if answer.get(EVENT_BRIDGE).is_some() {
        config.insert(EVENT_BRIDGE.to_owned(), json!({}));
    }
    for name in LISTS {
        let list = answer.get(name).and_then(Value::as_array).into_iter().flatten();
        let by_id: BTreeMap<String, Value> = list.map(|one| (one["Id"].to_string(), one_canonical(one))).collect();
        if !by_id.is_empty() {
            config.insert(name.to_owned(), by_id.into_values().collect());
        }
    }
    config
}

fn one_canonical(notification: &Value) -> Value {
    let mut notification = present(notification.clone());
    if let Some(events) = notification.get_mut("Event").and_then(Value::as_array_mut) {
        events.sort_by_cached_key(Value::to_string);
    }
    let key = notification
        .get_mut("Filter")
        .and_then(|filter| filter.get_mut("S3Key"));
    if let Some(rules) = key
        .and_then(|key| key.get_mut("FilterRule"))
        .and_then(Value::as_array_mut)
    {
        for rule in rules.iter_mut() {
            // Said in small letters, told in capitals.
            let name = rule["Name"].as_str().map(str::to_ascii_lowercase);
            rule["Name"] = json!(name);
        }
        rules.sort_by_cached_key(Value::to_string);
    }
    notification
}

/// What a bucket has and what it shall have, as one; and the names of those that it has under the same id but otherwise.
pub(super) fn merged(found: &Document, wanted: &Document) -> (Map<String, Value>, Vec<String>) {
    let mut whole = found.config.clone();
    let mut others = Vec::new();
    if let Some(value) = wanted.config.get(EVENT_BRIDGE) {
        whole.insert(EVENT_BRIDGE.to_owned(), value.clone());
    }
    for name in LISTS {
        for notification in wanted.config.get(name).and_then(Value::as_array).into_iter().flatten() {
            let there = LISTS.iter().find_map(|list| {
                let list = found.config.get(*list)?.as_array()?;
                list.iter().find(|one| one["Id"] == notification["Id"])
            });
            match there {
                Some(one) if one == notification => {}
                Some(_) => others.push(as_text(&notification["Id"])),
                None => {
                    let list = whole.entry(name.to_owned()).or_insert_with(|| json!([]));
                    if let Some(list) = list.as_array_mut() {
                        list.push(notification.clone());
                    }
                }
            }
        }
    }
    (canonical(&Value::Object(whole)), others)
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let found = read(&making.at).await?.document;
    let (whole, others) = merged(&found, making.wanted);
    for id in others {
        let setting = format!("Notification {id}");
        making.needs_person(
            &setting,
            "there is another one of that id, which is left as it is: compare the two",
        );
    }
    if whole != found.config {
        let input = json!({ "Bucket": making.at.id.name, "NotificationConfiguration": whole });
        making
            .set::<PutBucketNotificationConfiguration>("NotificationConfiguration", input)
            .await?;
    }
    Ok(())
}
