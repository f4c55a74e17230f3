use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use holdfast_catalog::{Arn, Kind, Region};
use holdfast_sources::inventory::{Found, ListResources};
use holdfast_vault::PortError;

use crate::lock;

/// An inventory that a test fills in. Clones are the same inventory.
#[derive(Debug, Clone, Default)]
pub struct MemoryResources {
    found: Arc<Mutex<BTreeMap<Arn, Found>>>,
}

impl MemoryResources {
    /// An account without resources.
    pub fn new() -> Self {
        MemoryResources::default()
    }

    /// Adds a resource, or gives it other tags.
    pub fn add(&self, arn: &Arn, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let found = Found {
            arn: arn.clone(),
            tags: tags.collect(),
        };
        lock(&self.found).insert(arn.clone(), found);
    }

    /// Removes a resource.
    pub fn remove(&self, arn: &Arn) {
        lock(&self.found).remove(arn);
    }
}

impl ListResources for MemoryResources {
    async fn list(&self, region: &Region, kind: Kind) -> Result<Vec<Found>, PortError> {
        let found = lock(&self.found);
        let of_kind = found
            .values()
            .filter(|found| Kind::of_arn(&found.arn) == Some(kind) && found.arn.region() == region.as_str());
        Ok(of_kind.cloned().collect())
    }
}
