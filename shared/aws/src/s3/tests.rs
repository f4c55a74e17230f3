mod locks;

use bytes::Bytes;
use holdfast_vault::PortError;
use holdfast_vault::port::{
    CopyObjects as _, Created, DeleteObjects as _, ListObjects as _, ReadObjects as _, WriteObjects as _,
};

use super::{PROBE, S3Vault};
use crate::wire::{ATTEMPTS, Reply, Server};

const KEY_ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1";
/// SHA-256 of `hello`, in base64.
const HELLO: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
/// SHA-256 of something else.
const OTHER: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

fn vault(server: &Server) -> S3Vault {
    let region = "eu-central-1".parse().unwrap();
    S3Vault::new(&server.aws(), &region, "vault")
        .encrypted_with(KEY_ARN)
        .owned_by("111122223333")
}

fn hello() -> Bytes {
    Bytes::from_static(b"hello")
}

fn object(body: &str) -> Reply {
    Reply::new(200, body).with("last-modified", "Sun, 01 Mar 2026 00:00:00 GMT")
}

fn head(bytes: u64, checksum: Option<&str>) -> Reply {
    let reply = object("")
        .with("content-length", &bytes.to_string())
        .with("etag", "\"tag\"");
    match checksum {
        Some(checksum) => reply.with("x-amz-checksum-sha256", checksum),
        None => reply,
    }
}

fn conflict() -> Reply {
    Reply::s3_error(409, "ConditionalRequestConflict", "another write is under way")
}

fn precondition_failed() -> Reply {
    Reply::s3_error(412, "PreconditionFailed", "it is there")
}

#[tokio::test]
async fn a_create_carries_checksum_encryption_owner_and_condition() {
    let server = Server::replying([Reply::new(200, "")]);
    assert_eq!(vault(&server).create("a/b c", hello()).await.unwrap(), Created::New);
    let request = server.requests().remove(0);
    assert_eq!(request.line.split('?').next(), Some("PUT /vault/a/b%20c"));
    assert_eq!(request.body, b"hello");
    for (name, value) in [
        ("if-none-match", "*"),
        ("x-amz-checksum-sha256", HELLO),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", KEY_ARN),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ("x-amz-expected-bucket-owner", "111122223333"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let signed = request.header("authorization").unwrap();
    assert!(
        signed.contains("x-amz-checksum-sha256"),
        "the checksum is under the signature"
    );
}

#[tokio::test]
async fn an_overwrite_has_no_condition() {
    let server = Server::replying([Reply::new(200, "")]);
    vault(&server).overwrite("a", hello()).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.header("if-none-match"), None);
    assert_eq!(request.header("x-amz-checksum-sha256"), Some(HELLO));
}

#[tokio::test]
async fn a_failed_precondition_means_it_existed() {
    let server = Server::replying([precondition_failed()]);
    assert_eq!(vault(&server).create("a", hello()).await.unwrap(), Created::Existed);
}

#[tokio::test]
async fn a_conflict_is_tried_again_until_it_is_known_who_won() {
    for (last, expected) in [
        (Reply::new(200, ""), Created::New),
        (precondition_failed(), Created::Existed),
    ] {
        let server = Server::replying([conflict(), conflict(), last]);
        assert_eq!(vault(&server).create("a", hello()).await.unwrap(), expected);
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_conflict_that_lasts_is_a_conflict_and_not_existed() {
    let server = Server::replying(vec![conflict(); 10]);
    let error = vault(&server).create("a", hello()).await.unwrap_err();
    assert!(matches!(error, PortError::Conflict(_)), "{error}");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_lost_answer_followed_by_a_failed_precondition_means_it_existed() {
    let server = Server::replying([Reply::silence(), precondition_failed()]);
    assert_eq!(vault(&server).create("a", hello()).await.unwrap(), Created::Existed);
}

#[tokio::test]
async fn no_answer_at_all_means_unavailable() {
    let server = Server::replying(vec![Reply::silence(); ATTEMPTS]);
    let error = vault(&server).create("a", hello()).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)), "{error}");
    assert_eq!(server.requests().len(), ATTEMPTS);
}

#[tokio::test]
async fn a_store_that_wants_less_speed_is_tried_again_and_then_said_so() {
    let server = Server::replying(vec![Reply::s3_error(503, "SlowDown", "reduce your rate"); ATTEMPTS]);
    let error = vault(&server).overwrite("a", hello()).await.unwrap_err();
    assert_eq!(
        error,
        PortError::Throttled("writing s3://vault/a: SlowDown: reduce your rate".to_owned())
    );
    assert_eq!(server.requests().len(), ATTEMPTS);
}

