//! Wires `restore` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::lambda::Functions;
use holdfast_aws::{Aws, AwsCalls, S3Vault, SnapshotFunction, SqsQueue};
use holdfast_catalog::Region;
use holdfast_lambda::{Failure, Notifier, Settings, serve};
use holdfast_sources::lambda::restore::VaultLocation;
use restore::{Regions, Restore, Vault};

struct AwsRegions {
    aws: Aws,
    wiring: AwsCalls,
    points: SnapshotFunction,
}

impl Regions for AwsRegions {
    type Tables = Tables;
    type Functions = Functions;
    type Wiring = AwsCalls;
    type Points = SnapshotFunction;

    fn tables(&self, region: &Region) -> Tables {
        Tables::new(self.aws.dynamodb(region))
    }

    fn functions(&self, region: &Region) -> Functions {
        Functions::new(&self.aws, region)
    }

    fn wiring(&self) -> &AwsCalls {
        &self.wiring
    }

    fn points(&self) -> &SnapshotFunction {
        &self.points
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
    let Some(queue) = &settings.work_queue_url else {
        let message = "HOLDFAST_WORK_QUEUE_URL is not set: deploy with the template".to_owned();
        return Err(Failure::InvalidSettings(message).into());
    };
    let key = settings.vault_key_arn.as_deref();
    let restore = Restore {
        home: Vault {
            store: S3Vault::home(&aws, &settings.region, &settings.vault_bucket, key, &settings.account),
            location: VaultLocation {
                bucket: settings.vault_bucket.clone(),
                region: settings.region.clone(),
            },
        },
        replica: settings.replica.as_ref().map(|replica| Vault {
            store: S3Vault::replica(&aws, &replica.region, &replica.bucket, &settings.account),
            location: VaultLocation {
                bucket: replica.bucket.clone(),
                region: replica.region.clone(),
            },
        }),
        work: SqsQueue::new(&aws, &settings.region, queue),
        regions: AwsRegions {
            wiring: AwsCalls::new(&aws, &settings.account),
            // So the template calls it.
            points: SnapshotFunction::new(&aws, &settings.region, &format!("{}-snapshot", settings.stack)),
            aws,
        },
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(restore, notifier, &settings.stack).await
}
