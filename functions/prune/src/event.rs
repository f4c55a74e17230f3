use holdfast_catalog::{HoldName, HoldScope, PlanName, PointId, ResourceId};
use holdfast_lambda::{Failure, parse_manual};
use serde::Deserialize;
use serde_json::Value;

use crate::limits::Limiting;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"dry_run": true}"#;

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Says what would be done, and does nothing.
    DryRun,
    /// Does it.
    Execute,
}

/// What a person asks for.
///
/// What takes something away is a dry run unless the event says `"dry_run": false`; what protects something is done at once
/// unless it says `"dry_run": true`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// A pruning, as the schedule asks for it.
    Prune(Mode, Limiting),
    /// A tombstone is to be lifted.
    Undelete(PointId, Mode),
    /// A point is given up.
    Remove(PointId, Mode),
    /// A legal hold is to be laid.
    Hold(NewHold, Mode),
    /// A legal hold is to be lifted.
    LiftHold(HoldName, Mode),
    /// All legal holds are to be listed.
    Holds,
}

/// A legal hold as a person asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// Its name.
    pub name: HoldName,
    /// What it is to lie on.
    pub scope: HoldScope,
    /// Why, for people.
    pub note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    dry_run: Option<bool>,
    override_limits: Option<bool>,
    undelete: Option<PointId>,
    remove: Option<PointId>,
    hold: Option<HoldEvent>,
    lift_hold: Option<HoldName>,
    holds: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldEvent {
    name: HoldName,
    resource: Option<String>,
    plan: Option<PlanName>,
    point: Option<PointId>,
    #[serde(default)]
    note: String,
}

impl Mode {
    fn of(dry_run: bool) -> Self {
        if dry_run { Mode::DryRun } else { Mode::Execute }
    }
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        let event: Event = parse_manual(event, EXAMPLE)?;
        let (taking, protecting) = (
            Mode::of(event.dry_run.unwrap_or(true)),
            Mode::of(event.dry_run.unwrap_or(false)),
        );
        let mut asked = Vec::new();
        asked.extend(event.undelete.map(|point| Request::Undelete(point, protecting)));
        asked.extend(event.remove.map(|point| Request::Remove(point, taking)));
        if let Some(hold) = event.hold {
            asked.push(Request::Hold(hold.parse()?, protecting));
        }
        asked.extend(event.lift_hold.map(|name| Request::LiftHold(name, taking)));
        match event.holds {
            None => {}
            Some(true) => asked.push(Request::Holds),
            Some(false) => return Err(not_understood("\"holds\" is false", r#"{"holds": true}"#)),
        }
        let limiting = match event.override_limits {
            Some(true) => Limiting::Overridden,
            Some(false) | None => Limiting::Enforced,
        };
        match (asked.pop(), asked.is_empty()) {
            (None, _) => Ok(Request::Prune(taking, limiting)),
            (Some(_), false) => Err(not_understood("it asks for several things at once", EXAMPLE)),
            (Some(_), true) if limiting == Limiting::Overridden => Err(not_understood(
                "override_limits goes with a pruning alone",
                crate::limits::OVERRIDE,
            )),
            (Some(request), true) => Ok(request),
        }
    }
}

impl HoldEvent {
    fn parse(self) -> Result<NewHold, Failure> {
        const HOLD: &str =
            r#"{"hold": {"name": "case-17", "resource": "dynamodb-table/eu-central-1/orders", "note": "…"}}"#;
        let scope = match (self.resource, self.plan, self.point) {
            (Some(resource), None, None) => HoldScope::Resource(resource_of(&resource)?),
            (None, Some(plan), None) => HoldScope::Plan(plan),
            (None, None, Some(point)) => HoldScope::Point(point),
            _ => {
                return Err(not_understood(
                    "a hold lies on one of \"resource\", \"plan\" and \"point\"",
                    HOLD,
                ));
            }
        };
        Ok(NewHold {
            name: self.name,
            scope,
            note: self.note,
        })
    }
}

/// A resource by its id or its ARN.
fn resource_of(text: &str) -> Result<ResourceId, Failure> {
    let parsed = match text.parse() {
        Ok(arn) => ResourceId::from_arn(&arn),
        Err(_) => text.parse(),
    };
    parsed.map_err(|error| Failure::InvalidRequest(error.to_string()))
}

fn not_understood(why: &str, example: &str) -> Failure {
    Failure::InvalidRequest(format!(
        "the event is not understood: {why}; send for example {example}"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POINT: &str = "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard";

    fn parse(event: Value) -> Request {
        Request::parse(event).unwrap()
    }

    #[test]
    fn by_hand_a_pruning_is_a_dry_run_unless_that_is_refused_in_so_many_words() {
        use Limiting::{Enforced, Overridden};
        assert_eq!(parse(json!({})), Request::Prune(Mode::DryRun, Enforced));
        assert_eq!(
            parse(json!({"dry_run": false})),
            Request::Prune(Mode::Execute, Enforced)
        );
        assert_eq!(
            parse(json!({"dry_run": false, "override_limits": true})),
            Request::Prune(Mode::Execute, Overridden)
        );
        for wrong in [json!({"dryrun": false}), json!({"dry_run": "no"}), json!(null)] {
            assert!(Request::parse(wrong).is_err());
        }
    }

    #[test]
    fn what_takes_away_is_a_dry_run_first_and_what_protects_is_done_at_once() {
        let point: PointId = POINT.parse().unwrap();
        let name: HoldName = "case-17".parse().unwrap();
        let hold = json!({"name": "case-17", "point": POINT});
        assert_eq!(
            parse(json!({"remove": POINT})),
            Request::Remove(point.clone(), Mode::DryRun)
        );
        assert_eq!(
            parse(json!({"lift_hold": "case-17"})),
            Request::LiftHold(name, Mode::DryRun)
        );
        assert_eq!(
            parse(json!({"undelete": POINT})),
            Request::Undelete(point, Mode::Execute)
        );
        assert!(matches!(parse(json!({"hold": hold})), Request::Hold(_, Mode::Execute)));
        assert!(matches!(
            parse(json!({"hold": hold, "dry_run": true})),
            Request::Hold(_, Mode::DryRun)
        ));
    }

    #[test]
    fn a_hold_lies_on_exactly_one_thing_and_a_resource_is_named_by_id_or_arn() {
        let arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";
        for resource in ["dynamodb-table/eu-central-1/orders", arn] {
            let Request::Hold(hold, _) = parse(json!({"hold": {"name": "a", "resource": resource}})) else {
                panic!("no hold")
            };
            assert_eq!(
                hold.scope.to_string(),
                "every point of dynamodb-table/eu-central-1/orders"
            );
        }
        for wrong in [
            json!({"name": "a"}),
            json!({"name": "a", "plan": "standard", "point": POINT}),
            json!({"name": "A", "plan": "standard"}),
            json!({"name": "a", "resource": "orders"}),
            json!({"plan": "standard"}),
        ] {
            assert!(Request::parse(json!({ "hold": wrong })).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_event_asks_for_one_thing() {
        for wrong in [
            json!({"undelete": POINT, "remove": POINT}),
            json!({"holds": true, "lift_hold": "a"}),
            json!({"holds": false}),
            json!({"undelete": POINT, "override_limits": true}),
            json!({"undelete": "orders"}),
        ] {
            assert!(Request::parse(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
