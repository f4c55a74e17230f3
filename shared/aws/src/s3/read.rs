use std::error::Error;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use holdfast_vault::PortError;
use holdfast_vault::port::{ListObjects, ObjectInfo, ReadObjects};

use super::lock::lock_of;
use super::{S3Vault, info};
use crate::error::{code_of, port_error};

/// How often a body may be fetched. The SDK tries again until an answer begins; a body that breaks off or arrives damaged is
/// fetched anew here.
pub(super) const BODY_ATTEMPTS: u32 = 3;

/// S3's longest object, 50 TB. An offset beyond it needs no request, and not every store takes one that long.
const LONGEST_OBJECT_BYTES: u64 = 50 << 40;

impl ReadObjects for S3Vault {
    async fn get(&self, key: &str) -> Result<Bytes, PortError> {
        let doing = format!("reading {}", self.uri(key));
        let mut tries = 1;
        loop {
            let output = self.open(&self.client, &self.bucket, key, &doing).await?;
            match collect(output.body, &doing).await {
                Err(_) if tries < BODY_ATTEMPTS => tries += 1,
                result => return result,
            }
        }
    }

    async fn get_range(&self, key: &str, from: u64, bytes: u64) -> Result<Bytes, PortError> {
        if bytes == 0 || from >= LONGEST_OBJECT_BYTES {
            return self.head(key).await.map(|_| Bytes::new());
        }
        let doing = format!("reading {bytes} bytes from {from} of {}", self.uri(key));
        let mut tries = 1;
        loop {
            let Some(output) = self.open_range(key, from, bytes, &doing).await? else {
                return Ok(Bytes::new());
            };
            let is_range = output.content_range.is_some();
            match collect(output.body, &doing).await {
                Err(_) if tries < BODY_ATTEMPTS => tries += 1,
                Ok(body) if is_range => return Ok(body),
                // The store does not know ranges and sent everything.
                result => return result.map(|whole| cut(&whole, from, bytes)),
            }
        }
    }

    async fn head(&self, key: &str) -> Result<ObjectInfo, PortError> {
        let doing = format!("looking at {}", self.uri(key));
        let output = self.look_at(key, &doing).await?;
        Ok(ObjectInfo {
            locked_until: lock_of(&output).map(|lock| lock.until),
            ..info(&doing, Some(key), output.content_length(), output.last_modified())?
        })
    }
}

impl ListObjects for S3Vault {
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Vec<ObjectInfo>, PortError> {
        let doing = format!("listing {}", self.uri(prefix));
        let mut token = None;
        loop {
            let page = self
                .client
                .list_objects_v2()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_start_after(after.map(ToOwned::to_owned))
                .set_continuation_token(token)
                .set_expected_bucket_owner(self.owner.clone())
                .send()
                .await
                .map_err(|error| port_error(&error, &doing))?;
            // To callers an empty page is the end, to S3 it is not.
            if !page.contents().is_empty() || !page.is_truncated().unwrap_or_default() {
                let objects = page.contents().iter();
                return objects
                    .map(|object| info(&doing, object.key(), object.size(), object.last_modified()))
                    .collect();
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return Err(PortError::Unavailable(format!("{doing}: the listing broke off")));
            }
        }
    }
}

impl S3Vault {
    /// What S3 says about an object without its bytes.
    pub(super) async fn look_at(&self, key: &str, doing: &str) -> Result<HeadObjectOutput, PortError> {
        self.client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|error| port_error(&error, doing))
    }

    /// Begins to read an object; the SDK checks its body against the checksum that the store kept.
    pub(super) async fn open(
        &self,
        client: &Client,
        bucket: &str,
        key: &str,
        doing: &str,
    ) -> Result<GetObjectOutput, PortError> {
        client
            .get_object()
            .bucket(bucket)
            .key(key)
            .checksum_mode(ChecksumMode::Enabled)
            .set_expected_bucket_owner(self.owner_of(bucket))
            .send()
            .await
            .map_err(|error| port_error(&error, doing))
    }

    /// Begins to read a part of an object; `None` when it ends before `from`.
    async fn open_range(
        &self,
        key: &str,
        from: u64,
        bytes: u64,
        doing: &str,
    ) -> Result<Option<GetObjectOutput>, PortError> {
        let last = from.saturating_add(bytes - 1).min(LONGEST_OBJECT_BYTES);
        // The checksum that a store keeps is the whole object's: on a part it would only mislead.
        let unchecked =
            aws_sdk_s3::Config::builder().response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let result = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .range(format!("bytes={from}-{last}"))
            .set_expected_bucket_owner(self.owner.clone())
            .customize()
            .config_override(unchecked)
            .send()
            .await;
        match result {
            Err(error) if code_of(&error) == Some("InvalidRange") => Ok(None),
            result => result.map(Some).map_err(|error| port_error(&error, doing)),
        }
    }
}

fn cut(whole: &Bytes, from: u64, bytes: u64) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(whole.len());
    whole.slice(at(from)..at(from.saturating_add(bytes)))
}

async fn collect(body: ByteStream, doing: &str) -> Result<Bytes, PortError> {
    match body.collect().await {
        Ok(body) => Ok(body.into_bytes()),
        Err(error) => Err(body_error(&error, doing)),
    }
}

/// What a body that could not be read to its end means.
pub(super) fn body_error(error: &(dyn Error + 'static), doing: &str) -> PortError {
    let mut text = doing.to_owned();
    let mut cause = Some(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    // The SDK's checksum error has no type that could be asked for; a test holds these words.
    if text.contains("checksum mismatch") {
        PortError::Corrupt(text)
    } else {
        PortError::Unavailable(text)
    }
}
