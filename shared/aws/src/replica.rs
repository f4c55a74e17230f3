//! Making the replica's vault: its key, its bucket, its hardening.

mod bucket;
mod hardening;
mod key;
mod look;

use holdfast_catalog::{Arn, CatalogError, Region};
use holdfast_vault::PortError;
use holdfast_vault::replica::{MakeReplica, ReplicaReady, ReplicaSpec, ReplicateKeys};

use crate::{Aws, AwsCalls, S3Vault};
use bucket::ReplicaBucket;

/// Makes replica vaults in this account.
#[derive(Debug, Clone)]
pub struct AwsReplicas {
    aws: Aws,
    account: String,
    /// Whether the vaults are made here, or by whoever has deployed `destination.yaml`.
    is_ours: bool,
}

impl AwsReplicas {
    /// In this account: a bucket of another one is refused.
    pub fn new(aws: &Aws, account: &str) -> Self {
        AwsReplicas {
            aws: aws.clone(),
            account: account.to_owned(),
            is_ours: true,
        }
    }

    /// In another account, where its owner makes them: they are looked for and tried, and nothing of them is made or changed.
    pub fn elsewhere(aws: &Aws, account: &str) -> Self {
        AwsReplicas {
            is_ours: false,
            ..AwsReplicas::new(aws, account)
        }
    }

    /// The services' own calls, in this account.
    pub(crate) fn calls(&self) -> AwsCalls {
        AwsCalls::new(&self.aws, &self.account)
    }

    async fn find(&self, spec: &ReplicaSpec) -> Result<ReplicaReady, PortError> {
        let bucket = ReplicaBucket::new(&self.aws, spec, &self.account);
        if !bucket.exists().await? {
            return Err(PortError::NotFound(format!(
                "bucket {} of account {}: deploy destination.yaml there, in {}",
                spec.bucket, self.account, spec.region
            )));
        }
        let vault = S3Vault::new(&self.aws, &spec.region, &spec.bucket).owned_by(&self.account);
        vault.probe_create().await?;
        Ok(ReplicaReady {
            // Its default encryption, which is for its owner to say.
            key_arn: String::new(),
            made: false,
        })
    }
}

impl MakeReplica for AwsReplicas {
    async fn ensure(&self, spec: &ReplicaSpec) -> Result<ReplicaReady, PortError> {
        if !self.is_ours {
            return self.find(spec).await;
        }
        let key_arn = key::ensure(&self.aws, &spec.home_key_arn, &spec.region).await?;
        let bucket = ReplicaBucket::new(&self.aws, spec, &self.account);
        let made = bucket.ensure().await?;
        bucket.harden(&key_arn).await?;
        // Last, so that not even the probe lies unencrypted or unlocked.
        S3Vault::new(&self.aws, &spec.region, &spec.bucket)
            .encrypted_with(&key_arn)
            .owned_by(&self.account)
            .probe_create()
            .await?;
        Ok(ReplicaReady { key_arn, made })
    }
}

impl ReplicateKeys for AwsReplicas {
    async fn ensure_key(&self, home_key_arn: &str, region: &Region) -> Result<Arn, PortError> {
        let arn = key::ensure(&self.aws, home_key_arn, region).await?;
        arn.parse()
            .map_err(|error: CatalogError| PortError::Invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
