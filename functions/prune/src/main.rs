//! Wires `prune` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::{Aws, AwsBackups, AwsCalls, S3Vault, Signals};
use holdfast_catalog::Region;
use holdfast_lambda::{Notifier, Settings, serve};
use holdfast_vault::sweep::Margins;
use jiff::SignedDuration;
use prune::{Prune, Regions, Vault};

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
    let prune = Prune {
        home: Vault {
            store: home,
            bucket: settings.vault_bucket.clone(),
            region: settings.region.clone(),
        },
        replicas: settings
            .replicas()
            .map(|replica| Vault {
                store: S3Vault::replica(&aws, &replica.region, &replica.bucket, &replica.account),
                bucket: replica.bucket.clone(),
                region: replica.region.clone(),
            })
            .collect(),
        regions: AwsRegions {
            aws: aws.clone(),
            account: settings.account.clone(),
        },
        account: settings.account.clone(),
        managed: settings.managed.clone(),
        signals: Signals::new(&aws, &settings.region, None),
        margins: Margins::with_grace(SignedDuration::from_hours(24 * i64::from(settings.grace_days))),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(prune, notifier, &settings.stack).await
}
