use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Kind, ResourceId};

use crate::glob::Glob;

/// A resource of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its id.
    pub id: ResourceId,
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Which resources a plan covers: those that fit `include` and do not fit `exclude`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What a resource has to fit. Never empty.
    pub include: Criteria,
    /// What it must not fit.
    pub exclude: Option<Criteria>,
}

/// Criteria: each that is given has to hold; the values of one are alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criteria {
    /// Tags that the resource has, each with a value that fits one of its patterns.
    pub tags: BTreeMap<String, Vec<Glob>>,
    /// Patterns, one of which its ARN fits.
    pub arns: Vec<Glob>,
    /// Kinds, one of which it is.
    pub kinds: Vec<Kind>,
}

impl Criteria {
    /// Whether nothing is asked for. Such criteria fit nothing.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.arns.is_empty() && self.kinds.is_empty()
    }

    /// Whether a resource fits.
    pub fn fit(&self, resource: &Resource) -> bool {
        let tags = self.tags.iter().all(|(key, values)| {
            resource
                .tags
                .get(key)
                .is_some_and(|value| values.iter().any(|glob| glob.matches(value)))
        });
        let arns = self.arns.is_empty() || self.arns.iter().any(|glob| glob.matches(resource.arn.as_str()));
        let kinds = self.kinds.is_empty() || self.kinds.contains(&resource.id.kind);
        !self.is_empty() && tags && arns && kinds
    }
}

impl Selection {
    /// Whether the plan covers a resource.
    pub fn covers(&self, resource: &Resource) -> bool {
        self.include.fit(resource) && !self.exclude.as_ref().is_some_and(|exclude| exclude.fit(resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, tags: &[(&str, &str)]) -> Resource {
        let arn: Arn = format!("arn:aws:dynamodb:eu-west-1:111122223333:table/{name}")
            .parse()
            .unwrap();
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Resource {
            id: ResourceId::from_arn(&arn).unwrap(),
            arn,
            tags,
        }
    }

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().map(|pattern| Glob::new(pattern).unwrap()).collect()
    }

    #[test]
    fn all_criteria_have_to_hold_and_their_values_are_alternatives() {
        let criteria = Criteria {
            tags: BTreeMap::from([("team".to_owned(), globs(&["shop", "pay-*"]))]),
            arns: globs(&["*:table/orders*"]),
            kinds: vec![Kind::DynamodbTable],
        };
        assert!(criteria.fit(&table("orders", &[("team", "shop")])));
        assert!(criteria.fit(&table("orders-2", &[("team", "pay-in")])));
        assert!(!criteria.fit(&table("users", &[("team", "shop")])));
        assert!(!criteria.fit(&table("orders", &[("team", "other")])));
        assert!(!criteria.fit(&table("orders", &[])));
    }

    #[test]
    fn criteria_that_ask_for_nothing_fit_nothing() {
        assert!(!Criteria::default().fit(&table("orders", &[])));
    }

    #[test]
    fn what_is_excluded_is_not_covered() {
        let include = Criteria {
            arns: globs(&["*"]),
            ..Criteria::default()
        };
        let exclude = Some(Criteria {
            arns: globs(&["*/test-*"]),
            ..Criteria::default()
        });
        let selection = Selection { include, exclude };
        assert!(selection.covers(&table("orders", &[])));
        assert!(!selection.covers(&table("test-orders", &[])));
    }
}
