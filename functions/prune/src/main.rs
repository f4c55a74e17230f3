//! Wires `prune` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::{Aws, AwsCalls, S3Vault, Signals};
use holdfast_lambda::{Notifier, Settings, serve};
use holdfast_vault::sweep::Margins;
use jiff::SignedDuration;
use prune::{Prune, Vault};

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
    let home = S3Vault::home(
        &aws,
        &settings.region,
        &settings.vault_bucket,
        settings.vault_key_arn.as_deref(),
        &settings.account,
    );
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
        signals: Signals::new(&aws, &settings.region, None),
        margins: Margins::with_grace(SignedDuration::from_hours(24 * i64::from(settings.grace_days))),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(prune, notifier, &settings.stack).await
}
