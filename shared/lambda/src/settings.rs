use std::collections::BTreeSet;

use holdfast_catalog::{Arn, LockMode, ManagedVault, Region, Sha256};

use crate::Failure;

/// What the stack tells a function through its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The stack's name, the metrics' dimension.
    pub stack: String,
    /// The account's 12 digits.
    pub account: String,
    /// The region that the function runs in.
    pub region: Region,
    /// The vault's bucket, in the function's region; empty when the vault is a directory.
    pub vault_bucket: String,
    /// The directory that stands for the vault when a person runs the function by hand.
    pub vault_directory: Option<String>,
    /// The vault's key.
    pub vault_key_arn: Option<String>,
    /// The replica vault, if there is one.
    pub replica: Option<Replica>,
    /// Further replica vaults, for plans that name their regions.
    pub more_replicas: Vec<Replica>,
    /// The tag that selects resources.
    pub tag_key: String,
    /// Where in the vault the policy document lies.
    pub policy_key: String,
    /// The strongest lock that a plan may put on stored objects; `None` when there are to be none.
    pub lock: Option<LockMode>,
    /// How long a tombstoned point's data stays, in days; at least 1.
    pub grace_days: u32,
    /// Where AWS Backup keeps points and what it works with, if the stack has it.
    pub managed: Option<ManagedVault>,
    /// Whether IAM roles are protected.
    pub protect_roles: bool,
    /// The roles that the stack's functions run as, where the function is to look after them.
    pub role_arns: Vec<Arn>,
    /// The function's work queue, if it has one.
    pub work_queue_url: Option<String>,
}

/// The replica vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its region.
    pub region: Region,
    /// Its bucket.
    pub bucket: String,
    /// The account that the bucket belongs to; the stack's own but for the one in another account.
    pub account: String,
    /// Its key, where that is another account's; in the stack's own it is the vault's, in the replica's region.
    pub key_arn: Option<Arn>,
    /// The vault of AWS Backup beside it, where that is another account's and has one.
    pub backup_vault: Option<Arn>,
}

impl Settings {
    /// What tells one deployment from the next: 16 hex digits that change with the version and with every setting.
    pub fn deployment(&self) -> String {
        let text = format!("{} {self:?}", env!("CARGO_PKG_VERSION"));
        Sha256::of(text.as_bytes()).to_string()[..16].to_owned()
    }

    /// All replica vaults, the stack's own first.
    pub fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.replica.iter().chain(&self.more_replicas)
    }

    /// The buckets in which points are kept: they are not protected themselves.
    pub fn own_buckets(&self) -> BTreeSet<String> {
        let replicas = self.replicas().map(|replica| replica.bucket.clone());
        replicas.chain([self.vault_bucket.clone()]).collect()
    }

    /// The settings of this process.
    ///
    /// # Errors
    /// `InvalidSettings` names the variable and what it should be.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_env() -> Result<Self, Failure> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let optional = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let required = |name: &str| {
            optional(name).ok_or_else(|| {
                Failure::InvalidSettings(format!(
                    "environment variable {name} is not set: deploy with the template"
                ))
            })
        };
        let region = |text: String| {
            text.parse::<Region>()
                .map_err(|error| Failure::InvalidSettings(error.to_string()))
        };
        let vault_directory = optional("HOLDFAST_VAULT_DIRECTORY");
        let vault_bucket = match &vault_directory {
            None => required("HOLDFAST_VAULT_BUCKET")?,
            Some(_) => String::new(),
        };
        let replica = match (optional("HOLDFAST_REPLICA_REGION"), optional("HOLDFAST_REPLICA_BUCKET")) {
            (Some(name), Some(bucket)) if vault_directory.is_none() => Some(Replica {
                region: region(name)?,
                bucket,
                account: required("HOLDFAST_ACCOUNT")?,
                key_arn: None,
                backup_vault: None,
            }),
            _ => None,
        };
        let managed = match (optional("HOLDFAST_BACKUP_VAULT"), optional("HOLDFAST_BACKUP_ROLE_ARN")) {
            (Some(backup_vault), Some(role)) => Some(ManagedVault {
                backup_vault,
                role_arn: arn(&role)?,
            }),
            _ => None,
        };
        let account = required("HOLDFAST_ACCOUNT")?;
        let home = region(required("AWS_REGION")?)?;
        let more = optional("HOLDFAST_MORE_REPLICA_REGIONS").filter(|_| vault_directory.is_none());
        let other = match vault_directory {
            None => other_account(optional)?,
            Some(_) => None,
        };
        let more_replicas = more_replicas(more.as_deref(), other, &account, &home, replica.as_ref())?;
        Ok(Settings {
            stack: optional("HOLDFAST_STACK").unwrap_or_else(|| "holdfast".to_owned()),
            account,
            region: home,
            vault_bucket,
            vault_directory,
            vault_key_arn: optional("HOLDFAST_VAULT_KEY_ARN"),
            replica,
            more_replicas,
            tag_key: optional("HOLDFAST_TAG_KEY").unwrap_or_else(|| "backup".to_owned()),
            policy_key: optional("HOLDFAST_POLICY_KEY").unwrap_or_else(|| holdfast_catalog::layout::POLICY.to_owned()),
            lock: lock(optional("HOLDFAST_LOCK_MODE").as_deref())?,
            grace_days: grace_days(optional("HOLDFAST_GRACE_DAYS").as_deref())?,
            managed,
            protect_roles: optional("HOLDFAST_PROTECT_ROLES").as_deref() == Some("yes"),
            role_arns: arns(optional("HOLDFAST_ROLE_ARNS").as_deref())?,
            work_queue_url: optional("HOLDFAST_WORK_QUEUE_URL"),
        })
    }
}

