//! What exists in the account, region by region and kind by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use holdfast_catalog::{Arn, Kind, Region, ResourceId};
use holdfast_vault::PortError;

use crate::dynamodb::port::SCRATCH_PREFIX;

/// A resource that exists now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which resource it is. What has a name that no key can hold (a partner's event bus) is not found at all.
    pub id: ResourceId,
    /// Its ARN.
    pub arn: Arn,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Listing what exists, with its tags.
pub trait ListResources: Send + Sync {
    /// The IAM actions behind this trait.
    const ACTIONS: &'static [&'static str] = &[
        "apigateway:GET",
        "dynamodb:ListTables",
        "events:ListApiDestinations",
        "events:ListArchives",
        "events:ListConnections",
        "events:ListEventBuses",
        "events:ListRules",
        "iam:ListRoleTags",
        "iam:ListRoles",
        "kinesis:ListStreams",
        "lambda:ListEventSourceMappings",
        "lambda:ListFunctions",
        "s3:ListAllMyBuckets",
        "scheduler:ListScheduleGroups",
        "scheduler:ListSchedules",
        "sns:ListTopics",
        "sqs:ListQueues",
        "states:ListStateMachines",
        "tag:GetResources",
    ];

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
    pub found: Vec<Found>,
    /// The kinds that could not be listed, each with its region and the reason.
    pub unlisted: Vec<(Kind, Region, PortError)>,
}

/// Takes the inventory of some regions. A kind that cannot be listed stops no other.
pub async fn take<'a, L: ListResources>(lister: &L, regions: impl IntoIterator<Item = &'a Region>) -> Inventory {
    let mut inventory = Inventory::default();
    let regions: BTreeSet<&Region> = regions.into_iter().collect();
    let places: BTreeSet<Region> = regions
        .iter()
        .map(|region| Region::global(region.partition()))
        .collect();
    let global = places.iter().map(|place| (place, true));
    for (region, is_global) in regions.into_iter().map(|region| (region, false)).chain(global) {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_global() == is_global) {
            match lister.list(region, kind).await {
                Ok(found) => {
                    let found = found.into_iter();
                    inventory
                        .found
                        .extend(found.filter(|found| !found.id.name.starts_with(SCRATCH_PREFIX)));
                }
                Err(error) => inventory.unlisted.push((kind, region.clone(), error)),
            }
        }
    }
    inventory
}
