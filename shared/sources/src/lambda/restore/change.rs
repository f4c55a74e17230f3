//! What stands around a function and is not as the point has it, changed in place. Nothing here removes anything.

use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Kind, ResourceId};
use holdfast_vault::port::{Clock, ReadObjects};
use holdfast_vault::{PortError, ports};
use serde_json::{Map, Value, json};

use super::execute::{FIRST_PAUSE, LONGEST_PAUSE, MAX_COLLISIONS, MakeWhole, Run};
use super::{Existing, Step};
use crate::call::functions::{GetResourcePolicy, PutResourcePolicy, UpdateAlias, UpdateFunctionUrlConfig};
use crate::call::lambda::{TagResource, UpdateEventSourceMapping};
use crate::call::{Call, Operation};
use crate::lambda::beside::input;
use crate::lambda::port::EventSourceReading;
use crate::lambda::{Alias, EventSource, Permission};
use crate::wiring::at::At;

ports! {
    /// Changing what stands around a function.
    pub trait ChangeFunction:
        Call<UpdateAlias>,
        Call<UpdateFunctionUrlConfig>,
        Call<GetResourcePolicy>,
        Call<PutResourcePolicy>,
        Call<UpdateEventSourceMapping>,
        Call<TagResource>,
}

/// How often a mapping that is being changed is asked again: about a minute, more than a change takes.
const MAX_BUSY_TRIES: u32 = 18;

/// Of these only the call that makes a mapping may speak.
const AT_CREATION: [&str; 6] = [
    "AmazonManagedKafkaEventSourceConfig",
    "Queues",
    "SelfManagedEventSource",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
];

/// How a mapping is told that it no longer has a setting: what the call does not name stays.
fn unset(setting: &str) -> Option<Value> {
    match setting {
        "FilterCriteria" | "ScalingConfig" | "ProvisionedPollerConfig" => Some(json!({})),
        "DestinationConfig" => Some(json!({ "OnFailure": { "Destination": "" } })),
        "FunctionResponseTypes" => Some(json!([])),
        "KMSKeyArn" => Some(json!("")),
        "MaximumBatchingWindowInSeconds" | "TumblingWindowInSeconds" => Some(json!(0)),
        "MetricsConfig" => Some(json!({ "Metrics": [] })),
        _ => None,
    }
}

