use holdfast_catalog::{Lock, LockMode, ObjectLock};
use holdfast_vault::PortError;
use holdfast_vault::port::{
    CopyObjects as _, DeleteObjects as _, LockObjects as _, ReadObjects as _, WriteObjects as _,
};
use holdfast_vault::replica::VaultLock;

use super::{HELLO, copied, head, hello, vault};
use crate::s3::S3Vault;
use crate::wire::{Reply, Server};

/// Manifests until May, packs until June 2027.
fn locking(server: &Server) -> S3Vault {
    vault(server).locking(Some(Lock {
        mode: LockMode::Governance,
        points_until: "2027-05-01T12:00:00.5Z".parse().unwrap(),
        contents_until: "2027-06-01T00:00:00Z".parse().unwrap(),
    }))
}

fn object_lock(until: &str) -> ObjectLock {
    ObjectLock {
        mode: LockMode::Governance,
        until: until.parse().unwrap(),
    }
}

/// A look at an object of version `v1`.
fn locked(reply: Reply, mode: &str, until: &str) -> Reply {
    reply
        .with("x-amz-object-lock-mode", mode)
        .with("x-amz-object-lock-retain-until-date", until)
}

fn look() -> Reply {
    head(5, None).with("x-amz-version-id", "v1")
}

fn protected() -> Reply {
    let words = "Access Denied because object protected by object lock.";
    Reply::s3_error(403, "AccessDenied", words)
}

#[tokio::test]
async fn what_is_written_carries_the_lock_that_belongs_on_its_key() {
    for (key, until) in [
        ("points/a.json", Some("2027-05-01T12:00:01Z")),
        ("packs/ab/a.idx", Some("2027-06-01T00:00:00Z")),
        ("facts/a.json", None),
    ] {
        let server = Server::replying(vec![Reply::new(200, ""); 2]);
        let vault = locking(&server);
        vault.create(key, hello()).await.unwrap();
        vault.overwrite(key, hello()).await.unwrap();
        for request in server.requests() {
            assert_eq!(request.header("x-amz-object-lock-mode"), until.map(|_| "GOVERNANCE"));
            assert_eq!(request.header("x-amz-object-lock-retain-until-date"), until, "{key}");
        }
    }
    let server = Server::replying([Reply::new(200, "")]);
    vault(&server).create("packs/ab/a.idx", hello()).await.unwrap();
    assert_eq!(server.requests()[0].header("x-amz-object-lock-mode"), None);
}

#[tokio::test]
async fn a_copy_carries_its_lock_and_tells_of_it() {
    let until = "2027-06-01T00:00:00Z";
    let copy = locked(head(5, Some(HELLO)), "GOVERNANCE", until);
    let server = Server::replying([head(5, Some(HELLO)), copied(), copy]);
    let info = locking(&server).copy_from("home", "packs/a").await.unwrap();
    assert_eq!(info.locked_until, Some(until.parse().unwrap()));
    let request = server.requests().remove(1);
    assert_eq!(request.header("x-amz-object-lock-mode"), Some("GOVERNANCE"));
    assert_eq!(request.header("x-amz-object-lock-retain-until-date"), Some(until));
}

#[tokio::test]
async fn a_bucket_that_cannot_lock_is_invalid() {
    let refusal = || Reply::s3_error(400, "InvalidRequest", "Bucket is missing ObjectLockConfiguration");
    let server = Server::replying([refusal(), look(), refusal()]);
    let vault = locking(&server);
    let created = vault.create("packs/a", hello()).await;
    assert!(matches!(created, Err(PortError::Invalid(_))), "{created:?}");
    let extended = vault.extend_lock("packs/a").await;
    assert!(matches!(extended, Err(PortError::Invalid(_))), "{extended:?}");
}

#[tokio::test]
async fn a_look_tells_until_when_an_object_is_locked() {
    let server = Server::replying([
        locked(head(5, None), "COMPLIANCE", "2027-06-01T00:00:00.000Z"),
        head(5, None),
    ]);
    let vault = vault(&server);
    let until = "2027-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(vault.head("a").await.unwrap().locked_until, Some(until));
    assert_eq!(vault.head("a").await.unwrap().locked_until, None);
}

