//! What the application is: the point of each of its resources, with its document.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use holdfast_catalog::{Arn, Manifest, PointId, Region, ResourceId};
use holdfast_lambda::Failure;
use holdfast_sources::application::{Member, Selection, StackResource, of_stack, tags_of};
use holdfast_sources::call::Call;
use holdfast_sources::call::cloudformation::ListStackResources;
use holdfast_vault::port::Clock;
use holdfast_vault::{Catalogue, PointEntry, PortError, get_config, read_manifest};
use serde_json::{Value, json};

use super::Request;
use crate::{Regions, Restore, Vault, VaultPorts, WorkPorts, choose};

/// How many points are read at once: enough to hide the way to the vault, few enough for the memory of documents.
const READ_AT_ONCE: usize = 8;

/// What is restored, and from which vault.
pub(super) struct Gathered<'a, V> {
    pub vault: &'a Vault<V>,
    /// The point of each resource, in order of resource.
    pub points: Vec<Point>,
    /// Resources that were asked for and have no good point, with the reason.
    pub missing: Missing,
    pub notes: Vec<String>,
}

impl<V> Gathered<'_, V> {
    /// Whether AWS Backup keeps the data of a resource's point.
    pub fn is_managed(&self, resource: &ResourceId) -> bool {
        let mut points = self.points.iter();
        points.any(|point| point.member.id == *resource && point.manifest.managed.is_some())
    }
}

/// A resource's point.
pub(super) struct Point {
    pub member: Member,
    pub manifest: Manifest,
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// Gathers from the vault that is named, or from home and, if that has nothing of it, from the replica. A point whose copy
    /// there is damaged is read from the nearest other vault that has it.
    pub(super) async fn gather<C: Clock>(&self, request: &Request, clock: &C) -> Result<Gathered<'_, V>, Failure> {
        let mut vaults = self.vaults(request.from.as_ref());
        if let Some(place) = &request.began_in {
            vaults.sort_by_key(|vault| vault.location.place.to_string() != *place);
        }
        let selection = request.application.selection()?;
        let stack = match &selection {
            Selection::Stack(stack) => Some(self.stack(stack).await?),
            _ => None,
        };
        let mut notes = Vec::new();
        for vault in &vaults {
            let bucket = &vault.location.place;
            match self
                .gather_from(vault, request, &selection, stack.as_ref(), clock)
                .await
            {
                Ok(mut gathered) if !gathered.points.is_empty() => {
                    notes.push(format!(
                        "{} points were read from vault {bucket}",
                        gathered.points.len()
                    ));
                    notes.append(&mut gathered.notes);
                    gathered.notes = notes;
                    return Ok(gathered);
                }
                Ok(_) => notes.push(format!("vault {bucket} has no good point of it")),
                Err(Failure::Port(error)) => notes.push(format!("vault {bucket} could not be read: {error}")),
                Err(error) => return Err(error),
            }
        }
        if vaults.is_empty() {
            notes.push("the stack has no such vault".to_owned());
        }
        Err(Failure::Port(PortError::NotFound(format!(
            "nothing of this application can be restored: {}",
            notes.join("; ")
        ))))
    }
}

/// A CloudFormation stack and the stacks within it.
struct Stack {
    region: Region,
    resources: Vec<StackResource>,
}

/// How many stacks within stacks are looked at: more than anybody nests, so that no circle keeps a run.
const MAX_STACKS: usize = 100;

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// What a stack has, with the stacks within it.
    async fn stack(&self, name: &str) -> Result<Stack, Failure> {
        let region = match name.parse::<Arn>() {
            Ok(arn) => arn
                .region()
                .parse()
                .map_err(|_| unknown_stack(name, "its ARN names no region"))?,
            Err(_) => self.home.location.region.clone(),
        };
        let mut resources = Vec::new();
        let mut open = vec![name.to_owned()];
        for _ in 0..MAX_STACKS {
            let Some(next) = open.pop() else { break };
            let found = self.stack_resources(&next, &region).await?;
            open.extend(of_stack(&found, &region, &BTreeSet::new()).nested);
            resources.extend(found);
        }
        Ok(Stack { region, resources })
    }

    async fn stack_resources(&self, name: &str, region: &Region) -> Result<Vec<StackResource>, Failure> {
        let mut resources = Vec::new();
        let mut input = json!({ "StackName": name });
        loop {
            let page = Call::<ListStackResources>::call(self.regions.wiring(), region, input.clone()).await;
            let page = page.map_err(|error| match error {
                PortError::Invalid(why) | PortError::NotFound(why) => unknown_stack(name, &why),
                error => Failure::Port(error.doing(&format!("listing stack {name}"))),
            })?;
            let listed = page
                .get("StackResourceSummaries")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            resources.extend(listed.filter_map(stack_resource));
            match page
                .get("NextToken")
                .and_then(Value::as_str)
                .filter(|token| !token.is_empty())
            {
                Some(token) => input["NextToken"] = Value::from(token),
                None => return Ok(resources),
            }
        }
    }
}