impl<F, S, C> Run<'_, F, S, C>
where
    F: MakeWhole,
    S: ReadObjects,
    C: Clock,
{
    async fn ask<O: Operation>(&self, input: Value) -> Result<Value, PortError>
    where
        F: Call<O>,
    {
        let id = ResourceId {
            kind: Kind::LambdaFunction,
            region: self.plan.target.region.clone(),
            name: self.name().to_owned(),
        };
        let at = At {
            port: self.functions,
            id: &id,
        };
        at.ask::<O>(input).await
    }

    pub(super) async fn change_alias(&self, name: &str, alias: &Alias) -> Result<(), PortError> {
        let weights = alias.weights.iter();
        let weights: Map<String, Value> = weights
            .map(|(number, share)| (number.to_string(), json!(share)))
            .collect();
        let input = json!({
            "FunctionName": self.name(), "Name": name, "FunctionVersion": alias.version, "Description": alias.description,
            "RoutingConfig": { "AdditionalVersionWeights": weights },
        });
        self.ask::<UpdateAlias>(input).await.map(drop)
    }

    /// Gives a function URL that is there its settings.
    pub(super) async fn change_url(
        &self,
        qualifier: &str,
        found: &Map<String, Value>,
        wanted: &Map<String, Value>,
    ) -> Result<(), PortError> {
        let mut input = input(self.name(), qualifier, wanted);
        if found.contains_key("Cors") && !wanted.contains_key("Cors") {
            input["Cors"] = json!({});
        }
        self.ask::<UpdateFunctionUrlConfig>(input).await.map(drop)
    }

    /// Puts a statement in the place of the one of its id, and leaves all others as they are. A policy that somebody changed
    /// since it was read is read again.
    pub(super) async fn change_permission(&self, permission: &Permission) -> Result<(), PortError> {
        let arn = match &permission.qualifier {
            None => self.plan.arn.to_string(),
            Some(qualifier) => format!("{}:{qualifier}", self.plan.arn),
        };
        let statement = Value::Object(permission.statement(&arn));
        for _ in 0..MAX_COLLISIONS {
            let found = self.ask::<GetResourcePolicy>(json!({ "ResourceArn": arn })).await?;
            let text = found.get("Policy").and_then(Value::as_str).unwrap_or_default();
            let mut policy: Value = serde_json::from_str(text)
                .map_err(|_| PortError::Corrupt(format!("the resource policy of {arn} is no document")))?;
            let statements = policy.get_mut("Statement").and_then(Value::as_array_mut);
            for there in statements.into_iter().flatten() {
                if there.get("Sid") == statement.get("Sid") {
                    there.clone_from(&statement);
                }
            }
            let input = json!({
                "ResourceArn": arn, "Policy": policy.to_string(), "RevisionId": found.get("RevisionId"),
            });
            match self.ask::<PutResourcePolicy>(input).await {
                Err(PortError::Conflict(_)) => _ = self.wait_for(None).await?,
                result => return result.map(drop),
            }
        }
        Err(PortError::Conflict(format!(
            "statement {}: the policy is being changed by somebody else",
            permission.sid
        )))
    }

    /// A mapping of the same source that invokes something else of the function than it should and that no wanted mapping is.
    /// One more beside it would do the work twice.
    pub(super) fn misled<'a>(
        &self,
        there: &'a [EventSourceReading],
        wanted: &EventSource,
    ) -> Option<&'a EventSourceReading> {
        let is_wanted = |other: &EventSource| {
            self.plan.steps.iter().any(|step| match step {
                Step::EventSource { source, .. } => {
                    let source = self.connecting(source);
                    source.is_ok_and(|source| source.same_connection(other))
                }
                _ => false,
            })
        };
        let is_misled = |found: &&EventSourceReading| {
            let led = EventSource {
                qualifier: wanted.qualifier.clone(),
                ..found.source.clone()
            };
            led.same_connection(wanted) && !is_wanted(&found.source)
        };
        let found = there.iter().find(is_misled);
        found.filter(|_| self.plan.existing == Existing::Change)
    }

    /// Gives a mapping that is there what it invokes, its settings and its tags. Whether it polls is left as it is.
    pub(super) async fn change_event_source(
        &self,
        found: &EventSourceReading,
        wanted: &EventSource,
    ) -> Result<(), PortError> {
        let mut input: Map<String, Value> = found
            .source
            .settings
            .keys()
            .filter_map(|name| Some((name.clone(), unset(name)?)))
            .collect();
        input.extend(wanted.settings.clone());
        input.retain(|name, _| !AT_CREATION.contains(&name.as_str()));
        let function = match &wanted.qualifier {
            None => self.name().to_owned(),
            Some(qualifier) => format!("{}:{qualifier}", self.name()),
        };
        input.insert("FunctionName".to_owned(), json!(function));
        input.insert("UUID".to_owned(), json!(found.id));
        self.update_mapping(Value::Object(input)).await?;
        let tags: BTreeMap<&String, &String> = wanted
            .tags
            .iter()
            .filter(|(key, value)| found.source.tags.get(*key) != Some(value))
            .collect();
        if tags.is_empty() {
            return Ok(());
        }
        let arn: &Arn = &self.plan.arn;
        let mapping = format!(
            "arn:{}:lambda:{}:{}:event-source-mapping:{}",
            arn.partition(),
            arn.region(),
            arn.account(),
            found.id
        );
        let input = json!({ "Resource": mapping, "Tags": tags });
        self.ask::<TagResource>(input).await.map(drop)
    }

    async fn update_mapping(&self, input: Value) -> Result<(), PortError> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..MAX_BUSY_TRIES {
            match self.ask::<UpdateEventSourceMapping>(input.clone()).await {
                Err(PortError::Conflict(_)) => self.clock.sleep(pause).await,
                result => return result.map(drop),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.ask::<UpdateEventSourceMapping>(input).await.map(drop)
    }

    /// Sets the tags that the point has and that are not there, or are other.
    pub(super) async fn change_tags(&self, there: &BTreeMap<String, String>) -> Result<(), PortError> {
        if self.plan.existing == Existing::Keep {
            return Ok(());
        }
        for (key, value) in &self.plan.tags {
            if there.get(key) != Some(value) {
                self.functions.tag_function(&self.plan.arn, key, value).await?;
            }
        }
        Ok(())
    }
}
