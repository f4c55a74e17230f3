use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CatalogError, Kind};

/// An AWS region, for example `eu-central-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let words = parts.len() >= 3
            && parts[..parts.len() - 1]
                .iter()
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
        let number = parts
            .last()
            .is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
        if words && number && text.len() <= 32 {
            Ok(Region(text.to_owned()))
        } else {
            Err(CatalogError::InvalidName {
                what: "region",
                value: text.to_owned(),
                rule: "write a region as AWS does, for example eu-central-1",
            })
        }
    }
}

impl TryFrom<String> for Region {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Amazon resource name, kept as written: `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn(String);

impl Arn {
    fn field(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.field(1)
    }

    /// The service, for example `dynamodb`.
    pub fn service(&self) -> &str {
        self.field(2)
    }

    /// The region; empty for global resources.
    pub fn region(&self) -> &str {
        self.field(3)
    }

    /// The account's 12 digits; empty where the service leaves them out.
    pub fn account(&self) -> &str {
        self.field(4)
    }

    /// Everything after the account.
    pub fn resource(&self) -> &str {
        self.field(5)
    }

    /// The first word of the resource part where there is one: `table` in `table/orders`.
    pub fn resource_type(&self) -> Option<&str> {
        self.resource().split_once([':', '/']).map(|(kind, _)| kind)
    }

    /// The resource part after its type: `orders` in `table/orders`.
    pub fn resource_name(&self) -> &str {
        self.resource()
            .split_once([':', '/'])
            .map_or(self.resource(), |(_, name)| name)
    }
}

impl FromStr for Arn {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        if fields.len() == 6
            && fields[0] == "arn"
            && !fields[1].is_empty()
            && !fields[2].is_empty()
            && !fields[5].is_empty()
        {
            Ok(Arn(text.to_owned()))
        } else {
            Err(CatalogError::InvalidName {
                what: "arn",
                value: text.to_owned(),
                rule: "write it whole, for example arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
            })
        }
    }
}

impl TryFrom<String> for Arn {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.0
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One resource of the account, in the form that vault keys are made of: kind, region, name.
///
/// As text: `dynamodb-table/eu-central-1/orders`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceId {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub region: Region,
    /// Its name, without the ARN around it.
    pub name: String,
}

impl ResourceId {
    /// A resource id from its parts.
    ///
    /// # Errors
    /// The name is empty, longer than 255 bytes, or holds a byte other than ASCII letters, digits, `_`, `.` and `-`.
    pub fn new(kind: Kind, region: Region, name: &str) -> Result<Self, CatalogError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if name.is_empty() || name.len() > 255 || !name.bytes().all(plain) || name == "." || name == ".." {
            return Err(CatalogError::InvalidName {
                what: "resource name",
                value: name.to_owned(),
                rule: "1 to 255 letters, digits, '_', '.' or '-'",
            });
        }
        Ok(ResourceId {
            kind,
            region,
            name: name.to_owned(),
        })
    }

    /// The resource that an ARN names.
    ///
    /// # Errors
    /// The ARN names no kind that Holdfast protects, or a part of a resource (a version, an index).
    pub fn from_arn(arn: &Arn) -> Result<Self, CatalogError> {
        let kind = Kind::of_arn(arn).ok_or_else(|| CatalogError::InvalidName {
            what: "resource",
            value: arn.to_string(),
            rule: "name a DynamoDB table or a Lambda function",
        })?;
        ResourceId::new(kind, arn.region().parse()?, arn.resource_name())
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.region, self.name)
    }
}

impl FromStr for ResourceId {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(region), Some(name)) => ResourceId::new(kind.parse()?, region.parse()?, name),
            _ => Err(CatalogError::InvalidName {
                what: "resource",
                value: text.to_owned(),
                rule: "write kind/region/name, for example dynamodb-table/eu-central-1/orders",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_gives_its_parts() {
        let arn: Arn = "arn:aws:lambda:eu-west-1:111122223333:function:bill".parse().unwrap();
        assert_eq!(
            (arn.service(), arn.region(), arn.account()),
            ("lambda", "eu-west-1", "111122223333")
        );
        assert_eq!((arn.resource_type(), arn.resource_name()), (Some("function"), "bill"));
        assert_eq!(
            ResourceId::from_arn(&arn).unwrap().to_string(),
            "lambda-function/eu-west-1/bill"
        );
    }

    #[test]
    fn a_version_of_a_function_is_not_a_resource() {
        let arn: Arn = "arn:aws:lambda:eu-west-1:111122223333:function:bill:7".parse().unwrap();
        assert!(ResourceId::from_arn(&arn).is_err());
    }

    #[test]
    fn a_name_that_would_change_a_key_is_refused() {
        for name in ["", "a/b", "..", ".", "a b", "ü"] {
            assert!(
                ResourceId::new(Kind::DynamodbTable, "eu-west-1".parse().unwrap(), name).is_err(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_region_has_the_form_of_a_region() {
        assert!("us-gov-west-1".parse::<Region>().is_ok());
        for text in [
            "",
            "eu",
            "eu-central",
            "eu-central-",
            "EU-central-1",
            "eu/central/1",
            "-a-1",
        ] {
            assert!(text.parse::<Region>().is_err(), "{text:?}");
        }
    }
}
