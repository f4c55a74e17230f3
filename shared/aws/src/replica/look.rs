//! How a replica's bucket stands, for a pre-flight: every setting that hardening makes, read and not written.

use aws_sdk_s3::types::{BucketVersioningStatus, ObjectOwnership};
use holdfast_catalog::{Arn, Region};
use holdfast_sources::key::{KeyFacts, KeyState, accounts_named};
use holdfast_sources::preflight::DestinationState;
use holdfast_sources::preflight::port::{ReadKeys, ReadReplicas, ReplicaLook};
use holdfast_vault::PortError;
use holdfast_vault::replica::{ReplicaSpec, VaultLock};
use jiff::Timestamp;

use super::AwsReplicas;
use super::bucket::ReplicaBucket;
use super::hardening::{encrypts_with, guarded_policy, present};
use super::key;
use crate::error::port_error;

impl ReadReplicas for AwsReplicas {
    async fn look_at_replica(&self, bucket: &str, region: &Region, key: &Arn) -> Result<ReplicaLook, PortError> {
        let spec = ReplicaSpec {
            bucket: bucket.to_owned(),
            region: region.clone(),
            home_key_arn: key.to_string(),
            lock: VaultLock::Off,
        };
        let bucket = ReplicaBucket::new(&self.aws, &spec, key.account());
        let none = |state| ReplicaLook {
            state,
            missing_hardening: Vec::new(),
        };
        match bucket.exists().await {
            Ok(true) => {}
            Ok(false) => return Ok(none(DestinationState::Missing)),
            // S3 tells a bucket of another account and one that may not be looked at apart for nobody.
            Err(PortError::Denied(_)) => return Ok(none(DestinationState::Denied)),
            Err(error) => return Err(error),
        }
        let policy = if key.account() == self.account {
            Policy::Ours
        } else {
            Policy::Theirs
        };
        match bucket.lacks(key.as_str(), policy).await {
            Ok(missing_hardening) => Ok(ReplicaLook {
                state: DestinationState::Ready,
                missing_hardening,
            }),
            Err(PortError::Denied(_)) => Ok(none(DestinationState::Denied)),
            Err(error) => Err(error),
        }
    }
}

/// Whose a bucket's policy is. S3 gives it to its own account alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Ours,
    Theirs,
}

impl ReplicaBucket<'_> {
    /// What it lacks of what hardening makes.
    async fn lacks(&self, key_arn: &str, policy: Policy) -> Result<Vec<String>, PortError> {
        let name = &self.spec.bucket;
        let doing = self.doing("settings");
        let access = self.client.get_public_access_block().bucket(name);
        let access = present(access.expected_bucket_owner(self.account).send().await, &doing)?;
        let access = access.and_then(|answer| answer.public_access_block_configuration);
        let is_closed = access.is_some_and(|access| {
            let all = [
                access.block_public_acls,
                access.block_public_policy,
                access.ignore_public_acls,
                access.restrict_public_buckets,
            ];
            all.iter().all(|blocked| *blocked == Some(true))
        });
        let ownership = self.client.get_bucket_ownership_controls().bucket(name);
        let ownership = present(ownership.expected_bucket_owner(self.account).send().await, &doing)?;
        let is_owned = ownership
            .and_then(|answer| answer.ownership_controls)
            .is_some_and(|controls| {
                let mut rules = controls.rules().iter();
                rules.any(|rule| *rule.object_ownership() == ObjectOwnership::BucketOwnerEnforced)
            });
        let versioning = self.client.get_bucket_versioning().bucket(name);
        let versioning = versioning.expected_bucket_owner(self.account).send().await;
        let versioning = versioning.map_err(|error| port_error(&error, &doing))?;
        let encryption = self.client.get_bucket_encryption().bucket(name);
        let encryption = present(encryption.expected_bucket_owner(self.account).send().await, &doing)?;
        let is_encrypted = encryption
            .and_then(|answer| answer.server_side_encryption_configuration)
            .is_some_and(|found| found.rules().iter().any(|rule| encrypts_with(rule, key_arn)));
        let is_guarded = policy == Policy::Theirs || self.is_guarded(&doing).await?;
        let measures = [
            (is_closed, "the block of all public access"),
            (is_owned, "ownership by the bucket's owner"),
            (
                versioning.status == Some(BucketVersioningStatus::Enabled),
                "versioning, without which a removal cannot be undone",
            ),
            (is_encrypted, "encryption with the vault's key"),
            (is_guarded, "its policy: TLS only, and only prune deletes"),
        ];
        let missing = measures.into_iter().filter(|(is_there, _)| !is_there);
        Ok(missing.map(|(_, measure)| measure.to_owned()).collect())
    }

    async fn is_guarded(&self, doing: &str) -> Result<bool, PortError> {
        let name = &self.spec.bucket;
        let policy = self.client.get_bucket_policy().bucket(name);
        let policy = present(policy.expected_bucket_owner(self.account).send().await, doing)?;
        let policy = policy.and_then(|answer| answer.policy);
        let arn = format!("arn:{}:s3:::{name}", self.spec.region.partition());
        // A policy that cannot be parsed has no statement of ours that anybody could count on.
        Ok(matches!(guarded_policy(policy.as_deref(), &arn), Ok(None)))
    }
}

impl ReadKeys for AwsReplicas {
    async fn describe_key(&self, arn: &Arn) -> Result<KeyFacts, PortError> {
        let region: Region = arn
            .region()
            .parse()
            .map_err(|_| PortError::Invalid(format!("key {arn}: its ARN names no region")))?;
        let facts = |state, is_aws_managed| KeyFacts {
            arn: arn.clone(),
            state,
            is_aws_managed,
            shared_with: None,
        };
        let client = self.aws.kms(&region);
        let described = match key::describe(&client, arn.as_str()).await {
            Ok(described) => described,
            Err(PortError::NotFound(_) | PortError::Denied(_)) => return Ok(facts(KeyState::Missing, false)),
            Err(error) => return Err(error),
        };
        use aws_sdk_kms::types::{KeyManagerType, KeyState as Found};
        let deleted_at = described
            .deletion_date()
            .and_then(|at| Timestamp::from_second(at.secs()).ok());
        let state = match described.key_state() {
            Some(Found::Enabled | Found::Updating | Found::Creating) => KeyState::Enabled,
            Some(Found::Disabled) => KeyState::Disabled,
            // A primary key waits for its replicas to go, and has no date until then.
            Some(Found::PendingDeletion | Found::PendingReplicaDeletion) => KeyState::PendingDeletion {
                at: deleted_at.unwrap_or(Timestamp::MAX),
            },
            _ => KeyState::Unavailable,
        };
        let shared_with = match arn.account() == self.account {
            true => key::policy(&client, arn.as_str())
                .await?
                .and_then(|policy| accounts_named(&policy)),
            false => None,
        };
        Ok(KeyFacts {
            shared_with,
            ..facts(state, described.key_manager() == Some(&KeyManagerType::Aws))
        })
    }
}
