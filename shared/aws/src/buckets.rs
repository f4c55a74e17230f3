//! Removing scratch buckets, with all versions of what is in them.

use holdfast_catalog::Region;
use holdfast_sources::call::bucket::{DeleteBucket, DeleteObjects, ListObjectVersions};
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::s3::port::DropScratchBuckets;
use holdfast_vault::PortError;
use serde_json::{Value, json};

use crate::AwsCalls;

impl DropScratchBuckets for AwsCalls {
    async fn drop_scratch_bucket(&self, region: &Region, name: &str) -> Result<bool, PortError> {
        if !name.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!(
                "{name} is no scratch bucket: its name does not begin with {SCRATCH_PREFIX}"
            )));
        }
        let bucket = json!({ "Bucket": name });
        let page = match self.call_of::<ListObjectVersions>(region, bucket.clone()).await {
            Ok(page) => page,
            Err(PortError::NotFound(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        let versions = ["Version", "DeleteMarker"]
            .into_iter()
            .filter_map(|list| page[list].as_array());
        let versions: Vec<Value> = versions
            .flatten()
            .map(|version| json!({ "Key": version["Key"], "VersionId": version["VersionId"] }))
            .collect();
        if versions.is_empty() {
            return match self.call_of::<DeleteBucket>(region, bucket).await {
                Ok(_) | Err(PortError::NotFound(_)) => Ok(true),
                Err(error) => Err(error),
            };
        }
        let input = json!({ "Bucket": name, "Delete": { "Object": versions, "Quiet": "true" } });
        let answer = self.call_of::<DeleteObjects>(region, input).await?;
        // It answers with success and says what it did not do.
        match &answer["Error"] {
            Value::Null => Ok(false),
            refused => Err(PortError::Denied(format!(
                "removing what is in scratch bucket {name}: {refused}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reply, Server};

    const NAME: &str = "holdfast-scratch-0a1b";

    async fn dropped(replies: Vec<Reply>) -> (Result<bool, PortError>, Vec<(String, String)>) {
        let server = Server::replying(replies);
        let calls = AwsCalls::new(&server.aws(), "111122223333");
        let dropped = calls.drop_scratch_bucket(&"eu-central-1".parse().unwrap(), NAME).await;
        let asked = server.requests();
        let asked = asked.iter().map(|request| {
            (
                request.line.clone(),
                String::from_utf8_lossy(&request.body).into_owned(),
            )
        });
        (dropped, asked.collect())
    }

    #[tokio::test]
    async fn all_versions_go_and_the_markers_of_deleted_ones() {
        let versions = "<R><IsTruncated>true</IsTruncated><Version><Key>a&amp;b</Key><VersionId>1</VersionId></Version>\
            <DeleteMarker><Key>c</Key><VersionId>2</VersionId></DeleteMarker></R>";
        let (gone, asked) = dropped(vec![Reply::new(200, versions), Reply::new(200, "<DeleteResult/>")]).await;
        assert!(!gone.unwrap(), "there may be more");
        assert_eq!(asked[0].0, format!("GET /{NAME}?versions"));
        assert_eq!(asked[1].0, format!("POST /{NAME}?delete"));
        let objects = "<Object><Key>a&amp;b</Key><VersionId>1</VersionId></Object><Object><Key>c</Key><VersionId>2</VersionId></Object>";
        assert!(asked[1].1.contains(objects), "{}", asked[1].1);
    }

    #[tokio::test]
    async fn an_empty_one_goes_itself() {
        let (gone, asked) = dropped(vec![Reply::new(200, "<R/>"), Reply::new(204, "")]).await;
        assert!(gone.unwrap());
        assert_eq!(asked[1].0, format!("DELETE /{NAME}"));
    }

    #[tokio::test]
    async fn what_was_not_removed_is_an_error_although_the_answer_is_a_success() {
        let refused = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error></DeleteResult>";
        let versions = "<R><Version><Key>a</Key><VersionId>1</VersionId></Version></R>";
        let (gone, _) = dropped(vec![Reply::new(200, versions), Reply::new(200, refused)]).await;
        assert!(matches!(gone, Err(PortError::Denied(_))), "{gone:?}");
    }

    #[tokio::test]
    async fn no_other_name_is_ever_asked_for() {
        let server = Server::replying([]);
        let calls = AwsCalls::new(&server.aws(), "111122223333");
        let error = calls
            .drop_scratch_bucket(&"eu-central-1".parse().unwrap(), "photos")
            .await
            .unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{error}");
        assert!(server.requests().is_empty());
    }
}
