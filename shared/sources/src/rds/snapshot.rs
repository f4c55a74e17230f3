use bytes::Bytes;
use holdfast_catalog::{BlobRef, BlobRole, Manifest};
use holdfast_vault::port::{Clock, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, get_config, put_blob};

use super::port::{DatabaseReading, ReadDatabases};
use super::{DatabaseConfig, DatabaseKind};

/// A database's settings, stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseBegun {
    /// The database as it was read.
    pub reading: DatabaseReading,
    /// Its configuration document.
    pub blob: BlobRef,
}

/// Reads a database's settings and stores them.
///
/// # Errors
/// `NotFound` when there is no such database; `Unavailable` when it is in a state in which RDS takes no snapshot; those of the store.
pub async fn begin<P: ReadDatabases, S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    ports: &P,
    store: &S,
    clock: &C,
    kind: DatabaseKind,
    name: &str,
) -> Result<DatabaseBegun, PortError> {
    let reading = ports.read_database(kind, name).await?;
    if !["available", "storage-optimization"].contains(&reading.status.as_str()) {
        let why = format!(
            "{kind} {name} is {}, and RDS takes a snapshot of an available one only",
            reading.status
        );
        return Err(PortError::Unavailable(why));
    }
    let document = serde_json::to_vec_pretty(&reading.config).map_err(|e| PortError::Invalid(e.to_string()))?;
    let blob = put_blob(store, clock.now(), BlobRole::Config, Bytes::from(document)).await?;
    Ok(DatabaseBegun { reading, blob })
}

/// Reads and proves the settings that a point holds.
///
/// # Errors
/// `Corrupt` when the document is missing, damaged or no database's.
pub async fn read_config<S: ReadObjects>(store: &S, manifest: &Manifest) -> Result<DatabaseConfig, PortError> {
    let body = get_config(store, manifest).await?;
    serde_json::from_slice(&body).map_err(|error| PortError::Corrupt(format!("configuration document: {error}")))
}
