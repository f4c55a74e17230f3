use std::collections::BTreeMap;

use holdfast_catalog::{Arn, PointId, Region, ResourceId, Slot};
use holdfast_lambda::{Failure, parse_manual};
use holdfast_policy::Engine;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str =
    r#"{"resource": "dynamodb-table/eu-central-1/orders", "point": "latest", "target": {"name": "orders-restored"}}"#;

/// What a person wants back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The resource that was lost: `kind/region/name`, or its ARN.
    pub resource: String,
    /// Which point: `latest`, a time (the newest good point at or before it), or a point's id. `latest` if left out.
    #[serde(default = "latest")]
    pub point: String,
    /// The moment to go back to, where AWS Backup has a continuous point that reaches it. Where it has none, the newest good point at
    /// or before it is taken. The settings are those of `point`, or without one of that point, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// When it was asked for: a continuous point moves on while its restore goes on. A restore that goes on by itself says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// What to make of it.
    #[serde(default)]
    pub target: Target,
    /// Which vault to read; if left out, all are looked at and the nearest whole copy is read.
    pub from: Option<From>,
    /// Whether event source mappings are switched on.
    #[serde(default)]
    pub triggers: Triggers,
    /// Whether a stream's records are put back: into one that this restore makes if left out, `true` also into one that is there,
    /// `false` into none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<bool>,
    /// What stands for what in a restored function: ARNs (role, layers, queues, streams), subnets, security groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replace: BTreeMap<String, String>,
}

/// The resource to make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name; the lost resource's name with `-restored-` and the point's slot if left out.
    pub name: Option<String>,
    /// Its region; the lost resource's region if left out.
    pub region: Option<Region>,
    /// For a bucket that is there: what of it is brought back. Without it, one that is there is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Existing>,
}

/// What is brought back into a bucket that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// The objects that it does not have. Its settings stay as they are.
    Objects,
    /// Those, and the settings of the point in place of its own.
    Everything,
}

/// A vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum From {
    /// The stack's own.
    Home,
    /// Any other.
    Replica,
    /// The one of this region, or of this bucket.
    Named(String),
}

impl std::convert::From<String> for From {
    fn from(text: String) -> Self {
        match text.as_str() {
            "home" => From::Home,
            "replica" => From::Replica,
            _ => From::Named(text),
        }
    }
}

impl std::convert::From<From> for String {
    fn from(from: From) -> Self {
        match from {
            From::Home => "home".to_owned(),
            From::Replica => "replica".to_owned(),
            From::Named(name) => name,
        }
    }
}

/// Whether event source mappings are switched on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Triggers {
    /// They are made, but switched off.
    #[default]
    Quiet,
    /// They are as they were.
    AsBefore,
}

/// Which point is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The newest good one.
    Latest,
    /// The newest good one at or before an instant.
    At(Timestamp),
    /// This one, good or not.
    Exactly(PointId),
}

fn latest() -> String {
    "latest".to_owned()
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        parse_manual(event, EXAMPLE)
    }

    /// The resource that is meant.
    ///
    /// # Errors
    /// `InvalidRequest` when it is neither an id nor an ARN of a kind that Holdfast protects.
    pub fn resource(&self) -> Result<ResourceId, Failure> {
        let parsed = match self.resource.parse::<Arn>() {
            Ok(arn) => ResourceId::from_arn(&arn),
            Err(_) => self.resource.parse(),
        };
        parsed.map_err(|error| Failure::InvalidRequest(error.to_string()))
    }

    /// The moment to go back to, for a kind that AWS Backup makes continuous points of.
    ///
    /// # Errors
    /// `InvalidRequest` when it makes none of the kind.
    pub fn moment(&self, resource: &ResourceId) -> Result<Option<Timestamp>, Failure> {
        if self.time.is_some() && !Engine::is_continuous(resource.kind) {
            let why = format!(
                "AWS Backup makes no continuous points of a {}: say \"point\" for the newest point at or before a time",
                resource.kind
            );
            return Err(Failure::InvalidRequest(why));
        }
        Ok(self.time)
    }

    /// The point that is meant.
    ///
    /// # Errors
    /// `InvalidRequest` when it is none of `latest`, a time and the id of a point of that resource.
    pub fn wanted(&self, resource: &ResourceId) -> Result<Wanted, Failure> {
        if self.point == "latest" {
            return Ok(self.time.map_or(Wanted::Latest, Wanted::At));
        }
        if let Ok(instant) = self.point.parse::<Timestamp>() {
            return Ok(Wanted::At(instant));
        }
        if let Ok(slot) = self.point.parse::<Slot>() {
            return Ok(Wanted::At(slot.instant()));
        }
        match self.point.parse::<PointId>() {
            Ok(point) if point.resource == *resource => Ok(Wanted::Exactly(point)),
            Ok(point) => Err(Failure::InvalidRequest(format!("{point} is no point of {resource}"))),
            Err(_) => Err(Failure::InvalidRequest(format!(
                "point {:?} is neither \"latest\", nor a time such as 2026-11-21T03:00:00Z, nor the id of a recovery point",
                self.point
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted(point: &str) -> Result<Wanted, Failure> {
        let request = Request::parse(json!({"resource": "dynamodb-table/eu-west-1/orders", "point": point}))?;
        request.wanted(&request.resource()?)
    }

    #[test]
    fn a_point_is_latest_a_time_or_an_id() {
        let at = "2026-11-21T03:00:00Z".parse().unwrap();
        assert_eq!(wanted("latest").unwrap(), Wanted::Latest);
        assert_eq!(wanted("2026-11-21T04:00:00+01:00").unwrap(), Wanted::At(at));
        assert_eq!(wanted("20261121T030000Z").unwrap(), Wanted::At(at));
        let id = "dynamodb-table/eu-west-1/orders/20261121T030000Z-standard";
        assert_eq!(wanted(id).unwrap(), Wanted::Exactly(id.parse().unwrap()));
    }

    #[test]
    fn a_moment_is_of_what_has_continuous_points_and_without_a_point_means_the_newest_before_it() {
        let at: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        let asked =
            |resource: &str| Request::parse(json!({"resource": resource, "time": "2026-11-21T03:00:00Z"})).unwrap();
        for resource in [
            "s3-bucket/eu-west-1/photos",
            "rds-instance/eu-west-1/shop",
            "rds-cluster/eu-west-1/shop",
        ] {
            let (request, id) = (asked(resource), resource.parse().unwrap());
            assert_eq!(request.moment(&id).unwrap(), Some(at), "{resource}");
            assert_eq!(request.wanted(&id).unwrap(), Wanted::At(at), "{resource}");
        }
        let table = "dynamodb-table/eu-west-1/orders";
        let refused = asked(table).moment(&table.parse().unwrap()).unwrap_err().to_string();
        assert!(
            refused.contains("no continuous points of a dynamodb-table"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_none_of_them_is_refused() {
        for wrong in [
            "",
            "yesterday",
            "dynamodb-table/eu-west-1/others/20261121T030000Z-standard",
        ] {
            assert!(matches!(wanted(wrong), Err(Failure::InvalidRequest(_))), "{wrong}");
        }
        assert!(Request::parse(json!({"resource": "x", "targt": {}})).is_err());
        assert!(Request::parse(json!({})).is_err());
    }
}
