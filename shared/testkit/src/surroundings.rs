use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use holdfast_catalog::{Arn, Region};
use holdfast_sources::key::{KeyFacts, KeyState};
use holdfast_sources::preflight::DestinationState;
use holdfast_sources::preflight::port::{ReadKeys, ReadReplicas, ReplicaLook};
use holdfast_vault::PortError;

use crate::{MemoryStore, lock};

/// Keys and replica buckets as a pre-flight finds them: keys are enabled and buckets hardened unless a test says otherwise.
#[derive(Debug, Clone)]
pub struct MemorySurroundings {
    home: MemoryStore,
    keys: Arc<Mutex<BTreeMap<Arn, KeyState>>>,
    aws_managed: Arc<Mutex<BTreeSet<Arn>>>,
    lacking: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl MemorySurroundings {
    /// Around the cloud of `home`, whose buckets are there or not.
    pub fn new(home: &MemoryStore) -> Self {
        MemorySurroundings {
            home: home.clone(),
            keys: Arc::default(),
            aws_managed: Arc::default(),
            lacking: Arc::default(),
        }
    }

    /// Puts a key into a state.
    pub fn set_key(&self, key: &Arn, state: KeyState) {
        lock(&self.keys).insert(key.clone(), state);
    }

    /// Gives a key to AWS.
    pub fn give_key_to_aws(&self, key: &Arn) {
        lock(&self.aws_managed).insert(key.clone());
    }

    /// Takes a measure of hardening from a bucket.
    pub fn weaken(&self, bucket: &str, measure: &str) {
        let mut lacking = lock(&self.lacking);
        lacking.entry(bucket.to_owned()).or_default().push(measure.to_owned());
    }
}

impl ReadKeys for MemorySurroundings {
    async fn describe_key(&self, key: &Arn) -> Result<KeyFacts, PortError> {
        Ok(KeyFacts {
            arn: key.clone(),
            state: lock(&self.keys).get(key).copied().unwrap_or(KeyState::Enabled),
            is_aws_managed: lock(&self.aws_managed).contains(key),
            shared_with: BTreeSet::new(),
        })
    }
}

impl ReadReplicas for MemorySurroundings {
    async fn look_at_replica(&self, bucket: &str, _: &Region, _: &Arn) -> Result<ReplicaLook, PortError> {
        let state = match self.home.has_bucket(bucket) {
            true => DestinationState::Ready,
            false => DestinationState::Missing,
        };
        Ok(ReplicaLook {
            state,
            missing_hardening: lock(&self.lacking).get(bucket).cloned().unwrap_or_default(),
        })
    }
}
