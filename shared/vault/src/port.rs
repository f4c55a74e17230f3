//! What a vault needs of an object store. One trait an operation, so that a handler's bounds say what it may do.
//!
//! Every trait names the IAM actions behind it; `template.yaml` is tested against them.

use std::future::Future;

use bytes::Bytes;
use holdfast_catalog::{Lock, ObjectLock};
use jiff::{SignedDuration, Timestamp};

use crate::PortError;
use crate::replica::VaultLock;

/// What a listing or a look says about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The object's key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written.
    pub modified_at: Timestamp,
    /// Until when its retention lock lasts, as a look at the object tells those who may read locks; a listing does not tell.
    pub locked_until: Option<Timestamp>,
}

/// One version of an object in a versioned bucket, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The version's object.
    pub info: ObjectInfo,
    /// The version's id.
    pub version: String,
    /// Whether a plain read of the key finds this one.
    pub is_latest: bool,
    /// Whether it is a delete marker: no data, but readers see the object as gone.
    pub is_delete_marker: bool,
}

/// Whether a create-if-absent wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// Written by this call.
    New,
    /// Something has that key already; nothing was written.
    Existed,
}

/// Reading single objects.
pub trait ReadObjects: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["s3:GetObject", "kms:Decrypt"];

    /// A whole object. Meant for what this crate stores: manifests, parts, packs, indexes.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<Bytes, PortError>> + Send;

    /// Up to `bytes` bytes of an object from `from`; empty at or past its end.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn get_range(&self, key: &str, from: u64, bytes: u64) -> impl Future<Output = Result<Bytes, PortError>> + Send;

    /// Length and age of an object, without its bytes.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    fn head(&self, key: &str) -> impl Future<Output = Result<ObjectInfo, PortError>> + Send;
}

/// Listing keys.
pub trait ListObjects: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["s3:ListBucket"];

    /// The next objects whose keys begin with `prefix` and come after `after`, in order of key. An empty page is the end;
    /// a page may be short without being the last.
    ///
    /// # Errors
    /// Those of the store.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Vec<ObjectInfo>, PortError>> + Send;
}

/// Writing objects, each with a SHA-256 checksum that the store keeps.
pub trait WriteObjects: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["s3:PutObject", "kms:GenerateDataKey"];

    /// Writes an object unless the key is taken. Implementations resolve 409 by trying again, and 412 after a time-out by
    /// saying `Existed`.
    ///
    /// # Errors
    /// Those of the store; on `Unavailable` the object may or may not have been written.
    fn create(&self, key: &str, body: Bytes) -> impl Future<Output = Result<Created, PortError>> + Send;

    /// Writes an object whatever was there; in a versioned bucket the old version stays.
    ///
    /// # Errors
    /// Those of the store; on `Unavailable` the object may or may not have been written.
    fn overwrite(&self, key: &str, body: Bytes) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Copying an object from another vault without its bytes passing through here.
pub trait CopyObjects: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["s3:GetObject", "s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"];

    /// Copies `key` of `source_bucket` to the same key here, encrypted with this vault's key. The copy is checked: same
    /// length and, where the store keeps one, same SHA-256 checksum.
    ///
    /// # Errors
    /// `NotFound` when the source has no such object, `Corrupt` when the copy differs.
    fn copy_from(&self, source_bucket: &str, key: &str) -> impl Future<Output = Result<ObjectInfo, PortError>> + Send;
}

/// Locking objects, each by itself and never by a bucket default, which would lock facts and work in flight too.
pub trait LockObjects: Send + Sync + Sized {
    /// The IAM actions behind this trait. Never `s3:BypassGovernanceRetention`.
    const ACTIONS: &'static [&'static str] = &[
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetObjectRetention",
        "s3:PutObjectRetention",
    ];

    /// The same store, but what this one writes and copies is locked, by the request that writes it, as [`Lock::on`] says for
    /// its key.
    #[must_use]
    fn locking(&self, lock: Option<Lock>) -> Self;

    /// How this store locks what it writes.
    fn lock(&self) -> Option<Lock>;

    /// Has the newest version at a key locked as this store locks what it writes there, and says how it is locked then: as long
    /// or longer, as firmly or more. A lock is never made shorter or weaker, and one that is enough costs no change. `None`
    /// when this store locks nothing there.
    ///
    /// # Errors
    /// `NotFound` when there is no such object; `Locked` when a lock in another mode is on it, which stays as it is; `Invalid`
    /// when the bucket cannot lock.
    fn extend_lock(&self, key: &str) -> impl Future<Output = Result<Option<ObjectLock>, PortError>> + Send;

    /// Whether the bucket can lock objects at all. One that cannot refuses to write what is to be locked.
    ///
    /// # Errors
    /// Those of the store.
    fn vault_lock(&self) -> impl Future<Output = Result<VaultLock, PortError>> + Send;
}

/// Removing versions of objects. Only `prune` may name this trait.
pub trait DeleteObjects: Send + Sync {
    /// The IAM actions behind this trait. Locks are read to say until when a version stays.
    const ACTIONS: &'static [&'static str] = &[
        "s3:ListBucketVersions",
        "s3:DeleteObjectVersion",
        "s3:GetObjectRetention",
    ];

    /// All versions and delete markers of the keys that begin with `prefix`, from where `after` (key and version of the
    /// last one seen; with an empty version, behind all of that key) left off. An empty page is the end.
    ///
    /// # Errors
    /// Those of the store.
    fn list_versions(
        &self,
        prefix: &str,
        after: Option<(&str, &str)>,
    ) -> impl Future<Output = Result<Vec<ObjectVersion>, PortError>> + Send;

    /// Removes one version for good. Removing one that is gone succeeds.
    ///
    /// # Errors
    /// `Locked` while a retention lock or hold is on it; the message says until when, where that is known.
    fn delete_version(&self, key: &str, version: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The only clock. The Lambda glue implements it; tests have one that they move by hand.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// How long this invocation may still run; zero once it should have ended.
    fn remaining(&self) -> SignedDuration;

    /// Waits.
    fn sleep(&self, time: SignedDuration) -> impl Future<Output = ()> + Send;
}

/// Names the ports that a handler needs, as one trait. The same list is the handler's IAM policy: `actions()` gives it, and
/// a test holds `template.yaml` against it.
#[macro_export]
macro_rules! ports {
    ($(#[$doc:meta])* $vis:vis trait $name:ident: $($port:path),+ $(,)?) => {
        $(#[$doc])*
        $vis trait $name: $($port +)+ Send + Sync {
            /// The IAM actions behind these ports, sorted.
            fn actions() -> ::std::collections::BTreeSet<&'static str>
            where
                Self: Sized,
            {
                let mut actions = ::std::collections::BTreeSet::new();
                $(actions.extend(<Self as $port>::ACTIONS.iter().copied());)+
                actions
            }
        }

        impl<T: $($port +)+ Send + Sync> $name for T {}
    };
}
