//! Making the replica's vault: a bucket and a key in another region, hardened like the home vault's.

use std::future::Future;

use holdfast_catalog::{Arn, Region};

use crate::PortError;

/// Whether a vault's bucket can lock objects. The locks themselves are put on object by object, never by a bucket default,
/// which would lock tombstones, facts and work in flight too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultLock {
    /// It cannot.
    Off,
    /// It can; this cannot be switched off again.
    Enabled,
}

/// The replica vault that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSpec {
    /// Its bucket.
    pub bucket: String,
    /// The bucket's region.
    pub region: Region,
    /// The home vault's key: a multi-Region key (`…:key/mrk-…`), which gets a replica in `region`.
    pub home_key_arn: String,
    /// Whether its objects can be locked.
    pub lock: VaultLock,
}

/// A replica vault that can be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaReady {
    /// The key that encrypts it, in its region; empty where another account has made it and chosen the key.
    pub key_arn: String,
    /// Whether this call made the bucket.
    pub made: bool,
}

/// Making a replica vault, or finding it made.
pub trait MakeReplica: Send + Sync {
    /// The IAM actions behind this trait. `kms:ReplicateKey` is on the home key, `kms:CreateKey` in the replica's region.
    const ACTIONS: &'static [&'static str] = &[
        "kms:CreateKey",
        "kms:DescribeKey",
        "kms:ReplicateKey",
        "s3:CreateBucket",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:ListBucket",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
    ];

    /// Makes whatever of key, bucket and hardening is missing and leaves alone what is there: a vault that is ready costs reads
    /// only. Hardening is never weakened, and what others added to the bucket's policy and lifecycle stays. Doing it again,
    /// also after an error and also two at once, is safe.
    ///
    /// # Errors
    /// `Denied` when the bucket is somebody else's, the key is disabled or a permission is missing; `Invalid` when the bucket is
    /// in another region, the home key is no multi-Region key, or the store ignores create-if-absent; `Unavailable` while the
    /// key or the bucket is still being made. What was made until then stays and is used by the next call.
    fn ensure(&self, spec: &ReplicaSpec) -> impl Future<Output = Result<ReplicaReady, PortError>> + Send;
}

/// Making replicas of the home vault's key.
pub trait ReplicateKeys: Send + Sync {
    /// The IAM actions behind this trait, as those of [`MakeReplica`].
    const ACTIONS: &'static [&'static str] = &["kms:CreateKey", "kms:DescribeKey", "kms:ReplicateKey"];

    /// The key that has the home key's material in a region, made if it is not there. Doing it again, also after an error and
    /// also two at once, is safe.
    ///
    /// # Errors
    /// `Invalid` when the home key is no multi-Region key; `Denied` when it is disabled there; `Unavailable` while it is being made.
    fn ensure_key(&self, home_key_arn: &str, region: &Region) -> impl Future<Output = Result<Arn, PortError>> + Send;
}
