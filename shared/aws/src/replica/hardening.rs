use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus,
    LifecycleRule, LifecycleRuleFilter, ObjectOwnership, OwnershipControls, OwnershipControlsRule,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, VersioningConfiguration,
};
use holdfast_vault::PortError;
use serde_json::{Map, Value, json};

use super::bucket::ReplicaBucket;
use crate::error::{code_of, port_error};
/// By this the lifecycle rule is known again.
const UPLOADS_RULE: &str = "holdfast-abort-stale-uploads";
/// An upload that is this old will not be finished: a function runs for 15 minutes.
const STALE_UPLOAD_DAYS: i32 = 7;
/// By these the policy statements are known again.
const TLS_STATEMENT: &str = "HoldfastTlsOnly";
const DELETE_STATEMENT: &str = "HoldfastOnlyPruneDeletes";

impl ReplicaBucket<'_> {
    /// Brings every setting to at least what the home vault has. Each is read first and written only when it is less.
    pub(super) async fn harden(&self, key_arn: &str) -> Result<(), PortError> {
        self.block_public_access().await?;
        self.own_all_objects().await?;
        self.keep_versions().await?;
        self.encrypt(key_arn).await?;
        self.abort_stale_uploads().await?;
        self.guard_by_policy().await
    }

    async fn block_public_access(&self) -> Result<(), PortError> {
        let doing = self.doing("public access block");
        let found = self.client.get_public_access_block().bucket(&self.spec.bucket);
        let found = found.expected_bucket_owner(self.account).send().await;
        let found = present(found, &doing)?.and_then(|answer| answer.public_access_block_configuration);
        let wanted = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        if found.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let put = self.client.put_public_access_block().bucket(&self.spec.bucket);
        let put = put.expected_bucket_owner(self.account);
        done(put.public_access_block_configuration(wanted).send().await, &doing)
    }

    async fn own_all_objects(&self) -> Result<(), PortError> {
        let doing = self.doing("ownership controls");
        let found = self.client.get_bucket_ownership_controls().bucket(&self.spec.bucket);
        let found = found.expected_bucket_owner(self.account).send().await;
        let found = present(found, &doing)?.and_then(|answer| answer.ownership_controls);
        let wanted = OwnershipControlsRule::builder()
            .object_ownership(ObjectOwnership::BucketOwnerEnforced)
            .build()
            .and_then(|rule| OwnershipControls::builder().rules(rule).build())
            .map_err(|error| invalid(&doing, &error))?;
        if found.as_ref() == Some(&wanted) {
            return Ok(());
        }
        let put = self.client.put_bucket_ownership_controls().bucket(&self.spec.bucket);
        let put = put.expected_bucket_owner(self.account);
        done(put.ownership_controls(wanted).send().await, &doing)
    }

    async fn keep_versions(&self) -> Result<(), PortError> {
        let doing = self.doing("versioning");
        let found = self.client.get_bucket_versioning().bucket(&self.spec.bucket);
        let found = found.expected_bucket_owner(self.account).send().await;
        let found = found.map_err(|error| port_error(&error, &doing))?;
        if found.status == Some(BucketVersioningStatus::Enabled) {
            return Ok(());
        }
        let wanted = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let put = self.client.put_bucket_versioning().bucket(&self.spec.bucket);
        let put = put.expected_bucket_owner(self.account);
        done(put.versioning_configuration(wanted.build()).send().await, &doing)
    }

    async fn encrypt(&self, key_arn: &str) -> Result<(), PortError> {
        let doing = self.doing("encryption");
        let found = self.client.get_bucket_encryption().bucket(&self.spec.bucket);
        let found = found.expected_bucket_owner(self.account).send().await;
        let found = present(found, &doing)?.and_then(|answer| answer.server_side_encryption_configuration);
        if found.is_some_and(|found| found.rules().iter().any(|rule| encrypts_with(rule, key_arn))) {
            return Ok(());
        }
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::AwsKms)
            .kms_master_key_id(key_arn)
            .build()
            .map_err(|error| invalid(&doing, &error))?;
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(true);
        let wanted = ServerSideEncryptionConfiguration::builder().rules(rule.build());
        let wanted = wanted.build().map_err(|error| invalid(&doing, &error))?;
        let put = self.client.put_bucket_encryption().bucket(&self.spec.bucket);
        let put = put.expected_bucket_owner(self.account);
        done(put.server_side_encryption_configuration(wanted).send().await, &doing)
    }

    async fn abort_stale_uploads(&self) -> Result<(), PortError> {
        let doing = self.doing("lifecycle");
        let found = self
            .client
            .get_bucket_lifecycle_configuration()
            .bucket(&self.spec.bucket);
        let found = found.expected_bucket_owner(self.account).send().await;
        let found = present(found, &doing)?;
        let minimum_size = found
            .as_ref()
            .and_then(|f| f.transition_default_minimum_object_size.clone());
        let mut rules = found.and_then(|answer| answer.rules).unwrap_or_default();
        if rules.iter().any(aborts_stale_uploads) {
            return Ok(());
        }
        // A put replaces all rules: those of others go back with ours.
        rules.retain(|rule| rule.id() != Some(UPLOADS_RULE));
        let days = AbortIncompleteMultipartUpload::builder().days_after_initiation(STALE_UPLOAD_DAYS);
        let rule = LifecycleRule::builder()
            .id(UPLOADS_RULE)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(days.build());
        rules.push(rule.build().map_err(|error| invalid(&doing, &error))?);
        let wanted = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build();
        let wanted = wanted.map_err(|error| invalid(&doing, &error))?;
        let put = self
            .client
            .put_bucket_lifecycle_configuration()
            .bucket(&self.spec.bucket);
        let put = put.expected_bucket_owner(self.account).lifecycle_configuration(wanted);
        let put = put.set_transition_default_minimum_object_size(minimum_size);
        done(put.send().await, &doing)
    }

    async fn guard_by_policy(&self) -> Result<(), PortError> {
        let doing = self.doing("policy");
        let found = self.client.get_bucket_policy().bucket(&self.spec.bucket);
        let found = found.expected_bucket_owner(self.account).send().await;
        let found = present(found, &doing)?.and_then(|answer| answer.policy);
        let arn = format!("arn:{}:s3:::{}", self.spec.region.partition(), self.spec.bucket);
        let Some(wanted) = guarded_policy(found.as_deref(), &arn).map_err(|error| invalid(&doing, &error))? else {
            return Ok(());
        };
        let put = self.client.put_bucket_policy().bucket(&self.spec.bucket);
        let put = put.expected_bucket_owner(self.account);
        done(put.policy(wanted).send().await, &doing)
    }
}

