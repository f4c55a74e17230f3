//! `prune` removes what retention no longer wants, in two phases, and sweeps what nothing refers to.
//!
//! It is the only function that can remove what is stored. First a tombstone, which can be undone; after the grace period,
//! and only while another good point of the resource is left, the manifest, then the recipes; then packs and blobs that
//! nothing refers to. RETENTION.md argues why that is safe beside running snapshots. A person can call a point back, give
//! one up, and lay and lift legal holds.

mod audit;
mod continuous;
mod decide;
mod event;
mod hold;
mod limits;
mod managed;
mod metrics;
mod remove;
mod sweep;
mod tombstone;
mod undelete;

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use holdfast_catalog::{ManagedVault, Outcome, OutcomeStatus, PointId, Region, Report, Tombstone, layout};
use holdfast_lambda::{Failure, Handler, InvocationClock, PolicyInForce, policy_in_force};
use holdfast_sources::managed::continuous::port::{EndBackupPlans, ReadBackupPlans};
use holdfast_sources::managed::port::{
    ChangeLifecycles, DeleteRecoveryPoints, ReadBackupVaults, ReadCopies, ReadLegalHolds, ReadRecoveryPoints,
};
use holdfast_vault::port::{Clock, DeleteObjects, ListObjects, ReadObjects, WriteObjects};
use holdfast_vault::signal::PublishEvents;
use holdfast_vault::sweep::{MAX_RUN, Margins};
use holdfast_vault::{Catalogue, Holds, PortError, keys, ports, read_tombstone};
use jiff::Timestamp;
use serde_json::Value;

use metrics::Metrics;
use tombstone::describe;

pub use audit::{HOLD_LAID, HOLD_LIFTED, REMOVED, SWEPT, TOMBSTONED, UNDELETED};
pub use decide::{Observed, Plan, Side, decide};
pub use event::{EXAMPLE, Mode, NewHold, Request};
pub use limits::{Limiting, OVERRIDE, SMALL_VAULT};

ports! {
    /// What prune asks of a vault: everything, and it alone may ask for `DeleteObjects`.
    pub trait VaultPorts: ReadObjects, ListObjects, WriteObjects, DeleteObjects
}

ports! {
    /// How prune tells of what it does.
    pub trait SignalPorts: PublishEvents
}

ports! {
    /// What prune asks of AWS Backup: it looks, changes lifecycles and removes.
    pub trait BackupPorts:
        ReadRecoveryPoints, ChangeLifecycles, DeleteRecoveryPoints, ReadBackupVaults, ReadLegalHolds, ReadCopies, ReadBackupPlans, EndBackupPlans
}

/// The account, region by region.
pub trait Regions: Send + Sync {
    /// AWS Backup.
    type Backups: BackupPorts;

    /// AWS Backup in a region.
    fn backups(&self, region: &Region) -> Self::Backups;
}

/// A vault and where it is.
pub struct Vault<V> {
    /// The vault.
    pub store: V,
    /// Its bucket.
    pub bucket: String,
    /// The bucket's region.
    pub region: Region,
}

/// What a pruning works with.
pub struct Prune<V, R, Q> {
    /// The stack's vault.
    pub home: Vault<V>,
    /// The replica vaults, the stack's own first.
    pub replicas: Vec<Vault<V>>,
    /// The account.
    pub regions: R,
    /// Its 12 digits.
    pub account: String,
    /// Where AWS Backup keeps points, if the stack has it.
    pub managed: Option<ManagedVault>,
    /// The bus.
    pub signals: Q,
    /// How long removed points stay undoable.
    pub margins: Margins,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Handler for Prune<V, R, Q> {
    const NAME: &'static str = "prune";

    async fn tick(&self, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run(Mode::Execute, clock).await
    }

    async fn request(&self, event: Value, clock: &InvocationClock) -> Result<Report, Failure> {
        self.run_request(Request::parse(event)?, clock).await
    }
}

/// One of the vaults, and what its outcomes' subjects begin with.
struct Place<'a, V> {
    side: Side,
    vault: &'a Vault<V>,
    prefix: String,
}

/// A vault and what was found in it.
struct Seen<'a, V> {
    place: Place<'a, V>,
    observed: Observed,
}

