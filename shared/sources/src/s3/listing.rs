use std::collections::BTreeSet;

use holdfast_catalog::{Kind, Region};
use holdfast_vault::PortError;

use crate::inventory::Found;
use crate::wiring::{self, ReadWiring};

/// All buckets of a region with their tags, but `own`: those in which points are kept already.
///
/// # Errors
/// Those of the services. A listing that broke off is never returned.
pub async fn list<P: ReadWiring>(port: &P, region: &Region, own: &BTreeSet<String>) -> Result<Vec<Found>, PortError> {
    // A bucket is listed as what carries its notifications.
    let mut found = wiring::list(port, Kind::BucketNotifications, region).await?;
    found.retain(|found| !own.contains(&found.id.name));
    for bucket in &mut found {
        bucket.id.kind = Kind::S3Bucket;
    }
    Ok(found)
}
