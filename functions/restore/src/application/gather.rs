//! What the application is: the point of each of its resources, with its document.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};
use holdfast_catalog::{Manifest, PointId, ResourceId};
use holdfast_lambda::Failure;
use holdfast_sources::application::{Member, Selection, tags_of};
use holdfast_vault::port::Clock;
use holdfast_vault::{Catalogue, PointEntry, PortError, read_manifest};
use serde_json::Value;

use super::Request;
use crate::{From, Regions, Restore, Vault, VaultPorts, Wanted, WorkPorts, choose, document};

/// How many points are read at once: enough to hide the way to the vault, few enough for the memory of documents.
const READ_AT_ONCE: usize = 8;

/// What is restored, and from which vault.
pub(super) struct Gathered<'a, V> {
    pub vault: &'a Vault<V>,
    /// The point of each resource, in order of resource.
    pub points: Vec<Point>,
    /// Resources that were asked for and have no good point, with the reason.
    pub missing: Vec<(String, String)>,
    pub notes: Vec<String>,
}

/// A resource's point.
pub(super) struct Point {
    pub member: Member,
    pub manifest: Manifest,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Gathers from the vault that is named, or from home and, if that has nothing of it, from the replica.
    pub(super) async fn gather<C: Clock>(&self, request: &Request, clock: &C) -> Result<Gathered<'_, V>, Failure> {
        let vaults: Vec<&Vault<V>> = match request.from {
            Some(From::Home) => vec![&self.home],
            Some(From::Replica) => self.replica.iter().collect(),
            None => std::iter::once(&self.home).chain(&self.replica).collect(),
        };
        let mut notes = Vec::new();
        for vault in &vaults {
            let bucket = &vault.location.bucket;
            match gather_from(vault, request, clock).await {
                Ok(mut gathered) if !gathered.points.is_empty() => {
                    notes.push(format!(
                        "{} points were read from vault {bucket}",
                        gathered.points.len()
                    ));
                    gathered.notes = notes;
                    return Ok(gathered);
                }
                Ok(_) => notes.push(format!("vault {bucket} has no good point of it")),
                Err(Failure::Port(error)) => notes.push(format!("vault {bucket} could not be read: {error}")),
                Err(error) => return Err(error),
            }
        }
        if vaults.is_empty() {
            notes.push("the stack has no replica vault".to_owned());
        }
        Err(Failure::Port(PortError::NotFound(format!(
            "nothing of this application can be restored: {}",
            notes.join("; ")
        ))))
    }
}

async fn gather_from<'a, V: VaultPorts, C: Clock>(
    vault: &'a Vault<V>,
    request: &Request,
    clock: &C,
) -> Result<Gathered<'a, V>, Failure> {
    let selection = request.application.selection()?;
    let wanted = request.application.wanted()?;
    let entries = entries(&vault.store, &selection).await?;
    let mut chosen: Vec<PointId> = Vec::new();
    let mut missing = Vec::new();
    for (resource, entries) in &entries {
        let exactly = request
            .application
            .points
            .iter()
            .flatten()
            .find(|point| point.resource == *resource);
        let wanted = exactly.map_or_else(|| wanted.clone(), |point| Wanted::Exactly(point.clone()));
        match choose(entries, &wanted, clock.now()) {
            Some(entry) => chosen.push(entry.id.clone()),
            None => missing.push((resource.to_string(), "it has no good point of that time".to_owned())),
        }
    }
    let points = futures::stream::iter(chosen).map(|id| read(&vault.store, id));
    let mut points: Vec<Point> = points.buffered(READ_AT_ONCE).try_collect().await?;
    if let Selection::Tags(tags) = &selection {
        let has_all = |point: &Point| {
            let found = tags_of(&point.member.document);
            tags.iter().all(|(key, value)| found.get(key) == Some(value))
        };
        points.retain(has_all);
        // Whether it had the tag is not known.
        missing.clear();
    }
    Ok(Gathered {
        vault,
        points,
        missing,
        notes: Vec::new(),
    })
}

/// The points to choose from, by resource. A resource that is named has an entry even if it has no point.
async fn entries<V: VaultPorts>(
    store: &V,
    selection: &Selection,
) -> Result<BTreeMap<ResourceId, Vec<PointEntry>>, PortError> {
    let mut by_resource: BTreeMap<ResourceId, Vec<PointEntry>> = BTreeMap::new();
    if let Selection::Resources(list) = selection {
        for resource in list.iter().collect::<BTreeSet<_>>() {
            let points = Catalogue::of_resource(store, resource).await?.points;
            by_resource.insert(resource.clone(), points);
        }
        return Ok(by_resource);
    }
    for entry in Catalogue::read(store).await?.points {
        let is_meant = match selection {
            Selection::Plan(plan) => entry.id.plan == *plan,
            _ => true,
        };
        if is_meant {
            by_resource.entry(entry.id.resource.clone()).or_default().push(entry);
        }
    }
    Ok(by_resource)
}

async fn read<V: VaultPorts>(store: &V, id: PointId) -> Result<Point, PortError> {
    let manifest = read_manifest(store, &id).await?;
    let body = document(store, &manifest).await?;
    // The message says where, never what stands there: it may be a secret.
    let parsed: Result<Value, _> = serde_json::from_slice(&body);
    let document =
        parsed.map_err(|error| PortError::Corrupt(format!("configuration document of {id}: line {}", error.line())))?;
    Ok(Point {
        member: Member {
            id: id.resource,
            arn: manifest.arn.clone(),
            document,
        },
        manifest,
    })
}
