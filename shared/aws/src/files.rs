//! Removing scratch file systems, with what is in them.

use holdfast_catalog::Region;
use holdfast_sources::call::efs::{DeleteFileSystem, TagResource};
use holdfast_sources::dynamodb::port::SCRATCH_PREFIX;
use holdfast_sources::efs;
use holdfast_sources::efs::port::DropScratchFileSystems;
use holdfast_vault::PortError;
use serde_json::json;

use crate::AwsCalls;

impl DropScratchFileSystems for AwsCalls {
    async fn drop_scratch_file_system(&self, region: &Region, id: &str) -> Result<(), PortError> {
        let Some(found) = efs::find(self, region, id).await? else {
            return Ok(());
        };
        let token = found["CreationToken"].as_str().unwrap_or_default();
        if !token.starts_with(SCRATCH_PREFIX) {
            return Err(PortError::Invalid(format!(
                "{id} is no scratch file system: its creation token does not begin with {SCRATCH_PREFIX}"
            )));
        }
        let tags = found["Tags"].as_array().into_iter().flatten();
        if !tags.into_iter().any(|tag| tag["Key"] == "Name") {
            let input = json!({ "ResourceId": id, "Tags": [{ "Key": "Name", "Value": token }] });
            self.call_of::<TagResource>(region, input).await?;
        }
        match self
            .call_of::<DeleteFileSystem>(region, json!({ "FileSystemId": id }))
            .await
        {
            Ok(_) | Err(PortError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_sources::call::efs::CreateMountTarget;

    use super::*;
    use crate::wire::{Reply, Server};

    const ID: &str = "fs-0123456789abcdef0";

    async fn dropped(replies: Vec<Reply>) -> (Result<(), PortError>, Vec<String>) {
        let server = Server::replying(replies);
        let calls = AwsCalls::new(&server.aws(), "111122223333");
        let dropped = calls
            .drop_scratch_file_system(&"eu-central-1".parse().unwrap(), ID)
            .await;
        let asked = server.requests();
        (dropped, asked.iter().map(|request| request.line.clone()).collect())
    }

    /// As EFS answers DescribeFileSystems.
    fn described(token: &str, tags: &str) -> Reply {
        let arn = format!("arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/{ID}");
        Reply::new(
            200,
            &format!(
                r#"{{"FileSystems": [{{"OwnerId": "111122223333", "CreationToken": "{token}", "FileSystemId": "{ID}",
                "FileSystemArn": "{arn}", "CreationTime": 1763694000.0, "LifeCycleState": "available", "NumberOfMountTargets": 0,
                "SizeInBytes": {{"Value": 6144, "ValueInIA": 0, "ValueInStandard": 6144}}, "PerformanceMode": "generalPurpose",
                "Encrypted": true, "ThroughputMode": "bursting", "Tags": {tags}}}]}}"#
            ),
        )
    }

    #[tokio::test]
    async fn a_scratch_file_system_is_named_as_such_and_removed() {
        let replies = vec![
            described("holdfast-scratch-0a1b-2c", "[]"),
            Reply::new(200, "{}"),
            Reply::new(204, ""),
        ];
        let (gone, asked) = dropped(replies).await;
        gone.unwrap();
        assert_eq!(
            asked,
            [
                format!("GET /2015-02-01/file-systems?FileSystemId={ID}"),
                format!("POST /2015-02-01/resource-tags/{ID}"),
                format!("DELETE /2015-02-01/file-systems/{ID}"),
            ]
        );
    }

    #[tokio::test]
    async fn one_that_is_named_already_is_removed() {
        let tags = r#"[{"Key": "Name", "Value": "holdfast-scratch-0a1b-2c"}]"#;
        let replies = vec![described("holdfast-scratch-0a1b-2c", tags), Reply::new(204, "")];
        let (gone, asked) = dropped(replies).await;
        assert_eq!((gone.is_ok(), asked.len()), (true, 2));
    }

    #[tokio::test]
    async fn one_that_is_gone_is_no_error() {
        let missing = Reply::new(404, r#"{"ErrorCode": "FileSystemNotFound", "Message": "none"}"#)
            .with("x-amzn-errortype", "FileSystemNotFound");
        let (gone, asked) = dropped(vec![missing]).await;
        assert_eq!((gone.is_ok(), asked.len()), (true, 1));
    }

    #[tokio::test]
    async fn no_other_file_system_is_ever_removed_whatever_it_is_called() {
        let tags = r#"[{"Key": "Name", "Value": "holdfast-scratch-0a1b"}]"#;
        let (gone, asked) = dropped(vec![described("console-1234", tags)]).await;
        assert!(matches!(gone, Err(PortError::Invalid(_))), "{gone:?}");
        assert_eq!(asked.len(), 1);
    }

    /// Codes and statuses are those of EFS's published model.
    #[tokio::test]
    async fn what_efs_refuses_says_what_to_do_next() {
        for (status, code, expected) in [
            (
                404,
                "FileSystemNotFound",
                PortError::NotFound as fn(String) -> PortError,
            ),
            (409, "AccessPointAlreadyExists", PortError::AlreadyExists),
            (409, "IpAddressInUse", PortError::AlreadyExists),
            (409, "IncorrectFileSystemLifeCycleState", PortError::Conflict),
            (409, "MountTargetConflict", PortError::Invalid),
            (409, "NoFreeAddressesInSubnet", PortError::Invalid),
            (403, "AccessPointLimitExceeded", PortError::Invalid),
            (400, "SubnetNotFound", PortError::Invalid),
        ] {
            let body = format!(r#"{{"ErrorCode": "{code}", "Message": "no"}}"#);
            let server = Server::replying([Reply::new(status, &body).with("x-amzn-errortype", code)]);
            let calls = AwsCalls::new(&server.aws(), "111122223333");
            let region = "eu-central-1".parse().unwrap();
            let answer = calls
                .call_of::<CreateMountTarget>(&region, json!({ "FileSystemId": ID }))
                .await;
            let expected = std::mem::discriminant(&expected(String::new()));
            assert_eq!(
                answer.as_ref().err().map(std::mem::discriminant),
                Some(expected),
                "{code}: {answer:?}"
            );
        }
    }
}
