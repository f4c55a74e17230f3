//! What a pre-flight asks of the outside world: it looks, and changes nothing.

use std::future::Future;

use holdfast_catalog::{Arn, Region};
use holdfast_vault::PortError;

use super::DestinationState;
use crate::key::KeyFacts;

/// Looking at keys.
pub trait ReadKeys: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["kms:DescribeKey"];

    /// How a key stands. One that is not there or may not be seen is `KeyState::Missing`.
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
