//! The account's default event bus.

use std::time::Duration;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use holdfast_catalog::Region;
use holdfast_vault::PortError;
use holdfast_vault::signal::PublishEvents;

use crate::Aws;
use crate::batch::batches;
use crate::error::{entry_error, port_error};
use crate::pause::back_off;

/// The source of all of Holdfast's events; rules match on it.
pub const EVENT_SOURCE: &str = "holdfast";

/// How often the events of a call are put that the bus takes only in part. With the waits between them these tries take 1.4 s.
const PARTIAL_ATTEMPTS: u32 = 4;
/// The wait before the second try.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The default event bus of a region.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
}

impl EventBus {
    /// The default bus of the region.
    pub fn new(aws: &Aws, region: &Region) -> Self {
        EventBus {
            client: aws.eventbridge(region),
        }
    }

    async fn put(&self, detail_type: &str, details: Vec<String>, doing: &str) -> Result<(), PortError> {
        let mut open = details;
        let mut tries = 1;
        loop {
            let entries = open.iter().map(|detail| {
                let entry = PutEventsRequestEntry::builder()
                    .source(EVENT_SOURCE)
                    .detail_type(detail_type);
                entry.detail(detail).build()
            });
            let answer = self
                .client
                .put_events()
                .set_entries(Some(entries.collect()))
                .send()
                .await
                .map_err(|error| port_error(&error, doing))?;
            // Entries are answered in their order, an error code or an event id each.
            let failed = |entry: &&aws_sdk_eventbridge::types::PutEventsResultEntry| entry.event_id().is_none();
            let Some(first) = answer.entries().iter().find(failed) else {
                return if answer.failed_entry_count() == 0 && answer.entries().len() == open.len() {
                    Ok(())
                } else {
                    Err(PortError::Unavailable(format!(
                        "{doing}: the answer does not say which events failed"
                    )))
                };
            };
            let doing = format!("{doing}: {} events not taken", answer.failed_entry_count());
            let error = entry_error(first.error_code(), first.error_message(), false, &doing);
            if !error.is_retryable() || tries == PARTIAL_ATTEMPTS {
                return Err(error);
            }
            let mut results = answer.entries().iter();
            open.retain(|_| results.next().is_none_or(|entry| entry.event_id().is_none()));
            back_off(self.client.config().sleep_impl(), FIRST_WAIT, tries - 1).await;
            tries += 1;
        }
    }
}

impl PublishEvents for EventBus {
    async fn publish(&self, detail_type: &str, details: Vec<String>) -> Result<(), PortError> {
        let doing = format!("publishing {detail_type}");
        for batch in batches(details, EVENT_SOURCE.len() + detail_type.len(), &doing)? {
            self.put(detail_type, batch, &doing).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Reply, Server};

    fn bus(server: &Server) -> EventBus {
        EventBus::new(&server.aws(), &"eu-central-1".parse().unwrap())
    }

    /// An answer with `ok` for each event that was taken and a code for each that was not.
    fn answer(entries: &[&str]) -> Reply {
        let entry = |outcome: &&str| match *outcome {
            "ok" => r#"{"EventId": "e"}"#.to_owned(),
            code => format!(r#"{{"ErrorCode": "{code}", "ErrorMessage": "words"}}"#),
        };
        let failed = entries.iter().filter(|outcome| **outcome != "ok").count();
        let entries: Vec<String> = entries.iter().map(entry).collect();
        let body = format!(
            r#"{{"FailedEntryCount": {failed}, "Entries": [{}]}}"#,
            entries.join(",")
        );
        Reply::new(200, &body)
    }

    fn details(server: &Server) -> Vec<Vec<String>> {
        let requests = server.requests();
        let of_one = |body: &[u8]| -> Vec<String> {
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let entries = body["Entries"].as_array().unwrap().clone();
            assert!(
                entries
                    .iter()
                    .all(|e| e["Source"] == EVENT_SOURCE && e["DetailType"] == "Thing")
            );
            entries
                .iter()
                .map(|e| e["Detail"].as_str().unwrap().to_owned())
                .collect()
        };
        requests.iter().map(|request| of_one(&request.body)).collect()
    }

    async fn publish(server: &Server, details: &[&str]) -> Result<(), PortError> {
        let details = details.iter().map(|&detail| detail.to_owned()).collect();
        bus(server).publish("Thing", details).await
    }

    #[tokio::test]
    async fn only_the_events_that_were_not_taken_are_put_again() {
        let server = Server::replying([
            answer(&["ok", "InternalFailure", "ok", "ThrottlingException"]),
            answer(&["ThrottlingException", "ok"]),
            answer(&["ok"]),
        ]);
        publish(&server, &["1", "2", "3", "4"]).await.unwrap();
        assert_eq!(details(&server), [vec!["1", "2", "3", "4"], vec!["2", "4"], vec!["2"]]);
    }

    #[tokio::test]
    async fn events_that_are_never_taken_are_an_error() {
        let server = Server::replying(vec![answer(&["ThrottlingException"]); 9]);
        let error = publish(&server, &["1"]).await.unwrap_err();
        assert!(matches!(error, PortError::Throttled(_)), "{error}");
        assert_eq!(server.requests().len(), 4);

        let server = Server::replying(vec![answer(&["ok", "AccessDeniedException"]); 9]);
        let error = publish(&server, &["1", "2"]).await.unwrap_err();
        assert!(matches!(error, PortError::Denied(_)), "{error}");
        assert_eq!(
            server.requests().len(),
            1,
            "what a person has to change is not tried again"
        );
    }

    #[tokio::test]
    async fn an_answer_for_fewer_events_than_were_put_is_no_success() {
        let server = Server::replying([answer(&["ok"])]);
        let error = publish(&server, &["1", "2"]).await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable(_)), "{error}");
    }
}
