use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership};
use holdfast_vault::PortError;
use holdfast_vault::replica::{ReplicaSpec, VaultLock};

use crate::Aws;
use crate::error::{code_of, port_error, status_of};

/// S3's first region: a bucket there is made without naming it.
const UNNAMED_REGION: &str = "us-east-1";

/// The bucket of a replica vault.
pub(super) struct ReplicaBucket<'a> {
    pub(super) client: Client,
    pub(super) spec: &'a ReplicaSpec,
    pub(super) account: &'a str,
}

impl<'a> ReplicaBucket<'a> {
    pub(super) fn new(aws: &Aws, spec: &'a ReplicaSpec, account: &'a str) -> Self {
        ReplicaBucket {
            client: aws.s3(&spec.region),
            spec,
            account,
        }
    }

    pub(super) fn doing(&self, what: &str) -> String {
        format!("{what} of bucket {}", self.spec.bucket)
    }

    /// Whether it had to be made.
    pub(super) async fn ensure(&self) -> Result<bool, PortError> {
        if self.exists().await? {
            return Ok(false);
        }
        self.create().await
    }

    pub(super) async fn exists(&self) -> Result<bool, PortError> {
        let (bucket, region) = (&self.spec.bucket, &self.spec.region);
        let result = self
            .client
            .head_bucket()
            .bucket(bucket)
            .expected_bucket_owner(self.account)
            .send()
            .await;
        match result {
            Ok(answer) => match answer.bucket_region() {
                Some(found) if found != region.as_str() => Err(elsewhere(bucket, region.as_str(), Some(found))),
                _ => Ok(true),
            },
            // A head has no body, and so no code.
            Err(error) => match status_of(&error) {
                Some(404) => Ok(false),
                Some(301) => Err(elsewhere(bucket, region.as_str(), None)),
                Some(403) => Err(foreign(bucket, self.account)),
                _ => Err(port_error(&error, &format!("looking for bucket {bucket}"))),
            },
        }
    }

    async fn create(&self) -> Result<bool, PortError> {
        let (bucket, region) = (&self.spec.bucket, self.spec.region.as_str());
        let location = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(region))
            .build();
        let result = self
            .client
            .create_bucket()
            .bucket(bucket)
            .set_create_bucket_configuration((region != UNNAMED_REGION).then_some(location))
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .object_lock_enabled_for_bucket(self.spec.lock != VaultLock::Off)
            .send()
            .await;
        match result {
            Ok(_) => Ok(true),
            Err(error) => match code_of(&error) {
                // Another invocation of ours was first.
                Some("BucketAlreadyOwnedByYou") => Ok(false),
                Some("BucketAlreadyExists") => Err(foreign(bucket, self.account)),
                _ => Err(port_error(&error, &format!("making bucket {bucket} in {region}"))),
            },
        }
    }
}

fn foreign(bucket: &str, account: &str) -> PortError {
    PortError::Denied(format!(
        "bucket {bucket} exists and account {account} may not look at it: it is another account's, or s3:ListBucket is \
         missing; choose another name or grant the permission"
    ))
}

fn elsewhere(bucket: &str, wanted: &str, found: Option<&str>) -> PortError {
    let found = found.unwrap_or("another region");
    PortError::Invalid(format!(
        "bucket {bucket} is in {found}, not in {wanted}; choose another replica region or name"
    ))
}
