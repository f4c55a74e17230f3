use std::time::Duration;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use holdfast_catalog::Sha256;
use holdfast_vault::PortError;
use holdfast_vault::port::{Created, WriteObjects};

use super::S3Vault;
use super::lock::{header_mode, until};
use crate::error::port_error;
use crate::pause::back_off;

/// How often a create is tried while S3 says that another write of the same key is under way. Such a write takes milliseconds;
/// with the waits between them these tries take 1.5 s.
const CREATE_ATTEMPTS: u32 = 5;
/// The wait before the second try.
const FIRST_WAIT: Duration = Duration::from_millis(100);

impl WriteObjects for S3Vault {
    async fn create(&self, key: &str, body: Bytes) -> Result<Created, PortError> {
        let doing = format!("creating {}", self.uri(key));
        let mut tries = 1;
        loop {
            let put = self.put(key, body.clone()).if_none_match("*");
            let error = match send(put).await {
                Ok(_) => return Ok(Created::New),
                Err(error) => port_error(&error, &doing),
            };
            match error {
                // Perhaps our own, when an earlier try's answer was lost: the caller reads it before concluding.
                PortError::AlreadyExists(_) => return Ok(Created::Existed),
                // 409 says nothing about who wins: only another try tells.
                PortError::Conflict(_) if tries < CREATE_ATTEMPTS => {
                    back_off(self.client.config().sleep_impl(), FIRST_WAIT, tries - 1).await;
                    tries += 1;
                }
                error => return Err(error),
            }
        }
    }

    async fn overwrite(&self, key: &str, body: Bytes) -> Result<(), PortError> {
        let doing = format!("writing {}", self.uri(key));
        match send(self.put(key, body)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(port_error(&error, &doing)),
        }
    }
}

impl S3Vault {
    fn put(&self, key: &str, body: Bytes) -> PutObjectFluentBuilder {
        let lock = self.lock_on(key);
        let checksum = BASE64.encode(Sha256::of(&body).as_bytes());
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_sha256(checksum)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.kms_key.clone())
            .set_bucket_key_enabled(self.kms_key.as_ref().map(|_| true))
            .set_object_lock_mode(lock.map(header_mode))
            .set_object_lock_retain_until_date(lock.map(until))
            .set_expected_bucket_owner(self.owner.clone())
            .body(ByteStream::from(body))
    }

    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        self.kms_key.as_ref().map(|_| ServerSideEncryption::AwsKms)
    }
}

/// The request's signature covers the checksum header and so the body; hashing the body once more to sign it would double what
/// writing costs in CPU.
async fn send(put: PutObjectFluentBuilder) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
    put.customize().disable_payload_signing().send().await
}
