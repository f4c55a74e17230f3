use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::{Deserialize, Serialize};

use crate::{CatalogError, ResourceId};

/// A plan's name: 1 to 32 lower-case letters, digits and `-`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanName(String);

impl PlanName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlanName {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.len() <= 32 && text.bytes().all(plain) && text.starts_with(|c: char| c.is_ascii_lowercase()) {
            Ok(PlanName(text.to_owned()))
        } else {
            Err(CatalogError::InvalidName {
                what: "plan name",
                value: text.to_owned(),
                rule: "1 to 32 lower-case letters, digits and '-', starting with a letter",
            })
        }
    }
}

impl TryFrom<String> for PlanName {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PlanName> for String {
    fn from(name: PlanName) -> Self {
        name.0
    }
}

impl fmt::Display for PlanName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The scheduled instant that a recovery point belongs to, to the second, in UTC.
///
/// As text `20261121T024500Z`: it sorts as it reads, and a listing of keys is in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slot(Timestamp);

const SLOT_FORMAT: &str = "%Y%m%dT%H%M%SZ";

impl Slot {
    /// The slot at an instant; parts of a second are dropped.
    pub fn at(instant: Timestamp) -> Self {
        let second = Timestamp::from_second(instant.as_second());
        Slot(second.unwrap_or(instant))
    }

    /// The instant.
    pub fn instant(self) -> Timestamp {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime(SLOT_FORMAT))
    }
}

impl FromStr for Slot {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || CatalogError::InvalidName {
            what: "slot",
            value: text.to_owned(),
            rule: "write a UTC time as 20261121T024500Z",
        };
        let time = strtime::parse(SLOT_FORMAT, text)
            .and_then(|parsed| parsed.to_datetime())
            .map_err(|_| invalid())?;
        let zoned = jiff::tz::TimeZone::UTC.to_timestamp(time).map_err(|_| invalid())?;
        let slot = Slot(zoned);
        // A slot is a key: only the one canonical spelling is accepted.
        if slot.to_string() == text {
            Ok(slot)
        } else {
            Err(invalid())
        }
    }
}

impl TryFrom<String> for Slot {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Slot> for String {
    fn from(slot: Slot) -> Self {
        slot.to_string()
    }
}

/// A recovery point's identity: resource, slot and plan. It is also the run's identity, so the same tick delivered
/// twice makes one point.
///
/// As text: `dynamodb-table/eu-central-1/orders/20261121T024500Z-standard`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PointId {
    /// What it is a point of.
    pub resource: ResourceId,
    /// When it was due.
    pub slot: Slot,
    /// The plan that asked for it.
    pub plan: PlanName,
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}-{}", self.resource, self.slot, self.plan)
    }
}

impl FromStr for PointId {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_a_point = || CatalogError::InvalidName {
            what: "recovery point",
            value: text.to_owned(),
            rule: "write kind/region/name/slot-plan, for example dynamodb-table/eu-central-1/orders/20261121T024500Z-standard",
        };
        let (resource, tail) = text.rsplit_once('/').ok_or_else(not_a_point)?;
        let (slot, plan) = tail.split_once('-').ok_or_else(not_a_point)?;
        Ok(PointId {
            resource: resource.parse()?,
            slot: slot.parse()?,
            plan: plan.parse()?,
        })
    }
}

impl TryFrom<String> for PointId {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PointId> for String {
    fn from(id: PointId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_id_round_trips_as_text() {
        let text = "dynamodb-table/eu-central-1/orders.v2/20261121T024500Z-gold-tier";
        let id: PointId = text.parse().unwrap();
        assert_eq!(id.plan.as_str(), "gold-tier");
        assert_eq!(id.slot.instant(), "2026-11-21T02:45:00Z".parse().unwrap());
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn a_slot_has_one_spelling() {
        for text in [
            "",
            "2026-11-21",
            "20261121T024500",
            "20261321T024500Z",
            "20261121T024560Z",
            "20261121T0245 0Z",
            "+0261121T024500Z",
        ] {
            assert!(text.parse::<Slot>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn slots_sort_as_text_and_as_time() {
        let early = Slot::at("2026-02-28T23:59:59.9Z".parse().unwrap());
        let late = Slot::at("2026-03-01T00:00:00Z".parse().unwrap());
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string(), "20260228T235959Z");
    }
}
