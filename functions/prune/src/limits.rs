//! How much one run may decide to remove.

use holdfast_policy::Limits;

/// In a vault of fewer points than this the share is not looked at.
pub const SMALL_VAULT: usize = 20;

/// The event that does what a limit has stopped.
pub const OVERRIDE: &str = r#"{"dry_run": false, "override_limits": true}"#;

/// Whether the limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limiting {
    /// They do.
    Enforced,
    /// A person has said in so many words that they do not.
    Overridden,
}

/// What a run that wants to tombstone so many of so many points is told; `None` when it may. A policy document with a slip in it,
/// or a clock that is wrong, shows itself as a great many points at once: then a person looks first.
pub fn refusal(limits: &Limits, wanted: usize, standing: usize) -> Option<String> {
    let (most, share) = (u64::from(limits.remove_points), limits.remove_share);
    let (n, of) = (wanted as u64, standing as u64);
    let limit = if n > most {
        format!("the limit is {most} points a run")
    } else if standing >= SMALL_VAULT && n > share.of(of) {
        format!("the limit is {share} of a vault a run")
    } else {
        return None;
    };
    let percent = (n * 100).checked_div(of).unwrap_or_default();
    Some(format!(
        "{n} of {of} points ({percent} %) are no longer wanted, and {limit}: none was tombstoned; look at a dry run, and if that is \
         meant, send {OVERRIDE}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(wanted: usize, standing: usize) -> bool {
        refusal(&Limits::default(), wanted, standing).is_some()
    }

    #[test]
    fn half_of_a_vault_may_go_and_no_more_unless_it_is_small() {
        assert!(!is_refused(0, 0) && !is_refused(10, 20) && is_refused(11, 20));
        assert!(!is_refused(19, 19), "a small vault is exempt from the share");
    }

    #[test]
    fn a_small_vault_is_not_exempt_from_the_count() {
        let limits = Limits {
            remove_points: 5,
            ..Limits::default()
        };
        assert!(refusal(&limits, 6, 10).is_some() && refusal(&limits, 5, 10).is_none());
        assert!(!is_refused(10_000, 1_000_000) && is_refused(10_001, 1_000_000));
    }

    #[test]
    fn a_refusal_says_how_many_of_how_many_and_what_to_send() {
        let words = refusal(&Limits::default(), 600, 1000).unwrap_or_default();
        assert!(
            words.contains("600 of 1000 points (60 %)") && words.contains(OVERRIDE),
            "{words}"
        );
    }
}
