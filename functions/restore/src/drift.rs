//! What changed about a resource between two points, or between a point and now.

use holdfast_catalog::{Kind, Outcome, OutcomeStatus, PointId, Report, ResourceId};
use holdfast_lambda::{Failure, parse_manual};
use holdfast_sources::application::{Change, diff};
use holdfast_sources::dynamodb::port::ReadTable as _;
use holdfast_sources::lambda::read_function;
use holdfast_sources::wiring::complete::current;
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::Target;
use crate::{From, Regions, Restore, Triggers, VaultPorts, WorkPorts};

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"drift": "dynamodb-table/eu-central-1/orders", "from": "latest", "to": "now"}"#;

/// A resource whose changes a person wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The resource: `kind/region/name`, or its ARN.
    pub drift: String,
    /// The earlier state: `latest`, a time or a point's id.
    #[serde(default = "latest")]
    pub from: String,
    /// The later state: `now`, or a point as above.
    #[serde(default = "now")]
    pub to: String,
    /// Which vault to read; if left out, the nearest whole copy is.
    pub vault: Option<From>,
}

fn latest() -> String {
    "latest".to_owned()
}

fn now() -> String {
    "now".to_owned()
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        parse_manual(event, EXAMPLE)
    }

    /// The same resource and vault as a restore of a point would name them.
    fn at(&self, point: &str) -> crate::Request {
        crate::Request {
            resource: self.drift.clone(),
            point: point.to_owned(),
            target: Target::default(),
            from: self.vault.clone(),
            triggers: Triggers::Quiet,
            records: None,
            time: None,
            asked_at: None,
            replace: std::collections::BTreeMap::new(),
        }
    }
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Shows what changed about a resource's configuration, without its secrets. Nothing is changed.
    ///
    /// # Errors
    /// The request is not valid, no vault has such a point, or the resource cannot be read.
    pub async fn run_drift<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        let resource = request.at(&request.from).resource()?;
        let (earlier, old) = self.stored(&request, &request.from, &resource, clock).await?;
        let (later, new) = match request.to.as_str() {
            "now" => ("now".to_owned(), self.there(&resource).await?),
            point => {
                let (point, document) = self.stored(&request, point, &resource, clock).await?;
                (point.to_string(), Some(document))
            }
        };
        let outcome = match new {
            None => Outcome::new(&resource, OutcomeStatus::Partial, "it is not there any more"),
            Some(new) => told(&resource, &diff(&old, &new)),
        };
        let mut report = Report::of(
            "restore",
            vec![outcome.with("from", earlier.to_string()).with("to", later)],
        );
        report.dry_run = true;
        Ok(report)
    }

    async fn stored<C: Clock>(
        &self,
        request: &Request,
        point: &str,
        resource: &ResourceId,
        clock: &C,
    ) -> Result<(PointId, Value), Failure> {
        let found = self.find(&request.at(point), resource, clock).await?;
        let manifest = found.manifest;
        let body = found.copies.config(&manifest).await?;
        // The message says where, never what stands there: it may be a secret.
        let document = serde_json::from_slice(&body).map_err(|error| {
            PortError::Corrupt(format!(
                "configuration document of {}: line {}",
                manifest.point,
                error.line()
            ))
        })?;
        Ok((manifest.point, document))
    }

    /// The resource's document as a snapshot would store it now; none if there is no such resource.
    async fn there(&self, resource: &ResourceId) -> Result<Option<Value>, PortError> {
        let (name, region) = (&resource.name, &resource.region);
        let read = match resource.kind {
            Kind::DynamodbTable => self
                .regions
                .tables(region)
                .read_table(name)
                .await
                .map(|found| json!(found.config)),
            Kind::LambdaFunction => {
                let functions = self.regions.functions(region);
                read_function(&functions, name).await.map(|found| json!(found.config))
            }
            _ => current(self.regions.wiring(), resource)
                .await
                .map(|found| json!(found.document)),
        };
        match read {
            Ok(document) => Ok(Some(document)),
            Err(PortError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn told(resource: &ResourceId, changes: &[Change]) -> Outcome {
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let message = match lines.len() {
        0 => "nothing has changed".to_owned(),
        1 => "one change".to_owned(),
        more => format!("{more} changes"),
    };
    Outcome::new(resource, OutcomeStatus::Done, message).with("changes", lines)
}
