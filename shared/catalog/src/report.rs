use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReportStatus {
    /// Everything that was asked is done.
    Completed,
    /// Stopped at its deadline with the rest queued or left to the next tick; nothing went wrong.
    Continuing,
    /// Some of it is done; the outcomes say what is not.
    Partial,
    /// None of it is done.
    Failed,
}

/// How it ended for one resource, point or object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutcomeStatus {
    /// Done now.
    Done,
    /// Was done before; nothing to do.
    Unchanged,
    /// Would be done, were this not a dry run.
    Planned,
    /// Under way: stopped at the deadline, goes on by itself.
    Continuing,
    /// Done, but something is missing; the message says what.
    Partial,
    /// Not done; the message says why and what to change.
    Failed,
}

/// What happened to one resource, point or object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it is about: a resource, a recovery point, a vault key.
    pub subject: String,
    /// How it ended.
    pub status: OutcomeStatus,
    /// For a person: what was done, or what is wrong and what to change.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Numbers and names for machines; counts end in their unit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, Value>,
}

/// The detail of a failure that is not tried again by itself.
const FINAL: &str = "final";

impl Outcome {
    /// An outcome without details.
    pub fn new(subject: impl ToString, status: OutcomeStatus, message: impl Into<String>) -> Self {
        Outcome {
            subject: subject.to_string(),
            status,
            message: message.into(),
            details: BTreeMap::new(),
        }
    }

    /// The same, of a failure that trying again by itself would not mend: a person asks again.
    #[must_use]
    pub fn finally(self) -> Self {
        self.with(FINAL, true)
    }

    /// Whether it is one.
    pub fn is_final(&self) -> bool {
        self.details.contains_key(FINAL)
    }

    /// The same with one more detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// What a function did: what it returns to its caller and what people read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which function.
    pub function: String,
    /// How it ended.
    pub status: ReportStatus,
    /// Whether this was a dry run: nothing was changed.
    #[serde(default)]
    pub dry_run: bool,
    /// One for each resource, point or object.
    pub outcomes: Vec<Outcome>,
    /// What concerns the run as a whole: the policy that was used, and why.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Stack-wide metrics that this run measured, by name; the README lists them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
}

impl Report {
    /// A report whose status follows from its outcomes.
    pub fn of(function: &str, outcomes: Vec<Outcome>) -> Self {
        let status = status_of(&outcomes);
        Report {
            function: function.to_owned(),
            status,
            dry_run: false,
            outcomes,
            notes: Vec::new(),
            metrics: BTreeMap::new(),
        }
    }

    /// Whether there is nothing to try again: a queue's message is done with. What needs a person is not tried again, nor what
    /// would cost another job; and what goes on has a message of its own.
    pub fn is_settled(&self) -> bool {
        let may_pass = |outcome: &Outcome| outcome.status == OutcomeStatus::Failed && !outcome.is_final();
        self.count(OutcomeStatus::Continuing) > 0 || !self.outcomes.iter().any(may_pass)
    }

    /// How many outcomes have a status.
    pub fn count(&self, status: OutcomeStatus) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.status == status).count()
    }
}

fn status_of(outcomes: &[Outcome]) -> ReportStatus {
    let any = |status| outcomes.iter().any(|outcome| outcome.status == status);
    let all_failed = !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome.status == OutcomeStatus::Failed);
    if all_failed {
        ReportStatus::Failed
    } else if any(OutcomeStatus::Failed) || any(OutcomeStatus::Partial) {
        ReportStatus::Partial
    } else if any(OutcomeStatus::Continuing) {
        ReportStatus::Continuing
    } else {
        ReportStatus::Completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_among_successes_is_partial_and_only_failures_are_failed() {
        use OutcomeStatus::{Continuing, Done, Failed, Partial, Unchanged};
        let report = |statuses: &[OutcomeStatus]| {
            Report::of(
                "snapshot",
                statuses.iter().map(|&status| Outcome::new("x", status, "")).collect(),
            )
            .status
        };
        assert_eq!(report(&[]), ReportStatus::Completed);
        assert_eq!(report(&[Done, Unchanged]), ReportStatus::Completed);
        assert_eq!(report(&[Done, Failed]), ReportStatus::Partial);
        assert_eq!(report(&[Done, Partial]), ReportStatus::Partial);
        assert_eq!(report(&[Failed, Failed]), ReportStatus::Failed);
        assert_eq!(report(&[Done, Continuing]), ReportStatus::Continuing);
        assert_eq!(report(&[Continuing, Failed]), ReportStatus::Partial);
    }
}
