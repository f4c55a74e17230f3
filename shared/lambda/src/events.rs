use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Failure;

/// How a function was woken.
#[derive(Debug)]
pub enum Woken {
    /// By its schedule. The tick carries no work: what is due is computed.
    Tick,
    /// By its work queue.
    Queue(Vec<Message>),
    /// By an event on the bus; its detail.
    Bus(Value),
    /// By a person, or by another program that speaks as one.
    Manual(Value),
}

/// A message of a work queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What the answer names it by.
    pub id: String,
    /// Its body; `Null` when it is no JSON.
    pub body: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tick {
    #[serde(rename = "tick")]
    _scheduled_at: String,
}

impl Woken {
    /// Says who sent an event.
    ///
    /// # Errors
    /// `InvalidRequest` when it looks like a queue's batch and is none.
    pub fn by(event: Value) -> Result<Self, Failure> {
        if event.get("Records").is_some() {
            let batch: SqsEvent = serde_json::from_value(event)
                .map_err(|error| Failure::InvalidRequest(format!("the event's Records are no SQS batch: {error}")))?;
            return Ok(Woken::Queue(batch.records.into_iter().map(message).collect()));
        }
        if event.get("detail-type").is_some() {
            return Ok(Woken::Bus(event.get("detail").cloned().unwrap_or(Value::Null)));
        }
        if Tick::deserialize(&event).is_ok() {
            return Ok(Woken::Tick);
        }
        Ok(Woken::Manual(event))
    }
}

fn message(message: SqsMessage) -> Message {
    let body = message
        .body
        .and_then(|body| serde_json::from_str::<Value>(&body).ok())
        .unwrap_or(Value::Null);
    // The bus puts its whole envelope into a queue; what we want is the detail.
    let body = match body.get("detail") {
        Some(detail) if body.get("detail-type").is_some() => detail.clone(),
        _ => body,
    };
    Message {
        id: message.message_id.unwrap_or_default(),
        body,
    }
}

/// The answer to a queue: only the messages that failed come back.
pub fn answer_batch(failed_ids: &[String]) -> Value {
    json!({ "batchItemFailures": failed_ids.iter().map(|id| json!({ "itemIdentifier": id })).collect::<Vec<_>>() })
}

/// Reads what a person sent.
///
/// # Errors
/// `InvalidRequest` with what is wrong and an event that works.
pub fn parse_manual<T: DeserializeOwned>(event: Value, example: &str) -> Result<T, Failure> {
    if !event.is_object() {
        // A list would be taken for an object's fields without their names.
        let message = format!("the event is no JSON object; send for example {example}");
        return Err(Failure::InvalidRequest(message));
    }
    serde_json::from_value(event).map_err(|error| {
        Failure::InvalidRequest(format!(
            "the event is not understood: {error}; send for example {example}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sender_is_told_apart() {
        assert!(matches!(
            Woken::by(json!({"tick": "2026-11-21T03:00:00Z"})).unwrap(),
            Woken::Tick
        ));
        assert!(matches!(
            Woken::by(json!({"tick": "x", "more": 1})).unwrap(),
            Woken::Manual(_)
        ));
        let bus = json!({"detail-type": "Recovery Point Committed", "detail": {"point": "p"}});
        assert!(matches!(Woken::by(bus.clone()).unwrap(), Woken::Bus(detail) if detail["point"] == "p"));
        let queue = json!({"Records": [
            {"messageId": "1", "body": "{\"a\":1}", "eventSource": "aws:sqs"},
            {"messageId": "2", "body": bus.to_string(), "eventSource": "aws:sqs"},
            {"messageId": "3", "body": "not json", "eventSource": "aws:sqs"},
        ]});
        let Woken::Queue(messages) = Woken::by(queue).unwrap() else {
            panic!("no queue")
        };
        assert_eq!(
            messages[0],
            Message {
                id: "1".into(),
                body: json!({"a": 1})
            }
        );
        assert_eq!(messages[1].body, json!({"point": "p"}));
        assert_eq!(messages[2].body, Value::Null);
    }

    #[test]
    fn only_failed_messages_come_back() {
        assert_eq!(
            answer_batch(&["2".into()]),
            json!({"batchItemFailures": [{"itemIdentifier": "2"}]})
        );
    }
}