#[tokio::test]
async fn bytes_that_do_not_match_their_checksum_are_fetched_again_and_then_corrupt() {
    let damaged = || object("jello").with("x-amz-checksum-sha256", HELLO);
    let whole = || object("hello").with("x-amz-checksum-sha256", HELLO);
    let server = Server::replying([damaged(), whole()]);
    assert_eq!(vault(&server).get("a").await.unwrap(), hello());
    assert_eq!(server.requests()[0].header("x-amz-checksum-mode"), Some("ENABLED"));

    let server = Server::replying(vec![damaged(); 5]);
    let error = vault(&server).get("a").await.unwrap_err();
    assert!(matches!(error, PortError::Corrupt(_)), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_fetched_again_and_then_unavailable() {
    let server = Server::replying([object("hello").cut(2), object("hello")]);
    assert_eq!(vault(&server).get("a").await.unwrap(), hello());
    let server = Server::replying(vec![object("hello").cut(2); 5]);
    let error = vault(&server).get("a").await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_range_is_not_held_against_the_whole_objects_checksum() {
    let part = object("ell")
        .with("content-range", "bytes 1-3/5")
        .with("x-amz-checksum-sha256", HELLO);
    let server = Server::replying([part]);
    assert_eq!(
        vault(&server).get_range("a", 1, 3).await.unwrap(),
        Bytes::from_static(b"ell")
    );
    assert_eq!(server.requests()[0].header("range"), Some("bytes=1-3"));
}

#[tokio::test]
async fn a_range_past_the_end_is_empty_and_an_ignored_one_is_cut_here() {
    let server = Server::replying([Reply::s3_error(416, "InvalidRange", "not satisfiable"), object("hello")]);
    let vault = vault(&server);
    assert_eq!(vault.get_range("a", 5, 1).await.unwrap(), Bytes::new());
    assert_eq!(vault.get_range("a", 3, 9).await.unwrap(), Bytes::from_static(b"lo"));
}

fn listing(keys: &[&str], is_truncated: bool, token: Option<&str>) -> Reply {
    let contents = keys.iter().map(|key| {
        format!(
            "<Contents><Key>{key}</Key><Size>5</Size><LastModified>2026-03-01T00:00:00.123Z</LastModified></Contents>"
        )
    });
    let token = token.map(|token| format!("<NextContinuationToken>{token}</NextContinuationToken>"));
    Reply::new(
        200,
        &format!(
            "<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{}{}</ListBucketResult>",
            token.unwrap_or_default(),
            contents.collect::<String>()
        ),
    )
}

#[tokio::test]
async fn an_empty_page_that_is_not_the_last_is_passed_over() {
    let server = Server::replying([
        listing(&[], true, Some("one")),
        listing(&[], true, Some("two")),
        listing(&["p/b", "p/c"], true, Some("three")),
        listing(&[], false, None),
    ]);
    let vault = vault(&server);
    let page = vault.list("p/", Some("p/a")).await.unwrap();
    assert_eq!(
        page.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(),
        ["p/b", "p/c"]
    );
    assert_eq!(page[0].bytes, 5);
    assert_eq!(page[0].modified_at.to_string(), "2026-03-01T00:00:00.123Z");
    let requests = server.requests();
    assert!(requests[0].has_query("start-after=p%2Fa") && requests[0].has_query("prefix=p%2F"));
    assert!(requests[1].has_query("continuation-token=one") && requests[2].has_query("continuation-token=two"));
    assert_eq!(vault.list("p/", Some("p/c")).await.unwrap(), []);
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_no_end() {
    let server = Server::replying([listing(&[], true, None)]);
    let error = vault(&server).list("p/", None).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)), "{error}");
}

fn versions(entries: &[(&str, &str, &str, bool, u32)], last: Option<(&str, &str)>, is_truncated: bool) -> Reply {
    let entry = |(tag, key, id, is_latest, second): &(&str, &str, &str, bool, u32)| {
        format!(
            "<{tag}><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{is_latest}</IsLatest><Size>5</Size>\
             <LastModified>2026-03-01T00:00:{second:02}.000Z</LastModified></{tag}>"
        )
    };
    let last = last.map(|(key, id)| {
        format!("<NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{id}</NextVersionIdMarker>")
    });
    Reply::new(
        200,
        &format!(
            "<ListVersionsResult><IsTruncated>{is_truncated}</IsTruncated>{}{}</ListVersionsResult>",
            last.unwrap_or_default(),
            entries.iter().map(entry).collect::<String>()
        ),
    )
}

#[tokio::test]
async fn versions_and_delete_markers_come_in_one_order_that_ends_where_the_store_says() {
    let page = versions(
        &[
            ("Version", "a", "a2", false, 9),
            ("DeleteMarker", "a", "a3", true, 9),
            ("Version", "a", "a1", false, 5),
            // Three with one time, of which the store says that the first is the page's last.
            ("Version", "b", "b1", false, 7),
            ("DeleteMarker", "b", "b2", false, 7),
            ("Version", "b", "b3", true, 7),
        ],
        Some(("b", "b1")),
        true,
    );
    let server = Server::replying([versions(&[], Some(("a", "a9")), true), page]);
    let found = vault(&server).list_versions("", Some(("0", "v"))).await.unwrap();
    let ids: Vec<_> = found.iter().map(|v| v.version.as_str()).collect();
    assert_eq!(ids, ["a3", "a2", "a1", "b3", "b2", "b1"]);
    let markers: Vec<_> = found
        .iter()
        .filter(|v| v.is_delete_marker)
        .map(|v| v.version.as_str())
        .collect();
    assert_eq!(markers, ["a3", "b2"]);
    let requests = server.requests();
    assert!(requests[0].has_query("key-marker=0") && requests[0].has_query("version-id-marker=v"));
    assert!(requests[1].has_query("key-marker=a") && requests[1].has_query("version-id-marker=a9"));
}

#[tokio::test]
async fn a_listing_behind_a_whole_key_names_no_version() {
    let server = Server::replying([versions(&[], None, false)]);
    vault(&server).list_versions("", Some(("a", ""))).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].has_query("key-marker=a"), "{}", requests[0].line);
    assert!(!requests[0].line.contains("version-id-marker"), "{}", requests[0].line);
}

