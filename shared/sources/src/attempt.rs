//! Whose is it, and how far have we come? What is said in the vault before a table or another resource is made answers both.

use bytes::Bytes;
use holdfast_catalog::PointId;
use holdfast_vault::port::{Created, ListObjects, WriteObjects};
use holdfast_vault::{PortError, keys};
use serde_json::json;

/// How far attempts to make one table from one point have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// How many there were.
    pub count: u32,
    /// Whether the last one has loaded or counted anything.
    pub last_has_work: bool,
    /// Whether the last one was finished.
    pub last_is_finished: bool,
    /// Whether the last one was refused, or failed, and had made nothing.
    pub last_is_abandoned: bool,
}

/// What to do about the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Make it, as this attempt.
    Begin(u32),
    /// Go on with this attempt, whose table it is.
    GoOn(u32),
    /// Nothing: the table of a finished attempt stands.
    Finished,
    /// Nothing: a table of that name stands that no attempt announced.
    Foreign,
}

impl Attempts {
    /// Reads the marks below a prefix.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn read<S: ListObjects>(store: &S, work: &str) -> Result<Self, PortError> {
        let mut attempts = Attempts::default();
        for info in keys(store, work).await? {
            let Some((number, mark)) = info.key.strip_prefix(work).and_then(|rest| rest.split_once('/')) else {
                continue;
            };
            let Ok(number) = number.parse::<u32>() else { continue };
            if number > attempts.count {
                attempts = Attempts {
                    count: number,
                    ..Attempts::default()
                };
            }
            attempts.last_has_work |= mark.starts_with("loaded-") || mark.starts_with("counted-");
            attempts.last_is_finished |= mark == FINISHED;
            attempts.last_is_abandoned |= mark == ABANDONED;
        }
        Ok(attempts)
    }

    /// Decides from what is there. A table is ours if we had said that we would make it before it was there.
    pub fn decide(self, table_exists: bool) -> Step {
        match (table_exists, self.count) {
            (false, 0) => Step::Begin(1),
            (true, 0) => Step::Foreign,
            // Whoever finished it had made it, also where another try at the same time was refused.
            (true, _) if self.last_is_finished => Step::Finished,
            // What came to be after we had been refused is not ours.
            (true, _) if self.last_is_abandoned => Step::Foreign,
            (false, count) if self.last_is_abandoned => Step::Begin(count + 1),
            (true, count) => Step::GoOn(count),
            // The table that was made is gone again: what is marked as loaded is not.
            (false, count) if self.last_has_work || self.last_is_finished => Step::Begin(count + 1),
            (false, count) => Step::Begin(count),
        }
    }
}

const FINISHED: &str = "finished.json";
const ABANDONED: &str = "abandoned.json";

/// Where an attempt's marks lie.
pub fn marks_of(work: &str, attempt: u32) -> String {
    format!("{work}{attempt:05}/")
}

/// Says that a table is going to be made. Before the table: whoever finds it later knows whose it is. Says too whether that had
/// been said before: by a try that died, or by one that is making it now.
///
/// # Errors
/// Those of the store.
pub async fn announce<S: WriteObjects>(
    store: &S,
    marks: &str,
    point: &PointId,
    table: &str,
) -> Result<Created, PortError> {
    let body = Bytes::from(json!({ "point": point, "table": table }).to_string());
    store.create(&format!("{marks}started.json"), body).await
}

/// Says that an attempt is finished, and how.
///
/// # Errors
/// Those of the store.
pub async fn finish<S: WriteObjects>(store: &S, marks: &str, result: String) -> Result<(), PortError> {
    store
        .overwrite(&format!("{marks}{FINISHED}"), Bytes::from(result))
        .await
}

/// Says that an attempt was refused, or failed, and had made nothing: what comes to be later is somebody else's.
///
/// # Errors
/// Those of the store.
pub async fn abandon<S: WriteObjects>(store: &S, marks: &str) -> Result<(), PortError> {
    store
        .overwrite(&format!("{marks}{ABANDONED}"), Bytes::from_static(b"{}"))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(count: u32, last_has_work: bool, last_is_finished: bool) -> Attempts {
        Attempts {
            count,
            last_has_work,
            last_is_finished,
            last_is_abandoned: false,
        }
    }

    #[test]
    fn what_comes_to_be_after_a_refusal_is_not_ours() {
        let refused = Attempts {
            last_is_abandoned: true,
            ..attempts(2, false, false)
        };
        assert_eq!(refused.decide(true), Step::Foreign);
        assert_eq!(refused.decide(false), Step::Begin(3));
    }

    #[test]
    fn a_table_that_we_did_not_announce_is_not_ours() {
        assert_eq!(attempts(0, false, false).decide(true), Step::Foreign);
    }

    #[test]
    fn an_attempt_is_begun_gone_on_with_and_finished_once() {
        assert_eq!(attempts(0, false, false).decide(false), Step::Begin(1));
        assert_eq!(attempts(1, false, false).decide(false), Step::Begin(1));
        assert_eq!(attempts(1, false, false).decide(true), Step::GoOn(1));
        assert_eq!(attempts(1, true, false).decide(true), Step::GoOn(1));
        assert_eq!(attempts(1, true, true).decide(true), Step::Finished);
    }

    #[test]
    fn what_one_try_finished_is_ours_though_another_was_refused() {
        let both = Attempts {
            last_is_abandoned: true,
            ..attempts(1, false, true)
        };
        assert_eq!(both.decide(true), Step::Finished);
    }

    #[test]
    fn when_the_table_is_gone_again_everything_is_loaded_again() {
        assert_eq!(attempts(1, true, false).decide(false), Step::Begin(2));
        assert_eq!(attempts(3, true, true).decide(false), Step::Begin(4));
    }
}
