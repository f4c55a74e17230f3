//! Waiting between tries, by the SDK's own timer: tests give it one that does not wait.

use std::time::Duration;

use aws_sdk_s3::config::{AsyncSleep as _, SharedAsyncSleep};

/// Waits for `first`, doubled for each earlier wait: `done` is how many there were.
pub(crate) async fn back_off(timer: Option<SharedAsyncSleep>, first: Duration, done: u32) {
    pause(timer, first.saturating_mul(2u32.saturating_pow(done))).await;
}

/// Waits.
pub(crate) async fn pause(timer: Option<SharedAsyncSleep>, time: Duration) {
    // A client without a timer was made by hand, without time-outs or retries either.
    if let Some(timer) = timer {
        timer.sleep(time).await;
    }
}
