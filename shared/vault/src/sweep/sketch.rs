use std::collections::BTreeSet;

use holdfast_catalog::Sha256;

use super::filter::words_of;

/// So many names are kept. Up to here the count is exact; beyond, it is right within 5 % (three times the square root's
/// inverse).
const KEPT: usize = 4096;

/// Counts different contents in a few kilobytes, however many there are and however often each is named: of names that are
/// hashes, the smallest ones tell how densely all of them lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sketch {
    smallest: BTreeSet<u64>,
}

impl Sketch {
    pub(super) fn add(&mut self, name: &Sha256) {
        let [number, ..] = words_of(name);
        if self.smallest.len() < KEPT {
            self.smallest.insert(number);
        } else if self.smallest.last().is_some_and(|last| number < *last) && self.smallest.insert(number) {
            self.smallest.pop_last();
        }
    }

    /// How many different names there were.
    pub(super) fn count(&self) -> u64 {
        let kept = self.smallest.len() as u64;
        match self.smallest.last() {
            Some(last) if self.smallest.len() >= KEPT => {
                let names = (u128::from(kept - 1) << 64) / (u128::from(*last) + 1);
                u64::try_from(names).unwrap_or(u64::MAX)
            }
            _ => kept,
        }
    }

    /// What it holds, for storing.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.smallest.iter().copied().collect()
    }

    /// One that was stored.
    pub(super) fn of_numbers(numbers: &[u64]) -> Self {
        Sketch {
            smallest: numbers.iter().copied().take(KEPT).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::filter::tests::name;

    #[test]
    fn few_names_are_counted_exactly_and_many_within_five_percent_however_often_each_comes() {
        for (names, exact) in [(0, true), (1, true), (4000, true), (50_000, false), (300_000, false)] {
            let mut sketch = Sketch::default();
            for _ in 0..2 {
                (0..names).for_each(|n| sketch.add(&name(n)));
            }
            let count = sketch.count();
            assert!(
                count.abs_diff(names) * 20 <= names && (!exact || count == names),
                "{count} of {names}"
            );
            assert_eq!(Sketch::of_numbers(&sketch.numbers()), sketch);
        }
    }
}
