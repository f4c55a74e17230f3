//! Wires `replicate` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::{Aws, AwsBackups, AwsCalls, AwsReplicas, S3Vault};
use holdfast_catalog::Region;
use holdfast_lambda::{Notifier, Replica, Settings, serve};
use holdfast_vault::replica::{ReplicaSpec, VaultLock};
use replicate::{BackupVaults, Everywhere, Regions, Replicate};

#[derive(Clone)]
struct AwsRegions {
    aws: Aws,
    account: String,
}

impl Regions for AwsRegions {
    type Backups = AwsBackups;

    fn backups(&self, region: &Region) -> AwsBackups {
        AwsBackups::new(&self.aws, &self.account, region)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let aws = Aws::from_env().await;
    let home = S3Vault::home(
        &aws,
        &settings.region,
        &settings.vault_bucket,
        settings.vault_key_arn.as_deref(),
        &settings.account,
    );
    let calls = AwsCalls::new(&aws, &settings.account);
    let notifier = Notifier::new(home.clone(), calls, &settings);
    let regions = AwsRegions {
        aws: aws.clone(),
        account: settings.account.clone(),
    };
    let vaults = settings.managed.clone().map(|managed| BackupVaults {
        home: home.clone(),
        region: settings.region.clone(),
        home_key_arn: settings.vault_key_arn.clone().unwrap_or_default(),
        maker: AwsReplicas::new(&aws, &settings.account),
        regions: regions.clone(),
        managed,
        strongest_lock: settings.lock,
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    });
    let destinations = settings
        .replicas()
        .map(|replica| to(replica, &home, &regions, &settings));
    let everywhere = Everywhere {
        destinations: destinations.collect(),
        vaults,
    };
    serve(everywhere, notifier, &settings.stack).await
}

/// The copying to one replica.
fn to(
    replica: &Replica,
    home: &S3Vault,
    regions: &AwsRegions,
    settings: &Settings,
) -> Replicate<S3Vault, S3Vault, AwsReplicas, AwsRegions> {
    let aws = &regions.aws;
    Replicate {
        home: home.clone(),
        home_bucket: settings.vault_bucket.clone(),
        replica: S3Vault::replica(aws, &replica.region, &replica.bucket, &replica.account)
            .source_owned_by(&settings.account)
            .copying_from(aws, &settings.region),
        spec: ReplicaSpec {
            bucket: replica.bucket.clone(),
            region: replica.region.clone(),
            home_key_arn: settings.vault_key_arn.clone().unwrap_or_default(),
            lock: match settings.lock {
                None => VaultLock::Off,
                Some(_) => VaultLock::Enabled,
            },
        },
        replica_regions: settings.replicas().map(|replica| replica.region.clone()).collect(),
        maker: match replica.account == settings.account {
            true => AwsReplicas::new(aws, &settings.account),
            false => AwsReplicas::elsewhere(aws, &replica.account),
        },
        regions: regions.clone(),
        managed: settings.managed.clone(),
        strongest_lock: settings.lock,
        other_backup_vault: replica.backup_vault.clone(),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    }
}
