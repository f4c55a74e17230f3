use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CatalogError, PlanName, PointId, ResourceId};

/// A legal hold's name: 1 to 64 lower-case letters, digits and `-`, starting with a letter. A name is used once: what was
/// held in its name stays on record after the hold was lifted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HoldName(String);

impl HoldName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HoldName {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.len() <= 64 && text.bytes().all(plain) && text.starts_with(|c: char| c.is_ascii_lowercase()) {
            Ok(HoldName(text.to_owned()))
        } else {
            Err(CatalogError::InvalidName {
                what: "hold name",
                value: text.to_owned(),
                rule: "1 to 64 lower-case letters, digits and '-', starting with a letter, for example case-17",
            })
        }
    }
}

impl TryFrom<String> for HoldName {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HoldName> for String {
    fn from(name: HoldName) -> Self {
        name.0
    }
}

impl fmt::Display for HoldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a hold lies on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldScope {
    /// Every point of a resource, those to come included.
    Resource(#[serde(with = "as_text")] ResourceId),
    /// Every point that a plan has made or will make.
    Plan(PlanName),
    /// One point.
    Point(PointId),
}

/// A resource as people write it: `kind/region/name`.
mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::ResourceId;

    pub(super) fn serialize<S: Serializer>(resource: &ResourceId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(resource)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ResourceId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for HoldScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoldScope::Resource(resource) => write!(f, "every point of {resource}"),
            HoldScope::Plan(plan) => write!(f, "every point of plan {plan}"),
            HoldScope::Point(point) => write!(f, "{point}"),
        }
    }
}

/// A legal hold: what it covers is not removed, whatever the policy says, until it is lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub name: HoldName,
    /// What it lies on.
    #[serde(flatten)]
    pub scope: HoldScope,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// When it was laid.
    pub laid_at: Timestamp,
}

impl Hold {
    /// Whether a point may not be removed because of this hold.
    pub fn covers(&self, point: &PointId) -> bool {
        match &self.scope {
            HoldScope::Resource(resource) => point.resource == *resource,
            HoldScope::Plan(plan) => point.plan == *plan,
            HoldScope::Point(held) => point == held,
        }
    }
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiftedHold {
    /// The hold's name.
    pub name: HoldName,
    /// When it was lifted.
    pub lifted_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{seal, unseal};

    fn hold(scope: HoldScope) -> Hold {
        Hold {
            name: "case-17".parse().unwrap(),
            scope,
            note: "letter of 20 November".to_owned(),
            laid_at: "2026-11-21T03:00:00Z".parse().unwrap(),
        }
    }

    fn point(resource: &str, plan: &str) -> PointId {
        format!("dynamodb-table/eu-central-1/{resource}/20261121T024500Z-{plan}")
            .parse()
            .unwrap()
    }

    #[test]
    fn a_hold_covers_its_resource_its_plan_or_its_point_and_nothing_else() {
        let held = point("orders", "standard");
        let scopes = [
            (HoldScope::Resource(held.resource.clone()), [true, true, false]),
            (HoldScope::Plan(held.plan.clone()), [true, false, true]),
            (HoldScope::Point(held.clone()), [true, false, false]),
        ];
        let points = [held, point("orders", "gold"), point("bills", "standard")];
        for (scope, expected) in scopes {
            assert_eq!(
                points.each_ref().map(|point| hold(scope.clone()).covers(point)),
                expected,
                "{scope}"
            );
        }
    }

    #[test]
    fn a_hold_reads_back_and_its_record_says_what_it_lies_on() {
        for (scope, field) in [
            (HoldScope::Plan("standard".parse().unwrap()), r#""plan": "standard""#),
            (
                HoldScope::Point(point("orders", "standard")),
                r#""point": "dynamodb-table/"#,
            ),
            (
                HoldScope::Resource("dynamodb-table/eu-central-1/orders".parse().unwrap()),
                r#""resource": "dynamodb-table/eu-central-1/orders""#,
            ),
        ] {
            let hold = hold(scope);
            let sealed = seal(&hold).unwrap();
            assert!(String::from_utf8_lossy(&sealed).contains(field), "{field}");
            assert_eq!(unseal::<Hold>(&sealed, "hold"), Ok(hold));
        }
    }

    #[test]
    fn a_hold_name_is_plain() {
        for name in ["", "Case", "1-case", "a/b", "..", "ä", &"a".repeat(65)] {
            assert!(name.parse::<HoldName>().is_err(), "{name:?}");
        }
    }
}
