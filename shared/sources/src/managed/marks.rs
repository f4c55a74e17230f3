//! The jobs of a run or a copy as they are written down: one mark an attempt.

use bytes::Bytes;
use holdfast_catalog::{ManagedJob, seal, unseal};
use holdfast_vault::port::{ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::{PortError, keys};

/// The newest job below a prefix.
pub(super) async fn newest_job<S: ReadObjects + ListObjects>(
    store: &S,
    prefix: &str,
) -> Result<Option<ManagedJob>, PortError> {
    let Some(newest) = keys(store, prefix).await?.pop() else {
        return Ok(None);
    };
    let body = store.get(&newest.key).await?;
    let job = unseal(&body, "job").map_err(|error| PortError::Corrupt(format!("{}: {error}", newest.key)))?;
    Ok(Some(job))
}

pub(super) async fn write_job<S: WriteObjects>(store: &S, key: &str, job: &ManagedJob) -> Result<(), PortError> {
    let body = seal(job).map_err(|error| PortError::Invalid(error.to_string()))?;
    store.create(key, Bytes::from(body)).await.map(|_| ())
}
