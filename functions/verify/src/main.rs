//! Wires `verify` to AWS.

// The SDK's futures nest deeper than the compiler's default allows.
#![recursion_limit = "256"]

use holdfast_aws::dynamodb::Tables;
use holdfast_aws::{Aws, AwsCalls, AwsInventory, S3Vault};
use holdfast_lambda::{Notifier, Settings, serve};
use holdfast_vault::sweep::Margins;
use jiff::SignedDuration;
use verify::Verify;

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
    let verify = Verify {
        home: S3Vault::home(
            &aws,
            region,
            &settings.vault_bucket,
            settings.vault_key_arn.as_deref(),
            &settings.account,
        ),
        replica: settings.replica.as_ref().map(|replica| {
            (
                S3Vault::replica(&aws, &replica.region, &replica.bucket, &settings.account),
                replica.region.clone(),
            )
        }),
        inventory: AwsInventory::new(&aws, &settings.account).with_roles(settings.protect_roles),
        tables: Tables::new(aws.dynamodb(region)),
        region: region.clone(),
        margins: Margins::with_grace(SignedDuration::from_hours(24 * i64::from(settings.grace_days))),
        policy_key: settings.policy_key.clone(),
        tag_key: settings.tag_key.clone(),
    };
    serve(verify, notifier, &settings.stack).await
}
