//! Where a point is read: the nearest whole copy, and when that turns out to be damaged or out of reach, the next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use holdfast_catalog::{Kind, Manifest, PointId, Region, ResourceId, layout};
use holdfast_lambda::{Failure, policy_in_force};
use holdfast_sources::copies::{CopyAt, nearest};
use holdfast_sources::wiring;
use holdfast_vault::port::Clock;
use holdfast_vault::{Catalogue, PointEntry, PortError, get_config, read_manifest};

use crate::{From, Regions, Request, Restore, Vault, VaultPorts, Wanted, WorkPorts, choose, table};

/// The copies of one point, the nearest first; never none.
pub(crate) struct Copies<'a, V> {
    vaults: Vec<&'a Vault<V>>,
    /// The first that was not given up.
    at: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

impl<'a, V: VaultPorts> Copies<'a, V> {
    fn new(vaults: Vec<&'a Vault<V>>) -> Self {
        Copies {
            vaults,
            at: AtomicUsize::new(0),
            notes: Mutex::default(),
        }
    }

    /// All of them.
    pub(crate) fn vaults(&self) -> &[&'a Vault<V>] {
        &self.vaults
    }

    /// The one to read.
    pub(crate) fn current(&self) -> &'a Vault<V> {
        self.vaults[self.at.load(Ordering::Relaxed)]
    }

    /// Whether to read the next copy after an error: when it is this one's fault, and there is a next.
    pub(crate) async fn give_up(&self, error: &PortError, manifest: &Manifest) -> bool {
        let (at, vault) = (self.at.load(Ordering::Relaxed), self.current());
        let is_its_fault = match error {
            PortError::Corrupt(_) | PortError::NotFound(_) => true,
            // Of the vault or of what is being made? The vault knows. It is read, because a look needs no key.
            PortError::Unavailable(_) | PortError::Throttled(_) | PortError::Denied(_) => {
                let manifest = layout::manifest(&manifest.point);
                vault.store.get(&manifest).await.is_err()
            }
            PortError::AlreadyExists(_) | PortError::Conflict(_) | PortError::Locked(_) | PortError::Invalid(_) => {
                false
            }
        };
        let Some(next) = self.vaults.get(at + 1).filter(|_| is_its_fault) else {
            return false;
        };
        self.at.store(at + 1, Ordering::Relaxed);
        let (here, there) = (&vault.location.place, &next.location.place);
        let note = format!("the copy in vault {here} was given up for the one in {there}: {error}");
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        true
    }

    /// The configuration document of the point.
    pub(crate) async fn config(&self, manifest: &Manifest) -> Result<Bytes, PortError> {
        loop {
            match get_config(&self.current().store, manifest).await {
                Err(error) if self.give_up(&error, manifest).await => {}
                result => return result,
            }
        }
    }

    /// What happened on the way.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A point that was found.
pub(crate) struct Found<'a, V> {
    /// Where it is.
    pub copies: Copies<'a, V>,
    /// The vaults that could be looked at, home first.
    pub reachable: Vec<&'a Vault<V>>,
    pub manifest: Manifest,
    pub notes: Vec<String>,
}

/// A vault and what it has of the resource.
type Seen<'a, V> = (&'a Vault<V>, Vec<PointEntry>);

impl<V: VaultPorts, R: Regions, Q: WorkPorts> Restore<V, R, Q> {
    /// The vaults that may be read, home first.
    pub(crate) fn vaults(&self, from: Option<&From>) -> Vec<&Vault<V>> {
        let all = std::iter::once(&self.home).chain(&self.replicas);
        match from {
            None => all.collect(),
            Some(From::Home) => vec![&self.home],
            Some(From::Replica) => self.replicas.iter().collect(),
            Some(From::Named(name)) => all
                .filter(|vault| vault.location.place.to_string() == *name || vault.location.region.as_str() == name)
                .collect(),
        }
    }

