use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::CatalogError;

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

macro_rules! hex_text {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = CatalogError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                unhex(text).map($name).ok_or_else(|| CatalogError::InvalidName {
                    what: $what,
                    value: text.to_owned(),
                    rule: "64 lower-case hexadecimal digits",
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = CatalogError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> Self {
                hash.to_string()
            }
        }
    };
}

/// A SHA-256, the name of everything that is stored by content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

hex_text!(Sha256, "sha256");

impl Sha256 {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// A hash that was computed elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Sha256(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// An order-free digest of a set of items: the sum of their SHA-256 hashes modulo 2^256, most significant byte first.
///
/// Two scans of the same items give the same digest in any order and in any number of shards, because sums can be
/// added. It tells damage, loss and mix-ups; it is no proof against somebody who can choose the items.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemsDigest([u8; 32]);

hex_text!(ItemsDigest, "items digest");

impl ItemsDigest {
    /// Adds one item by the hash of its canonical line.
    pub fn add(&mut self, item: &Sha256) {
        self.add_bytes(item.as_bytes());
    }

    /// Adds all items of another digest.
    pub fn merge(&mut self, other: &ItemsDigest) {
        self.add_bytes(&other.0);
    }

    fn add_bytes(&mut self, bytes: &[u8; 32]) {
        let mut carry = 0_u16;
        for (sum, byte) in self.0.iter_mut().zip(bytes).rev() {
            let wide = u16::from(*sum) + u16::from(*byte) + carry;
            *sum = wide.to_le_bytes()[0];
            carry = wide >> 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sha256_has_its_published_value() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256::of(b"abc").to_string(), text);
        assert_eq!(text.parse::<Sha256>().unwrap(), Sha256::of(b"abc"));
    }

    #[test]
    fn a_sum_carries_over_every_byte() {
        let mut digest: ItemsDigest = "f".repeat(64).parse().unwrap();
        let one: Sha256 = format!("{}1", "0".repeat(63)).parse().unwrap();
        digest.add(&one);
        assert_eq!(digest, ItemsDigest::default());
    }

    proptest! {
        #[test]
        fn order_and_sharding_do_not_matter(items in proptest::collection::vec(any::<[u8; 8]>(), 0..40), cut in any::<proptest::sample::Index>()) {
            let digest = |items: &[[u8; 8]]| {
                let mut digest = ItemsDigest::default();
                for item in items {
                    digest.add(&Sha256::of(item));
                }
                digest
            };
            let whole = digest(&items);
            let reversed: Vec<_> = items.iter().rev().copied().collect();
            prop_assert_eq!(whole, digest(&reversed));
            let (left, right) = items.split_at(cut.index(items.len() + 1));
            let mut merged = digest(left);
            merged.merge(&digest(right));
            prop_assert_eq!(whole, merged);
        }
    }
}
