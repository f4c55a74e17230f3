//! Running a function as a program, over a vault in a directory, without the Lambda runtime.

use std::io::Read as _;
use std::sync::{Mutex, PoisonError};

use holdfast_catalog::{Report, ReportStatus, layout};
use holdfast_vault::port::{Clock as _, ListObjects as _};
use holdfast_vault::signal::SendWork;
use holdfast_vault::{Directory, PortError};
use jiff::SignedDuration;
use serde_json::Value;

use crate::{Failure, Handler, InvocationClock, Settings, Woken};

/// The work queue of a run by hand: what goes on, goes on in the same process.
#[derive(Debug, Default)]
pub struct HandQueue {
    bodies: Mutex<Vec<(SignedDuration, String)>>,
}

impl SendWork for HandQueue {
    async fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> Result<(), PortError> {
        let delay = SignedDuration::from_secs(delay_seconds.into());
        let mut queue = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        queue.extend(bodies.into_iter().map(|body| (delay, body)));
        Ok(())
    }
}

impl SendWork for &HandQueue {
    async fn send(&self, bodies: Vec<String>, delay_seconds: u32) -> Result<(), PortError> {
        (*self).send(bodies, delay_seconds).await
    }
}

impl HandQueue {
    fn take(&self) -> Vec<(SignedDuration, String)> {
        std::mem::take(&mut *self.bodies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The directory that the settings name as the vault; `None` when they name none, and the function is to be served.
///
/// # Errors
/// `InvalidSettings` when it holds no vault: one that is not mounted must not pass for one without points.
pub async fn open_directory(settings: &Settings) -> Result<Option<Directory>, Failure> {
    let Some(path) = &settings.vault_directory else {
        return Ok(None);
    };
    let invalid = |why: String| Failure::InvalidSettings(format!("HOLDFAST_VAULT_DIRECTORY: {why}"));
    let directory = Directory::open(path).map_err(|error| invalid(error.to_string()))?;
    if directory.list(layout::POINTS, None).await?.is_empty() {
        let points = layout::POINTS;
        return Err(invalid(format!(
            "{path} holds no recovery point: name the folder that has {points}"
        )));
    }
    Ok(Some(directory))
}

/// Does what one event asks for, and what it leaves for later; writes each report to standard output. The event is in the file
/// that the program's only argument names, or on standard input without one.
///
/// # Errors
/// The event cannot be read, or not everything that it asks for was done: the reports say what, and the program's exit code
/// is not zero.
pub async fn by_hand<H: Handler>(handler: &H, queue: &HandQueue) -> Result<(), lambda_runtime::Error> {
    let clock = InvocationClock::by_hand();
    let is_done = run(handler, queue, event()?, &clock, &mut print).await?;
    is_done
        .then_some(())
        .ok_or_else(|| "not everything was done: the report says what".into())
}

/// Whether everything was done in the end.
async fn run<H: Handler>(
    handler: &H,
    queue: &HandQueue,
    event: Value,
    clock: &InvocationClock,
    told: &mut impl FnMut(&Report),
) -> Result<bool, Failure> {
    let first = match Woken::by(event)? {
        Woken::Tick => handler.tick(clock).await?,
        Woken::Bus(event) | Woken::Manual(event) => handler.request(event, clock).await?,
        Woken::Queue(_) => {
            return Err(Failure::InvalidRequest(
                "a queue's batch: send one of its bodies".to_owned(),
            ));
        }
    };
    told(&first);
    let mut last = first.status;
    let mut is_whole = !is_bad(last);
    loop {
        let left = queue.take();
        if left.is_empty() {
            return Ok(is_whole && last == ReportStatus::Completed);
        }
        for (delay, body) in left {
            clock.sleep(delay).await;
            let event = serde_json::from_str(&body).unwrap_or(Value::Null);
            let report = handler.request(event, clock).await?;
            told(&report);
            last = report.status;
            is_whole &= !is_bad(last);
        }
    }
}

fn is_bad(status: ReportStatus) -> bool {
    matches!(status, ReportStatus::Partial | ReportStatus::Failed)
}

fn event() -> Result<Value, Failure> {
    let invalid = |why: String| Failure::InvalidRequest(format!("{why}; give a file with one JSON event"));
    let path = std::env::args().nth(1).unwrap_or_else(|| "-".to_owned());
    let mut text = String::new();
    let read = match path.as_str() {
        "-" => std::io::stdin().read_to_string(&mut text),
        path => std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|error| invalid(format!("{path}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| invalid(format!("{path}: {error}")))
}

#[expect(
    clippy::print_stdout,
    reason = "what a person runs by hand answers on standard output"
)]
fn print(report: &Report) {
    let text = serde_json::to_string_pretty(report);
    println!(
        "{}",
        text.unwrap_or_else(|error| format!("the report cannot be written: {error}"))
    );
}

#[cfg(test)]
mod tests {
    use holdfast_catalog::{Outcome, OutcomeStatus};
    use serde_json::json;

    use super::*;

    /// Counts down by its queue, and is done at nothing; at a hundred it fails.
    struct Countdown<'a>(&'a HandQueue);

    impl Handler for Countdown<'_> {
        const NAME: &'static str = "countdown";

        async fn tick(&self, _: &InvocationClock) -> Result<Report, Failure> {
            Ok(Report::of(Self::NAME, Vec::new()))
        }

        async fn request(&self, event: Value, _: &InvocationClock) -> Result<Report, Failure> {
            let count = event["count"].as_u64().unwrap_or(100);
            let status = match count {
                0 => OutcomeStatus::Done,
                100.. => OutcomeStatus::Failed,
                _ => OutcomeStatus::Continuing,
            };
            if status == OutcomeStatus::Continuing {
                self.0.send(vec![json!({ "count": count - 1 }).to_string()], 0).await?;
            }
            Ok(Report::of(Self::NAME, vec![Outcome::new(count, status, "")]))
        }
    }

    async fn reports_of(event: Value) -> (bool, usize) {
        let queue = HandQueue::default();
        let mut reports = 0;
        let clock = InvocationClock::by_hand();
        let is_done = run(&Countdown(&queue), &queue, event, &clock, &mut |_| reports += 1).await;
        (is_done.unwrap(), reports)
    }

    #[tokio::test]
    async fn what_goes_on_goes_on_in_the_same_process_until_it_is_done() {
        assert_eq!(reports_of(json!({ "count": 3 })).await, (true, 4));
        assert_eq!(reports_of(json!({ "tick": "2026-11-21T03:00:00Z" })).await, (true, 1));
    }

    #[tokio::test]
    async fn what_was_not_done_is_no_success() {
        assert_eq!(reports_of(json!({})).await, (false, 1));
    }
}
