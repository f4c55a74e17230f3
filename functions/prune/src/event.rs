use holdfast_lambda::{Failure, parse_manual};
use serde::Deserialize;
use serde_json::Value;

/// An event that works, for messages and documents.
pub const EXAMPLE: &str = r#"{"dry_run": true}"#;

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Says what would be done, and does nothing.
    DryRun,
    /// Does it.
    Execute,
}

/// What a person asks for. Without `"dry_run": false` it is a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "yes")]
    dry_run: bool,
}

fn yes() -> bool {
    true
}

impl Mode {
    /// Reads an event.
    ///
    /// # Errors
    /// `InvalidRequest` with what is wrong and an event that works.
    pub fn parse(event: Value) -> Result<Self, Failure> {
        let request: Request = parse_manual(event, EXAMPLE)?;
        Ok(if request.dry_run { Mode::DryRun } else { Mode::Execute })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn by_hand_it_is_a_dry_run_unless_that_is_refused_in_so_many_words() {
        assert_eq!(Mode::parse(json!({})).unwrap(), Mode::DryRun);
        assert_eq!(Mode::parse(json!({"dry_run": false})).unwrap(), Mode::Execute);
        for wrong in [json!({"dryrun": false}), json!({"dry_run": "no"}), json!(null)] {
            assert!(Mode::parse(wrong).is_err());
        }
    }
}
