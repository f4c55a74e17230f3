//! What a job of AWS Backup has come to.

use holdfast_catalog::ManagedJob;
use holdfast_vault::PortError;
use jiff::{SignedDuration, Timestamp};

use super::port::{BackupJob, CopyJob, RestoreJob};

/// Jobs that are started for one point before it is given up. The service itself tries for the whole start window.
pub const MAX_ATTEMPTS: u32 = 3;

/// The service tells of a job for 30 days after its end (`ListBackupJobs`); a day less, because its clock is its own.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(29 * 24);

/// How long after a job that found its resource held by another one the next is started: the pace at which the service itself tries
/// within a start window.
const TRY_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What it means that the service does not know a job: that it has forgotten it, or nothing.
///
/// # Errors
/// `Unavailable` while the job is too young to be forgotten: a job that was just started is not seen everywhere at once.
pub(super) fn forgotten(job: &ManagedJob, now: Timestamp) -> Result<(), PortError> {
    if now.duration_since(job.started_at) >= TOLD_FOR {
        return Ok(());
    }
    Err(PortError::Unavailable(format!(
        "AWS Backup does not know job {}, which was started at {}",
        job.job_id, job.started_at
    )))
}

/// What a job has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// Nothing yet.
    Running,
    /// Everything.
    Complete,
    /// There is something, and it lacks something.
    Partial {
        /// What it lacks, in the service's words.
        why: String,
    },
    /// Nothing.
    Failed {
        /// Why, in the service's words.
        why: String,
        /// Whether another job may do better without anybody changing anything.
        retry: bool,
    },
}

impl JobOutcome {
    /// The next attempt, where another one is worth it.
    pub fn next_attempt(&self, attempt: u32) -> Option<u32> {
        let may = matches!(self, JobOutcome::Failed { retry: true, .. }) && attempt < MAX_ATTEMPTS;
        may.then(|| attempt + 1)
    }
}

/// What a backup job has come to. A job that is `COMPLETED` and has something to say is "completed with issues": partial.
pub fn outcome_of(job: &BackupJob) -> JobOutcome {
    judge(&job.state, job.message.as_deref(), job.category.as_deref())
}

/// Whether a job failed because another one held its resource, and there is time yet for it to begin: the service has a place for
/// one backup or copy job of a resource, and does not always wait for it. That it was not free is no attempt.
pub(super) fn is_held_up(job: &BackupJob, start_by: Timestamp, now: Timestamp) -> bool {
    let told = job.message.as_deref().unwrap_or_default();
    job.state == "FAILED" && now < start_by && has(told, "same resource") && has(told, "running")
}

/// Whether to start another job after one that was held up. Events of such jobs come quickly: they set no pace.
pub(super) fn tries_again(held_up: &ManagedJob, now: Timestamp) -> bool {
    now.duration_since(held_up.started_at) >= TRY_AGAIN_AFTER
}

/// What a copy job has come to.
pub fn copy_outcome(job: &CopyJob) -> JobOutcome {
    judge(&job.state, job.message.as_deref(), job.category.as_deref())
}

/// What a restore job has come to.
pub fn restore_outcome(job: &RestoreJob) -> JobOutcome {
    judge(&job.state, job.message.as_deref(), None)
}

fn judge(state: &str, message: Option<&str>, category: Option<&str>) -> JobOutcome {
    let message = message.map(str::trim).filter(|message| !message.is_empty());
    let said = |otherwise: &str| message.map_or_else(|| otherwise.to_owned(), str::to_owned);
    match state {
        "COMPLETED" => match (message, category) {
            (Some(message), _) => JobOutcome::Partial {
                why: message.to_owned(),
            },
            (None, Some(category)) if !category.eq_ignore_ascii_case("success") => JobOutcome::Partial {
                why: format!("completed, with {category}"),
            },
            (None, _) => JobOutcome::Complete,
        },
        "PARTIAL" => JobOutcome::Partial {
            why: said("some of its parts are missing"),
        },
        // Somebody stopped it: starting it again would be against their will.
        "ABORTED" => JobOutcome::Failed {
            why: said("it was stopped by somebody"),
            retry: false,
        },
        "EXPIRED" if message.is_some_and(|message| has(message, "complet")) => JobOutcome::Failed {
            why: format!("{}: give it a longer completion window", said("")),
            retry: false,
        },
        "EXPIRED" => JobOutcome::Failed {
            why: said("it did not begin within its start window: another job may have held the resource"),
            retry: true,
        },
        "FAILED" => {
            let why = said("it failed and the service does not say why");
            let retry = may_help(&why, category.unwrap_or_default());
            JobOutcome::Failed { why, retry }
        }
        // CREATED, PENDING, RUNNING, ABORTING, and words that this release does not know: the run's own end decides.
        _ => JobOutcome::Running,
    }
}

