//! Schedules of EventBridge Scheduler: expression, time zone, flexible window and target.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Value, json};

use super::at::{At, Making, Notes};
use super::event_bus::DEFAULT;
use super::schedule_group::PAGE;
use super::{Document, Reading};
use crate::call::Call;
use crate::call::scheduler::{CreateSchedule, GetSchedule, ListSchedules, UpdateSchedule};

/// What belongs to a schedule and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["invocations that are under way or being tried again"];

const OBSERVED: [&str; 5] = ["Arn", "CreationDate", "GroupName", "LastModificationDate", "Name"];

ports! {
    /// What listing schedules asks for.
    pub trait Lists: Call<ListSchedules>
}

ports! {
    /// What reading a schedule asks for.
    pub trait Reads: Call<GetSchedule>
}

ports! {
    /// What making a schedule asks for.
    pub trait Makes: Call<CreateSchedule>, Call<UpdateSchedule>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let input = json!({ "MaxResults": PAGE });
    let schedules = at
        .pages::<ListSchedules>(input, "Schedules", "NextToken", "NextToken")
        .await?;
    schedules
        .iter()
        .map(|schedule| super::arn_in(schedule.get("Arn"), at.id))
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let input = json!({ "Name": at.id.leaf(), "GroupName": at.id.parent().unwrap_or(DEFAULT) });
    let answer = at.ask::<GetSchedule>(input).await?;
    Ok(Reading::new(
        super::arn_in(answer.get("Arn"), at.id)?,
        Notes::default(),
        Document {
            config: super::without(&answer, &OBSERVED),
            ..Document::default()
        },
    ))
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    let mut input = Value::Object(making.wanted.config.clone());
    input["Name"] = Value::from(making.at.id.leaf());
    input["GroupName"] = Value::from(making.at.id.parent().unwrap_or(DEFAULT));
    // A beginning that has passed means nothing any more, and the service refuses it.
    let now = making.clock.now().as_second();
    let has_passed = |when: &Value| when.as_f64().is_some_and(|second| second < now as f64);
    if input.get("StartDate").is_some_and(has_passed) {
        input.as_object_mut().map(|members| members.remove("StartDate"));
        making.needs_person(
            "StartDate",
            "it has passed, so the new schedule has none; nothing has to be done",
        );
    }
    if making.exists {
        // An update replaces the whole schedule, as does this one.
        making.set::<UpdateSchedule>("Schedule", input).await.map(drop)
    } else {
        making.create::<CreateSchedule>(input).await.map(drop)
    }
}
