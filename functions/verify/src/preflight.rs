//! Whether tonight's copies and restores can work: looked at once a day, after each deployment, and when a person asks.

mod keys;
mod quotas;
mod roles;
mod settings;

use std::collections::BTreeSet;

use bytes::Bytes;
use holdfast_catalog::{Arn, Outcome, OutcomeStatus, Region, Report, layout};
use holdfast_lambda::{PolicyInForce, Replica};
use holdfast_policy::{Engine, Resource};
use holdfast_sources::preflight::port::{ReadConcurrency, ReadKeys, ReadReplicas, SimulateRoles};
use holdfast_sources::preflight::{
    DestinationState, Finding, Observed, ObservedDestination, ObservedKey, Severity, preflight,
};
use holdfast_vault::port::Clock;
use holdfast_vault::{Catalogue, PointEntry, PortError, ports};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::{InventoryPorts, Regions, TablePorts, VaultPorts, Verify};

ports! {
    /// What a pre-flight asks of the account: it looks.
    pub trait PreflightPorts: ReadConcurrency, ReadKeys, ReadReplicas, SimulateRoles
}

/// A replica whose bucket is not there is none to speak of while no point has waited this long for it: `replicate` makes it.
const MADE_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// What a pre-flight looks at, and with what.
pub struct Preflight<P> {
    /// The account.
    pub ports: P,
    /// The vault's key; none where the vault is not encrypted by a key of ours.
    pub key: Option<Arn>,
    /// The stack's name.
    pub stack: String,
    /// The vault's bucket.
    pub bucket: String,
    /// The roles that the stack's functions run as; none where the vault is a directory.
    pub roles: Vec<Arn>,
    /// The replicas.
    pub replicas: Vec<Replica>,
    /// What is told apart by it: one deployment and the next.
    pub deployment: String,
}

impl<V: VaultPorts, I: InventoryPorts, T: TablePorts, R: Regions, P: PreflightPorts> Verify<V, I, T, R, P> {
    /// Makes the day's pre-flight, or that of a new deployment, unless it was made.
    pub(crate) async fn daily_preflight<C: Clock>(
        &self,
        policy: &PolicyInForce,
        catalogue: &Catalogue,
        clock: &C,
    ) -> Option<Report> {
        let day = clock.now().to_zoned(TimeZone::UTC).date();
        let mark = layout::preflight_mark(day, &self.preflight.deployment);
        match self.home.head(&mark).await {
            Ok(_) => return None,
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Some(report_of(vec![unseen("mark", &error)], &[])),
        }
        let mut report = self.run_preflight(policy, catalogue, clock.now()).await;
        // Only when everything was seen: what was not is looked at by the next tick.
        if !report
            .outcomes
            .iter()
            .any(|outcome| outcome.details.contains_key(UNSEEN))
            && let Err(error) = self.home.create(&mark, Bytes::from_static(b"{}")).await
        {
            report.outcomes.push(unseen("mark", &error));
        }
        Some(report)
    }

    /// Looks at everything and says what is not as it should be, each with what to change.
    pub(crate) async fn run_preflight(&self, policy: &PolicyInForce, catalogue: &Catalogue, now: Timestamp) -> Report {
        let mut unseen_outcomes = Vec::new();
        let mut observed = Observed::default();
        if let Some(home) = &self.preflight.key {
            self.look_at_vaults(home, catalogue, now, &mut observed, &mut unseen_outcomes)
                .await;
        }
        let (resources, unlisted) = self.inventory(policy).await;
        unseen_outcomes.extend(unlisted.into_iter().map(|(subject, why)| {
            Outcome::new(format!("preflight: {subject}"), OutcomeStatus::Failed, why).with(UNSEEN, true)
        }));
        self.look_at_resource_keys(policy, &resources, catalogue, now, &mut observed, &mut unseen_outcomes)
            .await;
        self.look_at_settings(policy, &resources, &mut observed, &mut unseen_outcomes)
            .await;
        self.look_at_roles(policy, &resources, &mut observed, &mut unseen_outcomes)
            .await;
        self.look_at_quotas(policy, &resources, &mut observed, &mut unseen_outcomes)
            .await;
        report_of(unseen_outcomes, &preflight(&observed))
    }

