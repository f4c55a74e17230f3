//! AWS Backup keeps a point where its resource is: the vaults in protected regions that are not the stack's own.

use holdfast_catalog::{ManagedVault, Outcome, OutcomeStatus, Region, Report};
use holdfast_lambda::{Failure, policy_in_force};
use holdfast_policy::{Document, Engine};
use holdfast_sources::managed::ensure_vault;
use holdfast_sources::managed::port::ReadBackupVaults as _;
use holdfast_vault::PortError;

use crate::managed::vault_like;
use crate::{HomePorts, MakerPorts, Regions};

/// Makes the vaults that plans with engine `aws-backup` need. The stack's own is the stack's to make.
pub struct ProtectedRegions<H, M, B> {
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
    /// Where the policy lies.
    pub policy_key: String,
    /// The tag that selects resources.
    pub tag_key: String,
}

impl<H: HomePorts, M: MakerPorts, B: Regions> ProtectedRegions<H, M, B> {
    /// Makes what is missing. What was made and what could not be is in the report: trouble in one region stops no other.
    ///
    /// # Errors
    /// The home vault cannot be read.
    pub async fn run(&self) -> Result<Report, Failure> {
        let policy = policy_in_force(&self.home, &self.policy_key, &self.tag_key).await?;
        let mut outcomes = Vec::new();
        for region in self.needing_vaults(&policy.document) {
            let subject = format!("backup-vault/{region}/{}", self.managed.backup_vault);
            match self.ensure(region).await {
                Ok(false) => {}
                Ok(true) => outcomes.push(Outcome::new(subject, OutcomeStatus::Done, "made")),
                Err(error) => {
                    let message =
                        format!("AWS Backup can make no points in {region}: {error}; the next tick tries again");
                    outcomes.push(Outcome::new(subject, OutcomeStatus::Failed, message));
                }
            }
        }
        Ok(Report::of("replicate", outcomes))
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

    /// Makes the vault of a region, or locks the one that is there as firmly as the one at home; whether it was made.
    async fn ensure(&self, region: &Region) -> Result<bool, PortError> {
        let name = &self.managed.backup_vault;
        let at_home = self.regions.backups(&self.region).backup_vault(name).await?;
        let there = self.regions.backups(region);
        let (key_arn, made) = match there.backup_vault(name).await {
            // Whoever made it chose its key, and a vault's key cannot be changed.
            Ok(vault) => match vault.key_arn {
                Some(key_arn) => (key_arn, false),
                None => return Ok(false),
            },
            Err(PortError::NotFound(_)) => (self.maker.ensure_key(&self.home_key_arn, region).await?, true),
            Err(error) => return Err(error),
        };
        ensure_vault(&there, &vault_like(&at_home, name, key_arn)).await?;
        Ok(made)
    }
}
