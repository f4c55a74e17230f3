use std::collections::BTreeMap;

use holdfast_catalog::{Arn, Region};
use holdfast_vault::PortError;
use serde_json::{Value, json};

use super::ReadBucket;
use super::port::{ChangeBucket, FindBucket};
use super::settings::read;
use crate::SettingOutcome;
use crate::call::bucket::{
    PutBucketCors, PutBucketEncryption, PutBucketLogging, PutBucketOwnershipControls, PutBucketPolicy,
    PutBucketTagging, PutBucketVersioning, PutBucketWebsite, PutObjectLockConfiguration, PutPublicAccessBlock,
};
use crate::call::s3::ListBuckets;
use crate::call::{Call, Operation};
use crate::wiring::Document;

/// Whether the account has a bucket of that name in a region. One of another account's is none, whoever may read it.
///
/// # Errors
/// Those of S3.
pub async fn exists<P: FindBucket>(port: &P, region: &Region, name: &str) -> Result<bool, PortError> {
    let mut input = json!({ "BucketRegion": region, "Prefix": name });
    loop {
        let page = Call::<ListBuckets>::call(port, region, input.clone()).await?;
        let buckets = page["Buckets"]["Bucket"].as_array().into_iter().flatten();
        // A store that does not know regions or prefixes names all of its buckets.
        let is_it = |bucket: &Value| {
            let place = bucket["BucketRegion"].as_str();
            bucket["Name"] == name && place.is_none_or(|place| place == region.as_str())
        };
        if buckets.into_iter().any(is_it) {
            return Ok(true);
        }
        match page["ContinuationToken"].as_str() {
            Some(token) if !token.is_empty() => input["ContinuationToken"] = Value::from(token),
            _ => return Ok(false),
        }
    }
}

/// The settings that a bucket restored as `new_arn` can have, and what a person has to see to: a key is not in another region, and
/// replication leads to a bucket and works with a role that are somebody else's.
pub fn for_target(
    document: &Document,
    new_arn: &Arn,
    old_arn: &Arn,
    is_elsewhere: bool,
) -> (Document, Vec<SettingOutcome>) {
    let mut target = document.clone();
    let mut outcomes = Vec::new();
    if new_arn != old_arn {
        for setting in target.config.values_mut() {
            rename(setting, old_arn.as_str(), new_arn.as_str());
        }
    }
    let key = document
        .config
        .get("ServerSideEncryptionConfiguration")
        .and_then(|setting| setting["Rule"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].as_str());
    if let Some(key) = key.filter(|_| is_elsewhere) {
        target.config.remove("ServerSideEncryptionConfiguration");
        let message = format!("key {key} is not in that region: choose one there with put-bucket-encryption");
        outcomes.push(SettingOutcome::needs_person(
            "ServerSideEncryptionConfiguration",
            message,
        ));
    }
    if document.observed.contains_key("ReplicationConfiguration") {
        let message = "it is in the point's configuration document: put it back with put-bucket-replication when the destination is right";
        outcomes.push(SettingOutcome::needs_person("ReplicationConfiguration", message));
    }
    (target, outcomes)
}