    /// Looks at the vault's key, and at each replica with its key.
    async fn look_at_vaults(
        &self,
        home: &Arn,
        catalogue: &Catalogue,
        now: Timestamp,
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        let points: Vec<&PointEntry> = catalogue.points.iter().filter(|entry| !entry.is_tombstoned).collect();
        let all = points.len() as u64;
        self.look_at_key(home, "the vault", all, BTreeSet::new(), observed, unseen_outcomes)
            .await;
        let own = self.own_replica();
        for replica in &self.preflight.replicas {
            let Replica { region, bucket, .. } = replica;
            let Some(key) = replica.key_arn.clone().or_else(|| in_region(home, region)) else {
                continue;
            };
            let copied = points
                .iter()
                .filter(|entry| entry.copied_to(region, own).is_some())
                .count() as u64;
            let look = match self.preflight.ports.look_at_replica(bucket, region, &key).await {
                Ok(look) => look,
                Err(error) => {
                    unseen_outcomes.push(unseen(bucket, &error));
                    continue;
                }
            };
            let has_waited = points
                .iter()
                .any(|entry| now.duration_since(entry.committed_at) > MADE_WITHIN);
            if look.state == DestinationState::Missing && !has_waited {
                continue;
            }
            self.look_at_key(
                &key,
                &format!("vault {bucket}"),
                copied,
                BTreeSet::new(),
                observed,
                unseen_outcomes,
            )
            .await;
            if let Ok(arn) = format!("arn:{}:s3:::{bucket}", home.partition()).parse() {
                observed.destinations.push(ObservedDestination {
                    arn,
                    state: look.state,
                    missing_hardening: look.missing_hardening,
                    lock: None,
                    lifecycle: None,
                });
            }
        }
    }

    async fn look_at_key(
        &self,
        key: &Arn,
        used_for: &str,
        protected_points: u64,
        needed_by: BTreeSet<String>,
        observed: &mut Observed,
        unseen_outcomes: &mut Vec<Outcome>,
    ) {
        match self.preflight.ports.describe_key(key).await {
            Ok(facts) => observed.keys.push(ObservedKey {
                facts,
                used_for: used_for.to_owned(),
                protected_points,
                needed_by,
            }),
            Err(error) => unseen_outcomes.push(unseen(key, &error)),
        }
    }
}

/// Where plans leave something to AWS Backup.
fn managed_regions(policy: &PolicyInForce, resources: &[Resource]) -> BTreeSet<Region> {
    let is_managed = |resource: &&Resource| {
        let plans = policy.document.plans_for(resource);
        plans
            .iter()
            .any(|selected| matches!(selected.plan.engine, Engine::AwsBackup(_)))
    };
    resources
        .iter()
        .filter(is_managed)
        .map(|resource| resource.id.region.clone())
        .collect()
}

/// The detail of an outcome that says that something could not be looked at.
const UNSEEN: &str = "unseen";

fn unseen(what: impl std::fmt::Display, error: &PortError) -> Outcome {
    let message = format!("could not be looked at: {error}");
    Outcome::new(format!("preflight: {what}"), OutcomeStatus::Failed, message).with(UNSEEN, true)
}

fn report_of(mut outcomes: Vec<Outcome>, findings: &[Finding]) -> Report {
    outcomes.extend(findings.iter().map(|finding| {
        let status = match finding.severity {
            Severity::Alarm | Severity::Fails => OutcomeStatus::Failed,
            Severity::Warns => OutcomeStatus::Partial,
        };
        let message = format!("{}; {}", finding.what, finding.change);
        Outcome::new(format!("preflight: {}", finding.subject), status, message)
    }));
    let at_risk = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Alarm)
        .count();
    let mut report = Report::of("verify", outcomes);
    for (name, count) in [("KeysAtRisk", at_risk), ("PreflightFindings", findings.len())] {
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        report.metrics.insert(name.to_owned(), count);
    }
    report
}

/// The same multi-Region key in another region.
fn in_region(key: &Arn, region: &Region) -> Option<Arn> {
    let (partition, service, account) = (key.partition(), key.service(), key.account());
    format!("arn:{partition}:{service}:{region}:{account}:{}", key.resource())
        .parse()
        .ok()
}
