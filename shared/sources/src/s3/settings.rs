use holdfast_catalog::Region;
use holdfast_vault::{PortError, ports};
use serde_json::{Value, json};

use crate::call::bucket::{
    GetBucketCors, GetBucketEncryption, GetBucketLifecycleConfiguration, GetBucketLogging, GetBucketOwnershipControls,
    GetBucketPolicy, GetBucketReplication, GetBucketTagging, GetBucketVersioning, GetBucketWebsite,
    GetObjectLockConfiguration, GetPublicAccessBlock,
};
use crate::call::{Call, Operation};
use crate::wiring::Document;
use crate::wiring::at::Notes;
use crate::wiring::own_tags;

/// What belongs to a bucket and is in no recovery point of it.
pub const NOT_PROTECTED: &[&str] = &[
    "notifications, which are the kind bucket-notifications",
    "inventory, metrics, analytics and intelligent tiering",
    "access points, acceleration, and grants on its access log",
];

/// The member that says whether a bucket has versions.
const VERSIONING: &str = "VersioningConfiguration";

ports! {
    /// What reading a bucket's settings asks for.
    pub trait ReadBucket:
        Call<GetBucketVersioning>,
        Call<GetBucketEncryption>,
        Call<GetBucketLifecycleConfiguration>,
        Call<GetPublicAccessBlock>,
        Call<GetBucketOwnershipControls>,
        Call<GetBucketPolicy>,
        Call<GetBucketCors>,
        Call<GetBucketWebsite>,
        Call<GetBucketLogging>,
        Call<GetBucketTagging>,
        Call<GetObjectLockConfiguration>,
        Call<GetBucketReplication>
}

/// A bucket's settings as they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketReading {
    /// The settings, each under the name of the member that puts it back. Replication is only observed: its destination and its
    /// role are somebody else's, so a restore tells it and does not put it back.
    pub document: Document,
    /// What could not be read, in words for a person; empty when all was.
    pub not_protected: Vec<String>,
}

/// Reads a bucket's settings.
///
/// # Errors
/// `NotFound` when there is no such bucket; `Denied` when not even its versioning may be read. Any other setting that is refused is no
/// error: it is in `not_protected`.
pub async fn read<P: ReadBucket>(port: &P, region: &Region, name: &str) -> Result<BucketReading, PortError> {
    let at = Bucket { port, region, name };
    let mut notes = Notes::default();
    let mut document = Document::default();
    let settings = [
        (
            "ServerSideEncryptionConfiguration",
            at.ask::<GetBucketEncryption>().await,
        ),
        (
            "LifecycleConfiguration",
            at.ask::<GetBucketLifecycleConfiguration>().await,
        ),
        ("PublicAccessBlockConfiguration", at.ask::<GetPublicAccessBlock>().await),
        ("OwnershipControls", at.ask::<GetBucketOwnershipControls>().await),
        ("CORSConfiguration", at.ask::<GetBucketCors>().await),
        ("WebsiteConfiguration", at.ask::<GetBucketWebsite>().await),
        ("BucketLoggingStatus", at.ask::<GetBucketLogging>().await),
        ("ObjectLockConfiguration", at.ask::<GetObjectLockConfiguration>().await),
        (
            "Policy",
            at.ask::<GetBucketPolicy>().await.map(|answer| answer["Policy"].clone()),
        ),
    ];
    for (member, answer) in settings {
        // That nothing is logged is told as nothing, that nothing else is set as an error.
        if let Some(setting) = notes.detail(member, answer)?.filter(|setting| *setting != json!({})) {
            document.config.insert(member.to_owned(), setting);
        }
    }
    let replication = at.ask::<GetBucketReplication>().await;
    if let Some(replication) = notes.detail("ReplicationConfiguration", replication)? {
        document
            .observed
            .insert("ReplicationConfiguration".to_owned(), replication);
    }
    if let Some(tags) = notes.detail("Tags", at.ask::<GetBucketTagging>().await)? {
        document.tags = own_tags(tags["TagSet"].get("Tag"));
    }
    // Every bucket has an answer to this. It comes last: a bucket that went away meanwhile would seem to have no settings.
    let versioning = at.ask::<GetBucketVersioning>().await?;
    document.config.insert(VERSIONING.to_owned(), versioning);
    document.unreadable = notes.settings;
    Ok(BucketReading {
        document,
        not_protected: notes.words,
    })
}

/// Why AWS Backup makes no points of a bucket, and what to change: it takes those with versions only.
pub fn without_versioning(name: &str, document: &Document) -> Option<String> {
    without_versions(name, document.config.get(VERSIONING)?)
}

/// As [`without_versioning`], for a bucket whose other settings do not matter.
///
/// # Errors
/// `NotFound` when there is no such bucket; `Denied` when its versioning may not be read.
pub async fn read_without_versioning<P: Call<GetBucketVersioning>>(
    port: &P,
    region: &Region,
    name: &str,
) -> Result<Option<String>, PortError> {
    let versioning = Bucket { port, region, name }.ask::<GetBucketVersioning>().await?;
    Ok(without_versions(name, &versioning))
}

fn without_versions(name: &str, versioning: &Value) -> Option<String> {
    let is = match versioning["Status"].as_str() {
        Some("Enabled") => return None,
        Some(_) => "suspended",
        None => "off",
    };
    Some(format!(
        "versioning of bucket {name} is {is}, and AWS Backup makes points of versioned buckets only: enable it, with a lifecycle rule that \
         expires old versions"
    ))
}

struct Bucket<'a, P> {
    port: &'a P,
    region: &'a Region,
    name: &'a str,
}

impl<P: Sync> Bucket<'_, P> {
    async fn ask<O: Operation>(&self) -> Result<Value, PortError>
    where
        P: Call<O>,
    {
        let answer = Call::<O>::call(self.port, self.region, json!({ "Bucket": self.name })).await;
        answer.map_err(|error| error.doing(&format!("bucket {}", self.name)))
    }
}
