use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};

use holdfast_catalog::{Sha256, Slot};

/// Bits that a content sets. Sixteen are right for 23 bits a content and cost little where there are fewer or more.
const PROBES: u64 = 16;

/// Bits a content where memory allows: one content in 30 thousand million is then kept by mistake.
const BITS_A_CONTENT: u64 = 64;

/// No filter is smaller.
const LEAST_BITS: u64 = 1024;

/// A set of contents that never forgets one and mistakes few others for members (a Bloom filter).
///
/// Which others depends on the salt, so that what one sweep keeps by mistake the next one removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    words: Vec<u64>,
    salt: [u64; 2],
}

impl Filter {
    /// An empty filter for about so many contents, in at most so many bytes.
    pub(super) fn new(contents: u64, most_bytes: u64, began_at: Slot) -> Self {
        let wanted = contents.saturating_mul(BITS_A_CONTENT).max(LEAST_BITS);
        let bits = wanted.min(most_bytes.saturating_mul(8)).max(64);
        Filter {
            words: vec![0; usize::try_from(bits / 64).unwrap_or(1)],
            salt: salt(began_at),
        }
    }

    pub(super) fn insert(&mut self, name: &Sha256) {
        for (word, bit) in self.places(name) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// False only for what was never inserted.
    pub(super) fn may_hold(&self, name: &Sha256) -> bool {
        self.places(name)
            .all(|(word, bit)| self.words.get(word).is_none_or(|word| word & bit != 0))
    }

    /// The memory that it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.words.len() as u64 * 8
    }

    /// Writes it word by word: a copy would double what it takes.
    pub(super) fn write_to(&self, to: &mut impl Write) -> io::Result<()> {
        let mut to = BufWriter::new(to);
        for word in &self.words {
            to.write_all(&word.to_le_bytes())?;
        }
        to.flush()
    }

    /// Reads one that was written. Fails on what is none or takes more than so many bytes.
    pub(super) fn read_from(from: impl Read, most_bytes: u64, began_at: Slot) -> io::Result<Self> {
        let mut from = BufReader::new(from);
        let mut filter = Filter {
            words: Vec::new(),
            salt: salt(began_at),
        };
        while !from.fill_buf()?.is_empty() {
            let mut word = [0; 8];
            from.read_exact(&mut word)?;
            filter.words.push(u64::from_le_bytes(word));
            if filter.bytes() > most_bytes {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        if filter.words.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(filter)
    }

    /// Double hashing: two numbers out of the content's own hash give all places.
    fn places(&self, name: &Sha256) -> impl Iterator<Item = (usize, u64)> + use<> {
        let [_, first, second, _] = words_of(name);
        let start = mixed(first ^ self.salt[0]);
        // Odd, so that no two probes meet.
        let step = mixed(second ^ self.salt[1]) | 1;
        let bits = self.words.len() as u128 * 64;
        (0..PROBES).map(move |probe| {
            let hash = u128::from(start.wrapping_add(step.wrapping_mul(probe)));
            let place = (hash * bits) >> 64;
            (usize::try_from(place / 64).unwrap_or(0), 1 << (place % 64))
        })
    }
}

/// A name as four numbers. The first one says in which order names stand; the others are as good as independent of it.
pub(super) fn words_of(name: &Sha256) -> [u64; 4] {
    let (words, _) = name.as_bytes().as_chunks::<8>();
    let mut numbers = words.iter().map(|word| u64::from_be_bytes(*word));
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}

/// Looks random, differs from sweep to sweep, and is the same for whoever goes on with one.
fn salt(began_at: Slot) -> [u64; 2] {
    let [first, second, ..] = words_of(&Sha256::of(format!("sweep {began_at}").as_bytes()));
    [first, second]
}

/// The end of `SplitMix64`: every bit of the input moves about half of the output's.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The `n`-th made-up name: cheap, spread like a hash.
    pub(in crate::sweep) fn name(n: u64) -> Sha256 {
        let mut bytes = [0; 32];
        for (at, chunk) in (0_u64..).zip(bytes.as_chunks_mut::<8>().0) {
            *chunk = mixed((n * 4 + at).wrapping_add(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
        }
        Sha256::from_bytes(bytes)
    }

    fn slot(n: i64) -> Slot {
        Slot::at(jiff::Timestamp::from_second(n).unwrap())
    }

    /// How many of 10,000 names that were never inserted are taken for members.
    fn mistakes(filter: &Filter) -> usize {
        (1 << 40..(1 << 40) + 10_000_u64)
            .filter(|n| filter.may_hold(&name(*n)))
            .count()
    }

    #[test]
    fn what_was_inserted_is_found_however_full_the_filter_is() {
        let mut filter = Filter::new(1000, 64, slot(0));
        (0..1000).for_each(|n| filter.insert(&name(n)));
        assert!((0..1000).all(|n| filter.may_hold(&name(n))));
        assert_eq!(filter.bytes(), 64);
    }

    #[test]
    fn mistakes_are_none_where_memory_allows_and_rare_at_16_bits_a_content() {
        let filled = |bytes: u64| {
            let mut filter = Filter::new(10_000, bytes, slot(0));
            (0..10_000).for_each(|n| filter.insert(&name(n)));
            filter
        };
        assert_eq!(mistakes(&filled(1 << 20)), 0);
        let share = mistakes(&filled(20_000));
        assert!((1..30).contains(&share), "{share} of 10,000");
    }

    #[test]
    fn another_sweep_makes_other_mistakes() {
        let mistaken = |began: i64| -> Vec<u64> {
            let mut filter = Filter::new(1000, 1000, slot(began));
            (0..1000).for_each(|n| filter.insert(&name(n)));
            (1 << 40..(1 << 40) + 10_000)
                .filter(|n| filter.may_hold(&name(*n)))
                .collect()
        };
        let (one, other) = (mistaken(1), mistaken(2));
        let both = one.iter().filter(|n| other.contains(n)).count();
        // One name in ten is mistaken in each: of those, one in ten in both.
        assert!(one.len() > 50 && both < one.len() / 5, "{} and {both} again", one.len());
    }

    #[test]
    fn a_filter_reads_back_and_half_a_word_nothing_or_too_much_is_none() {
        let mut filter = Filter::new(10, 1 << 20, slot(7));
        filter.insert(&name(3));
        let mut bytes = Vec::new();
        filter.write_to(&mut bytes).unwrap();
        let read = |bytes: &[u8], most: u64| Filter::read_from(bytes, most, slot(7)).ok();
        assert_eq!(read(&bytes, filter.bytes()), Some(filter.clone()));
        assert_eq!(read(&bytes[1..], 1 << 20), None);
        assert_eq!(read(&[], 1 << 20), None);
        assert_eq!(read(&bytes, filter.bytes() - 1), None);
    }
}