#[tokio::test]
async fn a_locked_version_is_locked_and_a_forbidden_removal_denied() {
    let server = Server::replying([
        Reply::s3_error(
            403,
            "AccessDenied",
            "Access Denied because object protected by object lock.",
        ),
        Reply::s3_error(404, "NoSuchObjectLockConfiguration", "a hold, no retention"),
        Reply::s3_error(
            403,
            "AccessDenied",
            "User is not authorized to perform: s3:DeleteObjectVersion",
        ),
        Reply::s3_error(404, "NoSuchVersion", "gone"),
        Reply::s3_error(404, "NoSuchBucket", "gone"),
        Reply::new(204, ""),
    ]);
    let vault = vault(&server);
    let remove = async || vault.delete_version("a", "v").await;
    assert!(matches!(remove().await, Err(PortError::Locked(_))));
    assert!(matches!(remove().await, Err(PortError::Denied(_))));
    assert_eq!(remove().await, Ok(()));
    assert!(matches!(remove().await, Err(PortError::NotFound(_))));
    assert_eq!(remove().await, Ok(()));
    let request = server.requests().remove(0);
    assert!(request.has_query("versionId=v"));
    assert_eq!(request.header("x-amz-bypass-governance-retention"), None);
}

fn copied() -> Reply {
    Reply::new(200, "<CopyObjectResult><ETag>\"tag\"</ETag></CopyObjectResult>")
}

