//! EventBridge connections: how something outside is logged in to. Nobody can read their secrets, so a connection comes back with
//! placeholders, and lets nothing through until a person has put the secrets in.

use holdfast_catalog::Arn;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use holdfast_vault::ports;
use serde_json::{Map, Value, json};

use super::at::{At, Making, Notes};
use super::event_bus::PAGE;
use super::{Document, Reading};
use crate::call::Call;
use crate::call::events::{CreateConnection, DescribeConnection, ListConnections};

/// What belongs to a connection and is not in its recovery points.
pub const NOT_PROTECTED: &[&str] = &["secrets: passwords, keys, client secrets, secret header, query and body values"];

const OBSERVED: [&str; 8] = [
    "ConnectionArn",
    "ConnectionState",
    "CreationTime",
    "LastAuthorizedTime",
    "LastModifiedTime",
    "Name",
    "SecretArn",
    "StateReason",
];

/// What stands where a secret belongs.
const PLACEHOLDER: &str = "to-be-set-after-restore";

ports! {
    /// What listing connections asks for.
    pub trait Lists: Call<ListConnections>
}

ports! {
    /// What reading a connection asks for.
    pub trait Reads: Call<DescribeConnection>
}

ports! {
    /// What making a connection asks for.
    pub trait Makes: Call<CreateConnection>
}

pub(super) async fn list<P: Lists>(at: &At<'_, P>) -> Result<Vec<Arn>, PortError> {
    let connections = at
        .pages::<ListConnections>(json!({ "Limit": PAGE }), "Connections", "NextToken", "NextToken")
        .await?;
    connections
        .iter()
        .map(|one| super::arn_in(one.get("ConnectionArn"), at.id))
        .collect()
}

pub(super) async fn read<P: Reads>(at: &At<'_, P>) -> Result<Reading, PortError> {
    let answer = at.ask::<DescribeConnection>(json!({ "Name": at.id.name })).await?;
    if answer.get("ConnectionState").and_then(Value::as_str) == Some("DELETING") {
        return Err(PortError::NotFound(format!("{}: it is being deleted", at.id)));
    }
    let arn = super::arn_in(answer.get("ConnectionArn"), at.id)?;
    let config = super::without(&answer, &OBSERVED).into_iter();
    let secret = answer.get("SecretArn").cloned().unwrap_or_default();
    Ok(Reading::new(
        arn,
        Notes::default(),
        Document {
            config: config
                .map(|(name, value)| (name, without_associations(value)))
                .collect(),
            observed: Map::from_iter([("SecretArn".to_owned(), secret)]),
            ..Document::default()
        },
    ))
}

/// What a connection into a private network is associated with is made anew with it.
fn without_associations(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(name, _)| name != "ResourceAssociationArn");
            kept.map(|(name, value)| (name, without_associations(value))).collect()
        }
        Value::Array(list) => list.into_iter().map(without_associations).collect(),
        plain => plain,
    }
}

/// Parameters as the call that makes a connection asks for them.
fn with_placeholders(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut whole: Map<String, Value> = map
                .iter()
                .map(|(name, value)| (name.clone(), with_placeholders(value)))
                .collect();
            for (name, secret) in [
                ("Username", "Password"),
                ("ClientID", "ClientSecret"),
                ("ApiKeyName", "ApiKeyValue"),
            ] {
                if whole.contains_key(name) {
                    whole.insert(secret.to_owned(), json!(PLACEHOLDER));
                }
            }
            if whole.get("IsValueSecret") == Some(&Value::Bool(true)) && !whole.contains_key("Value") {
                whole.insert("Value".to_owned(), json!(PLACEHOLDER));
            }
            Value::Object(whole)
        }
        Value::Array(list) => list.iter().map(with_placeholders).collect(),
        plain => plain.clone(),
    }
}

pub(super) async fn make<P: Reads + Makes, C: Clock>(making: &mut Making<'_, P, C>) -> Result<(), PortError> {
    // One that an earlier try has made may have its secrets by now: it is left as it is.
    if !making.exists {
        let mut input = Value::Object(making.wanted.config.clone());
        if let Some(parameters) = making.wanted.config.get("AuthParameters") {
            input["AuthParameters"] = with_placeholders(parameters);
        }
        input["Name"] = Value::from(making.at.id.name.as_str());
        making.create::<CreateConnection>(input).await?;
    }
    let (region, name) = (&making.at.id.region, &making.at.id.name);
    let message = format!(
        "its secrets could not be read, so it has placeholders and lets nothing through; put them in with: aws events \
         update-connection --region {region} --name {name} --auth-parameters …"
    );
    making.needs_person("Secrets", message);
    Ok(())
}
