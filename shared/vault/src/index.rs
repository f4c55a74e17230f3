use holdfast_catalog::Sha256;

use crate::{Line, PortError};

/// Names the format and its version.
const MAGIC: &[u8; 8] = b"HFINDEX\x01";
const ENTRY_BYTES: usize = 24;

/// What a pack's index knows of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexEntry {
    /// The first 8 bytes of the SHA-256 of the item's primary key.
    pub key: u64,
    /// The first 16 bytes of the SHA-256 of the line.
    pub line: u128,
}

impl IndexEntry {
    /// The entry of a line.
    pub fn of(line: &Line) -> Self {
        IndexEntry {
            key: line.key(),
            line: truncated(line.hash()),
        }
    }
}

/// The first 16 bytes of a hash.
pub(crate) fn truncated(hash: &Sha256) -> u128 {
    hash.as_bytes()
        .iter()
        .take(16)
        .fold(0, |value, byte| value << 8 | u128::from(*byte))
}

/// An index as it is stored: eight bytes that name the format, then 24 bytes a line, big-endian, in order of the lines.
pub fn encode(entries: &[IndexEntry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + entries.len() * ENTRY_BYTES);
    bytes.extend_from_slice(MAGIC);
    for entry in entries {
        bytes.extend_from_slice(&entry.key.to_be_bytes());
        bytes.extend_from_slice(&entry.line.to_be_bytes());
    }
    bytes
}

/// The entries of a stored index.
///
/// # Errors
/// `Corrupt` when the bytes are no index of this format.
pub fn decode(bytes: &[u8]) -> Result<Vec<IndexEntry>, PortError> {
    let corrupt = |why: &str| PortError::Corrupt(format!("pack index {why}"));
    let body = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| corrupt("does not begin with its format's name"))?;
    let (entries, rest) = body.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() {
        return Err(corrupt("ends in the middle of a line's entry"));
    }
    let value = |bytes: &[u8]| bytes.iter().fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
    Ok(entries
        .iter()
        .map(|entry| {
            let [a, b, c, d, e, f, g, h, line @ ..] = entry;
            IndexEntry {
                key: u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
                line: value(line),
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_round_trips(entries in proptest::collection::vec((any::<u64>(), any::<u128>()), 0..20)) {
            let entries: Vec<_> = entries.into_iter().map(|(key, line)| IndexEntry { key, line }).collect();
            prop_assert_eq!(decode(&encode(&entries)).unwrap(), entries);
        }

        #[test]
        fn any_bytes_decode_or_are_corrupt(bytes in any::<Vec<u8>>()) {
            if let Ok(entries) = decode(&bytes) {
                prop_assert_eq!(encode(&entries), bytes);
            }
        }
    }
}
