//! Wires `restore` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::lambda::Functions;
use holdfast_aws::{Aws, AwsBackups, AwsCalls, Databases, S3Vault, SnapshotFunction, SqsQueue};
use holdfast_catalog::Region;
use holdfast_lambda::{Failure, HandQueue, Notifier, Replica, Settings, by_hand, open_directory, serve};
use holdfast_sources::lambda::restore::{VaultLocation, VaultPlace};
use holdfast_vault::Directory;
use restore::{Regions, Restore, Vault};

struct AwsRegions {
    aws: Aws,
    account: String,
    wiring: AwsCalls,
    points: SnapshotFunction,
}

impl AwsRegions {
    fn new(aws: &Aws, settings: &Settings) -> Self {
        AwsRegions {
            aws: aws.clone(),
            account: settings.account.clone(),
            wiring: AwsCalls::new(aws, &settings.account),
            // So the template calls it.
            points: SnapshotFunction::new(aws, &settings.region, &format!("{}-snapshot", settings.stack)),
        }
    }
}

impl Regions for AwsRegions {
    type Tables = Tables;
    type Functions = Functions;
    type Wiring = AwsCalls;
    type Backups = AwsBackups;
    type Databases = Databases;
    type Points = SnapshotFunction;

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
    if let Some(directory) = open_directory(&settings).await? {
        return run_by_hand(directory, &aws, &settings).await;
    }
    let home = S3Vault::home(
        &aws,
        &settings.region,
        &settings.vault_bucket,
        settings.vault_key_arn.as_deref(),
        &settings.account,
    );
    let calls = AwsCalls::new(&aws, &settings.account);
    let notifier = Notifier::new(home.clone(), calls, &settings);
    let Some(queue) = &settings.work_queue_url else {
        let message = "HOLDFAST_WORK_QUEUE_URL is not set: deploy with the template".to_owned();
        return Err(Failure::InvalidSettings(message).into());
    };
    let restore = Restore {
        home: Vault {
            store: home,
            location: VaultLocation {
                place: VaultPlace::Bucket(settings.vault_bucket.clone()),
                region: settings.region.clone(),
            },
        },
        replicas: settings.replicas().map(|replica| vault_in(&aws, replica)).collect(),
        work: SqsQueue::new(&aws, &settings.region, queue),
        regions: AwsRegions::new(&aws, &settings),
        managed: settings.managed.clone(),
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
        managed: settings.managed.clone(),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    by_hand(&restore, &queue).await
}
