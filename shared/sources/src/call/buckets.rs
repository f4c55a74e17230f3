//! What S3 tells of a bucket's settings and objects, and what it takes.

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
    PutBucketVersioning Changes ["s3:PutBucketVersioning"] "PUT /{Bucket}?versioning";
    PutBucketEncryption Changes ["s3:PutEncryptionConfiguration"] "PUT /{Bucket}?encryption";
    PutPublicAccessBlock Changes ["s3:PutBucketPublicAccessBlock"] "PUT /{Bucket}?publicAccessBlock";
    PutBucketOwnershipControls Changes ["s3:PutBucketOwnershipControls"] "PUT /{Bucket}?ownershipControls";
    PutBucketPolicy Changes ["s3:PutBucketPolicy"] "PUT /{Bucket}?policy <- {Policy}";
    PutBucketCors Changes ["s3:PutBucketCORS"] "PUT /{Bucket}?cors";
    PutBucketWebsite Changes ["s3:PutBucketWebsite"] "PUT /{Bucket}?website";
    PutBucketLogging Changes ["s3:PutBucketLogging"] "PUT /{Bucket}?logging";
    PutBucketTagging Changes ["s3:PutBucketTagging"] "PUT /{Bucket}?tagging";
    PutObjectLockConfiguration Changes ["s3:PutBucketObjectLockConfiguration"] "PUT /{Bucket}?object-lock";
    ListObjectsV2 Reads ["s3:ListBucket"] "GET /{Bucket}?list-type=2&continuation-token={ContinuationToken}";
    ListObjectVersions Reads ["s3:ListBucketVersions"] "GET /{Bucket}?versions";
    DeleteObjects Changes ["s3:DeleteObjectVersion"] "POST /{Bucket}?delete";
    DeleteBucket Changes ["s3:DeleteBucket"] "DELETE /{Bucket}";
}
