//! A vault's object store in S3.

mod copy;
mod lock;
mod read;
#[cfg(test)]
mod tests;
mod versions;
mod write;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use holdfast_catalog::{Lock, Region};
use holdfast_vault::PortError;
use holdfast_vault::port::{Created, ObjectInfo, ReadObjects as _, WriteObjects as _};
use jiff::Timestamp;

use crate::Aws;

/// The object that shows that a store honours create-if-absent.
const PROBE: &str = "config/create-if-absent-probe";

/// A versioned bucket as a vault's object store.
#[derive(Debug, Clone)]
pub struct S3Vault {
    /// Of the bucket's region: S3 writes a copy from the region that it goes to.
    client: Client,
    /// Of the region where copies come from.
    source: Client,
    bucket: String,
    kms_key: Option<String>,
    owner: Option<String>,
    /// Whose the buckets are that copies come from.
    source_owner: Option<String>,
    /// How what is written is locked.
    lock: Option<Lock>,
}

impl S3Vault {
    /// The bucket of that name in a region, its objects encrypted as the bucket's default says.
    pub fn new(aws: &Aws, region: &Region, bucket: &str) -> Self {
        let client = aws.s3(region);
        S3Vault {
            source: client.clone(),
            client,
            bucket: bucket.to_owned(),
            kms_key: None,
            owner: None,
            source_owner: None,
            lock: None,
        }
    }

    /// Encrypts what is written with this KMS key, through the bucket's own data key (one KMS call for many objects).
    #[must_use]
    pub fn encrypted_with(mut self, kms_key_arn: &str) -> Self {
        self.kms_key = Some(kms_key_arn.to_owned());
        self
    }

    /// Takes copies from buckets in this region instead of the vault's own.
    #[must_use]
    pub fn copying_from(mut self, aws: &Aws, region: &Region) -> Self {
        self.source = aws.s3(region);
        self
    }

    /// Refuses buckets, this one and those that copies come from, that belong to another account than this one.
    #[must_use]
    pub fn owned_by(mut self, account: &str) -> Self {
        self.owner = Some(account.to_owned());
        self.source_owner = Some(account.to_owned());
        self
    }

    /// Takes copies only from buckets of this account, where that is another than the one that this bucket belongs to.
    #[must_use]
    pub fn source_owned_by(mut self, account: &str) -> Self {
        self.source_owner = Some(account.to_owned());
        self
    }

    /// Who a bucket has to belong to.
    fn owner_of(&self, bucket: &str) -> Option<String> {
        match bucket == self.bucket {
            true => self.owner.clone(),
            false => self.source_owner.clone(),
        }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Makes sure that the store honours create-if-absent, on which every commit rests. Leaves one small object behind, by which
    /// later calls know.
    ///
    /// # Errors
    /// `Invalid` when a second create of the same key wrote again: nothing may be stored there.
    pub async fn probe_create(&self) -> Result<(), PortError> {
        match self.head(PROBE).await {
            Err(PortError::NotFound(_)) => {}
            other => return other.map(|_| ()),
        }
        let probe = || self.create(PROBE, "Whether a second create is refused was tried with this.".into());
        // Two probes at once: the one that finds the other's object has seen a refusal.
        if probe().await? == Created::Existed || probe().await? == Created::Existed {
            return Ok(());
        }
        Err(PortError::Invalid(format!(
            "s3://{}: the store ignores If-None-Match, so that two writers could both win; use a store that honours it",
            self.bucket
        )))
    }

    fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// What a listing or a head says, as the ports want it.
///
/// # Errors
/// `Unavailable` when a part is missing: an answer that says less than S3 promises is no answer.
fn info(
    doing: &str,
    key: Option<&str>,
    bytes: Option<i64>,
    modified_at: Option<&DateTime>,
) -> Result<ObjectInfo, PortError> {
    let missing = |what| PortError::Unavailable(format!("{doing}: the answer has no {what}"));
    let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
    let modified_at = modified_at.and_then(timestamp);
    Ok(ObjectInfo {
        key: key.ok_or_else(|| missing("key"))?.to_owned(),
        bytes: bytes.ok_or_else(|| missing("length"))?,
        modified_at: modified_at.ok_or_else(|| missing("time"))?,
        locked_until: None,
    })
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}
