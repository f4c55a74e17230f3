//! EventBridge API destinations: an address outside, how fast it may be called, and the connection that logs in to it.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Value, json};

use super::at::{At, Making, Notes};
use super::event_bus::PAGE;
use super::{Document, Reading};
use crate::call::Call;
use crate::call::events::{CreateApiDestination, DescribeApiDestination, DescribeConnection, ListApiDestinations};

/// What belongs to an API destination and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["its connection, which is protected by itself"];

const OBSERVED: [&str; 6] = [
    "ApiDestinationArn",
    "ApiDestinationState",
    "ConnectionArn",
    "CreationTime",
    "LastModifiedTime",
    "Name",
];

/// The member that names the connection: its ARN ends with an id that another one of the same name does not have.
const CONNECTION: &str = "Connection";

ports! {
    /// What listing API destinations asks for.
    pub trait Lists: Call<ListApiDestinations>
}

ports! {
    /// What reading an API destination asks for.
    pub trait Reads: Call<DescribeApiDestination>
}

ports! {
    /// What making an API destination asks for.
    pub trait Makes: Call<CreateApiDestination>, Call<DescribeConnection>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let input = json!({ "Limit": PAGE });
    let destinations = at
        .pages::<ListApiDestinations>(input, "ApiDestinations", "NextToken", "NextToken")
        .await?;
    destinations
        .iter()
        .map(|one| super::arn_in(one.get("ApiDestinationArn"), at.id))
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at.ask::<DescribeApiDestination>(json!({ "Name": at.id.name })).await?;
    let arn = super::arn_in(answer.get("ApiDestinationArn"), at.id)?;
    let mut config = super::without(&answer, &OBSERVED);
    let connection = super::arn_in(answer.get("ConnectionArn"), at.id)?;
    let name = connection.resource_name().split('/').next().unwrap_or_default();
    config.insert(CONNECTION.to_owned(), Value::from(name));
    Ok(Reading::new(
        arn,
        Notes::default(),
        Document {
            config,
            ..Document::default()
        },
    ))
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    if making.exists {
        // One call makes all of it.
        return Ok(());
    }
    let mut input = making.wanted.config.clone();
    let name = input.remove(CONNECTION).unwrap_or_default();
    let found = making.ask::<DescribeConnection>(json!({ "Name": name })).await;
    let found = found.map_err(|error| error.doing(&format!("connection {name}, which has to be there first")))?;
    input.insert(
        "ConnectionArn".to_owned(),
        found.get("ConnectionArn").cloned().unwrap_or_default(),
    );
    input.insert("Name".to_owned(), Value::from(making.at.id.name.as_str()));
    making
        .create::<CreateApiDestination>(Value::Object(input))
        .await
        .map(drop)
}
