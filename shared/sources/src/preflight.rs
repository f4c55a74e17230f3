//! Whether tonight's backups, copies and restores can work: from what was observed to findings, each with what to change.

mod named;
pub mod port;
pub mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_catalog::{Arn, Region};

use crate::key::{KeyFacts, KeyFault, KeyState};
use crate::managed::Lifecycle;
use crate::managed::port::{LockBounds, RegionSettings};
pub use named::keys_named;

/// Of a quota, this share in percent may be used before it is said.
const QUOTA_WARNING_PERCENT: u64 = 90;

/// So many of a stack's functions run at once, at most: ten for each of the three work queues (the mappings' MaximumConcurrency
/// in the template) and one for each of the four schedules.
pub const FUNCTIONS_AT_ONCE: u64 = 34;

/// Everything that a pre-flight looks at.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Every key that encrypts a vault or a resource under a plan.
    pub keys: Vec<ObservedKey>,
    /// Every place that copies go to.
    pub destinations: Vec<ObservedDestination>,
    /// AWS Backup's settings, by region; none where they could not be read.
    pub settings: BTreeMap<Region, Option<RegionSettings>>,
    /// The kinds that plans leave to AWS Backup, by region, as it names them; with whether they are to be copied.
    pub managed_kinds: BTreeMap<Region, BTreeMap<String, Copying>>,
    /// The roles that the stack works with.
    pub roles: Vec<ObservedRole>,
    /// How much of the services' quotas is used.
    pub quotas: Vec<ObservedQuota>,
    /// How many functions may run at once, where that could be seen.
    pub concurrency: Option<ObservedConcurrency>,
}

/// Whether a kind's points are to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copying {
    /// They stay where they are.
    Stays,
    /// They are copied to another vault.
    Copied,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedKey {
    /// What is known of it.
    pub facts: KeyFacts,
    /// What it encrypts, in words.
    pub used_for: String,
    /// Recovery points that cannot be read without it.
    pub protected_points: u64,
    /// Accounts that have to use it: those that copies go to of what is kept under it.
    pub needed_by: BTreeSet<String>,
}

/// A place that copies go to: a bucket or a vault of AWS Backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedDestination {
    /// The bucket's or vault's ARN.
    pub arn: Arn,
    /// How it stands.
    pub state: DestinationState,
    /// Which measures of hardening it lacks, each as what to switch on.
    pub missing_hardening: Vec<String>,
    /// Its Vault Lock, where it has one.
    pub lock: Option<LockBounds>,
    /// How long copies are to live there, where AWS Backup keeps them.
    pub lifecycle: Option<Lifecycle>,
}

/// How a destination stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationState {
    /// It is there and ours.
    Ready,
    /// It is not there; `replicate` makes it where it may.
    Missing,
    /// It may not be looked at.
    Denied,
    /// It belongs to an account that the policy does not name.
    Foreign,
}

/// A role, as SimulatePrincipalPolicy shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedRole {
    /// Which role.
    pub arn: Arn,
    /// What it may do.
    pub state: RoleState,
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleState {
    /// It is not there.
    Missing,
    /// Nobody knows: it could not be asked, for this reason.
    Unknown(String),
    /// Everything but these actions, each with its region where it is about one.
    Lacks(BTreeSet<String>),
}

/// A quota and what is used of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedQuota {
    /// As the service names it, with the place that it is about.
    pub name: String,
    /// What is used.
    pub used: u64,
    /// What may be used.
    pub limit: u64,
}

/// How many functions may run at once in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedConcurrency {
    /// Where.
    pub region: Region,
    /// What is reserved for no function, and so for all others together.
    pub free: u64,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Recovery points are about to become unreadable.
    Alarm,
    /// A backup, copy or restore will fail.
    Fails,
    /// It works now, and should be looked after.
    Warns,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub what: String,
    /// What to change.
    pub change: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.subject, self.what, self.change)
    }
}

fn finding(
    severity: Severity,
    subject: impl fmt::Display,
    what: impl Into<String>,
    change: impl Into<String>,
) -> Finding {
    Finding {
        severity,
        subject: subject.to_string(),
        what: what.into(),
        change: change.into(),
    }
}

