use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyMetadata, KeyState};
use holdfast_catalog::{Arn, Region};
use holdfast_vault::PortError;

use crate::Aws;
use crate::error::{code_of, port_error};
use crate::pause::pause;

/// How often a new replica key is looked at until it can be used, and how long between looks. KMS takes seconds, and says that it
/// may take a minute.
const LOOKS: u32 = 30;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// The home key, or its replica in another region, made if it is not there; its ARN.
pub(super) async fn ensure(aws: &Aws, home_key_arn: &str, region: &Region) -> Result<String, PortError> {
    let home = HomeKey::parse(home_key_arn, region)?;
    let client = aws.kms(region);
    if home.region == *region {
        return wait_until_usable(&client, home_key_arn).await;
    }
    let replica_arn = home.in_region(region);
    match describe(&client, &replica_arn).await {
        Err(PortError::NotFound(_)) => replicate(aws, &home, region).await?,
        other => _ = other?,
    }
    wait_until_usable(&client, &replica_arn).await
}

/// A key's ARN, taken apart.
struct HomeKey {
    arn: Arn,
    region: Region,
}

impl HomeKey {
    fn parse(text: &str, replica_region: &Region) -> Result<Self, PortError> {
        let invalid = |why: &str| PortError::Invalid(format!("key {text}: {why}"));
        let arn: Arn = text.parse().map_err(|_| invalid("not an ARN"))?;
        let region: Region = arn.region().parse().map_err(|_| invalid("its ARN names no region"))?;
        if region != *replica_region && !arn.resource().starts_with("key/mrk-") {
            return Err(invalid(
                "not a multi-Region key, so that it cannot have a replica; make the vault with a multi-Region key",
            ));
        }
        Ok(HomeKey { arn, region })
    }

    fn in_region(&self, region: &Region) -> String {
        let arn = &self.arn;
        format!(
            "arn:{}:{}:{region}:{}:{}",
            arn.partition(),
            arn.service(),
            arn.account(),
            arn.resource()
        )
    }
}

async fn replicate(aws: &Aws, home: &HomeKey, region: &Region) -> Result<(), PortError> {
    let doing = format!("replicating key {} to {region}", home.arn.as_str());
    let described = describe(&aws.kms(&home.region), home.arn.as_str()).await?;
    // Only the primary key can be replicated, and the home key may itself be a replica: after a lost region it is.
    let primary = described
        .multi_region_configuration()
        .and_then(|config| config.primary_key());
    let primary_region = primary.and_then(|key| key.region()?.parse().ok());
    let primary_arn = primary.and_then(|key| key.arn()).unwrap_or(home.arn.as_str());
    let result = aws
        .kms(primary_region.as_ref().unwrap_or(&home.region))
        .replicate_key()
        .key_id(primary_arn)
        .replica_region(region.as_str())
        .description("Holdfast: encrypts the replica vault")
        .send()
        .await;
    match result {
        // Somebody was first; two at once is no failure.
        Err(error) if code_of(&error) == Some("AlreadyExistsException") => Ok(()),
        result => result.map(|_| ()).map_err(|error| port_error(&error, &doing)),
    }
}

pub(super) async fn describe(client: &Client, arn: &str) -> Result<KeyMetadata, PortError> {
    let doing = format!("looking at key {arn}");
    let answer = client.describe_key().key_id(arn).send().await;
    let answer = answer.map_err(|error| port_error(&error, &doing))?;
    answer
        .key_metadata
        .ok_or_else(|| PortError::Unavailable(format!("{doing}: the answer says nothing of the key")))
}

/// A key's policy; nothing where it may not be read.
pub(super) async fn policy(client: &Client, arn: &str) -> Result<Option<String>, PortError> {
    let answer = client.get_key_policy().key_id(arn).policy_name("default").send().await;
    match answer {
        Ok(answer) => Ok(answer.policy),
        Err(error) => match port_error(&error, &format!("reading the policy of key {arn}")) {
            PortError::Denied(_) | PortError::NotFound(_) => Ok(None),
            error => Err(error),
        },
    }
}

async fn wait_until_usable(client: &Client, arn: &str) -> Result<String, PortError> {
    for _ in 0..LOOKS {
        match describe(client, arn).await {
            Ok(key) => match key.key_state() {
                Some(KeyState::Enabled | KeyState::Updating) => return Ok(arn.to_owned()),
                None | Some(KeyState::Creating) => {}
                Some(state) => {
                    return Err(PortError::Denied(format!(
                        "key {arn} is {}: enable it, or cancel its deletion",
                        state.as_str()
                    )));
                }
            },
            // KMS shows a new key with some delay.
            Err(PortError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        pause(client.config().sleep_impl(), BETWEEN_LOOKS).await;
    }
    Err(PortError::Unavailable(format!("key {arn} is still being made")))
}
