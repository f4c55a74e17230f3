//! What S3 tells of a bucket's settings.

operations! {
    /// The settings of Amazon S3's buckets.
    bucket: S3;
    GetBucketVersioning Reads ["s3:GetBucketVersioning"] "GET /{Bucket}?versioning";
    GetBucketEncryption Reads ["s3:GetEncryptionConfiguration"] "GET /{Bucket}?encryption";
    GetBucketLifecycleConfiguration Reads ["s3:GetLifecycleConfiguration"] "GET /{Bucket}?lifecycle";
    GetPublicAccessBlock Reads ["s3:GetBucketPublicAccessBlock"] "GET /{Bucket}?publicAccessBlock";
    GetBucketOwnershipControls Reads ["s3:GetBucketOwnershipControls"] "GET /{Bucket}?ownershipControls";
    GetBucketPolicy Reads ["s3:GetBucketPolicy"] "GET /{Bucket}?policy -> {Policy}";
    GetBucketCors Reads ["s3:GetBucketCORS"] "GET /{Bucket}?cors";
    GetBucketWebsite Reads ["s3:GetBucketWebsite"] "GET /{Bucket}?website";
    GetBucketLogging Reads ["s3:GetBucketLogging"] "GET /{Bucket}?logging";
    GetBucketTagging Reads ["s3:GetBucketTagging"] "GET /{Bucket}?tagging";
    GetObjectLockConfiguration Reads ["s3:GetBucketObjectLockConfiguration"] "GET /{Bucket}?object-lock";
    GetBucketReplication Reads ["s3:GetReplicationConfiguration"] "GET /{Bucket}?replication";
}