/// Everything that is not as it should be, the worst first.
pub fn preflight(observed: &Observed) -> Vec<Finding> {
    let mut findings: Vec<Finding> = observed.keys.iter().flat_map(of_key).collect();
    findings.extend(observed.destinations.iter().flat_map(of_destination));
    for (region, kinds) in &observed.managed_kinds {
        let settings = observed.settings.get(region).and_then(Option::as_ref);
        findings.extend(of_settings(region, kinds, settings));
    }
    findings.extend(observed.roles.iter().filter_map(of_role));
    findings.extend(observed.quotas.iter().filter_map(of_quota));
    findings.extend(observed.concurrency.iter().filter_map(of_concurrency));
    findings.sort();
    findings.dedup();
    findings
}

fn of_key(key: &ObservedKey) -> Vec<Finding> {
    let arn = &key.facts.arn;
    let points = format!("encrypts {} and {} recovery points", key.used_for, key.protected_points);
    match key.facts.state {
        KeyState::Enabled => {}
        KeyState::PendingDeletion { at } => {
            let severity = if key.protected_points > 0 {
                Severity::Alarm
            } else {
                Severity::Fails
            };
            let what = format!("{points}, and is deleted at {at}: nothing of it can be read after that");
            let change = format!("aws kms cancel-key-deletion --key-id {arn}, then enable it");
            return vec![finding(severity, arn, what, change)];
        }
        KeyState::Disabled => {
            let change = format!("aws kms enable-key --key-id {arn}");
            return vec![finding(
                Severity::Fails,
                arn,
                format!("{points}, and is disabled"),
                change,
            )];
        }
        KeyState::Unavailable => {
            let change = "import its key material, or bring its key store back";
            return vec![finding(
                Severity::Fails,
                arn,
                format!("{points}, and has no key material"),
                change,
            )];
        }
        KeyState::Missing => {
            // It may be there and only not be seen: where no point needs it, whatever does says by itself that it is gone.
            let severity = match key.protected_points {
                0 => Severity::Warns,
                _ => Severity::Fails,
            };
            let change = "allow kms:DescribeKey on it if it exists; if it is gone, so is what it encrypts: use another key from now on";
            return vec![finding(
                severity,
                arn,
                format!("{points}, and is not there or may not be seen"),
                change,
            )];
        }
    }
    sharing(key)
}

/// Whether the accounts that copies go to can use a key.
fn sharing(key: &ObservedKey) -> Vec<Finding> {
    let arn = &key.facts.arn;
    let others = key.needed_by.iter().filter(|account| *account != arn.account());
    others
        .filter_map(
            |account| match (key.facts.is_aws_managed, key.facts.usable_by(account)) {
                (true, _) => Some(finding(
                    Severity::Fails,
                    arn,
                    format!(
                        "is AWS-managed, and account {account}, which copies of {} go to, can never use it",
                        key.used_for
                    ),
                    "encrypt the source with a customer key and share that with the account",
                )),
                (false, Err(KeyFault::NotShared { .. })) => Some(finding(
                    Severity::Fails,
                    arn,
                    format!(
                        "has a policy that does not name account {account}, which copies of {} go to",
                        key.used_for
                    ),
                    "allow that account kms:Decrypt, kms:DescribeKey and kms:CreateGrant in the key's policy",
                )),
                (false, _) => None,
            },
        )
        .collect()
}

fn of_destination(destination: &ObservedDestination) -> Vec<Finding> {
    let arn = &destination.arn;
    let mut findings = Vec::new();
    match destination.state {
        DestinationState::Ready => {}
        DestinationState::Missing => {
            let change =
                "run replicate, which makes it, or create it in the other account with the template in the documents";
            findings.push(finding(Severity::Fails, arn, "does not exist", change));
        }
        DestinationState::Denied => {
            let change = "allow this account to describe it and copy into it: the documents have the policy";
            findings.push(finding(Severity::Fails, arn, "may not be looked at", change));
        }
        DestinationState::Foreign => {
            let change =
                "name that account in the plan if it is meant; if not, choose another name, because this one is taken";
            findings.push(finding(
                Severity::Fails,
                arn,
                "belongs to an account that the policy does not name",
                change,
            ));
        }
    }
    let missing = destination.missing_hardening.iter();
    findings.extend(
        missing.map(|measure| finding(Severity::Warns, arn, "is not hardened", format!("switch on {measure}"))),
    );
    let broken = destination
        .lifecycle
        .and_then(|lifecycle| lifecycle.check(destination.lock).err());
    if let Some(fault) = broken {
        findings.push(finding(
            Severity::Fails,
            arn,
            format!("refuses copies with the plan's retention: {fault}"),
            "change the retention of the copies or the bounds of the lock",
        ));
    }
    findings
}

