use bytes::Bytes;
use holdfast_catalog::{BlobRef, BlobRole, Manifest, Sha256, layout};
use jiff::{SignedDuration, Timestamp};
use sha2::Digest as _;

use crate::PortError;
use crate::port::{Created, LockObjects, ObjectInfo, ReadObjects, WriteObjects};
use crate::sweep::SHORTEST_GRACE;

/// How old an object that is already there may be for a run to rely on it without writing it again, where it is not locked.
///
/// An object that no point refers to (left by a run that failed) may be about to be swept. The sweep removes only
/// versions that are older than its grace period, which is never under 24 hours, and no run may last longer than 12: so
/// what is younger than 11 hours now outlives this run (the hour between is for invocations that overlap and for clocks), and what
/// is older is written again. The sweep then removes the old version that it has seen, and the new one stays.
pub const TRUST_EXISTING_FOR: SignedDuration = SignedDuration::from_hours(11);

/// Reads are done in pieces of this size where an object may be large.
const PIECE_BYTES: u64 = 8 << 20;

/// Whether a run may rely on an object that it finds in the vault: because it is young (see [`TRUST_EXISTING_FOR`]), or
/// because it is locked, from now on if it was not, as the store locks what it writes. Of a lock and a removal of the same
/// version only one can succeed, so what is locked for the shortest grace outlives the run, however old it is. Where the
/// answer is no, the object is to be written again.
///
/// # Errors
/// Those of the store. A lock that was extended until then stays.
pub async fn outlives_run<S: LockObjects>(store: &S, info: &ObjectInfo, now: Timestamp) -> Result<bool, PortError> {
    let is_fresh = now.duration_since(info.modified_at) < TRUST_EXISTING_FOR;
    match store.extend_lock(&info.key).await {
        Ok(None) => Ok(is_fresh),
        Ok(Some(lock)) => Ok(is_fresh || lock.until.duration_since(now) >= SHORTEST_GRACE),
        // Gone since it was looked at; or locked in another mode, which what is written again need not take over.
        Err(PortError::NotFound(_) | PortError::Locked(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A blob that the vault has and that a run may rely on as it is; see [`outlives_run`].
///
/// # Errors
/// Those of the store.
pub async fn lasting_blob<S: ReadObjects + LockObjects>(
    store: &S,
    now: Timestamp,
    name: &Sha256,
) -> Result<Option<ObjectInfo>, PortError> {
    match store.head(&layout::blob(name)).await {
        Ok(info) => Ok(outlives_run(store, &info, now).await?.then_some(info)),
        Err(PortError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores something under its content's name, once, and locked as the store locks what it writes, also where it was there
/// before.
///
/// # Errors
/// Those of the store; the object may or may not have been written, and writing it again is harmless.
pub async fn put_content<S: ReadObjects + WriteObjects + LockObjects>(
    store: &S,
    now: Timestamp,
    key: &str,
    body: Bytes,
) -> Result<Created, PortError> {
    if store.create(key, body.clone()).await? == Created::New {
        return Ok(Created::New);
    }
    let may_stay = match store.head(key).await {
        Ok(info) => outlives_run(store, &info, now).await? && holds(store, key, info.bytes, &body).await?,
        Err(PortError::NotFound(_)) => false,
        Err(error) => return Err(error),
    };
    if !may_stay {
        store.overwrite(key, body).await?;
    }
    Ok(Created::Existed)
}

/// Whether an object is what its name promises: other bytes under the same name are damage, which writing again heals.
async fn holds<S: ReadObjects>(store: &S, key: &str, bytes: u64, body: &Bytes) -> Result<bool, PortError> {
    if bytes != body.len() as u64 {
        return Ok(false);
    }
    let mut rest: &[u8] = body;
    while !rest.is_empty() {
        let piece = match store.get_range(key, bytes - rest.len() as u64, PIECE_BYTES).await {
            Ok(piece) => piece,
            Err(PortError::NotFound(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        match rest.strip_prefix(piece.as_ref()) {
            Some(unread) if !piece.is_empty() => rest = unread,
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// Stores a blob and says how a manifest names it.
///
/// # Errors
/// Those of the store.
pub async fn put_blob<S: ReadObjects + WriteObjects + LockObjects>(
    store: &S,
    now: Timestamp,
    role: BlobRole,
    body: Bytes,
) -> Result<BlobRef, PortError> {
    let blob = BlobRef {
        role,
        sha256: Sha256::of(&body),
        bytes: body.len() as u64,
    };
    put_content(store, now, &layout::blob(&blob.sha256), body).await?;
    Ok(blob)
}

/// Reads a blob and proves it.
///
/// # Errors
/// `Corrupt` when it is missing or not what its name promises.
pub async fn get_blob<S: ReadObjects>(store: &S, blob: &BlobRef) -> Result<Bytes, PortError> {
    let key = layout::blob(&blob.sha256);
    match store.get(&key).await {
        Ok(body) if Sha256::of(&body) == blob.sha256 => Ok(body),
        Ok(_) => Err(PortError::Corrupt(format!(
            "{key} does not hold the bytes that its name promises"
        ))),
        Err(PortError::NotFound(_)) => Err(PortError::Corrupt(format!("{key} is missing"))),
        Err(error) => Err(error),
    }
}

/// Reads and proves a point's configuration document.
///
/// # Errors
/// `Corrupt` when the point names none, or it is missing or not what its name promises.
pub async fn get_config<S: ReadObjects>(store: &S, manifest: &Manifest) -> Result<Bytes, PortError> {
    let blob = manifest
        .config()
        .ok_or_else(|| PortError::Corrupt("the manifest names no configuration".into()))?;
    get_blob(store, blob).await
}

/// Proves a blob in bounded memory, and says how many bytes were read.
///
/// # Errors
/// `Corrupt` when it is missing or not what its name promises.
pub async fn check_blob<S: ReadObjects>(store: &S, blob: &BlobRef) -> Result<u64, PortError> {
    let key = layout::blob(&blob.sha256);
    let mut hasher = sha2::Sha256::new();
    let mut read = 0;
    loop {
        let piece = match store.get_range(&key, read, PIECE_BYTES).await {
            Ok(piece) => piece,
            Err(PortError::NotFound(_)) => return Err(PortError::Corrupt(format!("{key} is missing"))),
            Err(error) => return Err(error),
        };
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        read += piece.len() as u64;
    }
    if Sha256::from_bytes(hasher.finalize().into()) == blob.sha256 && read == blob.bytes {
        Ok(read)
    } else {
        Err(PortError::Corrupt(format!(
            "{key} does not hold the bytes that its name promises"
        )))
    }
}
