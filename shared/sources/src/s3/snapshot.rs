use bytes::Bytes;
use holdfast_catalog::{Arn, BlobRef, BlobRole, CatalogError, Manifest, Region};
use holdfast_vault::port::{Clock, LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, get_config, put_blob};

use super::{BucketReading, ReadBucket, read, without_versioning};
use crate::wiring::Document;

/// A bucket's settings, stored.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketBegun {
    /// The bucket's ARN.
    pub arn: Arn,
    /// The bucket as it was read.
    pub reading: BucketReading,
    /// Its configuration document.
    pub blob: BlobRef,
}

/// Reads a bucket's settings and stores them.
///
/// # Errors
/// `NotFound` when there is no such bucket; `Invalid`, with what to change, when it keeps no versions, for then AWS Backup makes
/// no points of it; those of the store.
pub async fn begin<P: ReadBucket, S: ReadObjects + WriteObjects + LockObjects, C: Clock>(
    port: &P,
    store: &S,
    clock: &C,
    region: &Region,
    name: &str,
) -> Result<BucketBegun, PortError> {
    let reading = read(port, region, name).await?;
    if let Some(why) = without_versioning(name, &reading.document) {
        return Err(PortError::Invalid(why));
    }
    let arn = format!("arn:{}:s3:::{name}", region.partition());
    let arn = arn
        .parse()
        .map_err(|error: CatalogError| PortError::Invalid(error.to_string()))?;
    let document = Bytes::from(reading.document.to_bytes());
    let blob = put_blob(store, clock.now(), BlobRole::Config, document).await?;
    Ok(BucketBegun { arn, reading, blob })
}

/// Reads and proves the settings that a point holds.
///
/// # Errors
/// `Corrupt` when the document is missing, damaged or no bucket's.
pub async fn read_config<S: ReadObjects>(store: &S, manifest: &Manifest) -> Result<Document, PortError> {
    let body = get_config(store, manifest).await?;
    Document::read(&body).map_err(|error| PortError::Corrupt(error.to_string()))
}
