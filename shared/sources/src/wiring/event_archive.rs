//! EventBridge archives: what is kept, from which bus, and for how long. The archived events are not protected.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Value, json};

use super::at::{At, Making, Notes};
use super::document::{as_text, parsed};
use super::event_bus::PAGE;
use super::{Document, Reading};
use crate::call::events::{CreateArchive, DescribeArchive, ListArchives, UpdateArchive};
use crate::call::{Call, InAccount};

/// What belongs to an archive and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["archived events", "replays"];

const OBSERVED: [&str; 7] = [
    "ArchiveArn",
    "ArchiveName",
    "CreationTime",
    "EventCount",
    "SizeBytes",
    "State",
    "StateReason",
];

ports! {
    /// What listing archives asks for.
    pub trait Lists: Call<ListArchives>, InAccount
}

ports! {
    /// What reading an archive asks for.
    pub trait Reads: Call<DescribeArchive>, InAccount
}

ports! {
    /// What making an archive asks for.
    pub trait Makes: Call<CreateArchive>, Call<UpdateArchive>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let archives = at
        .pages::<ListArchives>(json!({ "Limit": PAGE }), "Archives", "NextToken", "NextToken")
        .await?;
    archives
        .iter()
        .map(|archive| {
            let name = super::text_in(archive, "ArchiveName", at.id)?;
            let id = holdfast_catalog::ResourceId { name, ..at.id.clone() };
            At { port: at.port, id: &id }.arn()
        })
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at.ask::<DescribeArchive>(json!({ "ArchiveName": at.id.name })).await?;
    let mut config = super::without(&answer, &OBSERVED);
    if let Some(pattern) = config.remove("EventPattern") {
        config.insert("EventPattern".to_owned(), parsed(pattern));
    }
    Ok(Reading::new(
        at.arn()?,
        Notes::default(),
        Document {
            config,
            ..Document::default()
        },
    ))
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let mut input = Value::Object(making.wanted.config.clone());
    if let Some(pattern) = making.wanted.config.get("EventPattern") {
        input["EventPattern"] = Value::from(as_text(pattern));
    }
    input["ArchiveName"] = Value::from(making.at.id.name.as_str());
    if making.exists {
        // Which bus it listens to cannot be changed.
        input.as_object_mut().map(|members| members.remove("EventSourceArn"));
        making.set::<UpdateArchive>("Archive", input).await.map(drop)
    } else {
        making.create::<CreateArchive>(input).await.map(drop)
    }
}
