//! What exists in the account, region by region and kind by kind.

use std::collections::BTreeMap;
use std::future::Future;

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use holdfast_vault::PortError;

use crate::dynamodb::port::SCRATCH_PREFIX;

/// A resource that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Listing what exists, with its tags.
pub trait ListResources: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &["dynamodb:ListTables", "lambda:ListFunctions", "tag:GetResources"];

    /// All resources of a kind in a region. Complete or an error: a listing that broke off is never returned.
    ///
    /// # Errors
    /// Those of the services.
    fn list(&self, region: &Region, kind: Kind) -> impl Future<Output = Result<Vec<Found>, PortError>> + Send;
}

/// What exists in some regions, and what nobody can tell.
#[derive(Debug, Default)]
pub struct Inventory {
    /// What exists, scratch tables left out: they are copies already.
    pub found: Vec<(ResourceId, Found)>,
    /// The kinds that could not be listed, each with its region and the reason.
    pub unlisted: Vec<(Kind, Region, PortError)>,
}

/// Takes the inventory of some regions. A kind that cannot be listed stops no other.
pub async fn take<'a, L: ListResources>(lister: &L, regions: impl IntoIterator<Item = &'a Region>) -> Inventory {
    let mut inventory = Inventory::default();
    for region in regions {
        for kind in Kind::ALL {
            match lister.list(region, kind).await {
                Ok(found) => inventory.found.extend(found.into_iter().filter_map(protectable)),
                Err(error) => inventory.unlisted.push((kind, region.clone(), error)),
            }
        }
    }
    inventory
}

fn protectable(found: Found) -> Option<(ResourceId, Found)> {
    let id = ResourceId::from_arn(&found.arn).ok()?;
    (!id.name.starts_with(SCRATCH_PREFIX)).then_some((id, found))
}
