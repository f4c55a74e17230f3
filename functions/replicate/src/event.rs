use holdfast_catalog::PointId;
use holdfast_lambda::{Failure, parse_manual};
use holdfast_sources::managed::{CopyNews, copy_job_of_event};
use serde::Deserialize;
use serde_json::Value;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"point": "dynamodb-table/eu-central-1/orders/20261121T030000Z-standard"}"#;

/// What a person, the bus, the queue or AWS Backup asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The copies of one point.
    Point(PointRequest),
    /// A look at the copy of a job of AWS Backup that has news.
    News(CopyNews),
}

/// The point that a person, the bus or the queue asks to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointRequest {
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
        match copy_job_of_event(&event) {
            Some(news) => Ok(Request::News(news)),
            None => parse_manual(event, EXAMPLE).map(Request::Point),
        }
    }
}