/// The vaults as they were found.
struct Vaults<'a, V> {
    seen: Vec<Seen<'a, V>>,
    /// What could not be looked at, and what is wrong with the rest.
    outcomes: Vec<Outcome>,
    /// Whether all that there are could be looked at.
    is_whole: bool,
}

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    /// Prunes the vault and its replicas. Trouble with one of them stops nothing in the others.
    ///
    /// # Errors
    /// The policy cannot be read.
    pub async fn run<C: Clock>(&self, mode: Mode, clock: &C) -> Result<Report, Failure> {
        self.prune(mode, Limiting::Enforced, clock).await
    }

    /// Does what a person asks for.
    ///
    /// # Errors
    /// The policy cannot be read, where it is needed. What concerns a vault is in the report.
    pub async fn run_request<C: Clock>(&self, request: Request, clock: &C) -> Result<Report, Failure> {
        let (mode, outcomes) = match request {
            Request::Prune(mode, limiting) => return self.prune(mode, limiting, clock).await,
            Request::Remove(point, mode) => {
                let policy = self.policy().await?;
                (mode, self.remove(&point, mode, &policy, clock).await)
            }
            Request::Undelete(point, mode) => (mode, self.undelete(&point, mode, clock).await),
            Request::Hold(hold, mode) => (mode, self.lay_hold(hold, mode, clock).await),
            Request::LiftHold(name, mode) => (mode, self.lift_hold(&name, mode, clock).await),
            Request::Holds => (Mode::Execute, self.list_holds(clock).await),
        };
        let mut report = Report::of(Self::NAME, outcomes);
        report.dry_run = mode == Mode::DryRun;
        Ok(report)
    }

    async fn prune<C: Clock>(&self, mode: Mode, limiting: Limiting, clock: &C) -> Result<Report, Failure> {
        let policy = self.policy().await?;
        let now = clock.now();
        let Vaults {
            mut seen, mut outcomes, ..
        } = self.observe(now).await;
        let limits = match limiting {
            Limiting::Enforced => Some(&policy.document.limits),
            Limiting::Overridden => None,
        };
        let mut metrics = Metrics::default();
        let mut plans = Vec::new();
        // Decisions are quick and come first: a long sweep of one vault keeps no point of the other from its tombstone.
        for seen in &mut seen {
            let mut plan = decide(&seen.observed, &policy.document, &self.margins, now);
            match locks_of(seen.store(), &plan.tombstone).await {
                Ok(locks) if locks.is_empty() => {}
                Ok(locks) => {
                    if let Some(last) = locks.values().max() {
                        let count = locks.len();
                        let message = format!(
                            "{count} points that no rule keeps stay: they are locked, the last of them until {last}"
                        );
                        outcomes.push(seen.outcome("locks", OutcomeStatus::Unchanged, message));
                    }
                    // A locked point takes no other's place, so that what goes now was among what was looked at.
                    seen.observed.locked_until = locks;
                    plan = decide(&seen.observed, &policy.document, &self.margins, now);
                }
                Err(error) => {
                    let message = format!("no point was tombstoned: it could not be seen what is locked: {error}");
                    outcomes.push(seen.outcome("locks", OutcomeStatus::Failed, message));
                    plan.tombstone.clear();
                }
            }
            let seen = &*seen;
            metrics.note_holds(seen);
            match mode {
                Mode::DryRun => outcomes.extend(describe(seen, &plan, limits)),
                Mode::Execute => {
                    outcomes.extend(self.decide_on(seen, &plan, limits, now, &mut metrics).await);
                    outcomes.extend(self.settle_managed(seen, &mut plan, &policy.document, clock).await);
                }
            }
            plans.push(plan);
        }
        if mode == Mode::Execute {
            outcomes.extend(self.end_continuous(&policy, &seen).await);
        }
        let mut vaults_left = seen.len();
        for (seen, plan) in seen.iter().zip(&plans) {
            outcomes.extend(self.sweep(seen, plan, mode, vaults_left, clock, &mut metrics).await);
            vaults_left -= 1;
        }
        let mut report = Report::of(Self::NAME, outcomes);
        report.dry_run = mode == Mode::DryRun;
        report.notes = policy.notes();
        if mode == Mode::Execute {
            report.metrics = metrics.named();
        }
        Ok(report)
    }
}

impl<V: VaultPorts, R: Regions, Q: SignalPorts> Prune<V, R, Q> {
    async fn policy(&self) -> Result<PolicyInForce, Failure> {
        Ok(policy_in_force(&self.home.store, &self.policy_key, &self.tag_key).await?)
    }