fn of_settings(region: &Region, kinds: &BTreeMap<String, Copying>, settings: Option<&RegionSettings>) -> Vec<Finding> {
    let subject = format!("AWS Backup in {region}");
    let Some(settings) = settings else {
        let change = "allow backup:DescribeRegionSettings";
        return vec![finding(
            Severity::Warns,
            subject,
            "its settings could not be read",
            change,
        )];
    };
    let mut findings = Vec::new();
    for (kind, copying) in kinds {
        if settings.opted_in.get(kind) != Some(&true) {
            let what = format!("is not opted in for {kind}, which plans leave to it");
            let change = format!(
                "aws backup update-region-settings --resource-type-opt-in-preference {kind}=true --region {region}"
            );
            findings.push(finding(Severity::Fails, &subject, what, change));
        }
        let is_full = settings.fully_managed.get(kind) == Some(&true);
        if kind == "DynamoDB" && *copying == Copying::Copied && !is_full {
            let what =
                "makes DynamoDB points without its advanced features, and plans want them copied, which cannot be";
            let change = format!(
                "aws backup update-region-settings --resource-type-management-preference DynamoDB=true --region {region}; points \
                 made from then on can be copied"
            );
            findings.push(finding(Severity::Fails, &subject, what, change));
        }
    }
    findings
}

fn of_role(role: &ObservedRole) -> Option<Finding> {
    let lacks = match &role.state {
        RoleState::Missing => {
            let change = "deploy the stack again, which makes it, or name another role";
            return Some(finding(Severity::Fails, &role.arn, "does not exist", change));
        }
        RoleState::Unknown(why) => {
            let what = format!("could not be asked what it may do: {why}");
            let change = "allow the role of verify iam:SimulatePrincipalPolicy on it, as the template does";
            return Some(finding(Severity::Warns, &role.arn, what, change));
        }
        RoleState::Lacks(lacks) => lacks,
    };
    let actions: Vec<&str> = lacks.iter().map(String::as_str).collect();
    (!actions.is_empty()).then(|| {
        let actions = actions.join(", ");
        let change = "deploy the template again, with every protected region in ProtectedRegions, and look for a deny in permissions \
                      boundaries and service control policies";
        let what = format!("may not {actions}, which the policy needs");
        finding(Severity::Fails, &role.arn, what, change)
    })
}

fn of_quota(quota: &ObservedQuota) -> Option<Finding> {
    let ObservedQuota { name, used, limit } = quota;
    let severity = if used >= limit {
        Severity::Fails
    } else if used.saturating_mul(100) >= limit.saturating_mul(QUOTA_WARNING_PERCENT) {
        Severity::Warns
    } else {
        return None;
    };
    let change = "ask for more in Service Quotas, or keep less";
    Some(finding(severity, name, format!("{used} of {limit} are used"), change))
}

fn of_concurrency(concurrency: &ObservedConcurrency) -> Option<Finding> {
    let ObservedConcurrency { region, free } = concurrency;
    (*free < FUNCTIONS_AT_ONCE).then(|| {
        let subject = format!("Lambda in {region}");
        let what = format!(
            "lets {free} functions run at once that have no reservation, and up to {FUNCTIONS_AT_ONCE} are ours alone while much is \
             copied or restored: they slow each other and yours down"
        );
        let change = "ask for more concurrent executions in Service Quotas";
        finding(Severity::Warns, subject, what, change)
    })
}

#[cfg(test)]
mod tests;
