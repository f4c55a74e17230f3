//! What Holdfast asks of buckets that it makes.

use std::future::Future;

use holdfast_catalog::Region;
use holdfast_vault::{PortError, ports};

use crate::call::Call;
use crate::call::bucket::{
    ListObjectsV2, PutBucketCors, PutBucketEncryption, PutBucketLogging, PutBucketOwnershipControls, PutBucketPolicy,
    PutBucketTagging, PutBucketVersioning, PutBucketWebsite, PutObjectLockConfiguration, PutPublicAccessBlock,
};
use crate::call::s3::ListBuckets;

ports! {
    /// What looking for a bucket of the account asks for.
    pub trait FindBucket: Call<ListBuckets>
}

ports! {
    /// What putting a bucket's settings back asks for. Its lifecycle is not among them: a rule that expires objects is a delete by
    /// another name.
    pub trait ChangeBucket:
        Call<PutBucketVersioning>,
        Call<PutBucketEncryption>,
        Call<PutPublicAccessBlock>,
        Call<PutBucketOwnershipControls>,
        Call<PutBucketPolicy>,
        Call<PutBucketCors>,
        Call<PutBucketWebsite>,
        Call<PutBucketLogging>,
        Call<PutBucketTagging>,
        Call<PutObjectLockConfiguration>
}

ports! {
    /// What counting a bucket's objects asks for.
    pub trait CountObjects: Call<ListObjectsV2>
}

/// Removing a scratch bucket. The adapter refuses any name that does not begin with
/// [`SCRATCH_PREFIX`](crate::dynamodb::port::SCRATCH_PREFIX).
pub trait DropScratchBuckets: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["s3:DeleteBucket", "s3:DeleteObjectVersion", "s3:ListBucketVersions"];

    /// Removes a page of what is in a scratch bucket, or the bucket when nothing is in it any more. Whether it is gone.
    ///
    /// # Errors
    /// `Invalid` when the name is no scratch name; those of S3.
    fn drop_scratch_bucket(&self, region: &Region, name: &str) -> impl Future<Output = Result<bool, PortError>> + Send;
}
