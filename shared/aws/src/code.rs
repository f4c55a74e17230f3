//! Downloads from presigned addresses.

use std::time::Duration;

use aws_sdk_s3::config::SharedAsyncSleep;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use holdfast_vault::PortError;

use crate::Aws;
use crate::pause::pause;

/// How long the next bytes of a body may take to come. A whole code archive arrives in seconds; this catches a connection that
/// died without saying so.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Plain GETs, over the same kind of connection as the SDK's calls.
#[derive(Debug, Clone)]
pub struct HttpGet {
    connector: SharedHttpConnector,
    timer: Option<SharedAsyncSleep>,
}

impl HttpGet {
    /// Made once in init.
    pub fn new(aws: &Aws) -> Self {
        HttpGet {
            connector: aws.connector(),
            timer: aws.timer(),
        }
    }

    /// The body at `url`, which may be `max_bytes` long. One try: a presigned address is short-lived, and who asks again should
    /// ask for a new one.
    ///
    /// # Errors
    /// `NotFound` (404), `Denied` (403: expired), `Throttled` (429, 503), `Unavailable` (other 5xx, no answer, broken off),
    /// `Invalid` (any other answer, a body that is too long, no address). No message holds the address's query: it is a
    /// credential.
    pub async fn get(&self, url: &str, max_bytes: u64) -> Result<Bytes, PortError> {
        // What stands before the query is no secret.
        let doing = format!("downloading {}", url.split(['?', '#']).next().unwrap_or_default());
        let request = HttpRequest::get(url).map_err(|_| PortError::Invalid(format!("{doing}: not an address")))?;
        let response =
            self.connector.call(request).await.map_err(|error| {
                PortError::Unavailable(format!("{doing}: {}", without_query(&error.to_string(), url)))
            })?;
        refuse(response.status().as_u16(), &doing)?;
        let length = response.headers().get("content-length");
        let length: Option<u64> = length.and_then(|length| length.parse().ok());
        let too_long = || PortError::Invalid(format!("{doing}: the body is longer than {max_bytes} bytes"));
        if length.is_some_and(|length| length > max_bytes) {
            return Err(too_long());
        }
        let mut body = ByteStream::new(response.into_body());
        let mut bytes = BytesMut::new();
        while let Some(piece) = self.next(&mut body, &doing).await? {
            if (bytes.len() + piece.len()) as u64 > max_bytes {
                return Err(too_long());
            }
            bytes.extend_from_slice(&piece);
        }
        if length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(PortError::Unavailable(format!(
                "{doing}: broke off after {} bytes",
                bytes.len()
            )));
        }
        Ok(bytes.freeze())
    }

    async fn next(&self, body: &mut ByteStream, doing: &str) -> Result<Option<Bytes>, PortError> {
        let piece = std::pin::pin!(body.next());
        let result = if self.timer.is_some() {
            let timeout = std::pin::pin!(pause(self.timer.clone(), STALL_TIMEOUT));
            match select(piece, timeout).await {
                Either::Left((piece, _)) => piece,
                Either::Right(_) => return Err(PortError::Unavailable(format!("{doing}: no more bytes come"))),
            }
        } else {
            piece.await
        };
        result
            .transpose()
            .map_err(|error| PortError::Unavailable(format!("{doing}: {error}")))
    }
}

fn refuse(status: u16, doing: &str) -> Result<(), PortError> {
    let message = format!("{doing}: HTTP {status}");
    match status {
        200 => Ok(()),
        404 | 410 => Err(PortError::NotFound(message)),
        401 | 403 => Err(PortError::Denied(message)),
        429 | 503 => Err(PortError::Throttled(message)),
        500.. => Err(PortError::Unavailable(message)),
        _ => Err(PortError::Invalid(message)),
    }
}

/// A library's words, should they hold the address.
fn without_query(words: &str, url: &str) -> String {
    match url.split_once('?') {
        Some((_, query)) if !query.is_empty() => words.replace(query, "…"),
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reply, Server};

    async fn get(reply: Reply, max_bytes: u64) -> Result<Bytes, PortError> {
        let server = Server::replying([reply]);
        let url = format!("{}/code.zip?X-Amz-Signature=topsecret", server.url());
        HttpGet::new(&server.aws()).get(&url, max_bytes).await
    }

    #[tokio::test]
    async fn a_body_comes_whole_or_not_at_all() {
        assert_eq!(
            get(Reply::new(200, "hello"), 5).await.unwrap(),
            Bytes::from_static(b"hello")
        );
        assert_eq!(get(Reply::new(200, ""), 0).await.unwrap(), Bytes::new());
        let cut = get(Reply::new(200, "hello").cut(3), 5).await.unwrap_err();
        assert!(matches!(cut, PortError::Unavailable(_)), "{cut}");
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused_told_or_untold() {
        let told = get(Reply::new(200, "hello"), 4).await.unwrap_err();
        assert!(matches!(told, PortError::Invalid(_)), "{told}");
        let chunked = Reply::new(200, "5\r\nhello\r\n0\r\n\r\n").with("transfer-encoding", "chunked");
        let untold = get(chunked, 4).await.unwrap_err();
        assert!(matches!(untold, PortError::Invalid(_)), "{untold}");
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_do_and_keeps_the_secret() {
        for (status, expected) in [
            (403, "denied"),
            (404, "not found"),
            (429, "throttled"),
            (503, "throttled"),
            (500, "unavailable"),
            (302, "invalid"),
        ] {
            let text = get(Reply::new(status, "topsecret"), 5).await.unwrap_err().to_string();
            assert!(text.starts_with(expected), "{text}");
            assert!(!text.contains("topsecret"), "{text}");
        }
        let aws = Server::replying([]).aws();
        for url in ["http://127.0.0.1:1/a?X-Amz-Signature=topsecret", "::?topsecret", ""] {
            let text = HttpGet::new(&aws).get(url, 5).await.unwrap_err().to_string();
            assert!(!text.contains("topsecret"), "{text}");
        }
    }
}
