//! Wires `verify` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::{Aws, AwsBackups, AwsCalls, AwsInventory, AwsReplicas, Databases, S3Vault};
use holdfast_catalog::Region;
use holdfast_lambda::{HandQueue, Notifier, Settings, by_hand, open_directory, serve};
use holdfast_vault::sweep::Margins;
use jiff::SignedDuration;
use verify::{Preflight, Regions, Verify};

struct AwsRegions {
    aws: Aws,
    account: String,
    calls: AwsCalls,
}

impl Regions for AwsRegions {
    type Backups = AwsBackups;
    type Databases = Databases;
    type Buckets = AwsCalls;
    type Files = AwsCalls;

    fn backups(&self, region: &Region) -> AwsBackups {
        AwsBackups::new(&self.aws, &self.account, region)
    }

    fn databases(&self, region: &Region) -> Databases {
        Databases::new(&self.aws, &self.account, region)
    }

    fn buckets(&self) -> &AwsCalls {
        &self.calls
    }

    fn files(&self) -> &AwsCalls {
        &self.calls
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let aws = Aws::from_env().await;
    if let Some(directory) = open_directory(&settings).await? {
        let verify = verify_over(directory, Vec::new(), &aws, &settings);
        return by_hand(&verify, &HandQueue::default()).await;
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
    let replicas = settings.replicas().map(|replica| {
        let store = S3Vault::replica(&aws, &replica.region, &replica.bucket, &replica.account);
        (store, replica.region.clone())
    });
    let verify = verify_over(home, replicas.collect(), &aws, &settings);
    serve(verify, notifier, &settings.stack).await
}

fn verify_over<V>(
    home: V,
    replicas: Vec<(V, Region)>,
    aws: &Aws,
    settings: &Settings,
) -> Verify<V, AwsInventory, Tables, AwsRegions, AwsReplicas> {
    Verify {
        home,
        replicas,
        inventory: AwsInventory::new(aws, &settings.account)
            .with_roles(settings.protect_roles)
            .without_buckets(settings.own_buckets()),
        tables: Tables::new(aws, &settings.account, &settings.region),
        regions: AwsRegions {
            aws: aws.clone(),
            account: settings.account.clone(),
            calls: AwsCalls::new(aws, &settings.account),
        },
        managed: settings.managed.clone(),
        preflight: Preflight {
            ports: AwsReplicas::new(aws, &settings.account),
            key: settings.vault_key_arn.as_ref().and_then(|key| key.parse().ok()),
            stack: settings.stack.clone(),
            bucket: settings.vault_bucket.clone(),
            roles: settings.role_arns.clone(),
            replicas: settings.replicas().cloned().collect(),
            deployment: settings.deployment(),
        },
        region: settings.region.clone(),
        margins: Margins::with_grace(SignedDuration::from_hours(24 * i64::from(settings.grace_days))),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    }
}