fn arn(text: &str) -> Result<Arn, Failure> {
    text.parse()
        .map_err(|error: holdfast_catalog::CatalogError| Failure::InvalidSettings(error.to_string()))
}

fn arns(text: Option<&str>) -> Result<Vec<Arn>, Failure> {
    let texts = text.unwrap_or_default().split(',').map(str::trim);
    texts.filter(|text| !text.is_empty()).map(arn).collect()
}

/// The replica vault in another account.
struct OtherAccount {
    account: String,
    region: String,
    key_arn: Option<Arn>,
    backup_vault: Option<Arn>,
}

fn other_account(optional: impl Fn(&str) -> Option<String>) -> Result<Option<OtherAccount>, Failure> {
    let (Some(account), Some(region)) = (
        optional("HOLDFAST_OTHER_ACCOUNT"),
        optional("HOLDFAST_OTHER_ACCOUNT_REGION"),
    ) else {
        return Ok(None);
    };
    let maybe = |name: &str| optional(name).map(|text| arn(&text)).transpose();
    Ok(Some(OtherAccount {
        account,
        region,
        key_arn: maybe("HOLDFAST_OTHER_ACCOUNT_KEY_ARN")?,
        backup_vault: maybe("HOLDFAST_OTHER_ACCOUNT_BACKUP_VAULT_ARN")?,
    }))
}

/// The further replica vaults; their buckets are called as the stack's own replica is.
fn more_replicas(
    text: Option<&str>,
    other: Option<OtherAccount>,
    account: &str,
    home: &Region,
    own: Option<&Replica>,
) -> Result<Vec<Replica>, Failure> {
    let invalid = |why: String| Failure::InvalidSettings(format!("further replicas: {why}"));
    let mut more: Vec<Replica> = Vec::new();
    let names = text.unwrap_or_default().split(',').map(str::trim);
    let ours = names.filter(|name| !name.is_empty()).map(|name| (account, name));
    let theirs = other
        .iter()
        .map(|other| (other.account.as_str(), other.region.as_str()));
    for (account, name) in ours.chain(theirs) {
        let region: Region = name.parse().map_err(|_| invalid(format!("{name:?} is no region")))?;
        let Some(own) = own else {
            return Err(invalid("name the first replica region with ReplicaRegion".to_owned()));
        };
        if region == *home || region == own.region || more.iter().any(|other| other.region == region) {
            return Err(invalid(format!(
                "{region} has a vault of this stack already: leave it out"
            )));
        }
        let bucket = format!("holdfast-{account}-{region}");
        let theirs = other.as_ref().filter(|other| other.account == account);
        more.push(Replica {
            region,
            bucket,
            account: account.to_owned(),
            key_arn: theirs.and_then(|other| other.key_arn.clone()),
            backup_vault: theirs.and_then(|other| other.backup_vault.clone()),
        });
    }
    Ok(more)
}

fn lock(text: Option<&str>) -> Result<Option<LockMode>, Failure> {
    match text {
        None | Some("none") => Ok(None),
        Some("governance") => Ok(Some(LockMode::Governance)),
        Some("compliance") => Ok(Some(LockMode::Compliance)),
        Some(other) => Err(Failure::InvalidSettings(format!(
            "HOLDFAST_LOCK_MODE is {other:?}: use none, governance or compliance"
        ))),
    }
}

