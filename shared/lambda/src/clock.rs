use std::time::{Duration, Instant};

use holdfast_vault::port::Clock;
use jiff::{SignedDuration, Timestamp};

/// A month: loading the largest table takes days.
const LONGER_THAN_ANY_RUN: Duration = Duration::from_hours(30 * 24);

/// The clock of one invocation: wall time, and the time that is left before Lambda ends it.
#[derive(Debug, Clone, Copy)]
pub struct InvocationClock {
    deadline: Instant,
}

impl InvocationClock {
    /// A clock for an invocation that Lambda ends at `deadline_ms` (milliseconds since the Unix epoch, from the context).
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn until(deadline_ms: u64) -> Self {
        let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        let left = Duration::from_millis(deadline_ms.saturating_sub(now_ms));
        InvocationClock {
            deadline: Instant::now() + left,
        }
    }

    /// A clock for a run that a person began, who ends it too: it has more time than any run needs.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn by_hand() -> Self {
        InvocationClock {
            deadline: Instant::now() + LONGER_THAN_ANY_RUN,
        }
    }
}

impl Clock for InvocationClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn remaining(&self) -> SignedDuration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        SignedDuration::try_from(left).unwrap_or(SignedDuration::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    async fn sleep(&self, time: SignedDuration) {
        tokio::time::sleep(Duration::try_from(time).unwrap_or_default()).await;
    }
}
