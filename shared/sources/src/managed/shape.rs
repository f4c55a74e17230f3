//! What a restore job is asked to make of a recovery point.

use std::collections::BTreeMap;

use holdfast_catalog::CatalogError;
use jiff::Timestamp;

/// How large the restored resource is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// As it was.
    Full {
        /// The key that a table is to be encrypted with; none for DynamoDB's own. Databases have it in their metadata.
        key: Option<&'a str>,
    },
    /// The smallest that still shows that the point can be restored: for a restore test.
    Smallest,
    /// A bucket's objects, all of them whatever for.
    Bucket(BucketShape),
    /// A file system's files, likewise.
    FileSystem(FileSystemShape<'a>),
}

/// What a file system is made with and keeps for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystemShape<'a> {
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// The key that it is encrypted with; none for EFS's own.
    pub key: Option<&'a str>,
    /// `generalPurpose` or `maxIO`.
    pub performance_mode: Option<&'a str>,
    /// The one zone that it is in; none for all of the region's.
    pub zone: Option<&'a str>,
}

/// Where a bucket's objects go, and how they are encrypted there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketShape {
    /// Into a bucket that AWS Backup makes, or one that is there.
    pub is_new: bool,
    /// Each object under its own key again, or all under S3's.
    pub keeps_keys: bool,
    /// The moment to go back to: of a continuous point, and of no other.
    pub moment: Option<Timestamp>,
}

/// The metadata of a restore job. `given` is what the service gives for the point; what concerns the original only is left out,
/// and the rest is kept, so that a setting that this release does not know comes back too. What is set is set under the spelling
/// that the service gave, because its kinds do not agree on capitals.
///
/// # Errors
/// AWS Backup restores the kind, and Holdfast does not know how.
pub fn restore_metadata(
    resource_type: &str,
    given: &BTreeMap<String, String>,
    target: &str,
    shape: Shape<'_>,
) -> Result<BTreeMap<String, String>, CatalogError> {
    // What the service notes for itself is refused when it is sent back.
    let sendable = |(name, value): &(&String, &String)| !name.starts_with("aws:backup:") && !value.is_empty();
    let kept = given.iter().filter(sendable);
    let mut metadata = Metadata(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    match resource_type {
        "DynamoDB" => {
            metadata.remove("originalTableName");
            metadata.set("targetTableName", target);
            set_encryption(&mut metadata, shape);
        }
        "RDS" => {
            metadata.set("DBInstanceIdentifier", target);
            if shape == Shape::Smallest {
                smallest_instance(&mut metadata);
            }
        }
        "Aurora" => {
            // The restored cluster has no instances: it costs its storage only, whatever the shape.
            metadata.set("DBClusterIdentifier", target);
            if shape == Shape::Smallest {
                metadata.set("DeletionProtection", "false");
            }
        }
        "S3" => {
            metadata.set("DestinationBucketName", target);
            if let Shape::Bucket(bucket) = shape {
                bucket.describe(&mut metadata);
            }
        }
        "EFS" => {
            // Into one that is there it would mix two times of the same files.
            metadata.set("newFileSystem", "true");
            metadata.remove("itemsToRestore");
            if let Shape::FileSystem(file_system) = shape {
                file_system.describe(&mut metadata);
            }
        }
        other => {
            return Err(CatalogError::InvalidName {
                what: "resource type",
                value: other.to_owned(),
                rule: "Holdfast restores DynamoDB, RDS, Aurora, S3 and EFS from AWS Backup; use aws backup start-restore-job for others",
            });
        }
    }
    Ok(metadata.0)
}

/// Pairs whose names are found whatever their capitals.
struct Metadata(BTreeMap<String, String>);

impl Metadata {
    fn spelt(&self, name: &str) -> Option<String> {
        self.0.keys().find(|there| there.eq_ignore_ascii_case(name)).cloned()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.spelt(name).and_then(|name| self.0.get(&name)).map(String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = self.spelt(name).unwrap_or_else(|| name.to_owned());
        self.0.insert(name, value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        if let Some(name) = self.spelt(name) {
            self.0.remove(&name);
        }
    }
}

/// What makes the same request make one bucket.
pub(super) const CREATION_TOKEN: &str = "CreationToken";

impl BucketShape {
    fn describe(self, metadata: &mut Metadata) {
        metadata.set("NewBucket", if self.is_new { "true" } else { "false" });
        metadata.remove(CREATION_TOKEN);
        metadata.set("EncryptionType", if self.keeps_keys { "original" } else { "SSE-S3" });
        metadata.remove("KMSKey");
        if let Some(moment) = self.moment {
            // "Restore S3 data using AWS Backup": valid for continuous points only, and required there; in whole seconds.
            metadata.set("RestoreTime", &moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
}

impl FileSystemShape<'_> {
    /// The names are those of the developer guide's page "Restore an Amazon EFS file system"; capitals do not matter.
    fn describe(self, metadata: &mut Metadata) {
        metadata.remove(CREATION_TOKEN);
        metadata.set("Encrypted", if self.is_encrypted { "true" } else { "false" });
        let (one_zone, zone) = match self.zone {
            Some(zone) => (Some("true"), Some(zone)),
            None => (None, None),
        };
        let optional = [
            ("KmsKeyId", self.key.filter(|_| self.is_encrypted)),
            ("PerformanceMode", self.performance_mode),
            ("singleAzFilesystem", one_zone),
            ("availabilityZoneName", zone),
        ];
        for (name, value) in optional {
            match value {
                Some(value) => metadata.set(name, value),
                None => metadata.remove(name),
            }
        }
    }
}

fn set_encryption(metadata: &mut Metadata, shape: Shape<'_>) {
    match shape {
        Shape::Full { key: Some(key) } => {
            metadata.set("encryptionType", "KMS");
            metadata.set("kmsMasterKeyArn", key);
        }
        Shape::Full { key: None } | Shape::Smallest | Shape::Bucket(_) | Shape::FileSystem(_) => {
            metadata.set("encryptionType", "Default");
            metadata.remove("kmsMasterKeyArn");
        }
    }
}

/// The smallest instance that runs these engines. Others are restored as they were: their smallest depends on edition and licence.
const SMALLEST_CLASS: &str = "db.t4g.micro";

fn smallest_instance(metadata: &mut Metadata) {
    if matches!(metadata.get("Engine"), Some("postgres" | "mysql" | "mariadb")) {
        metadata.set("DBInstanceClass", SMALLEST_CLASS);
    }
    if metadata.get("StorageType").is_some_and(|given| given.starts_with("io")) {
        metadata.set("StorageType", "gp3");
    }
    // Paid for apart, and a test needs neither.
    metadata.remove("Iops");
    metadata.remove("StorageThroughput");
    for (name, value) in [
        ("MultiAZ", "false"),
        ("PubliclyAccessible", "false"),
        ("DeletionProtection", "false"),
    ] {
        metadata.set(name, value);
    }
}
