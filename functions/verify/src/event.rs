use holdfast_catalog::{PointId, ResourceId};
use holdfast_lambda::{Failure, parse_manual};
use serde::Deserialize;
use serde_json::Value;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"restore_test": "dynamodb-table/eu-central-1/orders"}"#;

/// What a person asks to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Read these points and prove them.
    Scrub(Subject),
    /// Restore one point into a scratch table and compare.
    RestoreTest(Subject),
    /// Hold every promise of the policy against what there is.
    Comply,
    /// Look whether keys, destinations and rights are as the next run needs them.
    Preflight,
    /// Say in plain words what becomes of a resource or a point.
    Explain(Subject),
}

/// Which points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// All that there are.
    All,
    /// The newest good one of a resource.
    Resource(ResourceId),
    /// This one.
    Point(PointId),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    scrub: Option<String>,
    restore_test: Option<String>,
    comply: Option<bool>,
    explain: Option<String>,
    preflight: Option<bool>,
}

impl Request {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        let fields: Fields = parse_manual(event, EXAMPLE)?;
        if let Fields {
            scrub: None,
            restore_test: None,
            comply: None,
            explain: None,
            preflight: Some(true),
        } = fields
        {
            return Ok(Request::Preflight);
        }
        if fields.preflight.is_some() {
            return Err(invalid("preflight is asked for alone, and with true"));
        }
        match (fields.scrub, fields.restore_test, fields.comply, fields.explain) {
            (Some(text), None, None, None) => subject(&text).map(Request::Scrub),
            (None, Some(text), None, None) => match subject(&text)? {
                Subject::All => Err(invalid("restore_test takes a resource or a point, one at a time")),
                one => Ok(Request::RestoreTest(one)),
            },
            (None, None, Some(true), None) => Ok(Request::Comply),
            (None, None, None, Some(text)) => subject(&text).map(Request::Explain),
            _ => Err(invalid(
                "name one of scrub, restore_test, comply, explain and preflight",
            )),
        }
    }
}

fn subject(text: &str) -> Result<Subject, Failure> {
    if text == "all" {
        return Ok(Subject::All);
    }
    // A resource has three parts and a point four, so at most one of them parses.
    if let Ok(point) = text.parse() {
        return Ok(Subject::Point(point));
    }
    let resource = text
        .parse()
        .map_err(|_| invalid(&format!("{text:?} is neither a resource nor a recovery point")))?;
    Ok(Subject::Resource(resource))
}

fn invalid(message: &str) -> Failure {
    Failure::InvalidRequest(format!("{message}; send for example {EXAMPLE}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_request_is_understood() {
        let point = "dynamodb-table/eu-west-1/orders/20261121T030000Z-standard";
        assert_eq!(
            Request::parse(json!({"scrub": "all"})).unwrap(),
            Request::Scrub(Subject::All)
        );
        assert_eq!(
            Request::parse(json!({"restore_test": point})).unwrap(),
            Request::RestoreTest(Subject::Point(point.parse().unwrap()))
        );
        assert!(matches!(
            Request::parse(json!({"scrub": "dynamodb-table/eu-west-1/orders"})).unwrap(),
            Request::Scrub(Subject::Resource(_))
        ));
        assert_eq!(Request::parse(json!({"comply": true})).unwrap(), Request::Comply);
        assert_eq!(Request::parse(json!({"preflight": true})).unwrap(), Request::Preflight);
    }

    #[test]
    fn what_is_not_is_refused_with_an_event_that_works() {
        for wrong in [
            json!({}),
            json!({"scrub": "x"}),
            json!({"scrub": "all", "comply": true}),
            json!({"restore_test": "all"}),
            json!({"preflight": false}),
            json!({"preflight": true, "scrub": "all"}),
        ] {
            assert!(
                Request::parse(wrong.clone()).unwrap_err().to_string().contains(EXAMPLE),
                "{wrong}"
            );
        }
    }
}
