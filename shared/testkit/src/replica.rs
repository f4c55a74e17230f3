use holdfast_catalog::Arn;
use holdfast_sources::key::KeyFacts;
use holdfast_sources::preflight::port::ReadKeys;
use holdfast_vault::PortError;
use holdfast_vault::replica::{MakeReplica, ReplicaReady, ReplicaSpec};

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
        let mut arn: Vec<&str> = spec.home_key_arn.split(':').collect();
        if let Some(region) = arn.get_mut(3) {
            *region = spec.region.as_str();
        }
        Ok(ReplicaReady {
            key_arn: arn.join(":"),
            made,
        })
    }
}