/// Whether another try of the same may succeed. Only what a person has to change is left alone: a needless job costs little, and
/// there are at most [`MAX_ATTEMPTS`].
fn may_help(message: &str, category: &str) -> bool {
    const BUSY: [&str; 5] = ["in progress", "throttl", "rate exceeded", "concurrent", "try again"];
    const FOR_A_PERSON: [&str; 18] = [
        "access denied",
        "accessdenied",
        "not authorized",
        "insufficient privileges",
        "permission",
        "kms",
        "encryption key",
        "retention",
        "lifecycle",
        "vault lock",
        "versioning",
        "opt-in",
        "same organization",
        "not supported",
        "unsupported",
        "does not exist",
        "not found",
        "invalid",
    ];
    if BUSY.iter().any(|busy| has(message, busy)) {
        return true;
    }
    !FOR_A_PERSON
        .iter()
        .any(|word| has(message, word) || has(category, word))
}

fn has(text: &str, word: &str) -> bool {
    text.to_ascii_lowercase().contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partial(why: &str) -> JobOutcome {
        JobOutcome::Partial { why: why.to_owned() }
    }

    fn failed(why: &str, retry: bool) -> JobOutcome {
        JobOutcome::Failed {
            why: why.to_owned(),
            retry,
        }
    }

    #[test]
    fn every_state_and_message_has_its_outcome() {
        let issues = "Completed with issues. 3 objects were not backed up";
        let late = "Backup job expired before completion";
        for (state, message, category, expected) in [
            ("CREATED", None, None, JobOutcome::Running),
            ("PENDING", None, None, JobOutcome::Running),
            ("RUNNING", None, None, JobOutcome::Running),
            ("RUNNING", Some("uploading"), None, JobOutcome::Running),
            ("ABORTING", None, None, JobOutcome::Running),
            ("SOMETHING_NEW", None, None, JobOutcome::Running),
            ("COMPLETED", None, None, JobOutcome::Complete),
            ("COMPLETED", Some("  "), Some("SUCCESS"), JobOutcome::Complete),
            ("COMPLETED", Some(issues), Some("SUCCESS"), partial(issues)),
            (
                "COMPLETED",
                None,
                Some("ObjectsSkipped"),
                partial("completed, with ObjectsSkipped"),
            ),
            ("PARTIAL", None, None, partial("some of its parts are missing")),
            ("PARTIAL", Some("1 of 3 failed"), None, partial("1 of 3 failed")),
            ("ABORTED", None, None, failed("it was stopped by somebody", false)),
            ("ABORTED", Some("by admin"), None, failed("by admin", false)),
            (
                "EXPIRED",
                None,
                None,
                failed(
                    "it did not begin within its start window: another job may have held the resource",
                    true,
                ),
            ),
            (
                "EXPIRED",
                Some(late),
                None,
                failed(&format!("{late}: give it a longer completion window"), false),
            ),
            (
                "FAILED",
                None,
                None,
                failed("it failed and the service does not say why", true),
            ),
        ] {
            assert_eq!(
                judge(state, message, category),
                expected,
                "{state} {message:?} {category:?}"
            );
        }
    }

    #[test]
    fn a_failure_is_tried_again_unless_a_person_has_to_change_something() {
        for (message, category, retry) in [
            ("A copy job of this resource is already in progress", "", true),
            ("Rate exceeded", "", true),
            ("Internal service error", "", true),
            ("The specified key does not exist, try again later", "", true),
            ("Access denied trying to call AWS Backup service", "", false),
            (
                "User is not authorized to perform dynamodb:StartAwsBackupJob",
                "",
                false,
            ),
            ("Your backup job failed as its KMS key is disabled", "", false),
            ("Retention 1 day is shorter than the minimum of the vault", "", false),
            ("Bucket must have versioning enabled", "", false),
            ("DynamoDB is not opt-in in this region", "", false),
            ("Both accounts must be a member of the same organization", "", false),
            ("Table orders not found", "", false),
            ("Something", "AccessDenied", false),
        ] {
            assert_eq!(
                judge("FAILED", Some(message), Some(category)),
                failed(message, retry),
                "{message} {category}"
            );
        }
    }

    #[test]
    fn attempts_come_to_an_end() {
        let failed = failed("x", true);
        assert_eq!(
            (1..=4).map(|attempt| failed.next_attempt(attempt)).collect::<Vec<_>>(),
            [Some(2), Some(3), None, None]
        );
        for outcome in [
            JobOutcome::Running,
            JobOutcome::Complete,
            partial("x"),
            super::tests::failed("x", false),
        ] {
            assert_eq!(outcome.next_attempt(1), None, "{outcome:?}");
        }
    }
}
