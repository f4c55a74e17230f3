use holdfast_catalog::{Arn, CatalogError, Region};
use holdfast_sources::key::KeyFacts;
use holdfast_sources::preflight::port::ReadKeys;
use holdfast_vault::PortError;
use holdfast_vault::replica::{MakeReplica, ReplicaReady, ReplicaSpec, ReplicateKeys};

use crate::{MemoryStore, MemorySurroundings};

/// Makes replica vaults as siblings of a [`MemoryStore`].
#[derive(Debug, Clone)]
pub struct MemoryReplicas {
    home: MemoryStore,
    surroundings: MemorySurroundings,
}

impl MemoryReplicas {
    /// Makes them in the cloud of `home`, whose keys are as `surroundings` say.
    pub fn new(home: &MemoryStore, surroundings: &MemorySurroundings) -> Self {
        MemoryReplicas {
            home: home.clone(),
            surroundings: surroundings.clone(),
        }
    }
}

impl ReadKeys for MemoryReplicas {
    async fn describe_key(&self, key: &Arn) -> Result<KeyFacts, PortError> {
        self.surroundings.describe_key(key).await
    }
}

impl MakeReplica for MemoryReplicas {
    async fn ensure(&self, spec: &ReplicaSpec) -> Result<ReplicaReady, PortError> {
        let made = !self.home.has_bucket(&spec.bucket);
        _ = self.home.sibling(&spec.bucket);
        Ok(ReplicaReady {
            key_arn: in_region(&spec.home_key_arn, &spec.region),
            made,
        })
    }
}

impl ReplicateKeys for MemoryReplicas {
    async fn ensure_key(&self, home_key_arn: &str, region: &Region) -> Result<Arn, PortError> {
        in_region(home_key_arn, region)
            .parse()
            .map_err(|error: CatalogError| PortError::Invalid(error.to_string()))
    }
}

fn in_region(key_arn: &str, region: &Region) -> String {
    let mut arn: Vec<&str> = key_arn.split(':').collect();
    if let Some(place) = arn.get_mut(3) {
        *place = region.as_str();
    }
    arn.join(":")
}