/// A policy names its own bucket, and what is in it.
fn rename(value: &mut Value, old: &str, new: &str) {
    match value {
        Value::String(text) => {
            let rest = text
                .strip_prefix(old)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'));
            if let Some(rest) = rest {
                *text = format!("{new}{rest}");
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|value| rename(value, old, new)),
        Value::Object(map) => map.values_mut().for_each(|value| rename(value, old, new)),
        _ => {}
    }
}

/// What a restore may not write, so that nothing that it brings back goes by itself.
const LIFECYCLE: (&str, &str) = (
    "LifecycleConfiguration",
    "a rule that expires objects is a delete, and restore makes none: put it back with put-bucket-lifecycle-configuration; it is in \
     the point's configuration document",
);

/// Puts back what differs, and says of each setting what became of it. The policy comes last, because it may shut us out too.
///
/// # Errors
/// The settings cannot be read, or a call may succeed another time: what is put back already is left alone then.
pub async fn put_back<P: ReadBucket + ChangeBucket>(
    port: &P,
    region: &Region,
    name: &str,
    wanted: &Document,
) -> Result<Vec<SettingOutcome>, PortError> {
    let actual = read(port, region, name).await?.document;
    let mut work = Work {
        port,
        region,
        name,
        wanted,
        actual,
        outcomes: Vec::new(),
    };
    work.put::<PutBucketVersioning>("VersioningConfiguration").await?;
    work.put::<PutBucketOwnershipControls>("OwnershipControls").await?;
    work.put::<PutBucketEncryption>("ServerSideEncryptionConfiguration")
        .await?;
    work.put::<PutBucketCors>("CORSConfiguration").await?;
    work.put::<PutBucketWebsite>("WebsiteConfiguration").await?;
    work.put::<PutBucketLogging>("BucketLoggingStatus").await?;
    work.put::<PutObjectLockConfiguration>("ObjectLockConfiguration")
        .await?;
    work.leave(LIFECYCLE);
    work.put_tags().await?;
    work.put::<PutPublicAccessBlock>("PublicAccessBlockConfiguration")
        .await?;
    work.put::<PutBucketPolicy>("Policy").await?;
    let Work {
        actual, mut outcomes, ..
    } = work;
    // What the new bucket has by itself and the old one had not.
    let extra = actual
        .config
        .keys()
        .filter(|setting| !wanted.config.contains_key(*setting));
    for setting in extra.filter(|setting| !wanted.unreadable.contains(setting)) {
        let is_told = outcomes
            .iter()
            .any(|outcome: &SettingOutcome| outcome.setting == *setting);
        if !is_told {
            let message = "the bucket had none and has one now: remove it by hand if that is not wanted";
            outcomes.push(SettingOutcome::needs_person(setting, message));
        }
    }
    Ok(outcomes)
}

struct Work<'a, P> {
    port: &'a P,
    region: &'a Region,
    name: &'a str,
    wanted: &'a Document,
    actual: Document,
    outcomes: Vec<SettingOutcome>,
}

impl<P: Sync> Work<'_, P> {
    async fn put<O: Operation>(&mut self, setting: &str) -> Result<(), PortError>
    where
        P: Call<O>,
    {
        match self.wanted.config.get(setting) {
            Some(value) if self.actual.config.get(setting) != Some(value) => {
                let input = json!({ "Bucket": self.name, setting: value });
                let answer = Call::<O>::call(self.port, self.region, input).await;
                self.note(setting, answer)
            }
            _ => Ok(()),
        }
    }

    /// Tells of a setting that is a person's to put back.
    fn leave(&mut self, (setting, why): (&str, &str)) {
        let wanted = self.wanted.config.get(setting);
        if wanted.is_some() && wanted != self.actual.config.get(setting) {
            self.outcomes.push(SettingOutcome::needs_person(setting, why));
        }
    }

    async fn put_tags(&mut self) -> Result<(), PortError>
    where
        P: Call<PutBucketTagging>,
    {
        let tags: &BTreeMap<String, String> = &self.wanted.tags;
        if tags.is_empty() || *tags == self.actual.tags {
            return Ok(());
        }
        let tags = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
        let input = json!({ "Bucket": self.name, "Tagging": { "TagSet": { "Tag": tags.collect::<Vec<Value>>() } } });
        let answer = Call::<PutBucketTagging>::call(self.port, self.region, input).await;
        self.note("Tags", answer)
    }

    fn note(&mut self, setting: &str, answer: Result<Value, PortError>) -> Result<(), PortError> {
        let outcome = match answer {
            Ok(_) => SettingOutcome::restored(setting),
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => SettingOutcome::needs_person(setting, format!("{error}; put it back by hand")),
        };
        self.outcomes.push(outcome);
        Ok(())
    }
}