#[tokio::test]
async fn a_copy_with_the_same_length_and_checksum_is_believed() {
    let server = Server::replying([head(5, Some(HELLO)), copied(), head(5, Some(HELLO))]);
    let info = vault(&server).copy_from("home", "a b").await.unwrap();
    assert_eq!((info.key.as_str(), info.bytes), ("a b", 5));
    assert_eq!(
        server.lines(),
        ["HEAD /home/a%20b", "PUT /vault/a%20b", "HEAD /vault/a%20b"]
    );
    let request = server.requests().remove(1);
    for (name, value) in [
        ("x-amz-copy-source", "home/a%20b"),
        ("x-amz-copy-source-if-match", "\"tag\""),
        ("x-amz-checksum-algorithm", "SHA256"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", KEY_ARN),
        ("x-amz-source-expected-bucket-owner", "111122223333"),
        ("x-amz-expected-bucket-owner", "111122223333"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_copy_into_another_account_names_the_owner_of_each_bucket() {
    let server = Server::replying([head(5, Some(HELLO)), copied(), head(5, Some(HELLO))]);
    let elsewhere = vault(&server).owned_by("222233334444").source_owned_by("111122223333");
    elsewhere.copy_from("home", "a").await.unwrap();
    let owners: Vec<(Option<String>, Option<String>)> = server
        .requests()
        .iter()
        .map(|request| {
            let header = |name: &str| request.header(name).map(str::to_owned);
            (
                header("x-amz-source-expected-bucket-owner"),
                header("x-amz-expected-bucket-owner"),
            )
        })
        .collect();
    let (ours, theirs) = (Some("111122223333".to_owned()), Some("222233334444".to_owned()));
    assert_eq!(owners, [(None, ours.clone()), (ours, theirs.clone()), (None, theirs)]);
}

#[tokio::test]
async fn a_copy_that_differs_is_corrupt() {
    for copy in [head(4, Some(HELLO)), head(5, Some(OTHER))] {
        let server = Server::replying([head(5, Some(HELLO)), copied(), copy]);
        let error = vault(&server).copy_from("home", "a").await.unwrap_err();
        assert!(matches!(error, PortError::Corrupt(_)), "{error}");
    }
}

#[tokio::test]
async fn a_copy_without_a_checksum_of_its_own_is_read_back() {
    let composite = format!("{HELLO}-2");
    for (source, copy) in [
        (None, Some(HELLO)),
        (Some(HELLO), None),
        (None, None),
        (Some(composite.as_str()), Some(composite.as_str())),
    ] {
        for (bytes, is_same) in [("hello", true), ("jello", false)] {
            let replies = [head(5, source), copied(), head(5, copy), object("hello"), object(bytes)];
            let server = Server::replying(replies);
            let result = vault(&server).copy_from("home", "a").await;
            assert_eq!(result.is_ok(), is_same, "{result:?}");
            assert!(is_same || matches!(result, Err(PortError::Corrupt(_))), "{result:?}");
            assert_eq!(server.lines()[3..], ["GET /home/a", "GET /vault/a"]);
        }
    }
}

#[tokio::test]
async fn an_error_inside_a_success_is_an_error() {
    let error = || Reply::s3_error(200, "InternalError", "try again");
    let server = Server::replying([head(5, Some(HELLO)), error(), error()]);
    let result = vault(&server).copy_from("home", "a").await;
    assert!(matches!(result, Err(PortError::Unavailable(_))), "{result:?}");

    let server = Server::replying([head(5, Some(HELLO)), error(), copied(), head(5, Some(HELLO))]);
    assert!(vault(&server).copy_from("home", "a").await.is_ok());
}

#[tokio::test]
async fn a_source_that_changes_under_a_copy_is_a_conflict_and_a_missing_one_not_found() {
    let server = Server::replying([head(5, Some(HELLO)), precondition_failed()]);
    let error = vault(&server).copy_from("home", "a").await.unwrap_err();
    assert!(matches!(error, PortError::Conflict(_)), "{error}");

    let server = Server::replying([Reply::new(404, "")]);
    let error = vault(&server).copy_from("home", "a").await.unwrap_err();
    assert!(matches!(error, PortError::NotFound(_)), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_object_too_long_for_one_copy_is_refused_before_it_is_copied() {
    let server = Server::replying([head((5 << 30) + 1, Some(HELLO))]);
    let error = vault(&server).copy_from("home", "a").await.unwrap_err();
    assert!(matches!(error, PortError::Invalid(_)), "{error}");
}

#[tokio::test]
async fn a_store_that_ignores_the_condition_is_found_out() {
    let missing = || Reply::new(404, "");
    let written = || Reply::new(200, "");
    let server = Server::replying([missing(), written(), written()]);
    let error = vault(&server).probe_create().await.unwrap_err();
    assert!(matches!(error, PortError::Invalid(_)), "{error}");

    let server = Server::replying([missing(), written(), precondition_failed()]);
    vault(&server).probe_create().await.unwrap();
    assert_eq!(server.lines()[1..], vec![format!("PUT /vault/{PROBE}"); 2]);

    let server = Server::replying([head(5, None)]);
    vault(&server).probe_create().await.unwrap();
    assert_eq!(server.requests().len(), 1, "a store that was tried is not tried again");
}
