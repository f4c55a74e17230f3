//! Groups of EventBridge Scheduler. A group is a name and its tags.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Value, json};

use super::at::{At, Making, Notes};
use super::document::{own_tags, tag_list};
use super::{Document, Reading};
use crate::call::scheduler::{
    CreateScheduleGroup, GetScheduleGroup, ListScheduleGroups, ListTagsForResource, TagResource,
};
use crate::call::{Call, InAccount};

/// What belongs to a group and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["its schedules, which are protected each by itself"];

/// Groups or schedules a page of a listing; the service's maximum.
pub(super) const PAGE: u32 = 100;

ports! {
    /// What listing groups asks for.
    pub trait Lists: Call<ListScheduleGroups>
}

ports! {
    /// What reading a group asks for.
    pub trait Reads: Call<GetScheduleGroup>, Call<ListTagsForResource>
}

ports! {
    /// What making a group asks for.
    pub trait Makes: Call<CreateScheduleGroup>, Call<TagResource>, InAccount
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let input = json!({ "MaxResults": PAGE });
    let groups = at
        .pages::<ListScheduleGroups>(input, "ScheduleGroups", "NextToken", "NextToken")
        .await?;
    groups
        .iter()
        .map(|group| super::arn_in(group.get("Arn"), at.id))
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at.ask::<GetScheduleGroup>(json!({ "Name": at.id.name })).await?;
    if answer.get("State").and_then(Value::as_str) == Some("DELETING") {
        return Err(PortError::NotFound(format!("{}: it is being deleted", at.id)));
    }
    let arn = super::arn_in(answer.get("Arn"), at.id)?;
    let mut notes = Notes::default();
    let tags = at.ask::<ListTagsForResource>(json!({ "ResourceArn": arn })).await;
    let tags = notes.detail("Tags", tags)?.unwrap_or_default();
    Ok(Reading::new(
        arn,
        notes,
        Document {
            tags: own_tags(tags.get("Tags")),
            ..Document::default()
        },
    ))
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let tags = &making.wanted.tags;
    if !making.exists {
        let mut input = json!({ "Name": making.at.id.name });
        if !tags.is_empty() {
            input["Tags"] = tag_list(tags);
        }
        making.create::<CreateScheduleGroup>(input).await?;
    } else if !tags.is_empty() {
        let input = json!({ "ResourceArn": making.at.arn()?, "Tags": tag_list(tags) });
        making.set::<TagResource>("Tags", input).await?;
    }
    Ok(())
}
