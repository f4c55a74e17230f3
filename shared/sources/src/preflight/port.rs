//! What a pre-flight asks of the outside world: it looks, and changes nothing.

use std::collections::BTreeSet;
use std::future::Future;

use holdfast_catalog::{Arn, Region};
use holdfast_vault::PortError;

use super::DestinationState;
use super::rights::Question;
use crate::key::KeyFacts;

/// Looking at keys.
pub trait ReadKeys: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["kms:DescribeKey", "kms:GetKeyPolicy"];

    /// How a key stands, and whom its policy names. One that is not there or may not be seen is `KeyState::Missing`; of another
    /// account's key the policy is not looked at, because KMS gives it to its own account alone.
    ///
    /// # Errors
    /// Those of the service.
    fn describe_key(&self, key: &Arn) -> impl Future<Output = Result<KeyFacts, PortError>> + Send;
}

/// How a replica's bucket was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaLook {
    /// How it stands.
    pub state: DestinationState,
    /// What it lacks of what `replicate` gives it, each as what to switch on.
    pub missing_hardening: Vec<String>,
}

/// Looking at the buckets of replicas.
pub trait ReadReplicas: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:ListBucket",
    ];

    /// How a replica's bucket stands that is to be encrypted with a key, whose account is the bucket's too. Of another account's
    /// bucket the policy is not looked at: S3 gives it to its own account alone.
    ///
    /// # Errors
    /// Those of the service; that it is not there, not ours or may not be seen is none.
    fn look_at_replica(
        &self,
        bucket: &str,
        region: &Region,
        key: &Arn,
    ) -> impl Future<Output = Result<ReplicaLook, PortError>> + Send;
}

/// Looking at how many functions may run at once.
pub trait ReadConcurrency: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["lambda:GetAccountSettings"];

    /// How many executions at once are left for functions without a reservation of their own.
    ///
    /// # Errors
    /// Those of the service.
    fn free_concurrency(&self, region: &Region) -> impl Future<Output = Result<u64, PortError>> + Send;
}

/// Asking what roles may do.
pub trait SimulateRoles: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["iam:SimulatePrincipalPolicy"];

    /// Which of a question's actions a role may do on none of its resources, by its own policies, its boundary and what the
    /// service sees of the organisation's; policies of resources and of keys are not looked at.
    ///
    /// # Errors
    /// `NotFound` when there is no such role.
    fn denied(
        &self,
        role: &Arn,
        question: &Question,
    ) -> impl Future<Output = Result<BTreeSet<String>, PortError>> + Send;
}
