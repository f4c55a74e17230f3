//! What a restore job is asked to make of a recovery point.

use std::collections::BTreeMap;

use holdfast_catalog::CatalogError;

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
}

/// The metadata of a restore job. `given` is what the service gives for the point; what concerns the original only is left out,
/// and the rest is kept, so that a setting that this release does not know comes back too.
///
/// # Errors
/// AWS Backup restores the kind, and Holdfast does not know how.
pub fn restore_metadata(
    resource_type: &str,
    given: &BTreeMap<String, String>,
    target: &str,
    shape: Shape<'_>,
) -> Result<BTreeMap<String, String>, CatalogError> {
    let mut metadata: BTreeMap<String, String> = given
        .iter()
        // What the service notes for itself is refused when it is sent back.
        .filter(|(name, value)| !name.starts_with("aws:backup:") && !value.is_empty())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut set = |name: &str, value: &str| _ = metadata.insert(name.to_owned(), value.to_owned());
    match resource_type {
        "DynamoDB" => {
            metadata.remove("originalTableName");
            let key = match shape {
                Shape::Full { key } => key,
                Shape::Smallest => None,
            };
            set_table(&mut metadata, target, key);
        }
        "RDS" => {
            set("DBInstanceIdentifier", target);
            if shape == Shape::Smallest {
                smallest_instance(&mut metadata);
            }
        }
        "Aurora" => {
            // The restored cluster has no instances: it costs its storage only, whatever the shape.
            set("dbClusterIdentifier", target);
            if shape == Shape::Smallest {
                set("deletionProtection", "false");
            }
        }
        other => {
            return Err(CatalogError::InvalidName {
                what: "resource type",
                value: other.to_owned(),
                rule: "Holdfast restores DynamoDB, RDS and Aurora from AWS Backup; use aws backup start-restore-job for others",
            });
        }
    }
    Ok(metadata)
}

fn set_table(metadata: &mut BTreeMap<String, String>, target: &str, key: Option<&str>) {
    metadata.insert("targetTableName".to_owned(), target.to_owned());
    match key {
        Some(key) => {
            metadata.insert("encryptionType".to_owned(), "KMS".to_owned());
            metadata.insert("kmsMasterKeyArn".to_owned(), key.to_owned());
        }
        None => {
            metadata.insert("encryptionType".to_owned(), "Default".to_owned());
            metadata.remove("kmsMasterKeyArn");
        }
    }
}

/// The smallest instance that runs these engines. Others are restored as they were: their smallest depends on edition and licence.
const SMALLEST_CLASS: &str = "db.t4g.micro";

fn smallest_instance(metadata: &mut BTreeMap<String, String>) {
    let runs_small = ["postgres", "mysql", "mariadb"]
        .iter()
        .any(|engine| metadata.get("Engine").is_some_and(|given| given == engine));
    if runs_small {
        metadata.insert("DBInstanceClass".to_owned(), SMALLEST_CLASS.to_owned());
    }
    if metadata.get("StorageType").is_some_and(|given| given.starts_with("io")) {
        metadata.insert("StorageType".to_owned(), "gp3".to_owned());
    }
    // Paid for apart, and a test needs neither.
    metadata.remove("Iops");
    metadata.remove("StorageThroughput");
    for (name, value) in [
        ("MultiAZ", "false"),
        ("PubliclyAccessible", "false"),
        ("DeletionProtection", "false"),
    ] {
        metadata.insert(name.to_owned(), value.to_owned());
    }
}
