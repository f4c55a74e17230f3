use holdfast_vault::port::Clock;
use jiff::SignedDuration;

/// The first pause, in milliseconds. DynamoDB's burst of capacity refills by the second; the SDK has paused already.
const FIRST_PAUSE_MILLIS: u64 = 50;

/// The longest pause, in milliseconds: what a table that was throttled needs to split a partition is longer still, but a
/// longer pause would leave regained capacity unused.
const LONGEST_PAUSE_MILLIS: u64 = 5_000;

/// Pauses between tries of one call: each twice as long as the one before, spread over the upper half so that calls that were
/// refused together do not come back together. The same seed gives the same pauses.
#[derive(Debug)]
pub(crate) struct Backoff {
    seed: u64,
    tries: u32,
}

impl Backoff {
    pub(crate) fn new(seed: u64) -> Self {
        Backoff { seed, tries: 0 }
    }

    /// Tries that failed since the last progress.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// The call got somewhere.
    pub(crate) fn progress(&mut self) {
        self.tries = 0;
    }

    /// Waits before the next try. `false`, without waiting, when the time would be up before then.
    pub(crate) async fn pause<C: Clock>(&mut self, clock: &C) -> bool {
        let pause = self.next();
        let fits = pause < clock.remaining();
        if fits {
            clock.sleep(pause).await;
        }
        fits
    }

    fn next(&mut self) -> SignedDuration {
        let doubled = FIRST_PAUSE_MILLIS
            .checked_shl(self.tries.min(16))
            .unwrap_or(LONGEST_PAUSE_MILLIS);
        let half = doubled.min(LONGEST_PAUSE_MILLIS) / 2;
        self.tries = self.tries.saturating_add(1);
        let spread = mixed(self.seed ^ (u64::from(self.tries) << 32)) % (half + 1);
        SignedDuration::from_millis(i64::try_from(half + spread).unwrap_or(i64::MAX))
    }
}

/// SplitMix64's mixing step: enough to spread neighbouring seeds.
fn mixed(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_start_anew_after_progress() {
        let mut backoff = Backoff::new(7);
        for nominal in [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            let pause = backoff.next().as_millis();
            assert!((nominal / 2..=nominal).contains(&pause), "{pause} for {nominal}");
        }
        backoff.progress();
        assert!(backoff.next().as_millis() <= 50);
    }

    #[test]
    fn pauses_never_overflow() {
        let mut backoff = Backoff {
            seed: 1,
            tries: u32::MAX,
        };
        assert!(backoff.next().as_millis() <= 5_000);
    }

    #[test]
    fn neighbours_pause_differently_and_repeatably() {
        let pause = |seed| Backoff { seed, tries: 6 }.next();
        assert_ne!(pause(1), pause(2));
        assert_eq!(pause(1), pause(1));
    }
}
