use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Arn, CatalogError};

/// A kind of resource that Holdfast protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A DynamoDB table with its items and settings.
    DynamodbTable,
    /// A Lambda function with its code, versions, aliases and triggers.
    LambdaFunction,
}

impl Kind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Kind; 2] = [Kind::DynamodbTable, Kind::LambdaFunction];

    /// The name used in keys, policies and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::DynamodbTable => "dynamodb-table",
            Kind::LambdaFunction => "lambda-function",
        }
    }

    /// The kind that an ARN names, if it is one of ours.
    pub fn of_arn(arn: &Arn) -> Option<Kind> {
        match (arn.service(), arn.resource_type()) {
            ("dynamodb", Some("table")) => Some(Kind::DynamodbTable),
            ("lambda", Some("function")) => Some(Kind::LambdaFunction),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| CatalogError::InvalidName {
                what: "kind",
                value: text.to_owned(),
                rule: "use dynamodb-table or lambda-function",
            })
    }
}
