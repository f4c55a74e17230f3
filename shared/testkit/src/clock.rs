use std::sync::{Arc, Mutex};

use holdfast_vault::port::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::lock;

/// A clock that stands still until a test moves it. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    now: Timestamp,
    remaining: SignedDuration,
}

impl ManualClock {
    /// A clock at `now`, with the 15 minutes of a fresh invocation ahead of it.
    pub fn at(now: Timestamp) -> Self {
        let remaining = SignedDuration::from_mins(15);
        ManualClock {
            state: Arc::new(Mutex::new(State { now, remaining })),
        }
    }

    /// Moves time on, and uses up as much of the invocation's time.
    pub fn advance(&self, time: SignedDuration) {
        let mut state = lock(&self.state);
        state.now = state.now.saturating_add(time).unwrap_or(Timestamp::MAX);
        state.remaining = state.remaining.saturating_sub(time).max(SignedDuration::ZERO);
    }

    /// Sets the time, forwards or back, without using up any of the invocation's.
    pub fn set_now(&self, now: Timestamp) {
        lock(&self.state).now = now;
    }

    /// Sets how long the invocation may still run.
    pub fn set_remaining(&self, remaining: SignedDuration) {
        lock(&self.state).remaining = remaining;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        lock(&self.state).now
    }

    fn remaining(&self) -> SignedDuration {
        lock(&self.state).remaining
    }

    /// Moves the clock at once, then lets other tasks run.
    async fn sleep(&self, time: SignedDuration) {
        self.advance(time);
        tokio::task::yield_now().await;
    }
}
