use std::future::Future;

use holdfast_catalog::Report;
use holdfast_vault::port::{Clock as _, ReadObjects, WriteObjects};
use holdfast_vault::signal::TellPeople;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;

use crate::{Failure, InvocationClock, Message, Notifier, Woken, answer_batch, telemetry};

/// What a function does when it is woken.
pub trait Handler: Send + Sync {
    /// The function's name, as reports and metrics have it.
    const NAME: &'static str;

    /// Does what the schedule asks for.
    fn tick(&self, clock: &InvocationClock) -> impl Future<Output = Result<Report, Failure>> + Send;

    /// Does what a person, the bus or a queue's message asks for.
    fn request(&self, event: Value, clock: &InvocationClock) -> impl Future<Output = Result<Report, Failure>> + Send;
}

/// Serves a function until Lambda ends the process.
///
/// # Errors
/// The runtime API cannot be reached.
pub async fn serve<H, V, T>(handler: H, notifier: Notifier<V, T>, stack: &str) -> Result<(), lambda_runtime::Error>
where
    H: Handler,
    V: ReadObjects + WriteObjects,
    T: TellPeople,
{
    telemetry::start_logging();
    let (handler, notifier) = (&handler, &notifier);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let clock = InvocationClock::until(event.context.deadline);
        respond(handler, notifier, stack, event.payload, &clock)
            .await
            .map_err(|failure| {
                tracing::error!(target: "holdfast", function = H::NAME, error = %failure, "failed");
                Diagnostic::from(failure)
            })
    }))
    .await
}

async fn respond<H: Handler, V: ReadObjects + WriteObjects, T: TellPeople>(
    handler: &H,
    notifier: &Notifier<V, T>,
    stack: &str,
    event: Value,
    clock: &InvocationClock,
) -> Result<Value, Failure> {
    let mut report = match Woken::by(event)? {
        Woken::Tick => handler.tick(clock).await?,
        Woken::Bus(event) | Woken::Manual(event) => handler.request(event, clock).await?,
        Woken::Queue(messages) => return Ok(work_off(handler, notifier, stack, messages, clock).await),
    };
    notifier.notify(&mut report, clock.now()).await;
    tell(stack, &report, clock);
    serde_json::to_value(&report)
        .map_err(|error| Failure::InvalidRequest(format!("the report cannot be written: {error}")))
}

/// Works a batch off, one message after the other; those that failed come back to the queue.
async fn work_off<H: Handler, V: ReadObjects + WriteObjects, T: TellPeople>(
    handler: &H,
    notifier: &Notifier<V, T>,
    stack: &str,
    messages: Vec<Message>,
    clock: &InvocationClock,
) -> Value {
    let mut failed = Vec::new();
    for message in messages {
        let is_settled = match handler.request(message.body, clock).await {
            Ok(mut report) => {
                notifier.notify(&mut report, clock.now()).await;
                tell(stack, &report, clock);
                report.is_settled()
            }
            Err(failure) => {
                tracing::error!(target: "holdfast", function = H::NAME, message = message.id, error = %failure, "failed");
                false
            }
        };
        if !is_settled {
            failed.push(message.id);
        }
    }
    answer_batch(&failed)
}

fn tell(stack: &str, report: &Report, clock: &InvocationClock) {
    for outcome in &report.outcomes {
        tracing::info!(
            target: "holdfast",
            function = report.function,
            subject = outcome.subject,
            status = ?outcome.status,
            details = %serde_json::json!(outcome.details),
            "outcome: {}",
            outcome.message
        );
    }
    for note in &report.notes {
        tracing::warn!(target: "holdfast", function = report.function, "note: {note}");
    }
    let (status, outcomes) = (report.status, report.outcomes.len());
    tracing::info!(target: "holdfast", function = report.function, ?status, outcomes, "report");
    telemetry::write_metrics(stack, report, clock.now().as_millisecond());
}
