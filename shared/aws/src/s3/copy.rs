use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use holdfast_vault::PortError;
use holdfast_vault::port::{CopyObjects, ObjectInfo};
use sha2::{Digest as _, Sha256};

use super::lock::{header_mode, lock_of, until};
use super::read::{BODY_ATTEMPTS, body_error};
use super::{S3Vault, info};
use crate::error::port_error;

/// What CopyObject copies at most. What a vault holds is far shorter: packs are megabytes, code archives up to 250 MB.
const LARGEST_COPY_BYTES: u64 = 5 << 30;

impl CopyObjects for S3Vault {
    async fn copy_from(&self, source_bucket: &str, key: &str) -> Result<ObjectInfo, PortError> {
        let from = format!("s3://{source_bucket}/{key}");
        let doing = format!("copying {from} to s3://{}", self.bucket);
        let source = self.look(&self.source, source_bucket, key, &doing).await?;
        if source.info.bytes > LARGEST_COPY_BYTES {
            let bytes = source.info.bytes;
            return Err(PortError::Invalid(format!(
                "{doing}: {bytes} bytes are more than one copy can carry"
            )));
        }
        self.copy(source_bucket, key, source.etag.as_deref(), &doing).await?;
        let copy = self.look(&self.client, &self.bucket, key, &doing).await?;
        if copy.info.bytes != source.info.bytes {
            let (copied, expected) = (copy.info.bytes, source.info.bytes);
            return Err(PortError::Corrupt(format!(
                "{doing}: the copy has {copied} bytes, not {expected}"
            )));
        }
        // A checksum that one side lacks, or that was made of parts' checksums, proves nothing: then the bytes must.
        let is_same = match (&source.sha256, &copy.sha256) {
            (Some(source), Some(copy)) => source == copy,
            _ => {
                self.hash(&self.source, source_bucket, key, &doing).await?
                    == self.hash(&self.client, &self.bucket, key, &doing).await?
            }
        };
        if is_same {
            Ok(copy.info)
        } else {
            Err(PortError::Corrupt(format!(
                "{doing}: the copy has other bytes than its source"
            )))
        }
    }
}

/// An object without its bytes.
struct Look {
    info: ObjectInfo,
    etag: Option<String>,
    /// Of the whole object, in base64, where the store kept one.
    sha256: Option<String>,
}

impl S3Vault {
    async fn look(&self, client: &Client, bucket: &str, key: &str, doing: &str) -> Result<Look, PortError> {
        let output = client
            .head_object()
            .bucket(bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .set_expected_bucket_owner(self.owner_of(bucket))
            .send()
            .await
            .map_err(|error| port_error(&error, doing))?;
        Ok(Look {
            info: ObjectInfo {
                locked_until: lock_of(&output).map(|lock| lock.until),
                ..info(doing, Some(key), output.content_length(), output.last_modified())?
            },
            // `digest-3` is made of three parts' checksums.
            sha256: output.checksum_sha256.filter(|checksum| !checksum.contains('-')),
            etag: output.e_tag,
        })
    }

    async fn copy(&self, source_bucket: &str, key: &str, etag: Option<&str>, doing: &str) -> Result<(), PortError> {
        let lock = self.lock_on(key);
        let result = self
            .client
            .copy_object()
            .copy_source(format!("{source_bucket}/{}", escape(key)))
            // What was looked at is what is copied.
            .set_copy_source_if_match(etag.map(ToOwned::to_owned))
            .bucket(&self.bucket)
            .key(key)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key.clone())
            .set_bucket_key_enabled(self.kms_key.as_ref().map(|_| true))
            .set_object_lock_mode(lock.map(header_mode))
            .set_object_lock_retain_until_date(lock.map(until))
            .set_expected_source_bucket_owner(self.source_owner.clone())
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await;
        match result.map_err(|error| port_error(&error, doing)) {
            Ok(_) => Ok(()),
            Err(PortError::AlreadyExists(_)) => Err(PortError::Conflict(format!(
                "{doing}: the source changed while it was being copied"
            ))),
            Err(error) => Err(error),
        }
    }

    /// The SHA-256 of an object's bytes, read in pieces.
    async fn hash(&self, client: &Client, bucket: &str, key: &str, doing: &str) -> Result<[u8; 32], PortError> {
        let mut tries = 1;
        loop {
            let mut body = self.open(client, bucket, key, doing).await?.body;
            let mut hash = Sha256::new();
            let failure = loop {
                match body.next().await {
                    Some(Ok(piece)) => hash.update(&piece),
                    Some(Err(error)) => break body_error(&error, doing),
                    None => return Ok(hash.finalize().into()),
                }
            };
            if tries == BODY_ATTEMPTS {
                return Err(failure);
            }
            tries += 1;
        }
    }
}

/// A key as the copy source header wants it: percent-encoded, its slashes kept.
fn escape(key: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => escaped.push(byte.into()),
            _ => {
                escaped.push('%');
                escaped.push(HEX[usize::from(byte >> 4)].into());
                escaped.push(HEX[usize::from(byte & 15)].into());
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_copy_source_keeps_slashes_and_escapes_what_a_header_or_a_query_would_misread() {
        assert_eq!(escape("points/a-b_c.d~1"), "points/a-b_c.d~1");
        assert_eq!(escape("a b+c?d%ä"), "a%20b%2Bc%3Fd%25%C3%A4");
    }
}
