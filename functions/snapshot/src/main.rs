//! Wires `snapshot` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::lambda::Functions;
use holdfast_aws::{Aws, AwsBackups, AwsCalls, AwsInventory, Databases, S3Vault, Signals};
use holdfast_catalog::Region;
use holdfast_lambda::{Notifier, Settings, serve};
use snapshot::{Regions, Snapshot};

struct AwsRegions {
    aws: Aws,
    account: String,
}

impl Regions for AwsRegions {
    type Tables = Tables;
    type Functions = Functions;
    type Backups = AwsBackups;
    type Databases = Databases;

    fn tables(&self, region: &Region) -> Tables {
        Tables::new(&self.aws, &self.account, region)
    }

    fn functions(&self, region: &Region) -> Functions {
        Functions::new(&self.aws, region)
    }

    fn backups(&self, region: &Region) -> AwsBackups {
        AwsBackups::new(&self.aws, &self.account, region)
    }

    fn databases(&self, region: &Region) -> Databases {
        Databases::new(&self.aws, &self.account, region)
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
    let region = &settings.region;
    let snapshot = Snapshot {
        vault: home,
        inventory: AwsInventory::new(&aws, &settings.account)
            .with_roles(settings.protect_roles)
            .without_buckets(settings.own_buckets()),
        signals: Signals::new(&aws, region, settings.work_queue_url.as_deref()),
        regions: AwsRegions {
            aws: aws.clone(),
            account: settings.account.clone(),
        },
        managed: settings.managed.clone(),
        bucket: settings.vault_bucket.clone(),
        region: region.clone(),
        strongest_lock: settings.lock,
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(snapshot, notifier, &settings.stack).await
}
