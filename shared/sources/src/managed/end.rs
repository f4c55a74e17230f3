//! The end of a run that makes no point.

use bytes::Bytes;
use holdfast_catalog::{PointId, layout};
use holdfast_vault::PortError;
use holdfast_vault::port::{Clock, WriteObjects};
use serde_json::json;

/// Notes that a run is over and why there is no point of it, so that the next one may begin. Doing it again is harmless.
///
/// # Errors
/// Those of the store: the run is looked after again then.
pub async fn give_up<S: WriteObjects, C: Clock>(
    store: &S,
    clock: &C,
    point: &PointId,
    why: &str,
) -> Result<(), PortError> {
    let end = json!({ "ended_at": clock.now(), "why": why });
    let body = Bytes::from(format!("{end}\n"));
    store.create(&layout::ended(point), body).await.map(|_| ())
}
