//! The work queue in SQS.

use aws_sdk_sqs::Client;
use futures::{StreamExt as _, stream};
use holdfast_catalog::Region;
use holdfast_vault::PortError;
use holdfast_vault::signal::SendWork;

use crate::Aws;
use crate::batch::MAX_BYTES;
use crate::error::port_error;

/// Messages under way at once. A run sends tens of them, each about 10 ms.
const SENDS_AT_ONCE: usize = 8;
/// SQS's longest delay.
const MAX_DELAY_SECONDS: u32 = 900;

/// A queue.
///
/// Messages go out one a call: a batch would save a fraction of a cent a million, and for that add answers that fail in part.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue of that URL, in a region.
    pub fn new(aws: &Aws, region: &Region, url: &str) -> Self {
        SqsQueue {
            client: aws.sqs(region),
            url: url.to_owned(),
        }
    }

    async fn send_one(&self, body: String, delay_seconds: i32) -> Result<(), PortError> {
        let result = self
            .client
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .delay_seconds(delay_seconds)
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) => Err(port_error(&error, &format!("sending to {}", self.url))),
        }
    }
}

impl SendWork for SqsQueue {
    async fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> Result<(), PortError> {
        let invalid = |why: String| PortError::Invalid(format!("sending to {}: {why}", self.url));
        if delay_seconds > MAX_DELAY_SECONDS {
            return Err(invalid(format!(
                "a delay of {delay_seconds} s is more than {MAX_DELAY_SECONDS} s"
            )));
        }
        let delay = i32::try_from(delay_seconds).map_err(|error| invalid(error.to_string()))?;
        if let Some(long) = bodies.iter().find(|body| body.len() > MAX_BYTES) {
            return Err(invalid(format!(
                "a message of {} bytes is more than {MAX_BYTES}",
                long.len()
            )));
        }
        let sends = bodies.into_iter().map(|body| self.send_one(body, delay));
        let results: Vec<_> = stream::iter(sends).buffer_unordered(SENDS_AT_ONCE).collect().await;
        results.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wire::{Reply, Server};

    fn queue(server: &Server) -> SqsQueue {
        let region = "eu-central-1".parse().unwrap();
        SqsQueue::new(&server.aws(), &region, &format!("{}/1/work", server.url()))
    }

    #[tokio::test]
    async fn every_body_is_sent_once_with_its_delay() {
        let server = Server::answering(|_| Some(Reply::new(200, r#"{"MessageId": "m"}"#)));
        let bodies: Vec<String> = (0..23).map(|n| format!("task {n}")).collect();
        queue(&server).send(bodies.clone(), 30).await.unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 23);
        let sent: Vec<serde_json::Value> = requests
            .iter()
            .map(|r| serde_json::from_slice(&r.body).unwrap())
            .collect();
        assert!(sent.iter().all(|message| message["DelaySeconds"] == 30));
        let texts: BTreeSet<_> = sent
            .iter()
            .map(|message| message["MessageBody"].as_str().unwrap())
            .collect();
        assert_eq!(texts, bodies.iter().map(String::as_str).collect());
    }

    #[tokio::test]
    async fn one_message_that_fails_is_an_error_and_the_others_are_sent_all_the_same() {
        let server = Server::answering(|request| {
            let is_bad = String::from_utf8_lossy(&request.body).contains("task 1\"");
            Some(if is_bad {
                Reply::new(
                    400,
                    r#"{"__type": "com.amazonaws.sqs#InvalidMessageContents", "message": "odd"}"#,
                )
            } else {
                Reply::new(200, r#"{"MessageId": "m"}"#)
            })
        });
        let bodies = (0..5).map(|n| format!("task {n}")).collect();
        let error = queue(&server).send(bodies, 0).await.unwrap_err();
        assert!(matches!(error, PortError::Invalid(_)), "{error}");
        assert_eq!(server.requests().len(), 5);
    }

    #[tokio::test]
    async fn what_sqs_would_refuse_is_refused_before_anything_is_sent() {
        let server = Server::replying([]);
        let queue = queue(&server);
        for (body, delay) in [("x".repeat(MAX_BYTES + 1), 0), ("x".to_owned(), 901)] {
            let error = queue.send(vec!["fine".to_owned(), body], delay).await.unwrap_err();
            assert!(matches!(error, PortError::Invalid(_)), "{error}");
        }
        assert_eq!(server.requests().len(), 0);
    }
}
