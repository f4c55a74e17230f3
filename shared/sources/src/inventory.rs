//! What exists in the account, region by region and kind by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures::{StreamExt as _, stream};
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
        "elasticfilesystem:DescribeFileSystems",
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
        "rds:DescribeDBClusters",
        "rds:DescribeDBInstances",
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

/// Lists under way at the same time, each of them one call after the other: enough to hide the services' latency, without a burst
/// that they would throttle.
const LISTS_AT_ONCE: usize = 8;

/// Takes the inventory of some regions. A kind that cannot be listed stops no other.
pub async fn take<'a, L: ListResources>(lister: &L, regions: impl IntoIterator<Item = &'a Region>) -> Inventory {
    let regions: BTreeSet<&Region> = regions.into_iter().collect();
    let places: BTreeSet<Region> = regions
        .iter()
        .map(|region| Region::global(region.partition()))
        .collect();
    let mut lists = Vec::new();
    for kind in Kind::ALL {
        let global = places.iter().filter(|_| kind.is_global());
        let regional = regions.iter().copied().filter(|_| !kind.is_global());
        for region in global.chain(regional) {
            lists.push(async move { (kind, region, lister.list(region, kind).await) });
        }
    }
    let mut listed = stream::iter(lists).buffered(LISTS_AT_ONCE);
    let mut inventory = Inventory::default();
    while let Some((kind, region, list)) = listed.next().await {
        match list {
            Ok(found) => {
                let found = found.into_iter();
                inventory
                    .found
                    .extend(found.filter(|found| !found.id.name.starts_with(SCRATCH_PREFIX)));
            }
            Err(error) => inventory.unlisted.push((kind, region.clone(), error)),
        }
    }
    inventory
}
