//! AWS Backup keeps a point where its resource is: the stack's own vault, locked as the policy says, and those in protected regions.

use holdfast_catalog::{LockMode, ManagedVault, Outcome, OutcomeStatus, Region, Report};
use holdfast_lambda::{Failure, policy_in_force};
use holdfast_policy::{Document, Engine, VaultLocking};
use holdfast_sources::managed::port::{LockBounds, ReadBackupVaults as _};
use holdfast_sources::managed::{ReadyVault, VaultSpec, WantedLock, ensure_vault, lock_vault};
use holdfast_vault::PortError;
use holdfast_vault::port::Clock;
use jiff::Timestamp;

use crate::managed::{CHANGEABLE_FOR_DAYS, lock_like};
use crate::{HomePorts, MakerPorts, Regions};

/// Makes the vaults that plans with engine `aws-backup` need, and locks them. The stack's own is the stack's to make.
pub struct BackupVaults<H, M, B> {
    /// The home vault.
    pub home: H,
    /// The stack's region.
    pub region: Region,
    /// The home vault's key: a multi-Region key, which gets a replica in each region that needs a vault.
    pub home_key_arn: String,
    /// Who makes keys.
    pub maker: M,
    /// The account.
    pub regions: B,
    /// Where AWS Backup keeps points and what it works with.
    pub managed: ManagedVault,
    /// The strongest lock that the stack lets a plan ask for.
    pub strongest_lock: Option<LockMode>,
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<H: HomePorts, M: MakerPorts, B: Regions> BackupVaults<H, M, B> {
    /// Makes what is missing and locks what is to be locked. What was done and what could not be is in the report: trouble in one
    /// region stops no other.
    ///
    /// # Errors
    /// The home vault cannot be read.
    pub async fn run<C: Clock>(&self, clock: &C) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
        let document = &policy.document;
        let mut outcomes = Vec::new();
        // The others are locked like this one, so it comes first.
        let home = match wanted_lock(document, self.strongest_lock) {
            Some(wanted) => Some((&self.region, self.lock_home(wanted).await)),
            None => None,
        };
        let mut looked_at: Vec<_> = home.into_iter().collect();
        for region in self.needing_vaults(document) {
            looked_at.push((region, self.ensure(region).await));
        }
        for (region, looked) in looked_at {
            let subject = format!("backup-vault/{region}/{}", self.managed.backup_vault);
            let told = match looked {
                Ok(looked) => looked.and_then(|made| self.words_on(region, &made, clock.now())),
                Err(error) => {
                    let lacks = match *region == self.region {
                        true => "the vault is not locked as the policy says".to_owned(),
                        false => format!("AWS Backup can make no points in {region}"),
                    };
                    let message = format!("{lacks}: {error}; the next tick tries again");
                    Some((OutcomeStatus::Failed, message))
                }
            };
            outcomes.extend(told.map(|(status, message)| Outcome::new(subject, status, message)));
        }
        Ok(Report::of("replicate", outcomes))
    }

    async fn lock_home(&self, wanted: WantedLock) -> Result<Option<Made>, PortError> {
        let name = &self.managed.backup_vault;
        let backups = self.regions.backups(&self.region);
        let vault = backups.backup_vault(name).await?;
        let ready = lock_vault(&backups, name, vault, Some(wanted)).await?;
        Ok(Some(Made { ready, is_new: false }))
    }

    /// A vault and a key cost nothing much, and which resources a plan selects changes with every tag: every protected region of
    /// a policy with such a plan gets them.
    fn needing_vaults<'a>(&'a self, document: &'a Document) -> Vec<&'a Region> {
        let is_managed = |engine: Engine| matches!(engine, Engine::AwsBackup(_));
        if !document.plans.iter().any(|plan| is_managed(plan.engine)) {
            return Vec::new();
        }
        let regions = document.regions(&self.region).into_iter();
        regions.filter(|region| **region != self.region).collect()
    }

    /// Makes the vault of a region, or locks the one that is there as firmly as the one at home.
    async fn ensure(&self, region: &Region) -> Result<Option<Made>, PortError> {
        let name = &self.managed.backup_vault;
        let at_home = self.regions.backups(&self.region).backup_vault(name).await?;
        let there = self.regions.backups(region);
        let (key_arn, is_new) = match there.backup_vault(name).await {
            // Whoever made it chose its key, and a vault's key cannot be changed.
            Ok(vault) => match vault.key_arn {
                Some(key_arn) => (key_arn, false),
                None => return Ok(None),
            },
            Err(PortError::NotFound(_)) => (self.maker.ensure_key(&self.home_key_arn, region).await?, true),
            Err(error) => return Err(error),
        };
        let spec = VaultSpec {
            name: name.clone(),
            key_arn,
            lock: lock_like(&at_home, self.strongest_lock),
        };
        let ready = ensure_vault(&there, &spec).await?;
        Ok(Some(Made { ready, is_new }))
    }

    /// What a person is to know of a vault: what was done, what is in the way, and until when a lock can be taken back.
    fn words_on(&self, region: &Region, made: &Made, now: Timestamp) -> Option<(OutcomeStatus, String)> {
        let ready = &made.ready;
        if let Some(shortfall) = &ready.lock_shortfall {
            return Some((OutcomeStatus::Partial, shortfall.clone()));
        }
        let name = &self.managed.backup_vault;
        let lock = ready.vault.lock.unwrap_or_default();
        let ends = lock.immutable_from.filter(|from| *from > now);
        let locked = match ends {
            _ if ready.vault.lock.is_none() => None,
            Some(from) => Some(format!(
                "{}; from {from} on nobody can take the lock off, until then this does: aws backup \
                 delete-backup-vault-lock-configuration --backup-vault-name {name} --region {region}",
                in_words(lock)
            )),
            None => ready.is_locked_anew.then(|| in_words(lock)),
        };
        let made = made.is_new.then(|| "made".to_owned());
        let told: Vec<String> = made.into_iter().chain(locked).collect();
        (!told.is_empty()).then(|| (OutcomeStatus::Done, told.join("; ")))
    }
}

/// A vault that was looked at.
struct Made {
    ready: ReadyVault,
    is_new: bool,
}

/// The lock that the policy asks for, as far as the stack lets it. What is in the way of one is told at each point that misses it.
fn wanted_lock(document: &Document, strongest: Option<LockMode>) -> Option<WantedLock> {
    let VaultLocking {
        mode,
        min_days,
        max_days,
    } = document.vault_locking().ok().flatten()?;
    let is_for_good = mode.min(strongest?) == LockMode::Compliance;
    Some(WantedLock {
        min_days: Some(min_days),
        max_days,
        changeable_for_days: is_for_good.then_some(CHANGEABLE_FOR_DAYS),
    })
}

fn in_words(lock: LockBounds) -> String {
    let mode = match lock.immutable_from {
        Some(_) => LockMode::Compliance,
        None => LockMode::Governance,
    };
    let least = lock.min_days.map(|days| format!(" at least {days} days"));
    let most = lock.max_days.map(|days| format!(" at most {days} days"));
    let bounds: Vec<String> = least.into_iter().chain(most).collect();
    match bounds.is_empty() {
        true => format!("locked in {mode} mode"),
        false => format!("locked in {mode} mode, for what is kept{}", bounds.join(" and")),
    }
}
