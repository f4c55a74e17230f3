use std::collections::BTreeMap;

use holdfast_catalog::Arn;
use holdfast_sources::managed::port::RestoreRequest;
use holdfast_sources::rds::{BackupRules, DatabaseConfig};
use serde_json::json;

use super::{Cloud, Data, Place, arn};

impl Cloud {
    /// Whether what a restore is to make is there already; nothing where the kind is not known.
    pub(super) fn restore_target(&self, place: &Place, request: &RestoreRequest) -> Option<bool> {
        let metadata = &request.metadata;
        let names = match request.resource_type.as_str() {
            "DynamoDB" => self.tables.get(place)?.names(),
            // One that is there is asked for in so many words.
            "S3" if !is_new(metadata) => return Some(false),
            "S3" => {
                let target = target(metadata)?;
                return Some(self.buckets.get(&place.0)?.objects(&place.1, target).is_some());
            }
            // AWS names it, so none is in its way.
            "EFS" => return Some(false),
            _ => self.databases.get(place)?.names(),
        };
        target(metadata).map(|target| names.contains(target))
    }

    /// Makes what a restore job restores: as AWS Backup does, without what it leaves out.
    pub(super) fn make(&self, place: &Place, request: &RestoreRequest, data: &Data) -> Option<Arn> {
        if let Data::Files(files) = data {
            return self.make_file_system(place, &request.metadata, files);
        }
        let name = target(&request.metadata)?;
        match data {
            Data::Table(config, items) => {
                let mut made = config.at_creation();
                made.kms_key_arn = request.metadata.get("kmsMasterKeyArn").cloned();
                let tables = self.tables.get(place)?;
                tables.add(name, &made, items.iter().cloned());
                Some(arn(&tables.arn(name)))
            }
            Data::Database(config) => {
                let databases = self.databases.get(place)?;
                databases.insert_restored(name, brought_back(config, &request.metadata));
                Some(databases.arn(config.kind(), name))
            }
            Data::Bucket(objects) => {
                let (buckets, region) = (self.buckets.get(&place.0)?, &place.1);
                if is_new(&request.metadata) {
                    buckets.add_bucket(region, name, &[]);
                    buckets.set_bucket(region, name, "GetBucketVersioning", json!({ "Status": "Enabled" }));
                }
                // What is there is never overwritten.
                let there = buckets.objects(region, name)?;
                let missing = objects.iter().filter(|(key, _)| !there.contains_key(*key));
                buckets.put_objects(region, name, missing.map(|(key, body)| (key.clone(), body.clone())));
                Some(arn(&format!("arn:aws:s3:::{name}")))
            }
            Data::Files(_) | Data::History(_) | Data::Opaque => None,
        }
    }

    /// Everything below a directory of the restore's own, as AWS Backup does.
    fn make_file_system(
        &self,
        place: &Place,
        metadata: &BTreeMap<String, String>,
        files: &BTreeMap<String, String>,
    ) -> Option<Arn> {
        let (wiring, region) = (self.buckets.get(&place.0)?, &place.1);
        let is = |name: &str| metadata.get(name).is_some_and(|given| given == "true");
        if !is("newFileSystem") {
            return None;
        }
        let mut members = json!({
            "Encrypted": is("Encrypted"),
            "PerformanceMode": metadata.get("PerformanceMode").map_or("generalPurpose", String::as_str),
        });
        for (member, name) in [
            ("KmsKeyId", "KmsKeyId"),
            ("AvailabilityZoneName", "availabilityZoneName"),
        ] {
            if let Some(value) = metadata.get(name) {
                members[member] = json!(value);
            }
        }
        let id = wiring.add_file_system(region, metadata.get("CreationToken")?, &members, &[]);
        let restored = files
            .iter()
            .map(|(path, body)| (format!("/aws-backup-restore_1{path}"), body.clone()));
        wiring.put_files(region, &id, restored);
        Some(arn(&format!(
            "arn:aws:elasticfilesystem:{region}:{}:file-system/{id}",
            place.0
        )))
    }
}

fn is_new(metadata: &BTreeMap<String, String>) -> bool {
    metadata.get("NewBucket").is_some_and(|given| given == "true")
}

fn target(metadata: &BTreeMap<String, String>) -> Option<&String> {
    [
        "targetTableName",
        "DBInstanceIdentifier",
        "DBClusterIdentifier",
        "DestinationBucketName",
    ]
    .into_iter()
    .find_map(|name| metadata.get(name))
}

/// What the service says a restore of the point as it was would be asked with.
pub(super) fn metadata_of(data: &Data, resource: &Arn) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([("aws:backup:request-id".to_owned(), "request".to_owned())]);
    let mut set = |name: &str, value: &str| _ = metadata.insert(name.to_owned(), value.to_owned());
    match data {
        Data::Table(..) => {
            set("aws:backup:originalTableName", resource.resource_name());
            set("encryptionType", "Default");
        }
        Data::Database(config) => match config.as_ref() {
            DatabaseConfig::Instance(instance) => {
                set("DBInstanceIdentifier", resource.resource_name());
                set("DBInstanceClass", &instance.class);
                set("Engine", &instance.shared.engine);
                set("MultiAZ", if instance.multi_az { "true" } else { "false" });
                set("StorageType", &instance.storage.storage_type);
                set(
                    "Iops",
                    &instance.storage.iops.map(|iops| iops.to_string()).unwrap_or_default(),
                );
            }
            DatabaseConfig::Cluster(cluster) => {
                set("DBClusterIdentifier", resource.resource_name());
                set("engine", &cluster.shared.engine);
            }
        },
        Data::Bucket(_) | Data::History(_) => {
            set("DestinationBucketName", resource.resource_name());
            set("NewBucket", "false");
            set("EncryptionType", "original");
        }
        Data::Files(_) => {
            set("file-system-id", resource.resource_name());
            set("newFileSystem", "false");
            set("CreationToken", "of the original");
        }
        Data::Opaque => {}
    }
    metadata
}

/// What AWS Backup brings back of a database: its data and groups, in the shape that was asked for; all else as a new database has it.
fn brought_back(config: &DatabaseConfig, metadata: &BTreeMap<String, String>) -> DatabaseConfig {
    let mut config = config.clone();
    match &mut config {
        DatabaseConfig::Instance(instance) => {
            if let Some(class) = metadata.get("DBInstanceClass") {
                instance.class.clone_from(class);
            }
            instance.multi_az = metadata.get("MultiAZ").is_some_and(|given| given == "true");
        }
        DatabaseConfig::Cluster(cluster) => cluster.members = Vec::new(),
    }
    let shared = config.shared_mut();
    shared.backups = BackupRules {
        retention_days: 1,
        window: "00:00-00:30".to_owned(),
        copy_tags: false,
    };
    shared.maintenance_window = "sun:00:00-sun:00:30".to_owned();
    shared.deletion_protection = false;
    shared.iam_authentication = false;
    shared.monitoring = None;
    shared.insights = None;
    shared.log_exports.clear();
    shared.tags.clear();
    config
}