#[tokio::test]
async fn a_lock_that_is_missing_or_shorter_is_put_on_the_version_that_was_looked_at() {
    for found in [look(), locked(look(), "GOVERNANCE", "2027-05-31T23:59:59Z")] {
        let server = Server::replying([found, Reply::new(200, "")]);
        let lock = locking(&server).extend_lock("packs/a").await.unwrap();
        assert_eq!(lock, Some(object_lock("2027-06-01T00:00:00Z")));
        let request = server.requests().remove(1);
        assert_eq!(request.line.split('?').next(), Some("PUT /vault/packs/a"));
        assert!(
            request.has_query("retention") && request.has_query("versionId=v1"),
            "{}",
            request.line
        );
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(body.contains("<Mode>GOVERNANCE</Mode>"), "{body}");
        assert!(
            body.contains("<RetainUntilDate>2027-06-01T00:00:00Z</RetainUntilDate>"),
            "{body}"
        );
        assert_eq!(request.header("x-amz-bypass-governance-retention"), None);
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("111122223333"));
    }
}

#[tokio::test]
async fn a_lock_that_is_enough_or_in_another_mode_is_left_as_it_is() {
    for (mode, until) in [
        ("GOVERNANCE", "2027-06-01T00:00:00Z"),
        ("COMPLIANCE", "2027-06-02T00:00:00Z"),
    ] {
        let server = Server::replying([locked(look(), mode, until)]);
        let lock = locking(&server).extend_lock("packs/a").await.unwrap().unwrap();
        assert_eq!(lock.until, until.parse().unwrap());
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::replying([locked(look(), "COMPLIANCE", "2027-05-01T00:00:00Z")]);
    let refused = locking(&server).extend_lock("packs/a").await;
    assert!(matches!(refused, Err(PortError::Locked(_))), "{refused:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn who_finds_a_lock_made_longer_meanwhile_has_what_it_wanted() {
    let longer = locked(look(), "GOVERNANCE", "2027-07-01T00:00:00Z");
    let server = Server::replying([look(), protected(), longer]);
    let lock = locking(&server).extend_lock("packs/a").await.unwrap();
    assert_eq!(lock, Some(object_lock("2027-07-01T00:00:00Z")));

    let server = Server::replying([look(), protected(), look()]);
    let refused = locking(&server).extend_lock("packs/a").await;
    assert!(matches!(refused, Err(PortError::Locked(_))), "{refused:?}");
}

#[tokio::test]
async fn where_nothing_is_to_be_locked_no_request_is_made_and_what_is_missing_is_not_found() {
    let server = Server::replying([Reply::new(404, "")]);
    assert_eq!(vault(&server).extend_lock("packs/a").await, Ok(None));
    assert_eq!(locking(&server).extend_lock("facts/a").await, Ok(None));
    assert_eq!(server.requests().len(), 0);
    let missing = locking(&server).extend_lock("packs/a").await;
    assert!(matches!(missing, Err(PortError::NotFound(_))), "{missing:?}");
}

#[tokio::test]
async fn a_bucket_says_whether_it_can_lock() {
    let enabled = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>";
    let server = Server::replying([
        Reply::new(200, enabled),
        Reply::s3_error(404, "ObjectLockConfigurationNotFoundError", "there is none"),
        Reply::s3_error(404, "NoSuchBucket", "gone"),
    ]);
    let vault = vault(&server);
    assert_eq!(vault.vault_lock().await, Ok(VaultLock::Enabled));
    assert_eq!(vault.vault_lock().await, Ok(VaultLock::Off));
    assert!(matches!(vault.vault_lock().await, Err(PortError::NotFound(_))));
    assert!(server.requests()[0].has_query("object-lock"));
}

#[tokio::test]
async fn a_refusal_to_remove_says_until_when_where_that_can_be_read() {
    let retention =
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2027-06-01T00:00:00Z</RetainUntilDate></Retention>";
    for (answer, words) in [
        (
            Reply::new(200, retention),
            "until 2027-06-01T00:00:00Z in governance mode: removing",
        ),
        (
            Reply::s3_error(403, "AccessDenied", "not authorized"),
            "removing version",
        ),
    ] {
        let server = Server::replying([protected(), answer]);
        let refused = vault(&server).delete_version("packs/a", "v1").await;
        assert!(
            matches!(&refused, Err(PortError::Locked(why)) if why.starts_with(words)),
            "{refused:?}"
        );
        let request = server.requests().remove(1);
        assert!(
            request.has_query("retention") && request.has_query("versionId=v1"),
            "{}",
            request.line
        );
    }
}
