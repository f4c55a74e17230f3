use holdfast_vault::PortError;
use holdfast_vault::replica::{MakeReplica, ReplicaReady, ReplicaSpec};

use crate::MemoryStore;

/// Makes replica vaults as siblings of a [`MemoryStore`].
#[derive(Debug, Clone)]
pub struct MemoryReplicas {
    home: MemoryStore,
}

impl MemoryReplicas {
    /// Makes them in the cloud of `home`.
    pub fn new(home: &MemoryStore) -> Self {
        MemoryReplicas { home: home.clone() }
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