/// The statements that every vault's bucket has: TLS only, and only `prune` deletes. Whoever may change the policy can lift the
/// second, which is a step of its own on purpose.
fn our_statements(bucket_arn: &str) -> [Value; 2] {
    [
        json!({
            "Sid": TLS_STATEMENT,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, format!("{bucket_arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }),
        json!({
            "Sid": DELETE_STATEMENT,
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": format!("{bucket_arn}/*"),
            "Condition": {"StringNotEquals": {"aws:PrincipalTag/HoldfastFunction": "prune"}},
        }),
    ]
}

/// The policy with our statements; `None` when it has them.
pub(super) fn guarded_policy(found: Option<&str>, bucket_arn: &str) -> Result<Option<String>, serde_json::Error> {
    let ours = our_statements(bucket_arn);
    let mut policy: Map<String, Value> = match found {
        Some(text) => serde_json::from_str(text)?,
        None => Map::from_iter([("Version".to_owned(), json!("2012-10-17"))]),
    };
    // A policy with one statement may have it without a list.
    let mut statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        None => Vec::new(),
        Some(single) => vec![single],
    };
    if ours.iter().all(|statement| statements.contains(statement)) {
        return Ok(None);
    }
    let is_ours = |found: &Value| {
        found
            .get("Sid")
            .and_then(Value::as_str)
            .is_some_and(|sid| [TLS_STATEMENT, DELETE_STATEMENT].contains(&sid))
    };
    statements.retain(|found| !is_ours(found));
    statements.extend(ours);
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(policy).to_string()))
}

pub(super) fn encrypts_with(rule: &ServerSideEncryptionRule, key_arn: &str) -> bool {
    let Some(default) = rule.apply_server_side_encryption_by_default() else {
        return false;
    };
    let is_kms = match default.sse_algorithm() {
        ServerSideEncryption::AwsKms => rule.bucket_key_enabled() == Some(true),
        // Two layers are more than one; they come without a bucket key.
        ServerSideEncryption::AwsKmsDsse => true,
        _ => false,
    };
    is_kms && default.kms_master_key_id() == Some(key_arn)
}

fn aborts_stale_uploads(rule: &LifecycleRule) -> bool {
    let after = rule
        .abort_incomplete_multipart_upload()
        .and_then(AbortIncompleteMultipartUpload::days_after_initiation);
    rule.id() == Some(UPLOADS_RULE) && *rule.status() == ExpirationStatus::Enabled && after == Some(STALE_UPLOAD_DAYS)
}

/// A setting's answer, or `None` when the bucket has no such setting. A missing bucket is an error.
pub(super) fn present<T, E>(result: Result<T, SdkError<E, HttpResponse>>, doing: &str) -> Result<Option<T>, PortError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => match port_error(&error, doing) {
            PortError::NotFound(_) if code_of(&error) != Some("NoSuchBucket") => Ok(None),
            error => Err(error),
        },
    }
}

fn done<T, E>(result: Result<T, SdkError<E, HttpResponse>>, doing: &str) -> Result<(), PortError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    result
        .map(|_| ())
        .map_err(|error| port_error(&error, &format!("setting {doing}")))
}

fn invalid(doing: &str, error: &dyn std::error::Error) -> PortError {
    PortError::Invalid(format!("{doing}: {error}"))
}
