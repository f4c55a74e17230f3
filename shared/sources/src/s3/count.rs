use holdfast_catalog::{Region, Sha256};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::port::CountObjects;
use crate::call::Call;
use crate::call::bucket::ListObjectsV2;
use crate::dynamodb::refill::Counted;

/// Nothing new is asked for this long before the invocation ends.
const STOP_BEFORE_END: SignedDuration = SignedDuration::from_secs(30);

/// Counts a bucket's objects, each by its newest version, with a digest of their keys and sizes; nothing when time ran out.
///
/// # Errors
/// `NotFound` when there is no such bucket; `Unavailable` when the listing cannot be read.
pub async fn count<P: CountObjects, C: Clock>(
    port: &P,
    clock: &C,
    region: &Region,
    name: &str,
) -> Result<Option<Counted>, PortError> {
    let mut counted = Counted::default();
    let mut input = json!({ "Bucket": name });
    loop {
        if clock.remaining() < STOP_BEFORE_END {
            return Ok(None);
        }
        let page = Call::<ListObjectsV2>::call(port, region, input.clone()).await?;
        for object in page["Contents"].as_array().into_iter().flatten() {
            let strange = || PortError::Unavailable(format!("bucket {name}: an object has no key or no size"));
            let key = object["Key"].as_str().ok_or_else(strange)?;
            let size: u64 = number(&object["Size"]).ok_or_else(strange)?;
            counted.items += 1;
            let line = format!("{size} {key}");
            counted.digest.add(&Sha256::of(line.as_bytes()));
        }
        match page["NextContinuationToken"].as_str() {
            Some(token) if !token.is_empty() => input["ContinuationToken"] = Value::from(token),
            _ => return Ok(Some(counted)),
        }
    }
}

/// XML knows texts only.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