    /// The vaults, the home first.
    fn places(&self) -> Vec<Place<'_, V>> {
        let home = Place {
            side: Side::Home,
            vault: &self.home,
            prefix: String::new(),
        };
        let replicas = self.replicas.iter().map(|vault| Place {
            side: Side::Replica,
            vault,
            prefix: format!("{}: ", vault.region),
        });
        std::iter::once(home).chain(replicas).collect()
    }

    /// Looks at the vaults. What keeps one from being looked at is an outcome; a replica that is not made yet is nothing.
    async fn observe(&self, now: Timestamp) -> Vaults<'_, V> {
        let mut seen = Vec::new();
        let mut outcomes = Vec::new();
        let replicas: Vec<Region> = self.replicas.iter().map(|vault| vault.region.clone()).collect();
        for place in self.places() {
            match observe(place.side, place.vault, now).await {
                Ok(mut observed) => {
                    observed.replicas = replicas.clone();
                    seen.push(Seen { place, observed });
                }
                Err(error) if place.is_unmade(&error) => {}
                Err(error) => {
                    let message = format!("nothing was done: the vault cannot be listed: {error}");
                    outcomes.push(place.outcome("vault", OutcomeStatus::Failed, message));
                }
            }
        }
        let is_whole = outcomes.is_empty();
        outcomes.extend(seen.iter().flat_map(Seen::unreadable_holds));
        let known: Vec<Holds> = seen.iter().map(|seen| seen.observed.holds.clone()).collect();
        for seen in &mut seen {
            let own = std::mem::take(&mut seen.observed.holds);
            seen.observed.holds = known.iter().fold(own, Holds::joined);
        }
        Vaults {
            seen,
            outcomes,
            is_whole,
        }
    }
}

impl<V> Place<'_, V> {
    fn outcome(&self, subject: impl std::fmt::Display, status: OutcomeStatus, message: impl Into<String>) -> Outcome {
        Outcome::new(format!("{}{subject}", self.prefix), status, message)
    }

    /// Whether an error means that the replica's bucket is yet to be made.
    fn is_unmade(&self, error: &PortError) -> bool {
        self.side == Side::Replica && matches!(error, PortError::NotFound(_))
    }
}

impl<V> Seen<'_, V> {
    fn outcome(&self, subject: impl std::fmt::Display, status: OutcomeStatus, message: impl Into<String>) -> Outcome {
        self.place.outcome(subject, status, message)
    }

    fn store(&self) -> &V {
        &self.place.vault.store
    }

    fn unreadable_holds(&self) -> Vec<Outcome> {
        let unreadable = self.observed.holds.unreadable().map(|(key, why)| {
            let message = format!(
                "everything in this vault is held, because a hold cannot be read: {why}; bring the object's last good version back"
            );
            self.outcome(key, OutcomeStatus::Failed, message)
        });
        unreadable.collect()
    }
}

async fn observe<V: VaultPorts>(side: Side, vault: &Vault<V>, now: Timestamp) -> Result<Observed, PortError> {
    let store = &vault.store;
    let catalogue = Catalogue::read(store).await?;
    Ok(Observed {
        side,
        region: vault.region.clone(),
        replicas: Vec::new(),
        failed_attempts: failed_attempts(store, &catalogue, now).await?,
        catalogue,
        tombstones: read_tombstones(store).await?,
        locked_until: BTreeMap::new(),
        holds: Holds::read(store).await?,
    })
}

/// Points are looked at so many at a time.
const PARALLEL_LOOKS: usize = 16;

/// Until when the store refuses to remove points that no rule keeps any more. The manifest tells for the whole point.
async fn locks_of<V: VaultPorts>(
    vault: &V,
    points: &[(PointId, String)],
) -> Result<BTreeMap<PointId, Timestamp>, PortError> {
    let points: Vec<PointId> = points.iter().map(|(point, _)| point.clone()).collect();
    let looks = stream::iter(points).map(|point| async move {
        match vault.head(&layout::manifest(&point)).await {
            Ok(info) => Ok(info.locked_until.map(|until| (point, until))),
            Err(PortError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    });
    let locks: Vec<Option<(PointId, Timestamp)>> = looks.buffer_unordered(PARALLEL_LOOKS).try_collect().await?;
    Ok(locks.into_iter().flatten().collect())
}

/// Runs that left something behind, made no point, and have been quiet for longer than a run may take.
async fn failed_attempts<V: VaultPorts>(
    vault: &V,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Result<Vec<PointId>, PortError> {
    let mut active_at: BTreeMap<PointId, Timestamp> = BTreeMap::new();
    for info in keys(vault, layout::RUNS).await? {
        if let Ok(point) = layout::point_of_run(&info.key) {
            let newest = active_at.entry(point).or_insert(info.modified_at);
            *newest = info.modified_at.max(*newest);
        }
    }
    let is_failed = |(point, active_at): &(PointId, Timestamp)| {
        now.duration_since(*active_at) > MAX_RUN && catalogue.get(point).is_none()
    };
    Ok(active_at
        .into_iter()
        .filter(is_failed)
        .map(|(point, _)| point)
        .collect())
}

async fn read_tombstones<V: VaultPorts>(vault: &V) -> Result<Vec<Tombstone>, PortError> {
    let mut tombstones = Vec::new();
    for info in keys(vault, layout::TOMBSTONES).await? {
        if let Ok(point) = layout::point_of_tombstone(&info.key) {
            tombstones.push(read_tombstone(vault, &point).await?);
        }
    }
    Ok(tombstones)
}
