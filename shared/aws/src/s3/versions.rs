use std::cmp::Reverse;

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use holdfast_vault::PortError;
use holdfast_vault::port::{DeleteObjects, ObjectVersion};

use super::{S3Vault, info};
use crate::error::{code_of, port_error};

impl DeleteObjects for S3Vault {
    async fn list_versions(&self, prefix: &str, after: Option<(&str, &str)>) -> Result<Vec<ObjectVersion>, PortError> {
        let doing = format!("listing versions of {}", self.uri(prefix));
        let mut key_marker = after.map(|(key, _)| key.to_owned());
        // S3 refuses an empty marker; a key's alone stands behind all of its versions.
        let version = after.map(|(_, version)| version).filter(|version| !version.is_empty());
        let mut version_marker = version.map(str::to_owned);
        loop {
            let page = self
                .client
                .list_object_versions()
                .bucket(&self.bucket)
                .prefix(prefix)
                .set_key_marker(key_marker)
                .set_version_id_marker(version_marker)
                .set_expected_bucket_owner(self.owner.clone())
                .send()
                .await
                .map_err(|error| port_error(&error, &doing))?;
            let found = merge(&page, &doing)?;
            // To callers an empty page is the end, to S3 it is not.
            if !found.is_empty() || !page.is_truncated().unwrap_or_default() {
                return Ok(found);
            }
            key_marker = page.next_key_marker;
            version_marker = page.next_version_id_marker;
            if key_marker.is_none() {
                return Err(PortError::Unavailable(format!("{doing}: the listing broke off")));
            }
        }
    }

    async fn delete_version(&self, key: &str, version: &str) -> Result<(), PortError> {
        let doing = format!("removing version {version} of {}", self.uri(key));
        let result = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .version_id(version)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await;
        match result {
            // AWS says success when it is gone already, other stores say so.
            Err(error) if matches!(code_of(&error), Some("NoSuchVersion" | "NoSuchKey")) => Ok(()),
            Err(error) => Err(self.with_end_of_lock(key, version, port_error(&error, &doing)).await),
            Ok(_) => Ok(()),
        }
    }
}

/// S3 answers with versions and delete markers in one order, but the SDK parts them; this puts them back: by key, a key's newest
/// first.
///
/// Times may tie, so the one that S3 names as the page's last goes last. A caller goes on from there, so that no order within a
/// tie can make it miss any; at worst it sees some twice.
fn merge(page: &ListObjectVersionsOutput, doing: &str) -> Result<Vec<ObjectVersion>, PortError> {
    let missing = || PortError::Unavailable(format!("{doing}: the answer has a version without an id"));
    let mut found = Vec::with_capacity(page.versions().len() + page.delete_markers().len());
    for version in page.versions() {
        found.push(ObjectVersion {
            info: info(doing, version.key(), version.size(), version.last_modified())?,
            version: version.version_id().ok_or_else(missing)?.to_owned(),
            is_latest: version.is_latest().unwrap_or_default(),
            is_delete_marker: false,
        });
    }
    for marker in page.delete_markers() {
        found.push(ObjectVersion {
            info: info(doing, marker.key(), Some(0), marker.last_modified())?,
            version: marker.version_id().ok_or_else(missing)?.to_owned(),
            is_latest: marker.is_latest().unwrap_or_default(),
            is_delete_marker: true,
        });
    }
    let is_last = |v: &ObjectVersion| {
        page.next_key_marker() == Some(v.info.key.as_str()) && page.next_version_id_marker() == Some(v.version.as_str())
    };
    // Stable, so that of versions with one time those stay in S3's order.
    found.sort_by(|a, b| {
        let place = |v: &ObjectVersion| (!v.is_latest, is_last(v), Reverse(v.info.modified_at));
        a.info.key.cmp(&b.info.key).then_with(|| place(a).cmp(&place(b)))
    });
    Ok(found)
}
