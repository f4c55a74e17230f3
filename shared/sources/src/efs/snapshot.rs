use bytes::Bytes;
use holdfast_catalog::{BlobRef, BlobRole, Manifest, Region};
use holdfast_vault::port::{Clock, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, get_config, put_blob};

use super::{FileSystemReading, ReadFileSystem, read};
use crate::wiring::Document;

/// A file system's settings, stored.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSystemBegun {
    /// The file system as it was read.
    pub reading: FileSystemReading,
    /// Its configuration document.
    pub blob: BlobRef,
}

/// Reads a file system's settings and stores them.
///
/// # Errors
/// `NotFound` when there is no such file system; those of the store.
pub async fn begin<P: ReadFileSystem, S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    port: &P,
    store: &S,
    clock: &C,
    region: &Region,
    name: &str,
) -> Result<FileSystemBegun, PortError> {
    let reading = read(port, region, name).await?;
    let document = Bytes::from(reading.document.to_bytes());
    let blob = put_blob(store, clock.now(), BlobRole::Config, document).await?;
    Ok(FileSystemBegun { reading, blob })
}

/// Reads and proves the settings that a point holds.
///
/// # Errors
/// `Corrupt` when the document is missing, damaged or no file system's.
pub async fn read_config<S: ReadObjects>(store: &S, manifest: &Manifest) -> Result<Document, PortError> {
    let body = get_config(store, manifest).await?;
    Document::read(&body).map_err(|error| PortError::Corrupt(error.to_string()))
}
