use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_catalog::{Arn, BlobRef, BlobRole, Sha256};
use holdfast_vault::port::{LockObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, lasting_blob, put_blob};
use jiff::Timestamp;

use super::port::{FetchCode, FetchLayer};
use super::{FunctionConfig, Package, ReadWhole, read_function};

/// The most that is downloaded for one archive. Lambda unpacks at most 250 MB, so a packed archive is smaller.
const MAX_CODE_BYTES: u64 = 262_144_000;

/// A function as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSnapshot {
    /// Its configuration.
    pub config: FunctionConfig,
    /// Its ARN.
    pub arn: Arn,
    /// What was stored: the configuration document, then one archive for each distinct hash.
    pub blobs: Vec<BlobRef>,
    /// What could not be read or is not stored, in words for a person; empty when all is.
    pub not_protected: Vec<String>,
}

/// Stores a function's configuration, its code and the content of its layers, each once. Code that the vault has is not downloaded again, unless it is so old, and not
/// locked, that it has to be written again to outlive this run (see [`holdfast_vault::outlives_run`]).
///
/// # Errors
/// `NotFound` when there is no such function; `Denied` when it or its code may not be read; `Corrupt` when `$LATEST`'s code is
/// not what its hash says, twice. Blobs that were stored before an error stay; storing them again is harmless.
pub async fn snapshot<F, S>(functions: &F, store: &S, now: Timestamp, name: &str) -> Result<FunctionSnapshot, PortError>
where
    F: ReadWhole + FetchCode + FetchLayer,
    S: ReadObjects + WriteObjects + LockObjects,
{
    match take(functions, store, now, name).await {
        // The function may have been changed between the look at it and the download: look again, once.
        Err(PortError::Corrupt(_)) => take(functions, store, now, name).await,
        result => result,
    }
}

async fn take<F, S>(functions: &F, store: &S, now: Timestamp, name: &str) -> Result<FunctionSnapshot, PortError>
where
    F: ReadWhole + FetchCode + FetchLayer,
    S: ReadObjects + WriteObjects + LockObjects,
{
    let reading = read_function(functions, name).await?;
    let mut not_protected = reading.unreadable;
    not_protected.extend(outside(&reading.config));
    let mut code: BTreeMap<Sha256, BlobRef> = BTreeMap::new();
    if let Package::Zip { sha256, .. } = reading.config.latest.package {
        code.insert(sha256, store_code(functions, store, now, name, None, &sha256).await?);
    }
    for (number, release) in &reading.config.versions {
        let Package::Zip { sha256, .. } = release.package else {
            continue;
        };
        if code.contains_key(&sha256) {
            continue;
        }
        match store_code(functions, store, now, name, Some(*number), &sha256).await {
            Ok(blob) => _ = code.insert(sha256, blob),
            Err(error) if error.is_retryable() => return Err(error),
            // The rest of the function is worth keeping without this version.
            Err(error) => not_protected.push(format!("code of version {number} is not stored: {error}")),
        }
    }
    let unread = reading.unread_layers.iter();
    not_protected.extend(unread.map(|(arn, why)| format!("content of layer {arn} is not stored, only its ARN: {why}")));
    for (arn, layer) in &reading.config.layers {
        if code.contains_key(&layer.sha256) {
            continue;
        }
        match store_layer(functions, store, now, arn, &layer.sha256).await {
            Ok(blob) => _ = code.insert(layer.sha256, blob),
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => not_protected.push(format!("content of layer {arn} is not stored: {error}")),
        }
    }
    // The document last: what it names is there when it is.
    let document = Bytes::from(reading.config.to_bytes());
    let mut blobs = vec![put_blob(store, now, BlobRole::Config, document).await?];
    blobs.extend(code.into_values());
    Ok(FunctionSnapshot {
        config: reading.config,
        arn: reading.arn,
        blobs,
        not_protected,
    })
}

/// What a function is made of that lies outside of it and is only named in its configuration.
fn outside(config: &FunctionConfig) -> Vec<String> {
    let images = config.releases().filter_map(|release| release.package.image());
    let images = images.map(|image| format!("container image {image} is not stored, only its name and digest"));
    let notes: BTreeSet<String> = images.collect();
    notes.into_iter().collect()
}

async fn store_code<F, S>(
    functions: &F,
    store: &S,
    now: Timestamp,
    name: &str,
    version: Option<u64>,
    sha256: &Sha256,
) -> Result<BlobRef, PortError>
where
    F: FetchCode,
    S: ReadObjects + WriteObjects + LockObjects,
{
    let qualifier = version.map(|number| number.to_string());
    let what = format!(
        "code of function {name} ({})",
        qualifier.as_deref().unwrap_or("$LATEST")
    );
    let archive = functions.fetch_code(name, qualifier.as_deref(), MAX_CODE_BYTES);
    store_archive(store, now, &what, sha256, archive).await
}

async fn store_layer<F, S>(
    functions: &F,
    store: &S,
    now: Timestamp,
    arn: &str,
    sha256: &Sha256,
) -> Result<BlobRef, PortError>
where
    F: FetchLayer,
    S: ReadObjects + WriteObjects + LockObjects,
{
    let what = format!("content of layer {arn}");
    let archive = functions.fetch_layer(arn, MAX_CODE_BYTES);
    store_archive(store, now, &what, sha256, archive).await
}

/// Stores what a download gives, which is not begun when the vault has it.
async fn store_archive<S>(
    store: &S,
    now: Timestamp,
    what: &str,
    sha256: &Sha256,
    download: impl Future<Output = Result<Bytes, PortError>>,
) -> Result<BlobRef, PortError>
where
    S: ReadObjects + WriteObjects + LockObjects,
{
    if let Some(stored) = lasting_blob(store, now, sha256).await? {
        return Ok(BlobRef {
            role: BlobRole::Code,
            sha256: *sha256,
            // The object's own length, and not what the service says about the archive: the manifest promises bytes that
            // can be counted in the vault.
            bytes: stored.bytes,
        });
    }
    let archive = download.await?;
    let found = Sha256::of(&archive);
    if found != *sha256 {
        return Err(PortError::Corrupt(format!(
            "{what}: its hash should be {sha256} and is {found}"
        )));
    }
    put_blob(store, now, BlobRole::Code, archive).await
}
