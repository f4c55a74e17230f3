use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use holdfast_catalog::{Arn, Region};
use holdfast_sources::key::{KeyFacts, KeyState};
use holdfast_sources::preflight::DestinationState;
use holdfast_sources::preflight::port::{ReadConcurrency, ReadKeys, ReadReplicas, ReplicaLook, SimulateRoles};
use holdfast_sources::preflight::rights::Question;
use holdfast_vault::PortError;

use crate::{MemoryStore, lock};

/// Keys, replica buckets and roles as a pre-flight finds them: keys are enabled, buckets hardened and roles allowed everything unless a
/// test says otherwise.
#[derive(Debug, Clone)]
pub struct MemorySurroundings {
    home: MemoryStore,
    keys: Arc<Mutex<BTreeMap<Arn, KeyState>>>,
    aws_managed: Arc<Mutex<BTreeSet<Arn>>>,
    shared: Arc<Mutex<BTreeMap<Arn, BTreeSet<String>>>>,
    lacking: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    denied: Arc<Mutex<BTreeSet<(Arn, String)>>>,
    concurrency: Arc<Mutex<u64>>,
}

impl MemorySurroundings {
    /// Around the cloud of `home`, whose buckets are there or not.
    pub fn new(home: &MemoryStore) -> Self {
        MemorySurroundings {
            home: home.clone(),
            keys: Arc::default(),
            aws_managed: Arc::default(),
            shared: Arc::default(),
            lacking: Arc::default(),
            denied: Arc::default(),
            // What Lambda gives an account that has been there for a while.
            concurrency: Arc::new(Mutex::new(1000)),
        }
    }

    /// Puts a key into a state.
    pub fn set_key(&self, key: &Arn, state: KeyState) {
        lock(&self.keys).insert(key.clone(), state);
    }

    /// Names an account in a key's policy.
    pub fn share_key(&self, key: &Arn, account: &str) {
        let mut shared = lock(&self.shared);
        shared.entry(key.clone()).or_default().insert(account.to_owned());
    }

    /// Gives a key to AWS.
    pub fn give_key_to_aws(&self, key: &Arn) {
        lock(&self.aws_managed).insert(key.clone());
    }

    /// Takes an action from a role, which may do everything else.
    pub fn deny(&self, role: &Arn, action: &str) {
        lock(&self.denied).insert((role.clone(), action.to_owned()));
    }

    /// Lets so many functions run at once.
    pub fn set_concurrency(&self, free: u64) {
        *lock(&self.concurrency) = free;
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
            shared_with: Some(lock(&self.shared).get(key).cloned().unwrap_or_default()),
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

impl ReadConcurrency for MemorySurroundings {
    async fn free_concurrency(&self, _: &Region) -> Result<u64, PortError> {
        Ok(*lock(&self.concurrency))
    }
}

impl SimulateRoles for MemorySurroundings {
    async fn denied(&self, role: &Arn, question: &Question) -> Result<BTreeSet<String>, PortError> {
        let denied = lock(&self.denied);
        let actions = question.actions.iter();
        Ok(actions
            .filter(|action| denied.contains(&(role.clone(), (*action).clone())))
            .cloned()
            .collect())
    }
}