fn grace_days(text: Option<&str>) -> Result<u32, Failure> {
    const DEFAULT_DAYS: u32 = 7;
    let Some(text) = text else { return Ok(DEFAULT_DAYS) };
    text.parse()
        .ok()
        .filter(|days| (1..=3650).contains(days))
        .ok_or_else(|| {
            Failure::InvalidSettings(format!(
                "HOLDFAST_GRACE_DAYS is {text:?}: use a whole number from 1 to 3650"
            ))
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(more: &[(&str, &str)]) -> Result<Settings, Failure> {
        let mut env = BTreeMap::from([
            ("AWS_REGION", "eu-central-1"),
            ("HOLDFAST_VAULT_BUCKET", "vault"),
            ("HOLDFAST_ACCOUNT", "111122223333"),
        ]);
        env.extend(more.iter().copied());
        Settings::from_lookup(|name| env.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn empty_means_absent_and_defaults_are_safe() {
        let settings = settings(&[("HOLDFAST_REPLICA_REGION", ""), ("HOLDFAST_REPLICA_BUCKET", "")]).unwrap();
        assert_eq!((settings.replica, settings.grace_days, settings.lock), (None, 7, None));
        assert!(!settings.protect_roles, "nobody reads roles unasked");
    }

    #[test]
    fn a_grace_under_a_day_or_a_lock_mode_that_does_not_exist_is_refused() {
        for wrong in [
            ("HOLDFAST_GRACE_DAYS", "0"),
            ("HOLDFAST_GRACE_DAYS", "x"),
            ("HOLDFAST_LOCK_MODE", "strict"),
        ] {
            assert!(settings(&[wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_directory_stands_for_the_bucket_and_for_the_replica() {
        let settings = settings(&[
            ("HOLDFAST_VAULT_BUCKET", ""),
            ("HOLDFAST_VAULT_DIRECTORY", "/mnt/vault"),
            ("HOLDFAST_REPLICA_REGION", "eu-west-1"),
            ("HOLDFAST_REPLICA_BUCKET", "replica"),
        ])
        .unwrap();
        assert_eq!(settings.vault_directory.as_deref(), Some("/mnt/vault"));
        assert_eq!((settings.vault_bucket.as_str(), settings.replica), ("", None));
    }

    #[test]
    fn further_replicas_are_listed_once_each_beside_the_stacks_own() {
        let own = [
            ("HOLDFAST_REPLICA_REGION", "eu-west-1"),
            ("HOLDFAST_REPLICA_BUCKET", "replica"),
        ];
        let with = |more| settings(&[own[0], own[1], ("HOLDFAST_MORE_REPLICA_REGIONS", more)]);
        let found = with("us-east-1, eu-north-1").unwrap();
        let places: Vec<(&str, &str)> = found
            .replicas()
            .map(|replica| (replica.region.as_str(), replica.bucket.as_str()))
            .collect();
        assert_eq!(
            places,
            [
                ("eu-west-1", "replica"),
                ("us-east-1", "holdfast-111122223333-us-east-1"),
                ("eu-north-1", "holdfast-111122223333-eu-north-1"),
            ]
        );
        let other = settings(&[
            own[0],
            own[1],
            ("HOLDFAST_OTHER_ACCOUNT", "222233334444"),
            ("HOLDFAST_OTHER_ACCOUNT_REGION", "us-east-1"),
            (
                "HOLDFAST_OTHER_ACCOUNT_KEY_ARN",
                "arn:aws:kms:us-east-1:222233334444:key/1",
            ),
            (
                "HOLDFAST_OTHER_ACCOUNT_BACKUP_VAULT_ARN",
                "arn:aws:backup:us-east-1:222233334444:backup-vault:holdfast",
            ),
        ])
        .unwrap();
        let replica = other.more_replicas.first().unwrap();
        assert_eq!(
            (replica.bucket.as_str(), replica.account.as_str()),
            ("holdfast-222233334444-us-east-1", "222233334444")
        );
        let vault = replica.backup_vault.as_ref().map(Arn::resource_name);
        assert_eq!(vault, Some("holdfast"));
        let key = replica.key_arn.as_ref().map(Arn::account);
        assert_eq!(
            (key, other.replica.and_then(|own| own.key_arn)),
            (Some("222233334444"), None)
        );
        for wrong in ["eu-west-1", "eu-central-1", "us-east-1,us-east-1", "x y"] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        assert!(settings(&[("HOLDFAST_MORE_REPLICA_REGIONS", "us-east-1")]).is_err());
    }

    #[test]
    fn roles_are_listed_by_their_arns() {
        let with = |roles| settings(&[("HOLDFAST_ROLE_ARNS", roles)]).unwrap().role_arns.len();
        let one = "arn:aws:iam::111122223333:role/holdfast/snapshot/r";
        assert_eq!((with(""), with(&format!("{one},{one}"))), (0, 2));
        assert!(settings(&[("HOLDFAST_ROLE_ARNS", "snapshot")]).is_err());
    }

    #[test]
    fn a_missing_bucket_is_named() {
        let error = settings(&[("HOLDFAST_VAULT_BUCKET", "")]).unwrap_err();
        assert!(error.to_string().contains("HOLDFAST_VAULT_BUCKET"));
    }
}
