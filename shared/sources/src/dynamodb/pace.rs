use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Bytes that one read unit reads in an eventually consistent Scan: two times 4 KB.
pub const BYTES_PER_READ_UNIT: u64 = 8192;

/// How fast a table may be read. Shards that are read at the same time share one.
#[derive(Debug)]
pub struct Pacer {
    bytes_per_second: Option<NonZeroU64>,
    /// When everything that was read so far is paid for.
    paid_at: Mutex<Option<Timestamp>>,
}

impl Pacer {
    /// Reads at most so many bytes a second; without a limit, as fast as the table gives.
    pub fn new(bytes_per_second: Option<NonZeroU64>) -> Self {
        Pacer {
            bytes_per_second,
            paid_at: Mutex::new(None),
        }
    }

    /// How long to wait, from `now`, before the next page is asked for, after a page of so many bytes. Time in which nothing was
    /// read is not saved up: a burst after a pause would be what the limit is there to prevent.
    pub fn wait_after(&self, bytes: u64, now: Timestamp) -> SignedDuration {
        let Some(rate) = self.bytes_per_second else {
            return SignedDuration::ZERO;
        };
        let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
        let cost = SignedDuration::from_nanos(i64::try_from(nanoseconds).unwrap_or(i64::MAX));
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = paid_at.map_or(now, |paid_at| paid_at.max(now));
        let ends = begins.saturating_add(cost).unwrap_or(Timestamp::MAX);
        *paid_at = Some(ends);
        ends.duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        assert_eq!(Pacer::new(None).wait_after(u64::MAX, at(0)), SignedDuration::ZERO);
    }

    #[test]
    fn readers_at_the_same_time_share_the_rate() {
        let pacer = Pacer::new(NonZeroU64::new(100));
        assert_eq!(pacer.wait_after(200, at(0)), seconds(2));
        assert_eq!(pacer.wait_after(200, at(0)), seconds(4));
        assert_eq!(pacer.wait_after(100, at(3)), seconds(2));
    }

    #[test]
    fn a_pause_is_not_saved_up() {
        let pacer = Pacer::new(NonZeroU64::new(100));
        assert_eq!(pacer.wait_after(100, at(0)), seconds(1));
        assert_eq!(pacer.wait_after(100, at(1000)), seconds(1));
    }

    #[test]
    fn a_slow_rate_and_a_large_page_do_not_overflow() {
        let pacer = Pacer::new(NonZeroU64::new(1));
        assert!(pacer.wait_after(u64::MAX, at(0)) > seconds(3600));
        assert!(pacer.wait_after(u64::MAX, at(0)) > seconds(3600));
    }
}
