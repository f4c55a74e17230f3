use std::io::{self, Read, Write};

use holdfast_catalog::{Sha256, Slot};
use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// The most memory that marks take. An eighth of the smallest function that prune runs in; a hundred million different
/// contents are marked with it in eight passes.
pub const MARKS_BYTES: u64 = 32 << 20;

/// Fewer bits a content than this would keep more than one in a thousand by mistake: another pass is cheaper.
const LEAST_BITS_A_CONTENT: u64 = 16;

/// One of `of` equal ranges of all names, so that contents that do not fit in memory together are marked and swept range by
/// range. `of` is a power of two, at most 256: a range is whole folders of `packs/` and `blobs/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Which range, from 0.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Range {
    /// The first of as few ranges as so many contents need.
    pub(super) fn first_for(contents: u64, most_bytes: u64) -> Self {
        let fit = (most_bytes.saturating_mul(8) / LEAST_BITS_A_CONTENT).max(1);
        let ranges = contents.div_ceil(fit).clamp(1, 256).next_power_of_two();
        Range {
            index: 0,
            of: u32::try_from(ranges).unwrap_or(256),
        }
    }

    pub(super) fn next(self) -> Option<Self> {
        let index = self.index + 1;
        (index < self.of).then_some(Range { index, ..self })
    }

    /// Whether it is one of the ranges that are used here.
    pub(super) fn is_valid(self) -> bool {
        self.of.is_power_of_two() && self.of <= 256 && self.index < self.of
    }

    pub(super) fn covers(self, name: &Sha256) -> bool {
        let [first, ..] = name.as_bytes();
        u32::from(*first) * self.of / 256 == self.index
    }

    /// The number of its first folder.
    pub(super) fn first_folder(self) -> u32 {
        256 / self.of * self.index
    }

    /// The number of the folder behind its last one; `None` for the last range, which has everything that is left.
    pub(super) fn end_folder(self) -> Option<u32> {
        self.next().map(Range::first_folder)
    }
}

/// What some point or run still needs, of one range of names. A content that nothing needs may be among them by mistake;
/// none that something needs is ever missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    filter: Filter,
    range: Range,
}

impl Marks {
    /// No marks yet, of a range; `contents` is how many there may be in all ranges.
    pub(super) fn new(contents: u64, most_bytes: u64, range: Range, began_at: Slot) -> Self {
        let here = contents.div_ceil(u64::from(range.of).max(1));
        Marks {
            filter: Filter::new(here, most_bytes, began_at),
            range,
        }
    }

    /// Marks a content, if it is in the range.
    pub(super) fn add(&mut self, name: &Sha256) {
        if self.range.covers(name) {
            self.filter.insert(name);
        }
    }

    /// Whether a content may be needed; true of all that the marks do not know.
    pub fn may_need(&self, name: &Sha256) -> bool {
        !self.range.covers(name) || self.filter.may_hold(name)
    }

    /// The memory that they take.
    pub fn bytes(&self) -> u64 {
        self.filter.bytes()
    }

    pub(super) fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        self.filter.write_to(to)
    }

    pub(super) fn read_from(from: impl Read, most_bytes: u64, range: Range, began_at: Slot) -> io::Result<Self> {
        let filter = Filter::read_from(from, most_bytes, began_at)?;
        Ok(Marks { filter, range })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sweep::filter::tests::name;
    use crate::sweep::sketch::Sketch;

    const NOBODY: u64 = 1 << 40;

    fn slot() -> Slot {
        "20261121T030000Z".parse().unwrap()
    }

    /// Marks of these names, in one range that is large enough.
    pub(in crate::sweep) fn marks_of(names: &[Sha256]) -> Marks {
        let range = Range { index: 0, of: 1 };
        let mut marks = Marks::new(names.len() as u64, MARKS_BYTES, range, slot());
        names.iter().for_each(|name| marks.add(name));
        marks
    }

    #[test]
    fn the_ranges_of_a_division_are_every_folder_once() {
        for of in [1, 2, 8, 256] {
            let mut range = Range { index: 0, of };
            let mut folder = 0;
            loop {
                assert_eq!(range.first_folder(), folder);
                let end = range.end_folder().unwrap_or(256);
                for n in folder..end {
                    let mut bytes = [0xff; 32];
                    bytes[0] = u8::try_from(n).unwrap();
                    assert!(range.covers(&Sha256::from_bytes(bytes)), "{n} in {range:?}");
                }
                folder = end;
                let Some(next) = range.next() else { break };
                range = next;
            }
            assert_eq!(folder, 256);
        }
    }

    #[test]
    fn as_few_ranges_are_taken_as_the_contents_need() {
        let of = |contents: u64| Range::first_for(contents, MARKS_BYTES).of;
        assert_eq!([0, 1, 16_000_000, 17_000_000, 100_000_000].map(of), [1, 1, 1, 2, 8]);
        assert_eq!(of(u64::MAX), 256);
    }

    /// Two million references to half as many contents, in a megabyte: what is needed is kept, what is not goes but for one in
    /// a thousand, and no more memory is taken than was given.
    #[test]
    fn two_million_references_are_marked_and_judged_in_the_memory_that_was_given() {
        const REFERENCES: u64 = 2_000_000;
        const CONTENTS: u64 = 1_000_000;
        const MOST_BYTES: u64 = 1 << 20;
        let mut sketch = Sketch::default();
        (0..REFERENCES).for_each(|n| sketch.add(&name(n % CONTENTS)));
        let mut range = Range::first_for(sketch.count(), MOST_BYTES);
        assert_eq!(range.of, 2, "{}", sketch.count());
        let (mut kept, mut mistakes) = (0, 0);
        loop {
            let mut marks = Marks::new(sketch.count(), MOST_BYTES, range, slot());
            (0..REFERENCES).for_each(|n| marks.add(&name(n % CONTENTS)));
            assert!(marks.bytes() <= MOST_BYTES, "{} bytes", marks.bytes());
            let judged = |from: u64, names: u64| {
                let ours = (from..from + names).map(name).filter(|name| range.covers(name));
                ours.filter(|name| marks.may_need(name)).count()
            };
            kept += judged(0, CONTENTS);
            mistakes += judged(NOBODY, CONTENTS / 10);
            let Some(next) = range.next() else { break };
            range = next;
        }
        assert_eq!(kept as u64, CONTENTS);
        assert!(mistakes < 200, "{mistakes} of {} were kept by mistake", CONTENTS / 10);
    }

    #[test]
    fn what_is_in_another_range_may_be_needed() {
        let marks = Marks::new(1, MARKS_BYTES, Range { index: 1, of: 2 }, slot());
        let (low, high) = (Sha256::from_bytes([0x7f; 32]), Sha256::from_bytes([0x80; 32]));
        assert!(marks.may_need(&low) && !marks.may_need(&high));
    }
}