/// A resource of a stack; none where it was never made.
fn stack_resource(summary: &Value) -> Option<StackResource> {
    let text = |name: &str| summary.get(name)?.as_str().map(str::to_owned);
    Some(StackResource {
        logical_id: text("LogicalResourceId")?,
        resource_type: text("ResourceType")?,
        physical_id: text("PhysicalResourceId").filter(|id| !id.is_empty())?,
    })
}

fn unknown_stack(name: &str, why: &str) -> Failure {
    Failure::InvalidRequest(format!(
        "stack {name}: {why}; of a stack that was deleted give the ARN, for 90 days, or name what it had in \"resources\""
    ))
}

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    async fn gather_from<'a, C: Clock>(
        &'a self,
        vault: &'a Vault<V>,
        request: &Request,
        selection: &Selection,
        stack: Option<&Stack>,
        clock: &C,
    ) -> Result<Gathered<'a, V>, Failure> {
        let mut entries = entries(&vault.store, selection).await?;
        let mut notes = Vec::new();
        if let Some(stack) = stack {
            let known = entries.keys().cloned().collect();
            let selected = of_stack(&stack.resources, &stack.region, &known);
            notes.extend(
                selected
                    .not_protected
                    .iter()
                    .map(|what| format!("not protected, and not restored: {what}")),
            );
            entries.retain(|resource, _| selected.resources.contains(resource));
            for resource in selected.resources {
                entries.entry(resource).or_default();
            }
        }
        let (chosen, mut missing) = chosen(&entries, request, clock)?;
        if matches!(selection, Selection::Tags(_)) {
            // Whether it had the tag is not known.
            missing.clear();
        }
        let read = futures::stream::iter(chosen).map(|id| async move {
            let point = self.read_point(vault, request, &id).await;
            (id, point)
        });
        let read: Vec<_> = read.buffered(READ_AT_ONCE).collect().await;
        let mut points = Vec::with_capacity(read.len());
        for (id, result) in read {
            match result {
                Ok((point, note)) => {
                    points.push(point);
                    notes.extend(note);
                }
                Err(error @ PortError::NotFound(_)) => {
                    missing.push((id.resource.to_string(), format!("{id} cannot be read: {error}")));
                }
                Err(error) => return Err(Failure::Port(error)),
            }
        }
        if let Selection::Tags(tags) = selection {
            let has_all = |point: &Point| {
                let found = tags_of(&point.member.document);
                tags.iter().all(|(key, value)| found.get(key) == Some(value))
            };
            points.retain(has_all);
        }
        Ok(Gathered {
            vault,
            points,
            missing,
            notes,
        })
    }

    /// Reads a point where the application is gathered, or where the nearest of the other vaults has it whole, and says so.
    async fn read_point(
        &self,
        vault: &Vault<V>,
        request: &Request,
        id: &PointId,
    ) -> Result<(Point, Option<String>), PortError> {
        let error = match read(&vault.store, id.clone()).await {
            Ok(point) => return Ok((point, None)),
            Err(error) => error,
        };
        let region = request.target.region.as_ref().unwrap_or(&id.resource.region);
        let copies = self.copies_of(vault, request.from.as_ref(), id, region).await;
        for other in copies.vaults().iter().filter(|other| other.location != vault.location) {
            if let Ok(point) = read(&other.store, id.clone()).await {
                let (here, there) = (&vault.location.place, &other.location.place);
                let note = format!("{id}: the copy in vault {here} was given up for the one in {there}: {error}");
                return Ok((point, Some(note)));
            }
        }
        Err(error)
    }
}

/// What was asked for and is not there, with the reason.
type Missing = Vec<(String, String)>;

/// The point that is meant of each resource, and which resources have none.
fn chosen<C: Clock>(
    entries: &BTreeMap<ResourceId, Vec<PointEntry>>,
    request: &Request,
    clock: &C,
) -> Result<(Vec<PointId>, Missing), Failure> {
    let wanted = request.application.wanted()?;
    let (mut chosen, mut missing) = (Vec::new(), Vec::new());
    for (resource, entries) in entries {
        let mut exactly = request.application.points.iter().flatten();
        let found = match exactly.find(|point| point.resource == *resource) {
            // Another vault may have it, if this one has not any more.
            Some(point) => Some(point.clone()),
            None => choose(entries, &wanted, clock.now()).map(|entry| entry.id.clone()),
        };
        match found {
            Some(point) => chosen.push(point),
            None => missing.push((resource.to_string(), "it has no good point of that time".to_owned())),
        }
    }
    Ok((chosen, missing))
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
    let body = get_config(store, &manifest).await?;
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