    /// Finds the point that is meant, in whichever of the vaults has the newest such, and its copies.
    ///
    /// # Errors
    /// The request is not valid, or no vault has such a point that can be read.
    pub(crate) async fn find<C: Clock>(
        &self,
        request: &Request,
        resource: &ResourceId,
        clock: &C,
    ) -> Result<Found<'_, V>, Failure> {
        let wanted = request.wanted(resource)?;
        let vaults = self.vaults(request.from.as_ref());
        let mut notes = Vec::new();
        let mut seen: Vec<Seen<'_, V>> = Vec::new();
        for vault in vaults {
            match Catalogue::of_resource(&vault.store, resource).await {
                Ok(catalogue) => seen.push((vault, catalogue.points)),
                Err(error) => notes.push(format!("vault {} could not be read: {error}", vault.location.place)),
            }
        }
        let target = request.target.region.as_ref().unwrap_or(&resource.region);
        if let Some(point) = newest(&seen, &wanted, clock) {
            let ranked = self.ranked(&seen, &point, &wanted, target).await;
            if let Some((copies, manifest)) = readable(ranked, &point, &mut notes).await {
                let vault = copies.current();
                let (place, why) = (&vault.location.place, self.why(vault, target, copies.vaults.len()));
                notes.push(format!("{point} was read from vault {place}: {why}"));
                let reachable = seen.iter().map(|(vault, _)| *vault).collect();
                return Ok(Found {
                    copies,
                    reachable,
                    manifest,
                    notes,
                });
            }
            // An older one is another answer than the one that was asked for: a person chooses.
            notes.push(format!("{point} cannot be read: name another point"));
        } else {
            let none = |(vault, _): &Seen<'_, V>| format!("vault {} has no such good point", vault.location.place);
            notes.extend(seen.iter().map(none));
        }
        if notes.is_empty() {
            notes.push("the stack has no such vault".to_owned());
        }
        Err(Failure::Port(PortError::NotFound(format!(
            "no recovery point {} of {resource}: {}",
            request.point,
            notes.join("; ")
        ))))
    }

    /// The vaults to read a point from, best first. A copy that is known to be damaged is read only when the point is asked for
    /// by its id, and then last.
    async fn ranked<'a>(
        &self,
        seen: &[Seen<'a, V>],
        point: &PointId,
        wanted: &Wanted,
        target: &Region,
    ) -> Vec<&'a Vault<V>> {
        let entries = seen.iter().filter_map(|(vault, entries)| {
            let entry = entries.iter().find(|entry| entry.id == *point)?;
            Some((*vault, entry))
        });
        let copies: Vec<CopyAt<&'a Vault<V>>> = entries
            .map(|(vault, entry)| CopyAt {
                place: vault,
                region: vault.location.region.clone(),
                is_home: vault.location == self.home.location,
                is_complete: !entry.is_tombstoned,
                is_damaged: entry.is_damaged(),
            })
            .collect();
        // With one copy beside the home's, there is no order to ask for.
        let order = match copies.len() {
            0..=2 => Vec::new(),
            _ => self.order(point).await,
        };
        let mut ranked: Vec<&'a Vault<V>> = nearest(&copies, target, &order)
            .into_iter()
            .map(|copy| copy.place)
            .collect();
        if matches!(wanted, Wanted::Exactly(_)) {
            let is_left = |copy: &&CopyAt<&'a Vault<V>>| copy.is_damaged || !copy.is_complete;
            ranked.extend(copies.iter().filter(is_left).map(|copy| copy.place));
        }
        ranked
    }

    /// The regions of a plan's copies, in the order in which the policy names them.
    async fn order(&self, point: &PointId) -> Vec<Region> {
        let first = self.replicas.first().map(|replica| &replica.location.region);
        for vault in self.vaults(None) {
            if let Ok(policy) = policy_in_force(&vault.store, &self.policy_key, &self.tag_key).await {
                let plan = policy.document.plan(&point.plan);
                let destinations = plan.map(|plan| plan.destinations(first)).unwrap_or_default();
                return destinations
                    .iter()
                    .map(|destination| destination.region.clone())
                    .collect();
            }
        }
        Vec::new()
    }

    fn why(&self, vault: &Vault<V>, target: &Region, copies: usize) -> &'static str {
        if copies == 1 {
            "the only good copy"
        } else if vault.location.region == *target {
            "the copy in the target's region"
        } else if vault.location == self.home.location {
            "no copy is in the target's region, and home comes first"
        } else {
            "the home vault has no good copy, and of the others it comes first"
        }
    }

    /// The copies of a point for one step of an application, as far as vaults say that they have it.
    pub(crate) async fn copies_of<'a>(
        &'a self,
        gathered_from: &'a Vault<V>,
        from: Option<&From>,
        point: &PointId,
        target: &Region,
    ) -> Copies<'a, V> {
        let mut vaults = Vec::new();
        for vault in self.vaults(from) {
            if vault.location == gathered_from.location || vault.store.head(&layout::manifest(point)).await.is_ok() {
                vaults.push(vault);
            }
        }
        vaults.sort_by_key(|vault| {
            (
                vault.location.region != *target,
                vault.location != gathered_from.location,
            )
        });
        Copies::new(vaults)
    }

    /// The vault that holds the marks of a restore: where an earlier try has left some, else the first that can be reached.
    pub(crate) async fn work<'a>(&self, found: &Found<'a, V>, target: &ResourceId) -> Result<&'a Vault<V>, PortError> {
        let work = match target.kind {
            Kind::DynamodbTable => table::work_prefix(&found.manifest.point, &target.region, &target.name),
            _ => wiring::restore::work_prefix(&found.manifest.point, target),
        };
        if found.reachable.len() > 1 {
            for vault in &found.reachable {
                if !vault.store.list(&work, None).await?.is_empty() {
                    return Ok(vault);
                }
            }
        }
        Ok(found.reachable.first().unwrap_or(&found.copies.current()))
    }
}

/// The newest point that is meant, over all vaults; of equals, the first vault's.
fn newest<V, C: Clock>(seen: &[Seen<'_, V>], wanted: &Wanted, clock: &C) -> Option<PointId> {
    let chosen = seen
        .iter()
        .filter_map(|(_, entries)| choose(entries, wanted, clock.now()));
    let newest = chosen.rev().max_by_key(|entry| entry.id.slot);
    newest.map(|entry| entry.id.clone())
}

/// The manifest from the first copy that gives it, and the copies from that one on.
async fn readable<'a, V: VaultPorts>(
    ranked: Vec<&'a Vault<V>>,
    point: &PointId,
    notes: &mut Vec<String>,
) -> Option<(Copies<'a, V>, Manifest)> {
    for (at, vault) in ranked.iter().enumerate() {
        match read_manifest(&vault.store, point).await {
            Ok(manifest) => return Some((Copies::new(ranked[at..].to_vec()), manifest)),
            Err(error) => notes.push(format!("vault {} could not be read: {error}", vault.location.place)),
        }
    }
    None
}
