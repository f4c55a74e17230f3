use holdfast_catalog::PointId;
use holdfast_lambda::{Failure, parse_manual};
use serde::Deserialize;
use serde_json::Value;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"point": "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard"}"#;

/// The point that a person, the bus or the queue asks to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which point.
    pub point: PointId,
    /// The vault that it was committed to, as the bus tells it.
    pub bucket: Option<String>,
    /// The vault's region, as the bus tells it.
    pub region: Option<String>,
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        parse_manual(event, EXAMPLE)
    }
}
