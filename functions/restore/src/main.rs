//! Wires `restore` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::lambda::Functions;
use holdfast_aws::{Aws, AwsCalls, S3Vault, SqsQueue};
use holdfast_catalog::Region;
use holdfast_lambda::{Failure, HandQueue, Notifier, Replica, Settings, by_hand, open_directory, serve};
use holdfast_sources::lambda::restore::{VaultLocation, VaultPlace};
use holdfast_vault::Directory;
use restore::{Regions, Restore, Vault};

struct AwsRegions {
    aws: Aws,
    wiring: AwsCalls,
}

impl AwsRegions {
    fn new(aws: &Aws, settings: &Settings) -> Self {
        AwsRegions {
            aws: aws.clone(),
            wiring: AwsCalls::new(aws, &settings.account),
        }
    }
}

impl Regions for AwsRegions {
    type Tables = Tables;
    type Functions = Functions;
    type Wiring = AwsCalls;

    fn tables(&self, region: &Region) -> Tables {
        Tables::new(self.aws.dynamodb(region))
    }

    fn functions(&self, region: &Region) -> Functions {
        Functions::new(&self.aws, region)
    }

    fn wiring(&self) -> &AwsCalls {
        &self.wiring
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let aws = Aws::from_env().await;
    if let Some(directory) = open_directory(&settings).await? {
        return run_by_hand(directory, &aws, &settings).await;
    }
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
                place: VaultPlace::Bucket(settings.vault_bucket.clone()),
                region: settings.region.clone(),
            },
        },
        replicas: settings.replicas().map(|replica| vault_in(&aws, replica)).collect(),
        work: SqsQueue::new(&aws, &settings.region, queue),
        regions: AwsRegions::new(&aws, &settings),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(restore, notifier, &settings.stack).await
}

fn vault_in(aws: &Aws, replica: &Replica) -> Vault<S3Vault> {
    Vault {
        store: S3Vault::replica(aws, &replica.region, &replica.bucket, &replica.account),
        location: VaultLocation {
            place: VaultPlace::Bucket(replica.bucket.clone()),
            region: replica.region.clone(),
        },
    }
}

/// Restores from a directory as a program, as ON-PREMISES.md says.
async fn run_by_hand(directory: Directory, aws: &Aws, settings: &Settings) -> Result<(), lambda_runtime::Error> {
    let queue = HandQueue::default();
    let restore = Restore {
        home: Vault {
            store: directory,
            location: VaultLocation {
                place: VaultPlace::Directory(settings.vault_directory.clone().unwrap_or_default()),
                region: settings.region.clone(),
            },
        },
        replicas: Vec::new(),
        work: &queue,
        regions: AwsRegions::new(aws, settings),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    by_hand(&restore, &queue).await
}
