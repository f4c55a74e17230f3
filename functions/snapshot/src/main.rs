//! Wires `snapshot` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::lambda::Functions;
use holdfast_aws::{Aws, AwsCalls, AwsInventory, S3Vault, Signals};
use holdfast_catalog::Region;
use holdfast_lambda::{Notifier, Settings, serve};
use snapshot::{Regions, Snapshot};

struct AwsRegions(Aws);

impl Regions for AwsRegions {
    type Tables = Tables;
    type Functions = Functions;

    fn tables(&self, region: &Region) -> Tables {
        Tables::new(self.0.dynamodb(region))
    }

    fn functions(&self, region: &Region) -> Functions {
        Functions::new(&self.0, region)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let aws = Aws::from_env().await;
    let notifier = Notifier::new(
        S3Vault::home(
            &aws,
            &settings.region,
            &settings.vault_bucket,
            settings.vault_key_arn.as_deref(),
            &settings.account,
        ),
        AwsCalls::new(&aws, &settings.account),
        &settings,
    );
    let region = &settings.region;
    let snapshot = Snapshot {
        vault: S3Vault::home(
            &aws,
            region,
            &settings.vault_bucket,
            settings.vault_key_arn.as_deref(),
            &settings.account,
        ),
        inventory: AwsInventory::new(&aws, &settings.account).with_roles(settings.protect_roles),
        signals: Signals::new(&aws, region, settings.work_queue_url.as_deref()),
        regions: AwsRegions(aws.clone()),
        bucket: settings.vault_bucket.clone(),
        region: region.clone(),
        strongest_lock: settings.lock,
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(snapshot, notifier, &settings.stack).await
}
