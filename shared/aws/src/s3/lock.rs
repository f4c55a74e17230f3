use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockEnabled, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode};
use holdfast_catalog::{Extension, Lock, LockMode, ObjectLock};
use holdfast_vault::PortError;
use holdfast_vault::port::LockObjects;
use holdfast_vault::replica::VaultLock;

use super::{S3Vault, timestamp};
use crate::error::{code_of, port_error};

impl LockObjects for S3Vault {
    fn locking(&self, lock: Option<Lock>) -> Self {
        S3Vault { lock, ..self.clone() }
    }

    fn lock(&self) -> Option<Lock> {
        self.lock
    }

    async fn extend_lock(&self, key: &str) -> Result<Option<ObjectLock>, PortError> {
        let Some(wanted) = self.lock_on(key) else {
            return Ok(None);
        };
        let doing = format!("locking {}", self.uri(key));
        let look = self.look_at(key, &doing).await?;
        match wanted.over(lock_of(&look)) {
            Extension::Unneeded => return Ok(lock_of(&look)),
            Extension::Impossible => return Err(held(&doing, lock_of(&look))),
            Extension::Needed => {}
        }
        match self.put_retention(key, look.version_id, wanted, &doing).await {
            Ok(()) => Ok(Some(wanted)),
            // S3 makes no lock shorter: perhaps somebody has made it longer since it was looked at.
            Err(refused @ PortError::Locked(_)) => {
                let found = lock_of(&self.look_at(key, &doing).await?);
                match wanted.over(found) {
                    Extension::Unneeded => Ok(found),
                    Extension::Needed | Extension::Impossible => Err(refused),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn vault_lock(&self) -> Result<VaultLock, PortError> {
        let result = self
            .client
            .get_object_lock_configuration()
            .bucket(&self.bucket)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await;
        match result {
            Ok(answer) => {
                let enabled = answer
                    .object_lock_configuration()
                    .and_then(|found| found.object_lock_enabled());
                Ok(match enabled {
                    Some(ObjectLockEnabled::Enabled) => VaultLock::Enabled,
                    _ => VaultLock::Off,
                })
            }
            Err(error) if code_of(&error) == Some("ObjectLockConfigurationNotFoundError") => Ok(VaultLock::Off),
            Err(error) => Err(port_error(
                &error,
                &format!("asking whether s3://{} can lock", self.bucket),
            )),
        }
    }
}

impl S3Vault {
    /// How an object at a key is to be locked.
    pub(super) fn lock_on(&self, key: &str) -> Option<ObjectLock> {
        self.lock?.on(key)
    }

    async fn put_retention(
        &self,
        key: &str,
        version: Option<String>,
        lock: ObjectLock,
        doing: &str,
    ) -> Result<(), PortError> {
        let mode = match lock.mode {
            LockMode::Governance => ObjectLockRetentionMode::Governance,
            LockMode::Compliance => ObjectLockRetentionMode::Compliance,
        };
        let retention = ObjectLockRetention::builder()
            .mode(mode)
            .retain_until_date(until(lock))
            .build();
        let result = self
            .client
            .put_object_retention()
            .bucket(&self.bucket)
            .key(key)
            // What was looked at is what is locked.
            .set_version_id(version)
            .retention(retention)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await;
        result.map(|_| ()).map_err(|error| port_error(&error, doing))
    }

    /// The same refusal to remove a version, with until when it stays, where that can be found out.
    pub(super) async fn with_end_of_lock(&self, key: &str, version: &str, refused: PortError) -> PortError {
        let PortError::Locked(why) = refused else {
            return refused;
        };
        let answer = self
            .client
            .get_object_retention()
            .bucket(&self.bucket)
            .key(key)
            .version_id(version)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await;
        // What cannot be read, or is no retention but a hold, is left unsaid: the refusal stands all the same.
        let retention = answer.ok().and_then(|answer| answer.retention);
        let lock = retention.and_then(|found| {
            let mode = found.mode().map(ObjectLockRetentionMode::as_str);
            object_lock(mode, found.retain_until_date())
        });
        PortError::Locked(match lock {
            Some(lock) => format!("{lock}: {why}"),
            None => why,
        })
    }
}

fn held(doing: &str, found: Option<ObjectLock>) -> PortError {
    let found = found.map(|lock| format!(" {lock}")).unwrap_or_default();
    PortError::Locked(format!("{doing}: it is locked{found}, and that mode cannot be changed"))
}

/// The mode as the headers of a write name it.
pub(super) fn header_mode(lock: ObjectLock) -> ObjectLockMode {
    match lock.mode {
        LockMode::Governance => ObjectLockMode::Governance,
        LockMode::Compliance => ObjectLockMode::Compliance,
    }
}

/// The end of a lock as requests carry it.
pub(super) fn until(lock: ObjectLock) -> DateTime {
    DateTime::from_secs(lock.until.as_second())
}

/// The lock that a look at an object shows.
pub(super) fn lock_of(look: &HeadObjectOutput) -> Option<ObjectLock> {
    let mode = look.object_lock_mode().map(ObjectLockMode::as_str);
    object_lock(mode, look.object_lock_retain_until_date())
}

fn object_lock(mode: Option<&str>, until: Option<&DateTime>) -> Option<ObjectLock> {
    let mode = match mode? {
        "GOVERNANCE" => LockMode::Governance,
        // A mode that is not known is taken for the one that nobody can lift.
        _ => LockMode::Compliance,
    };
    let until = timestamp(until?)?;
    Some(ObjectLock { mode, until })
}
