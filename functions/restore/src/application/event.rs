use std::collections::BTreeMap;

use holdfast_catalog::{Arn, PlanName, PointId, ResourceId, Slot};
use holdfast_lambda::{Failure, parse_manual};
use holdfast_sources::application::{Selection, Target};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{From, Wanted};

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"application": {"plan": "standard"}, "target": {"prefix": "drill-"}, "dry_run": true}"#;

/// An application that a person wants back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which resources, and of which time.
    pub application: Chosen,
    /// Where to, and under which names; where it was and as it was called if left out.
    #[serde(default)]
    pub target: Target,
    /// What stands for what that is not part of the application: roles, layers, keys, subnets of another region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replace: BTreeMap<String, String>,
    /// Whether only the plan is shown.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether it is written as a CloudFormation template instead, and nothing is made.
    #[serde(default)]
    pub template: bool,
    /// Whether what is there and another is changed, after a point of it was taken.
    #[serde(default)]
    pub in_place: bool,
    /// Whether events flow at the end.
    #[serde(default)]
    pub switch_on: bool,
    /// Whether IAM roles are restored too; else those of the application stay as they are, and what runs as them does so still.
    #[serde(default)]
    pub roles: bool,
    /// Whether records of streams are put back: into those that this restore makes if left out, `true` also into those that are
    /// there, `false` into none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<bool>,
    /// Which vault to read; the home vault if it has any of it, else the replica, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// What this restore has given up, by resource, and why: each attempt would cost another job of AWS Backup. A restore that goes
    /// on by itself says it; whoever sends the event again has everything tried again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given_up: BTreeMap<String, String>,
    /// The vault that holds the marks of what is under way; a restore that goes on by itself says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_in: Option<String>,
}

/// Which resources, and of which time: exactly one of the ways to say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Everything that a plan has points of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanName>,
    /// Everything whose point has these tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<BTreeMap<String, String>>,
    /// These, by id (`kind/region/name`) or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<String>>,
    /// Everything that a CloudFormation stack of the home region has: its name, or its ARN when it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// These points; how a restore that goes on names what it chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Vec<PointId>>,
    /// The newest good point of each at or before this time; `latest` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        let request: Request = parse_manual(event, EXAMPLE)?;
        request.application.selection()?;
        let wanted = request.application.wanted()?;
        if request.in_place && wanted == Wanted::Latest && request.application.points.is_none() {
            return Err(refused(
                "\"in_place\" needs \"at\" with a time, or \"points\": the point that is taken of what will be changed would be the \
                 latest one when the event is sent again",
            ));
        }
        Ok(request)
    }
}

impl Chosen {
    /// Which resources are meant.
    ///
    /// # Errors
    /// `InvalidRequest` unless exactly one way to say it is used, and it says something.
    pub fn selection(&self) -> Result<Selection, Failure> {
        let plan = self.plan.clone().map(Selection::Plan);
        let tag = self.tag.clone().map(Selection::Tags);
        let resources = self
            .resources
            .as_ref()
            .map(|list| ids(list))
            .transpose()?
            .map(Selection::Resources);
        let points = self
            .points
            .as_ref()
            .map(|list| Selection::Resources(list.iter().map(|point| point.resource.clone()).collect()));
        let stack = self.stack.clone().map(Selection::Stack);
        let mut said = [plan, tag, resources, stack, points].into_iter().flatten();
        match (said.next(), said.next()) {
            (Some(Selection::Tags(tags)), None) if tags.is_empty() => Err(refused("\"tag\" names no tag")),
            (Some(Selection::Resources(list)), None) if list.is_empty() => {
                Err(refused("the list of resources is empty"))
            }
            (Some(one), None) => Ok(one),
            _ => Err(refused(
                "say exactly one of \"plan\", \"tag\", \"resources\", \"stack\" and \"points\"",
            )),
        }
    }

    /// Which point of each is meant.
    ///
    /// # Errors
    /// `InvalidRequest` when it is neither `latest` nor a time.
    pub fn wanted(&self) -> Result<Wanted, Failure> {
        let at = self.at.as_deref().unwrap_or("latest");
        if at == "latest" {
            return Ok(Wanted::Latest);
        }
        let slot = at.parse::<Slot>().map(Slot::instant);
        match at.parse::<Timestamp>().or(slot) {
            Ok(instant) => Ok(Wanted::At(instant)),
            Err(_) => Err(refused(&format!(
                "\"at\" is {at:?}: write \"latest\" or a time such as 2026-11-21T03:00:00Z"
            ))),
        }
    }
}

fn ids(list: &[String]) -> Result<Vec<ResourceId>, Failure> {
    let id = |text: &String| {
        let parsed = match text.parse::<Arn>() {
            Ok(arn) => ResourceId::from_arn(&arn),
            Err(_) => text.parse(),
        };
        parsed.map_err(|error| Failure::InvalidRequest(error.to_string()))
    };
    list.iter().map(id).collect()
}

fn refused(why: &str) -> Failure {
    Failure::InvalidRequest(format!("application: {why}; send for example {EXAMPLE}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn exactly_one_way_to_choose_is_asked_for() {
        for wrong in [
            json!({}),
            json!({"plan": "standard", "tag": {"app": "shop"}}),
            json!({"tag": {}}),
            json!({"resources": []}),
            json!({"resources": ["orders"]}),
            json!({"plan": "standard", "at": "yesterday"}),
            json!({"plans": "standard"}),
        ] {
            let event = json!({ "application": wrong });
            assert!(
                matches!(Request::parse(event), Err(Failure::InvalidRequest(_))),
                "{wrong}"
            );
        }
        let event: Value = serde_json::from_str(EXAMPLE).unwrap();
        let request = Request::parse(event).unwrap();
        assert!(request.dry_run && !request.switch_on);
        assert_eq!(request.target.prefix, "drill-");
    }

    #[test]
    fn a_change_in_place_says_which_time_is_meant() {
        let event = |application: Value| Request::parse(json!({ "application": application, "in_place": true }));
        let refused = event(json!({"plan": "standard"}));
        assert!(matches!(refused, Err(Failure::InvalidRequest(_))), "{refused:?}");
        let points = json!({"points": ["dynamodb-table/eu-west-1/orders/20261121T030000Z-standard"]});
        for clear in [json!({"plan": "standard", "at": "2026-11-21T03:00:00Z"}), points] {
            assert!(event(clear).unwrap().in_place);
        }
    }

    #[test]
    fn what_goes_on_is_read_as_it_was_sent() {
        let event = json!({
            "application": {"points": ["dynamodb-table/eu-west-1/orders/20261121T030000Z-standard"]},
            "target": {"suffix": "-2"}, "switch_on": true, "from": "replica", "began_in": "vault",
            "given_up": {"rds-instance/eu-west-1/ledger": "its key is disabled"},
        });
        let request = Request::parse(event).unwrap();
        assert_eq!(Request::parse(json!(request)).unwrap(), request);
    }
}
