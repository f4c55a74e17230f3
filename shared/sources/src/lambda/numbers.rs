//! The numbers of versions, which are never used twice: what was version 3 may be version 5 after a restore.

use std::collections::BTreeMap;

use super::config::in_order;
use super::{FunctionConfig, Release};

impl FunctionConfig {
    /// The same with the numbers that its versions have in another reading of the function, so that the two can be compared:
    /// a version is the one of its number if that has its code and settings, else the first that has them. One that is not
    /// there keeps its number.
    #[must_use]
    pub fn numbered_as_in(&self, there: &FunctionConfig) -> FunctionConfig {
        let numbers = matched(&self.versions, &there.versions);
        let new = |number: u64| numbers.get(&number).copied().unwrap_or(number);
        let renamed = |qualifier: &str| {
            let number = qualifier.parse::<u64>();
            number.map_or_else(|_| qualifier.to_owned(), |number| new(number).to_string())
        };
        let mut config = self.clone();
        config.versions = self
            .versions
            .iter()
            .map(|(number, release)| (new(*number), release.clone()))
            .collect();
        for alias in config.aliases.values_mut() {
            alias.version = renamed(&alias.version);
            let weights = std::mem::take(&mut alias.weights).into_iter();
            let weights = weights.map(|(number, share)| (new(number), share));
            // What were two versions and is one now shares nothing with itself.
            alias.weights = weights
                .filter(|(number, _)| number.to_string() != alias.version)
                .collect();
        }
        for statement in &mut config.policy {
            statement.qualifier = statement.qualifier.as_deref().map(renamed);
        }
        for source in &mut config.event_sources {
            source.qualifier = source.qualifier.as_deref().map(renamed);
        }
        for configs in config.beside.values_mut() {
            let old = std::mem::take(configs);
            configs.extend(old.into_iter().map(|(qualifier, config)| (renamed(&qualifier), config)));
        }
        for association in &mut config.edge {
            association.version = new(association.version);
        }
        in_order(&mut config);
        config
    }
}

/// The number of each version among those that are there.
fn matched(versions: &BTreeMap<u64, Release>, there: &BTreeMap<u64, Release>) -> BTreeMap<u64, u64> {
    let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
    for (number, release) in versions {
        let same = there.get(number).filter(|found| *found == release).map(|_| *number);
        let first = there
            .iter()
            .find(|(_, found)| *found == release)
            .map(|(found, _)| *found);
        numbers.extend(same.or(first).map(|found| (*number, found)));
    }
    numbers
}
