use holdfast_catalog::Region;

use crate::{Aws, S3Vault};

impl S3Vault {
    /// The stack's own vault: encrypted with its key, and nobody else's bucket.
    pub fn home(aws: &Aws, region: &Region, bucket: &str, key_arn: Option<&str>, account: &str) -> Self {
        let vault = S3Vault::new(aws, region, bucket).owned_by(account);
        match key_arn {
            Some(key_arn) => vault.encrypted_with(key_arn),
            None => vault,
        }
    }

    /// The replica vault: encrypted by its bucket's own default, which `replicate` has set.
    pub fn replica(aws: &Aws, region: &Region, bucket: &str, account: &str) -> Self {
        S3Vault::new(aws, region, bucket).owned_by(account)
    }
}
